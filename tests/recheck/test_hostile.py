"""Certificates made to exhaust or to confuse the checker: refused, with a reason, in time."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from recheck.maker import refusal, stated

from eftheory import recheck

HOSTILE: dict[str, dict[str, Any]] = {
    "huge power": {"relation": "2**999999999 > 0"},
    "tower": {"relation": "9**9**9 > 0"},
    "growing power": {"relation": "((3**9999)**99)**99 > 0"},
    "huge negative power": {"relation": "(1/3)**-999999999 > 0"},
    "long number": {"relation": f"{'9' * 3500} > 0"},
    "long text": {"relation": "1 + " * 3000 + "1 > 0"},
    "deep brackets": {"relation": "abs(" * 150 + "1" + ")" * 150 + " > 0"},
    "deeper brackets": {"relation": "(" * 1500 + "1" + ")" * 1500 + " > 0"},
    "long chain of signs": {"relation": "-" * 3000 + "1 > 0"},
    "long chain of sums": {"relation": "1" + "+1" * 1500 + " > 0"},
    "exp of exp": {"relation": "exp(exp(exp(9))) > 0"},
    "large exp": {"relation": "exp(99999999999) > 0"},
    "exp of logs": {"relation": "exp(999999999*log(3)) > 0"},
    "nested loops": {
        "relation": "all(" + "sum(1" + "".join(f" for {v} in each(a)" for v in "bcdefgh") + ") > 0 for i in each(a))",
        "instance": {"a": ["1"] * 60},
    },
    "loops of logs": {
        "relation": "sum(log(2 + i + j*k)*log(3 + i)" + "".join(f" for {v} in each(a)" for v in "ijkl") + ") < 0",
        "instance": {"a": ["1"] * 60},
    },
    "doubling definitions": {
        "relation": "d59 > 0",
        "where": ["d0 = exp(1) + 1"] + [f"d{i} = d{i - 1}*d{i - 1}*d{i - 1}*d{i - 1}" for i in range(1, 60)],
        "quantities": {"d59": {"lower": "1", "upper": "1", "digits": 20}},
        "verdict": "CERTIFIED",
    },
    "doubling rationals": {
        "relation": "d59 > 0",
        "where": ["d0 = 3/7"] + [f"d{i} = d{i - 1}*d{i - 1}" for i in range(1, 60)],
    },
    "stubborn range": {"relation": "all(s*s - 2*s + 1 > 0 for s in reals(0, log(9)))"},
    "ranges in ranges": {"relation": "all(all(x*y*x < y*x*x + 1/(1+x) - x/y for y in reals(1,2)) for x in reals(1,2))"},
    "long instance number": {"relation": "a > 0", "instance": {"a": "9" * 5000}},
    "large instance": {"relation": "a[0] > 0", "instance": {"a": ["1"] * 200_000}},
    "deep instance": {"relation": "a[0] > 0", "instance": {"a": [[[[[[[["1"]]]]]]]]}},
    "boolean": {"relation": "a > 0", "instance": {"a": True}},
    "integer": {"relation": "a > 0", "instance": {"a": 1}},
    "null": {"relation": "a > 0", "instance": {"a": None}},
    "empty list": {"relation": "all(a[i] > 0 for i in each(a))", "instance": {"a": []}},
    "decimal": {"relation": "a > 0", "instance": {"a": "0.5"}},
    "not a number": {"relation": "a > 0", "instance": {"a": "nan"}},
    "other digits": {"relation": "a > 0", "instance": {"a": "\u0663"}},
    "zero denominator": {"relation": "a > 0", "instance": {"a": "1/0"}},
    "not in lowest terms": {"relation": "a > 0", "instance": {"a": "2/4"}},
    "a newline": {"relation": "a > 0", "instance": {"a": "2\n"}},
    "a word as a name": {"relation": "log > 0", "instance": {"log": "1"}},
    "unused entry": {"relation": "1 > 0", "instance": {"a": "1"}},
    "same name": {"relation": "a > 0", "instance": {"a": "1"}, "where": ["a = 1"]},
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_certificate_is_refused_in_time(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    share = 20  # of the work that is allowed, so that the test is short
    monkeypatch.setattr(recheck, "STEPS", recheck.STEPS // share)
    monkeypatch.setattr(recheck, "BOXES", recheck.BOXES // share)
    parts = dict(HOSTILE[what])
    start = time.perf_counter()
    assert "\n" not in refusal(stated(parts.pop("relation"), **parts))
    assert time.perf_counter() - start < 20.0  # no hang; the machine may be slow


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "not a certificate"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": {"b": 1, "b": 1}}', "stands twice"),
        ('{"a": NaN}', "no integer"),
        ('{"a": 1.5}', "no integer"),
        ('{"a": 1e5}', "no integer"),
        ('{"a": ' + "9" * 10_000 + "}", "a long JSON number"),
        (json.dumps({"schema": "eftheory.certificate/2"}), "made by a newer version"),
        (json.dumps({"schema": "eftheory.certificate/1"}), "missing field 'claim'"),
        (json.dumps({"schema": "eftheory.consistency/1"}), "not a certificate"),
        (json.dumps({"schema": ["eftheory.certificate/1"]}), "not a certificate"),
        (" " * 4_000_001, "longer than"),
    ],
)
def test_json_that_is_no_certificate(text: str, reason: str) -> None:
    assert reason in refusal(text)
