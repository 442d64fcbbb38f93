"""`copies` independent units at explicit sizes: points, statistics and log base measures, all exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from itertools import product as cartesian
from typing import Any

import sympy as sp
from flint import fmpq

from eftheory.errors import MisuseError
from eftheory.exact import points as pts
from eftheory.exact.linear import annihilators
from eftheory.exact.values import ONE, Monomial, Value, at, log_at
from eftheory.families.base import Explicit, Family
from eftheory.families.support import Point

SAMPLE_LIMIT = 80
"""Points of an infinite or large latent space."""


@dataclass(frozen=True)
class Product:
    """`copies` independent copies of an explicit unit. A point is the concatenation of its units' components."""

    unit: Explicit
    copies: int
    _stats: dict[Point, tuple[Value, ...]] = field(default_factory=dict, repr=False, compare=False)
    _bases: dict[Point, Value] = field(default_factory=dict, repr=False, compare=False)

    @property
    def width(self) -> int:
        """Components of one unit."""
        return len(self.unit.variables)

    @property
    def length(self) -> int:
        """Components of a point."""
        return self.width * self.copies

    @property
    def n_statistics(self) -> int:
        return len(self.unit.statistics)

    def split(self, point: Point) -> list[Point]:
        return [point[i : i + self.width] for i in range(0, self.length, self.width)]

    def contains(self, point: Point) -> bool:
        return len(point) == self.length and all(pts.contains(self.unit.support, part) for part in self.split(point))

    def unit_statistics(self, part: Point) -> tuple[Value, ...]:
        if part not in self._stats:
            env = dict(zip(self.unit.variables, part, strict=True))
            self._stats[part] = tuple(at(expr, env) for expr in self.unit.statistics)
        return self._stats[part]

    def statistics(self, point: Point) -> list[Value]:
        """``psi(point)``, flattened (copies, n_statistics)."""
        return [value for part in self.split(point) for value in self.unit_statistics(part)]

    def unit_log_base(self, part: Point) -> Value:
        if part not in self._bases:
            env = dict(zip(self.unit.variables, part, strict=True))
            self._bases[part] = log_at(self.unit.base, env)
        return self._bases[part]

    def log_base(self, point: Point) -> Value:
        """``log k(point)``."""
        return sum((self.unit_log_base(part) for part in self.split(point)), Value())

    def count(self) -> int | None:
        """The number of points, None when infinite."""
        units = pts.size_of(self.unit.support, self.width)
        return None if units is None else units**self.copies

    def all_points(self, most: int = pts.ENUMERABLE) -> list[Point] | None:
        """Every point, when there are at most `most`."""
        count = self.count()
        if count is None or count > most:
            return None
        parts = pts.sample(self.unit.support, self.width)
        return [tuple(v for part in choice for v in part) for choice in cartesian(parts, repeat=self.copies)]

    def sample(self, limit: int = SAMPLE_LIMIT, whole: int = pts.ENUMERABLE) -> list[Point]:
        """All points when at most `whole`; else a base point, single units varied, and pairs varied (squares)."""
        every = self.all_points(whole)
        if every is not None:
            return every
        parts = pts.sample(self.unit.support, self.width)
        if self.copies == 1:
            return parts
        found = dict.fromkeys([self._with({}, parts[0])])
        steps = min(len(parts), max(2, limit // (2 * self.copies)))
        pairs = sorted(((i, j) for i in range(self.copies) for j in range(i)), key=lambda pair: pair[0] - pair[1])
        for part in parts[1:steps]:
            found |= dict.fromkeys(self._with({i: part}, parts[0]) for i in range(self.copies))
        for i, j in pairs[: max(1, limit // 2)]:
            corners = [self._with(c, parts[0]) for c in ({i: parts[1]}, {j: parts[1]}, {i: parts[1], j: parts[1]})]
            found |= dict.fromkeys(corners)
        return list(found)

    def _with(self, changed: Mapping[int, Point], base: Point) -> Point:
        return tuple(v for i in range(self.copies) for v in changed.get(i, base))


def explicit(family: Family, groups: tuple[int, ...], copies: int, values: Mapping[sp.Symbol, sp.Expr]) -> Product:
    """The family at explicit sizes, its symbols replaced by numbers.

    Raises MisuseError when a symbol is left over.
    """
    unit = _substitute(family.unit.at(groups, name="v"), dict(values)) if values else family.unit.at(groups, name="v")
    known = set(unit.variables) | set(unit.natural)
    formulas = [*unit.statistics, unit.base, *_ends(unit).values()]
    left = set().union(*(formula.free_symbols for formula in formulas)) - known
    if left:
        got = ", ".join(sorted(map(str, left)))
        raise MisuseError(wanted=f"numbers only in {family}", got=got, do="give it a value")
    return Product(unit, copies)


def sizes(family: Family) -> tuple[tuple[int, ...], int]:
    """(groups, copies) of a family whose sizes are numbers; MisuseError when one is a symbol."""
    for size in (family.copies, *family.unit.groups):
        if not isinstance(size, int) and not getattr(size, "is_Integer", False):
            raise MisuseError(wanted=f"explicit sizes in {family}", got=str(size), do="write a number for it")
    return tuple(int(size) for size in family.unit.groups), int(family.copies)


def number(value: Any, what: str = "number") -> sp.Expr:
    """A user's number, exactly: floats are dyadic rationals; scalars of array libraries through ``.item()``.

    Raises MisuseError for NaN, infinities and everything that is no real number.
    """
    if hasattr(value, "item") and not isinstance(value, sp.Basic):
        value = value.item()
    if isinstance(value, bool | int):
        return sp.Integer(int(value))
    if isinstance(value, Fraction):
        return sp.Rational(value.numerator, value.denominator)
    if isinstance(value, float) and value - value == 0.0:
        return sp.Rational(*value.as_integer_ratio())
    if isinstance(value, sp.Expr) and value.is_number and value.is_real and value.is_finite:
        return sp.Rational(*_dyadic(value)) if value.is_Float else value
    do = "give an int, float, Fraction or sympy number"
    raise MisuseError(wanted=f"a finite real {what}", got=repr(value), do=do)


def annihilating_weights(
    encoder: Explicit | Family | Product, point_list: Sequence[Sequence[Any]], extra: Product | None = None
) -> list[list[Fraction]]:
    """Rational weights b with ``sum_i b_i = 0`` and ``sum_i b_i psi(z_i) = 0``, exactly; empty when there are none.

    encoder: an explicit unit, or a family with explicit sizes. point_list: points, numbers that are exact.
    extra: a second set of statistics to annihilate (a prior family's). Logarithms are taken over the primes, so a zero
    here is an identity; when all statistics are rational, the list spans every such b.
    """
    if isinstance(encoder, Family):
        encoder = explicit(encoder, *sizes(encoder), {})
    space = Product(encoder, 1) if isinstance(encoder, Explicit) else encoder
    chosen = [tuple(number(v) for v in point) for point in point_list]
    return [[Fraction(entry) for entry in b] for b in integer_weights(space, chosen, extra)]


def integer_weights(space: Product, point_list: Sequence[Point], extra: Product | None = None) -> list[list[int]]:
    """`annihilating_weights` in primitive integers, for exact points."""
    columns = [[*space.statistics(p), *([] if extra is None else extra.statistics(p))] for p in point_list]
    rows = [[fmpq(1)] * len(point_list)]
    for j in range(len(columns[0])):
        rows += coordinate_rows([column[j] for column in columns])
    return annihilators(rows)


def coordinate_rows(values: Sequence[Value]) -> list[list[fmpq]]:
    """One row for each monomial that occurs: when b annihilates all of them, it annihilates the values."""
    monomials: dict[Monomial, None] = dict.fromkeys(m for value in values for m in value.terms)
    return [[value.terms.get(m, fmpq(0)) for value in values] for m in monomials]


def is_rational(space: Product, point_list: Sequence[Point]) -> bool:
    """Whether every statistic is rational at every point."""
    return all(not set(value.terms) - {ONE} for point in point_list for value in space.statistics(point))


def _dyadic(value: sp.Float) -> tuple[int, int]:
    rational = sp.Rational(value)
    return int(rational.p), int(rational.q)


def _ends(unit: Explicit) -> dict[str, sp.Expr]:
    ends = {f.name: getattr(unit.support, f.name) for f in fields(unit.support)}
    return {name: end for name, end in ends.items() if isinstance(end, sp.Expr)}


def _substitute(unit: Explicit, values: dict[sp.Symbol, sp.Expr]) -> Explicit:
    return replace(
        unit,
        support=replace(unit.support, **{name: end.subs(values) for name, end in _ends(unit).items()}),
        statistics=tuple(expr.subs(values) for expr in unit.statistics),
        base=unit.base.subs(values),
        domain=tuple(relation.subs(values) for relation in unit.domain),
    )
