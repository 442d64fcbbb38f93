"""Corollary 2, its counterexample, Example A.1, witnesses, two bits: against brute force; instances that fail."""

from __future__ import annotations

import math
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eftheory import recheck
from eftheory.claims import Claim
from eftheory.claims.certificate import certificate
from eftheory.claims.discovery import discover
from eftheory.claims.outcome import decide
from eftheory.exact.mixture_em import at_truth, best_elbo, problem
from eftheory.verdict import Status

VERIFY = Path(__file__).parents[2] / "verify" / "vae_error"
FILES = ("cor_2.py", "cor_2_gap.py", "example_a1.py", "example_a1_limit.py", "witness.py", "two_bit_gap.py")
CLAIMS: dict[str, Claim] = {c.id: c for c in discover([VERIFY / name for name in FILES]).claims}


def number(text: str) -> float:
    top, _, bottom = text.partition("/")
    return int(top) / int(bottom or 1)


def numbers(value: Any) -> Any:
    return number(value) if isinstance(value, str) else np.array([numbers(entry) for entry in value])


def enclosed(verdict: Any, name: str) -> float:
    entry = verdict.statistics["quantities"][name]
    assert float(entry["lower"]) <= float(entry["upper"])
    return float(entry["lower"])


def float_gap(instance: dict[str, Any]) -> float:
    """The gap by loops in float64, from the definition."""
    v = {name: numbers(value) for name, value in instance.items()}
    joint = np.array([[h * np.prod(theta**nu) for theta in v["theta"]] for h, nu in zip(v["h"], v["nu"], strict=True)])
    joint = joint / joint.sum(axis=0) * v["prior"]
    post = joint / joint.sum(axis=1, keepdims=True)
    q = np.array([[k * np.prod(gamma**psi) for k, psi in zip(v["k"], v["psi"], strict=True)] for gamma in v["gamma"]])
    q = q / q.sum(axis=1, keepdims=True)
    return float(v["pd"] @ (q * np.log(q / post)).sum(axis=1))


@pytest.mark.parametrize("name", CLAIMS)
def test_every_quick_instance_is_decided_and_its_certificate_is_accepted(name: str) -> None:
    claim = CLAIMS[name]
    outcomes = [decide(claim, key) for key in claim.instances.keys(True)]
    wanted = {"claim": {"PROVED", "CERTIFIED"}, "control": {"REFUTED"}}[claim.kind]
    assert {outcome.status for outcome in outcomes} <= wanted, [o.reason for o in outcomes]
    assert outcomes
    for outcome in outcomes[:8]:
        made = certificate(claim, outcome)
        assert made is not None
        assert recheck.check(made).verdict == outcome.status


def test_a_prior_other_than_the_implied_one_is_not_tight() -> None:
    claim = CLAIMS["vae-error/cor-2"]
    instance = dict(claim.instances.build("fixed/rbm"))
    assert claim.decide(instance).status is Status.PROVED
    assert abs(float_gap(instance)) < 1e-12
    instance["prior"] = ["1/4"] * 4
    assert claim.decide(instance).status is Status.REFUTED
    assert float_gap(instance) > 1e-3


@pytest.mark.parametrize("key", ["fixed/plain", "fixed/obtuse", "random/0"])
def test_no_labelling_factorises_in_floats_either(key: str) -> None:
    v = numbers_of(CLAIMS["vae-error/cor-2#fixed-prior"].instances.build(key))
    centres = np.array([v["base"] + s * v["a"] + t * v["b"] for s in (0, 1) for t in (0, 1)])
    for order in permutations(range(4)):
        logs = [-((x - centres[list(order)]) ** 2).sum(axis=1) / (2 * v["s2"]) for x in np.eye(3, 2)]
        assert max(abs(log[0] - log[1] - log[2] + log[3]) for log in logs) > 1e-9


def numbers_of(instance: Any) -> dict[str, Any]:
    return {name: numbers(value) for name, value in instance.items()}


def test_a_rectangle_has_tight_labellings() -> None:
    claim = CLAIMS["vae-error/cor-2#fixed-prior"]
    instance = {**claim.instances.build("fixed/plain"), "a": ["2", "0"], "b": ["0", "1"]}
    assert claim.decide(instance).status is Status.PROVED


