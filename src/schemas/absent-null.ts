/**
 * Fields in which null means that the client left them out, as serializers write it that have no other way. It does not
 * in a field whose number would silently be another one if null stood for NaN, which JSON.stringify writes so:
 * temperatures, offsets.
 */

/** Of draws, on every route, as fields and as parameters. */
export const nullableFields = ['seed', 'num_samples', 'noise', 'top_k', 'return'] as const;

/** Takes the nulls of these fields away. */
export function dropNulls(value: unknown, names: readonly string[]): void {
  if (typeof value !== 'object' || value === null) return;
  const fields = value as Record<string, unknown>;
  for (const name of names) if (fields[name] === null) fields[name] = undefined;
}
