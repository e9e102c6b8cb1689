/** Waits for what the control plane does within seconds, on a busy machine within minutes. */
import { setTimeout as sleep } from 'node:timers/promises';

const waitMsMax = 300_000;

/** Each look costs CPU that the control plane needs. */
const lookMs = 400;

export async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + waitMsMax;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`It took too long until ${what}.`);
    await sleep(lookMs);
  }
}
