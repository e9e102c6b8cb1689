/**
 * Names for schemas in the OpenAPI document: generators of clients make a type of each, under that name.
 * `routes/openapi.ts` moves what carries a name to the components of the document and leaves a reference.
 */

export type Component = {
  readonly 'x-component': string;
  readonly 'x-component-example'?: unknown;
};

/**
 * What gives a schema a name: spread it into the schema's meta, or into a JSON schema. Wherever the name is given, the
 * schema must be the same.
 *
 * @param example a value of it; the tests check it against the schema
 */
export function component(name: string, example?: unknown): Component {
  return { 'x-component': name, ...(example !== undefined && { 'x-component-example': example }) };
}

/** A schema that carries this name somewhere else. */
export function referTo(name: string): { readonly 'x-component-reference': string } {
  return { 'x-component-reference': name };
}
