/** What the fuzzer looks for: an input for which the service does something that it must never do. */
export class Finding extends Error {
  override readonly name = 'Finding';
}

export function check(holds: boolean, what: () => string): asserts holds {
  if (!holds) throw new Finding(what());
}

/** Shows a value in the text of a finding. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value, (_, inner) => (Object.is(inner, -0) ? '-0' : inner)) ?? String(value);
  return text.length > 300 ? `${text.slice(0, 300)}...` : text;
}
