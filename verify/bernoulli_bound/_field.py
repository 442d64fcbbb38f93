"""Formulas in rational functions of symbols and their logarithms, over any arithmetic's interface: zero is decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm
from typing import Any

import sympy as sp
from sympy.polys.fields import FracElement, FracField

from eftheory.errors import MisuseError


@dataclass(frozen=True)
class Term:
    """``rational + sum_a logs[a] log a``, rational and a in a field of rational functions."""

    on: Functions
    rational: FracElement
    logs: Mapping[FracElement, Fraction] = field(default_factory=dict)

    def __add__(self, other: Any) -> Term:
        right, logs = self.on.number(other), dict(self.logs)
        for a, factor in right.logs.items():
            logs[a] = logs.get(a, Fraction(0)) + factor
        return Term(self.on, self.rational + right.rational, logs)

    def __mul__(self, other: Any) -> Term:
        right = self.on.number(other)
        if right.logs:
            self, right = right, self
        if not self.logs:
            return Term(self.on, self.rational * right.rational)
        scale = right.whole()
        return Term(self.on, self.rational * right.rational, {a: c * scale for a, c in self.logs.items()})

    def __truediv__(self, other: Any) -> Term:
        right = self.on.number(other)
        if right.logs:
            raise MisuseError(wanted="a divisor without logarithms", got=str(right), do="another formula")
        return self * Term(self.on, 1 / right.rational)

    def __neg__(self) -> Term:
        return self * -1

    def __sub__(self, other: Any) -> Term:
        return self + (-self.on.number(other))

    def __rsub__(self, other: Any) -> Term:
        return self.on.number(other) - self

    def __rtruediv__(self, other: Any) -> Term:
        return self.on.number(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def whole(self) -> Fraction:
        """The rational number that it is. Raises MisuseError where it depends on a symbol, or has logarithms."""
        top, bottom = self.rational.numer, self.rational.denom
        if self.logs or not (top.is_ground and bottom.is_ground):
            raise MisuseError(wanted="a rational number", got=str(self), do="another formula")
        ratio = sp.Rational(sp.QQ.to_sympy(top.LC)) / sp.Rational(sp.QQ.to_sympy(bottom.LC)) if top else sp.S.Zero
        return Fraction(int(ratio.p), int(ratio.q))

    @property
    def is_zero(self) -> bool:
        """Whether the rational part is zero and the product of all ``a^(n c)``, n c whole, is 1; a positive."""
        powers, n = self.on.functions.one, lcm(*(factor.denominator for factor in self.logs.values()))
        for a, factor in self.logs.items():
            powers *= a ** int(n * factor)
        return bool(self.rational == 0 and powers == 1)


class Functions:
    """The arithmetic (see `eftheory.exact.arithmetic`) of rational functions of some symbols over Q."""

    def __init__(self, *names: str) -> None:
        self.functions = FracField(list(names), sp.QQ)
        self.symbols = dict(zip(names, (Term(self, each) for each in self.functions.gens), strict=True))

    def number(self, value: Any) -> Term:
        if isinstance(value, Term):
            return value
        exact = Fraction(value)
        return Term(self, self.functions(sp.QQ(exact.numerator, exact.denominator)))

    def log(self, a: Term) -> Term:
        return Term(self, self.functions.zero, {a.rational: Fraction(1)} if not a.logs and a.rational != 1 else {})

    def exp(self, a: Term) -> Term:
        raise _outside("an exponential")

    def sqrt(self, a: Term) -> Term:
        raise _outside("a square root")

    def larger(self, a: Term, b: Term) -> Term:
        raise _outside("a comparison")

    smaller = larger

    def less(self, a: Term, b: Term) -> bool | None:
        """Of numbers only; rational functions are compared nowhere."""
        try:
            return a.whole() < b.whole()
        except MisuseError:
            return None


def _outside(what: str) -> MisuseError:
    return MisuseError(wanted="a formula in rational functions and logarithms", got=what, do="another arithmetic")
