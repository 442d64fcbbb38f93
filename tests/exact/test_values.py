"""Exact values: identities come out as zero, other numbers do not, and balls and SymPy agree with them."""

from __future__ import annotations

import pytest
import sympy as sp
from flint import arb, ctx, fmpq

from eftheory.exact.compare import sign
from eftheory.exact.exponential import exponentials, product_is_one
from eftheory.exact.values import ZERO, exact, log_at, log_rational, rational

L = sp.log
IDENTITIES = [
    L(8) - 3 * L(2),
    L(sp.Rational(9, 8)) - 2 * L(3) + 3 * L(2),
    sp.sqrt(8) - 2 * sp.sqrt(2),
    sp.sqrt(6) * sp.sqrt(2) - 2 * sp.sqrt(3),
    sp.exp(L(3) / 2) - sp.sqrt(3),
    sp.exp(2) * sp.exp(sp.Rational(-1, 2)) - sp.exp(sp.Rational(3, 2)),
    sp.cos(sp.pi / 6) - sp.sqrt(3) / 2,
    L(2 * sp.pi) - L(sp.pi) - L(2),
    L(sp.exp(5) * sp.sqrt(2)) - 5 - L(2) / 2,
    L(2) ** 2 - L(4) * L(2) / 2,
    sp.loggamma(5) - L(24),
    1 / L(2) - L(2) ** -1,
    sp.sin(1) - sp.sin(1),
]


@pytest.mark.parametrize("expr", IDENTITIES, ids=lambda e: str(e))
def test_identities_are_zero_and_their_neighbours_are_not(expr: sp.Expr) -> None:
    held = sp.Add(*(expr.args if expr.is_Add else [expr]), evaluate=False)
    assert exact(held).is_zero
    assert not exact(expr + 1).is_zero


@pytest.mark.parametrize(
    "expr",
    [L(6) / 7, sp.sqrt(12) + sp.pi**2, sp.exp(sp.Rational(-2, 3)) * L(3), sp.sin(1) / 3, 1 / sp.sqrt(6), L(1 + L(2))],
)
def test_balls_and_sympy_agree(expr: sp.Expr) -> None:
    value = exact(expr)
    with ctx.workprec(128):
        assert bool(abs(value.ball() - arb(str(sp.N(expr, 45)))) < arb("1e-30"))
        assert bool(abs(exact(value.expr()).ball() - value.ball()) < arb("1e-30"))
        assert sign(value.ball() - arb(str(sp.N(expr, 45))) - arb("1e-20")) == -1


def test_rationals_are_recognised() -> None:
    assert exact(sp.Rational(2, 6)).rational == fmpq(1, 3) and ZERO.rational == 0
    assert exact(sp.sqrt(2)).rational is None and (exact(sp.sqrt(2)) * exact(sp.sqrt(2))).rational == 2


def test_log_of_a_base_measure() -> None:
    x = sp.Symbol("x", positive=True)
    assert (log_at(sp.exp(-(x**2) / 2) / x, {x: sp.Integer(4)}) - rational(-8) + log_rational(fmpq(4))).is_zero


def test_products_of_exponential_sums_by_lindemann_weierstrass() -> None:
    one, x = rational(0), rational(fmpq(1, 2))
    twice = exponentials([one, x])
    square = exponentials([one, x, x, x + x])
    assert twice is not None and square is not None
    # (1 + e^(1/2))^2 = 1 + 2 e^(1/2) + e
    assert product_is_one([(twice, 2), (square, -1)], ZERO) is True
    assert product_is_one([(twice, 2), (square, -1)], rational(fmpq(1, 10**9))) is False
    assert product_is_one([(twice, 1), (square, -1)], ZERO) is False
    # 2 = exp(log 2), 2^(1/3) cubed
    two = exponentials([one, one])
    assert two is not None
    assert product_is_one([(two, -1)], log_rational(fmpq(2))) is True
    assert product_is_one([(two, -1)], log_rational(fmpq(4)).scale(fmpq(1, 2))) is True
    assert product_is_one([(two, -1)], log_rational(fmpq(5)).scale(fmpq(1, 2))) is False


def test_what_is_no_exponential_of_that_form_is_left_open() -> None:
    assert exponentials([exact(L(2) / 2)]) is None
    assert product_is_one([], exact(sp.sin(1))) is None
