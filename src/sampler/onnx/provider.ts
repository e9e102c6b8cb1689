/**
 * The execution providers, and the error texts for an operator when one cannot be used. session.ts opens a provider,
 * and choose-provider.ts chooses one.
 */

/** In the order in which `auto` tries them. */
export const providers = ['cuda', 'webgpu', 'cpu'] as const;
export type Provider = (typeof providers)[number];

/** The values of EXECUTION_PROVIDER. */
export type ProviderRequest = Provider | 'auto';

/** Whether the provider runs on a GPU. It then has one worker: several would take turns, each with its own buffers. */
export function ownsGpu(provider: Provider): boolean {
  return provider !== 'cpu';
}

const remedies: Readonly<Partial<Record<Provider, string>>> = {
  cuda: 'It needs Linux on x64, an NVIDIA driver, cuDNN 9, and CUDA 12 or 13 with the files that npm run install:cuda fetches for it (docs/providers.md).',
  webgpu:
    'On Linux it needs the Vulkan driver of a GPU and the package libvulkan1; other systems need no installation (docs/providers.md).',
};

const providerErrorCode = 'provider-unavailable';

/** A provider cannot be used here. `is` reads the code: an error from a worker thread keeps its code, not its class. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  readonly code = providerErrorCode;

  static is(error: unknown): error is Error {
    return error instanceof Error && 'code' in error && error.code === providerErrorCode;
  }
}

/** The error of a provider, with its requirements. */
export function providerError(provider: Provider, reason: string): ProviderError {
  return new ProviderError(`provider ${provider} cannot be used: ${reason}. ${remedies[provider] ?? ''}`.trim());
}

/** The message of ONNX Runtime in one line, without the positions in its source code. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = text
    .replace(/^.* was false\. /s, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return line.replace(/\.$/, '').slice(0, 300);
}
