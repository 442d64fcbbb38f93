"""The translator from SymPy to balls, against SymPy's own evaluation; what it does not know it refuses."""

from __future__ import annotations

import pytest
import sympy as sp
from flint import arb, ctx, fmpq

from eftheory.errors import MisuseError
from eftheory.exact.ball_eval import evaluate, whole_power

a, b = sp.symbols("a b", positive=True)
FORMULAS = [
    a**2 - 3 * a / b + sp.pi,
    sp.log(a) * sp.exp(-b) + sp.E,
    sp.sin(a) + sp.cos(b) * sp.tan(a / 3) + sp.tanh(b) + sp.sinh(a) - sp.cosh(b),
    sp.sqrt(a) + 1 / sp.sqrt(b) + a ** sp.Rational(2, 3) + a**b,
    sp.loggamma(a) - sp.log(sp.gamma(b)) + sp.digamma(a) + sp.polygamma(1, b) - sp.polygamma(2, a),
    sp.factorial(a) / sp.binomial(a + b, b),
    sp.log(2 * sp.pi * sp.besseli(0, sp.sqrt(a**2 + b**2))),
    abs(a - 10) + sp.Max(a, b) - sp.Min(a, b, 1),
    sp.erf(a) + sp.erfc(b) + sp.beta(a, b) + sp.EulerGamma,
]


@pytest.mark.parametrize("formula", FORMULAS, ids=str)
def test_against_sympy(formula: sp.Expr) -> None:
    values = {a: sp.Rational(7, 3), b: sp.Rational(5, 4)}
    with ctx.workprec(128):
        ball = evaluate(formula, {s: arb(fmpq(int(v.p), int(v.q))) for s, v in values.items()})
        off = ball - arb(str(sp.N(formula.subs(values), 45)))
        assert ball.rel_accuracy_bits() > 100
        assert bool(abs(off) < arb("1e-28"))
        # control: another formula is seen
        assert bool(abs(off + arb("1e-20")) > arb("1e-28"))


def test_closed_numbers() -> None:
    assert evaluate(sp.Rational(1, 3)).contains(fmpq(1, 3))
    assert not evaluate(sp.Rational(1, 3)).contains(fmpq(1, 4))


def test_outside_the_domain_nothing_is_finite() -> None:
    assert not evaluate(sp.log(a), {a: arb(-1)}).is_finite()


def test_powers_of_small_balls_around_zero_stay_finite() -> None:
    ball = arb(0, 1e-10)
    square = whole_power(ball, 2)
    assert square.is_finite() and square.contains(0) and bool(square < 1e-19)
    assert evaluate(a**2, {a: ball}).is_finite()
    assert not whole_power(ball, -1).is_finite()


@pytest.mark.parametrize("formula", [sp.Function("f")(a), sp.Integral(a, a), sp.Piecewise((a, a > 3), (1, True))])
def test_unknown_nodes_are_refused(formula: sp.Expr) -> None:
    with pytest.raises(MisuseError, match="known functions"):
        evaluate(formula, {a: arb(1)})


def test_symbols_without_value_are_refused() -> None:
    with pytest.raises(MisuseError, match="none for b"):
        evaluate(a + b, {a: arb(1)})
