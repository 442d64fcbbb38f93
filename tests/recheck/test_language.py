"""The expression language of certificates: what it decides, how surely, and what it refuses, always in time."""

from __future__ import annotations

import pytest
from recheck.maker import refusal, stated

from eftheory import recheck
from eftheory.recheck import Result, check

SQUARES = {"a": ["1", "4", "9"], "t": [["1", "2"], ["-1/2", "3"]]}


EXACT = [
    "0.6477 == 6477/10000",
    "2**-3 == 0.125",
    "-2**2 == -4",
    "log(2) + log(3) == log(6)",
    "log(1/2) == -log(2)",
    "log(2) + log(3) != log(6) or 1 == 1",
    "2*log(12) - log(9) - 4*log(2) == 0",
    "exp(2*log(3) - log(2)) == 4.5",
    "exp(0) == 1",
    "sqrt(9/4) == 3/2",
    "(log(6) - log(2) - log(3))*exp(1) == 0",
    "max(1, 5, 2) - min(1, 5) == abs(-4)",
    "1 < 2 <= 2 < 3",
    "implies(1 == 2, log(2) == 3) and iff(1 == 2, 3 == 4)",
]


@pytest.mark.parametrize("relation", EXACT)
def test_what_exact_arithmetic_decides_is_proved(relation: str) -> None:
    assert check(stated(relation)).verdict == "PROVED"


CERTIFIED = [
    "2.71828182845904523536 < exp(1) < 2.71828182845904523537",
    "log(2) + log(3) < log(6.0000000000000000000000000000000000000000000001)",
    "log(2)*log(3) != log(6)",
    "1/log(2) > 1.4426",
    "sqrt(2) < exp(log(2)*0.500001)",
    "max(log(2), log(3), exp(-1)) != log(2) and log(3) > 1",
    "log(2) != 0 or 1 == 1",
    "abs(log(1/2)) > 0.69",
    "span(1/3, 1/2)**2 <= 0.25 and span(-1, 2)**2 >= 0",
    "0.1 < exp(span(-1, 1)) < 2.72",
    "iff(log(2) < 1, log(3) > 1)",
]


@pytest.mark.parametrize("relation", CERTIFIED)
def test_what_intervals_decide_is_certified_and_not_proved(relation: str) -> None:
    assert check(stated(relation, "CERTIFIED")).verdict == "CERTIFIED"
    assert refusal(stated(relation, "PROVED")) == "the verdict is CERTIFIED, not PROVED"


@pytest.mark.parametrize(
    "relation",
    [
        "1 == 2",
        "log(2) + log(3) == log(7)",
        "log(2) + log(3) < log(6)",
        "exp(1) == 2.718281828",
        "span(0, 1) > 2",
        "any(a == 2 for i in each(b)) or 0 > 1".replace("a == 2", "b[i] == 2"),
        "all(s < 1 for s in reals(0, 2))",
        "all(s*s >= 0.0001 for s in reals(-1, log(3)))",
        "all(all(x - y <= 0.01 for y in reals(0, 1)) for x in reals(0, 1))",
    ],
)
def test_what_is_false_is_refuted(relation: str) -> None:
    instance = {"b": ["0", "1"]} if "b[" in relation else {}
    result = check(stated(relation, "REFUTED", instance=instance))
    assert str(result) == "refuted as stated: mine/own REFUTED, relation as stated by the file"


@pytest.mark.parametrize(
    "relation",
    [
        "sqrt(2)**2 == 2",
        "span(0, 1) < 1/2",
        "exp(log(2)/2)**2 <= 2",
        "all(s*s > 0 for s in reals(-1, 1.3))",
        "all(span(s, s + 1) + s/10 >= 0.4 for s in reals(0, 1))",
    ],
)
def test_what_no_precision_decides_is_refused(relation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recheck, "BOXES", 200)
    for verdict in ("PROVED", "CERTIFIED", "REFUTED"):
        assert refusal(stated(relation, verdict)) == "the relation is not decided"


@pytest.mark.parametrize(
    "relation",
    [
        "sum(a[i] for i in each(a)) == 14 and prod(a[i] for i in each(a)) == 36 and t[0][0] == 1",
        "max(a[i] for i in each(a) if i < 2) == 4 and t[1][0] == -1/2",
        "all(sum(t[i][j] for j in each(t[i])) >= 2.5 for i in each(t)) and a[2] == 9",
        "any(sqrt(a[i]) == 3 and t[1][1] == 3 for i in each(a) if implies(i != 2, i == 0))",
        "all(t[i][j] < a[k] for i in each(t) for j in each(t[i]) for k in each(a) if k == 2)",
    ],
)
def test_tables_and_loops(relation: str) -> None:
    assert check(stated(relation, instance=SQUARES)).verdict == "PROVED"


def test_definitions_with_and_without_parameters_and_of_truths() -> None:
    where = ["n = sum(a[i] for i in each(a))", "f(i, c) = a[i]**2 + c", "big(i) = f(i, 0) > 1", "two = n == 14"]
    where += ["table(i, j) = t[i][j]"]
    relation = "two and big(2) and f(1, log(3)) == 16 + log(3) and table(1, 1) == 3"
    assert check(stated(relation, instance=SQUARES, where=where)).verdict == "PROVED"


