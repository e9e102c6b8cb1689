/**
 * Numbers in unlucky nests: megabytes of arrays of one number each, eight bodies at once, some of clients that leave in
 * the middle. What is nested too deep is refused at the bracket, what is legal costs memory by its text, and all of it
 * comes back.
 */
import { Bystander, cpuMs } from './bystander.js';
import { postBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';
import { isReply, WireConnection } from './wire.js';

const clients = 8;
const bodyBytes = 4_100_000;

/**
 * Each body of 4.1 MB lies in one buffer (4 MiB) and may make 8 bytes of memory for each of its own: 8 x 36 MB are 282
 * MiB, which the budget of 256 MiB cuts; it is stated here for the process as a whole, with a quarter for what the C
 * library and V8 keep.
 */
const growthMiBMax = 320;
/**
 * HTTP-thread time of one body: some 64 reads of a tenth of a millisecond, and at most 20 ns a byte to parse it into
 * numbers.
 */
const httpMsMax = 90;

interface Nest {
  readonly title: string;
  readonly path: string;
  readonly text: string;
  readonly status: number;
}

function repeated(unit: string, before: string, after: string): string {
  const count = Math.floor((bodyBytes - before.length - after.length) / (unit.length + 1));
  return `${before}${`${unit},`.repeat(count - 1)}${unit}${after}`;
}

const nests: readonly Nest[] = [
  { title: 'logits [[[1]],[[1]],...]', path: '/sample', text: repeated('[[1]]', '{"logits":[', ']}'), status: 413 },
  { title: 'logits [[1],[1],...]', path: '/sample', text: repeated('[1]', '{"logits":[', ']}'), status: 413 },
  {
    title: 'cotangent [[[1]],[[1]],...]',
    path: '/sample/vjp',
    text: repeated('[[1]]', '{"seed":1,"logits":[1],"cotangent":[', ']}'),
    status: 422,
  },
  {
    title: 'logits of eight axes',
    path: '/sample',
    text: repeated('[[[[[[[1]]]]]]]', '{"logits":[', ']}'),
    status: 413,
  },
  {
    title: 'log_samples [[[]],[[]],...]',
    path: '/log-prob',
    text: repeated('[[]]', '{"logits":[1],"log_samples":[', ']}'),
    status: 422,
  },
  {
    title: 'inputs[0].data [[[1]],[[1]],...]',
    path: '/v2/models/gumbel_softmax/infer',
    text: repeated('[[1]]', '{"inputs":[{"name":"logits","datatype":"FP32","shape":[1,1],"data":[', ']}]}'),
    status: 400,
  },
];

interface Row {
  readonly title: string;
  readonly statuses: readonly unknown[];
  readonly peakMiB: number;
  readonly httpMsEach: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Eight send the same body at once, and every second one leaves once it has sent most of it. */
async function attack({ title, path, text, status }: Nest, rounds: number, checks: Checks): Promise<Row> {
  const service = await Service.start();
  const bytes = postBytes(path, text);
  // The first body of each size compiles what reads it.
  await service.ask(postBytes(path, text.slice(0, 1000)));
  const idleMiB = service.memory().residentMiB;
  const bystander = await Bystander.start(service.port);
  const before = cpuMs(service.pid).httpThread;
  const statuses: unknown[] = [];
  for (let round = 0; round < rounds; round++) {
    const connections = await Promise.all(Array.from({ length: clients }, () => WireConnection.open(service.port)));
    const answers = connections.map(async (connection, index) => {
      if (index % 2 === 0) return connection.request(bytes);
      connection.write(bytes.subarray(0, bytes.length - 10 * index));
      connection.destroy();
      return undefined;
    });
    for (const answer of await Promise.all(answers)) {
      if (answer) statuses.push(isReply(answer) ? answer.status : answer.closed);
    }
    for (const connection of connections) connection.destroy();
  }
  const httpMs = cpuMs(service.pid).httpThread - before;
  const { p99Ms, maxMs, lost } = await bystander.stop();
  checks.equal(`${title}: the bystander lost nothing`, lost, 0);
  const seen = [...new Set(statuses)];
  checks.that(
    `${title}: each that stays gets ${status}, or 503 where the memory is full`,
    seen.includes(status) && seen.every((each) => each === status || each === 503),
    seen,
  );
  const peakMiB = service.memory().peakMiB - idleMiB;
  checks.that(`${title}: the process grew by at most ${growthMiBMax} MiB`, peakMiB <= growthMiBMax, peakMiB);
  const httpMsEach = httpMs / (rounds * clients);
  checks.that(`${title}: at most ${httpMsMax} ms of the HTTP thread a body`, httpMsEach <= httpMsMax, httpMsEach);
  checks.equal(`${title}: it ended with 0`, await service.stop(), [0, null]);
  return { title, statuses: seen, peakMiB, httpMsEach, p99Ms, maxMs };
}

async function run({ full }: Options, checks: Checks): Promise<Figures> {
  const rows: Row[] = [];
  for (const nest of full ? nests : nests.slice(0, 3)) rows.push(await attack(nest, full ? 5 : 1, checks));
  if (full)
    for (const { title, p99Ms } of rows) checks.that(`${title}: p99 of /livez at most 20 ms`, p99Ms <= 20, p99Ms);
  return {
    method: `${clients} clients at once send JSON of 4.1 MB, one array of arrays of a single number; every second one leaves before its last bytes.`,
    tables: [
      {
        headers: ['body', 'replies', 'growth MiB', 'HTTP-thread ms a body', '/livez p99 ms', '/livez max ms'],
        rows: rows.map(({ title, statuses, peakMiB, httpMsEach, p99Ms, maxMs }) => [
          `\`${title}\``,
          statuses.join(', '),
          peakMiB,
          httpMsEach,
          p99Ms,
          maxMs,
        ]),
      },
    ],
  };
}

export const nestedArraysScenario: Scenario = {
  name: 'nested-arrays',
  title: 'Arrays of arrays of single numbers',
  run,
};
