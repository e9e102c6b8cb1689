/**
 * What /metrics is made by: one generation for all who ask meanwhile, never older than the question, at a bounded share
 * of the time.
 */
import t from 'tap';
import { PacedGeneration } from '../../src/observability/paced-generation.js';

/**
 * Under a clock that only this test moves; each generation takes `tookMs` of it and is the number of what had happened
 * when it began.
 */
function paced(tookMs: number) {
  let nowMs = 0;
  let generations = 0;
  let happened = 0;
  let sleepers: { readonly untilMs: number; readonly wake: () => void }[] = [];
  const sleep = (ms: number) => new Promise<void>((wake) => sleepers.push({ untilMs: nowMs + ms, wake }));
  const generation = new PacedGeneration(
    async () => {
      generations += 1;
      nowMs += tookMs;
      return happened;
    },
    { now: () => nowMs, sleep },
  );
  return {
    ask: () => generation.ask(),
    count: () => generations,
    happen: () => {
      happened += 1;
      return happened;
    },
    /** Lets time go by, and all that comes of it. */
    pass: async (ms: number) => {
      nowMs += ms;
      const due = sleepers.filter(({ untilMs }) => untilMs <= nowMs);
      sleepers = sleepers.filter(({ untilMs }) => untilMs > nowMs);
      for (const { wake } of due) wake();
      await new Promise(setImmediate);
    },
  };
}

t.test('the first is made at once, and all who ask before it has begun share it', async (t) => {
  const { ask, count } = paced(3);
  await Promise.all([ask(), ask(), ask()]);
  t.equal(count(), 1);
});

t.test(
  'the next begins twenty times as long after the end of the last as that took, for all who ask meanwhile',
  async (t) => {
    const { ask, count, pass } = paced(3);
    await ask();
    let answered = 0;
    for (let at = 0; at < 1000; at++) ask().then(() => (answered += 1));
    await pass(59);
    t.equal(count(), 1, 'not after 59 ms');
    await pass(1);
    t.equal(count(), 2, 'but after 60');
    t.equal(answered, 1000);
  },
);

t.test('however many ask, it takes a twenty-first of the time', async (t) => {
  const { ask, count, pass } = paced(3);
  for (let ms = 0; ms < 6300; ms++) {
    void ask();
    await pass(1);
  }
  // Each takes 3 ms and is followed by 60 ms of pause: the clock has moved by 6,300 ms and 3 for each.
  t.ok(count() <= Math.ceil((6300 + 3 * count()) / 63), `${count()} in 6,300 ms`);
  t.ok(count() > 50, 'and nobody starves');
});

t.test('nobody gets what was read before they asked, whenever they ask', async (t) => {
  const { ask, happen, pass } = paced(1);
  const answers: Promise<void>[] = [];
  for (let ms = 0; ms < 200; ms++) {
    const asked = happen();
    answers.push(ask().then((seen) => void t.ok(seen >= asked, `what happened at ${ms} ms is in it`)));
    await pass(ms % 3);
  }
  await pass(1000);
  await Promise.all(answers);
});

t.test('a generation during which the process stood still holds up the next by a second at most', async (t) => {
  const { ask, count, pass } = paced(60_000);
  await ask();
  void ask();
  await pass(999);
  t.equal(count(), 1);
  await pass(1);
  t.equal(count(), 2);
});

t.test('one that fails fails those who shared it, and no other', async (t) => {
  let fails = true;
  const clock = { now: () => 0, sleep: async () => {} };
  const generation = new PacedGeneration(async () => {
    if (fails) throw new Error('no');
    return 1;
  }, clock);
  await t.rejects(Promise.all([generation.ask(), generation.ask()]), { message: 'no' });
  fails = false;
  t.equal(await generation.ask(), 1);
});
