"""What the commands that plot have in common: their options, and what they say when no service answers."""

import argparse
import sys
from pathlib import Path

import torch

from gumbel_sampler import Client, Unreachable


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def parser(description, steps, plot):
    """Options url, steps and plot. `description` is the docstring of the example."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--url", default="http://localhost:8080", help="the service")
    options.add_argument("--steps", type=positive, default=steps, help=f"of training, {steps} unless told")
    options.add_argument("--plot", type=Path, default=plot, help=f"file of the figure, {plot} unless told")
    return options


def shown(steps):
    """The steps to print: the first, every fifth of the way, and the last."""
    return sorted({*range(0, steps, max(1, steps // 5)), steps - 1})


def run(main, options):
    """Calls main with the options by name, and a client for the url."""
    arguments = options.parse_args()
    if not arguments.plot.parent.is_dir():
        options.error(f"--plot: there is no folder {arguments.plot.parent}")
    torch.set_num_threads(1)  # The arrays are small; and sums in one order print the same every time.
    named = vars(arguments)
    url = named.pop("url")
    try:
        with Client(url, retry_seconds=5) as client:
            main(client, **named)
    except Unreachable:
        sys.exit(f"No service answers at {url}. Start one with npm start, or name one with --url.")
