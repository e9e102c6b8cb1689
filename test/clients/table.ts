/** What the clients were shown to do, as a table: a line for each thing, a column for each client. */

export interface Shown {
  readonly what: string;
  readonly client: string;
  /** In a word, if it is right. */
  readonly how: string;
  /** Null if it is right. */
  readonly wrong: string | null;
}

/** The table, and below it whatever is wrong. A dash: that client has no call for it. */
export function tableOf(shown: readonly Shown[], versions: Readonly<Record<string, string>>): string {
  const clients = Object.keys(versions);
  const rows = [...new Set(shown.map(({ what }) => what))].map((what) => [
    what,
    ...clients.map((client) => cellOf(shown.find((item) => item.what === what && item.client === client))),
  ]);
  const lines = [['', ...clients], ['', ...clients.map((client) => versions[client])], ...rows];
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column].length))) ?? [];
  const text = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
  const wrong = shown
    .filter((item) => item.wrong !== null)
    .map(({ what, client, wrong }) => `${client}, ${what}: ${wrong}`);
  return [...text, ...(wrong.length > 0 ? ['', ...wrong] : [])].join('\n');
}

function cellOf(item: Shown | undefined): string {
  if (item === undefined) return '-';
  return item.wrong === null ? item.how : 'WRONG';
}
