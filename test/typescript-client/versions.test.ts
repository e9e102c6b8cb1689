/** Which versions of client, service and noise work together: docs/clients.md. */
import { readFileSync } from 'node:fs';
import { loadNoise } from '@gumbel-sampler/client/noise';
import t from 'tap';
import { noiseVersion } from '../../src/sampler/noise/version.js';
import { type SentRequest, sentRequests } from './recorded.js';
import { serve } from './served.js';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const { version } = JSON.parse(read('clients/typescript/package.json')) as { version: string };
const recorded = JSON.parse(read('test/fixtures/typescript_client.json')) as {
  readonly version: string;
  readonly requests: readonly SentRequest[];
};
const minorOf = (text: string) => text.split('.').slice(0, 2).join('.');

t.test('the table is that of this version', async (t) => {
  const { version: service } = JSON.parse(read('package.json'));
  t.equal(minorOf(version), minorOf(service), 'client and service have one minor version');
  t.ok(
    read('docs/clients.md').includes(`| @gumbel-sampler/client | ${version} | ${minorOf(service)} | ${noiseVersion} |`),
  );
  t.match(
    read('clients/typescript/README.md'),
    new RegExp(`version ${minorOf(service)} .*\\s.*noise \`${noiseVersion}\``),
  );
  t.equal((await loadNoise()).version, noiseVersion);
});

t.test('this client sends what its minor version sends, and this service answers it', async (t) => {
  t.equal(minorOf(recorded.version), minorOf(version));
  t.same(await sentRequests(), recorded.requests);
  const { service, close } = await serve();
  t.teardown(close);
  for (const { path, headers, body } of recorded.requests) {
    const { statusCode } = await service.app.inject({
      method: 'POST',
      url: path,
      headers,
      payload: Buffer.from(body, 'base64'),
    });
    t.equal(statusCode, 200, path);
  }
});
