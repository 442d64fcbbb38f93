"""The registry: names, arguments, values, messages, torch names, and what it must not import."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import sympy as sp

from eftheory.errors import MisuseError
from eftheory.families import NAMES, TORCH, build, constructor, describe, from_torch
from eftheory.families.base import assumptions
from eftheory.families.support import Integers, Interval, Points

HYPER = {"binomial": {"trials": 3}, "negative_binomial": {"size": 2}, "laplace": {"location": 0}}
HYPER |= {"weibull": {"shape": 2}, "pareto": {"scale": 1}}


def sizes_of(name: str) -> list[Any]:
    return [4, 3] if name == "boltzmann" else [4]


@pytest.mark.parametrize("name", NAMES)
def test_every_family_has_numeric_and_symbolic_sizes(name: str) -> None:
    hyper = HYPER.get(name, {})
    number = build(name, sizes_of(name), hyper)
    symbols = [sp.Symbol(letter) for letter in "kl"[: len(sizes_of(name))]]
    symbolic = build(name, symbols, hyper)
    assert number.name == symbolic.name == name
    assert number.spec == str(number) and number.spec.startswith(f"{name}(4")
    assert symbolic.spec.startswith(f"{name}(k")
    for size in (symbolic.copies, *symbolic.unit.groups):
        assert size == 1 or (size.is_integer and size.is_positive)


@pytest.mark.parametrize("name", NAMES)
def test_size_costs_nothing(name: str) -> None:
    sizes = [10**9 for _ in sizes_of(name)]
    family = build(name, sizes, HYPER.get(name, {}))
    assert 10**9 in (family.copies, *family.unit.groups)


@pytest.mark.parametrize(
    ("args", "spec"),
    [
        (("normal", [20], {"variance": 1}), "normal(20, variance=1)"),
        (("normal", [20], {"variance": 0.1}), "normal(20, variance=1/10)"),
        (("normal", [20], {"mean": 0, "variance": 1}), "normal(20, mean=0, variance=1)"),
        (("boltzmann", [4, 3], {}), "boltzmann(4+3)"),
        (("categorical", [4], {"copies": 3}), "categorical(4, copies=3)"),
        (("categorical", [4], {"probs": sp.Rational(1, 4)}), "categorical(4, probs=1/4)"),
        (("multinomial", [9], {"trials": sp.Symbol("n")}), "multinomial(9, trials=n)"),
        (("laplace", [2], {"location": 0, "scale": 3}), "laplace(2, location=0, scale=3)"),
    ],
)
def test_canonical_notation(args: tuple[str, list[Any], dict[str, Any]], spec: str) -> None:
    assert build(*args).spec == spec


def test_keywords_that_give_every_parameter_are_values_and_others_are_hyperparameters() -> None:
    assert build("normal", [1], {"mean": 0, "variance": 1}).arguments == {}
    assert build("normal", [1], {"mean": 0, "variance": 1}).values == {"mean": 0, "variance": 1}
    assert build("normal", [1], {"variance": 1}).arguments == {"variance": 1}
    assert build("normal", [1], {"variance": 1}).values == {}
    assert build("gamma", [1], {"shape": 2}).unit.parameters == ("rate",)
    both = build("multinomial", [2], {"trials": 3, "probs": sp.Rational(1, 2)})
    assert (both.arguments, both.values) == ({"trials": 3}, {"probs": sp.Rational(1, 2)})


def test_natural_values_of_explicit_and_symbolic_sizes() -> None:
    identity = build("mvn", [2], {"mean": 0, "covariance": "identity"})
    assert identity.natural_values() == (0, 0, -sp.Rational(1, 2), 0, -sp.Rational(1, 2))
    k = sp.Symbol("k")
    uniform = build("categorical", [k], {"probs": 1 / k})
    assert uniform.natural_values((5,)) == (0, 0, 0, 0)
    with pytest.raises(MisuseError, match="a family with values"):
        build("mvn", [2], {}).natural_values()


BAD: list[tuple[str, list[Any], dict[str, Any], str]] = [
    ("norml", [1], {}, "did you mean 'normal'"),
    ("normal", [], {}, "wanted one size for normal; got none"),
    ("normal", [1, 2], {}, "got 2 \\(1, 2\\)"),
    ("boltzmann", [1], {}, "wanted 2 sizes"),
    ("boltzmann", [1, 2], {"probs": 1}, "remove probs="),
    ("normal", [1], {"varianc": 1}, "did you mean 'variance'"),
    ("binomial", [1], {"trial": 3}, "did you mean 'trials'"),
    ("gamma", [1], {"shape": 1, "rat": 2}, "did you mean 'rate'"),
    ("binomial", [1], {}, "add trials="),
    ("negative_binomial", [1], {}, "add size="),
    ("laplace", [1], {}, "add location="),
    ("weibull", [1], {}, "add shape="),
    ("pareto", [1], {}, "add scale="),
    ("normal", [1], {"mean": 1}, "add variance"),
    ("multinomial", [3], {"trials": 5.5}, "trials of multinomial"),
    ("binomial", [1], {"trials": 0}, "at least 1"),
    ("bernoulli", [0], {}, "at least 1"),
    ("bernoulli", [-3], {}, "at least 1"),
    ("bernoulli", [True], {}, "at least 1"),
    ("bernoulli", ["2"], {}, "at least 1"),
    ("bernoulli", [sp.Symbol("k", negative=True)], {}, "at least 1"),
    ("categorical", [1], {}, "at least 2"),
    ("categorical", [3], {"copies": 0}, "copies"),
    ("bernoulli", [2], {"probs": 1}, "strictly between 0 and 1"),
    ("bernoulli", [2], {"probs": 0}, "strictly between 0 and 1"),
    ("bernoulli", [2], {"probs": -0.5}, "strictly between 0 and 1"),
    ("bernoulli", [2], {"probs": [0.5, 0.5]}, "one number"),
    ("bernoulli", [2], {"probs": float("nan")}, "finite"),
    ("categorical", [3], {"probs": 0.5}, "sum to 1"),
    ("categorical", [3], {"probs": [0.5, 0.5]}, "3 probabilities"),
    ("normal", [1], {"variance": -1}, "above 0"),
    ("normal", [1], {"variance": 0}, "above 0"),
    ("normal", [1], {"variance": sp.oo}, "finite"),
    ("normal", [1], {"variance": sp.I}, "finite real"),
    ("normal", [1], {"variance": "__import__('os')"}, "a real number or a symbol"),
    ("poisson", [1], {"rate": 0}, "above 0"),
    ("gamma", [1], {"shape": -1}, "above 0"),
    ("dirichlet", [3], {"concentration": [1, 2]}, "3 numbers"),
    ("mvn", [2], {"mean": 0, "covariance": [[1, 2], [2, 1]]}, "positive definite"),
    ("mvn", [2], {"mean": 0, "covariance": [[1, 0], [1, 1]]}, "symmetric"),
    ("mvn", [2], {"mean": 0, "covariance": [1, 1]}, "positive definite"),
    ("mvn", [2], {"mean": 0, "covariance": "identty"}, "number"),
    ("von_mises", [1], {"loc": 0, "concentration": -1}, "at least 0"),
]


@pytest.mark.parametrize(("name", "sizes", "keywords", "message"), BAD, ids=lambda value: str(value)[:40])
def test_misuse_is_one_line_that_says_what_to_do(
    name: str, sizes: list[Any], keywords: dict[str, Any], message: str
) -> None:
    with pytest.raises(MisuseError, match=message) as caught:
        build(name, sizes, keywords)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_descriptions_state_every_fact(name: str) -> None:
    for description in describe(name):
        facts = description.as_dict()
        assert facts["notation"].startswith(name)  # type: ignore[attr-defined]
        for fact in ("support", "statistics", "base", "natural_domain", "log_partition"):
            assert facts[fact]
    assert len(describe(name)) == (2 if name in ("normal", "gamma", "multinomial") else 1)


def test_torch_names() -> None:
    class Normal:  # what torch.distributions.Normal looks like from outside
        pass

    assert from_torch(Normal) == from_torch(Normal()) == from_torch("torch.distributions.Normal") == "normal"
    assert set(TORCH.values()) == set(NAMES) - {"boltzmann"}
    with pytest.raises(MisuseError, match="got LogisticNormal"):
        from_torch("LogisticNormal")
    code = "import sys, eftheory.families as f; f.from_torch('Normal'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_constructors_are_plain_functions() -> None:
    assert constructor("bernoulli")(3).copies == 3


def test_the_registry_loads_no_sympy() -> None:
    code = "import sys, eftheory.families; sys.exit('sympy' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    control = code.replace("eftheory.families;", "eftheory.families.base;")
    assert subprocess.run([sys.executable, "-c", control], check=False).returncode == 1


def test_variables_carry_what_the_support_says() -> None:
    m = sp.Symbol("m", positive=True)
    assert assumptions(Interval(m, sp.oo)) == {"positive": True}
    assert assumptions(Interval(sp.Symbol("c", real=True), sp.oo)) == {"real": True}
    assert assumptions(Integers(sp.Integer(-2), sp.Integer(2))) == {"integer": True}
    assert assumptions(Integers(sp.Integer(1), sp.oo)) == {"integer": True, "positive": True}
    assert assumptions(Points((sp.Rational(-1), sp.Rational(1)))) == {"real": True}


@pytest.mark.parametrize("groups", [(), (2, 2), (sp.Symbol("k"),)])
def test_a_block_needs_explicit_sizes(groups: tuple[Any, ...]) -> None:
    with pytest.raises(MisuseError, match="1 explicit group sizes"):
        build("categorical", [sp.Symbol("k")], {}).unit.at(groups)
