"""Clause (b): which couplings W leave every conditional in its natural domain and the joint with finite mass.

`W' nu(x) + v` must lie in the encoder's natural domain for all x, `W psi(z) + u` in the decoder's for all z. Both are
linear in a statistic, so what matters is where a linear form of statistics is bounded: its support function. By Fubini
a joint of finite mass has sections of finite mass, so an entry of W that no single decoder coordinate can have with a
single latent coordinate vanishes in every member; and a coupling that one such pair can have extends by zeros.
So signs of the entries between one pair decide (theory: section 2, clause b).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import sympy as sp

from eftheory.derive.setting import Setting, Side, varying
from eftheory.families import growth
from eftheory.families.base import Explicit
from eftheory.families.normaliser import closed_form
from eftheory.families.support import Integers, Interval, Reals, Simplex

Signs = tuple[tuple[int, ...], ...]
"""The signs of the entries of W between one decoder and one latent coordinate: rows nu, columns psi."""
ZERO, EITHER = frozenset({0}), frozenset({-1, 0, 1})
DEPTH = sp.Integer(16)
SMALL = sp.Rational(1, 8)
EPSILON = sp.Symbol("epsilon", positive=True)
"""A coupling as small as one pleases."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """One side cut down to a scalar coordinate; index[a]: which section statistic stands for statistic a.

    products: statistics of two components, whose sign is free wherever the squares may be coupled at all.
    bounded: its statistics are; normalised: it is a probability for every z by construction, so mass is no question.
    """

    unit: Explicit
    index: tuple[int, ...]
    bounded: bool
    normalised: bool = False
    products: frozenset[int] = frozenset()

    @property
    def width(self) -> int:
        return len(self.unit.statistics)


@dataclass(frozen=True, kw_only=True)
class Domain:
    """signs[a][b]: the signs of entry (a, b) of W that are not excluded; {0} where it vanishes in every member.

    nonzero: whether some coupling is admissible; examples: the signs of such couplings, between sections.
    coupled: decoder statistics that some admissible coupling uses; unrestricted: every W of any sign is possible.
    """

    signs: tuple[tuple[frozenset[int], ...], ...]
    nonzero: bool | None
    examples: tuple[Signs, ...]
    reason: str
    coupled: frozenset[int] = frozenset()
    unrestricted: bool = False

    def forced_zero(self, a: int, b: int) -> bool:
        return self.signs[a][b] == ZERO

    def free(self, a: int, b: int) -> bool:
        return self.signs[a][b] != ZERO


def admissible(setting: Setting) -> Domain:
    """The signs of W that some member may have; what is not excluded by proof stays in."""
    x, z = section(setting.decoder), section(setting.encoder)
    if x.bounded or z.bounded:
        return _everything(x, z)
    table: dict[Signs, bool | None] = {}
    known: set[tuple[int, int, int]] = set()
    for signs in _patterns(x.width, z.width):
        entries = {(a, b, s) for a, row in enumerate(signs) for b, s in enumerate(row) if s}
        if entries <= known:
            continue  # each of its signs is admissible already: the pattern can tell nothing new
        table[signs] = _admissible(x, z, signs)
        if table[signs]:
            known |= entries
    free = {(a, b) for a in range(len(x.index)) for b in range(len(z.index)) if a in x.products or b in z.products}

    def cell(a: int, b: int) -> frozenset[int]:
        signs = _cell(table, x.index[a], z.index[b])
        return EITHER if (a, b) in free and signs != ZERO else signs

    cells = tuple(tuple(cell(a, b) for b in range(len(z.index))) for a in range(len(x.index)))
    good = tuple(signs for signs, verdict in table.items() if verdict)
    if good:
        coupled = frozenset(a for a, i in enumerate(x.index) if any(any(signs[i]) for signs in good))
        reason = "an admissible coupling exists"
        return Domain(signs=cells, nonzero=True, examples=good, reason=reason, coupled=coupled)
    if all(verdict is False for verdict in table.values()):
        reason = "every coupling leaves a natural domain or makes the mass infinite"
        return Domain(signs=cells, nonzero=False, examples=(), reason=reason)
    return Domain(
        signs=cells, nonzero=None, examples=(), reason="the growth of the joint is outside what is decided here"
    )


def _everything(x: Section, z: Section) -> Domain:
    """Bounded statistics on one side: u and v can always be chosen, and the bounded side has finite mass to give."""
    cells = tuple(tuple(EITHER for _ in z.index) for _ in x.index)
    first = tuple(tuple(int(a == b == 0) for b in range(z.width)) for a in range(x.width))
    which = "both sides have" if x.bounded and z.bounded else "the decoder has" if x.bounded else "the encoder has"
    return Domain(
        signs=cells,
        nonzero=True,
        examples=(first,),
        reason=f"{which} bounded statistics: no sign of W is excluded",
        coupled=frozenset(range(len(x.index))),
        unrestricted=True,
    )


def _cell(table: dict[Signs, bool | None], a: int, b: int) -> frozenset[int]:
    """The signs that no proof excludes: those of some pattern that is admissible, or undecided."""
    return frozenset({0} | {signs[a][b] for signs, verdict in table.items() if verdict is not False})


def _patterns(n: int, m: int) -> Iterator[Signs]:
    """All non-zero sign patterns, those with the fewest entries first."""
    cells = sorted(product((0, 1, -1), repeat=n * m), key=lambda signs: sum(map(abs, signs)))
    for flat in cells:
        if any(flat):
            yield tuple(tuple(flat[i * m : (i + 1) * m]) for i in range(n))


def section(side: Side) -> Section:
    """One scalar coordinate of a side; finite and compact sides are bounded."""
    unit = side.unit
    if varying(unit):
        word = unit.variables[0]
        one = replace(unit, support=Integers(), variables=(word,), statistics=(word,), natural=unit.natural[:1])
        return Section(unit=one, index=tuple(0 for _ in unit.statistics), bounded=False, normalised=True)
    if side.finite or _compact(unit):
        return Section(unit=unit, index=tuple(range(len(unit.statistics))), bounded=True)
    if isinstance(unit.support, Reals):
        full = side.family.unit.at((1,), name=unit.variables[0].name.split("_")[0])
        index = tuple(1 if sp.Poly(s, *unit.variables).total_degree() > 1 else 0 for s in unit.statistics)
        mixed = frozenset(a for a, s in enumerate(unit.statistics) if len(s.free_symbols) > 1)
        line = _as_interval(full, Interval(-sp.oo, sp.oo))
        return Section(unit=line, index=index, bounded=False, products=mixed)
    if isinstance(unit.support, Simplex):
        full = side.family.unit.at((2,), name=unit.variables[0].name.split("_")[0])
        index = tuple(0 if i == 0 else 1 for i in range(len(unit.statistics)))
        return Section(unit=_as_interval(full, Interval(sp.Integer(0), sp.Integer(1))), index=index, bounded=False)
    return Section(unit=unit, index=tuple(range(len(unit.statistics))), bounded=False)


def _compact(unit: Explicit) -> bool:
    """Bounded statistics on a compact support: no growth anywhere."""
    try:
        return not growth.ends(unit.support)
    except growth.Unknown:
        return False


def _as_interval(unit: Explicit, interval: Interval) -> Explicit:
    first = unit.variables[0]
    replaced = {v: 1 - first for v in unit.variables[1:]}
    statistics = tuple(s.xreplace(replaced) for s in unit.statistics)
    return Explicit(
        interval,
        (first,),
        statistics,
        unit.natural,
        unit.base.xreplace(replaced),
        unit.log_partition if unit.log_partition is not None else closed_form(unit),
        unit.domain,
    )


def _admissible(x: Section, z: Section, signs: Signs) -> bool | None:
    try:
        if not _stays_inside(z.unit, x, signs, transpose=True) or not _stays_inside(x.unit, z, signs, transpose=False):
            return False
        return True if x.normalised else _finite_mass(x, z, signs)
    except growth.Unknown:
        return None


def _stays_inside(unit: Explicit, other: Section, signs: Signs, *, transpose: bool) -> bool:
    """Whether the natural parameter of `unit`, linear in the other side's statistics, can stay in its domain."""
    magnitudes = sp.symbols(f"w1:{len(unit.statistics) * other.width + 1}", positive=True)
    for relation in unit.domain:
        slope = [sp.diff(relation.lts - relation.gts, eta) for eta in unit.natural]
        if any(s.free_symbols & set(unit.natural) for s in slope):
            raise growth.Unknown(f"a natural domain that is no polyhedron: {relation}")
        form = sp.Integer(0)
        for a in range(other.width):
            for b, s in enumerate(slope):
                sign = signs[a][b] if transpose else signs[b][a]
                form += s * sign * magnitudes[a * len(slope) + b] * other.unit.statistics[a]
        variable = other.unit.variables[0]
        for end in growth.ends(other.unit.support):
            if not growth.bounded_above(growth.expand(sp.expand(form), variable, end)):
                return False
    return True


