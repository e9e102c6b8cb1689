/**
 * Names of schemas in the OpenAPI document. Client generators make a type of each, under that name. `routes/openapi.ts`
 * moves a named schema to the components of the document and leaves a reference.
 */

export type Component = {
  readonly 'x-component': string;
  readonly 'x-component-example'?: unknown;
};

/**
 * Names a schema: spread the result into the schema's meta, or into a JSON schema. All schemas with one name must be
 * equal.
 *
 * @param example a valid value; the tests check it against the schema
 */
export function component(name: string, example?: unknown): Component {
  return { 'x-component': name, ...(example !== undefined && { 'x-component-example': example }) };
}

/** A reference to a schema that is named elsewhere. */
export function referTo(name: string): { readonly 'x-component-reference': string } {
  return { 'x-component-reference': name };
}
