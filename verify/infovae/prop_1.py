r"""Proposition 1: the ELBO can grow without bound while inference becomes arbitrarily bad.

Data -1 and 1; :math:`p(x|z) = N(\mathrm{sign}\,z, \sigma^2)`, :math:`q(z|x) = N(cx, \ell^2)`, prior N(0, 1), c fixed,
the optimal :math:`\sigma^2 = 4Q`, :math:`Q = \Phi(-c/\ell)`. For :math:`1/4 \le c \le 2` and :math:`\ell \le c/8`

.. math:: \mathrm{ELBO} \ge c^2/(8\ell^2),\qquad
          KL(q\|p(z|x)) \ge KL(q\|p(z)) - \log 2 + 1/2 \ge \tfrac12\log(1/\ell),

and both grow as l falls along a list of widths. (The paper lets c grow as well, which is not needed.) Not tight. Q is
computed in balls with erfc; a certificate needs elementary numbers only, because
:math:`\varphi(t)\,t/(1+t^2) \le Q(t) \le \varphi(t)/t` (proved in `eftheory.analytic.infovae.log_mills`, where pi
enters through the decimals 6.28318530717958647 < 2 pi < 6.28318530717958648) and 2 Q(t) <= 1/t^2. That both tend to
infinity is `prop_1_limit`. Zhao, Song, Ermon, InfoVAE (2019), Proposition 1; theory: section 9.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from flint import arb, fmpq

from eftheory.analytic.infovae import TwoPoints, log_mills
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.arithmetic import BALL
from eftheory.exact.decide import Sheet, certify
from eftheory.exact.finite import text
from eftheory.exact.side import to_rational
from eftheory.verdict import Verdict

BELOW, ABOVE = to_rational("6.28318530717958647"), to_rational("6.28318530717958648")
"""Around 2 pi."""
GIVEN = (
    "1/4 <= c and c <= 2",
    "all(0 < widths[n] and 8*widths[n] <= c for n in each(widths))",
    "all(2*widths[n + 1] <= widths[n] for n in each(widths) if n + 1 < sum(1 for m in each(widths)))",
)
"""Each width is at most half of the one before."""
OWN = (
    "ratio(n) = c/widths[n]",
    "lower(n) = log(ratio(n)/(1 + ratio(n)**2)) - ratio(n)**2/2 - log(6.28318530717958648)/2",
    "upper(n) = -log(ratio(n)) - ratio(n)**2/2 - log(6.28318530717958647)/2",
    "rate(n) = (widths[n]**2 + c**2 - 1)/2 - log(widths[n])",
    "least(n) = -upper(n)/2 - log(6.28318530717958648)/2 - 1/2 - log(2) - rate(n)",
    "most(n) = -lower(n)/2 - log(6.28318530717958647)/2 - 1/2 - log(2) - rate(n)",
    "near(n) = rate(n) - log(2) + 1/2",
    "far(n) = near(n) + 1/ratio(n)**2",
    "fixed(n) = -log(6.28318530717958647)/2 - rate(n)",
)
"""log Q is in [lower, upper], the ELBO in [least, most], the gap in [near, far]; the ELBO at s2 = 1 is below fixed."""
GROWS = (
    "all(c**2/(8*widths[n]**2) <= least(n) for n in each(widths))"
    " and all(most(m) < least(n) for m in each(widths) for n in each(widths) if widths[n] < widths[m])"
)
ELBO_NUMBERS = ("max(least(n) for n in each(widths))", "max(most(n) for n in each(widths))")
WORSENS = (
    "all(rate(n) - log(2) <= near(n) and log(1/widths[n])/2 <= near(n) for n in each(widths))"
    " and all(far(m) < near(n) for m in each(widths) for n in each(widths) if widths[n] < widths[m])"
)
GAP_NUMBERS = ("max(near(n) for n in each(widths))", "max(far(n) for n in each(widths))")
FIXED_VARIANCE = "all(c**2/(8*widths[n]**2) <= fixed(n) for n in each(widths))"
BELOW_PRIOR = "all(rate(n) <= far(n) for n in each(widths))"
BOUNDED = "all(near(n) <= 4 for n in each(widths))"


def listed(quick: bool) -> list[str]:
    return ["fixed/halves", "fixed/tens", "fixed/wide", *(f"random/{i}" for i in range(6 if quick else 100))]


FIXED: dict[str, tuple[fmpq, Sequence[fmpq]]] = {
    "halves": (fmpq(1), [fmpq(1, 2**i) for i in range(3, 12)]),
    "tens": (fmpq(1, 4), [fmpq(1, 10**i) for i in (2, 3, 4, 6, 9)]),
    "wide": (fmpq(2), [fmpq(1, 4**i) for i in range(1, 8)]),
}


def build(key: str) -> dict[str, Any]:
    kind, _, name = key.partition("/")
    if kind == "fixed":
        c, widths = FIXED[name]
    else:
        rng = Random(f"two points {name}")
        c = fmpq(rng.randint(25, 200), 100)
        widths = [c / rng.randint(8, 20)]
        for _ in range(rng.randint(4, 10)):
            widths.append(widths[-1] / fmpq(rng.randint(20, 80), 10))
    return {"c": str(c), "widths": text(widths)}


def read(instance: Mapping[str, Any]) -> tuple[fmpq, list[fmpq]]:
    return to_rational(instance["c"]), [to_rational(width) for width in instance["widths"]]


def growing(below: Sequence[arb], above: Sequence[arb]) -> list[tuple[arb, arb]]:
    """Each upper end below every later lower end; the widths fall."""
    return [(above[m], below[n]) for m in range(len(above)) for n in range(m + 1, len(below))]


def largest(values: Sequence[arb]) -> arb:
    best = values[0]
    for value in values[1:]:
        best = best.max(value)
    return best


def unrated(verdict: Verdict) -> Verdict:
    """Without the ratio of the tightest pair, which is one of a bracket around the number in question."""
    return replace(verdict, statistics={**verdict.statistics, "ratio": None})


def bounds(points: TwoPoints) -> tuple[arb, arb]:
    """Elementary bounds on the ELBO."""
    ratio, low, high = arb(points.c) / arb(points.l), BALL.log(arb(BELOW)), BALL.log(arb(ABOVE))
    lower, upper = log_mills(ratio, high, on=BALL)[0], log_mills(ratio, low, on=BALL)[1]
    return points.elbo_of(upper, high), points.elbo_of(lower, low)


@claim(
    "infovae/prop-1-elbo",
    instances=Instances(keys=listed, build=build),
    where=where(*GIVEN, GROWS, *ELBO_NUMBERS, own=OWN),
    given=GIVEN,
    relation=GROWS,
    quantities=ELBO_NUMBERS,
)
def prop_1_elbo(instance: Mapping[str, Any]) -> Verdict:
    r"""Two points: with the best decoder the ELBO is at least c^2/(8 l^2), and grows as the encoder narrows."""
    c, widths = read(instance)

    def sheet() -> Sheet:
        models = [TwoPoints(c, width, BALL) for width in widths]
        least, most = ([pair[side] for pair in map(bounds, models)] for side in (0, 1))
        pairs = [(arb(c) ** 2 / (8 * arb(width) ** 2), low) for width, low in zip(widths, least, strict=True)]
        for model, low, high in zip(models, least, most, strict=True):
            pairs += [(low, model.elbo), (model.elbo, high)]
        numbers = (largest(least), largest(most))
        return Sheet([*pairs, *growing(least, most)], dict(zip(ELBO_NUMBERS, numbers, strict=True)), strict=True)

    return unrated(certify(sheet))


@claim(
    "infovae/prop-1-gap",
    instances=Instances(keys=listed, build=build),
    where=where(*GIVEN, WORSENS, *GAP_NUMBERS, own=OWN),
    given=GIVEN,
    relation=WORSENS,
    quantities=GAP_NUMBERS,
)
def prop_1_gap(instance: Mapping[str, Any]) -> Verdict:
    r"""Two points: KL(q, posterior) exceeds KL(q, prior) - log 2 and log(1/l)/2, and grows as the encoder narrows."""
    c, widths = read(instance)

    def sheet() -> Sheet:
        models = [TwoPoints(c, width, BALL) for width in widths]
        near = [model.least_gap for model in models]  # below the gap by log(1 + e^(-1/2Q)) > 0, too little for balls
        far = [low + (arb(width) / c) ** 2 for low, width in zip(near, widths, strict=True)]
        pairs = [(-BALL.log(arb(width)) / 2, low) for width, low in zip(widths, near, strict=True)]
        for model, low, high in zip(models, near, far, strict=True):
            pairs += [(model.gap, high), (model.rate - BALL.log(arb(2)), model.gap), (2 * model.wrong_side, high - low)]
        numbers = (largest(near), largest(far))
        return Sheet([*pairs, *growing(near, far)], dict(zip(GAP_NUMBERS, numbers, strict=True)))

    return unrated(certify(sheet))


def at_every_width(
    instance: Mapping[str, Any],
    pair: Callable[[TwoPoints], tuple[arb, arb]],
    numbers: tuple[str, str],
    values: Callable[[TwoPoints], tuple[arb, arb]],
) -> Verdict:
    """Whether ``left <= right`` at every width, with the largest of two `values`."""
    c, widths = read(instance)

    def sheet() -> Sheet:
        models = [TwoPoints(c, width, BALL) for width in widths]
        found = [largest([values(model)[side] for model in models]) for side in (0, 1)]
        return Sheet([pair(model) for model in models], dict(zip(numbers, found, strict=True)))

    return certify(sheet)


def near_and_far(points: TwoPoints) -> tuple[arb, arb]:
    return points.least_gap, points.least_gap + (arb(points.l) / arb(points.c)) ** 2


@control(
    "infovae/prop-1-elbo",
    "fixed-variance",
    instances=Instances(keys=listed, build=build),
    where=where(*GIVEN, FIXED_VARIANCE, *ELBO_NUMBERS, own=OWN),
    given=GIVEN,
    relation=FIXED_VARIANCE,
    quantities=ELBO_NUMBERS,
)
def fixed_variance(instance: Mapping[str, Any]) -> Verdict:
    """The ELBO grows as well where the decoder's variance is not optimised but 1."""

    def pair(points: TwoPoints) -> tuple[arb, arb]:
        return arb(points.c) ** 2 / (8 * arb(points.l) ** 2), points.elbo_at(1)

    return at_every_width(instance, pair, ELBO_NUMBERS, bounds)


@control(
    "infovae/prop-1-gap",
    "posterior-below-prior",
    instances=Instances(keys=listed, build=build),
    where=where(*GIVEN, BELOW_PRIOR, *GAP_NUMBERS, own=OWN),
    given=GIVEN,
    relation=BELOW_PRIOR,
    quantities=GAP_NUMBERS,
)
def posterior_below_prior(instance: Mapping[str, Any]) -> Verdict:
    """Without log 2, as if p(z|x) <= p(z): the gap is at least KL(q, prior)."""
    return at_every_width(instance, lambda points: (points.rate, points.gap), GAP_NUMBERS, near_and_far)


@control(
    "infovae/prop-1-gap",
    "bounded",
    instances=Instances(keys=lambda quick: [key for key in listed(quick) if key.startswith("fixed/")], build=build),
    where=where(*GIVEN, BOUNDED, *GAP_NUMBERS, own=OWN),
    given=GIVEN,
    relation=BOUNDED,
    quantities=GAP_NUMBERS,
)
def bounded(instance: Mapping[str, Any]) -> Verdict:
    """The gap stays below 4 nats."""
    return at_every_width(instance, lambda points: (points.gap, arb(4)), GAP_NUMBERS, near_and_far)
