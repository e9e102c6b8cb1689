/**
 * The version of the noise contract (docs/noise-contract.md). Any change of any value of the noise is a new version.
 */
export const noiseVersion = 'philox4x32-10/1';
