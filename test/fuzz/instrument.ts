/** Writes counters of blocks into compiled JavaScript: functions, arms of branches, loops, cases, right operands. */
import { type AnyNode, type Node, parse } from 'acorn';

/** A text to insert. Of those at one position closing ones come first, inner ones before outer ones. */
interface Insertion {
  readonly position: number;
  readonly order: readonly [number, number];
  readonly text: string;
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}

function childrenOf(node: AnyNode): AnyNode[] {
  return Object.values(node).flat().filter(isNode);
}

/**
 * @param first the number of the first counter
 * @returns the source with its counters, and the number of the next one
 */
export function instrument(source: string, first: number): { source: string; next: number } {
  let next = first;
  const insertions: Insertion[] = [];
  const count = () => `__b[${next++}]++`;
  const open = (node: Node, text: string) => insertions.push({ position: node.start, order: [1, -node.end], text });
  const close = (node: Node, text: string) => insertions.push({ position: node.end, order: [0, -node.start], text });
  const expression = (node: Node) => {
    open(node, `(${count()},`);
    close(node, ')');
  };
  const statement = (node: Node, before = '') => {
    open(node, `{${count()};${before}`);
    close(node, '}');
  };
  const block = (node: Node) =>
    insertions.push({ position: node.start + 1, order: [1, -Infinity], text: `${count()};` });
  const visit = (node: AnyNode) => {
    switch (node.type) {
      case 'FunctionDeclaration':
      case 'FunctionExpression':
        block(node.body);
        break;
      case 'ArrowFunctionExpression':
        if (node.body.type === 'BlockStatement') block(node.body);
        else expression(node.body);
        break;
      case 'IfStatement':
        statement(node.consequent);
        if (node.alternate) statement(node.alternate);
        else insertions.push({ position: node.end, order: [0, -node.start - 0.5], text: ` else {${count()};}` });
        break;
      case 'ForStatement':
      case 'ForOfStatement':
      case 'ForInStatement':
      case 'WhileStatement':
      case 'DoWhileStatement':
        statement(node.body, 'if(++__f.steps>__f.stepsMax)__f.hang();');
        break;
      case 'ConditionalExpression':
        expression(node.consequent);
        expression(node.alternate);
        break;
      case 'LogicalExpression':
      case 'AssignmentPattern':
        expression(node.right);
        break;
      case 'SwitchCase':
        if (node.consequent[0]) open(node.consequent[0], `${count()};`);
        break;
      case 'CatchClause':
        block(node.body);
        break;
    }
    for (const child of childrenOf(node)) visit(child);
  };
  visit(parse(source, { ecmaVersion: 'latest', sourceType: 'module' }));
  insertions.sort((a, b) => a.position - b.position || a.order[0] - b.order[0] || a.order[1] - b.order[1]);
  let position = 0;
  const pieces = ['const __f=globalThis.__fuzz,__b=__f.blocks;'];
  for (const insertion of insertions) {
    pieces.push(source.slice(position, insertion.position), insertion.text);
    position = insertion.position;
  }
  return { source: pieces.join('') + source.slice(position), next };
}
