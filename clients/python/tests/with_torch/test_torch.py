"""gumbel_sampler.torch against torch's own autograd, compiled, in workers, and in training."""

import multiprocessing
import threading

import numpy as np
import pytest
import torch
from conftest import Service
from torch import nn

from gumbel_sampler import Client, NoiseVersionError, noise
from gumbel_sampler.torch import gumbel_softmax, seed_for

ULP = 2.0**-24


def noise_for(logits, seed, **fields):
    rows = logits.numel() // logits.shape[-1]
    return torch.from_numpy(noise.gumbel(seed, rows=rows, categories=logits.shape[-1], **fields))


def in_process(logits, tau, seed, hard=False):
    """torch.nn.functional.gumbel_softmax on the noise of a seed, categories last."""
    g = noise_for(logits, seed).reshape(logits.shape)
    z = (logits.float() - logits.detach().float().amax(-1, keepdim=True)) + g
    tau = tau.unsqueeze(-1) if isinstance(tau, torch.Tensor) and tau.ndim else tau
    soft = ((z - z.detach().amax(-1, keepdim=True)).double() / tau).softmax(-1)
    if not hard:
        return soft
    return nn.functional.one_hot(z.argmax(-1), z.shape[-1]) + soft - soft.detach()


def gradients(sample, cotangent, *leaves):
    return torch.autograd.grad(sample, leaves, cotangent.to(sample.dtype))


@pytest.mark.parametrize("shape", [(5,), (4, 9), (2, 3, 6)])
@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("per_row", [False, True])
def test_gradients_are_those_of_autograd(client, shape, hard, per_row):
    """Tolerances as in test_gradients.py of the core: 64 u V / tau, for the temperature 7 times that and the rows."""
    torch.manual_seed(4)
    logits = (torch.randn(shape) * 3).requires_grad_()
    tau = (torch.rand(shape[:-1] if per_row else ()) + 0.5).requires_grad_()
    sample = gumbel_softmax(logits, tau, hard, seed=7, client=client)
    here = in_process(logits, tau.double(), 7, hard)
    cotangent = torch.randn(shape)
    assert (sample - here).abs().max() <= 1e-6
    found, expected = gradients(sample, cotangent, logits, tau), gradients(here, cotangent, logits, tau)
    scale = 64 * ULP * cotangent.abs().max().item() / tau.min().item()
    rows = 1 if per_row else logits.numel() // shape[-1]
    assert (found[0] - expected[0]).abs().max() <= scale
    assert found[1].shape == tau.shape
    assert (found[1] - expected[1]).abs().max() <= 7 * scale * rows


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_dtypes(client, dtype):
    logits = torch.randn(3, 4).to(dtype).requires_grad_()
    sample = gumbel_softmax(logits, 0.5, seed=1, client=client)
    assert sample.dtype == dtype
    sample.sum().backward()
    assert logits.grad is not None and logits.grad.dtype == dtype
    hard = gumbel_softmax(logits, 0.5, hard=True, seed=1, client=client)
    assert ((hard == 0) | (hard == 1)).all() and (hard.sum(-1) == 1).all()


@pytest.mark.parametrize("dim", [0, 1, 2, -2])
def test_dim(client, dim):
    logits = torch.randn(2, 3, 4, requires_grad=True)
    sample = gumbel_softmax(logits, dim=dim, seed=1, client=client)
    last = gumbel_softmax(logits.movedim(dim, -1), seed=1, client=client)
    assert torch.equal(sample.movedim(dim, -1), last)
    (grad,) = gradients(sample, torch.ones(sample.shape).cumsum(0), logits)
    assert grad.shape == logits.shape


def test_the_arguments_of_torch(client, monkeypatch):
    """Every call that torch's own function takes by keyword, and the default client."""
    monkeypatch.setattr("gumbel_sampler.torch.default_client", lambda: client)
    logits = torch.randn(2, 3)
    for sample in (
        gumbel_softmax(logits),
        gumbel_softmax(logits, 0.5),
        gumbel_softmax(logits, tau=0.5, hard=True, dim=-1),
        gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=0),
    ):
        assert sample.shape == logits.shape


def test_seeds(client):
    logits = torch.zeros(2, 3)
    expected = client.sample(np.zeros((2, 3), np.float32), seed=2**64 - 1).samples
    assert (gumbel_softmax(logits, seed=2**64 - 1, client=client).numpy() == expected).all()
    assert (gumbel_softmax(logits, seed=torch.tensor(-1), client=client).numpy() == expected).all()
    per_row = gumbel_softmax(logits, seed=torch.tensor([5, -1]), client=client)
    assert (per_row[1].numpy() == expected[0]).all()
    assert not torch.equal(gumbel_softmax(logits, client=client), gumbel_softmax(logits, client=client))


