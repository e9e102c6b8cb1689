/**
 * Writes counters into a WebAssembly module: one for each function, loop, arm of an `if`, end of a block, and for what
 * follows a conditional branch. Each increment leaves the operand stack as it was, so it may stand between any two
 * instructions, and nothing else of the module changes.
 */

/** Where the counters lie in the memory of the codec: above all that it uses (src/json/assembly/layout.ts). */
export const wasmCounters = { address: 270_336, max: 8192, stepsAddress: 266_240, stepsMax: 2_000_000 } as const;

const codeSection = 10;
const dataSection = 11;

const Op = { unreachable: 0x00, loop: 0x03, if: 0x04, else: 0x05, end: 0x0b, branchIf: 0x0d } as const;

class Reader {
  readonly #bytes: Uint8Array;
  position: number;

  constructor(bytes: Uint8Array, position: number) {
    this.#bytes = bytes;
    this.position = position;
  }

  byte(): number {
    return this.#bytes[this.position++];
  }

  /** An integer in LEB128, also a signed one that is only skipped. */
  integer(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  skip(integers: number): void {
    for (let each = 0; each < integers; each++) this.integer();
  }

  /** Skips the immediates of an instruction. */
  immediates(op: number): void {
    if (op === 0x0e) this.skip(this.integer() + 1);
    else if (op === 0x1c) this.skip(this.integer());
    else if (op === 0x11 || (op >= 0x28 && op <= 0x3e)) this.skip(2);
    else if (op === 0x43) this.position += 4;
    else if (op === 0x44) this.position += 8;
    else if (op === 0xfc) this.skip(immediatesOfBulk[this.integer()] ?? 0);
    else if (op === 0xfd) this.#immediatesOfVector(this.integer());
    else if (hasOneImmediate(op)) this.skip(1);
  }

  #immediatesOfVector(op: number): void {
    if (op <= 11 || op === 92 || op === 93) this.skip(2);
    else if (op === 12 || op === 13) this.position += 16;
    else if (op >= 21 && op <= 34) this.position += 1;
    else if (op >= 84 && op <= 91) {
      this.skip(2);
      this.position += 1;
    }
  }
}

/** Of memory.init, data.drop, memory.copy, memory.fill, table.init, elem.drop, table.copy and those that follow. */
const immediatesOfBulk: Readonly<Record<number, number>> = {
  8: 2,
  9: 1,
  10: 2,
  11: 1,
  12: 2,
  13: 1,
  14: 2,
  15: 1,
  16: 1,
  17: 1,
};

function hasOneImmediate(op: number): boolean {
  const isControl = (op >= 0x02 && op <= 0x04) || op === 0x0c || op === 0x0d || op === 0x10;
  const isVariable = op >= 0x20 && op <= 0x26;
  return isControl || isVariable || (op >= 0x3f && op <= 0x42) || op === 0xd0 || op === 0xd2;
}

function leb(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
}

/** i32.const of a number below 2^31. A signed LEB128 ends with a bit that is 0. */
function constant(value: number): number[] {
  const bytes = leb(value);
  const last = bytes.length - 1;
  return [0x41, ...(bytes[last] < 64 ? bytes : [...bytes.slice(0, last), bytes[last] + 128, 0])];
}

/** Adds 1 to the byte or word at an address. */
function increment(address: number, load: number[], store: number[]): number[] {
  return [...constant(address), ...constant(address), ...load, ...constant(1), 0x6a, ...store];
}

const i32Load = [0x28, 2, 0];
const countStep = [
  ...increment(wasmCounters.stepsAddress, i32Load, [0x36, 2, 0]),
  ...[...constant(wasmCounters.stepsAddress), ...i32Load, ...constant(wasmCounters.stepsMax), 0x4b],
  ...[Op.if, 0x40, Op.unreachable, Op.end],
];

/** @returns the module with its counters, and their number */
export function instrumentWasm(module: Uint8Array): { bytes: Uint8Array; count: number } {
  let count = 0;
  const counter = () => {
    if (count === wasmCounters.max) throw new Error(`The module has more than ${count} blocks.`);
    return increment(wasmCounters.address + count++, [0x2d, 0, 0], [0x3a, 0, 0]);
  };
  const pieces: (Uint8Array | number[])[] = [module.subarray(0, 8)];
  const sections = new Reader(module, 8);
  while (sections.position < module.length) {
    const start = sections.position;
    const id = sections.byte();
    const length = sections.integer();
    const contents = module.subarray(sections.position, sections.position + length);
    sections.position += length;
    if (id === dataSection) throw new Error('The module has data, which may lie where the counters are.');
    if (id === codeSection) {
      const code = instrumentCode(contents, counter);
      pieces.push([id, ...leb(code.length)], code);
    } else pieces.push(module.subarray(start, sections.position));
  }
  return { bytes: Buffer.concat(pieces.map((piece) => Uint8Array.from(piece))), count };
}

function instrumentCode(section: Uint8Array, counter: () => number[]): Uint8Array {
  const reader = new Reader(section, 0);
  const functions = reader.integer();
  const pieces = [leb(functions)];
  for (let each = 0; each < functions; each++) {
    const length = reader.integer();
    const end = reader.position + length;
    const body = instrumentBody(section, reader, end, counter);
    pieces.push(leb(body.length), body);
  }
  return Buffer.concat(pieces.map((piece) => Uint8Array.from(piece)));
}

function instrumentBody(section: Uint8Array, reader: Reader, end: number, counter: () => number[]): number[] {
  const out: number[] = [];
  const start = reader.position;
  for (let groups = reader.integer(); groups > 0; groups--) reader.skip(2);
  let copied = start;
  const insert = (bytes: number[]) => {
    for (; copied < reader.position; copied++) out.push(section[copied]);
    out.push(...bytes);
  };
  insert(counter());
  while (reader.position < end) {
    const op = reader.byte();
    reader.immediates(op);
    if (op === Op.loop) insert([...counter(), ...countStep]);
    else if (op === Op.if || op === Op.else || op === Op.branchIf || (op === Op.end && reader.position < end))
      insert(counter());
  }
  insert([]);
  return out;
}
