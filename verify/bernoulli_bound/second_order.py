r"""Second order at the closed form: a minimum modulo rotations of the latents.

.. math:: W = 2 U_k (\max(\Lambda_k, 1) - I)^{1/2} Q:\quad D^2 L \succeq 0,
          \text{ zero exactly along the rotations } W A,\ A' = -A

In the basis ``u_i q_j'`` (q_j the rows of the rotation Q), by factors L D L' with D >= 0; D vanishes as often as the
rotations of the latents move W in dimensions (pairs of latents, one of them active), so that its kernel is theirs.
Hypotheses: no eigenvalue is 1, and all are distinct. In b the Hessian is ``C^-1/4``, positive definite; mixed
derivatives vanish. Decided in Q.
Reference: "A lower bound for the ELBO of the Bernoulli Variational Autoencoder", section 3.1; theory: section 8.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

from flint import fmpq_mat

from eftheory.analytic.bernoulli_bound import curvature_of_moments
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.finite import text
from eftheory.verdict import Verdict

from ._curvature import COMMON, FLAT, closed_form, direction, is_flat, read
from ._design import DESIGN, INVERSE, LARGEST
from ._exactly import EXACT, ZERO, Instance, decided, factors, numbers

PICKED = (
    "all(pick[i] == i for i in each(g))",
    *LARGEST,
    "all(l[i] != 1 for i in each(l)) and all(l[i] > l[j] for i in each(l) for j in each(l) if i < j)",
)
SPLIT = (
    "all(any(first[a] == i and second[a] == j for a in each(D)) for i in each(l) for j in each(g))",
    "sum(1 for a in each(D)) == sum(1 for i in each(l) for j in each(g))",
    "all(L[a][a] == 1 for a in each(D)) and all(L[a][c] == 0 for a in each(D) for c in each(D) if a < c)",
    "all(sum(L[a][t]*D[t]*L[c][t] for t in each(D)) == hessian(first[a], second[a], first[c], second[c])"
    " for a in each(D) for c in each(D))",
)
GIVEN = (*DESIGN, *PICKED, INVERSE[0], *SPLIT)
RELATION = (
    f"{FLAT} and all(D[a] >= 0 for a in each(D)) and "
    "sum(1 for a in each(D) if D[a] == 0) == sum(1 for i in each(g) for j in each(g) if i < j and g[i] > 0)"
)
QUANTITIES = ("max(D[a] for a in each(D))", "hessian(0, 0, 0, 0)")


def hessian(U: fmpq_mat, Q: fmpq_mat, W: fmpq_mat, S: fmpq_mat) -> fmpq_mat:
    """In the basis ``u_i q_p'``, i before p."""
    basis = [direction(U, Q, i, p) for i in range(U.nrows()) for p in range(Q.nrows())]
    half = [
        [curvature_of_moments(S.tolist(), W.tolist(), V, Z, on=EXACT).rational for Z in basis[: i + 1]]
        for i, V in enumerate(basis)
    ]
    return fmpq_mat([[half[max(i, j)][min(i, j)] for j in range(len(basis))] for i in range(len(basis))])


def listed(quick: bool) -> list[str]:
    shapes = ((1, 1), (2, 1), (2, 2), (3, 2), (3, 1), (4, 2))
    return [f"random/{d}x{k}/{above}" for d, k in shapes for above in range(min(d, k + 1 if quick else 3) + 1)]


def build(key: str) -> dict[str, Any]:
    """The closed form and the factors of its Hessian."""
    fields = closed_form(key)
    U, Q, W, S = read(fields)
    lower, pivots = factors(hessian(U, Q, W, S))
    places = [(i, p) for i in range(U.nrows()) for p in range(Q.nrows())]
    fields |= {"L": text(lower), "D": text(pivots)}
    return fields | {"first": text([i for i, _ in places]), "second": text([p for _, p in places])}


@claim(
    "bernoulli-bound/second-order",
    instances=Instances(keys=listed, build=build),
    where=where(*GIVEN, RELATION, *QUANTITIES, own=COMMON),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def second_order(instance: Instance) -> Verdict:
    """At the closed form the Hessian in W is positive semidefinite, its kernel the rotations of the latents."""
    U, Q, W, S = read(instance)
    H = hessian(U, Q, W, S)
    _, pivots = factors(H)
    moved = sum(1 for first, _ in combinations(numbers(instance["g"]), 2) if first > 0)
    true = is_flat(W, S) and all(entry >= 0 for entry in pivots) and pivots.count(ZERO) == moved
    quantities = {QUANTITIES[0]: EXACT.number(max(pivots)), QUANTITIES[1]: EXACT.number(H[0, 0])}
    return decided(true, reason="pivots of the Hessian, in Q", quantities=quantities)


STRICT = f"{FLAT} and all(D[a] > 0 for a in each(D))"


def two_active(quick: bool) -> list[str]:
    return ["random/2x2/2", "random/3x2/2", "random/4x2/2"]


@control(
    "bernoulli-bound/second-order",
    "isolated",
    instances=Instances(keys=two_active, build=build),
    where=where(*GIVEN, STRICT, *QUANTITIES, own=COMMON),
    given=GIVEN,
    relation=STRICT,
    quantities=QUANTITIES,
)
def isolated(instance: Instance) -> Verdict:
    """The minimum is isolated: the Hessian is positive definite, also with two active latents."""
    H = hessian(*read(instance))
    _, pivots = factors(H)
    quantities = {QUANTITIES[0]: EXACT.number(max(pivots)), QUANTITIES[1]: EXACT.number(H[0, 0])}
    return decided(all(entry > 0 for entry in pivots), reason="pivots of the Hessian", quantities=quantities)
