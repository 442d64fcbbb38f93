"""The ladder climbs only as far as it must: float64, balls, rationals; a tie without rationals stays one."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, fmpq

from eftheory.errors import MisuseError
from eftheory.exact.arithmetic import Arithmetic, Number
from eftheory.exact.certified import Bounded, bounded
from eftheory.exact.ladder import Decision, at_most, each_at_most, formula_at_most


def log_of(left: int, right: int, numerator: int, denominator: int = 1) -> Decision:
    """Whether ``log left + log right <= log(numerator / denominator)``, by its formula and exactly."""

    def sides(arithmetic: Arithmetic) -> tuple[Number, Number]:
        product = arithmetic.log(arithmetic.number(left)) + arithmetic.log(arithmetic.number(right))
        return product, arithmetic.log(arithmetic.number(Fraction(numerator, denominator)))

    return formula_at_most(sides, exact=lambda: (left * right, Fraction(numerator, denominator)))


def test_float64_decides_what_is_far_apart() -> None:
    assert log_of(2, 3, 7) == Decision(True, "float64", 53)
    assert log_of(2, 3, 5) == Decision(False, "float64", 53)


def test_balls_decide_what_is_close_and_rationals_what_is_equal() -> None:
    near = 10**15
    assert log_of(2, 3 * near, 6 * near + 1) == Decision(True, "balls", 64)
    assert log_of(2, 3 * near, 6 * near - 1) == Decision(False, "balls", 64)
    assert log_of(2, 3, 6) == Decision(True, "rationals", 0)
    assert log_of(2, 3 * 10**40, 6 * 10**40 - 1) == Decision(False, "rationals", 0)


def test_without_rationals_balls_climb_and_a_tie_stays_open() -> None:
    n = fmpq(10) ** 15
    close = at_most(balls=lambda: (arb(1) + arb(1 / n), arb(1 / n).exp()))
    assert close == Decision(True, "balls", 128)
    tie = at_most(balls=lambda: (arb(2).log() + arb(3).log(), arb(6).log()))
    assert tie == Decision(None, "balls", 2048)
    assert at_most(floats=lambda: (bounded(0.1) * 3, bounded(0.3))) == Decision(None, "float64", 53)


def test_exact_alone_and_nothing_at_all() -> None:
    assert at_most(exact=lambda: (Fraction(1, 3), fmpq(1, 3))) == Decision(True, "rationals", 0)
    assert at_most(exact=lambda: (Fraction(1, 2), fmpq(1, 3))).answer is False
    with pytest.raises(MisuseError, match="at least one"):
        at_most()


def test_arrays_hold_when_every_entry_does() -> None:
    low, high = bounded(np.array([0.0, 1.0])), bounded(np.array([1.0, 1.0]))
    assert at_most(floats=lambda: (low, high)).answer is True
    assert at_most(floats=lambda: (high, low)).answer is False
    vague = Bounded(np.array([0.0, 1.0]), np.array([0.0, np.inf]))
    assert at_most(floats=lambda: (vague, high)).answer is None


def test_only_the_open_entries_go_to_balls() -> None:
    asked = []

    def balls(index: int) -> tuple[arb, arb]:
        asked.append(index)
        return arb(fmpq(1, 3)) * 3, arb(1) + arb(fmpq(1, 10**18))

    left = Bounded(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1e-15, 0.0]))
    decisions = each_at_most(left, bounded(np.ones(3)), balls)
    assert [decision.answer for decision in decisions] == [True, True, False]
    assert [decision.rung for decision in decisions] == ["float64", "balls", "float64"]
    assert set(asked) == {1}
    assert [decision.answer for decision in each_at_most(left, bounded(np.ones(3)))] == [True, None, False]
    with pytest.raises(MisuseError, match="one length"):
        each_at_most(left, bounded(1.0))


def test_a_bound_that_is_too_small_would_decide_wrongly() -> None:
    """The control: drop the error of 3 * 0.1 and float64 says that it exceeds 0.3 (as rationals), which is false."""
    product, stated = bounded(Fraction(1, 10)) * 3, bounded(Fraction(3, 10))
    assert at_most(floats=lambda: (product, stated)).answer is None
    careless = Bounded(product.value, np.zeros(())), Bounded(stated.value, np.zeros(()))
    assert at_most(floats=lambda: careless).answer is False
