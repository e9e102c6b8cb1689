import { jsonTarget } from './json.js';
export async function openHttpTarget() {
  return jsonTarget;
}