def _finite_mass(x: Section, z: Section, signs: Signs) -> bool | None:
    """A coupling that is bounded above costs nothing; else integrate one side in closed form, and the growth of what is
    left decides (theory: marginal energy)."""
    if _bounded_coupling(x.unit, z.unit, signs):
        return True
    outcomes = []
    for inner, outer, transpose in ((z, x, True), (x, z, False)):
        try:
            finite = _marginal_converges(inner.unit, outer.unit, signs, transpose, numeric=True)
            if finite:
                return True
            outcomes.append(_marginal_converges(inner.unit, outer.unit, signs, transpose, numeric=False))
        except growth.Unknown:
            continue
    return False if False in outcomes else None


def _bounded_coupling(x: Explicit, z: Explicit, signs: Signs) -> bool:
    """Every entry w (nu - c)(psi - d) <= 0 for some constants c, d, which u and v absorb."""
    nu, psi = _one_sided(x), _one_sided(z)
    return all(
        sign == 0 or any(-sign == p * q for p in nu[a] for q in psi[b])
        for a, row in enumerate(signs)
        for b, sign in enumerate(row)
    )


def _one_sided(unit: Explicit) -> list[set[int]]:
    """For every statistic: +1 if it is bounded below, -1 if it is bounded above."""
    result = []
    for statistic in unit.statistics:
        expansions = [growth.expand(statistic, unit.variables[0], end) for end in growth.ends(unit.support)]
        below = all(growth.bounded_above(growth.scale(e, sp.Integer(-1))) for e in expansions)
        above = all(growth.bounded_above(e) for e in expansions)
        result.append({side for side, holds in ((1, below), (-1, above)) if holds})
    return result


