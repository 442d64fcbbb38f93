"""Gamma: d independent positive coordinates, with shape and rate or of fixed shape."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from sympy.core.relational import Relational

from eftheory.families.arguments import notation, positive, size
from eftheory.families.base import Family, Statistic, Unit, X
from eftheory.families.support import Interval


def gamma(d: object, *, shape: object = None) -> Family:
    """Shape and rate: ``p(x; eta) = (1/x) exp(eta_1 log x + eta_2 x - A)`` on (0, oo), eta_1 > 0 > eta_2,
    ``A = log Gamma(eta_1) - eta_1 log(-eta_2)``, ``eta = (shape, -rate)``.

    Fixed shape a: ``p(x; eta) = x^(a-1) exp(eta x - A)``, ``A = log Gamma(a) - a log(-eta)``, ``eta = -rate``.
    Raises MisuseError for d < 1 or shape <= 0.
    """
    copies = size(d, "gamma(d)")
    fixed = None if shape is None else positive(shape, "shape of gamma")
    unit = _free() if fixed is None else _fixed(fixed)
    arguments = {} if fixed is None else {"shape": fixed}
    return Family(
        name="gamma", unit=unit, copies=copies, arguments=arguments, spec=notation("gamma", [copies], arguments)
    )


def _free() -> Unit:
    def domain(eta: Sequence[sp.Expr]) -> tuple[Relational, ...]:
        return sp.Gt(eta[0], 0), sp.Lt(eta[1], 0)

    def log_partition(eta: Sequence[sp.Expr]) -> sp.Expr:
        return sp.loggamma(eta[0]) - eta[0] * sp.log(-eta[1])

    def natural(groups: tuple[int, ...], *, shape: object, rate: object) -> tuple[sp.Expr, ...]:
        return positive(shape, "shape of gamma"), -positive(rate, "rate of gamma")

    return Unit(
        support=Interval(sp.Integer(0), sp.oo),
        statistics=(Statistic(sp.log(X)), Statistic(X)),
        base=1 / X,
        domain=domain,
        log_partition=log_partition,
        parameters=("shape", "rate"),
        natural=natural,
    )


def _fixed(a: sp.Expr) -> Unit:
    def domain(eta: Sequence[sp.Expr]) -> tuple[Relational, ...]:
        return (sp.Lt(eta[0], 0),)

    def log_partition(eta: Sequence[sp.Expr]) -> sp.Expr:
        return sp.loggamma(a) - a * sp.log(-eta[0])

    def natural(groups: tuple[int, ...], *, rate: object) -> tuple[sp.Expr, ...]:
        return (-positive(rate, "rate of gamma"),)

    return Unit(
        support=Interval(sp.Integer(0), sp.oo),
        statistics=(Statistic(X),),
        base=X ** (a - 1),
        domain=domain,
        log_partition=log_partition,
        parameters=("rate",),
        natural=natural,
    )
