"""Linear algebra over Q: null spaces, annihilating weights, solutions, ranks."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd, lcm

from flint import fmpq, fmpq_mat, fmpz_mat

from eftheory.errors import MisuseError

Row = Sequence[fmpq | int]
LLL_LIMIT = 24
"""Largest number of vectors that is reduced; beyond it the sparse echelon basis is kept."""


def matrix(rows: Sequence[Row]) -> fmpq_mat:
    """The rational matrix with these rows; raises MisuseError when they are not equally long."""
    if not rows or len({len(row) for row in rows}) != 1:
        raise MisuseError(wanted="rows of one length", got=f"{len(rows)} rows", do="pad or drop the odd ones")
    return fmpq_mat([[fmpq(entry) for entry in row] for row in rows])


def rank(rows: Sequence[Row]) -> int:
    """Rank over Q."""
    return int(matrix(rows).rank())


def nullspace(rows: Sequence[Row]) -> list[list[fmpq]]:
    """A basis of ``{b : M b = 0}``, one vector for each free column of the reduced echelon form."""
    reduced, r = matrix(rows).rref()
    n = reduced.ncols()
    pivots = [next(j for j in range(n) if reduced[i, j] != 0) for i in range(r)]
    basis = []
    for free in sorted(set(range(n)) - set(pivots)):
        vector = [fmpq(0)] * n
        vector[free] = fmpq(1)
        for i, pivot in enumerate(pivots):
            vector[pivot] = -reduced[i, free]
        basis.append(vector)
    return basis


def annihilators(functions_at_points: Sequence[Row]) -> list[list[int]]:
    """A basis over Q of the weights b with ``M b = 0``, in primitive integers, small entries preferred (LLL).

    functions_at_points: a row for each function, a column for each point. The basis spans every rational annihilator.
    """
    vectors = [primitive(vector) for vector in nullspace(functions_at_points)]
    if 1 < len(vectors) <= LLL_LIMIT:
        reduced = fmpz_mat(vectors).lll()
        vectors = [primitive([fmpq(entry) for entry in row]) for row in reduced.tolist()]
    return sorted(vectors, key=lambda v: (sum(1 for entry in v if entry), sum(abs(entry) for entry in v)))


def primitive(vector: Sequence[fmpq]) -> list[int]:
    """The integer vector without common factor on the same line, its first non-zero entry positive."""
    denominator = lcm(*(int(entry.q) for entry in vector))
    whole = [int(entry.p) * (denominator // int(entry.q)) for entry in vector]
    divisor = gcd(*whole) or 1
    lead = next((entry for entry in whole if entry), 1)
    divisor = divisor if lead > 0 else -divisor
    return [entry // divisor for entry in whole]


def solve(rows: Sequence[Row], right: Row) -> list[fmpq] | None:
    """One solution of ``M a = right`` (free unknowns set to 0), or None when there is none."""
    m, n = len(rows), len(rows[0])
    reduced, r = matrix([[*row, value] for row, value in zip(rows, right, strict=True)]).rref()
    solution = [fmpq(0)] * n
    for i in range(min(r, m)):
        pivot = next(j for j in range(n + 1) if reduced[i, j] != 0)
        if pivot == n:
            return None
        solution[pivot] = reduced[i, n]
    return solution
