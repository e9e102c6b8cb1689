/** Draws spans as a picture: a row for each, in the order of the tree, over a common axis of time. */
import type { ReceivedSpan } from '../../support/otlp-receiver.js';

/** A span with how deep it lies in its trace. */
export interface Row {
  readonly span: ReceivedSpan;
  readonly depth: number;
  readonly label: string;
}

const rowHeight = 20;
const axisTop = 34;
const labelWidth = 190;
const width = 960;
/** Room for the text behind the last bar. */
const endWidth = 80;

const style = `
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.time { fill: #59636e; font-size: 11px; }
.grid { stroke: #d1d9e0; }
.server { fill: #0969da; } .batch { fill: #bc4c00; } .child { fill: #54aeff; }
.link { stroke: #bc4c00; stroke-dasharray: 3 2; fill: none; }
rect.ground { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .time { fill: #9198a1; } .grid { stroke: #3d444d; } rect.ground { fill: #0d1117; }
  .server { fill: #4493f8; } .batch { fill: #db6d28; } .child { fill: #1f6feb; } .link { stroke: #db6d28; }
}`;

/** A step of 1, 2 or 5 times a power of ten that cuts the whole into at most ten. */
function stepOf(wholeMs: number): number {
  const power = 10 ** Math.floor(Math.log10(wholeMs / 10));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => wholeMs / step <= 10) as number;
}

function textOf(ms: number): string {
  return ms < 1 ? `${Math.round(1000 * ms)} µs` : `${ms.toFixed(2)} ms`;
}

/** @param about what the picture shows, for those who do not see it */
export function traceSvg(rows: readonly Row[], about: string): string {
  const spans = rows.map(({ span }) => span);
  const from = spans.reduce((least, { start }) => (start < least ? start : least), spans[0].start);
  const to = spans.reduce((most, { end }) => (end > most ? end : most), spans[0].end);
  const msOf = (time: bigint) => Number(time - from) / 1e6;
  const wholeMs = msOf(to);
  const xOf = (ms: number) => labelWidth + (ms / wholeMs) * (width - labelWidth - endWidth);
  const yOf = (index: number) => axisTop + index * rowHeight;
  const height = yOf(rows.length) + 10;
  const parts: string[] = [];
  const step = stepOf(wholeMs);
  for (let index = 0; index * step <= wholeMs; index++) {
    const x = xOf(index * step).toFixed(1);
    const label = `${Number((index * step).toPrecision(3))} ms`;
    parts.push(`<line class="grid" x1="${x}" x2="${x}" y1="${axisTop - 6}" y2="${height - 6}"/>`);
    parts.push(`<text class="time" x="${x}" y="${axisTop - 12}" text-anchor="middle">${label}</text>`);
  }
  const indexOf = new Map(rows.map(({ span }, index) => [span.spanId, index]));
  for (const [index, { span }] of rows.entries()) {
    if (span.name !== 'batch') continue;
    for (const id of span.links) {
      const draw = indexOf.get(id);
      if (draw === undefined) continue;
      const x = xOf(msOf(span.start)) - 5;
      const [top, bottom] = [yOf(draw) + rowHeight / 2, yOf(index) + rowHeight / 2];
      parts.push(`<path class="link" d="M${(x + 5).toFixed(1)} ${top}h-5V${bottom}h5"/>`);
    }
  }
  for (const [index, { span, depth, label }] of rows.entries()) {
    const [startMs, endMs] = [msOf(span.start), msOf(span.end)];
    const [x, end, y] = [xOf(startMs), xOf(endMs), yOf(index)];
    const kind = span.name === 'batch' ? 'batch' : span.kind === 2 ? 'server' : 'child';
    parts.push(`<text x="${8 + 14 * depth}" y="${y + 14}">${label}</text>`);
    const size = `width="${Math.max(1, end - x).toFixed(1)}" height="${rowHeight - 6}"`;
    parts.push(`<rect class="${kind}" x="${x.toFixed(1)}" y="${y + 3}" ${size} rx="2"/>`);
    parts.push(`<text class="time" x="${(end + 5).toFixed(1)}" y="${y + 14}">${textOf(endMs - startMs)}</text>`);
  }
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">`;
  const ground = `<rect class="ground" width="${width}" height="${height}"/>`;
  return `${head}\n<title>${about}</title>\n<style>${style}\n</style>\n${ground}\n${parts.join('\n')}\n</svg>\n`;
}
