/**
 * Which execution provider draws: the one that was asked for by name, or with `auto` the first that starts and proves
 * itself. There is no silent way to another provider. Starting one is left to the caller.
 */
import { type Provider, ProviderError, type ProviderRequest, providers } from './onnx/provider.js';

/** A provider that `auto` tried before the one it took. */
export interface Refusal {
  readonly provider: Provider;
  readonly reason: string;
}

export interface Choice<Started> {
  readonly provider: Provider;
  readonly started: Started;
  /** Empty unless `auto` was asked for. */
  readonly refused: readonly Refusal[];
}

/**
 * @throws {ProviderError} when the provider that was asked for cannot be used here
 * @throws {Error} whatever else `start` throws: that is no reason to try another provider
 */
export async function chooseProvider<Started>(
  request: ProviderRequest,
  start: (provider: Provider) => Promise<Started>,
): Promise<Choice<Started>> {
  const refused: Refusal[] = [];
  for (const provider of request === 'auto' ? providers : [request]) {
    try {
      return { provider, started: await start(provider), refused };
    } catch (error) {
      if (!ProviderError.is(error)) throw error;
      refused.push({ provider, reason: error.message });
    }
  }
  throw new ProviderError(refused.map(({ reason }) => reason).join(' '));
}
