/** The grammar of JSON (RFC 8259), to check where the service says that a body breaks it. */
import { isUtf8 } from 'node:buffer';

const space = /[ \t\r\n]*/y;
const string = /"(?:[ !#-[\]-\u00ff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const startOfString = /"(?:[ !#-[\]-\u00ff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*(?:\\(?:u[0-9a-fA-F]{0,3})?)?/y;
const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const startOfNumber = /-?(?:(?:0|[1-9]\d*)(?:(?:\.\d+)?(?:[eE](?:[+-]?\d*)?)?|\.)?)?/y;

/** Where a text stops being the beginning of a JSON text, and where the token begins that breaks it. */
export interface Fault {
  readonly token: number;
  readonly position: number;
}

class Grammar {
  readonly #text: string;
  #position = 0;

  /** @param text a character for each byte */
  constructor(text: string) {
    this.#text = text;
  }

  /** Undefined if the text is JSON. */
  fault(): Fault | undefined {
    // What may stand next, innermost last.
    const expected = ['end', 'value'];
    for (;;) {
      this.#match(space);
      const next = expected.pop() as string;
      const character = this.#text[this.#position];
      if (next === 'end') return character === undefined ? undefined : this.#faultHere();
      if (next.startsWith('more')) {
        const closing = next.slice(4);
        if (character === closing) this.#position += 1;
        else if (character === ',') {
          this.#position += 1;
          expected.push(next, ...(closing === '}' ? ['value', ':', 'key'] : ['value']));
        } else return this.#faultHere();
      } else if (next === ':') {
        if (character !== ':') return this.#faultHere();
        this.#position += 1;
      } else if (next === 'key?' || next === 'value?') {
        const closing = next === 'key?' ? '}' : ']';
        if (character === closing) this.#position += 1;
        else expected.push(`more${closing}`, ...(next === 'key?' ? ['value', ':', 'key'] : ['value']));
      } else if (next === 'value' && (character === '{' || character === '[')) {
        this.#position += 1;
        expected.push(character === '{' ? 'key?' : 'value?');
      } else {
        const fault = this.#scalar(next === 'key');
        if (fault) return fault;
      }
    }
  }

  #scalar(isKey: boolean): Fault | undefined {
    const token = this.#position;
    const character = this.#text[token] ?? '';
    if (character === '"') return this.#match(string) ? undefined : this.#cut(token, startOfString);
    if (isKey) return this.#faultHere();
    if (/[-\d]/.test(character)) {
      const fault = this.#cut(token, startOfNumber);
      return number.test(this.#text.slice(token, fault.position)) ? undefined : fault;
    }
    const word = ['true', 'false', 'null'].find((each) => each[0] === character);
    if (word === undefined) return this.#faultHere();
    let length = 0;
    while (length < word.length && this.#text[token + length] === word[length]) length += 1;
    this.#position = token + length;
    return length === word.length ? undefined : { token, position: this.#position };
  }

  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.#position;
    if (!pattern.test(this.#text)) return false;
    this.#position = pattern.lastIndex;
    return true;
  }

  #cut(token: number, start: RegExp): Fault {
    this.#match(start);
    return { token, position: this.#position };
  }

  #faultHere(): Fault {
    return { token: this.#position, position: this.#position };
  }
}

export function grammarFault(bytes: Buffer): Fault | undefined {
  return new Grammar(bytes.toString('latin1')).fault();
}

/** Whether a key could reach a prototype: `__proto__`, or `prototype` in `constructor`. */
function hasForbiddenKey(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const inner = Object.hasOwn(value, 'constructor') ? (value as { constructor: unknown }).constructor : undefined;
  if (typeof inner === 'object' && inner !== null && Object.hasOwn(inner, 'prototype')) return true;
  return Object.hasOwn(value, '__proto__') || Object.values(value).some(hasForbiddenKey);
}

/** A body as JSON.parse reads it; undefined if it must be refused as no JSON. */
export function readJson(body: Buffer): { readonly value: unknown } | undefined {
  if (!isUtf8(body)) return undefined;
  try {
    const text = body.toString('utf8');
    // A byte order mark in front is skipped.
    const value: unknown = JSON.parse(text.startsWith('\ufeff') ? text.slice(1) : text);
    return hasForbiddenKey(value) ? undefined : { value };
  } catch {
    return undefined;
  }
}

const strings = /"(?:[^"\\]|\\.)*"/gs;

/** How deep a text nests, and how many values it has at least, whether it is JSON or not. */
export function sizeOf(body: Buffer): { depth: number; values: number } {
  let depth = 0;
  let deepest = 0;
  let values = 0;
  for (const character of body.toString('latin1').replace(strings, '')) {
    if (character === '[' || character === '{') deepest = Math.max(deepest, ++depth);
    if (character === ']' || character === '}') depth -= 1;
    if (',[{'.includes(character)) values += 1;
  }
  return { depth: deepest, values };
}

/** Whether a body spells a number at a length at which the service may take it for no integer. */
export function hasLongNumber(body: Buffer): boolean {
  return /[\d.eE+-]{64}/.test(body.toString('latin1'));
}
