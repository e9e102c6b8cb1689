/** The slope of a series, and what must not move it. */
import t from 'tap';
import { trendOf } from '../../faults/soak/trend.js';

/** Six points a minute for an hour. */
const series = (at: (minutes: number) => number) =>
  Array.from({ length: 360 }, (_, index) => ({ minutes: index / 6, value: at(index / 6) }));

/** Every value below is a multiple of 1/6 with few bits lost; sums of 360 of them are right to 1e-9. */
const exact = 1e-9;

t.test('a straight line has its slope an hour', async (t) => {
  const trend = trendOf(series((minutes) => 100 + minutes / 20));
  t.ok(trend && Math.abs(trend.slope - 3) < exact, `${trend?.slope}`);
  t.equal(trend?.points, 60);
});

t.test('bursts in a fifth of the minutes do not move it', async (t) => {
  const trend = trendOf(series((minutes) => (Math.floor(minutes) % 5 === 2 ? 1000 + minutes : 100)));
  t.equal(trend?.slope, 0);
  t.equal(trend?.first, 100);
  t.equal(trend?.last, 100);
});

t.test('a saw whose teeth are shorter than a minute is flat', async (t) => {
  const trend = trendOf(series((minutes) => 100 + ((minutes * 6) % 6)));
  t.ok(trend && Math.abs(trend.slope) < exact, `${trend?.slope}`);
});

t.test('fewer than three minutes have no slope', async (t) => {
  t.equal(trendOf(series(() => 1).filter(({ minutes }) => minutes < 2)), undefined);
  t.equal(trendOf([]), undefined);
});
