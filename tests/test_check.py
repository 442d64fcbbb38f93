"""`check` on questions nobody wrote down: random pairs, rewritten families, sizes that must not matter."""

from __future__ import annotations

import json
import random
from fractions import Fraction as Q
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from oracle import finite_member
from questions import ask, dimension
from rewriting import rewrite

from eftheory.check import check
from eftheory.errors import MisuseError
from eftheory.families import build
from eftheory.families.own import own
from eftheory.spec import parse_family, specification
from eftheory.verdict import Consistency, Status

SEEDED = settings(derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))

# Every family of the registry, sizes to be filled in.
TEMPLATES = [
    "bernoulli({n})", "binomial({n}, trials=3)", "categorical({m})", "multinomial({m})", "multinomial({m}, trials=2)",
    "poisson({n})", "geometric({n})", "negative_binomial({n}, size=2)", "normal({n})", "normal({n}, variance=2)",
    "mvn({n})", "exponential({n})", "gamma({n})", "gamma({n}, shape=2)", "inverse_gamma({n})", "beta({n})",
    "dirichlet({m})", "von_mises({n})", "log_normal({n})", "laplace({n}, location=0)", "weibull({n}, shape=2)",
    "pareto({n}, scale=1)", "boltzmann({n}+{n})",
]  # fmt: skip
VALUES = {
    "bernoulli({n})": "bernoulli({n}, probs=1/3)", "binomial({n}, trials=3)": "binomial({n}, trials=3, probs=1/3)",
    "categorical({m})": "categorical({m}, probs=1/{m})", "poisson({n})": "poisson({n}, rate=2)",
    "geometric({n})": "geometric({n}, probs=1/3)", "normal({n})": "normal({n}, mean=1, variance=3)",
    "normal({n}, variance=2)": "normal({n}, mean=0, variance=2)", "exponential({n})": "exponential({n}, rate=2)",
    "mvn({n})": "mvn({n}, mean=0, covariance=identity)", "gamma({n})": "gamma({n}, shape=3, rate=1)",
    "beta({n})": "beta({n}, a=2, b=3)",
}  # fmt: skip


def coherent(answer: Consistency) -> None:
    """What must hold of every answer."""
    assert (answer.verdict == "undecided") == (answer.status is Status.UNDECIDED)
    gone = answer.verdict in ("collapsed", "empty")
    if gone:
        assert answer.usable_latents is not None and answer.usable_latents.text == "0"
    elif answer.usable_latents is not None:
        assert answer.usable_latents.text != "0"
    if answer.verdict == "empty":
        assert dimension(answer) == "0"
    if answer.verdict == "undecided":
        assert any(clause.status is Status.UNDECIDED and clause.reason for clause in answer.clauses)
    if answer.verdict in ("consistent", "constrained"):
        assert all(clause.status is Status.PROVED for clause in answer.clauses)
    if answer.witness is not None:
        assert answer.verdict in ("constrained", "collapsed", "empty")
    assert answer.holds is {"consistent": True, "constrained": True, "undecided": None}.get(answer.verdict, False)
    json.dumps(answer.as_dict())


# ---------------------------------------------------------------- random pairs of the registry


@st.composite
def questions(draw: st.DrawFn) -> dict[str, str]:
    n = draw(st.sampled_from(["1", "2", "3", "4", "k"]))
    d = draw(st.sampled_from(["1", "2", "4", "d"]))
    decoder, encoder = draw(st.sampled_from(TEMPLATES)), draw(st.sampled_from(TEMPLATES))
    prior = draw(st.sampled_from(["free", "same", "uniform", "values", "values", "other"]))
    if prior == "values":
        prior = VALUES.get(encoder, "same")
    elif prior == "other":
        prior = draw(st.sampled_from(TEMPLATES))

    def sized(template: str, size: str) -> str:
        return template.format(n=size, m=size if size != "1" else "2")

    return {
        "decoder": sized(decoder, d),
        "encoder": sized(encoder, n),
        "prior": sized(prior, n),
        "inputs": draw(st.sampled_from(["x", "x", "x", "frequencies", "x**2", "x/sum(x)"])),
    }


def answered_or_refused(question: dict[str, str]) -> None:
    try:
        answer = check(**question)
    except MisuseError as error:
        assert "unit.at" not in str(error) and "reshape" not in str(error), str(error)
        return
    coherent(answer)


@settings(SEEDED, max_examples=40)
@given(questions())
def test_random_pairs_are_answered_or_refused(question: dict[str, str]) -> None:
    answered_or_refused(question)


@pytest.mark.slow
@settings(SEEDED, max_examples=150)
@given(questions())
def test_many_random_pairs_are_answered_or_refused(question: dict[str, str]) -> None:
    answered_or_refused(question)


# ---------------------------------------------------------------- random finite own families against enumeration

