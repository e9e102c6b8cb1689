/**
 * A client of a simulation: a connection that sends one request after the other. A request takes the way of a real one,
 * through the real load shedding, memory account, `drawFor` and `sendDrawn`; what is between them (HTTP, JSON) is
 * played here.
 */
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CallerGone, Problem } from '../../src/errors.js';
import { RequestMemory } from '../../src/http/memory-budget.js';
import { isPrintedWhole } from '../../src/json/print-body.js';
import { drawFor, sendDrawn } from '../../src/routes/run-draw.js';
import { type Job, type JobResult, resultBytes } from '../../src/sampler/job.js';
import type { Sampler } from '../../src/sampler/sampler.js';
import { Draw } from './draw.js';
import { FakeReply } from './fake-reply.js';
import { identify, wrongIn } from './identity.js';
import type { FakeRequest, Service } from './service.js';
import { makeJob } from './workload.js';
import { world } from './world.js';

/** A caller with a key. */
export interface Key {
  readonly name: string;
  /** Units charged and not refunded. */
  charged: number;
}

/** Callers that have had a draw accepted, by class. */
const accepted = { small: new WeakSet<object>(), large: new WeakSet<object>() };

export class Client {
  readonly #service: Service;
  readonly #key: Key | undefined;
  readonly #socket = {};
  readonly #number: number;
  #requestsLeft: number;
  /** The request under way. */
  #exchange: Exchange | undefined;

  constructor(service: Service, number: number, key: Key | undefined) {
    this.#service = service;
    this.#number = number;
    this.#key = key;
    this.#requestsLeft = service.settings.requestsEach;
    this.#pause();
  }

  get isOver(): boolean {
    return this.#requestsLeft === 0 && this.#exchange === undefined;
  }

  /** Sends no further request. */
  stop(): void {
    this.#requestsLeft = 0;
  }

  /** Closes the connection. */
  cut(): void {
    this.#exchange?.reply.leave();
  }

  /** Closes the connection if its request has not been read. */
  cutUnread(): void {
    if (this.#exchange?.isUnread) this.cut();
  }

  #pause(): void {
    const { random } = world();
    const pauseMs = random.chance(this.#service.settings.bursts) ? 0 : world().delayMs(0.01, 300);
    world().after(pauseMs, `client ${this.#number} is ready to send`, () => {
      if (this.#requestsLeft === 0) return;
      this.#requestsLeft -= 1;
      const number = this.#number * 1000 + this.#requestsLeft + 1;
      this.#exchange = new Exchange(number, this.#service, this.#key, this.#socket, () => {
        this.#exchange = undefined;
        if (this.#requestsLeft > 0) this.#pause();
      });
      this.#exchange.send();
    });
  }
}

class Exchange {
  readonly reply = new FakeReply();
  /** Whether its draw has not been submitted. */
  isUnread = true;
  readonly #number: number;
  readonly #service: Service;
  readonly #key: Key | undefined;
  readonly #socket: object;
  readonly #onEnd: () => void;
  readonly #memory: RequestMemory;
  /** Whether the service has done with it. */
  #isServed = false;

  constructor(number: number, service: Service, key: Key | undefined, socket: object, onEnd: () => void) {
    this.#number = number;
    this.#service = service;
    this.#key = key;
    this.#socket = socket;
    this.#onEnd = onEnd;
    this.#memory = new RequestMemory(service.budget, this.reply.raw);
  }

  get #caller(): object {
    return this.#key ?? this.#socket;
  }

