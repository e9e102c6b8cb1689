"""``gumbel_softmax`` for JAX, drawn by the service and differentiable, under `jit`, `vmap` and `grad`.

    from gumbel_sampler.jax import gumbel_softmax

    @jax.jit
    def loss(logits, step):
        return f(gumbel_softmax(logits, tau=0.5, hard=True, seed=step))

The draw is a `pure_callback`, and its gradient a `custom_vjp` that replays the noise from the seed.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ._tracing import recalled, remember, traced
from .client import Client, default_client
from .seeds import seed_for

__all__ = ["gumbel_softmax", "seed_for", "traced"]

Array = Any


class _Static(NamedTuple):
    """What a trace knows of a draw."""

    hard: bool
    axis: int
    num_samples: int | None
    estimator: str
    rao_samples: int | None
    ndim: int
    client: Client | None

    @property
    def drawing(self) -> Client:
        return default_client() if self.client is None else self.client


def gumbel_softmax(
    logits: Array,
    tau: float | Array = 1.0,
    hard: bool = False,
    axis: int = -1,
    *,
    seed: int | Array,
    client: Client | None = None,
    num_samples: int | None = None,
    estimator: str = "straight_through",
    rao_samples: int | None = None,
) -> Array:
    """Draws from softmax(logits) over `axis`.

    logits       of any rank and float dtype; -infinity masks a category. The service computes in float32
    tau          a number, or an array with one for each row (the shape of the logits without `axis`), differentiable
    hard         one-hot samples, which take their gradient from `estimator`; static under jit
    seed         an integer from 0 to 2^64 - 1, a traced integer such as a step, or a key of `jax.random`
    client       None for `gumbel_sampler.default_client()`, which GUMBEL_SAMPLER_URL configures
    num_samples  draws so many samples of each row, which get an axis in front
    estimator    "straight_through", "reinmax", and where the service has them "softmax" and "gumbel_rao" with its
                 `rao_samples`

    Under vmap each example is the draw that it would be alone. Examples with a single row of logits are drawn in one
    request; others take one request each, so prefer a leading axis to vmap for them.
    """
    logits = jnp.asarray(logits)
    if not jnp.issubdtype(logits.dtype, jnp.floating):
        logits = logits.astype(jnp.float32)
    static = _Static(hard, axis % logits.ndim, num_samples, estimator, rao_samples, logits.ndim, client)
    return _gumbel_softmax(static, logits, jnp.asarray(tau, jnp.float32), _words(seed))


def _words(seed: int | Array) -> Array:
    """uint32 [2]: low and high half. JAX has no 64-bit integers unless asked for."""
    if isinstance(seed, (int, np.integer)):
        if not 0 <= int(seed) < 1 << 64:
            raise ValueError("seed must be from 0 to 2^64 - 1")
        return jnp.array([int(seed) & 0xFFFFFFFF, int(seed) >> 32], jnp.uint32)
    seed = jnp.asarray(seed)
    if jnp.issubdtype(seed.dtype, jax.dtypes.prng_key):
        seed = jax.random.key_data(seed)
    if seed.shape == (2,) and seed.dtype == jnp.uint32:
        return seed[::-1]  # The data of a threefry key: high word first.
    if seed.shape != () or not jnp.issubdtype(seed.dtype, jnp.integer):
        raise TypeError("seed must be an integer, or a key of jax.random with two words")
    high = seed >> 32 if seed.dtype.itemsize == 8 else jnp.zeros_like(seed)
    return jnp.stack([seed & 0xFFFFFFFF if seed.dtype.itemsize == 8 else seed, high]).astype(jnp.uint32)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _gumbel_softmax(static: _Static, logits: Array, tau: Array, words: Array) -> Array:
    front = () if static.num_samples is None else (static.num_samples,)
    shape = jax.ShapeDtypeStruct((*front, *logits.shape), logits.dtype)
    return jax.pure_callback(partial(_sample, static), shape, logits, tau, words, vmap_method="broadcast_all")


_Saved = tuple[Array, Array, Array, int]


def _forward(static: _Static, logits: Array, tau: Array, words: Array) -> tuple[Array, _Saved]:
    # Under jit this runs once, while the function is traced: its trace context would be that of every later call.
    number = 0 if isinstance(logits, jax.core.Tracer) else remember()
    return _gumbel_softmax(static, logits, tau, words), (logits, tau, words, number)


def _backward(static: _Static, saved: _Saved, cotangent: Array) -> tuple[Array, Array, None]:
    logits, tau, words, number = saved
    shapes = (jax.ShapeDtypeStruct(logits.shape, logits.dtype), jax.ShapeDtypeStruct(tau.shape, tau.dtype))
    gradients = jax.pure_callback(
        partial(_vjp, static), shapes, logits, tau, words, cotangent, number, vmap_method="broadcast_all"
    )
    return (*gradients, None)


_gumbel_softmax.defvjp(_forward, _backward)


def _seeds(words: Any) -> np.ndarray[Any, Any]:
    halves = np.asarray(words).astype(np.uint64)
    return halves[..., 0] | (halves[..., 1] << np.uint64(32))


def _examples(static: _Static, logits: Any, tau: Any, words: Any) -> tuple[tuple[int, ...], list[Any]]:
    """The axes of vmap, and the arrays with them made one: none of them, or one in front."""
    arrays = [np.asarray(logits), np.asarray(tau), _seeds(words)]
    mapped = arrays[0].shape[: arrays[0].ndim - static.ndim]
    return mapped, [array.reshape(-1, *array.shape[len(mapped) :]) for array in arrays]


def _sample(static: _Static, logits: Any, tau: Any, words: Any) -> Any:
    mapped, (examples, taus, seeds) = _examples(static, logits, tau, words)
    dtype = np.asarray(logits).dtype
    fields: dict[str, Any] = {"hard": static.hard, "num_samples": static.num_samples, "outputs": ("samples",)}
    if static.ndim == 1:
        # Each example is row 0 of its own seed: one request with a seed per row.
        samples = static.drawing.sample(examples, temperature=taus.reshape(-1), seed=seeds, **fields).samples
        if static.num_samples is not None:
            samples = np.moveaxis(samples, 0, 1)
    else:
        draws = [
            static.drawing.sample(one, temperature=t, seed=int(s), axis=static.axis, **fields).samples
            for one, t, s in zip(examples, taus, seeds)
        ]
        samples = np.stack(draws)
    return samples.reshape(*mapped, *samples.shape[1:]).astype(dtype)


def _vjp(static: _Static, logits: Any, tau: Any, words: Any, cotangent: Any, number: Any) -> Any:
    with recalled(int(np.max(number))):
        return _gradients(static, logits, tau, words, cotangent)


def _gradients(static: _Static, logits: Any, tau: Any, words: Any, cotangent: Any) -> Any:
    mapped, (examples, taus, seeds) = _examples(static, logits, tau, words)
    cotangents = np.asarray(cotangent)
    cotangents = cotangents.reshape(-1, *cotangents.shape[len(mapped) :])
    fields: dict[str, Any] = {
        "hard": static.hard,
        "num_samples": static.num_samples,
        "estimator": static.estimator,
        "rao_samples": static.rao_samples,
    }
    if static.ndim == 1:
        if static.num_samples is not None:
            cotangents = np.moveaxis(cotangents, 0, 1)
        gradient = static.drawing.vjp(examples, cotangents, temperature=taus.reshape(-1), seed=seeds, **fields)
        found = [(gradient.logits, gradient.temperature)]
        grad_logits, grad_tau = (None if part is None else np.asarray(part) for part in found[0])
    else:
        gradients = [
            static.drawing.vjp(one, v, temperature=t, seed=int(s), axis=static.axis, **fields)
            for one, t, s, v in zip(examples, taus, seeds, cotangents)
        ]
        grad_logits = np.stack([one.logits for one in gradients])
        taken = [one.temperature for one in gradients]
        grad_tau = None if any(one is None for one in taken) else np.stack([np.asarray(one) for one in taken])
    assert grad_logits is not None
    if grad_tau is None:
        # An estimator without a gradient for the temperature: NaN is seen where it is used, and costs nothing else.
        grad_tau = np.full(np.asarray(tau).shape, np.nan)
    return (
        grad_logits.reshape(np.asarray(logits).shape).astype(np.asarray(logits).dtype),
        grad_tau.reshape(np.asarray(tau).shape).astype(np.asarray(tau).dtype),
    )
