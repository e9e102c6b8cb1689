"""Splits a draw into requests, by rows and then by samples, and puts their results together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ._wire import Array
from .limits import Limits


class Part(NamedTuple):
    """Rows [row, row_end) and samples [sample, sample_end) of a draw."""

    row: int
    row_end: int
    sample: int
    sample_end: int

    @property
    def rows(self) -> slice:
        return slice(self.row, self.row_end)

    def halves(self, by_samples: bool) -> list[Part]:
        """Itself alone where it cannot be halved."""
        if self.row_end - self.row > 1:
            middle = (self.row + self.row_end) // 2
            return [self._replace(row_end=middle), self._replace(row=middle)]
        if by_samples and self.sample_end - self.sample > 1:
            middle = (self.sample + self.sample_end) // 2
            return [self._replace(sample_end=middle), self._replace(sample=middle)]
        return [self]

    def __str__(self) -> str:
        text = f"rows {self.row} to {self.row_end - 1}"
        return text if self.sample_end == 1 else f"{text}, samples {self.sample} to {self.sample_end - 1}"


def split(rows: int, samples: int, row_bytes: int, categories: int, width: int, limits: Limits) -> list[Part]:
    """Parts within the limits, as far as single samples of single rows are.

    `row_bytes` is what a row takes in the body, `width` how many numbers a sample of a row returns.
    """
    drawn, returned = max(categories, 1), max(width, 1)
    samples_at_once = max(
        1, min(samples, limits.samples, limits.elements_drawn // drawn, limits.elements_returned // returned)
    )
    rows_at_once = max(
        1,
        min(
            rows,
            limits.rows,
            limits.body_bytes // max(row_bytes, 1),
            limits.elements_drawn // (drawn * samples_at_once),
            limits.elements_returned // (returned * samples_at_once),
        ),
    )
    return [
        Part(row, min(row + rows_at_once, rows), sample, min(sample + samples_at_once, samples))
        for row in range(0, max(rows, 1), rows_at_once)
        for sample in range(0, samples, samples_at_once)
    ]


def joined(pieces: Iterable[tuple[Part, Array]], rows: int, num_samples: int | None) -> Array:
    """One array of the pieces of an output: [B, ...], or [S, B, ...] with num_samples."""
    whole: Array | None = None
    for part, piece in pieces:
        front = () if num_samples is None else (num_samples,)
        if whole is None:
            whole = np.empty((*front, rows, *piece.shape[len(front) + 1 :]), piece.dtype)
        if num_samples is None:
            whole[part.rows] = piece
        else:
            whole[part.sample : part.sample_end, part.rows] = piece
    assert whole is not None, "a draw has at least one part"
    return whole
