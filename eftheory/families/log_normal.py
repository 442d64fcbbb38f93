"""Log-normal: d independent positive coordinates whose logarithms are normal."""

from __future__ import annotations

import sympy as sp

from eftheory.families.arguments import notation, size
from eftheory.families.base import Family, Statistic, Unit, X
from eftheory.families.normal import mean_variance, quadratic_domain, quadratic_log_partition
from eftheory.families.support import Interval


def log_normal(d: object) -> Family:
    """``p(x; eta) = (1/x) exp(eta_1 log x + eta_2 log^2 x - A)`` on (0, oo), eta_2 < 0.

    ``A = -eta_1^2 / (4 eta_2) + log(pi / -eta_2) / 2``, ``eta = (mean / variance, -1 / (2 variance))``, where mean and
    variance are those of log x. Raises MisuseError for d < 1.
    """
    copies = size(d, "log_normal(d)")
    unit = Unit(
        support=Interval(sp.Integer(0), sp.oo),
        statistics=(Statistic(sp.log(X)), Statistic(sp.log(X) ** 2)),
        base=1 / X,
        domain=quadratic_domain,
        log_partition=quadratic_log_partition,
        parameters=("mean", "variance"),
        natural=mean_variance,
    )
    return Family(name="log_normal", unit=unit, copies=copies, spec=notation("log_normal", [copies]))
