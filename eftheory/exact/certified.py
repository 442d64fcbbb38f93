"""Float64 arrays that carry a bound on their error: the first, vectorised rung of the ladder of comparisons.

A `Bounded` stands for an unknown exact array within `error` of `value`. The rules are the standard model of rounding,
``fl(a op b) = (a op b)(1 + d), |d| <= U`` (Higham, Accuracy and Stability, sections 2.2 and 3.1), plus an assumption on
NumPy's functions (`ULPS`). Where a bound cannot be given it is infinite: then nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
from flint import fmpq

from eftheory.errors import MisuseError
from eftheory.exact.floats import Array

ULPS = 4
"""NumPy's exp, log and log1p are assumed to be within this many units in the last place (measured: below 1).

It is the one assumption that is not a standard: certificates that rest on it must say so, and the tests compare
samples with Arb. Square roots and + - * / are correctly rounded by IEEE 754."""
U = 2.0**-53
"""Unit roundoff."""
FUNCTION = 2 * ULPS * U
"""Relative error of exp, log, log1p: an ulp is at most 2 U."""
UP = 1.0 + 2.0**-49
"""Covers the few roundings made in computing an error bound itself."""
TINY = 2.0**-1070
"""Covers the underflow of one operation and of its bound (ULPS of the smallest subnormal number 2^-1074)."""


def gamma(n: int) -> float:
    """``n U / (1 - n U)``: the relative error of n roundings, whatever their order (Higham, lemma 3.1)."""
    if n > 2**40:
        raise MisuseError(wanted="at most 2^40 roundings in a row", got=str(n), do="split the sum")
    return n * U / (1.0 - n * U) * UP


@dataclass(frozen=True, eq=False)
class Bounded:
    """value: float64 array; error: of the same shape, not negative, infinite where nothing is known."""

    value: Array
    error: Array

    __array_ufunc__ = None  # so that ``ndarray * Bounded`` comes here

    def __add__(self, other: Any) -> Bounded:
        return _quietly(lambda a, b: (s := a.value + b.value, a.error + b.error + U * np.abs(s)), self, other)

    def __neg__(self) -> Bounded:
        return Bounded(-self.value, self.error)

    def __sub__(self, other: Any) -> Bounded:
        return self + -bounded(other)

    def __mul__(self, other: Any) -> Bounded:
        return _quietly(_times, self, other)

    def __truediv__(self, other: Any) -> Bounded:
        return _quietly(_over, self, other)

    def __matmul__(self, other: Any) -> Bounded:
        return _quietly(_matrix_product, self, other)

    def __rsub__(self, other: Any) -> Bounded:
        return bounded(other) - self

    def __rtruediv__(self, other: Any) -> Bounded:
        return bounded(other) / self

    def __rmatmul__(self, other: Any) -> Bounded:
        return bounded(other) @ self

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, exponent: int) -> Bounded:
        """A whole power, by repeated squaring; MisuseError for another exponent."""
        if isinstance(exponent, bool) or not isinstance(exponent, int):
            raise MisuseError(wanted="a whole exponent", got=repr(exponent), do="use sqrt, or exp of a logarithm")
        if exponent < 0:
            return 1 / self**-exponent
        power = bounded(np.ones_like(self.value)) if exponent % 2 == 0 else self
        return power if exponent < 2 else power * (self * self) ** (exponent // 2)

    def __getitem__(self, index: Any) -> Bounded:
        return Bounded(np.asarray(self.value[index]), np.asarray(self.error[index]))

    def sum(self, axis: int | None = None) -> Bounded:
        """The sum over `axis`, in any order of additions."""
        return _quietly(lambda a: _sum(a, axis), self)

    @property
    def lower(self) -> Array:
        """A float64 below every number meant; NaN or -inf where nothing is known."""
        return _outward(self.value, -self.error, -np.inf)

    @property
    def upper(self) -> Array:
        """A float64 above every number meant; NaN or inf where nothing is known."""
        return _outward(self.value, self.error, np.inf)


def bounded(number: Any) -> Bounded:
    """`number` (floats, rationals, an array, or a Bounded already), exact unless it is no float64."""
    if isinstance(number, Bounded):
        return number
    if isinstance(number, fmpq):
        number = Fraction(int(number.p), int(number.q))
    if isinstance(number, int | Fraction):
        return _rational(Fraction(number))
    value = np.asarray(number)
    if value.dtype != np.float64:
        raise MisuseError(wanted="float64", got=str(value.dtype), do="convert it, or give rationals")
    return Bounded(value, np.where(np.isfinite(value), 0.0, np.inf))


def exp(a: Bounded) -> Bounded:
    """``|e^t - e^a| <= e^a (e^d - 1) <= e^a d (1 + d)`` for ``d <= 1``; nothing is claimed for a larger error d."""

    def rule(a: Bounded) -> tuple[Array, Array]:
        value = np.exp(a.value)
        spread = np.where(a.error <= 1.0, a.error * (1.0 + a.error), np.inf)
        return value, (value + TINY) * (spread * (1.0 + 2 * FUNCTION) + FUNCTION)

    return _quietly(rule, a)


def log(a: Bounded) -> Bounded:
    """``|log t - log a| <= d / (a - d)``, while ``a > d``."""

    def rule(a: Bounded) -> tuple[Array, Array]:
        value, least = np.log(a.value), _positive_part(a)
        return value, a.error / least + FUNCTION * np.abs(value)

    return _quietly(rule, a)


def sqrt(a: Bounded) -> Bounded:
    """``|sqrt t - sqrt a| <= d / sqrt a``, while ``a > d`` (or a is exactly 0)."""

    def rule(a: Bounded) -> tuple[Array, Array]:
        value = np.sqrt(a.value)
        spread = np.where(a.value > a.error, a.error / value, np.where(value + a.error == 0.0, 0.0, np.inf))
        return value, spread * UP + U * value

    return _quietly(rule, a)


def larger(a: Any, b: Any) -> Bounded:
    """The maximum, entry by entry: it moves by no more than the larger of the two errors."""
    return _quietly(lambda a, b: (np.maximum(a.value, b.value), np.maximum(a.error, b.error)), a, b)


def smaller(a: Any, b: Any) -> Bounded:
    """The minimum, entry by entry."""
    return -larger(-bounded(a), -bounded(b))


def log_sum_exp(a: Bounded, axis: int = -1) -> Bounded:
    """``log sum exp`` over `axis`; the shift by the largest value is exact mathematics, so any will do."""
    shift = a.value.max(axis=axis, keepdims=True)
    if not np.isfinite(shift).all():
        shift = np.zeros_like(shift)
    return log(exp(a - shift).sum(axis)) + np.squeeze(shift, axis)


def less(a: Any, b: Any) -> bool | None:
    """Whether ``a < b`` everywhere; False when ``a >= b`` somewhere; None when the errors leave it open."""
    a, b = bounded(a), bounded(b)
    return True if bool((a.upper < b.lower).all()) else False if bool((a.lower >= b.upper).any()) else None


class _Bounds:
    """The rules above as an arithmetic (`eftheory.exact.arithmetic.Arithmetic`): formulas are written once over it."""

    number = staticmethod(bounded)
    log = staticmethod(log)
    exp = staticmethod(exp)
    sqrt = staticmethod(sqrt)
    larger = staticmethod(larger)
    smaller = staticmethod(smaller)
    less = staticmethod(less)


BOUNDED: Final = _Bounds()


def _quietly(rule: Callable[..., tuple[Array, Array]], *operands: Any) -> Bounded:
    """`rule` without warnings, its bound rounded up: what overflows or has no value gets an infinite error."""
    with np.errstate(all="ignore"):
        value, error = (np.asarray(part) for part in rule(*(bounded(operand) for operand in operands)))
        known = np.isfinite(value) & np.isfinite(error)
        return Bounded(value, np.where(known, error * UP + TINY, np.inf))


def _times(a: Bounded, b: Bounded) -> tuple[Array, Array]:
    value = a.value * b.value
    return value, np.abs(a.value) * b.error + a.error * (np.abs(b.value) + b.error) + U * np.abs(value)


def _over(a: Bounded, b: Bounded) -> tuple[Array, Array]:
    """``a'/b' - a/b = (a' - a - (a/b)(b' - b)) / b'``, and ``|b'| >= |b| - d``."""
    value, least = a.value / b.value, _positive_part(Bounded(np.abs(b.value), b.error))
    return value, a.error / least + np.abs(value) * (b.error / least * UP + U)  # no small product before a division


def _matrix_product(a: Bounded, b: Bounded) -> tuple[Array, Array]:
    """Entries of a product of n terms each: ``|fl(AB) - AB| <= gamma_n |A| |B|`` (Higham, equation 3.13)."""
    n = a.value.shape[-1]
    a_size, b_size = np.abs(a.value), np.abs(b.value)
    error = a_size @ b.error + a.error @ (b_size + b.error) + gamma(n) * (a_size @ b_size)
    return a.value @ b.value, error * (1.0 + 2.0 * gamma(n + 4)) + 4 * n * TINY


def _sum(a: Bounded, axis: int | None) -> tuple[Array, Array]:
    value = a.value.sum(axis)
    rounding = gamma(max(1, a.value.size // max(1, np.size(value))))
    return value, (a.error.sum(axis) + rounding * np.abs(a.value).sum(axis)) * (1.0 + 2.0 * rounding)


def _positive_part(a: Bounded) -> Array:
    """A float64 between 0 and every number meant; NaN where they may be 0 or less."""
    least = (a.value - a.error) * (1.0 - 2.0**-50)
    return np.where(least > 0.0, least, np.nan)


def _outward(value: Array, shift: Array, towards: float) -> Array:
    with np.errstate(all="ignore"):
        return np.where(shift == 0.0, value, np.nextafter(value + shift, towards))


def _rational(number: Fraction) -> Bounded:
    try:
        value = float(number)
    except OverflowError:
        return Bounded(np.asarray(0.0), np.asarray(np.inf))
    missing = float(abs(Fraction(value) - number)) * UP + TINY if Fraction(value) != number else 0.0
    return Bounded(np.asarray(value), np.asarray(missing))
