"""gumbel_sampler.jax against jax's own gradients, under jit, vmap and grad."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gumbel_sampler import noise
from gumbel_sampler.jax import gumbel_softmax, seed_for

ULP = 2.0**-24


def in_process(logits, tau, seed, hard=False):
    """Gumbel-softmax in jax on the noise of a seed, categories last."""
    categories = logits.shape[-1]
    g = noise.gumbel(seed, rows=logits.size // categories, categories=categories).reshape(logits.shape)
    z = (logits - jax.lax.stop_gradient(logits.max(-1, keepdims=True))) + g
    tau = tau[..., None] if jnp.ndim(tau) else tau
    soft = jax.nn.softmax((z - jax.lax.stop_gradient(z.max(-1, keepdims=True))) / tau, -1)
    if not hard:
        return soft
    return jax.lax.stop_gradient(jax.nn.one_hot(z.argmax(-1), categories) - soft) + soft


def random(*shape):
    return jnp.asarray(np.random.default_rng(5).normal(size=shape), jnp.float32)


@pytest.mark.parametrize("shape", [(5,), (4, 9), (2, 3, 6)])
@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("per_row", [False, True])
@pytest.mark.parametrize("jit", [False, True])
def test_gradients_are_those_of_jax(client, shape, hard, per_row, jit):
    """jax computes in float32: each of its K terms rounds a few times, so 64 u V K / tau, 7 times that for tau."""
    logits, weights = random(*shape), random(*shape) + 1
    tau = jnp.linspace(0.5, 1.5, int(np.prod(shape[:-1]))).reshape(shape[:-1]) if per_row else jnp.float32(0.7)

    def served(logits, tau):
        return (gumbel_softmax(logits, tau, hard, seed=7, client=client) * weights).sum()

    def local(logits, tau):
        return (in_process(logits, tau, 7, hard) * weights).sum()

    gradient = jax.grad(served, argnums=(0, 1))
    found = (jax.jit(gradient) if jit else gradient)(logits, tau)
    expected = jax.grad(local, argnums=(0, 1))(logits, tau)
    scale = 64 * ULP * float(jnp.abs(weights).max()) * shape[-1] / 0.5
    assert np.abs(found[0] - expected[0]).max() <= scale
    assert found[1].shape == tau.shape
    assert np.abs(found[1] - expected[1]).max() <= 7 * scale * (1 if per_row else logits.size // shape[-1])


def test_samples_are_those_of_the_client(client):
    logits = random(2, 3, 4)
    for axis in (-1, 0, 1):
        found = gumbel_softmax(logits, 0.5, axis=axis, seed=3, num_samples=2, client=client)
        expected = client.sample(logits, temperature=0.5, axis=axis, seed=3, num_samples=2).samples
        assert (np.asarray(found) == expected).all()


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
def test_dtypes(client, dtype):
    logits = random(2, 3).astype(dtype)
    sample = gumbel_softmax(logits, seed=1, client=client)
    assert sample.dtype == dtype
    gradient = jax.grad(lambda l: (gumbel_softmax(l, seed=1, client=client)[:, 0]).sum())(logits)
    assert gradient.dtype == dtype


def test_seeds(client):
    logits = jnp.zeros((2, 3))
    expected = client.sample(np.zeros((2, 3)), seed=42).samples

    @jax.jit
    def draw(seed):
        return gumbel_softmax(logits, seed=seed, client=client)

    for seed in (42, jnp.uint32(42), jnp.int32(42), jax.random.key(42), jax.random.PRNGKey(42)):
        found = draw(seed) if not isinstance(seed, int) else gumbel_softmax(logits, seed=seed, client=client)
        assert (np.asarray(found) == expected).all(), seed
    large = gumbel_softmax(logits, seed=2**64 - 1, client=client)
    assert (np.asarray(large) == client.sample(np.zeros((2, 3)), seed=2**64 - 1).samples).all()
    with pytest.raises(TypeError):
        gumbel_softmax(logits, seed=jnp.array([1, 2, 3]), client=client)
    assert seed_for(1, 2) != seed_for(1, 3)


@pytest.mark.parametrize("shape", [(4,), (2, 4)])
@pytest.mark.parametrize("num_samples", [None, 3])
@pytest.mark.parametrize("mapped", ["logits", "logits and seed", "logits and tau", "seed"])
def test_vmap_is_a_loop(client, shape, num_samples, mapped):
    logits, seeds, taus = random(5, *shape), jnp.arange(5, dtype=jnp.uint32), jnp.linspace(0.5, 2, 5)
    axes = (0 if "logits" in mapped else None, 0 if "tau" in mapped else None, 0 if "seed" in mapped else None)
    arguments = tuple(a if axis == 0 else a[0] for a, axis in zip((logits, taus, seeds), axes))

    def loss(logits, tau, seed):
        sample = gumbel_softmax(logits, tau, seed=seed, num_samples=num_samples, client=client)
        return (sample * jnp.arange(4.0)).sum(), sample

    both = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)
    (_, samples), grads = jax.jit(jax.vmap(both, in_axes=axes))(*arguments)
    for i in range(5):
        (_, sample), (grad_logits, grad_tau) = both(*(a[i] if axis == 0 else a for a, axis in zip(arguments, axes)))
        assert (np.asarray(samples[i]) == np.asarray(sample)).all()
        assert (np.asarray(grads[0][i]) == np.asarray(grad_logits)).all()
        # Summed over rows by the service for one temperature, and rounded once.
        assert np.allclose(grads[1][i], grad_tau, rtol=1e-6, atol=1e-6)


def test_nested_vmap(client):
    logits = random(2, 3, 4)
    seeds = jnp.arange(6, dtype=jnp.uint32).reshape(2, 3)
    found = jax.vmap(jax.vmap(lambda l, s: gumbel_softmax(l, seed=s, client=client)))(logits, seeds)
    for i in range(2):
        for j in range(3):
            alone = gumbel_softmax(logits[i, j], seed=int(seeds[i, j]), client=client)
            assert (np.asarray(found[i, j]) == np.asarray(alone)).all()


@pytest.mark.parametrize(("estimator", "rao_samples"), [("reinmax", None), ("softmax", None), ("gumbel_rao", 8)])
def test_estimators(client, estimator, rao_samples):
    logits, weights = random(2, 3), random(2, 3)
    own = {"estimator": estimator, "rao_samples": rao_samples}
    found = jax.grad(lambda l: (gumbel_softmax(l, 1.5, True, seed=2, client=client, **own) * weights).sum())(logits)
    direct = client.vjp(logits, weights, seed=2, temperature=1.5, hard=True, **own)
    assert (np.asarray(found) == direct.logits).all()


def test_training_under_jit(client):
    """A step that is compiled once draws anew at each step, and descends to the target."""
    target = jnp.array([0.7, 0.2, 0.1])

    @jax.jit
    def step(logits, number):
        def loss(logits):
            mean = gumbel_softmax(logits, 0.5, True, seed=number, num_samples=256, client=client).mean(0)
            return ((mean - target) ** 2).sum()

        return logits - 2 * jax.grad(loss)(logits)

    logits = jnp.zeros(3)
    for number in range(60):
        logits = step(logits, jnp.uint32(number))
    assert np.abs(jax.nn.softmax(logits) - target).max() < 0.1
