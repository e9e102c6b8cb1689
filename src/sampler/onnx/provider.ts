/**
 * The execution providers: their order, and what an operator reads when one cannot be used. Opening one is left to
 * `session.ts`, trying one after another to `choose-provider.ts`.
 */

/** Best first: the order in which `auto` tries them. */
export const providers = ['cuda', 'webgpu', 'cpu'] as const;
export type Provider = (typeof providers)[number];

/** What an operator may ask for. */
export type ProviderRequest = Provider | 'auto';

/**
 * Whether the provider runs on a GPU. One worker then owns it: more would only take turns, each with buffers of its
 * own.
 */
export function ownsGpu(provider: Provider): boolean {
  return provider !== 'cpu';
}

const remedies: Readonly<Partial<Record<Provider, string>>> = {
  cuda: 'It needs Linux on x64, an NVIDIA driver, cuDNN 9, and CUDA 12 or 13 with the files that npm run install:cuda fetches for it (docs/providers.md).',
  webgpu:
    'On Linux it needs the Vulkan driver of a GPU and the package libvulkan1; elsewhere the system brings what it needs (docs/providers.md).',
};

const providerErrorCode = 'provider-unavailable';

/** A provider that cannot be used here. The code outlives the way from a worker thread, the class does not. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  readonly code = providerErrorCode;

  static is(error: unknown): error is Error {
    return error instanceof Error && 'code' in error && error.code === providerErrorCode;
  }
}

/** Says what is missing and how to get it. */
export function providerError(provider: Provider, reason: string): ProviderError {
  return new ProviderError(`provider ${provider} cannot be used: ${reason}. ${remedies[provider] ?? ''}`.trim());
}

/** What ONNX Runtime says, in one line, without the places in its sources. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = text
    .replace(/^.* was false\. /s, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return line.replace(/\.$/, '').slice(0, 300);
}
