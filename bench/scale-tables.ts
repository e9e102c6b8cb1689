/** What follows from the results of `npm run bench` for docs/scale.md: what draws cost, and 10^6 requests a second. */
import { besideOf, type HttpFigures, type HttpResult } from './http-tables.js';
import { figure, runLines, table } from './results.js';
import { medianOf } from './statistics.js';

/** CPUs of a pod of deploy/kubernetes/base, and the share of them that is used. */
const podCpus = 2;
const utilisation = 0.8;
const requestsPerSecond = 1e6;

/** Bytes of data in a packet of 1,500; and what Ethernet, IP and TCP with timestamps add to each. */
const packetBytes = 1448;
const packetOverhead = 66;

const cpuUsOf = (figures: HttpFigures | undefined) =>
  figures === undefined ? Number.NaN : medianOf(figures.rounds, ({ cpuUs }) => cpuUs);

function serviceUnderLoad(all: readonly HttpFigures[]): HttpFigures[] {
  return all.filter(({ target, connections }) => target === 'service' && connections > 1);
}

/** Microseconds a request are also CPU seconds a million requests. */
export function drawsMarkdown({ run, figures }: HttpResult): string {
  const rows = serviceUnderLoad(figures).map((service) => {
    const perDraw = (other: HttpFigures | undefined) => figure(cpuUsOf(other) / service.draws);
    return [
      service.request,
      service.draws.toLocaleString('en'),
      figure(cpuUsOf(service)),
      perDraw(service),
      perDraw(besideOf(service, 'fastapi', figures)),
      perDraw(besideOf(service, 'fastapi-tuned', figures)),
    ];
  });
  const headers = ['request', 'draws a request', 'a million requests', 'a million draws', 'fastapi', 'fastapi-tuned'];
  return [runLines(run), table(headers, rows)].join('\n\n');
}

/** Gbit/s of a million requests or replies a second of so many bytes, each in packets of its own. */
function gigabits(bytes: number): number {
  const packets = Math.ceil(bytes / packetBytes);
  return (8 * requestsPerSecond * (bytes + packets * packetOverhead)) / 1e9;
}

export function millionMarkdown({ run, figures }: HttpResult): string {
  const rows = serviceUnderLoad(figures).map((service) => {
    const cores = (cpuUsOf(service) * requestsPerSecond) / 1e6;
    const pods = Math.ceil(cores / (utilisation * podCpus));
    const busy =
      (service.connections * requestsPerSecond) / medianOf(service.rounds, (round) => round.requestsPerSecond);
    return [
      service.request,
      figure(cores),
      pods.toLocaleString('en'),
      figure(gigabits(service.rounds[0].requestBytes)),
      figure(gigabits(medianOf(service.rounds, ({ replyBytes }) => replyBytes))),
      figure(busy),
      figure(32 * pods * Math.log(pods)),
    ];
  });
  const headers = ['request', 'cores', 'pods', 'Gbit/s in', 'Gbit/s out', 'busy connections', 'for an even load'];
  return [runLines(run), table(headers, rows)].join('\n\n');
}

/** The one figure of the README. */
export function readmeMarkdown({ run, figures }: HttpResult): string | undefined {
  const service = figures.find(({ target, request }) => target === 'service' && request === '64x1000 soft');
  const fastapi = service && besideOf(service, 'fastapi', figures);
  if (service === undefined || fastapi === undefined) return undefined;
  const rate = (of: HttpFigures) => medianOf(of.rounds, (round) => round.requestsPerSecond);
  const text = [
    'Soft samples of 64 rows with 1000 categories cost',
    `${figure(cpuUsOf(service) / 1000)} ms of CPU a request, JSON included. FastAPI with`,
    `\`torch.nn.functional.gumbel_softmax\` takes ${(cpuUsOf(fastapi) / cpuUsOf(service)).toFixed(1)} times that.`,
    `With one worker, ${run.cores} cores answer ${figure(rate(service))} such requests a second`,
    '(`npm run bench`, [docs/benchmarks.md](docs/benchmarks.md)).',
  ].join(' ');
  return wrapped(text, 120);
}

/** Broken between words into lines of at most so many characters. */
function wrapped(text: string, columns: number): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) as string;
    if (line.length + 1 + word.length > columns) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.join('\n');
}
