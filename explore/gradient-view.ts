/** View 5: bias and standard deviation of the gradient, as the temperature falls. */
import { plot, svg } from './dom.js';
import { exact, grouped, short } from './format.js';
import { exactGradient, type GradientError, gradientError } from './gradient-error.js';
import type { Definition } from './live-view.js';
import { gradientRequest, gradientRows, gradientTemperatures, probabilitiesRequest, raoSamples } from './requests.js';

interface Point extends GradientError {
  readonly temperature: number;
}

const heightOfPlot = 300;
const margin = { left: 52, right: 16, top: 34, bottom: 44 } as const;
/** What a logarithmic axis shows for 0. */
const smallest = 1e-12;

export const gradientView: Definition = {
  id: 'gradient',
  asks: (state) => [
    {
      request: gradientRequest(state, state.temperature),
      label: `${gradientRows} gradients at temperature ${short(state.temperature)}`,
    },
    { request: probabilitiesRequest(state), label: 'softmax(logits), for the exact gradient' },
    ...gradientTemperatures.map((temperature) => ({ request: gradientRequest(state, temperature) })),
  ],
  draws: ({ logits, temperature, hard, estimator }, [own, expected, ...others], width) => {
    const probabilities: readonly number[] = expected?.samples ?? [];
    const right = exactGradient(
      probabilities,
      logits.map((_, k) => (k === 0 ? 1 : 0)),
    );
    const here = { temperature, ...gradientError(own?.grad_logits ?? [], right) };
    const points = others.map((reply, at) => ({
      temperature: gradientTemperatures[at],
      ...gradientError(reply.grad_logits, right),
    }));
    const all = [...points.filter((point) => point.temperature !== temperature), here];
    all.sort((a, b) => b.temperature - a.temperature);
    const says = sentence(here, Math.hypot(...right), noteOn(estimator, hard));
    return {
      figure: figure(all, here, width, `Lines of bias and standard deviation against falling temperature. ${says}`),
      says,
      table: {
        caption: `Gradient of the chance of category 0, from ${gradientRows} draws at each temperature`,
        head: ['Temperature', 'Variance', 'Standard deviation', 'Bias', 'Noise in the bias'],
        rows: all.map((point) => [
          exact(point.temperature),
          ...[point.variance, Math.sqrt(point.variance), point.bias, point.noise].map(short),
        ]),
      },
    };
  },
};

/** Whether a bias stands out of its noise. */
function isSeen({ bias, noise }: Point): boolean {
  return bias > 2 * noise;
}

/** What the samples are whose gradients are shown, where that is not plain. */
function noteOn(estimator: string, hard: boolean): string {
  const oneHot = 'These are gradients of one-hot samples';
  if (estimator === 'softmax') return ` ${oneHot}: that of softmax(logits / temperature), whatever was drawn.`;
  if (estimator === 'gumbel_rao') {
    return ` ${oneHot}: each the mean over ${raoSamples} inner draws that the same category wins.`;
  }
  if (estimator === 'reinmax') return ` ${oneHot}, accurate to second order at temperature 1.`;
  return hard ? ' One-hot samples borrow the gradient of the soft ones, so hard changes nothing here.' : '';
}

function sentence(point: Point, size: number, note: string): string {
  const { temperature, bias, variance, noise } = point;
  const seen = isSeen(point)
    ? `bias ${short(bias)}, give or take ${short(noise)}`
    : `no bias to be seen above the noise of ${grouped(gradientRows)} draws, ${short(noise)}`;
  return `At temperature ${short(temperature)} one estimate has standard deviation ${short(Math.sqrt(variance))} and ${seen}; the exact gradient has length ${short(size)}.${note}`;
}

interface Scales {
  readonly x: (temperature: number) => number;
  readonly y: (size: number) => number;
  readonly decades: readonly number[];
  readonly bottom: number;
}

