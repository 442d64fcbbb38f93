r"""Proposition 1 in the limit: ELBO and gap both tend to infinity as the encoder narrows, by symbols, for every c > 0.

In steps, each an identity or a limit of SymPy in :math:`c, \ell > 0`:

- *tail*: :math:`Q(t) < \varphi(t)/t`, because :math:`Q - \varphi/t` has the derivative :math:`\varphi/t^2 > 0` and
  tends to 0; likewise :math:`Q > \varphi t/(1+t^2)`, with derivative :math:`-2\varphi/(1+t^2)^2 < 0`;
- *variance*: the ELBO at :math:`\sigma^2 = 4Qr` is :math:`(\log r + 1/r - 1)/2` below that at 4Q, a function with
  its only stationary point, a minimum, 0, at r = 1;
- *posterior*: :math:`p(z|x)/p(z)` is at most 2, and the gap is :math:`KL(q\|p(z)) - \log 2 + 1/2 + \log(1+e^{-1/2Q})`;
- *elbo*: with the upper bound on Q the ELBO is at least a function that tends to infinity as l -> 0;
- *gap*: so does :math:`KL(q\|p(z)) - \log 2`.

Symbols are no rational instance: there is no certificate; `prop_1` certifies numbers along l -> 0. Zhao, Song, Ermon,
InfoVAE (2019), Proposition 1 and appendix A; theory: section 9.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

from eftheory.analytic.infovae import TwoPoints, log_mills, normal_tail
from eftheory.claims import Instances, claim, control
from eftheory.exact.arithmetic import SYMBOL
from eftheory.exact.decide import exactly
from eftheory.verdict import Verdict

C, L, T, S2, R, Q = sp.symbols("c l t s2 r Q", positive=True)
POINTS = TwoPoints(C, L, SYMBOL)
DENSITY = sp.exp(-(T**2) / 2) / sp.sqrt(2 * sp.pi)


def is_zero(difference: sp.Expr) -> bool:
    """Whether it simplifies to 0: True proves it, False proves nothing."""
    return bool(sp.simplify(sp.expand_log(sp.expand(difference), force=True)) == 0)


def tail() -> bool:
    lower, upper = (sp.exp(bound) for bound in log_mills(T, sp.log(2 * sp.pi), on=SYMBOL))
    excess = {upper: DENSITY / T**2, lower: -2 * DENSITY / (1 + T**2) ** 2}
    slopes = [is_zero(sp.diff(normal_tail(T, on=SYMBOL) - bound, T) - slope) for bound, slope in excess.items()]
    vanish = [sp.limit(term, T, sp.oo) == 0 for term in (normal_tail(T, on=SYMBOL), lower, upper)]
    signs = [excess[upper].is_positive, excess[lower].is_negative]
    return all([*slopes, *vanish, *signs])


def variance() -> bool:
    loss = (sp.log(R) + 1 / R - 1) / 2
    stated = is_zero(POINTS.elbo - POINTS.elbo_at(POINTS.variance * R) - loss)
    slope = sp.diff(loss, R)
    only = is_zero(slope - (R - 1) / (2 * R**2)) and sp.solve(slope, R) == [1]
    return bool(stated and only and loss.subs(R, 1) == 0 and sp.diff(slope, R).subs(R, 1) > 0)


def posterior() -> bool:
    """From Bayes' rule, with p(x|z) on the right side of 0 and on the wrong one, and evidence their mean."""
    right, wrong = (sp.exp(-(distance**2) / (2 * S2)) / sp.sqrt(2 * sp.pi * S2) for distance in (0, 2))
    mean = (right + wrong) / 2
    first, second = sp.simplify(right / mean), wrong / mean  # p(z|x)/p(z) on the two sides
    below = is_zero(2 - first - 2 / (1 + sp.exp(2 / S2)))
    apart = is_zero(second - first * sp.exp(-2 / S2))
    gap = POINTS.rate - (1 - Q) * sp.log(first) - Q * (sp.log(first) - 2 / S2)
    stated = POINTS.rate - sp.log(2) + sp.Rational(1, 2) + sp.log(1 + sp.exp(-1 / (2 * Q)))
    return below and apart and is_zero(gap.subs(S2, 4 * Q) - stated) and is_zero(in_tail(POINTS.gap) - stated)


def in_tail(expression: sp.Expr) -> sp.Expr:
    """With the symbol Q in place of erfc(...)/2."""
    return expression.subs(2 * POINTS.wrong_side, 2 * Q)


def floor(c: sp.Expr = C) -> sp.Expr:
    """The ELBO with the upper bound on Q, elementary."""
    points = TwoPoints(c, L, SYMBOL)
    circle = sp.log(2 * sp.pi)
    return points.elbo_of(log_mills(c / L, circle, on=SYMBOL)[1], circle)


def elbo() -> bool:
    """The floor tends to infinity, and the ELBO decreases in log Q, by half of what that grows."""
    falls = sp.diff(POINTS.elbo_of(T, sp.log(2 * sp.pi)), T) == -sp.Rational(1, 2)
    same = is_zero(POINTS.elbo_of(sp.log(POINTS.wrong_side), sp.log(2 * sp.pi)) - POINTS.elbo)
    return bool(falls and same and sp.limit(sp.expand_log(floor(), force=True), L, 0, "+") == sp.oo)


def gap() -> bool:
    extra = in_tail(POINTS.gap - POINTS.least_gap)
    return bool(extra.is_positive and sp.limit(POINTS.rate - sp.log(2), L, 0, "+") == sp.oo)


STEPS: dict[str, Callable[[], bool]] = {
    "tail": tail,
    "variance": variance,
    "posterior": posterior,
    "elbo": elbo,
    "gap": gap,
}


@claim(
    "infovae/prop-1-limit",
    instances=Instances(
        keys=lambda quick: [f"symbolic/{name}" for name in STEPS], build=lambda key: {"step": key.partition("/")[2]}
    ),
)
def prop_1_limit(instance: Mapping[str, Any]) -> Verdict:
    """Two points, every c > 0: as the encoder narrows, the ELBO and the gap both tend to infinity."""
    return exactly(STEPS[instance["step"]](), reason=f"{instance['step']}: identities and limits of SymPy")


RATES = {"in-step": L, "slower": 2 * L}
"""c as a function of l that keeps c/l bounded."""


@control(
    "infovae/prop-1-limit",
    "overlapping",
    instances=Instances(
        keys=lambda quick: [f"symbolic/{name}" for name in RATES], build=lambda key: {"rate": key.partition("/")[2]}
    ),
)
def overlapping(instance: Mapping[str, Any]) -> Verdict:
    """The same where c falls with l, so that the two encoders keep overlapping."""
    c = RATES[instance["rate"]]
    found = sp.limit(TwoPoints(c, L, SYMBOL).elbo, L, 0, "+")
    return exactly(found == sp.oo, reason=f"with c = {c} the ELBO tends to {found}")
