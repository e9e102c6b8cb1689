/**
 * What each kind of legal request costs the service beside what it costs its sender: CPU of the process and of the HTTP
 * thread, and memory at its peak, for each KB sent. For draws whose size is a field and not a body the largest that is
 * let in is taken.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { cpuMs } from './cpu.js';
import { getBytes, postBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';
import { isReply, WireConnection } from './wire.js';

/** Default of DEADLINE_MS: no request that is let in may take more CPU than it has time. */
const deadlineMs = 5000;

/** Default of SAMPLES_MAX. */
const samplesMax = 1_000_000;

/** Requests this cheap are sent often enough for the clock of the scheduler to tell what they cost. */
const cheapTimes = { full: 500, short: 50 } as const;

interface Kind {
  readonly name: string;
  /** Asked for again and again on one connection. */
  readonly cheap?: true;
  /** Makes the request; `samples` is its num_samples where it has one to choose. */
  readonly bytes: (samples: number) => Buffer;
  /** Whether the largest num_samples that is let in is to be found. */
  readonly growsTo?: number;
}

interface Cost {
  readonly name: string;
  readonly status: number;
  readonly sentKb: number;
  readonly cpuMs: number;
  readonly httpThreadMs: number;
  readonly peakMiB: number;
}

/** An array of `count` times the same number, spelled as shortly as it can be. */
function repeated(number: string, count: number): string {
  return `[${`${number},`.repeat(count - 1)}${number}]`;
}

function sample(logits: string, more = ''): Buffer {
  return postBytes('/sample', `{"logits":${logits},"seed":42${more}}`);
}

/** A draw of few logits and as many samples as are let in. */
function growing(name: string, logits: string, more: string): Kind {
  return { name, growsTo: samplesMax, bytes: (samples) => sample(logits, `,"num_samples":${samples}${more}`) };
}

const row = 2 ** 20;
const wide = () => repeated('0', row);

/** Binary tensors of zeros but for the last, which every unmasked row may hold. */
function inference(model: string, tensors: readonly (readonly [name: string, shape: readonly number[]])[]): Buffer {
  const bytes = tensors.map(([, shape]) => 4 * shape.reduce((count, size) => count * size, 1));
  const json = JSON.stringify({
    parameters: { seed: 42, binary_data_output: true },
    inputs: tensors.map(([name, shape], index) => ({
      name,
      shape,
      datatype: 'FP32',
      parameters: { binary_data_size: bytes[index] },
    })),
  });
  const size = bytes.reduce((sum, each) => sum + each, 0);
  return postBytes(`/v2/models/${model}/infer`, Buffer.concat([Buffer.from(json), Buffer.alloc(size)]), {
    'content-type': 'application/octet-stream',
    'inference-header-content-length': String(json.length),
  });
}

/** log y of a uniform sample over 2^16 categories. */
const uniformLog = (-16 * Math.LN2).toPrecision(8);

const pages = ['/', '/docs', '/explore', '/explore/page.js', '/openapi.json', '/openapi.yaml'];
const small = ['/livez', '/readyz', '/metrics', '/v2', '/v2/models/gumbel_softmax', '/problems/overloaded'];

const kinds: readonly Kind[] = [
  ...[...small, ...pages].map((path): Kind => ({ name: `GET ${path}`, cheap: true, bytes: () => getBytes(path) })),
  { name: '1x10, samples', cheap: true, bytes: () => sample(repeated('0', 10)) },
  { name: '1x10, indices', cheap: true, bytes: () => sample(repeated('0', 10), ',"return":["indices"]') },
  { name: '64x1000, samples', cheap: true, bytes: () => sample(repeated(repeated('0', 1000), 64)) },
  growing('10 logits, indices', repeated('0', 10), ',"return":["indices"]'),
  growing('128 logits, indices', repeated('0', 128), ',"return":["indices"]'),
  growing('1 logit, samples', '[0]', ''),
  growing('10 logits, samples', repeated('0', 10), ''),
  growing('10 logits, hard samples', repeated('0', 10), ',"hard":true'),
  growing('10 logits, log_samples', repeated('0', 10), ',"return":["log_samples"]'),
  growing('10 logits, log_prob', repeated('0', 10), ',"return":["log_prob"]'),
  growing('10 logits, noise', repeated('0', 10), ',"return":["noise"]'),
  growing('10 logits, top_k 10', repeated('0', 10), ',"return":["indices"],"top_k":10'),
  growing('1000 logits, log_prob', repeated('0', 1000), ',"return":["log_prob"]'),
  growing('2^20 logits, indices', wide(), ',"return":["indices"]'),
  growing('2^20 logits, log_prob', wide(), ',"return":["log_prob"]'),
  growing('2^20 logits, samples', wide(), ''),
  growing('2^20 logits, top_k 2^20', wide(), `,"return":["indices"],"top_k":${row}`),
  growing(
    '2^19 logits, everything',
    repeated('0', row / 2),
    `,"return":["samples","indices","log_samples","log_prob","noise"],"top_k":${row / 2}`,
  ),
  {
    name: '65,536 rows of 1, a seed each',
    bytes: () =>
      postBytes(
        '/sample',
        `{"logits":${repeated('[0]', 65_536)},"seed":${repeated('"18446744073709551615"', 65_536)}}`,
      ),
  },
  {
    name: 'vjp of 2^19 logits',
    bytes: () =>
      postBytes('/sample/vjp', `{"logits":${repeated('0', row / 2)},"seed":42,"cotangent":${repeated('1', row / 2)}}`),
  },
  {
    name: 'vjp of 65,536 rows of 10, ReinMax',
    bytes: () => {
      const rows = repeated(repeated('0', 10), 65_536);
      const body = `{"logits":${rows},"seed":42,"hard":true,"estimator":"reinmax","cotangent":${rows}}`;
      return postBytes('/sample/vjp', body);
    },
  },
  {
    name: 'log-prob of 3 rows of 2^16',
    bytes: () => {
      const samples = repeated(repeated(uniformLog, row / 16), 3);
      return postBytes('/log-prob', `{"logits":${repeated(repeated('0', row / 16), 3)},"log_samples":${samples}}`);
    },
  },
  { name: '15x2^20 in binary tensors', bytes: () => inference('gumbel_softmax', [['logits', [15, row]]]) },
  { name: '65,535x250 in binary tensors', bytes: () => inference('gumbel_softmax', [['logits', [65_535, 250]]]) },
  {
    name: 'vjp of 7x2^20 in binary tensors',
    bytes: () =>
      inference('gumbel_softmax_vjp', [
        ['logits', [7, row]],
        ['cotangent', [7, row]],
      ]),
  },
];

