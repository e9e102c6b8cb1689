"""Spans of the OpenTelemetry SDK, and what requests say of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.sdk.trace import Span, TracerProvider
from stub import Stub

tracer = TracerProvider().get_tracer("tests")


@contextmanager
def active(name: str) -> Iterator[Span]:
    with tracer.start_as_current_span(name) as span:
        assert isinstance(span, Span)
        yield span


def header_of(span: Span) -> str:
    """W3C Trace Context: version, trace, parent, flags."""
    own = span.get_span_context()
    return f"00-{trace.format_trace_id(own.trace_id)}-{trace.format_span_id(own.span_id)}-{own.trace_flags:02x}"


def parents(proxy: Stub) -> list[str | None]:
    """The traceparent of each request since the last call."""
    found = [headers.get("traceparent") for _, _, headers, _ in proxy.requests]
    proxy.requests.clear()
    return found
