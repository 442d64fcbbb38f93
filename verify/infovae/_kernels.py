"""What the claims with kernels share: points, rational Gram matrices, and what shows that one is strictly definite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from flint import fmpq

from eftheory.analytic.kernels import gram, inverse_multiquadric, mmd_squared, polynomial
from eftheory.exact.loglinear import LogSum

from ._tables import ZERO, one_hot, table, vector

Rows = list[list[fmpq]]

STRICT = (
    "all(kernel[y][z] == kernel[z][y] for y in each(kernel) for z in each(kernel))",
    "all(pivots[y] > 0 and lower[y][y] == 1 for y in each(pivots))",
    "all(lower[y][z] == 0 for y in each(lower) for z in each(lower) if y < z)",
    "all(sum(lower[y][j]*pivots[j]*lower[z][j] for j in each(pivots)) == kernel[y][z]"
    " for y in each(kernel) for z in each(kernel))",
)
"""kernel = lower diag(pivots) lower' with positive pivots: strictly positive definite."""

DISTRIBUTIONS = (
    "sum(qz[z] for z in each(qz)) == 1 and sum(pz[z] for z in each(pz)) == 1",
    "all(qz[z] >= 0 and pz[z] >= 0 for z in each(qz))",
)
DISCREPANCY = "discrepancy = sum((qz[y] - pz[y])*kernel[y][z]*(qz[z] - pz[z]) for y in each(qz) for z in each(qz))"


def factors(matrix: Rows) -> tuple[Rows, list[fmpq]]:
    """``M = L D L'`` with 1 on the diagonal of L; a vanishing pivot leaves zeros below it (M is semidefinite)."""
    size = len(matrix)
    lower, pivots = [one_hot(i, size) for i in range(size)], [ZERO] * size
    for j in range(size):
        pivots[j] = matrix[j][j] - sum((lower[j][i] ** 2 * pivots[i] for i in range(j)), ZERO)
        for i in range(j + 1, size):
            rest = matrix[i][j] - sum((lower[i][t] * lower[j][t] * pivots[t] for t in range(j)), ZERO)
            lower[i][j] = rest / pivots[j] if pivots[j] != 0 else ZERO
    return lower, pivots


def with_factors(matrix: Rows) -> dict[str, Any]:
    """The fields kernel, lower, pivots."""
    lower, pivots = factors(matrix)
    return {"kernel": matrix, "lower": lower, "pivots": pivots}


def is_strict(instance: Mapping[str, Any]) -> bool:
    """Whether the instance's factors are those of its kernel, all pivots positive."""
    matrix = table(instance["kernel"])
    lower, pivots = factors(matrix)
    given = table(instance["lower"]), vector(instance["pivots"])
    return (lower, pivots) == given and all(pivot > 0 for pivot in pivots)


def line(rng: Random, count: int) -> list[list[fmpq]]:
    """Distinct rational points of the line."""
    places = rng.sample(range(-12, 13), count)
    return [[fmpq(place, 4)] for place in places]


def multiquadric(points: Sequence[Sequence[fmpq]], *scales: fmpq | int) -> Rows:
    """Gram matrix of a sum of inverse multiquadrics, one for each scale."""
    matrices = [gram(inverse_multiquadric(fmpq(scale)), points) for scale in scales]
    return [[sum(cells, ZERO) for cells in zip(*rows, strict=True)] for rows in zip(*matrices, strict=True)]


def moments(points: Sequence[Sequence[fmpq]], degree: int) -> Rows:
    """Gram matrix of the polynomial kernel, which sees moments up to `degree` and nothing else."""
    return gram(polynomial(degree, fmpq(1)), points)


def discrepancy(q: Sequence[fmpq], p: Sequence[fmpq], instance: Mapping[str, Any]) -> LogSum:
    """MMD^2 under the instance's kernel."""
    return LogSum(mmd_squared(q, p, table(instance["kernel"])))
