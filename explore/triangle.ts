/** The simplex of three categories: its places on the screen, a grid over it, and bands of its density. */

export interface Place {
  readonly x: number;
  readonly y: number;
}

/** Corners of a triangle of the given width with its top left at 0, 0: category 0 left, 1 right, 2 on top. */
export function placeOf(sample: readonly number[], width: number): Place {
  const [, right, top] = sample;
  return { x: (right + top / 2) * width, y: (1 - top) * heightOf(width) };
}

export function heightOf(width: number): number {
  return (width * Math.sqrt(3)) / 2;
}

/** Small triangles along each side of the grid. */
const side = 30;

/** A small triangle: its corners, and its centre, which lies inside the simplex, where the density is finite. */
export interface Cell {
  readonly corners: readonly (readonly number[])[];
  readonly centre: number[];
}

/** The side^2 cells of the simplex. */
export function grid(): Cell[] {
  const cells: Cell[] = [];
  const point = (i: number, j: number) => [(side - i - j) / side, i / side, j / side];
  for (let i = 0; i < side; i++) {
    for (let j = 0; i + j < side; j++) {
      cells.push(cellOf([point(i, j), point(i + 1, j), point(i, j + 1)]));
      if (i + j < side - 1) cells.push(cellOf([point(i + 1, j), point(i + 1, j + 1), point(i, j + 1)]));
    }
  }
  return cells;
}

/** Five decimals keep the sum of a centre within 3e-5 of 1, far below what the service refuses. */
function cellOf(corners: readonly (readonly number[])[]): Cell {
  const mean = (k: number) => corners.reduce((sum, corner) => sum + corner[k], 0) / 3;
  return { corners, centre: [0, 1, 2].map((k) => Math.round(mean(k) * 1e5) / 1e5) };
}

export const bandCount = 10;

/** The band of each log-density: 0 for the densest, each next half as dense; -1 below the last. */
export function bandsOf(logDensities: readonly (number | null)[]): number[] {
  const known = logDensities.filter((value) => value !== null);
  const densest = known.reduce((most, value) => Math.max(most, value), -Infinity);
  return logDensities.map((value) => {
    const band = value === null ? bandCount : Math.floor((densest - value) / Math.LN2);
    return band < bandCount ? band : -1;
  });
}
