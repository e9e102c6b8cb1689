"""Gumbel-softmax samples drawn by the service, differentiable in torch: the seed replays the same noise in the backward pass.

    sample = gumbel_softmax(logits, temperature=0.5, seed=42, hard=True)
    loss(sample).backward()

Needs torch and requests. What the arguments mean is in docs/differentiable.md and the README of the service.
"""

import requests
import torch
from requests.adapters import HTTPAdapter, Retry
from torch.autograd.function import once_differentiable

# A draw is a pure function of its body, so a POST that met a busy or stopping replica (503) can simply be sent again.
_session = requests.Session()
_retry = Retry(total=5, backoff_factor=0.1, status_forcelist=[503], allowed_methods=["POST"], raise_on_status=False)
_session.mount("http://", HTTPAdapter(max_retries=_retry))
_session.mount("https://", HTTPAdapter(max_retries=_retry))


class ServiceError(Exception):
    """The service refused a request. `code` is one of GET /problems/{code}; `errors` points at the fields."""

    def __init__(self, problem):
        self.code = problem["type"].rsplit("/", 1)[-1]
        self.status = problem["status"]
        self.detail = problem["detail"]
        self.errors = problem.get("errors", [])
        fields = "".join(f"\n  {error['pointer']} {error['message']}" for error in self.errors)
        super().__init__(f"{self.status} {self.code}: {self.detail}{fields}")


def post(url, body):
    """POSTs a body and returns the reply. Python prints and reads float64, so float32 values pass both ways unchanged.

    NaN and infinity are not JSON: requests refuses them before anything is sent.
    """
    response = _session.post(url, json=body, timeout=60)
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        raise ServiceError(response.json())
    response.raise_for_status()
    return response.json()


def to_json(logits):
    """Nested lists, with None where a logit is -infinity: that is how JSON spells a masked category."""
    if isinstance(logits, list):
        return [to_json(item) for item in logits]
    return None if logits == -torch.inf else logits


class _GumbelSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, temperature, url, estimator, fields):
        tau = temperature.tolist() if isinstance(temperature, torch.Tensor) else temperature
        body = {**fields, "logits": to_json(logits.tolist()), "temperature": tau}
        reply = post(f"{url}/sample", {**body, "return": ["samples"]})
        # The seed of the reply, since the service draws one when the caller gives none.
        ctx.body = {**body, "seed": reply["seed"], "estimator": estimator}
        ctx.url, ctx.noise_version, ctx.temperature = url, reply["noise_version"], temperature
        return logits.new_tensor(reply["samples"])

    @staticmethod
    @once_differentiable
    def backward(ctx, cotangent):
        reply = post(f"{ctx.url}/sample/vjp", {**ctx.body, "cotangent": cotangent.tolist()})
        if reply["noise_version"] != ctx.noise_version:
            raise RuntimeError(f"drawn with noise {ctx.noise_version}, differentiated with {reply['noise_version']}")
        grad_temperature = None
        if ctx.needs_input_grad[1]:
            grad_temperature = ctx.temperature.new_tensor(reply["grad_temperature"])
        return cotangent.new_tensor(reply["grad_logits"]), grad_temperature, None, None, None


def gumbel_softmax(
    logits, temperature=1.0, *, url="http://localhost:8080", seed=None, hard=False, estimator="straight_through", **fields
):
    """Draws from softmax(logits) over the last axis.

    logits       [K] or [B, K]; -infinity masks a category. The service computes in float32.
    temperature  a number, a schedule as a dict, or a tensor of shape [] or [B], which may require a gradient
    seed         an integer, or one per row; None lets the service draw one
    hard         one-hot samples, which borrow a gradient by the estimator: "straight_through" or "reinmax"
    fields       further fields of POST /sample: num_samples, row_offset, sample_offset, noise
    """
    wants_gradient = isinstance(temperature, torch.Tensor) and temperature.requires_grad
    if estimator == "reinmax" and (wants_gradient or not hard):
        raise ValueError("reinmax is for hard samples, and has no gradient for the temperature")
    fields["hard"] = hard
    if seed is not None:
        fields["seed"] = seed
    return _GumbelSoftmax.apply(logits, temperature, url, estimator, fields)
