r"""The remainder of the second-order expansion of softplus at 0 never changes sign.

.. math:: \log(1+e^t) \le \log 2 + \frac t2 + \frac{t^2}8 \quad\text{for every real } t

Tight at t = 0, where the difference has a fourfold zero. *Proof.* The difference is ``u^2/2 - log cosh u`` at
``u = t/2``, and ``cosh u <= e^{u^2/2}`` term by term. The certificate covers the whole line: the difference is even
(``softplus(-t) = softplus(t) - t``, written out for both signs); for ``|t| <= low``, with v = u^2,
``cosh u <= 1 + v/2 + v^2/24/(1 - v/30)`` (the terms fall at least by v/30) and ``e^{v/2} >= 1 + v/2 + v^2/8``; on
``[low, high]`` by intervals; for ``|t| >= high >= 4``, ``softplus(t) <= log 2 + t <= log 2 + t/2 + t^2/8``.
Reference: "A lower bound for the ELBO of the Bernoulli Variational Autoencoder", section A.2; theory: section 8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flint import arb, fmpq

from eftheory.analytic.bernoulli_bound import quadratic, softplus
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.arithmetic import BALL
from eftheory.exact.decide import Sheet, certify
from eftheory.exact.maximum import stays_below
from eftheory.exact.mixed import with_exact
from eftheory.exact.side import to_rational
from eftheory.verdict import Verdict

from ._exactly import Instance

GIVEN = ("0 < low and low < high",)
OWN = (
    "soft(t) = log(1 + exp(t))",
    "parabola(t) = log(2) + t/2 + t**2/8",
    "ninth(t) = log(2) + t/2 + t**2/9",
    "rise = exp(1)/(1 + exp(1))",
    "elsewhere(t) = soft(1) + rise*(t - 1) + rise*(1 - rise)*(t - 1)**2/2",
    "series = 1/24/(1 - low**2/120)",
)
RELATION = (
    "all(soft(t) <= parabola(t) and soft(-t) <= parabola(-t) for t in reals(low, high)) and "
    "low**2 < 120 and series <= 1/8 and high >= 4"
)
QUANTITIES = ("parabola(low) - soft(low)", "series")
ENDS = {"fixed/narrow": ("1/8", "4"), "fixed/unit": ("1", "8"), "fixed/wide": ("1/4", "40"), "fixed/far": ("2", "500")}


def keys(quick: bool) -> list[str]:
    return list(ENDS)


def build(key: str) -> dict[str, str]:
    return dict(zip(("low", "high"), ENDS[key], strict=True))


INSTANCES = Instances(keys=keys, build=build)


def ends(instance: Instance) -> tuple[fmpq, fmpq]:
    return to_rational(instance["low"]), to_rational(instance["high"])


def sigmoid(t: arb) -> arb:
    return 1 / (1 + (-t).exp())


@claim(
    "bernoulli-bound/softplus",
    instances=INSTANCES,
    where=where(*GIVEN, RELATION, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def remainder_sign(instance: Instance) -> Verdict:
    """log(1 + e^t) <= log 2 + t/2 + t^2/8 on the whole line: the remainder never changes sign."""
    low, high = ends(instance)
    series = fmpq(1, 24) / (1 - low**2 / 120)

    def sheet() -> Sheet:
        between = (arb(low), arb(high))
        pairs = [(arb(series), arb(fmpq(1, 8))), (arb(4), arb(high))]
        for side in (1, -1):
            middle = stays_below(
                lambda t, s=side: softplus(s * t, on=BALL) - quadratic(s * t, on=BALL),
                lambda t, s=side: s * sigmoid(s * t) - arb(s) / 2 - t / 4,
                between,
                arb(0),
            )
            pairs.append((arb(0), arb(1)) if middle else (arb(middle is False), arb(0)))
        return Sheet(pairs, {QUANTITIES[0]: quadratic(low, on=BALL) - softplus(low, on=BALL)})

    return with_exact(certify(sheet), {"series": series}, note="whole line")


def refuted(instance: Instance, stated: Callable[[arb], arb], quantity: str) -> Verdict:
    """Whether softplus stays below `stated` at points of the range, of both signs."""
    low, high = ends(instance)
    points = [sign * t for sign in (1, -1) for t in (low, fmpq(1, 2), fmpq(1), high) if low <= t <= high]

    def sheet() -> Sheet:
        pairs = [(softplus(t, on=BALL), stated(arb(t))) for t in points]
        return Sheet(pairs, {quantity: softplus(low, on=BALL) - stated(arb(low))})

    return certify(sheet)


def broken(expansion: str) -> dict[str, Any]:
    relation = f"all(soft(t) <= {expansion}(t) and soft(-t) <= {expansion}(-t) for t in reals(low, high))"
    quantity = f"soft(low) - {expansion}(low)"
    definitions = where(*GIVEN, relation, quantity, own=OWN)
    return {"where": definitions, "given": GIVEN, "relation": relation, "quantities": (quantity,)}


def near(quick: bool) -> list[str]:
    return ["fixed/narrow", "fixed/wide"]


@control("bernoulli-bound/softplus", "ninth", instances=Instances(keys=near, build=build), **broken("ninth"))
def ninth(instance: Instance) -> Verdict:
    """The same with t^2/9 in place of t^2/8."""
    return refuted(instance, lambda t: BALL.log(arb(2)) + t / 2 + t * t / 9, "soft(low) - ninth(low)")


@control(
    "bernoulli-bound/softplus", "another-point", instances=Instances(keys=near, build=build), **broken("elsewhere")
)
def another_point(instance: Instance) -> Verdict:
    """The second-order expansion at t = 1, with its own second derivative: there the remainder changes sign."""

    def expansion(t: arb) -> arb:
        rise = sigmoid(arb(1))
        return softplus(arb(1), on=BALL) + rise * (t - 1) + rise * (1 - rise) * (t - 1) ** 2 / 2

    return refuted(instance, expansion, "soft(low) - elsewhere(low)")
