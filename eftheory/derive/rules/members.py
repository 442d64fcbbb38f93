"""Members with W != 0 on structural grounds: two-valued statistics, and the intermediate value theorem."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import sympy as sp

from eftheory.derive.setting import Setting, unit_points
from eftheory.derive.space import Unknown
from eftheory.derive.zero import sign
from eftheory.families.base import Explicit


def log_partition(unit: Explicit, parameters: list[sp.Expr]) -> sp.Expr:
    """A(parameters); for counts with a varying total, the sum of the word probabilities (which must be one)."""
    if unit.log_partition is None:
        return sp.Add(*(sp.exp(p) for p in parameters))
    return unit.log_partition.subs(dict(zip(unit.natural, parameters, strict=True)), simultaneous=True)


def interior(unit: Explicit) -> list[sp.Expr]:
    """A point of the natural domain with few, small entries."""
    n = len(unit.natural)
    options = product((0, -1, 1), repeat=n) if n <= 6 else [(0,) * n]
    for entries in sorted(options, key=lambda e: sum(map(abs, e))):
        at = dict(zip(unit.natural, map(sp.Integer, entries), strict=True))
        if all(relation.subs(at) == sp.true for relation in unit.domain):
            return list(at.values())
    raise Unknown("no interior point of the natural domain")


def two_valued(setting: Setting) -> str | None:
    """A linear form of psi that takes exactly two values on a finite latent unit.

    Any function of it is affine in it, so for every decoder ``W = a w'`` is a member whenever W = 0 is.
    """
    unit = setting.latents[0]
    points = unit_points(unit)
    if points is None:
        return None
    rows = [[s.xreplace(dict(zip(unit.variables, p, strict=True))) for s in unit.statistics] for p in points]
    for weights in sparse(len(unit.statistics), 2):
        values = {sum(w * r for w, r in zip(weights, row, strict=True)) for row in rows}
        if len(values) == 2:
            return str(sp.Add(*(w * s for w, s in zip(weights, unit.statistics, strict=True))))
    return None


def sparse(width: int, entries: int) -> Iterator[tuple[int, ...]]:
    """Non-zero rows over {-1, 0, 1} with few entries, the sparsest first; unit vectors only where they are many."""
    if width > 6:
        rows = [tuple(int(i == j) for i in range(width)) for j in range(width)]
    else:
        rows = [w for w in product((0, 1, -1), repeat=width) if any(w) and sum(map(abs, w)) <= entries]
    yield from sorted(rows, key=lambda w: (sum(map(abs, w)), w.index(max(w, key=abs))))


def intermediate_value(setting: Setting) -> str | None:
    """A member by continuity, for one latent unit on which the conjugation equation is a single number.

    Along ``W = s e_b``, ``u = -s c`` the left side is continuous in s, and starts at zero; where it passes the
    prior's number in between, a member exists (a sign change, certified at both ends).

    For one Bernoulli pixel and two draws under the uniform prior on {0, 1, 2} the equation is
    ``(1 + a)(1 + a r^2) = 4 (1 + a r)^2``, a = e^u, r = e^w. It has solutions for every ``r >= 7 + 4 sqrt 3``, for
    example a = 3/16, r = 20: a curve of members, of which w = 2.6339.., u = -w is the end point, not the only one
    (the theory page calls it the single member).
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
