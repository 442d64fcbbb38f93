"""Specifications: one-line notation, TOML, named models; every bad input is one line that names what came."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import sympy as sp

from eftheory.errors import MisuseError
from eftheory.expression import SUM
from eftheory.families.base import Family, X
from eftheory.families.own_support import parse_support
from eftheory.spec import (
    Inputs,
    Prior,
    Specification,
    load,
    named,
    named_models,
    parse_family,
    parse_inputs,
    specification,
)

GOOD = {"decoder": "bernoulli(4)", "encoder": "normal(3)", "prior": "normal(3, mean=0, variance=1)"}


def one_line(error: pytest.ExceptionInfo[MisuseError]) -> str:
    message = str(error.value)
    assert len(message.splitlines()) == 1 and len(message) < 1200
    return message


# --- families in one line -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("bernoulli(784)", "bernoulli(784)"),
        (" normal( 20 ) ", "normal(20)"),
        ("normal(20, variance=1)", "normal(20, variance=1)"),
        ("normal(20, variance=0.5)", "normal(20, variance=1/2)"),
        ("normal(d, variance=s2)", "normal(d, variance=s2)"),
        ("normal(2, mean=0, variance=1)", "normal(2, mean=0, variance=1)"),
        ("mvn(3, mean=0, covariance=identity)", "mvn(3, mean=0, covariance=identity)"),
        ("mvn(2, mean=[0, 1], covariance=[[2, 1], [1, 2]])", "mvn(2, mean=[0, 1], covariance=[[2, 1], [1, 2]])"),
        ("categorical(4, probs=[1/4,1/4,1/4,1/4])", "categorical(4, probs=[1/4, 1/4, 1/4, 1/4])"),
        ("categorical(k, probs=1/k)", "categorical(k, probs=1/k)"),
        ("categorical(4, copies=3)", "categorical(4, copies=3)"),
        ("multinomial(10000)", "multinomial(10000)"),
        ("multinomial(10000, trials=n)", "multinomial(10000, trials=n)"),
        ("boltzmann(4+4)", "boltzmann(4+4)"),
        ("boltzmann(k1 + k2)", "boltzmann(k1+k2)"),
        ("gamma(1, shape=2)", "gamma(1, shape=2)"),
        ("Normal", "normal(d)"),
        ("Normal(7)", "normal(7)"),
        ("torch.distributions.Normal", "normal(d)"),
        ("torch.distributions.MultivariateNormal", "mvn(d)"),
        ("torch.distributions.multivariate_normal.MultivariateNormal(3)", "mvn(3)"),
    ],
)
def test_notation(text: str, canonical: str) -> None:
    family = parse_family(text)
    assert isinstance(family, Family) and str(family) == canonical
    assert str(parse_family(canonical)) == canonical


def test_a_family_and_a_torch_class_are_accepted() -> None:
    family = parse_family("normal(3)")
    assert parse_family(family) is family
    assert str(parse_family(type("Poisson", (), {}))) == "poisson(d)"


def test_symbols_get_what_their_place_demands() -> None:
    family = parse_family("normal(d, variance=s2)")
    assert family.copies.is_integer and family.copies.is_positive  # type: ignore[union-attr]
    assert family.arguments["variance"].is_positive and not family.arguments["variance"].is_integer
    assert parse_family("laplace(d, location=m)").arguments["location"].is_positive is None


@pytest.mark.parametrize(
    ("text", "named_piece"),
    [
        ("bernouli(3)", "did you mean 'bernoulli'?"),
        ("nromal(3)", "did you mean 'normal'?"),
        ("bernoulli", "bernoulli(8)"),
        ("boltzmann", "boltzmann(4+4)"),
        ("bernoulli()", "none"),
        ("bernoulli(0)", "got 0"),
        ("bernoulli(-3)", "got -3"),
        ("bernoulli(2.5)", "5/2"),
        ("bernoulli(1/2)", "1/2"),
        ("bernoulli(3, 4)", "bernoulli(3, 4)"),
        ("bernoulli(3+4)", "2 (3, 4)"),
        ("bernoulli(k-1)", "k - 1"),
        ("bernoulli([3])", "[3]"),
        ("bernoulli('3')", "'3'"),
        ("bernoulli(True)", "True"),
        ("bernoulli(d=3)", "none"),
        ("boltzmann(4)", "1 (4)"),
        ("boltzmann(1+2+3)", "3 (1, 2, 3)"),
        ("boltzmann(0+2)", "got 0"),
        ("categorical(1)", "got 1"),
        ("normal(3, varience=1)", "did you mean 'variance'?"),
        ("normal(3, variance=0)", "got 0"),
        ("normal(3, variance=-1)", "got -1"),
        ("normal(3, variance=1, variance=2)", "variance=2"),
        ("normal(3, mean=0)", "add variance"),
        ("normal(3, mean=identity, variance=1)", "identity"),
        ("normal(3, variance=1/0)", "1/0"),
        ("binomial(3)", "trials"),
        ("binomial(3, trials=0)", "got 0"),
        ("binomial(3, trials=1.5)", "3/2"),
        ("bernoulli(8, probs=0)", "got 0"),
        ("bernoulli(8, probs=1)", "got 1"),
        ("bernoulli(8, probs=1.5)", "3/2"),
        ("bernoulli(8, probs=-1/2)", "-1/2"),
        ("categorical(4, probs=[1/2, 1/2])", "got 2"),
        ("categorical(2, probs=[1/2, 1/3])", "5/6"),
        ("mvn(2, mean=0, covariance=[[1, 2], [2, 1]])", "2"),
        ("mvn(2, mean=0, covariance=[[1, 0]])", "1"),
        ("normal(x)", "'x'"),
        ("normal(2, variance=eta)", "'eta'"),
        ("normal(pi)", "pi"),
        ("normal(9**9**9)", "9**9**9"),
        ("normal(2, variance=9**9**9)", "9**9**9"),
        ("normal(" + "1" * 10**6 + ")", "1000008 characters"),
        ("__import__('os').system('x')", ".system"),
        ("normal(__import__('os'))", "__import__"),
        ("normal(3).unit", ".unit"),
        ("lambda: normal(3)", "lambda"),
        ("normal(3", "normal(3"),
        ("3", "'3'"),
        ("", "''"),
        ("Multinomial", "multinomial(K, trials=n)"),
        ("Laplace", "location"),
        ("Cauchy", "'Cauchy'"),
        (type("Cauchy", (), {}), "Cauchy"),
        (None, "None"),
        (3, "3"),
        (["normal(3)"], "normal(3)"),
    ],
)
def test_bad_families(text: object, named_piece: str) -> None:
    with pytest.raises(MisuseError) as error:
        parse_family(text)
    assert named_piece in one_line(error)


# --- whole specifications -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, "fixed"),
        ({"prior": "free"}, "free"),
        ({"prior": "same"}, "same"),
        ({"prior": "normal(3)"}, "learned"),
        ({"prior": "normal(3, variance=1)"}, "learned"),
        ({"prior": "Normal"}, "learned"),
        ({"prior": "mvn(3, mean=0, covariance=identity)"}, "fixed"),
        ({"encoder": "beta(3)", "prior": "uniform"}, "uniform"),
        ({"encoder": "von_mises(3)", "prior": "uniform"}, "uniform"),
        ({"encoder": "binomial(3, trials=n)", "prior": "uniform"}, "uniform"),
        ({"encoder": "binomial(3, trials=1)", "prior": "bernoulli(3, probs=1/3)"}, "fixed"),
        ({"encoder": "boltzmann(2+k)", "prior": "bernoulli(m, probs=1/2)"}, None),
        ({"encoder": "boltzmann(2+2)", "prior": "bernoulli(4, probs=1/2)"}, "fixed"),
        ({"encoder": "gamma(2)", "prior": "log_normal(2)"}, "learned"),
    ],
)
def test_priors(changes: dict[str, str], kind: str | None) -> None:
    if kind is None:
        with pytest.raises(MisuseError, match="components"):
            specification(**{**GOOD, **changes})
        return
    spec = specification(**{**GOOD, **changes})
    assert spec.prior.kind == kind
    assert (spec.prior.family is None) == (kind in ("free", "uniform"))
    again = specification(**spec.strings())
    assert again.strings() == spec.strings() and again.prior.kind == kind


def test_a_prior_and_inputs_in_parsed_form_are_accepted() -> None:
    spec = specification(**{**GOOD, "prior": Prior("same"), "inputs": Inputs("x", "x", X)})
    assert spec.prior.kind == "same" and spec.prior.family is spec.encoder and spec.inputs.kind == "x"


@pytest.mark.parametrize(
    ("text", "kind", "expr"),
    [
        ("x", "x", X),
        ("1*x", "x", X),
        ("frequencies", "frequencies", X / SUM(X)),
        ("x/sum(x)", "frequencies", X / SUM(X)),
        ("x^2", "expression", X**2),
        ("abs(x)", "expression", sp.Abs(X)),
        ("sum(x)", "expression", SUM(X)),
        ("x/sqrt(sum(x^2))", "expression", X / sp.sqrt(SUM(X**2))),
        ("log(1 + x)", "expression", sp.log(1 + X)),
    ],
)
def test_inputs(text: str, kind: str, expr: sp.Expr) -> None:
    inputs = parse_inputs(text, parse_family("multinomial(5)"))
    assert (inputs.kind, inputs.expr) == (kind, expr)


def test_shares_of_real_numbers_are_an_expression() -> None:
    assert parse_inputs("x/sum(x)", parse_family("gamma(3)")).kind == "expression"


@pytest.mark.parametrize(
    ("changes", "named_piece"),
    [
        ({"prior": "bernoulli(3, probs=1/2)"}, "bernoulli(3, probs=1/2)"),
        ({"prior": "gamma(3)"}, "gamma(3)"),
        ({"prior": "normal(2, mean=0, variance=1)"}, "2 components"),
        ({"prior": "normal(k)"}, "k components"),
        ({"prior": "mvn(2)"}, "mvn(2)"),
        ({"prior": "uniform"}, "uniform on interval(-oo, oo)"),
        ({"encoder": "poisson(3)", "prior": "uniform"}, "uniform on integers(0, oo)"),
        ({"encoder": "poisson(3)", "prior": "normal(3)"}, "normal(3)"),
        ({"encoder": "categorical(4)", "prior": "bernoulli(4, probs=1/2)"}, "bernoulli(4, probs=1/2)"),
        ({"encoder": "categorical(4)", "prior": "categorical(3)"}, "categorical(3)"),
        ({"encoder": "categorical(4)", "prior": "categorical(4, copies=2)"}, "2 components"),
        ({"encoder": "binomial(3, trials=2)", "prior": "binomial(3, trials=3)"}, "trials=3"),
        ({"prior": "fre"}, "did you mean 'free'?"),
        ({"prior": "Free"}, "did you mean 'free'?"),
        ({"prior": "normal(3, mean=0)"}, "add variance"),
        ({"prior": None}, "None"),
        ({"prior": ""}, "''"),
        ({"decoder": "bernoulli(4, probs=1/2)"}, "decoder"),
        ({"encoder": "normal(3, mean=0, variance=1)"}, "encoder"),
        ({"decoder": "normal(k)", "encoder": "normal(3, variance=k)"}, "k twice"),
        ({"inputs": "frequncies"}, "did you mean 'frequencies'?"),
        ({"decoder": "normal(3)", "inputs": "frequencies"}, "normal(3)"),
        ({"decoder": "dirichlet(3)", "inputs": "frequencies"}, "dirichlet(3)"),
        ({"inputs": "log(x)"}, "x = 0"),
        ({"decoder": "normal(3)", "inputs": "sqrt(x)"}, "x = -20"),
        ({"inputs": "2"}, "'2'"),
        ({"inputs": "y"}, "'y'"),
        ({"inputs": "x.T"}, ".T"),
        ({"inputs": "x[0]"}, "x[0]"),
        ({"inputs": ""}, "''"),
        ({"inputs": 7}, "7"),
        ({"inputs": "__import__('os').system('x')"}, ".system"),
    ],
)
def test_bad_specifications(changes: dict[str, object], named_piece: str) -> None:
    assert isinstance(specification(**GOOD), Specification)  # the control: without the change it is accepted
    with pytest.raises(MisuseError) as error:
        specification(**{**GOOD, **changes})
    assert named_piece in one_line(error)


# --- named models ---------------------------------------------------------------------------------------------------


def test_every_named_model_loads_with_its_source() -> None:
    models = named_models()
    assert len({name for name, _, _ in models}) == len(models) == 11
    for name, strings, source in models:
        spec = named(name)
        assert spec.strings() == strings and spec.name == name
        assert any(character.isdigit() for character in source)


def test_named_models_take_another_prior_or_inputs() -> None:
    assert named("bernoulli-vae", prior="free").prior.kind == "free"
    assert (
        named("semantic-hashing-counts", inputs="frequencies").strings()
        == named("semantic-hashing-frequencies").strings()
    )
    with pytest.raises(MisuseError, match="did you mean 'gaussian-vae'"):
        named("gausian-vae")
    with pytest.raises(MisuseError, match="uniform on"):
        named("gaussian-vae", prior="uniform")


# --- TOML -----------------------------------------------------------------------------------------------------------

OWN = """
name = "my model"
inputs = "x"
prior = "free"
[decoder]
family = "bernoulli(4)"
[encoder]
name = "mine"
statistics = ["log(x)", "x"]
support = "positive"
base = "1/x"
dim = 3
log_partition = "loggamma(eta1) - eta1*log(-eta2)"
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "model.toml"
    path.write_text(text, "utf-8")
    return path


