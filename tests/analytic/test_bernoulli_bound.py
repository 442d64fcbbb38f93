"""The Bernoulli bound's formulas, against quadrature, Monte-Carlo-free densities, differences and SciPy."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.stats import multivariate_normal, norm

from eftheory.analytic import bernoulli_bound as bb
from eftheory.errors import MisuseError
from eftheory.exact.arithmetic import BALL, FLOAT, SYMBOL

RNG = np.random.default_rng(5)
D, K = 5, 2
W = RNG.normal(size=(D, K))
B = RNG.normal(size=D)
X = RNG.integers(0, 2, size=(7, D))
X[0], X[1] = 0, 1


def covariance(k: int) -> np.ndarray:
    a = RNG.normal(size=(k, k))
    return a @ a.T + 0.3 * np.eye(k)


def nelbo(x: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> float:
    """By numerical integration over each logit, which is normal; shares no code with the library."""
    total = 0.0
    for w, b, bit in zip(W, B, x, strict=True):
        m, s = w @ mean + b, np.sqrt(w @ spread @ w)
        soft = quad(lambda u, m=m, s=s: np.logaddexp(0, m + s * u) * norm.pdf(u), -9, 9, epsabs=1e-9)[0]
        total += soft - bit * m
    kl = 0.5 * (np.trace(spread) + mean @ mean - len(mean) - np.linalg.slogdet(spread)[1])
    return float(total + kl)


def test_the_expansion_is_never_below_softplus_and_touches_it_at_zero() -> None:
    for t in np.linspace(-60, 60, 2401):
        assert bb.quadratic(t) >= bb.softplus(t) - 1e-12
    assert bb.quadratic(0.0) == bb.softplus(0.0)


def test_another_factor_or_point_is_below_it_somewhere() -> None:
    """The control: the same comparison fails for 1/9 in place of 1/8, and for the expansion at t = 1."""
    ninth = [bb.quadratic(t) - t * t / 72 - bb.softplus(t) for t in np.linspace(-1, 1, 41)]
    assert min(ninth) < -1e-4
    rise = 1 / (1 + np.exp(-1))
    at_zero = bb.softplus(1.0) - rise + rise * (1 - rise) / 2
    assert at_zero < bb.softplus(0.0)


def test_the_surrogate_is_above_the_nelbo_of_any_encoder() -> None:
    for x in X[:3]:
        mean, spread = RNG.normal(size=K), covariance(K)
        above = bb.surrogate(x.tolist(), W.tolist(), B.tolist(), mean.tolist(), spread.tolist())
        assert nelbo(x, mean, spread) < above


def test_the_bound_is_the_surrogate_at_the_best_encoder_and_the_least() -> None:
    best = bb.best_encoder(W.tolist(), B.tolist())
    values = []
    for place, x in enumerate(X.tolist()):
        value = bb.surrogate(x, W.tolist(), B.tolist(), best.mean(x), best.covariance)
        values.append(value)
        for _ in range(3):
            mean, spread = np.array(best.mean(x)) + 0.1 * RNG.normal(size=K), np.array(best.covariance) * 1.2
            assert bb.surrogate(x, W.tolist(), B.tolist(), mean.tolist(), spread.tolist()) > value
        assert place > 1 or nelbo(np.array(x), np.array(best.mean(x)), np.array(best.covariance)) < value
    assert bb.bernoulli_bound(X.tolist(), W.tolist(), B.tolist()) == pytest.approx(np.mean(values), abs=1e-12)


def test_the_bound_is_a_normal_density_of_y() -> None:
    """``L = -E log N(y; b/2, C) + d (log 2 - 1/2 - log(2 pi)/2)``: by SciPy, and by the moments of y."""
    y = 2 * X - 1
    C = np.eye(D) + W @ W.T / 4
    density = multivariate_normal(B / 2, C).logpdf(y).mean()
    expected = -density + D * (np.log(2) - 0.5 - 0.5 * np.log(2 * np.pi))
    assert bb.bernoulli_bound(X.tolist(), W.tolist(), B.tolist()) == pytest.approx(expected, abs=1e-12)
    S = np.cov(y.T, bias=True)
    found = bb.bound_of_moments(y.mean(0).tolist(), S.tolist(), W.tolist(), B.tolist())
    assert found == pytest.approx(expected, abs=1e-12)


def moments() -> tuple[np.ndarray, np.ndarray]:
    y = 2 * X - 1
    return y.mean(0), np.cov(y.T, bias=True)


def test_gradient_and_curvature_are_those_of_differences() -> None:
    mean, S = moments()

    def value(W: np.ndarray, b: np.ndarray) -> float:
        return float(bb.bound_of_moments(mean.tolist(), S.tolist(), W.tolist(), b.tolist()))

    slopes, tilts = bb.gradient_of_moments(mean.tolist(), S.tolist(), W.tolist(), B.tolist())
    h = 1e-5
    for r in range(D):
        e = np.eye(D)[r]
        assert (value(W, B + h * e) - value(W, B - h * e)) / (2 * h) == pytest.approx(tilts[r], abs=1e-8)
        for j in range(K):
            V = np.outer(e, np.eye(K)[j])
            assert (value(W + h * V, B) - value(W - h * V, B)) / (2 * h) == pytest.approx(slopes[r][j], abs=1e-8)
    center, h = 2 * mean, 1e-3
    V, Z = RNG.normal(size=(2, D, K))
    corners = [[value(W + h * (s * V + t * Z), center) for t in (1, -1)] for s in (1, -1)]
    differences = (corners[0][0] - corners[0][1] - corners[1][0] + corners[1][1]) / (4 * h * h)
    found = bb.curvature_of_moments(S.tolist(), W.tolist(), V.tolist(), Z.tolist())
    assert found == pytest.approx(differences, abs=1e-4)
    assert abs(found) > 1e-2  # control: something was compared


def test_a_search_from_random_starts_does_not_beat_the_closed_form() -> None:
    mean, S = moments()
    eigenvalues = np.linalg.eigvalsh(S)[::-1]
    assert eigenvalues[0] > 1
    value = bb.optimal_value(eigenvalues[:K].tolist(), float(np.trace(S)), D)

    def objective(flat: np.ndarray) -> float:
        weights, b = flat[: D * K].reshape(D, K), flat[D * K :]
        return float(bb.bound_of_moments(mean.tolist(), S.tolist(), weights.tolist(), b.tolist()))

    found = [minimize(objective, RNG.normal(size=D * (K + 1))).fun for _ in range(2)]
    assert min(found) == pytest.approx(value, abs=1e-5)
    assert min(found) > value - 1e-9


def test_three_arithmetics_agree() -> None:
    W, b, x = [[Fraction(1, 2)], [Fraction(-3, 4)]], [Fraction(1, 3), Fraction(0)], [[0, 1], [1, 1]]
    found = [bb.bernoulli_bound(x, W, b, on=on) for on in (FLOAT, BALL, SYMBOL)]
    assert float(found[1].mid()) == pytest.approx(found[0], abs=1e-14)
    assert float(found[2]) == pytest.approx(found[0], abs=1e-14)
    assert bb.optimal_scale(Fraction(5, 4), on=SYMBOL) == 1
    assert bb.optimal_scale(Fraction(3, 4), on=SYMBOL) == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: bb.bernoulli_bound([[0.5, 1]], [[1.0], [1.0]], [0.0, 0.0]),
        lambda: bb.bernoulli_bound([[0, 1, 1]], [[1.0], [1.0]], [0.0, 0.0]),
        lambda: bb.bernoulli_bound([], [[1.0], [1.0]], [0.0, 0.0]),
        lambda: bb.bernoulli_bound([[0, 1]], [[1.0], [1.0, 2.0]], [0.0, 0.0]),
        lambda: bb.surrogate([0, 1], [[1.0], [1.0]], [0.0, 0.0], [0.0, 0.0], [[1.0]]),
        lambda: bb.surrogate([0, 1], [[1.0], [1.0]], [0.0, 0.0], [0.0], [[-1.0]]),
    ],
)
def test_misuse_is_refused(call: object) -> None:
    with pytest.raises(MisuseError, match="wanted"):
        call()  # type: ignore[operator]
