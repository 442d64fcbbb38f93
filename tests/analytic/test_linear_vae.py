"""The linear VAE: against Gauss-Hermite quadrature, divergences of normals, finite differences, and optimisation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from eftheory import recheck
from eftheory.analytic import linear_vae, ppca
from eftheory.analytic.linear_vae import Slope
from eftheory.claims import Claim
from eftheory.claims.certificate import certificate
from eftheory.claims.discovery import discover
from eftheory.claims.outcome import decide
from eftheory.errors import MisuseError
from eftheory.exact.arithmetic import BALL, FLOAT, SYMBOL
from eftheory.verdict import Status

D_X, K = 4, 2
Parameters = tuple[np.ndarray, np.ndarray, np.ndarray, float]


def data(n: int = 30, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, K)) @ rng.normal(size=(K, D_X)) + 0.6 * rng.normal(size=(n, D_X))
    return x - x.mean(axis=0)


def covariance(x: np.ndarray) -> list[list[float]]:
    return (x.T @ x / len(x)).tolist()


def parameters(seed: int = 1) -> Parameters:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(D_X, K)), 0.3 * rng.normal(size=(K, D_X)), rng.uniform(0.2, 1.5, K), 0.8


def value(x: np.ndarray, p: Parameters) -> float:
    W, V, D, s2 = p
    return float(linear_vae.elbo(covariance(x), W.tolist(), V.tolist(), D.tolist(), s2, on=FLOAT))


def by_quadrature(x: np.ndarray, p: Parameters, order: int = 4) -> float:
    """The mean of ``E_q [log p(x|z) + log p(z) - log q(z|x)]``: densities of scipy, nodes exact for squares."""
    W, V, D, s2 = p
    nodes, weights = np.polynomial.hermite_e.hermegauss(order)
    weights = weights / weights.sum()
    total = 0.0
    for row in x:
        for u, first in zip(nodes, weights, strict=True):
            for v, second in zip(nodes, weights, strict=True):
                z = V @ row + np.sqrt(D) * np.array([u, v])
                log_q = multivariate_normal(V @ row, np.diag(D)).logpdf(z)
                log_p = multivariate_normal(W @ z, s2 * np.eye(D_X)).logpdf(row)
                total += first * second * (log_p + multivariate_normal(np.zeros(K)).logpdf(z) - log_q)
    return total / len(x)


def test_the_elbo_is_that_of_quadrature() -> None:
    x, p = data(8), parameters()
    assert value(x, p) == pytest.approx(by_quadrature(x, p), rel=1e-10)
    W, V, D, s2 = p
    assert value(x, (W, V, 1.1 * D, s2)) != pytest.approx(by_quadrature(x, p), rel=1e-6), "a control: another D"


def test_the_gap_is_the_mean_divergence_from_the_posterior() -> None:
    x, (W, _, _, s2) = data(), parameters(2)
    V, D = (np.array(part) for part in linear_vae.optimum(W.tolist(), s2, on=FLOAT))
    M = W.T @ W + s2 * np.eye(K)
    exact = s2 * np.linalg.inv(M)  # the posterior covariance; its mean is that of q
    ratio = np.linalg.solve(exact, np.diag(D))
    divergence = 0.5 * (np.trace(ratio) - K - np.linalg.slogdet(ratio)[1])
    fit = ppca.log_likelihood(covariance(x), W.tolist(), s2, on=FLOAT)
    assert linear_vae.gap(W.tolist(), s2, on=FLOAT) == pytest.approx(divergence, rel=1e-10)
    assert fit - value(x, (W, V, D, s2)) == pytest.approx(divergence, rel=1e-10)
    assert divergence > 1e-2, "a control: the columns are not orthogonal"


def test_the_gap_vanishes_where_the_columns_are_orthogonal() -> None:
    W = [[2.0, 0.0], [0.0, 0.0], [0.0, -3.0]]
    assert linear_vae.gap(W, 0.5, on=FLOAT) == pytest.approx(0.0, abs=1e-15)
    assert linear_vae.gap([[2.0, 0.1], *W[1:]], 0.5, on=FLOAT) > 1e-4


def test_the_gradient_is_that_of_finite_differences() -> None:
    x, p = data(), parameters()
    W, V, D, s2 = p
    found = linear_vae.gradient(covariance(x), W.tolist(), V.tolist(), D.tolist(), s2, on=FLOAT)
    flat = np.concatenate([np.ravel(found.W), np.ravel(found.V), found.D, [found.s2]])
    start, h = packed(p), 1e-5
    for place in range(len(start)):
        step = np.zeros_like(start)
        step[place] = h
        slope = (value(x, unpacked(start + step)) - value(x, unpacked(start - step))) / (2 * h)
        assert flat[place] == pytest.approx(slope, abs=2e-7), place


def test_the_hessian_is_that_of_the_gradient() -> None:
    x, p = data(), parameters()
    W, V, D, s2 = p
    directions = [unpacked(np.random.default_rng(seed).normal(size=2 * D_X * K + K + 1)) for seed in (5, 6)]
    slopes = [Slope(W=a.tolist(), V=b.tolist(), D=c.tolist(), s2=0.0) for a, b, c, _ in directions]
    found = linear_vae.hessian(covariance(x), W.tolist(), V.tolist(), D.tolist(), s2, slopes, on=FLOAT)
    h = 1e-5
    for e, (A, B, C, _) in enumerate(directions):
        ends = [
            linear_vae.gradient(
                covariance(x), (W + t * A).tolist(), (V + t * B).tolist(), (D + t * C).tolist(), s2, on=FLOAT
            )
            for t in (h, -h)
        ]
        for f, (A2, B2, C2, _) in enumerate(directions):
            up, down = (np.sum(A2 * np.array(g.W)) + np.sum(B2 * np.array(g.V)) + C2 @ np.array(g.D) for g in ends)
            assert found[e][f] == pytest.approx((up - down) / (2 * h), rel=1e-5)
    one = linear_vae.curvature(covariance(x), W.tolist(), V.tolist(), D.tolist(), s2, slopes[0], on=FLOAT)
    assert one == pytest.approx(found[0][0]) and abs(found[0][1]) > 1e-3


def test_no_search_finds_a_better_encoder() -> None:
    x, (W, V, D, s2) = data(), parameters()
    best_V, best_D = (np.array(part) for part in linear_vae.optimum(W.tolist(), s2, on=FLOAT))

    def loss(flat: np.ndarray) -> float:
        return -value(x, (W, flat[: K * D_X].reshape(K, D_X), np.exp(flat[K * D_X :]), s2))

    ended = minimize(loss, np.concatenate([V.ravel(), np.log(D)]), method="BFGS")
    assert -ended.fun == pytest.approx(value(x, (W, best_V, best_D, s2)), abs=1e-8)
    assert ended.x[: K * D_X].reshape(K, D_X) == pytest.approx(best_V, abs=1e-4)
    assert np.exp(ended.x[K * D_X :]) == pytest.approx(best_D, abs=1e-4)


def test_a_search_over_all_parameters_ends_at_the_likelihood_and_at_orthogonal_columns() -> None:
    x = data(60)
    S = covariance(x)
    values = np.linalg.eigvalsh(S)[::-1]
    s2 = float(values[2:].mean())
    top = ppca.stationary_value(values.tolist(), s2, (0, 1), on=FLOAT)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        W, V, D, _ = unpacked(np.append(flat, 0.0))
        spread = np.exp(D)
        slope = linear_vae.gradient(S, W.tolist(), V.tolist(), spread.tolist(), s2, on=FLOAT)
        slopes = np.concatenate([np.ravel(slope.W), np.ravel(slope.V), np.array(slope.D) * spread])
        return -value(x, (W, V, spread, s2)), -slopes

    for seed in range(3):
        start = np.random.default_rng(seed).normal(size=2 * D_X * K + K) / 2
        ended = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-9})
        W = ended.x[: D_X * K].reshape(D_X, K)
        assert -ended.fun == pytest.approx(top, abs=1e-8)
        assert W[:, 0] @ W[:, 1] == pytest.approx(0.0, abs=1e-4)
        assert sorted(np.sum(W**2, axis=0), reverse=True) == pytest.approx(values[:2] - s2, abs=1e-4)


def test_the_three_arithmetics_agree() -> None:
    S, W, s2 = [[3, 1], [1, 2]], [[1, 0], [-2, 1]], 2
    V, D = [[1, 0], [0, 1]], [1, 2]
    number = linear_vae.elbo(S, W, V, D, s2, on=FLOAT)
    assert float(linear_vae.elbo(S, W, V, D, s2, on=BALL).mid()) == pytest.approx(number, rel=1e-14)
    assert float(linear_vae.elbo(S, W, V, D, s2, on=SYMBOL)) == pytest.approx(number, rel=1e-14)
    gaps = [linear_vae.gap(W, s2, on=on) for on in (FLOAT, SYMBOL)]
    assert float(gaps[1]) == pytest.approx(gaps[0], rel=1e-12)


def test_collapse_is_at_most_the_noise() -> None:
    assert linear_vae.collapsed([5, 2, 1, 0.5], 1, 4, on=FLOAT) == [False, False, True, True]
    assert linear_vae.collapsed([5, 2, 1, 0.5], 1, 2, on=FLOAT) == [False, False]
    assert linear_vae.collapsed([5], 5, 1, on=BALL) == [True]
    S, W = [[5.0, 0.0], [0.0, 0.5]], [[2.0, 0.0], [0.0, 0.0]]
    active, idle = linear_vae.divergences(S, *linear_vae.optimum(W, 1.0, on=FLOAT), on=FLOAT)
    assert active == pytest.approx(np.log(5) / 2) and idle == 0.0


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (lambda: linear_vae.elbo([[1]], [[1], [2]], [[1]], [1], 1, on=FLOAT), r"S \(d x d\)"),
        (lambda: linear_vae.elbo([[1]], [[1]], [[1]], [1, 2], 1, on=FLOAT), "D of k entries"),
        (lambda: linear_vae.collapsed([1, 2], 1, 3, on=FLOAT), "at most 2 latents"),
    ],
)
def test_misuse_is_one_line(call: Any, wanted: str) -> None:
    with pytest.raises(MisuseError, match=wanted) as caught:
        call()
    assert "\n" not in str(caught.value)


# --- the claims -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def claims() -> dict[str, Claim]:
    return {claim.id: claim for claim in discover([Path(__file__).parents[2] / "verify" / "linear_vae"]).claims}


CERTIFIED = {
    "linear-vae/stationary-points": "all/3x2/0",
    "linear-vae/all-stationary-points": "stationary/3x2/0",
    "linear-vae/likelihood-maximum": "fewer/3x2/0",
    "linear-vae/elbo-stationary-points": "tie/3x2/0",
    "linear-vae/all-elbo-stationary-points": "random/3x2/0",
    "linear-vae/elbo-mixed-stationary-points": "one/4x3/0",
    "linear-vae/elbo-maximum": "tie/3x2/0",
    "linear-vae/elbo-gap": "random/3x2/0",
    "linear-vae/best-encoder": "singular/3x2/0",
    "linear-vae/max-elbo": "learned/3x2/0",
    "linear-vae/collapse": "edge/3x2/0",
    "linear-vae/consistent-set": "orthogonal/3x2/0",
}


@pytest.mark.parametrize(("id", "key"), CERTIFIED.items())
def test_a_claim_holds_and_its_certificate_is_accepted(claims: dict[str, Claim], id: str, key: str) -> None:
    outcome = decide(claims[id], key)
    assert outcome.status in ("PROVED", "CERTIFIED")
    made = certificate(claims[id], outcome)
    assert made is not None and recheck.check(made).verdict == outcome.status


def doubled(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **options: function(*args, **options) * 2


def other_variances(W: Any, s2: Any, *, on: Any) -> Any:
    V, D = OPTIMUM(W, s2, on=on)
    return V, [entry / 2 for entry in D]


OPTIMUM = linear_vae.optimum


@pytest.mark.parametrize(
    ("id", "module", "name", "broken"),
    [
        ("linear-vae/elbo-gap", linear_vae, "gap", doubled(linear_vae.gap)),
        ("linear-vae/elbo-gap", ppca, "relative_log_likelihood", doubled(ppca.relative_log_likelihood)),
        ("linear-vae/best-encoder", linear_vae, "relative_elbo", doubled(linear_vae.relative_elbo)),
        ("linear-vae/max-elbo", linear_vae, "optimum", other_variances),
        ("linear-vae/elbo-stationary-points", linear_vae, "optimum", other_variances),
        ("linear-vae/elbo-mixed-stationary-points", linear_vae, "curvature", doubled(linear_vae.curvature)),
        ("linear-vae/stationary-points", ppca, "curvature", lambda *args, on: on.number(-1)),
        ("linear-vae/collapse", linear_vae, "collapsed", lambda values, s2, k, *, on: [False] * k),
        ("linear-vae/elbo-identity", linear_vae, "gap", doubled(linear_vae.gap)),
        ("linear-vae/collapse-threshold", linear_vae, "optimum", other_variances),
    ],
)
def test_a_broken_formula_refutes_its_claim(
    claims: dict[str, Claim], monkeypatch: pytest.MonkeyPatch, id: str, module: Any, name: str, broken: Any
) -> None:
    key = {**CERTIFIED, "linear-vae/elbo-identity": "gap/2x2", "linear-vae/collapse-threshold": "divergence"}[id]
    instance = claims[id].instances.build(key)
    assert claims[id].decide(instance).holds is True
    monkeypatch.setattr(module, name, broken)
    assert claims[id].decide(instance).status is Status.REFUTED


def packed(p: Parameters) -> np.ndarray:
    W, V, D, s2 = p
    return np.concatenate([W.ravel(), V.ravel(), D, [s2]])


def unpacked(flat: np.ndarray) -> Parameters:
    W, V, rest = flat[: D_X * K], flat[D_X * K : 2 * D_X * K], flat[2 * D_X * K :]
    return W.reshape(D_X, K), V.reshape(K, D_X), rest[:K], float(rest[K])
