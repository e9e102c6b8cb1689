/**
 * The three models of docs/when-gumbel.md, shortened, against the real service: what softmax cannot reach, and samples
 * do. Each runs where Python has its packages; where it has not, the test says which are missing, and that is all it
 * asserts.
 */
import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { runPython, startForPython } from '../support/python-example.js';

const packages = ['torch', 'gumbel_sampler', 'matplotlib'];

/**
 * Runs an example of examples/python and returns its output, once it has been seen to plot. Undefined where it cannot
 * run.
 */
async function runExample(t: Test, name: string, steps: number, ...needed: string[]): Promise<string | undefined> {
  const url = await startForPython(t, [...packages, ...needed]);
  if (url === undefined) return undefined;
  const plot = `${t.testdir()}/figure.png`;
  const script = `examples/python/${name}.py`;
  const output = await runPython(script, '--url', url, '--steps', String(steps), '--plot', plot);
  t.equal(readFileSync(plot).toString('latin1', 1, 4), 'PNG', 'the figure is written');
  return output;
}

/** The numbers in the capturing groups. */
function numbersIn(t: Test, output: string, pattern: RegExp): number[] {
  const found = pattern.exec(output);
  t.ok(found, `the output has ${pattern.source}`);
  return (found ?? []).slice(1).map(Number);
}

/**
 * Two speakers at the distance 1, 0.7 and 0.3 of the recordings, without scatter, kernel exp(-r^2). A voice at t has
 * the squared discrepancy 1 - 2 (0.7 exp(-t^2) + 0.3 exp(-(1 - t)^2)) + 0.58 + 0.42 / e. Its minimum, looked for on a
 * grid, which owes nothing to the equation that the example solves.
 */
function bestVoice() {
  const distanceAt = (t: number) =>
    1 - 2 * (0.7 * Math.exp(-(t ** 2)) + 0.3 * Math.exp(-((1 - t) ** 2))) + 0.58 + 0.42 / Math.E;
  const grid = Array.from({ length: 10_001 }, (_, at) => at / 10_000);
  const t = grid.reduce((best, at) => (distanceAt(at) < distanceAt(best) ? at : best));
  return { t, distance: distanceAt(t) };
}

t.test('softmax learns the best hybrid voice and no better; samples learn both speakers', async (t) => {
  const output = await runExample(t, 'two_speakers', 600);
  if (output === undefined) return;
  const best = bestVoice();
  const [floor, place] = numbersIn(t, output, /no single voice comes nearer than (\S+); the one that does is (\S+) of/);
  // Recordings scatter by 0.05: the kernel's mean falls by the factor exp(-0.05^2) to a voice, and by its square
  // between two, so the distance rises by 0.05^2 times 1.66 - 2 * 0.73 = 0.2. The last digit printed is rounded by
  // 0.0005.
  const rounding = 0.0005 + 1e-9;
  const scatter = 0.2 * 0.05 ** 2;
  t.ok(Math.abs(place - best.t) < rounding + 0.0001, `the place ${place}, derived ${best.t}`);
  t.ok(Math.abs(floor - best.distance) < rounding + scatter, `the distance ${floor}, derived ${best.distance}`);

  const judged = (name: string) =>
    new RegExp(
      `${name} +low voice +(\\S+)%, high voice +(\\S+)%, neither +(\\S+)%; nearest speaker at (\\S+), distance (\\S+)`,
    );
  const softmax = numbersIn(t, output, judged('softmax'));
  const samples = numbersIn(t, output, judged('samples'));
  t.same(softmax.slice(0, 3), [0, 0, 100], 'no output of softmax is a speaker');
  // The mean of 140 recordings strays from its speaker, along the line between the two, by 0.05 / sqrt(80 * 140) =
  // 0.0005, that of 60 by 0.0007. The hybrid moves by 1.09 of the first and 0.09 of the second, and the distance by at
  // most 0.51 of each: five times that is below 0.006.
  t.ok(Math.abs(softmax[3] - best.t) < 0.006 + rounding, `the hybrid lies at ${softmax[3]}, derived ${best.t}`);
  const strays = Math.abs(softmax[4] - best.distance);
  t.ok(strays < 0.006 + scatter + rounding, `at the distance ${softmax[4]}, derived ${best.distance}`);
  const [low, high, neither] = samples;
  t.equal(neither, 0, 'every sample is a speaker');
  t.ok(low > 50 && high > 20, `the low voice is the frequent one: ${low}, ${high}`);
  t.ok(samples[4] < floor, `${samples[4]} is nearer than any single voice`);
});

t.test(
  'the categorical autoencoder equals torch in process, and its samples beat an image that never changes',
  async (t) => {
    const output = await runExample(t, 'categorical_vae', 300, 'sklearn');
    if (output === undefined) return;
    const [compared, apart] = numbersIn(t, output, /losses of the first (\d+) steps differ by at most (\S+)/);
    t.equal(compared, 100, 'a hundred steps are compared');
    t.ok(apart < 1e-3, `losses differ by ${apart}`);
    const [first] = numbersIn(t, output, /step +0 +loss: samples +(\S+),/);
    // An untrained network leaves each of 64 pixels at about 1/2: 64 log 2 nats, and the KL of nearly uniform
    // posteriors.
    t.ok(Math.abs(first - 64 * Math.LN2) < 1, `starts at ${first}`);
    const [samples, constant, softmax] = ['samples', 'always', 'softmax'].map(
      (name) => numbersIn(t, output, new RegExp(`^(?:trained on|same image) ${name} +(\\S+)$`, 'm'))[0],
    ) as [number, number, number];
    t.ok(samples < constant, `trained on samples: ${samples}, below ${constant}, so its decoder uses what is drawn`);
    t.ok(softmax > constant, `trained on softmax: ${softmax}, above it, so one-hot samples mislead its decoder`);
  },
);

t.test('the softmax actor is promised what no road can give; the actor of samples finds the optimum', async (t) => {
  const output = await runExample(t, 'actor_critic', 100);
  if (output === undefined) return;
  const optimum = [0.45, 0.42, 0.4, 0.35].reduce((sum, open) => sum + open ** 2 / 4, 0);
  const judged = (name: string) =>
    new RegExp(`^${name} +promised (\\S+), arrives by lot (\\S+), greedily (\\S+)$`, 'm');
  const softmax = numbersIn(t, output, judged('softmax'));
  const samples = numbersIn(t, output, judged('samples'));
  // The maximum of <a, u> <a, v> is 1/4 wherever u and v add up to less than 1 on the third road. Half of the last
  // digit printed.
  t.ok(softmax[0] > optimum && softmax[0] <= 0.25005, `softmax is promised ${softmax[0]}`);
  t.equal(softmax[2], 0, 'its likeliest road is closed in every weather');
  t.ok(softmax[1] < optimum / 3, `by lot ${softmax[1]}, less than before training, when roads were equally likely`);
  t.ok(Math.abs(samples[2] - optimum) <= 0.00005 + 1e-9, `samples reach ${samples[2]}, the optimum`);
  t.ok(samples[1] > optimum / 3 && samples[1] <= optimum + 0.00005, `by lot ${samples[1]}`);
});
