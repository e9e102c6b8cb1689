/** The service for tests of the TypeScript client, on a port, in this process. */
import { Client } from '@gumbel-sampler/client';
import { type Service, startService } from '../support/service.js';

export interface Served {
  readonly url: string;
  readonly client: Client;
  readonly service: Service;
  readonly close: () => Promise<void>;
}

export async function serve(environment: Record<string, string> = {}): Promise<Served> {
  const service = await startService(environment);
  const url = await service.app.listen({ port: 0, host: '127.0.0.1' });
  return { url, client: new Client(url), service, close: service.close };
}
