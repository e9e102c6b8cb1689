/** No line of a comment is longer than 120 columns: the formatter wraps code only. links.test.ts checks documents. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const columnsMax = 120;
const codeFolders = ['src', 'test', 'bench', 'faults', 'scripts', 'explore', 'examples', 'clients/typescript/src'];

function filesBelow(folders: readonly string[], name: RegExp): string[] {
  return folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => `${folder}/${path}`),
    )
    .filter((path) => name.test(path) && !/\/(node_modules|\.venv|\.clients|\.generated)\//.test(path));
}

/** A link cannot be broken. */
const hasUrl = (line: string) => /https?:\/\/\S/.test(line);
const isLong = (line: string) => [...line].length > columnsMax && !hasUrl(line);

/** Whether a line is a comment, or code with one behind it; a string that holds slashes is no comment. */
const isComment = (line: string) => /^\s*(\/\/|\/\*|\*[ /])/.test(line) || /^[^'"`]*\s\/\/ /.test(line);

function check(t: Test, path: string, lines: readonly (readonly [at: number, line: string])[]): void {
  const long = lines.filter(([, line]) => isLong(line));
  if (long.length > 0) t.fail(`${path} has lines of more than ${columnsMax} columns: ${long.map(([at]) => at + 1)}`);
}

t.test('comments', async (t) => {
  const files = filesBelow(codeFolders, /\.(ts|mjs)$/);
  t.ok(files.length > 300);
  for (const path of files) {
    const lines = readFileSync(join(root, path), 'utf8').split('\n');
    check(
      t,
      path,
      [...lines.entries()].filter(([, line]) => isComment(line)),
    );
  }
});
