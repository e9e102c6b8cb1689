/** The API server for what watches it all the time, through `kubectl proxy`, which adds the credentials. */
import type { Cluster } from './cluster.js';
import { eventually } from './eventually.js';

export interface Reply {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: an object of the API, of the type that its reader knows.
  readonly body: any;
}

export type Api = (method: string, path: string, body?: unknown, type?: string) => Promise<Reply>;

export const mergePatch = 'application/merge-patch+json';
export const strategicPatch = 'application/strategic-merge-patch+json';

const port = 8001;

/** The objects of a list; null stands for none. */
export async function list<Kind>(api: Api, path: string): Promise<Kind[]> {
  const { body } = await api('GET', path);
  return body.items ?? [];
}

export async function openApi(cluster: Cluster): Promise<Api> {
  cluster.start('kubectl', ['proxy', `--port=${port}`]);
  const api: Api = async (method, path, body, type = 'application/json') => {
    const content = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': type } };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, ...content });
    return { status: response.status, body: await response.json() };
  };
  const listens = () =>
    api('GET', '/version').then(
      () => true,
      () => false,
    );
  await eventually('kubectl proxy listens', listens);
  return api;
}
