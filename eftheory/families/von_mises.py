"""Von Mises: d independent angles."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from eftheory.families.arguments import nonnegative, notation, real, size
from eftheory.families.base import Family, Statistic, Unit, X, everywhere
from eftheory.families.support import Circle


def von_mises(d: object) -> Family:
    """``p(x; eta) = exp(eta_1 cos x + eta_2 sin x - log(2 pi I_0(|eta|)))`` on the circle.

    ``eta = concentration (cos loc, sin loc)``; concentration 0 is the uniform law. Raises MisuseError for d < 1.
    """
    copies = size(d, "von_mises(d)")
    unit = Unit(
        support=Circle(),
        statistics=(Statistic(sp.cos(X)), Statistic(sp.sin(X))),
        domain=everywhere,
        log_partition=_log_partition,
        parameters=("loc", "concentration"),
        natural=_natural,
    )
    return Family(name="von_mises", unit=unit, copies=copies, spec=notation("von_mises", [copies]))


def _log_partition(eta: Sequence[sp.Expr]) -> sp.Expr:
    return sp.log(2 * sp.pi * sp.besseli(0, sp.sqrt(eta[0] ** 2 + eta[1] ** 2)))


def _natural(groups: tuple[int, ...], *, loc: object, concentration: object) -> tuple[sp.Expr, ...]:
    angle, kappa = real(loc, "loc of von_mises"), nonnegative(concentration, "concentration of von_mises")
    return kappa * sp.cos(angle), kappa * sp.sin(angle)
