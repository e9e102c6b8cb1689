"""Two speakers: what a decoder learns from a 70/30 choice that reaches it as softmax, and as samples.

A studio has recordings, as spectra, of a low voice (70 in 100) and a high one (30 in 100), not labelled. A generator
shall speak like them: logits choose a speaker, a linear decoder turns the choice into a spectrum. It learns by a
distance between the distribution of what is spoken and of what was recorded, the squared maximum mean discrepancy
(Gretton et al. 2012) with the kernel k(x, y) = exp(-|x - y|^2 / |low - high|^2):

    E k(spoken, spoken') - 2 E k(spoken, recorded) + E k(recorded, recorded')

It is 0 only where the distributions are the same. Two generators differ in what the decoder gets:

    softmax   softmax(logits). It is told the shares, and gets the same mixture each time, 0.7 / 0.3: it has one voice
    samples   one-hot Gumbel-softmax samples of the service, straight-through. It starts at 0.5 / 0.5 and learns shares

What one voice can reach has a closed form. The gradient at y is 0 only where y is an average of the recordings, each
weighted by its kernel; so the best voice lies between the two, at low + t (high - low), where

    0.7 t exp(-t^2) = 0.3 (1 - t) exp(-(1 - t)^2)

The logarithm of left / right has the slope 1 / (t (1 - t)) - 2 > 0, so there is one such t: 0.186. It is a hybrid, a
voice that nobody has, and the distance that remains is far from 0: 0.073. (The recordings scatter a little around
their speakers; the 200 made here move neither figure by more than 0.001.)

Nobody needs a service for one choice of two: its two outcomes can be enumerated. It is this small so that the whole
of it can be seen and worked out; categorical_vae.py makes ten choices at once, where a million outcomes cannot.
"""

import math
from pathlib import Path

import torch

from command_line import parser, run, shown
from figure import GUMBEL, SOFTMAX, TRUTH, panels, save
from gumbel_sampler.torch import gumbel_softmax

BINS, HERTZ_A_BIN = 80, 25
SHARES = [0.7, 0.3]
RECORDINGS = 200
SCATTER = 0.05  # Of a recording around its speaker, as a share of the distance between the speakers.
NEAR = 0.1  # A spectrum sounds like a speaker within this share of that distance: twice the scatter.
SAMPLES, TEMPERATURE = 128, 0.5
FREQUENCIES = HERTZ_A_BIN * torch.arange(1.0, BINS + 1)


def bumps(centres, width, heights):
    curves = torch.exp(-(((FREQUENCIES - torch.tensor(centres).unsqueeze(1)) / width) ** 2) / 2)
    return (torch.tensor(heights).unsqueeze(1) * curves).sum(0)


def voice(pitch, formants, heights):
    """Harmonics of the pitch in Hz, under the resonances of a vocal tract."""
    harmonics = [pitch * n for n in range(1, int(FREQUENCIES[-1] / pitch) + 1)]
    return bumps(harmonics, 18, [1] * len(harmonics)) * bumps(formants, 150, heights)


VOICES = torch.stack([voice(105, [150, 550, 1050], [0.6, 1, 0.5]), voice(230, [250, 800, 1500], [0.8, 0.7, 1])])
GAP = (VOICES[0] - VOICES[1]).norm()


def record():
    counts = [round(share * RECORDINGS) for share in SHARES]
    speakers = VOICES.repeat_interleave(torch.tensor(counts), 0)
    return speakers + torch.randn(speakers.shape) * SCATTER * GAP / math.sqrt(BINS)


def kernel(x, y):
    squared = x.square().sum(-1, keepdim=True) - 2 * x @ y.T + y.square().sum(-1)
    return torch.exp(-squared / GAP**2)


def pairs(x):
    """The mean of the kernel over all pairs of different samples: unbiased. One voice alone is equal to itself."""
    n = len(x)
    return (kernel(x, x).sum() - n) / (n * (n - 1)) if n > 1 else 1


def distance_of(spoken, recordings):
    """An estimate, so it may fall below 0. The recordings are all there are: their pairs include each with itself."""
    return pairs(spoken) - 2 * kernel(spoken, recordings).mean() + kernel(recordings, recordings).mean()


class Generator(torch.nn.Module):
    """Logits and decoder. `choose` turns the logits into what the decoder gets: [n, 2]. Told shares are not learned."""

    def __init__(self, choose, told=None):
        super().__init__()
        torch.manual_seed(0)
        start = torch.zeros(len(SHARES)) if told is None else torch.tensor(told).log()
        self.logits = torch.nn.Parameter(start, requires_grad=told is None)
        self.decoder = torch.nn.Linear(len(SHARES), BINS)
        self.choose = choose

    def speak(self, seed):
        return self.decoder(self.choose(self.logits, seed))


def train(generator, recordings, steps):
    """Descends, and returns the distance at each step. Recordings are few, so all are used each time."""
    rates = [
        {"params": [generator.logits], "lr": 0.1},
        {"params": generator.decoder.parameters(), "lr": 0.005},
    ]
    optimizer = torch.optim.Adam(rates)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    distances = []
    for step in range(steps):
        distance = distance_of(generator.speak(seed=step), recordings)
        optimizer.zero_grad()
        distance.backward()
        optimizer.step()
        schedule.step()
        distances.append(distance.item())
    return distances


