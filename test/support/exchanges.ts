/** The exchanges that documents print, a curl with its reply below it, and when a reply counts as the one printed. */

/** A POST that a document prints, and the text of its reply. */
export interface Exchange {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly reply: string;
}

const exchange = /^curl -s localhost:8080(\/\S+)((?: -H '[^']+')*) -d '(.*)'\n```\n\n```json\n(.*)\n```$/gm;

export function exchangesOf(document: string): Exchange[] {
  const exchanges = [...document.matchAll(exchange)] as unknown as string[][];
  return exchanges.map(([, url, options, body, reply]) => ({ url, headers: headersOf(options), body, reply }));
}

/** The headers of the options -H of a curl. */
export function headersOf(options: string): Record<string, string> {
  return Object.fromEntries([...options.matchAll(/ -H '([^:']+): ([^']*)'/g)].map(([, name, value]) => [name, value]));
}

/**
 * Whether two replies are the same but for the last digits of soft samples, gradients and log-densities, which may
 * differ by 1e-6 between processors with other vector instructions (docs/guarantees.md). Everything else is equal, and
 * in the same order.
 */
export function agree(actual: unknown, printed: unknown): boolean {
  if (typeof actual === 'number' && typeof printed === 'number') {
    return Math.abs(actual - printed) <= 1e-6 * Math.max(1, Math.abs(printed));
  }
  if (typeof actual !== 'object' || actual === null || typeof printed !== 'object' || printed === null) {
    return actual === printed;
  }
  const [own, theirs] = [Object.entries(actual), Object.entries(printed)];
  return (
    own.length === theirs.length &&
    own.every(([key, value], at) => key === theirs[at]?.[0] && agree(value, theirs[at]?.[1]))
  );
}
