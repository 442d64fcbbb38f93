"""One formula, three arithmetics: they agree, and each refuses or leaves open what it cannot do."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import sympy as sp
from flint import arb, fmpq

from eftheory.errors import MisuseError
from eftheory.exact.arithmetic import BALL, FLOAT, SYMBOL, Arithmetic, Number

RATIONALS = [fmpq(3, 7), Fraction(1, 1000), fmpq(10**12, 7), Fraction(5, 4), 2, 0.1]


def formula(a: Number, b: Number, on: Arithmetic) -> Number:
    a, b = on.number(a), on.number(b)
    return on.sqrt(a) * on.log(1 + b) + on.exp(-a) / on.larger(a, b) - on.smaller(a, b) ** 2


@pytest.mark.parametrize("a", RATIONALS, ids=str)
@pytest.mark.parametrize("b", RATIONALS, ids=str)
def test_all_three_agree(a: Number, b: Number) -> None:
    ball, number, symbol = (formula(a, b, on) for on in (BALL, FLOAT, SYMBOL))
    assert symbol.is_number and not symbol.has(sp.Float)
    assert ball.contains(arb(str(sp.N(symbol, 30)))) or abs(ball - arb(str(sp.N(symbol, 30)))) < abs(ball) / 10**12
    assert number == pytest.approx(float(ball.mid()), rel=1e-11, abs=1e-11)


def test_numbers_are_exact() -> None:
    assert BALL.number(0.1) == arb(fmpq(*(0.1).as_integer_ratio())) and BALL.number(0.1).rad() == 0
    assert SYMBOL.number(0.5) == sp.Rational(1, 2) and SYMBOL.number(fmpq(2, 6)) == sp.Rational(1, 3)
    assert FLOAT.number(fmpq(1, 3)) == 1 / 3 and FLOAT.number(Fraction(1, 3)) == 1 / 3
    x, ball = sp.Symbol("x"), arb(2).log()
    assert SYMBOL.number(x) is x and BALL.number(ball) is ball


def test_the_docstring_example_and_a_formula_to_read() -> None:
    x = sp.Symbol("x", positive=True)
    assert formula(x, x, SYMBOL) == sp.sqrt(x) * sp.log(1 + x) + sp.exp(-x) / x - x**2


@pytest.mark.parametrize("on", [FLOAT, BALL, SYMBOL], ids=["float", "ball", "symbol"])
def test_less_is_decided_for_numbers_apart(on: Arithmetic) -> None:
    a, b = on.number(fmpq(1, 3)), on.number(fmpq(1, 2))
    assert on.less(a, b) is True and on.less(b, a) is False and on.less(b, b) is False


def test_less_is_open_where_it_cannot_be_told() -> None:
    assert BALL.less(arb(1, 1), arb(1.5, 1)) is None and BALL.less(arb.nan(), arb(1)) is None
    assert BALL.less(BALL.log(arb(6)), BALL.log(arb(2)) + BALL.log(arb(3))) is None
    assert SYMBOL.less(sp.Symbol("x", real=True), sp.Integer(1)) is None
    assert SYMBOL.less(sp.Integer(0), sp.Symbol("x", positive=True)) is True
    assert FLOAT.less(math.nan, 1.0) is False  # floats decide nothing; NaN is below nothing


def test_outside_its_domain_a_ball_is_not_finite() -> None:
    for ball in (BALL.log(arb(-1)), BALL.sqrt(arb(-1)), BALL.log(arb(0, 1))):
        assert not ball.is_finite()


@pytest.mark.parametrize("on", [BALL, SYMBOL], ids=["ball", "symbol"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "1/2", None, [1]], ids=repr)
def test_what_is_no_number_is_refused(on: Arithmetic, value: object) -> None:
    with pytest.raises(MisuseError, match="wanted a finite number"):
        on.number(value)  # type: ignore[arg-type]
