"""Results: a draw, and the gradient of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ._rows import Rows
from ._wire import Array


@dataclass(frozen=True, eq=False, repr=False)
class Draw:
    """A draw: what the service returned, and everything that replays it.

    Outputs are attributes of their names, such as `samples` and `indices`, and items of `outputs`. An output that was
    not asked for is an AttributeError.
    """

    outputs: Mapping[str, Array]
    """Arrays by name. They have the leading shape of the logits, behind the axis of num_samples if there is one."""
    seed: int | Array
    """The seed as given or chosen; an array uint64 in the leading shape for a seed per row."""
    noise_version: str
    provider: str
    """The execution provider that computed soft samples."""
    rows: Rows = field(repr=False)
    """The request, flattened to rows."""

    def _output(self, name: str) -> Array:
        if name not in self.outputs:
            raise AttributeError(f"the draw has no {name}: ask for it with outputs=[..., {name!r}]")
        return self.outputs[name]

    @property
    def samples(self) -> Array:
        """float32, shaped like the logits: soft samples, or one-hot with hard."""
        return self._output("samples")

    @property
    def indices(self) -> Array:
        """int64, the category drawn of each row."""
        return self._output("indices")

    @property
    def log_samples(self) -> Array:
        """float32, logarithms of the soft samples, which do not underflow."""
        return self._output("log_samples")

    @property
    def log_prob(self) -> Array:
        """float64, the density of the soft sample behind each row, as a logarithm."""
        return self._output("log_prob")

    @property
    def noise(self) -> Array:
        """float32, the Gumbel noise."""
        return self._output("noise")

    @property
    def index_log_prob(self) -> Array:
        """float64, log softmax(logits) at each index: what a policy gradient needs."""
        return self._output("index_log_prob")

    @property
    def top_indices(self) -> Array:
        """int64, k categories drawn without replacement, in order; the first is the index."""
        return self._output("top_indices")

    @property
    def top_scores(self) -> Array:
        """float64, perturbed log-probabilities of `top_indices`."""
        return self._output("top_scores")

    @property
    def top_threshold(self) -> Array:
        """float64, the (k+1)-th perturbed log-probability."""
        return self._output("top_threshold")

    @property
    def top_log_prob(self) -> Array:
        """float64, the Plackett-Luce log-probability of `top_indices` in their order."""
        return self._output("top_log_prob")

    @property
    def temperature(self) -> float | Array:
        return self._of_rows(self.rows.temperature)

    @property
    def hard(self) -> bool | Array:
        return self._of_rows(self.rows.hard)

    @property
    def num_samples(self) -> int | None:
        return self.rows.num_samples

    @property
    def axis(self) -> int:
        """The axis of the categories in the logits, counted from the first."""
        return self.rows.axis

    @property
    def logits(self) -> Array:
        """The logits as they were sent: a copy, which later changes of the caller's array do not reach."""
        return self.rows.restored(self.rows.logits, sampled=False)

    def _of_rows(self, value: Any) -> Any:
        return value.reshape(self.rows.lead) if isinstance(value, np.ndarray) else value

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in self.outputs.items())
        seed = self.seed if isinstance(self.seed, int) else f"one for each of {self.rows.count} rows"
        return f"<Draw: {shapes}; seed {seed}, noise {self.noise_version}>"


@dataclass(frozen=True, eq=False)
class Gradient:
    """The vector-Jacobian product of a draw: gradients of a loss with respect to logits and temperature."""

    logits: Array
    """float32, shaped like the logits."""
    temperature: Array | None
    """float32: a number (an array without axes) for one temperature, else in the leading shape. None for estimators
    that have none."""
    noise_version: str
    provider: str
