"""Members with W != 0, found by search and proved by normal form; and members by the intermediate value theorem."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

import sympy as sp

from eftheory.derive.numeric import Projector, sample, value
from eftheory.derive.setting import Setting, unit_points
from eftheory.derive.space import Unknown
from eftheory.derive.zero import sign
from eftheory.families.base import Explicit

LIMIT = 20000
"""Candidates tried at most; what is not found is not claimed to be absent."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """An exact member on a single latent unit. weights: pixels x statistics x psi; offsets: pixels x statistics."""

    weights: tuple[tuple[tuple[int, ...], ...], ...]
    offsets: tuple[tuple[sp.Expr, ...], ...]
    text: str


def log_partition(unit: Explicit, parameters: list[sp.Expr]) -> sp.Expr:
    """A(parameters); for counts with a varying total, the sum of the word probabilities (which must be one)."""
    if unit.log_partition is None:
        return sp.Add(*(sp.exp(p) for p in parameters))
    return unit.log_partition.subs(dict(zip(unit.natural, parameters, strict=True)), simultaneous=True)


def two_valued(setting: Setting) -> str | None:
    """A linear form of psi that takes exactly two values on a finite latent unit.

    Any function of it is affine in it, so for every decoder ``W = a w'`` is a member whenever W = 0 is.
    """
    unit = setting.latents[0]
    points = unit_points(unit)
    if points is None:
        return None
    rows = [[s.xreplace(dict(zip(unit.variables, p, strict=True))) for s in unit.statistics] for p in points]
    for weights in _sparse(len(unit.statistics), 2):
        values = {sum(w * r for w, r in zip(weights, row, strict=True)) for row in rows}
        if len(values) == 2:
            return str(sp.Add(*(w * s for w, s in zip(weights, unit.statistics, strict=True))))
    return None


def _sparse(width: int, entries: int) -> Iterator[tuple[int, ...]]:
    rows = [w for w in product((0, 1, -1), repeat=width) if sum(map(abs, w)) <= entries] if width <= 6 else []
    if width > 6:
        rows = [tuple(int(i == j) for i in range(width)) for j in range(width)]
    yield from sorted((r for r in rows if any(r)), key=lambda w: (sum(map(abs, w)), w.index(max(w, key=abs))))


def search(setting: Setting) -> Member | None:
    """A member on one latent unit with entries of W in {-1, 0, 1}, proved by normal form."""
    single = setting.alone()
    unit = single.decoder.unit
    if unit.log_partition is None and not single.varying_total:
        return None
    projector = Projector(sample(single.latents, len(single.span) + 9), single.span)
    copies = single.decoder.copies
    several = not isinstance(copies, int) or copies > 1
    for candidates in (
        (_candidates(single, 1), _candidates(single, 2), _one_each(single)) if several else (_candidates(single, 1),)
    ):
        for weights, offsets in candidates:
            if _plausible(single, projector, weights, offsets) and _proved(single, weights, offsets):
                return Member(weights=weights, offsets=offsets, text=_text(single, weights, offsets))
    return None


def _candidates(setting: Setting, pixels: int):  # type: ignore[no-untyped-def]
    n, m = len(setting.decoder.unit.statistics), len(setting.latents[0].statistics)
    rows = [tuple([0] * m), *_sparse(m, 2)]
    blocks = _blocks(rows, n)
    blocks.sort(key=lambda block: sum(abs(x) for row in block for x in row))
    if pixels == 2:
        blocks = [b for b in blocks if any(any(row) for row in b)]
    if len(blocks) ** pixels > LIMIT:
        return
    for weights in product(blocks, repeat=pixels):
        if any(any(row) for block in weights for row in block):
            for offsets in _offsets(setting, weights):
                yield weights, offsets


def _one_each(setting: Setting):  # type: ignore[no-untyped-def]
    """One decoder coordinate for each statistic of the latent: f_i = +-psi_i."""
    n, m, copies = len(setting.decoder.unit.statistics), len(setting.latents[0].statistics), setting.decoder.copies
    if n != 1 or m < 3 or (isinstance(copies, int) and copies < m):
        return
    for way in (1, -1):
        weights = tuple((tuple(way * int(i == j) for j in range(m)),) for i in range(m))
        for offsets in _offsets(setting, weights):
            yield weights, offsets


def _blocks(rows, n: int):  # type: ignore[no-untyped-def]
    """All n x m matrices with the given rows; where they are too many, those with one or two non-zero rows."""
    if len(rows) ** n <= LIMIT:
        return list(product(rows, repeat=n))
    zero, others = rows[0], rows[1:]
    single = [tuple(row if a == i else zero for a in range(n)) for i in range(n) for row in others]
    double = [
        tuple(rows_ab[0] if a == i else rows_ab[1] if a == j else zero for a in range(n))
        for i, j in combinations(range(n), 2)
        for rows_ab in product(others, repeat=2)
    ]
    return single + (double if len(double) <= LIMIT else [])


def _offsets(setting: Setting, weights):  # type: ignore[no-untyped-def]
    """u = 0 where z enters; where it does not, a number inside the natural domain."""
    unit = setting.decoder.unit
    idle = interior(unit)
    zero, one = sp.Integer(0), sp.Integer(1)
    yield tuple(tuple(zero if any(row) else idle[a] for a, row in enumerate(block)) for block in weights)
    if len(weights) == 1:
        for shift in (one, -one):
            yield tuple(tuple(shift if any(row) else idle[a] for a, row in enumerate(block)) for block in weights)


def interior(unit: Explicit) -> list[sp.Expr]:
    """A point of the natural domain with few, small entries."""
    n = len(unit.natural)
    options = product((0, -1, 1), repeat=n) if n <= 6 else [(0,) * n]
    for entries in sorted(options, key=lambda e: sum(map(abs, e))):
        at = dict(zip(unit.natural, map(sp.Integer, entries), strict=True))
        if all(relation.subs(at) == sp.true for relation in unit.domain):
            return list(at.values())
    raise Unknown("no interior point of the natural domain")


def _parameters(setting: Setting, block, shift) -> list[sp.Expr]:  # type: ignore[no-untyped-def]
    psi = setting.latents[0].statistics
    return [u + sp.Add(*(w * s for w, s in zip(row, psi, strict=True))) for row, u in zip(block, shift, strict=True)]


def _plausible(setting: Setting, projector: Projector, weights, offsets) -> bool:  # type: ignore[no-untyped-def]
    unit = setting.decoder.unit
    values = []
    try:
        forms = [_parameters(setting, block, shift) for block, shift in zip(weights, offsets, strict=True)]
        for point in projector.points:
            total = -value(setting.log_ratio, point)
            for form in forms:
                numbers = [value(f, point) for f in form]
                at = dict(zip(unit.natural, numbers, strict=True))
                if not all(_holds(relation, at) for relation in unit.domain):
                    return False
                if unit.log_partition is None:
                    total += sum(value(sp.exp(unit.natural[a]), at) for a in range(len(numbers)))
                else:
                    total += value(unit.log_partition, at)
            values.append(total)
    except (ValueError, OverflowError, ZeroDivisionError):
        return False
    if setting.varying_total:
        return max(values) - min(values) < 1e-9
    return projector.residual(values) < 1e-9


def _holds(relation: sp.Rel, at: dict[sp.Symbol, float]) -> bool:
    return value(relation.lts - relation.gts, at) < 0


def _proved(setting: Setting, weights, offsets) -> bool:  # type: ignore[no-untyped-def]
    total = -setting.log_ratio if not setting.varying_total else sp.Integer(0)
    for block, shift in zip(weights, offsets, strict=True):
        total += log_partition(setting.decoder.unit, _parameters(setting, block, shift))
    try:
        return setting.space.spans(total, []) if setting.varying_total else setting.absorbs(total)
    except Unknown:
        return False


def _text(setting: Setting, weights, offsets) -> str:  # type: ignore[no-untyped-def]
    names = [str(s) for s in setting.decoder.unit.statistics]
    parts = []
    for block, shift in zip(weights, offsets, strict=True):
        forms = _parameters(setting, block, shift)
        parts.append(", ".join(f"f[{name}] = {form}" for name, form in zip(names, forms, strict=True)))
    return "; ".join(parts)


def intermediate_value(setting: Setting) -> str | None:
    """A member by continuity, for one latent unit on which the conjugation equation is a single number.

    Along ``W = s e_b``, ``u = -s c`` the left side is continuous in s, and starts at zero; where it passes the
    prior's number in between, a member exists (a sign change, certified at both ends).
    """
    single = setting.alone()
    unit = single.decoder.unit
    if single.points is None or unit.log_partition is None or unit.domain:
        return None
    variables = single.space.variables
    tables = [dict(zip(variables, point, strict=True)) for point in single.points]
    rows = [[g.xreplace(t) for t in tables] for g in (sp.Integer(1), *single.span)]
    kernel = sp.Matrix(rows).nullspace()
    if len(kernel) != 1:
        return None
    weights = list(kernel[0])
    goal = sp.Add(*(b * single.log_ratio.xreplace(t).doit() for b, t in zip(weights, tables, strict=True)))
    side = sign(-goal)
    if side is None:
        return None
    for b, statistic in enumerate(single.latents[0].statistics):
        for size in (1, 2, 4, 8, 16, 32):
            for centre in (0, -1):
                form = [size * statistic + centre * size] + [sp.Integer(0)] * (len(unit.natural) - 1)
                total = sp.Add(
                    *(
                        w * log_partition(unit, [f.xreplace(t) for f in form])
                        for w, t in zip(weights, tables, strict=True)
                    )
                )
                if (sign(total - goal) or 0) * side < 0:
                    return f"between W = 0 and f = {form[0]} (statistic {b + 1})"
    return None