  get #name(): string {
    return `request ${this.#number}`;
  }

  send(): void {
    const { settings } = this.#service;
    this.reply.on('close', () => this.#end());
    if (world().random.chance(settings.leaves)) {
      world().after(world().delayMs(0.01, 200), `the client of ${this.#name} leaves`, () => this.reply.leave());
    }
    const request = {
      method: 'POST',
      url: '/sample',
      httpVersion: '1.1',
      headers: { host: 'a', 'x-request-id': String(this.#number), authorization: this.#key },
      rawHeaders: ['host', 'a'],
      socket: this.#socket,
      caller: this.#caller,
      letIn: () => this.#read(),
      refused: (status) => {
        if (this.#service.isQueueEmpty) world().violate(`${this.#name} is refused unread, but the queue is empty`);
        this.#answer(status);
      },
    } satisfies FakeRequest & Record<string, unknown>;
    this.#service.handle(request as never, this.reply.raw);
  }

  /** Reads the body in some pieces, into buffers that grow. */
  #read(): void {
    const pieces = world().random.pick([0, 0, 1, 2]);
    let body: ArrayBuffer | undefined;
    const read = (piece: number) => {
      if (this.reply.destroyed) {
        this.#memory.settle();
        this.#isServed = true;
        this.#end();
        return;
      }
      try {
        const larger = this.#memory.take(200 * (piece + 1));
        if (body) this.#memory.give(body);
        body = larger;
        if (piece === pieces) {
          this.#parsed(body);
          return;
        }
      } catch (error) {
        this.#fail(error);
        return;
      }
      world().after(world().delayMs(0.01, 20), `a piece of ${this.#name} arrives`, () => read(piece + 1));
    };
    read(0);
  }

  #parsed(body: ArrayBuffer): void {
    const { settings } = this.#service;
    const { random } = world();
    const arrays = (count: number) => new Float32Array(this.#memory.take(4 * count), 0, count);
    const job = makeJob(random, settings, arrays);
    this.#memory.give(body);
    identify(job, this.#number);
    const deadlineMs = random.chance(settings.hasDeadline) ? world().delayMs(0.1, 1000) : 5000;
    const draw = new Draw(this.#number, job, world().nowMs + deadlineMs, this.#caller, this.reply, this.#service);
    world().note(
      () =>
        `${this.#name}: ${job.kind} of ${job.samples} x ${job.rows} x ${job.categories}, in ${deadlineMs.toFixed(3)} ms`,
    );
    this.#draw(draw).catch((error) => this.#fail(error));
  }

  async #draw(draw: Draw): Promise<void> {
    const { job, terms } = draw;
    const sampler = this.#service.sampler as Sampler;
    const observed = {
      ...sampler,
      draw: () => draw.submit(() => sampler.draw(job, terms), isFirst(draw)),
    };
    this.isUnread = false;
    const result = await drawFor(this.#request, observed, job, terms);
    const wrong = wrongIn(job, this.#number, result);
    if (wrong) world().violate(`${this.#name}: ${wrong}`);
    const numbers = Object.values(result).reduce((sum, { length }) => sum + length, 0);
    if (isPrintedWhole(numbers) && world().random.chance(0.7)) {
      this.#send(job, result, 'x'.repeat(2 * numbers));
      this.#answer(200);
    } else {
      this.#send(job, result, Readable.from([]));
      this.reply.answer(200, this.#name);
      this.#stream(job, result, world().random.below(4));
    }
  }

  get #request(): FastifyRequest {
    const key = this.#key;
    const caller = key && {
      charge: (units: number) => {
        key.charged += units;
      },
      refund: (units: number) => {
        key.charged -= units;
        if (key.charged < 0) world().violate(`${key.name} is refunded more than it was charged`);
      },
      drawn: () => {},
    };
    return { caller, memory: this.#memory } as unknown as FastifyRequest;
  }

  #send(job: Job, result: JobResult, body: string | Readable): void {
    const reply = { raw: this.reply, hasHeader: () => true, send: () => {} } as unknown as FastifyReply;
    const { sending } = this.#service;
    if (!this.reply.destroyed) {
      sending.set(this.reply, typeof body === 'string' ? body.length : resultBytes(job));
      this.reply.once('close', () => sending.delete(this.reply));
    }
    sendDrawn(this.#request, reply, this.#service.sampler as Sampler, { job, result }, body);
    if (typeof body === 'string') return;
    // Whoever streams may read on after its client has left, so that the memory is not used again.
    this.reply.once('close', () => {
      if (!this.#isServed)
        for (const { buffer } of Object.values(result)) this.#service.buffers.lose(buffer as ArrayBuffer);
    });
    if (this.reply.destroyed) {
      for (const { buffer } of Object.values(result)) this.#service.buffers.lose(buffer as ArrayBuffer);
    }
  }

  /** Prints a reply in pieces, each of which reads the result. */
  #stream(job: Job, result: JobResult, pieces: number): void {
    world().after(world().delayMs(0.01, 50), `a piece of the reply of ${this.#name} is printed`, () => {
      const wrong = wrongIn(job, this.#number, result);
      if (wrong) world().violate(`${this.#name}, while it is sent: ${wrong}`);
      if (pieces > 0 && !this.reply.destroyed) {
        this.#stream(job, result, pieces - 1);
      } else {
        this.#isServed = true;
        this.reply.finish();
        this.#end();
      }
    });
  }

  /** Answers in one piece, and waits until the client has read it. */
  #answer(status: number): void {
    this.#isServed = true;
    this.reply.answer(status, this.#name);
    world().after(world().delayMs(0.01, 20), `the client of ${this.#name} has its reply`, () => this.reply.finish());
    if (this.reply.destroyed) this.#end();
  }

  #fail(error: unknown): void {
    this.#memory.settle();
    this.#isServed = true;
    if (error instanceof CallerGone) {
      if (!this.reply.destroyed) world().violate(`${this.#name} has no answer, although its client is there`);
      this.#end();
    } else if (error instanceof Problem) {
      this.#checkProblem(error);
      this.#answer(error.code === 'deadline-exceeded' ? 504 : 503);
    } else if (error instanceof Error && error.message === 'out of luck' && this.#service.settings.failsInline > 0) {
      this.#answer(500);
    } else {
      world().violate(`${this.#name} fails: ${error instanceof Error ? error.stack : error}`);
    }
  }

  #checkProblem({ code }: Problem): void {
    const draw = this.#service.draws.get(this.#number);
    // There is room for any number of bytes only while no other request holds memory.
    const isAlone = this.#service.isAtRest && this.#memory.hasRoom(Number.POSITIVE_INFINITY);
    const isWrong =
      (code === 'overloaded' && isAlone && !draw?.isLarge) ||
      (code === 'worker-lost' && this.#service.losses === 0 && !this.#service.isStuck) ||
      (code === 'deadline-exceeded' && (draw === undefined || draw.terms.deadlineAtMs > world().nowMs));
    if (isWrong) world().violate(`${this.#name} is refused: ${code}`);
  }

  /** Ends the exchange once the service has done with it and the connection knows. */
  #end(): void {
    if (!this.#isServed || !this.reply.destroyed || this.#isOver) return;
    this.#isOver = true;
    this.#onEnd();
  }

  #isOver = false;
}

/** Whether no draw of its class was accepted from its caller before: it starts at the present virtual time. */
function isFirst({ caller, isLarge }: Draw): boolean {
  const callers = isLarge ? accepted.large : accepted.small;
  if (callers.has(caller)) return false;
  callers.add(caller);
  return true;
}
