/**
 * A copy of deploy/kubernetes, so that documents may change it, with a kustomization for each thing to apply: the base,
 * every overlay, every component, and every kustomization that docs/image-and-kubernetes.md prints, found by reading.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';

const pathOf = (relative: string) => fileURLToPath(new URL(`../../../${relative}`, import.meta.url));
export const read = (relative: string) => readFileSync(pathOf(relative), 'utf8');

/** The fenced blocks of a document in a language, without their indentation. */
export function blocksOf(document: string, language: string): string[] {
  const fenced = new RegExp(`^( *)\`\`\`${language}\\n(.*?)^\\1\`\`\`$`, 'gms');
  return [...document.matchAll(fenced)].map(([, indentation = '', text = '']) =>
    text.replaceAll(new RegExp(`^${indentation}`, 'gm'), ''),
  );
}

interface Kustomization {
  kind?: string;
  namespace?: string;
  nameSuffix?: string;
  resources?: string[];
  components?: string[];
  patches?: unknown[];
}

export interface Manifests {
  /** The copy of the folder `deploy`; commands of documents run beside it. */
  readonly root: string;
  /** Everything to apply by its name. */
  readonly names: readonly string[];
  /** The folder of a kustomization that puts all of it into a namespace. */
  readonly within: (name: string, namespace: string) => string;
}

/** Kustomizations of the document; a list of patches alone changes the base. */
function printed(): Kustomization[] {
  const blocks = blocksOf(read('docs/image-and-kubernetes.md'), 'yaml').map((text) => parse(text) as Kustomization);
  return blocks
    .filter(({ kind, patches }) => kind === 'Kustomization' || patches)
    .map((block) => ({ resources: ['../../base'], ...block }));
}

export function copyManifests(root: string): Manifests {
  const kubernetes = join(root, 'deploy/kubernetes');
  cpSync(pathOf('deploy'), join(root, 'deploy'), { recursive: true });
  // Two levels below deploy/kubernetes, as the overlays are.
  const write = (name: string, kustomization: Kustomization) => {
    const folder = join(kubernetes, 'written', name);
    mkdirSync(folder, { recursive: true });
    const kind = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' };
    writeFileSync(join(folder, 'kustomization.yaml'), stringify({ ...kind, ...kustomization }));
    return folder;
  };
  const all: Record<string, Kustomization> = { base: { resources: ['../../base'] } };
  for (const overlay of readdirSync(join(kubernetes, 'overlays'))) {
    all[`overlays/${overlay}`] = { resources: [`../../overlays/${overlay}`] };
  }
  for (const component of readdirSync(join(kubernetes, 'components'))) {
    all[`components/${component}`] = { resources: ['../../base'], components: [`../../components/${component}`] };
  }
  for (const [index, kustomization] of printed().entries()) {
    all[`document${kustomization.nameSuffix ?? `/${index + 1}`}`] = kustomization;
  }
  return {
    root,
    names: Object.keys(all),
    within: (name, namespace) => write(`${namespace}-${name.replaceAll('/', '-')}`, { ...all[name], namespace }),
  };
}
