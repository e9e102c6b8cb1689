/**
 * The image for the other processor, arm64 on amd64 and the other way round: built without running anything of it, and whole. Part of
 * `npm run test:image`. Where qemu is installed its Node.js is run, too.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import t from 'tap';
import { type Architecture, buildImage, image, ownArchitecture, podman, unpackImage, whatIsMissing } from './podman.js';

/** How ELF files, Node.js, onnxruntime-node and qemu name them: `e_machine` of the ELF specification, and so on. */
const processors = {
  amd64: { machine: 62, node: 'x64', qemu: 'qemu-x86_64-static' },
  arm64: { machine: 183, node: 'arm64', qemu: 'qemu-aarch64-static' },
} as const;

const other: Architecture = ownArchitecture === 'amd64' ? 'arm64' : 'amd64';
const { machine, node, qemu } = processors[other];
const tag = `${image}-${other}`;

/** The machine that an ELF file is for; undefined for other files. Multi-byte numbers are little-endian on both processors. */
function machineOf(path: string): number | undefined {
  const head = Buffer.alloc(20);
  const file = openSync(path, 'r');
  const length = readSync(file, head);
  closeSync(file);
  return length === 20 && head.toString('latin1', 0, 4) === '\x7fELF' ? head.readUInt16LE(18) : undefined;
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function hasQemu(): boolean {
  try {
    execFileSync(qemu, ['--version']);
    return true;
  } catch {
    return false;
  }
}

const missing = await whatIsMissing();
if (missing !== undefined) {
  t.fail(`the image was not built: ${missing}`);
} else {
  const folder = mkdtempSync(join(tmpdir(), 'image-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  await buildImage(tag, other, {});
  await unpackImage(tag, folder);
  checkFiles(folder);
  checkNode(folder);
}

function checkFiles(folder: string): void {
  t.test(`every program and library of the image is for ${other}`, async (t) => {
    const [inspected] = JSON.parse(await podman('image', 'inspect', tag)) as [{ Architecture: string; Os: string }];
    t.match(inspected, { Architecture: other, Os: 'linux' });
    const machines = filesIn(folder).flatMap((path) => {
      const found = machineOf(path);
      return found === undefined ? [] : [[relative(folder, path), found] as const];
    });
    t.same(
      machines.filter(([, found]) => found !== machine),
      [],
    );
    const native = 'app/node_modules/onnxruntime-node/bin/napi-v6';
    const expected = [
      `${native}/linux/${node}/libonnxruntime.so.1`,
      `${native}/linux/${node}/onnxruntime_binding.node`,
    ];
    const paths = machines.map(([path]) => path);
    t.ok(paths.includes('usr/local/bin/node'));
    t.same(paths.filter((path) => path.startsWith('app/')).toSorted(), expected, 'ONNX Runtime alone is native');
    t.same(readdirSync(join(folder, native)), ['linux'], 'with no other platform');
    t.same(readdirSync(join(folder, native, 'linux')), [node]);
  });
}

function checkNode(folder: string): void {
  t.test('its Node.js runs, emulated', async (t) => {
    if (!hasQemu()) {
      t.comment(`NOT RUN: ${qemu} is not installed (Debian: apt-get install qemu-user-static)`);
      t.ok(existsSync(join(folder, 'usr/local/bin/node')));
      return;
    }
    const run = (...options: string[]) =>
      execFileSync(qemu, ['-L', folder, join(folder, 'usr/local/bin/node'), ...options], { encoding: 'utf8' }).trim();
    t.match(run('--version'), /^v24\./);
    t.equal(run('--print', 'process.arch'), node);
  });
}
