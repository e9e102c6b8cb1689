"""One client in threads, in processes that are forked or spawned, and in asyncio."""

import asyncio
import multiprocessing
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gumbel_sampler import AsyncClient, Client, Limits, ServiceError, random_seed, seed_for

LOGITS = np.random.default_rng(3).normal(size=(4, 6)).astype(np.float32)


def draw_in_child(client, seed, replies):
    replies.put((seed, client.sample(LOGITS, seed=seed).samples.tobytes()))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes(client: Client, method):
    expected = {seed: client.sample(LOGITS, seed=seed).samples.tobytes() for seed in range(4)}
    context = multiprocessing.get_context(method)
    replies = context.Queue()
    children = [context.Process(target=draw_in_child, args=(client, seed, replies)) for seed in expected]
    with warnings.catch_warnings():
        # Python warns of a fork while other threads run, which is what this test is about.
        warnings.simplefilter("ignore", DeprecationWarning)
        for child in children:
            child.start()
    for seed in expected:
        assert client.sample(LOGITS, seed=seed).samples.tobytes() == expected[seed], "the parent draws meanwhile"
    found = dict(replies.get(timeout=300) for _ in children)
    for child in children:
        child.join(300)
        assert child.exitcode == 0
    assert found == expected


def test_threads(client: Client):
    expected = [client.sample(LOGITS, seed=seed).samples.tobytes() for seed in range(50)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda seed: client.sample(LOGITS, seed=seed).samples.tobytes(), range(50)))
    assert found == expected


def test_asyncio(client: Client):
    """Every method, and many draws at once."""

    async def use():
        async with AsyncClient(client.url, limits=Limits(rows=3)) as c:
            draws = await asyncio.gather(*(c.sample(LOGITS, seed=seed) for seed in range(20)))
            assert [draw.seed for draw in draws] == list(range(20))
            for draw in draws:
                assert draw.samples.tobytes() == client.sample(LOGITS, seed=draw.seed).samples.tobytes()
            verified = await c.verify(draws[0])
            assert verified.values == LOGITS.size
            top = await c.top_k(LOGITS, 2, seed=1)
            assert (top.top_indices == client.top_k(LOGITS, 2, seed=1).top_indices).all()
            gradient = await c.vjp(draws[3], LOGITS)
            assert (gradient.logits == client.vjp(draws[3], LOGITS).logits).all()
            assert (await c.vjp(LOGITS, LOGITS, seed=3)).logits.tobytes() == gradient.logits.tobytes()
            density = await c.log_prob(LOGITS, draws[0].samples, temperature=1)
            assert (density == client.log_prob(LOGITS, draws[0].samples, temperature=1)).all()
            assert (await c.server())["name"] == "gumbel-sampler"
            with pytest.raises(ServiceError) as refused:
                await c.sample(LOGITS, temperature=0.0)
            assert refused.value.remedy

    asyncio.run(use())


def test_a_seed_for_each_step_and_rank():
    """The values are part of the interface: a rerun with a later version must draw the same."""
    assert seed_for(42) == 42
    assert seed_for(42, 0, 0) == 6332618229526065668
    assert seed_for(0, 1, 2) == 8314919509031096729
    assert seed_for(2**64 - 1, 2**40) == 1016216531998540595
    seeds = {seed_for(42, step, rank) for step in range(1000) for rank in range(64)}
    assert len(seeds) == 64_000
    bits = np.array([[seed >> bit & 1 for bit in range(64)] for seed in sorted(seeds)])
    # Each bit is 1 in half of the seeds: standard deviation 0.5 / sqrt(64000) = 0.002, and five of them.
    assert np.abs(bits.mean(0) - 0.5).max() < 0.01


def test_random_seeds_use_all_64_bits():
    assert max(random_seed() for _ in range(100)) > 2**60
