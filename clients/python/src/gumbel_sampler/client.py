"""Clients of a gumbel-sampler service: `Client`, and `AsyncClient` for asyncio."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
import weakref
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Generic, NamedTuple, TypeVar, overload

import httpx
from numpy.typing import ArrayLike

from . import _steps, verify
from ._retries import Retries
from ._rows import Rows, rows_of
from ._steps import Steps
from ._wire import Array, Reply, Request
from .draw import Draw, Gradient
from .errors import GumbelSamplerError, ServiceError
from .limits import Limits

__all__ = ["AsyncClient", "Client", "default_client"]

_DEFAULT_OUTPUTS = ("samples", "indices")
_Http = TypeVar("_Http", httpx.Client, httpx.AsyncClient)
_Result = TypeVar("_Result")

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


class _Base(Generic[_Http]):
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
        _clients[self.key] = self

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


def _points(**named: ArrayLike | None) -> dict[str, ArrayLike]:
    points = {name: value for name, value in named.items() if value is not None}
    if len(points) != 1:
        raise TypeError(f"give one of {', '.join(named)}")
    return points


_numbers = itertools.count(1)
_clients: weakref.WeakValueDictionary[str, _Base[Any]] = weakref.WeakValueDictionary()


def client_of(key: str) -> Client:
    """The client of this process that has a key."""
    client = _clients[key]
    assert isinstance(client, Client), "operators are given the keys of clients that do not have to be awaited"
    return client


def _forget_all_connections() -> None:
    """In a process that was forked: a connection that two processes use would mix their replies."""
    for client in _clients.values():
        client._forget_connections()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all_connections)


class Client(_Base[httpx.Client]):
    """Draws from a service. Safe to share between threads, and in processes that are forked or spawned.

    Connections are kept open and used again. A context manager, or `close`, closes them.
    """

    def sample(
        self,
        logits: ArrayLike,
        *,
        temperature: ArrayLike = 1.0,
        hard: ArrayLike = False,
        seed: Any = None,
        num_samples: int | None = None,
        axis: int = -1,
        outputs: Sequence[str] = _DEFAULT_OUTPUTS,
        **parameters: Any,
    ) -> Draw:
        """Draws from softmax(logits).

        logits       an array of any rank, its categories at `axis`; -infinity masks a category
        temperature  one, or one for each row in the leading shape of the logits
        hard         one-hot samples; one flag, or one for each row
        seed         an integer from 0 to 2^64 - 1, or one for each row; None for a random one, which the draw has
        num_samples  draws so many samples of each row, which get an axis in front
        outputs      what to compute: "samples", "indices", "log_samples", "log_prob", "noise", and whatever else the
                     service has
        parameters   further parameters of the service: row_offset, sample_offset, noise="none", masks="refuse",
                     top_k, given_indices, ...
        """
        return self._run(self._sampling(logits, temperature, hard, seed, num_samples, axis, outputs, parameters))

    def top_k(
        self,
        logits: ArrayLike,
        k: int,
        *,
        seed: Any = None,
        num_samples: int | None = None,
        axis: int = -1,
        outputs: Sequence[str] = ("indices", "top_indices"),
        **parameters: Any,
    ) -> Draw:
        """Draws k different categories of each row, one after the other (Gumbel-top-k): `top_indices`, in order.

        `outputs` may have "top_scores", "top_threshold" and "top_log_prob" where the service has them.
        """
        parameters["top_k"] = k
        temperature, hard = parameters.pop("temperature", 1.0), parameters.pop("hard", False)
        return self._run(self._sampling(logits, temperature, hard, seed, num_samples, axis, outputs, parameters))

    @overload
    def vjp(
        self, logits: Draw, cotangent: ArrayLike, *, estimator: str = ..., rao_samples: int | None = ...
    ) -> Gradient: ...

    @overload
    def vjp(
        self,
        logits: ArrayLike,
        cotangent: ArrayLike,
        *,
        seed: Any,
        temperature: ArrayLike = ...,
        hard: ArrayLike = ...,
        num_samples: int | None = ...,
        axis: int = ...,
        estimator: str = ...,
        rao_samples: int | None = ...,
        noise_version: str | None = ...,
        **parameters: Any,
    ) -> Gradient: ...

    def vjp(self, logits: Any, cotangent: ArrayLike, *, estimator: str = "straight_through", **fields: Any) -> Gradient:
        """The backward pass of a draw: gradients of the loss, from `cotangent`, its gradient by the samples.

        logits     a Draw; or the logits, with the seed and the other arguments of the draw
        estimator  of hard samples: "straight_through", "reinmax", and where the service has them "softmax" and
                   "gumbel_rao" with `rao_samples`
        """
        return self._run(self._differentiating(logits, cotangent, estimator, fields))

    def log_prob(
        self,
        logits: ArrayLike,
        samples: ArrayLike | None = None,
        *,
        log_samples: ArrayLike | None = None,
        indices: ArrayLike | None = None,
        top_indices: ArrayLike | None = None,
        temperature: ArrayLike | None = None,
        axis: int = -1,
        **parameters: Any,
    ) -> Array:
        """The log-density of soft samples, or better of their log_samples: float64, without the axis of categories.

        Samples may have axes in front of those of the logits. With `indices` the log-probability of categories, with
        `top_indices` that of draws without replacement, where the service has them.
        """
        points = _points(samples=samples, log_samples=log_samples, indices=indices, top_indices=top_indices)
        return self._run(_steps.log_prob(logits, points, temperature, axis, parameters))

    def verify(self, draw: Draw) -> verify.Verification:
        """Computes a draw again in numpy and compares: see `gumbel_sampler.verify`. Sends nothing."""
        return verify.verify(draw)

    def server(self) -> dict[str, Any]:
        """What GET /v2 says: name, version, and in `parameters` noise version, provider and device."""
        return self._run(_steps.server())

    def close(self) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, steps: Steps[_Result]) -> _Result:
        try:
            request = next(steps)
            while True:
                request = steps.send(self._send(request))
        except StopIteration as stop:
            result: _Result = stop.value
            return result
        except ServiceError as error:
            error.remedy = self._remedy(error.code)
            raise

    def _send(self, request: Request, retry_seconds: float | None = None) -> Reply:
        if self._http is None:
            self._http = httpx.Client(**self._settings())
        retries = Retries(self._options.retry_seconds if retry_seconds is None else retry_seconds)
        url = self._url(request.path)
        while True:
            try:
                if request.content:
                    response = self._http.post(url, content=request.content, headers=request.headers)
                else:
                    response = self._http.get(url)
            except httpx.HTTPError as error:
                pause: float | None = retries.after_error(error)
            else:
                reply = Reply(response.status_code, response.headers, response.content)
                pause = retries.after_reply(reply)
                if pause is None:
                    return reply
            time.sleep(pause or 0.0)

    def _remedy(self, code: str) -> str | None:
        if code not in self._remedies:
            try:
                self._remedies[code] = _remedy_in(self._send(_explanation(code), retry_seconds=0.0))
            except GumbelSamplerError:
                return None
        return self._remedies[code]


class AsyncClient(_Base[httpx.AsyncClient]):
    """`Client` for asyncio: the same methods, to be awaited. Belongs to one event loop."""

    async def sample(
        self,
        logits: ArrayLike,
        *,
        temperature: ArrayLike = 1.0,
        hard: ArrayLike = False,
        seed: Any = None,
        num_samples: int | None = None,
        axis: int = -1,
        outputs: Sequence[str] = _DEFAULT_OUTPUTS,
        **parameters: Any,
    ) -> Draw:
        """As `Client.sample`."""
        return await self._run(self._sampling(logits, temperature, hard, seed, num_samples, axis, outputs, parameters))

    async def top_k(
        self,
        logits: ArrayLike,
        k: int,
        *,
        seed: Any = None,
        num_samples: int | None = None,
        axis: int = -1,
        outputs: Sequence[str] = ("indices", "top_indices"),
        **parameters: Any,
    ) -> Draw:
        """As `Client.top_k`."""
        parameters["top_k"] = k
        temperature, hard = parameters.pop("temperature", 1.0), parameters.pop("hard", False)
        return await self._run(self._sampling(logits, temperature, hard, seed, num_samples, axis, outputs, parameters))

    @overload
    async def vjp(
        self, logits: Draw, cotangent: ArrayLike, *, estimator: str = ..., rao_samples: int | None = ...
    ) -> Gradient: ...

    @overload
    async def vjp(
        self,
        logits: ArrayLike,
        cotangent: ArrayLike,
        *,
        seed: Any,
        temperature: ArrayLike = ...,
        hard: ArrayLike = ...,
        num_samples: int | None = ...,
        axis: int = ...,
        estimator: str = ...,
        rao_samples: int | None = ...,
        noise_version: str | None = ...,
        **parameters: Any,
    ) -> Gradient: ...

    async def vjp(
        self, logits: Any, cotangent: ArrayLike, *, estimator: str = "straight_through", **fields: Any
    ) -> Gradient:
        """As `Client.vjp`."""
        return await self._run(self._differentiating(logits, cotangent, estimator, fields))

    async def log_prob(
        self,
        logits: ArrayLike,
        samples: ArrayLike | None = None,
        *,
        log_samples: ArrayLike | None = None,
        indices: ArrayLike | None = None,
        top_indices: ArrayLike | None = None,
        temperature: ArrayLike | None = None,
        axis: int = -1,
        **parameters: Any,
    ) -> Array:
        """As `Client.log_prob`."""
        points = _points(samples=samples, log_samples=log_samples, indices=indices, top_indices=top_indices)
        return await self._run(_steps.log_prob(logits, points, temperature, axis, parameters))

    async def verify(self, draw: Draw) -> verify.Verification:
        """As `Client.verify`, in a thread of its own."""
        return await asyncio.to_thread(verify.verify, draw)

    async def server(self) -> dict[str, Any]:
        """As `Client.server`."""
        return await self._run(_steps.server())

    async def aclose(self) -> None:
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _run(self, steps: Steps[_Result]) -> _Result:
        try:
            request = next(steps)
            while True:
                request = steps.send(await self._send(request))
        except StopIteration as stop:
            result: _Result = stop.value
            return result
        except ServiceError as error:
            error.remedy = await self._remedy(error.code)
            raise

    async def _send(self, request: Request, retry_seconds: float | None = None) -> Reply:
        if self._http is None:
            self._http = httpx.AsyncClient(**self._settings())
        retries = Retries(self._options.retry_seconds if retry_seconds is None else retry_seconds)
        url = self._url(request.path)
        while True:
            try:
                if request.content:
                    response = await self._http.post(url, content=request.content, headers=request.headers)
                else:
                    response = await self._http.get(url)
            except httpx.HTTPError as error:
                pause: float | None = retries.after_error(error)
            else:
                reply = Reply(response.status_code, response.headers, response.content)
                pause = retries.after_reply(reply)
                if pause is None:
                    return reply
            await asyncio.sleep(pause or 0.0)

    async def _remedy(self, code: str) -> str | None:
        if code not in self._remedies:
            try:
                self._remedies[code] = _remedy_in(await self._send(_explanation(code), retry_seconds=0.0))
            except GumbelSamplerError:
                return None
        return self._remedies[code]


def _explanation(code: str) -> Request:
    return Request(f"/problems/{code}", {}, b"")


def _remedy_in(reply: Reply) -> str | None:
    """The remedy in the service's own words, so that it fits the version of the service."""
    if reply.status != 200:
        return None
    try:
        explanation = json.loads(reply.content)
    except ValueError:
        return None
    return explanation.get("remedy") if isinstance(explanation, dict) else None


_default: Client | None = None


def default_client() -> Client:
    """The client that `gumbel_sampler.torch` and `gumbel_sampler.jax` use unless they are given one.

    GUMBEL_SAMPLER_URL and GUMBEL_SAMPLER_API_KEY name its service; without them http://localhost:8080.
    """
    global _default
    if _default is None:
        url = os.environ.get("GUMBEL_SAMPLER_URL", "http://localhost:8080")
        _default = Client(url, os.environ.get("GUMBEL_SAMPLER_API_KEY"))
    return _default
