/** The collector of `npm run bench:tracing`: takes exports over HTTP, and looks at none. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const server = createServer((request, response) => {
  request.resume();
  request.once('end', () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end());
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
console.log(`serving at http://127.0.0.1:${(server.address() as AddressInfo).port}`);
