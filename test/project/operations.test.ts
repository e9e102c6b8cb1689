/** docs/operations.md says what is so: variables, defaults, codes, markers of figures. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { scenarioNames } from '../../faults/scenario.js';
import { options } from '../../src/config.js';
import { isProblemCode, problemKind } from '../../src/errors.js';
import { tracingOptions } from '../../src/tracing-options.js';

const text = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8');

t.test('every variable it names exists, and the defaults of its table are those of the service', async (t) => {
  const names = [...text.matchAll(/`([A-Z]+(?:_[A-Z]+)+|WORKERS)`/g)].map(([, name]) => name);
  for (const name of names) t.ok(Object.hasOwn({ ...options, ...tracingOptions }, name), name);
  const rows = [...text.matchAll(/^\| [^|]+ \| `([A-Z_]+)` \| (\d+) \|/gm)];
  t.ok(rows.length >= 15);
  for (const [, name, value] of rows) t.equal(value, options[name as keyof typeof options].default, name);
});

t.test('every status it names with a code is the status of that code', async (t) => {
  const named = [...text.matchAll(/\b([45]\d\d) `([a-z-]+)`/g)];
  t.ok(named.length > 10);
  for (const [, status, code] of named) {
    t.ok(isProblemCode(code), code);
    if (isProblemCode(code)) t.equal(problemKind(code).status, Number(status), code);
  }
});

t.test('every scenario of the fault tests has its place', async (t) => {
  for (const name of scenarioNames) {
    t.match(text, `<!-- begin ${name}: printed by npm run test:faults:document -->`);
    t.match(text, `<!-- end ${name} -->`);
  }
});
