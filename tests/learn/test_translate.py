"""Expressions in torch: nodes against exact evaluation, the stability rules, one instruction for many terms."""

from __future__ import annotations

import itertools
import math
import random

import pytest
import sympy as sp
import torch

from eftheory.errors import MisuseError
from eftheory.families import build
from eftheory.learn.densities import shapes
from eftheory.learn.densities import stable as st
from eftheory.learn.densities.stable import stable
from eftheory.learn.densities.translate import translate, translate_each

X, Y, Z = sp.symbols("x y z", real=True)
P = sp.Symbol("p", positive=True)
N = sp.Symbol("n", integer=True, nonnegative=True)


def error(expr: sp.Expr, *, tries: int = 7, seed: int = 0) -> float:
    """The largest relative error at random points, against 30 digits."""
    generator = random.Random(seed)
    symbols = sorted(expr.free_symbols, key=str)
    program = translate([expr], symbols)
    worst = 0.0
    for _ in range(tries):
        point = {s: sp.Float(generator.uniform(0.1, 3), 30) for s in symbols}
        point |= {s: sp.Integer(generator.randint(0, 9)) for s in symbols if s.is_integer}
        want = float(expr.subs(point).evalf(30))
        got = program(torch.tensor([float(point[s]) for s in symbols], dtype=torch.float64)).item()
        worst = max(worst, abs(got - want) / max(1.0, abs(want)))
    return worst


NODES = [
    X + Y, 2 * X - Y / 3 + 1, sp.pi * X + 2 * X, X * Y * Z, X**2 * Y / Z, 1 / X, X**3, X**-2, sp.sqrt(X),
    1 / sp.sqrt(X),
    X**Y, 2**X, X ** sp.Rational(3, 2), sp.exp(X), sp.log(X), sp.sin(X), sp.cos(X * Y), sp.tan(X / 4), sp.sinh(X),
    sp.cosh(X), sp.tanh(X), sp.atan(X), sp.Abs(X - 1), sp.sign(X - 1), sp.floor(X), sp.erf(X), sp.erfc(X),
    sp.loggamma(X), sp.gamma(X), sp.gamma(X - 4), sp.factorial(N), sp.binomial(9, N), sp.polygamma(0, X),
    sp.besseli(0, X), sp.besseli(1, X), sp.Max(X, Y), sp.Min(X, 1), sp.Max(X, Y, 2), sp.log(X + Y),
    sp.log(X * Y), sp.log(X**2), sp.log(1 + X), sp.log(sp.factorial(N)), sp.log(sp.binomial(N + 2, N)),
    sp.log(sp.gamma(X)), sp.log(1 + sp.exp(X)), sp.log(2 + 3 * sp.exp(X) + sp.exp(Y)), sp.log(1 - sp.exp(-X)),
    sp.log(2 - sp.exp(-X - 1)), sp.log(sp.exp(X) + sp.exp(Y) + sp.exp(Z)), sp.log(sp.besseli(0, X)),
    sp.log(P * sp.exp(X) + 2 * P**2), sp.sqrt(X**2 + Y**2), sp.log(sp.pi / X), sp.exp(X) / (1 + sp.exp(X)),
    sp.log(sp.exp(X) * (1 + sp.exp(Y)) * (1 + sp.exp(Z)) + 1 + sp.exp(X - Y)), sp.log(X - sp.exp(-X) + 5, 2),
]  # fmt: skip


@pytest.mark.parametrize("expr", NODES, ids=str)
def test_every_node_has_the_value_of_the_expression(expr: sp.Expr) -> None:
    assert error(expr) < 1e-12


def test_the_trigamma_function_is_as_good_as_torch_has_it() -> None:
    assert error(sp.polygamma(1, X)) < 1e-9


