"""Exponential: d independent positive coordinates."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from sympy.core.relational import Relational

from eftheory.families.arguments import notation, positive, size
from eftheory.families.base import Family, Statistic, Unit, X
from eftheory.families.support import Interval


def exponential(d: object) -> Family:
    """``p(x; eta) = exp(eta x + log(-eta))`` on (0, oo), eta < 0; ``eta = -rate``. Raises MisuseError for d < 1."""
    copies = size(d, "exponential(d)")
    unit = Unit(
        support=Interval(sp.Integer(0), sp.oo),
        statistics=(Statistic(X),),
        domain=_domain,
        log_partition=_log_partition,
        parameters=("rate",),
        natural=_natural,
    )
    return Family(name="exponential", unit=unit, copies=copies, spec=notation("exponential", [copies]))


def _domain(eta: Sequence[sp.Expr]) -> tuple[Relational, ...]:
    return (sp.Lt(eta[0], 0),)


def _log_partition(eta: Sequence[sp.Expr]) -> sp.Expr:
    return -sp.log(-eta[0])


def _natural(groups: tuple[int, ...], *, rate: object) -> tuple[sp.Expr, ...]:
    return (-positive(rate, "rate of exponential"),)
