/**
 * The name of the device that a provider runs on, for logs, metadata and metrics. ONNX Runtime for Node.js does not
 * report its adapter. So the name comes from the system: the processor's model, the GPU models of NVIDIA's driver, or
 * the Vulkan drivers that are loaded once WebGPU has started.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { cpus, platform } from 'node:os';
import { basename } from 'node:path';
import type { Provider } from './provider.js';

const gpuFolder = '/proc/driver/nvidia/gpus';

/** Call it once the provider has started. */
export function describeDevice(provider: Provider): string {
  if (provider === 'cpu') return cpus()[0]?.model.trim() || 'unknown processor';
  if (provider === 'cuda') return nvidiaModels(readInformation()) || 'NVIDIA GPU';
  if (platform() === 'darwin') return 'Metal';
  if (platform() === 'win32') return 'Direct3D 12';
  return vulkanDrivers(readText('/proc/self/maps')) || 'Vulkan';
}

/** The models in the files of NVIDIA's driver, one file for each GPU. */
export function nvidiaModels(information: readonly string[]): string {
  const models = information.map((text) => /^Model:\s*(.+?)\s*$/m.exec(text)?.[1] ?? '');
  return [...new Set(models.filter((model) => model !== ''))].join(', ');
}

/** The Vulkan drivers in the memory map of a process. */
export function vulkanDrivers(maps: string): string {
  const libraries = maps.match(/\/\S+\.so[.\d]*$/gm)?.map((path) => basename(path)) ?? [];
  const drivers = libraries.filter((name) => /^lib(vulkan_|vk_|GLX_nvidia|EGL_nvidia|amdvlk|VkICD)/.test(name));
  const names = [...new Set(drivers)].toSorted();
  return names.length === 0 ? '' : `Vulkan driver ${names.join(', ')}`;
}

function readInformation(): string[] {
  try {
    return readdirSync(gpuFolder).map((gpu) => readText(`${gpuFolder}/${gpu}/information`));
  } catch {
    return []; // Containers may hide the folder.
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
