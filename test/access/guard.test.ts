/** The guard on routes that do nothing: which need a key, what they see of the caller, and what the document says. */
import { createHash } from 'node:crypto';
import { type FastifySchema, fastify } from 'fastify';
import t, { type Test } from 'tap';
import { parseApiKeys } from '../../src/access/api-keys.js';
import { Callers } from '../../src/access/callers.js';
import { callerFinder, guardRoutes, needsKey } from '../../src/access/guard.js';

function callersWith(key: string): Callers {
  const callers = new Callers({ quotaElementsPerMinute: 0, now: () => 0, drawn: () => {}, removed: () => {} });
  callers.replace(parseApiKeys(`alice:${createHash('sha256').update(key).digest('hex')}`));
  return callers;
}

t.test('probes, metrics, pages and explanations of errors are open, and nothing else', async (t) => {
  const open = ['/', '/livez', '/readyz', '/metrics', '/v2/health/live', '/v2/health/ready', '/docs', '/docs/static/*'];
  open.push('/explore', '/explore/*', '/problems/:code', '/openapi.json', '/openapi.yaml');
  open.push('/v2/models/:model/ready', '/v2/models/:model/versions/:version/ready');
  for (const route of open) t.equal(needsKey(route), false, route);
  const closed = ['', '/sample', '/sample/vjp', '/v2', '/v2/models/:model', '/v2/models/:model/infer', '/anything/new'];
  // What only contains the name of an open route is not it.
  closed.push(
    '/livez/x',
    '/x/livez',
    '/livezreadyz',
    '/metrics2',
    '/v2/health/live/x',
    '/x/v2/health/live',
    '/v2/health/',
  );
  closed.push('/x/v2/models/:model/ready', '/v2/models/:model/ready/x', '/v2/models/:model/versions/:version/infer');
  closed.push('/docs2', '/x/docs', '/docs.txt', '/x/openapi.json', '/openapi.jsonl', '/openapixjson', '/openapi.');
  for (const route of closed) t.equal(needsKey(route), true, route);
});

t.test('the caller of a header; undefined where the guard has to look, or will refuse', async (t) => {
  t.same(callerFinder(undefined)(undefined), { name: undefined }, 'anybody, without keys');
  t.same(callerFinder(undefined)('Bearer right'), { name: undefined });
  const callers = callersWith('right');
  const find = callerFinder(callers);
  for (const header of ['Bearer right', 'bearer right', 'Bearer   right']) t.equal(find(header)?.name, 'alice', header);
  for (const header of [
    undefined,
    '',
    'Bearer',
    'Bearerright',
    'Bearer wrong',
    'Bearer right ',
    'Bearer right right',
    ' Bearer right',
    'Basic right',
  ]) {
    t.equal(find(header), undefined, `${header}`);
  }
});

/** Three routes: one that needs a key, the same with a hook of its own and a schema, and one that is open. */
async function guarded(t: Test, callers: Callers | undefined) {
  const app = fastify();
  t.teardown(() => app.close());
  const order: string[] = [];
  const schemas: Record<string, FastifySchema | undefined> = {};
  await guardRoutes(app, callers);
  app.addHook('onRoute', ({ url, schema }) => {
    schemas[url] = schema;
  });
  app.get('/sample', async (request) => ({ caller: request.caller?.name ?? null }));
  app.get('/hooked', { onRequest: async () => void order.push('hook'), schema: { summary: 'hooked' } }, async () => {
    order.push('handler');
    return {};
  });
  app.get('/livez', { schema: {} }, async (request) => ({ caller: request.caller }));
  const get = (url: string, authorization?: string) =>
    app.inject({ url, headers: authorization === undefined ? {} : { authorization } });
  return { app, get, order, schemas };
}

t.test('with keys a route needs one, before its own hooks, and sees the caller', async (t) => {
  const { get, order, schemas } = await guarded(t, callersWith('right'));
  for (const header of [undefined, 'Bearer wrong', 'Basic right', 'Bearer']) {
    for (const url of ['/sample', '/hooked']) {
      t.equal((await get(url, header)).statusCode, 401, `${url} ${header}`);
    }
  }
  t.same(order, []);
  t.same((await get('/sample', 'Bearer right')).json(), { caller: 'alice' });
  t.same((await get('/sample', 'bearer right')).json(), { caller: 'alice' }, 'the scheme has no case');
  t.equal((await get('/hooked', 'Bearer right')).statusCode, 200);
  t.same(order, ['hook', 'handler']);
  t.same((await get('/livez')).json(), { caller: null });
  t.same(schemas['/hooked']?.security, [{ apiKey: [] }]);
  t.equal(schemas['/sample'], undefined);
  t.equal(schemas['/livez']?.security, undefined, 'an open route says nothing of keys');
});

t.test('without keys every route is open, and its hooks run', async (t) => {
  const { get, order, schemas } = await guarded(t, undefined);
  t.same((await get('/sample')).json(), { caller: null });
  t.same((await get('/sample', 'Bearer wrong')).json(), { caller: null });
  t.equal((await get('/hooked')).statusCode, 200);
  t.same(order, ['hook', 'handler']);
  t.same(schemas['/hooked']?.security, [{}, { apiKey: [] }]);
});
