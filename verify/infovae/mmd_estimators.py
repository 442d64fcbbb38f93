r"""Estimators of MMD: the U-statistic is unbiased, the V-statistic overestimates, by how much exactly.

From samples of m points of q and n of p, with x, x' independent draws of q and y, y' of p:

.. math:: E\,U = \mathrm{MMD}^2,\qquad
          E\,V = \mathrm{MMD}^2 + (E k(x,x) - E k(x,x'))/m + (E k(y,y) - E k(y,y'))/n

V takes all pairs, U pairs of different draws within a sample (all pairs across); U is sometimes negative, V never.
Hypotheses: finitely many points, positive probabilities, m, n >= 2, any symmetric kernel (here inverse multiquadrics,
so that the bias is not negative). Expectations by enumeration of every pair of samples, in Q. Gretton et al., A kernel
two-sample test (2012), lemma 6; Zhao, Song, Ermon, InfoVAE (2019), section 4.1; theory: section 9.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from random import Random
from typing import Any

from flint import fmpq

from eftheory.analytic.kernels import Kernel, mmd_squared, u_statistic, v_bias, v_statistic
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.decide import exactly
from eftheory.exact.draws import distribution
from eftheory.exact.finite import text
from eftheory.verdict import Verdict

from ._kernels import DISCREPANCY, DISTRIBUTIONS, line, multiquadric
from ._tables import ZERO, Instance, table, vector

SAMPLES = (
    "all(kernel[y][z] == kernel[z][y] for y in each(kernel) for z in each(kernel))",
    "sum(chanceq(s) for s in each(left)) == 1 and sum(chancep(s) for s in each(right)) == 1",
    "all(any(left[s][i] != left[t][i] for i in each(left[s])) for s in each(left) for t in each(left) if s < t)",
    "all(any(right[s][i] != right[t][i] for i in each(right[s])) for s in each(right) for t in each(right) if s < t)",
    "all(qz[z] > 0 and pz[z] > 0 for z in each(qz))",
)
"""left: every sample from q, right: every sample from p, once each (their probabilities add up to 1)."""
SAMPLED = (
    DISCREPANCY,
    "chanceq(s) = prod(qz[left[s][i]] for i in each(left[s]))",
    "chancep(s) = prod(pz[right[s][i]] for i in each(right[s]))",
    "m = sum(1 for i in each(left[0]))",
    "n = sum(1 for i in each(right[0]))",
    "allq(s) = sum(kernel[left[s][i]][left[s][j]] for i in each(left[s]) for j in each(left[s]))",
    "allp(s) = sum(kernel[right[s][i]][right[s][j]] for i in each(right[s]) for j in each(right[s]))",
    "ownq(s) = sum(kernel[left[s][i]][left[s][i]] for i in each(left[s]))",
    "ownp(s) = sum(kernel[right[s][i]][right[s][i]] for i in each(right[s]))",
    "cross(s, t) = 2*sum(kernel[left[s][i]][right[t][j]] for i in each(left[s]) for j in each(right[t]))/(m*n)",
    "statv(s, t) = allq(s)/m**2 + allp(t)/n**2 - cross(s, t)",
    "statu(s, t) = (allq(s) - ownq(s))/(m*(m - 1)) + (allp(t) - ownp(t))/(n*(n - 1)) - cross(s, t)",
    "meanv = sum(chanceq(s)*chancep(t)*statv(s, t) for s in each(left) for t in each(right))",
    "meanu = sum(chanceq(s)*chancep(t)*statu(s, t) for s in each(left) for t in each(right))",
    "spreadq = sum(qz[z]*(kernel[z][z] - sum(qz[y]*kernel[y][z] for y in each(qz))) for z in each(qz))",
    "spreadp = sum(pz[z]*(kernel[z][z] - sum(pz[y]*kernel[y][z] for y in each(pz))) for z in each(pz))",
    "bias = spreadq/m + spreadp/n",
)
EXPECTED = "meanu == discrepancy and meanv == discrepancy + bias and bias >= 0"
V_UNBIASED = "meanv == discrepancy"
U_POSITIVE = "all(statu(s, t) >= 0 for s in each(left) for t in each(right))"
SAMPLE_NUMBERS = ("discrepancy", "meanv", "bias")
SIZES = ((2, 2, 2), (3, 2, 2), (2, 3, 2), (3, 3, 2), (2, 4, 3), (3, 2, 3))
"""(points, m, n)."""


def sampled(quick: bool) -> list[str]:
    return [f"random/{z}-{m}-{n}/{i}" for i in range(1 if quick else 12) for z, m, n in SIZES]


def build_samples(key: str) -> dict[str, Any]:
    rng = Random(f"samples of {key}")
    count, m, n = (int(size) for size in key.split("/")[1].split("-"))
    matrix = multiquadric(line(rng, count), fmpq(rng.randint(1, 12), 3))
    left, right = ([list(sample) for sample in product(range(count), repeat=size)] for size in (m, n))
    q, p = distribution(rng, count), distribution(rng, count)
    fields = {"qz": q, "pz": p, "kernel": matrix, "left": left, "right": right}
    return {name: text(value) for name, value in fields.items()}


Statistic = Callable[[Sequence[int], Sequence[int]], fmpq]


def expected(instance: Instance, statistic: Statistic) -> fmpq:
    """The expectation over all pairs of samples."""
    q, p = vector(instance["qz"]), vector(instance["pz"])
    total = ZERO
    for left, right in samples(instance):
        chance = fmpq(1)
        for weights, sample in ((q, left), (p, right)):
            for place in sample:
                chance *= weights[place]
        total += chance * statistic(left, right)
    return total


def samples(instance: Instance) -> list[tuple[list[int], list[int]]]:
    left, right = ([[int(i) for i in sample] for sample in instance[name]] for name in ("left", "right"))
    return [(s, t) for s in left for t in right]


def on_points(instance: Instance, which: Callable[..., fmpq]) -> Statistic:
    """The statistic of samples given by the indices of their points; the kernel looks its table up."""
    matrix = table(instance["kernel"])
    kernel = Kernel("table", lambda a, b: matrix[a[0]][b[0]], None, characteristic=True)
    return lambda left, right: which(kernel, [[i] for i in left], [[i] for i in right])


def decide_samples(instance: Instance, judge: Callable[[fmpq, fmpq, fmpq, fmpq], bool], reason: str) -> Verdict:
    """judge: from (MMD^2, E V, bias, E U)."""
    q, p, matrix = vector(instance["qz"]), vector(instance["pz"]), table(instance["kernel"])
    sizes = len(instance["left"][0]), len(instance["right"][0])
    value, bias = mmd_squared(q, p, matrix), v_bias(q, p, matrix, sizes)
    mean_v, mean_u = (expected(instance, on_points(instance, which)) for which in (v_statistic, u_statistic))
    numbers = dict(zip(SAMPLE_NUMBERS, (value, mean_v, bias), strict=True))
    return exactly(judge(value, mean_v, bias, mean_u), reason=reason, quantities=numbers)


def stated(relation: str) -> dict[str, Any]:
    given = (*DISTRIBUTIONS, *SAMPLES)
    definitions = where(*given, relation, *SAMPLE_NUMBERS, own=SAMPLED)
    return {"where": definitions, "given": given, "relation": relation, "quantities": SAMPLE_NUMBERS}


@claim("infovae/mmd-estimators", instances=Instances(keys=sampled, build=build_samples), **stated(EXPECTED))
def mmd_estimators(instance: Instance) -> Verdict:
    """The U-statistic is unbiased for MMD^2; the V-statistic overestimates by spread/m + spread/n."""
    return decide_samples(
        instance,
        lambda value, mean_v, bias, mean_u: mean_u == value and mean_v == value + bias and bool(bias >= 0),
        "expectations by enumeration of every pair of samples",
    )


@control(
    "infovae/mmd-estimators",
    "v-statistic-unbiased",
    instances=Instances(keys=sampled, build=build_samples),
    **stated(V_UNBIASED),
)
def v_statistic_unbiased(instance: Instance) -> Verdict:
    """The V-statistic is unbiased as well."""
    return decide_samples(instance, lambda value, mean_v, bias, mean_u: mean_v == value, "by enumeration")


@control(
    "infovae/mmd-estimators",
    "u-statistic-never-negative",
    instances=Instances(keys=sampled, build=build_samples),
    **stated(U_POSITIVE),
)
def u_statistic_never_negative(instance: Instance) -> Verdict:
    """The U-statistic, like MMD, is never negative."""
    statistic = on_points(instance, u_statistic)
    least = min(statistic(left, right) for left, right in samples(instance))
    return decide_samples(instance, lambda *found: bool(least >= 0), f"the smallest U-statistic is {least}")
