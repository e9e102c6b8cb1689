"""When a request is sent again: a draw is a pure function of it, so a second try gives the same draw."""

from __future__ import annotations

import random
import time

import httpx

from ._wire import Reply, retry_after_of
from .errors import Unreachable

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


class Retries:
    """The tries of one request, for at most `seconds` from the first failure on."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._pause = _FIRST_PAUSE
        self._until: float | None = None

    def after_error(self, error: httpx.HTTPError) -> float:
        """Seconds to wait after a request without a reply. Raises Unreachable where it is not to be sent again."""
        # A timeout while reading has taken its time already; its request may have been too large.
        retried = isinstance(error, (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ConnectTimeout))
        pause = self._next_pause(None) if retried else None
        if pause is None:
            raise Unreachable(f"no reply: {error or type(error).__name__}") from error
        return pause

    def after_reply(self, reply: Reply) -> float | None:
        """Seconds to wait before the request is sent again; None where the reply is what the caller gets."""
        return self._next_pause(retry_after_of(reply)) if reply.status == 503 else None

    def _next_pause(self, retry_after: float | None) -> float | None:
        now = time.monotonic()
        if self._until is None:
            self._until = now + self._seconds
        if retry_after is None:
            pause = self._pause * random.uniform(0.5, 1.0)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        else:
            # A little longer, and each client by another little, so that they do not all come back at once.
            pause = retry_after * random.uniform(1.0, 1.25)
        return pause if now + pause < self._until else None
