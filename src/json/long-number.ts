/**
 * Reads a number of any length, a part at a time, and rewrites it in less than a thousand bytes that round to the same
 * float64. It accepts exactly JSON's number grammar.
 */

/**
 * The first 767 significant digits, and whether a non-zero digit follows them, determine a float64 (halfway cases of
 * IEEE 754).
 */
const digitsMax = 800;
/** A larger exponent alone determines the result, unless a body of a billion digits compensates for it. */
const exponentMax = 1e15;

const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const LOWER_E = 0x65;
const UPPER_E = 0x45;

/** Positions in the grammar of a number. */
const State = {
  start: 0,
  signed: 1,
  zero: 2,
  integer: 3,
  point: 4,
  fraction: 5,
  letter: 6,
  exponentSign: 7,
  exponent: 8,
} as const;

export class LongNumber {
  #state: number = State.start;
  #negative = false;
  #digits = '';
  #digitCount = 0;
  #droppedNonZero = false;
  /** The power of ten that multiplies the digits kept, before the written exponent. */
  #scale = 0;
  #exponentNegative = false;
  #exponent = 0;

  /** Reads bytes [start, end). Returns the end of the number: `end` if it may go on. */
  read(body: Uint8Array, start: number, end: number): number {
    for (let position = start; position < end; position++) {
      const byte = body[position];
      const accepted = byte >= 0x30 && byte <= 0x39 ? this.#readDigit(byte - 0x30) : this.#readOther(byte);
      if (!accepted) return position;
    }
    return end;
  }

  /** Whether the bytes read so far are a complete number. */
  get complete(): boolean {
    const state = this.#state;
    return state === State.zero || state === State.integer || state === State.fraction || state === State.exponent;
  }

  /** The same number in a short spelling. */
  spell(): string {
    const exponent = (this.#exponentNegative ? -this.#exponent : this.#exponent) + this.#scale;
    const sign = this.#negative ? '-' : '';
    if (this.#digits === '') return `${sign}0`;
    // One more digit replaces all dropped digits: it can only break a tie.
    return this.#droppedNonZero ? `${sign}${this.#digits}1e${exponent - 1}` : `${sign}${this.#digits}e${exponent}`;
  }

  #readDigit(digit: number): boolean {
    switch (this.#state) {
      case State.zero:
        return false;
      case State.start:
      case State.signed:
        this.#state = digit === 0 ? State.zero : State.integer;
        break;
      case State.point:
        this.#state = State.fraction;
        break;
      case State.letter:
      case State.exponentSign:
        this.#state = State.exponent;
        break;
    }
    if (this.#state === State.exponent) this.#exponent = Math.min(this.#exponent * 10 + digit, exponentMax);
    else this.#keep(digit);
    return true;
  }

  #keep(digit: number): void {
    const afterPoint = this.#state === State.fraction;
    if (this.#digitCount === 0 && digit === 0) {
      if (afterPoint) this.#scale--;
    } else if (this.#digitCount < digitsMax) {
      this.#digits += digit;
      this.#digitCount++;
      if (afterPoint) this.#scale--;
    } else {
      if (digit !== 0) this.#droppedNonZero = true;
      if (!afterPoint) this.#scale++;
    }
  }

  #readOther(byte: number): boolean {
    const state = this.#state;
    if (byte === MINUS && state === State.start) {
      this.#negative = true;
      this.#state = State.signed;
    } else if (byte === POINT && (state === State.zero || state === State.integer)) {
      this.#state = State.point;
    } else if ((byte === LOWER_E || byte === UPPER_E) && this.complete && state !== State.exponent) {
      this.#state = State.letter;
    } else if ((byte === MINUS || byte === PLUS) && state === State.letter) {
      this.#exponentNegative = byte === MINUS;
      this.#state = State.exponentSign;
    } else {
      return false;
    }
    return true;
  }
}
