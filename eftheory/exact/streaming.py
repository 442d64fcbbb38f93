"""``log Z`` of a finite harmonium by visiting every joint state, in float64, in bounded memory.

Equation (7): ``log p~(x,z) = log h(x) + log k(z) + nu(x)' W psi(z) + u' nu(x) + v' psi(z)``; nats. Nothing factorises
here: both sides are enumerated. The certified counterpart for bits is `eftheory.exact.marginals`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from eftheory.exact.floats import (
    MEMORY,
    Array,
    Bits,
    Points,
    as_array,
    harmonium,
    refuse_memory,
    refuse_overflow,
    refuse_states,
)

ROWS, COLUMNS = 64, 4096
"""A tile; its factors are made once, and multiplied a few columns at a time into a buffer that stays in the cache."""
SINGLE = 2**18
"""Multiplications up to which OpenBLAS uses one thread; thin products gain nothing from more, and on a busy machine
their threads wait for each other."""
FEWEST = 64
"""The smallest side of a tile; with less memory than that an instance is refused."""
HIGH = 1e200
"""A total above this is moved into the reference, so that adding two of them cannot overflow."""


def log_partition(
    W: Any, u: Any, v: Any, *, x: Points | None = None, z: Points | None = None, memory: int = MEMORY
) -> float:
    """``log sum_x sum_z p~(x,z)``, nats. W: (n, m), u: (n), v: (m).

    x, z: the sides (`Listed` statistics, (points, n) and (points, m)); bits unless given.
    memory: bytes for everything allocated here, whatever the number of states.
    Raises MisuseError for NaN, infinities, wrong shapes, too many states, and where `memory` holds no tile.
    """
    if x is None and z is None:
        W, u, v = harmonium(W, u, v)
    W = as_array("W", W, x.width if x else None, z.width if z else None)
    x, z = x or Bits(W.shape[0]), z or Bits(W.shape[1])
    u, v = as_array("u", u, x.width), as_array("v", v, z.width)
    refuse_overflow(_largest_exponent(W, u, v, x, z))
    refuse_states(x.count * z.count)
    tile = plan(x, z, memory)
    total = _LogSum()
    buffer = np.empty(tile.rows * tile.width)
    left, right = np.ones((tile.rows, z.width + 2)), np.ones((z.width + 2, tile.columns))
    for first in range(0, z.count, tile.columns):
        last = min(first + tile.columns, z.count)
        columns = right[:, : last - first]
        columns[:-2], columns[-2] = z.statistics(first, last).T, z.log_base(first, last)
        for start in range(0, x.count, tile.rows):
            stop = min(start + tile.rows, x.count)
            rows, nu = left[: stop - start], x.statistics(start, stop)
            np.matmul(nu, W, out=rows[:, :-2])
            rows[:, :-2] += v
            offset = nu @ u + x.log_base(start, stop)
            for at in range(0, last - first, tile.width):
                total.add(rows, offset, columns[:, at : at + tile.width], buffer)
    return total.log()


@dataclass(frozen=True)
class Tile:
    """A block of rows of x and columns of z, the columns multiplied at a time, and the bytes that all of it takes."""

    rows: int
    columns: int
    width: int
    needed: int


def plan(x: Points, z: Points, memory: int) -> Tile:
    """The largest tile up to ROWS x COLUMNS that fits `memory`; MisuseError, with both sizes, when none does."""
    rows, columns = min(ROWS, x.count), min(COLUMNS, z.count)
    width = max(FEWEST, SINGLE // (rows * (z.width + 2)))
    while (needed := _bytes(rows, columns, min(width, columns), x.width, z.width)) > memory and columns > FEWEST:
        columns = max(FEWEST, columns // 2)
    refuse_memory(f"log Z of {x.count} x {z.count} states in tiles of {rows} x {columns}", needed, memory)
    return Tile(rows, columns, min(width, columns), needed)


def _bytes(rows: int, columns: int, width: int, n: int, m: int) -> int:
    """Buffer, both factors, and what making them takes (bits: integers, their low digit, floats)."""
    return 8 * (rows * width + (4 * m + 6) * columns + (4 * n + 3 * m + 8) * rows) + 8192


def _largest_exponent(W: Array, u: Array, v: Array, x: Points, z: Points) -> float:
    (nu, h), (psi, k) = x.largest, z.largest
    with np.errstate(over="ignore"):
        return float(np.abs(W).sum() * nu * psi + np.abs(u).sum() * nu + np.abs(v).sum() * psi + h + k)


class _LogSum:
    """A running log-sum-exp: the sum so far is ``exp(reference) * total``.

    The reference is folded into the matrix product, so that a block costs one product, one exp and one sum. Only a
    block that overflows (or the first) is looked through for its maximum; what underflows is beyond the last bit of
    the total, because the reference never exceeds the logarithm of the sum so far.
    """

    def __init__(self) -> None:
        self.reference, self.total = 0.0, 0.0

    def add(self, left: Array, offset: Array, right: Array, space: Array) -> None:
        """Add ``sum exp(left @ right)`` with `offset` as the last column of `left`, where `right` has ones."""
        buffer = space[: len(left) * right.shape[1]].reshape(len(left), -1)
        np.subtract(offset, self.reference, out=left[:, -1])
        if self.total > 0.0:
            np.matmul(left, right, out=buffer)
            with np.errstate(over="ignore"):
                part = float(np.exp(buffer, out=buffer).sum())
            if math.isfinite(part):
                return self._count(part)
        np.matmul(left, right, out=buffer)
        shift = float(buffer.max())
        buffer -= shift
        self.total *= math.exp(-shift) if self.total > 0.0 else 0.0
        self.reference += shift
        return self._count(float(np.exp(buffer, out=buffer).sum()))

    def _count(self, part: float) -> None:
        self.total += part
        if self.total > HIGH:
            self.reference, self.total = self.reference + math.log(self.total), 1.0

    def log(self) -> float:
        return self.reference + math.log(self.total)
