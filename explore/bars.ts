/** Horizontal bars, one a category, on a scale from 0 to 1, each with an optional mark and its sampling error. */
import { plot, svg } from './dom.js';

export interface Bar {
  readonly value: number;
  /** Right of the bar. */
  readonly text: string;
  readonly mark?: { readonly at: number; readonly halfWidth: number };
}

/** Bars fill about as much room whatever their number, and stay between thin and thick. */
const height = { all: 246, rowMin: 30, rowMax: 82 } as const;
const left = 24;
const right = 64;
const axisHeight = 22;

export function bars(all: readonly Bar[], width: number, says: string): SVGElement {
  const scale = (value: number) => left + Math.min(Math.max(value, 0), 1) * (width - left - right);
  const rowHeight = Math.min(Math.max(height.all / all.length, height.rowMin), height.rowMax);
  const bottom = all.length * rowHeight;
  const lines = [0, 0.25, 0.5, 0.75, 1].map((at) =>
    svg('line', { class: 'grid-line', x1: scale(at), x2: scale(at), y1: 0, y2: bottom }),
  );
  const labels = [0, 0.5, 1].map((at) =>
    svg('text', { class: 'soft', x: scale(at), y: bottom + 16, 'text-anchor': 'middle' }, String(at)),
  );
  const rows = all.map((bar, k) => row(bar, k, rowHeight, scale));
  return plot(width, bottom + axisHeight, says, ...lines, ...labels, ...rows);
}

function row({ value, text, mark }: Bar, k: number, rowHeight: number, scale: (value: number) => number): SVGElement {
  const thickness = rowHeight * 0.6;
  const top = k * rowHeight + (rowHeight - thickness) / 2;
  const middle = top + thickness / 2;
  const end = Math.max(scale(value), mark ? scale(mark.at + mark.halfWidth) : 0);
  return svg(
    'g',
    {},
    svg('text', { x: 4, y: middle + 4.5 }, String(k)),
    svg('rect', { class: `f${k}`, x: scale(0), y: top, width: scale(value) - scale(0), height: thickness, rx: 2 }),
    ...(mark ? markOf(mark, top, thickness, scale) : []),
    svg('text', { x: end + 8, y: middle + 4.5 }, text),
  );
}

function markOf(
  { at, halfWidth }: NonNullable<Bar['mark']>,
  top: number,
  thickness: number,
  scale: (value: number) => number,
): SVGElement[] {
  const [low, high] = [scale(at - halfWidth), scale(at + halfWidth)];
  const [y, cap] = [top + thickness / 2, thickness / 4];
  const whisker = `M${low} ${y - cap}v${2 * cap}M${low} ${y}H${high}M${high} ${y - cap}v${2 * cap}`;
  return [
    svg('path', { class: 'error-line', d: whisker }),
    svg('line', { class: 'mark', x1: scale(at), x2: scale(at), y1: top - 3, y2: top + thickness + 3 }),
  ];
}
