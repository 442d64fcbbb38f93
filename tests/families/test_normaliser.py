"""The table of integrals and sums against what families state, and against quadrature for units of no family."""

from __future__ import annotations

from typing import Any

import mpmath
import pytest
import sympy as sp

from eftheory.families import build
from eftheory.families.base import Explicit, Statistic, Unit, X, everywhere
from eftheory.families.normaliser import closed_form, normalise
from eftheory.families.support import Circle, Integers, Interval, Points, Support
from tests.cases import CASES

R, S = sp.Rational, sp.Symbol

SYMBOLIC = [
    build("binomial", [1], {"trials": S("n")}),
    build("multinomial", [3], {"trials": S("n")}),
    build("negative_binomial", [1], {"size": S("r")}),
    build("normal", [1], {"variance": S("s2")}),
    build("gamma", [1], {"shape": S("a")}),
    build("laplace", [1], {"location": S("c")}),
    build("weibull", [1], {"shape": S("k")}),
    build("pareto", [1], {"scale": S("m")}),
    build("mvn", [3], {}),
    build("boltzmann", [2, 2], {}),
]


def same(a: sp.Expr, b: sp.Expr) -> bool:
    """Equality by normal form: of the difference, or of the exponentials where both are logarithms of sums."""
    if sp.simplify(sp.expand(sp.expand_log(a - b, force=True))) == 0:
        return True
    return bool(sp.expand(sp.exp(a)) == sp.expand(sp.exp(b)))


def stated() -> list[Explicit]:
    units = [case.explicit() for case in CASES] + [family.unit.at() for family in SYMBOLIC]
    return [unit for unit in units if unit.log_partition is not None]


@pytest.mark.parametrize("explicit", stated(), ids=lambda e: f"{e.support.text}-{e.statistics}")
def test_closed_form_is_the_stated_log_partition(explicit: Explicit) -> None:
    found = normalise(explicit)
    assert found is not None and found.log_partition == closed_form(explicit)
    assert same(found.log_partition, explicit.log_partition)
    assert {r.canonical for r in found.domain} == {r.canonical for r in explicit.domain}
    # control: the same comparison refuses a log-partition that is off by its first natural parameter
    assert not same(found.log_partition, explicit.log_partition + explicit.natural[0] / 7)


def test_no_closed_form_for_counts_of_varying_total() -> None:
    assert closed_form(build("multinomial", [3], {}).unit.at()) is None


def unit(support: Support, statistics: list[sp.Expr], base: sp.Expr = sp.S.One) -> Explicit:
    """A unit of no family: nothing but support, statistics and base is known."""
    templates = tuple(Statistic(s) for s in statistics)
    return Unit(
        support=support, statistics=templates, base=base, domain=everywhere, log_partition=lambda eta: None
    ).at()


HALF_LINE, LINE = Interval(sp.Integer(0), sp.oo), Interval()
OTHERS: list[tuple[Explicit, list[Any]]] = [
    (unit(HALF_LINE, [X**2], X**3), [-2]),
    (unit(HALF_LINE, [3 * X + sp.log(X), sp.log(X**2)]), [-1, R(3, 2)]),
    (unit(HALF_LINE, [sp.log(X)], sp.exp(-1 / X)), [-3]),
    (unit(HALF_LINE, [sp.sqrt(X), sp.log(X)]), [-2, 1]),
    (unit(LINE, [X], sp.exp(-sp.Abs(2 * X - 1))), [R(1, 2)]),
    (unit(LINE, [(X - 1) ** 2, 2 * X + 5]), [-1, R(1, 3)]),
    (unit(Interval(sp.Integer(2), sp.oo), [X]), [-1]),
    (unit(Interval(sp.Integer(2), sp.oo), [sp.log(X)], X**-2), [R(-1, 2)]),
    (unit(Interval(-sp.oo, sp.Integer(-1)), [X]), [2]),
    (unit(Interval(sp.Integer(1), sp.Integer(3)), [sp.log(X - 1), sp.log(3 - X)]), [1, R(1, 2)]),
    (unit(Circle(), [sp.cos(2 * X), sp.sin(2 * X)], sp.exp(sp.sin(2 * X))), [1, 2]),
    (unit(Circle(), [sp.cos(X - 1)]), [R(3, 2)]),
    (unit(Integers(), [X], 2**X / sp.factorial(X)), [R(1, 2)]),
    (unit(Integers(), [2 * X + 1], X + 1), [R(-1, 2)]),
    (unit(Integers(), [X], (X + 1) * (X + 2)), [-1]),
    (unit(Integers(sp.Integer(1), sp.oo), [X]), [-1]),
    (unit(Integers(sp.Integer(0), sp.Integer(6)), [X], sp.binomial(6, X) * 3**X), [-1]),
    (unit(Integers(sp.Integer(0), sp.Integer(4)), [X, X**2]), [1, R(-1, 2)]),
    (unit(Integers(sp.Integer(-2), sp.Integer(2)), [X], sp.exp(-(X**2))), [1]),
    (unit(Points((R(-1), R(0), R(3, 2))), [X, X**2]), [1, R(-1, 2)]),
]


