"""The noise contract ``philox4x32-10/1`` in numpy, bit for bit.

The service turns (seed, row, sample, category) into Gumbel noise by operations that every machine rounds alike. This
module performs the same operations, so any draw can be replayed or verified without the service::

    from gumbel_sampler import noise
    g = noise.gumbel(42, rows=2, categories=3)              # float32 [2, 3]
    z = noise.perturbed(logits, g)                          # float32, the argmax is the index
    noise.at(seed=42, row=7, sample=0, category=[1, 5])     # single values, by their numbers

docs/noise-contract.md of the service specifies every operation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

NOISE_VERSION = "philox4x32-10/1"
"""The version of the noise that this module computes. A service with the same version makes the same bits."""

Float32 = NDArray[np.float32]
_Words = NDArray[np.uint64]

_f = np.float32
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = 0x9E3779B9, 0xBB67AE85

# Blocks of 4 words that are made at a time: their 64-bit words stay in the cache of a core.
_BLOCKS_AT_ONCE = 1 << 14

# Numbers of rows and samples are 32-bit counters, and so are categories.
_COUNTER_END = 1 << 32


def _float32(*bits: int) -> list[np.float32]:
    return list(np.array(bits, np.uint32).view(_f))


_A = _float32(0x3EFFFF62, 0x3EAAD1CD, 0x3E7987D3, 0x3E870292, 0xBE394B93, 0x3F9AB797, 0xBFD1DE4A, 0x3FB50E9B)
_B = _float32(0x3EFFFFC4, 0xBEAAAA4C, 0x3E800F5F, 0xBE4D026C, 0x3E278BFD, 0xBE0DF3FA, 0x3E200AB1, 0xBE153057)
_LN2_FIELD, _MINUS_LN2_FIELD = _float32(0x33B17218, 0xB3B17218)
_WORD = _f(2.0**-32)
_V_MAX, _V_RARE_MIN = _f(1 - 2.0**-24), _f(2.0**-65)


def _philox(seed: _Words, row: _Words, sample: _Words, block: _Words, stage: int) -> list[_Words]:
    """Philox4x32-10: the four words of each block, as uint64 below 2^32. The arguments broadcast."""
    c0, c1, c2, c3 = block, sample, row, np.asarray(stage, np.uint64)
    k0, k1 = seed & _LOW, seed >> _HALF
    for _ in range(10):
        p, q = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (q >> _HALF) ^ c1 ^ k0, q & _LOW, (p >> _HALF) ^ c3 ^ k1, p & _LOW
        k0, k1 = (k0 + np.uint64(_W0)) & _LOW, (k1 + np.uint64(_W1)) & _LOW
    return [c0, c1, c2, c3]


def _polynomial(c: list[np.float32], x: Float32, xx: Float32) -> Float32:
    even = ((c[6] * xx + c[4]) * xx + c[2]) * xx + c[0]
    odd = ((c[7] * xx + c[5]) * xx + c[3]) * xx + c[1]
    result: Float32 = even + odd * x
    return result


def _transform(v: Float32) -> Float32:
    """g = -log(-log1p(-v)): one rounded float32 operation for each + - * of the contract."""
    one = _f(1)
    n_field = np.maximum(np.int32(0x3F000000) - ((one - v).view(np.int32) & np.int32(0x7F800000)), np.int32(0))
    scale = (n_field + np.int32(0x3F800000)).view(_f)
    x = v * scale + (one - scale)
    xx = x * x
    t = x + (xx * _polynomial(_A, x, xx) + n_field.astype(_f) * _LN2_FIELD)

    bits = t.view(np.int32)
    e_field = (bits - np.int32(0x3F2AAAAB)) & np.int32(-0x800000)
    y = (bits - e_field).view(_f) - one
    yy = y * y
    result: Float32 = e_field.astype(_f) * _MINUS_LN2_FIELD + (yy * _polynomial(_B, y, yy) - y)
    return result


def _counter(values: ArrayLike, name: str) -> _Words:
    array = np.asarray(values)
    if array.dtype.kind not in "iu" or (array.size > 0 and not (0 <= array.min() and array.max() < _COUNTER_END)):
        raise ValueError(f"{name} must be integers from 0 to 2^32 - 1")
    return array.astype(np.uint64)


def seed_words(seed: Any) -> _Words:
    """Seeds as uint64: an integer from 0 to 2^64 - 1, a string of its decimal digits, or an array of integers."""
    if isinstance(seed, str):
        seed = int(seed)
    if isinstance(seed, int) and not isinstance(seed, bool):
        if not 0 <= seed < 1 << 64:
            raise ValueError("seed must be from 0 to 2^64 - 1")
        return np.asarray(seed, np.uint64)
    array = np.asarray(seed)
    if array.dtype.kind in "OU":
        return np.array([int(seed_words(one)) for one in array.ravel()], np.uint64).reshape(array.shape)
    if array.dtype.kind == "i" and array.size > 0 and array.min() < 0:
        raise ValueError("seed must be from 0 to 2^64 - 1")
    if array.dtype.kind not in "iu":
        raise ValueError("seed must be an integer, or an array of integers")
    return array.astype(np.uint64)


def at(seed: Any, row: ArrayLike, sample: ArrayLike, category: ArrayLike, *, stage: int = 0) -> Float32:
    """The noise at given numbers, which broadcast. `gumbel` makes whole rows faster."""
    numbers = np.broadcast_arrays(
        seed_words(seed), _counter(row, "row"), _counter(sample, "sample"), _counter(category, "category")
    )
    shape = numbers[0].shape
    key, c2, c1, index = (np.ravel(a) for a in numbers)
    words = np.stack(_philox(key, c2, c1, index >> np.uint64(2), stage), -1)
    b = words[np.arange(len(index)), (index & np.uint64(3)).astype(np.intp)]
    return _values(b, key, c2, c1, index, stage).reshape(shape)


def from_words(first: ArrayLike, second: ArrayLike) -> Float32:
    """The noise of words: first ones, and second ones, which count where the first is below 2^24."""
    b, r = np.atleast_1d(np.asarray(first, np.uint32)), np.atleast_1d(np.asarray(second, np.uint32))
    rare = np.nonzero(b < 1 << 24)
    return _transform(_uniform(b, rare, r[rare]))


def _uniform(b: NDArray[np.uint32], rare: tuple[NDArray[np.intp], ...], r: NDArray[np.uint32]) -> Float32:
    """v of first words, and of the second words of the rare values among them."""
    v: Float32 = np.minimum(b.astype(_f) * _WORD, _V_MAX)
    v[rare] = np.maximum((b[rare].astype(_f) + r.astype(_f) * _WORD) * _WORD, _V_RARE_MIN)
    return v


def _values(b: _Words, key: _Words, row: _Words, sample: _Words, category: _Words, stage: int) -> Float32:
    """Noise of first words, all arguments of one shape. Only rare values take a second word."""
    rare = np.nonzero(b < 1 << 24)
    c = category[rare]
    words = np.stack(_philox(key[rare], row[rare], sample[rare], c >> np.uint64(2), stage + 1), -1)
    r = words[np.arange(len(c)), (c & np.uint64(3)).astype(np.intp)]
    return _transform(_uniform(b.astype(np.uint32), rare, r.astype(np.uint32)))


def gumbel(
    seed: Any,
    *,
    rows: int = 1,
    categories: int,
    num_samples: int | None = None,
    row_offset: int = 0,
    sample_offset: int = 0,
    stage: int = 0,
) -> Float32:
    """The noise of a draw, float32 [rows, categories], with num_samples [num_samples, rows, categories].

    With one seed the rows have the numbers row_offset + 0, 1, ...; with an array of `rows` seeds each row is row 0 of
    its seed. Samples have the numbers sample_offset + 0, 1, ....
    """
    seeds = seed_words(seed)
    samples = 1 if num_samples is None else num_samples
    if seeds.ndim > 0 and (seeds.shape != (rows,) or row_offset != 0):
        raise ValueError("seed must be one seed, or an array with a seed for each row and row_offset 0")
    if (
        row_offset < 0
        or row_offset + rows > _COUNTER_END
        or sample_offset < 0
        or sample_offset + samples > _COUNTER_END
    ):
        raise ValueError("rows and samples must have numbers from 0 to 2^32 - 1")
    key = np.broadcast_to(seeds, rows)
    row = np.zeros(rows, np.uint64) if seeds.ndim > 0 else np.arange(row_offset, row_offset + rows, dtype=np.uint64)
    blocks = -(-categories // 4)
    block = np.arange(blocks, dtype=np.uint64)
    category = np.arange(categories, dtype=np.uint64)[None, :]
    noise = np.empty((samples * rows, categories), _f)
    at_once = max(1, _BLOCKS_AT_ONCE // max(blocks, 1))
    for first in range(0, samples * rows, at_once):
        draws = np.arange(first, min(first + at_once, samples * rows))
        k, c2 = key[draws % rows][:, None], row[draws % rows][:, None]
        c1 = (draws // rows + sample_offset).astype(np.uint64)[:, None]
        words = np.stack(np.broadcast_arrays(*_philox(k, c2, c1, block[None, :], stage)), -1)
        b = words.reshape(len(draws), 4 * blocks)[:, :categories]
        key_of, row_of, sample_of, category_of = np.broadcast_arrays(k, c2, c1, category)
        noise[first : first + at_once] = _values(b, key_of, row_of, sample_of, category_of, stage)
    return noise.reshape((rows, categories) if num_samples is None else (samples, rows, categories))


def rounded_logits(logits: ArrayLike) -> Float32:
    """Logits as the service sees them: rounded to float32, and to 0 below 2^-100 in magnitude."""
    with np.errstate(over="ignore"):
        rounded = np.asarray(logits).astype(_f)
    rounded[np.abs(rounded) < _f(2.0**-100)] = 0
    return rounded


def perturbed(logits: ArrayLike, noise: ArrayLike) -> Float32:
    """z = (l - max l) + g over the last axis, in float32; -infinity where masked. Its argmax is the index of the draw.

    `noise` may have an axis of samples in front, as `gumbel` makes it with num_samples.
    """
    rounded = rounded_logits(logits)
    return (rounded - rounded.max(-1, keepdims=True)) + np.asarray(noise, _f)


def soft_samples(z: ArrayLike, temperature: ArrayLike = 1.0) -> NDArray[np.float64]:
    """softmax((z - max z) / temperature) in float64; the service's float32 samples are within 1e-6 of it.

    `temperature` is a number, or shaped like the leading axes of z.
    """
    return np.exp(log_samples(z, temperature))


def log_samples(z: ArrayLike, temperature: ArrayLike = 1.0) -> NDArray[np.float64]:
    """The logarithms of `soft_samples`, in float64, also where those underflow."""
    perturbations = np.asarray(z, _f)
    d = (perturbations - perturbations.max(-1, keepdims=True)).astype(np.float64)
    scaled = d / np.asarray(temperature, _f).astype(np.float64)[..., None]
    result: NDArray[np.float64] = scaled - np.log(np.exp(scaled).sum(-1, keepdims=True))
    return result


def top_indices(logits: ArrayLike, noise: ArrayLike, k: int) -> NDArray[np.int64]:
    """The k categories drawn without replacement, in order: the index first, the others by the exact sum l + g."""
    g = np.asarray(noise, _f)
    lead = np.broadcast_to(rounded_logits(logits), g.shape)
    first = perturbed(logits, g).argmax(-1)
    # TwoSum: l + g is exactly total + lost, both float32, and the order of the sums is that of the pairs.
    total = lead + g
    with np.errstate(invalid="ignore"):
        part = total - lead
        lost = (lead - (total - part)) + (g - part)
    lost[np.isneginf(total)] = 0
    np.put_along_axis(total, first[..., None], np.inf, -1)
    category = np.broadcast_to(np.arange(g.shape[-1]), g.shape)
    order = np.lexsort((category, -lost, -total), axis=-1)
    return np.ascontiguousarray(order[..., :k]).astype(np.int64)
