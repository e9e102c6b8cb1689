/**
 * W3C trace context, level 2 (https://www.w3.org/TR/trace-context-2/): which trace a request belongs to. A header that
 * breaks the rules counts as none. Read only where somebody asks: a log line, a problem, the start of a span.
 */
import type { IncomingMessage } from 'node:http';

/** A span of a trace, as log lines and problems name it. */
export interface TraceIds {
  /** 32 hexadecimal digits, in lower case. */
  readonly traceId: string;
  /** 16 hexadecimal digits, in lower case. */
  readonly spanId: string;
}

/** The span of the caller. */
export interface TraceParent extends TraceIds {
  /** The lowest bit says that the caller records the trace. */
  readonly flags: number;
}

/** A later version may have more behind a hyphen. */
const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** The caller's span by the header traceparent. Node joins several such headers to one that has no legal form. */
export function traceParentOf({ headers }: Pick<IncomingMessage, 'headers'>): TraceParent | undefined {
  const text = headers.traceparent;
  if (typeof text !== 'string') return undefined;
  const [, version, traceId = '', spanId = '', flags = '', rest] = form.exec(text) ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}
