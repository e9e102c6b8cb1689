"""Draws through the real service: shapes, dtypes, axes, seeds, and large draws in parts."""

import json

import httpx
import numpy as np
import pytest

from gumbel_sampler import Client, Limits, schedules

RNG = np.random.default_rng(0)


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def test_the_reply_is_that_of_post_sample(client: Client):
    body = {"logits": [1, 0.5, -1], "temperature": 0.5, "seed": 42}
    reply = httpx.post(f"{client.url}/sample", json=body).json()
    draw = client.sample([1, 0.5, -1], temperature=0.5, seed=42)
    assert same(draw.samples, np.array(reply["samples"], np.float32))
    assert draw.indices == reply["indices"]
    assert (draw.seed, draw.noise_version, draw.provider) == (42, reply["noise_version"], reply["provider"])


@pytest.mark.parametrize("shape", [(3,), (1, 3), (4, 3), (2, 4, 3), (2, 1, 2, 2, 3)])
@pytest.mark.parametrize("num_samples", [None, 1, 5])
def test_any_rank_is_rows_in_row_major_order(client: Client, shape, num_samples):
    logits = RNG.normal(size=shape).astype(np.float32)
    outputs = ("samples", "indices", "log_samples", "log_prob", "noise")
    fields = {"temperature": 0.7, "seed": 9, "num_samples": num_samples, "outputs": outputs}
    draw, flat = client.sample(logits, **fields), client.sample(logits.reshape(-1, 3), **fields)
    front = () if num_samples is None else (num_samples,)
    for name in ("samples", "log_samples", "noise"):
        assert draw.outputs[name].shape == (*front, *shape)
    for name in ("indices", "log_prob"):
        assert draw.outputs[name].shape == (*front, *shape[:-1])
    for name in outputs:
        assert draw.outputs[name].tobytes() == flat.outputs[name].tobytes()
    client.verify(draw)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
@pytest.mark.parametrize("num_samples", [None, 2])
def test_axis(client: Client, axis, num_samples):
    logits = RNG.normal(size=(2, 3, 4)).astype(np.float32)
    draw = client.sample(
        logits, axis=axis, seed=1, num_samples=num_samples, top_k=2, outputs=("samples", "top_indices")
    )
    last = client.sample(
        np.moveaxis(logits, axis, -1), seed=1, num_samples=num_samples, top_k=2, outputs=("samples", "top_indices")
    )
    front = 0 if num_samples is None else 1
    moved = axis % 3 + front
    assert draw.samples.shape[front:] == logits.shape
    assert same(np.ascontiguousarray(np.moveaxis(draw.samples, moved, -1)), last.samples)
    assert same(np.ascontiguousarray(np.moveaxis(draw.top_indices, moved, -1)), last.top_indices)
    client.verify(draw)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4", np.longdouble, np.int8, np.uint64, bool])
def test_any_dtype_is_rounded_to_float32_once(client: Client, dtype):
    logits = np.array([[0.1, 1, 2], [3, 0, 1]]).astype(dtype)
    draw = client.sample(logits, seed=3)
    assert draw.samples.dtype == np.float32
    assert same(draw.samples, client.sample(logits.astype(np.float32), seed=3).samples)


def test_a_finite_float64_that_float32_cannot_hold_is_no_mask(client: Client):
    from gumbel_sampler import ServiceError

    with pytest.raises(ServiceError) as refused:
        client.sample(np.array([0.0, -1e300]), seed=3)
    assert refused.value.code == "non-finite-logits"


def test_views_and_lists_are_copied_before_they_are_sent(client: Client):
    logits = RNG.normal(size=(6, 8)).astype(np.float32)
    view = logits[::2, ::-1]
    draw = client.sample(view, seed=3)
    assert same(draw.samples, client.sample(np.ascontiguousarray(view), seed=3).samples)
    before = view.copy()
    logits[:] = 0
    assert same(draw.logits, before)
    client.verify(draw)


def test_masks(client: Client):
    draw = client.sample(
        [[0, -np.inf, 1], [-np.inf, -np.inf, 5]], seed=1, num_samples=100, outputs=("samples", "log_samples")
    )
    assert (draw.samples[..., 0, 1] == 0).all() and (draw.samples[:, 1] == [0, 0, 1]).all()
    assert np.isneginf(draw.log_samples[:, 1, :2]).all()
    client.verify(draw)


def test_one_per_row(client: Client):
    logits = RNG.normal(size=(2, 3, 5)).astype(np.float32)
    temperature = np.array([[0.1, 1, 2], [3, 4, 5]])
    hard = np.array([[True, False, True], [False, False, True]])
    seed = np.array([[1, 2, 3], [2**64 - 1, 5, 6]], np.uint64)
    draw = client.sample(logits, temperature=temperature, hard=hard, seed=seed)
    assert same(draw.temperature, temperature) and same(draw.hard, hard) and same(draw.seed, seed)
    for row in np.ndindex(2, 3):
        alone = client.sample(logits[row], temperature=temperature[row], hard=bool(hard[row]), seed=int(seed[row]))
        assert same(alone.samples, draw.samples[row])
    flat = client.sample(logits, temperature=temperature.ravel(), hard=hard.ravel(), seed=seed.ravel())
    assert same(flat.samples, draw.samples)
    client.verify(draw)


