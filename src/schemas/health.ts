/** Replies of the Kubernetes probes. */
import { z } from 'zod';
import { component } from './component.js';

export const liveReply = z.object({ status: z.literal('live') }).meta(component('Live', { status: 'live' }));

export const readyReply = z
  .object({ status: z.literal('ready'), provider: z.string() })
  .meta(component('Ready', { status: 'ready', provider: 'cpu' }));