def test_toml(tmp_path: Path) -> None:
    spec = load(write(tmp_path, OWN))
    assert spec.strings() == {"decoder": "bernoulli(4)", "encoder": "mine", "prior": "free", "inputs": "x"}
    assert spec.name == "my model" and spec.encoder.copies == 3
    x = spec.encoder.unit.at().variables[0]
    assert spec.encoder.unit.at().statistics == (sp.log(x), x)


def test_toml_as_one_line_texts_and_symbolic_dim(tmp_path: Path) -> None:
    text = 'decoder = "bernoulli(d)"\nprior = "same"\n[encoder]\nstatistics = ["x"]\nsupport = "{0, 1}"\ndim = "k"\n'
    spec = load(write(tmp_path, text))
    assert str(spec.encoder.copies) == "k" and spec.prior.kind == "same" and spec.inputs.kind == "x"


@pytest.mark.parametrize(
    ("old", "new", "named_piece"),
    [
        ("dim = 3", "dim = = 3", "line 12"),
        ("[encoder]", "[encoder", "line 7"),
        ('name = "mine"', 'name = "mine', "line 8"),
        ("dim = 3", "dim = 0", "got 0 in [encoder] of model.toml"),
        ("dim = 3", "dim = -2", "-2"),
        ("dim = 3", "dim = 1.5", "1.5"),
        ("dim = 3", "dim = [3]", "[3]"),
        ("dim = 3", 'dim = "2*k"', "2*k"),
        ("dim = 3", "dims = 3", "did you mean 'dim'?"),
        ('inputs = "x"', 'input = "x"', "did you mean 'inputs'?"),
        ('inputs = "x"', "inputs = 3", "3"),
        ('name = "my model"', "name = 3", "3"),
        ('prior = "free"', "", "prior"),
        ('prior = "free"', "prior = 3", "3"),
        ('prior = "free"', 'prior = ["free"]', "free"),
        ('prior = "free"', 'prior = "normal(3)"', "normal(3)"),
        ('family = "bernoulli(4)"', 'family = "bernouli(4)"', "did you mean 'bernoulli'?"),
        ('family = "bernoulli(4)"', "family = 4", "4"),
        ('family = "bernoulli(4)"', "", "statistics"),
        ('family = "bernoulli(4)"', 'family = "bernoulli(4)"\nbase = "1"', "family and base"),
        ('family = "bernoulli(4)"', 'statistics = ["x"]', "support"),
        ('statistics = ["log(x)", "x"]', 'statistics = "log(x)"', "log(x)"),
        ('statistics = ["log(x)", "x"]', "statistics = []", "[]"),
        ('statistics = ["log(x)", "x"]', "statistics = [1, 2]", "[1, 2]"),
        ('statistics = ["log(x)", "x"]', 'statistics = ["log(y)", "x"]', "'y'"),
        ('statistics = ["log(x)", "x"]', 'statistics = ["1"]', "'1'"),
        ('statistics = ["log(x)", "x"]', "statistics = [\"__import__('os').system('x')\"]", ".system"),
        ('support = "positive"', 'support = "postive"', "postive"),
        ('support = "positive"', 'support = "reals"', "x = -20"),
        ('support = "positive"', "support = 3", "3"),
        ('base = "1/x"', 'base = "-1/x"', "-1/x"),
        ('base = "1/x"', "base = 1", "int"),
        ('base = "1/x"', 'base = "exp(x^2)"', "integrable"),
        ('eta1*log(-eta2)"', 'eta1*log(-eta2) + 1/1000000"', "eta1 ="),
        ('eta1*log(-eta2)"', 'eta1*log(-eta3)"', "did you mean 'eta2'?"),
        ('name = "mine"', 'name = ""', "''"),
    ],
)
def test_bad_toml(tmp_path: Path, old: str, new: str, named_piece: str) -> None:
    assert old in OWN
    with pytest.raises(MisuseError) as error:
        load(write(tmp_path, OWN.replace(old, new)))
    assert named_piece in one_line(error)


