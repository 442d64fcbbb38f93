"""Laplace of fixed location: d independent real coordinates."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from sympy.core.relational import Relational

from eftheory.families.arguments import notation, positive, real, size
from eftheory.families.base import Family, Statistic, Unit, X
from eftheory.families.support import Interval


def laplace(d: object, *, location: object) -> Family:
    """``p(x; eta) = exp(eta |x - location| - log(2 / -eta))`` on R, eta < 0; ``eta = -1 / scale``.

    Raises MisuseError for d < 1 or location not real.
    """
    copies = size(d, "laplace(d, location=)")
    centre = real(location, "location of laplace")
    unit = Unit(
        support=Interval(),
        statistics=(Statistic(sp.Abs(X - centre)),),
        domain=_domain,
        log_partition=_log_partition,
        parameters=("scale",),
        natural=_natural,
    )
    arguments = {"location": centre}
    return Family(
        name="laplace", unit=unit, copies=copies, arguments=arguments, spec=notation("laplace", [copies], arguments)
    )


def _domain(eta: Sequence[sp.Expr]) -> tuple[Relational, ...]:
    return (sp.Lt(eta[0], 0),)


def _log_partition(eta: Sequence[sp.Expr]) -> sp.Expr:
    return sp.log(2) - sp.log(-eta[0])


def _natural(groups: tuple[int, ...], *, scale: object) -> tuple[sp.Expr, ...]:
    return (-1 / positive(scale, "scale of laplace"),)
