r"""The Stein surrogate is to be minimised with a minus sign: then KL(q(z), p(z)) falls; with the paper's sign it grows.

:math:`\varphi^*(z) = \frac1n\sum_j [k(z_j,z)\,\nabla\log p(z_j) + \nabla_{z_j} k(z_j,z)]`; a gradient step of size
:math:`\epsilon` on :math:`-\sum_i z_i\cdot\mathrm{stop}(\varphi^*(z_i))` moves each code to
:math:`z_i + \epsilon\varphi^*(z_i)`; on :math:`+\sum_i z_i\cdot\mathrm{stop}(\varphi^*(z_i))`, as the paper prints it,
the other way.
Prior N(0, 1), kernel 1 + z z', codes with mean m and variance v > 0: the step is affine, so that a normal q stays
normal, and KL = (v + m^2 - 1 - log v)/2 is exact. With :math:`S = m^2 + (v+m^2-1)^2`, the squared kernelised Stein
discrepancy (here from its definition as a double sum), and :math:`\epsilon(v+4), \epsilon(v+m^2)^2,
2\epsilon(v+m^2-1) \le 1`,

.. math:: KL(\epsilon) \le KL - \epsilon S/2,\qquad KL(-\epsilon) \ge KL + \epsilon S.

*Proof.* The first derivative at 0 is -S, the second :math:`v r^2 + d^2 + r^2/(1+\epsilon r)^2 \ge 0`, with
:math:`r = 1-v-m^2, d = -m(v+m^2)`, at most :math:`(v+4)r^2 + (v+m^2)^2 m^2 \le S/\epsilon` where
:math:`\epsilon r \ge -1/2`. Tight to first order but for the factor 1/2. The surrogate's value is no divergence. Zhao,
Song, Ermon, InfoVAE (2019), appendix B (the sign as printed is wrong); Liu and Wang (2016), theorem 3.1 and lemma 3.2;
theory: section 9.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from flint import fmpq

from eftheory.analytic.kernels import polynomial, stein_direction
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.finite import text
from eftheory.exact.loglinear import LogSum
from eftheory.exact.side import to_rational
from eftheory.verdict import Verdict

from ._tables import ZERO, decided, sign_of, vector

SPREAD = ("0 < variance",)
SMALL_STEP = (
    "0 < step and step*(variance + 4) <= 1",
    "step*(variance + mean**2)**2 <= 1 and 2*step*(variance + mean**2 - 1) <= 1",
)
OWN = (
    "count = sum(1 for i in each(points))",
    "mean = sum(points[i] for i in each(points))/count",
    "variance = sum(points[i]**2 for i in each(points))/count - mean**2",
    "k(i, j) = 1 + points[i]*points[j]",
    "direction(i) = sum(points[i] - k(j, i)*points[j] for j in each(points))/count",
    "middle(t) = sum(points[i] + t*direction(i) for i in each(points))/count",
    "width(t) = sum((points[i] + t*direction(i))**2 for i in each(points))/count - middle(t)**2",
    "divergence(t) = (width(t) + middle(t)**2 - 1 - log(width(t)))/2",
    "square = sum(points[i]*points[j]*k(i, j) - points[i]**2 - points[j]**2 + 1"
    " for i in each(points) for j in each(points))/count**2",
    "surrogate = -sum(points[i]*direction(i) for i in each(points))/count",
)
"""The score of N(0, 1) at z is -z, and the derivative of 1 + z z' in z is z'."""
RELATION = "divergence(step) <= divergence(0) - step*square/2 and divergence(0) + step*square <= divergence(-step)"
PAPER_SIGN = "divergence(-step) <= divergence(0)"
NOT_NEGATIVE = "surrogate >= 0"
QUANTITIES = ("divergence(0)", "divergence(step)", "divergence(-step)")
KERNEL = polynomial(1, fmpq(1))
FIXED: dict[str, Sequence[fmpq | int]] = {
    "at-the-prior": (-1, 1),
    "too-narrow": (fmpq(-1, 2), fmpq(1, 3), fmpq(1, 7)),
    "too-wide": (-3, fmpq(1, 2), 4),
    "far": (4, 5, fmpq(9, 2), 6),
}


def listed(quick: bool) -> list[str]:
    return [*(f"fixed/{name}" for name in FIXED), *(f"random/{i}" for i in range(8 if quick else 150))]


def build(key: str) -> dict[str, Any]:
    kind, _, name = key.partition("/")
    rng = Random(f"stein {key}")
    if kind == "fixed":
        points = [fmpq(z) for z in FIXED[name]]
    else:
        size, centre = fmpq(rng.randint(1, 12), 4), fmpq(rng.randint(-8, 8), 4)
        points = [centre + size * fmpq(rng.randint(-20, 20), 20) for _ in range(rng.randint(2, 8))]
        points[1] = points[0] + fmpq(1, 20)  # not all alike
    mean, variance = moments(points)
    second = variance + mean**2
    step = fmpq(rng.randint(3, 10), 10) / max(variance + 4, second**2, 2 * (second - 1))
    return {"points": text(points), "step": str(step)}


def moments(points: Sequence[fmpq]) -> tuple[fmpq, fmpq]:
    """Mean and variance."""
    mean = sum(points, ZERO) / len(points)
    return mean, sum((z * z for z in points), ZERO) / len(points) - mean**2


def divergence(points: Sequence[fmpq]) -> LogSum:
    """KL of the normal distribution with these moments from N(0, 1)."""
    mean, variance = moments(points)
    return LogSum((variance + mean**2 - 1) / 2, {variance: fmpq(-1, 2)})


def directions(points: Sequence[fmpq]) -> list[fmpq]:
    particles = [[z] for z in points]
    return [stein_direction([z], particles, KERNEL, lambda at: [-at[0]])[0] for z in points]


def squared_discrepancy(points: Sequence[fmpq]) -> fmpq:
    """The squared norm of the direction in the kernel's space: its coefficients along 1 and z."""
    mean, variance = moments(points)
    return mean**2 + (1 - variance - mean**2) ** 2