def test_prior_and_inputs_override_the_file(tmp_path: Path) -> None:
    spec = load(write(tmp_path, OWN), prior="same", inputs="2*x")
    assert spec.prior.kind == "same" and spec.inputs.kind == "expression"
    without = OWN.replace('prior = "free"', "").replace('inputs = "x"', "inputs = 3")
    assert load(write(tmp_path, without), prior="free", inputs="x").prior.kind == "free"
    with pytest.raises(MisuseError, match="a family"):
        load(write(tmp_path, OWN), prior=3)


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "bom.toml").write_bytes(b"\xef\xbb\xbf" + OWN.encode())
    assert load(tmp_path / "bom.toml").name == "my model"


@pytest.mark.parametrize(
    ("call", "piece"),
    [
        (lambda: specification(decoder="bernoulli(2)", encoder="bernoulli(2)", prior="FREE"), "did you mean 'free'?"),
        (lambda: parse_family("gaussian(3)"), "did you mean 'normal'?"),
        (lambda: parse_family("Gaussian"), "did you mean 'normal'?"),
        (lambda: specification(decoder="normal(2)", encoder="normal(2)", prior="gaussian"), "did you mean 'normal'?"),
        (lambda: parse_support("real"), "did you mean 'reals'?"),
        (
            lambda: specification(decoder="poisson(2)", encoder="normal(2)", prior="free", inputs="frequency"),
            "wanted known inputs; got 'frequency'",
        ),
    ],
)
def test_suggestions(call: Callable[[], object], piece: str) -> None:
    with pytest.raises(MisuseError) as error:
        call()
    assert piece in one_line(error)


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    for path in (Path(os.devnull), tmp_path / "pipe.toml", tmp_path):
        with pytest.raises(MisuseError, match="wanted a regular file"):
            load(path)
    (tmp_path / "deep.toml").write_text("a = " + "[" * 5000)
    with pytest.raises(MisuseError, match="nested too deeply"):
        load(tmp_path / "deep.toml")
    (tmp_path / "large.toml").write_text("# " + "x" * 10**6)
    with pytest.raises(MisuseError, match=r"^wanted a specification of at most 1 MB; got large\.toml; [^;]*$"):
        load(tmp_path / "large.toml")


def test_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    (tmp_path / "deep.toml").write_text("a = " + "[" * 5000)
    (tmp_path / "large.toml").write_text("# " + "x" * 10**6)
    for name in ("absent.toml", "latin.toml", "deep.toml", "large.toml", "."):
        with pytest.raises(MisuseError) as error:
            load(tmp_path / name)
        assert one_line(error)


@pytest.mark.parametrize(
    "text", ["bernoulli(nan)", "bernoulli(inf)", "normal(2, variance=oo)", "normal(2, variance=NaN)"]
)
def test_words_that_read_like_numbers_are_no_symbols(text: str) -> None:
    with pytest.raises(MisuseError, match="finite number"):
        parse_family(text)
