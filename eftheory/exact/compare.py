"""The only place where balls are compared: always affirmatively, on a ladder of precisions.

A comparison of balls answers True only when it is certain, so ``not (a < b)`` means nothing: nothing here negates one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

from flint import arb, ctx

from eftheory.errors import MisuseError

PRECISIONS = (64, 128, 256, 512, 1024, 2048)
"""Bits, from the cheapest to the last that is tried."""


def certainly_less(a: arb, b: arb) -> bool:
    """True when every number in `a` is below every number in `b`; False says nothing."""
    return bool(a < b)


def certainly_at_most(a: arb, b: arb) -> bool:
    """True when no number in `a` is above any number in `b`; False says nothing."""
    return bool(a <= b)


def certainly_nonzero(ball: arb) -> bool:
    """True when `ball` excludes zero; False says nothing."""
    return sign(ball) is not None


def sign(ball: arb) -> int | None:
    """+1 or -1 when certain, None for a tie (zero is inside, or the ball is not finite)."""
    if bool(ball > 0):
        return 1
    if bool(ball < 0):
        return -1
    return None


def decide_sign(f: Callable[[], arb], precisions: Iterable[int] = PRECISIONS) -> tuple[int | None, arb, int]:
    """The sign of ``f()`` at the first precision (bits) that decides it, with the enclosure and that precision.

    `f` is computed anew under each working precision. A tie at the last one gives (None, enclosure, precision);
    a true equality is never decided here.
    """
    answer: tuple[int | None, arb, int] | None = None
    for bits in precisions:
        with ctx.workprec(bits):
            ball = f()
            answer = (sign(ball), ball, bits)
        if answer[0] is not None:
            break
    if answer is None:
        raise MisuseError(wanted="at least one precision", got="none", do="give a number of bits, such as 128")
    return answer


def exact_fraction(ball: arb) -> Fraction:
    """The number that an exact ball (radius zero) holds."""
    mantissa, exponent = (int(part) for part in ball.man_exp())
    return Fraction(mantissa) * Fraction(2) ** exponent


def outward(ball: arb, digits: int = 20) -> tuple[str, str]:
    """Decimal strings (lower, upper), rounded outwards, so that the enclosure survives printing.

    Raises MisuseError for a ball that is not finite.
    """
    if not ball.is_finite():
        raise MisuseError(wanted="a finite enclosure", got=str(ball), do="check the domain of what was evaluated")
    with ctx.workprec(max(ctx.prec, ball.mid().bits() + 64)):
        lower, upper = exact_fraction(ball.lower()), exact_fraction(ball.upper())
    return decimal(lower, digits, up=False), decimal(upper, digits, up=True)


def is_canonical(ball: arb, digits: int = 20) -> bool:
    """Whether every number in `ball` has the same `outward` decimals: a better precision would not change them."""
    if not ball.is_finite():
        return False
    lower, upper = exact_fraction(ball.lower()), exact_fraction(ball.upper())
    return all(decimal(lower, digits, up=up) == decimal(upper, digits, up=up) for up in (False, True))


def decimal(value: Fraction, digits: int = 20, *, up: bool) -> str:
    """`value` with exactly `digits` significant digits, rounded down, or up; zero is ``"0"``."""
    if value == 0:
        return "0"
    exponent = _decimal_order(abs(value)) - digits + 1
    scaled = value / Fraction(10) ** exponent
    mantissa = abs(ceil(scaled) if up else floor(scaled))
    if mantissa == 10**digits:
        mantissa, exponent = mantissa // 10, exponent + 1
    return str(Decimal((int(value < 0), tuple(int(digit) for digit in str(mantissa)), exponent)))


def _decimal_order(size: Fraction) -> int:
    """The n with ``10^n <= size < 10^(n+1)``, for positive `size`."""
    order = len(str(size.numerator)) - len(str(size.denominator))
    return order if size >= Fraction(10) ** order else order - 1
