"""Requests carry the trace context of their caller, as OpenTelemetry's own SDK has it."""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from opentelemetry import context, trace
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from spans import active, header_of, parents, tracer
from stub import Stub, forward_to

from gumbel_sampler import AsyncClient, Client, Limits, ServiceError, _tracing

LOGITS = np.random.default_rng(3).normal(size=(7, 6)).astype(np.float32)


def test_every_method_and_every_part(recorded: Stub):
    with Client(recorded.url, limits=Limits(rows=3)) as client, active("step") as span:
        draw = client.sample(LOGITS, seed=1)
        client.vjp(draw, LOGITS)
        assert parents(recorded) == [header_of(span)] * 6
        client.log_prob(LOGITS, draw.samples, temperature=1.0)
        client.top_k(LOGITS, 2, seed=1)
        client.server()
        assert parents(recorded) == [header_of(span)] * 5
        with pytest.raises(ServiceError):
            client.sample(LOGITS, temperature=0.0, seed=1)
        assert parents(recorded) == [header_of(span)] * 2, "the remedy is asked for, too"


def test_each_call_has_the_span_of_its_time(recorded: Stub):
    with Client(recorded.url) as client:
        client.sample(LOGITS, seed=1)
        with active("outer") as outer:
            client.sample(LOGITS, seed=1)
            with active("inner") as inner:
                client.sample(LOGITS, seed=1)
            client.sample(LOGITS, seed=1)
        client.sample(LOGITS, seed=1)
    assert parents(recorded) == [None, header_of(outer), header_of(inner), header_of(outer), None]


def test_tracestate_and_a_trace_that_is_not_sampled(recorded: Stub):
    state = trace.TraceState([("vendor", "value")])
    remote = trace.SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=trace.TraceFlags(0), trace_state=state)
    token = context.attach(trace.set_span_in_context(trace.NonRecordingSpan(remote)))
    try:
        with Client(recorded.url) as client:
            client.sample(LOGITS, seed=1)
    finally:
        context.detach(token)
    (_, _, headers, _) = recorded.requests[0]
    assert headers["traceparent"] == f"00-{0xABC:032x}-{0xDEF:016x}-00"
    assert headers["tracestate"] == "vendor=value"


def test_a_retry_carries_what_the_first_try_did(service):
    forward, tries = forward_to(service.url), []

    def busy_at_first(*request):
        tries.append(1)
        return (503, {"retry-after": "0"}, b"{}") if len(tries) < 3 else forward(*request)

    with Stub(busy_at_first) as proxy, Client(proxy.url) as client, active("step") as span:
        client.sample(LOGITS, seed=1)
        assert parents(proxy) == [header_of(span)] * 3


def test_asyncio(recorded: Stub):
    """Each task has a span of its own while all of them draw."""

    async def draw(client, seed):
        with active(str(seed)) as span:
            await client.sample(LOGITS, seed=seed)
            return header_of(span)

    async def use():
        async with AsyncClient(recorded.url, limits=Limits(rows=4)) as client:
            expected = await asyncio.gather(*(draw(client, seed) for seed in range(10)))
            assert sorted(parents(recorded)) == sorted(expected * 2)
            await client.server()
            assert parents(recorded) == [None]

    asyncio.run(use())


def test_an_instrumented_httpx_replaces_the_header(recorded: Stub):
    """Its span is between that of the caller and the service; there is one traceparent, and no second one."""
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    with Client(recorded.url) as client, active("step") as span:
        client.server()
        recorded.requests.clear()
        HTTPXClientInstrumentor().instrument_client(client._http, tracer_provider=provider)
        client.sample(LOGITS, seed=1)
        (own,) = spans.get_finished_spans()
        assert own.parent is not None and own.parent.span_id == span.get_span_context().span_id
        assert parents(recorded) == [header_of(own)]


def test_another_thread_takes_up_a_context_if_it_has_none(recorded: Stub):
    with Client(recorded.url) as client, ThreadPoolExecutor(1) as thread:
        with active("forward") as forward:
            number = _tracing.remember()
            assert _tracing.remember() == number, "one number for one context"

        def draw():
            with _tracing.recalled(number):
                client.sample(LOGITS, seed=1)

        def draw_in_a_span():
            with active("own") as own:
                draw()
            return own

        thread.submit(draw).result()
        own = thread.submit(draw_in_a_span).result()
        thread.submit(client.sample, LOGITS, seed=1).result()
        assert parents(recorded) == [header_of(forward), header_of(own), None]


def test_contexts_are_not_kept_for_ever():
    numbers = []
    for _ in range(2000):
        with active("step"):
            numbers.append(_tracing.remember())
    assert len(set(numbers)) == 2000
    assert len(_tracing._remembered) == 1024
    with _tracing.recalled(numbers[0]):
        assert not context.get_current()
    with _tracing.recalled(numbers[-1]):
        assert context.get_current()


def test_without_opentelemetry_nothing_is_sent_and_nothing_imported(recorded: Stub):
    """In a process of its own, in which the package cannot be imported; then in one that has it and does not use it."""
    use = f"from gumbel_sampler import Client; Client({recorded.url!r}).sample([1.0, 0.5], seed=1); import sys; "
    absent = f"import sys; sys.modules['opentelemetry'] = None; {use}"
    unused = f"{use} assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    for program in (absent, unused):
        subprocess.run([sys.executable, "-c", program], check=True)
    assert parents(recorded) == [None, None]


def test_a_tracer_without_a_span_sends_nothing(recorded: Stub):
    span = tracer.start_span("not the current one")
    with Client(recorded.url) as client:
        client.sample(LOGITS, seed=1)
    span.end()
    assert parents(recorded) == [None]
