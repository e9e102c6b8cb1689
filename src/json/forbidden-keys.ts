/**
 * Finds the keys that could reach a prototype when a parsed body is copied or merged: `__proto__`, and `prototype`
 * inside `constructor`. The rule is the one Fastify's own JSON parser applies by default (secure-json-parse).
 */

/** Whether the text may contain such a key. This check is cheap. It has false positives and no false negatives. */
export function mayHoldForbiddenKey(text: string): boolean {
  return text.includes('__proto__') || text.includes('constructor') || text.includes('\\u');
}

/** Searches a parsed value without recursion, so that depth cannot overflow the stack. */
export function holdsForbiddenKey(value: unknown): boolean {
  const pending: unknown[] = [value];
  while (pending.length > 0) {
    const next = pending.pop();
    if (typeof next !== 'object' || next === null) continue;
    if (Object.hasOwn(next, '__proto__')) return true;
    if (Object.hasOwn(next, 'constructor') && Object.hasOwn(Object(next.constructor), 'prototype')) return true;
    for (const child of Object.values(next)) pending.push(child);
  }
  return false;
}
