/**
 * Asks again as soon as it has its reply, over a fixed number of connections: the most the service can do, without a
 * queue of note.
 */
import { isReply, WireConnection } from './wire.js';

export interface ClosedLoopResult {
  readonly perSecond: number;
  readonly statuses: Readonly<Record<string, number>>;
}

/** Says that it is over once the given time has passed, from now. */
export function afterSeconds(seconds: number): () => boolean {
  const endMs = performance.now() + seconds * 1000;
  return () => performance.now() >= endMs;
}

export async function closedLoop(
  port: number,
  bytes: Buffer,
  { connections, isOver }: { readonly connections: number; readonly isOver: () => boolean },
): Promise<ClosedLoopResult> {
  const statuses: Record<string, number> = {};
  let answered = 0;
  const startMs = performance.now();
  const ask = async () => {
    const connection = await WireConnection.open(port);
    while (!isOver()) {
      const answer = await connection.request(bytes);
      const became = isReply(answer) ? String(answer.status) : 'lost';
      statuses[became] = (statuses[became] ?? 0) + 1;
      if (became === '200') answered += 1;
      if (!connection.reusable) break;
    }
    connection.destroy();
  };
  await Promise.all(Array.from({ length: connections }, ask));
  return { perSecond: answered / ((performance.now() - startMs) / 1000), statuses };
}
