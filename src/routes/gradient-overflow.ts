/** Gradients that leave float32 are refused, and not returned as infinity. */
import { Problem } from '../errors.js';
import type { Gradients } from '../sampler/gradient.js';
import type { Draw } from '../schemas/draw.js';

/**
 * Refuses gradients that leave float32; `pointerOf` says where the request had its logits or its temperature, as a
 * whole or, from `row` 0 on, a row of them.
 *
 * @throws {Problem} `gradient-overflow`
 */
export function refuseOverflow(
  { temperature }: Draw,
  { logitsOverflowRow, temperatureOverflowRow, sharedTemperature }: Gradients,
  pointerOf: (field: 'logits' | 'temperature', row: number) => string,
): void {
  if (logitsOverflowRow >= 0) {
    throw overflow(`A gradient of row ${logitsOverflowRow}`, pointerOf('logits', logitsOverflowRow));
  }
  if (!temperature.perRow && !Number.isFinite(sharedTemperature)) {
    throw overflow('The gradient of the temperature', pointerOf('temperature', -1));
  }
  if (temperature.perRow && temperatureOverflowRow >= 0) {
    const where = `The gradient of the temperature of row ${temperatureOverflowRow}`;
    throw overflow(where, pointerOf('temperature', temperatureOverflowRow));
  }
}

function overflow(what: string, pointer: string): Problem {
  return new Problem('gradient-overflow', `${what} is larger than float32 can hold.`, [
    { pointer, message: 'has a gradient larger than 3.4028235e38: scale the cotangent down' },
  ]);
}