@pytest.mark.parametrize("node", [sp.exp, st.LogGamma, st.Softplus])
def test_a_wrong_entry_of_the_table_is_noticed(node: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(shapes.TABLE, node, torch.sin)  # type: ignore[arg-type]
    expr = {sp.exp: sp.exp(X), st.LogGamma: sp.loggamma(X), st.Softplus: sp.log(1 + sp.exp(X))}[node]
    assert error(expr) > 1e-3


def random_expression(generator: random.Random, depth: int) -> sp.Expr:
    """Sums, products and functions of positive arguments, which stay moderate."""
    if depth == 0:
        return generator.choice([X, Y, P, sp.Rational(generator.randint(1, 9), generator.randint(1, 9)), sp.pi])
    a, b = (random_expression(generator, depth - 1) for _ in range(2))
    return generator.choice(
        [
            lambda: a + b,
            lambda: a * b / (1 + a),
            lambda: sp.log(1 + sp.exp(a)) + b,
            lambda: sp.log(sp.exp(a) + sp.exp(b) + 2),
            lambda: sp.sqrt(a + b),
            lambda: sp.loggamma(a + 2) + b / 2,
            lambda: sp.exp(-a) * b,
            lambda: sp.log(a**2 + b),
        ]
    )()


@pytest.mark.parametrize("seed", range(40))
def test_random_expressions(seed: int) -> None:
    generator = random.Random(seed)
    expr = random_expression(generator, 3)
    point = {s: sp.Float(generator.uniform(0.5, 2), 30) for s in (X, Y, P)}
    got = translate([expr], (X, Y, P))(torch.tensor([float(point[s]) for s in (X, Y, P)], dtype=torch.float64))
    assert got.item() == pytest.approx(float(expr.subs(point).evalf(30)), rel=1e-11, abs=1e-11)


RULES = [
    (sp.log(1 + sp.exp(X)), st.Softplus(X)),
    (sp.log(1 - sp.exp(X)), st.Log1mExp(X)),
    (sp.log(sp.exp(X) + sp.exp(Y)), st.LogSumExp(X, Y)),
    (sp.log(1 + sp.exp(X) + sp.exp(Y)), st.Softplus(st.LogSumExp(X, Y))),
    (sp.log(P * sp.exp(X)), sp.log(P) + X),
    (sp.log(1 / sp.factorial(N)), -st.LogGamma(N + 1)),
    (sp.log(-sp.pi / X), sp.log(sp.pi) - sp.log(-X)),
    (sp.log(1 - X), st.Log1p(-X)),
    (sp.log(X**2), 2 * sp.log(sp.Abs(X))),
    (sp.log(2 * sp.pi * sp.besseli(0, P)), sp.log(2) + sp.log(sp.pi) + st.LogBesselI0(P)),
    (sp.sqrt(X**2 + Y**2), st.Norm(X, Y)),
    (sp.log(X * Y), sp.log(X * Y)),
]


@pytest.mark.parametrize("expr, want", RULES, ids=[str(expr) for expr, _ in RULES])
def test_rules(expr: sp.Expr, want: sp.Expr) -> None:
    assert sp.expand(stable(expr) - want) == 0


@pytest.mark.parametrize(
    "expr, at, want",
    [
        (sp.log(1 + sp.exp(X)), 800.0, 800.0),
        (sp.log(1 + sp.exp(X)), -800.0, 0.0),
        (sp.log(1 + sp.exp(X)), -40.0, math.exp(-40)),
        (sp.log(1 - sp.exp(X)), -1e-300, math.log(1e-300)),
        (sp.log(1 - sp.exp(X)), -50.0, -math.exp(-50)),
        (sp.log(sp.exp(X) + sp.exp(2 * X)), 800.0, 1600.0),
        (sp.log(sp.besseli(0, X)), 800.0, 800 - math.log(2 * math.pi * 800) / 2 + 1 / 6400),
        (sp.log(1 - X), 1e-20, -1e-20),
        (sp.log(sp.factorial(N)), 1000.0, math.lgamma(1001)),
    ],
)
def test_extremes_neither_overflow_nor_cancel(expr: sp.Expr, at: float, want: float) -> None:
    (symbol,) = expr.free_symbols
    x = torch.tensor([at], dtype=torch.float64, requires_grad=True)
    value = translate([expr], (symbol,))(x)
    value.sum().backward()
    assert value.item() == pytest.approx(want, rel=1e-6, abs=1e-300)
    assert x.grad is not None and bool(x.grad.isfinite().all())


def test_the_gradient_of_log1mexp_is_finite_on_both_sides_of_the_switch() -> None:
    x = torch.tensor([-1e-12, -0.6, -0.8, -300.0], dtype=torch.float64, requires_grad=True)
    translate([sp.log(1 - sp.exp(X))], (X,))(x[:, None]).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, -1 / torch.expm1(-x.detach()))


@pytest.mark.parametrize(
    "function", [st.Softplus, st.Sigmoid, st.Expm1, st.Log1p, st.LogBesselI0, st.BesselRatio, st.Log1mExp]
)
def test_stated_derivatives_are_those_of_torch(function: type) -> None:
    x = torch.linspace(0.3, 2.0, 9, dtype=torch.float64)
    if function is st.Log1mExp:
        x = -x
    x.requires_grad_()
    (by_torch,) = torch.autograd.grad(translate([function(X)], (X,))(x[:, None]).sum(), x)
    stated = translate([function(X).diff(X)], (X,))(x.detach()[:, None])[:, 0]
    torch.testing.assert_close(stated, by_torch, rtol=1e-10, atol=1e-12)


def test_a_log_sum_exp_differentiates_to_its_weights() -> None:
    x = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    slopes = [st.LogSumExp(X, Y, Z).diff(s) for s in (X, Y, Z)]
    torch.testing.assert_close(translate(slopes, (X, Y, Z))(x), x.softmax(-1))