def test_a_random_seed_is_replayed_in_the_backward_pass(client):
    """The gradient of the sum of a soft sample is 0 only if the noise is the same."""
    logits = torch.randn(2, 3, requires_grad=True)
    sample = gumbel_softmax(logits, 0.5, client=client)
    cotangent = torch.randn(2, 3)
    (found,) = gradients(sample, cotangent, logits)
    y = sample.detach().double()
    expected = y * (cotangent - (cotangent * y).sum(-1, keepdim=True)) / 0.5
    assert (found - expected).abs().max() < 1e-5


def test_samples_estimators_and_masks(client):
    logits = torch.tensor([[0.5, -torch.inf, 1.0], [0.0, 0.0, 0.0]], requires_grad=True)
    sample = gumbel_softmax(logits, 1.5, hard=True, seed=2, num_samples=5, estimator="reinmax", client=client)
    assert sample.shape == (5, 2, 3)
    cotangent = torch.randn(5, 2, 3)
    (found,) = gradients(sample, cotangent, logits)
    assert found[0, 1] == 0 and found.isfinite().all()
    arguments = {"seed": 2, "temperature": 1.5, "hard": True, "num_samples": 5, "estimator": "reinmax"}
    direct = client.vjp(logits.detach().numpy(), cotangent.numpy(), **arguments)
    assert (found.numpy() == direct.logits).all()
    with pytest.raises(ValueError, match="detach"):
        tau = torch.tensor(1.5, requires_grad=True)
        gumbel_softmax(logits, tau, hard=True, estimator="reinmax", client=client)


@pytest.mark.parametrize(("estimator", "rao_samples"), [("softmax", None), ("gumbel_rao", 8)])
def test_estimators_without_a_gradient_of_the_temperature(client, estimator, rao_samples):
    logits = torch.randn(2, 3, 4, requires_grad=True)
    own = {"estimator": estimator, "rao_samples": rao_samples}
    sample = gumbel_softmax(logits, 0.5, True, seed=2, client=client, **own)
    cotangent = torch.randn(2, 3, 4)
    (found,) = gradients(sample, cotangent, logits)
    arguments = {"seed": 2, "temperature": 0.5, "hard": True, **own}
    assert (found.numpy() == client.vjp(logits.detach().numpy(), cotangent.numpy(), **arguments).logits).all()


def test_noise_none(client):
    logits = torch.randn(2, 3)
    found = gumbel_softmax(logits, 0.5, noise="none", client=client)
    assert (found - (logits.double() / 0.5).softmax(-1)).abs().max() < 1e-6


def test_another_noise_version_in_the_backward_pass(client, monkeypatch):
    logits = torch.randn(2, 3, requires_grad=True)
    sample = gumbel_softmax(logits, client=client)
    monkeypatch.setattr("gumbel_sampler.torch._hash", lambda version: 0)
    with pytest.raises(NoiseVersionError):
        sample.sum().backward()


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_operators_pass_torchs_own_checks(client):
    from gumbel_sampler import torch as module

    logits, tau = torch.randn(2, 3, requires_grad=True), torch.tensor(0.5, dtype=torch.float64)
    for seed, seeds in ((7, None), (None, torch.tensor([1, 2]))):
        arguments = (logits, tau, seed, seeds, False, -1, None, "straight_through", None, "gumbel", client.key)
        torch.library.opcheck(module._draw, arguments)


def test_torch_compile(client):
    """One graph, without breaks; the seed as an argument or a tensor; a random seed is not a constant of the graph."""

    def loss(logits, seed, tau):
        sample = gumbel_softmax(logits * 2, tau, seed=seed, client=client)
        return (sample * torch.arange(4.0)).sum()

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    logits = torch.randn(3, 4, requires_grad=True)
    for seed in (1, 2, 3, torch.tensor(4), torch.tensor(5)):
        (found,) = torch.autograd.grad(compiled(logits, seed, 0.5), logits)
        (expected,) = torch.autograd.grad(loss(logits, seed, 0.5), logits)
        assert torch.allclose(found, expected, rtol=1e-6, atol=1e-7)
    assert compiled(logits, None, 0.5) != compiled(logits, None, 0.5)


class Draws(torch.utils.data.Dataset):
    """Augments by a draw in the worker, with a seed of its own for each item."""

    def __init__(self, client):
        self.client = client

    def __len__(self):
        return 12

    def __getitem__(self, index):
        return gumbel_softmax(torch.arange(4.0), seed=seed_for(42, index), client=self.client)


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_data_loader_workers(client, method):
    expected = torch.stack([Draws(client)[index] for index in range(12)])
    context = multiprocessing.get_context(method)
    loader = torch.utils.data.DataLoader(Draws(client), batch_size=4, num_workers=2, multiprocessing_context=context)
    assert torch.equal(torch.cat(list(loader)), expected)


