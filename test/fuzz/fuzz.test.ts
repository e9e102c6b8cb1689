/** The corpus of the fuzzer, input by input. `npm run test:fuzz` goes on from there. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { bugs } from './bugs.js';
import { corpusFile, readInputs } from './corpus.js';
import { textOf } from './input.js';
import { sizeOf } from './reference/json-text.js';
import { runShard } from './shards.js';
import { targetNames, targets } from './targets.js';

/** All of them together, in bytes. */
const corpusBytesMax = 200 * 1024;

t.test('every input of the corpus holds', async (t) => {
  for (const name of targetNames) {
    const inputs = readInputs(corpusFile(name));
    t.ok(inputs.length > 50, `${name} has ${inputs.length} inputs`);
    const target = await targets[name].load();
    for (const input of inputs) {
      try {
        await target.run(input);
      } catch (error) {
        t.fail(`${name}: ${(error as Error).stack}\n${textOf(input)}`);
      }
    }
    await target.close?.();
  }
});

t.test('brackets in strings nest nothing, in a text that is cut off, too', async (t) => {
  t.same(sizeOf(Buffer.from('{"":"]","seed":[[[[[[[[')), { depth: 9, values: 10 });
  t.same(sizeOf(Buffer.from(String.raw`{"\"[[":[1,"\\"]}`)), { depth: 2, values: 3 });
});

t.test('the corpus is small', async (t) => {
  const bytes = targetNames.reduce((sum, name) => sum + readFileSync(corpusFile(name)).length, 0);
  t.ok(bytes <= corpusBytesMax, `${bytes} bytes`);
});

t.test('each planted bug is found by an input of the corpus', async (t) => {
  t.equal(new Set(bugs.map(({ name }) => name)).size, bugs.length);
  for (const { name, target } of bugs) {
    const executions = readInputs(corpusFile(target)).length;
    const { failures } = await runShard(
      target,
      [`--executions=${executions}`, '--failures=1', `--bug=${name}`],
      'silent',
    );
    t.equal(failures.length, 1, `${name}: ${failures[0]?.message.slice(0, 100)}`);
  }
});