@pytest.mark.parametrize("seed", [0, 2**53, 2**63, 2**64 - 1, "18446744073709551615", np.uint64(7), np.int64(7)])
def test_every_seed(client: Client, seed):
    draw = client.sample([0, 1, 2], seed=seed)
    assert draw.seed == int(seed)
    client.verify(draw)


def test_a_random_seed_is_chosen_by_the_client_and_replays(client: Client):
    draw, other = client.sample([0, 1, 2]), client.sample([0, 1, 2])
    assert draw.seed != other.seed
    assert same(client.sample([0, 1, 2], seed=draw.seed).samples, draw.samples)


FIELDS = [
    {},
    {"num_samples": 7},
    {"num_samples": 7, "sample_offset": 2**32 - 7, "row_offset": 11},
    {"temperature": np.linspace(0.1, 3, 33), "hard": np.arange(33) % 2 == 0},
    {"seed": np.arange(33, dtype=np.uint64) + 2**63, "num_samples": 3},
]


@pytest.mark.parametrize("fields", FIELDS)
@pytest.mark.parametrize(
    "limits",
    [
        Limits(rows=5),
        Limits(rows=1, samples=2),
        Limits(elements_returned=40),
        Limits(elements_drawn=60),
        Limits(body_bytes=200),
    ],
    ids=["rows", "samples", "returned", "drawn", "bytes"],
)
def test_a_draw_in_parts_has_the_same_bits(client: Client, fields, limits):
    logits = RNG.normal(size=(3, 11, 6)).astype(np.float32)
    arguments = {"seed": 5, "top_k": 2, **fields}
    outputs = ("samples", "indices", "log_prob", "top_indices", "noise")
    whole = client.sample(logits, outputs=outputs, **arguments)
    with Client(client.url, limits=limits) as small:
        parts = small.sample(logits, outputs=outputs, **arguments)
    for name in outputs:
        assert same(parts.outputs[name], whole.outputs[name]), name
    client.verify(parts)


def test_schedules_are_those_of_the_service(client: Client):
    for name, extra in (("exponential", {"rate": 1e-4}), ("linear", {"steps": 10_000}), ("cosine", {"steps": 10_000})):
        for step in (0, 1, 3000, 9999, 10_000, 20_000):
            schedule = {"schedule": name, "initial": 1, "minimum": 0.5, "step": step, **extra}
            reply = httpx.post(f"{client.url}/sample", json={"logits": [0, 1], "temperature": schedule, "seed": 1})
            own = getattr(schedules, name)(step, **extra)
            assert np.float32(own) == np.float32(reply.json()["temperature"])


def test_top_k(client: Client):
    logits = RNG.normal(size=(4, 50)).astype(np.float32)
    logits[:, 3] = 1e9  # Beside it z in float32 has no room for noise.
    for k in (1, 5, 20):
        draw = client.top_k(logits, k, seed=8)
        assert draw.top_indices.shape == (4, k)
        assert (draw.top_indices[:, 0] == draw.indices).all()
        client.verify(draw)


def test_no_noise(client: Client):
    logits = np.array([1.0, 2.0, 0.0])
    draw = client.sample(logits, seed=1, noise="none", outputs=("samples",))
    assert np.allclose(draw.samples, np.exp(logits) / np.exp(logits).sum(), atol=1e-6)
    client.verify(draw)


def test_mistakes_that_no_request_is_needed_for(client: Client):
    for wrong, kind in (
        (lambda: client.sample(1.0), ValueError),
        (lambda: client.sample([1, 2], axis=1), ValueError),
        (lambda: client.sample([[1, 2]], temperature=[1, 2]), ValueError),
        (lambda: client.sample([1, 2], hard=1), TypeError),
        (lambda: client.sample([1, 2], seed=-1), ValueError),
        (lambda: client.sample([1, 2], seed=0.5), ValueError),
        (lambda: client.sample([1, 2], num_samples=0), ValueError),
        (lambda: client.sample(["a", "b"]), TypeError),
        (lambda: client.sample([1, 2], outputs=("indices",)).samples, AttributeError),
    ):
        with pytest.raises(kind):
            wrong()


def test_a_draw_says_what_it_is(client: Client):
    draw = client.sample([[1, 2]], seed=3)
    assert repr(draw) == "<Draw: samples [1, 2], indices [1]; seed 3, noise philox4x32-10/1>"
    assert json.dumps(draw.samples.tolist())
