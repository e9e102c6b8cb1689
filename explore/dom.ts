/** Elements of HTML and SVG. A strict content security policy allows no style attributes, so there are only classes. */

type Attributes = Readonly<Record<string, string | number>>;
type Child = Element | string;

export function html<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name: string, attributes: Attributes = {}, ...children: readonly Child[]): SVGElement {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

/** A plot with its text alternative. */
export function plot(width: number, height: number, says: string, ...children: readonly Child[]): SVGElement {
  const attributes = { width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': says };
  return svg('svg', attributes, ...children);
}

export function byId<Kind extends Element = HTMLElement>(id: string): Kind {
  const element = document.getElementById(id);
  if (!element) throw new Error(`The page has no element ${id}. This is a bug.`);
  return element as unknown as Kind;
}

function fill<Kind extends Element>(element: Kind, attributes: Attributes, children: readonly Child[]): Kind {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}
