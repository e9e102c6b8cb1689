"""Probabilities, scores, conditioned draws and estimators: what the service computes around a draw.

The float64 references here are numpy's. 1e-12 relative is the promise of the service for log-probabilities.
"""

import numpy as np
import pytest

from gumbel_sampler import Client, Limits, VerificationError, noise

RNG = np.random.default_rng(7)
LOGITS = RNG.normal(size=(2, 5, 8)).astype(np.float32)
LOGITS[0, :, 3] = -np.inf


def log_softmax(logits):
    wide = logits.astype(np.float64)
    largest = wide.max(-1, keepdims=True)
    return wide - largest - np.log(np.exp(wide - largest).sum(-1, keepdims=True))


def close(a, b):
    return np.allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("num_samples", [None, 6])
def test_the_probability_of_what_was_drawn(client: Client, num_samples):
    draw = client.sample(LOGITS, seed=1, num_samples=num_samples, outputs=("indices", "index_log_prob"))
    phi = np.broadcast_to(log_softmax(LOGITS), (*draw.indices.shape, 8))
    expected = np.take_along_axis(phi, draw.indices[..., None], -1)[..., 0]
    assert close(draw.index_log_prob, expected)
    assert (client.log_prob(LOGITS, indices=draw.indices) == draw.index_log_prob).all()


def test_a_masked_index_has_no_probability(client: Client):
    indices = np.zeros((2, 5), np.int64)
    indices[0] = 3
    found = client.log_prob(LOGITS, indices=indices)
    assert np.isneginf(found[0]).all() and np.isfinite(found[1]).all()


@pytest.mark.parametrize("num_samples", [None, 4])
def test_without_replacement(client: Client, num_samples):
    outputs = ("indices", "top_indices", "top_scores", "top_threshold", "top_log_prob")
    draw = client.top_k(LOGITS, 3, seed=9, num_samples=num_samples, outputs=outputs)
    shape = draw.indices.shape
    g = noise.gumbel(9, rows=10, categories=8, num_samples=num_samples).reshape(*shape, 8)
    scores = log_softmax(LOGITS) + g
    ranked = np.take_along_axis(scores, np.argsort(-scores, -1), -1)
    assert draw.top_scores.shape == draw.top_indices.shape == (*shape, 3)
    assert close(draw.top_scores, ranked[..., :3]) and close(draw.top_threshold, ranked[..., 3])
    picked = np.take_along_axis(np.broadcast_to(log_softmax(LOGITS), (*shape, 8)), draw.top_indices, -1)
    before = np.cumsum(np.exp(picked), -1) - np.exp(picked)
    assert np.allclose(draw.top_log_prob, (picked - np.log1p(-before)).sum(-1), rtol=1e-9)
    assert (client.log_prob(LOGITS, top_indices=draw.top_indices) == draw.top_log_prob).all()
    client.verify(draw)


def test_another_axis(client: Client):
    moved = np.moveaxis(LOGITS, -1, 0)
    fields = {"seed": 9, "outputs": ("indices", "top_indices", "top_scores")}
    draw, last = client.top_k(moved, 3, axis=0, **fields), client.top_k(LOGITS, 3, **fields)
    assert (np.moveaxis(draw.top_scores, 0, -1) == last.top_scores).all()
    found = client.log_prob(moved, top_indices=draw.top_indices, axis=0)
    assert (found == client.log_prob(LOGITS, top_indices=last.top_indices)).all()


def test_given_indices(client: Client):
    """z_k = logsumexp(l') + g_k, with g the noise of the seed; the others stay below it."""
    given = np.full((2, 5), 6)
    draw = client.sample(LOGITS, seed=4, given_indices=given, outputs=("samples", "indices", "noise"))
    assert (draw.indices == given).all()
    shifted = (LOGITS - LOGITS.max(-1, keepdims=True)).astype(np.float64)
    z = shifted + draw.noise
    assert (z.argmax(-1) == given).all()
    g = noise.gumbel(4, rows=10, categories=8).reshape(LOGITS.shape)
    expected = np.log(np.exp(shifted).sum(-1)) + g[..., 6]
    # noise is float32, and z - l' is rounded to it.
    assert np.abs(z[..., 6] - expected).max() < 1e-5
    everywhere = client.sample(LOGITS, seed=4, given_indices=6, outputs=("samples", "indices"))
    assert (everywhere.samples == draw.samples).all()
    with Client(client.url, limits=Limits(rows=3)) as small:
        parts = small.sample(LOGITS, seed=4, given_indices=given, outputs=("samples", "indices"))
    assert (parts.samples == draw.samples).all()
    with pytest.raises(VerificationError, match="given_indices"):
        client.verify(draw)


def test_the_estimator_softmax(client: Client):
    draw = client.sample(LOGITS, seed=4, hard=True, temperature=1.5)
    v = RNG.normal(size=LOGITS.shape)
    y = np.exp(log_softmax(LOGITS / np.float32(1.5)))
    expected = y * (v - (v * y).sum(-1, keepdims=True)) / 1.5
    found = client.vjp(draw, v, estimator="softmax")
    # float64 inside, rounded to float32 once.
    assert np.abs(found.logits - expected).max() <= 2.0**-23 * np.abs(expected).max()
    assert found.temperature is None


def test_the_estimator_gumbel_rao(client: Client):
    """Its mean over draws is that of straight-through, and its variance is lower."""
    logits, draws = np.array([[1.0, 0.5, -1.0, 0.0]]), 4000
    v = np.array([[1.0, -1.0, 2.0, 0.5]])
    rows = np.broadcast_to(logits, (draws, 4))
    cotangents = np.broadcast_to(v, (draws, 4))
    fields = {"seed": 5, "hard": True, "temperature": 0.5}
    plain = client.vjp(rows, cotangents, **fields).logits
    rao = client.vjp(rows, cotangents, estimator="gumbel_rao", rao_samples=32, **fields).logits
    assert (rao.var(0) < plain.var(0)).all()
    # Five standard errors of the difference of two means, at most those of both.
    error = np.sqrt((rao.var(0) + plain.var(0)) / draws)
    assert (np.abs(rao.mean(0) - plain.mean(0)) < 5 * error).all()
    with Client(client.url, limits=Limits(rows=1500)) as small:
        parts = small.vjp(rows, cotangents, estimator="gumbel_rao", rao_samples=32, **fields)
    assert (parts.logits == rao).all()
