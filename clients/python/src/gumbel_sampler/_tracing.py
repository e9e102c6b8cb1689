"""Gives each request the trace context of its caller, in processes that use opentelemetry-api."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# A context for each training step, as a rule: so many steps may wait for their backward passes.
_REMEMBERED_MAX = 1024

_lock = threading.Lock()
_remembered: OrderedDict[int, Any] = OrderedDict()
_last_number = 0
_of_other_threads: Any = None


def _own_context() -> Any:
    """The context of this thread or asyncio task; None where it has none."""
    # A process that never imported it has no context, and does not pay for the import.
    if "opentelemetry.context" not in sys.modules:
        return None
    from opentelemetry import context

    return context.get_current() or None


def with_context(headers: dict[str, str]) -> dict[str, str]:
    """The headers of a request, and those in front of them that OTEL_PROPAGATORS asks for: traceparent, tracestate."""
    active = _own_context() or _of_other_threads
    if active is None:
        return headers
    from opentelemetry import propagate

    carrier: dict[str, str] = {}
    propagate.inject(carrier, active)
    return {**carrier, **headers}


def remember() -> int:
    """A number for the context of this thread, which fits into a tensor; 0 where it has none."""
    global _last_number
    active = _own_context()
    if active is None:
        return 0
    with _lock:
        if _remembered.get(_last_number) is not active:
            _last_number += 1
            _remembered[_last_number] = active
            if len(_remembered) > _REMEMBERED_MAX:
                _remembered.popitem(last=False)
        return _last_number


@contextmanager
def recalled(number: int) -> Iterator[None]:
    """In the context of that number where this thread has none of its own, such as a thread of an autograd engine."""
    remembered = None if _own_context() else _remembered.get(number)
    if remembered is None:
        yield
        return
    from opentelemetry import context

    token = context.attach(remembered)
    try:
        yield
    finally:
        context.detach(token)


@contextmanager
def traced() -> Iterator[None]:
    """Draws of threads without a trace context get the one of the caller, until the block ends.

    For compiled code that JAX runs in threads of its own, such as loops by lax.scan. Wait for the results within the
    block (`block_until_ready`). A process has one such block at a time.
    """
    global _of_other_threads
    before, _of_other_threads = _of_other_threads, _own_context()
    try:
        yield
    finally:
        _of_other_threads = before
