/**
 * Requests that are wrong in every way, over the wire: bytes, JSON, numbers, headers, framing. Every reply is in the
 * contract, none is a 500, nothing hangs, nothing crashes, and memory stays flat. A seed and a number make one request
 * again.
 */
import { judge } from './contract.js';
import { type Shot, Shots } from './mutate/shot.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';
import { pause } from './time.js';
import { type Answer, isReply, WireConnection } from './wire.js';

const connections = 64;
/** A request that ends nowhere is told so by the client after this while; then it must be answered or closed. */
const quietMs = 200;
const hangMs = 15_000;
const connectAttemptsMax = 3;
const growthMiBMax = 64;
const shownMax = 10;

/** Legal draws of any size would be computed; here they are to be refused, so that the time goes into mutations. */
const environment = {
  ELEMENTS_DRAWN_MAX: '1000000',
  ELEMENTS_RETURNED_MAX: '100000',
  BINARY_ELEMENTS_RETURNED_MAX: '100000',
};

class Tally {
  /** Replies by code or status, and connections that were closed without one. */
  readonly kinds = new Map<string, number>();
  readonly wrong: string[] = [];
  wrongCount = 0;
  hung = 0;

  count(kind: string): void {
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
  }

  /** Notes what is wrong with a reply; the first few are shown. */
  note(shot: Shot, what: string): void {
    this.wrongCount += 1;
    if (this.wrong.length < shownMax) this.wrong.push(`--number=${shot.number} (${shot.mutations}): ${what}`);
  }
}

const hang = Symbol('hang');

function answerWithin(answer: Promise<Answer>, ms: number): Promise<Answer | typeof hang> {
  return Promise.race([answer, pauseAsHang(ms, answer)]);
}

/** Resolves after `ms`, or at once when the answer is there first, so that no timer is left. */
function pauseAsHang(ms: number, answer: Promise<Answer>): Promise<typeof hang> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(hang), ms);
    answer.then(() => clearTimeout(timer));
  });
}

/** Sends a request and gives back what came of it. */
async function fire(connection: WireConnection, { bytes, method, framed, after }: Shot): Promise<Answer | typeof hang> {
  const answer = connection.request(bytes, { headOnly: method === 'HEAD' });
  if (framed) return answerWithin(answer, hangMs);
  if (after === 'reset') {
    // What was sent may still be on its way: the service reads some of it, or none.
    connection.reset();
    return answer;
  }
  if (after === 'linger') {
    const early = await answerWithin(answer, quietMs);
    if (early !== hang) return early;
  }
  connection.end();
  return answerWithin(answer, hangMs);
}

function judgeShot(shot: Shot, answer: Answer | typeof hang, tally: Tally): void {
  if (answer === hang) {
    tally.hung += 1;
    tally.note(shot, 'neither answered nor closed');
  } else if (isReply(answer)) {
    const { kind, wrong } = judge(answer, shot.method);
    tally.count(kind);
    if (wrong !== undefined) tally.note(shot, wrong);
  } else {
    tally.count('closed without a reply');
    if (shot.framed) tally.note(shot, `no reply, ${answer.closed}`);
    if (answer.closed.startsWith('no HTTP')) tally.note(shot, answer.closed);
  }
}

/**
 * A new connection. One that is reset before anything was sent is counted and tried again a few times; a service that
 * takes none is wrong, whatever came before.
 */
async function openFor(service: Service, shot: Shot, tally: Tally): Promise<WireConnection | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await WireConnection.open(service.port);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ECONNRESET' || attempt === connectAttemptsMax) {
        tally.note(shot, `no connection for it, ${code}`);
        return undefined;
      }
      tally.count('reset while connecting');
    }
  }
}

/** One client: framed requests share a connection while it lasts, the others have one each. */
async function client(service: Service, shots: Shots, next: () => number | undefined, tally: Tally): Promise<void> {
  let kept: WireConnection | undefined;
  for (let number = next(); number !== undefined; number = next()) {
    const shot = shots.shot(number);
    const connection = shot.framed && kept?.reusable ? kept : await openFor(service, shot, tally);
    if (!connection) continue;
    judgeShot(shot, await fire(connection, shot), tally);
    if (shot.framed && connection.reusable) kept = connection;
    else connection.destroy();
  }
  kept?.destroy();
}

