/** The simplex of three categories on the screen. */
import t from 'tap';
import { bandsOf, grid, heightOf, placeOf } from '../../explore/triangle.js';

t.test('the corners of the simplex are those of an equilateral triangle', async (t) => {
  const height = heightOf(100);
  t.same(placeOf([1, 0, 0], 100), { x: 0, y: height });
  t.same(placeOf([0, 1, 0], 100), { x: 100, y: height });
  t.same(placeOf([0, 0, 1], 100), { x: 50, y: 0 });
  t.equal(height, 50 * Math.sqrt(3));
});

t.test('the grid covers the simplex once, and its centres are samples that the service takes', async (t) => {
  const cells = grid();
  t.equal(cells.length, 900);
  const area = ([a, b, c]: readonly (readonly number[])[]) => {
    const [p, q, r] = [a, b, c].map((corner) => placeOf(corner, 1));
    return p && q && r ? Math.abs((q.x - p.x) * (r.y - p.y) - (r.x - p.x) * (q.y - p.y)) / 2 : 0;
  };
  const total = cells.reduce((sum, { corners }) => sum + area(corners), 0);
  t.ok(Math.abs(total - heightOf(1) / 2) < 1e-12, 'the areas add up to that of the triangle');
  t.equal(new Set(cells.map(({ centre }) => centre.join())).size, 900);
  for (const { centre } of cells) {
    t.ok(centre.every((value) => value > 0) && Math.abs(centre.reduce((sum, value) => sum + value) - 1) < 3e-5);
  }
});

t.test('each band is half as dense as the one before', async (t) => {
  const densities = [8, 4.1, 3.9, 2.1, 8 / 1023, 8 / 1025];
  t.same(bandsOf([...densities.map(Math.log), null]), [0, 0, 1, 1, 9, -1, -1]);
});
