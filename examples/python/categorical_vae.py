"""A categorical variational autoencoder on scikit-learn's digits, trained through the service.

Ten variables of four categories each describe a digit of 8 x 8 pixels: 4^10, a million descriptions, too many to sum
over, so training has to sample. The loss is the negative evidence lower bound in nats a digit (Jang et al. 2016,
section 3),

    E_q(z | x) [-log p(x | z)] + KL(q(z | x) || uniform)

with z drawn, and differentiated, by the service: Gumbel-softmax at a temperature that it anneals. A pixel is the
probability of ink, so -log p is the cross-entropy: the mean loss of digits redrawn in black and white each time they
are seen.

Three runs start from the same weights and see the same digits:

    samples     z is a soft Gumbel-softmax sample of the service, gumbel_sampler.torch.gumbel_softmax
    in process  the first 100 steps again: torch works out samples and gradients itself, on the same noise from numpy
    softmax     z is softmax with the same temperatures, no noise (noise: "none")

What counts is the bound on digits that were held out, with z a description, one category for each variable: one-hot
samples. In training the softmax run looks best. It hides what it knows in small differences of probabilities, which
cost hardly any KL and which no sample carries. A figure that needs no training says when a decoder has learned
nothing from z: if it draws the same image whatever z is, its loss is at least the entropy of the mean digit, pixel by
pixel.
"""

import math
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import binary_cross_entropy, binary_cross_entropy_with_logits, pad

from command_line import parser, run, shown
from figure import GUMBEL, SOFTMAX, TRUTH, panels, save, smooth
from gumbel_sampler import noise, schedules
from gumbel_sampler.torch import gumbel_softmax

PIXELS, VARIABLES, CATEGORIES, HIDDEN = 64, 10, 4, 128
BATCH, LEARNING_RATE = 64, 5e-3
HELD_OUT, EVALUATION_SAMPLES = 297, 16
COMPARED_STEPS = 100
COLUMNS = 12


def digits():
    """Training and held-out digits, values 0 to 1."""
    pixels = torch.tensor(load_digits().data, dtype=torch.float32) / 16
    pixels = pixels[torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))]
    return pixels[HELD_OUT:], pixels[:HELD_OUT]


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        codes = VARIABLES * CATEGORIES
        self.encoder = nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, codes))
        self.decoder = nn.Sequential(nn.Linear(codes, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, PIXELS))

    def posterior(self, pixels):
        """Logits of q: [digits, VARIABLES, CATEGORIES]."""
        return self.encoder(pixels).view(-1, VARIABLES, CATEGORIES)

    def decode(self, samples):
        """Logits of the pixels: [..., digits, VARIABLES, CATEGORIES] -> [..., digits, PIXELS]."""
        return self.decoder(samples.flatten(-2))


def negative_bound(model, pixels, draw):
    """The loss: nats a digit, a mean over the digits and over the samples of each."""
    logits = model.posterior(pixels)
    log_q = logits.log_softmax(-1)
    divergence = (log_q.exp() * (log_q + math.log(CATEGORIES))).sum() / len(pixels)
    ink = model.decode(draw(logits))
    return binary_cross_entropy_with_logits(ink, pixels.expand_as(ink), reduction="mean") * PIXELS + divergence


