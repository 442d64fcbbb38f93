"""How far four points in the plane are from a parallelogram and from a rectangle, labelled by two bits.

With ``c(z) = m + e1 a + e2 b + e1 e2 g``, ``e = 1 - 2 z``, the points are a parallelogram iff ``g = 0`` (f is affine in
the bits, eq. 5), and a rectangle iff also ``a'b = 0`` (tight with the uniform prior; theory: section 2(c)).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

SIGNS = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]) / 4
"""m, a, b, g from the rows c(00), c(01), c(10), c(11)."""
PAIRINGS = ((0, 1, 2, 3), (0, 1, 3, 2), (0, 2, 3, 1))
"""The 24 labellings up to the 8 that map a square to itself: first and last are opposite corners."""
Corners = NDArray[np.float64]
Projection = Callable[[Corners], Corners]
TURN = np.array([[0.0, -1.0], [1.0, 0.0]])


@dataclass(frozen=True)
class Shape:
    """distance: square root of the sum of squares over the four points. corners: (4, 2), in the order of the points.

    diagonals: which points are opposite, two pairs.
    """

    distance: float
    corners: tuple[tuple[float, ...], ...]
    diagonals: tuple[tuple[int, int], tuple[int, int]]


def nearest_parallelogram(points: Sequence[Sequence[float]], *, any_labels: bool = True) -> Shape:
    """Least squares: ``g`` is set to 0, at distance ``2 |g|``. any_labels: over all labellings, else as given."""
    return _nearest(points, _parallelogram, any_labels)


def nearest_rectangle(points: Sequence[Sequence[float]], *, any_labels: bool = True) -> Shape:
    """Least squares: sides along e and its normal, ``e`` the top eigenvector of ``aa' + (T'b)(T'b)'``, T a right angle.

    For a given direction the residual is ``4 (|g|^2 + |a|^2 + |b|^2 - (a'e)^2 - (b'Te)^2)``.
    """
    return _nearest(points, _rectangle, any_labels)


def matching(points: Sequence[Sequence[float]], targets: Sequence[Sequence[float]]) -> tuple[int, ...]:
    """For each point the number of its own target, so that the sum of squared distances is least."""
    squares = ((np.asarray(points)[:, None] - np.asarray(targets)[None]) ** 2).sum(-1)
    rows = np.arange(len(squares))
    return min(permutations(range(len(squares))), key=lambda order: float(squares[rows, list(order)].sum()))


def _nearest(points: Sequence[Sequence[float]], project: Projection, any_labels: bool) -> Shape:
    found = []
    for labels in PAIRINGS if any_labels else PAIRINGS[:1]:
        order = list(labels)
        given = np.asarray(points, dtype=float)
        corners = given.copy()
        corners[order] = project(given[order])
        a, b, c, d = labels
        distance = float(np.sqrt(((corners - given) ** 2).sum()))
        found.append(Shape(distance, tuple(map(tuple, corners.tolist())), ((a, d), (b, c))))
    return min(found, key=lambda shape: shape.distance)


def _parallelogram(c: Corners) -> Corners:
    m, a, b, _ = SIGNS @ c
    return _corners(m, a, b)


def _rectangle(c: Corners) -> Corners:
    m, a, b, _ = SIGNS @ c
    turned = TURN.T @ b
    _, vectors = np.linalg.eigh(np.outer(a, a) + np.outer(turned, turned))
    e = vectors[:, -1]
    return _corners(m, (a @ e) * e, (turned @ e) * (TURN @ e))


def _corners(m: Corners, a: Corners, b: Corners) -> Corners:
    return np.stack([m + a + b, m + a - b, m - a + b, m - a - b])
