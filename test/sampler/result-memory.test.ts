import t from 'tap';
import { KeptBuffers } from '../../src/kept-buffers.js';
import { ResultMemory } from '../../src/sampler/result-memory.js';

const bytes = 2 ** 16;

t.test('a buffer is free again once the last of its results is released, each counted once', async (t) => {
  const buffers = new KeptBuffers(2 ** 20);
  const memory = new ResultMemory(buffers);
  const buffer = buffers.take(bytes);
  const results = [{ indices: new Int32Array(buffer, 0, 1) }, { indices: new Int32Array(buffer, 4, 1) }] as const;
  memory.share(buffer, results);
  memory.release(results[0]);
  memory.release(results[0]);
  t.not(buffers.take(bytes), buffer, 'the second result is still read');
  memory.release({ indices: new Int32Array(buffer) });
  t.not(buffers.take(bytes), buffer, 'a result that was not shared releases nothing');
  memory.release(results[1]);
  t.equal(buffers.take(bytes), buffer);
});
