"""Exact points of a support: where statistics such as (log z, log(1-z)) still have rational annihilating weights.

Logarithms are kept small by points whose primes are 2 and 3 (S-unit points); angles are multiples of pi/6.
"""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement, islice, product

import sympy as sp

from eftheory.errors import MisuseError
from eftheory.families.support import (
    Bits,
    Circle,
    Counts,
    Integers,
    Interval,
    OneHot,
    Point,
    Points,
    Reals,
    Simplex,
    Support,
)

POSITIVE = tuple(
    sp.Rational(p, q)
    for p, q in ((1, 1), (2, 1), (1, 2), (3, 1), (4, 1), (1, 4), (6, 1), (8, 1), (9, 1), (12, 1), (16, 1))
)
UNIT = tuple(sp.Rational(p, q) for p, q in ((1, 2), (1, 3), (2, 3), (1, 4), (3, 4), (1, 9), (8, 9)))
"""All z such that z and 1-z have no prime beyond 3, up to denominator 9."""
REALS = tuple(sp.Integer(i) for i in (0, 1, -1, 2, -2, 3, -3))
SMOOTH = (1, 2, 3, 4, 6, 8, 9, 12, 16)
ENUMERABLE = 256
"""A finite support with at most this many points is taken whole."""


def size_of(support: Support, size: int) -> int | None:
    """The number of points of a finite support, None for an infinite one."""
    match support:
        case Bits():
            return int(2**size)
        case OneHot():
            return size
        case Points(values):
            return len(values)
        case Integers(lo, hi) if hi.is_Integer:
            return int(hi) - int(lo) + 1
        case Counts(total) if total is not None and total.is_Integer:
            return int(sp.binomial(int(total) + size - 1, size - 1))
    return None


def sample(support: Support, size: int) -> list[Point]:
    """Points of a unit (all of them when few), simplest first; enough to annihilate the usual statistics.

    Raises MisuseError for a support with symbols in its ends.
    """
    count = size_of(support, size)
    if count is not None and count <= ENUMERABLE:
        return sorted(support.points(size), key=_weight)
    match support:
        case Bits():
            corners = (c for r in range(4) for c in combinations(range(size), r))
            return [tuple(sp.Integer(int(i in c)) for i in range(size)) for c in islice(corners, ENUMERABLE)]
        case Integers(lo, _):
            return [(sp.Integer(_whole(lo) + i),) for i in range(7)]
        case Interval(lo, hi):
            return [(value,) for value in _interval(lo, hi)]
        case Circle():
            return [(sp.pi * sp.Rational(j, 6),) for j in (0, 3, -3, -6, 1, -1, 2, -2, 4, -4, 5, -5)]
        case Reals():
            return _lattice(size)
        case Simplex():
            return _simplex(size)
        case Counts(None):
            units = [c for r in range(4) for c in combinations_with_replacement(range(size), r)]
            return [tuple(sp.Integer(c.count(i)) for i in range(size)) for c in units[:ENUMERABLE]]
    return list(islice(support.points(size), ENUMERABLE))


def contains(support: Support, point: Point) -> bool:
    """Whether an exact point belongs to the support of one unit."""
    match support:
        case Points(values):
            return point[0] in values
        case Integers(lo, hi):
            return bool(point[0].is_Integer) and bool(lo <= point[0]) and bool(point[0] <= hi)
        case Interval(lo, hi):
            return bool(lo < point[0]) and bool(point[0] < hi)
        case Bits():
            return all(value in (0, 1) for value in point)
        case OneHot():
            return all(value in (0, 1) for value in point) and sum(point) == 1
        case Simplex():
            return all(bool(value > 0) for value in point) and sum(point) == 1
        case Counts(total):
            whole = all(bool(value.is_Integer) and bool(value >= 0) for value in point)
            return whole and (total is None or sum(point) == total)
    return all(bool(value.is_real) for value in point)


def _interval(lo: sp.Expr, hi: sp.Expr) -> list[sp.Expr]:
    if lo == -sp.oo and hi == sp.oo:
        return list(REALS)
    for end in (lo, hi):
        if end.free_symbols:
            raise MisuseError(wanted="an interval between numbers", got=f"({lo}, {hi})", do="give the symbol a value")
    if hi == sp.oo:
        # a positive end is a scale (Pareto), any other a shift
        return [lo * (1 + v) for v in POSITIVE if (1 + v).is_Integer] if lo > 0 else [lo + v for v in POSITIVE]
    if lo == -sp.oo:
        return [hi - v for v in POSITIVE]
    return [lo + (hi - lo) * v for v in UNIT]


def _lattice(size: int) -> list[Point]:
    """The principal lattice of degree 4 (3 from four dimensions on): it separates polynomials of that degree."""
    degree = 4 if size < 4 else 3
    steps = (steps for steps in product(range(degree + 1), repeat=size) if sum(steps) <= degree)
    if size > 6:
        steps = (
            tuple(c.count(i) for i in range(size))
            for r in range(4)
            for c in combinations_with_replacement(range(size), r)
        )
    return [tuple(sp.Integer(s - 1) for s in step) for step in islice(steps, ENUMERABLE)]


def _simplex(size: int) -> list[Point]:
    """Points whose components have no prime beyond 3."""
    found: list[Point] = []
    for total in (size, 4, 6, 8, 9, 12, 16, 18, 24, 2 * size, 3 * size, 4 * size):
        if total < size or set(sp.factorint(total)) - {2, 3}:
            continue
        draws = (d for d in combinations_with_replacement(SMOOTH, size) if sum(d) == total)
        for draw in islice(draws, 6):
            for parts in sorted(set(_rotations(draw))):
                point = tuple(sp.Rational(part, total) for part in parts)
                if point not in found:
                    found.append(point)
        if len(found) >= 6 * size:
            break
    return found


def _rotations(draw: tuple[int, ...]) -> list[tuple[int, ...]]:
    turned = [draw[i:] + draw[:i] for i in range(len(draw))]
    return turned + [tuple(reversed(parts)) for parts in turned]


def _weight(point: Point) -> tuple[sp.Expr, ...]:
    return (sum(abs(value) for value in point), *(-value for value in point))


def _whole(number: sp.Expr) -> int:
    if not number.is_Integer:
        raise MisuseError(wanted="integers starting at a number", got=str(number), do="give the symbol a value")
    return int(number)
