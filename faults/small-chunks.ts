/** Bodies in chunks of one byte: read up to a limit where somebody reads them, and not parsed where nobody does. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RawSocket } from './raw-socket.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';
import { checkBystander, checkSiege, type Siege, siege, siegeHeaders, siegeRow } from './siege.js';

/** Of the wire: six for each byte of the body. */
const wireMegabytes = 17;

/**
 * Stated before, for each body: 200 GET /livez, some 100 ms of the HTTP thread, where parsing it all took 3 to 6 s, and
 * 8 MiB, the chunks that are taken and what of a read is being parsed.
 */
const livezMax = 200;
const bodyMiBMax = 8;
const growthMiBMax = 100;

function head(method: string, path: string): string {
  return `${method} ${path} HTTP/1.1\r\nHost: service\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
}

async function send(service: Service, start: string, chunks: Buffer, bodies: number): Promise<RawSocket[]> {
  const sockets = await RawSocket.openAll(service.port, bodies);
  for (const { socket } of sockets) {
    socket.write(start);
    socket.write(chunks);
  }
  await Promise.all(sockets.map(({ closed }) => closed));
  return sockets;
}

async function run({ full }: Options, checks: Checks): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), 'gumbel-sampler-faults-'));
  const keys = join(folder, 'keys');
  writeFileSync(keys, `alice:${'0'.repeat(64)}\n`);
  const chunks = Buffer.from('1\r\n \r\n'.repeat((wireMegabytes * 1e6) / 6));
  const sieges: Siege[] = [];
  const environments = [
    ['no keys', {}, ['POST /sample', 'POST /v2/models/gumbel_softmax/infer', 'GET /livez']],
    ['without a key', { API_KEYS_FILE: keys }, ['POST /sample', 'GET /livez']],
  ] as const;
  try {
    for (const [access, environment, targets] of environments) {
      const service = await Service.start({ environment });
      for (const target of targets) {
        for (const bodies of full ? [1, 13] : [2]) {
          const [method, path] = target.split(' ');
          const name = `${bodies} x ${target}, ${access}`;
          const seen = await siege(service, name, async () => {
            const sockets = await send(service, head(method, path), chunks, bodies);
            const replies = sockets.map(({ replies }) => replies);
            checks.equal(`${name}: each was answered once, and closed`, replies, Array(bodies).fill(1));
          });
          const grownMiBMax = growthMiBMax + bodyMiBMax * bodies;
          checkBystander(checks, seen);
          checkSiege(checks, seen, { livezMax: livezMax * (bodies + 1), grownMiBMax });
          sieges.push(seen);
        }
      }
      checks.equal(`${access}: it ended with 0`, await service.stop(), [0, null]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return {
    method: `Bodies of one-byte chunks, ${wireMegabytes} MB on the wire each, to routes that read bodies and routes that do not, beside a bystander that asks /livez every 5 ms.`,
    tables: [{ headers: siegeHeaders, rows: sieges.map(siegeRow) }],
  };
}

export const smallChunksScenario: Scenario = {
  name: 'small-chunks',
  title: 'Bodies in chunks of one byte',
  run,
};
