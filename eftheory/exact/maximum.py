"""Certified maximisation on an interval: that a function stays below a ceiling, by subdivision in balls."""

from __future__ import annotations

from collections.abc import Callable

from flint import arb

from eftheory.exact.compare import certainly_at_most, certainly_less

MOST_PIECES = 4000
"""Pieces examined before the question is given up as undecided."""
Function = Callable[[arb], arb]


def stays_below(f: Function, derivative: Function, interval: tuple[arb, arb], ceiling: arb) -> bool | None:
    """Whether ``f(t) <= ceiling`` for every t in ``[interval[0], interval[1]]``.

    Each piece is enclosed by the mean-value form ``f(m) + f'(piece) (piece - m)``, and halved while that does not
    decide. True or False when certain, None when `MOST_PIECES` did not suffice.
    """
    stack = [(interval[0], interval[1])]
    for _ in range(MOST_PIECES):
        if not stack:
            return True
        low, high = stack.pop()
        middle = (low + high) / 2
        piece = low.union(high)
        at_middle = f(middle)
        if certainly_less(ceiling, at_middle):
            return False
        if certainly_at_most(at_middle + derivative(piece) * (piece - middle), ceiling):
            continue
        stack += [(low, middle), (middle, high)]
    return True if not stack else None
