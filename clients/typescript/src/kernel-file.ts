/** Reads kernel.wasm, which lies beside this module. */

/** The part of Node.js's process that is used. */
interface NodeProcess {
  /** An import would stop bundlers for browsers. Node.js 20.16 and 22.3, Deno and Bun have it. */
  getBuiltinModule?(name: 'node:fs/promises'): { readFile(url: URL): Promise<BufferSource> };
}

export async function readKernel(): Promise<BufferSource> {
  const url = new URL('./kernel.wasm', import.meta.url);
  if (url.protocol === 'file:') {
    const { process } = globalThis as { process?: NodeProcess };
    // fetch of Node.js reads no files.
    const files = process?.getBuiltinModule?.('node:fs/promises');
    if (files) return files.readFile(url);
  }
  const response = await fetch(url);
  if (!response.ok) {
    throw new Error(`${url} answered ${response.status}: serve kernel.wasm there, or give it to loadNoise as kernel.`);
  }
  return response.arrayBuffer();
}