/** Sends one request on a connection of its own and throws the reply away as it comes: 64 MiB of it need no copy. */
async function drained(port: number, bytes: Buffer): Promise<number> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  let head: string | undefined;
  socket.on('data', (chunk) => {
    head ??= chunk.toString('latin1', 0, 16);
  });
  const closed = once(socket, 'close');
  socket.write(Buffer.from(bytes.toString('latin1', 0, 512).replace('\r\n', '\r\nconnection: close\r\n'), 'latin1'));
  socket.write(bytes.subarray(512));
  await closed;
  return Number(/^HTTP\/1\.1 (\d\d\d)/.exec(head ?? '')?.[1] ?? 0);
}

async function often(port: number, bytes: Buffer, times: number): Promise<number> {
  const connection = await WireConnection.open(port);
  let status = 0;
  for (let sent = 0; sent < times; sent++) {
    const answer = await connection.request(bytes);
    status = isReply(answer) ? answer.status : 0;
    if (status !== 200) break;
  }
  connection.destroy();
  return status;
}

async function measure(service: Service, kind: Kind, bytes: Buffer, times: number): Promise<Cost> {
  const ask = () => (kind.cheap ? often(service.port, bytes, times) : drained(service.port, bytes));
  if (kind.cheap) await ask();
  const residentMiB = service.resetPeakMemory();
  const before = cpuMs(service.pid);
  const status = await ask();
  const after = cpuMs(service.pid);
  const count = kind.cheap ? times : 1;
  return {
    name: kind.name,
    status,
    sentKb: bytes.length / 1000,
    cpuMs: (after.process - before.process) / count,
    httpThreadMs: (after.httpThread - before.httpThread) / count,
    peakMiB: Math.max(0, service.memory().peakMiB - residentMiB),
  };
}

/**
 * The cost of a kind, at the largest num_samples that is let in and drawn in time, where it has one to choose: by an
 * estimate that is a little too fast, one that takes longer than its deadline may be let in.
 */
async function costOf(service: Service, kind: Kind, times: number): Promise<Cost> {
  let samples = kind.growsTo ?? 1;
  for (;;) {
    const cost = await measure(service, kind, kind.bytes(samples), times);
    const tooMuch = (cost.status === 413 || cost.status === 504) && samples > 1;
    const name = kind.growsTo === undefined ? kind.name : `${kind.name}, num_samples ${samples.toLocaleString('en')}`;
    if (!tooMuch) return { ...cost, name };
    samples = Math.max(1, samples >> 1);
  }
}

async function run({ full }: Options, checks: Checks): Promise<Figures> {
  const times = full ? cheapTimes.full : cheapTimes.short;
  const costs: Cost[] = [];
  let service = await Service.start();
  for (const kind of kinds) {
    const cost = await costOf(service, kind, times);
    costs.push(cost);
    if (full) {
      // Memory that one kind leaves behind would hide what the next one takes.
      await service.stop();
      service = await Service.start();
    }
    checks.equal(`${cost.name}: let in and answered`, cost.status, 200);
    checks.timeAtMost(`${cost.name}: CPU`, cost.cpuMs, deadlineMs);
  }
  checks.equal('it still ran and ended with 0', await service.stop(), [0, null]);
  return {
    method:
      'Each kind of legal request by itself, on a service with one worker that was started for it: CPU of the whole process and of its HTTP thread for one request, and how far ' +
      'resident memory rose above what it was before. Where num_samples is named, it is the largest of 1,000,000, 500,000, 250,000, ... that is let in and drawn in time.',
    tables: [
      {
        headers: [
          'request',
          'KB sent',
          'CPU ms',
          'HTTP-thread ms',
          'peak MiB',
          'CPU ms a KB',
          'HTTP-thread ms a KB',
          'peak MiB a KB',
        ],
        rows: costs.map(({ name, sentKb, cpuMs: cpu, httpThreadMs, peakMiB }) => [
          name,
          sentKb,
          cpu,
          httpThreadMs,
          peakMiB,
          cpu / sentKb,
          httpThreadMs / sentKb,
          peakMiB / sentKb,
        ]),
      },
    ],
  };
}

export const asymmetryScenario: Scenario = {
  name: 'asymmetry',
  title: 'What a request costs beside what it sends',
  run,
};
