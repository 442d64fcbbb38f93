"""Negative binomial of fixed size: successes before the `size`-th failure, d independent coordinates."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from sympy.core.relational import Relational

from eftheory.families.arguments import notation, positive, probability
from eftheory.families.arguments import size as count
from eftheory.families.base import Family, Statistic, Unit, X
from eftheory.families.support import Integers


def negative_binomial(d: object, *, size: object) -> Family:
    """``p(x; eta) = C(x+r-1, x) exp(eta x + r log(1 - e^eta))`` on {0, 1, ...}, eta < 0, r = size > 0.

    ``eta = log probs``, where probs is the chance of what is counted (torch's convention; scipy's p is 1 - probs).
    Raises MisuseError for d < 1, size not positive.
    """
    copies = count(d, "negative_binomial(d, size=)")
    r = positive(size, "size of negative_binomial")

    def log_partition(eta: Sequence[sp.Expr]) -> sp.Expr:
        return -r * sp.log(1 - sp.exp(eta[0]))

    unit = Unit(
        support=Integers(),
        statistics=(Statistic(X),),
        base=sp.binomial(X + r - 1, X),
        domain=_domain,
        log_partition=log_partition,
        parameters=("probs",),
        natural=_natural,
    )
    arguments = {"size": r}
    spec = notation("negative_binomial", [copies], arguments)
    return Family(name="negative_binomial", unit=unit, copies=copies, arguments=arguments, spec=spec)


def _domain(eta: Sequence[sp.Expr]) -> tuple[Relational, ...]:
    return (sp.Lt(eta[0], 0),)


def _natural(groups: tuple[int, ...], *, probs: object) -> tuple[sp.Expr, ...]:
    return (sp.log(probability(probs, "probs of negative_binomial")),)
