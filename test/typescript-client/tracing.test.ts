/** Requests of the TypeScript client carry the trace context of their caller, as OpenTelemetry's own SDK has it. */
import { Client } from '@gumbel-sampler/client';
import { context, propagation, type Span, trace } from '@opentelemetry/api';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { StackContextManager } from '@opentelemetry/sdk-trace-web';
import t from 'tap';
import { openProxy } from '../clients/recording-proxy.js';
import { serve } from './served.js';

const spans = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
provider.register();
const tracer = provider.getTracer('test');

/** What the README says to give. */
const propagate = (headers: Record<string, string>) => propagation.inject(context.active(), headers);

/** A call of more than two rows goes in parts; the request that was too large comes before them. */
const { url, close } = await serve({ ROWS_MAX: '2' });
const proxy = await openProxy(0, url);
t.teardown(async () => {
  await proxy.close();
  await close();
});
const logits = [0, 1, 2, 3].map((row) => [row, 1]);
const parts = { seed: 1 };
const requestsOfParts = 3;

/** How many bytes of each connection have been read. */
const read: number[] = [];
/** The lines with traceparent of each request that the proxy has seen since the last call. */
function parents(): string[][] {
  return proxy.sent().flatMap((bytes, connection) => {
    const text = bytes.subarray(read[connection]).toString('latin1');
    read[connection] = bytes.length;
    const heads = text.matchAll(/(?:GET|POST) \S+ HTTP\/1\.1\r\n.*?\r\n\r\n/gs);
    return [...heads].map(([head]) => [...head.matchAll(/^traceparent: (.*)\r$/gim)].map(([, value]) => value));
  });
}

function headerOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-0${traceFlags}`;
}

function times<Item>(count: number, item: Item): Item[] {
  return Array.from({ length: count }, () => item);
}

/** @returns the span in which something ran */
async function inSpan(name: string, run: () => Promise<unknown>): Promise<Span> {
  const span = tracer.startSpan(name);
  await context.with(trace.setSpan(context.active(), span), run);
  span.end();
  return span;
}

t.test('every method and every part carries the span of its caller', async (t) => {
  const client = new Client(proxy.url, { propagate });
  const step = await inSpan('step', async () => {
    const draw = await client.sample(logits, parts);
    await client.vjp(draw, logits);
    await client.logProb(logits, { indices: draw.indices });
  });
  t.strictSame(parents(), times(3 * requestsOfParts, [headerOf(step)]));
  const other = await inSpan('other', async () => {
    await client.server();
    await client.post('sample', { logits: [0, 1] });
  });
  t.strictSame(parents(), times(2, [headerOf(other)]));
  await client.sample([0, 1]);
  t.strictSame(parents(), [[]], 'without a span nothing is sent');
});

t.test('calls at once do not mix, and the headers of the client stay', async (t) => {
  const sent: Headers[] = [];
  const noting = ((input: URL, init: RequestInit) => {
    sent.push(new Headers(init.headers));
    return fetch(input, init);
  }) as typeof fetch;
  const client = new Client(url, { propagate, apiKey: 'key', headers: { 'x-team': 'a' }, fetch: noting });
  const callers = await Promise.all(['a', 'b', 'c'].map((name) => inSpan(name, () => client.sample(logits, parts))));
  const found = sent.map((headers) => headers.get('traceparent'));
  t.strictSame(found.toSorted(), callers.flatMap((span) => times(requestsOfParts, headerOf(span))).toSorted());
  for (const headers of sent) t.strictSame([headers.get('authorization'), headers.get('x-team')], ['Bearer key', 'a']);
});

t.test('a retry carries what the first try did', async (t) => {
  const refusals = [503, 503];
  const busyAtFirst = (async (input: URL, init: RequestInit) => {
    const response = await fetch(input, init);
    const status = refusals.pop();
    return status === undefined ? response : new Response('{}', { status, headers: { 'retry-after': '0' } });
  }) as typeof fetch;
  const client = new Client(proxy.url, { propagate, fetch: busyAtFirst });
  const step = await inSpan('step', () => client.sample([0, 1]));
  t.strictSame(parents(), times(3, [headerOf(step)]));
});

t.test('a context that is lost at the first await, as in browsers, reaches every request of the call', async (t) => {
  context.disable();
  context.setGlobalContextManager(new StackContextManager().enable());
  t.teardown(() => {
    context.disable();
    provider.register();
  });
  const client = new Client(proxy.url, { propagate });
  const span = tracer.startSpan('click');
  const draw = context.with(trace.setSpan(context.active(), span), () => client.sample(logits, parts));
  t.equal(trace.getActiveSpan(), undefined);
  await draw;
  t.strictSame(parents(), times(requestsOfParts, [headerOf(span)]));
});

t.test('an instrumented fetch adds the header by itself, once', async (t) => {
  const instrumentation = new UndiciInstrumentation();
  instrumentation.setTracerProvider(provider);
  instrumentation.enable();
  t.teardown(() => instrumentation.disable());
  spans.reset();
  const step = await inSpan('step', () => new Client(proxy.url).sample([0, 1]));
  const [request] = spans.getFinishedSpans();
  t.equal(request?.parentSpanContext?.spanId, step.spanContext().spanId);
  t.match(parents(), [[new RegExp(`^00-${request?.spanContext().traceId}-${request?.spanContext().spanId}-`)]]);
  const both = await inSpan('both', () => new Client(proxy.url, { propagate }).sample([0, 1]));
  t.match(parents(), [[headerOf(both), /^00-/]], 'with propagate there would be two: the README says to leave it out');
});

t.test('what propagate throws is the error of the call', async (t) => {
  const broken = new Error('no propagator');
  const client = new Client(url, {
    propagate: () => {
      throw broken;
    },
  });
  for (const call of [
    () => client.sample([0, 1]),
    () => client.vjp([0, 1], [0, 1], { seed: 1 }),
    () => client.logProb([0, 1], { indices: 0 }),
    () => client.server(),
    () => client.post('sample', {}),
  ]) {
    await t.rejects(call(), broken);
  }
});
