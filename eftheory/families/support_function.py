"""The support function of a unit's statistics: the supremum of <w, statistics(x)> over the support, exactly.

An affine function of the statistics is bounded exactly when this is finite (theory: section 2(b)). Nothing here looks
at a family: the support and the statistics decide. Scalar suprema are in `supremum.py`; blocks are here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product

import sympy as sp

from eftheory.errors import MisuseError
from eftheory.families.arguments import exact
from eftheory.families.base import Explicit, Unit, everywhere
from eftheory.families.support import Bits, Counts, OneHot, Reals, Simplex
from eftheory.families.supremum import UNDECIDED, Supremum, over_scalar

MAX_BITS = 12
"""At most this many bits are enumerated; the others must then enter linearly."""


def support_function(unit: Unit, w: Sequence[object], groups: tuple[int, ...] = ()) -> Supremum:
    """``sup_x <w, statistics(x)>`` over the support, and whether some x attains it.

    w: one rational for each statistic of the unit at the group sizes (the unit's own unless given).
    Returns (value, attained): value exact or oo; (None, None) where no rule decides. Floats are read as decimals.
    Raises MisuseError for a w of the wrong length.
    """
    # the log-partition plays no part, and is costly at large explicit sizes
    bare = replace(unit, log_partition=lambda eta: None, log_partition_needs_groups=False, domain=everywhere)
    explicit = bare.at(groups)
    if len(w) != len(explicit.statistics):
        raise MisuseError(
            wanted=f"{len(explicit.statistics)} weights, one for each statistic", got=str(len(w)), do="change w"
        )
    weights = [exact(entry, "w") for entry in w]
    if not all(weight.is_Rational for weight in weights):
        raise MisuseError(wanted="rational weights", got=str(tuple(weights)), do="put numbers in")
    return supremum(explicit, sp.expand(sp.Add(*[a * s for a, s in zip(weights, explicit.statistics, strict=True)])))


def supremum(explicit: Explicit, g: sp.Expr) -> Supremum:
    """``sup g`` over the support of an explicit unit."""
    support, variables = explicit.support, explicit.variables
    if not g.has(*variables):
        return Supremum(g, True)
    if support.scalar:
        return over_scalar(support, variables[0], g)
    rules = {OneHot: _one_hot, Bits: _bits, Reals: _reals, Simplex: _simplex, Counts: _counts}
    rule = rules.get(type(support))
    return UNDECIDED if rule is None else rule(explicit, g)


def _coefficients(g: sp.Expr, variables: Sequence[sp.Symbol]) -> tuple[sp.Expr, list[sp.Expr]] | None:
    """(constant, linear coefficients) of an affine g, else None."""
    if not g.is_polynomial(*variables):
        return None
    poly = sp.Poly(g, *variables)
    if poly.total_degree() > 1:
        return None
    return poly.eval(dict.fromkeys(variables, 0)), [poly.coeff_monomial(v) for v in variables]


def _one_hot(explicit: Explicit, g: sp.Expr) -> Supremum:
    affine = _coefficients(g, explicit.variables)
    if affine is not None:
        return Supremum(affine[0] + max(affine[1]), True)
    values = [g.subs(dict(zip(explicit.variables, point, strict=True))) for point in explicit.points()]
    return Supremum(max(values), True)


def _bits(explicit: Explicit, g: sp.Expr) -> Supremum:
    """Enumerate a set of bits that meets every interaction; each remaining bit then takes its own sign.

    For the boltzmann family that is one group: 2^min(a, b) terms instead of 2^(a+b).
    """
    if not g.is_polynomial(*explicit.variables):
        return UNDECIDED
    terms: dict[frozenset[int], Fraction] = {}
    for powers, coefficient in sp.Poly(g, *explicit.variables).terms():
        key = frozenset(i for i, power in enumerate(powers) if power)  # x^2 = x on bits
        terms[key] = terms.get(key, Fraction(0)) + Fraction(int(coefficient.p), int(coefficient.q))
    cover = _cover([key for key in terms if len(key) > 1])
    if len(cover) > MAX_BITS:
        return UNDECIDED
    best = max(_rest(terms, cover, bits) for bits in product((0, 1), repeat=len(cover)))
    return Supremum(sp.Rational(best.numerator, best.denominator), True)


def _cover(edges: list[frozenset[int]]) -> list[int]:
    """Indices whose removal leaves at most one index of every edge (greedy: the most frequent first)."""
    cover: list[int] = []
    while edges:
        degrees: dict[int, int] = {}
        for edge in edges:
            for i in edge:
                degrees[i] = degrees.get(i, 0) + 1
        best = min(degrees, key=lambda i: (-degrees[i], i))
        cover.append(best)
        edges = [edge for edge in (e - {best} for e in edges) if len(edge) > 1]
    return cover


def _rest(terms: dict[frozenset[int], Fraction], cover: list[int], bits: tuple[int, ...]) -> Fraction:
    """The best value once the bits of the cover are fixed."""
    on = {i for i, bit in zip(cover, bits, strict=True) if bit}
    off = set(cover) - on
    total = Fraction(0)
    linear: dict[frozenset[int], Fraction] = {}
    for key, coefficient in terms.items():
        if key & off:
            continue
        free = key - on
        if free:
            linear[free] = linear.get(free, Fraction(0)) + coefficient
        else:
            total += coefficient
    return total + sum((value for value in linear.values() if value > 0), Fraction(0))


def _reals(explicit: Explicit, g: sp.Expr) -> Supremum:
    """A quadratic: bounded iff its matrix Q is negative semidefinite and its linear part b lies in the range of Q."""
    variables = explicit.variables
    if not g.is_polynomial(*variables) or sp.Poly(g, *variables).total_degree() > 2:
        return UNDECIDED
    half_hessian = sp.hessian(g, variables) / 2
    origin = dict.fromkeys(variables, 0)
    b = sp.Matrix([g.diff(v).subs(origin) for v in variables])
    if not (-half_hessian).is_positive_semidefinite:
        return Supremum(sp.oo, False)
    if half_hessian.rank() < half_hessian.row_join(b).rank():
        return Supremum(sp.oo, False)
    solution, free = (-2 * half_hessian).gauss_jordan_solve(b)
    top = solution.subs(dict.fromkeys(free, 0))
    return Supremum(sp.expand(g.subs(origin) + (b.T * top)[0, 0] / 2), True)


def _simplex(explicit: Explicit, g: sp.Expr) -> Supremum:
    """``sup sum c_i log x_i``: oo if some c_i < 0, else sum c_i log(c_i / S), attained iff every c_i > 0."""
    logs = [sp.Dummy() for _ in explicit.variables]
    affine = _coefficients(g.subs({sp.log(v): t for v, t in zip(explicit.variables, logs, strict=True)}), logs)
    if affine is None or affine[0].has(*explicit.variables) or any(c.has(*explicit.variables) for c in affine[1]):
        return UNDECIDED
    constant, c = affine
    if any(c_i < 0 for c_i in c):
        return Supremum(sp.oo, False)
    total = sp.Add(*c)
    value = sp.Add(constant, *[c_i * sp.log(c_i / total) for c_i in c if c_i > 0])
    return Supremum(value, all(c_i > 0 for c_i in c))


def _counts(explicit: Explicit, g: sp.Expr) -> Supremum:
    """Affine g: all draws on the best word; with a varying total the empty count competes with ever larger ones."""
    affine = _coefficients(g, explicit.variables)
    total = explicit.support.total  # type: ignore[attr-defined]
    if affine is None:
        if total is None or not total.is_Integer:
            return UNDECIDED
        values = [g.subs(dict(zip(explicit.variables, point, strict=True))) for point in explicit.points()]
        return Supremum(max(values), True)
    constant, best = affine[0], max(affine[1])
    if total is None:
        return Supremum(sp.oo, False) if best > 0 else Supremum(constant, True)
    return Supremum(constant + total * best, True)
