import t from 'tap';
import { describeDevice, nvidiaModels, vulkanDrivers } from '../../../src/sampler/onnx/device.js';

t.test('the CPU has a name', async (t) => {
  t.match(describeDevice('cpu'), /\S/);
});

t.test('an NVIDIA GPU is named as its driver names it, equal ones once', async (t) => {
  const card = 'Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 90\nGPU UUID: \t GPU-0\n';
  t.equal(nvidiaModels([card, card]), 'NVIDIA H100 80GB HBM3');
  t.equal(nvidiaModels([]), '');
  t.equal(nvidiaModels(['IRQ: 90']), '');
});

t.test('WebGPU is named by the Vulkan drivers in the memory map, not by the loader', async (t) => {
  const line = (path: string) => `7f00-7f01 r-xp 00000000 fe:00 1234                       ${path}\n`;
  const maps = [
    '/usr/lib/libvulkan.so.1.3.239',
    '/usr/lib/libvulkan_radeon.so',
    '/usr/lib/libvulkan_radeon.so',
    '/usr/lib/libc.so.6',
  ];
  t.equal(vulkanDrivers(maps.map(line).join('')), 'Vulkan driver libvulkan_radeon.so');
  t.equal(vulkanDrivers(line('/usr/lib/libGLX_nvidia.so.550.54.15')), 'Vulkan driver libGLX_nvidia.so.550.54.15');
  t.equal(vulkanDrivers(line('/usr/lib/libvulkan.so.1')), '');
});