def best_hybrid():
    """t and the distance of the best single voice.

    Scatter is normal with the variance v = SCATTER^2 / BINS in each bin, in units of the distance between the speakers.
    The mean of exp(-|y - x|^2) over one scattered x is w^(-BINS / 2) exp(-|y - speaker|^2 / w) with w = 1 + 2 v, and
    over a pair the same with w = 1 + 4 v.
    """
    variance = SCATTER**2 / BINS

    def likeness(length, scattered):
        w = 1 + 2 * scattered * variance
        return w ** (-BINS / 2) * math.exp(-(length**2) / w)

    below, above = 0.0, 1.0
    for _ in range(60):
        t = (below + above) / 2
        pull_low, pull_high = SHARES[0] * t * likeness(t, 1), SHARES[1] * (1 - t) * likeness(1 - t, 1)
        below, above = (t, above) if pull_low < pull_high else (below, t)
    same, other = SHARES[0] ** 2 + SHARES[1] ** 2, 2 * SHARES[0] * SHARES[1]
    recorded = same * likeness(0, 2) + other * likeness(1, 2)
    return t, 1 - 2 * (SHARES[0] * likeness(t, 1) + SHARES[1] * likeness(1 - t, 1)) + recorded


@torch.no_grad()
def judge(name, recordings, spoken):
    """Prints what was spoken: like whom, and how far from the recordings as a distribution."""
    apart = torch.cdist(spoken, VOICES) / GAP
    low, high = (apart < NEAR).double().mean(0).tolist()
    distance = round(distance_of(spoken, recordings).item(), 3) + 0.0  # So that -0.0 is printed as 0.
    print(
        f"{name:8s} low voice {low:6.1%}, high voice {high:6.1%}, neither {1 - low - high:6.1%}; "
        f"nearest speaker at {apart.min(1).values.mean():.3f}, distance {distance:.3f}"
    )


def draw_figure(path, softmax_spoken, gumbel_spoken):
    figure, axes = panels(4, 12, 2.8)
    hertz = FREQUENCIES.tolist()
    for name, spectrum, line in zip(["low, 70 %", "high, 30 %"], VOICES.tolist(), ["-", ":"]):
        axes[0].plot(hertz, spectrum, line, color=TRUTH, label=name)
    axes[0].set(title="recorded: two speakers", ylabel="amplitude")
    axes[1].plot(hertz, softmax_spoken[0].tolist(), color=SOFTMAX)
    axes[1].set(title="softmax: one hybrid")
    kinds = torch.cdist(gumbel_spoken, VOICES).argmin(1)
    for kind, line in enumerate(["-", ":"]):
        alike = gumbel_spoken[kinds == kind]
        for spectrum in alike[:1].tolist():
            share = 100 * len(alike) / len(gumbel_spoken)
            axes[2].plot(hertz, spectrum, line, color=GUMBEL, label=f"{share:.0f} % of samples")
    axes[2].set(title="Gumbel-softmax: both")
    for axis in axes[:3]:
        axis.set(xlabel="frequency in Hz", ylim=(-0.15, 1.25))
    direction = (VOICES[1] - VOICES[0]) / GAP**2
    for spoken, color, name in [(softmax_spoken, SOFTMAX, "softmax"), (gumbel_spoken, GUMBEL, "Gumbel-softmax")]:
        places = ((spoken - VOICES[0]) @ direction).tolist()
        shares = [1 / len(places)] * len(places)
        axes[3].hist(places, bins=60, range=(-0.1, 1.1), weights=shares, color=color, label=name)
    axes[3].set(title="where 1000 outputs lie", xlabel="from low voice (0) to high (1)", ylabel="share")
    for axis in (axes[0], axes[2], axes[3]):
        axis.legend(loc="upper right")
    save(figure, path)


def main(client, steps, plot):
    torch.manual_seed(0)
    recordings = record()

    def sampled(logits, seed, count=SAMPLES):
        return gumbel_softmax(logits, TEMPERATURE, hard=True, seed=seed, num_samples=count, client=client)

    softmax = Generator(lambda logits, seed: logits.softmax(-1).unsqueeze(0), told=SHARES)
    gumbel = Generator(sampled)
    distances = [train(generator, recordings, steps) for generator in (softmax, gumbel)]
    for step in shown(steps):
        print(f"step {step:4d}  distance: softmax {distances[0][step]:6.3f}, samples {distances[1][step]:6.3f}")

    mixture = softmax.logits.softmax(-1).tolist()
    print(f"softmax gave its decoder {mixture[0]:.3f} / {mixture[1]:.3f}, each time")
    t, floor = best_hybrid()
    print(f"closed form: no single voice comes nearer than {floor:.3f}; the one that does is {t:.3f} of the way")
    with torch.no_grad():
        one = softmax.speak(seed=0).expand(1000, -1)
        # Seeds below `steps` were trained on.
        many = gumbel.decoder(sampled(gumbel.logits, seed=steps, count=1000))
    judge("softmax", recordings, one)
    judge("samples", recordings, many)
    low, high = gumbel.logits.softmax(-1).tolist()
    print(f"the samples' choice was learned as {low:.3f} / {high:.3f}")
    draw_figure(plot, one, many)


if __name__ == "__main__":
    run(main, parser(__doc__, 1500, Path("two_speakers.png")))
