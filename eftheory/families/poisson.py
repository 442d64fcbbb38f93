"""Poisson: d independent counts."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from eftheory.families.arguments import notation, positive, size
from eftheory.families.base import Family, Statistic, Unit, X, everywhere
from eftheory.families.support import Integers


def poisson(d: object) -> Family:
    """``p(x; eta) = 1/x! exp(eta x - e^eta)`` on {0, 1, ...}; ``eta = log rate``. Raises MisuseError for d < 1."""
    copies = size(d, "poisson(d)")
    unit = Unit(
        support=Integers(),
        statistics=(Statistic(X),),
        base=1 / sp.factorial(X),
        domain=everywhere,
        log_partition=_log_partition,
        parameters=("rate",),
        natural=_natural,
    )
    return Family(name="poisson", unit=unit, copies=copies, spec=notation("poisson", [copies]))


def _log_partition(eta: Sequence[sp.Expr]) -> sp.Expr:
    return sp.exp(eta[0])


def _natural(groups: tuple[int, ...], *, rate: object) -> tuple[sp.Expr, ...]:
    return (sp.log(positive(rate, "rate of poisson")),)
