"""Statements found elsewhere: the variance of the log-ratio against brute force, and what is said of it refuted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eftheory import recheck
from eftheory.claims import Claim
from eftheory.claims.certificate import certificate
from eftheory.claims.discovery import discover
from eftheory.claims.outcome import decide
from eftheory.verdict import Status

VERIFY = Path(__file__).parents[2] / "verify" / "public"
CLAIMS: dict[str, Claim] = {c.id: c for c in discover([VERIFY / "variance_of_log_ratio.py"]).claims}
ID = "public/variance-of-log-ratio"


def table(texts: list[str]) -> Any:
    return np.array([int(top) / int(bottom or 1) for top, _, bottom in (text.partition("/") for text in texts)])


def moments(instance: Any) -> tuple[float, float]:
    """(KL, Var_q log(q/p)) in float64."""
    q, p = table(instance["encoder"]), table(instance["posterior"])
    r = np.log(q / p)
    kl = float(q @ r)
    return kl, float(q @ (r - kl) ** 2)


@pytest.mark.parametrize("key", ["fixed/bit", "fixed/far", "random/3"])
def test_the_relation_and_its_numbers(key: str) -> None:
    claim = CLAIMS[ID]
    outcome = decide(claim, key)
    kl, variance = moments(outcome.instance)
    assert outcome.status == "CERTIFIED"
    assert float(outcome.quantities["loss"]["lower"]) == pytest.approx(kl, rel=1e-9)
    assert float(outcome.quantities["variance"]["lower"]) == pytest.approx(variance, rel=1e-9)
    made = certificate(claim, outcome)
    assert made is not None
    assert recheck.check(made).verdict == "CERTIFIED"


def test_twice_the_gap_to_leading_order() -> None:
    q = np.array([0.2, 0.3, 0.5])
    direction = np.array([0.1, -0.3, 0.2])
    ratios = []
    for size in (1e-1, 1e-2, 1e-3):
        p = q + size * direction
        r = np.log(q / p)
        kl = float(q @ r)
        ratios.append(float(q @ (r - kl) ** 2) / kl)
    assert abs(ratios[2] - 2) < abs(ratios[1] - 2) < abs(ratios[0] - 2)
    assert ratios[2] == pytest.approx(2, abs=2e-3)


@pytest.mark.parametrize("breaks", ["is-the-gap", "is-twice-the-gap"])
def test_the_public_statement_is_refuted_with_certificates(breaks: str) -> None:
    claim = CLAIMS[f"{ID}#{breaks}"]
    for key in claim.instances.keys(True):
        outcome = decide(claim, key)
        kl, variance = moments(outcome.instance)
        assert abs(variance - kl * (1 if breaks == "is-the-gap" else 2)) > 1e-9
        assert outcome.status == "REFUTED"
        made = certificate(claim, outcome)
        assert made is not None
        assert recheck.check(made).verdict == "REFUTED"


def test_the_search_finds_small_and_large_ratios() -> None:
    ratios = {}
    for goal in ("smallest", "largest"):
        outcome = decide(CLAIMS[ID], f"search/{goal}/0")
        ratios[goal] = float(outcome.quantities["variance/loss"]["lower"])
    assert 0 < ratios["smallest"] < 1 < 4 < ratios["largest"]


def test_a_bound_that_is_too_small_does_not_pass() -> None:
    claim = CLAIMS[ID]
    instance = {**claim.instances.build("fixed/far"), "most": "1/100"}
    assert claim.decide(instance).status is Status.REFUTED
