/**
 * Finds the first character that breaks the grammar of JSON (RFC 8259), and says what is expected there and how to
 * correct common mistakes. It runs only over texts that JSON.parse, or a reader of arrays, has rejected. V8's messages
 * quote the text, and have a position for some mistakes and not for others.
 */

/** What comes next. The first four begin something, the others follow it. */
type Expectation = 'value' | 'firstEntry' | 'name' | 'firstName' | 'colon' | 'afterEntry' | 'afterMember' | 'end';

const expectedTexts: Readonly<Record<Expectation, string>> = {
  value: 'a value',
  firstEntry: 'a value or "]"',
  name: 'a field name in double quotes',
  firstName: 'a field name in double quotes or "}"',
  colon: '":"',
  afterEntry: '"," or "]"',
  afterMember: '"," or "}"',
  end: 'the end of the body',
};

/** The character that ends the array or object instead. */
const closing: Partial<Record<Expectation, string>> = {
  firstEntry: ']',
  firstName: '}',
  afterEntry: ']',
  afterMember: '}',
};

/** The required punctuation, and what comes after it. */
const between: Partial<Record<Expectation, readonly [string, Expectation]>> = {
  colon: [':', 'value'],
  afterEntry: [',', 'value'],
  afterMember: [',', 'name'],
};

export interface SyntaxFault {
  /** Position in the text, in UTF-16 units. */
  readonly index: number;
  /** What the grammar expects there. */
  readonly expected: string;
  /** The word at that position, if it is a known mistake such as `None`. */
  readonly word: string | undefined;
  /** How to correct it, in sentences; empty if unknown. */
  readonly advice: string;
  /** Whether a complete value ends before it. */
  readonly afterEnd: boolean;
}

/** Numbers of other languages and formats that JSON does not have. */
const notFinite = /[+-]?(?:nan|inf(?:inity)?)(?![a-z0-9_])/iy;

/** Words of other languages, and their spelling in JSON. */
const foreignWord = /(?:None|NULL|Null|undefined|True|TRUE|False|FALSE)(?![A-Za-z0-9_])/y;
const spelledInJson: Readonly<Record<string, string>> = { n: 'null', u: 'null', t: 'true', f: 'false' };

const space = /[ \t\n\r]*/y;
const plainCharacters = /[^"\\\p{Cc}]*/uy;
const escapeForm = /\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})/y;
const literals: Readonly<Record<string, string>> = { t: 'true', f: 'false', n: 'null' };

class SyntaxWalk {
  readonly #text: string;
  readonly #complete: boolean;
  /** The open arrays and objects, outermost first. */
  readonly #open: ('array' | 'object')[];
  #index = 0;
  #expected: Expectation;
  fault: SyntaxFault | undefined;

  constructor(text: string, complete: boolean, expected: Expectation, open: ('array' | 'object')[]) {
    this.#text = text;
    this.#complete = complete;
    this.#expected = expected;
    this.#open = open;
  }

  run(): SyntaxFault | undefined {
    while (this.fault === undefined) {
      this.#match(space);
      if (this.#index === this.#text.length) {
        if (this.#expected !== 'end' && this.#complete) this.#fail(expectedTexts[this.#expected]);
        break;
      }
      this.#step(this.#text[this.#index] as string);
    }
    return this.fault;
  }

  #step(character: string): void {
    const expected = this.#expected;
    if (closing[expected] === character) this.#close();
    else if (expected === 'value' || expected === 'firstEntry') this.#value(character);
    else if (expected === 'name' || expected === 'firstName') this.#name(character);
    else this.#punctuation(character);
  }

  #value(character: string): void {
    if (character === '{') this.#enter('object', 'firstName');
    else if (character === '[') this.#enter('array', 'firstEntry');
    else if (this.#wordHere() !== undefined) this.#fail(expectedTexts[this.#expected]);
    else if (this.#scalar(character)) this.#leave();
  }

  /** Reads a string, a number or a literal. Returns whether it was complete. */
  #scalar(character: string): boolean {
    if (character === '"') return this.#string();
    if (character === '-' || isDigit(character)) return this.#number();
    const literal = literals[character];
    return literal === undefined ? this.#miss(expectedTexts[this.#expected]) : this.#literal(literal);
  }

  #name(character: string): void {
    if (character !== '"') this.#fail(expectedTexts[this.#expected]);
    else if (this.#string()) this.#expected = 'colon';
  }

  #punctuation(character: string): void {
    const [required, next] = between[this.#expected] ?? [];
    if (next === undefined || character !== required) {
      this.#fail(expectedTexts[this.#expected]);
      return;
    }
    this.#index += 1;
    this.#expected = next;
  }

