"""Gumbel-softmax draws from a gumbel-sampler service: replayable by seed, bit for bit.

    from gumbel_sampler import Client

    client = Client("http://localhost:8080")
    draw = client.sample([[1.0, 0.5, -1.0]], temperature=0.5, seed=42)
    draw.samples, draw.indices
    client.verify(draw)

`gumbel_sampler.torch` and `gumbel_sampler.jax` have `gumbel_softmax` for PyTorch and JAX, `gumbel_sampler.noise` the
noise in numpy. They are imported by their names, so that neither framework is needed for the others.
"""

from . import noise, schedules
from .async_client import AsyncClient
from .client import Client, default_client
from .draw import Draw, Gradient
from .errors import (
    FieldError,
    GumbelSamplerError,
    NoiseVersionError,
    ServiceError,
    Unreachable,
    VerificationError,
)
from .limits import Limits
from .seeds import random_seed, seed_for
from .verify import Verification

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "Client",
    "Draw",
    "FieldError",
    "Gradient",
    "GumbelSamplerError",
    "Limits",
    "NoiseVersionError",
    "ServiceError",
    "Unreachable",
    "Verification",
    "VerificationError",
    "default_client",
    "noise",
    "random_seed",
    "schedules",
    "seed_for",
]
