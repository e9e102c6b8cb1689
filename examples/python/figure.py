"""How the figures of the examples look: one colour for each estimator, small open axes, PNG."""

import matplotlib

matplotlib.use("Agg")  # Draws into a file; needs no display.
from matplotlib import pyplot  # noqa: E402

# Okabe and Ito's palette, which colour-blind readers can tell apart.
SOFTMAX, GUMBEL, TRUTH = "#d55e00", "#0072b2", "#555555"

pyplot.rcParams.update(
    {
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
    }
)


def panels(count, width, height, **options):
    """A row of axes: the figure and a list."""
    figure, axes = pyplot.subplots(1, count, figsize=(width, height), layout="constrained", squeeze=False, **options)
    return figure, list(axes[0])


def smooth(values, width=25):
    """Means of up to `width` values, each and those before it: batches differ more than steps do."""
    return [sum(values[max(0, at - width + 1) : at + 1]) / min(at + 1, width) for at in range(len(values))]


def save(figure, path):
    figure.savefig(path, dpi=110)
    print(f"plotted {path}")
