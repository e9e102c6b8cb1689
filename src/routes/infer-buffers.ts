/** What bodies and replies of inferences lie in, to be used again: those of a hundred small tensors, or of a few large ones. */
import { KeptBuffers } from '../kept-buffers.js';

export const inferBuffers = new KeptBuffers(2 ** 25);
