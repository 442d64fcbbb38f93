"""Speed promises of `check`; measured with `make bench` and with `pytest -m benchmark`."""

from __future__ import annotations

import itertools

import pytest
from benchmarks import ratios


def test_the_median_is_of_interleaved_pairs() -> None:
    calls: list[str] = []
    values = itertools.cycle([1.0, 4.0, 9.0])

    def numerator() -> float:
        calls.append("n")
        return next(values)

    def denominator() -> float:
        calls.append("d")
        return 2.0

    assert ratios.median_ratio(numerator, denominator, pairs=3) == 2.0
    assert "".join(calls) == "nd" * 4  # the first pair only warms up


def test_a_process_that_fails_is_not_timed() -> None:
    with pytest.raises(RuntimeError, match="exited 3"):
        ratios.wall_seconds("-c", "raise SystemExit(3)")


@pytest.mark.benchmark
def test_check_takes_at_most_twice_as_long_as_importing_sympy() -> None:
    assert ratios.start_to_exit() <= 2.0


@pytest.mark.benchmark
def test_size_costs_nothing() -> None:
    assert ratios.large_over_small() <= 1.3
