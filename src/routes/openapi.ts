/**
 * Makes of the document that @fastify/swagger collects from the routes one that generators of clients accept. Schemas
 * that carry a name become components; every number says how wide it is.
 *
 * Generators have no common rules. Those that `npm run test:generated` and `.ci/nightly` run refuse lists of types,
 * `const` on booleans and `default` beside `oneOf`, and read an integer without a format as 32 bits. openapi-typescript
 * makes every field with a default a required one, so defaults are told in descriptions.
 */
/** Part of a document. */
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
 * The document as it is served.
 *
 * @param editPaths changes the operations first
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
  // A copy, since YAML would print what occurs in two places as an anchor and an alias, which not every reader follows.
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

/** Everything of the document that has a name. */
class Components {
  readonly #schemas = new Map<string, Part>();
  readonly #examples = new Map<string, unknown>();
  readonly #references = new Set<string>();

  /** Puts a schema where a name leads to it. @returns the reference */
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

  /** By name, so that the document does not change with the order of routes. */
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

/** A body of one media type, or a parameter. */
function describeMedia<Media extends MediaType>(media: Media, components: Components): Media {
  if (!media.schema) return media;
  const { 'x-examples': examples = media.examples, 'x-shared-examples': shared, ...own } = media.schema;
  const schema = describeSchema(own, components);
  if (!isPart(shared)) return { ...media, schema, ...(examples !== undefined && { examples }) };
  const owner = own['x-component'];
  return { ...media, schema, examples: mapValues(shared, (it, name) => components.addExample(`${owner}.${name}`, it)) };
}

/** A schema, or the reference to it if it has a name. */
function describeSchema(schema: Part, components: Components): Part {
  const {
    'x-component': name,
    'x-component-example': example,
    'x-component-reference': reference,
    default: absent,
    const: only,
    ...rest
  } = withSubschemas(schema, (part) => describeSchema(part, components));
  if (typeof reference === 'string') return components.referTo(reference);
  const described: Record<string, unknown> = { ...rest };
  if (typeof only === 'string') described.enum = [only];
  const format = described.format ?? formatOf(described);
  if (format !== undefined) described.format = format;
  // The description of a schema that has a name speaks of its default itself: it is not the same at every place.
  if (absent !== undefined && name === undefined) {
    described.description = `${described.description ?? ''} ${JSON.stringify(absent)} when absent.`.trimStart();
  }
  if (example !== undefined) described.examples = [example];
  return typeof name === 'string' ? components.addSchema(name, described) : described;
}

/** Keywords with one schema, with several, and with several by name. What else a schema has is left alone. */
const withOne = ['items', 'additionalProperties', 'not'];
const withSeveral = ['oneOf', 'anyOf', 'allOf'];

function withSubschemas(schema: Part, map: (part: Part) => Part): Part {
  return mapValues(schema as Record<string, unknown>, (value, key) => {
    if (withOne.includes(key) && isPart(value)) return map(value);
    if (withSeveral.includes(key) && Array.isArray(value)) return value.map(map);
    if (key === 'properties' && isPart(value)) return mapValues(value as Record<string, Part>, map);
    return value;
  });
}

/** A number of JSON is a float64; an integer has 64 bits unless its bounds fit in 32. */
function formatOf({ type, minimum, maximum }: Part): string | undefined {
  if (type === 'number') return 'double';
  if (type !== 'integer') return undefined;
  const isNarrow = Number(minimum ?? -Infinity) >= -(2 ** 31) && Number(maximum ?? Infinity) < 2 ** 31;
  return isNarrow ? 'int32' : 'int64';
}
