"""The natural domain of an own family, derived from its support, statistics and base measure.

Scalars are left to the growth analysis; finite supports allow every eta; blocks reduce to one of: independent
components (growth analysis again), a Gaussian (positive definite precision), Dirichlet-like (exponents above -1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from eftheory.errors import MisuseError
from eftheory.families.base import XI, XJ, Explicit, Statistic, Unit, X, everywhere
from eftheory.families.support import Counts, Interval, Reals, Simplex

Domain = Callable[[Sequence[sp.Expr]], tuple[Relational, ...]]

INTEGRABLE: Any = sp.Function("integrable")
"""Stands in a relation for a domain that was not derived: nothing can decide it."""


def undetermined(eta: Sequence[sp.Expr]) -> tuple[Relational, ...]:
    """The domain that was not derived, as one relation that no rule decides: verdicts on it come out undecided."""
    return (sp.Gt(INTEGRABLE(*eta), 0),)


def derive_domain(unit: Unit) -> Domain:
    """The natural domain; `undetermined` where no rule applies. Raises MisuseError when no eta is integrable."""
    if unit.support.finite or isinstance(unit.support, Counts):
        return everywhere  # counts of varying total have a law of the total that no parameter touches
    if unit.support.scalar:
        return _scalar(unit.at()) or undetermined
    if isinstance(unit.support, Simplex):
        return _simplex(unit)
    if all(statistic.pattern in ("", "i") for statistic in unit.statistics):
        return _independent(unit)
    return _gaussian(unit)


def _scalar(unit: Explicit) -> Domain | None:
    from eftheory.families.growth import natural_domain

    return natural_domain(unit.support, unit.statistics, unit.base)


def components(unit: Unit, count: int) -> int:
    """The size of the one group of a block, from the number of its natural parameters."""
    size = 1
    while (found := sum(len(s.indices((size,))) for s in unit.statistics)) < count:
        size += 1
    if found != count:
        raise MisuseError(wanted="natural parameters of one block", got=f"{count} of them", do="pass one per statistic")
    return size


def _independent(unit: Unit) -> Domain:
    """Every statistic is a function of one component: the conditions of a scalar, component by component."""
    statistics = tuple(Statistic(s.expr.subs(XI, X)) for s in unit.statistics)
    base = unit.base.subs(XI, X)
    scalar = Unit(
        support=Interval(), statistics=statistics, base=base, domain=everywhere, log_partition=lambda eta: None
    )
    one = _scalar(scalar.at())
    if one is None:
        return undetermined

    def domain(eta: Sequence[sp.Expr]) -> tuple[Relational, ...]:
        p = components(unit, len(eta))
        return tuple(relation for i in range(p) for relation in one(eta[i::p]))

    return domain


def _gaussian(unit: Unit) -> Domain:
    """Linear and quadratic statistics: minus the Hessian of the exponent is positive definite (Sylvester)."""
    log_base = sp.expand(sp.expand_log(sp.log(unit.base), force=True))
    if not isinstance(unit.support, Reals) or not all(map(_quadratic, [log_base, *(s.expr for s in unit.statistics)])):
        return undetermined

    def domain(eta: Sequence[sp.Expr]) -> tuple[Relational, ...]:
        x = sp.symbols(f"x1:{components(unit, len(eta)) + 1}", real=True)
        terms = [t for s in unit.statistics for t in s.expand(x, (len(x),))]
        exponent = sp.Add(*(e * t for e, t in zip(eta, terms, strict=True)), *(log_base.subs(XI, v) for v in x))
        precision = -sp.hessian(sp.expand(exponent), x)
        minors = [sp.expand(precision[:k, :k].det(method="berkowitz")) for k in range(1, len(x) + 1)]
        return _relations(unit, [sp.Gt(minor, 0) for minor in minors])

    domain(sp.symbols(f"eta1:{sum(len(s.indices((2,))) for s in unit.statistics) + 1}", real=True))
    return domain


def _quadratic(expr: sp.Expr) -> bool:
    return bool(expr.is_polynomial(XI, XJ)) and sp.Poly(expr, XI, XJ).total_degree() <= 2


def _simplex(unit: Unit) -> Domain:
    """Bounded statistics and multiples of log x_i: every exponent of x_i exceeds -1."""
    found = [_logarithms(statistic.expr) for statistic in unit.statistics]
    parts = [part for part in found if part is not None]
    base = _logarithms(sp.log(unit.base))
    if base is None or len(parts) < len(found):
        return undetermined

    def domain(eta: Sequence[sp.Expr]) -> tuple[Relational, ...]:
        p = components(unit, len(eta))
        exponents = [base[0]] * p
        remaining = iter(eta)
        for statistic, part in zip(unit.statistics, parts, strict=True):
            for i, j in statistic.indices((p,)):
                e = next(remaining)
                exponents[i] += part[0] * e
                exponents[j] += part[1] * e
        return _relations(unit, [sp.Gt(exponent + 1, 0) for exponent in exponents])

    domain(sp.symbols(f"eta1:{sum(len(s.indices((2,))) for s in unit.statistics) + 1}", real=True))
    return domain


def _logarithms(expr: sp.Expr) -> tuple[sp.Expr, sp.Expr] | None:
    """(a, b) with expr = a log x_i + b log x_j + polynomial, else None."""
    expanded = sp.expand(sp.expand_log(expr, force=True))
    a, b = (expanded.coeff(sp.log(v)) for v in (XI, XJ))
    rest = sp.expand(expanded - a * sp.log(XI) - b * sp.log(XJ))
    return (a, b) if a.is_number and b.is_number and rest.is_polynomial(XI, XJ) else None


def _relations(unit: Unit, relations: Sequence[Any]) -> tuple[Relational, ...]:
    """Those that say something; raises MisuseError when one is false for every eta."""
    if sp.false in relations:
        raise MisuseError(
            wanted="an integrable family",
            got=f"statistics {[str(s.expr) for s in unit.statistics]} with base {unit.base} on {unit.support.text}",
            do="no natural parameter normalises it: change the base measure or add a statistic that decays",
        )
    return tuple(dict.fromkeys(relation for relation in relations if relation != sp.true))
