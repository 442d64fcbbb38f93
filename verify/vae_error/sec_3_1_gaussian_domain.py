r"""Section 3.1, diagonal Gaussian VAE: the block V that couples x with the squares of z has to vanish.

.. math:: \int \exp(x^\top W z + x^\top V z^2 + v^\top z + w^\top z^2) dz < \infty\ \ \forall x \in \mathbb R^d
          \ \Rightarrow\ V = 0,\ w < 0

Hypotheses: X is all of R^d. Shekhovtsov, Schlesinger, Flach (2022), section 3.1, below eq. (10); theory: section 2 (b).
In Q: for every column of V that is not zero there is an x at which the coefficient of z_j^2 is not negative, where the
integral over z diverges.
"""

from __future__ import annotations

from itertools import product
from random import Random

from flint import fmpq

from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.finite import text
from eftheory.exact.side import to_rational
from eftheory.verdict import Verdict

from ._exactly import ZERO, Instance, decided

GIVEN = ("all(w[j] < 0 for j in each(w))",)
OWN = (
    "square(j, y) = w[j] + sum(V[r][j]*at[y][r] for r in each(V))",
    "corner(j, y) = w[j] + sum(V[r][j]*signs[y][r] for r in each(V))",
)
RELATION = "all(implies(any(V[r][j] != 0 for r in each(V)), any(square(j, y) >= 0 for y in each(at))) for j in each(w))"
LARGEST = "min(max(square(j, y) for y in each(at)) for j in each(w))"
IN_A_BOX = (
    *GIVEN,
    "all(signs[y][r]**2 == 1 for y in each(signs) for r in each(V))",
    "all(any(signs[y][r] != signs[t][r] for r in each(V)) for y in each(signs) for t in each(signs) if y != t)",
    "sum(1 for y in each(signs)) == 2**sum(1 for r in each(V))",
)
BOX = "all(implies(any(V[r][j] != 0 for r in each(V)), any(corner(j, y) >= 0 for y in each(signs))) for j in each(w))"
CLOSEST = "max(corner(j, y) for j in each(w) for y in each(signs))"


def listed(quick: bool) -> list[str]:
    return [f"random/{d}x{k}/{i}" for i in range(4 if quick else 60) for d, k in ((1, 1), (2, 1), (2, 2), (3, 2))]


def draw(key: str, size: fmpq) -> tuple[list[list[fmpq]], list[fmpq]]:
    """V with whole columns of entries that are not zero, scaled by `size`; w negative."""
    rng = Random(key)
    d, k = (int(count) for count in key.split("/")[1].split("x"))
    V = [[size * rng.choice((-3, -2, -1, 1, 2, 3)) / rng.randint(1, 3) for _ in range(k)] for _ in range(d)]
    return V, [-fmpq(rng.randint(1, 9), rng.randint(1, 3)) for _ in range(k)]


def build(key: str) -> Instance:
    """For every column V_j the point ``x = -w_j V_j/|V_j|^2`` rounded outwards to whole multiples of V_j."""
    V, w = draw(key, fmpq(1))
    points = []
    for j, height in enumerate(w):
        column = [row[j] for row in V]
        times = (-height / sum((entry * entry for entry in column), ZERO)).ceil()
        points.append([times * entry for entry in column])
    return {"V": text(V), "w": text(w), "at": text(points)}


def build_box(key: str) -> Instance:
    """A small V, and all corners of the box ``[-1, 1]^d``: the coefficients of z^2 are largest there."""
    V, w = draw(key, fmpq(1, 40))
    return {"V": text(V), "w": text(w), "signs": text([list(signs) for signs in product((-1, 1), repeat=len(V))])}


def coefficients(instance: Instance, points: str) -> list[list[fmpq]]:
    """The coefficient of z_j^2 at each of the points: (j, points)."""
    V, w, at = instance["V"], instance["w"], instance[points]
    return [
        [sum((to_rational(V[r][j]) * to_rational(x[r]) for r in range(len(V))), to_rational(height)) for x in at]
        for j, height in enumerate(w)
    ]


@claim(
    "vae-error/sec-3-1-gaussian-domain",
    instances=Instances(keys=listed, build=build),
    where=where(*GIVEN, RELATION, LARGEST, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=(LARGEST,),
)
def domain(instance: Instance) -> Verdict:
    """With a coupling of x to the squares of z the posterior has no finite integral at some x."""
    tops = [max(row) for row in coefficients(instance, "at")]
    return decided(min(tops) >= 0, instance, reason="the coefficient of z_j^2", quantities={LARGEST: min(tops)})


@control(
    "vae-error/sec-3-1-gaussian-domain",
    "bounded-observations",
    instances=Instances(keys=listed, build=build_box),
    where=where(*IN_A_BOX, BOX, CLOSEST, own=OWN),
    given=IN_A_BOX,
    relation=BOX,
    quantities=(CLOSEST,),
)
def bounded_observations(instance: Instance) -> Verdict:
    """Where x is bounded, a small V leaves every posterior normal: V need not vanish."""
    tops = [max(row) for row in coefficients(instance, "signs")]
    return decided(min(tops) >= 0, instance, reason="the largest in the box", quantities={CLOSEST: max(tops)})
