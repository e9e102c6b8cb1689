/** A request as a shell command, with what its reply goes through, if anything. */
import type { ServiceRequest } from './requests.js';

/** Bodies hold numbers, names and digits only, so nothing in them ends the single quotes of the shell. */
export function curlOf({ path, body }: ServiceRequest, base: string, keyed: boolean): string {
  const url = new URL(path, base).href;
  // The shell has the key, so that none is shown or copied.
  const key = keyed ? ' -H "authorization: Bearer $API_KEY"' : '';
  return `curl -s ${quoted(url)}${key} -H 'content-type: application/json' -d ${quoted(JSON.stringify(body))}`;
}

/** The same, and how often each index is in the reply. */
export function countingCurlOf(request: ServiceRequest, base: string, keyed: boolean): string {
  return `${curlOf(request, base, keyed)} | cut -d ']' -f 1 | tr -dc '0-9,' | tr ',' '\\n' | sort -n | uniq -c`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
