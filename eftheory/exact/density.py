"""Log-densities of a decoder at latent points, up to what no z sees: in balls, and exactly where exponentials allow it.

For an observation (or a contrast of two) and weights b with ``sum b = 0`` the number of interest is

    Delta_b = sum_i b_i [ <nu(x), f(z_i)> - A(f(z_i)) + log p0(z_i) - log k(z_i) ]

in nats, where the terms with p0 and k are absent when the prior is free and two observations are contrasted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Protocol

import sympy as sp
from flint import arb, ctx, fmpq

from eftheory.exact.exponential import ExpSum, exponentials, product_is_one
from eftheory.exact.product import Product
from eftheory.exact.values import ZERO, Value
from eftheory.families.support import Counts, Point

NOTHING = fmpq(0)
SUM_LIMIT = 4096
"""Largest number of points of a unit whose normaliser is summed."""


class Normaliser(Protocol):
    """``A`` of one unit, given its natural parameters; `total` matters for counts of varying total only."""

    def ball(self, eta: Sequence[arb], total: int) -> arb: ...

    def factor(self, eta: Sequence[Value], total: int) -> tuple[ExpSum, Value] | None:
        """``exp A`` as a sum of exponentials, and an addend of A outside of it; None when neither is known."""


@dataclass(frozen=True)
class FiniteSum:
    """``A = log sum_x h(x) exp(<eta, nu(x)>)`` over the finitely many points of a unit (with the given total)."""

    space: Product
    _rows: dict[int, list[tuple[Value, tuple[Value, ...]]]] = field(default_factory=dict, repr=False, compare=False)
    _balls: dict[tuple[int, int], list[tuple[arb, list[arb]]]] = field(default_factory=dict, repr=False, compare=False)

    def rows(self, total: int) -> list[tuple[Value, tuple[Value, ...]]]:
        """(log h, nu) at every point."""
        if total not in self._rows:
            support = self.space.unit.support
            support = Counts(sp.Integer(total)) if is_varying(self.space) else support
            self._rows[total] = [
                (self.space.unit_log_base(p), self.space.unit_statistics(p)) for p in support.points(self.space.width)
            ]
        return self._rows[total]

    def ball(self, eta: Sequence[arb], total: int) -> arb:
        key = (ctx.prec, total)
        if key not in self._balls:
            self._balls[key] = [(h.ball().exp(), [v.ball() for v in nu]) for h, nu in self.rows(total)]
        mass = arb(0)
        for h, nu in self._balls[key]:
            exponent = arb(0)
            for e, n in zip(eta, nu, strict=True):
                exponent += e * n
            mass += h * exponent.exp()
        return mass.log()

    def factor(self, eta: Sequence[Value], total: int) -> tuple[ExpSum, Value] | None:
        found = exponentials(h + dot(nu, eta) for h, nu in self.rows(total))
        return None if found is None else (found, ZERO)


@dataclass(frozen=True)
class Observation:
    """What x contributes: `direction` = nu(x), or nu(x) - nu(x'), and how often each normaliser counts.

    totals[c]: {total: how often} of copy c.
    """

    points: tuple[Point, ...]
    direction: tuple[Value, ...]
    totals: tuple[Mapping[int, int], ...]


@dataclass(frozen=True)
class Model:
    """A decoder known at latent points. f: natural parameters, a row for each point, flattened (copies, n) columns.

    radius: what each entry of f may be off by. prior: ``log p0 - log k`` at the points, None when it cancels.
    """

    decoder: Product
    normaliser: Normaliser | None
    points: tuple[Point, ...]
    f: tuple[tuple[Value, ...], ...]
    prior: tuple[Value, ...] | None
    radius: fmpq = NOTHING
    _cache: dict[tuple[object, ...], arb] = field(default_factory=dict, repr=False, compare=False)

    def observe(self, x: Point, other: Point | None = None) -> Observation:
        """One observation, or a contrast of two."""
        nu, totals = self.decoder.statistics(x), [{n: c} for n, c in self._totals(x)]
        if other is None:
            return Observation((x,), tuple(nu), tuple(totals))
        for mine, (n, c) in zip(totals, self._totals(other), strict=True):
            mine[n] = mine.get(n, 0) - c
        contrast = tuple(a - b for a, b in zip(nu, self.decoder.statistics(other), strict=True))
        return Observation((x, other), contrast, tuple(totals))

    def log_densities(self, seen: Observation) -> list[arb]:
        """The bracket of Delta at every point; not finite where the normaliser is not known."""
        return [self._log_density(i, seen) for i in range(len(self.points))]

    def vanishes(self, b: Sequence[int]) -> bool | None:
        """Whether Delta_b = 0 for every x (every contrast, for a free prior): True, False, or None (open)."""
        if self.radius != 0:
            return None
        used = [i for i, weight in enumerate(b) if weight]
        sums = [sum((self.f[i][j].scale(b[i]) for i in used), ZERO) for j in range(len(self.f[0]))]
        constants = self._constants(sums)
        if constants is None:
            return None
        prior = ZERO if self.prior is None else sum((self.prior[i].scale(b[i]) for i in used), ZERO)
        if is_varying(self.decoder):
            answers = [self._log_equation(b, [c], constant) for c, row in enumerate(constants) for constant in row]
            answers += [product_is_one([], prior)]
        elif self.prior is None:
            answers = [True]
        else:
            copies = list(range(self.decoder.copies))
            answers = [self._log_equation(b, copies, sum((row[0] for row in constants), prior))]
        return False if False in answers else None if None in answers else True

    def _totals(self, x: Point) -> list[tuple[int, int]]:
        """For each copy: the total whose normaliser counts, and how often (multinomial: |x| times that of one word)."""
        if not is_varying(self.decoder):
            return [(0, 1)] * self.decoder.copies
        counts = [int(sum(part)) for part in self.decoder.split(x)]
        return [(1, n) if _is_multinomial(self.decoder) else (n, 1) for n in counts]

    def _log_density(self, i: int, seen: Observation) -> arb:
        total = arb(0)
        for value, parameter in zip(seen.direction, self.f[i], strict=True):
            if not value.is_zero:
                total += value.ball() * self._widen(parameter)
        for copy, counted in enumerate(seen.totals):
            for words, often in counted.items():
                if often and not (words == 0 and is_varying(self.decoder)):
                    total -= often * self._normaliser_ball(i, copy, words)
        return total if self.prior is None else total + self.prior[i].ball()

    def _normaliser_ball(self, i: int, copy: int, total: int) -> arb:
        if self.normaliser is None:
            return arb.nan()
        eta = self._unit(i, copy)
        # units with the same parameters share their normaliser
        known = tuple(value.rational for value in eta)
        key = (ctx.prec, total, (i, copy) if None in known else known)
        if key not in self._cache:
            self._cache[key] = self.normaliser.ball([self._widen(v) for v in eta], total)
        return self._cache[key]

    def _unit(self, i: int, copy: int) -> tuple[Value, ...]:
        n = self.decoder.n_statistics
        return self.f[i][copy * n : (copy + 1) * n]

    def _widen(self, value: Value) -> arb:
        return value.ball() if self.radius == 0 else value.ball() + arb(0, 1) * arb(self.radius)

    def _constants(self, sums: Sequence[Value]) -> list[list[Value]] | None:
        """``<nu(x), S>`` for each copy: one number if it is the same for every x (a number for each word, for varying
        totals); None when it depends on x."""
        n, found = self.decoder.n_statistics, []
        for copy in range(self.decoder.copies):
            part = sums[copy * n : (copy + 1) * n]
            if not isinstance(self.normaliser, FiniteSum):
                if any(not value.is_zero for value in part):
                    return None
                found.append([ZERO])
                continue
            row = [dot(nu, part) for _, nu in self.normaliser.rows(1)]
            if not is_varying(self.decoder) and any(not (value - row[0]).is_zero for value in row):
                return None
            found.append(row)
        return found

    def _log_equation(self, b: Sequence[int], copies: Sequence[int], addend: Value) -> bool | None:
        """Whether ``addend = sum_i b_i sum_c A(f_ic)``."""
        factors: list[tuple[ExpSum, int]] = []
        for i, weight in enumerate(b):
            for copy in copies if weight else ():
                found = None if self.normaliser is None else self.normaliser.factor(self._unit(i, copy), 1)
                if found is None or (is_varying(self.decoder) and not _is_multinomial(self.decoder)):
                    return None
                factors.append((found[0], -weight))
                addend = addend - found[1].scale(weight)
        return product_is_one(factors, addend)


def combine(b: Sequence[int], logs: Sequence[arb]) -> arb:
    """``sum_i b_i logs_i``."""
    total = arb(0)
    for weight, value in zip(b, logs, strict=True):
        if weight:
            total += weight * value
    return total


def dot(a: Sequence[Value], b: Sequence[Value]) -> Value:
    total = ZERO
    for p, q in zip(a, b, strict=True):
        if p.terms and q.terms:
            total = total + p * q
    return total


def is_varying(space: Product) -> bool:
    """Counts whose total varies, by a law that z does not touch (eq. 13)."""
    return isinstance(space.unit.support, Counts) and space.unit.support.total is None


def _is_multinomial(space: Product) -> bool:
    return bool(space.unit.base == prod(1 / sp.factorial(v) for v in space.unit.variables))
