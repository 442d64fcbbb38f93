"""Integrals of exp(energy) over R^d and over the simplex."""

from __future__ import annotations

import sympy as sp

from eftheory.families.base import Explicit
from eftheory.families.energy import Normalised, energy_of, require


def gaussian(explicit: Explicit) -> Normalised | None:
    """``int exp(c + h'x - x'Lx/2) dx = e^c (2 pi)^{d/2} det(L)^{-1/2} exp(h' L^-1 h / 2)``, L positive definite."""
    variables, energy = explicit.variables, energy_of(explicit)
    if not energy.is_polynomial(*variables) or sp.Poly(energy, *variables).total_degree() != 2:
        return None
    origin = dict.fromkeys(variables, 0)
    precision = -sp.hessian(energy, variables)
    h = sp.Matrix([energy.diff(v).subs(origin) for v in variables])
    d = len(variables)
    minors = [sp.expand(precision[:k, :k].det(method="berkowitz")) for k in range(1, d + 1)]
    if minors[-1] == 0:
        return None
    quadratic = sp.expand((h.T * precision.adjugate() * h)[0, 0]) / (2 * minors[-1])
    value = energy.subs(origin) + quadratic - sp.log(minors[-1]) / 2 + d * sp.log(2 * sp.pi) / 2
    return Normalised(log_partition=value, domain=require(*minors))


def dirichlet(explicit: Explicit) -> Normalised | None:
    """``int prod x_i^{a_i - 1} dx = prod Gamma(a_i) / Gamma(sum a_i)`` over the simplex, a_i > 0."""
    logs = [sp.Dummy() for _ in explicit.variables]
    put = {sp.log(v): t for v, t in zip(explicit.variables, logs, strict=True)}
    energy = energy_of(explicit).subs(put)
    if energy.has(*explicit.variables) or not energy.is_polynomial(*logs):
        return None
    poly = sp.Poly(energy, *logs)
    if poly.total_degree() > 1:
        return None
    a = [poly.coeff_monomial(t) + 1 for t in logs]
    value = poly.coeff_monomial(1) + sp.Add(*map(sp.loggamma, a)) - sp.loggamma(sp.Add(*a))
    return Normalised(log_partition=value, domain=require(*a))
