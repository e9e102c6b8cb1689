"""What verify finds."""

import dataclasses

import numpy as np
import pytest

from gumbel_sampler import Client, NoiseVersionError, VerificationError

OUTPUTS = ("samples", "indices", "log_samples", "noise", "top_indices")


@pytest.fixture(scope="module")
def draw(client: Client):
    logits = np.random.default_rng(2).normal(size=(5, 7)).astype(np.float32)
    return client.sample(logits, seed=1, num_samples=3, temperature=0.5, top_k=3, outputs=OUTPUTS)


def test_what_was_verified(client: Client, draw):
    verified = client.verify(draw)
    assert verified.values == 105 and set(verified.outputs) == set(OUTPUTS)
    assert 0 < verified.soft_sample_error < 1e-6


@pytest.mark.parametrize("name", OUTPUTS)
def test_one_wrong_value_is_found_and_named(client: Client, draw, name):
    wrong = draw.outputs[name].copy()
    if wrong.dtype == np.int64:
        wrong.reshape(3, 5, -1)[2, 4, 0] ^= 1
    elif name == "noise":
        wrong.view(np.int32)[2, 4, 1] ^= 1
    else:
        wrong[2, 4, 1] += 1e-5
    changed = dataclasses.replace(draw, outputs={**draw.outputs, name: wrong})
    with pytest.raises(VerificationError, match=f"{name} of sample 2, row 4 is not"):
        client.verify(changed)


def test_a_hard_sample_is_exact(client: Client):
    draw = client.sample([[0, 1], [2, 3]], seed=1, hard=True)
    client.verify(draw)
    wrong = draw.samples.copy()
    wrong[1, 0] += 1e-7
    with pytest.raises(VerificationError, match="samples of row 1 "):
        client.verify(dataclasses.replace(draw, outputs={"samples": wrong}))


def test_another_seed_is_another_draw(client: Client, draw):
    other = dataclasses.replace(draw, rows=dataclasses.replace(draw.rows, seed=2))
    with pytest.raises(VerificationError):
        client.verify(other)


def test_another_noise_version_is_not_verified(client: Client, draw):
    with pytest.raises(NoiseVersionError, match="philox4x32-10/2"):
        client.verify(dataclasses.replace(draw, noise_version="philox4x32-10/2"))


def test_many_samples_of_tiny_logits(client: Client):
    draw = client.sample([1e-31, -1e-31, 2.0**-100, 0], seed=6, num_samples=300_000, outputs=("indices", "noise"))
    assert client.verify(draw).values == 1_200_000