def _marginal_converges(inner: Explicit, outer: Explicit, signs: Signs, transpose: bool, *, numeric: bool) -> bool:
    """Whether ``sum_x h(x) exp(<u, nu(x)> + B(W' nu(x) + v))`` converges, inner side integrated out.

    numeric: at arbitrarily small W and u, v deep inside the domains (one example shows that some member exists);
    otherwise with symbols for the magnitudes of W and for u, v: only a sign that holds for all of them is decided.
    """
    if inner.log_partition is None:
        raise growth.Unknown("no closed form of the log-partition")
    n, m = len(outer.statistics), len(inner.statistics)
    size = sp.symbols(f"w1:{n * m + 1}", positive=True)
    form, tilt = list(_deep(inner)), list(_deep(outer))
    if not numeric:
        form, tilt = list(sp.symbols(f"v1:{m + 1}", real=True)), list(sp.symbols(f"u1:{n + 1}", real=True))
    for b in range(m):
        for a in range(n):
            sign = signs[a][b] if transpose else signs[b][a]
            form[b] += sign * (EPSILON if numeric else size[a * m + b]) * outer.statistics[a]
    partition = inner.log_partition.subs(dict(zip(inner.natural, form, strict=True)), simultaneous=True)
    energy = partition + sp.Add(*(t * s for t, s in zip(tilt, outer.statistics, strict=True)))
    variable = outer.variables[0]
    for end in growth.ends(outer.support):
        total = growth.add(
            growth.expand(sp.expand(energy), variable, end), growth.expand(sp.log(outer.base), variable, end)
        )
        if not growth.converges({order: _leading(c) for order, c in total.items()}, end.jacobian):
            return False
    return True


def _leading(coefficient: sp.Expr) -> sp.Expr:
    """The term that decides the sign for small EPSILON."""
    limit = coefficient.subs(EPSILON, 0) if coefficient.has(EPSILON) else coefficient
    if limit.is_zero and coefficient.is_polynomial(EPSILON):
        return sp.Poly(coefficient, EPSILON).EC() * EPSILON
    return coefficient if limit.has(sp.zoo, sp.nan, sp.oo) else limit


def _deep(unit: Explicit) -> list[sp.Expr]:
    """A point far inside the natural domain."""
    values = {eta: sp.Integer(0) for eta in unit.natural}
    for relation in unit.domain:
        form = relation.lts - relation.gts
        used = [eta for eta in unit.natural if form.has(eta)]
        slope = sp.diff(form, used[0])
        if len(used) != 1 or not slope.is_number:
            raise growth.Unknown(f"a natural domain that is no box: {relation}")
        values[used[0]] = sp.solve(form + DEPTH, used[0])[0]
    if not all(relation.subs(values) == sp.true for relation in unit.domain):
        raise growth.Unknown("a bounded natural domain")
    return [values[eta] for eta in unit.natural]
