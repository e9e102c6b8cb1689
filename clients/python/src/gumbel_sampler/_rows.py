"""The arguments of a draw, checked and flattened to rows [B, K]: what is sent, and what a replay needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._wire import Array
from .noise import seed_words
from .seeds import random_seed

_WIRE_FLOATS: dict[int, np.dtype[Any]] = {2: np.dtype("<f2"), 4: np.dtype("<f4"), 8: np.dtype("<f8")}


def floats(values: ArrayLike) -> Array:
    """An own copy, C-contiguous, in a float type that the service takes: other numbers become FP32 or FP64."""
    array = np.asarray(values)
    dtype = array.dtype
    if dtype.kind == "f" and dtype.itemsize in _WIRE_FLOATS:
        wire = _WIRE_FLOATS[dtype.itemsize]
    elif dtype.kind in "iub":
        wire = _WIRE_FLOATS[8]
    elif dtype.kind in "fV" and dtype.itemsize <= 2:
        wire = _WIRE_FLOATS[4]  # bfloat16 and float8 of ml_dtypes, which float32 holds exactly.
    elif dtype.kind == "f":
        wire = _WIRE_FLOATS[8]
    else:
        raise TypeError(f"logits and other points must be numbers, not {dtype}")
    return np.array(array, wire, order="C")


def flattened(values: ArrayLike, axis: int) -> Array:
    """[..., K, ...] with the categories at `axis` as an own copy [..., K]."""
    array = np.asarray(values)
    return floats(array if axis == -1 or axis == array.ndim - 1 else np.moveaxis(array, axis, -1))


def per_row(values: Any, lead: tuple[int, ...], name: str) -> Array:
    """An argument with one entry for each row, in the leading shape of the logits or flat: [B]."""
    array = np.asarray(values)
    count = int(np.prod(lead))
    if array.shape != lead and array.shape != (count,):
        raise ValueError(f"{name} must be one for all rows, or have the shape {lead} of the logits without categories")
    return array.reshape(count)


@dataclass(frozen=True, eq=False)
class Rows:
    """B rows of K logits and what is drawn from them. Fields with one entry per row are arrays [B]."""

    logits: Array
    lead: tuple[int, ...]
    axis: int
    temperature: float | Array
    hard: bool | Array
    seed: int | Array
    num_samples: int | None
    parameters: dict[str, Any]
    given: Array | None = None

    @property
    def count(self) -> int:
        return int(self.logits.shape[0])

    def restored(self, flat: Array, sampled: bool) -> Array:
        """A result [B], [B, N] or with samples in front, in the shape of the logits that the caller has."""
        front = 1 if sampled and self.num_samples is not None else 0
        shape = (*flat.shape[:front], *self.lead, *flat.shape[front + 1 :])
        array = flat.reshape(shape)
        if self.axis == len(self.lead) or array.ndim == front + len(self.lead):
            return array
        return np.ascontiguousarray(np.moveaxis(array, -1, self.axis + front))

    def points(self, values: ArrayLike, name: str) -> Array:
        """An argument shaped like the samples, as [B, K] or [S, B, K]."""
        front = () if self.num_samples is None else (self.num_samples,)
        array = np.asarray(values)
        axis = self.axis + len(front)
        categories = self.logits.shape[1]
        wanted = [*front, *self.lead]
        wanted.insert(axis, categories)
        if array.shape != tuple(wanted):
            raise ValueError(f"{name} has the shape {array.shape}, but the samples have {tuple(wanted)}")
        return flattened(array, axis).reshape(*front, self.count, categories)

    def tensors(self, rows: slice) -> list[tuple[str, Array]]:
        """The input tensors of some rows."""
        tensors = [("logits", self.logits[rows])]
        for name, value in (("temperature", self.temperature), ("hard", self.hard), ("seed", self.seed)):
            if isinstance(value, np.ndarray):
                tensors.append((name, value[rows]))
        if self.given is not None:
            tensors.append(("given_indices", self.given[rows]))
        return tensors

    def scalars(self, rows: slice, first_sample: int = 0) -> dict[str, Any]:
        """The parameters of some rows, from a sample on."""
        parameters = dict(self.parameters)
        if not isinstance(self.seed, np.ndarray):
            # A string keeps all 64 bits through JSON.
            parameters["seed"] = str(self.seed)
            if rows.start > 0:
                parameters["row_offset"] = parameters.get("row_offset", 0) + rows.start
        if not isinstance(self.temperature, np.ndarray):
            parameters["temperature"] = self.temperature
        if not isinstance(self.hard, np.ndarray) and self.hard:
            parameters["hard"] = True
        if first_sample > 0:
            parameters["sample_offset"] = parameters.get("sample_offset", 0) + first_sample
        return parameters


def rows_of(
    logits: ArrayLike,
    temperature: Any,
    hard: Any,
    seed: Any,
    num_samples: int | None,
    axis: int,
    parameters: dict[str, Any],
) -> Rows:
    """Checks the arguments of a draw. A seed of None becomes a random one here, so that a retry is the same draw."""
    array = np.asarray(logits)
    if array.ndim == 0:
        raise ValueError("logits must have at least one axis: that of the categories")
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(f"axis {axis} is not one of the {array.ndim} axes of the logits")
    axis %= array.ndim
    flat = flattened(array, axis)
    lead = flat.shape[:-1]
    if not isinstance(temperature, (int, float)):
        temperatures = np.asarray(temperature)
        temperature = (
            float(temperatures) if temperatures.ndim == 0 else floats(per_row(temperatures, lead, "temperature"))
        )
    if not isinstance(hard, bool):
        flags = np.asarray(hard)
        if flags.dtype != np.bool_:
            raise TypeError("hard must be True or False, or an array of them")
        hard = bool(flags) if flags.ndim == 0 else np.ascontiguousarray(per_row(flags, lead, "hard"))
    if seed is None:
        seed = random_seed()
    elif type(seed) is not int or not 0 <= seed < 1 << 64:
        seeds = seed_words(seed)
        seed = int(seeds) if seeds.ndim == 0 else np.array(per_row(seeds, lead, "seed"), "<u8")
    if num_samples is not None and num_samples < 1:
        raise ValueError("num_samples must be at least 1, or None for samples without an axis of their own")
    parameters = {name: value for name, value in parameters.items() if value is not None}
    given = parameters.pop("given_indices", None)
    if given is not None:
        indices = np.asarray(given)
        indices = np.broadcast_to(indices, lead) if indices.ndim == 0 else indices
        given = np.array(per_row(indices, lead, "given_indices"), "<i8")
    return Rows(flat.reshape(-1, flat.shape[-1]), lead, axis, temperature, hard, seed, num_samples, parameters, given)
