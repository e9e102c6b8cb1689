"""``gumbel_softmax`` for PyTorch, drawn by the service and differentiable: change one import.

    from gumbel_sampler.torch import gumbel_softmax        # was: from torch.nn.functional import gumbel_softmax

    sample = gumbel_softmax(logits, tau=0.5, hard=True, seed=step)
    loss(sample).backward()

Forward and backward pass are custom operators, which `torch.compile` leaves as they are. The backward pass replays the
noise from the seed; nothing of the draw is kept but its inputs.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ._tracing import recalled, remember
from .client import Client, client_of, default_client
from .errors import NoiseVersionError
from .seeds import random_seed, seed_for

__all__ = ["gumbel_softmax", "seed_for"]


def gumbel_softmax(
    logits: Tensor,
    tau: float | Tensor = 1,
    hard: bool = False,
    dim: int = -1,
    *,
    seed: int | Tensor | None = None,
    client: Client | None = None,
    num_samples: int | None = None,
    estimator: str = "straight_through",
    rao_samples: int | None = None,
    noise: str = "gumbel",
    eps: float = 0.0,
) -> Tensor:
    """Draws from softmax(logits) over `dim`, as torch.nn.functional.gumbel_softmax does.

    logits       of any rank, float dtype and device; -infinity masks a category. The service computes in float32
    tau          a number, or a tensor with one for all rows or one for each (the shape of the logits without `dim`),
                 which may require a gradient
    hard         one-hot samples, which take their gradient from `estimator`
    seed         an integer from 0 to 2^64 - 1; or an int64 tensor with one for all rows or one for each; None for a
                 random one. Give each rank and step one of its own: ``seed_for(base, step, rank)``
    client       None for `default_client()`, which GUMBEL_SAMPLER_URL configures
    num_samples  draws so many samples of each row, which get an axis in front
    estimator    "straight_through", "reinmax", and where the service has them "softmax" and "gumbel_rao" with its
                 `rao_samples`
    noise        "none" for softmax(logits / tau) without noise
    eps          ignored: the noise is exact without it
    """
    if isinstance(seed, int) and seed >= 1 << 63:
        seed -= 1 << 64  # int64 has the same 64 bits.
    seeds = seed if isinstance(seed, Tensor) else None
    number = None if isinstance(seed, Tensor) else seed
    temperature = tau if isinstance(tau, Tensor) else torch.tensor(float(tau), dtype=torch.float64)
    key = "" if client is None else client.key
    samples, _, _ = _draw(
        logits, temperature, number, seeds, hard, dim, num_samples, estimator, rao_samples, noise, key
    )
    return samples


def _client(key: str) -> Client:
    """Operators take no Python objects: the key of a client stands for it, and none for the default client."""
    return default_client() if key == "" else client_of(key)


def _array(tensor: Tensor) -> np.ndarray[Any, Any]:
    """The values in an own dtype of numpy: bfloat16 and float8 become float32, which holds them exactly."""
    values = tensor.detach().cpu()
    if values.dtype not in (torch.float16, torch.float32, torch.float64, torch.int64):
        values = values.float() if values.is_floating_point() else values.long()
    return values.numpy()


def _samples_shape(logits: Tensor, num_samples: int | None) -> list[Any]:
    return [*([] if num_samples is None else [num_samples]), *logits.shape]


@torch.library.custom_op("gumbel_sampler::draw", mutates_args=())
def _draw(
    logits: Tensor,
    tau: Tensor,
    seed: int | None,
    seeds: Tensor | None,
    hard: bool,
    dim: int,
    num_samples: int | None,
    estimator: str,
    rao_samples: int | None,
    noise: str,
    client: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """Samples, the seed as int64, and two numbers: what the backward pass replays the draw from.

    The numbers are a hash of the noise version, and that of the trace context: the backward pass may run in a thread of
    torch, and compiled by torch.compile it is given tensors alone.

    A seed of None is chosen here: outside, torch.compile would make one draw of all.
    """
    chosen: Any
    if seeds is not None:
        chosen = _array(seeds).view(np.uint64)
    elif seed is not None:
        chosen = seed & ((1 << 64) - 1)
    else:
        chosen = random_seed()
    drawn = _client(client).sample(
        _array(logits),
        temperature=_array(tau),
        hard=hard,
        seed=chosen,
        num_samples=num_samples,
        axis=dim,
        outputs=("samples",),
        noise=None if noise == "gumbel" else noise,
    )
    samples = torch.from_numpy(drawn.samples).to(device=logits.device, dtype=logits.dtype)
    used = torch.from_numpy(np.array(chosen, np.uint64).view(np.int64))
    return samples, used, torch.tensor([_hash(drawn.noise_version), remember()])


@_draw.register_fake
def _(
    logits: Tensor,
    tau: Tensor,
    seed: int | None,
    seeds: Tensor | None,
    hard: bool,
    dim: int,
    num_samples: int | None,
    estimator: str,
    rao_samples: int | None,
    noise: str,
    client: str,
) -> tuple[Tensor, Tensor, Tensor]:
    used = torch.empty([] if seeds is None else seeds.shape, dtype=torch.int64, device="cpu")
    numbers = torch.empty([2], dtype=torch.int64, device="cpu")
    return logits.new_empty(_samples_shape(logits, num_samples)), used, numbers


@torch.library.custom_op("gumbel_sampler::vjp", mutates_args=())
def _vjp(
    cotangent: Tensor,
    logits: Tensor,
    tau: Tensor,
    seed: Tensor,
    numbers: Tensor,
    hard: bool,
    dim: int,
    num_samples: int | None,
    estimator: str,
    rao_samples: int | None,
    noise: str,
    client: str,
) -> tuple[Tensor, Tensor]:
    """Gradients with respect to logits and tau."""
    version, context = numbers.tolist()
    with recalled(context):
        gradient = _client(client).vjp(
            _array(logits),
            _array(cotangent),
            seed=_array(seed).view(np.uint64),
            temperature=_array(tau),
            hard=hard,
            num_samples=num_samples,
            axis=dim,
            estimator=estimator,
            rao_samples=rao_samples,
            noise=None if noise == "gumbel" else noise,
        )
    if _hash(gradient.noise_version) != version:
        raise NoiseVersionError(f"differentiated with noise {gradient.noise_version}, drawn with another")
    grad_logits = torch.from_numpy(gradient.logits).to(device=logits.device, dtype=logits.dtype)
    if gradient.temperature is None:
        grad_tau = torch.full_like(tau, torch.nan)
    else:
        grad_tau = torch.from_numpy(np.array(gradient.temperature)).to(device=tau.device, dtype=tau.dtype)
    return grad_logits, grad_tau.reshape(tau.shape)


@_vjp.register_fake
def _(
    cotangent: Tensor,
    logits: Tensor,
    tau: Tensor,
    seed: Tensor,
    numbers: Tensor,
    hard: bool,
    dim: int,
    num_samples: int | None,
    estimator: str,
    rao_samples: int | None,
    noise: str,
    client: str,
) -> tuple[Tensor, Tensor]:
    return logits.new_empty(logits.shape), tau.new_empty(tau.shape)


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    logits, tau, _, _, hard, dim, num_samples, estimator, *others = inputs
    if tau.requires_grad and estimator != "straight_through":
        raise ValueError(f"the estimator {estimator} has no gradient for tau: detach it")
    ctx.save_for_backward(logits, tau, output[1], output[2])
    ctx.static = (hard, dim, num_samples, estimator, *others)


def _backward(ctx: Any, cotangent: Tensor, _seed: Any, _numbers: Any) -> tuple[Any, ...]:
    logits, tau, seed, numbers = ctx.saved_tensors
    grad_logits, grad_tau = _vjp(cotangent.contiguous(), logits, tau, seed, numbers, *ctx.static)
    return (grad_logits, grad_tau if ctx.needs_input_grad[1] else None, *[None] * 9)


_draw.register_autograd(_backward, setup_context=_setup)


def _hash(noise_version: str) -> int:
    return zlib.crc32(noise_version.encode())
