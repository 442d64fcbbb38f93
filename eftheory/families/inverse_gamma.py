"""Inverse gamma: d independent positive coordinates whose reciprocals are gamma."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from sympy.core.relational import Relational

from eftheory.families.arguments import notation, positive, size
from eftheory.families.base import Family, Statistic, Unit, X
from eftheory.families.support import Interval


def inverse_gamma(d: object) -> Family:
    """``p(x; eta) = (1/x) exp(eta_1 log x + eta_2 / x - A)`` on (0, oo), eta_1 < 0, eta_2 < 0.

    ``A = log Gamma(-eta_1) + eta_1 log(-eta_2)``, ``eta = (-shape, -scale)``. Raises MisuseError for d < 1.
    """
    copies = size(d, "inverse_gamma(d)")
    unit = Unit(
        support=Interval(sp.Integer(0), sp.oo),
        statistics=(Statistic(sp.log(X)), Statistic(1 / X)),
        base=1 / X,
        domain=_domain,
        log_partition=_log_partition,
        parameters=("shape", "scale"),
        natural=_natural,
    )
    return Family(name="inverse_gamma", unit=unit, copies=copies, spec=notation("inverse_gamma", [copies]))


def _domain(eta: Sequence[sp.Expr]) -> tuple[Relational, ...]:
    return sp.Lt(eta[0], 0), sp.Lt(eta[1], 0)


def _log_partition(eta: Sequence[sp.Expr]) -> sp.Expr:
    return sp.loggamma(-eta[0]) + eta[0] * sp.log(-eta[1])


def _natural(groups: tuple[int, ...], *, shape: object, scale: object) -> tuple[sp.Expr, ...]:
    return -positive(shape, "shape of inverse_gamma"), -positive(scale, "scale of inverse_gamma")
