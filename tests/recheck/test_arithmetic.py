"""The checker's own numbers against mpmath with more digits, decimals of the standard library, and exact fractions."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf
from recheck.maker import exactly, rounded

from eftheory.recheck import Arithmetic, Dual, _fraction, _Unclear, decimal

fractions = st.fractions(max_denominator=10**30).filter(lambda f: f != 0)


@settings(max_examples=150, deadline=None)
@given(fractions, st.integers(-60, 60))
def test_decimals_are_those_of_the_standard_library(f: Fraction, shift: int) -> None:
    value = f * Fraction(10) ** shift
    expected = rounded(value)
    assert (decimal(value, up=False), decimal(value, up=True)) == (expected["lower"], expected["upper"])


def test_decimals_at_the_edges() -> None:
    assert decimal(0, up=True) == "0"
    assert decimal(Fraction(10**21 - 1, 10), up=True) == "100000000000000000000"[:1] + ".0000000000000000000E+20"
    for exponent in (-90_000, -200, 0, 200, 90_000):
        assert decimal(Fraction(2) ** exponent, up=False) <= decimal(Fraction(2) ** exponent, up=True)


positive = st.fractions(min_value=Fraction(1, 10**6), max_value=1000, max_denominator=10**6)
FUNCTIONS = {"log": mp.log, "exp": mp.exp, "sqrt": mp.sqrt}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(FUNCTIONS)), positive, positive, st.sampled_from([64, 128, 512]))
def test_intervals_hold_the_values_at_and_between_their_ends(name: str, a: Fraction, b: Fraction, bits: int) -> None:
    do = Arithmetic()
    do.bits = bits
    low, high = min(a, b), max(a, b)
    wide = do.interval(low)[0], do.interval(high)[1]
    with mp.workprec(bits + 200):
        for point in (low, (low + high) / 2, high):
            truth = FUNCTIONS[name](mpf(point.numerator) / point.denominator)
            for argument in (point, wide):
                found = do.interval(getattr(do, name)(argument))
                assert _fraction(found[0]) <= exactly(truth) <= _fraction(found[1])


@settings(max_examples=100, deadline=None)
@given(
    st.tuples(st.fractions(-9, 9, max_denominator=99), st.fractions(-9, 9, max_denominator=99)),
    st.tuples(st.fractions(-9, 9, max_denominator=99), st.fractions(-9, 9, max_denominator=99)),
    st.integers(-5, 5),
)
def test_operations_on_intervals_enclose_and_never_guess(
    first: tuple[Fraction, Fraction], second: tuple[Fraction, Fraction], n: int
) -> None:
    do = Arithmetic()
    one, two = (tuple(do.interval(end(pair))[k] for k, end in enumerate((min, max))) for pair in (first, second))
    operations = {"add": do.add, "subtract": do.subtract, "multiply": do.multiply, "divide": do.divide}
    points = [(a, b) for a in (*first, sum(first) / 2) for b in (*second, sum(second) / 2)]
    for name, operation in operations.items():
        try:
            found = operation(one, two)
        except _Unclear:
            assert name == "divide" and min(second) <= 0 <= max(second)
            continue
        assert all(_inside(operation(a, b), found) for a, b in points)
    try:
        power = do.interval(do.power(one, n))
    except _Unclear:
        assert n < 0 and min(first) <= 0 <= max(first)
        return
    assert all(_inside(do.power(a, n), power) for a, _ in points if a != 0 or n >= 0)


def _inside(value: Any, interval: Any) -> bool:
    return _fraction(interval[0]) <= Fraction(value) <= _fraction(interval[1])


@pytest.mark.parametrize("name", ["log", "exp", "sqrt", "absolute"])
def test_slopes_enclose_difference_quotients(name: str) -> None:
    do = Arithmetic()
    low, high = Fraction(1, 3), Fraction(2)
    box = do.interval(low)[0], do.interval(high)[1]
    x = Dual(box, do.interval(1))
    composed = do.divide(do.multiply(getattr(do, name)(x), x), do.add(1, do.power(x, 3)))
    assert composed.slope is not None

    def at(point: Fraction) -> Fraction:
        value = do.divide(do.multiply(getattr(do, name)(point), point), do.add(1, do.power(point, 3)))
        return _fraction(do.interval(value)[0])

    points = [low + (high - low) * k / 7 for k in range(8)]
    quotients = [(at(b) - at(a)) / (b - a) for a, b in pairwise(points)]
    assert all(_inside(quotient, composed.slope) for quotient in quotients)
    assert not all(_inside(quotient + 100, composed.slope) for quotient in quotients), "the slope says something"
