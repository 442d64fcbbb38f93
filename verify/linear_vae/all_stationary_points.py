r"""Probabilistic PCA, fixed noise: the likelihood has no stationary points in W but those of subsets of eigenpairs.

With the gradient g of the likelihood by W, ``G = C g M = S W - W M`` and ``P = U' W W' U``, for every W

.. math:: (U^\top G W^\top U)_{ij} - (U^\top G W^\top U)_{ji} = (\lambda_i - \lambda_j) P_{ij},\qquad
          (U^\top G W^\top U)_{ii} = (\lambda_i - \sigma^2) P_{ii} - \sum_j P_{ij}^2 .

So where g vanishes and the eigenvalues differ, P is diagonal with entries 0 or :math:`\lambda_i - \sigma^2`, that is,
``W = U_J (L_J - s2 I)^(1/2) R`` (if two eigenvalues are equal, for some choice of their eigenvectors).

Hypotheses: the eigenvalues differ, ``S, s2 > 0``. Lucas, Tucker, Grosse, Norouzi (2019), section 3; Tipping, Bishop
(1999), appendix A. Decided in Q, at W that are stationary and at others.
"""

from __future__ import annotations

from typing import Any

from flint import fmpq

from eftheory.analytic import ppca
from eftheory.analytic.matrices import Rows, inverse, product, transpose
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.finite import text
from eftheory.exact.side import to_rational
from eftheory.verdict import Verdict

from ._design import DATA, ORTHOGONAL, POSITIVE, SAME, Design, cayley, columns, draw, keys, rows_for, sized, subsets
from ._exactly import EXACT, ZERO, Instance, decided, is_diagonal, is_zero, matrix, total, vector

DISTINCT = "all(l[i] != l[j] for i in each(l) for j in each(l) if i < j)"
INVERSE = "all(sum(Q[i][r]*C(r, j) for r in each(l)) == same(i, j) for i in each(l) for j in each(l))"
GIVEN = (POSITIVE, ORTHOGONAL, DISTINCT, INVERSE)
OWN = (
    SAME,
    DATA,
    "C(i, j) = sum(W[i][c]*W[j][c] for c in each(W[i])) + s2*same(i, j)",
    "F(i, j) = sum(Q[i][r]*S(r, j) for r in each(l))",
    "drive(i, j) = sum(F(i, r)*Q[r][j] for r in each(l)) - Q[i][j]",
    "slope(i, c) = sum(drive(i, j)*W[j][c] for j in each(l))",
    "M(b, c) = sum(W[i][b]*W[i][c] for i in each(l)) + s2*same(b, c)",
    "A(i, c) = sum(U[r][i]*W[r][c] for r in each(l))",
    "P(i, j) = sum(A(i, c)*A(j, c) for c in each(W[0]))",
    "part(r, c) = sum(C(r, i)*slope(i, c) for i in each(l))",
    "G(r, c) = sum(part(r, b)*M(b, c) for b in each(W[0]))",
    "E(i, j) = sum(U[r][i]*G(r, c)*A(j, c) for r in each(l) for c in each(W[0]))",
)
FORM = "all((P(i, i) == 0 or P(i, i) == l[i] - s2) and all(P(i, j) == 0 for j in each(l) if i != j) for i in each(l))"
STATIONARY = "all(slope(i, c) == 0 for i in each(l) for c in each(W[i]))"
FORM_FOLLOWS = f"implies({STATIONARY}, {FORM})"
RELATION = (
    "all(E(i, j) - E(j, i) == (l[i] - l[j])*P(i, j) for i in each(l) for j in each(l))"
    f" and all(E(i, i) == (l[i] - s2)*P(i, i) - sum(P(i, j)**2 for j in each(l)) for i in each(l)) and {FORM_FOLLOWS}"
)
LENGTH = "sum(slope(i, c)**2 for i in each(l) for c in each(W[i]))"
NUMBERS = (LENGTH, "sum(P(i, j)**2 for i in each(l) for j in each(l) if i < j)")


