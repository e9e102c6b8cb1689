/** Horizontal bars, one a category, on a scale from 0 to 1, each with an optional mark and its sampling error. */
import { plot, svg } from './dom.js';

export interface Bar {
  readonly value: number;
  /** Right of the bar. */
  readonly text: string;
  readonly mark?: { readonly at: number; readonly halfWidth: number };
}

const rowHeight = 32;
const left = 24;
const right = 64;
const axisHeight = 22;

export function bars(all: readonly Bar[], width: number, says: string): SVGElement {
  const scale = (value: number) => left + Math.min(Math.max(value, 0), 1) * (width - left - right);
  const bottom = all.length * rowHeight;
  const lines = [0, 0.25, 0.5, 0.75, 1].map((at) =>
    svg('line', { class: 'grid-line', x1: scale(at), x2: scale(at), y1: 0, y2: bottom }),
  );
  const labels = [0, 0.5, 1].map((at) =>
    svg('text', { class: 'soft', x: scale(at), y: bottom + 16, 'text-anchor': 'middle' }, String(at)),
  );
  const rows = all.map((bar, k) => row(bar, k, scale));
  return plot(width, bottom + axisHeight, says, ...lines, ...labels, ...rows);
}

function row({ value, text, mark }: Bar, k: number, scale: (value: number) => number): SVGElement {
  const top = k * rowHeight + 5;
  const height = rowHeight - 10;
  const middle = top + height / 2;
  const end = Math.max(scale(value), mark ? scale(mark.at + mark.halfWidth) : 0);
  return svg(
    'g',
    {},
    svg('text', { x: 4, y: middle + 4.5 }, String(k)),
    svg('rect', { class: `f${k}`, x: scale(0), y: top, width: scale(value) - scale(0), height, rx: 2 }),
    ...(mark ? markOf(mark, top, height, scale) : []),
    svg('text', { x: end + 8, y: middle + 4.5 }, text),
  );
}

function markOf(
  { at, halfWidth }: NonNullable<Bar['mark']>,
  top: number,
  height: number,
  scale: (value: number) => number,
): SVGElement[] {
  const [low, high] = [scale(at - halfWidth), scale(at + halfWidth)];
  const [y, cap] = [top + height / 2, height / 4];
  const whisker = `M${low} ${y - cap}v${2 * cap}M${low} ${y}H${high}M${high} ${y - cap}v${2 * cap}`;
  return [
    svg('path', { class: 'error-line', d: whisker }),
    svg('line', { class: 'mark', x1: scale(at), x2: scale(at), y1: top - 3, y2: top + height + 3 }),
  ];
}
