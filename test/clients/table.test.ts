/** The table of what the clients were shown to do. */
import t from 'tap';
import { tableOf } from './table.js';

t.test('a column for each client, a line for each thing, and what is wrong below', async (t) => {
  const shown = [
    { what: 'a draw', client: 'one', how: 'same bits', wrong: null },
    { what: 'a refusal', client: 'one', how: '', wrong: 'is not refused' },
    { what: 'a draw', client: 'two', how: 'same bits', wrong: null },
  ];
  const table = tableOf(shown, { one: '1.0', two: '2.0' });
  t.same(table.split('\n'), [
    '           one        two',
    '           1.0        2.0',
    'a draw     same bits  same bits',
    'a refusal  WRONG      -',
    '',
    'one, a refusal: is not refused',
  ]);
});
