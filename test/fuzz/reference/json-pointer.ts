/** JSON pointers (RFC 6901) of errors. */

/** A pointer has at most this much of a name. */
const nameCharactersMax = 32;

/** Whether a value has a place, or with `parent` the object or array that the place would be in. */
export function hasPlace(root: unknown, pointer: string, what: 'place' | 'parent' = 'place'): boolean {
  const keys = pointer.split('/').slice(1);
  if (what === 'parent') keys.pop();
  let value = root;
  for (const key of keys.map((text) => text.replaceAll('~1', '/').replaceAll('~0', '~'))) {
    if (typeof value !== 'object' || value === null) return false;
    const name = Object.keys(value).find(
      (each) => each === key || (each.startsWith(key) && key.length === nameCharactersMax),
    );
    if (name === undefined) return false;
    value = (value as Record<string, unknown>)[name];
  }
  return what === 'place' || (typeof value === 'object' && value !== null);
}

/** Whether an error is about what the body lacks. */
export function mayBeAbsent(message: string): boolean {
  return /required|must be|must have/.test(message);
}
