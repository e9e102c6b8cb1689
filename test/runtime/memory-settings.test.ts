/**
 * The buffers of bodies and results are used again by the C library: on Linux, where page faults are counted. Their
 * number, unlike their price, is no matter of speed.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { Flood, type Sent } from '../support/flood.js';
import { bytesOf } from '../support/inference.js';
import { start } from '../support/server-process.js';

const connections = 8;
const [rows, categories] = [64, 1000];

/** Until the process has what it keeps: some 100 MiB, a quarter of a MiB for each request. */
const warmUpRequests = 1500;
const requests = 500;

/**
 * Pages of 4 KiB that each request has mapped. With the setting it is 0 to 1; without, 9 to 80 of the 130 pages that
 * Node.js and ONNX Runtime allocate for it.
 */
const faultsMax = 2;

const values = Array.from({ length: rows * categories }, (_, at) => (at % 101) / 16);
const tensor = bytesOf({ datatype: 'FP32', values });
const json = Buffer.from(
  JSON.stringify({
    parameters: { seed: 42, binary_data_output: true },
    inputs: [
      { name: 'logits', shape: [rows, categories], datatype: 'FP32', parameters: { binary_data_size: tensor.length } },
    ],
  }),
);
const sent: Sent = {
  path: '/v2/models/gumbel_softmax/infer',
  headers: { 'inference-header-content-length': json.length },
  body: Buffer.concat([json, tensor]),
};

/**
 * Minor page faults of a process so far: field 10 of proc(5), the eighth behind the name, which ends with the last
 * parenthesis.
 */
function pageFaults(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[7]);
}

if (process.platform === 'linux') {
  t.test('the memory of large requests is not mapped anew for each', async (t) => {
    const { child, url, exit } = await start();
    t.teardown(() => child.kill('SIGKILL'));
    const flood = new Flood(url, connections);
    await flood.post(sent, warmUpRequests);
    // The least of up to three attempts: while the process still grows it maps what it will keep, and without the
    // setting all are alike.
    let least = Number.POSITIVE_INFINITY;
    for (let attempt = 0; attempt < 3 && least >= faultsMax; attempt++) {
      const before = pageFaults(child.pid as number);
      await flood.post(sent, requests);
      least = Math.min(least, (pageFaults(child.pid as number) - before) / requests);
    }
    t.ok(least < faultsMax, `${least.toFixed(1)} pages of each`);
    flood.end();
    child.kill('SIGTERM');
    t.same(await exit, [0, null]);
  });
} else {
  t.pass('nothing to see on this system');
}
