/**
 * How fast a series rises: the median of the slopes between all pairs of its points (Theil and Sen). A garbage
 * collection, a burst of the machine or a neighbour that takes the CPU moves a few points, and not the median.
 */
import { median } from '../../bench/statistics.js';

export interface Point {
  readonly minutes: number;
  readonly value: number;
}

export interface Trend {
  readonly points: number;
  readonly first: number;
  readonly last: number;
  readonly middle: number;
  /** An hour. */
  readonly slope: number;
}

/** Points of a window that are made one, their median: so that all pairs are few, and noise is less. */
const windowMinutes = 1;

/** One point for each minute that has any. */
function minuteMedians(points: readonly Point[]): Point[] {
  const windows = new Map<number, number[]>();
  for (const { minutes, value } of points) {
    const window = Math.floor(minutes / windowMinutes);
    windows.set(window, [...(windows.get(window) ?? []), value]);
  }
  return [...windows].map(([window, values]) => ({
    minutes: (window + 0.5) * windowMinutes,
    value: median(values),
  }));
}

/** Undefined where fewer than three minutes were measured. */
export function trendOf(points: readonly Point[]): Trend | undefined {
  const medians = minuteMedians(points);
  if (medians.length < 3) return undefined;
  const slopes = medians.flatMap((earlier, index) =>
    medians.slice(index + 1).map((later) => (60 * (later.value - earlier.value)) / (later.minutes - earlier.minutes)),
  );
  const tenth = Math.ceil(medians.length / 10);
  const valuesOf = (part: readonly Point[]) => part.map(({ value }) => value);
  return {
    points: medians.length,
    first: median(valuesOf(medians.slice(0, tenth))),
    last: median(valuesOf(medians.slice(-tenth))),
    middle: median(valuesOf(medians)),
    slope: median(slopes),
  };
}
