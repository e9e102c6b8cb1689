"""The client of a gumbel-sampler service."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any, TypeVar, overload

import httpx
from numpy.typing import ArrayLike

from . import _steps, verify
from ._base import DEFAULT_OUTPUTS, Base, clients, explanation, points_of, remedy_in
from ._retries import Retries
from ._steps import Steps
from ._tracing import with_context
from ._wire import Array, Reply, Request
from .draw import Draw, Gradient
from .errors import GumbelSamplerError, ServiceError

_Result = TypeVar("_Result")


class Client(Base[httpx.Client]):
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
        outputs: Sequence[str] = DEFAULT_OUTPUTS,
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
        points = points_of(samples=samples, log_samples=log_samples, indices=indices, top_indices=top_indices)
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
        url, headers = self._url(request.path), with_context(request.headers)
        while True:
            try:
                if request.content:
                    response = self._http.post(url, content=request.content, headers=headers)
                else:
                    response = self._http.get(url, headers=headers)
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
                self._remedies[code] = remedy_in(self._send(explanation(code), retry_seconds=0.0))
            except GumbelSamplerError:
                return None
        return self._remedies[code]


def client_of(key: str) -> Client:
    """The client of this process that has a key."""
    client = clients[key]
    assert isinstance(client, Client), "operators are given the keys of clients that do not have to be awaited"
    return client


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
