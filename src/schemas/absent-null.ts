/**
 * Fields in which null means "not sent", since some serializers cannot omit a field. Temperatures and offsets are not
 * among them: JSON.stringify writes NaN as null, and a default would silently replace the intended number.
 */

/** Fields of draws on every route, also as parameters. */
export const nullableFields = ['seed', 'num_samples', 'noise', 'top_k', 'return'] as const;

/** Removes these fields from an object where they are null. */
export function dropNulls(value: unknown, names: readonly string[]): void {
  if (typeof value !== 'object' || value === null) return;
  const fields = value as Record<string, unknown>;
  for (const name of names) if (fields[name] === null) fields[name] = undefined;
}
