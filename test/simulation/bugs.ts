/** Bugs that are planted into the compiled service to see whether simulations find them. */
import type { Bug } from '../support/planted-bug.js';

export const bugs: readonly Bug[] = [
  {
    name: 'wrong count: a part that leaves the queue is not subtracted from the units',
    file: 'sampler/queue/queue.js',
    text: 'this.#units += units - countedUnits;',
    replacement: 'this.#units += Math.max(0, units - countedUnits);',
  },
  {
    name: 'wrong count: a job that fails in the queue leaves a unit there',
    file: 'sampler/queue/queue.js',
    text: 'this.#count(entry, 0);',
    replacement: 'this.#count(entry, 0); this.#units += 1;',
  },
  {
    name: 'wrong count: the charge of a job that leaves the queue is not taken off',
    file: 'sampler/queue/queue.js',
    text: 'entry.countedCharge = charge;',
    replacement: '',
  },
  {
    name: 'wrong limit: the queue admits a job without its own charge',
    file: 'sampler/queue/capacity.js',
    text: 'return share.smallCharge + charge <= free;',
    replacement: 'return share.smallCharge <= free;',
  },
  {
    name: 'wrong refusal: the time that a small draw has left is taken for seconds',
    file: 'sampler/queue/deadlines.js',
    text: 'Math.max(sharedShare * leftMs,',
    replacement: 'Math.max((sharedShare * leftMs) / 1000,',
  },
  {
    name: 'wrong refusal: load shedding asks for the connection of a caller with a key',
    file: 'http/load-shedding.js',
    text: 'refusal(caller.name === undefined ? request.socket : caller)',
    replacement: 'refusal(request.socket)',
  },
  {
    name: 'double release: the result of a drawn job is given back while its caller reads it',
    file: 'sampler/queue/batcher.js',
    text: 'ticket.result = result;',
    replacement: 'ticket.result = result; this.#options.release(result);',
  },
  {
    name: 'early release: a reply in pieces gives its result back before it is sent',
    file: 'routes/run-draw.js',
    text: "reply.raw.once('finish', () => sampler.release(result));",
    replacement: 'sampler.release(result);',
  },
  {
    name: 'wrong reference count: the first release of a batch frees all of its results',
    file: 'sampler/queue/result-memory.js',
    text: 'if (shared.unreleased === 0)',
    replacement: 'if (shared.unreleased >= 0)',
  },
  {
    name: 'leak: results of parts are not released',
    file: 'sampler/queue/batcher.js',
    text: 'gather(ticket.result, part, result);\n            this.#options.release(result);',
    replacement: 'gather(ticket.result, part, result);',
  },
  {
    name: 'lost wake-up: the end of a batch does not start the next',
    file: 'sampler/queue/batcher.js',
    text: 'this.#runningUnits -= units;\n            this.#schedule();',
    replacement: 'this.#runningUnits -= units;',
  },
  {
    name: 'lost wake-up: an inline batch that fails blocks all others',
    file: 'sampler/queue/batcher.js',
    text: '.finally(() => {\n            onEnd();',
    replacement: '.finally(() => {\n            if (taken.entries.some(({ result }) => result)) onEnd();',
  },
  {
    name: 'lost wake-up: small jobs that a batch leaves in the queue wait for the next event',
    file: 'sampler/queue/batcher.js',
    text: `this.#startBatches();
            // The batches may have left little enough work for this thread.
            if (this.#mayRunInline())
                this.#startInline();`,
    replacement: 'this.#startBatches();',
  },
  {
    name: 'idle: no batch starts on an idle worker while another has batches in advance',
    file: 'sampler/queue/batcher.js',
    text: ' || hasIdleLane?.()',
    replacement: '',
  },
  {
    name: 'lost batches: what a lost worker had in advance is forgotten',
    file: 'sampler/queue/pool.js',
    text: 'this.#waiting.unshift(...inAdvance);',
    replacement: '',
  },
  {
    name: 'lost worker: it is not replaced',
    file: 'sampler/queue/pool.js',
    text: 'this.#waiting.unshift(...inAdvance);\n            this.#replace();',
    replacement: 'this.#waiting.unshift(...inAdvance);',
  },
  {
    name: 'lost worker: it counts as two losses',
    file: 'sampler/queue/pool.js',
    text: 'const [drawn, ...inAdvance] = seat.removeAll();',
    replacement: 'const [drawn, ...inAdvance] = seat.removeAll(); this.#lossesAtMs.push(this.#options.now());',
  },
  {
    name: 'lost worker: a replacement that failed to start is started again at each look',
    file: 'sampler/queue/pool.js',
    text: 'this.#replace();\n        this.#missing = 0;',
    replacement: 'this.#replace();',
  },
  {
    name: 'off by one: the flag of an unwanted batch is that of its neighbour',
    file: 'sampler/queue/seat.js',
    text: 'Atomics.store(this.#state, unwantedColumn(this.#answered + index), 1);',
    replacement: 'Atomics.store(this.#state, unwantedColumn(this.#answered + index + 1), 1);',
  },
  {
    name: 'false alarm: an answer does not reset the time that a worker holds its batch',
    file: 'sampler/queue/seat.js',
    text: 'this.#answered += 1;\n        this.#heldMs = 0;',
    replacement: 'this.#answered += 1;',
  },
  {
    name: 'late: a job is drawn after its deadline',
    file: 'sampler/queue/batcher.js',
    text: 'else if (nowMs >= deadlineAtMs) {',
    replacement: 'else if (nowMs >= deadlineAtMs + 100) {',
  },
  {
    name: 'late: a draw that a worker has gets no answer at its deadline',
    file: 'sampler/queue/batcher.js',
    text: 'for (const ticket of this.#unsettled)\n            this.#drop(ticket, nowMs);',
    replacement:
      'for (const ticket of this.#unsettled)\n            if (ticket.drawsLeft > 0) this.#drop(ticket, nowMs);',
  },
  {
    name: 'wrong place: the rows of a part are copied to the beginning of their sample',
    file: 'sampler/queue/batcher.js',
    text: 'part.sampleStart * job.rows + part.rowStart',
    replacement: 'part.sampleStart * job.rows',
  },
  {
    name: 'wrong inputs: a batch has the temperatures of its first job only',
    file: 'sampler/queue/pack.js',
    text: 'batch.temperature.set(job.temperature.subarray(rowStart, rowEnd), row);',
    replacement: 'batch.temperature.set(job.temperature.subarray(rowStart, rowEnd), 0);',
  },
  {
    name: 'wrong inputs: a batch that has waited has those of jobs that have settled',
    file: 'sampler/queue/taken-batch.js',
    text: 'if (!entry.settled)',
    replacement: '',
  },
  {
    name: 'starvation: while small jobs wait, no large one is drawn',
    file: 'sampler/queue/queue.js',
    text: 'const largeTurnEvery = 4;',
    replacement: 'const largeTurnEvery = 400;',
  },
  {
    name: 'starvation: the newest caller is first',
    file: 'sampler/queue/fair-order.js',
    text: 'a.tag === b.tag && a.age < b.age',
    replacement: 'a.tag === b.tag && a.age > b.age',
  },
  {
    name: 'memory: what a request holds is not freed at its end',
    file: 'http/memory-budget.js',
    text: 'this.#add(-this.#bytes);\n        this.#over = true;',
    replacement: 'this.#over = true;',
  },
  {
    name: 'memory: the result of a reply in pieces is freed before it is sent',
    file: 'routes/run-draw.js',
    text: "reply.raw.once('finish', () => sampler.release(result));",
    replacement: "memory.free(drawnBytes(job)); reply.raw.once('finish', () => sampler.release(result));",
  },
  {
    name: 'memory: a text does not count while it is sent',
    file: 'routes/run-draw.js',
    text: 'memory.free(drawnBytes(job) - body.length);',
    replacement: 'memory.free(drawnBytes(job));',
  },
  {
    name: 'memory: a buffer of a body is given back twice',
    file: 'http/memory-budget.js',
    text: 'this.#buffers?.splice(index, 1);',
    replacement: '',
  },
  {
    name: 'stop: a worker that is busy when the pool stops is never told',
    file: 'sampler/queue/pool.js',
    text: 'if (this.#stopping && seat.batches === 0)',
    replacement: 'if (false)',
  },
  {
    name: 'stop: processes that were to be replaced are still started',
    file: 'processes/supervisor.js',
    text: 'for (const restart of this.#restarts)\n            clearTimeout(restart);',
    replacement: '',
  },
  {
    name: 'processes: a connection on its way to a process that dies is forgotten',
    file: 'processes/handover.js',
    text: 'if (socket)\n            this.#waiting.unshift(socket);',
    replacement: '',
  },
  {
    name: 'processes: the primary closes a connection before the process has it',
    file: 'processes/handover.js',
    text: 'child.handOver(socket);',
    replacement: 'child.handOver(socket); socket.destroy();',
  },
  {
    name: 'processes: of those that are free the one of the lowest number is first',
    file: 'processes/handover.js',
    text: 'for (const child of this.#free) {',
    replacement: 'for (const child of [...this.#free].sort((a, b) => a.number - b.number)) {',
  },
];
