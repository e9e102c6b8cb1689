/**
 * Renders deploy/kubernetes with kustomize and checks what comes out against the types of Kubernetes: every object is
 * written into a TypeScript file as a literal that `satisfies` the type of its kind, so that a misspelt, missing or
 * mistyped field fails the compiler.
 */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';

const execute = promisify(execFile);
const path = (relative: string) => fileURLToPath(new URL(`../../../${relative}`, import.meta.url));

/** What every object of Kubernetes has. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
}

type Renderer = readonly [command: string, ...options: string[]];

const renderers: readonly Renderer[] = [
  ['kubectl', 'kustomize'],
  ['kustomize', 'build'],
];

/** kubectl or kustomize, whichever is installed; undefined where neither is. */
export async function findRenderer(): Promise<Renderer | undefined> {
  for (const renderer of renderers) {
    try {
      await execute(renderer[0], [renderer[1], '--help']);
      return renderer;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return undefined;
}

/** The objects that `kubectl apply -k deploy/kubernetes/<folder>` would send. */
export async function render([command, ...options]: Renderer, folder: string): Promise<Manifest[]> {
  const { stdout } = await execute(command, [...options, path(`deploy/kubernetes/${folder}`)]);
  return parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
}

/**
 * The module that declares the type of a kind: kubernetes-types for Kubernetes' own groups, or the one beside this
 * file.
 */
function moduleOf({ apiVersion }: Manifest): string {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion];
  const own = /^[a-z]+(\.k8s\.io)?$/.test(group);
  return own
    ? `kubernetes-types/${group?.replace('.k8s.io', '')}/${version}.js`
    : path('test/support/custom-resources.ts');
}

/** What the TypeScript compiler says of the objects: empty when each is what its kind asks for. */
export async function typeErrors(name: string, manifests: readonly Manifest[]): Promise<string> {
  const folder = path('dist/test/deploy/rendered');
  const lines = manifests.map((manifest, at) => {
    const type = `import('${moduleOf(manifest)}').${manifest.kind}`;
    return `export const manifest${at} = ${JSON.stringify(manifest, null, 1)} satisfies ${type};\n`;
  });
  await mkdir(folder, { recursive: true });
  const file = `${folder}/${name.replaceAll('/', '-')}.ts`;
  await writeFile(file, lines.join('\n'));
  const compiler = [
    path('node_modules/typescript/bin/tsc'),
    '--ignoreConfig',
    '--noEmit',
    '--strict',
    '--skipLibCheck',
  ];
  const options = ['--module', 'nodenext', '--target', 'es2023', '--allowImportingTsExtensions', '--types', '', file];
  try {
    await execute(process.execPath, [...compiler, ...options]);
    return '';
  } catch (error) {
    // A compiler that says nothing did not compile.
    const { stdout } = error as { stdout?: string };
    if (!stdout) throw error;
    return stdout;
  }
}
