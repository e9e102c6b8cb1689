/**
 * Edits the document that @fastify/swagger collects from the routes, so that client generators accept it. Named schemas
 * become components, and every number gets a format.
 *
 * The generators of `npm run test:generated` refuse lists of types, `const` on booleans and `default` beside `oneOf`,
 * and read an integer without a format as 32 bits (https://github.com/OpenAPITools/openapi-generator/issues/9083).
 * openapi-typescript makes every field with a default required, so descriptions state defaults instead. Can go when
 * these generators read OpenAPI 3.1.
 */

/** A JSON object of the document. */
interface Part {
  readonly [key: string]: unknown;
}

interface MediaType extends Part {
  readonly schema?: Part;
  readonly examples?: unknown;
}

export type Content = Readonly<Record<string, MediaType>>;

export interface Operation extends Part {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly Part[];
  readonly requestBody?: Part & { readonly content: Content };
  readonly responses: Readonly<Record<string, Part & { readonly content?: Content }>>;
}

export type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

interface CollectedDocument extends Part {
  readonly components: Part;
  readonly paths: Paths;
}

function isCollected(document: object): document is CollectedDocument {
  return 'components' in document && 'paths' in document;
}

/**
 * The document that the service serves.
 *
 * @param editPaths changes the collected operations first
 */
export function finishDocument<Document extends object>(
  collected: Document,
  editPaths: (paths: Paths) => Paths,
): Document {
  if (!isCollected(collected)) throw new Error('The document has no components, or no paths. This is a bug.');
  const components = new Components();
  const paths = mapValues(editPaths(collected.paths), (operations) =>
    mapValues(operations, (operation) => describeOperation(operation, components)),
  );
  const document = { ...collected, components: { ...collected.components, ...components.all() }, paths };
  // A copy without shared objects: YAML prints those as anchors and aliases, which not every reader supports.
  return JSON.parse(JSON.stringify(document));
}

function mapValues<Value, Result>(
  values: Readonly<Record<string, Value>>,
  map: (value: Value, key: string) => Result,
): Record<string, Result> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, map(value, key)]));
}

function isPart(value: unknown): value is Part {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The named schemas and examples of the document. */
class Components {
  readonly #schemas = new Map<string, Part>();
  readonly #examples = new Map<string, unknown>();
  readonly #references = new Set<string>();

  /** Adds a schema by name, and returns the reference to it. */
  addSchema(name: string, schema: Part): Part {
    const known = this.#schemas.get(name);
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(schema)) {
      throw new Error(`Two different schemas are called ${name}. This is a bug.`);
    }
    this.#schemas.set(name, schema);
    return { $ref: `#/components/schemas/${name}` };
  }

  referTo(name: string): Part {
    this.#references.add(name);
    return { $ref: `#/components/schemas/${name}` };
  }

  addExample(name: string, example: unknown): Part {
    this.#examples.set(name, example);
    return { $ref: `#/components/examples/${name}` };
  }

  /** Sorted by name, so that the document does not depend on the order of routes. */
  all(): Part {
    for (const name of this.#references) {
      if (!this.#schemas.has(name)) throw new Error(`No schema is called ${name}. This is a bug.`);
    }
    const sorted = (map: Map<string, unknown>) =>
      Object.fromEntries([...map].sort(([one], [other]) => (one < other ? -1 : 1)));
    return { schemas: sorted(this.#schemas), examples: sorted(this.#examples) };
  }
}

function describeOperation(operation: Operation, components: Components): Operation {
  const { parameters, requestBody, responses } = operation;
  return {
    ...operation,
    ...(parameters && { parameters: parameters.map((parameter) => describeMedia(parameter, components)) }),
    ...(requestBody && { requestBody: describeContent(requestBody, components) }),
    responses: mapValues(responses, (response) => describeContent(response, components)),
  };
}

function describeContent<Body extends Part & { readonly content?: Content }>(body: Body, components: Components): Body {
  if (!body.content) return body;
  return { ...body, content: mapValues(body.content, (media) => describeMedia(media, components)) };
}

/** A media type of a body, or a parameter. */
function describeMedia<Media extends MediaType>(media: Media, components: Components): Media {
  if (!media.schema) return media;
  const { 'x-examples': examples = media.examples, 'x-shared-examples': shared, ...own } = media.schema;
  const schema = describeSchema(own, components);
  if (!isPart(shared)) return { ...media, schema, ...(examples !== undefined && { examples }) };
  const owner = own['x-component'];
  return {
    ...media,
    schema,
    examples: mapValues(shared, (example, name) => components.addExample(`${owner}.${name}`, example)),
  };
}

/** The schema with its subschemas described; a reference if it has a name. */
function describeSchema(schema: Part, components: Components): Part {
  const {
    'x-component': name,
    'x-component-example': example,
    'x-component-reference': reference,
    default: defaultValue,
    const: constant,
    ...rest
  } = withSubschemas(schema, (part) => describeSchema(part, components));
  if (typeof reference === 'string') return components.referTo(reference);
  const described: Record<string, unknown> = { ...rest };
  if (typeof constant === 'string') described.enum = [constant];
  const format = described.format ?? formatOf(described);
  if (format !== undefined) described.format = format;
  // Named schemas state their defaults in their own descriptions, since the default differs between places.
  if (defaultValue !== undefined && name === undefined) {
    described.description = `${described.description ?? ''} ${JSON.stringify(defaultValue)} when absent.`.trimStart();
  }
  if (example !== undefined) described.examples = [example];
  return typeof name === 'string' ? components.addSchema(name, described) : described;
}

/** Keywords whose value is a schema. */
const schemaKeywords = ['items', 'additionalProperties', 'not'];
/** Keywords whose value is a list of schemas. */
const schemaListKeywords = ['oneOf', 'anyOf', 'allOf'];

function withSubschemas(schema: Part, map: (part: Part) => Part): Part {
  return mapValues(schema, (value, key) => {
    if (schemaKeywords.includes(key) && isPart(value)) return map(value);
    if (schemaListKeywords.includes(key) && Array.isArray(value)) return value.map(map);
    if (key === 'properties' && isPart(value)) return mapValues(value as Record<string, Part>, map);
    return value;
  });
}

/** Numbers are float64. Integers have 64 bits, or 32 if their bounds fit. */
function formatOf({ type, minimum, maximum }: Part): string | undefined {
  if (type === 'number') return 'double';
  if (type !== 'integer') return undefined;
  const isNarrow = Number(minimum ?? -Infinity) >= -(2 ** 31) && Number(maximum ?? Infinity) < 2 ** 31;
  return isNarrow ? 'int32' : 'int64';
}
