"""Combinations of logarithms of rationals: zero is decided in Q, whatever the size of what is near zero."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest
from flint import ctx, fmpq

from eftheory.errors import MisuseError
from eftheory.exact.loglinear import LOGS, LogSum


def log(number: fmpq | int | Fraction) -> LogSum:
    return LOGS.log(LOGS.number(number))


def times(number: fmpq | int, value: LogSum) -> LogSum:
    return LOGS.number(number) * value


ZERO = {
    "log 4 - 2 log 2": log(4) - times(2, log(2)),
    "log 1": log(1),
    "log 6 - log 2 - log 3": log(6) - log(2) - log(3),
    "log 3/2 + log 2/3": log(fmpq(3, 2)) + log(fmpq(2, 3)),
    "1/2 log 4 - 1/3 log 8": times(fmpq(1, 2), log(4)) - times(fmpq(1, 3), log(8)),
    "6/35 and its parts": log(fmpq(6, 35)) + log(5) + log(7) - log(2) - log(3),
    "no number of it is prime": log(12) + log(45) - log(54) - log(10),
    "cancelled constants": LOGS.number(1) + log(2) - LOGS.number(1) - log(2),
    "nothing": LogSum(),
    "0 log 2": times(0, log(2)),
    "large powers": log(fmpq(2) ** 500) - times(500, log(2)),
}
TINY = fmpq(1, 10**30)
NON_ZERO = {
    "log 2": log(2),
    "log 4 - log 2": log(4) - log(2),
    "log(1 + 1e-30)": log(1 + TINY),
    "log(1 + 1e-30) - log(1 + 2e-30)": log(1 + TINY) - log(1 + 2 * TINY),
    "2 log(1 + 1e-30) - log(1 + 2e-30)": times(2, log(1 + TINY)) - log(1 + 2 * TINY),
    "log(1 + 1e-30) - 1e-30": log(1 + TINY) - LOGS.number(TINY),
    "1e-300": LOGS.number(fmpq(1, 10**300)),
    "-1e-300": LOGS.number(fmpq(-1, 10**300)),
    "-1 + log 4 - 2 log 2": log(4) - times(2, log(2)) - LOGS.number(1),
    "log 2 to 40 digits": log(2) - LOGS.number(fmpq(6931471805599453094172321214581765680755, 10**40)),
    "Pythagorean comma": times(12, log(fmpq(3, 2))) - times(7, log(2)),
    "1e-40 log 2": times(fmpq(1, 10**40), log(2)),
    "1 - log 2": LOGS.number(1) - log(2),
}


@pytest.mark.parametrize("name", ZERO)
def test_zeros_are_found(name: str) -> None:
    assert ZERO[name].is_zero and ZERO[name].ball().contains(0)
    assert not (ZERO[name] + log(1 + TINY)).is_zero


@pytest.mark.parametrize("name", NON_ZERO)
def test_what_is_near_zero_is_not_zero(name: str) -> None:
    assert not NON_ZERO[name].is_zero
    with ctx.workprec(2048):
        assert not NON_ZERO[name].ball().contains(0)  # the other way: balls agree


def test_random_relations_are_zeros_and_with_one_exponent_changed_are_none() -> None:
    rng = Random(3)
    for _ in range(60):
        parts = [fmpq(rng.randint(1, 10**6), rng.randint(1, 10**6)) for _ in range(4)]
        weights = [rng.randint(-5, 5) for _ in parts]
        product = fmpq(1)
        for part, weight in zip(parts, weights, strict=True):
            product *= part**weight
        total = sum((times(w, log(r)) for w, r in zip(weights, parts, strict=True)), LogSum())
        assert (total - log(product)).is_zero
        assert (total - log(product) + log(parts[0])).is_zero == (parts[0] == 1)


def test_balls_enclose_the_value() -> None:
    value = LOGS.number(fmpq(1, 3)) - times(fmpq(2, 7), log(fmpq(5, 3)))
    assert abs(float(value.ball().mid()) - (1 / 3 - 2 / 7 * 0.5108256237659907)) < 1e-15


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: log(0), "positive rational"),
        (lambda: log(-2), "positive rational"),
        (lambda: LOGS.log(log(2)), "positive rational"),
        (lambda: log(2) * log(3), "product of logarithms"),
        (lambda: LOGS.exp(log(2)), "exponential"),
        (lambda: LOGS.sqrt(LOGS.number(2)), "square root"),
        (lambda: LOGS.larger(log(2), log(3)), "comparison"),
        (lambda: LOGS.smaller(log(2), log(3)), "comparison"),
        (lambda: LOGS.less(log(2), log(3)), "comparison"),
        (lambda: LOGS.number(float("nan")), "finite number"),
        (lambda: LOGS.number(float("inf")), "finite number"),
    ],
)
def test_what_is_outside_is_refused(call: object, match: str) -> None:
    with pytest.raises(MisuseError, match=match):
        call()  # type: ignore[operator]
