"""Geometric: the number of failures before the first success, d independent coordinates."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from sympy.core.relational import Relational

from eftheory.families.arguments import notation, probability, size
from eftheory.families.base import Family, Statistic, Unit, X
from eftheory.families.support import Integers


def geometric(d: object) -> Family:
    """``p(x; eta) = exp(eta x + log(1 - e^eta))`` on {0, 1, ...}, eta < 0; ``eta = log(1 - probs)``.

    Raises MisuseError for d < 1.
    """
    copies = size(d, "geometric(d)")
    unit = Unit(
        support=Integers(),
        statistics=(Statistic(X),),
        domain=_domain,
        log_partition=_log_partition,
        parameters=("probs",),
        natural=_natural,
    )
    return Family(name="geometric", unit=unit, copies=copies, spec=notation("geometric", [copies]))


def _domain(eta: Sequence[sp.Expr]) -> tuple[Relational, ...]:
    return (sp.Lt(eta[0], 0),)


def _log_partition(eta: Sequence[sp.Expr]) -> sp.Expr:
    return -sp.log(1 - sp.exp(eta[0]))


def _natural(groups: tuple[int, ...], *, probs: object) -> tuple[sp.Expr, ...]:
    return (sp.log(1 - probability(probs, "probs of geometric")),)
