"""An independent oracle of membership in the consistent set: no code of `eftheory.derive` or `eftheory.exact` in it.

It knows the definition only: "for every x, log p(z|x) - log k(z) is in span{1, psi}". Families enter through their
stated facts (support, statistics, base); their closed-form log-partitions are never read.

- `finite_member(spec, odds_W, odds_u)`: finite latents and decoder, parameters as odds; decided in Q by enumeration.
- `posterior_residual(spec, W, u)`: any latents, scalar decoder units; normalisers by quadrature or summation, posterior
  log-densities on a grid of z, least-squares residual onto the span at 40 digits. Members give about 0 (below `SMALL`).

`spec` comes from `eftheory.spec.specification` with sizes that are numbers. Rows of W are the decoder's flattened
natural parameters (copies, statistics), columns the encoder's flattened statistics.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import product
from math import lcm, prod
from typing import Any

import mpmath as mp
import sympy as sp

from eftheory.families.base import Family
from eftheory.families.support import Circle, Counts, Integers, Interval, Reals, Simplex, Support
from eftheory.spec import Specification

DIGITS = 40
SMALL = 1e-10
"""Residuals of members are below, those of generic non-members far above."""

Vector = Sequence[Fraction]


# ---------------------------------------------------------------- finite: exact


def finite_member(spec: Specification, odds_W: Sequence[Sequence[Any]], odds_u: Sequence[Any]) -> bool:
    """Whether the decoder with ``exp(W), exp(u)`` and the prior of `spec` have posteriors in the encoder family.

    A prior that is free, same or learned: whether some such prior does. Counts of varying total: every total up to 2.
    """
    latents = list(_points(spec.encoder))
    psi = [_statistics(spec.encoder, z) for z in latents]
    theta = [_parameters(odds_W, odds_u, row) for row in psi]
    table = _conditionals(spec.decoder, theta)
    functions = [[Fraction(1)] * len(latents), *map(list, zip(*psi, strict=True))]
    if spec.prior.kind == "learned":
        assert spec.prior.family is not None
        functions += map(list, zip(*(_statistics(spec.prior.family, z) for z in latents), strict=True))
    known = _prior_over_base(spec, latents)
    for b in _annihilators(functions):
        values = {prod((p * r) ** w for p, r, w in zip(row, known, b, strict=True)) for row in table}
        if spec.prior.kind == "free":
            # some prior absorbs one common value, none absorbs two
            if len(values) > 1:
                return False
        elif values != {Fraction(1)}:
            return False
    return True


def _points(family: Family) -> Iterator[tuple[sp.Expr, ...]]:
    support, size = family.unit.support, sum(int(g) for g in family.unit.groups) or 1
    if isinstance(support, Counts) and support.total is None:
        units = [p for total in range(3) for p in Counts(sp.Integer(total)).points(size)]
    else:
        units = list(support.points(size))
    for choice in product(units, repeat=int(family.copies)):
        yield tuple(value for unit in choice for value in unit)


def _units(family: Family, point: tuple[sp.Expr, ...]) -> Iterator[dict[sp.Symbol, sp.Expr]]:
    variables, _, _ = _facts(str(family), family.unit)
    for start in range(0, len(point), len(variables)):
        yield dict(zip(variables, point[start : start + len(variables)], strict=True))


def _statistics(family: Family, point: tuple[sp.Expr, ...]) -> list[Fraction]:
    _, templates, _ = _facts(str(family), family.unit)
    return [_fraction(t.subs(at)) for at in _units(family, point) for t in templates]


def _base(family: Family, point: tuple[sp.Expr, ...]) -> Fraction:
    _, _, base = _facts(str(family), family.unit)
    return prod((_fraction(base.subs(at)) for at in _units(family, point)), start=Fraction(1))


def _parameters(odds_W: Sequence[Sequence[Any]], odds_u: Sequence[Any], psi: Vector) -> list[Fraction]:
    """exp(W psi + u)."""
    rows = zip(odds_W, odds_u, strict=True)
    return [Fraction(u) * prod(Fraction(w) ** _whole(s) for w, s in zip(row, psi, strict=True)) for row, u in rows]


def _conditionals(family: Family, theta: list[list[Fraction]]) -> list[list[Fraction]]:
    """p(x|z), a row for each x; within its total where the total varies."""
    visibles = list(_points(family))
    facts = [(_base(family, x), [_whole(s) for s in _statistics(family, x)]) for x in visibles]
    varying = isinstance(family.unit.support, Counts) and family.unit.support.total is None
    totals = [int(sum(x)) if varying else 0 for x in visibles]
    columns = []
    for odds in theta:
        mass = [h * prod(t**s for t, s in zip(odds, stats, strict=True)) for h, stats in facts]
        whole = {n: sum(m for m, total in zip(mass, totals, strict=True) if total == n) for n in set(totals)}
        columns.append([m / whole[total] for m, total in zip(mass, totals, strict=True)])
    return [list(row) for row in zip(*columns, strict=True)]


def _prior_over_base(spec: Specification, latents: list[tuple[sp.Expr, ...]]) -> list[Fraction]:
    """p0(z) / k(z) up to a constant; where the prior is free or the encoder's own family: 1."""
    kind, family = spec.prior.kind, spec.prior.family
    if kind in ("free", "same"):
        return [Fraction(1)] * len(latents)
    bases = [_base(spec.encoder, z) for z in latents]
    if family is None:
        return [1 / k for k in bases]
    weights = [_base(family, z) for z in latents]
    if kind == "fixed":
        eta = [_fraction(sp.exp(e)) for e in family.natural_values()] * int(family.copies)
        stats = [_statistics(family, z) for z in latents]
        tilts = [prod(e ** _whole(t) for e, t in zip(eta, row, strict=True)) for row in stats]
        weights = [w * tilt for w, tilt in zip(weights, tilts, strict=True)]
    return [w / k for w, k in zip(weights, bases, strict=True)]


