"""Fits a small categorical model by gradient descent through the service.

Three variables with four categories each; softmax(logits) shall become TARGET. All that is seen of the model is one-hot
samples. With a and b the means of two independent halves of them, E[<a - target, b - target>] =
|softmax(logits) - target|^2: the expected loss, whose minimum is 0 at the target.
"""

import argparse

import torch

from gumbel_sampler import Client
from gumbel_sampler.torch import gumbel_softmax

TARGET = torch.tensor(
    [[0.70, 0.10, 0.10, 0.10], [0.40, 0.30, 0.20, 0.10], [0.50, 0.25, 0.25, 0.00]], dtype=torch.float64
)
SAMPLES = 128
LEARNING_RATE = 4.0


def fit(client, steps, estimator):
    """Prints the exact expected loss as it falls and returns the logits."""
    logits = torch.zeros_like(TARGET).masked_fill(TARGET == 0, -torch.inf).requires_grad_()
    optimizer = torch.optim.SGD([logits], lr=LEARNING_RATE)
    # To 0 at the end, which averages the noise of the last steps away.
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, steps)
    for step in range(steps + 1):
        if step % 20 == 0 or step == steps:
            print(f"step {step:3d}  loss {expected_loss(logits):.5f}")
        if step == steps:
            return logits.softmax(-1)
        # The seed of a step is its number, so every run is the same. samples: [SAMPLES, 3, 4].
        samples = gumbel_softmax(
            logits, hard=True, seed=step, num_samples=SAMPLES, estimator=estimator, client=client
        )
        a, b = samples.unflatten(0, (2, SAMPLES // 2)).mean(1)
        loss = ((a - TARGET) * (b - TARGET)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def expected_loss(logits):
    return (logits.softmax(-1) - TARGET).square().sum().item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://localhost:8080")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--estimator", default="straight_through", choices=["straight_through", "reinmax"])
    arguments = parser.parse_args()
    with Client(arguments.url) as client:
        probabilities = fit(client, arguments.steps, arguments.estimator)
    print("learned\n" + "\n".join("  ".join(f"{p:.3f}" for p in row) for row in probabilities.tolist()))
