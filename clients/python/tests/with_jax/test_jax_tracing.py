"""Draws and gradients carry a trace context, eager, under jit, and in the threads of JAX."""

from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import pytest
from spans import active, header_of, parents
from stub import Stub

from gumbel_sampler import Client
from gumbel_sampler.jax import gumbel_softmax, traced

LOGITS = jnp.zeros((3, 4))


@pytest.fixture
def client(recorded: Stub):
    with Client(recorded.url) as made:
        yield made


def loss_of(client):
    return lambda logits, seed: (gumbel_softmax(logits, 0.5, seed=seed, client=client) ** 2 * jnp.arange(4.0)).sum()


@pytest.mark.parametrize("jit", [False, True])
def test_each_step_has_its_span(recorded: Stub, client, jit):
    """Under jit the function is traced in the first step: the second must not get the span of the first."""
    step = jax.value_and_grad(loss_of(client))
    step = jax.jit(step) if jit else step
    for seed in range(3):
        with active("step") as span:
            jax.block_until_ready(step(LOGITS, seed))
        assert parents(recorded) == [header_of(span)] * 2
    jax.block_until_ready(step(LOGITS, 4))
    assert parents(recorded) == [None] * 2


def test_a_backward_pass_in_another_thread(recorded: Stub, client):
    with active("forward") as forward:
        _, pull_back = jax.vjp(lambda logits: loss_of(client)(logits, 1), LOGITS)
    assert parents(recorded) == [header_of(forward)]
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: jax.block_until_ready(pull_back(1.0))).result()
        assert parents(recorded) == [header_of(forward)]


def test_vmap(recorded: Stub, client):
    gradient = jax.vmap(jax.grad(loss_of(client)), in_axes=(0, None))
    with active("step") as span:
        jax.block_until_ready(gradient(LOGITS, 1))
    assert parents(recorded) == [header_of(span)] * 2


def test_the_threads_of_jax(recorded: Stub, client):
    """JAX runs the body of a loop in threads of its own."""

    @jax.jit
    def last(logits):
        def body(carry, seed):
            return gumbel_softmax(carry, 0.5, seed=seed, client=client), None

        return jax.lax.scan(body, logits, jnp.arange(3))[0]

    with active("step") as span:
        with traced():
            jax.block_until_ready(last(LOGITS))
        assert parents(recorded) == [header_of(span)] * 3
    jax.block_until_ready(last(LOGITS))
    assert parents(recorded) == [None] * 3, "what traced() did ends with its block"
