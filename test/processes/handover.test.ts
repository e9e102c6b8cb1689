/** Connections on their way from the primary to its processes; the processes here are what Handover knows of them. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import t from 'tap';
import { Handover } from '../../src/processes/handover.js';
import type { HttpProcess } from '../../src/processes/process-handle.js';

class FakeSocket extends EventEmitter {
  destroyed = false;
  destroy(): void {
    this.destroyed = true;
  }
}

function accept(handover: Handover): FakeSocket {
  const socket = new FakeSocket();
  handover.accept(socket as unknown as Socket);
  return socket;
}

function fakeProcess(): HttpProcess & { given: unknown[] } {
  const given: unknown[] = [];
  const handOver = (socket: unknown) => given.push(socket);
  return { serving: true, leaving: false, handOver, given } as unknown as HttpProcess & { given: unknown[] };
}

t.test('what a dead process has not received goes to another one', async (t) => {
  const handover = new Handover(10);
  const first = fakeProcess();
  handover.add(first);
  const socket = accept(handover);
  t.same(first.given.length, 1);
  const second = fakeProcess();
  handover.add(second);
  handover.lose(first);
  t.equal(second.given[0], socket);
  t.notOk(socket.destroyed);
  handover.received(second);
  t.ok(socket.destroyed, 'the process has a descriptor of its own');
  await handover.emptied();
});

t.test('a process that is leaving gets no further connection when it has received its last', async (t) => {
  const handover = new Handover(10);
  const first = fakeProcess();
  handover.add(first);
  accept(handover);
  const next = accept(handover);
  Object.assign(first, { leaving: true });
  handover.received(first);
  t.equal(first.given.length, 1);
  const second = fakeProcess();
  handover.add(second);
  t.same(second.given, [next]);
  handover.received(second);
  await handover.emptied();
});

t.test('a stop whose last process has died does not wait for connections that nobody can take', async (t) => {
  const handover = new Handover(10);
  const child = fakeProcess();
  handover.add(child);
  const sockets = [accept(handover), accept(handover)];
  const emptied = handover.emptied();
  handover.lose(child);
  handover.abandon();
  await emptied;
  t.same(
    sockets.map(({ destroyed }) => destroyed),
    [true, true],
  );
});
