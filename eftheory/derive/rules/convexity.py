"""Rule: a log-partition is strictly convex, a function in the encoder's span is affine in psi.

Let ``psi(z_0) = sum_i lambda_i psi(z_i)`` with positive weights that sum to one (an arithmetic progression is the case
of weights 1/2, 1/2), tau alike, and ``delta = sum_i lambda_i L(z_i) - L(z_0)``, ``L = log(k0/k)``. The conjugation
equation gives ``sum_i lambda_i A(f(z_i)) - A(f(z_0)) = delta``, and the left side is >= 0, zero only where
``W (psi(z_i) - psi(z_0)) = 0`` (minimal nu). So delta < 0: no member at all; delta = 0: W vanishes along these
directions (theory: section 2, deciding rule 2, here for any convex combination).
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import sympy as sp

from eftheory.derive.rules.outcome import Outcome
from eftheory.derive.setting import Setting, unit_points
from eftheory.derive.zero import sign
from eftheory.families.base import Explicit
from eftheory.families.support import Circle, Integers, Interval, Reals

Relation = tuple[tuple[sp.Expr, ...], list[tuple[sp.Expr, tuple[sp.Expr, ...]]]]
"""z_0, and the weighted points around it."""


def convexity(setting: Setting) -> Outcome | None:
    """Directions of psi along which W must vanish, or that no member exists."""
    unit = setting.latents[0]
    directions: list[list[sp.Expr]] = []
    undecided = False
    for centre, around in _relations(unit):
        delta = _delta(setting, unit, centre, around)
        side = None if delta is None else sign(delta)
        if side is None:
            undecided = True
            continue
        if side < 0:
            return Outcome(
                kind="none",
                rule="arithmetic progression",
                proper=True,
                reason=f"at z = {_show(centre)} between {', '.join(_show(p) for _, p in around)} the prior would need "
                f"the log-partition to be concave (second difference {delta} < 0)",
            )
        if side == 0:
            base = _statistics(unit, centre)
            directions += [[p - q for p, q in zip(_statistics(unit, z), base, strict=True)] for _, z in around]
    forced = bool(directions) and not undecided and sp.Matrix(directions).rank() == len(unit.statistics)
    if not forced and not _one_statistic(setting):
        return None
    reason = (
        "psi takes values in arithmetic progression (or in convex position around another value); there the decoder's "
        "log-partition is strictly convex while the encoder can absorb affine functions only"
    )
    if not setting.fits:
        return Outcome(
            kind="none",
            rule="arithmetic progression",
            proper=True,
            reason=f"{reason}; and W = 0 fails as well, because log(k0/k) is not in the span of the statistics",
        )
    return Outcome(kind="zero", rule="arithmetic progression", proper=True, reason=reason)


def _one_statistic(setting: Setting) -> bool:
    """A single statistic with infinitely many values, and a prior in its span: delta = 0 around every value."""
    unit = setting.latents[0]
    if len(unit.statistics) != 1 or unit.support.finite or isinstance(unit.support, Circle):
        return False
    return setting.fits and all(setting.space.spans(t, setting.psi) for t in setting.tau)


def _relations(unit: Explicit) -> list[Relation]:
    """Values of psi that are convex combinations of others, on finitely many rational points."""
    points = _candidates(unit)
    values = [_statistics(unit, point) for point in points]
    if any(not v.is_Rational for row in values for v in row):
        return []
    if _all_extreme(values):
        return []
    found: list[Relation] = []
    for size in range(3, min(len(unit.statistics), 3) + 3):
        for subset in combinations(range(len(points)), size):
            found += _around(points, values, subset)
            if len(found) > 12:
                return found
    return found


def _all_extreme(values: list[list[sp.Expr]]) -> bool:
    """Coordinates with two values each that tell the points apart: vertices of a box, none inside any hull."""
    columns = [c for c in zip(*values, strict=True) if len(set(c)) == 2]
    return len(set(zip(*columns, strict=True))) == len(values) if columns else False


def _around(points: list[Any], values: list[list[sp.Expr]], subset: tuple[int, ...]) -> list[Relation]:
    matrix = sp.Matrix([[1, *values[i]] for i in subset]).T
    kernel = matrix.nullspace()
    if len(kernel) != 1 or any(c == 0 for c in kernel[0]):
        return []
    vector = list(kernel[0])
    for flip in (1, -1):
        signed = [flip * c for c in vector]
        negative = [i for i, c in enumerate(signed) if c < 0]
        if len(negative) == 1:
            centre = negative[0]
            scale = -signed[centre]
            around = [(c / scale, points[subset[i]]) for i, c in enumerate(signed) if i != centre]
            return [(points[subset[centre]], around)]
    return []


def _candidates(unit: Explicit) -> list[tuple[sp.Expr, ...]]:
    table = unit_points(unit)
    if table is not None:
        return table if len(table) <= 16 else table[:16]
    numbers = [sp.Integer(i) for i in range(3)]
    if isinstance(unit.support, Integers):
        return [(unit.support.lo + i,) for i in numbers]
    if isinstance(unit.support, Interval):
        lo, hi = unit.support.lo, unit.support.hi
        if lo == -sp.oo:
            return [(i - 1 if hi == sp.oo else hi - i - 1,) for i in numbers]
        if hi == sp.oo:
            powers = [(lo + 2**i,) for i in range(4)] + [(lo + 3,)]
            return powers if sp.sympify(lo).is_Rational else []
        return [(lo + (hi - lo) * sp.Rational(i + 1, 4),) for i in range(3)]
    if isinstance(unit.support, Reals):
        zero = [sp.Integer(0)] * len(unit.variables)
        return [tuple([i - 1, *zero[1:]]) for i in numbers]
    return []


def _statistics(unit: Explicit, point: tuple[sp.Expr, ...]) -> list[sp.Expr]:
    replaced = dict(zip(unit.variables, point, strict=True))
    return [sp.sympify(s.xreplace(replaced).doit()) for s in unit.statistics]


def _delta(setting: Setting, unit: Explicit, centre, around) -> sp.Expr | None:  # type: ignore[no-untyped-def]
    """sum lambda L(z_i) - L(z_0), the other latents held fixed; None when tau is not affine along the relation."""
    fixed = {}
    for other in setting.latents[1:]:
        anchor = _candidates(other)
        if not anchor:
            return None
        fixed.update(dict(zip(other.variables, anchor[0], strict=True)))

    def at(function: sp.Expr, point: tuple[sp.Expr, ...]) -> sp.Expr:
        return function.xreplace({**fixed, **dict(zip(unit.variables, point, strict=True))}).doit()

    def difference(function: sp.Expr) -> sp.Expr:
        return sp.Add(*(weight * at(function, point) for weight, point in around)) - at(function, centre)

    if any(sign(difference(t)) != 0 for t in setting.tau):
        return None
    return difference(setting.log_ratio)


def _show(point: tuple[sp.Expr, ...]) -> str:
    return str(point[0]) if len(point) == 1 else "(" + ", ".join(map(str, point)) + ")"
