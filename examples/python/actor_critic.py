"""An actor with a Gumbel-softmax head, and a critic that is right about actions and misleading about mixtures.

A courier sees the weather, one of four, and takes one of three roads. Each road has two legs, and each leg may be
closed:

    coast    the first leg is always open, the second always flooded
    hills    the first leg is always snowed in, the second always open
    inland   each leg is open with probability w, by the weather 0.45, 0.42, 0.40 or 0.35

A parcel arrives if both legs are open: never by the coast or the hills, with probability w^2 inland. That is the
optimum.

The critic learns from journeys on random roads how likely each leg is open, u for the first and v for the second, a
number for each weather and road. Its value of an action a, one-hot, is <a, u> <a, v>, and for every road that is
right. The actor climbs this value through a, as in DDPG and MADDPG. Two actors differ in what they hand the critic:

    softmax   a = softmax(logits)
    samples   a = a one-hot Gumbel-softmax sample of the service, with the gradient of ReinMax or straight-through

Why the softmax actor must fail, whatever its start: log(<a, u> <a, v>) is concave in a, so on the simplex it has no
second, lesser maximum to stop at, and its maximum is half coast, half hills. There the gradient is
u / (1/2) + v / (1/2) = (2, 2, 4 w): equal where a is positive, and smaller inland, as w < 1/2; that is the condition of
Karush, Kuhn and Tucker. The value there is 1/4 > w^2: the first leg along the coast, the second through the hills.
But a courier has to be on one road. Played greedily or by lot, no parcel arrives.

The samples' actor only ever asks about roads. The value is quadratic in a, where ReinMax at temperature 1 is right on
average. (With three roads one could also sum over them. Ten couriers would have 59049 plans, and a draw ten rows.)
"""

from pathlib import Path

import torch

from command_line import parser, run, shown
from figure import GUMBEL, SOFTMAX, TRUTH, panels, save, smooth
from gumbel_sampler.torch import gumbel_softmax

ROADS = ["coast", "hills", "inland"]
INLAND = [0.45, 0.42, 0.40, 0.35]
# Probability that a leg is open: [2 legs, weathers, roads].
OPEN = torch.tensor([[[1.0, 0.0, w] for w in INLAND], [[0.0, 1.0, w] for w in INLAND]])
ARRIVAL = OPEN.prod(0)
OPTIMUM = ARRIVAL.amax(1).mean().item()
WEATHERS = len(INLAND)
JOURNEYS, BATCH, HIDDEN = 256, 64, 16


class Critic:
    """Estimates of OPEN: the mean of the outcomes seen, 1/2 before the first."""

    def __init__(self):
        self.seen = torch.zeros(WEATHERS, len(ROADS))
        self.opened = torch.zeros_like(OPEN)

    def learn(self, weather, road, legs_open):
        """Adds journeys: weather and road [n], legs_open [2, n]."""
        self.seen.index_put_((weather, road), torch.ones(len(road)), accumulate=True)
        for leg, outcome in enumerate(legs_open):
            self.opened[leg].index_put_((weather, road), outcome, accumulate=True)

    def value(self, weather, action):
        """<a, u> <a, v>, for weather [n] and action [n, roads]."""
        likely = torch.where(self.seen > 0, self.opened / self.seen.clamp(min=1), 0.5)
        return (likely[:, weather] * action).sum(-1).prod(0)


def explore(critic, generator):
    """Journeys on random roads: off policy, so that both actors learn from the same critic."""
    weather = torch.randint(WEATHERS, (JOURNEYS,), generator=generator)
    road = torch.randint(len(ROADS), (JOURNEYS,), generator=generator)
    critic.learn(weather, road, (torch.rand(2, JOURNEYS, generator=generator) < OPEN[:, weather, road]).float())


def new_actor():
    """Weather, one-hot -> logits of the roads."""
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(WEATHERS, HIDDEN), torch.nn.Tanh(), torch.nn.Linear(HIDDEN, len(ROADS)))


