"""Binomial(2) encoder with the uniform prior on {0, 1, 2}: members of one Bernoulli visible, in exact arithmetic.

With odds ``a = e^u``, ``r = e^w`` the conjugation equation is ``(1+a)(1+a r^2) = 4 (1+a r)^2``: solvable in a > 0 for
every ``r >= 7 + 4 sqrt 3`` (and, by z -> 2-z, for every r <= 1/(7 + 4 sqrt 3)); theory section 2 names the end point
``w = log(7 + 4 sqrt 3) = 2.6339..``, ``u = -w`` only.
"""

from __future__ import annotations

from fractions import Fraction as Q

import pytest
import sympy as sp
from oracle import finite_member
from questions import ask, spec

QUESTION = "bernoulli(1) | binomial(1, trials=2) | uniform"
A, R = sp.symbols("a r", positive=True)
EQUATION = (1 + A) * (1 + A * R**2) - 4 * (1 + A * R) ** 2
END = 7 + 4 * sp.sqrt(3)
INVERSE = 7 - 4 * sp.sqrt(3)


@pytest.mark.parametrize(("r", "a"), [(20, Q(3, 16)), (Q(1, 20), Q(3, 16) * 400)])
def test_rational_members(r: Q, a: Q) -> None:
    assert EQUATION.subs({R: sp.Rational(r), A: sp.Rational(a)}) == 0
    assert finite_member(spec(QUESTION), [[r]], [a])


@pytest.mark.parametrize(("r", "a"), [(1, Q(1)), (1, Q(3, 7)), (20, Q(1, 4)), (13, Q(1, 13)), (2, Q(1, 2))])
def test_constant_decoders_and_others_are_none(r: int, a: Q) -> None:
    assert not finite_member(spec(QUESTION), [[Q(r)]], [a])


def test_the_end_point_and_where_solutions_exist() -> None:
    assert sp.expand(END * INVERSE) == 1
    assert sp.expand(EQUATION.subs({R: END, A: INVERSE})) == 0
    assert round(float(sp.log(END)), 4) == 2.6339
    quadratic = sp.Poly(sp.expand(EQUATION), A)
    roots = set(sp.roots(sp.Poly(quadratic.discriminant(), R)))
    assert {sp.simplify(root - END) == 0 for root in roots} >= {True}
    below, above = (quadratic.as_expr().subs(R, r) for r in (13, 14))
    assert not [root for root in sp.real_roots(below, A) if root > 0]
    assert len([root for root in sp.real_roots(above, A) if root > 0]) == 2


def test_the_verdict() -> None:
    answer = ask(QUESTION)
    assert answer.verdict == "constrained"
    assert answer.witness is not None
