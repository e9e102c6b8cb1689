import t from 'tap';
import { chooseProvider } from '../../src/sampler/choose-provider.js';
import { type Provider, ProviderError, providerError } from '../../src/sampler/onnx/provider.js';

/** Starts the given providers and refuses all others. */
const only = (working: readonly Provider[]) => async (provider: Provider) => {
  if (!working.includes(provider)) throw providerError(provider, 'nothing is plugged in');
  return `started ${provider}`;
};

t.test('auto takes the first of cuda, webgpu and cpu that works, and says why it took no other', async (t) => {
  t.same(await chooseProvider('auto', only(['cuda', 'webgpu', 'cpu'])), {
    provider: 'cuda',
    started: 'started cuda',
    refused: [],
  });
  const second = await chooseProvider('auto', only(['webgpu', 'cpu']));
  t.equal(second.provider, 'webgpu');
  const last = await chooseProvider('auto', only(['cpu']));
  t.equal(last.provider, 'cpu');
  t.same(
    last.refused.map(({ provider }) => provider),
    ['cuda', 'webgpu'],
  );
  for (const { provider, reason } of last.refused) {
    t.match(reason, new RegExp(`^provider ${provider} cannot be used: nothing is plugged in\\. .*docs/providers\\.md`));
  }
});

t.test('a provider that was asked for by name is never replaced by another', async (t) => {
  const tried: Provider[] = [];
  const start = (provider: Provider) => {
    tried.push(provider);
    return only(['cpu'])(provider);
  };
  const error = await chooseProvider('webgpu', start).catch((reason) => reason);
  t.ok(ProviderError.is(error));
  t.match(error.message, /webgpu cannot be used: nothing is plugged in/);
  t.same(tried, ['webgpu']);
});

t.test('an error that is not about a provider ends auto, too', async (t) => {
  const start = async () => {
    throw new Error('out of memory');
  };
  const error = await chooseProvider('auto', start).catch((reason) => reason);
  t.notOk(ProviderError.is(error));
  t.equal(error.message, 'out of memory');
});
