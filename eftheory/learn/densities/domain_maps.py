"""From any real numbers to the natural domain of a unit, smoothly and onto; and back where a start is given.

The rules look at the domain's relations and at the statistics: a normal coordinate with mean and variance has raw
parameters ``(mean, log variance)``, one of fixed variance has its mean; a full covariance has the mean and a Cholesky
factor of the precision, its diagonal as logarithms; ``a eta_i + b > 0`` becomes ``a eta_i + b = e^raw``; without
relations the raw parameters are the natural ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import sympy as sp
from sympy.core.relational import Relational
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.families.base import Unit
from eftheory.learn.densities.normal_maps import normal_map
from eftheory.learn.densities.program import Program
from eftheory.learn.densities.quadratic import Quadratic
from eftheory.learn.densities.translate import translate


class DomainMap(Protocol):
    """natural: (..., raw_width) to (..., n); raw: the inverse."""

    @property
    def raw_width(self) -> int: ...

    def natural(self, raw: Tensor) -> Tensor: ...

    def raw(self, eta: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Identity:
    """The natural domain is everything."""

    raw_width: int

    def natural(self, raw: Tensor) -> Tensor:
        return raw

    def raw(self, eta: Tensor) -> Tensor:
        return eta


@dataclass(frozen=True)
class Formulas:
    """Both directions as expressions, translated."""

    raw_width: int
    forward: Program
    backward: Program

    def natural(self, raw: Tensor) -> Tensor:
        return self.forward(raw)

    def raw(self, eta: Tensor) -> Tensor:
        return self.backward(eta)


def domain_map(unit: Unit, n: int, quadratic: Quadratic | None) -> DomainMap:
    """The map for a unit with n natural parameters. Raises MisuseError for a domain without a rule."""
    found = normal_map(quadratic) if quadratic is not None else None
    if found is not None:
        return found
    eta = sp.symbols(f"eta1:{n + 1}", real=True)
    relations = unit.domain(eta)
    return _half_lines(relations, eta) if relations else Identity(n)


def _half_lines(relations: Sequence[Relational], eta: Sequence[sp.Symbol]) -> DomainMap:
    """Each relation bounds one parameter on one side: ``slope eta_i + rest > 0``."""
    raw = sp.symbols(f"raw1:{len(eta) + 1}", real=True)
    forward, backward = dict(zip(eta, raw, strict=True)), dict(zip(eta, eta, strict=True))
    for relation in relations:
        found = _half_line(relation)
        if found is None or found[0] not in forward or forward[found[0]] not in raw:
            do = "take a family with another domain, or train the parameters that are free"
            raise MisuseError(wanted="a natural domain of half-lines", got=f"{relation}", do=do)
        symbol, slope, rest = found
        forward[symbol] = sp.expand((sp.exp(forward[symbol]) - rest) / slope)
        backward[symbol] = sp.log(slope * symbol + rest)
    return Formulas(len(eta), translate([*forward.values()], raw), translate([*backward.values()], eta))


def _half_line(relation: Relational) -> tuple[sp.Symbol, sp.Expr, sp.Expr] | None:
    """(eta_i, slope, rest) where the relation says ``slope eta_i + rest > 0`` with numbers."""
    if not hasattr(relation, "gts") or len(relation.free_symbols) != 1:
        return None
    (symbol,) = relation.free_symbols
    positive = sp.expand(relation.gts - relation.lts)
    slope = positive.coeff(symbol, 1)
    rest = positive - slope * symbol
    return (symbol, slope, rest) if slope.is_number and rest.is_number else None
