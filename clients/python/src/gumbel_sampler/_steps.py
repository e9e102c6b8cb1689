"""What the clients do, as generators that yield requests and are sent replies: the same for both clients."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from ._parts import Part, joined, split
from ._rows import Rows, flattened, floats
from ._wire import Array, Reply, Request, inference, outputs_of, raise_for_error
from .draw import Draw, Gradient
from .errors import NoiseVersionError, ServiceError
from .limits import Limits

Result = TypeVar("Result")
Steps = Generator[Request, Reply, Result]

# Refusals of a request that its halves may pass.
_TOO_LARGE = {"body-too-large", "too-many-elements", "too-much-work"}

_ROW_OUTPUTS = {"indices", "log_prob", "index_log_prob", "top_threshold", "top_log_prob"}
_TOP_OUTPUTS = {"top_indices", "top_scores"}


class _Collected:
    """Outputs of the parts that have been answered, and what the replies say of all of them."""

    def __init__(self) -> None:
        self.pieces: list[tuple[Part, dict[str, Array]]] = []
        self.noise_version = ""
        self.provider = ""

    def add(self, part: Part, reply: Reply) -> None:
        head, arrays = outputs_of(reply)
        version = head["parameters"]["noise_version"]
        if self.pieces and version != self.noise_version:
            raise NoiseVersionError(f"parts of the draw have the noise versions {self.noise_version} and {version}")
        self.noise_version, self.provider = version, head["parameters"]["provider"]
        self.pieces.append((part, arrays))

    def output(self, name: str, rows: int, num_samples: int | None) -> Array:
        if len(self.pieces) == 1:
            return self.pieces[0][1][name]
        return joined(((part, arrays[name]) for part, arrays in self.pieces), rows, num_samples)

    @property
    def names(self) -> list[str]:
        return list(self.pieces[0][1])


def _in_parts(parts: list[Part], by_samples: bool, request_of: Any) -> Steps[_Collected]:
    """Sends each part; halves what is left of them while the service finds one too large."""
    collected = _Collected()
    whole = len(parts) == 1
    while parts:
        part = parts[0]
        reply = yield request_of(part)
        try:
            raise_for_error(reply)
        except ServiceError as error:
            if error.status == 413 and error.code in _TOO_LARGE and len(part.halves(by_samples)) > 1:
                whole = False
                parts = [half for large in parts for half in large.halves(by_samples)]
                continue
            error.part = None if whole else str(part)
            raise
        collected.add(part, reply)
        del parts[0]
    return collected


def sample(rows: Rows, outputs: Sequence[str], limits: Limits) -> Steps[Draw]:
    samples = rows.num_samples
    categories = int(rows.logits.shape[1])
    top_k = rows.parameters.get("top_k", 0)
    width = sum(1 if name in _ROW_OUTPUTS else top_k if name in _TOP_OUTPUTS else categories for name in outputs)
    row_bytes = categories * rows.logits.itemsize

    def request_of(part: Part) -> Request:
        parameters = rows.scalars(part.rows, part.sample)
        if samples is not None:
            parameters["num_samples"] = part.sample_end - part.sample
        return inference("gumbel_softmax", parameters, rows.tensors(part.rows), outputs)

    parts = split(rows.count, samples or 1, row_bytes, categories, width, limits)
    collected = yield from _in_parts(parts, samples is not None, request_of)
    arrays = {
        name: rows.restored(collected.output(name, rows.count, samples), sampled=True) for name in collected.names
    }
    seed = rows.seed.reshape(rows.lead) if isinstance(rows.seed, np.ndarray) else rows.seed
    return Draw(arrays, seed, collected.noise_version, collected.provider, rows)


def vjp(
    rows: Rows, cotangent: ArrayLike, parameters: dict[str, Any], limits: Limits, noise_version: str | None
) -> Steps[Gradient]:
    """Splits by rows alone: the service adds up the samples of a row in float64."""
    points = rows.points(cotangent, "cotangent")
    samples, categories = rows.num_samples, int(rows.logits.shape[1])
    row_bytes = categories * (rows.logits.itemsize + (samples or 1) * points.itemsize)
    parts = split(rows.count, 1, row_bytes, (samples or 1) * categories, categories, limits)

    def request_of(part: Part) -> Request:
        own = {**rows.scalars(part.rows), **parameters}
        if samples is not None:
            own["num_samples"] = samples
        piece = np.ascontiguousarray(points[..., part.rows, :])
        return inference("gumbel_softmax_vjp", own, [*rows.tensors(part.rows), ("cotangent", piece)], ())

    collected = yield from _in_parts(parts, False, request_of)
    if noise_version is not None and collected.noise_version != noise_version:
        raise NoiseVersionError(
            f"drawn with noise {noise_version}, differentiated with {collected.noise_version}: another draw"
        )
    logits = rows.restored(collected.output("grad_logits", rows.count, None), sampled=False)
    temperature: Array | None = None
    if "grad_temperature" in collected.names:
        if isinstance(rows.temperature, np.ndarray):
            temperature = collected.output("grad_temperature", rows.count, None).reshape(rows.lead)
        else:
            sums = [arrays["grad_temperature"].astype(np.float64).sum() for _, arrays in collected.pieces]
            temperature = np.asarray(sum(sums), np.float32)
    return Gradient(logits, temperature, collected.noise_version, collected.provider)


def log_prob(
    logits: ArrayLike, points: dict[str, ArrayLike], temperature: Any, axis: int, parameters: dict[str, Any]
) -> Steps[Array]:
    """The model gumbel_softmax_log_prob. Points with axes in front are sent as rows, each with its logits again."""
    array = np.asarray(logits)
    axis %= array.ndim
    flat = flattened(array, axis)
    lead, categories = flat.shape[:-1], flat.shape[-1]
    name, values = next(iter(points.items()))
    scored = _scored(name, values, array, axis)
    front = scored.shape[: scored.ndim - len(lead) - (0 if name == "indices" else 1)]
    if scored.shape[len(front) : len(front) + len(lead)] != lead:
        raise ValueError(f"{name} has the shape {np.shape(values)}, which does not end with that of the logits")
    count = int(np.prod(front + lead))
    rows = np.ascontiguousarray(np.broadcast_to(flat, (*front, *flat.shape)).reshape(count, categories))
    own = np.ascontiguousarray(scored.reshape(count, *scored.shape[len(front) + len(lead) :]))
    temperatures: Any = temperature
    if temperature is not None and np.ndim(temperature) > 0:
        temperatures = np.broadcast_to(np.asarray(temperature).reshape(lead), front + lead).reshape(count)

    result = np.empty(count, np.float64)
    numbers_a_row = categories + (1 if own.ndim == 1 else own.shape[1])
    limits = Limits()
    at_once = max(1, min(limits.rows, limits.body_bytes // 8 // numbers_a_row))
    first = 0
    while first < count:
        part = slice(first, min(first + at_once, count))
        inputs = [("logits", rows[part]), (name, own[part])]
        scalars = dict(parameters)
        if isinstance(temperatures, np.ndarray):
            inputs.append(("temperature", floats(temperatures[part])))
        elif temperatures is not None:
            scalars["temperature"] = float(temperatures)
        reply = yield inference("gumbel_softmax_log_prob", scalars, inputs, ["log_prob"])
        try:
            raise_for_error(reply)
        except ServiceError as error:
            at_once = (part.stop - first + 1) // 2
            if error.code not in _TOO_LARGE or part.stop == first + 1:
                raise
            continue
        result[part] = outputs_of(reply)[1]["log_prob"]
        first = part.stop
    return result.reshape(front + lead)


def _scored(name: str, values: ArrayLike, logits: Array, axis: int) -> Array:
    """The points with their categories last."""
    array = np.asarray(values)
    if name in ("indices", "top_indices"):
        if array.dtype.kind not in "iu":
            raise TypeError(f"{name} must be integers, not {array.dtype}")
        array = array.astype("<i8")
        return array if name == "indices" else np.moveaxis(array, axis + array.ndim - logits.ndim, -1)
    return flattened(array, axis + array.ndim - logits.ndim)


def server(path: str = "/v2") -> Steps[dict[str, Any]]:
    """GET of a JSON document."""
    reply = yield Request(path, {}, b"")
    raise_for_error(reply)
    body: dict[str, Any] = json.loads(reply.content)
    return body
