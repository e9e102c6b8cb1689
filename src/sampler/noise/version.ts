/**
 * The version of the noise contract (docs/noise-contract.md). A change of any value of the noise needs a new version.
 */
export const noiseVersion = 'philox4x32-10/1';
