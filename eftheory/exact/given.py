"""A given decoder (callable, table or affine pair) read at exact latent points: natural parameters as exact values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import sympy as sp
from flint import fmpq

from eftheory.errors import MisuseError
from eftheory.exact.density import dot
from eftheory.exact.product import Product, number
from eftheory.exact.values import Value, exact, rational
from eftheory.families.support import Point

ROUNDOFF = {"bfloat16": 7, "float16": 10, "float32": 23, "float64": 52}
"""Type name -> bits of its unit in the last place."""

Rows = tuple[tuple[Value, ...], ...]


def read(decoder: Any, space: Product, points: Sequence[Point], width: int, rounding: int) -> tuple[Rows, fmpq]:
    """Natural parameters at `points`, a row of `width` values each, and what each value may be off by.

    A callable that returns floats has rounded on its way: its values count as known to `rounding` units in the last
    place of the largest one. Tables, affine pairs, and callables that return exact numbers at exact points, are exact.
    Raises MisuseError for NaN, infinities, wrong lengths, and a `rounding` that is no whole number of at least 0.
    """
    if isinstance(rounding, bool) or not isinstance(rounding, int) or rounding < 0:
        do = "give units in the last place, such as 1024"
        raise MisuseError(wanted="rounding as a whole number of at least 0", got=repr(rounding), do=do)
    if isinstance(decoder, Mapping):
        return _from_table(decoder, space, points, width), fmpq(0)
    if callable(decoder):
        return _from_callable(decoder, points, width, rounding)
    return affine(*_pair(decoder), space, points, width), fmpq(0)


def table_points(decoder: Any, space: Product) -> list[Point] | None:
    """The points of a table, None for other decoders. Raises MisuseError for keys outside the latent support."""
    if not isinstance(decoder, Mapping):
        return None
    return [latent_point(key, space) for key in decoder]


def latent_point(key: Any, space: Product) -> Point:
    """A user's point of the latent space, exactly."""
    return _point(key, space, "latent point")


def observation(x: Any, space: Product) -> Point:
    """A user's observation, exactly."""
    return _point(x, space, "observation x")


def affine(W: Any, u: Any, space: Product, points: Sequence[Point], width: int) -> Rows:
    """``f(z) = W psi(z) + u``; W: (copies * n, statistics of the encoder), u: (copies * n), exact numbers or floats.

    Columns of W: latent unit by latent unit, for each its statistics in the family's order.
    """
    matrix = [[_value(entry) for entry in _flat(row)] for row in _rows(W)]
    shift = [_value(entry) for entry in _flat(u)]
    inner = space.n_statistics * space.copies
    if len(matrix) != width or len(shift) != width or any(len(row) != inner for row in matrix):
        shape = f"{len(matrix)} x {len(matrix[0]) if matrix else 0} and {len(shift)}"
        do = "order the columns latent unit by latent unit, for each its statistics in the family's order"
        raise MisuseError(wanted=f"W of shape {width} x {inner} and u of length {width}", got=shape, do=do)
    found = []
    for point in points:
        psi = space.statistics(point)
        found.append(tuple(dot(row, psi) + c for row, c in zip(matrix, shift, strict=True)))
    return tuple(found)


def _point(raw: Any, space: Product, what: str) -> Point:
    entries = _flat(raw) if _is_sequence(raw) else [raw]
    point = tuple(number(entry, what) for entry in entries)
    if len(point) != space.length:
        do = "flatten all units"
        raise MisuseError(wanted=f"{what} of {space.length} numbers", got=f"{len(point)}: {raw}", do=do)
    if not space.contains(point):
        wanted = f"{what} in {space.copies} x {space.unit.support.text}"
        raise MisuseError(wanted=wanted, got=str(raw), do="choose another")
    return point


def _from_table(table: Mapping[Any, Any], space: Product, points: Sequence[Point], width: int) -> Rows:
    known = {latent_point(key, space): parameters for key, parameters in table.items()}
    for point in points:
        if point not in known:
            raise MisuseError(wanted="an entry for every point", got=f"none for {point}", do="add it, or give z_points")
    return tuple(tuple(_value(v) for v in _checked(known[point], point, width)) for point in points)


def _from_callable(f: Callable[[Any], Any], points: Sequence[Point], width: int, rounding: int) -> tuple[Rows, fmpq]:
    rows, bits, rounded = [], 52, False
    for point in points:
        argument, same = _argument(point)
        raw = f(argument)
        entries = _checked(raw, point, width)
        bits = min(bits, _bits(raw))
        rounded |= not same or any(isinstance(entry, float) for entry in entries)
        rows.append(tuple(_value(entry) for entry in entries))
    if not rounded:
        return tuple(rows), fmpq(0)
    largest = max((abs(v.rational) for row in rows for v in row if v.rational is not None), default=fmpq(0))
    return tuple(rows), largest * fmpq(rounding, 2**bits)


def _argument(point: Point) -> tuple[tuple[int | float, ...], bool]:
    """The point as a callable gets it (ints where whole, floats elsewhere), and whether nothing was rounded."""
    given = tuple(int(v) if v.is_Integer else float(v) for v in point)
    return given, all(sp.Rational(*g.as_integer_ratio()) == v for g, v in zip(given, point, strict=True))


def _bits(raw: Any) -> int:
    inner = raw
    while not hasattr(inner, "dtype") and isinstance(inner, list | tuple) and inner:
        inner = inner[0]
    name = str(getattr(inner, "dtype", "float64")).rpartition(".")[2]
    return ROUNDOFF.get(name, 52)


def _checked(raw: Any, point: Point, width: int) -> list[Any]:
    entries = _flat(raw)
    if len(entries) != width:
        raise MisuseError(
            wanted=f"{width} natural parameters (copies x statistics of the decoder)",
            got=f"{len(entries)} at z = {point}",
            do="flatten them unit by unit",
        )
    return entries


def _flat(raw: Any) -> list[Any]:
    """The numbers of a nested list or array, row by row."""
    if hasattr(raw, "tolist") and not isinstance(raw, sp.Basic):
        raw = raw.tolist()
    if not _is_sequence(raw):
        return [raw]
    return [entry for part in raw for entry in _flat(part)]


def _value(entry: Any) -> Value:
    if isinstance(entry, fmpq):
        return rational(entry)
    if isinstance(entry, float | Fraction | int) and not isinstance(entry, bool) and entry - entry == 0:
        return rational(fmpq(*entry.as_integer_ratio()))
    return exact(number(entry, "natural parameter"))


def _is_sequence(raw: Any) -> bool:
    if hasattr(raw, "tolist") and not isinstance(raw, sp.Basic):
        return isinstance(raw.tolist(), list)
    return isinstance(raw, Sequence | sp.MatrixBase) and not isinstance(raw, str)


def _pair(decoder: Any) -> tuple[Any, Any]:
    if isinstance(decoder, tuple | list) and len(decoder) == 2:
        return decoder[0], decoder[1]
    raise MisuseError(
        wanted="a decoder: callable, table {z: parameters}, or pair (W, u)",
        got=type(decoder).__name__,
        do="pass one of the three",
    )


def _rows(W: Any) -> list[Any]:
    raw = W.tolist() if hasattr(W, "tolist") else W
    if not _is_sequence(raw) or not all(_is_sequence(row) for row in raw):
        raise MisuseError(wanted="W as a list of rows", got=repr(W), do="write [[...], ...], a row for each parameter")
    return list(raw)
