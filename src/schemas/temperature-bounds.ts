/** The bounds of a temperature, wherever a request has one: as a number, in a list or in a schedule. */
export const temperatureMin = 1e-6;
export const temperatureMax = 1e6;
export const temperatureRange = 'from 1e-6 to 1e6';

/** Compared in float32, so that the legal 1e-6 does not fall below itself when it is rounded. */
export function isInTemperatureRange(value: number): boolean {
  const rounded = Math.fround(value);
  return rounded >= Math.fround(temperatureMin) && rounded <= Math.fround(temperatureMax);
}
