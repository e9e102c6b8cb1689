"""The noise in numpy: known answers, and the service's own bits."""

import json

import numpy as np
import pytest
from conftest import ROOT

from gumbel_sampler import Client, noise

FIXTURES = ROOT / "test" / "fixtures"


def read(name):
    return json.loads((FIXTURES / name).read_text())


def bits(values):
    return np.asarray(values, np.float32).view(np.uint32)


def hexadecimal(texts):
    return np.array([int(text, 16) for text in texts], np.uint32)


def test_golden_draws():
    golden = read("golden_gumbel_philox4x32-10_1.json")
    assert golden["noise_version"] == noise.NOISE_VERSION
    for draw in golden["draws"]:
        categories = draw["first_category"] + np.arange(len(draw["gumbel"]))
        found = noise.at(draw["seed"], draw["row"], draw["sample"], categories)
        assert (bits(found) == hexadecimal(draw["gumbel"])).all(), draw


def test_golden_words():
    words = read("golden_gumbel_philox4x32-10_1.json")["from_words"]
    found = noise.from_words([one["b"] for one in words], [one["r"] for one in words])
    assert (bits(found) == hexadecimal([one["gumbel"] for one in words])).all()


def test_known_answers_of_an_independent_implementation():
    for case in read("noise_v1.json")["cases"]:
        g = noise.gumbel(
            case["seed"], categories=case["categories"], row_offset=case["row"], sample_offset=case["sample"]
        )
        # The contract: |g - g64| <= 3 * 2^-24 * max(1, |g64|).
        exact = np.array(case["gumbel_f64"])
        assert (np.abs(g[0] - exact) <= 3 * 2.0**-24 * np.maximum(1, np.abs(exact))).all()


CORNERS = [
    (0, 0, 0),
    (2**64 - 1, 2**32 - 1, 2**32 - 1),
    (2**53, 2**31 - 1, 2**31),
    (2**32 - 1, 2**31 - 1, 0),
    (2**32, 1, 2**16 - 1),
    (0x9E3779B97F4A7C15, 2**24 - 1, 2**24 + 1),
    (2**63, 123456789, 987654321),
    (2**63 - 1, 2**32 - 2, 7),
]


@pytest.mark.parametrize(("seed", "row", "sample"), CORNERS)
def test_a_million_values_are_those_of_the_service(client: Client, seed, row, sample):
    """8 corners x 131,071 categories, odd so that the last block of words is cut: 1,048,568 values."""
    categories = 131_071
    drawn = client.sample(
        np.zeros((1, categories), np.float32),
        seed=seed,
        row_offset=row,
        sample_offset=sample,
        outputs=("noise",),
    )
    found = noise.gumbel(seed, categories=categories, row_offset=row, sample_offset=sample)
    assert (bits(found) == bits(drawn.noise)).all()
    rare = found > 5.55
    assert rare.sum() > 300, "once in 256 values a second word counts"


@pytest.mark.parametrize("categories", [1, 2, 3, 4, 5, 7, 64, 65])
def test_rows_and_samples_are_those_of_the_service(client: Client, categories):
    logits = np.zeros((2, 5, categories), np.float32)
    offsets = {"row_offset": 3, "sample_offset": 2**32 - 4}
    drawn = client.sample(logits, seed=7, num_samples=4, outputs=("noise",), **offsets)
    found = noise.gumbel(7, rows=10, categories=categories, num_samples=4, **offsets)
    assert (bits(found.reshape(drawn.noise.shape)) == bits(drawn.noise)).all()


def test_a_seed_per_row_makes_each_row_its_row_0(client: Client):
    seeds = np.array([5, 2**64 - 1, 0, 2**63], np.uint64)
    drawn = client.sample(np.zeros((4, 9)), seed=seeds, outputs=("noise",))
    assert (bits(noise.gumbel(seeds, rows=4, categories=9)) == bits(drawn.noise)).all()
    assert (bits(drawn.noise[2]) == bits(noise.gumbel(0, categories=9)[0])).all()


def test_at_broadcasts_and_equals_gumbel():
    whole = noise.gumbel(11, rows=6, categories=300, num_samples=3, row_offset=2, sample_offset=9)
    row, sample, category = np.arange(2, 8)[None, :, None], np.arange(9, 12)[:, None, None], np.arange(300)
    assert (bits(noise.at(11, row, sample, category)) == bits(whole)).all()
    assert noise.at(11, 2, 9, 0).shape == ()
    assert noise.at(11, 2, 9, 0) == whole[0, 0, 0]


def test_numbers_out_of_range_are_refused():
    for wrong in (
        lambda: noise.gumbel(-1, categories=2),
        lambda: noise.gumbel(2**64, categories=2),
        lambda: noise.gumbel(1, categories=2, row_offset=2**32),
        lambda: noise.gumbel([1, 2], rows=3, categories=2),
        lambda: noise.at(1, 0, 2**32, 0),
        lambda: noise.at(1, 0.5, 0, 0),
    ):
        with pytest.raises(ValueError):
            wrong()
