/** A request as a shell command, with what its reply goes through, if anything. */
import type { ServiceRequest } from './requests.js';

/** Bodies hold numbers, names and digits only, so nothing in them ends the single quotes of the shell. */
export function curlOf({ path, body }: ServiceRequest, base: string): string {
  const url = new URL(path, base).href;
  return `curl -s ${quoted(url)} -H 'content-type: application/json' -d ${quoted(JSON.stringify(body))}`;
}

/** The same, and how often each index is in the reply. */
export function countingCurlOf(request: ServiceRequest, base: string): string {
  return `${curlOf(request, base)} | cut -d ']' -f 1 | tr -dc '0-9,' | tr ',' '\\n' | sort -n | uniq -c`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
