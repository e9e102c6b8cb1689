/**
 * Reads a number token of any length, a part at a time, and spells it again in less than a thousand bytes so that it
 * still rounds to the same float64. It accepts exactly JSON's number grammar.
 */

/**
 * A float64 is decided by its first 767 significant digits and whether anything but zeros follows (IEEE 754 halfway
 * cases).
 */
const digitsMax = 800;
/** Beyond this an exponent decides the result alone, unless a body of a billion digits makes up for it. */
const exponentMax = 1e15;

const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const LOWER_E = 0x65;
const UPPER_E = 0x45;

/** Where in the grammar the reader stands. */
const Place = {
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
  #place: number = Place.start;
  #negative = false;
  #digits = '';
  #digitCount = 0;
  #droppedNonZero = false;
  /** What the digits kept have to be multiplied by, as a power of ten, before the written exponent. */
  #scale = 0;
  #exponentNegative = false;
  #exponent = 0;

  /** Takes the bytes from `start` to `end` and returns where the token ends: `end` if it may go on. */
  read(body: Uint8Array, start: number, end: number): number {
    for (let position = start; position < end; position++) {
      const byte = body[position];
      const taken = byte >= 0x30 && byte <= 0x39 ? this.#takeDigit(byte - 0x30) : this.#takeOther(byte);
      if (!taken) return position;
    }
    return end;
  }

  /** Whether what has been read is a whole number. */
  get complete(): boolean {
    const place = this.#place;
    return place === Place.zero || place === Place.integer || place === Place.fraction || place === Place.exponent;
  }

  /** The same number in a short spelling. */
  spell(): string {
    const exponent = (this.#exponentNegative ? -this.#exponent : this.#exponent) + this.#scale;
    const sign = this.#negative ? '-' : '';
    if (this.#digits === '') return `${sign}0`;
    // One more digit stands for all that were dropped: it can only break a tie.
    return this.#droppedNonZero ? `${sign}${this.#digits}1e${exponent - 1}` : `${sign}${this.#digits}e${exponent}`;
  }

  #takeDigit(digit: number): boolean {
    switch (this.#place) {
      case Place.zero:
        return false;
      case Place.start:
      case Place.signed:
        this.#place = digit === 0 ? Place.zero : Place.integer;
        break;
      case Place.point:
        this.#place = Place.fraction;
        break;
      case Place.letter:
      case Place.exponentSign:
        this.#place = Place.exponent;
        break;
    }
    if (this.#place === Place.exponent) this.#exponent = Math.min(this.#exponent * 10 + digit, exponentMax);
    else this.#keep(digit);
    return true;
  }

  #keep(digit: number): void {
    const afterPoint = this.#place === Place.fraction;
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

  #takeOther(byte: number): boolean {
    const place = this.#place;
    if (byte === MINUS && place === Place.start) {
      this.#negative = true;
      this.#place = Place.signed;
    } else if (byte === POINT && (place === Place.zero || place === Place.integer)) {
      this.#place = Place.point;
    } else if ((byte === LOWER_E || byte === UPPER_E) && this.complete && place !== Place.exponent) {
      this.#place = Place.letter;
    } else if ((byte === MINUS || byte === PLUS) && place === Place.letter) {
      this.#exponentNegative = byte === MINUS;
      this.#place = Place.exponentSign;
    } else {
      return false;
    }
    return true;
  }
}