function scalesOf(points: readonly Point[], width: number): Scales {
  const temperatures = points.map(({ temperature }) => temperature);
  const sizes = points.flatMap(({ bias, variance, noise }) => [bias, Math.sqrt(variance), noise]);
  const log = (value: number) => Math.log10(Math.max(value, smallest));
  const [hot, cold] = [log(Math.max(...temperatures)), log(Math.min(...temperatures))];
  const low = Math.floor(Math.min(...sizes.map(log)));
  const high = Math.max(Math.ceil(Math.max(...sizes.map(log))), low + 1);
  const bottom = heightOfPlot - margin.bottom;
  return {
    x: (temperature) => margin.left + ((hot - log(temperature)) / (hot - cold)) * (width - margin.left - margin.right),
    y: (size) => margin.top + ((high - log(size)) / (high - low)) * (bottom - margin.top),
    decades: Array.from({ length: high - low + 1 }, (_, at) => 10 ** (low + at)),
    bottom,
  };
}

function figure(points: readonly Point[], here: Point, width: number, says: string): SVGElement {
  const scales = scalesOf(points, width);
  const { x, y, bottom } = scales;
  const line = (sizeOf: (point: Point) => number) =>
    `M${points.map((point) => `${x(point.temperature).toFixed(1)} ${y(sizeOf(point)).toFixed(1)}`).join('L')}`;
  const deviation = ({ variance }: Point) => Math.sqrt(variance);
  const dotsOf = (nameOf: (point: Point) => string, sizeOf: (point: Point) => number) =>
    points.map((point) =>
      svg('circle', {
        class: nameOf(point),
        cx: x(point.temperature),
        cy: y(sizeOf(point)),
        r: point === here ? 5 : 3.5,
      }),
    );
  return plot(
    width,
    heightOfPlot,
    says,
    ...axes(scales, width),
    svg('line', { class: 'here', x1: x(here.temperature), x2: x(here.temperature), y1: margin.top, y2: bottom }),
    svg('path', { class: 'noise-floor', d: line(({ noise }) => noise) }),
    svg('path', { class: 'curve deviation', d: line(deviation) }),
    svg('path', { class: 'curve bias', d: line(({ bias }) => bias) }),
    ...dotsOf(() => 'deviation', deviation),
    ...dotsOf(
      (point) => (isSeen(point) ? 'bias' : 'bias unseen-bias'),
      ({ bias }) => bias,
    ),
    ...legend(),
  );
}

function axes({ x, y, decades, bottom }: Scales, width: number): SVGElement[] {
  const rows = decades.flatMap((size) => [
    svg('line', { class: 'grid-line', x1: margin.left, x2: width - margin.right, y1: y(size), y2: y(size) }),
    svg('text', { class: 'soft', x: margin.left - 8, y: y(size) + 4, 'text-anchor': 'end' }, short(size)),
  ]);
  const columns = gradientTemperatures.map((temperature) =>
    svg('text', { class: 'soft', x: x(temperature), y: bottom + 18, 'text-anchor': 'middle' }, short(temperature)),
  );
  const middle = (margin.left + width - margin.right) / 2;
  const title = svg(
    'text',
    { class: 'soft', x: middle, y: bottom + 38, 'text-anchor': 'middle' },
    'temperature, falling →',
  );
  const axis = svg('line', { class: 'axis', x1: margin.left, x2: width - margin.right, y1: bottom, y2: bottom });
  return [...rows, ...columns, axis, title];
}

function legend(): SVGElement[] {
  const entries: readonly (readonly [name: string, text: string, at: number])[] = [
    ['curve deviation', 'standard deviation', 0],
    ['curve bias', 'bias', 150],
    ['noise-floor', 'its noise', 212],
  ];
  return entries.flatMap(([name, text, at]) => [
    svg('path', { class: name, d: `M${at} 10h16` }),
    svg('text', { x: at + 21, y: 14.5 }, text),
  ]);
}
