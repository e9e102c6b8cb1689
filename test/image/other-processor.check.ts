/**
 * The image for the other processor, arm64 on amd64 and the other way round: built without running anything of it, and
 * whole. Part of `npm run test:image`. Where qemu is installed its Node.js is run, too, and from qemu 10 on the whole
 * service: ONNX Runtime's library for arm64 crashes under older ones.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import { agree, type Exchange, exchangesOf } from '../support/exchanges.js';
import { type Architecture, buildImage, image, ownArchitecture, podman, unpackImage, whatIsMissing } from './podman.js';

/** How ELF files, Node.js, onnxruntime-node and qemu name them: `e_machine` of the ELF specification, and so on. */
const processors = {
  amd64: { machine: 62, node: 'x64', qemu: 'qemu-x86_64-static' },
  arm64: { machine: 183, node: 'arm64', qemu: 'qemu-aarch64-static' },
} as const;

const other: Architecture = ownArchitecture === 'amd64' ? 'arm64' : 'amd64';
const { machine, node, ...names } = processors[other];
const qemu = process.env.QEMU ?? names.qemu;
const tag = `${image}-${other}`;

/**
 * The machine that an ELF file is for; undefined for other files. Multi-byte numbers are little-endian on both
 * processors.
 */
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

/** Its major version; 0 where it is not installed. */
function qemuVersion(): number {
  try {
    return Number(/version (\d+)/.exec(execFileSync(qemu, ['--version'], { encoding: 'utf8' }))?.[1]);
  } catch {
    return 0;
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
  const version = qemuVersion();
  const nodeOf = [qemu, '-L', folder, join(folder, 'usr/local/bin/node')] as const;
  t.test('its Node.js runs, emulated', async (t) => {
    if (version === 0) {
      t.pass('it runs', { skip: `there is no ${qemu} (Debian: apt-get install qemu-user-static)` });
      return;
    }
    const [command, ...options] = nodeOf;
    const run = (option: string, ...rest: string[]) =>
      execFileSync(command, [...options, option, ...rest], { encoding: 'utf8' }).trim();
    t.match(run('--version'), /^v24\./);
    t.equal(run('--print', 'process.arch'), node);
  });
  t.test("its service answers the README's first curl, emulated, and stops with 0", async (t) => {
    if (version < 10) {
      t.pass('it answers', {
        skip: `${qemu} is of version ${version}; 10 is needed (QEMU=/path/to/it npm run test:image)`,
      });
      return;
    }
    const [command, ...options] = nodeOf;
    const environment = { HOST: '127.0.0.1', PORT: '0', WORKERS: '1' };
    const service = spawn(command, [...options, 'dist/src/server.js'], {
      cwd: join(folder, 'app'),
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.teardown(() => service.kill('SIGKILL'));
    const exit = once(service, 'exit');
    const url = await new Promise<string>((resolve, reject) => {
      createInterface({ input: service.stdout }).on('line', (line) => {
        const address = /serving at (http:[^\s"]+)/.exec(line)?.[1];
        if (address) resolve(address);
      });
      exit.then((how) => reject(new Error(`The service ended with ${how}`)));
    });
    const [exchange] = exchangesOf(readFileSync(new URL('../../../README.md', import.meta.url), 'utf8'));
    const { url: path, body, reply } = exchange as Exchange;
    const headers = { 'content-type': 'application/json' };
    const answer = await (await fetch(url + path, { method: 'POST', headers, body })).json();
    t.ok(agree(answer, JSON.parse(reply)), JSON.stringify(answer));
    service.kill('SIGTERM');
    t.same(await exit, [0, null]);
  });
}
