"""A maximiser for adversarial searches: no gradients, deterministic by seed, pure Python."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random

from eftheory.errors import MisuseError

_FIRST_STEP, _LAST_STEP = 1.0, 1e-9
_GROW, _SHRINK = math.exp(1 / 3), math.exp(-1 / 12)
"""One success in five keeps the step: ``_GROW * _SHRINK**4 = 1``."""


def maximise(
    f: Callable[[Sequence[float]], float], dimension: int, seed: int, evaluations: int
) -> tuple[tuple[float, ...], float]:
    """The best point found by `evaluations` calls of `f`, and its value.

    A (1+1) evolution strategy with the one-fifth rule: a Gaussian step of all coordinates, or of one alone, is kept if
    it is no worse; each coordinate has its own step. Where all steps are too small, or the run stalls, it starts again
    from a new random point.
    Starting points are standard normal, times 1, 2 or 4. A value that is not a number counts as worst.
    Raises MisuseError for no dimension or no evaluation.

    Source: Rechenberg, Evolutionsstrategie, 1973 (one-fifth rule).
    """
    if dimension < 1 or evaluations < 1:
        got = f"dimension {dimension}, evaluations {evaluations}"
        raise MisuseError(wanted="at least one dimension and one evaluation", got=got, do="raise them")
    random = Random(seed)
    best: tuple[tuple[float, ...], float] | None = None
    left = evaluations
    while left:
        point, value, used = _ascend(f, dimension, random, left)
        left -= used
        if best is None or value > best[1]:
            best = point, value
    assert best is not None
    return best


def _ascend(
    f: Callable[[Sequence[float]], float], dimension: int, random: Random, evaluations: int
) -> tuple[tuple[float, ...], float, int]:
    """One run from a random point: (point, value, evaluations used)."""
    spread = random.choice((1.0, 2.0, 4.0))
    point = tuple(spread * random.gauss(0.0, 1.0) for _ in range(dimension))
    value, used, stalled = _value(f, point), 1, 0
    steps = [_FIRST_STEP] * dimension
    patience = 60 + 20 * dimension
    while used < evaluations and max(steps) > _LAST_STEP and stalled < patience:
        moved = range(dimension) if random.random() < 0.5 else (random.randrange(dimension),)
        other = list(point)
        for i in moved:
            other[i] += steps[i] * random.gauss(0.0, 1.0)
        found = _value(f, other)
        used += 1
        stalled = 0 if found > value + 1e-6 * abs(value) else stalled + 1
        for i in moved:  # a tie is taken, but is no reason for longer steps
            steps[i] *= _GROW if found > value else _SHRINK
        if found >= value:
            point, value = tuple(other), found
    return point, value, used


def _value(f: Callable[[Sequence[float]], float], point: Sequence[float]) -> float:
    value = float(f(point))
    return -math.inf if math.isnan(value) else value
