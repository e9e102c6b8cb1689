/** The mutated requests of the fault tests: repeatable one by one, and as varied as they claim. */
import t from 'tap';
import { Shots } from '../../faults/mutate/shot.js';

const count = 3000;

t.test('a seed and a number make the same request again, by themselves', async (t) => {
  const first = new Shots(5);
  const shots = Array.from({ length: 50 }, (_, number) => first.shot(number));
  for (const number of [49, 0, 17]) t.same(new Shots(5).shot(number), shots[number]);
});

t.test('other seeds and other numbers make other requests', async (t) => {
  const [one, two] = [new Shots(1), new Shots(2)];
  const texts = new Set<string>();
  for (let number = 0; number < 200; number++) {
    texts.add(one.shot(number).bytes.toString('latin1')).add(two.shot(number).bytes.toString('latin1'));
  }
  // A few mutations, such as dropping the body, make equal requests of different ones.
  t.ok(texts.size > 380, `${texts.size}`);
});

t.test('every kind of mutation happens, and most requests are plain about where they end', async (t) => {
  const shots = new Shots(3);
  const kinds = new Map<string, number>();
  let framed = 0;
  for (let number = 0; number < count; number++) {
    const shot = shots.shot(number);
    if (shot.framed) framed += 1;
    for (const kind of shot.mutations.split(', ')) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  t.ok(framed > 0.8 * count && framed < 0.9 * count, `${framed}`);
  for (const kind of [
    'bytes',
    'structure',
    'numbers',
    'head',
    'chunks',
    'no Host',
    'cut off',
    'noise',
    'two at once',
  ]) {
    t.ok((kinds.get(kind) ?? 0) > 0, `${kind}: ${kinds.get(kind)}`);
  }
  t.equal(kinds.size, 23, [...kinds.keys()].join());
});
