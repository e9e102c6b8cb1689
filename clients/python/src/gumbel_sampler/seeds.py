"""Seeds: random ones, and a different one for each rank and step of a training run from one base seed."""

from __future__ import annotations

import secrets

_MASK = (1 << 64) - 1


def random_seed() -> int:
    """A seed from the operating system, 0 to 2^64 - 1."""
    return secrets.randbits(64)


def seed_for(base: int, *numbers: int) -> int:
    """The seed of a base seed and numbers such as (step, rank): the same each time, and another for other numbers.

    ``seed_for(base, step, rank)`` gives each rank of a DistributedDataParallel run draws of its own at each step, and
    a rerun the same draws. Each number passes through the finaliser of splitmix64 (Steele, Lea, Flood 2014), a
    bijection: with one base, different steps never share a seed, and two of n seeds of several numbers are equal with
    probability n^2 / 2^65.
    """
    seed = base & _MASK
    for number in numbers:
        seed = _mixed((seed + 0x9E3779B97F4A7C15 + _mixed(number & _MASK)) & _MASK)
    return seed


def _mixed(x: int) -> int:
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)
