"""Dirichlet: one point of the simplex in R^K."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from sympy.core.relational import Relational

from eftheory.families.arguments import notation, positive, size, vector
from eftheory.families.base import XI, Family, Statistic, Unit
from eftheory.families.support import Simplex


def dirichlet(K: object) -> Family:
    """``p(x; eta) = prod_i 1/x_i exp(sum_i eta_i log x_i - A)`` on the open simplex, eta_i > 0.

    ``A = sum_i log Gamma(eta_i) - log Gamma(sum_i eta_i)``, ``eta = concentration``; density with respect to Lebesgue
    measure of the first K-1 components. Raises MisuseError for K < 2.
    """
    components = size(K, "K of dirichlet(K)", least=2)
    unit = Unit(
        support=Simplex(),
        statistics=(Statistic(sp.log(XI), "i"),),
        base=1 / XI,
        domain=_domain,
        log_partition=_log_partition,
        groups=(components,),
        parameters=("concentration",),
        natural=_natural,
    )
    return Family(name="dirichlet", unit=unit, spec=notation("dirichlet", [components]))


def _domain(eta: Sequence[sp.Expr]) -> tuple[Relational, ...]:
    return tuple(sp.Gt(e, 0) for e in eta)


def _log_partition(eta: Sequence[sp.Expr]) -> sp.Expr:
    return sp.Add(*map(sp.loggamma, eta)) - sp.loggamma(sp.Add(*eta))


def _natural(groups: tuple[int, ...], *, concentration: object) -> tuple[sp.Expr, ...]:
    return tuple(vector(concentration, sum(groups), "concentration of dirichlet", positive))
