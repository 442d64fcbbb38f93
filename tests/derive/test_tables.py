"""Every row of the tables of theory section 2 and every named model: the verdict and the stated conditions."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from questions import ask, conditions, dimension, usable

from eftheory.check import check_specification
from eftheory.spec import named, named_models
from eftheory.verdict import Status


@dataclass(frozen=True, kw_only=True)
class Row:
    """wants: a text of the conditions each; lacks: texts that no condition may contain; dim: the dimension."""

    question: str
    verdict: str
    wants: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    dim: str | None = None
    latents: str | None = None

    def __str__(self) -> str:
        return self.question


def row(question: str, verdict: str, *wants: str, lacks: tuple[str, ...] = (), dim: str | None = None,
        latents: str | None = None) -> Row:  # fmt: skip
    return Row(question=question, verdict=verdict, wants=wants, lacks=lacks, dim=dim, latents=latents)


# Theory section 2 (b): the admissible set, that is, under a free prior.
DOMAIN = [
    row("normal(3, variance=1) | normal(2) | free", "consistent",
        "W[x, z**2] = 0", "v[z**2] < 0", "positive definite", dim="13", latents="2"),
    row("normal(1) | normal(1) | free", "consistent", "W[x, z]**2 < 4 u[x**2] v[z**2]",
        "4 W[x**2, z**2] v[z**2] > W[x, z**2]**2",
        "4 W[x**2, z**2] u[x**2] > W[x**2, z]**2", lacks=("positive definite",), dim="8"),
    row("bernoulli(3) | bernoulli(2) | free", "consistent", lacks=("W[",), dim="11", latents="2"),
    row("bernoulli(3) | normal(2) | free", "consistent", "v[z**2] + sum max(0, W[x, z**2]) < 0", dim="19", latents="2"),
    row("poisson(1) | poisson(1) | free", "consistent", "W[x, z] <= 0", dim="3"),
    row("exponential(1) | exponential(1) | free", "consistent", "W[x, z] <= 0", "v[z] ", "u[x] ", dim="3"),
    row("poisson(1) | normal(1, variance=1) | free", "collapsed", "W[x, z] = 0", dim="2", latents="0"),
    row("poisson(1) | normal(1) | free", "consistent", "W[x, z**2] <= 0", dim="5"),
    row("multinomial(4, trials=3) | bernoulli(2) | free", "consistent", lacks=("W[",), dim="11", latents="2"),
    row("von_mises(1) | von_mises(1) | free", "consistent", lacks=("W[",), dim="8", latents="1"),
]  # fmt: skip

# Theory section 2 (c): with a prior.
PRIOR = [
    row("normal(d, variance=s2) | normal(k) | normal(k, mean=0, variance=1)", "constrained", "W'W is diagonal",
        "W[x, z**2] = 0"),
    row("normal(d, variance=s2) | mvn(k) | mvn(k, mean=0, covariance=identity)", "consistent", dim="d*k + d",
        latents="k", lacks=("W'W",)),
    row("bernoulli(3) | normal(2) | normal(2, mean=0, variance=1)", "collapsed", "W = 0", dim="3", latents="0"),
    row("bernoulli(3) | normal(2, variance=1) | normal(2, mean=0, variance=1)", "collapsed", "W = 0", dim="3"),
    row("bernoulli(3) | normal(2, variance=2) | normal(2, mean=0, variance=1)", "empty", dim="0", latents="0"),
    row("bernoulli(3) | normal(2, variance=1/2) | normal(2, mean=0, variance=1)", "empty", dim="0", latents="0"),
    row("normal(3, variance=1) | normal(2, variance=1/2) | normal(2, mean=0, variance=1)", "constrained",
        "W'W = I", latents="2"),
    row("normal(3, variance=1) | normal(2, variance=1/3) | normal(2, mean=0, variance=1)", "constrained",
        "W'W = 2 I", latents="2"),
    row("normal(3, variance=1) | normal(2, variance=1) | normal(2, mean=0, variance=1)", "collapsed", "W = 0"),
    row("normal(3, variance=1) | normal(2, variance=2) | normal(2, mean=0, variance=1)", "empty"),
    row("normal(1, variance=1) | normal(2, variance=1/2) | normal(2, mean=0, variance=1)", "empty"),
    row("bernoulli(3) | bernoulli(2) | uniform", "constrained"),
    row("bernoulli(3) | bernoulli(1) | uniform", "consistent", dim="6", latents="1"),
    row("bernoulli(3) | binomial(1, trials=2) | same", "collapsed", "W = 0", latents="0"),
    row("bernoulli(3) | binomial(2, trials=5) | same", "collapsed", "W = 0", latents="0"),
    row("bernoulli(1) | binomial(1, trials=2) | uniform", "constrained"),
    row("normal(1, variance=1) | binomial(1, trials=2) | uniform", "constrained"),  # w^2 = 2 log 2
    row("normal(3, variance=s2) | bernoulli(2) | uniform", "constrained", "W'W is diagonal", latents="2"),
    row("normal(3, variance=s2) | categorical(4) | uniform", "consistent", dim="12", latents="1"),
    row("normal(3, variance=s2) | categorical(4) | same", "consistent", dim="15", latents="1"),
    row("normal(3, variance=1) | categorical(3) | categorical(3, probs=1/3)", "consistent", dim="9"),
    row("poisson(3) | normal(2) | normal(2, mean=0, variance=1)", "collapsed", "W = 0", dim="3", latents="0"),
    row("poisson(1) | gamma(1) | same", "constrained", "W[x, log(z)] >= 0", "W[x, z] <= 0"),
    row("exponential(1) | gamma(1) | same", "constrained", "W[x, z] <= 0"),
    row("bernoulli(1) | beta(1) | same", "constrained"),
]  # fmt: skip

# Theory section 2, multinomial counts with varying totals, and (d), the encoder's inputs.
NORMALISED = "sum_w exp((W psi(z) + u)_w) = 1"
COUNTS = [
    row("multinomial(4) | bernoulli(1) | free", "consistent", dim="7", latents="1"),
    row("multinomial(4) | bernoulli(1) | uniform", "consistent", dim="6", latents="1"),
    row("multinomial(4) | bernoulli(2) | free", "constrained", NORMALISED),
    row("multinomial(4) | bernoulli(2) | uniform", "constrained", NORMALISED),
    row("multinomial(4) | boltzmann(1+1) | uniform", "consistent"),
    row("multinomial(4) | bernoulli(2) | categorical(4, probs=1/4)", "misuse"),
    row("multinomial(4) | normal(2) | free", "collapsed", NORMALISED, "W = 0", latents="0"),
    row("multinomial(4) | poisson(1) | free", "collapsed", NORMALISED, latents="0"),
    row("multinomial(4) | binomial(1, trials=2) | uniform", "empty"),
    row("multinomial(4, trials=3) | bernoulli(1) | free", "consistent", dim="7", latents="1"),
    row("multinomial(4, trials=3) | bernoulli(2) | uniform", "constrained", lacks=(NORMALISED,)),
]
INPUTS = [
    row("multinomial(4) | bernoulli(2) | uniform | frequencies", "collapsed", "W = 0", dim="3", latents="0"),
    row("multinomial(4) | bernoulli(2) | free | frequencies", "collapsed", "W = 0", dim="5", latents="0"),
    row("multinomial(4) | bernoulli(2) | free | x", "constrained"),
    row("multinomial(4, trials=3) | bernoulli(2) | free | frequencies", "consistent", dim="11"),
    row("poisson(3) | bernoulli(2) | free | frequencies", "collapsed", "W = 0"),
    row("poisson(3) | bernoulli(2) | free | x/sum(x)", "collapsed", "W = 0"),
    row("poisson(3) | bernoulli(2) | free | log(1+x)", "consistent"),
    row("normal(3, variance=1) | bernoulli(2) | free | x**2", "collapsed", "W = 0"),
    row("normal(3) | bernoulli(2) | free | x**2", "constrained"),
    row("bernoulli(2) | bernoulli(1) | free | x - sum(x)/3", "consistent"),
]

# Priors of another family than the encoder's (theory section 2 (c): "stay in their natural domains").
LEARNED = [
    row("poisson(1) | gamma(1) | exponential(1)", "constrained"),
    row("exponential(1) | gamma(1, shape=2) | gamma(1)", "constrained"),
    row("normal(1, variance=1) | normal(1) | laplace(1, location=0)", "empty"),
    row("bernoulli(1) | normal(1) | laplace(1, location=0)", "empty"),
    row("normal(1, variance=1) | laplace(1, location=0) | normal(1)", "empty"),
    row("normal(2, variance=1) | normal(1, variance=1) | normal(1)", "consistent"),
    row("normal(3, variance=1) | normal(3) | mvn(3)", "consistent", dim="18"),
    row("normal(3, variance=1) | bernoulli(2) | boltzmann(1+1)", "consistent", dim="11"),
]

# The right answer, where undecided is honest too.
HONEST = {
    "exponential(1) | exponential(1) | gamma(1)": "collapsed",  # f = -cz needs a prior of shape 0
    "poisson(1) | gamma(1) | inverse_gamma(1)": "empty",  # no inverse gamma lacks its 1/z
    "poisson(1) | gamma(1) | log_normal(1)": "empty",
    "multinomial(4) | bernoulli(2) | boltzmann(1+1)": "constrained",
    "bernoulli(3) | bernoulli(1) | free | x - sum(x)/3": "constrained",  # 000 and 111 look the same
    "normal(3, variance=1) | bernoulli(2) | free | x - sum(x)/3": "constrained",
    "normal(2, variance=1) | bernoulli(2) | free | x - sum(x)/3": "consistent",
    "normal(3, variance=1) | bernoulli(4) | boltzmann(2+2)": "constrained",
    "bernoulli(2) | bernoulli(3) | boltzmann(1+2)": "constrained",
    "normal(3, variance=1) | bernoulli(2) | free | x**3": "consistent",
    "exponential(1) | gamma(1, shape=2) | gamma(1, shape=1, rate=1)": "constrained",
    "normal(1, variance=1) | von_mises(1) | uniform": "collapsed",
    "poisson(3) | dirichlet(3) | same": "constrained",
    "poisson(1) | beta(1) | same": "collapsed",
    "poisson(2) | beta(1) | same": "constrained",  # z + (1 - z) = 1
    "beta(1) | beta(1) | free": "consistent",
    "pareto(1, scale=1) | pareto(1, scale=1) | free": "consistent",
    "dirichlet(3) | dirichlet(3) | free": "consistent",
    "normal(2, variance=1) | binomial(2, trials=2) | uniform": "constrained",
}

MODELS = {
    "gaussian-vae": row("", "constrained", "W'W is diagonal", "W[x, z**2] = 0"),
    "gaussian-vae-full-covariance": row("", "consistent", dim="d*k + d", latents="k"),
    "gaussian-vae-predicted-variance": row("", "constrained", "W[., z**2] = 0", "is diagonal"),
    "binary-gaussian-vae": row("", "collapsed", "W = 0", dim="d", latents="0"),
    "poisson-gaussian-vae": row("", "collapsed", "W = 0", dim="d", latents="0"),
    "bernoulli-vae": row("", "constrained"),
    "bernoulli-mrf-vae": row("", "constrained"),
    "semantic-hashing-counts": row("", "constrained", NORMALISED),
    "semantic-hashing-frequencies": row("", "collapsed", "W = 0", dim="K - 1", latents="0"),
    "gaussian-mixture-bits": row("", "constrained", "W'W is diagonal", dim="5", latents="2"),
    "gaussian-mixture-onehot": row("", "consistent", dim="8", latents="1"),
}


def meets(answer, expected: Row) -> None:  # type: ignore[no-untyped-def]
    shown = conditions(answer)
    assert answer.verdict == expected.verdict, [c.reason for c in answer.clauses]
    assert answer.status is Status.PROVED
    for text in expected.wants:
        assert any(text in condition for condition in shown), f"{text!r} not in {shown}"
    for text in expected.lacks:
        assert not any(text in condition for condition in shown), f"{text!r} in {shown}"
    if expected.dim is not None:
        assert dimension(answer) == expected.dim
    if expected.latents is not None:
        assert usable(answer) == expected.latents


@pytest.mark.parametrize("expected", [*DOMAIN, *PRIOR, *COUNTS, *INPUTS, *LEARNED], ids=str)
def test_row(expected: Row) -> None:
    if expected.verdict == "misuse":
        from eftheory.errors import MisuseError

        with pytest.raises(MisuseError):
            ask(expected.question)
        return
    meets(ask(expected.question), expected)


@pytest.mark.parametrize("question", HONEST)
def test_never_a_wrong_verdict(question: str) -> None:
    assert ask(question).verdict in (HONEST[question], "undecided")


def test_the_named_models_are_those_of_the_table() -> None:
    assert {name for name, _, _ in named_models()} == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_named_model(name: str) -> None:
    meets(check_specification(named(name)), MODELS[name])


@pytest.mark.parametrize("name", ["gaussian-vae", "bernoulli-vae", "semantic-hashing-counts", "binary-gaussian-vae"])
def test_constrained_and_collapsed_models_show_a_witness(name: str) -> None:
    witness = check_specification(named(name)).witness
    assert witness is not None
    assert float(witness.lower) > 0 or float(witness.upper) < 0


@pytest.mark.parametrize("name", ["gaussian-vae-full-covariance", "gaussian-mixture-onehot"])
def test_consistent_models_have_none(name: str) -> None:
    assert check_specification(named(name)).witness is None


@pytest.mark.parametrize(
    ("question", "wrong"),
    [
        ("poisson(1) | mvn(2) | free", "W[x, z_1*z_2] <= 0"),  # -(z1^2 - z1 z2 + z2^2) is admissible
        ("mvn(2) | poisson(1) | free", "W[x_1*x_2, z] <= 0"),
        ("laplace(1, location=0) | laplace(1, location=0) | free", "positive definite"),  # no Gaussian there
        ("normal(1, variance=1) | laplace(1, location=0) | free", "positive definite"),
    ],
)
def test_conditions_that_would_be_false(question: str, wrong: str) -> None:
    assert not [c for c in conditions(ask(question)) if wrong in c]
