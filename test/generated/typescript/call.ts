/**
 * Calls the service through the client that openapi-typescript generates; compiles only if its types are the ones
 * people expect.
 */
import createClient from 'openapi-fetch';
import type { components, paths } from './schema.js';

type Schemas = components['schemas'];

declare const process: { readonly argv: readonly string[] };

function check(isRight: boolean, what: string): void {
  if (!isRight) throw new Error(`openapi-fetch: ${what}`);
}

const client = createClient<paths>({ baseUrl: process.argv[2] as string });

const temperature: Schemas['ExponentialSchedule'] = {
  schedule: 'exponential',
  initial: 1,
  minimum: 0.5,
  rate: 1e-4,
  step: 3000,
};
const logits: Schemas['Logits'] = [
  [1, 0.5, -1],
  [0, null, 0],
];
// A field that may be left out is one here too.
const drawn = await client.POST('/sample', { body: { logits, temperature, seed: '18446744073709551615' } });
const reply: Schemas['SampleReply'] | undefined = drawn.data;
check(
  reply?.seed === '18446744073709551615' && reply.provider !== '',
  `POST /sample gave ${JSON.stringify(drawn.error)}`,
);
check(Array.isArray(reply?.samples) && reply.samples.length === 2, 'POST /sample gave no samples');

const refused = await client.POST('/sample', { body: { logits: [1, 2], seed: -1 } });
check(refused.error?.status === 422 && refused.error.type === '/problems/invalid-seed', 'a wrong seed is a Problem');

const gradient = await client.POST('/sample/vjp', { body: { logits: [1, 2], seed: 42, cotangent: [1, 0] } });
check(gradient.data?.estimator === 'straight_through', 'POST /sample/vjp');

const logProb = await client.POST('/log-prob', { body: { logits: [0, 0], samples: [0.5, 0.5] } });
check(logProb.data?.log_prob === 0, 'POST /log-prob');

const tensor: Schemas['Tensor'] = { name: 'logits', shape: [1, 3], datatype: 'FP32', data: [1, 0.5, -1] };
const inferred = await client.POST('/v2/models/gumbel_softmax/infer', {
  body: { parameters: { seed: 42 }, inputs: [tensor] },
});
// Bytes are a string here: the service sends them only if it is asked to.
const inference = typeof inferred.data === 'object' ? inferred.data : undefined;
check(inference?.outputs[1]?.datatype === 'INT64', 'POST /v2/models/gumbel_softmax/infer');

const ready = await client.GET('/readyz');
check(ready.data?.status === 'ready', 'GET /readyz');
