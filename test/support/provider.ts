/**
 * The execution provider that tests of sampling run on: `npm run test:webgpu` sets TEST_PROVIDER, plain `npm test` runs
 * them on the CPU.
 */
import { readConfig } from '../../src/config.js';

export const testProvider = readConfig({ EXECUTION_PROVIDER: process.env.TEST_PROVIDER }).executionProvider;
