/**
 * The names of images: what the documents build is what they load and run, and what the manifests ask for. All of them
 * carry the version of package.json.
 */
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';

const root = new URL('../../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const { name, version } = JSON.parse(read('package.json')) as { name: string; version: string };
const [image, cudaImage] = [`${name}:${version}`, `${name}:${version}-cuda`];

const documents = ['README.md', ...readdirSync(new URL('docs', root)).map((file) => `docs/${file}`)].filter((path) =>
  path.endsWith('.md'),
);

/** The commands of a document as they would be pasted, a block each, with continued lines joined. */
function blocksOf(text: string): string[][] {
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) =>
    block
      .replace(/\\\n\s*/g, '')
      .trim()
      .split('\n'),
  );
}

/** Images that a kustomization puts in place of the bare names of the manifests. */
function imagesOf(folder: string): string[] {
  const { images } = parse(read(`deploy/kubernetes/${folder}/kustomization.yaml`)) as {
    images?: readonly { name: string; newName?: string; newTag: string }[];
  };
  return (images ?? []).map(({ name, newName, newTag }) => `${newName ?? name}:${newTag}`);
}

const folders = { base: image, 'overlays/cuda': cudaImage, 'overlays/kserve': image } as const;

t.test('every kustomization asks for the image of this version', async (t) => {
  for (const [folder, expected] of Object.entries(folders)) t.same(imagesOf(folder), [expected], folder);
  t.same(imagesOf('overlays/monitoring'), [], 'which is that of the base');
});

t.test('no document names another image', async (t) => {
  for (const document of documents) {
    for (const [found] of read(document).matchAll(/(?<![\w/-])gumbel-sampler:[\w.-]*\w/g)) {
      t.ok(found === image || found === cudaImage, `${document}: ${found}`);
    }
  }
});

t.test('what is built has a tag, and what is run, loaded or pushed was built by that tag before', async (t) => {
  for (const document of documents) {
    const built = new Set<string>();
    for (const command of blocksOf(read(document)).flat()) {
      const build = /^docker build\b.*?--tag (\S+)/.exec(command);
      if (/^docker build\b/.test(command)) t.ok(build, `${document}: ${command}`);
      if (build) built.add(build[1]);
      t.equal(/--target cuda\b/.test(command), build?.[1] === cudaImage, `${document}: ${command}`);
      const used = /^(?:docker (?:run|push)|kind load docker-image)\b.*?(gumbel-sampler\S*)/.exec(command)?.[1];
      if (used) t.ok(built.has(used), `${document}: ${used} was built`);
    }
  }
});

t.test(
  'where a document applies the base or an overlay of the service, the image is in the cluster by then',
  async (t) => {
    let applied = 0;
    for (const document of documents) {
      for (const block of blocksOf(read(document))) {
        const loaded = block.flatMap((command) => /^kind load docker-image (\S+)$/.exec(command)?.[1] ?? []);
        for (const command of block) {
          const folder = /^kubectl apply --kustomize deploy\/kubernetes\/(\S+)$/.exec(command)?.[1];
          if (folder === undefined) continue;
          applied += 1;
          t.ok(loaded.includes(folders[folder as keyof typeof folders]), `${document}: ${folder}`);
        }
      }
    }
    t.ok(applied >= 2, `${applied} are applied`);
  },
);

t.test('no command in running text builds, loads or applies what a block would have to', async (t) => {
  for (const document of documents) {
    const prose = read(document).replace(/^```.*?^```$/gms, '');
    for (const [, command] of prose.matchAll(/`((?:docker build|docker run|kind load|kubectl apply)[^`]*)`/g)) {
      t.notMatch(command, /deploy\/kubernetes|--tag|gumbel-sampler/, `${document}: ${command}`);
    }
  }
});
