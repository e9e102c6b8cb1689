/**
 * The tree in docs/design.md is `src`: every folder and every TypeScript file but AssemblyScript, no more and no less.
 */
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';

const root = new URL('../../../', import.meta.url);

/** Paths below src, those of folders with a slash at their end. */
function sourcesIn(folder: string): string[] {
  return readdirSync(new URL(`src/${folder}`, root), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory()) return entry.name === 'assembly' ? [] : [`${path}/`, ...sourcesIn(`${path}/`)];
    return path.endsWith('.ts') ? [path] : [];
  });
}

/**
 * The same of the tree as it is drawn: a level is two spaces, a line has names and then words about them, and files
 * behind a folder on its line are in it.
 */
function drawnIn(tree: string): string[] {
  const drawn: string[] = [];
  const folders: string[] = [];
  for (const line of tree.split('\n').filter((line) => line.trim() !== '')) {
    const level = (line.length - line.trimStart().length) / 2 - 1;
    folders.length = level;
    for (const name of line.trim().split(/ +/)) {
      if (!/^[\w-]+(\.ts|\/)$/.test(name)) break;
      drawn.push(`${folders.join('')}${name}`);
      if (name.endsWith('/')) folders.push(name);
    }
  }
  return drawn;
}

t.test('the tree is src', async (t) => {
  const [, tree = ''] = /^```\nsrc\/\n(.*?)^```$/ms.exec(readFileSync(new URL('docs/design.md', root), 'utf8')) ?? [];
  const drawn = drawnIn(tree);
  t.same(drawn.toSorted(), [...new Set(drawn)].toSorted(), 'nothing is drawn twice');
  t.same(drawn.toSorted(), sourcesIn('').toSorted());
});