EVERY_WEATHER = torch.eye(WEATHERS)


@torch.no_grad()
def arrivals(actor):
    """The exact share of parcels that arrive, over the weathers: roads drawn by lot, and always the likeliest road."""
    policy = actor(EVERY_WEATHER).softmax(-1)
    greedy = torch.nn.functional.one_hot(policy.argmax(-1), len(ROADS))
    return [(chosen * ARRIVAL).sum(-1).mean().item() for chosen in (policy, greedy)]


def train(actors, steps):
    """Each step the critic learns from new journeys and each actor climbs. Returns [promised, by lot, greedy] for each.

    actors: name -> function that turns logits and a seed into what the critic gets.
    """
    generator = torch.Generator().manual_seed(1)
    critic = Critic()
    networks = {name: new_actor() for name in actors}
    optimizers = {name: torch.optim.Adam(network.parameters(), lr=0.02) for name, network in networks.items()}
    history = {name: [] for name in actors}
    for step in range(steps):
        explore(critic, generator)
        weather = torch.randint(WEATHERS, (BATCH,), generator=generator)
        for name, act in actors.items():
            promised = critic.value(weather, act(networks[name](EVERY_WEATHER[weather]), step)).mean()
            optimizers[name].zero_grad()
            (-promised).backward()
            optimizers[name].step()
            history[name].append([promised.item(), *arrivals(networks[name])])
    return networks, history


def draw_figure(path, networks, history):
    figure, axes = panels(3, 11, 3.0, width_ratios=[1.2, 1.2, 1])
    for axis, (name, color) in zip(axes, [("softmax", SOFTMAX), ("samples", GUMBEL)]):
        promised, by_lot, _ = zip(*history[name])
        axis.plot(smooth(promised), "--", color=color, label="promised by the critic")
        axis.plot(by_lot, color=color, label="arrives")
        axis.axhline(OPTIMUM, color=TRUTH, linestyle=":", label="optimum")
        axis.set(title=f"actor trained on {name}", xlabel="step", ylabel="share of parcels", ylim=(-0.01, 0.27))
        axis.legend(loc="center right")
    with torch.no_grad():
        for at, (name, color) in enumerate([("softmax", SOFTMAX), ("samples", GUMBEL)]):
            shares = networks[name](EVERY_WEATHER).softmax(-1).mean(0).tolist()
            places = [road + (at - 0.5) * 0.38 for road in range(len(ROADS))]
            axes[2].bar(places, shares, 0.36, color=color, label=name)
    axes[2].set(title="roads taken, all weathers", xticks=range(len(ROADS)), xticklabels=ROADS, ylabel="probability")
    axes[2].legend(loc="upper left")
    save(figure, path)


def main(client, steps, plot, estimator):
    def sampled(logits, seed):
        # The seed of a step is its number, so every run is the same.
        return gumbel_softmax(logits, hard=True, seed=seed, estimator=estimator, client=client)

    networks, history = train({"softmax": lambda logits, seed: logits.softmax(-1), "samples": sampled}, steps)
    for step in shown(steps):
        shares = "; ".join(
            f"{name}: promised {h[step][0]:.3f}, arrives {h[step][1]:.3f}" for name, h in history.items()
        )
        print(f"step {step:4d}  {shares}")
    print(f"optimum {OPTIMUM:.4f}; roads by lot {ARRIVAL.mean():.4f}; a mixture promises up to 0.2500")
    for name, figures in history.items():
        promised = sum(figure[0] for figure in figures[-25:]) / len(figures[-25:])
        _, by_lot, greedy = figures[-1]
        print(f"{name:8s} promised {promised:.4f}, arrives by lot {by_lot:.4f}, greedily {greedy:.4f}")
    draw_figure(plot, networks, history)


if __name__ == "__main__":
    options = parser(__doc__, 400, Path("actor_critic.png"))
    options.add_argument("--estimator", default="reinmax", choices=["reinmax", "straight_through"])
    run(main, options)
