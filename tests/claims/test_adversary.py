"""The maximiser: finds maxima of easy and awkward functions, and is deterministic."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from eftheory.claims.adversary import maximise
from eftheory.errors import MisuseError


def bowl(v: Sequence[float]) -> float:
    return -sum((x - i) ** 2 * 10.0**i for i, x in enumerate(v))


def two_hills(v: Sequence[float]) -> float:
    return max(math.exp(-((v[0] + 2) ** 2)), 2 * math.exp(-((v[0] - 5) ** 2) * 4))


def partly_undefined(v: Sequence[float]) -> float:
    return math.nan if v[0] < 0 else -abs(v[0] - 3)


@pytest.mark.parametrize(("f", "dimension", "best"), [(bowl, 4, 0.0), (two_hills, 1, 2.0), (partly_undefined, 2, 0.0)])
def test_it_finds_the_maximum(f: object, dimension: int, best: float) -> None:
    point, value = maximise(f, dimension, seed=1, evaluations=4000)
    assert value == f(point) and best - value < 1e-4 and len(point) == dimension
    assert maximise(f, dimension, seed=1, evaluations=5)[1] < value, "a search too short does not"


def test_it_is_deterministic_by_seed_and_keeps_to_its_evaluations() -> None:
    calls = []

    def counted(v: Sequence[float]) -> float:
        calls.append(v)
        return bowl(v)

    first = maximise(counted, 3, seed=7, evaluations=500)
    assert len(calls) == 500
    assert maximise(bowl, 3, seed=7, evaluations=500) == first != maximise(bowl, 3, seed=8, evaluations=500)


def test_a_function_without_values_ends_too() -> None:
    assert maximise(lambda v: math.nan, 2, seed=1, evaluations=300)[1] == -math.inf
    assert maximise(lambda v: 1.0, 2, seed=1, evaluations=300)[1] == 1.0


@pytest.mark.parametrize(("dimension", "evaluations"), [(0, 10), (2, 0)])
def test_nothing_to_search_is_refused(dimension: int, evaluations: int) -> None:
    with pytest.raises(MisuseError, match="at least one dimension"):
        maximise(bowl, dimension, 1, evaluations)
