"""The ladder of comparisons: float64 with an error bound, then balls of growing precision, then rationals.

The first rung decides almost everything, a whole array at a time; balls decide what is closer than float64 can see;
only rationals decide an equality. Balls themselves are compared in `eftheory.exact.compare` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

from flint import arb, fmpq

from eftheory.errors import MisuseError
from eftheory.exact.arithmetic import BALL, Arithmetic, Number
from eftheory.exact.certified import BOUNDED, Bounded, bounded
from eftheory.exact.compare import PRECISIONS, decide_sign

Rational = Fraction | fmpq | int
Pair = tuple[arb, arb]


@dataclass(frozen=True)
class Decision:
    """answer: True, False or None (a tie). rung: float64, balls or rationals. precision: bits, 0 if exact."""

    answer: bool | None
    rung: str
    precision: int


def at_most(
    *,
    floats: Callable[[], tuple[Bounded, Bounded]] | None = None,
    balls: Callable[[], Pair] | None = None,
    exact: Callable[[], tuple[Rational, Rational]] | None = None,
    precisions: Iterable[int] = PRECISIONS,
) -> Decision:
    """Whether ``left <= right``, on the first rung that decides it; each callable gives (left, right) its own way.

    With `exact` at hand balls are tried at the first precision only, since more bits never settle an equality.
    A tie on every rung gives the answer None. Raises MisuseError when no rung is given.
    """
    if floats is None and balls is None and exact is None:
        raise MisuseError(wanted="at least one of floats, balls, exact", got="none", do="say how to compute the sides")
    decision = Decision(None, "float64", 53)
    if floats is not None:
        decision = Decision(_in_floats(*floats()), "float64", 53)
    if decision.answer is None and balls is not None:
        rungs = list(precisions)
        decision = _in_balls(balls, rungs if exact is None else rungs[:1])
    if decision.answer is None and exact is not None:
        left, right = (fmpq(*side.as_integer_ratio()) if isinstance(side, Fraction) else side for side in exact())
        decision = Decision(bool(left <= right), "rationals", 0)
    return decision


def formula_at_most(
    sides: Callable[[Arithmetic], tuple[Number, Number]],
    exact: Callable[[], tuple[Rational, Rational]] | None = None,
    precisions: Iterable[int] = PRECISIONS,
) -> Decision:
    """`at_most` for two sides written once over an arithmetic: evaluated in bounded floats, then in balls."""
    return at_most(floats=lambda: sides(BOUNDED), balls=lambda: sides(BALL), exact=exact, precisions=precisions)


def each_at_most(left: Bounded, right: Bounded, balls: Callable[[int], Pair] | None = None) -> list[Decision]:
    """``left[i] <= right[i]`` for every i: in float64 at once, in balls (the pair of index i) where that is open."""
    left, right = bounded(left), bounded(right)
    if left.value.ndim != 1 or left.value.shape != right.value.shape:
        got = f"{left.value.shape} and {right.value.shape}"
        raise MisuseError(wanted="two vectors of one length", got=got, do="flatten or broadcast them")
    true, false = left.upper <= right.lower, left.lower > right.upper
    decisions = [Decision(True if t else False if f else None, "float64", 53) for t, f in zip(true, false, strict=True)]
    if balls is None:
        return decisions
    return [
        _in_balls(lambda at=index: balls(at), PRECISIONS) if decision.answer is None else decision  # type: ignore[misc]
        for index, decision in enumerate(decisions)
    ]


def _in_floats(left: Bounded, right: Bounded) -> bool | None:
    left, right = bounded(left), bounded(right)
    if bool((left.lower > right.upper).any()):
        return False
    return True if bool((left.upper <= right.lower).all()) else None


def _in_balls(sides: Callable[[], Pair], precisions: Iterable[int]) -> Decision:
    def difference() -> arb:
        left, right = sides()
        return right - left

    answer, _, bits = decide_sign(difference, precisions)
    return Decision(None if answer is None else answer > 0, "balls", bits)
