/**
 * Fuzzes one target in a process of its own: the modules that it loads are instrumented, and perhaps have a bug.
 * run.ts starts it.
 */
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { bugs } from './bugs.js';
import { corpusFile, readInputs, writeInputs } from './corpus.js';
import { Fuzzer, shrink } from './fuzzer.js';
import { textOf } from './input.js';
import { instrumentService } from './instrumented.js';
import { isTargetName, targets } from './targets.js';

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    executions: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    bug: { type: 'string' },
    replay: { type: 'string' },
    'without-corpus': { type: 'boolean', default: false },
    'write-corpus': { type: 'boolean', default: false },
    failures: { type: 'string', default: '10' },
  },
});
const { target: name, replay } = values;
if (!isTargetName(name)) throw new Error(`There is no target ${name}.`);

// Most inputs are refused by an error, and a stack trace for each would take longer than the refusal.
if (replay === undefined) Error.stackTraceLimit = 0;

/** Executions between two lines of a run that nobody watches. */
const linesEvery = 500_000;

const count = (value: number) => value.toLocaleString('en');
const bug = bugs.find((each) => each.name === values.bug);
const { counters, blocks } = instrumentService(targets[name].instrumented, bug);
const target = await targets[name].load();
const fuzzer = new Fuzzer(target, counters);
const startMs = performance.now();
const seconds = () => (performance.now() - startMs) / 1000;

async function replayFile(file: string): Promise<void> {
  for (const input of readInputs(file)) {
    const error = await fuzzer.execute(input);
    console.log(error ? `${error.stack}\n${textOf(input)}` : 'all held');
    if (error) process.exitCode = 1;
  }
}

async function fuzz(): Promise<void> {
  await fuzzer.fuzz({
    seed: Number(values.seed),
    executions: Number(values.executions),
    failuresMax: Number(values.failures),
    corpus: values['without-corpus'] ? [] : readInputs(corpusFile(name as never)),
    progress: ({ executions }) => {
      if (process.stderr.isTTY) process.stderr.write(`${status()}\r`);
      else if (executions % linesEvery === 0) console.log(status());
    },
  });
  console.log(status());
  for (const { execution, input, error } of fuzzer.failures) {
    const isSame = (again: Error | undefined) =>
      again !== undefined && again.message.slice(0, 30) === error.message.slice(0, 30);
    const smallest = await shrink(input, async (smaller) => isSame(await fuzzer.execute(smaller)));
    const digest = createHash('sha256').update(textOf(smallest)).digest('hex').slice(0, 8);
    const file = `.fuzz/${name}-${digest}.jsonl`;
    writeInputs(file, [smallest]);
    console.log(`execution ${execution}: ${error.message}`);
    console.log(`  ${textOf(smallest).slice(0, 300)}\n  npm run test:fuzz -- --target=${name} --replay=${file}`);
    process.exitCode = 1;
  }
  // To shrink those of http takes long: each try is a connection.
  if (values['write-corpus']) writeInputs(corpusFile(name as never), await fuzzer.minimised(name !== 'http'));
  process.send?.(fuzzer.failures.map(({ execution, error }) => ({ execution, message: error.message })));
}

function status(): string {
  const { executions, coverage, corpus, failures } = fuzzer;
  const [script, wasm = 0] = coverage.blocks;
  const [scriptBlocks, wasmBlocks] = blocks;
  return (
    `${name}: ${count(executions)} executions in ${Math.round(seconds())} s, ${count(Math.round(executions / seconds()))} a second; ` +
    `${count(script)} of ${count(scriptBlocks)} blocks of JavaScript${wasmBlocks > 0 ? `, ${wasm} of ${wasmBlocks} of WebAssembly` : ''}; ` +
    `${count(corpus.length)} inputs in the corpus; ${failures.length} findings`
  );
}

if (replay === undefined) await fuzz();
else await replayFile(replay);
await target.close?.();
if (process.send) process.disconnect();
