"""Floating-point evaluation for *searching*; whatever it finds is proved elsewhere or not claimed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import mpmath
import sympy as sp

from eftheory.families.base import Explicit
from eftheory.families.support import Circle, Counts, Integers, Interval, Reals, Simplex

_FUNCTIONS: dict[Any, Callable[..., float]] = {
    sp.log: lambda x: math.log(x),
    sp.exp: lambda x: math.exp(x),
    sp.cos: math.cos,
    sp.sin: math.sin,
    sp.Abs: abs,
    sp.loggamma: math.lgamma,
    sp.gamma: math.gamma,
    sp.factorial: lambda x: math.gamma(x + 1),
    sp.binomial: lambda n, k: math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)),
    sp.besseli: lambda order, x: float(mpmath.besseli(order, x)),
}


LARGEST = 256
"""Points of a finite unit up to which samples are taken from the table of all of them."""


def value(expr: sp.Expr, at: Mapping[sp.Symbol, float]) -> float:
    """`expr` as a float; symbols without a value stand at a generic positive number. ValueError outside the domain."""
    if expr.is_Symbol:
        return at[expr] if expr in at else 1.0 + (sum(map(ord, expr.name)) % 17) / 13.0
    if expr.is_number and not expr.args:
        return float(expr)
    parts = [value(arg, at) for arg in expr.args]
    if expr.is_Add:
        return math.fsum(parts)
    if expr.is_Mul:
        return math.prod(parts)
    if expr.is_Pow:
        if parts[0] <= 0 and not expr.exp.is_integer:
            if parts[0] == 0 and parts[1] > 0:
                return 0.0
            raise ValueError(f"{parts[0]}^{parts[1]}")
        return float(parts[0] ** parts[1])
    return float(_FUNCTIONS[expr.func](*parts))


_REAL = (-1.7, -1.1, -0.6, -0.2, 0.3, 0.7, 1.2, 1.9, 2.3, -2.2, 2.9, 0.05)
_POSITIVE = (0.07, 0.21, 0.43, 0.68, 0.94, 1.3, 1.75, 2.4, 3.3, 4.6, 7.9, 0.012)
_UNIT = (0.03, 0.11, 0.19, 0.31, 0.42, 0.53, 0.61, 0.72, 0.83, 0.91, 0.97, 0.26)
_ANGLE = (-2.9, -2.2, -1.6, -1.0, -0.4, 0.2, 0.75, 1.3, 1.9, 2.4, 2.95, 0.47)


def sample(units: Sequence[Explicit], count: int) -> list[dict[sp.Symbol, float]]:
    """Deterministic, irregular points of a product of units; all of them when they are few enough."""
    sizes = [unit.support.count(len(unit.variables)) for unit in units]
    if all(size is not None and size <= LARGEST for size in sizes):
        tables = [unit.points() for unit in units]
        if math.prod(map(len, tables)) <= max(count, LARGEST):
            variables = [v for unit in units for v in unit.variables]
            return [dict(zip(variables, map(float, sum(p, ())), strict=True)) for p in product(*tables)]
    points: list[dict[sp.Symbol, float]] = []
    for i in range(count):
        point: dict[sp.Symbol, float] = {}
        for j, unit in enumerate(units):
            point.update(_unit_point(unit, i * (2 * j + 1) + j * (i // 3)))
        points.append(point)
    return points


def _unit_point(unit: Explicit, i: int) -> dict[sp.Symbol, float]:
    support, p = unit.support, len(unit.variables)
    size = support.count(p)
    if size is not None and size <= LARGEST:
        table = unit.points()
        return dict(zip(unit.variables, map(float, table[i % len(table)]), strict=True))
    if isinstance(support, Simplex):
        raw = [_POSITIVE[(i * (c + 2) + c) % 12] for c in range(p)]
        return dict(zip(unit.variables, [r / sum(raw) for r in raw], strict=True))
    return {v: _scalar(unit, i * (c + 1) + 3 * c) for c, v in enumerate(unit.variables)}


def _scalar(unit: Explicit, i: int) -> float:
    support = unit.support
    if isinstance(support, Circle):
        return _ANGLE[i % 12]
    if isinstance(support, Integers | Counts):
        low = float(support.lo) if isinstance(support, Integers) else 0.0
        return low + float(i % (3 if support.finite else 9))
    if isinstance(support, Reals):
        return _REAL[i % 12]
    assert isinstance(support, Interval)
    if support.lo == -sp.oo:
        return _REAL[i % 12] if support.hi == sp.oo else float(support.hi) - _POSITIVE[i % 12]
    low = value(sp.sympify(support.lo), {})
    if support.hi == sp.oo:
        return low + _POSITIVE[i % 12]
    return low + (float(support.hi) - low) * _UNIT[i % 12]


class Projector:
    """Least-squares residual on a list of points, generators orthonormalised once."""

    def __init__(self, points: Sequence[Mapping[sp.Symbol, float]], generators: Sequence[sp.Expr]) -> None:
        self.points = points
        self.basis: list[list[float]] = []
        for generator in (sp.Integer(1), *generators):
            vector = self._reduce([value(generator, point) for point in points])
            norm = math.sqrt(sum(x * x for x in vector))
            if norm > 1e-9:
                self.basis.append([x / norm for x in vector])

    def residual(self, values: Sequence[float]) -> float:
        """Norm of the part of `values` outside the span, relative to their size."""
        size = math.sqrt(sum(x * x for x in values)) + 1.0
        return math.sqrt(sum(x * x for x in self._reduce(list(values)))) / size

    def _reduce(self, vector: list[float]) -> list[float]:
        for _ in range(2):
            for unit in self.basis:
                overlap = sum(x * y for x, y in zip(vector, unit, strict=True))
                vector = [x - overlap * y for x, y in zip(vector, unit, strict=True)]
        return vector