def train(pixels, steps, draw, stop=None):
    """Trains a new model and returns it with its losses. draw(logits, step) is what tells one run from another."""
    model = Autoencoder()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    batches = torch.Generator().manual_seed(2)
    losses = []
    for step in range(steps if stop is None else min(stop, steps)):
        batch = pixels[torch.randint(len(pixels), (BATCH,), generator=batches)]
        loss = negative_bound(model, batch, lambda logits, step=step: draw(logits, step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, losses


def annealing(steps, step):
    """Jang et al.'s schedule, from 1 down to 0.5 when three quarters of the steps are done."""
    rate = math.log(2) / max(1, 0.75 * steps)
    return schedules.exponential(step, rate=rate)


def in_process(logits, temperature, seed):
    """Gumbel-softmax in torch, with autograd, on the noise that the service would use."""
    rows, categories = logits.numel() // logits.shape[-1], logits.shape[-1]
    g = torch.from_numpy(noise.gumbel(seed, rows=rows, categories=categories)).view(logits.shape)
    return ((logits + g) / temperature).softmax(-1)


@torch.no_grad()
def held_out_bound(model, pixels, client, seed):
    def one_hot(logits):
        return gumbel_softmax(logits, hard=True, seed=seed, num_samples=EVALUATION_SAMPLES, client=client)

    return negative_bound(model, pixels, one_hot).item()


def constant_image_bound(pixels):
    """No image that stays the same comes below the entropy of the mean, and the mean reaches it."""
    mean = pixels.mean(0)
    return binary_cross_entropy(mean, mean, reduction="sum").item()


@torch.no_grad()
def pictures(models, pixels, client, seed):
    """Rows of digits: some held out, then what each model makes of them and of descriptions drawn from the prior."""
    some = pixels[:COLUMNS]
    rows = [("held out", some)]
    for name, model in models:
        codes = gumbel_softmax(model.posterior(some), hard=True, seed=seed, client=client)
        rows.append((f"{name}: rebuilt", model.decode(codes).sigmoid()))
    prior = gumbel_softmax(torch.zeros(COLUMNS, VARIABLES, CATEGORIES), hard=True, seed=seed + 1, client=client)
    rows += [(f"{name}: new", model.decode(prior).sigmoid()) for name, model in models]
    return rows


def draw_figure(path, curves, constant, rows):
    figure, (left, right) = panels(2, 11, 3.6, width_ratios=[1, 1.4])
    for label, color, losses, bound in curves:
        left.plot(smooth(losses), color=color, label=f"{label}, in training")
        left.plot(len(losses) - 1, bound, "o", color=color, clip_on=False, label=f"{label}, held out, one-hot")
    left.axhline(constant, color=TRUTH, linestyle=":", label="same image whatever z is")
    left.set(title="negative bound", xlabel="step", ylabel="nats a digit")
    left.set_ylim(bottom=0)
    left.legend(fontsize=8, loc="upper left", bbox_to_anchor=(0.02, 0.86))
    image = [pad(row.view(-1, 8, 8), (1, 1, 1, 1)).permute(1, 0, 2).reshape(10, -1) for _, row in rows]
    right.imshow(torch.cat(image).numpy(), cmap="gray_r", vmin=0, vmax=1, aspect="equal")
    right.set(xticks=[], yticks=[5 + 10 * at for at in range(len(rows))], yticklabels=[name for name, _ in rows])
    right.tick_params(length=0)
    right.spines[:].set_visible(False)
    right.set_title("digits from one-hot samples")
    save(figure, path)


def main(client, steps, plot):
    training, held_out = digits()

    def served(logits, step, **fields):
        # The seed of a step is its number, so every run is the same.
        return gumbel_softmax(logits, annealing(steps, step), seed=step, client=client, **fields)

    def local_draw(logits, step):
        return in_process(logits, annealing(steps, step), seed=step)

    sampled, losses = train(training, steps, served)
    _, local = train(training, steps, local_draw, COMPARED_STEPS)
    mixed, mixed_losses = train(training, steps, lambda logits, step: served(logits, step, noise="none"))

    for step in shown(steps):
        print(f"step {step:4d}  loss: samples {smooth(losses)[step]:6.2f}, softmax {smooth(mixed_losses)[step]:6.2f}")
    apart = max(abs(a - b) for a, b in zip(losses, local))
    print(f"torch in process on the same noise: losses of the first {len(local)} steps differ by at most {apart:.1e}")

    constant = constant_image_bound(held_out)
    bounds = [held_out_bound(model, held_out, client, seed=steps) for model in (sampled, mixed)]
    print("negative bound on held-out digits, one-hot samples, in nats; less is better")
    print(f"trained on samples {bounds[0]:6.2f}")
    print(f"same image always  {constant:6.2f}")
    print(f"trained on softmax {bounds[1]:6.2f}")
    curves = [("samples", GUMBEL, losses, bounds[0]), ("softmax", SOFTMAX, mixed_losses, bounds[1])]
    rows = pictures([("samples", sampled), ("softmax", mixed)], held_out, client, seed=steps)
    draw_figure(plot, curves, constant, rows)


if __name__ == "__main__":
    run(main, parser(__doc__, 2000, Path("categorical_vae.png")))
