/**
 * Reads kernel.wasm, which lies beside this module.
 *
 * Workaround: fetch of Node.js reads no files, https://github.com/nodejs/node/issues/51744, and an import of
 * node:fs/promises would stop bundlers for browsers, https://github.com/webpack/webpack/issues/13290.
 * Can go when the oldest Node.js served fetches files.
 */

/** The part of Node.js's process that is used. */
interface NodeProcess {
  /** Node.js has it from 20.16 and 22.3 on, and Deno and Bun have it. */
  getBuiltinModule?(name: 'node:fs/promises'): { readFile(url: URL): Promise<BufferSource> };
}

export async function readKernel(): Promise<BufferSource> {
  const url = new URL('./kernel.wasm', import.meta.url);
  if (url.protocol === 'file:') {
    const { process } = globalThis as { process?: NodeProcess };
    const files = process?.getBuiltinModule?.('node:fs/promises');
    if (files) return files.readFile(url);
  }
  const response = await fetch(url);
  if (!response.ok) {
    throw new Error(`${url} answered ${response.status}: serve kernel.wasm there, or give it to loadNoise as kernel.`);
  }
  return response.arrayBuffer();
}
