"""The energy of a unit, log base + <natural, statistics>, split into functions of the variable and coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp
from sympy.core.relational import Relational

from eftheory.families.base import Explicit

Features = dict[sp.Expr, sp.Expr]
"""Function of the variable -> its coefficient, free of the variable. The constant is under 1."""


@dataclass(frozen=True, kw_only=True)
class Normalised:
    """log_partition in nats, finite where every relation of domain holds."""

    log_partition: sp.Expr
    domain: tuple[Relational, ...] = ()


def energy_of(explicit: Explicit) -> sp.Expr:
    """``log base + <natural, statistics>``, logarithms of products and powers expanded.

    Expansion is forced: the base is positive on the support, and so is the argument of every logarithm there.
    """
    linear = sp.Add(*[a * s for a, s in zip(explicit.natural, explicit.statistics, strict=True)])
    return sp.expand(sp.expand_log(sp.log(explicit.base) + linear, force=True))


def features(energy: sp.Expr, x: sp.Symbol) -> Features:
    """The energy as a combination of distinct functions of x."""
    found: Features = {}
    for term in sp.Add.make_args(sp.expand(energy)):
        coefficient, function = term.as_independent(x, as_Add=False)
        found[function] = found.get(function, sp.Integer(0)) + coefficient
    return {function: c for function, c in found.items() if c != 0}


def require(*positive: sp.Expr) -> tuple[Relational, ...]:
    """The relations that say each expression is positive; what holds by assumption is left out."""
    relations = [sp.Gt(expr, 0) for expr in positive]
    return tuple(relation for relation in relations if relation != sp.true)
