"""Answers that were wrong, slow or missing once; each with the neighbour that must come out differently."""

from __future__ import annotations

from fractions import Fraction

import pytest

from eftheory.check import check
from eftheory.families.own import own


def conditions(**question: str) -> list[str]:
    return [formula.text for clause in check(**question).clauses for formula in clause.conditions]


@pytest.mark.parametrize(
    ("decoder", "encoder", "prior", "verdict"),
    [
        ("binomial(3, trials=10**9)", "bernoulli(2)", "uniform", "constrained"),
        ("binomial(3, trials=10**9)", "bernoulli(1)", "uniform", "consistent"),
        ("multinomial(100, trials=10000)", "dirichlet(100)", "same", "constrained"),
        ("bernoulli(2)", "binomial(2, trials=100000)", "same", "collapsed"),
        ("bernoulli(2)", "multinomial(3, trials=100000)", "same", "undecided"),
    ],
)
def test_large_finite_supports_are_never_enumerated(decoder: str, encoder: str, prior: str, verdict: str) -> None:
    assert check(decoder=decoder, encoder=encoder, prior=prior).verdict == verdict


def test_an_inequality_is_strict_only_where_the_supremum_is_attained() -> None:
    """exponential x gamma(shape 2) with a gamma(1, 1) prior: f = -z, u = 0 is the member, so u < 0 would be false."""
    question = {"decoder": "exponential(1)", "encoder": "gamma(1, shape=2)", "prior": "gamma(1, shape=1, rate=1)"}
    assert "u[x] <= 0" in conditions(**question) and "u[x] < 0" not in conditions(**question)
    assert "v[z**2] < 0" in conditions(decoder="poisson(2)", encoder="normal(2)", prior="free")  # attained at x = 0


def test_a_smaller_block_does_not_stand_for_a_sum_over_all_components() -> None:
    """T(x) = x - sum(x)/5 is zero at 00000 and at 11111: T does not determine x, which three bits cannot show."""
    five = own(statistics=["x[i]"], support="bits(5)")
    assert check(decoder=five, encoder="bernoulli(1)", prior="free", inputs="x - sum(x)/5").verdict == "undecided"
    summed = {"encoder": "bernoulli(1)", "prior": "free", "inputs": "x - sum(x)/6"}
    assert check(decoder="boltzmann(3+3)", **summed).verdict == "undecided"
    three = own(statistics=["x[i]"], support="bits(3)")
    question = {"decoder": three, "encoder": "bernoulli(1)", "prior": "free"}
    assert check(**question, inputs="x - sum(x)/3").verdict == "constrained"
    assert check(**question, inputs="x - sum(x)/2").verdict == "consistent"  # invertible on R^3


@pytest.mark.parametrize(
    ("inputs", "verdict"), [("frequencies", "consistent"), ("x*(x - 1)*(x - 2)*(x - 3)", "undecided")]
)
def test_the_grid_of_inputs_does_not_grow_with_the_total(inputs: str, verdict: str) -> None:
    question = {"encoder": "bernoulli(1)", "prior": "free", "inputs": inputs}
    assert check(decoder="multinomial(3, trials=100000)", **question).verdict == verdict


def test_hidden_inputs_come_with_two_observations_that_show_it() -> None:
    answer = check(decoder="poisson(3)", encoder="bernoulli(2)", prior="free", inputs="frequencies")
    assert answer.verdict == "collapsed" and answer.witness is not None
    x, other = ([Fraction(value) for value in row] for row in answer.witness.model["x"])
    assert x != other and [a / sum(x) for a in x] == [b / sum(other) for b in other]
    change = [a - b for a, b in zip(x, other, strict=True)]
    (one,), (two,) = ([Fraction(p) for p in row] for row in answer.witness.model["parameters"])
    moved = next(c for c in change if c)
    assert Fraction(answer.witness.lower) <= moved * (one - two) <= Fraction(answer.witness.upper)
    assert check(decoder="poisson(3)", encoder="bernoulli(2)", prior="free", inputs="x").verdict == "consistent"


def test_every_repair_gives_what_it_promises() -> None:
    for decoder, encoder, prior, inputs in (
        ("bernoulli(d)", "bernoulli(k)", "uniform", "x"),
        ("multinomial(K)", "bernoulli(k)", "uniform", "frequencies"),
        ("normal(d, variance=s2)", "normal(k)", "normal(k, mean=0, variance=1)", "x"),
    ):
        answer = check(decoder=decoder, encoder=encoder, prior=prior, inputs=inputs)
        promised = [repair for repair in answer.repairs if repair.spec is not None]
        assert promised
        for repair in promised:
            assert repair.spec is not None
            assert f"(then {check(**repair.spec).verdict})" in repair.description
