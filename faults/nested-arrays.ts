/**
 * Numbers in unlucky nests: megabytes of arrays of one number each, eight bodies at once, some of clients that leave in
 * the middle. What is nested too deep is refused at the bracket, what is legal costs memory by its text, and all of it
 * comes back.
 */
import { postBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';
import { checkBystander, checkSiege, type Siege, siege, siegeHeaders, siegeRow } from './siege.js';
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
 * GET /livez for one body: some 64 reads that cost as much as one each at most, and 20 ns a byte to parse it into
 * numbers, where a GET /livez costs 0.15 ms or more.
 */
const livezEach = 600;

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

interface Attack {
  readonly seen: Siege;
  readonly statuses: readonly unknown[];
}

/** Eight send the same body at once, and every second one leaves once it has sent most of it. */
async function attack({ title, path, text, status }: Nest, rounds: number, checks: Checks): Promise<Attack> {
  const service = await Service.start();
  const bytes = postBytes(path, text);
  // The first body of each size compiles what reads it.
  await service.ask(postBytes(path, text.slice(0, 1000)));
  const told: unknown[] = [];
  const seen = await siege(service, `\`${title}\``, async () => {
    for (let round = 0; round < rounds; round++) {
      const connections = await Promise.all(Array.from({ length: clients }, () => WireConnection.open(service.port)));
      const answers = connections.map(async (connection, index) => {
        if (index % 2 === 0) return connection.request(bytes);
        connection.write(bytes.subarray(0, bytes.length - 10 * index));
        connection.destroy();
        return undefined;
      });
      for (const answer of await Promise.all(answers)) {
        if (answer) told.push(isReply(answer) ? answer.status : answer.closed);
      }
      for (const connection of connections) connection.destroy();
    }
  });
  const statuses = [...new Set(told)];
  checks.that(
    `${title}: each that stays gets ${status}, or 503 where the memory is full`,
    statuses.includes(status) && statuses.every((each) => each === status || each === 503),
    statuses,
  );
  checkSiege(checks, seen, { livezMax: livezEach * rounds * clients, grownMiBMax: growthMiBMax });
  checkBystander(checks, seen);
  checks.equal(`${title}: it ended with 0`, await service.stop(), [0, null]);
  return { seen, statuses };
}

async function run({ full }: Options, checks: Checks): Promise<Figures> {
  const rounds = full ? 5 : 1;
  const attacks: Attack[] = [];
  for (const nest of full ? nests : nests.slice(0, 3)) attacks.push(await attack(nest, rounds, checks));
  return {
    method: `${clients} clients at once send JSON of 4.1 MB, one array of arrays of a single number; every second one leaves before its last bytes. ${rounds * clients} bodies of each, beside a bystander that asks /livez every 5 ms.`,
    tables: [
      {
        headers: [...siegeHeaders, 'replies'],
        rows: attacks.map(({ seen, statuses }) => [...siegeRow(seen), statuses.join(', ')]),
      },
    ],
  };
}

export const nestedArraysScenario: Scenario = {
  name: 'nested-arrays',
  title: 'Arrays of arrays of single numbers',
  run,
};