BASES = ["1", "1 + x", "1/(2 + x)", "1 + x**2", "binomial(4, x)"]


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    """Integer statistics, rational base, on {0..4} or two or three bits; redundant ones included."""
    if draw(st.booleans()):
        terms = draw(st.sampled_from([["x[i] : i"], ["x[i] : i", "x[i]*x[j] : i<j"], ["x[i]*x[j] : i<j"]]))
        return {"statistics": terms, "support": f"bits({draw(st.integers(2, 3))})", "base": "1"}
    coefficients = st.lists(st.integers(-1, 2), min_size=3, max_size=3).filter(any)
    rows = draw(st.lists(coefficients, min_size=1, max_size=2))
    last = draw(st.integers(1, 4))
    statistics = [f"{a}*x + {b}*x**2 + {c}*x**3" for a, b, c in rows]
    values = [[a * x + b * x**2 + c * x**3 for x in range(last + 1)] for a, b, c in rows]
    assume(all(len(set(row)) > 1 for row in values))
    return {
        "statistics": statistics,
        "support": f"integers(0, {last})",
        "base": draw(st.sampled_from(BASES)),
        "dim": draw(st.integers(1, 2)),
    }


SHIPPED = st.sampled_from(
    ["bernoulli(2)", "binomial(1, trials=2)", "binomial(2, trials=3)", "categorical(3)", "multinomial(3, trials=2)",
     "boltzmann(1+1)", "boltzmann(2+1)"]
)  # fmt: skip


def odds(rng: random.Random, rows: int, columns: int) -> list[list[Q]]:
    return [[Q(rng.randint(1, 7), rng.choice([2, 3, 5])) for _ in range(columns)] for _ in range(rows)]


def width(family: Any) -> int:
    groups = tuple(int(g) for g in family.unit.groups)
    return len(family.unit.at(groups, name="t", index=1).statistics) * int(family.copies)


def depends(spec: Any, W: list[list[Q]]) -> bool:
    """Whether the decoder varies with z for certain: distinct rows and columns rule the gauges of small tables out."""
    from oracle import _conditionals, _parameters, _points, _statistics

    theta = [_parameters(W, [Q(1)] * len(W), _statistics(spec.encoder, z)) for z in _points(spec.encoder)]
    return any(len(set(row)) > 1 for row in _conditionals(spec.decoder, theta))


def against_enumeration(decoder: Any, encoder: Any, prior: str, seed: int) -> str:
    """The verdict, compared with exact posteriors at random odds."""
    answer = check(decoder=decoder, encoder=encoder, prior=prior)
    coherent(answer)
    question = specification(decoder=decoder, encoder=encoder, prior=prior)
    n, m = width(question.decoder), width(question.encoder)
    if n * m > 24:
        return answer.verdict
    rng = random.Random(seed)
    u = [row[0] for row in odds(rng, n, 1)]
    zero = finite_member(question, [[Q(1)] * m for _ in range(n)], u)
    drawn = [W for W in (odds(rng, n, m) for _ in range(3)) if depends(question, W)]
    found = [finite_member(question, W, u) for W in drawn]
    if answer.verdict == "consistent":
        assert all(found)
    if answer.verdict == "collapsed":
        assert zero and not any(found)
    if answer.verdict == "empty":
        assert not zero and not any(found)
    if answer.verdict == "constrained":
        assert answer.witness is not None
        assert not drawn or not all(found)
    return answer.verdict


FINITE = (tables(), st.one_of(tables(), SHIPPED), st.sampled_from(["free", "same", "uniform"]), st.integers(0, 99))


@settings(SEEDED, max_examples=25)
@given(*FINITE)
def test_random_finite_families_agree_with_enumeration(decoder, encoder, prior: str, seed: int) -> None:  # type: ignore[no-untyped-def]
    encoder = own(**encoder) if isinstance(encoder, dict) else encoder
    against_enumeration(own(**decoder), encoder, prior, seed)


@pytest.mark.slow
@settings(SEEDED, max_examples=150)
@given(*FINITE)
def test_many_random_finite_families_agree_with_enumeration(decoder, encoder, prior: str, seed: int) -> None:  # type: ignore[no-untyped-def]
    encoder = own(**encoder) if isinstance(encoder, dict) else encoder
    against_enumeration(own(**decoder), encoder, prior, seed)


@pytest.mark.parametrize(
    ("decoder", "encoder", "prior", "verdict"),
    [
        ("bernoulli(2)", "bernoulli(2)", "uniform", "constrained"),
        ("bernoulli(2)", "boltzmann(1+1)", "uniform", "consistent"),
        ("bernoulli(2)", "binomial(1, trials=2)", "same", "collapsed"),
        ("multinomial(3)", "binomial(1, trials=2)", "uniform", "empty"),
    ],
)
def test_the_comparison_sees_every_verdict(decoder: str, encoder: str, prior: str, verdict: str) -> None:
    assert against_enumeration(decoder, encoder, prior, 1) == verdict


