r"""MMD on finite sets: zero exactly for equal distributions where the kernel is strictly definite.

.. math:: \mathrm{MMD}^2(q, p) = (q-p)^\top K (q-p) \ge 0

With K strictly positive definite (all pivots of its factors positive, so of full rank) it vanishes only for q = p; the
inverse multiquadric is such a kernel on distinct points. A polynomial kernel is not: its rank is at most the number of
monomials. Decided in Q, the rank too. Gretton et al., A kernel two-sample test (2012), theorem 5; Zhao, Song, Ermon,
InfoVAE (2019), section 4.1; theory: section 9.
"""

from __future__ import annotations

from random import Random
from typing import Any

from flint import fmpq

from eftheory.analytic.kernels import gram_rank, mmd_squared
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.decide import exactly
from eftheory.exact.draws import distribution
from eftheory.exact.finite import text
from eftheory.verdict import Verdict

from ._kernels import DISCREPANCY, DISTRIBUTIONS, STRICT, factors, line, moments, multiquadric, with_factors
from ._tables import Instance, table, vector

POINTS = (
    "0 < scale and all(any(points[y][i] != points[z][i] for i in each(points[y]))"
    " for y in each(points) for z in each(points) if y < z)",
    "all(kernel[y][z]*(1 + sum((points[y][i] - points[z][i])**2 for i in each(points[y]))/scale) == 1"
    " for y in each(points) for z in each(points))",
)
"""Distinct points, inverse multiquadric kernel."""
FACTORED = (*STRICT[2:], "all(lower[y][y] == 1 for y in each(pivots))")
"""The factors, whose pivots are for the relation to judge."""
ZERO_IFF = "discrepancy >= 0 and iff(discrepancy == 0, all(qz[z] == pz[z] for z in each(qz)))"
RELATION = f"all(pivots[y] > 0 for y in each(pivots)) and {ZERO_IFF}"
QUANTITIES = ("discrepancy", "min(pivots[y] for y in each(pivots))")
POLYNOMIAL = (
    "all(kernel[y][z] == (1 + sum(points[y][i]*points[z][i] for i in each(points[y])))**degree"
    " for y in each(points) for z in each(points))",
)


def listed(quick: bool) -> list[str]:
    return [f"{kind}/{i}" for i in range(4 if quick else 60) for kind in ("free", "near", "equal")]


def build(key: str) -> dict[str, Any]:
    kind, _, number = key.partition("/")
    rng = Random(f"mmd {key}")
    count, width = 2 + int(number) % 5, 1 + int(number) % 2
    points = [[*first, fmpq(rng.randint(-3, 3), 2)][:width] for first in line(rng, count)]
    scale = fmpq(rng.randint(1, 12), 3)
    p = distribution(rng, count)
    q = p if kind == "equal" else distribution(rng, count)
    if kind == "near":
        q = [(999 * a + b) / 1000 for a, b in zip(p, q, strict=True)]
    fields = {"qz": q, "pz": p, "points": points, "scale": scale, **with_factors(multiquadric(points, scale))}
    return {name: text(value) for name, value in fields.items()}


def decide(instance: Instance, *, strict: bool) -> Verdict:
    """MMD = 0 only for q = p and, if `strict`, positive pivots and full rank."""
    q, p, matrix = vector(instance["qz"]), vector(instance["pz"]), table(instance["kernel"])
    value, (_, pivots), rank = mmd_squared(q, p, matrix), factors(matrix), gram_rank(matrix)
    true = bool(value >= 0) and (value == 0) == (q == p)
    if strict:
        true = true and min(pivots) > 0 and rank == len(q)
    reason = f"MMD^2 is {'zero' if value == 0 else 'positive'}, q {'=' if q == p else '!='} p, rank {rank} of {len(q)}"
    return exactly(true, reason=reason, quantities=dict(zip(QUANTITIES, (value, min(pivots)), strict=True)))


@claim(
    "infovae/mmd-strict",
    instances=Instances(keys=listed, build=build),
    where=where(*DISTRIBUTIONS, *POINTS, *FACTORED, RELATION, *QUANTITIES, own=(DISCREPANCY,)),
    given=(*DISTRIBUTIONS, *POINTS, *FACTORED),
    relation=RELATION,
    quantities=QUANTITIES,
)
def mmd_strict(instance: Instance) -> Verdict:
    """The inverse multiquadric kernel is strictly definite on finite sets, and MMD is zero exactly for q = p."""
    return decide(instance, strict=True)


def build_polynomial(key: str) -> dict[str, Any]:
    """q and p with equal moments up to the degree, on degree + 2 points."""
    degree = int(key.partition("/")[2])
    count = degree + 2
    points = [[fmpq(z)] for z in range(count)]
    signed = [fmpq((-1) ** z) * binomial(count - 1, z) for z in range(count)]  # a finite difference of order degree + 1
    p = [fmpq(1, count)] * count
    q = [a + b / (count * 2**count) for a, b in zip(p, signed, strict=True)]
    fields = {"qz": q, "pz": p, "points": points, "degree": degree, **with_factors(moments(points, degree))}
    return {name: text(value) for name, value in fields.items()}


def binomial(n: int, k: int) -> int:
    return 1 if k in (0, n) else binomial(n - 1, k - 1) + binomial(n - 1, k)


@control(
    "infovae/mmd-strict",
    "polynomial-kernel",
    instances=Instances(keys=lambda quick: [f"degree/{i}" for i in (1, 2, 3, 5)], build=build_polynomial),
    where=where(*DISTRIBUTIONS, *POLYNOMIAL, *FACTORED, ZERO_IFF, *QUANTITIES, own=(DISCREPANCY,)),
    given=(*DISTRIBUTIONS, *POLYNOMIAL, *FACTORED),
    relation=ZERO_IFF,
    quantities=QUANTITIES,
)
def polynomial_kernel(instance: Instance) -> Verdict:
    """A polynomial kernel is not characteristic: MMD is zero although q and p differ."""
    return decide(instance, strict=False)
