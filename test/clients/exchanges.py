"""What the official clients of the Open Inference Protocol ask the service, and the same draw in terms of POST /sample.

Knows nothing of the clients: official_clients.py says each of these in the words of each client.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

datatypes = {
    "bfloat16": "BF16",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
    "int32": "INT32",
    "int64": "INT64",
    "uint64": "UINT64",
    "bool": "BOOL",
}


class Tensor(NamedTuple):
    """An input, in bytes behind the JSON unless told."""

    name: str
    values: np.ndarray
    binary: bool = True

    @property
    def datatype(self):
        return datatypes[str(self.values.dtype)]


class Refusal(NamedTuple):
    """What the client must be told: the status, the code that begins the text, and something else in it."""

    status: int
    code: str
    text: str


@dataclass(frozen=True)
class Question:
    """What a client asks beside inferences, and its answer: a boolean, a refusal, or if None the JSON at `path`."""

    what: str
    method: str
    arguments: tuple[str, ...]
    path: str
    answer: bool | Refusal | None = None
    by: str = ""


@dataclass(frozen=True)
class Exchange:
    """An inference, and the draw that it must equal or what refuses it."""

    what: str
    inputs: list[Tensor]
    # The same draw as bodies of POST `path`, one after another along the rows. Without a seed a body takes the reply's.
    bodies: list[dict] = field(default_factory=list)
    path: str = "/sample"
    model: str = "gumbel_softmax"
    version: str = ""
    id: str = "draw-1"
    parameters: dict[str, Any] = field(default_factory=dict)
    # Names and whether they come in binary, in this order; None asks for none by name.
    outputs: list[tuple[str, bool]] | None = None
    # What the reply must hold when none is asked for by name.
    defaults: tuple[str, ...] = ("samples", "indices")
    # Further arguments of tritonclient's infer, which KServe's has not.
    triton: dict[str, Any] = field(default_factory=dict)
    refusal: Refusal | None = None
    # How the names of the clients begin that have a way to ask for it.
    by: str = ""
    # Whether its bytes are small and the same every time.
    recorded: bool = True


def floats(values, kind=np.float32):
    return np.array(values, dtype=kind)


def nested(values):
    """Nested lists with None where a logit is -infinity, as /sample takes them."""
    if isinstance(values, np.ndarray):
        return nested(values.tolist())
    return [nested(value) for value in values] if isinstance(values, list) else None if values == -np.inf else values


MODEL = "/v2/models/gumbel_softmax"
NO_ROUTE = Refusal(404, "not-found", "No route has this path")

QUESTIONS = [
    Question("is_server_live", "is_server_live", (), "/v2/health/live", True),
    Question("is_server_ready", "is_server_ready", (), "/v2/health/ready", True),
    Question("is_model_ready", "is_model_ready", ("gumbel_softmax",), f"{MODEL}/ready", True),
    Question(
        "is_model_ready of gumbel_softmax_vjp", "is_model_ready", ("gumbel_softmax_vjp",), f"{MODEL}_vjp/ready", True
    ),
    Question(
        "is_model_ready of version 1",
        "is_model_ready",
        ("gumbel_softmax", "1"),
        f"{MODEL}/versions/1/ready",
        True,
        "tritonclient",
    ),
    Question("is_model_ready of an unknown model", "is_model_ready", ("resnet",), "/v2/models/resnet/ready", False),
    Question("get_server_metadata", "get_server_metadata", (), "/v2", None, "tritonclient"),
    Question("get_model_metadata", "get_model_metadata", ("gumbel_softmax",), MODEL, None, "tritonclient"),
    Question(
        "get_model_metadata of version 1",
        "get_model_metadata",
        ("gumbel_softmax_vjp", "1"),
        f"{MODEL}_vjp/versions/1",
        None,
        "tritonclient",
    ),
    Question(
        "get_model_config, which is Triton's",
        "get_model_config",
        ("gumbel_softmax",),
        f"{MODEL}/config",
        NO_ROUTE,
        "tritonclient",
    ),
    Question(
        "get_inference_statistics, which is Triton's",
        "get_inference_statistics",
        (),
        "/v2/models/stats",
        NO_ROUTE,
        "tritonclient",
    ),
]

LOGITS = floats([[1, 0.5, -1, 0.1], [0, 2.25, 0, -3]])
MASKED = floats([[1, 0.5, -np.inf, 0.1], [-np.inf, 2.25, 0, -np.inf]])
COTANGENT = floats([[1, 0, 0.5, -2], [0, 0.25, -1, 3]])
ALL = ["samples", "indices", "top_indices", "log_samples", "log_prob", "noise"]


def draw(what, logits=LOGITS, binary=True, more=(), **rest):
    """A draw with its scalars as parameters, unless `rest` says otherwise."""
    fields = rest.pop("fields", {"seed": 42, "temperature": 0.5})
    body = {"logits": nested(logits), **fields, **rest.pop("body", {})}
    inputs = [Tensor("logits", logits, binary), *more]
    return Exchange(
        what, inputs, rest.pop("bodies", [body]), parameters={**fields, **rest.pop("parameters", {})}, **rest
    )


def rows(*settings):
    """A body for each row of the logits, with its own settings."""
    return [{"logits": nested(LOGITS[row : row + 1]), **fields} for row, fields in enumerate(settings)]


def gradient(
    what, binary=True, cotangent=COTANGENT, outputs=None, defaults=("grad_logits", "grad_temperature"), **fields
):
    fields = {"seed": 7, "temperature": 0.5, **fields}
    body = {"logits": nested(MASKED if binary else LOGITS), "cotangent": cotangent.tolist(), **fields}
    inputs = [Tensor("logits", MASKED if binary else LOGITS, binary), Tensor("cotangent", cotangent, binary)]
    model = "gumbel_softmax_vjp"
    return Exchange(what, inputs, [body], "/sample/vjp", model, parameters=fields, outputs=outputs, defaults=defaults)


def wrong(what, status, code, text, inputs=None, **rest):
    return Exchange(what, inputs or [Tensor("logits", LOGITS)], refusal=Refusal(status, code, text), **rest)


def tensors(kind, binary):
    """A temperature, a hard flag and a seed for each row, as tensors."""
    return [
        Tensor("temperature", floats([0.5, 2]), binary),
        Tensor("hard", np.array([True, False]), binary),
        Tensor("seed", np.array([42, 43], dtype=kind), binary),
    ]


ONE_EACH = [
    Tensor("temperature", floats([0.5])),
    Tensor("hard", np.array([True])),
    Tensor("seed", np.array([2**64 - 1], dtype=np.uint64)),
]
PER_ROW = rows({"temperature": 0.5, "hard": True, "seed": 42}, {"temperature": 2, "seed": 43})
HALVES = floats([[1, 0.5, -np.inf, 0.1]], np.float16)
# tritonclient takes BF16 in this type alone.
BRAINS = floats([[1, 0.5, -np.inf, -2.25]], ml_dtypes.bfloat16)
CUBE = floats([[[1, 0.5], [-1, 0.1], [0, 3]], [[2.25, 0], [-3, 1], [0.5, 0.5]]])
DOUBLES = floats([[1, 0.1, -3, 1e-40]], np.float64)
LARGE = floats(np.arange(300_000).reshape(30, 10_000) % 64 / 8)

DRAWS = [
    draw("FP32 logits in binary"),
    draw("FP32 logits in JSON", binary=False),
    draw("FP16 logits in binary, with a mask", HALVES),
    Exchange(
        "BF16 logits in binary, with a mask",
        [Tensor("logits", BRAINS)],
        [{"logits": nested(BRAINS.astype(np.float32)), "seed": 42}],
        parameters={"seed": 42},
        by="tritonclient",
    ),
    draw("logits of one axis, outputs of one and of none", LOGITS[0]),
    draw("logits of three axes in binary", CUBE, outputs=[("indices", True), ("samples", True), ("log_prob", True)]),
    draw(
        "logits of three axes in JSON, flags and temperatures of two",
        CUBE,
        binary=False,
        more=[
            Tensor("temperature", floats([[0.5, 1, 2], [0.1, 1, 1]]), False),
            Tensor("hard", np.array([[True, False, True], [False, False, True]]), False),
        ],
        fields={"seed": 42},
        body={"temperature": [[0.5, 1, 2], [0.1, 1, 1]], "hard": [[True, False, True], [False, False, True]]},
    ),
    draw("FP64 logits in binary", DOUBLES),
    draw("FP64 logits in JSON", DOUBLES, binary=False),
    draw(
        "-inf in binary logits masks",
        MASKED,
        parameters={"top_k": 1},
        body={"top_k": 1},
        outputs=[(name, True) for name in ALL],
    ),
    draw(
        "a temperature, flag and seed per row, binary tensors", more=tensors(np.uint64, True), fields={}, bodies=PER_ROW
    ),
    draw("the same as JSON tensors", binary=False, more=tensors(np.int64, False), fields={}, bodies=PER_ROW),
    draw(
        "one of each, as tensors, seed 2^64 - 1",
        more=ONE_EACH,
        fields={},
        body={"temperature": 0.5, "hard": True, "seed": str(2**64 - 1)},
    ),
    draw(
        "logits in binary, seed and temperature in JSON",
        more=[Tensor("temperature", floats([0.5]), False), Tensor("seed", np.array([42]), False)],
        fields={},
        body={"temperature": 0.5, "seed": 42},
    ),
    draw(
        "hard, and a seed of 64 bits as a parameter", fields={"seed": str(2**64 - 2), "hard": True, "temperature": 0.25}
    ),
    draw(
        "outputs by name, some binary, some JSON",
        outputs=[("noise", False), ("samples", True), ("log_prob", False), ("indices", True)],
    ),
    draw("one output by name, in JSON", binary=False, outputs=[("indices", False)]),
    draw("num_samples, offsets", fields={"seed": 1, "num_samples": 3, "row_offset": 5, "sample_offset": 2**32 - 3}),
    draw("top_k adds top_indices", fields={"seed": 1, "top_k": 2}, defaults=("samples", "indices", "top_indices")),
    draw("noise none", fields={"seed": 1, "noise": "none", "hard": True}),
    draw("without a seed: that of the reply replays", fields={}, recorded=False),
    draw("1.2 MB of logits and of samples", LARGE, outputs=[("samples", True), ("indices", False)], recorded=False),
    draw("-inf in JSON logits, which kserve writes as null", MASKED, binary=False, by="kserve"),
    draw("version 1 by name", version="1", by="tritonclient"),
    draw("a timeout in microseconds", triton={"timeout": 4_000_000}, by="tritonclient"),
    draw("a priority, which is ignored", triton={"priority": 1}, by="tritonclient"),
    gradient("gradients in binary"),
    gradient("gradients in JSON", binary=False, outputs=[("grad_temperature", False), ("grad_logits", False)]),
    gradient("gradients summed over num_samples", cotangent=np.stack([COTANGENT, -2 * COTANGENT]), num_samples=2),
    gradient("ReinMax's gradient", hard=True, estimator="reinmax", defaults=("grad_logits",)),
]

REFUSALS = [
    wrong("a temperature of 0", 422, "temperature-out-of-range", "hard: true", parameters={"temperature": 0.0}),
    wrong(
        "NaN in binary logits",
        422,
        "non-finite-logits",
        "row 1, column 2",
        [Tensor("logits", floats([[1, 2, 3], [1, 2, np.nan]]))],
    ),
    wrong("an unknown model", 404, "unknown-model", "gumbel_softmax", model="resnet"),
    wrong("an unknown version", 404, "unknown-model", "it has version 1", version="2", by="tritonclient"),
    wrong("an unknown output", 422, "validation", "must be one of samples, indices", outputs=[("probabilities", True)]),
    wrong(
        "a datatype that is no float",
        422,
        "validation",
        "datatype",
        [Tensor("logits", np.array([[1, 2]], dtype=np.int32))],
    ),
    wrong("logits of nine axes", 422, "validation", "at most 8", [Tensor("logits", floats([[[[[[[[[1, 2]]]]]]]]]))]),
    wrong(
        "a negative seed", 422, "invalid-seed", "negative", [Tensor("logits", LOGITS), Tensor("seed", np.array([-1]))]
    ),
    wrong(
        "a seed above 2^53 - 1 in JSON",
        422,
        "invalid-seed",
        "2^53",
        [Tensor("logits", LOGITS), Tensor("seed", np.array([2**53]), False)],
    ),
    wrong(
        "a seed twice",
        422,
        "validation",
        "send one of the two",
        [Tensor("logits", LOGITS), Tensor("seed", np.array([1]))],
        parameters={"seed": 1},
    ),
    wrong("an unknown parameter", 422, "validation", 'did you mean "temperature"', parameters={"temprature": 1.0}),
    wrong(
        "no gradient without its seed",
        422,
        "validation",
        "seed",
        [Tensor("logits", LOGITS), Tensor("cotangent", COTANGENT)],
        model="gumbel_softmax_vjp",
    ),
    wrong(
        "a sequence, which draws have not",
        422,
        "validation",
        "there are no sequences",
        triton={"sequence_id": 7, "sequence_start": True},
        by="tritonclient",
    ),
    wrong(
        "a compressed body",
        415,
        "unsupported-media-type",
        "uncompressed",
        triton={"request_compression_algorithm": "gzip"},
        by="tritonclient",
        recorded=False,
    ),
    wrong(
        "-inf in JSON logits, which tritonclient writes as -Infinity",
        400,
        "malformed-json",
        "send null for a category that must never be drawn",
        [Tensor("logits", MASKED, False)],
        by="tritonclient",
    ),
]
