"""Certified maximisation: true, false, or open; never a guess."""

from __future__ import annotations

import pytest
from flint import arb, fmpq

from eftheory.exact import maximum
from eftheory.exact.maximum import stays_below


def parabola(t: arb) -> arb:
    """Maximum 1/4 at 1/2."""
    return t * (1 - t)


def slope(t: arb) -> arb:
    return 1 - 2 * t


UNIT = (arb(0), arb(1))


@pytest.mark.parametrize("margin", [fmpq(1), fmpq(1, 100), fmpq(1, 10**6)])
def test_just_above_the_maximum_is_a_ceiling_and_just_below_is_none(margin: fmpq) -> None:
    assert stays_below(parabola, slope, UNIT, arb(fmpq(1, 4) + margin)) is True
    assert stays_below(parabola, slope, UNIT, arb(fmpq(1, 4) - margin)) is False


def test_a_narrow_peak_is_not_missed() -> None:
    """1/(1 + 10^8 (t - 1/3)^2): width 10^-4, height 1."""

    def peak(t: arb) -> arb:
        return 1 / (1 + 10**8 * (t - arb(1) / 3) ** 2)

    def derivative(t: arb) -> arb:
        return -2 * 10**8 * (t - arb(1) / 3) * peak(t) ** 2

    assert stays_below(peak, derivative, UNIT, arb("0.9")) is False
    assert stays_below(peak, derivative, UNIT, arb("1.1")) is True


def test_ends_count() -> None:
    assert stays_below(lambda t: t, lambda t: arb(1), (arb(0), arb(2).log()), arb("0.6932")) is True
    assert stays_below(lambda t: t, lambda t: arb(1), (arb(0), arb(2).log()), arb("0.6930")) is False


def test_a_point_is_an_interval_too() -> None:
    half = arb("0.5")
    assert stays_below(parabola, slope, (half, half), arb(fmpq(1, 4))) is True
    assert stays_below(parabola, slope, (half, half), arb(fmpq(249, 1000))) is False


def test_a_tie_that_no_subdivision_settles_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maximum, "MOST_PIECES", 200)
    third = arb(1) / 3
    assert stays_below(lambda t: -((t - third) ** 2), lambda t: -2 * (t - third), UNIT, arb(0)) is None


def test_what_is_not_finite_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maximum, "MOST_PIECES", 50)
    assert stays_below(lambda t: (t - 2).log(), lambda t: 1 / (t - 2), UNIT, arb(100)) is None


def test_a_wrong_derivative_shows_how_much_rests_on_it() -> None:
    """Control: with slope 0 everywhere the mean-value form sees the middle only."""
    steep = (arb(0), arb(1))
    assert stays_below(lambda t: t, lambda t: arb(1), steep, arb("0.6")) is False
    assert stays_below(lambda t: t, lambda t: arb(0), steep, arb("0.6")) is True
