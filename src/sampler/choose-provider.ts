/**
 * Chooses the execution provider: the one that the configuration names, or with `auto` the first that starts and passes
 * its proof. A named provider is never replaced by another. `start` starts a provider.
 */
import { type Provider, ProviderError, type ProviderRequest, providers } from './onnx/provider.js';

/** A provider that `auto` tried and could not use. */
export interface Refusal {
  readonly provider: Provider;
  readonly reason: string;
}

export interface Choice<Started> {
  readonly provider: Provider;
  readonly started: Started;
  /** Empty unless the request was `auto`. */
  readonly refused: readonly Refusal[];
}

/**
 * @throws {ProviderError} when the named provider cannot be used here, or with `auto` none can
 * @throws {Error} any other error of `start`; it is a bug, so no further provider is tried
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
