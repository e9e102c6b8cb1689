/**
 * JSON in unlucky shapes outside the arrays of numbers: nested deep, in millions of members, in huge strings, keys and
 * runs of white space. Each is cheap or refused, and none holds the HTTP thread. Small chunks of a chunked body take no
 * memory beside their bytes.
 */
import { Bystander } from './bystander.js';
import { cpuMs, livezCpuMs } from './cpu.js';
import { turnMsOf } from './preload/turn-line.js';
import { postBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';
import { pause } from './time.js';
import { isReply, WireConnection } from './wire.js';

/**
 * Bodies of 4 MB are read in at most 4 MiB + 1 MiB of buffers each; there is one at a time, and V8 may let garbage of
 * 64 MiB lie.
 */
const growthMiBMax = 96;
/**
 * GET /livez for one body: 4 MB arrive in some 64 reads that cost as much as one each at most, and are walked at 10 ns
 * a byte, where a GET /livez costs 0.15 ms or more.
 */
const livezMax = 330;
/** And for a draw of 65,536 rows with its reply. */
const drawnLivezMax = 800;

interface Shape {
  readonly title: string;
  readonly path: string;
  readonly body: string;
  readonly statuses: readonly number[];
}

const million = 1_000_000;
const sample = (title: string, body: string, ...statuses: number[]): Shape => ({
  title,
  path: '/sample',
  body,
  statuses,
});
const infer = (title: string, more: string, ...statuses: number[]): Shape => ({
  title,
  path: '/v2/models/gumbel_softmax/infer',
  body: `{"inputs":[{"name":"logits","datatype":"FP32","shape":[1,2],"data":[1,2]${more}`,
  statuses,
});

const shapes: readonly Shape[] = [
  sample('a field nested 900,000 deep', `{"logits":[1],"x":${'['.repeat(900_000)}${']'.repeat(900_000)}}`, 422),
  sample('the same in objects', `{"logits":[1],"x":${'{"a":'.repeat(400_000)}1${'}'.repeat(400_000)}}`, 422),
  sample('`seed` of 690,000 `{}`', `{"logits":[1],"seed":[${'{},'.repeat(689_999)}{}]}`, 422),
  sample(
    '`seed` of 65,536 strings',
    `{"logits":[${'[1],'.repeat(65_535)}[1]],"return":["indices"],"seed":[${'"18446744073709551615",'.repeat(65_535)}"1"]}`,
    200,
  ),
  sample('`seed` of 800,000 numbers', `{"logits":[1],"seed":[${'1234,'.repeat(800_000)}1]}`, 422),
  sample(
    '`hard` of 65,536 flags, each in an array',
    `{"logits":[${'[[1]],'.repeat(65_535)}[[1]]],"return":["indices"],"hard":[${'[true],'.repeat(65_535)}[false]]}`,
    200,
  ),
  sample('`hard` of 800,000 flags', `{"logits":[1],"hard":[${'true,'.repeat(800_000)}true]}`, 422),
  sample('`return` of a million', `{"logits":[1],"return":[${'1,'.repeat(million)}1]}`, 413),
  sample('a million members of one name', `{"logits":[1]${',"a":1'.repeat(600_000)}}`, 413),
  sample('a string of 4 MB', `{"logits":[1],"noise":"${'x'.repeat(4 * million)}"}`, 413),
  sample('a string of escapes', `{"logits":[1],"noise":"${'\\u0041'.repeat(600_000)}"}`, 413),
  sample('a key of 4 MB', `{"logits":[1],"${'k'.repeat(4 * million)}":1}`, 413),
  sample('white space behind the body', `{"logits":[1]}${' '.repeat(4 * million)}`, 200),
  sample('white space before a colon', `{"logits"${' '.repeat(4 * million)}:[1]}`, 413),
  sample(
    'logits with a string in the middle',
    `{"logits":[${'1,'.repeat(million)}"x"${',1'.repeat(million / 2)}]}`,
    422,
  ),
  infer(
    '200,000 keys in `parameters` of a tensor',
    `,"parameters":{${Array.from({ length: 200_000 }, (_, at) => `"k${at}":1`).join()}}}]}`,
    413,
  ),
  infer('500,000 outputs', `}],"outputs":[${'{},'.repeat(500_000)}{}]}`, 413),
  infer('100,000 inputs', `}${',{"name":"logits"}'.repeat(100_000)}]}`, 413),
  infer('a shape of a million', `}],"x":[${'1,'.repeat(million)}1]}`, 413),
];

/**
 * No part of a body takes longer at a time; more is the system's, which takes the CPU away, so it is a check of the
 * full form only.
 */
const turnMsMax = 2;
/** But the rows of a draw go to a worker in one turn, 65,536 of them here. */
const drawnTurnMsMax = 5;

/**
 * How often each body is sent to find its longest turn: the least of these counts, since whatever else happens only
 * adds to a turn.
 */
const turnAttempts = 10;

interface Row {
  readonly title: string;
  readonly status: number | string;
  readonly httpMs: number;
}

/** One at a time, so that the HTTP thread's time is that of the body. */
async function send(service: Service, { path, body }: Shape): Promise<number | string> {
  const connection = await WireConnection.open(service.port);
  const answer = await connection.request(postBytes(path, body));
  connection.destroy();
  return isReply(answer) ? answer.status : answer.closed;
}

/**
 * The longest turn of the event loop while each body is read, parsed and answered, in a service of its own that does
 * nothing else.
 */
async function longestTurns(): Promise<readonly number[]> {
  const service = await Service.start({ preload: 'turns' });
  const longest: number[] = [];
  for (const shape of shapes) {
    let least = Number.POSITIVE_INFINITY;
    for (let attempt = 0; attempt < turnAttempts; attempt++) {
      const before = service.stderr.length;
      await send(service, shape);
      await pause(20);
      least = Math.min(least, Math.max(0, ...service.stderr.slice(before).map((line) => turnMsOf(line) ?? 0)));
    }
    longest.push(least);
  }
  await service.stop();
  return longest;
}

/** Two bodies of 2 MiB in chunks of 64 bytes, side by side. */
async function sendChunks(service: Service): Promise<(number | string)[]> {
  // Read as a whole and then refused, so that no draw adds to the memory.
  const body = `{"logits":[${'1,'.repeat(2 ** 19)}1],"num_samples":0}`.padEnd(2 ** 21);
  const chunks: string[] = [];
  for (let at = 0; at < body.length; at += 64) chunks.push(`40\r\n${body.slice(at, at + 64)}\r\n`);
  const head =
    'POST /sample HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n';
  return Promise.all(
    [1, 2].map(async () => {
      const connection = await WireConnection.open(service.port);
      const answer = await connection.request(`${head}${chunks.join('')}0\r\n\r\n`);
      connection.destroy();
      return isReply(answer) ? answer.status : answer.closed;
    }),
  );
}

/**
 * What two bodies of 2 MiB in small chunks add: buffers of at most 2 x 7 MiB while they grow, and some 300 bytes for
 * each of 65,536 chunks until V8 collects them.
 */
const chunkedMiBMax = 48;

async function run({ full }: Options, checks: Checks): Promise<Figures> {
  const chunked = await Service.start();
  const chunkedIdleMiB = chunked.memory().residentMiB;
  checks.equal('two bodies of 2 MiB in chunks of 64 bytes are read', await sendChunks(chunked), [422, 422]);
  const chunkedMiB = chunked.memory().peakMiB;
  const chunkedGrowthMiB = chunkedMiB - chunkedIdleMiB;
  checks.atMost('and the growth of the process', chunkedGrowthMiB, chunkedMiBMax, ' MiB');
  checks.equal('it ended with 0', await chunked.stop(), [0, null]);

  const service = await Service.start();
  const rows: Row[] = [];
  const idleMiB = service.memory().residentMiB;
  const bystander = await Bystander.start(service.port);
  const livezMs = await livezCpuMs(service, bystander);
  for (const shape of shapes) {
    let httpMs = Number.POSITIVE_INFINITY;
    let status: number | string = '';
    // The least of three: what the bystander asks meanwhile, and the collection of garbage, only add to it.
    for (let attempt = 0; attempt < 3; attempt++) {
      const before = cpuMs(service.pid).httpThread;
      status = await send(service, shape);
      httpMs = Math.min(httpMs, cpuMs(service.pid).httpThread - before);
    }
    // Where a body is refused unread, closing may reach the client before the reply.
    checks.that(`${shape.title}: ${shape.statuses.join(' or ')}`, shape.statuses.includes(status as number), status);
    rows.push({ title: shape.title, status, httpMs });
    const most = status === 200 ? drawnLivezMax : livezMax;
    checks.atMost(`${shape.title}: CPU of the HTTP thread, in GET /livez`, Math.round(httpMs / livezMs), most);
  }
  const { lost, p99Ms, maxMs } = await bystander.stop();
  checks.equal('the bystander lost nothing', lost, 0);
  const grownMiB = service.memory().peakMiB - idleMiB;
  checks.atMost('growth of the process', grownMiB, growthMiBMax, ' MiB');
  checks.timeAtMost('p99 of /livez', p99Ms, 20);
  const turns = full ? await longestTurns() : [];
  if (full) {
    const most = (at: number) => (rows[at]?.status === 200 ? drawnTurnMsMax : turnMsMax);
    const long = shapes.filter((_, at) => turns[at] > most(at)).map(({ title }) => title);
    checks.that(
      `no body took more than ${turnMsMax} ms of one turn, a draw ${drawnTurnMsMax}`,
      long.length === 0,
      long,
    );
  }
  checks.equal('it ended with 0', await service.stop(), [0, null]);
  return {
    method: `One body after another, of 2 to 4 MB each. A bystander asks /livez all the time: p99 ${p99Ms.toFixed(1)} ms, longest ${maxMs.toFixed(1)} ms; the process grew by ${grownMiB.toFixed(0)} MiB. Two bodies of 2 MiB in chunks of 64 bytes: ${chunkedMiB.toFixed(0)} MiB resident at most.`,
    tables: [
      {
        headers: ['body', 'reply', 'HTTP-thread ms', ...(full ? ['longest turn ms'] : [])],
        rows: rows.map(({ title, status, httpMs }, at) => [title, status, httpMs, ...(full ? [turns[at]] : [])]),
      },
    ],
  };
}

export const plainJsonScenario: Scenario = {
  name: 'plain-json',
  title: 'JSON in unlucky shapes',
  run,
};