# --- lists of expressions ---------------------------------------------------------------------------------------------

MIXED = [X, 2 * X + 1, Y, sp.exp(X), sp.S.One * 3, sp.exp(Y), X * Y, sp.log(1 + sp.exp(Z)), X - Z, sp.exp(X) + Y]


def test_a_list_keeps_its_order_whatever_the_shapes() -> None:
    x = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for exprs in itertools.islice(itertools.permutations(MIXED, 3), 0, None, 7):
        together = translate(exprs, (X, Y, Z))(x).expand(4, len(exprs))
        alone = torch.cat([translate([e], (X, Y, Z))(x).expand(4, 1) for e in exprs], -1)
        torch.testing.assert_close(together, alone)


def test_several_arguments_broadcast_and_several_results_share() -> None:
    program = translate_each([[X * Y], [sp.exp(X * Y), sp.exp(X * Y) + 1]], (X,), (Y,))
    x, y = torch.randn(5, 1, 1), torch.randn(3, 1)
    product, both = program.several(x, y)
    torch.testing.assert_close(product, x * y)
    torch.testing.assert_close(both, torch.cat([(x * y).exp(), (x * y).exp() + 1], -1))
    assert sum(step.function is torch.exp for step in program.code) == 1


def test_constants_alone() -> None:
    assert translate([sp.pi], (X,))(torch.zeros(2, 1, dtype=torch.float64)).item() == pytest.approx(math.pi)
    row = translate([sp.S.One, sp.S(2)], (X,))(torch.zeros(1))
    assert row.tolist() == [1.0, 2.0]


def test_places_and_constants_are_not_confused() -> None:
    """0, 2, 1 are places of a selection and coefficients at once."""
    exprs = [0 * X + 2 * Z, 1 * X, sp.S(0) * X + Y]
    x = torch.tensor([[3.0, 5.0, 7.0]])
    assert translate(exprs, (X, Y, Z))(x).tolist() == [[14.0, 3.0, 5.0]]
    wide = sp.symbols("e1:10", real=True)
    exprs = [wide[0], 2 * wide[2], 1 * wide[1]]
    assert translate(exprs, wide)(torch.arange(9.0)[None]).tolist() == [[0.0, 4.0, 1.0]]


def names(program: object) -> list[str]:
    return [step.function.__name__ for step in program.code]  # type: ignore[attr-defined]


def test_many_alike_terms_are_one_instruction() -> None:
    eta = sp.symbols("eta1:513", real=True)
    program = translate([build("categorical", [513], {}).unit.log_partition(eta)], eta)
    assert names(program) == ["log_sum_exp", "softplus"]
    x = torch.randn(3, 512, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    want = torch.logsumexp(torch.cat([x, torch.zeros(3, 1, dtype=x.dtype)], 1), -1, keepdim=True)
    torch.testing.assert_close(program(x), want)


def test_a_contiguous_range_is_a_view() -> None:
    eta = sp.symbols("eta1:21", real=True)
    assert names(translate([sp.Add(*(sp.exp(e) for e in eta[3:9]))], eta)) == ["part", "exp", "sum_last"]
    assert "take" in names(translate([sp.Add(*(sp.exp(e) for e in eta[3:9:2]))], eta))


def test_sums_of_all_entries_need_no_matrix() -> None:
    eta = sp.symbols("eta1:41", real=True)
    expr = sp.Add(*map(sp.loggamma, eta)) - sp.loggamma(sp.Add(*eta))
    program = translate([expr], eta)
    assert "matrix_product" not in names(program)
    x = torch.rand(2, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) + 0.5
    torch.testing.assert_close(program(x)[:, 0], x.lgamma().sum(-1) - x.sum(-1).lgamma())


def test_programs_are_equal_when_they_do_the_same() -> None:
    def program(size: int, extra: sp.Expr) -> object:
        eta = sp.symbols(f"eta1:{size + 1}", real=True)
        return translate([sp.log(sp.Add(*map(sp.exp, eta))) + extra], eta)

    assert program(4, sp.S.Zero) == program(5, sp.S.Zero)
    assert program(4, sp.S(4)) != program(5, sp.S(5))


# --- misuse -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expr, names",
    [
        (sp.zeta(X), "zeta"),
        (sp.besseli(2, X), "besseli"),
        (sp.Piecewise((X, X > 0), (0, True)), "Piecewise"),
        (X + sp.Symbol("s2"), "the symbol s2"),
    ],
)
def test_what_is_not_known_is_named(expr: sp.Expr, names: str) -> None:
    with pytest.raises(MisuseError, match=names):
        translate([expr], (X,))
