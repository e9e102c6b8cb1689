"""Compares the gradients of examples/python/gumbel_softmax_remote.py with local autograd through softmax(z / tau).

The noise comes from the service (`return: ["noise"]`), z = (l - max l) + noise in float32 as there, and the rest is float64.

Tolerances, with u = 2^-24, V the largest |cotangent| and K <= 9. The service rounds d / tau three times and exp, sum and
division a few, so sum_k |error of y_k| <= u (3 sum_k y_k |d_k| / tau + 5) <= u (3 ln K + 5) < 12 u. In y_k (v_k - <v, y>) / tau the
error of y enters at most four times, scaled by V: 48 u V / tau, and rounding the result adds u. So 64 u V / tau, times the
samples. grad_temperature weighs these errors with |d_k| / tau, where sum_k y_k (d_k / tau)^2 < ln(K)^2 + 2 < 7: 7 times that,
and the rows of one temperature add up.
"""

import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "python"))
from gumbel_softmax_remote import ServiceError, gumbel_softmax, post, to_json  # noqa: E402

ULP = 2.0**-24


def local(logits, noise, temperature, hard):
    """The draw in torch. The largest logit is detached: softmax takes no notice of a constant."""
    z = (logits - logits.amax(-1, keepdim=True).detach()) + noise
    # Masked categories get a finite value that softmax rounds to 0: -infinity would make grad_temperature NaN.
    d = (z - z.amax(-1, keepdim=True)).double().masked_fill(logits == -torch.inf, -1e9)
    tau = temperature.double().unsqueeze(-1) if temperature.ndim else temperature.double()
    soft = (d / tau).softmax(-1)
    one_hot = torch.nn.functional.one_hot(z.argmax(-1), z.shape[-1])
    return one_hot + (soft - soft.detach()) if hard else soft


def reinmax(logits, noise, temperature, cotangent):
    """grad_logits of Liu et al. 2023, Algorithm 2, by its formula."""
    l = logits.detach().double()
    drawn = torch.nn.functional.one_hot((logits - logits.amax(-1, keepdim=True) + noise).argmax(-1), l.shape[-1])
    p, q = l.softmax(-1), ((l / temperature).softmax(-1) + drawn) / 2

    def jacobian(y):
        return y * (cotangent - (cotangent * y).sum(-1, keepdim=True))

    return 2 * jacobian(q) - jacobian(p) / 2


def compare(name, found, wanted, tolerance):
    error = (found.double() - wanted.double()).abs().max().item()
    print(f"{name:34s} error {error:.1e}, tolerance {tolerance:.1e}")
    if not error <= tolerance:
        sys.exit(f"{name}: the service and local autograd differ by {error}")


def check(url, name, shape, temperature, masked=False, estimator="straight_through", **fields):
    logits = torch.randn(shape) * 3
    if masked:
        logits[..., 1::3] = -torch.inf
    logits.requires_grad_()
    tau = torch.tensor(temperature, requires_grad=estimator == "straight_through")
    sample = gumbel_softmax(logits, tau, url=url, estimator=estimator, **fields)
    cotangent = torch.randn(sample.shape)
    sample.backward(cotangent)
    grads = logits.grad, tau.grad

    body = {"logits": to_json(logits.tolist()), **fields, "return": ["noise"]}
    noise = torch.tensor(post(f"{url}/sample", body)["noise"])
    hard = fields.get("hard", False)
    scale = 64 * ULP * cotangent.abs().max().item() * fields.get("num_samples", 1) / tau.min().item()
    if estimator == "reinmax":
        wanted = reinmax(logits, noise, tau, cotangent).reshape(-1, *logits.shape).sum(0)
        compare(f"{name}: grad_logits", grads[0], wanted, scale + 64 * ULP)
        return
    logits.grad = tau.grad = None
    here = local(logits, noise, tau, hard)
    compare(f"{name}: samples", sample.detach(), here.detach(), 0 if hard else 12 * ULP)
    here.backward(cotangent.double())
    compare(f"{name}: grad_logits", grads[0], logits.grad, scale)
    compare(f"{name}: grad_temperature", grads[1], tau.grad, 7 * scale * (1 if tau.ndim else logits[..., 0].numel()))
    if masked:
        compare(f"{name}: masked grad_logits", grads[0][..., 1::3], torch.zeros(()), 0)


def main(url):
    torch.manual_seed(4)
    check(url, "one row", [5], 0.5, seed=7)
    check(url, "batch", [4, 9], 0.5, seed="18446744073709551615", row_offset=3)
    check(url, "temperature and seed per row", [3, 6], [0.1, 1.0, 5.0], seed=[1, 2, 3])
    check(url, "masked", [4, 8], 0.7, masked=True, seed=11)
    check(url, "samples, hard, masked", [2, 7], 1.3, masked=True, seed=5, hard=True, num_samples=6, sample_offset=2)
    check(url, "reinmax", [3, 5], 1.5, seed=9, hard=True, estimator="reinmax", num_samples=4)

    # A seed that the service drew is replayed too: the gradient of the sample's own sum is 0.
    logits = torch.randn(2, 3, requires_grad=True)
    gumbel_softmax(logits, url=url).sum().backward()
    compare("drawn seed: sum of a soft sample", logits.grad, torch.zeros(()), 64 * ULP)

    try:
        gumbel_softmax(torch.zeros(3), 0.0, url=url)
        sys.exit("A temperature of 0 was not refused.")
    except ServiceError as error:
        print(f"refused: {error}")
        assert (error.code, error.status) == ("temperature-out-of-range", 422)
        assert error.detail and error.errors[0]["pointer"] == "/temperature"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", default="http://localhost:8080")
    main(parser.parse_args().url)
