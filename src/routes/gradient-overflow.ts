/** Refuses gradients that are too large for float32, instead of returning infinity. */
import { Problem } from '../errors.js';
import type { Gradients } from '../sampler/gradient.js';
import type { Draw } from '../schemas/draw.js';

/**
 * Refuses gradients that are too large for float32.
 *
 * @param pointerOf JSON pointer to a field of the request: to one row of it, or to the whole field if `row` is -1
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
    const subject = `The gradient of the temperature of row ${temperatureOverflowRow}`;
    throw overflow(subject, pointerOf('temperature', temperatureOverflowRow));
  }
}

function overflow(subject: string, pointer: string): Problem {
  return new Problem('gradient-overflow', `${subject} is larger than float32 can hold.`, [
    { pointer, message: 'has a gradient larger than 3.4028235e38: scale the cotangent down' },
  ]);
}
