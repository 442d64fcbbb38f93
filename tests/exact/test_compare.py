"""Comparisons are affirmative, ties stay open, and printing an enclosure never loses what it encloses."""

from __future__ import annotations

from fractions import Fraction

import pytest
from flint import arb, ctx, fmpq

from eftheory.errors import MisuseError
from eftheory.exact.compare import certainly_less, certainly_nonzero, decide_sign, outward, sign


def test_certain_comparisons() -> None:
    assert certainly_less(arb(1), arb(2))
    assert certainly_nonzero(arb(1, 0.5)) and certainly_nonzero(arb(-3))
    assert [sign(arb(2)), sign(arb(-2))] == [1, -1]


def test_overlaps_ties_and_nan_stay_open() -> None:
    a, b = arb(1, 1), arb(1.5, 1)
    assert not certainly_less(a, b) and not certainly_less(b, a)
    assert [sign(ball) for ball in (arb(0), arb(0, 1), arb.nan())] == [None, None, None]
    assert not certainly_nonzero(arb(0))


def test_the_ladder_climbs_as_far_as_it_must() -> None:
    # exp(1/n) - 1 - 1/n is about 1/(2 n^2): invisible at 64 bits for n = 10^15
    n = fmpq(10) ** 15
    answer, ball, bits = decide_sign(lambda: arb(1 / n).exp() - 1 - arb(1 / n))
    assert answer == 1 and bits == 128 and certainly_nonzero(ball)


def test_a_true_equality_is_a_tie_at_every_precision() -> None:
    answer, ball, bits = decide_sign(lambda: arb(2).log() + arb(3).log() - arb(6).log())
    assert answer is None and bits == 2048 and ball.contains(0)


def test_the_ladder_needs_a_rung() -> None:
    with pytest.raises(MisuseError, match="precision"):
        decide_sign(lambda: arb(1), ())


@pytest.mark.parametrize("number", [fmpq(1, 3), fmpq(-2, 7), fmpq(10) ** 40 / 3, fmpq(-1) / fmpq(10) ** 30])
@pytest.mark.parametrize("bits", [20, 64, 300])
def test_printing_rounds_outwards(number: fmpq, bits: int) -> None:
    with ctx.workprec(bits):
        lower, upper = outward(arb(number), digits=5)
    exact = Fraction(int(number.p), int(number.q))
    assert Fraction(lower) <= exact <= Fraction(upper)
    assert (Fraction(lower) > 0) == (exact > 0) and (Fraction(upper) < 0) == (exact < 0)
    if bits == 64:
        # control: not so wide that it says nothing
        assert Fraction(upper) - Fraction(lower) < abs(exact) / 1000


def test_no_enclosure_of_what_is_not_finite() -> None:
    with pytest.raises(MisuseError, match="finite"):
        outward(arb(-1).log())
