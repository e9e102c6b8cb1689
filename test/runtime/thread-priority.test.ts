/** The niceness of threads, as Linux has it: that of the workers is higher than that of the HTTP thread. */
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { workerNiceness } from '../../src/runtime/thread-priority.js';
import { start } from '../support/server-process.js';

/** Niceness by thread (proc(5), field 19 of stat; the name before it may hold spaces). */
function nicenessOf(pid: number): Map<number, number> {
  const folder = `/proc/${pid}/task`;
  const niceness = (thread: string) =>
    Number(readFileSync(`${folder}/${thread}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[16]);
  return new Map(readdirSync(folder).map((thread) => [Number(thread), niceness(thread)]));
}

t.test('workers give way to the HTTP thread, each of them', async (t) => {
  const { child, url, exit } = await start({ WORKERS: '2' });
  t.teardown(() => child.kill());
  const pid = child.pid as number;
  // On other systems a thread has no niceness of its own, and there is nothing to see.
  if (process.platform === 'linux') {
    const niceness = nicenessOf(pid);
    const ours = niceness.get(pid) as number;
    const giving = [...niceness.values()].filter((value) => value === ours + workerNiceness);
    t.ok(giving.length >= 2, `of ${niceness.size} threads, ${giving.length} give way`);
    t.ok(giving.length < niceness.size / 2, 'and not all');
  }
  const draw = await fetch(`${url}/sample`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"logits":[1,2],"seed":1}',
  });
  t.equal(draw.status, 200);
  child.kill();
  t.same(await exit, [0, null]);
});
