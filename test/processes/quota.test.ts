/** A quota that several processes draw on: the primary's ledger and the leases of processes, by a clock of the test. */
import t from 'tap';
import { QuotaLease } from '../../src/processes/quota-lease.js';
import { QuotaLedger } from '../../src/processes/quota-ledger.js';

const minuteMs = 60_000;

function shared(elementsPerMinute: number, processes: number) {
  const clock = { ms: 0, questions: 0 };
  const ledger = new QuotaLedger(processes, () => clock.ms);
  ledger.set('key', elementsPerMinute);
  const leases = Array.from(
    { length: processes },
    () =>
      new QuotaLease(elementsPerMinute, {
        charge: async (elements) => {
          clock.questions += 1;
          return ledger.charge('key', elements);
        },
        refund: (elements) => ledger.refund('key', elements),
      }),
  );
  return { clock, ledger, leases };
}

for (const [processes, draw] of [
  [2, 100],
  [8, 999],
  [8, 50_000],
  [3, 1],
] as const) {
  t.test(`${processes} processes, draws of ${draw}: all together draw the quota, within 1 %`, async (t) => {
    const quota = 1_000_000;
    const { clock, leases } = shared(quota, processes);
    let drawn = 0;
    const drawAll = async () => {
      for (let refused = 0; refused < processes; ) {
        refused = 0;
        for (const lease of leases) {
          if ((await lease.charge(draw)) === 0) drawn += draw;
          else refused += 1;
        }
      }
    };
    await drawAll();
    t.ok(drawn <= quota && drawn >= 0.99 * quota - draw, `${drawn} at once`);
    for (let step = 0; step < 60; step++) {
      clock.ms += minuteMs / 60;
      await drawAll();
    }
    t.ok(drawn <= 2 * quota && drawn >= 1.99 * quota - draw, `${drawn} after a minute`);
  });
}

t.test('small draws do not wait while a portion is left, and ask far less often than they draw', async (t) => {
  const { clock, leases } = shared(2 ** 30, 4);
  const lease = leases[0];
  t.not(typeof lease?.charge(100), 'number', 'the first draw asks');
  await new Promise(setImmediate);
  for (let count = 0; count < 10_000; count++) {
    t.equal(typeof lease?.charge(100) === 'number', true);
    await Promise.resolve();
    await new Promise(setImmediate);
    if (count === 100) t.ok(clock.questions <= 2, 'hardly ever');
  }
  t.ok(clock.questions < 20, `${clock.questions} questions for 10,000 draws`);
});

t.test(
  'what is refunded can be drawn again by any process; a process that dies takes its portion with it',
  async (t) => {
    const { leases } = shared(10_000, 2);
    const [one, other] = leases as [QuotaLease, QuotaLease];
    t.equal(await one.charge(9900), 0);
    t.ok(((await other.charge(9900)) as number) > 0);
    one.refund(9900);
    t.equal(await other.charge(9900), 0);
  },
);

t.test('a draw larger than the quota is let through when it is full, and leaves a debt', async (t) => {
  const { clock, leases } = shared(1000, 2);
  const [one, other] = leases as [QuotaLease, QuotaLease];
  t.equal(await one.charge(3000), 0);
  const waitMs = (await other.charge(1000)) as number;
  t.equal(Math.round(waitMs / minuteMs), 3);
  clock.ms += waitMs;
  t.equal(await other.charge(1000), 0, 'and Retry-After holds');
});

t.test('a quota that changes in the key file is taken over once, whichever process reads it first', async (t) => {
  const { ledger } = shared(1000, 2);
  t.equal(ledger.charge('key', 1000).waitMs, 0);
  ledger.set('key', 1000);
  t.ok(ledger.charge('key', 1000).waitMs > 0, 'the same quota read by another process changes nothing');
  ledger.set('key', 2000);
  t.equal(ledger.charge('key', 2000).waitMs, 0);
  t.equal(ledger.charge('nobody', 1).waitMs, 0);
});
