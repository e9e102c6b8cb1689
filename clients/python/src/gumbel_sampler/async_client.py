"""The client of a gumbel-sampler service for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, TypeVar, overload

import httpx
from numpy.typing import ArrayLike

from . import _steps, verify
from ._base import DEFAULT_OUTPUTS, Base, explanation, points_of, remedy_in
from ._retries import Retries
from ._steps import Steps
from ._tracing import with_context
from ._wire import Array, Reply, Request
from .draw import Draw, Gradient
from .errors import GumbelSamplerError, ServiceError

_Result = TypeVar("_Result")


class AsyncClient(Base[httpx.AsyncClient]):
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
        outputs: Sequence[str] = DEFAULT_OUTPUTS,
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
        points = points_of(samples=samples, log_samples=log_samples, indices=indices, top_indices=top_indices)
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
        url, headers = self._url(request.path), with_context(request.headers)
        while True:
            try:
                if request.content:
                    response = await self._http.post(url, content=request.content, headers=headers)
                else:
                    response = await self._http.get(url, headers=headers)
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
                self._remedies[code] = remedy_in(await self._send(explanation(code), retry_seconds=0.0))
            except GumbelSamplerError:
                return None
        return self._remedies[code]
