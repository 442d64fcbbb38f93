r"""Stein's identity, by rigorous quadrature: the operator of p has mean zero under p.

.. math:: E_p[\mathcal A_p f] = 0,\qquad \mathcal A_p f = f' + f\,(\log p)'

Here p = N(mean, v), f(z) = exp(-(z-a)^2/(2s)), a slice of the normal kernel, and also f(z) = 1/(1 + (z-a)^2/s). On
cells of width `step` around the `centres`, which cover [mean - R, mean + R], the integral of
:math:`g = (f' + f (\log p)')\,e^{-(z-mean)^2/2v}` is step g(centre) + step^3/24 g''(some point of the cell); g'' is
enclosed on the cell. Beyond, :math:`|g| \le (1/s + 1/v + |mean-a|/(sR))\,|u|\,e^{-u^2/2v}`, u = z - mean. The
certificate shows that the total lies within 0.001 of zero; the claim itself also integrates both functions in balls
(Arb) and finds zero within the tails, which are far smaller. Liu and Wang (2016), section 2; theory: section 9.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from flint import acb, arb, ctx, fmpq

from eftheory.analytic.kernels import stein_operator
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.decide import Sheet, certify
from eftheory.exact.finite import text
from eftheory.exact.side import to_rational
from eftheory.verdict import Verdict

from ._tables import vector

GIVEN = (
    "0 < s and 0 < v and 0 < step and 0 < radius",
    "all(centres[i + 1] == centres[i] + step for i in each(centres) if i + 1 < sum(1 for j in each(centres)))",
    "centres[0] - step/2 == mean - radius and centres[0] + (sum(1 for j in each(centres)) - 1/2)*step == mean + radius",
)
OWN = (
    "slope(z) = -(z - a)/s - (z - mean)/v",
    "bump(z) = exp(-(z - a)**2/(2*s) - (z - mean)**2/(2*v))",
    "bent(z) = (slope(z)**3 - 3*(1/s + 1/v)*slope(z))*bump(z)",
    "cell(i) = span(centres[i] - step/2, centres[i] + step/2)",
    "within = sum(step*slope(centres[i])*bump(centres[i]) + step**3*bent(cell(i))/24 for i in each(centres))",
    "tail = 2*v*(1/s + 1/v + abs(mean - a)/(s*radius))*exp(-radius**2/(2*v))",
    "size = sum(step*abs(slope(centres[i]))*bump(centres[i]) for i in each(centres))",
    "halved = sum(step*(mean - cell(i))*bump(cell(i))/v for i in each(centres))",
)
"""slope bump = g, bent = g''; size: what cancels; halved: the integral without f'."""
RELATION = "-0.001 <= within - tail and within + tail <= 0.001"
DROPPED = "-0.001 <= halved - tail and halved + tail <= 0.001"
QUANTITIES = ("size", "tail")
ZERO_WITHIN = fmpq(1, 1000)


@dataclass(frozen=True)
class Setting:
    """p = N(mean, v), a kernel slice at a with scale s, the grid."""

    mean: fmpq
    v: fmpq
    a: fmpq
    s: fmpq
    step: fmpq
    radius: fmpq
    centres: list[fmpq]

    def slope(self, z: arb) -> arb:
        return -(z - self.a) / self.s - (z - self.mean) / self.v

    def bump(self, z: arb) -> arb:
        return (-((z - self.a) ** 2) / (2 * self.s) - (z - self.mean) ** 2 / (2 * self.v)).exp()

    def bent(self, z: arb) -> arb:
        return (self.slope(z) ** 3 - 3 * (1 / self.s + 1 / self.v) * self.slope(z)) * self.bump(z)

    @property
    def tail(self) -> arb:
        factor = 1 / self.s + 1 / self.v + abs(self.mean - self.a) / (self.s * self.radius)
        return arb(2 * self.v * factor) * (-(arb(self.radius) ** 2) / (2 * self.v)).exp()

    def cell(self, centre: fmpq) -> arb:
        return arb(centre - self.step / 2).union(arb(centre + self.step / 2))


def read(instance: Mapping[str, Any]) -> Setting:
    numbers = {name: to_rational(instance[name]) for name in ("mean", "v", "a", "s", "step", "radius")}
    return Setting(**numbers, centres=vector(instance["centres"]))


FIXED = {  # mean, v, a, s
    "standard": (0, 1, 1, 1),
    "narrow-kernel": (0, 1, fmpq(1, 2), fmpq(1, 2)),
    "shifted": (fmpq(1, 3), fmpq(3, 4), fmpq(-2, 3), 2),
}


def listed(quick: bool) -> list[str]:
    return [*(f"fixed/{name}" for name in FIXED), *(f"random/{i}" for i in range(1 if quick else 20))]


