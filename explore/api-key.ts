/**
 * The reader's API key, for a service that asks for one. It lives in memory: never in the address, a command or
 * storage.
 */
import { byId } from './dom.js';

/** What a header can hold; anything else is no key of this service. */
const presentable = /^[\x21-\x7e]+$/;

let key: string | undefined;

export function apiKey(): string | undefined {
  return key;
}

/** Shows the field once the service has asked for a key. */
export function askForKey(): void {
  byId('access').hidden = false;
}

/** Whether the service asks for keys, so that commands must send one too. */
export function isKeyNeeded(): boolean {
  return !byId('access').hidden;
}

export function listenToKey(changed: () => void): void {
  const field = byId<HTMLInputElement>('api-key');
  field.addEventListener('change', () => {
    const text = field.value.trim();
    key = presentable.test(text) ? text : undefined;
    changed();
  });
}
