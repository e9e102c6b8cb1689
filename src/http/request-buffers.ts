/**
 * The buffer pool of bodies, of the numbers read from them, and of binary replies: enough for a hundred small requests,
 * or a few large ones.
 */
import { BufferPool } from '../runtime/buffer-pool.js';

export const requestBuffers = new BufferPool(2 ** 25, 4);
