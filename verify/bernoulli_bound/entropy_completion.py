r"""The entropy-completion lemma: tr(B^-1 A) - log det A is least at A = B.

.. math:: \mathrm{tr}(B^{-1}A) - \log\det A \ \ge\ n - \log\det B,\qquad \text{equality exactly for } A = B

for symmetric positive definite A, B (given by factors L D L', D > 0). It is ``2 KL(N(0, A) || N(0, B)) >= 0``, and
gives the covariance of the best encoder. Equality is decided in Q, the rest in intervals.
Reference: "A lower bound for the ELBO of the Bernoulli Variational Autoencoder", section A.3; theory: section 8.
"""

from __future__ import annotations

from random import Random
from typing import Any

from flint import fmpq, fmpq_mat

from eftheory.analytic.matrices import inner, inverse, log_det
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.finite import text
from eftheory.exact.side import rationals
from eftheory.verdict import Verdict

from ._exactly import EXACT, Exact, Instance, decided, factors, positive_definite, same, sign_of

GIVEN = (
    "all(DA[i] > 0 and DB[i] > 0 and LA[i][i] == 1 and LB[i][i] == 1 for i in each(A))",
    "all(LA[i][j] == 0 and LB[i][j] == 0 for i in each(A) for j in each(A) if i < j)",
    "all(sum(LA[i][l]*DA[l]*LA[j][l] for l in each(A)) == A[i][j] for i in each(A) for j in each(A))",
    "all(sum(LB[i][l]*DB[l]*LB[j][l] for l in each(A)) == B[i][j] for i in each(A) for j in each(A))",
    "all(sum(B[i][l]*inverse[l][j] for l in each(A)) == max(0, 1 - abs(i - j)) for i in each(A) for j in each(A))",
)
OWN = (
    "left = sum(inverse[i][j]*A[j][i] for i in each(A) for j in each(A)) - sum(log(DA[i]) for i in each(A))",
    "right = sum(1 - log(DB[i]) for i in each(A))",
    "direct = sum(B[i][j]*A[j][i] for i in each(A) for j in each(A)) - sum(log(DA[i]) for i in each(A))",
)
RELATION = "right <= left and iff(left == right, all(A[i][j] == B[i][j] for i in each(A) for j in each(A)))"
QUANTITIES = ("left", "right")
NOT_INVERTED = "right <= direct"


def listed(quick: bool) -> list[str]:
    fixed = ["fixed/equal", "fixed/correlated", "fixed/nearly"]
    return [*fixed, *(f"random/{n}/{i}" for i in range(3 if quick else 40) for n in (1, 2, 3, 4))]


def pair(key: str) -> tuple[fmpq_mat, fmpq_mat]:
    """(A, B)."""
    if key.startswith("fixed/"):
        B = fmpq_mat([[fmpq(2), fmpq(1)], [fmpq(1), fmpq(2)]])
        A = {"fixed/equal": B, "fixed/correlated": same(2), "fixed/nearly": B + same(2) * fmpq(1, 1000)}
        return A[key], B
    rng = Random(f"entropy-completion {key}")
    n = int(key.split("/")[1])
    return positive_definite(rng, n), positive_definite(rng, n)


def build(key: str) -> dict[str, Any]:
    A, B = pair(key)
    (first, pivots), (second, others) = factors(A), factors(B)
    fields = {"A": A.tolist(), "B": B.tolist(), "LA": first, "DA": pivots, "LB": second, "DB": others}
    return {name: text(value) for name, value in {**fields, "inverse": B.inv().tolist()}.items()}


INSTANCES = Instances(keys=listed, build=build)


def sides(instance: Instance, *, inverted: bool = True) -> tuple[Exact, Exact]:
    """``tr(B^-1 A) - log det A`` (with B for its inverse) and ``n - log det B``."""
    A, B = rationals(instance["A"]), rationals(instance["B"])
    other = inverse(B, on=EXACT) if inverted else B
    left = inner(other, A) - log_det(A, on=EXACT)
    return EXACT.number(left), len(A) - log_det(B, on=EXACT)


@claim(
    "bernoulli-bound/entropy-completion",
    instances=INSTANCES,
    where=where(*GIVEN, RELATION, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def entropy_completion(instance: Instance) -> Verdict:
    """tr(B^-1 A) - log det A >= n - log det B, with equality exactly for A = B."""
    left, right = sides(instance)
    equal = rationals(instance["A"]) == rationals(instance["B"])
    true = sign_of(left - right) >= 0 and left.equals(right) == equal
    return decided(true, reason="both sides", quantities={"left": left, "right": right}, exact=equal)


@control(
    "bernoulli-bound/entropy-completion",
    "not-inverted",
    instances=INSTANCES,
    where=where(*GIVEN, NOT_INVERTED, "direct", "right", own=OWN),
    given=GIVEN,
    relation=NOT_INVERTED,
    quantities=("direct", "right"),
)
def not_inverted(instance: Instance) -> Verdict:
    """The same with tr(B A) in place of tr(B^-1 A)."""
    left, right = sides(instance, inverted=False)
    quantities = {"direct": left, "right": right}
    return decided(sign_of(left - right) >= 0, reason="both sides", quantities=quantities, exact=False)
