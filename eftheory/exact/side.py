"""One side of a finite model, X or Z: its points by their statistics and base measure, in Q."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from operator import index
from typing import Any

import sympy as sp
from flint import fmpq

from eftheory.errors import MisuseError
from eftheory.exact.linear import rank
from eftheory.exact.product import explicit, sizes
from eftheory.spec import parse_family

Vector = tuple[fmpq, ...]
Rational = fmpq | Fraction | int | str
MOST_POINTS = 4096
"""Points of a side that is enumerated in Q; larger ones go through `eftheory.exact.streaming`."""
LARGEST_POWER = 4000
"""Of ten, in a number that is given as text; Python reads no more than 4300 digits either."""


@dataclass(frozen=True)
class Side:
    """statistics: (points, n), minimal; base: (points), positive. Equality is that of the numbers.

    Raises MisuseError for no points, ragged rows, a base measure that is not positive, statistics that are not minimal.
    """

    statistics: tuple[Vector, ...]
    base: Vector

    def __post_init__(self) -> None:
        if not self.base or len(self.base) != len(self.statistics) or len({len(s) for s in self.statistics}) != 1:
            got = f"{len(self.statistics)} rows and {len(self.base)} base measures"
            raise MisuseError(wanted="a row of statistics and a base measure for each point", got=got, do="match them")
        refuse_unless_positive(self.base, "base measure")
        if rank(self.bordered) < self.width + 1:
            got = f"{self.width} statistics that, with 1, are linearly dependent on {len(self.base)} points"
            raise MisuseError(wanted="minimal statistics", got=got, do="drop the redundant ones")

    @property
    def count(self) -> int:
        """The number of points."""
        return len(self.base)

    @property
    def width(self) -> int:
        """The number of statistics."""
        return len(self.statistics[0])

    @property
    def bordered(self) -> list[list[fmpq]]:
        """``(nu, 1)`` at every point."""
        return [[*row, fmpq(1)] for row in self.statistics]


def refuse_unless_positive(numbers: Sequence[fmpq], what: str) -> None:
    """Raise MisuseError at the first number that is not above zero."""
    for place, number in enumerate(numbers):
        if not number > 0:
            raise MisuseError(wanted=f"positive {what}", got=f"{number} at index {place}", do="give positive rationals")


def side(statistics: Sequence[Sequence[Rational]], base: Sequence[Rational] | None = None) -> Side:
    """A side from plain numbers; base measure 1 unless given."""
    rows = rationals(statistics)
    return Side(rows, vector(base) if base is not None else (fmpq(1),) * len(rows))


@lru_cache(maxsize=256)
def family_side(notation: str) -> Side:
    """Every point of a family with finite support, e.g. ``boltzmann(1+2)``: its statistics and base measure.

    Raises MisuseError where the support is not finite or too large, or a statistic is not rational.
    """
    family = parse_family(notation)
    space = explicit(family, *sizes(family), {})
    count = space.count()
    if count is None or count > MOST_POINTS:
        got = f"{notation} with {'infinitely many' if count is None else count} points"
        raise MisuseError(
            wanted=f"a finite support of at most {MOST_POINTS} points", got=got, do="choose a smaller one"
        )
    points = space.all_points(MOST_POINTS) or []
    rows = []
    for point in points:
        values = [value.rational for value in space.statistics(point)]
        if any(value is None for value in values):
            raise MisuseError(wanted="rational statistics", got=notation, do="odds need rational statistics")
        rows.append(tuple(value for value in values if value is not None))
    return Side(tuple(rows), tuple(_base(space.log_base(point).expr().doit(), notation) for point in points))


def _base(log_base: sp.Expr, notation: str) -> fmpq:
    value = sp.exp(log_base)
    if not value.is_Rational:
        raise MisuseError(wanted="a rational base measure", got=f"{value} in {notation}", do="choose another family")
    return fmpq(int(value.p), int(value.q))


def rationals(rows: Sequence[Sequence[Rational]]) -> tuple[Vector, ...]:
    """Rows of exact numbers."""
    return tuple(vector(row) for row in _entries(rows, "rows of numbers"))


def vector(entries: Sequence[Rational]) -> Vector:
    """Exact numbers."""
    return tuple(to_rational(entry) for entry in _entries(entries, "a row of numbers"))


def _entries(given: Any, wanted: str) -> Iterable[Any]:
    """A string has entries too, but is one number."""
    if isinstance(given, str | bytes) or not hasattr(given, "__iter__"):
        raise MisuseError(wanted=wanted, got=repr(given), do="give a list")
    return given


def to_rational(value: Rational | float) -> fmpq:
    """A number exactly: rationals, strings such as ``"3/7"``, and floats as the dyadic rationals they are.

    Raises MisuseError for NaN, infinities, everything that is no number, and decimal exponents beyond `LARGEST_POWER`.
    """
    if isinstance(value, fmpq):
        return value
    try:
        if isinstance(value, bool):
            raise ValueError
        if isinstance(value, str):
            ratio = Fraction(_short(value)).as_integer_ratio()
        elif hasattr(value, "__index__"):  # whole numbers of other libraries too
            ratio = index(value), 1
        else:
            ratio = value.as_integer_ratio()
    except (ValueError, OverflowError, AttributeError, TypeError, ZeroDivisionError):
        raise MisuseError(wanted="a finite number", got=repr(value), do="give a rational or a finite float") from None
    return fmpq(*ratio)


def _short(number: str) -> str:
    """The text itself; ValueError where it would take ages to write it out."""
    _, exponent, power = number.lower().partition("e")
    if exponent and abs(int(power)) > LARGEST_POWER:
        raise ValueError
    return number
