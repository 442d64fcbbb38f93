"""Small matrices over any arithmetic: rows of floats, balls, symbols, or anything else with + - * /.

>>> from fractions import Fraction
>>> from eftheory.exact.arithmetic import SYMBOL
>>> log_det([[2, 1], [1, 2]], on=SYMBOL)
log(3/2) + log(2)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from eftheory.errors import MisuseError
from eftheory.exact.arithmetic import Arithmetic, Number

Matrix: TypeAlias = Sequence[Sequence[Number]]
"""Rows of one length; at least one row and one column."""
Rows: TypeAlias = list[list[Number]]
"""A matrix that was made here."""


def shape(a: Matrix) -> tuple[int, int]:
    """(rows, columns). Raises MisuseError for an empty matrix and for rows of different lengths."""
    widths = {len(row) for row in a}
    if len(widths) != 1 or 0 in widths:
        got = f"rows of lengths {sorted(widths)}" if widths else "no row"
        raise MisuseError(
            wanted="a matrix: rows of one length, not empty", got=got, do="give every row all its entries"
        )
    return len(a), widths.pop()


def numbers(a: Matrix, *, on: Arithmetic) -> Rows:
    """The same matrix with every entry a number of `on`."""
    shape(a)
    return [[on.number(entry) for entry in row] for row in a]


def identity(n: int, *, on: Arithmetic) -> Rows:
    """The n x n identity."""
    return diagonal([on.number(1)] * n, on=on)


def diagonal(entries: Sequence[Number], *, on: Arithmetic) -> Rows:
    """The square matrix with these entries on its diagonal and zeros elsewhere."""
    zero = on.number(0)
    rows = [[entry if i == j else zero for j in range(len(entries))] for i, entry in enumerate(entries)]
    shape(rows)
    return rows


def diagonal_of(a: Matrix) -> list[Number]:
    """The diagonal of a square matrix, as a list."""
    return [a[i][i] for i in range(_square(a))]


def symmetric(entry: Callable[[int, int], Number], n: int) -> Rows:
    """The symmetric n x n matrix of ``entry(i, j)``, which is asked for j <= i only."""
    lower = [[entry(i, j) for j in range(i + 1)] for i in range(n)]
    return [[lower[max(i, j)][min(i, j)] for j in range(n)] for i in range(n)]


def transpose(a: Matrix) -> Rows:
    """``a'``."""
    shape(a)
    return [list(column) for column in zip(*a, strict=True)]


def product(a: Matrix, b: Matrix) -> Rows:
    """``a b``. Raises MisuseError when a has not as many columns as b has rows."""
    (n, m), (rows, _) = shape(a), shape(b)
    if m != rows:
        raise MisuseError(wanted=f"{m} rows on the right", got=f"{n}x{m} times {rows} rows", do="transpose one of them")
    columns = list(zip(*b, strict=True))
    return [[_dot(row, column) for column in columns] for row in a]


def plus(a: Matrix, b: Matrix) -> Rows:
    """``a + b``, entry by entry. Raises MisuseError for different shapes."""
    if shape(a) != shape(b):
        raise MisuseError(wanted="two matrices of one shape", got=f"{shape(a)} and {shape(b)}", do="transpose one")
    return [[x + y for x, y in zip(left, right, strict=True)] for left, right in zip(a, b, strict=True)]


def scaled(factor: Number, a: Matrix) -> Rows:
    """``factor a``."""
    shape(a)
    return [[factor * entry for entry in row] for row in a]


def minus(a: Matrix, b: Matrix) -> Rows:
    """``a - b``, entry by entry. Raises MisuseError for different shapes."""
    return plus(a, scaled(-1, b))


def trace(a: Matrix) -> Number:
    """Sum of the diagonal of a square matrix."""
    first, *rest = diagonal_of(a)
    return sum(rest, first)


def inner(a: Matrix, b: Matrix) -> Number:
    """``tr(a' b)``: the sum of the products of the entries."""
    if shape(a) != shape(b):
        raise MisuseError(wanted="two matrices of one shape", got=f"{shape(a)} and {shape(b)}", do="transpose one")
    return _dot([entry for row in a for entry in row], [entry for row in b for entry in row])


def inverse(a: Matrix, *, on: Arithmetic) -> Rows:
    """The inverse, by elimination without exchanging rows: for symmetric positive definite matrices.

    Raises MisuseError where a pivot is zero, as it is in a singular matrix.
    """
    n = _square(a)
    rows = [[*row, *unit] for row, unit in zip(numbers(a, on=on), identity(n, on=on), strict=True)]
    for i in range(n):
        pivot = _usable(rows[i][i], i, on)
        rows[i] = [entry / pivot for entry in rows[i]]
        for j in range(n):
            if j != i:
                factor = rows[j][i]
                rows[j] = [x - factor * y for x, y in zip(rows[j], rows[i], strict=True)]
    return [row[n:] for row in rows]


def pivots(a: Matrix, *, on: Arithmetic) -> list[Number]:
    """The diagonal D of ``a = L D L'``, a symmetric; as many positive, negative ones as a has such eigenvalues.

    Their product is ``det a``; all positive: a is positive definite. Raises MisuseError where a pivot before the last
    is zero: the factorisation does not exist.
    """
    n = _square(a)
    rows = numbers(a, on=on)
    found = []
    for i in range(n):
        found.append(rows[i][i])
        for j in range(i + 1, n):
            factor = rows[j][i] / _usable(rows[i][i], i, on)
            rows[j] = [x - factor * y for x, y in zip(rows[j], rows[i], strict=True)]
    return found


def log_det(a: Matrix, *, on: Arithmetic) -> Number:
    """``log det a`` of a symmetric positive definite matrix, the sum of the logarithms of its pivots.

    Raises MisuseError where a pivot is known not to be positive.
    """
    found = pivots(a, on=on)
    for pivot in found:
        if on.less(on.number(0), pivot) is False:
            raise MisuseError(wanted="a positive definite matrix", got=f"a pivot {pivot}", do="check the covariance")
    first, *rest = (on.log(pivot) for pivot in found)
    return sum(rest, first)


def _dot(a: Sequence[Number], b: Sequence[Number]) -> Number:
    first, *rest = (x * y for x, y in zip(a, b, strict=True))
    return sum(rest, first)


def _square(a: Matrix) -> int:
    n, m = shape(a)
    if n != m:
        raise MisuseError(wanted="a square matrix", got=f"{n}x{m}", do="give as many rows as columns")
    return n


def _usable(pivot: Number, i: int, on: Arithmetic) -> Number:
    """The pivot, unless it is known to be zero (what comes of a ball around zero is not finite)."""
    zero = on.number(0)
    if on.less(zero, pivot) is False and on.less(pivot, zero) is False:
        raise MisuseError(wanted="a matrix with pivots", got=f"pivot {i + 1} zero", do="check that it is not singular")
    return pivot
