/**
 * Writes the protobuf wire format, as far as ONNX models need it: varints, 32-bit floats and length-delimited fields.
 * Reading is not implemented. Wire format: https://protobuf.dev/programming-guides/encoding/
 */

const WIRE_TYPE_VARINT = 0;
const WIRE_TYPE_LENGTH_DELIMITED = 2;
const WIRE_TYPE_I32 = 5;

const utf8 = new TextEncoder();

/** A protobuf message under construction. Fields are written in the order of the calls. */
export class Message {
  readonly #chunks: Uint8Array[] = [];

  /** An int32, int64, bool or enum field. A negative number takes ten bytes, as protobuf prescribes. */
  integer(field: number, value: number | bigint): this {
    this.#key(field, WIRE_TYPE_VARINT);
    this.#chunks.push(varint(value));
    return this;
  }

  /** A float field. */
  float(field: number, value: number): this {
    this.#key(field, WIRE_TYPE_I32);
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    this.#chunks.push(bytes);
    return this;
  }

  /** A string field. */
  string(field: number, value: string): this {
    return this.bytes(field, utf8.encode(value));
  }

  /** A bytes field. The bytes are not copied until `encode`. */
  bytes(field: number, value: Uint8Array): this {
    this.#key(field, WIRE_TYPE_LENGTH_DELIMITED);
    this.#chunks.push(varint(value.length), value);
    return this;
  }

  /** A nested message. */
  message(field: number, value: Message): this {
    return this.bytes(field, value.encode());
  }

  /** A repeated integer field in packed form. An empty list writes nothing, as protobuf prescribes. */
  packedIntegers(field: number, values: readonly number[]): this {
    return values.length === 0 ? this : this.bytes(field, concatenate(values.map(varint)));
  }

  encode(): Uint8Array {
    return concatenate(this.#chunks);
  }

  #key(field: number, wireType: number): void {
    this.#chunks.push(varint(field * 8 + wireType));
  }
}

/** Seven bits a byte, lowest first, with the top bit set on all but the last. Negative numbers as two's complement. */
function varint(value: number | bigint): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

function concatenate(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
