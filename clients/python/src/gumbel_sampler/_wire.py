"""Requests and replies of the Open Inference Protocol with binary tensors, and errors of the service."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from .errors import FieldError, ServiceError

Array = NDArray[Any]

_DATATYPES = {"f2": "FP16", "f4": "FP32", "f8": "FP64", "b1": "BOOL", "u8": "UINT64", "i8": "INT64"}
_DTYPES = {name: np.dtype("<" + code if code != "b1" else "?") for code, name in _DATATYPES.items()}
# One encoder for all requests: json.dumps makes a new one for each.
_to_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode

_LENGTH = "inference-header-content-length"


class Request(NamedTuple):
    path: str
    headers: dict[str, str]
    content: bytes


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    content: bytes


def inference(
    model: str, parameters: dict[str, Any], inputs: Iterable[tuple[str, Array]], outputs: Iterable[str]
) -> Request:
    """All tensors in binary, both ways. The arrays are little-endian and C-contiguous."""
    described = []
    data: list[Any] = []
    for name, array in inputs:
        datatype = _DATATYPES[array.dtype.str[1:]]
        described.append(
            {
                "name": name,
                "datatype": datatype,
                "shape": array.shape,
                "parameters": {"binary_data_size": array.nbytes},
            }
        )
        data.append(array)
    body = {
        "parameters": {**parameters, "binary_data_output": True},
        "inputs": described,
        "outputs": [{"name": name} for name in outputs],
    }
    head = _to_json(body).encode()
    headers = {"content-type": "application/octet-stream", _LENGTH: str(len(head))}
    return Request(f"/v2/models/{model}/infer", headers, b"".join([head, *data]))


def outputs_of(reply: Reply) -> tuple[dict[str, Any], dict[str, Array]]:
    """The JSON of a reply, and its tensors by name: arrays of their own, aligned and writable."""
    length = int(reply.headers.get(_LENGTH, len(reply.content)))
    head = cast(dict[str, Any], json.loads(reply.content[:length]))
    arrays: dict[str, Array] = {}
    for output in head["outputs"]:
        dtype = _DTYPES[output["datatype"]]
        size = output.get("parameters", {}).get("binary_data_size")
        if size is None:
            array = np.array([-np.inf if value is None else value for value in output["data"]], dtype)
        else:
            array = np.frombuffer(reply.content, dtype, size // dtype.itemsize, length).copy()
            length += size
        arrays[output["name"]] = array.reshape(output["shape"])
    return head, arrays


def raise_for_error(reply: Reply) -> None:
    """Raises the ServiceError that an error reply describes: problem+json, or the protocol's own form under /v2."""
    if 200 <= reply.status < 300:
        return
    body: dict[str, Any] = {}
    try:
        parsed = json.loads(reply.content)
        body = parsed if isinstance(parsed, dict) else {}
    except ValueError:
        pass  # A proxy in between may answer with HTML.
    errors = [FieldError(str(one["pointer"]), str(one["message"])) for one in body.get("errors", [])]
    code = str(body.get("code", "unknown"))
    message = body.get("error")
    if message is None:
        fields = "; ".join(f"{error.pointer or 'the request'} {error.message}" for error in errors)
        message = f"{code}: {fields or body.get('detail', 'the reply is not one of gumbel-sampler')}"
    request_id = body.get("request_id", reply.headers.get("x-request-id"))
    raise ServiceError(reply.status, code, str(message), errors, request_id, retry_after_of(reply))


def retry_after_of(reply: Reply) -> float | None:
    """Seconds of the header Retry-After; None without it, or where it is a date."""
    text = reply.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None
