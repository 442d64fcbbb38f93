"""Sample points of every shipped family admit weights that annihilate 1 and its statistics: checked numerically."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import sympy as sp

from eftheory.errors import MisuseError
from eftheory.exact.product import annihilating_weights, explicit, integer_weights, number, sizes
from eftheory.spec import parse_family

LATENTS = [
    "bernoulli(3)",
    "binomial(2,trials=3)",
    "poisson(2)",
    "geometric(1)",
    "negative_binomial(1,size=3)",
    "normal(2)",
    "normal(2,variance=2)",
    "mvn(2)",
    "mvn(3)",
    "exponential(1)",
    "gamma(2)",
    "gamma(1,shape=2)",
    "inverse_gamma(1)",
    "beta(2)",
    "dirichlet(2)",
    "dirichlet(3)",
    "dirichlet(4)",
    "von_mises(1)",
    "log_normal(1)",
    "laplace(1,location=1)",
    "weibull(1,shape=3)",
    "pareto(1,scale=2)",
    "boltzmann(2+1)",
    "multinomial(3,trials=2)",
]


@pytest.mark.parametrize("text", LATENTS)
def test_weights_annihilate_the_statistics(text: str) -> None:
    family = parse_family(text)
    space = explicit(family, *sizes(family), {})
    points = space.sample()
    assert all(space.contains(point) for point in points) and len(set(points)) == len(points)
    weights = integer_weights(space, points)
    assert weights
    unit = family.unit.at()
    for b in weights:
        assert sum(b) == 0 and any(b)
        for j in range(space.n_statistics * space.copies):
            copy, k = divmod(j, space.n_statistics)
            parts = [space.split(p)[copy] for p in points]
            psi = [
                complex(unit.statistics[k].subs(dict(zip(unit.variables, part, strict=True)))).real for part in parts
            ]
            scale = sum(abs(w * s) for w, s in zip(b, psi, strict=True)) + 1
            assert abs(math.fsum(w * s for w, s in zip(b, psi, strict=True))) < 1e-12 * scale


@pytest.mark.parametrize("text", ["normal(1)", "gamma(1)", "beta(1)", "von_mises(1)", "dirichlet(3)"])
def test_weights_see_other_functions(text: str) -> None:
    """Control: a statistic of another family is not annihilated by all of them."""
    family = parse_family(text)
    space = explicit(family, *sizes(family), {})
    points = space.sample()
    other = [float((p[0] + sp.Rational(1, 7)) ** 3) for p in points]
    assert any(abs(sum(w * v for w, v in zip(b, other, strict=True))) > 1e-6 for b in integer_weights(space, points))


def test_weights_at_given_points() -> None:
    family = parse_family("beta(1)")
    points = [(Fraction(p, q),) for p, q in ((1, 2), (1, 3), (2, 3), (1, 4), (3, 4), (1, 9), (8, 9))]
    for weights in (annihilating_weights(family, points), annihilating_weights(family.unit.at(), points)):
        assert len(weights) == 2 and all(isinstance(w, Fraction) for b in weights for w in b)
    assert annihilating_weights(family, points[:4]) == []


def test_the_categorical_encoder_leaves_no_weights() -> None:
    family = parse_family("categorical(4)")
    space = explicit(family, *sizes(family), {})
    assert integer_weights(space, space.sample()) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1/2", None, sp.oo, sp.I, sp.Symbol("a")])
def test_only_finite_real_numbers_are_numbers(value: object) -> None:
    with pytest.raises(MisuseError, match="finite real"):
        number(value)


def test_floats_are_dyadic_rationals() -> None:
    assert number(0.1) == sp.Rational(*(0.1).as_integer_ratio()) != sp.Rational(1, 10)
    assert number(sp.Float(0.1)) == number(0.1)


def test_symbolic_sizes_are_refused() -> None:
    with pytest.raises(MisuseError, match="explicit sizes"):
        sizes(parse_family("bernoulli(k)"))
