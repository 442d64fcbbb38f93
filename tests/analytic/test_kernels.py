"""Kernels, MMD and Stein's operator against numpy, differences and quadrature; samples that move."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from pathlib import Path
from random import Random

import numpy as np
import pytest
from flint import fmpq
from scipy.integrate import quad

from eftheory.analytic import kernels
from eftheory.analytic.kernels import Kernel
from eftheory.claims.discovery import discover
from eftheory.errors import MisuseError
from eftheory.exact.arithmetic import BALL, FLOAT, SYMBOL
from eftheory.verdict import Status

VERIFY = Path(__file__).parents[2] / "verify" / "infovae"
KERNELS: dict[str, tuple[Kernel, Callable[[np.ndarray, np.ndarray], float]]] = {
    "rbf": (kernels.rbf(0.7, on=FLOAT), lambda a, b: math.exp(-float(((a - b) ** 2).sum()) / 1.4)),
    "imq": (kernels.inverse_multiquadric(0.7), lambda a, b: 1 / (1 + float(((a - b) ** 2).sum()) / 0.7)),
    "imq-3": (kernels.inverse_multiquadric(2.0, 3), lambda a, b: (1 + float(((a - b) ** 2).sum()) / 2.0) ** -3),
    "laplace": (kernels.laplace(0.7, on=FLOAT), lambda a, b: math.exp(-float(np.abs(a - b).sum()) / 0.7)),
    "polynomial": (kernels.polynomial(3, 0.5), lambda a, b: (0.5 + float(a @ b)) ** 3),
}


def points(seed: int, count: int, width: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width))


@pytest.mark.parametrize("name", KERNELS)
def test_values_and_gradients(name: str) -> None:
    kernel, plain = KERNELS[name]
    for a, b in zip(points(0, 6), points(1, 6), strict=True):
        assert kernel.value(a, b) == pytest.approx(plain(a, b))
        if kernel.gradient is None:
            continue
        h = 1e-6
        slopes = [(plain(a + h * e, b) - plain(a - h * e, b)) / (2 * h) for e in np.eye(2)]
        assert kernel.gradient(a, b) == pytest.approx(slopes, rel=1e-5, abs=1e-8)
    assert (kernel.gradient is None) == (name == "laplace")


def test_rational_kernels_stay_rational_and_the_others_are_balls_or_symbols() -> None:
    a, b = [fmpq(1, 2), fmpq(1)], [fmpq(0), fmpq(1, 3)]
    assert kernels.inverse_multiquadric(fmpq(2), 2).value(a, b) == (1 + fmpq(25, 36) / 2) ** -2
    assert kernels.polynomial(2, fmpq(1)).value(a, b) == fmpq(4, 3) ** 2
    ball = kernels.rbf(fmpq(1), on=BALL).value(a, b)
    assert float(ball) == pytest.approx(math.exp(-25 / 72)) and ball.rad() < 1e-12
    assert str(kernels.laplace(fmpq(1), on=SYMBOL).value(a, b)) == "exp(-7/6)"


@pytest.mark.parametrize("name", KERNELS)
def test_mmd_and_its_statistics_against_numpy(name: str) -> None:
    kernel, plain = KERNELS[name]
    xs, ys = points(2, 5), points(3, 4) + 0.3
    kxx, kyy, kxy = (np.array([[plain(a, b) for b in right] for a in left]) for left, right in
                     ((xs, xs), (ys, ys), (xs, ys)))  # fmt: skip
    v = kxx.mean() + kyy.mean() - 2 * kxy.mean()
    u = (kxx.sum() - np.trace(kxx)) / 20 + (kyy.sum() - np.trace(kyy)) / 12 - 2 * kxy.mean()
    assert kernels.v_statistic(kernel, xs, ys) == pytest.approx(v) and v >= 0
    assert kernels.u_statistic(kernel, xs, ys) == pytest.approx(u) and u != pytest.approx(v)
    both = kernels.gram(kernel, [*xs, *ys])
    q, p = [0.2] * 5 + [0.0] * 4, [0.0] * 5 + [0.25] * 4
    assert kernels.mmd_squared(q, p, both) == pytest.approx(v)


def test_expectations_by_enumeration_with_fractions() -> None:
    """U is unbiased and V is off by v_bias: every pair of samples, written out here."""
    rng = Random(5)
    z = [[fmpq(0)], [fmpq(1)], [fmpq(5, 2)]]
    kernel = kernels.inverse_multiquadric(fmpq(1))
    q, p = [fmpq(1, 2), fmpq(1, 3), fmpq(1, 6)], [fmpq(rng.randint(1, 9)) for _ in z]
    p = [weight / sum(p, fmpq(0)) for weight in p]
    mean_u = mean_v = fmpq(0)
    for a, b, c, d in product(range(3), repeat=4):
        chance = q[a] * q[b] * p[c] * p[d]
        mean_u += chance * kernels.u_statistic(kernel, [z[a], z[b]], [z[c], z[d]])
        mean_v += chance * kernels.v_statistic(kernel, [z[a], z[b]], [z[c], z[d]])
    matrix = kernels.gram(kernel, z)
    exact = kernels.mmd_squared(q, p, matrix)
    assert mean_u == exact > 0
    assert mean_v == exact + kernels.v_bias(q, p, matrix, (2, 2)) and mean_v > exact


def test_ranks_are_exact() -> None:
    line = [[fmpq(i, 10**6)] for i in range(6)]  # so near to each other that floats see rank 2
    matrix = kernels.gram(kernels.inverse_multiquadric(fmpq(1)), line)
    assert kernels.gram_rank(matrix) == 6
    assert np.linalg.matrix_rank(np.array(matrix, dtype=object).astype(float)) < 6
    for degree in (1, 2, 3):
        assert kernels.gram_rank(kernels.gram(kernels.polynomial(degree, fmpq(1)), line)) == degree + 1


@pytest.mark.parametrize("a", [-1.0, 0.4])
def test_the_stein_operator_has_mean_zero(a: float) -> None:
    kernel = KERNELS["imq"][0]
    assert kernel.gradient is not None

    def integrand(z: float, factor: float = 1.0) -> float:
        density = math.exp(-((z - 0.3) ** 2) / 3.0)
        slope = kernel.gradient([z], [a])[0]  # type: ignore[misc]
        return density * kernels.stein_operator([kernel.value([z], [a])], factor * slope, [-(z - 0.3) / 1.5])

    assert abs(quad(integrand, -15, 15)[0]) < 1e-9
    assert abs(quad(integrand, -15, 15, args=(0.5,))[0]) > 1e-2, "a wrong divergence shows"


@pytest.mark.parametrize("name", ["rbf", "imq"])
def test_codes_that_follow_the_direction_approach_the_prior(name: str) -> None:
    """With kernels that are not linear: the MMD to a sample of the prior falls, and grows with the opposite sign."""
    kernel = KERNELS[name][0]
    prior = points(4, 60)

    def after(sign: float) -> float:
        codes = [list(z) for z in points(5, 12) * 0.3 + 1.5]
        for _ in range(8):
            along = [kernels.stein_direction(z, codes, kernel, lambda at: [-t for t in at]) for z in codes]
            codes = [[t + sign * 0.3 * d for t, d in zip(z, s, strict=True)] for z, s in zip(codes, along, strict=True)]
        return float(kernels.v_statistic(kernel, codes, prior))

    assert after(1.0) < after(0.0) - 0.05 < after(0.0) + 0.05 < after(-1.0)


def test_the_direction_against_its_formula() -> None:
    codes = points(6, 5)
    kernel = KERNELS["rbf"][0]
    for z in codes:
        weights = np.exp(-((codes - z) ** 2).sum(1) / 1.4)
        wanted = (weights[:, None] * (-codes - (codes - z) / 0.7)).mean(0)
        assert kernels.stein_direction(z, codes, kernel, lambda at: -at) == pytest.approx(list(wanted))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: kernels.rbf(0, on=FLOAT), "positive scale"),
        (lambda: kernels.inverse_multiquadric(1, 0), "whole power"),
        (lambda: kernels.inverse_multiquadric(1, 1.5), "whole power"),
        (lambda: kernels.polynomial(True), "whole degree"),
        (lambda: kernels.is_characteristic("rfb"), "did you mean 'rbf'"),
        (lambda: kernels.u_statistic(KERNELS["rbf"][0], [[0.0]], [[1.0], [2.0]]), "at least two"),
        (lambda: kernels.stein_direction([0.0], [[1.0]], KERNELS["laplace"][0], lambda at: at), "differentiable"),
    ],
)
def test_misuse_is_refused(wrong: Callable[[], object], message: str) -> None:
    with pytest.raises(MisuseError, match=message):
        wrong()


def test_which_kernels_are_characteristic() -> None:
    assert {name: kernels.is_characteristic(name) for name in kernels.CHARACTERISTIC} == {
        each.name: each.characteristic for each, _ in KERNELS.values()
    }
    assert not kernels.is_characteristic("polynomial")


def test_a_step_that_goes_the_other_way_turns_the_claim_red(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {claim.id: claim for claim in discover([VERIFY / "stein_sign.py"]).claims}["infovae/stein-sign"]
    instance = found.instances.build("fixed/far")
    assert found.decide(instance).status is Status.CERTIFIED
    place = found.decide.__globals__  # type: ignore[attr-defined]
    right = place["directions"]
    monkeypatch.setitem(place, "directions", lambda codes: [-d for d in right(codes)])
    assert found.decide(instance).status is Status.REFUTED
