"""Rational covariances with known eigenpairs, their stationary points, and the definitions that the claims share.

``S = U diag(l) U'``: U rational and orthogonal (Cayley), ``l_j = s2 + a_j^2`` above the noise, so that every
``W = U_J (L_J - s2 I)^(1/2) R`` is rational.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from flint import fmpq, fmpq_mat

from eftheory.analytic import ppca
from eftheory.analytic.matrices import Rows, diagonal, identity, product, transpose
from eftheory.exact.finite import text
from eftheory.exact.side import to_rational

from ._exactly import EXACT, ZERO, Instance, matrix, vector

SIZES = ((2, 1), (3, 1), (3, 2), (4, 2), (4, 3), (5, 3), (6, 3))
"""(d, k)."""

SAME = "same(i, j) = max(0, 1 - abs(i - j))"
WIDTH = "width = sum(1 for c in each(T[0]))"
DATA = "S(i, j) = sum(U[i][r]*l[r]*U[j][r] for r in each(l))"
ORTHOGONAL = "all(sum(U[i][r]*U[j][r] for r in each(l)) == same(i, j) for i in each(l) for j in each(l))"
POSITIVE = "s2 > 0 and all(l[j] > 0 for j in each(l))"
SCALES = "all(a[j]**2 == l[j] - s2 for j in each(l) if l[j] > s2)"


@dataclass(frozen=True)
class Design:
    """A covariance with eigenvectors U (columns) and eigenvalues l (falling); ``a_j^2 = l_j - s2`` where positive."""

    U: Rows
    eigenvalues: list[fmpq]
    s2: fmpq
    a: list[fmpq]

    @property
    def d(self) -> int:
        return len(self.eigenvalues)

    @property
    def S(self) -> Rows:
        return product(product(self.U, diagonal(self.eigenvalues, on=EXACT)), transpose(self.U))

    def as_dict(self) -> dict[str, object]:
        return {"U": text(self.U), "l": text(self.eigenvalues), "s2": str(self.s2), "a": text(self.a)}

    @staticmethod
    def read(instance: Instance) -> Design:
        """From the fields of an instance."""
        s2 = to_rational(instance["s2"])
        return Design(matrix(instance["U"]), vector(instance["l"]), s2, vector(instance["a"]))


def cayley(rng: Random, n: int) -> Rows:
    """A rational rotation ``(I - K)(I + K)^-1``, K antisymmetric with small entries, mostly on two diagonals."""
    K = [[ZERO] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1, min(i + 3, n)):
            K[i][j] = fmpq(rng.choice((-2, -1, -1, 0, 1, 1, 2)), rng.choice((1, 1, 2)))
            K[j][i] = -K[i][j]
    if n > 1 and all(entry == 0 for row in K for entry in row):
        K[0][1], K[1][0] = fmpq(1, 2), fmpq(-1, 2)
    one, k = fmpq_mat(identity(n, on=EXACT)), fmpq_mat(K)
    return [list(row) for row in ((one - k) * (one + k).inv()).tolist()]


def draw(rng: Random, d: int, *, above: int, tie: bool = False) -> Design:
    """A random covariance with `above` eigenvalues above s2, all different; tie: the two largest are equal."""
    s2 = fmpq(rng.randint(1, 6), rng.randint(1, 4))
    scales: list[fmpq] = []
    while len(scales) < above:
        a = fmpq(rng.randint(1, 9), rng.randint(1, 3))
        if a not in scales:
            scales.append(a)
    scales.sort(reverse=True)
    if tie and above > 1:
        scales[1] = scales[0]
    below: list[fmpq] = []
    while len(below) < d - above:
        share = fmpq(rng.randint(1, 9), 10)
        if share * s2 not in below:
            below.append(share * s2)
    below.sort(reverse=True)
    eigenvalues = [s2 + a * a for a in scales] + below
    return Design(cayley(rng, d), eigenvalues, s2, [*scales, *[ZERO] * (d - above)])


def sized(key: str) -> tuple[Random, int, int]:
    """The random numbers, d and k of a key ``.../3x2/0``."""
    d, k = (int(size) for size in key.split("/")[1].split("x"))
    return Random(key), d, k


def keys(
    quick: int, full: int, *, sizes: Sequence[tuple[int, int]] = SIZES, kinds: Sequence[str] = ("some",)
) -> Callable[[bool], list[str]]:
    """The list of keys ``kind/dxk/i``: `quick`, or `full`, draws for each size and kind."""

    def listed(only: bool) -> list[str]:
        count = quick if only else full
        return [f"{kind}/{d}x{k}/{i}" for kind in kinds for d, k in sizes for i in range(count)]

    return listed


def rows_for(J: Sequence[int], R: Rows, d: int) -> Rows:
    """T (d x k): row j of R for the eigenpairs j in J in turn, zeros elsewhere."""
    k = len(R)
    T = [[ZERO] * k for _ in range(d)]
    for t, j in enumerate(J):
        T[j] = list(R[t])
    return T


def place(rng: Random, J: ppca.Subset, d: int, k: int) -> Rows:
    """T (d x k): each eigenpair of J on a latent of its own, up to its sign."""
    T = [[ZERO] * k for _ in range(d)]
    for j, c in zip(J, rng.sample(range(k), len(J)), strict=True):
        T[j][c] = fmpq(rng.choice((-1, 1)))
    return T


def at(design: Design, T: Rows) -> dict[str, object]:
    """The point ``W = U diag(a) T`` as the fields of an instance."""
    J = [str(int(any(entry != 0 for entry in row))) for row in T]
    return {**design.as_dict(), "J": J, "T": text(T)}


def columns(design: Design, T: Rows) -> Rows:
    """``W = U diag(a) T`` (d x k)."""
    return product(design.U, [[a * entry for entry in row] for a, row in zip(design.a, T, strict=True)])


def subsets(design: Design, k: int) -> list[ppca.Subset]:
    return ppca.subsets(design.eigenvalues, design.s2, k, on=EXACT)


def top(design: Design, k: int) -> ppca.Subset:
    """The eigenpairs of the maximum: the first min(k, #{l_j > s2})."""
    return tuple(j for j in range(k) if design.eigenvalues[j] > design.s2)


def improvement(design: Design, k: int, J: ppca.Subset) -> tuple[int, int | None] | None:
    return ppca.improvement(design.eigenvalues, design.s2, k, J, on=EXACT)
