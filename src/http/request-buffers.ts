/**
 * What bodies, the numbers read from them, and binary replies lie in, to be used again: those of a hundred small
 * requests, or of a few large ones.
 */
import { BufferPool } from '../runtime/buffer-pool.js';

export const requestBuffers = new BufferPool(2 ** 25, 4);
