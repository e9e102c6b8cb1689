/**
 * Every relative link of a Markdown document leads to a file of the repository, and its anchor to a heading of that
 * file.
 */
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';

const root = new URL('../../../', import.meta.url);

/** What installations and builds write. */
const written = new Set([
  '.git',
  '.tap',
  '.clients',
  '.generated',
  '.venv',
  'node_modules',
  '__pycache__',
  'dist',
  'results',
]);

/** The files of the repository in a folder, as paths from the root. */
function filesIn(folder: string): string[] {
  return readdirSync(new URL(folder, root), { withFileTypes: true }).flatMap((entry) => {
    if (written.has(entry.name)) return [];
    return entry.isDirectory() ? filesIn(`${folder}${entry.name}/`) : [`${folder}${entry.name}`];
  });
}

const files = filesIn('./').map((path) => path.slice(2));
const documents = files.filter((path) => path.endsWith('.md'));
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');

/** A document without its code, in which nothing is a link or a heading. */
function proseOf(text: string): string {
  return text.replace(/^ *```.*?^ *```$/gms, '');
}

/** The anchors that GitHub gives the headings of a document. */
function anchorsOf(path: string): Set<string> {
  const headings = [...proseOf(read(path)).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    (heading as string)
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
  const anchors = new Set<string>();
  for (const heading of headings) {
    let anchor = heading;
    for (let count = 1; anchors.has(anchor); count++) anchor = `${heading}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** What a document links to, within the repository. */
function targetsOf(path: string): string[] {
  const prose = proseOf(read(path)).replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target as string)
    .filter((target) => !/^[a-z]+:/.test(target));
}

/** Why a target that stands in a document leads nowhere; undefined where it leads somewhere. */
function fault(document: string, target: string): string | undefined {
  const [path, anchor] = target.split('#') as [string, string | undefined];
  const to = path === '' ? document : decodeURI(new URL(path, `file:///${document}`).pathname).slice(1);
  const folder = `${to.replace(/\/$/, '')}/`;
  if (!files.includes(to) && !files.some((file) => file.startsWith(folder))) return `${document}: no file ${target}`;
  if (anchor === undefined || !to.endsWith('.md')) return undefined;
  return anchorsOf(to).has(anchor) ? undefined : `${document}: no heading ${target}`;
}

t.test('every relative link and anchor resolves', async (t) => {
  const links = documents.flatMap((document) => targetsOf(document).map((target) => [document, target] as const));
  t.ok(links.length > 50, `${links.length} links`);
  t.same(
    links.flatMap(([document, target]) => fault(document, target) ?? []),
    [],
  );
});

t.test('every source that a document names by its path exists', async (t) => {
  const named = documents.flatMap((document) =>
    [...read(document).matchAll(/`((?:src|test|scripts|deploy|explore|bench|faults|examples)\/[\w./-]+)`/g)].map(
      ([, path]) => [document, (path as string).replace(/\/$/, '')] as const,
    ),
  );
  t.ok(named.length > 20, `${named.length} paths`);
  const missing = named.filter(
    ([, path]) => !path.endsWith('results') && !files.some((file) => file === path || file.startsWith(`${path}/`)),
  );
  t.same(missing, []);
});

t.test('every document that a source names exists', async (t) => {
  const sources = files.filter(
    (path) => /\.(ts|mjs|py|ya?ml|sh)$|(^|\/)(Dockerfile|run|nightly)$/.test(path) && path !== 'package-lock.json',
  );
  const missing = sources.flatMap((path) =>
    [...read(path).matchAll(/\bdocs\/[a-z-]+\.md\b/g)]
      .map(([document]) => document)
      .filter((document) => !files.includes(document))
      .map((document) => `${path}: ${document}`),
  );
  t.same(missing, []);
});

t.test('lines of documents stay within 120 columns, but for tables, code, images and URLs', async (t) => {
  const long = documents
    .filter((path) => path !== 'CHANGELOG.md')
    .flatMap((path) =>
      proseOf(read(path))
        .replace(/^<!-- begin .*?^<!-- end .*?$/gms, '')
        .split('\n')
        .filter((line) => line.length > 120 && !/^\s*\||^!\[|^ {4}|https?:\/\/\S{60}/.test(line))
        .map((line) => `${path}: ${line}`),
    );
  t.same(long, []);
});
