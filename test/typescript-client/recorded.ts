/** Calls of the TypeScript client with fixed seeds, and the bytes that they send. */
import { Client } from '@gumbel-sampler/client';

export interface SentRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Base64. */
  readonly body: string;
}

const logits = [
  [1, 0.5, -1],
  [0, null, 0],
];
const terms = { temperature: [0.5, 2], seed: [42n, 2n ** 64n - 1n], numSamples: 2, sampleOffset: 3 };
const cotangent = [
  [
    [1, 0, 0],
    [1, 0, 0],
  ],
  [
    [0, 1, 0],
    [0, 0, 1],
  ],
];

const calls: readonly ((client: Client) => Promise<unknown>)[] = [
  (client) => client.sample([1, 0.5, -1], { seed: 42 }),
  (client) =>
    client.sample(logits, { ...terms, hard: [true, false], outputs: ['samples', 'logSamples', 'noise', 'logProb'] }),
  (client) => client.sample(logits, { seed: 1, rowOffset: 7, noise: 'gumbel', masks: 'allow', topK: 2 }),
  (client) => client.vjp(logits, cotangent, terms),
  (client) => client.vjp([1, 0.5, -1], [0, 0, 1], { seed: 42, hard: true, estimator: 'reinmax' }),
  (client) => client.logProb([1, 0.5, -1], { samples: [0.25, 0.25, 0.5] }, { temperature: 0.5 }),
  (client) =>
    client.logProb(logits, {
      logSamples: [
        [-1, -1.5, -0.894064],
        [-1, null, -0.4586751],
      ],
    }),
];

/** What each call sends. No call is answered. */
export async function sentRequests(): Promise<SentRequest[]> {
  const sent: SentRequest[] = [];
  const record = async (
    url: URL,
    { headers, body }: { headers: Record<string, string>; body: string | Uint8Array },
  ) => {
    const { 'x-deadline-ms': _, ...fixed } = headers;
    sent.push({ path: url.pathname, headers: fixed, body: Buffer.from(body as Uint8Array).toString('base64') });
    return new Response('', { status: 400 });
  };
  const client = new Client('http://localhost', { fetch: record as never });
  for (const call of calls) await call(client).catch(() => {});
  return sent;
}
