/** Callers: names with keys and quotas, without files and HTTP. */
import { createHash } from 'node:crypto';
import t from 'tap';
import { parseApiKeys } from '../../src/access/api-keys.js';
import { Callers, type CallersOptions } from '../../src/access/callers.js';
import type { Problem } from '../../src/errors.js';

const keysOf = (...lines: readonly (readonly [name: string, key: string, quota?: number])[]) =>
  parseApiKeys(
    lines
      .map(([name, key, quota]) => {
        const hash = createHash('sha256').update(key).digest('hex');
        return `${name}:${hash}${quota === undefined ? '' : `:${quota}`}`;
      })
      .join('\n'),
  );

/** `news` is what the callers told: who drew how much, and who went. */
function callersOf(options: Partial<CallersOptions> = {}) {
  const news: unknown[] = [];
  const callers = new Callers({
    quotaElementsPerMinute: 0,
    now: () => 0,
    drawn: (name, elements) => news.push([name, elements]),
    removed: (name) => news.push(name),
    ...options,
  });
  return { callers, news };
}

/** What a refused draw is answered. */
function refusal(charge: () => unknown) {
  try {
    charge();
  } catch (error) {
    const { code, message, errors, retryAfterSeconds } = error as Problem;
    return { code, message, errors, retryAfterSeconds };
  }
  return undefined;
}

t.test('a caller is found by each of its keys, and by no other', async (t) => {
  const { callers } = callersOf();
  t.equal(callers.find('a'), undefined, 'nobody, before there are keys');
  callers.replace(keysOf(['alice', 'a'], ['alice', 'b'], ['bob', 'c']));
  t.equal(callers.find('a')?.name, 'alice');
  t.equal(callers.find('b'), callers.find('a'));
  t.equal(callers.find('c')?.name, 'bob');
  t.equal(callers.find('d'), undefined);
});

t.test('what a caller draws is reported by its name', async (t) => {
  const { callers, news } = callersOf();
  callers.replace(keysOf(['alice', 'a']));
  callers.find('a')?.drawn(12);
  t.same(news, [['alice', 12]]);
});

t.test('without a quota nothing is charged', async (t) => {
  const { callers } = callersOf();
  callers.replace(keysOf(['alice', 'a'], ['bob', 'b', 0]));
  for (const key of ['a', 'b']) {
    t.equal(callers.find(key)?.charge(1e12), undefined);
    callers.find(key)?.refund(1e12);
  }
});

t.test('a draw beyond the quota is refused, with the seconds, rounded up, after which it is let through', async (t) => {
  let nowMs = 0;
  const { callers } = callersOf({ quotaElementsPerMinute: 60, now: () => nowMs });
  callers.replace(keysOf(['alice', 'a'], ['bob', 'b', 120]));
  const alice = callers.find('a');
  const bob = callers.find('b');
  t.equal(alice?.charge(60), undefined);
  t.same(
    refusal(() => alice?.charge(2)),
    {
      code: 'quota-exceeded',
      message: 'The quota allows this draw in 2 s.',
      errors: [],
      retryAfterSeconds: 2,
    },
  );
  nowMs = 1500;
  t.throws(() => alice?.charge(2), { retryAfterSeconds: 1 } as object as Error);
  nowMs = 2000;
  t.equal(alice?.charge(2), undefined);
  alice?.refund(2);
  t.equal(alice?.charge(2), undefined, 'a refund can be drawn again');
  t.equal(bob?.charge(120), undefined, 'a line can give another quota');
  t.throws(() => bob?.charge(1), { retryAfterSeconds: 1 } as object as Error);
});

t.test('keys that stay keep their quota; another quota is a full one; none is no quota', async (t) => {
  const { callers, news } = callersOf();
  callers.replace(keysOf(['alice', 'a', 60], ['bob', 'b', 60]));
  const alice = callers.find('a');
  t.equal(alice?.charge(60), undefined);
  callers.replace(keysOf(['alice', 'new', 60]));
  t.equal(callers.find('a'), undefined, 'the key has changed');
  t.equal(callers.find('new'), alice, 'the caller has not');
  t.throws(() => alice?.charge(1), { code: 'quota-exceeded' } as object as Error);
  t.same(news, ['bob']);
  callers.replace(keysOf(['alice', 'a', 120], ['bob', 'b', 60]));
  t.equal(alice?.charge(120), undefined);
  t.throws(() => alice?.charge(1), { code: 'quota-exceeded' } as object as Error);
  t.equal(callers.find('b')?.charge(60), undefined, 'who comes back has a full quota');
  callers.replace(keysOf(['alice', 'a']));
  t.equal(alice?.charge(1e9), undefined);
});

t.test('an account of another process is asked by a promise, and opened once', async (t) => {
  const asked: unknown[] = [];
  let waitMs = 0;
  const { callers } = callersOf({
    quotaOf: (name, elementsPerMinute) => {
      asked.push([name, elementsPerMinute]);
      return { elementsPerMinute, charge: async () => waitMs, refund: (elements) => asked.push(elements) };
    },
  });
  callers.replace(keysOf(['alice', 'a', 60]));
  callers.replace(keysOf(['alice', 'a', 60]));
  t.equal(await callers.find('a')?.charge(5), undefined);
  waitMs = 1;
  await t.rejects(Promise.resolve(callers.find('a')?.charge(5)), { code: 'quota-exceeded', retryAfterSeconds: 1 });
  callers.find('a')?.refund(5);
  t.same(asked, [['alice', 60], 5]);
  callers.replace(keysOf(['alice', 'a']));
  t.equal(callers.find('a')?.charge(5), undefined);
  t.equal(asked.length, 2, 'no account without a quota');
});