  #enter(kind: 'array' | 'object', next: Expectation): void {
    this.#open.push(kind);
    this.#index += 1;
    this.#expected = next;
  }

  #close(): void {
    this.#open.pop();
    this.#index += 1;
    this.#leave();
  }

  /** Continues after a value. */
  #leave(): void {
    const inside = this.#open.at(-1);
    this.#expected = inside === undefined ? 'end' : inside === 'array' ? 'afterEntry' : 'afterMember';
  }

  #string(): boolean {
    this.#index += 1;
    for (;;) {
      this.#match(plainCharacters);
      const character = this.#text[this.#index];
      if (character === '"') {
        this.#index += 1;
        return true;
      }
      if (character === '\\') {
        if (!this.#match(escapeForm)) return this.#badEscape();
      } else if (character === undefined) {
        return this.#miss('the closing quote of a string');
      } else if (character > '\u001f') {
        // DEL and the C1 controls are legal in a string.
        this.#index += 1;
      } else {
        return this.#miss('an escape such as \\n or \\t');
      }
    }
  }

  #badEscape(): boolean {
    const isUnicode = this.#text[this.#index + 1] === 'u';
    this.#index += isUnicode ? 2 : 1;
    while (isUnicode && /[0-9A-Fa-f]/.test(this.#text[this.#index] ?? '')) this.#index += 1;
    return this.#miss(isUnicode ? 'four hexadecimal digits after \\u' : 'one of "\\/bfnrtu after a backslash');
  }

  #number(): boolean {
    if (this.#text[this.#index] === '-') this.#index += 1;
    if (this.#text[this.#index] === '0') this.#index += 1;
    else if (!this.#digits()) return false;
    if (this.#text[this.#index] === '.') {
      this.#index += 1;
      if (!this.#digits()) return false;
    }
    if (/[eE]/.test(this.#text[this.#index] ?? '')) {
      this.#index += 1;
      if (/[+-]/.test(this.#text[this.#index] ?? '')) this.#index += 1;
      if (!this.#digits()) return false;
    }
    return true;
  }

  #digits(): boolean {
    const start = this.#index;
    while (isDigit(this.#text[this.#index] ?? '')) this.#index += 1;
    return this.#index > start || this.#miss('a digit');
  }

  #literal(word: string): boolean {
    for (const letter of word) {
      if (this.#text[this.#index] !== letter) return this.#miss(word);
      this.#index += 1;
    }
    return true;
  }

  /** Whether the pattern matches here; moves past the match. */
  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.#index;
    const matches = pattern.test(this.#text);
    if (matches) this.#index = pattern.lastIndex;
    return matches;
  }

  #wordHere(): string | undefined {
    for (const pattern of [notFinite, foreignWord]) {
      pattern.lastIndex = this.#index;
      const found = pattern.exec(this.#text)?.[0];
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Records a fault, unless the text was only cut here. */
  #miss(expected: string): boolean {
    if (this.#index < this.#text.length || this.#complete) this.#fail(expected);
    else this.#expected = 'end';
    return false;
  }

  #fail(expected: string): void {
    const word = this.#wordHere();
    this.fault = {
      index: this.#index,
      expected,
      word,
      advice: this.#advice(word),
      afterEnd: this.#expected === 'end',
    };
  }

  #advice(word: string | undefined): string {
    const character = this.#text[this.#index];
    const before = this.#text[this.#index - 1];
    const begins = this.#expected === 'value' || this.#expected === 'firstEntry';
    if (word !== undefined) return adviceOnWord(word);
    if (character === undefined) return 'The body is cut off there.';
    if (character === ']' && this.#expected === 'value') return 'JSON does not allow a comma after the last entry.';
    if (character === '}' && this.#expected === 'name') return 'JSON does not allow a comma after the last field.';
    if (character === '/' || character === '#') return 'JSON has no comments.';
    if (character === "'" || character === '`') return 'JSON encloses names and strings in double quotes.';
    if (character === '+' && begins) return 'JSON numbers have no plus sign in front.';
    if (character === '.' && begins) return 'JSON numbers begin with a digit or a minus sign.';
    if (before === '0' && isDigit(character)) return 'JSON numbers have no leading zeros.';
    return this.#expected === 'end' ? 'Send one JSON object, and nothing after it.' : '';
  }
}

function adviceOnWord(word: string): string {
  const spelling = spelledInJson[word.charAt(0).toLowerCase()];
  const isNumber = /^[+-]?(?:nan|inf)/i.test(word);
  if (isNumber) return 'JSON has no NaN and no Infinity: in logits send null for a category that must never be drawn.';
  return `JSON spells it ${spelling}.`;
}

function isDigit(character: string): boolean {
  return character >= '0' && character <= '9';
}

/** The first fault of a complete text; undefined if there is none. */
export function findSyntaxFault(text: string): SyntaxFault | undefined {
  return new SyntaxWalk(text, true, 'value', []).run();
}

/**
 * The first fault of a piece of an array; undefined if it has none. The piece may be cut at any character.
 *
 * @param previous the last character before the piece that is not white space
 * @param complete whether the piece reaches the end of the body
 */
export function findFaultInArray(piece: string, previous: string, complete: boolean): SyntaxFault | undefined {
  const expected = previous === '[' ? 'firstEntry' : previous === ',' ? 'value' : 'afterEntry';
  const fault = new SyntaxWalk(piece, complete, expected, ['array']).run();
  // Text after the array is not part of it.
  return fault?.afterEnd ? undefined : fault;
}