REALS = [
    "all(log(1 + s) <= s for s in reals(0, 10))",
    "all(x*(1 - x) <= 0.25000001 for x in reals(0, 1))",
    "all(log(1 + s)**2 <= 0.6477*s for s in reals(0, 10))",
    "all(exp(x) >= 1 + x and exp(x) < 7.4 for x in reals(1/1000, 2))",
    "all(implies(x > 2, x*x > x + 1) for x in reals(1/2, 3))",
    "all(sqrt(x) <= (1 + x)/2 + 1/1000 for x in reals(1/9, 9))",
    "all(abs(x) + max(x, 0) >= x - 0.001 for x in reals(-1, 1))",
    "all(x <= log(5) for i in each(b) for x in reals(b[i], log(4)))",
    "all(all(x*y <= 1 for y in reals(0, 1)) for x in reals(0, 1))",
]


@pytest.mark.parametrize("relation", REALS)
def test_every_real_of_a_range(relation: str) -> None:
    instance = {"b": ["0", "1"]} if "b[" in relation else {}
    assert check(stated(relation, "CERTIFIED", instance=instance)).verdict == "CERTIFIED"


def test_a_constant_too_small_is_refuted_over_the_range() -> None:
    assert check(stated("all(log(1 + s)**2 <= 0.6476*s for s in reals(0, 10))", "REFUTED")).verdict == "REFUTED"


@pytest.mark.parametrize(
    ("relation", "reason"),
    [
        ("log(0) < 1", "log of a number that is not positive"),
        ("log(-2) < 1", "log of a number that is not positive"),
        ("1/(1 - 1) > 0", "division by zero"),
        ("1/(log(6) - log(2) - log(3)) > 0", "division by zero"),
        ("sqrt(-1) > 0", "sqrt of a negative number"),
        ("2**log(2) > 0", "an exponent that is no integer"),
        ("2**0.5 > 0", "an exponent that is no integer"),
        ("x > 0", "'x' is not defined"),
        ("1 + 1", "where a comparison is wanted"),
        ("(1 < 2) + 1 > 0", "where a number is wanted"),
        ("a[3] > 0", "is not there in the instance"),
        ("a[-1] > 0", "is not there in the instance"),
        ("a > 0", "a list stands where a number is wanted"),
        ("a[0:1] > 0", "outside the language"),
        ("max(a[i] for i in each(a) if i > 5) > 0", "max or min of nothing"),
        ("all(a[i] > 0 for i in each(a) if log(2) < 1)", "that exact arithmetic does not decide"),
        ("all(a[a] > 0 for a in each(a))", "'a' is named twice"),
        ("all(i > 0 for i in a)", "wanted each(a)"),
        ("any(x > 0 for x in reals(0, 1))", "reals(lo, hi) stands last in all"),
        ("all(x > 0 for x in reals(1, 0))", "an empty range of reals"),
        ("span(1, 0) > 0", "a span whose lower end"),
        ("a.real > 0", "neither a name nor a number"),
        ("__import__(1) > 0", "neither a name nor a number"),
        ("1e5 > 0", "neither a name nor a number"),
        ("0x10 > 0", "neither a name nor a number"),
        ("1 if 1 else 2", "not in the language"),
        ("lambda x: 1", "outside the language"),
        ("(lambda > 0)", "not an expression"),
        ("f(1) > 0", "not in the language"),
        ("log(1, 2) > 0", "not in the language"),
        ("not 1 > 2", "not in the language"),
        ("a is a", "not in the language"),
        ("1 in a", "not in the language"),
        ("5 // 2 > 0", "not in the language"),
        ("", "not an expression"),
    ],
)
def test_what_the_language_lacks_is_refused_with_a_reason(relation: str, reason: str) -> None:
    instance = {"a": ["1", "2", "3"]} if "a" in relation.replace("all", "").replace("max", "") else {}
    names = {"a"} & set("".join(c if c.isalnum() else " " for c in relation).split())
    assert reason in refusal(stated(relation, instance=instance if names else {}))


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        (["f(x) = g(x)", "g(x) = 1"], "not in the language"),
        (["f(x) = f(x)"], "not in the language"),
        (["f(x, x) = 1"], "named twice"),
        (["f(log) = 1"], "cannot be a name"),
        (["f(x) == 1"], "not needed"),
        (["f(x) = 1", "g = 2"], "not needed"),
        (["f(x) = 1", "f(x) = 2"], "not needed"),
        (["f() = 1"], "takes 0 arguments"),
    ],
)
def test_definitions_that_are_refused(where: list[str], reason: str) -> None:
    assert reason in refusal(stated("f(1) == 1", where=where))


def test_a_hypothesis_must_be_certain() -> None:
    assert check(stated("1 < 2", given=["2 < 3"])).verdict == "PROVED"
    assert check(stated("1 < 2", "CERTIFIED", given=["log(2) < 3"])).verdict == "CERTIFIED"
    assert "does not hold" in refusal(stated("1 < 2", given=["2 < 1"]))
    assert "is not decided" in refusal(stated("1 < 2", given=["sqrt(2)**2 == 2"]))


def test_an_instance_of_zero_gap_is_proved_by_logarithms_that_cancel() -> None:
    result = check(stated("a*log(2) + a*log(3/2) - log(3)/2 == 0", instance={"a": "1/2"}))
    assert result == Result(claim="mine/own", verdict="PROVED", note="relation as stated by the file")
