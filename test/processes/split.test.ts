/** How many processes there are, and what each gets of the limits. */
import t from 'tap';
import { type Config, readConfig } from '../../src/config.js';
import { splitLimits, workersOf, workersOfAll } from '../../src/processes/split.js';
import { processesFor, workersFor } from '../../src/sizing.js';

const gib = 2 ** 30;
const unlimited = Number.POSITIVE_INFINITY;

t.test('one process up to three CPUs, then one for two, and for each 512 MiB', async (t) => {
  const counts = [1, 2, 3, 4, 5, 6, 8, 16, 17, 64].map((cpus) => processesFor({ cpus, memoryBytes: unlimited }));
  t.same(counts, [1, 1, 1, 2, 2, 3, 4, 8, 8, 32]);
  t.equal(processesFor({ cpus: 16, memoryBytes: 2 * gib }), 4);
  t.equal(processesFor({ cpus: 16, memoryBytes: 2 * gib - 1 }), 3);
  t.equal(processesFor({ cpus: 16, memoryBytes: gib / 4 }), 1);
});

t.test('workers: one CPU fewer for one process, one a CPU for several, at most four a process', async (t) => {
  t.same(
    [1, 2, 3].map((cpus) => workersFor(cpus, 1)),
    [1, 1, 2],
  );
  t.equal(workersFor(16, 8), 16);
  t.equal(workersFor(16, 4), 16);
  t.equal(workersFor(2, 4), 4);
  t.same(
    [5, 6, 64].map((cpus) => workersFor(cpus, 1)),
    [4, 4, 4],
  );
  // A container of 2 GiB without a limit on CPUs, on a node of 64.
  t.equal(workersFor(64, processesFor({ cpus: 64, memoryBytes: 2 * gib })), 16);
});

t.test('what is chosen for a very large machine is what the options take', async (t) => {
  for (const cpus of [255, 256, 257, 258, 384, 1024]) {
    const processes = processesFor({ cpus, memoryBytes: unlimited });
    const chosen = { PROCESSES: String(processes), WORKERS: String(workersFor(cpus, processes)) };
    t.doesNotThrow(() => readConfig(chosen), JSON.stringify(chosen));
    t.doesNotThrow(() => readConfig({ PROCESSES: '1', WORKERS: String(workersFor(cpus, 1)) }));
  }
});

function configOf(environment: Record<string, string>): Config {
  return readConfig({ PROCESSES: '4', WORKERS: '4', ...environment });
}

t.test('workers are shared out, one more for the first, at least one each', async (t) => {
  const shares = (workers: string) => {
    const config = configOf({ WORKERS: workers });
    return [[0, 1, 2, 3].map((index) => workersOf(config, index)), workersOfAll(config)];
  };
  t.same(shares('4'), [[1, 1, 1, 1], 4]);
  t.same(shares('10'), [[3, 3, 2, 2], 10]);
  t.same(shares('2'), [[1, 1, 1, 1], 4]);
});

t.test('connections and waiting requests are split and rounded up', async (t) => {
  const limits = splitLimits(configOf({ CONNECTIONS_MAX: '1023', QUEUE_REQUESTS_MAX: '2' }), 0);
  t.match(limits, { PROCESSES: '4', WORKERS: '1', CONNECTIONS_MAX: '256', QUEUE_REQUESTS_MAX: '1' });
});

t.test('memory for requests: a share, but enough for the largest body and its result', async (t) => {
  const bytes = (environment: Record<string, string>) =>
    Number(splitLimits(configOf(environment), 1).BODY_BYTES_IN_FLIGHT_MAX);
  t.equal(bytes({ BODY_BYTES_IN_FLIGHT_MAX: String(4 * gib) }), gib);
  const large = bytes({});
  const { binaryBodyBytesMax, binaryElementsReturnedMax } = readConfig({});
  t.ok((large * 7) / 8 >= binaryBodyBytesMax + 8 * binaryElementsReturnedMax, 'also in the part for large requests');
  t.equal(bytes({ BODY_BYTES_IN_FLIGHT_MAX: String(2 ** 20) }), 2 ** 20, 'and never more than one process has');
  t.strictSame(readConfig({ ...splitLimits(configOf({}), 3) }).processes, 4, 'the process takes it as its own');
});
