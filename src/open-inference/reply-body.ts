/** The reply of an inference: JSON, followed by the bytes of the binary outputs. */
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { requestBuffers } from '../http/request-buffers.js';
import { type Numbers, type OnPrinted, type Piece, printSlices } from '../json/print-body.js';
import { type Drawn, sendDrawn } from '../routes/run-draw.js';
import { pooledBytesMin } from '../runtime/buffer-pool.js';
import { nextTurn } from '../runtime/event-loop-turns.js';
import type { Sampler } from '../sampler/sampler.js';
import { bytesOf, chunksOf } from './tensors/bytes.js';
import type { Datatype } from './tensors/datatypes.js';

export interface Output {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly numbers: Numbers['numbers'];
  readonly binary: boolean;
}

/** The members of a reply beside its outputs. */
export interface InferHead {
  readonly model_name: string;
  readonly model_version: string;
  /** Undefined if the request has no id; the reply then has none. */
  readonly id: string | undefined;
  readonly parameters: Readonly<Record<string, string | number | boolean>>;
}

/** Up to this many bytes of tensors are copied behind the JSON and sent in one write; more are sent in chunks. */
const wholeBytesMax = 2 ** 20;

/** The parts of a reply with binary outputs. */
interface BinaryReply {
  readonly pieces: readonly Piece[];
  readonly outputs: readonly Output[];
  readonly printed: OnPrinted;
}

/** Sends the JSON and the binary outputs. A short reply is copied to one buffer, which releases the result at once. */
export async function sendBinary(
  request: FastifyRequest,
  reply: FastifyReply,
  sampler: Sampler,
  drawn: Drawn,
  { pieces, outputs, printed }: BinaryReply,
): Promise<FastifyReply> {
  const binary = outputs.filter((output) => output.binary);
  const json = await printJson(pieces, printed);
  const bytes = binary.reduce((sum, { numbers }) => sum + bytesOf(numbers), 0);
  reply.type('application/octet-stream').header('inference-header-content-length', json.length);
  if (bytes <= wholeBytesMax) {
    return sendDrawn(request, reply, sampler, drawn, concatPooled(reply, [json, ...binary.flatMap(chunksOfOutput)]));
  }
  reply.header('content-length', json.length + bytes);
  return sendDrawn(request, reply, sampler, drawn, Readable.from(chunks(json, binary), { objectMode: false }));
}

function chunksOfOutput({ numbers }: Output): Buffer[] {
  return [...chunksOf(numbers)];
}

/** All pieces in one buffer. A large buffer comes from the buffer pool and returns to it when the reply is sent. */
function concatPooled({ raw }: FastifyReply, pieces: readonly Buffer[]): Buffer {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (length < pooledBytesMin) return Buffer.concat(pieces, length);
  const memory = requestBuffers.take(length);
  raw.once('finish', () => requestBuffers.give(memory));
  const whole = Buffer.from(memory, 0, length);
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.length;
  }
  return whole;
}

/** The JSON of a reply, with the numbers of the outputs that are not binary. */
export function piecesOf(head: InferHead, outputs: readonly Output[]): Piece[] {
  const pieces: Piece[] = [];
  let text = `${JSON.stringify(head).slice(0, -1)},"outputs":[`;
  for (const [index, { name, datatype, shape, numbers, binary }] of outputs.entries()) {
    text += `${index > 0 ? ',' : ''}{"name":"${name}","datatype":"${datatype}","shape":[${shape.join(',')}],`;
    if (binary) {
      text += `"parameters":{"binary_data_size":${bytesOf(numbers)}}}`;
    } else {
      pieces.push(`${text}"data":`, { numbers, shape: [numbers.length] });
      text = '}';
    }
  }
  pieces.push(`${text}]}`);
  return pieces;
}

/** The JSON in one buffer, since a header states its length. */
async function printJson(pieces: readonly Piece[], printed: OnPrinted): Promise<Buffer> {
  if (pieces.length === 1) return Buffer.from(pieces[0] as string);
  const slices: Buffer[] = [];
  for await (const slice of printSlices(pieces, printed)) slices.push(slice);
  return Buffer.concat(slices);
}

async function* chunks(json: Buffer, outputs: readonly Output[]): AsyncGenerator<Buffer> {
  yield json;
  for (const { numbers } of outputs) {
    for (const chunk of chunksOf(numbers)) {
      yield chunk;
      await nextTurn();
    }
  }
}
