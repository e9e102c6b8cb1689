/** Replies of the Kubernetes probes. */
import { z } from 'zod';

export const liveReply = z.object({ status: z.literal('live') }).meta({ id: 'Live' });

export const readyReply = z.object({ status: z.literal('ready'), provider: z.string() }).meta({ id: 'Ready' });
