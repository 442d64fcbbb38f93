"""Normal: d independent real coordinates, of fixed variance or with mean and variance."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from sympy.core.relational import Relational

from eftheory.families.arguments import notation, positive, real, size
from eftheory.families.base import Family, Statistic, Unit, X, everywhere
from eftheory.families.support import Interval


def normal(d: object, *, variance: object = None) -> Family:
    """Mean and variance: ``p(x; eta) = exp(eta_1 x + eta_2 x^2 - A)``, eta_2 < 0,
    ``A = -eta_1^2 / (4 eta_2) + log(pi / -eta_2) / 2``, ``eta = (mean / variance, -1 / (2 variance))``.

    Fixed variance s2: ``p(x; eta) = exp(-x^2 / (2 s2)) exp(eta x - A)``, ``A = s2 eta^2 / 2 + log(2 pi s2) / 2``,
    ``eta = mean / s2``. Raises MisuseError for d < 1 or variance <= 0.
    """
    copies = size(d, "normal(d)")
    fixed = None if variance is None else positive(variance, "variance of normal")
    unit = _free() if fixed is None else _fixed(fixed)
    arguments = {} if fixed is None else {"variance": fixed}
    return Family(
        name="normal", unit=unit, copies=copies, arguments=arguments, spec=notation("normal", [copies], arguments)
    )


def _free() -> Unit:
    return Unit(
        support=Interval(),
        statistics=(Statistic(X), Statistic(X**2)),
        domain=quadratic_domain,
        log_partition=quadratic_log_partition,
        parameters=("mean", "variance"),
        natural=mean_variance,
    )


def _fixed(s2: sp.Expr) -> Unit:
    def log_partition(eta: Sequence[sp.Expr]) -> sp.Expr:
        return s2 * eta[0] ** 2 / 2 + sp.log(2 * sp.pi * s2) / 2

    def natural(groups: tuple[int, ...], *, mean: object) -> tuple[sp.Expr, ...]:
        return (real(mean, "mean of normal") / s2,)

    return Unit(
        support=Interval(),
        statistics=(Statistic(X),),
        base=sp.exp(-(X**2) / (2 * s2)),
        domain=everywhere,
        log_partition=log_partition,
        parameters=("mean",),
        natural=natural,
    )


def quadratic_domain(eta: Sequence[sp.Expr]) -> tuple[Relational, ...]:
    """eta_2 < 0: shared with log_normal, whose logarithm is normal."""
    return (sp.Lt(eta[1], 0),)


def quadratic_log_partition(eta: Sequence[sp.Expr]) -> sp.Expr:
    """log of the integral of exp(eta_1 t + eta_2 t^2) over the line, in nats."""
    return -(eta[0] ** 2) / (4 * eta[1]) + sp.log(-sp.pi / eta[1]) / 2


def mean_variance(groups: tuple[int, ...], *, mean: object, variance: object) -> tuple[sp.Expr, ...]:
    """Natural parameters of (t, t^2) from the mean and the variance of t."""
    s2 = positive(variance, "variance")
    return real(mean, "mean") / s2, -1 / (2 * s2)