def by_quadrature(explicit: Explicit, eta: list[Any]) -> mpmath.mpf:
    """log of the sum or integral, by mpmath at 20 digits."""
    (x,) = explicit.variables
    energy = sp.Add(*[sp.sympify(e) * s for e, s in zip(eta, explicit.statistics, strict=True)])
    density = explicit.base * sp.exp(energy)

    def at(value: Any) -> mpmath.mpf:
        return mpmath.mpf(str(sp.N(density.subs(x, sp.sympify(value)), 20)))

    support = explicit.support
    if isinstance(support, Points):
        return mpmath.log(sum(at(value) for value in support.values))
    if isinstance(support, Integers):
        hi = int(support.hi) if support.hi != sp.oo else 120
        return mpmath.log(sum(at(value) for value in range(int(support.lo), hi + 1)))
    ends = [-mpmath.pi, 0, mpmath.pi]
    if isinstance(support, Interval):
        lo, hi = (mpmath.mpf(str(sp.N(end, 20)).replace("oo", "inf")) for end in (support.lo, support.hi))
        # the kink of the double exponential is an end of a piece
        ends = [lo, mpmath.mpf("0.5"), hi] if (support.lo, support.hi) == (-sp.oo, sp.oo) else [lo, hi]
    return mpmath.log(mpmath.quad(at, ends, maxdegree=6))


@pytest.mark.parametrize(("explicit", "eta"), OTHERS, ids=lambda v: str(getattr(v, "statistics", v)))
def test_closed_form_is_what_quadrature_gives(explicit: Explicit, eta: list[Any]) -> None:
    found = normalise(explicit)
    assert found is not None
    put = dict(zip(explicit.natural, eta, strict=True))
    assert all(relation.subs(put) == sp.true for relation in found.domain)
    value = mpmath.mpf(str(sp.N(found.log_partition.subs(put), 20)))
    assert abs(value - by_quadrature(explicit, eta)) < 1e-7


UNKNOWN = [
    unit(HALF_LINE, [X, X**2]),
    unit(LINE, [X**4]),
    unit(LINE, [sp.log(X**2)], sp.exp(-(X**2))),
    unit(Interval(-sp.oo, sp.Integer(0)), [sp.log(X**2), X]),
    unit(Integers(), [X**2]),
    unit(Circle(), [sp.cos(X), sp.cos(2 * X)]),
    unit(Integers(sp.Integer(0), S("n", integer=True, positive=True)), [X]),
]


@pytest.mark.parametrize("explicit", UNKNOWN, ids=lambda e: str(e.statistics))
def test_no_rule_means_none(explicit: Explicit) -> None:
    assert closed_form(explicit) is None


def test_a_base_that_no_parameter_tames_has_no_closed_form() -> None:
    explicit = unit(LINE, [X], sp.exp(X**2))
    found = normalise(explicit)
    assert found is not None and sp.false in found.domain
    assert closed_form(explicit) is None
