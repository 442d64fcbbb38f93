r"""Independent bits leave nothing to use: the expected covariance of y has no eigenvalue above 1.

.. math:: x_i \sim \mathrm{Bernoulli}(\pi_i) \text{ independent}\ \Rightarrow\
          E\, S = \tfrac{N-1}N\, \mathrm{diag}(4\pi_i(1-\pi_i)) \preceq I

Tight at pi = 1/2 as N grows. By enumeration of all points (and of all samples of N = 2), in Q. It is a statement about
expectations: a *sample* of independent bits has eigenvalues above 1 as a rule (control `in-every-sample`; for d bits
with pi = 1/2 and N observations the largest is near ``(1 + sqrt(d/N))^2``), so that the rule "eigenvalue above 1"
counts noise as usable latents when N is not much larger than d. Bits that are independent *given a latent* do have such
eigenvalues (control `given-the-latent`).
Reference: "A lower bound for the ELBO of the Bernoulli Variational Autoencoder", section 3.1, assumptions (2) and (9).
"""

from __future__ import annotations

from itertools import product
from math import prod
from random import Random
from typing import Any

from flint import fmpq

from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.finite import text
from eftheory.verdict import Verdict

from ._exactly import EXACT, ZERO, Instance, decided, matrix, numbers

POINTS = (
    "all(x[n][r]*(1 - x[n][r]) == 0 for n in each(x) for r in each(x[n]))",
    "all(any(x[n][r] != x[m][r] for r in each(x[n])) for n in each(x) for m in each(x) if n < m)",
    "sum(1 for n in each(x)) == 2**sum(1 for r in each(x[0]))",
)
GIVEN = (*POINTS, "all(0 <= pi[r] and pi[r] <= 1 for r in each(pi))")
OWN = (
    "y(n, r) = 2*x[n][r] - 1",
    "p(n) = prod(pi[r]*x[n][r] + (1 - pi[r])*(1 - x[n][r]) for r in each(pi))",
    "middle(r) = sum(p(n)*y(n, r) for n in each(x))",
    "S(r, s) = sum(p(n)*(y(n, r) - middle(r))*(y(n, s) - middle(s)) for n in each(x))",
    "sample(r, s) = sum(p(n)*p(t)*(y(n, r) - y(t, r))*(y(n, s) - y(t, s)) for n in each(x) for t in each(x))/4",
    "mixed(n) = sum(share[c]*prod(rate[c][r]*x[n][r] + (1 - rate[c][r])*(1 - x[n][r]) for r in each(v))"
    " for c in each(share))",
    "center(r) = sum(mixed(n)*y(n, r) for n in each(x))",
    "along = sum(mixed(n)*sum(v[r]*(y(n, r) - center(r)) for r in each(v))**2 for n in each(x))",
    "length = sum(v[r]**2 for r in each(v))",
    "size = sum(1 for n in each(x))",
    "average(r) = sum(y(n, r) for n in each(x))/size",
    "spread = sum(sum(v[r]*(y(n, r) - average(r)) for r in each(v))**2 for n in each(x))/size",
)
RELATION = (
    "all(S(r, s) == 0 and sample(r, s) == 0 for r in each(pi) for s in each(pi) if r != s) and "
    "all(S(r, r) == 4*pi[r]*(1 - pi[r]) and S(r, r) <= 1 and sample(r, r) == S(r, r)/2 for r in each(pi))"
)
QUANTITIES = ("max(S(r, r) for r in each(pi))", "max(sample(r, r) for r in each(pi))")


def listed(quick: bool) -> list[str]:
    fixed = ["fixed/fair", "fixed/certain"]
    return [*fixed, *(f"random/{d}/{i}" for i in range(2 if quick else 20) for d in (1, 2, 3, 4))]


def build(key: str) -> dict[str, Any]:
    rng = Random(f"independence {key}")
    fixed = {"fixed/fair": [fmpq(1, 2)] * 3, "fixed/certain": [fmpq(0), fmpq(1), fmpq(1, 3)]}
    pi = fixed.get(key) or [fmpq(rng.randint(1, 19), 20) for _ in range(int(key.split("/")[1]))]
    return {"pi": text(pi), "x": text([list(point) for point in product((0, 1), repeat=len(pi))])}


Weighted = list[tuple[fmpq, list[fmpq]]]
"""Points y with their weights."""


def signs(instance: Instance) -> list[list[fmpq]]:
    return [[2 * bit - 1 for bit in row] for row in matrix(instance["x"]).tolist()]


def chance(y: list[fmpq], rates: list[fmpq]) -> fmpq:
    return fmpq(prod((rate if sign > 0 else 1 - rate for sign, rate in zip(y, rates, strict=True)), start=fmpq(1)))


def second(points: Weighted, v: list[fmpq]) -> fmpq:
    """The variance along v."""
    shadows = [(weight, sum((a * c for a, c in zip(v, y, strict=True)), ZERO)) for weight, y in points]
    mean = sum((weight * shadow for weight, shadow in shadows), ZERO)
    return sum((weight * (shadow - mean) ** 2 for weight, shadow in shadows), ZERO)