def build(key: str) -> dict[str, Any]:
    kind, _, name = key.partition("/")
    rng = Random(f"stein identity {key}")
    if kind == "fixed":
        mean, v, a, s = (fmpq(number) for number in FIXED[name])
    else:
        mean, v = fmpq(rng.randint(-9, 9), 6), fmpq(rng.randint(6, 16), 10)
        a, s = mean + rng.choice((-1, 1)) * fmpq(rng.randint(8, 16), 10), fmpq(rng.randint(6, 20), 10)
    step, radius = fmpq(1, 16), fmpq(6)
    centres = [mean - radius + step * (2 * i + 1) / 2 for i in range(int(2 * radius / step))]
    fields = {"mean": mean, "v": v, "a": a, "s": s, "step": step, "radius": radius, "centres": centres}
    return {name: text(value) for name, value in fields.items()}


def total(values: list[arb]) -> arb:
    return sum(values, arb(0))


def numbers(setting: Setting) -> dict[str, arb]:
    size = total([abs(setting.slope(arb(c))) * setting.bump(arb(c)) for c in setting.centres]) * setting.step
    return dict(zip(QUANTITIES, (size, setting.tail), strict=True))


def by_cells(setting: Setting) -> arb:
    """The integral over the cells, second derivatives enclosed."""
    middles = total([setting.slope(arb(c)) * setting.bump(arb(c)) for c in setting.centres])
    bends = total([setting.bent(setting.cell(c)) for c in setting.centres])
    return middles * setting.step + bends * setting.step**3 / 24


def integrated(setting: Setting) -> list[arb]:
    """Both functions, by Arb's quadrature between the ends of the grid."""

    def normal(z: acb, analytic: bool) -> acb:
        f = (-((z - setting.a) ** 2) / (2 * setting.s)).exp()
        return operated(z, f, -(z - setting.a) / setting.s * f)

    def rational(z: acb, analytic: bool) -> acb:
        f = 1 / (1 + (z - setting.a) ** 2 / setting.s)
        return operated(z, f, -2 * (z - setting.a) / setting.s * f * f)

    def operated(z: acb, f: acb, derivative: acb) -> acb:
        score = -(z - setting.mean) / setting.v
        return stein_operator([f], derivative, [score]) * (-((z - setting.mean) ** 2) / (2 * setting.v)).exp()

    ends = acb(setting.mean - setting.radius), acb(setting.mean + setting.radius)
    return [acb.integral(f, *ends, abs_tol=arb(2) ** -(ctx.prec // 2)).real for f in (normal, rational)]


def rational_tail(setting: Setting) -> arb:
    """``|f'| <= 1/sqrt(s)`` and ``f <= 1``; beyond R, ``e^(-u^2/2v) <= (u/R) e^(-u^2/2v)``, whose integral is known."""
    factor = 1 / (arb(setting.s).sqrt() * setting.radius) + arb(1 / setting.v)
    return 2 * setting.v * factor * (-(arb(setting.radius) ** 2) / (2 * setting.v)).exp()


@claim(
    "infovae/stein-identity",
    instances=Instances(keys=listed, build=build),
    where=where(*GIVEN, RELATION, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def stein_identity(instance: Mapping[str, Any]) -> Verdict:
    """The mean of f' + f (log p)' under a normal p is zero, for slices f of the normal and the rational kernel."""
    setting = read(instance)

    def sheet() -> Sheet:
        within, tail, bound = by_cells(setting), setting.tail, arb(ZERO_WITHIN)
        pairs = [(-bound, within - tail), (within + tail, bound)]
        for value, beyond in zip(integrated(setting), (tail, rational_tail(setting)), strict=True):
            pairs.append((abs(value), beyond))
        return Sheet(pairs, numbers(setting))

    verdict = certify(sheet)
    return replace(verdict, statistics={**verdict.statistics, "ratio": None})


@control(
    "infovae/stein-identity",
    "derivative-dropped",
    instances=Instances(keys=listed, build=build),
    where=where(*GIVEN, DROPPED, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=DROPPED,
    quantities=QUANTITIES,
)
def derivative_dropped(instance: Mapping[str, Any]) -> Verdict:
    """The mean of f (log p)' alone is zero."""
    setting = read(instance)

    def sheet() -> Sheet:
        cells = [setting.cell(centre) for centre in setting.centres]
        halved = total([(setting.mean - z) * setting.bump(z) / setting.v for z in cells]) * setting.step
        bound = arb(ZERO_WITHIN)
        return Sheet([(-bound, halved - setting.tail), (halved + setting.tail, bound)], numbers(setting))

    return certify(sheet)
