/**
 * `npm run test:webgpu`: the tests of sampling on WebGPU, and those that compare it with the CPU. Installs nothing: the
 * Vulkan loader finds the driver by its usual variables (VK_DRIVER_FILES) and folders.
 */
import { spawnSync } from 'node:child_process';
import { openDrawGraphs } from '../src/sampler/onnx/session.js';

const help = `No GPU was found for WebGPU. Without one, Debian's chromium carries SwiftShader, which is a GPU in software:

  apt-get install chromium libvulkan1
  export VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json XDG_RUNTIME_DIR=/tmp
  npm run test:webgpu`;

const files = [
  'webgpu/equals-cpu',
  'webgpu/placement',
  'promises/coupling.test',
  'promises/distribution.test',
  'promises/invariance.test',
  'routes/bad-input.test',
  'open-inference/infer-route.test',
  'open-inference/equal-to-sample.test',
  'routes/log-prob.test',
  'routes/sample.test',
  'routes/vjp.test',
  'sampler/sampler.test',
].map((name) => `dist/test/${name}.js`);

try {
  await (await openDrawGraphs('webgpu')).close();
  const { status } = spawnSync(process.execPath, ['dist/test/run.js', ...files], {
    stdio: 'inherit',
    env: { ...process.env, TEST_PROVIDER: 'webgpu' },
  });
  process.exitCode = status ?? 1;
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n\n${help}`);
  process.exitCode = 78;
}
