/** The arithmetic of docs/scale.md. */
import t from 'tap';
import type { HttpResult } from '../../bench/http-tables.js';
import { drawsMarkdown, millionMarkdown, readmeMarkdown } from '../../bench/scale-tables.js';

const measured = { p50Ms: 1, p99Ms: 2, clientCores: 0.1, requestBytes: 1448, replyBytes: 1449 };
const figures = (target: 'service' | 'echo' | 'fastapi', cpuUs: number, requestsPerSecond: number) => ({
  target,
  request: '64x1000 soft',
  connections: 32,
  draws: 64,
  rounds: [{ ...measured, cpuUs, mainThreadUs: cpuUs, requestsPerSecond }],
});
const result: HttpResult = {
  run: {
    command: 'npm run bench',
    date: '2026-01-01 00:00',
    commit: 'abc',
    node: '20',
    onnxruntimeNode: '1',
    fastify: '5',
    cpu: 'CPU',
    cores: 2,
    memoryGiB: 8,
    system: 'linux x64',
    loadAverage: 0,
  },
  options: { rounds: 1, seconds: 1, warmUpSeconds: 1 },
  fastapi: {},
  figures: [figures('service', 6400, 200), figures('echo', 12_800, 60), figures('fastapi', 32_000, 30)],
  freedom: [],
};
const lastRow = (markdown: string) => (markdown.split('\n').at(-1) as string).split('|').map((cell) => cell.trim());

t.test('CPU seconds of a million draws', async (t) => {
  t.same(lastRow(drawsMarkdown(result)).slice(1, -1), ['64x1000 soft', '64', '6,400', '100', '500', '-']);
});

t.test('cores, pods, bandwidth and connections of a million requests a second', async (t) => {
  // 6,400 cores, pods that use 1.6 each; packets of 1,448 bytes and 66 more; 32 connections keep 200 a second going.
  const pods = 4000;
  t.same(lastRow(millionMarkdown(result)).slice(2, -1), [
    '6,400',
    '4,000',
    ((8 * (1448 + 66)) / 1000).toPrecision(3),
    ((8 * (1449 + 2 * 66)) / 1000).toPrecision(3),
    '160,000',
    Math.round(32 * pods * Math.log(pods)).toLocaleString('en'),
  ]);
});

t.test('the figure of the README', async (t) => {
  const text = readmeMarkdown(result) as string;
  t.match(text.replaceAll('\n', ' '), '6.40 ms of CPU a request');
  t.match(text.replaceAll('\n', ' '), 'takes 5.0 times that');
  t.ok(text.split('\n').every((line) => line.length <= 120));
  t.equal(readmeMarkdown({ ...result, figures: [] }), undefined, 'without the peer it stays as it is');
});