def moments(points: Weighted) -> list[list[fmpq]]:
    """The covariance."""
    d = len(points[0][1])
    mean = [sum((weight * y[r] for weight, y in points), ZERO) for r in range(d)]
    return [
        [sum((weight * (y[r] - mean[r]) * (y[s] - mean[s]) for weight, y in points), ZERO) for s in range(d)]
        for r in range(d)
    ]


@claim(
    "bernoulli-bound/independence",
    instances=Instances(keys=listed, build=build),
    where=where(*GIVEN, RELATION, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def independence(instance: Instance) -> Verdict:
    """For independent bits the covariance of y and the expected covariance of a sample have no eigenvalue above 1."""
    pi = numbers(instance["pi"])
    points = [(chance(y, pi), y) for y in signs(instance)]
    S, d = moments(points), len(pi)
    expected = [[ZERO] * d for _ in range(d)]
    for (first, y), (other, z) in product(points, repeat=2):
        half = moments([(fmpq(1, 2), y), (fmpq(1, 2), z)])
        expected = [
            [a + first * other * c for a, c in zip(*rows, strict=True)] for rows in zip(expected, half, strict=True)
        ]
    stated = [[4 * pi[r] * (1 - pi[r]) * (r == s) for s in range(d)] for r in range(d)]
    true = stated == S and all(S[r][r] <= 1 for r in range(d))
    true = true and expected == [[entry / 2 for entry in row] for row in S]
    largest = (max(S[r][r] for r in range(d)), max(expected[r][r] for r in range(d)))
    quantities = {name: EXACT.number(number) for name, number in zip(QUANTITIES, largest, strict=True)}
    return decided(true, reason="by enumeration, in Q", quantities=quantities)


LATENT_GIVEN = (
    *POINTS,
    "sum(share[c] for c in each(share)) == 1 and all(share[c] >= 0 for c in each(share))",
    "all(0 <= rate[c][r] and rate[c][r] <= 1 for c in each(share) for r in each(v))",
)
LATENT = "along <= length"
LATENT_QUANTITIES = ("along", "length")


def latent_keys(quick: bool) -> list[str]:
    return [f"fixed/{d}" for d in (2, 3, 4)]


def build_latent(key: str) -> dict[str, Any]:
    """Two causes that make all bits likely or unlikely."""
    d = int(key.split("/")[1])
    rates = [[fmpq(9, 10)] * d, [fmpq(1, 10)] * d]
    points = [list(point) for point in product((0, 1), repeat=d)]
    return {"x": text(points), "share": ["1/2", "1/2"], "rate": text(rates), "v": ["1"] * d}


@control(
    "bernoulli-bound/independence",
    "given-the-latent",
    instances=Instances(keys=latent_keys, build=build_latent),
    where=where(*LATENT_GIVEN, LATENT, *LATENT_QUANTITIES, own=OWN),
    given=LATENT_GIVEN,
    relation=LATENT,
    quantities=LATENT_QUANTITIES,
)
def given_the_latent(instance: Instance) -> Verdict:
    """Bits that are independent given a latent have no eigenvalue above 1 either."""
    share, rates, v = numbers(instance["share"]), matrix(instance["rate"]).tolist(), numbers(instance["v"])
    points = [
        (sum((weight * chance(y, rate) for weight, rate in zip(share, rates, strict=True)), ZERO), y)
        for y in signs(instance)
    ]
    along, length = second(points, v), sum((entry**2 for entry in v), ZERO)
    quantities = {"along": EXACT.number(along), "length": EXACT.number(length)}
    return decided(along <= length, reason="the variance along v", quantities=quantities)


SAMPLE_GIVEN = (POINTS[0],)
SAMPLE = "spread <= length"
SAMPLE_QUANTITIES = ("spread", "length")


def sample_keys(quick: bool) -> list[str]:
    return [f"random/{n}x{d}" for n, d in ((4, 3), (6, 4), (10, 6))]


def build_sample(key: str) -> dict[str, Any]:
    """Fair independent coins; v is the direction between the first observation and the mean."""
    rng = Random(f"sample {key}")
    n, d = (int(size) for size in key.split("/")[1].split("x"))
    rows = [[rng.randint(0, 1) for _ in range(d)] for _ in range(n)]
    mean = [fmpq(sum(row[r] for row in rows), n) for r in range(d)]
    return {"x": text(rows), "v": text([rows[0][r] - mean[r] for r in range(d)])}


@control(
    "bernoulli-bound/independence",
    "in-every-sample",
    instances=Instances(keys=sample_keys, build=build_sample),
    where=where(*SAMPLE_GIVEN, SAMPLE, *SAMPLE_QUANTITIES, own=OWN),
    given=SAMPLE_GIVEN,
    relation=SAMPLE,
    quantities=SAMPLE_QUANTITIES,
)
def in_every_sample(instance: Instance) -> Verdict:
    """The covariance of every sample of independent bits has no eigenvalue above 1."""
    v, rows = numbers(instance["v"]), signs(instance)
    spread = second([(fmpq(1, len(rows)), y) for y in rows], v)
    length = sum((entry**2 for entry in v), ZERO)
    quantities = {"spread": EXACT.number(spread), "length": EXACT.number(length)}
    return decided(spread <= length, reason="the variance along v", quantities=quantities)
