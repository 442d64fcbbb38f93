"""Sides of a finite model: what they hold, that they are minimal, and that bad input is one clear line."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import comb, inf, nan

import numpy as np
import pytest
from flint import fmpq, fmpz

from eftheory.errors import MisuseError
from eftheory.exact.side import MOST_POINTS, family_side, side, to_rational


def test_a_side_counts_its_points_and_statistics() -> None:
    made = side([[0, 0], [1, 0], ["1", "-2"]], ["1/2", 3, 0.25])
    assert (made.count, made.width) == (3, 2)
    assert made.base == (fmpq(1, 2), 3, fmpq(1, 4)) and made.bordered[2] == [1, -2, 1]
    assert side([[0], [1]]).base == (1, 1)
    assert side([[0], [1]]) == side([["0"], [1.0]]) != side([[0], [2]])


@pytest.mark.parametrize("count", [1, 2, 5])
def test_bits_are_all_corners(count: int) -> None:
    made = family_side(f"bernoulli({count})")
    assert made.count == len(set(made.statistics)) == 2**count and made.width == count
    assert set(made.base) == {fmpq(1)}


def test_base_measures_are_exact() -> None:
    trials = family_side("binomial(1, trials=3)")
    assert dict(zip(trials.statistics, trials.base, strict=True)) == {(fmpq(k),): comb(3, k) for k in range(4)}
    words = family_side("multinomial(3, trials=2)")
    # 1/prod x_i!, up to the factor n! that no probability sees
    assert sorted(b / max(words.base) for b in words.base) == [fmpq(1, 2)] * 3 + [fmpq(1)] * 3


def test_a_boltzmann_machine_has_the_interactions_between_its_groups() -> None:
    made = family_side("boltzmann(1+2)")
    assert (made.count, made.width) == (8, 3 + 2)
    assert all(sorted(row[3:]) == sorted((row[0] * row[1], row[0] * row[2])) for row in made.statistics)


def test_the_largest_side_is_allowed_and_one_bit_more_is_not() -> None:
    assert MOST_POINTS == 2**12 and family_side("bernoulli(8)").count == 256
    with pytest.raises(MisuseError, match=r"at most 4096 points.*8192 points"):
        family_side("bernoulli(13)")


@pytest.mark.parametrize(
    ("value", "exact"),
    [
        (3, fmpq(3)),
        ("-3/7", fmpq(-3, 7)),
        ("0.1", fmpq(1, 10)),
        (Fraction(2, 6), fmpq(1, 3)),
        (fmpq(4, 6), fmpq(2, 3)),
        (fmpz(5), fmpq(5)),
        (Decimal("0.1"), fmpq(1, 10)),
        (0.1, fmpq(3602879701896397, 2**55)),
        (np.float64(0.5), fmpq(1, 2)),
        (np.int64(-2), fmpq(-2)),
        ("1e-3", fmpq(1, 1000)),
    ],
)
def test_numbers_are_read_exactly(value: object, exact: fmpq) -> None:
    assert to_rational(value) == exact  # type: ignore[arg-type]


NO_NUMBERS = [nan, inf, -inf, "nan", "inf", "1/0", "", "x", True, False, None, 1j, [1], "1e999999999", "-1e-999999999"]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_what_is_no_number_is_refused_at_once(value: object) -> None:
    with pytest.raises(MisuseError, match="wanted a finite number; got"):
        to_rational(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: side([]), "a row of statistics"),
        (lambda: side([[0], [1, 2]]), "a row of statistics"),
        (lambda: side([[0], [1]], [1]), "2 rows and 1 base"),
        (lambda: side([[0], [1]], [1, 0]), "positive base measure; got 0 at index 1"),
        (lambda: side([[0], [1]], [-1, 1]), "positive base measure; got -1 at index 0"),
        (lambda: side([[0], [nan]]), "finite number; got nan"),
        (lambda: side([[0], [inf]]), "finite number; got inf"),
        (lambda: side([[0], [True]]), "finite number; got True"),
        (lambda: side([[1], [1]]), "minimal statistics"),
        (lambda: side([[0, 0], [1, 2], [2, 4]]), "minimal statistics"),
        (lambda: side([[1, 0, 0], [0, 1, 0], [0, 0, 1]]), "minimal statistics"),  # one-hot: they sum to 1
        (lambda: side([[0, 1], [1, 0]]), "minimal statistics"),  # more statistics than points allow
        (lambda: side("01"), "rows of numbers"),
        (lambda: side(["0", "1"]), "a row of numbers"),
        (lambda: side([0, 1]), "a row of numbers"),
        (lambda: side(None), "rows of numbers"),
        (lambda: side([[0], [1]], 3), "a row of numbers"),
        (lambda: family_side("bernoulli(40)"), "finite support"),
        (lambda: family_side("poisson(1)"), "infinitely many"),
        (lambda: family_side("normal(2)"), "infinitely many"),
        (lambda: family_side("multinomial(3)"), "infinitely many"),
        (lambda: family_side("bernoulli(n)"), "explicit sizes"),
        (lambda: family_side("bernouli(2)"), "did you mean"),
    ],
)
def test_misuse_is_one_line(call: object, match: str) -> None:
    with pytest.raises(MisuseError, match=match) as caught:
        call()  # type: ignore[operator]
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 700