def build(key: str) -> dict[str, Any]:
    """A random W, or a stationary one; with the inverse of ``C = W W' + s2 I``."""
    rng, d, k = sized(key)
    design = draw(rng, d, above=rng.randint(1, d))
    if key.startswith("stationary"):
        J = rng.choice(subsets(design, k))
        W = columns(design, rows_for(J, cayley(rng, k) if k > 1 else [[fmpq(1)]], d))
    else:
        W = [[fmpq(rng.randint(-4, 4), rng.randint(1, 3)) for _ in range(k)] for _ in range(d)]
    return stated(design, W)


def stated(design: Design, W: Rows) -> dict[str, Any]:
    found = {**design.as_dict(), "W": text(W), "Q": text(inverse(ppca.covariance(W, design.s2, on=EXACT), on=EXACT))}
    return {name: value for name, value in found.items() if name != "a"}


def parts(instance: Instance) -> tuple[Rows, Rows, Rows, list[fmpq], fmpq]:
    """g, E and P of the docstring, the eigenvalues and s2."""
    U, W, s2 = matrix(instance["U"]), matrix(instance["W"]), to_rational(instance["s2"])
    values = vector(instance["l"])
    design = Design(U, values, s2, [ZERO] * len(U))
    g, _ = ppca.gradient(design.S, W, s2, on=EXACT)
    C, M = ppca.covariance(W, s2, on=EXACT), ppca.inner_covariance(W, s2, on=EXACT)
    A = product(transpose(U), W)
    E = product(product(transpose(U), product(product(C, g), M)), transpose(A))
    return g, E, product(A, transpose(A)), values, s2


def has_form(P: Rows, values: list[fmpq], s2: fmpq) -> bool:
    return is_diagonal(P) and all(P[i][i] in (ZERO, value - s2) for i, value in enumerate(values))


def numbers(g: Rows, P: Rows) -> dict[str, Any]:
    beside = [entry * entry for i, row in enumerate(P) for entry in row[i + 1 :]]
    return {NUMBERS[0]: total([entry * entry for row in g for entry in row]), NUMBERS[1]: total(beside)}


@claim(
    "linear-vae/all-stationary-points",
    instances=Instances(keys=keys(1, 12, kinds=("random", "stationary")), build=build),
    where=where(*GIVEN, RELATION, *NUMBERS, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=NUMBERS,
)
def all_stationary_points(instance: Instance) -> Verdict:
    """pPCA: a stationary W is that of a subset of eigenpairs (two identities at every W, from which it follows)."""
    g, E, P, values, s2 = parts(instance)
    d = len(values)
    true = all(E[i][j] - E[j][i] == (values[i] - values[j]) * P[i][j] for i in range(d) for j in range(d))
    true = true and all(
        E[i][i] == (values[i] - s2) * P[i][i] - total([entry * entry for entry in P[i]]) for i in range(d)
    )
    true = true and (not is_zero(g) or has_form(P, values, s2))
    return decided(true, reason="identities in Q", quantities=numbers(g, P))


def build_tie(key: str) -> dict[str, Any]:
    """Two equal eigenvalues, and a stationary W whose columns mix the two eigenvectors."""
    rng, d, k = sized(key)
    design = draw(rng, d, above=max(2, rng.randint(1, d)), tie=True)
    U = [list(row) for row in design.U]
    for row in U:
        row[0], row[1] = (3 * row[0] + 4 * row[1]) / 5, (-4 * row[0] + 3 * row[1]) / 5
    turned = Design(U, design.eigenvalues, design.s2, design.a)
    return stated(design, columns(turned, rows_for((0,), cayley(rng, k) if k > 1 else [[fmpq(1)]], d)))


TIED = (POSITIVE, ORTHOGONAL, INVERSE)


@control(
    "linear-vae/all-stationary-points",
    "equal-eigenvalues",
    instances=Instances(keys=keys(1, 3), build=build_tie),
    where=where(*TIED, FORM_FOLLOWS, *NUMBERS, own=OWN),
    given=TIED,
    relation=FORM_FOLLOWS,
    quantities=NUMBERS,
)
def equal_eigenvalues(instance: Instance) -> Verdict:
    """The same for any eigenvectors where two eigenvalues are equal."""
    g, _, P, values, s2 = parts(instance)
    true = not is_zero(g) or has_form(P, values, s2)
    return decided(true, reason="the form of P, in Q", quantities=numbers(g, P))
