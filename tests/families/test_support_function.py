"""Exact suprema for units of no family: polynomials, kinks, logarithms, integers, trigonometric polynomials, blocks."""

from __future__ import annotations

import random
from itertools import product

import pytest
import sympy as sp

from eftheory.errors import MisuseError
from eftheory.families import build
from eftheory.families.base import Statistic, Unit, X, everywhere
from eftheory.families.support import Circle, Integers, Interval, Points, Support
from eftheory.families.support_function import support_function

R = sp.Rational
HALF_LINE, LINE = Interval(sp.Integer(0), sp.oo), Interval()


def unit(support: Support, *statistics: sp.Expr) -> Unit:
    return Unit(
        support=support,
        statistics=tuple(map(Statistic, statistics)),
        domain=everywhere,
        log_partition=lambda eta: None,
    )


KNOWN = [
    (unit(LINE, X, X**4), [4, -1], sp.Integer(3), True),
    (unit(LINE, X, X**3), [0, 1], sp.oo, False),
    (unit(LINE, 1 / (1 + X**2)), [1], sp.Integer(1), True),
    (unit(LINE, 1 / (1 + X**2)), [-1], sp.Integer(0), False),
    (unit(LINE, sp.Abs(X), sp.Abs(X - 2)), [-1, -1], sp.Integer(-2), True),
    (unit(LINE, sp.Abs(X), X), [1, -1], sp.oo, False),
    (unit(LINE, sp.Abs(X), X), [-1, 1], sp.Integer(0), True),
    (unit(Interval(sp.Integer(0), sp.Integer(2)), X, X**2), [2, -1], sp.Integer(1), True),
    (unit(Interval(sp.Integer(0), sp.Integer(1)), X, X**2), [2, -1], sp.Integer(1), False),
    (unit(Interval(sp.Integer(1), sp.Integer(2)), X), [1], sp.Integer(2), False),
    (unit(HALF_LINE, sp.log(X), sp.sqrt(X)), [1, -1], -2 + 2 * sp.log(2), True),
    (unit(HALF_LINE, sp.log(X), sp.log(X) ** 2), [0, -1], sp.Integer(0), True),
    (unit(Integers(), X, X**2), [3, -1], sp.Integer(2), True),
    (unit(Integers(), 1 / (1 + X)), [-1], sp.Integer(0), False),
    (unit(Integers(sp.Integer(0), sp.Integer(10**6)), X, X**2), [1001, -1], sp.Integer(500 * 501), True),
    (unit(Points((R(-1), R(1, 2))), X, X**2), [1, 1], R(3, 4), True),
    (unit(Circle(), sp.cos(X), sp.cos(2 * X)), [0, 1], sp.Integer(1), True),
    (unit(Circle(), sp.cos(X), sp.cos(2 * X)), [1, -1], R(9, 8), True),
    (unit(Circle(), sp.cos(X - 1)), [-2], sp.Integer(2), True),
]


@pytest.mark.parametrize(("of", "w", "value", "attained"), KNOWN, ids=lambda v: str(getattr(v, "statistics", v))[:60])
def test_supremum(of: Unit, w: list[int], value: sp.Expr, attained: bool) -> None:
    found = support_function(of, w)
    assert found.attained is attained
    assert found.value == value or sp.simplify(found.value - value) == 0


def test_what_no_rule_decides_is_undecided() -> None:
    assert support_function(unit(LINE, sp.exp(-(X**2)) * sp.cos(X), X), [1, 0]) == (None, None)


def test_random_boltzmann_interactions_against_all_bits() -> None:
    rng = random.Random(0)
    family = build("boltzmann", [3, 2], {})
    statistics = family.unit.at().statistics
    variables = family.unit.at().variables
    for _ in range(10):
        w = [rng.randint(-5, 5) for _ in statistics]
        g = sp.Add(*[a * s for a, s in zip(w, statistics, strict=True)])
        brute = max(g.subs(dict(zip(variables, bits, strict=True))) for bits in product((0, 1), repeat=5))
        assert support_function(family.unit, w) == (brute, True)


def test_random_quadratics_on_the_line_against_the_block() -> None:
    rng = random.Random(1)
    scalar, block = build("normal", [1], {}).unit, build("mvn", [1], {}).unit
    for _ in range(10):
        w = [R(rng.randint(-4, 4), 3), rng.randint(-2, 2)]
        assert support_function(scalar, w) == support_function(block, w)


def test_symbolic_hyperparameters_keep_their_symbols() -> None:
    m = sp.Symbol("m", positive=True)
    assert support_function(build("pareto", [1], {"scale": m}).unit, [-2]) == (-2 * sp.log(m), False)
    n = sp.Symbol("n", integer=True, positive=True)
    assert support_function(build("binomial", [1], {"trials": n}).unit, [2]) == (2 * n, True)


def test_blocks_of_symbolic_size_take_the_size_asked_for() -> None:
    family = build("dirichlet", [sp.Symbol("k")], {})
    assert support_function(family.unit, [1, 1, 1, 1], (4,)) == (-4 * sp.log(4), True)


@pytest.mark.parametrize("w", [[1], [1, 2, 3], [1, sp.Symbol("a")]])
def test_misuse(w: list[object]) -> None:
    with pytest.raises(MisuseError):
        support_function(build("normal", [1], {}).unit, w)
