"""Verifies a draw against the noise contract in numpy: what its seed gives, without the service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from . import noise
from ._parts import Part, split
from ._wire import Array
from .draw import Draw
from .errors import NoiseVersionError, VerificationError
from .limits import Limits

# The service promises that every soft sample is this close to the exact softmax((z - max z) / temperature).
SOFT_SAMPLE_TOLERANCE = 1e-6

# float32 log-samples are rounded once from float64: half a unit in the last place, 2^-24, and room for the exponentials
# and logarithms of two libraries. Absolute near 0, where the logarithm of a sum of K exponentials cancels.
_LOG_SAMPLE_TOLERANCE = 2.0**-22

# What is verified at a time.
_AT_ONCE = Limits(elements_drawn=1 << 20)


@dataclass(frozen=True)
class Verification:
    """What was verified."""

    values: int
    """Noise values that were computed again."""
    outputs: tuple[str, ...]
    """Names of the outputs that are right: all bits but for soft samples and log-samples, which have tolerances."""
    soft_sample_error: float
    """Largest distance of a soft sample from softmax in float64; 0 if there are none."""


def verify(draw: Draw) -> Verification:
    """Computes a draw again from its seed and compares.

    Noise, indices, top_indices and hard samples must have the same bits; soft samples must be within 1e-6.

    Raises NoiseVersionError for a draw of another noise version, and VerificationError where an output is wrong.
    """
    if draw.noise_version != noise.NOISE_VERSION:
        raise NoiseVersionError(
            f"the draw has noise {draw.noise_version}, and this client computes {noise.NOISE_VERSION}: "
            "use a client of the draw's noise version"
        )
    rows, samples = draw.rows, draw.num_samples
    if rows.given is not None:
        raise VerificationError("a conditioned draw (given_indices) is computed with the service's own exp and log")
    categories = int(rows.logits.shape[1])
    checked = [name for name in draw.outputs if name in _CHECKS or name == "samples"]
    flat = {name: _flat(draw, name) for name in checked}
    parts = split(rows.count, samples or 1, 0, categories, 0, _AT_ONCE)
    error = max((_verify_part(draw, flat, part) for part in parts), default=0.0)
    return Verification(rows.count * (samples or 1) * categories, tuple(checked), error)


def _flat(draw: Draw, name: str) -> Array:
    """An output as [S, B] or [S, B, N]."""
    array = draw.outputs[name]
    front = 0 if draw.num_samples is None else 1
    lead = len(draw.rows.lead)
    if array.ndim > front + lead:
        array = np.moveaxis(array, draw.axis + front, -1)
    return array.reshape(draw.num_samples or 1, draw.rows.count, *array.shape[front + lead :])


def _verify_part(draw: Draw, flat: dict[str, Array], part: Part) -> float:
    """Compares a part of the draw. Returns the largest error of its soft samples."""
    rows = draw.rows
    logits = rows.logits[part.rows]
    samples = part.sample_end - part.sample
    if rows.parameters.get("noise") == "none":
        g = np.zeros((samples, *logits.shape), np.float32)
    else:
        g = noise.gumbel(
            rows.seed[part.rows] if isinstance(rows.seed, np.ndarray) else rows.seed,
            rows=len(logits),
            categories=logits.shape[1],
            num_samples=samples,
            row_offset=0 if isinstance(rows.seed, np.ndarray) else rows.parameters.get("row_offset", 0) + part.row,
            sample_offset=rows.parameters.get("sample_offset", 0) + part.sample,
        )
    temperature = rows.temperature[part.rows] if isinstance(rows.temperature, np.ndarray) else rows.temperature
    replayed = _Replayed(draw, part, logits, g, noise.perturbed(logits, g), np.asarray(temperature))
    error = 0.0
    for name, array in flat.items():
        found = array[part.sample : part.sample_end, part.rows]
        if name == "samples":
            error = _check_samples(replayed, found)
        else:
            _CHECKS[name](replayed, found)
    return error


class _Replayed(NamedTuple):
    """A part of a draw as numpy computes it: logits [B, K], noise and z [S, B, K]."""

    draw: Draw
    part: Part
    logits: Array
    noise: Array
    z: Array
    temperature: Array

    def fail(self, name: str, wrong: Array) -> None:
        """Raises for the first row that is wrong, if any."""
        if not wrong.any():
            return
        sample, row = np.argwhere(wrong.reshape(*self.z.shape[:2], -1).any(-1))[0]
        place = f"row {self.part.row + row}"
        if self.draw.num_samples is not None:
            place = f"sample {self.part.sample + sample}, {place}"
        raise VerificationError(f"{name} of {place} is not what the seed gives")


def _check_samples(replayed: _Replayed, found: Array) -> float:
    hard = replayed.draw.rows.hard
    flags = np.atleast_1d(hard[replayed.part.rows] if isinstance(hard, np.ndarray) else np.asarray(hard))[:, None]
    z = replayed.z
    if flags.all():
        replayed.fail("samples", found != (z.argmax(-1)[..., None] == np.arange(z.shape[-1])))
        return 0.0
    one_hot = z.argmax(-1)[..., None] == np.arange(z.shape[-1])
    distance = np.abs(found - np.where(flags, one_hot, noise.soft_samples(z, replayed.temperature)))
    replayed.fail("samples", ~(distance <= np.where(flags, 0, SOFT_SAMPLE_TOLERANCE)))
    return float(distance.max(initial=0.0))


def _check_indices(replayed: _Replayed, found: Array) -> None:
    replayed.fail("indices", found != replayed.z.argmax(-1))


def _check_noise(replayed: _Replayed, found: Array) -> None:
    replayed.fail("noise", found.view(np.int32) != replayed.noise.view(np.int32))


def _check_top(replayed: _Replayed, found: Array) -> None:
    replayed.fail("top_indices", found != noise.top_indices(replayed.logits, replayed.noise, found.shape[-1]))


def _check_logs(replayed: _Replayed, found: Array) -> None:
    least = -float(np.finfo(np.float32).max)
    exact = np.maximum(noise.log_samples(replayed.z, replayed.temperature), least)
    masked = np.isneginf(replayed.logits)
    with np.errstate(invalid="ignore"):
        close = np.abs(found - exact) <= _LOG_SAMPLE_TOLERANCE * np.maximum(1, np.abs(exact))
    replayed.fail("log_samples", np.where(masked, ~np.isneginf(found), ~close))


_CHECKS = {
    "indices": _check_indices,
    "noise": _check_noise,
    "top_indices": _check_top,
    "log_samples": _check_logs,
}
