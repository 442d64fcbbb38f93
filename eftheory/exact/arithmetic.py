"""The arithmetics in which a formula is evaluated: floats, balls, symbols. A formula is written once, over any of them.

>>> from fractions import Fraction
>>> SYMBOL.log(SYMBOL.number(Fraction(1, 2))) + SYMBOL.log(SYMBOL.number(2))
0
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final, Protocol

import sympy as sp
from flint import arb, fmpq

from eftheory.errors import MisuseError
from eftheory.exact.compare import certainly_at_most, certainly_less

Number = Any
"""A float, an `arb` or a SymPy expression: what `Arithmetic.number` returns; + - * / and ** work on it."""


class Arithmetic(Protocol):
    """What a formula may use besides + - * / and whole powers."""

    def number(self, value: fmpq | Fraction | int | float) -> Number:
        """A rational or a float (exactly), or a number of this arithmetic as it is.

        Balls and symbols raise MisuseError for NaN, infinities and everything that is no number.
        """

    def log(self, a: Number) -> Number: ...

    def exp(self, a: Number) -> Number: ...

    def sqrt(self, a: Number) -> Number: ...

    def larger(self, a: Number, b: Number) -> Number: ...

    def smaller(self, a: Number, b: Number) -> Number: ...

    def less(self, a: Number, b: Number) -> bool | None:
        """Whether ``a < b``; None where it cannot be told."""


class _Float:
    """float64: for searches and pictures, never for a verdict."""

    log = staticmethod(math.log)
    exp = staticmethod(math.exp)
    sqrt = staticmethod(math.sqrt)
    larger = staticmethod(max)
    smaller = staticmethod(min)

    def less(self, a: float, b: float) -> bool:
        return a < b

    def number(self, value: fmpq | Fraction | int | float) -> float:
        return int(value.p) / int(value.q) if isinstance(value, fmpq) else float(value)


class _Ball:
    """Arb balls at the working precision (``flint.ctx.prec``); outside a function's domain the ball is not finite."""

    def number(self, value: fmpq | Fraction | int | float | arb) -> arb:
        return value if isinstance(value, arb) else arb(_exactly(value))

    def log(self, a: arb) -> arb:
        return a.log()

    def exp(self, a: arb) -> arb:
        return a.exp()

    def sqrt(self, a: arb) -> arb:
        return a.sqrt()

    def larger(self, a: arb, b: arb) -> arb:
        return a.max(b)

    def smaller(self, a: arb, b: arb) -> arb:
        return a.min(b)

    def less(self, a: arb, b: arb) -> bool | None:
        return True if certainly_less(a, b) else False if certainly_at_most(b, a) else None


class _Symbol:
    """SymPy: for formulas to read."""

    log: Callable[[Any], Any] = staticmethod(sp.log)
    exp: Callable[[Any], Any] = staticmethod(sp.exp)
    sqrt: Callable[[Any], Any] = staticmethod(sp.sqrt)
    larger: Callable[[Any, Any], Any] = staticmethod(sp.Max)
    smaller: Callable[[Any, Any], Any] = staticmethod(sp.Min)

    def number(self, value: fmpq | Fraction | int | float | sp.Expr) -> sp.Expr:
        if isinstance(value, sp.Expr):
            return value
        exactly = _exactly(value)
        return sp.Rational(int(exactly.p), int(exactly.q))

    def less(self, a: sp.Expr, b: sp.Expr) -> bool | None:
        relation = sp.Lt(a, b)
        return None if relation not in (sp.true, sp.false) else bool(relation)


def _exactly(value: fmpq | Fraction | int | float) -> fmpq:
    if isinstance(value, fmpq):
        return value
    try:
        return fmpq(*value.as_integer_ratio())
    except (AttributeError, ValueError, OverflowError):
        raise MisuseError(wanted="a finite number", got=repr(value), do="give a rational or a finite float") from None


FLOAT: Final = _Float()
BALL: Final = _Ball()
SYMBOL: Final = _Symbol()
