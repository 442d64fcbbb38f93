"""InfoVAE's formulas against loops and quadrature that share no code with them; its claims, altered and broken."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from itertools import islice, pairwise
from pathlib import Path
from random import Random
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
from flint import ctx, fmpq
from recheck.tampering import tamper
from scipy.integrate import quad
from scipy.stats import norm

from eftheory import recheck
from eftheory.analytic import infovae
from eftheory.analytic.infovae import Tables, TwoPoints, admissible, jensen_shannon, log_mills, log_normal_tail
from eftheory.claims import Claim
from eftheory.claims.certificate import certificate
from eftheory.claims.discovery import discover
from eftheory.claims.outcome import decide
from eftheory.errors import MisuseError
from eftheory.exact.arithmetic import BALL, FLOAT, SYMBOL
from eftheory.exact.compare import certainly_less
from eftheory.exact.draws import distribution
from eftheory.exact.loglinear import LOGS
from eftheory.verdict import Status

VERIFY = Path(__file__).parents[2] / "verify" / "infovae"
CLAIMS: dict[str, Claim] = {c.id: c for c in discover([VERIFY]).claims}


def drawn(seed: int, x: int = 3, z: int = 4) -> Tables:
    rng = Random(seed)
    decoder = zip(*(distribution(rng, x) for _ in range(z)), strict=True)
    encoder = [distribution(rng, z) for _ in range(x)]
    return Tables(distribution(rng, x), distribution(rng, z), [list(row) for row in decoder], encoder)


def floats(rows: Any) -> Any:
    return np.array(rows, dtype=object).astype(float)


def by_loops(tables: Tables, alpha: float, weight: float) -> dict[str, float]:
    """Every term from its definition, with numpy."""
    pd, prior, decoder, encoder = (floats(t) for t in (tables.data, tables.prior, tables.decoder, tables.encoder))
    q, p = pd[:, None] * encoder, decoder * prior
    qz, px = q.sum(0), p.sum(1)
    recon = (q * np.log(decoder)).sum()
    rate, mismatch = (q * np.log(encoder / prior)).sum(), (qz * np.log(qz / prior)).sum()
    info = (q * np.log(q / np.outer(pd, qz))).sum()
    inverse = (q * np.log(q / qz / decoder)).sum()
    return {
        "elbo": recon - rate,
        "joint": -(q * np.log(q / p)).sum(),
        "evidence": -(pd * np.log(pd / px)).sum() - (q * np.log(encoder * px[:, None] / p)).sum(),
        "latent": -mismatch - inverse,
        "constant": (pd * np.log(pd)).sum(),
        "five": -weight * mismatch - inverse + alpha * info,
        "six": recon - (1 - alpha) * rate - (alpha + weight - 1) * mismatch,
    }


@pytest.mark.parametrize("seed", range(5))
def test_every_form_agrees_with_loops_in_three_arithmetics(seed: int) -> None:
    tables, alpha, weight = drawn(seed), fmpq(3, 4), fmpq(5, 2)
    wanted = by_loops(tables, 0.75, 2.5)
    for on in (FLOAT, BALL, LOGS):
        found = {
            "elbo": tables.elbo(on),
            "joint": tables.joint_form(on),
            "evidence": tables.evidence_form(on),
            "latent": tables.latent_form(on),
            "constant": tables.negative_entropy(on),
            "five": tables.information_form(alpha, weight, on),
            "six": tables.objective(alpha, weight, on),
        }
        values = {name: float(value.ball() if on is LOGS else value) for name, value in found.items()}
        assert values == pytest.approx(wanted, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_deficit_is_what_is_missing_at_this_information(seed: int) -> None:
    tables, alpha, weight = drawn(seed), fmpq(1, 3), fmpq(4)
    top = tables.negative_entropy(LOGS) + infovae_scaled(alpha, tables.information(LOGS))
    other = jensen_shannon(tables.aggregate, tables.prior, on=LOGS)
    for divergence in (None, other):
        value = tables.objective(alpha, weight, LOGS, divergence)
        assert (top - value - tables.deficit(alpha, weight, LOGS, divergence)).is_zero
        assert not (top - value).is_zero


def infovae_scaled(factor: fmpq, value: Any) -> Any:
    return LOGS.number(factor) * value


def test_symbols_give_the_formula_to_read() -> None:
    t = sp.Symbol("t", positive=True)
    half = sp.Rational(1, 2)
    tables = Tables([half, half], [half, half], [[t, 1 - t], [1 - t, t]], [[1, 0], [0, 1]])
    assert sp.expand(tables.elbo(SYMBOL) - (sp.log(t) - sp.log(2))) == 0
    assert sp.simplify(tables.information(SYMBOL) - sp.log(2)) == 0


def test_tables_of_different_shapes_are_refused() -> None:
    with pytest.raises(MisuseError, match="encoder of shape 2 x 1"):
        Tables([1, 1], [1], [[1], [1]], [[1, 1], [1]])


def test_jensen_shannon_of_disjoint_distributions_is_log_2() -> None:
    assert jensen_shannon([1.0, 0.0], [0.0, 1.0], on=FLOAT) == pytest.approx(math.log(2))


# --- admissible weights -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alpha", "weight", "divergence", "reason"),
    [
        (0, 1, "kl", None),
        (7.5, 0.001, "kl", None),
        (0, 0, "kl", "not positive"),
        (0, -1, "kl", "not positive"),
        (1, 1, "adversarial", None),
        (1, 1000, "mmd", None),
        (0, 500, "stein", None),
        (0.57, 0.43, "mmd", None),
        (-3.35, 4.35, "mmd", None),
        (0, 0.001, "mmd", "-0.999 is negative"),
        (0.5, 0.25, "stein", "is negative"),
        (1.5, 3, "mmd", "above 1"),
        (1, 0, "adversarial", "plain autoencoder"),
    ],
)
def test_admissible_weights(alpha: float, weight: float, divergence: str, reason: str | None) -> None:
    found = admissible(alpha, weight, divergence)
    assert found is None if reason is None else found is not None and reason in found and "\n" not in found


def test_decimals_are_taken_as_written() -> None:
    alphas = [round(-5 + i / 100, 2) for i in range(600)]
    broken = [a for a in alphas if a + round(1 - a, 2) - 1 < 0]
    assert broken, "floats do get it wrong"
    assert all(admissible(a, round(1 - a, 2), "mmd") is None for a in alphas if a < 1)


@pytest.mark.parametrize("bad", [math.nan, math.inf, True, "many"])
def test_weights_that_are_no_numbers_are_refused(bad: Any) -> None:
    with pytest.raises(MisuseError, match="wanted a finite alpha"):
        admissible(bad, 1.0, "kl")


def test_an_unknown_divergence_is_refused() -> None:
    with pytest.raises(MisuseError, match="did you mean 'stein'"):
        admissible(0.0, 1.0, "stien")


# --- Proposition 1 ----------------------------------------------------------------------------------------------------


def two_points_by_quadrature(c: float, width: float) -> tuple[float, float, float]:
    """(best variance, ELBO, gap) from the densities, with scipy; c/l moderate."""
    q = norm(c, width)

    def integral(f: Callable[[float], float]) -> float:
        low, high = c - 9 * width, c + 9 * width
        ends = [low, 0.0, high] if low < 0 else [low, high]
        return sum(quad(lambda z: q.pdf(z) * f(z), a, b, epsabs=1e-13)[0] for a, b in pairwise(ends))

    wrong = q.cdf(0.0)
    s2 = 4 * wrong
    log_x = [norm.logpdf(1.0, sign, math.sqrt(s2)) for sign in (1.0, -1.0)]

    def log_decoder(z: float) -> float:
        return float(log_x[0] if z >= 0 else log_x[1])

    log_evidence = math.log((math.exp(log_x[0]) + math.exp(log_x[1])) / 2)
    rate = integral(lambda z: q.logpdf(z) - norm.logpdf(z))
    elbo = integral(log_decoder) - rate
    gap = integral(lambda z: q.logpdf(z) - norm.logpdf(z) - log_decoder(z) + log_evidence)
    return s2, elbo, gap


@pytest.mark.parametrize(("c", "width"), [(1.0, 0.5), (0.7, 0.3), (2.0, 0.8), (0.5, 0.5)])
def test_two_points_against_quadrature(c: float, width: float) -> None:
    s2, elbo, gap = two_points_by_quadrature(c, width)
    points = TwoPoints(c, width, FLOAT)
    assert points.variance == pytest.approx(s2, rel=1e-10)
    assert points.elbo == pytest.approx(elbo, rel=1e-7, abs=1e-8)
    assert points.gap == pytest.approx(gap, rel=1e-7, abs=1e-8)
    assert points.log_evidence == pytest.approx(elbo + gap, rel=1e-7)
    assert points.elbo_at(points.variance) == pytest.approx(points.elbo)
    assert max(points.elbo_at(points.variance * r) for r in (0.5, 0.9, 1.1, 2.0)) < points.elbo


def test_balls_symbols_and_floats_agree_on_two_points() -> None:
    c, width = fmpq(1), fmpq(1, 4)
    ball, number = TwoPoints(c, width, BALL), TwoPoints(c, width, FLOAT)
    symbol = TwoPoints(sp.Integer(1), sp.Rational(1, 4), SYMBOL)
    for name in ("rate", "elbo", "gap", "log_evidence", "variance"):
        assert float(getattr(ball, name)) == pytest.approx(getattr(number, name), rel=1e-12)
        assert float(sp.N(getattr(symbol, name), 30)) == pytest.approx(getattr(number, name), rel=1e-12)


@pytest.mark.parametrize("t", ["1/100", "1/2", "3", "40", "1000000"])
def test_mills_bounds_enclose_the_tail(t: str) -> None:
    number = fmpq(*(int(part) for part in (t + "/1").split("/")[:2]))
    with ctx.workprec(256):
        tail, circle = log_normal_tail(number, on=BALL), BALL.log(2 * infovae.pi(BALL))
        lower, upper = log_mills(number, circle, on=BALL)
        assert certainly_less(lower, tail) and certainly_less(tail, upper)
    with mpmath.workdps(40):
        x = mpmath.mpf(int(number.p)) / int(number.q)
        exact = mpmath.log(mpmath.erfc(x / mpmath.sqrt(2)) / 2)
    assert float(tail) == pytest.approx(float(exact), rel=1e-14)


def test_arithmetics_without_erfc_are_refused() -> None:
    with pytest.raises(MisuseError, match="FLOAT, BALL or SYMBOL"):
        infovae.normal_tail(fmpq(1), on=LOGS)
    with pytest.raises(MisuseError, match="FLOAT, BALL or SYMBOL"):
        infovae.pi(LOGS)


# --- the claims -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CLAIMS)
def test_every_quick_instance_is_decided_and_its_certificate_is_accepted(name: str) -> None:
    claim = CLAIMS[name]
    outcomes = [decide(claim, key) for key in claim.instances.keys(True)]
    statuses = {outcome.status for outcome in outcomes}
    if claim.kind == "claim":
        assert statuses <= {"PROVED", "CERTIFIED"}, [outcome.reason for outcome in outcomes]
    else:
        assert "REFUTED" in statuses and "ERROR" not in statuses, [outcome.reason for outcome in outcomes]
    made = [(certificate(claim, outcome), outcome.status) for outcome in outcomes]
    accepted = [recheck.check(each).verdict == status for each, status in made[:2] if each is not None]
    assert all(accepted) and (accepted or not claim.relation or claim.kind == "control")


@pytest.mark.parametrize("name", [name for name, claim in CLAIMS.items() if claim.relation])
def test_altered_certificates_are_refused(name: str) -> None:
    claim = CLAIMS[name]
    made = (certificate(claim, decide(claim, key)) for key in claim.instances.keys(True))
    whole = next(each for each in made if each is not None)
    altered = list(tamper(json.loads(json.dumps(whole)), every=11))
    accepted = []
    for what, other in islice(altered, 0, None, max(1, len(altered) // 12)):
        try:
            recheck.check(other)
            accepted.append(what)
        except recheck.Refused:
            pass
    assert accepted == []


@pytest.mark.parametrize(
    ("claim", "method"),
    [
        ("infovae/elbo-forms", "inverse_error"),
        ("infovae/elbo-forms", "gap"),
        ("infovae/objective-forms", "information"),
        ("infovae/prop-2", "mismatch"),
        ("infovae/prop-2-mmd", "information"),
    ],
)
def test_a_broken_formula_turns_the_claim_red(claim: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = getattr(Tables, method)
    monkeypatch.setattr(Tables, method, lambda self, on: right(self, on) + right(self, on))
    keys = CLAIMS[claim].instances.keys(True)
    statuses = {CLAIMS[claim].decide(CLAIMS[claim].instances.build(key)).status for key in keys}
    assert Status.REFUTED in statuses


def test_a_wrong_tail_turns_proposition_1_red(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(infovae, "log_normal_tail", lambda t, on: 2 * log_normal_tail(t, on=on))
    claim = CLAIMS["infovae/prop-1-elbo"]
    assert claim.decide(claim.instances.build("fixed/halves")).status is Status.REFUTED


def test_the_hypotheses_of_the_paper_let_a_wrong_model_win() -> None:
    """In floats: alpha = 0, lambda = 1/1000, MMD with a sum of kernels; a deficit below zero is a larger objective."""
    instance = CLAIMS["infovae/prop-2-mmd#paper-hypotheses"].instances.build("random/2x3/inverse/mmd-1")
    numbers = {name: floats([[fmpq_text(e) for e in row] for row in value]) if isinstance(value[0], list)
               else floats([fmpq_text(e) for e in value]) if isinstance(value, list) else fmpq_text(value)
               for name, value in instance.items()}  # fmt: skip
    assert admissible(numbers["alpha"], numbers["lam"], "mmd") is not None
    q = numbers["pd"][:, None] * numbers["encoder"]
    qz, prior = q.sum(0), numbers["prior"]
    inverse = (q * np.log(q / qz / numbers["decoder"])).sum()
    deficit = inverse + (qz * np.log(qz / prior)).sum() - 0.999 * (qz - prior) @ numbers["kernel"] @ (qz - prior)
    assert abs(inverse) < 1e-12 and deficit < -1e-3
    assert np.linalg.eigvalsh(numbers["kernel"]).min() > 0


def fmpq_text(text: str) -> float:
    top, _, bottom = text.partition("/")
    return int(top) / int(bottom or 1)
