"""Clause (d): an encoder that sees only T(x) can express only functions of T(x).

``W' (nu(x) - nu(x')) = 0`` whenever ``T(x) = T(x')``: the admissible rows of W are the left null space of those
differences. Two representative coordinates on a grid show what T identifies; that T identifies nothing, or that a
statistic is a function of T, is proved by exhaustion or by inverting T (theory: section 2, clause d).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import islice, product

import sympy as sp

from eftheory.derive.setting import REPRESENTATIVES, Setting, unit_points
from eftheory.families.base import X
from eftheory.families.support import Circle, Counts, Integers, Interval, Point, Points, Support
from eftheory.spec import Inputs
from eftheory.verdict import Formula


@dataclass(frozen=True, kw_only=True)
class Seen:
    """kind: ``all`` (nothing is lost), ``nothing`` (W = 0), ``part`` (`kept`: combinations of nu that survive,
    rows over the statistics of one decoder unit; empty when they mix units), ``unknown``.
    pair: two observations (all coordinates of a few decoder units) that the encoder cannot tell apart."""

    kind: str
    reason: str
    kept: tuple[tuple[sp.Expr, ...], ...] = ()
    conditions: tuple[Formula, ...] = ()
    pair: tuple[Point, Point] | None = None


FIBRES = Formula(
    text="W' (nu(x) - nu(x')) = 0 whenever T(x) = T(x')",
    latex=r"W^\top(\nu(x)-\nu(x'))=0 \quad\text{whenever } T(x)=T(x')",
)
MAX_SUMMED, MAX_GRID = 8, 1024
COLLAPSE = Formula(text="W = 0", latex="W = 0")


def seen(setting: Setting) -> Seen:
    """What the encoder's inputs leave of W."""
    inputs = setting.spec.inputs
    if inputs.kind == "x":
        return Seen(kind="all", reason="the encoder sees x")
    unit = setting.decoder.unit
    n = len(unit.statistics)
    if inputs.kind == "frequencies" and _known_total(setting):
        return Seen(kind="all", reason=f"inputs {inputs.text} determine x")
    grid = _grid(setting)
    if grid is None:
        return Seen(kind="unknown", reason=f"no exact grid on the decoder's support for inputs {inputs.text}")
    groups: dict[tuple[sp.Expr, ...], list[tuple[sp.Expr, ...]]] = defaultdict(list)
    for x in grid:
        seen_value = inputs.at(x)
        if seen_value is not None:
            groups[seen_value].append(_statistics(setting, x))
    differences = [[a - b for a, b in zip(row, rows[0], strict=True)] for rows in groups.values() for row in rows[1:]]
    width = len(_statistics(setting, grid[0]))
    matrix = sp.Matrix(differences) if differences else sp.zeros(0, width)
    rank = matrix.rank() if differences else 0
    if rank == width:
        one, other = _pair(inputs, grid, setting)
        reason = f"inputs {inputs.text} identify x = {_shown(one)} with x = {_shown(other)}, which span all"
        return Seen(kind="nothing", reason=reason, conditions=(FIBRES, COLLAPSE), pair=(one, other))
    if rank == 0:
        if _injective(setting):
            return Seen(kind="all", reason=f"inputs {inputs.text} determine x")
        return Seen(
            kind="unknown", reason=f"inputs {inputs.text} identify no two points of the grid; not proved injective"
        )
    kept = _kept(matrix, width, n)
    if kept is None and _exhaustive(setting):
        reason = f"inputs {inputs.text} keep {width - rank} of {width} combinations of the decoder's statistics"
        return Seen(kind="part", reason=reason, conditions=(FIBRES,), pair=_pair(inputs, grid, setting))
    if kept is None or not (_exhaustive(setting) or all(_function_of_inputs(setting, row) for row in kept)):
        return Seen(
            kind="unknown", reason=f"inputs {inputs.text} lose some statistics; which ones remain is not proved"
        )
    shown = ", ".join(str(sp.Add(*(c * s for c, s in zip(row, unit.statistics, strict=True)))) for row in kept)
    reason = f"inputs {inputs.text} keep {shown} only"
    return Seen(kind="part", reason=reason, kept=kept, conditions=(FIBRES,), pair=_pair(inputs, grid, setting))


def _pixels(setting: Setting) -> int | None:
    """Decoder units on the grid: representatives, but all of them when T sums over all; None when that is too many.

    Frequencies need no more than representatives: the coordinates that are zero do not change the total.
    """
    copies = setting.decoder.copies
    inputs = setting.spec.inputs
    if inputs.kind != "frequencies" and inputs.sums:
        return copies if isinstance(copies, int) and copies <= MAX_SUMMED else None
    return min(copies, REPRESENTATIVES) if isinstance(copies, int) else REPRESENTATIVES


def _grid(setting: Setting) -> list[Point] | None:
    """Exact points x: all coordinates of a few decoder units, flattened; None where no grid can stand for all x."""
    one, pixels = _unit_grid(setting), _pixels(setting)
    if one is None or pixels is None:
        return None
    return [sum(choice, ()) for choice in islice(product(one, repeat=pixels), MAX_GRID)]