def test_the_certified_gap_lies_below_the_integral_and_that_below_the_gap() -> None:
    claim = CLAIMS["vae-error/cor-2-gap"]
    instance = claim.instances.build("fixed/plain/4")
    verdict = claim.decide(instance)
    given = problem(numbers(instance["centre"]), number(instance["s2"]))
    squares = ((given.x[:, None] - given.centres) ** 2).sum(axis=2)
    post = np.exp(-squares / (2 * given.s2))
    post /= post.sum(axis=1, keepdims=True)
    delta = post[:, 0] * post[:, 3] - post[:, 1] * post[:, 2]
    integral = float(given.weights @ delta**2) / 2
    assert 0 < enclosed(verdict, "certain") < integral < at_truth(given).gap
    assert enclosed(verdict, "certain") > integral / 5
    assert "no proof" in verdict.statistics["note"]


def test_the_best_elbo_stays_below_the_likelihood_except_for_a_rectangle() -> None:
    slanted, straight = problem([(0, 0), (1, 2), (2, 0), (3, 2)], 1.0), problem([(0, 0), (0, 2), (2, 0), (2, 2)], 1.0)
    fixed, free = (best_elbo(slanted, free_prior=flag, starts=2, iterations=150) for flag in (False, True))
    assert 1e-2 < fixed.shortfall < 2e-2
    assert 1e-3 < free.shortfall < fixed.shortfall
    assert min(fixed.gap, free.gap) > 1e-5
    assert abs(best_elbo(straight, free_prior=False, starts=1, iterations=50).shortfall) < 1e-9


@pytest.mark.parametrize("key", ["fixed/2", "power/3"])
def test_example_a1_against_loops(key: str) -> None:
    claim = CLAIMS["vae-error/example-a1"]
    instance = claim.instances.build(key)
    a = math.log(number(instance["r"]))
    t = math.tanh(a / 2)
    assert float_gap(instance) == pytest.approx(a / 2 * t * (1 - t), rel=1e-10)
    assert enclosed(claim.decide(instance), "gap") == pytest.approx(float_gap(instance), rel=1e-10)


def test_the_distance_of_example_a1_is_that_of_least_squares() -> None:
    a, points = math.log(1000.0), np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
    logits = a * (2 * np.array([(s, s ^ t) for s, t in points]) - 1)
    table = points @ logits.T - np.log1p(np.exp(logits)).sum(axis=1)
    side = np.column_stack([np.ones(4), points])
    design = np.kron(side, side)
    fit = design @ np.linalg.lstsq(design, table.ravel(), rcond=None)[0]
    np.testing.assert_allclose(abs(table.ravel() - fit), a / 2, rtol=1e-9)
    claim = CLAIMS["vae-error/example-a1-limit"]
    assert claim.decide({**claim.instances.build("fixed/tens"), "odds": ["2", "3"]}).status is Status.REFUTED


def test_the_witness_bounds_every_encoder_of_the_family() -> None:
    claim = CLAIMS["vae-error/witness-gap"]
    built = dict(claim.instances.build("fixed/two-bits"))
    bounds = set()
    for seed in range(30):
        draws = np.random.default_rng(seed).integers(1, 9, size=(2, 2, 2))
        built["gamma"] = [[f"{s}/{t}" for s, t in row] for row in draws]
        verdict = claim.decide(built)
        assert verdict.status is Status.CERTIFIED
        bounds.add(verdict.statistics["quantities"]["max(abs(twist(x)) for x in each(pd))"]["lower"])
    assert len(bounds) == 1, "the witness depends on the decoder only"


@pytest.mark.parametrize("name", ["vae-error/two-bit-gap", "vae-error/two-bit-gap-sharper"])
def test_two_bits_against_floats(name: str) -> None:
    claim = CLAIMS[name]
    rng = np.random.default_rng(5)
    for _ in range(2000):
        a, b, p = rng.random(), rng.random(), rng.dirichlet(np.ones(4))
        q = np.outer([1 - a, a], [1 - b, b]).ravel()
        delta, larger = p[0] * p[3] - p[1] * p[2], max(p[0] + p[1], p[2] + p[3])
        bound = delta**2 / 2 if name.endswith("gap") else 2 * (delta / larger) ** 2
        assert float((q * np.log(q / p)).sum()) >= bound
    verdict = claim.decide(claim.instances.build("fixed/fair"))
    assert verdict.statistics["ratio"] == pytest.approx(1 / 16 if name.endswith("gap") else 1.0, rel=1e-4)