def train_on_rank(rank, world, store, url, results):
    torch.distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=world)
    torch.manual_seed(0)
    model = nn.parallel.DistributedDataParallel(nn.Linear(4, 3))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with Client(url) as client:
        for step in range(5):
            batch = torch.eye(4)[2 * rank : 2 * rank + 2]
            sample = gumbel_softmax(model(batch), 0.5, seed=seed_for(42, step, rank), client=client)
            optimizer.zero_grad()
            (sample * torch.arange(3.0)).sum().backward()
            optimizer.step()
    results.put((rank, [p.detach().numpy() for p in model.parameters()]))
    torch.distributed.destroy_process_group()


def test_distributed_data_parallel(service, tmp_path):
    """Two ranks with draws of their own keep the same weights."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    arguments = (2, tmp_path / "store", service.url, results)
    ranks = [context.Process(target=train_on_rank, args=(rank, *arguments)) for rank in range(2)]
    for rank in ranks:
        rank.start()
    found = dict(results.get(timeout=120) for _ in ranks)
    for rank in ranks:
        rank.join(60)
        assert rank.exitcode == 0
    assert all((a == b).all() for a, b in zip(found[0], found[1]))


BATCH, VARIABLES, CATEGORIES, PIXELS = 32, 10, 4, 64


class CategoricalVAE(nn.Module):
    """As written for torch.nn.functional.gumbel_softmax: logits [batch, variables, K], and no seed."""

    def __init__(self, gumbel_softmax):
        super().__init__()
        torch.manual_seed(1)
        self.gumbel_softmax = gumbel_softmax
        self.encoder = nn.Sequential(nn.Linear(PIXELS, 64), nn.ReLU(), nn.Linear(64, VARIABLES * CATEGORIES))
        self.decoder = nn.Sequential(nn.Linear(VARIABLES * CATEGORIES, 64), nn.ReLU(), nn.Linear(64, PIXELS))

    def forward(self, pixels, tau):
        logits = self.encoder(pixels).view(-1, VARIABLES, CATEGORIES)
        sample = self.gumbel_softmax(logits, tau=tau, hard=False, dim=-1)
        return logits, self.decoder(sample.flatten(1))


def train(gumbel_softmax, steps, before_step=lambda step: None):
    """Losses of training on digits of four prototypes in black and white. Deterministic but for the draws."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(2)
    prototypes = torch.rand(4, PIXELS, generator=generator)
    step_now = {"step": 0}
    model = CategoricalVAE(lambda *args, **fields: gumbel_softmax(*args, **fields, seed=step_now["step"]))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    losses = []
    for step in range(steps):
        before_step(step)
        step_now["step"] = step
        means = prototypes[torch.randint(4, (BATCH,), generator=generator)]
        pixels = torch.bernoulli(means, generator=generator)
        logits, ink = model(pixels, tau=max(0.5, 1 - step / 200))
        log_q = logits.log_softmax(-1)
        divergence = (log_q.exp() * (log_q + np.log(CATEGORIES))).sum() / BATCH
        loss = nn.functional.binary_cross_entropy_with_logits(ink, pixels) * PIXELS + divergence
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_a_categorical_vae_by_changing_the_import(client):
    """100 steps through the service and in process on the same noise: the losses stay within 1e-3."""

    def local(logits, tau, hard, dim, seed):
        assert dim == -1
        return in_process(logits, tau, seed, hard).float()

    def served(*args, **fields):
        return gumbel_softmax(*args, **fields, client=client)

    here, there = train(local, 100), train(served, 100)
    apart = max(abs(a - b) for a, b in zip(here, there))
    print(f"losses from {there[0]:.3f} to {there[-1]:.3f}, apart by at most {apart:.1e}")
    assert there[-1] < there[0] - 1
    assert apart < 1e-3


def test_training_goes_on_across_a_kill_and_a_restart(client):
    """The service is killed between two steps and in the middle of others; the losses keep all their bits."""
    running = Service().start()
    try:
        with Client(running.url) as own:
            undisturbed = train(lambda *a, **f: gumbel_softmax(*a, **f, client=own), 40)
            timers = []

            def disturb(step):
                if step in (10, 25):
                    running.kill()
                    timers.append(threading.Timer(0.3, running.start))
                    timers[-1].start()

            disturbed = train(lambda *a, **f: gumbel_softmax(*a, **f, client=own), 40, disturb)
            for timer in timers:
                timer.join()
        assert len(timers) == 2 and disturbed == undisturbed
    finally:
        running.stop()
