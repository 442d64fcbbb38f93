"""Where a variable lives: the supports of one unit (a scalar, or a block of components that belong together)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from math import comb

import sympy as sp

from eftheory.errors import MisuseError

Point = tuple[sp.Expr, ...]


@dataclass(frozen=True)
class Support:
    """Base of all supports. `scalar`: one number; otherwise a vector whose length the unit's groups give."""

    @property
    def scalar(self) -> bool:
        return isinstance(self, Integers | Points | Interval | Circle)

    @property
    def finite(self) -> bool:
        """True when there are finitely many points (at every explicit size)."""
        return isinstance(self, Points | Bits | OneHot)

    @property
    def discrete(self) -> bool:
        """True when sums, not integrals, normalise."""
        return isinstance(self, Integers | Points | Bits | OneHot | Counts)

    def points(self, size: int = 1) -> Iterator[Point]:
        """Every point, exactly, of a finite support at an explicit size."""
        raise MisuseError(wanted="a finite support", got=self.text, do="use quadrature instead of enumeration")

    def count(self, size: int = 1) -> int | None:
        """How many points; None when there are infinitely many, or a symbol hides how many."""
        return None

    @property
    def text(self) -> str:
        return type(self).__name__.lower()


@dataclass(frozen=True)
class Integers(Support):
    """lo, lo+1, ..., hi; hi may be oo or a symbol (then enumerable only once a number is put in)."""

    lo: sp.Expr = sp.S.Zero
    hi: sp.Expr = sp.oo

    @property
    def finite(self) -> bool:
        return self.hi != sp.oo

    def count(self, size: int = 1) -> int | None:
        width = sp.sympify(self.hi - self.lo) + 1
        return int(width) if width.is_Integer else None

    def points(self, size: int = 1) -> Iterator[Point]:
        if not self.hi.is_Integer:
            return super().points(size)
        return ((sp.Integer(value),) for value in range(int(self.lo), int(self.hi) + 1))

    @property
    def text(self) -> str:
        return f"integers({self.lo}, {self.hi})"


@dataclass(frozen=True)
class Points(Support):
    """A list of rational numbers."""

    values: tuple[sp.Rational, ...]

    def count(self, size: int = 1) -> int | None:
        return len(self.values)

    def points(self, size: int = 1) -> Iterator[Point]:
        return ((value,) for value in self.values)

    @property
    def text(self) -> str:
        return "{" + ", ".join(map(str, self.values)) + "}"


@dataclass(frozen=True)
class Interval(Support):
    """The open interval (lo, hi)."""

    lo: sp.Expr = -sp.oo
    hi: sp.Expr = sp.oo

    @property
    def text(self) -> str:
        return f"interval({self.lo}, {self.hi})"


@dataclass(frozen=True)
class Circle(Support):
    """Angles in [-pi, pi); functions on it are 2 pi-periodic."""


@dataclass(frozen=True)
class Bits(Support):
    """{0,1}^size."""

    def count(self, size: int = 1) -> int | None:
        return int(2**size)

    def points(self, size: int = 1) -> Iterator[Point]:
        return product((sp.Integer(0), sp.Integer(1)), repeat=size)


@dataclass(frozen=True)
class OneHot(Support):
    """The unit vectors of R^size."""

    def count(self, size: int = 1) -> int | None:
        return size

    def points(self, size: int = 1) -> Iterator[Point]:
        return (tuple(sp.Integer(int(i == j)) for j in range(size)) for i in range(size))


@dataclass(frozen=True)
class Reals(Support):
    """R^size."""


@dataclass(frozen=True)
class Simplex(Support):
    """{x > 0, sum x = 1} in R^size; densities are with respect to Lebesgue measure of the first size-1 components."""


@dataclass(frozen=True)
class Counts(Support):
    """N^size with sum `total`; total None: it varies, with a law that no parameter touches (theory: eq. 13)."""

    total: sp.Expr | None = None

    @property
    def finite(self) -> bool:
        return self.total is not None

    def count(self, size: int = 1) -> int | None:
        if self.total is None or not sp.sympify(self.total).is_Integer:
            return None
        return comb(int(self.total) + size - 1, size - 1)

    def points(self, size: int = 1) -> Iterator[Point]:
        if self.total is None or not self.total.is_Integer:
            return super().points(size)
        draws = combinations_with_replacement(range(size), int(self.total))
        return (tuple(sp.Integer(draw.count(i)) for i in range(size)) for draw in draws)

    @property
    def text(self) -> str:
        return "counts" if self.total is None else f"counts(total={self.total})"
