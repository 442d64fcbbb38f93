"""Probabilistic PCA: against the multivariate normal density, finite differences, optimisation, and scikit-learn."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from eftheory.analytic import ppca, ppca_fit
from eftheory.errors import MisuseError
from eftheory.exact.arithmetic import BALL, FLOAT, SYMBOL

VALUES, S2 = [7.0, 4.0, 2.5, 0.75, 0.5], 1.0
"""Eigenvalues, three of them above the noise."""


def axes(seed: int, n: int = 5) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]


def problem(seed: int = 0, k: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """S with those eigenvalues, and any W."""
    U = axes(seed)
    return U @ np.diag(VALUES) @ U.T, np.random.default_rng(seed + 100).normal(size=(5, k))


def data(n: int = 400, d: int = 6, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)) @ rng.normal(size=(2, d)) + 0.5 * rng.normal(size=(n, d)) + rng.normal(size=d)


def by_density(x: np.ndarray, mean: np.ndarray, W: np.ndarray, s2: float) -> float:
    return float(multivariate_normal(mean, W @ W.T + s2 * np.eye(len(W))).logpdf(x).mean())


def test_the_likelihood_is_the_mean_log_density() -> None:
    x, W = data(), np.random.default_rng(1).normal(size=(6, 2))
    mean = x.mean(axis=0)
    S = (x - mean).T @ (x - mean) / len(x)
    expected = by_density(x, mean, W, 0.5)
    assert ppca.log_likelihood(S.tolist(), W.tolist(), 0.5, on=FLOAT) == pytest.approx(expected, rel=1e-10)
    assert ppca_fit.log_likelihood(S, W, 0.5) == pytest.approx(expected, rel=1e-10)
    assert by_density(x, mean, 1.01 * W, 0.5) != pytest.approx(expected, rel=1e-10), "a control: another W"


def test_the_three_arithmetics_agree() -> None:
    S, W, s2 = [[3, 1], [1, 2]], [[1], [-2]], 2
    number = ppca.log_likelihood(S, W, s2, on=FLOAT)
    assert float(ppca.log_likelihood(S, W, s2, on=BALL).mid()) == pytest.approx(number, rel=1e-14)
    assert float(ppca.log_likelihood(S, W, s2, on=SYMBOL)) == pytest.approx(number, rel=1e-14)


def test_gradient_and_hessian_are_those_of_finite_differences() -> None:
    S, W = problem()
    by_w, by_s2 = ppca.gradient(S.tolist(), W.tolist(), S2, on=FLOAT)
    h = 1e-5
    for i, c in np.ndindex(*W.shape):
        step = np.zeros_like(W)
        step[i, c] = h
        up, down = (ppca_fit.log_likelihood(S, W + sign * step, S2) for sign in (1, -1))
        assert by_w[i][c] == pytest.approx((up - down) / (2 * h), abs=1e-7)
    up, down = (ppca_fit.log_likelihood(S, W, S2 + sign * h) for sign in (1, -1))
    assert by_s2 == pytest.approx((up - down) / (2 * h), abs=1e-7)
    A, B = (np.random.default_rng(seed).normal(size=W.shape) for seed in (5, 6))
    found = ppca.hessian(S.tolist(), W.tolist(), S2, [A.tolist(), B.tolist()], on=FLOAT)
    for e, first in enumerate((A, B)):
        up, down = (
            np.array(ppca.gradient(S.tolist(), (W + sign * h * first).tolist(), S2, on=FLOAT)[0]) for sign in (1, -1)
        )
        slope = (up - down) / (2 * h)
        assert found[e] == pytest.approx([np.sum(slope * A), np.sum(slope * B)], abs=1e-6)
    assert found[0][1] == found[1][0] and abs(found[0][1]) > 1e-3


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_every_subset_is_stationary_and_has_the_stated_value(k: int) -> None:
    U, R = axes(0), axes(9, k)
    S = (U @ np.diag(VALUES) @ U.T).tolist()
    found = ppca.subsets(VALUES, S2, k, on=FLOAT)
    assert sorted(found) == sorted(J for size in range(min(k, 3) + 1) for J in combinations(range(3), size))
    for J in found:
        W = ppca.weights(U.tolist(), VALUES, S2, J, R.tolist(), on=FLOAT)
        assert np.abs(np.array(ppca.gradient(S, W, S2, on=FLOAT)[0])).max() < 1e-12
        value = ppca.stationary_value(VALUES, S2, J, on=FLOAT)
        assert value == pytest.approx(ppca.log_likelihood(S, W, S2, on=FLOAT), rel=1e-12)
    assert np.abs(np.array(ppca.gradient(S, (1.1 * np.array(W)).tolist(), S2, on=FLOAT)[0])).max() > 1e-3, "a control"


@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_search_ends_at_the_top_and_nowhere_else(k: int) -> None:
    S, _ = problem()
    values = {J: ppca.stationary_value(VALUES, S2, J, on=FLOAT) for J in ppca.subsets(VALUES, S2, k, on=FLOAT)}
    best = tuple(range(k))
    assert max(values, key=values.__getitem__) == best
    for seed in range(4):
        start = np.random.default_rng(seed).normal(size=5 * k)
        ended = minimize(lambda w: -ppca_fit.log_likelihood(S, w.reshape(5, k), S2), start, method="BFGS")
        assert -ended.fun == pytest.approx(values[best], abs=1e-6)


def test_where_a_subset_can_gain_the_likelihood_bends_up() -> None:
    U, k = axes(0), 2
    S = (U @ np.diag(VALUES) @ U.T).tolist()
    gains = {}
    for J in ppca.subsets(VALUES, S2, k, on=FLOAT):
        found = ppca.improvement(VALUES, S2, k, J, on=FLOAT)
        gains[J] = found
        if found is None:
            continue
        j, i = found
        row = [0.0, 0.0]
        row[len(J) if i is None else J.index(i)] = 1.0
        W = ppca.weights(U.tolist(), VALUES, S2, J, np.eye(k).tolist(), on=FLOAT)
        bend = ppca.curvature(S, W, S2, np.outer(U[:, j], row).tolist(), on=FLOAT)
        expected = (VALUES[j] - S2) / S2**2 if i is None else (VALUES[j] - VALUES[i]) / (S2 * VALUES[i])
        assert bend == pytest.approx(expected, rel=1e-9) and bend > 0
    assert [J for J, found in gains.items() if found is None] == [(0, 1)]


@pytest.mark.parametrize("k", [1, 2, 4])
def test_against_scikit_learn(k: int) -> None:
    decomposition = pytest.importorskip("sklearn.decomposition", reason="`make test` installs scikit-learn")
    x = data()
    n = len(x)
    oracle = decomposition.PCA(n_components=k, svd_solver="full").fit(x)  # divides by n - 1
    ours = ppca_fit.fit(x, k)
    assert ours.s2 * n / (n - 1) == pytest.approx(oracle.noise_variance_, rel=1e-10)
    assert ours.W @ ours.W.T * n / (n - 1) == pytest.approx(
        oracle.get_covariance() - oracle.noise_variance_ * np.eye(6), abs=1e-10
    )
    kept = np.sqrt(oracle.explained_variance_ - oracle.noise_variance_)
    S = (x - x.mean(axis=0)).T @ (x - x.mean(axis=0)) / n
    theirs = ppca_fit.log_likelihood(S, oracle.components_.T * kept, oracle.noise_variance_)
    assert theirs == pytest.approx(oracle.score(x), rel=1e-10)
    assert ours.score(x) == pytest.approx(ours.log_likelihood, rel=1e-10)
    assert 0 < ours.log_likelihood - oracle.score(x) < 1e-3, "ours is the maximum, theirs next to it"


def test_the_fit_is_a_maximum_also_over_the_noise() -> None:
    x = data()
    ours = ppca_fit.fit(x, 2)
    S = (x - ours.mean).T @ (x - ours.mean) / len(x)
    by_w, by_s2 = ppca.gradient(S.tolist(), ours.W.tolist(), ours.s2, on=FLOAT)
    assert np.abs(np.array(by_w)).max() < 1e-10 and abs(by_s2) < 1e-10
    assert ours.s2 == pytest.approx(ppca.noise(ours.eigenvalues.tolist(), 2, on=FLOAT))
    assert ours.active == 2
    for s2 in (0.7 * ours.s2, 1.4 * ours.s2):
        assert ppca_fit.fit(x, 2, s2=s2).log_likelihood < ours.log_likelihood
    loud = ppca_fit.fit(x, 2, s2=float(ours.eigenvalues[1]) * 1.01)
    assert loud.active == 1 and not loud.W[:, 1].any() and loud.W[:, 0].any()


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (lambda: ppca_fit.fit(data(), 6), "1 <= k <= 5"),
        (lambda: ppca_fit.fit(data(), 0), "1 <= k <= 5"),
        (lambda: ppca_fit.fit([[1.0, float("nan")]], 1), "a finite matrix"),
        (lambda: ppca_fit.fit(data()[:, :3], 2, s2=0.0), "a positive s2"),
        (lambda: ppca_fit.fit_covariance([[1.0, 2.0], [0.0, 1.0]], 1), "a symmetric covariance"),
        (lambda: ppca_fit.log_likelihood(np.eye(2), np.ones((2, 1)), -1.0), "s2 > 0"),
        (lambda: ppca.noise([1, 2], 2, on=FLOAT), "k below 2"),
        (lambda: ppca.log_likelihood([[1]], [[1], [2]], 1, on=FLOAT), r"S \(d x d\) and W"),
        (lambda: ppca.subsets([sp.Symbol("l")], 1, 1, on=SYMBOL), "that compare"),
    ],
)
def test_misuse_is_one_line(call: object, wanted: str) -> None:
    with pytest.raises(MisuseError, match=wanted) as caught:
        call()  # type: ignore[operator]
    assert "\n" not in str(caught.value)
