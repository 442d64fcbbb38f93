"""Weibull of fixed shape: d independent positive coordinates."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from sympy.core.relational import Relational

from eftheory.families.arguments import notation, positive, size
from eftheory.families.base import Family, Statistic, Unit, X
from eftheory.families.support import Interval


def weibull(d: object, *, shape: object) -> Family:
    """``p(x; eta) = x^(k-1) exp(eta x^k + log k + log(-eta))`` on (0, oo), eta < 0, k = shape; ``eta = -scale^-k``.

    Raises MisuseError for d < 1, shape not positive.
    """
    copies = size(d, "weibull(d, shape=)")
    k = positive(shape, "shape of weibull")

    def log_partition(eta: Sequence[sp.Expr]) -> sp.Expr:
        return -sp.log(k) - sp.log(-eta[0])

    def natural(groups: tuple[int, ...], *, scale: object) -> tuple[sp.Expr, ...]:
        return (-(positive(scale, "scale of weibull") ** -k),)

    unit = Unit(
        support=Interval(sp.Integer(0), sp.oo),
        statistics=(Statistic(X**k),),
        base=X ** (k - 1),
        domain=_domain,
        log_partition=log_partition,
        parameters=("scale",),
        natural=natural,
    )
    arguments = {"shape": k}
    return Family(
        name="weibull", unit=unit, copies=copies, arguments=arguments, spec=notation("weibull", [copies], arguments)
    )


def _domain(eta: Sequence[sp.Expr]) -> tuple[Relational, ...]:
    return (sp.Lt(eta[0], 0),)