def _annihilators(rows: list[list[Fraction]]) -> list[list[int]]:
    """Integer vectors spanning the null space, by Gaussian elimination."""
    rows, pivots, r = [list(row) for row in rows], [], 0
    for column in range(len(rows[0])):
        pivot = next((i for i in range(r, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[r], rows[pivot] = rows[pivot], rows[r]
        rows[r] = [entry / rows[r][column] for entry in rows[r]]
        for i in range(len(rows)):
            if i != r:
                rows[i] = [a - rows[i][column] * b for a, b in zip(rows[i], rows[r], strict=True)]
        pivots.append(column)
        r += 1
    basis = []
    for free in (c for c in range(len(rows[0])) if c not in pivots):
        vector = [Fraction(int(c == free)) for c in range(len(rows[0]))]
        for i, column in enumerate(pivots):
            vector[column] = -rows[i][free]
        scale = lcm(*(entry.denominator for entry in vector))
        basis.append([int(entry * scale) for entry in vector])
    return basis


def _fraction(expr: sp.Expr) -> Fraction:
    number = sp.nsimplify(expr) if not expr.is_Rational else expr
    assert number.is_Rational, f"the exact oracle needs rational numbers, got {expr}"
    return Fraction(int(number.p), int(number.q))


def _whole(number: Fraction) -> int:
    assert number.denominator == 1, f"the exact oracle needs integer statistics, got {number}"
    return int(number)


# ---------------------------------------------------------------- any latents: 40 digits


def posterior_residual(
    spec: Specification, W: Sequence[Sequence[Any]], u: Sequence[Any], *, grid: int | None = None, seed: int = 0
) -> float:
    """The largest residual of log p(x,z) - log k(z) after least squares onto ``span{1, psi}`` (and tau, if learned).

    Nats, over several x; for a free prior over differences of two x. grid: number of latent points.
    """
    with mp.workdps(DIGITS):
        rng = random.Random(seed)
        columns = len(W[0]) + 4 + (4 * len(W[0]) if spec.prior.kind == "learned" else 0)
        latents = [_draw_point(spec.encoder, rng) for _ in range(grid or 2 * columns + 6)]
        visibles = [_draw_point(spec.decoder, rng) for _ in range(3)]
        psi = [_numeric_statistics(spec.encoder, z) for z in latents]
        f = [_affine(W, u, p) for p in psi]
        design = [[mp.mpf(1), *p] for p in psi]
        if spec.prior.kind == "learned":
            assert spec.prior.family is not None
            tau = [_numeric_statistics(spec.prior.family, z) for z in latents]
            design = [[*row, *extra] for row, extra in zip(design, tau, strict=True)]
        addend = [_log_prior_over_base(spec, z) for z in latents]
        logs = [_log_conditional(spec.decoder, x, f) for x in visibles]
        if spec.prior.kind == "free":
            targets = [[a - b for a, b in zip(row, logs[0], strict=True)] for row in logs[1:]]
        else:
            targets = [[a + b for a, b in zip(row, addend, strict=True)] for row in logs]
        return float(max(_residual(design, target) for target in targets))


def log_normaliser(family: Family, eta: Sequence[Any]) -> Any:
    """``log`` of the sum or integral of ``base exp(<eta, statistics>)`` over one scalar unit, by brute force."""
    terms = [w + mp.fsum(_mpf(e) * s for e, s in zip(eta, stats, strict=True)) for w, stats in _nodes(family)]
    top = max(terms)
    return top + mp.log(mp.fsum(mp.exp(t - top) for t in terms))


def _affine(W: Sequence[Sequence[Any]], u: Sequence[Any], psi: Sequence[Any]) -> list[Any]:
    return [_mpf(c) + mp.fsum(_mpf(w) * s for w, s in zip(row, psi, strict=True)) for row, c in zip(W, u, strict=True)]


def _log_conditional(family: Family, x: Sequence[Any], f: Sequence[Sequence[Any]]) -> list[Any]:
    """log p(x|z) - log h(x) for every z."""
    n, stats = len(family.unit.statistics), _numeric_statistics(family, x)
    rows = []
    for eta in f:
        inner = mp.fsum(a * b for a, b in zip(eta, stats, strict=True))
        rows.append(inner - mp.fsum(log_normaliser(family, eta[i : i + n]) for i in range(0, len(eta), n)))
    return rows


def _log_prior_over_base(spec: Specification, z: Sequence[Any]) -> Any:
    if spec.prior.kind in ("free", "same"):
        return mp.mpf(0)
    base, family = _numeric_log_base(spec.encoder, z), spec.prior.family
    if family is None:
        return -base
    total = _numeric_log_base(family, z) - base
    if spec.prior.kind == "fixed":
        eta = [_mpf(e) for e in family.natural_values()] * int(family.copies)
        total += mp.fsum(a * b for a, b in zip(eta, _numeric_statistics(family, z), strict=True))
    return total


def _residual(design: list[list[Any]], target: list[Any]) -> Any:
    """Largest residual of least squares, by modified Gram-Schmidt (dependent columns drop out)."""
    basis: list[list[Any]] = []
    rest = list(target)
    for column in map(list, zip(*design, strict=True)):
        size = mp.sqrt(mp.fsum(v * v for v in column))
        for q in (*basis, *basis):
            shared = mp.fsum(a * b for a, b in zip(q, column, strict=True))
            column = [a - shared * b for a, b in zip(column, q, strict=True)]
        norm = mp.sqrt(mp.fsum(v * v for v in column))
        if norm > size * mp.mpf(10) ** (-DIGITS // 2):
            basis.append([v / norm for v in column])
    for q in (*basis, *basis):
        shared = mp.fsum(a * b for a, b in zip(q, rest, strict=True))
        rest = [a - shared * b for a, b in zip(rest, q, strict=True)]
    return max(abs(v) for v in rest)


def _draw_point(family: Family, rng: random.Random) -> list[Any]:
    size = sum(int(g) for g in family.unit.groups) or 1
    return [value for _ in range(int(family.copies)) for value in _draw(family.unit.support, size, rng)]


def _draw(support: Support, size: int, rng: random.Random) -> list[Any]:
    if support.finite and not isinstance(support, Integers):
        return [mp.mpf(int(v)) for v in rng.choice(list(support.points(size)))]
    match support:
        case Integers(lo, hi):
            return [mp.mpf(rng.randint(int(lo), min(int(lo) + 8, int(hi) if hi.is_finite else 10**6)))]
        case Interval(lo, hi):
            t = mp.mpf(rng.uniform(-1.5, 1.5))
            if lo == -sp.oo:
                return [t]
            return [_mpf(lo) + mp.exp(t)] if hi == sp.oo else [_mpf(lo) + (_mpf(hi) - _mpf(lo)) / (1 + mp.exp(2 * t))]
        case Circle():
            return [mp.mpf(rng.uniform(-3.1, 3.1))]
        case Reals():
            return [mp.mpf(rng.uniform(-1.5, 1.5)) for _ in range(size)]
        case Simplex():
            parts = [mp.mpf(rng.expovariate(1.0)) for _ in range(size)]
            return [part / mp.fsum(parts) for part in parts]
    raise NotImplementedError(f"the oracle draws no points of {support.text}")


@lru_cache(maxsize=64)
def _facts(family_text: str, unit: Any) -> tuple[Any, ...]:
    explicit = unit.at()
    return explicit.variables, explicit.statistics, explicit.base


def _numeric(family: Family, point: Sequence[Any], expressions: Any) -> list[Any]:
    variables, _, _ = _facts(str(family), family.unit)
    found = []
    for start in range(0, len(point), len(variables)):
        at = dict(zip(variables, (_sp(v) for v in point[start : start + len(variables)]), strict=True))
        found += [_mpf(expr.subs(at)) for expr in expressions]
    return found


def _numeric_statistics(family: Family, point: Sequence[Any]) -> list[Any]:
    return _numeric(family, point, _facts(str(family), family.unit)[1])


def _numeric_log_base(family: Family, point: Sequence[Any]) -> Any:
    return mp.fsum(mp.log(b) for b in _numeric(family, point, [_facts(str(family), family.unit)[2]]))


@lru_cache(maxsize=64)
def _nodes_of(text: str, unit: Any) -> list[tuple[Any, list[Any]]]:
    """(log weight + log base, statistics) at quadrature nodes of a scalar unit."""
    family = Family(name=text, unit=unit)
    return [(w + _numeric_log_base(family, [x]), _numeric_statistics(family, [x])) for x, w in _rule(unit.support)]


def _nodes(family: Family) -> list[tuple[Any, list[Any]]]:
    return _nodes_of(family.name, family.unit)


def _rule(support: Support) -> list[tuple[Any, Any]]:
    """(node, log weight): summation, or the trapezoidal rule after a double-exponential change of variables."""
    h = mp.mpf(1) / 16
    ticks = [k * h for k in range(-64, 65)]
    match support:
        case Integers(lo, hi):
            last = int(hi) if hi.is_finite else int(lo) + 150
            return [(mp.mpf(i), mp.mpf(0)) for i in range(int(lo), last + 1)]
        case Circle():
            return [(-mp.pi + 2 * mp.pi * k / 128, mp.log(2 * mp.pi / 128)) for k in range(128)]
        case Interval(lo, hi) if lo == -sp.oo and hi == sp.oo:
            return [(mp.sinh(t), mp.log(h * mp.cosh(t))) for t in ticks]
        case Interval(lo, hi) if hi == sp.oo:
            shape = [(mp.exp(mp.pi / 2 * mp.sinh(t)), t) for t in ticks]
            return [(_mpf(lo) + y, mp.log(h * mp.pi / 2 * mp.cosh(t) * y)) for y, t in shape]
        case Interval(lo, hi):
            width = _mpf(hi) - _mpf(lo)
            shape = [(1 / (1 + mp.exp(-mp.pi * mp.sinh(t))), t) for t in ticks if abs(t) <= 3]
            return [(_mpf(lo) + width * y, mp.log(h * width * mp.pi * mp.cosh(t) * y * (1 - y))) for y, t in shape]
    raise NotImplementedError(f"the oracle has no quadrature on {support.text}")


def _mpf(value: Any) -> Any:
    if isinstance(value, sp.Expr):
        return value._to_mpmath(mp.mp.prec) if value.is_number else mp.mpf(value)
    return mp.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else mp.mpf(value)


def _sp(value: Any) -> sp.Expr:
    return sp.Float(value, DIGITS) if value != int(value) else sp.Integer(int(value))