def test_the_comparison_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a `check` that calls everything consistent is caught."""
    monkeypatch.setitem(globals(), "check", lambda **_: ask("bernoulli(2) | boltzmann(1+1) | uniform"))
    with pytest.raises(AssertionError):
        against_enumeration("bernoulli(2)", "bernoulli(2)", "uniform", 1)


@pytest.mark.parametrize(
    ("table", "redundant"),
    [
        ({"statistics": ["x", "x**2"], "support": "integers(0, 1)", "base": "1", "dim": 2}, 1),
        ({"statistics": ["x", "1 - x"], "support": "integers(0, 3)", "base": "1"}, 1),
        ({"statistics": ["x", "abs(x - 2)"], "support": "interval(-1, 1)", "base": "1"}, 1),
        (
            {
                "statistics": ["abs(x**2 - 1)", "abs(x - 1)*abs(x + 1)", "x**4"],
                "support": "interval(-oo, oo)",
                "base": "1",
            },
            1,
        ),
        ({"statistics": ["x**2", "(x + 1)**2", "x"], "support": "interval(-oo, oo)", "base": "1"}, 1),
        ({"statistics": ["log(x)", "log(2*x**2)", "x"], "support": "positive", "base": "1/x"}, 1),
        ({"statistics": ["x", "x**2", "x**3"], "support": "integers(0, 2)", "base": "1"}, 1),
        ({"statistics": ["x", "x**2"], "support": "integers(0, 2)", "base": "1"}, 0),
    ],
)
def test_redundant_statistics_are_found_or_left_undecided(table: dict[str, Any], redundant: int) -> None:
    """By hand: how many statistics are affine in the others. Binomial(1, 2) with a uniform prior builds a witness."""
    for encoder, prior in [("bernoulli(2)", "free"), ("binomial(1, trials=2)", "uniform")]:
        answer = check(decoder=own(**table), encoder=encoder, prior=prior)
        minimality = next(clause for clause in answer.clauses if clause.clause == "minimality")
        if minimality.status is Status.PROVED:
            assert len(minimality.conditions) == redundant, minimality.reason


# ---------------------------------------------------------------- rewriting

NUMERIC = [
    "bernoulli(2)", "binomial(2, trials=3)", "categorical(3)", "multinomial(3)", "multinomial(3, trials=2)",
    "poisson(2)", "geometric(1)", "negative_binomial(2, size=3)", "normal(2)", "normal(3, variance=2)", "mvn(2)",
    "exponential(2)",
    "gamma(1)", "gamma(2, shape=2)", "inverse_gamma(1)", "beta(1)", "dirichlet(3)", "von_mises(2)", "log_normal(1)",
    "laplace(2, location=0)", "weibull(1, shape=2)", "pareto(2, scale=1)", "boltzmann(2+1)",
]  # fmt: skip
NAMES = ("decoder", "encoder", "prior", "inputs", "seconds")


def plain(answer: Consistency) -> dict[str, Any]:
    """The JSON without names of families, times and spec strings."""
    result = {key: value for key, value in answer.as_dict().items() if key not in NAMES}
    if result["witness"]:
        result["witness"] = {
            **result["witness"],
            "model": {k: v for k, v in result["witness"]["model"].items() if k in ("W", "u", "x")},
        }
    result["repairs"] = [r["kind"] for r in result["repairs"]]
    return result


def test_the_registry_is_covered() -> None:
    from eftheory.families import NAMES as registry

    assert {name.split("(")[0] for name in NUMERIC} == set(registry)


@pytest.mark.parametrize("family", NUMERIC)
def test_a_rewritten_decoder_gets_the_same_answer(family: str) -> None:
    stranger = own(**rewrite(parse_family(family)))
    for encoder, prior in [("bernoulli(2)", "uniform"), ("normal(1)", "free")]:
        assert plain(check(decoder=stranger, encoder=encoder, prior=prior)) == plain(
            check(decoder=family, encoder=encoder, prior=prior)
        )


@pytest.mark.parametrize("family", NUMERIC)
def test_a_rewritten_encoder_gets_the_same_answer(family: str) -> None:
    stranger = own(**rewrite(parse_family(family)))
    for decoder, prior in [("bernoulli(2)", "same"), ("exponential(1)", "free")]:
        assert plain(check(decoder=decoder, encoder=stranger, prior=prior)) == plain(
            check(decoder=decoder, encoder=family, prior=prior)
        )


BLOCKS = [
    ("bernoulli(3)", {"statistics": ["x[i] : i"], "support": "bits(3)", "base": "1"}),
    ("normal(2)", {"statistics": ["x[i] : i", "x[i]**2 : i"], "support": "reals(2)", "base": "1"}),
    ("categorical(3)", {"statistics": ["x[i] : i"], "support": "onehot(3)", "base": "1"}),
]


@pytest.mark.parametrize(("family", "table"), BLOCKS, ids=[name for name, _ in BLOCKS])
def test_coordinates_or_one_block_give_the_same_verdict(family: str, table: dict[str, Any]) -> None:
    block = own(**table)
    for decoder, encoder, prior in [
        (family, "bernoulli(2)", "uniform"), (family, "bernoulli(2)", "free"), (family, "normal(1)", "free"),
        ("bernoulli(2)", family, "same"), ("normal(2, variance=1)", family, "same"), ("poisson(1)", family, "free"),
    ]:  # fmt: skip
        before = check(decoder=decoder, encoder=encoder, prior=prior)
        after = check(
            decoder=block if decoder == family else decoder,
            encoder=block if encoder == family else encoder,
            prior=prior,
        )
        # A block may leave open what coordinates decide, never contradict it.
        assert after.verdict in (before.verdict, "undecided"), (decoder, encoder, prior)
        if after.verdict == before.verdict and before.verdict in ("consistent", "collapsed"):
            assert dimension(after) == dimension(before), (decoder, encoder, prior)


# ---------------------------------------------------------------- determinism, sizes, names


def test_the_same_question_gets_the_same_answer() -> None:
    question = {"decoder": "bernoulli(3)", "encoder": "bernoulli(2)", "prior": "uniform"}
    first, second = (check(**question).as_dict() for _ in range(2))
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


@pytest.mark.parametrize(
    ("decoder", "encoder", "prior"),
    [
        ("bernoulli({d})", "normal({k})", "normal({k}, mean=0, variance=1)"),
        ("bernoulli({d})", "normal({k})", "free"),
        ("bernoulli({d})", "bernoulli({k})", "uniform"),
        ("normal({d}, variance=1)", "normal({k})", "normal({k}, mean=0, variance=1)"),
        ("multinomial({d})", "bernoulli({k})", "free"),
    ],
)
def test_sizes_do_not_matter(decoder: str, encoder: str, prior: str) -> None:
    """A million coordinates get the answer of four (at least as many as stand for all), numbers apart."""
    small, large = (
        check(**{key: text.format(d=d, k=k) for key, text in
                 (("decoder", decoder), ("encoder", encoder), ("prior", prior))})
        for d, k in ((4, 3), (10**6, 1000))
    )  # fmt: skip
    numbers = ("dimension", "usable_latents", "repairs")
    for answer in (small, large):
        assert answer.seconds < 10
    before, after = plain(small), plain(large)
    assert {k: v for k, v in before.items() if k not in numbers} == {k: v for k, v in after.items() if k not in numbers}
    assert [r.kind for r in small.repairs] == [r.kind for r in large.repairs]


def test_a_million_by_a_thousand_equals_two_by_two() -> None:
    small, large = (
        plain(check(decoder=f"bernoulli({d})", encoder=f"normal({k})", prior=f"normal({k}, mean=0, variance=1)"))
        for d, k in ((2, 2), (10**6, 1000))
    )
    assert (small.pop("dimension")["text"], large.pop("dimension")["text"]) == ("2", "1000000")
    assert small == large


@pytest.mark.parametrize(
    ("decoder", "encoder", "prior", "count"),
    [
        ("bernoulli({d})", "bernoulli({k})", "free", lambda d, k: d * k + d + k),
        ("bernoulli({d})", "normal({k})", "free", lambda d, k: 2 * d * k + d + 2 * k),
        ("categorical({d})", "bernoulli({k})", "free", lambda d, k: (d - 1) * k + d - 1 + k),
        ("normal({d})", "categorical({k})", "same", lambda d, k: 2 * d * (k - 1) + 2 * d + k - 1),
        ("multinomial({d})", "normal({k})", "free", lambda d, k: d - 1 + 2 * k),
        ("bernoulli({d})", "boltzmann({k}+1)", "free", lambda d, k: (d + 1) * (2 * k + 1) + d),
    ],
)
def test_dimensions_by_hand(decoder: str, encoder: str, prior: str, count: Any) -> None:
    for d, k in ((2, 2), (3, 2), (5, 4)):
        answer = check(decoder=decoder.format(d=d), encoder=encoder.format(k=k), prior=prior)
        assert dimension(answer) == str(count(d, k))


def test_names_do_not_reach_the_answer() -> None:
    """The control of the rewriting tests: another base measure does change it."""
    binomial = rewrite(build("binomial", [1], {"trials": 2}))
    flat = {**binomial, "base": "1"}
    verdicts = [check(decoder="bernoulli(2)", encoder=own(**t), prior="uniform").verdict for t in (binomial, flat)]
    assert verdicts == ["constrained", "collapsed"]
