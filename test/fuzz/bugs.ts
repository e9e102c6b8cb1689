/** Bugs that are planted into the compiled service to see whether the fuzzer finds them. */
import type { Bug } from '../support/planted-bug.js';
import type { TargetName } from './targets.js';

export const bugs: readonly (Bug & { readonly target: TargetName })[] = [];
