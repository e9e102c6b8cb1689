import t from 'tap';
import { Message } from '../../../src/sampler/onnx/protobuf.js';

const hex = (message: Message) => Buffer.from(message.encode()).toString('hex');

t.test("the writer reproduces the examples of protobuf's encoding guide", async (t) => {
  // https://protobuf.dev/programming-guides/encoding/: messages Test1, Test2, Test3 and Test5.
  const test1 = new Message().integer(1, 150);
  t.equal(hex(test1), '089601');
  t.equal(hex(new Message().string(2, 'testing')), '120774657374696e67');
  t.equal(hex(new Message().message(3, test1)), '1a03089601');
  t.equal(hex(new Message().packedIntegers(6, [3, 270, 86942])), '3206038e029ea705');
});

t.test('integers are written at the limits of their lengths', async (t) => {
  t.equal(hex(new Message().integer(1, 0)), '0800');
  t.equal(hex(new Message().integer(1, 127)), '087f');
  t.equal(hex(new Message().integer(1, 128)), '088001');
  t.equal(hex(new Message().integer(16, 1)), '800101', 'a field number above 15 takes two bytes');
});

t.test('a negative integer takes ten bytes', async (t) => {
  t.equal(hex(new Message().integer(1, -1)), '08ffffffffffffffffff01');
  t.equal(hex(new Message().integer(1, -(2n ** 63n))), '0880808080808080808001');
});

t.test('a float is four little-endian bytes', async (t) => {
  t.equal(hex(new Message().float(2, 0.5)), '150000003f');
  t.equal(hex(new Message().float(2, 2 ** -126)), '1500008000');
});

t.test('an empty list of packed integers and an empty message write nothing', async (t) => {
  t.equal(hex(new Message().packedIntegers(1, [])), '');
  t.equal(hex(new Message()), '');
});
