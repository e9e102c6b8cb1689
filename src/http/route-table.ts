/** The path patterns of routes and their methods. Matches paths before the router runs, or after it found no route. */

export interface KnownRoute {
  /** Such as /v2/models/:model. */
  readonly url: string;
  readonly methods: ReadonlySet<string>;
}

export class RouteTable {
  readonly #paths = new Map<string, { url: string; pattern: RegExp; methods: Set<string> }>();

  add(url: string, methods: readonly string[]): void {
    const escaped = url.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
    const pattern = new RegExp(`^${escaped.replaceAll('\\*', '.*').replaceAll(/:[a-z_]+/g, '[^/]+')}$`);
    const path = this.#paths.get(url) ?? { url, pattern, methods: new Set() };
    for (const method of methods) path.methods.add(method);
    this.#paths.set(url, path);
  }

  /** The first path that matches the target of a request; the query is ignored. */
  find(target: string): KnownRoute | undefined {
    const path = target.split('?', 1)[0] as string;
    for (const known of this.#paths.values()) if (known.pattern.test(path)) return known;
    return undefined;
  }
}
