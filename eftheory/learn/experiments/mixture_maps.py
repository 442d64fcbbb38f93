"""Which code is decided where: the maps of the mixture experiment, as texts of digits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from eftheory.learn.experiments.plane import Truth

PIXELS = 81
"""On each side."""
MARGIN = 2.0
"""Beyond the centres, in standard deviations."""


def extent(truth: Truth) -> tuple[float, float, float, float]:
    """left, right, bottom, top of the maps: square."""
    low, high = truth.centres.amin(0), truth.centres.amax(0)
    middle, half = (low + high) / 2, float((high - low).max()) / 2 + MARGIN * math.sqrt(truth.variance)
    x, y = middle.tolist()
    return x - half, x + half, y - half, y + half


def pixels_of(truth: Truth) -> Tensor:
    """The middles of the pixels row by row from below, (PIXELS^2, 2)."""
    left, right, bottom, top = extent(truth)
    places = (torch.arange(PIXELS, dtype=torch.float64) + 0.5) / PIXELS
    y, x = torch.meshgrid(bottom + (top - bottom) * places, left + (right - left) * places, indexing="ij")
    return torch.stack([x, y], -1).reshape(-1, 2)


def regions(scores: Tensor, names: Sequence[int] = (0, 1, 2, 3)) -> list[str]:
    """The best code at each pixel as a digit, one text for each row from below. names: of the codes."""
    best = torch.tensor(names)[scores.argmax(-1)].reshape(PIXELS, PIXELS)
    return ["".join(map(str, row)) for row in best.tolist()]


def shares(posterior: Tensor) -> list[list[list[float]]]:
    rows: list[list[list[float]]] = posterior.reshape(PIXELS, PIXELS, -1).tolist()
    return rows
