/** The bytes of the requests that load, disturb and probe the service. */

/** A request with a body; `headers` come after Host, Content-Type and Content-Length, or replace them. */
export function postBytes(path: string, body: string | Buffer, headers: Readonly<Record<string, string>> = {}): Buffer {
  const content = typeof body === 'string' ? Buffer.from(body) : body;
  const all = {
    host: 'service',
    'content-type': 'application/json',
    'content-length': String(content.length),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`), content]);
}

export function getBytes(path: string): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nhost: service\r\n\r\n`);
}

/** A draw of one row of equal logits; `more` are fields of the body. */
export function drawBytes(
  categories: number,
  more: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Buffer {
  return postBytes('/sample', JSON.stringify({ logits: Array(categories).fill(0), ...more }), headers);
}

/**
 * A million elements, a few milliseconds for one worker, whose request and reply are small: a client can offer far too
 * many.
 */
export function workBytes(): Buffer {
  return drawBytes(1000, { num_samples: 1000, seed: 42, return: ['indices'] });
}

/** A draw of too much work for the HTTP thread, so that a worker makes it; a few tenths of a millisecond. */
export function workerBytes(categories = 10): Buffer {
  return drawBytes(categories, { num_samples: Math.ceil(100_000 / categories), seed: 42, return: ['indices'] });
}

/** A draw of next to no work, which the HTTP thread makes. */
export function smallBytes(): Buffer {
  return drawBytes(10, { seed: 42 });
}
