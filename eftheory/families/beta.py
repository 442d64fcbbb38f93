"""Beta: d independent coordinates in (0, 1)."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from sympy.core.relational import Relational

from eftheory.families.arguments import notation, positive, size
from eftheory.families.base import Family, Statistic, Unit, X
from eftheory.families.support import Interval


def beta(d: object) -> Family:
    """``p(x; eta) = 1/(x (1-x)) exp(eta_1 log x + eta_2 log(1-x) - A)`` on (0, 1), eta_1, eta_2 > 0.

    ``A = log Gamma(eta_1) + log Gamma(eta_2) - log Gamma(eta_1 + eta_2)``, ``eta = (a, b)``.
    Raises MisuseError for d < 1.
    """
    copies = size(d, "beta(d)")
    unit = Unit(
        support=Interval(sp.Integer(0), sp.Integer(1)),
        statistics=(Statistic(sp.log(X)), Statistic(sp.log(1 - X))),
        base=1 / (X * (1 - X)),
        domain=_domain,
        log_partition=_log_partition,
        parameters=("a", "b"),
        natural=_natural,
    )
    return Family(name="beta", unit=unit, copies=copies, spec=notation("beta", [copies]))


def _domain(eta: Sequence[sp.Expr]) -> tuple[Relational, ...]:
    return sp.Gt(eta[0], 0), sp.Gt(eta[1], 0)


def _log_partition(eta: Sequence[sp.Expr]) -> sp.Expr:
    return sp.loggamma(eta[0]) + sp.loggamma(eta[1]) - sp.loggamma(eta[0] + eta[1])


def _natural(groups: tuple[int, ...], *, a: object, b: object) -> tuple[sp.Expr, ...]:
    return positive(a, "a of beta"), positive(b, "b of beta")
