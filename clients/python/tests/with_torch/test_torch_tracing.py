"""A backward pass carries a trace context in whatever thread it runs: its own, or that of the forward pass."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from spans import active, header_of, parents
from stub import Stub

from gumbel_sampler import Client, Limits
from gumbel_sampler.torch import gumbel_softmax


def loss_of(logits, seed, client):
    return (gumbel_softmax(logits, 0.5, hard=True, seed=seed, client=client) * torch.arange(4.0)).sum()


@pytest.mark.parametrize("compiled", [False, True])
def test_backward_passes(recorded: Stub, compiled):
    client = Client(recorded.url, limits=Limits(rows=2))
    function = torch.compile(loss_of, fullgraph=True) if compiled else loss_of
    logits = torch.randn(3, 4, requires_grad=True)

    def backward_in_a_span(loss):
        with active("backward") as span:
            loss.backward()
        return span

    function(logits, 1, client).backward()
    assert parents(recorded) == [None] * 4
    with active("step") as step:
        function(logits, 2, client).backward()
    assert parents(recorded) == [header_of(step)] * 4
    # A thread that has no context of its own stands for those in which torch runs backward passes on GPUs.
    with ThreadPoolExecutor(1) as thread:
        losses = []
        for seed in range(3):
            with active(str(seed)) as forward:
                losses.append((forward, function(logits, seed, client)))
        parents(recorded)
        for forward, loss in reversed(losses[1:]):
            thread.submit(loss.backward).result()
            assert parents(recorded) == [header_of(forward)] * 2
        span = thread.submit(backward_in_a_span, losses[0][1]).result()
        assert parents(recorded) == [header_of(span)] * 2
    client.close()
