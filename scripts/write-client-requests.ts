// Writes test/fixtures/typescript_client.json: the bytes that this version of the TypeScript client sends. Run once for
// each minor version: `npm run build && node dist/scripts/write-client-requests.js`. It refuses to overwrite the file:
// services of this version have to go on answering these bytes.

import { readFileSync, writeFileSync } from 'node:fs';
import { sentRequests } from '../test/typescript-client/recorded.js';

const { version } = JSON.parse(readFileSync('clients/typescript/package.json', 'utf8'));
const text = JSON.stringify({ version, requests: await sentRequests() }, null, 1);
writeFileSync('test/fixtures/typescript_client.json', `${text}\n`, { flag: 'wx' });
