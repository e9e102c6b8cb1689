"""Gradients and densities, against their formulas in float64."""

import math

import numpy as np
import pytest

from gumbel_sampler import Client, Limits, NoiseVersionError, noise

RNG = np.random.default_rng(1)
ULP = 2.0**-24


def soft(logits, temperature, seed, **fields):
    """y of each row in float64, and d = z - max z."""
    z = noise.perturbed(logits, noise.gumbel(seed, rows=len(logits), categories=logits.shape[1], **fields))
    d = (z - z.max(-1, keepdims=True)).astype(np.float64)
    return noise.soft_samples(z, temperature), d


@pytest.mark.parametrize("num_samples", [None, 3])
def test_vjp_of_a_draw(client: Client, num_samples):
    """With u = 2^-24, V the largest |cotangent| and K <= 9: the service rounds d / tau three times and exp, sum and
    division a few, so sum_k |error of y_k| <= u (3 sum_k y_k |d_k| / tau + 5) <= u (3 ln K + 5) < 12 u. In
    y_k (v_k - <v, y>) / tau that error enters at most four times, scaled by V: 48 u V / tau, and rounding the result
    adds u. So 64 u V / tau, times the samples. grad_temperature weighs these errors with |d_k| / tau, where
    sum_k y_k (d_k / tau)^2 < ln(K)^2 + 2 < 7: 7 times that, and the rows of one temperature add up."""
    logits = RNG.normal(size=(4, 6)).astype(np.float32)
    tau = 0.5
    draw = client.sample(logits, temperature=tau, seed=11, num_samples=num_samples)
    v = RNG.normal(size=draw.samples.shape)
    found = client.vjp(draw, v)
    samples = num_samples or 1
    y, d = soft(logits, tau, 11, num_samples=samples)
    v = v.reshape(y.shape)
    inner = (v * y).sum(-1, keepdims=True)
    expected = (y * (v - inner)).sum(0) / tau
    tolerance = 64 * ULP * np.abs(v).max() * samples / tau
    assert found.logits.shape == logits.shape and found.logits.dtype == np.float32
    assert np.abs(found.logits - expected).max() <= tolerance
    scale = -(v * y * (d - (d * y).sum(-1, keepdims=True))).sum() / tau**2
    assert found.temperature is not None and found.temperature.shape == ()
    assert abs(found.temperature - scale) <= 7 * tolerance * len(logits)


def test_vjp_by_logits_and_seed_is_that_of_the_draw(client: Client):
    logits = RNG.normal(size=(2, 5, 3)).astype(np.float16)
    fields = {"temperature": np.full((2, 3), 0.7), "seed": 5, "hard": True, "axis": 1, "row_offset": 4}
    draw = client.sample(logits, **fields)
    v = RNG.normal(size=logits.shape)
    by_draw, by_fields = client.vjp(draw, v), client.vjp(logits, v, **fields)
    assert (by_draw.logits == by_fields.logits).all() and by_draw.logits.shape == logits.shape
    assert by_draw.temperature is not None and by_draw.temperature.shape == (2, 3)
    last = client.vjp(np.moveaxis(logits, 1, -1), np.moveaxis(v, 1, -1), **{**fields, "axis": -1})
    assert (np.moveaxis(last.logits, -1, 1) == by_draw.logits).all()


def test_vjp_in_parts_has_the_same_bits_but_for_the_sum_of_one_temperature(client: Client):
    logits = RNG.normal(size=(13, 4)).astype(np.float32)
    draw = client.sample(logits, seed=2, num_samples=3, top_k=2, outputs=("samples", "top_indices"))
    v = RNG.normal(size=draw.samples.shape)
    whole = client.vjp(draw, v)
    with Client(client.url, limits=Limits(rows=4)) as small:
        parts = small.vjp(draw, v)
    assert (parts.logits == whole.logits).all()
    # Each of four parts is rounded to float32, and so is their sum.
    assert np.abs(parts.temperature - whole.temperature) <= 5 * ULP * 13 * 3 * np.abs(v).max() * 7


