"""Temperature schedules: those that POST /sample takes, as functions of the training step."""

from __future__ import annotations

import math


def exponential(step: int, *, initial: float = 1.0, minimum: float = 0.5, rate: float = 1e-4) -> float:
    """max(minimum, initial exp(-rate step)), from Jang et al. 2016, section 4.2."""
    _check(step, initial, minimum)
    return max(minimum, initial * math.exp(-rate * step))


def linear(step: int, *, initial: float = 1.0, minimum: float = 0.5, steps: int) -> float:
    """In a straight line from initial to minimum, which is reached at `steps`."""
    _check(step, initial, minimum)
    left = (steps - min(step, steps)) / steps
    return initial * left + minimum * (1 - left)


def cosine(step: int, *, initial: float = 1.0, minimum: float = 0.5, steps: int) -> float:
    """Half a period of a cosine from initial to minimum, which is reached at `steps`."""
    _check(step, initial, minimum)
    weight = math.sin(math.pi / 2 * (steps - min(step, steps)) / steps) ** 2
    return initial * weight + minimum * (1 - weight)


def _check(step: int, initial: float, minimum: float) -> None:
    if step < 0:
        raise ValueError("step must be at least 0")
    if not 0 < minimum <= initial:
        raise ValueError("minimum must be above 0 and at most initial: a schedule cools down")
