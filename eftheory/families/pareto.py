"""Pareto of fixed scale: d independent coordinates above the scale."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from sympy.core.relational import Relational

from eftheory.families.arguments import notation, positive, size
from eftheory.families.base import Family, Statistic, Unit, X
from eftheory.families.support import Interval


def pareto(d: object, *, scale: object) -> Family:
    """``p(x; eta) = (1/x) exp(eta log x - A)`` on (m, oo), eta < 0, m = scale; ``eta = -shape``.

    ``A = eta log m - log(-eta)``. Raises MisuseError for d < 1, scale not positive.
    """
    copies = size(d, "pareto(d, scale=)")
    m = positive(scale, "scale of pareto")

    def log_partition(eta: Sequence[sp.Expr]) -> sp.Expr:
        return eta[0] * sp.log(m) - sp.log(-eta[0])

    unit = Unit(
        support=Interval(m, sp.oo),
        statistics=(Statistic(sp.log(X)),),
        base=1 / X,
        domain=_domain,
        log_partition=log_partition,
        parameters=("shape",),
        natural=_natural,
    )
    arguments = {"scale": m}
    return Family(
        name="pareto", unit=unit, copies=copies, arguments=arguments, spec=notation("pareto", [copies], arguments)
    )


def _domain(eta: Sequence[sp.Expr]) -> tuple[Relational, ...]:
    return (sp.Lt(eta[0], 0),)


def _natural(groups: tuple[int, ...], *, shape: object) -> tuple[sp.Expr, ...]:
    return (-positive(shape, "shape of pareto"),)