def _unit_grid(setting: Setting) -> list[Point] | None:
    """Points of one decoder unit: all of them where they are few."""
    unit, inputs = setting.decoder.unit, setting.spec.inputs
    support = unit.support
    summed = inputs.kind != "frequencies" and inputs.sums
    if summed and (setting.decoder.groups != setting.decoder.family.unit.groups or _open_total(support)):
        return None  # a sum over a smaller block, or over a made-up total, is not the sum that was asked about
    table = unit_points(unit)
    if table is not None:
        return table
    if isinstance(support, Counts):
        return _counts_grid(support, len(unit.variables))
    if isinstance(support, Integers):
        return [(support.lo + i,) for i in range(5)]
    if isinstance(support, Circle):
        return [(sp.pi * sp.Rational(i, 2),) for i in (-2, -1, 0, 1)]
    return [(p,) for p in _interval_grid(support)] if isinstance(support, Interval) else None


def _counts_grid(support: Counts, words: int) -> list[Point] | None:
    """Small counts: of every total when it varies, of the total 3 when a symbol stands for it."""
    cells = [tuple(map(sp.Integer, cell)) for cell in product(range(4), repeat=words)]
    if support.total is None:
        return cells
    return [cell for cell in cells if sum(cell) == 3] if _open_total(support) else None


def _open_total(support: Support) -> bool:
    return isinstance(support, Counts) and support.total is not None and bool(support.total.free_symbols)


def _interval_grid(support: Interval) -> list[sp.Expr]:
    lo, hi = support.lo, support.hi
    whole = [sp.Integer(i) for i in (-3, -2, -1, 0, 1, 2, 3)]
    if lo == -sp.oo:
        return whole if hi == sp.oo else [hi - i for i in whole[4:]]
    if hi == sp.oo:
        return [lo + sp.Rational(i, 2) for i in (1, 2, 4, 8, 3)]
    return [lo + (hi - lo) * sp.Rational(i, 8) for i in range(1, 8)]


def _statistics(setting: Setting, x: tuple[sp.Expr, ...]) -> tuple[sp.Expr, ...]:
    variables = setting.decoder.unit.variables
    p = len(variables)
    rows = [dict(zip(variables, x[i : i + p], strict=True)) for i in range(0, len(x), p)]
    return tuple(sp.sympify(s.xreplace(at).doit()) for at in rows for s in setting.decoder.unit.statistics)


def _pair(inputs: Inputs, grid: list[Point], setting: Setting) -> tuple[Point, Point]:
    """Two points with one T and different statistics (there are some: the differences have a rank)."""
    first: dict[Point, Point] = {}
    for x in grid:
        value = inputs.at(x)
        if value is not None and value in first and _statistics(setting, x) != _statistics(setting, first[value]):
            return first[value], x
        if value is not None:
            first.setdefault(value, x)
    raise AssertionError("no two points share their inputs")


def _shown(x: Point) -> str:
    return "(" + ", ".join(map(str, x)) + ")"


def _exhaustive(setting: Setting) -> bool:
    """The grid holds every point of the representative coordinates."""
    points, pixels = unit_points(setting.decoder.unit), _pixels(setting)
    return points is not None and pixels is not None and len(points) ** pixels <= MAX_GRID


def _known_total(setting: Setting) -> bool:
    """Counts x of a known total n: x is n times its frequencies."""
    support = setting.decoder.unit.support
    return isinstance(support, Counts) and support.total is not None and setting.decoder.copies == 1


def _injective(setting: Setting) -> bool:
    if _exhaustive(setting):
        return True
    unit, expr = setting.decoder.unit, setting.spec.inputs.expr
    if setting.spec.inputs.sums:
        return False
    variable = sp.Symbol("x", **unit.variables[0].assumptions0)
    slope = sp.diff(expr.subs(X, variable), variable)
    connected = isinstance(unit.support, Interval | Integers | Points)
    real = sp.Symbol("x", positive=True) if variable.is_nonnegative else sp.Symbol("x", real=True)
    slope = slope.subs(variable, real)
    return connected and (
        bool(sp.expand(slope).is_positive or sp.expand(slope).is_negative) or _touches_zero(slope, real)
    )


def _touches_zero(slope: sp.Expr, variable: sp.Symbol) -> bool:
    """A polynomial slope with real roots of even multiplicity only: the function is still strictly monotone."""
    if not slope.is_polynomial(variable) or slope.free_symbols != {variable}:
        return False
    roots = sp.Poly(slope, variable).real_roots()
    return all(roots.count(root) % 2 == 0 for root in roots)


def _kept(matrix: sp.Matrix, width: int, n: int) -> tuple[tuple[sp.Expr, ...], ...] | None:
    """Combinations of one unit's statistics that survive, when units survive separately."""
    kernel = matrix.nullspace()
    per_unit = [[row[i] for i in range(n)] for row in kernel if any(row[i] != 0 for i in range(n))]
    if any(any(v != 0 for v in row[:n]) and any(v != 0 for v in row[n:]) for row in kernel):
        return None
    return tuple(tuple(row) for row in per_unit)


def _function_of_inputs(setting: Setting, row: tuple[sp.Expr, ...]) -> bool:
    """Whether ``row . nu`` takes one value on every solution of T(x) = t."""
    expr, unit = setting.spec.inputs.expr, setting.decoder.unit
    if setting.spec.inputs.sums or len(unit.variables) != 1:
        return False
    statistic = sp.Add(*(c * s for c, s in zip(row, unit.statistics, strict=True)))
    if not sp.expand(statistic - expr.subs(X, unit.variables[0])).free_symbols:
        return True
    plain = sp.Symbol("x", real=True)
    level = sp.Symbol("t", positive=True)
    try:
        branches = sp.solve(expr.subs(X, plain) - level, plain)
    except NotImplementedError:
        return False
    values = {sp.simplify(statistic.subs(unit.variables[0], branch)) for branch in branches}
    return len(values) == 1