def decide(instance: Mapping[str, Any], judge: Callable[[LogSum, LogSum, LogSum, fmpq], list[int]]) -> Verdict:
    """judge: from the divergence before, after and against the step, and step times S, signs that must not be -1."""
    points, step = vector(instance["points"]), to_rational(instance["step"])
    along = directions(points)
    moved = [[z + sign * step * d for z, d in zip(points, along, strict=True)] for sign in (0, 1, -1)]
    before, after, against = (divergence(each) for each in moved)
    signs = judge(before, after, against, step * squared_discrepancy(points))
    numbers = dict(zip(QUANTITIES, (before, after, against), strict=True))
    reason = "KL of the codes' moments before, after and against a step"
    return decided(min(signs) >= 0, reason=reason, quantities=numbers, exact=max(signs) == 0)


def stated(relation: str, *given: str) -> dict[str, Any]:
    definitions = where(*SPREAD, *given, relation, *QUANTITIES, own=OWN)
    return {"where": definitions, "given": (*SPREAD, *given), "relation": relation, "quantities": QUANTITIES}


@claim("infovae/stein-sign", instances=Instances(keys=listed, build=build), **stated(RELATION, *SMALL_STEP))
def stein_sign(instance: Mapping[str, Any]) -> Verdict:
    """Minimising -z.stop(phi*(z)) lowers KL(q(z), p(z)), by step*S/2 at least; the opposite sign raises it."""
    return decide(
        instance,
        lambda before, after, against, fall: [
            sign_of(before - after - LogSum(fall / 2)),
            sign_of(against - before - LogSum(fall)),
        ],
    )


@control(
    "infovae/stein-sign",
    "paper-sign",
    instances=Instances(keys=lambda quick: listed(quick)[1:], build=build),
    **stated(PAPER_SIGN, *SMALL_STEP),
)
def paper_sign(instance: Mapping[str, Any]) -> Verdict:
    """Minimising +z.stop(phi*(z)), as printed: the codes move away from the prior and the divergence grows."""
    return decide(instance, lambda before, after, against, fall: [sign_of(before - against)])


@control(
    "infovae/stein-sign",
    "value-is-a-divergence",
    instances=Instances(keys=lambda quick: ["fixed/too-narrow"], build=build),
    **stated(NOT_NEGATIVE, *SMALL_STEP),
)
def value_is_a_divergence(instance: Mapping[str, Any]) -> Verdict:
    """The surrogate's value is never negative, as a divergence would be."""
    points = vector(instance["points"])
    total = sum((z * d for z, d in zip(points, directions(points), strict=True)), ZERO)
    sign = sign_of(LogSum(-total))
    return decide(instance, lambda *found: [sign])
