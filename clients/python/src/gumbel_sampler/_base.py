"""What both clients have: options, a connection pool for each process, and the arguments of their methods."""

from __future__ import annotations

import itertools
import json
import os
import weakref
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Generic, NamedTuple, TypeVar

import httpx
from numpy.typing import ArrayLike

from . import _steps
from ._rows import Rows, rows_of
from ._steps import Steps
from ._wire import Reply, Request
from .draw import Draw, Gradient
from .limits import Limits

DEFAULT_OUTPUTS = ("samples", "indices")
_Http = TypeVar("_Http", httpx.Client, httpx.AsyncClient)

# Below the 72 s after which the service closes idle connections, so that no request meets a closing socket.
_KEEP_ALIVE_SECONDS = 60.0


class _Options(NamedTuple):
    url: str
    api_key: str | None
    timeout: float
    retry_seconds: float
    deadline_ms: int | None
    limits: Limits


def _headers(options: _Options) -> dict[str, str]:
    headers = {"user-agent": "gumbel-sampler-client"}
    if options.api_key is not None:
        headers["authorization"] = f"Bearer {options.api_key}"
    if options.deadline_ms is not None:
        headers["x-deadline-ms"] = str(options.deadline_ms)
    return headers


class Base(Generic[_Http]):
    """What both clients have: options, and one connection pool for each process."""

    def __init__(
        self,
        url: str = "http://localhost:8080",
        api_key: str | None = None,
        timeout: float = 30.0,
        *,
        retry_seconds: float = 30.0,
        deadline_ms: int | None = None,
        limits: Limits | None = None,
    ) -> None:
        """
        url            of the service
        api_key        where the service asks for one
        timeout        seconds for a connection, and for each wait for bytes of a reply
        retry_seconds  how long to go on after a 503 or a lost connection; 0 to fail at once
        deadline_ms    milliseconds for the service to draw in, shorter than its own deadline
        limits         of one request; larger draws are split
        """
        self._begin(_Options(url.rstrip("/"), api_key, timeout, retry_seconds, deadline_ms, limits or Limits()))

    def _begin(self, options: _Options) -> None:
        self._options: _Options = options
        self._http: _Http | None = None
        self._remedies: dict[str, str | None] = {}
        self._urls: dict[str, httpx.URL] = {}
        self.key = f"client {next(_numbers)}"
        """Names this client in this process, where an object cannot be passed."""
        clients[self.key] = self

    @property
    def url(self) -> str:
        return self._options.url

    def __getstate__(self) -> dict[str, Any]:
        # Workers that are spawned get a client of their own: a connection belongs to one process.
        return {"_options": self._options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._begin(state["_options"])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    def _forget_connections(self) -> None:
        self._http = None

    def _url(self, path: str) -> httpx.URL:
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = httpx.URL(self._options.url + path)
        return url

    def _settings(self) -> dict[str, Any]:
        return {
            "headers": _headers(self._options),
            "timeout": self._options.timeout,
            "limits": httpx.Limits(keepalive_expiry=_KEEP_ALIVE_SECONDS),
        }

    def _sampling(
        self,
        logits: ArrayLike,
        temperature: Any,
        hard: Any,
        seed: Any,
        num_samples: int | None,
        axis: int,
        outputs: Sequence[str],
        parameters: dict[str, Any],
    ) -> Steps[Draw]:
        rows = rows_of(logits, temperature, hard, seed, num_samples, axis, parameters)
        return _steps.sample(rows, outputs, self._options.limits)

    def _differentiating(
        self, logits: ArrayLike | Draw, cotangent: ArrayLike, estimator: str, fields: dict[str, Any]
    ) -> Steps[Gradient]:
        rao_samples = fields.pop("rao_samples", None)
        own = {} if estimator == "straight_through" else {"estimator": estimator}
        if rao_samples is not None:
            own["rao_samples"] = rao_samples
        if isinstance(logits, Draw):
            if fields:
                raise TypeError(f"the draw says everything but the estimator: leave out {', '.join(fields)}")
            rows, noise_version = _without_top_k(logits.rows), logits.noise_version
        else:
            if fields.get("seed") is None:
                raise ValueError("seed must be that of the draw: it replays the noise")
            names = ("temperature", "hard", "seed", "num_samples", "axis")
            defaults = {"temperature": 1.0, "hard": False, "num_samples": None, "axis": -1}
            noise_version = fields.pop("noise_version", None)
            temperature, hard, seed, num_samples, axis = (fields.pop(name, defaults.get(name)) for name in names)
            rows = rows_of(logits, temperature, hard, seed, num_samples, axis, fields)
        return _steps.vjp(rows, cotangent, own, self._options.limits, noise_version)


def _without_top_k(rows: Rows) -> Rows:
    """top_k has no gradient, and a gradient request does not take it."""
    if "top_k" not in rows.parameters:
        return rows
    return replace(rows, parameters={name: value for name, value in rows.parameters.items() if name != "top_k"})


def points_of(**named: ArrayLike | None) -> dict[str, ArrayLike]:
    points = {name: value for name, value in named.items() if value is not None}
    if len(points) != 1:
        raise TypeError(f"give one of {', '.join(named)}")
    return points


_numbers = itertools.count(1)
clients: weakref.WeakValueDictionary[str, Base[Any]] = weakref.WeakValueDictionary()


def _forget_all_connections() -> None:
    """In a process that was forked: a connection that two processes use would mix their replies."""
    for client in clients.values():
        client._forget_connections()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all_connections)


def explanation(code: str) -> Request:
    return Request(f"/problems/{code}", {}, b"")


def remedy_in(reply: Reply) -> str | None:
    """The remedy in the service's own words, so that it fits the version of the service."""
    if reply.status != 200:
        return None
    try:
        explanation = json.loads(reply.content)
    except ValueError:
        return None
    return explanation.get("remedy") if isinstance(explanation, dict) else None