interface MemoryMark {
  readonly requests: number;
  readonly residentMiB: number;
}

async function fireAll(service: Service, shots: Shots, requests: number, tally: Tally): Promise<MemoryMark[]> {
  const marks: MemoryMark[] = [];
  const step = Math.ceil(requests / 10);
  let sent = 0;
  const next = () => {
    if (sent === requests || !service.running) return undefined;
    if (sent % step === 0 && sent > 0) marks.push({ requests: sent, residentMiB: service.memory().residentMiB });
    return sent++;
  };
  await Promise.all(Array.from({ length: connections }, () => client(service, shots, next, tally)));
  return marks;
}

/** Shows one request and its reply, to look into what a run has found. */
async function show(shots: Shots, number: number, checks: Checks): Promise<Figures> {
  const service = await Service.start({ environment });
  const shot = shots.shot(number);
  const tally = new Tally();
  const connection = await WireConnection.open(service.port);
  const answer = await fire(connection, shot);
  judgeShot(shot, answer, tally);
  console.log(`${shot.mutations}\n${shot.bytes.toString('latin1').slice(0, 5000)}\n---`);
  if (answer !== hang && isReply(answer))
    console.log(`${answer.head}\n\n${answer.body.toString('latin1').slice(0, 5000)}`);
  checks.equal('the reply is in the contract', tally.wrong, []);
  connection.destroy();
  await service.stop();
  return { method: `Request ${number}.`, tables: [] };
}

async function run({ full, seed, requests, number }: Options, checks: Checks): Promise<Figures> {
  const shots = new Shots(seed);
  if (number !== undefined) return show(shots, number, checks);
  const count = requests ?? (full ? 1_000_000 : 20_000);
  const service = await Service.start({ environment });
  const tally = new Tally();
  const descriptors = service.descriptors();
  const startMs = performance.now();
  const marks = await fireAll(service, shots, count, tally);
  const seconds = (performance.now() - startMs) / 1000;
  checks.that('the process still runs', service.running, service.stderr.slice(-5));
  checks.that(`every one of ${count} replies was in the contract`, tally.wrongCount === 0, {
    count: tally.wrongCount,
    first: tally.wrong,
  });
  checks.equal('nothing hung', tally.hung, 0);
  const errors = service.log.filter(({ level }) => Number(level) >= 50);
  checks.that('the log has no error', errors.length === 0, errors.slice(0, 3));
  const { growth, settled, last } = growthOf(marks);
  checks.atMost('memory at the end, more than after half', growth, growthMiBMax, ' MiB');
  const left = await leftOpen(service, descriptors);
  checks.that('no connection was left open by the service', left <= 0, left);
  const ready = service.running && (await service.get('/readyz'));
  checks.equal('and it is ready', ready, 200);
  checks.equal('it ended with 0', await service.stop(), [0, null]);
  const kinds = [...tally.kinds].toSorted(([, a], [, b]) => b - a);
  return {
    method: `${count.toLocaleString('en')} requests made from legal ones by mutations of bytes, JSON, numbers, headers and framing, seed ${seed}, over ${connections} connections: ${Math.round(count / seconds)} a second.`,
    tables: [
      { headers: ['reply', 'count'], rows: kinds },
      {
        headers: ['resident memory', 'MiB'],
        rows: [
          ['after half of the requests', settled],
          ['after nine tenths', last],
        ],
      },
    ],
  };
}

/** Connections that the service still holds some seconds after all clients have gone. */
async function leftOpen(service: Service, descriptors: number): Promise<number> {
  const left = () => (service.running ? service.descriptors() - descriptors : 0);
  for (let wait = 0; wait < 100 && left() > 0; wait++) await pause(100);
  return left();
}

/** Growth from the middle on, when all code has run and all buffers have their size. */
function growthOf(marks: readonly MemoryMark[]): { growth: number; settled: number; last: number } {
  const settled = marks[4]?.residentMiB ?? 0;
  const last = marks.at(-1)?.residentMiB ?? 0;
  return { growth: last - settled, settled, last };
}

export const mutationsScenario: Scenario = {
  name: 'mutations',
  title: 'Mutated requests over the wire',
  run,
};
