"""Symbols, exactly: the field of rational functions over Q, and sums of logarithms of its elements.

The formulas of `eftheory.analytic` are evaluated in normal form, so that zero is decided: an identity is a proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import lcm
from operator import mul
from typing import Any

from sympy import QQ
from sympy.polys.fields import FracElement, field

from eftheory.analytic.matrices import Rows
from eftheory.errors import MisuseError
from eftheory.exact.side import to_rational


@dataclass(frozen=True)
class Formal:
    """``rational + sum_i c_i log(f_i)``: the f_i stand for positive functions, the c_i are rational numbers."""

    rational: Any
    terms: tuple[tuple[Any, Fraction], ...] = ()

    def __add__(self, other: Any) -> Formal:
        other = formal(other)
        return Formal(self.rational + other.rational, self.terms + other.terms)

    def __neg__(self) -> Formal:
        return Formal(-self.rational, tuple((f, -c) for f, c in self.terms))

    def __sub__(self, other: Any) -> Formal:
        return self + -formal(other)

    def __rsub__(self, other: Any) -> Formal:
        return formal(other) - self

    def __mul__(self, number: Any) -> Formal:
        """By a number; a function times a logarithm is outside of this arithmetic (MisuseError)."""
        factor = constant(number)
        return Formal(self.rational * number, tuple((f, c * factor) for f, c in self.terms))

    __radd__, __rmul__ = __add__, __mul__

    @property
    def is_zero(self) -> bool:
        """Whether the rational part is 0 and the product of the ``f_i^c_i`` is 1 (each c_i a multiple of 1/n)."""
        common = lcm(*(c.denominator for _, c in self.terms)) if self.terms else 1
        powers = (f ** int(c * common) for f, c in self.terms)
        return bool(self.rational == 0) and bool(reduce(mul, powers, self.rational * 0 + 1) == 1)

    def by(self, symbol: Any) -> Any:
        """The derivative, a rational function."""
        rational = self.rational.diff(symbol)
        return sum((f.diff(symbol) / f * QQ(c.numerator, c.denominator) for f, c in self.terms), rational)


def formal(value: Any) -> Formal:
    return value if isinstance(value, Formal) else Formal(value)


def constant(value: Any) -> Fraction:
    """The rational number that an element of the field is."""
    if isinstance(value, FracElement):
        if value.numer.is_ground and value.denom.is_ground:
            ratio = QQ(value.numer.LC if value.numer else 0) / QQ(value.denom.LC)
            return Fraction(int(ratio.numerator), int(ratio.denominator))
        raise MisuseError(
            wanted="a number times a logarithm", got=str(value), do="keep the formula linear in logarithms"
        )
    return Fraction(int(value.numerator), int(value.denominator))


class Symbols:
    """The arithmetic of the rational functions of the named symbols; ``symbols["x"]`` is one of them.

    Sizes are told of numbers only; a logarithm is formal, so its argument has to be positive where it is used.
    """

    def __init__(self, *names: str) -> None:
        self._field, *made = field(list(names), QQ)
        self._made = dict(zip(names, made, strict=True))

    def __getitem__(self, name: str) -> Any:
        return self._made[name]

    def table(self, name: str, n: int, m: int) -> Rows:
        """The n x m matrix of the symbols ``name_ij``, made by `entries`."""
        return [[self[f"{name}{i}{j}"] for j in range(m)] for i in range(n)]

    def symmetric(self, name: str, n: int) -> Rows:
        return [[self[f"{name}{min(i, j)}{max(i, j)}"] for j in range(n)] for i in range(n)]

    def number(self, value: Any) -> Any:
        if isinstance(value, FracElement | Formal):
            return value
        exactly = to_rational(value)
        return self._field.one * QQ(int(exactly.p), int(exactly.q))

    def log(self, a: Any) -> Formal:
        return Formal(self._field.zero, ((a, Fraction(1)),))

    def exp(self, a: Any) -> Any:
        raise MisuseError(wanted="a rational function", got="an exponential", do="use SYMBOL")

    def sqrt(self, a: Any) -> Any:
        raise MisuseError(wanted="a rational function", got="a square root", do="name the root, and square it")

    def larger(self, a: Any, b: Any) -> Any:
        raise MisuseError(wanted="a rational function", got="a maximum", do="use SYMBOL")

    smaller = larger

    def less(self, a: Any, b: Any) -> bool | None:
        """Of numbers; None for functions."""
        difference = b - a
        if difference == 0:
            return False
        try:
            return constant(difference) > 0
        except MisuseError:
            return None


def entries(name: str, n: int, m: int) -> list[str]:
    """The names of the entries of an n x m matrix."""
    return [f"{name}{i}{j}" for i in range(n) for j in range(m)]
