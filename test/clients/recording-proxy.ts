/** A TCP proxy that writes down, connection by connection, what clients send to a server. It changes no byte. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface RecordingProxy {
  readonly url: string;
  /** What came on each connection so far, in the order in which they were opened. */
  readonly sent: () => Buffer[];
  readonly close: () => Promise<void>;
}

/** Connections open at once; more are closed as they come. */
const connectionsMax = 16;

/** Listens on `port` of the loopback address, 0 for any, for a server at `target`. */
export async function openProxy(port: number, target: string): Promise<RecordingProxy> {
  const { hostname, port: targetPort } = new URL(target);
  const connections: Buffer[][] = [];
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const chunks: Buffer[] = [];
    connections.push(chunks);
    const upstream = connect({ port: Number(targetPort), host: hostname, allowHalfOpen: true });
    client.on('data', (chunk) => chunks.push(chunk));
    client.pipe(upstream).pipe(client);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket);
      // Whatever ends one side ends the other; the client says what it missed.
      socket.on('error', () => other.destroy()).on('close', () => open.delete(socket));
    }
  });
  server.maxConnections = connectionsMax;
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    sent: () => connections.map((chunks) => Buffer.concat(chunks)),
    close: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
