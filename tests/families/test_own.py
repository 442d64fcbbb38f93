"""Own families: what is stated is checked, what is not is derived, and every shipped family can be stated as one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sympy as sp
from rewriting import rewrite, toml

from eftheory.errors import MisuseError
from eftheory.expression import parse_expression
from eftheory.families import NAMES
from eftheory.families.base import Family
from eftheory.families.own import own
from eftheory.families.own_domain import undetermined
from eftheory.spec import load, parse_family

GAUSS = "exp(-x[i]^2/2)"


@pytest.mark.parametrize(
    ("table", "domain"),
    [
        ({"statistics": ["x", "x^2"], "support": "reals"}, "eta2 < 0"),
        ({"statistics": ["x"], "support": "reals", "base": "exp(-x^4)"}, ""),
        ({"statistics": ["x"], "support": "interval(-1, 1)"}, ""),
        ({"statistics": ["log(1-x)", "x"], "support": "interval(-1, 1)"}, "eta1 > -1"),
        ({"statistics": ["log(x)"], "support": "integers(1, oo)"}, "eta1 < -1"),
        ({"statistics": ["x"], "support": "integers(-2, 2)"}, ""),
        ({"statistics": ["x", "x"], "support": "naturals"}, "eta1 + eta2 < 0"),
        ({"statistics": ["x"], "support": "{0, 1/2, 3}"}, ""),
        ({"statistics": ["cos(x)", "sin(2*x)"], "support": "circle"}, ""),
        ({"statistics": ["x[i]", "x[i]*x[j] : i<=j"], "support": "reals(p)"}, "eta3 < 0; 4*eta3*eta5 > eta4**2"),
        ({"statistics": ["x[i]^2", "x[i]*x[j]"], "support": "reals(2)"}, "eta1 < 0; 4*eta1*eta2 > eta3**2"),
        ({"statistics": ["x[i]"], "support": "reals(p)", "base": GAUSS}, ""),
        ({"statistics": ["x[i]", "x[i]*x[j]"], "support": "reals(p)", "base": GAUSS}, "eta3**2 < 1"),
        ({"statistics": ["x[i]", "abs(x[i])"], "support": "reals(p)"}, "eta3 < -abs(eta1); eta4 < -abs(eta2)"),
        ({"statistics": ["x[i]", "x[i]*x[j] : across"], "support": "bits(k1+k2)"}, ""),
        ({"statistics": ["x[i] : i<last"], "support": "onehot(K)"}, ""),
        ({"statistics": ["log(x[i])"], "support": "simplex(K)"}, "eta1 > -1; eta2 > -1"),
        ({"statistics": ["log(x[i])"], "support": "simplex(3)", "base": "1/x[i]"}, "eta1 > 0; eta2 > 0"),
        ({"statistics": ["x[i]*x[j]", "log(x[i]) : i<last"], "support": "simplex(3)"}, "eta2 > -1"),
        ({"statistics": ["x[i]"], "support": "counts(K)", "base": "1/factorial(x[i])"}, ""),
        ({"statistics": ["x[i] : i<last"], "support": "counts(K, total=n)"}, ""),
    ],
)
def test_derived_domains(table: dict[str, Any], domain: str) -> None:
    """Against the known domain, at points on both sides of it wherever it has two sides."""
    unit = own(**table).unit
    explicit = unit.at(tuple(2 for _ in unit.groups))
    names = {s.name: s for s in explicit.natural}
    expected = [parse_expression(part, names, comparison=True) for part in domain.split(";") if part]
    seen = set()
    for eta in etas(len(explicit.natural)):
        values = dict(zip(explicit.natural, eta, strict=True))
        inside = all(relation.subs(values) == sp.true for relation in expected)
        assert all(relation.subs(values) == sp.true for relation in explicit.domain) == inside
        seen.add(inside)
    assert seen == ({True, False} if expected else {True})


@pytest.mark.parametrize(
    "table",
    [
        {"statistics": ["x[i]^4", "x[i]*x[j]"], "support": "reals(p)"},
        {"statistics": ["log(x[i])*x[j]"], "support": "simplex(3)"},
        {"statistics": ["exp(exp(x))"], "support": "reals", "base": "exp(-exp(x^2))"},
    ],
)
def test_a_domain_that_is_not_derived_decides_nothing(table: dict[str, Any]) -> None:
    unit = own(**table).unit
    explicit = unit.at(tuple(2 for _ in unit.groups))
    assert explicit.domain == undetermined(explicit.natural)
    values = dict.fromkeys(explicit.natural, sp.Integer(-1))
    assert all(relation.subs(values) not in (sp.true, sp.false) for relation in explicit.domain)


@pytest.mark.parametrize(
    ("table", "log_partition"),
    [
        ({"statistics": ["log(x)", "x"], "support": "positive", "base": "1/x"}, "loggamma(eta1) - eta1*log(-eta2)"),
        ({"statistics": ["x"], "support": "naturals", "base": "1/factorial(x)"}, "exp(eta)"),
        ({"statistics": ["x"], "support": "naturals"}, "-log(1 - exp(eta1))"),
        ({"statistics": ["x"], "support": "{0, 1, 3}"}, "log(1 + exp(eta) + exp(3*eta))"),
        ({"statistics": ["abs(x-3)"], "support": "reals"}, "log(2) - log(-eta)"),
        ({"statistics": ["x"], "support": "interval(-1, 1)"}, "log((exp(eta) - exp(-eta))/eta)"),
        ({"statistics": ["log(x)"], "support": "interval(2, oo)"}, "(eta + 1)*log(2) - log(-eta - 1)"),
        ({"statistics": ["x[i]"], "support": "bits(2)"}, "log(1 + exp(eta1)) + log(1 + exp(eta2))"),
    ],
)
def test_a_stated_log_partition_is_checked(table: dict[str, Any], log_partition: str) -> None:
    family = own(**table, log_partition=log_partition)
    assert family.unit.at(family.unit.groups).log_partition is not None  # type: ignore[arg-type]
    for wrong in (f"{log_partition} + 1/10^7", f"-({log_partition})", "1/(eta1 - eta1^2)"):
        with pytest.raises(MisuseError) as error:
            own(**table, log_partition=wrong)
        message = str(error.value)
        assert wrong in message and "eta1 = " in message and len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("changes", "named_piece"),
    [
        ({"statistics": ["log(x)"]}, "'log(x)' at x = -20"),
        ({"statistics": ["1/(x-5)"], "base": "exp(-x^2)"}, "'1/(x-5)' at x = 5"),
        ({"statistics": ["log((x-1/7)^2)"], "base": "exp(-x^2)"}, "x = 1/7"),
        ({"statistics": ["sqrt(x^2-2)"], "base": "exp(-x^2)"}, "x = "),
        ({"statistics": ["log(x)"], "support": "naturals"}, "x = 0"),
        ({"statistics": ["1/(x-9)"], "support": "naturals"}, "x = 9"),
        ({"statistics": ["log(x-1/2)"], "support": "unit"}, "x = "),
        ({"statistics": ["x"]}, "integrable"),
        ({"statistics": ["x^3"]}, "integrable"),
        ({"statistics": ["x^2"], "base": "exp(x^4)"}, "exp(x**4)"),
        ({"statistics": ["log(x)"], "support": "positive"}, "integrable"),
        ({"statistics": ["x"], "support": "naturals", "base": "factorial(x)"}, "integrable"),
        ({"statistics": ["x[i]"], "support": "reals(p)"}, "integrable"),
        ({"statistics": ["x[i]*x[j]"], "support": "reals(p)"}, "integrable"),
        ({"statistics": ["x[i]"], "support": "simplex(K)", "base": "1/x[i]"}, "integrable"),
        ({"base": "x"}, "'x' at x = -20"),
        ({"base": "x^2"}, "'x^2' at x = 0"),
        ({"base": "-1"}, "'-1'"),
        ({"base": "0"}, "'0'"),
        ({"base": "y"}, "'y'"),
        ({"base": "x.real"}, ".real"),
        ({"statistics": ["3"]}, "'3'"),
        ({"statistics": ["x-x"]}, "'x-x'"),
        ({"statistics": ["x^2-x"], "support": "integers(0, 1)"}, "'x^2-x'"),
        ({"statistics": ["sin(x)^2+cos(x)^2"], "support": "circle"}, "constant"),
        ({"statistics": ["x"], "support": "circle"}, "period"),
        ({"statistics": ["cos(x/2)"], "support": "circle"}, "'cos(x/2)'"),
        ({"statistics": ["cos(x)"], "support": "circle", "base": "exp(x)"}, "'exp(x)'"),
        ({"statistics": ["y"]}, "'y'"),
        ({"statistics": ["eta1"]}, "'eta1'"),
        ({"statistics": ["x[i]"]}, "x[i]"),
        ({"statistics": ["x : i"]}, "'x : i'"),
        ({"statistics": "x"}, "'x'"),
        ({"statistics": []}, "[]"),
        ({"statistics": [None]}, "None"),
        ({"statistics": ["x"] * 21}, "21 statistics"),
        ({"statistics": ["9**9**9*x"]}, "9**9**9"),
        ({"statistics": ["x"], "support": "bits(4)"}, "'x'"),
        ({"statistics": ["x[i]*x[j] : across"], "support": "bits(4)"}, "across"),
        ({"statistics": ["x[i]*x[j] : i"], "support": "bits(4)"}, "x[i]*x[j] : i"),
        ({"statistics": ["x[i] : i<j"], "support": "bits(4)"}, "x[i] : i<j"),
        ({"statistics": ["x[i] : k"], "support": "bits(4)"}, "'k'"),
        ({"statistics": ["x[i] :"], "support": "bits(4)"}, "''"),
        ({"statistics": ["x[i]*x[j]"], "support": "bits(1)"}, "x[i]*x[j]"),
        ({"statistics": ["x[i]*x[j]"], "support": "onehot(3)"}, "constant"),
        ({"statistics": ["log(x[i])"], "support": "counts(K)"}, "= 0"),
        ({"support": "real"}, "'real'"),
        ({"support": None}, "None"),
        ({"support": "reels(3)"}, "'reels'"),
        ({"support": "interval(2, 1)"}, "interval(2, 1)"),
        ({"support": "interval(1, 1)"}, "interval(1, 1)"),
        ({"support": "interval(a, 1)"}, "'a'"),
        ({"support": "interval(0)"}, "'interval'"),
        ({"support": "integers(0.5, 2)"}, "integers(0.5, 2)"),
        ({"support": "integers(-oo, 2)"}, "integers(-oo, 2)"),
        ({"support": "{1, 1}"}, "{1, 1}"),
        ({"support": "{0, pi}"}, "pi"),
        ({"support": "{0, x}"}, "'x'"),
        ({"support": "{}"}, "'{}'"),
        ({"support": "bits(0)"}, "got 0"),
        ({"support": "bits(1+2+3)"}, "bits(1+2+3)"),
        ({"support": "onehot(1)"}, "got 1"),
        ({"support": "simplex(2+2)"}, "simplex(2+2)"),
        ({"support": "counts(3, totl=2)"}, "totl"),
        ({"support": "counts(3, total=0)"}, "got 0"),
        ({"support": "__import__('os').system('x')"}, ".system"),
        ({"dim": 0}, "got 0"),
        ({"dim": -1}, "got -1"),
        ({"dim": 1.5}, "1.5"),
        ({"dim": True}, "True"),
        ({"name": ""}, "''"),
        ({"name": "a\x1b[31m"}, "x1b"),
        ({"name": 3}, "3"),
        ({"log_partition": "eta3"}, "'eta3'"),
        ({"log_partition": "x"}, "'x'"),
        ({"statistics": ["x[i]"], "support": "bits(n)", "log_partition": "eta1"}, "'eta1'"),
        ({"statistics": ["x[i]^2"], "support": "reals(2)", "log_partition": "eta1"}, "'eta1'"),
    ],
)
def test_bad_own_families(changes: dict[str, Any], named_piece: str) -> None:
    good: dict[str, Any] = {"statistics": ["x", "x^2"], "support": "reals"}
    assert own(**good)  # the control: without the change it is accepted
    with pytest.raises(MisuseError) as error:
        own(**{**good, **changes})
    message = str(error.value)
    assert named_piece in message and len(message.splitlines()) == 1 and "\x1b" not in message


# --- shipped families, stated as own ones ---------------------------------------------------------------------------

SHIPPED = (
    "bernoulli(2)", "beta(2)", "binomial(2, trials=3)", "boltzmann(1+2)", "categorical(3)", "categorical(K, copies=2)",
    "dirichlet(3)", "exponential(2)", "gamma(2)", "gamma(2, shape=3/2)", "geometric(2)", "inverse_gamma(2)",
    "laplace(2, location=1/3)", "log_normal(2)", "multinomial(3)", "multinomial(3, trials=2)", "mvn(2)", "mvn(p)",
    "negative_binomial(2, size=3)", "normal(k)", "normal(2, variance=3/2)", "pareto(2, scale=2)", "poisson(2)",
    "von_mises(2)", "weibull(2, shape=3/2)",
)  # fmt: skip


def small(family: Family) -> tuple[int, ...]:
    return tuple(group if isinstance(group, int) else 2 for group in family.unit.groups)


def test_every_shipped_family_is_rewritten() -> None:
    assert {text.partition("(")[0] for text in SHIPPED} == set(NAMES)


@pytest.mark.parametrize("text", SHIPPED)
def test_rewriting_keeps_the_five_facts(text: str, tmp_path: Path) -> None:
    """Statistics, base, support are equal; domain and log-partition agree at points inside and outside the domain."""
    shipped = parse_family(text)
    table = rewrite(shipped)
    path = tmp_path / "model.toml"
    path.write_text(f'decoder = "bernoulli(2)"\nprior = "free"\n[encoder]\n{toml(table)}\n', "utf-8")
    rewritten = load(path).encoder
    assert rewritten.name == "zorp" and rewritten.copies == shipped.copies
    assert rewritten.unit.groups == shipped.unit.groups
    one, two = shipped.unit.at(small(shipped)), rewritten.unit.at(small(shipped))
    assert (two.statistics, two.support, two.variables) == (one.statistics, one.support, one.variables)
    assert sp.simplify(two.base / one.base) == 1
    inside = 0
    for eta in etas(len(one.natural)):
        values = dict(zip(one.natural, eta, strict=True))
        holds = [all(r.subs(values) == sp.true for r in unit.domain) for unit in (one, two)]
        assert holds[0] == holds[1]
        if holds[0] and one.log_partition is not None and two.log_partition is not None:
            gap = (two.log_partition - one.log_partition).subs(values).evalf(30)
            assert abs(gap) < 1e-20
        inside += holds[0]
    assert inside


def etas(count: int) -> list[tuple[sp.Rational, ...]]:
    """Rational natural parameters: a spread, one that decays in every statistic, one that grows, one that mixes."""
    numbers = [[(7 * i * i + 5 * i * j + 3 * j * j + i) % 17 - 8 for i in range(count)] for j in range(40)]
    spread = [tuple(sp.Rational(n, 3) + sp.Rational(1, 7) for n in row) for row in numbers]
    decaying = [sp.Rational(-1, 3 + i) for i in range(count)]
    mixed = [sp.Rational(-9 if 2 * i >= count else 1, 2 + i) for i in range(count)]
    return [*spread, tuple(decaying), tuple(-e for e in decaying), tuple(mixed)]


def test_a_changed_base_is_seen() -> None:
    """The control of the rewriting test: another base measure is another family."""
    table = {**rewrite(parse_family("poisson(2)")), "base": "1"}
    changed, poisson = own(**table).unit.at(), parse_family("poisson(2)").unit.at()
    assert sp.simplify(changed.base / poisson.base) != 1
    assert changed.domain != poisson.domain


def test_rewriting_needs_numbers() -> None:
    with pytest.raises(ValueError, match="s2"):
        rewrite(parse_family("normal(2, variance=s2)"))
