/** The bounds of a temperature, as a number, in a list or in a schedule. */
export const temperatureMin = 1e-6;
export const temperatureMax = 1e6;
export const temperatureRange = 'from 1e-6 to 1e6';

/** Compares in float32: the legal 1e-6 rounds to a float32 below the float64 1e-6. */
export function isInTemperatureRange(value: number): boolean {
  const rounded = Math.fround(value);
  return rounded >= Math.fround(temperatureMin) && rounded <= Math.fround(temperatureMax);
}
