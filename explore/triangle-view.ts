/** View 4: draws of three categories on the simplex, in front of the density of soft samples. */
import { html, plot, svg } from './dom.js';
import { exact, short } from './format.js';
import type { Definition } from './live-view.js';
import { densityRequest, triangleRequest } from './requests.js';
import { bandCount, bandsOf, type Cell, grid, heightOf, placeOf } from './triangle.js';

const cells = grid();
const centres = cells.map(({ centre }) => centre);
const widthMax = 440;
const margin = { x: 18, top: 24, bottom: 24 } as const;

export function triangleView(useThree: () => void): Definition {
  return {
    id: 'triangle',
    instead: ({ logits }) => (logits.length === 3 ? undefined : offer(logits.length, useThree)),
    asks: (state) => [
      { request: triangleRequest(state), label: 'Samples' },
      { request: densityRequest(state, centres), label: `Log-density at ${cells.length} points` },
    ],
    draws: ({ temperature, hard }, [drawn, density], width) => {
      const samples: readonly (readonly number[])[] = drawn?.samples ?? [];
      const logDensities = density?.log_prob ?? [];
      const near = [0, 1, 2].map((k) => samples.filter((sample) => sample[k] > 0.9).length);
      const total = samples.length;
      const inside = total - near.reduce((sum, count) => sum + count, 0);
      const where = `${near.map((count, k) => `${count} within 0.1 of category ${k}`).join(', ')}, ${inside} between`;
      const behind = hard ? ' The density is that of the soft samples behind the one-hot ones.' : '';
      const says = `At temperature ${short(temperature)}, of ${total} samples: ${where}.${behind}`;
      return {
        figure: figure(samples, logDensities, Math.min(width, widthMax), `Triangle of the simplex. ${says}`),
        says,
        table: {
          caption: 'Samples on the triangle',
          head: ['Sample', 'Category 0', 'Category 1', 'Category 2'],
          rows: samples.map((sample, at) => [String(at), ...sample.map(exact)]),
        },
      };
    },
  };
}

function offer(categories: number, useThree: () => void): Element[] {
  const button = html('button', { type: 'button' }, 'Use three categories');
  button.addEventListener('click', useThree);
  return [html('p', {}, `The simplex of ${categories} categories is no triangle. With three it is.`), button];
}

function figure(
  samples: readonly (readonly number[])[],
  logDensities: readonly (number | null)[],
  width: number,
  says: string,
): SVGElement {
  const side = width - 2 * margin.x;
  const height = heightOf(side) + margin.top + margin.bottom;
  const at = (sample: readonly number[]) => {
    const { x, y } = placeOf(sample, side);
    return { x: x + margin.x, y: y + margin.top };
  };
  const path = (corners: readonly (readonly number[])[]) =>
    `M${corners.map((corner) => `${at(corner).x.toFixed(1)} ${at(corner).y.toFixed(1)}`).join('L')}Z`;
  const outline = path([
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ]);
  return plot(
    width,
    height,
    says,
    ...bandPaths(logDensities, path),
    svg('path', { class: 'outline', d: outline }),
    ...dots(samples, at),
    svg('text', { x: margin.x, y: height - 4, 'text-anchor': 'middle' }, '0'),
    svg('text', { x: width - margin.x, y: height - 4, 'text-anchor': 'middle' }, '1'),
    svg('text', { x: width / 2, y: 14, 'text-anchor': 'middle' }, '2'),
  );
}

/** One path a band, from transparent to the full colour. */
function bandPaths(logDensities: readonly (number | null)[], path: (corners: Cell['corners']) => string): SVGElement[] {
  const bands = bandsOf(logDensities);
  return Array.from({ length: bandCount }, (_, band) => {
    const d = cells.flatMap(({ corners }, at) => (bands[at] === band ? [path(corners)] : [])).join('');
    const opacity = (0.62 * (1 - band / bandCount)).toFixed(3);
    return svg('path', { class: 'density', d, 'fill-opacity': opacity, 'shape-rendering': 'crispEdges' });
  });
}

/** Samples at the very same place, as one-hot ones are, become one dot with an area that grows with their number. */
function dots(samples: readonly (readonly number[])[], at: (sample: readonly number[]) => { x: number; y: number }) {
  const places = new Map<string, { sample: readonly number[]; count: number }>();
  for (const sample of samples) {
    const key = sample.map((value) => value.toFixed(4)).join();
    const place = places.get(key) ?? { sample, count: 0 };
    place.count++;
    places.set(key, place);
  }
  return [...places.values()].map(({ sample, count }) => {
    const { x, y } = at(sample);
    const radius = Math.min(1.7 * Math.sqrt(count), 16);
    return svg('circle', { class: 'dot', cx: x.toFixed(1), cy: y.toFixed(1), r: radius.toFixed(1) });
  });
}
