/** Who is refused unread while there is no room for large draws. */
import t from 'tap';
import { type LastDraw, Shedding } from '../../../src/sampler/queue/shedding.js';

const nobody = (): LastDraw => ({ largeAtMs: Number.NEGATIVE_INFINITY, largeCharge: 0, wasSmall: false });
const full = () => false;

/** A second after its start a large draw of charge 10 has been refused. */
function refusing() {
  const clock = { nowMs: 1000 };
  const shedding = new Shedding(() => clock.nowMs);
  const caller = nobody();
  shedding.noteDraw(caller, 10, true, true);
  /** How many new callers are read. */
  const read = (callers = 1000) => {
    let count = 0;
    for (let index = 0; index < callers; index++) if (!shedding.refuses(nobody(), full)) count += 1;
    return count;
  };
  return { clock, shedding, caller, read };
}

t.test('nobody is refused before a large draw was, nor a second after it', (t) => {
  const clock = { nowMs: 1000 };
  const shedding = new Shedding(() => clock.nowMs);
  t.notOk(shedding.mayRefuse);
  const caller = nobody();
  for (const [large, isRefused] of [
    [true, false],
    [false, true],
    [false, false],
  ]) {
    shedding.noteDraw(caller, 10, large, isRefused);
    t.notOk(shedding.mayRefuse);
    t.notOk(shedding.refuses(caller, full));
  }
  shedding.noteDraw(caller, 10, true, true);
  t.ok(shedding.mayRefuse);
  clock.nowMs = 1999;
  t.ok(shedding.mayRefuse);
  clock.nowMs = 2000;
  t.notOk(shedding.mayRefuse);
  t.notOk(shedding.refuses(caller, full));
  t.end();
});

t.test('what is noted of a draw: its time and charge if it is large, and whether it is small', (t) => {
  const { clock, shedding, caller } = refusing();
  t.same(caller, { largeAtMs: 1000, largeCharge: 10, wasSmall: false });
  clock.nowMs = 1500;
  shedding.noteDraw(caller, 3, false, false);
  t.same(caller, { largeAtMs: 1000, largeCharge: 10, wasSmall: true });
  shedding.noteDraw(caller, 20, true, false);
  t.same(caller, { largeAtMs: 1500, largeCharge: 20, wasSmall: false });
  clock.nowMs = 2000;
  t.notOk(shedding.mayRefuse, 'a draw that was let in is no refusal');
  t.end();
});

t.test('who drew little last is read; who was large within the second is not, and spends no token', (t) => {
  const { clock, shedding, caller, read } = refusing();
  t.notOk(shedding.refuses({ ...caller, wasSmall: true }, full));
  for (let request = 0; request < 100; request++) t.ok(shedding.refuses(caller, full));
  clock.nowMs = 1500;
  shedding.noteDraw(nobody(), 10, true, true);
  clock.nowMs = 1999;
  t.ok(shedding.refuses(caller, full));
  clock.nowMs = 2000;
  t.notOk(shedding.refuses(caller, full), 'after a second it is as a new caller');
  t.equal(read(), 49);
  t.end();
});

t.test('others are read at 200 a second, 50 at once', (t) => {
  const { clock, shedding, read } = refusing();
  t.equal(read(), 50);
  t.equal(read(), 0);
  clock.nowMs += 5;
  t.equal(read(), 1);
  clock.nowMs += 4;
  t.equal(read(), 0);
  clock.nowMs += 1;
  t.equal(read(), 1, 'parts of a token add up');
  clock.nowMs += 100;
  t.equal(read(), 20);
  clock.nowMs += 900;
  shedding.noteDraw(nobody(), 10, true, true);
  t.equal(read(), 50, 'never more than 50 at once');
  t.end();
});

t.test('with room nobody is refused: for the last draw of a caller, or else for the one that was refused', (t) => {
  const { clock, shedding, caller, read } = refusing();
  const asked: number[] = [];
  const hasRoom = (charge: number) => {
    asked.push(charge);
    return true;
  };
  caller.largeCharge = 7;
  t.notOk(shedding.refuses(caller, hasRoom));
  t.notOk(shedding.refuses(nobody(), hasRoom));
  t.same(asked, [7, 10]);
  t.equal(read(), 50, 'that spends no token');
  clock.nowMs = 1999;
  t.notOk(shedding.refuses({ ...caller, largeAtMs: 999 }, hasRoom));
  t.same(asked, [7, 10, 10]);
  t.end();
});