@pytest.mark.parametrize("estimator", ["straight_through", "reinmax"])
def test_estimators(client: Client, estimator):
    logits = RNG.normal(size=(3, 5)).astype(np.float32)
    draw = client.sample(logits, seed=4, hard=True, temperature=1.5)
    v = RNG.normal(size=logits.shape)
    found = client.vjp(draw, v, estimator=estimator)
    y, _ = soft(logits, 1.5, 4)

    def jacobian(p):
        return p * (v - (v * p).sum(-1, keepdims=True))

    if estimator == "straight_through":
        expected = jacobian(y) / 1.5
    else:
        l = logits.astype(np.float64)
        p = np.exp(l) / np.exp(l).sum(-1, keepdims=True)
        q = np.exp(l / 1.5) / np.exp(l / 1.5).sum(-1, keepdims=True)
        expected = 2 * jacobian((q + draw.samples) / 2) - jacobian(p) / 2
        assert found.temperature is None
    assert np.abs(found.logits - expected).max() <= 64 * ULP * max(1, np.abs(v).max())


def test_noise_of_another_version_is_another_draw(client: Client):
    with pytest.raises(NoiseVersionError):
        client.vjp([1, 2], [1, 0], seed=1, noise_version="philox4x32-10/0")


def test_mistakes(client: Client):
    draw = client.sample([[1, 2, 3]], seed=1)
    for wrong, kind in (
        (lambda: client.vjp(draw, [1, 2, 3]), ValueError),
        (lambda: client.vjp(draw, [[1, 2, 3]], seed=1), TypeError),
        (lambda: client.vjp([1, 2], [1, 2]), ValueError),
        (lambda: client.log_prob([1, 2]), TypeError),
        (lambda: client.log_prob([1, 2], [0.5, 0.5], log_samples=[-1, -1]), TypeError),
        (lambda: client.log_prob([[1, 2]], [[0.5, 0.5], [0.5, 0.5]]), ValueError),
    ):
        with pytest.raises(kind):
            wrong()


def density(logits, temperature, log_y):
    """Maddison et al. 2016, over the last axis."""
    k = logits.shape[-1]
    s = logits - temperature * log_y
    largest = s.max(-1, keepdims=True)
    total = (largest + np.log(np.exp(s - largest).sum(-1, keepdims=True)))[..., 0]
    return math.lgamma(k) + (k - 1) * np.log(temperature) - k * total + (s - log_y).sum(-1)


@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.parametrize("num_samples", [None, 4])
def test_log_prob(client: Client, axis, num_samples):
    """A relative 1e-12 is far above the bound of docs/differentiable.md for rows of 6 with logits below 10."""
    logits = np.moveaxis(RNG.normal(size=(3, 2, 6)), -1, axis).astype(np.float32)
    outputs = ("log_samples", "log_prob")
    draw = client.sample(logits, temperature=0.5, seed=3, num_samples=num_samples, axis=axis, outputs=outputs)
    found = client.log_prob(logits, log_samples=draw.log_samples, temperature=0.5, axis=axis)
    assert found.shape == draw.log_prob.shape and (found == draw.log_prob).all()
    front = 0 if num_samples is None else 1
    log_y = np.moveaxis(draw.log_samples, (axis % 3) + front, -1).astype(np.float64)
    expected = density(np.moveaxis(logits, axis, -1).astype(np.float64), 0.5, log_y)
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_log_prob_in_parts_masks_and_temperatures(client: Client):
    logits = RNG.normal(size=(40, 5000)).astype(np.float32)
    logits[:, 7] = -np.inf
    temperature = np.linspace(0.5, 2, 40)
    draw = client.sample(logits, temperature=temperature, seed=3, outputs=("log_samples", "log_prob"))
    found = client.log_prob(logits, log_samples=draw.log_samples, temperature=temperature)
    assert (found == draw.log_prob).all()
    assert client.log_prob([0.0, -np.inf, 1], [0.5, 0.25, 0.25]) == -np.inf
