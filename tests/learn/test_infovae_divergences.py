"""Divergences of q(z) from p(z): against loops, quadrature and closed forms; the Stein sign; memory by blocks."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.learn.objectives import divergences
from eftheory.learn.objectives.adversary import Adversary
from eftheory.learn.objectives.divergences import KERNELS, mmd, mmd_finite, stein_direction, stein_surrogate

NAMES = tuple(KERNELS)
LINE = np.linspace(-14.0, 14.0, 2801)


def draws(count: int, width: int, seed: int, *, mean: float = 0.0, deviation: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return mean + deviation * torch.randn(count, width, generator=generator, dtype=torch.float64)


def by_hand(name: str, a: np.ndarray, b: np.ndarray) -> float:
    """The kernels as they are written in theory books, one pair at a time."""
    d, difference = len(a), a - b
    return {
        "rbf": math.exp(-float(difference @ difference) / (2 * d)),
        "inverse-multiquadric": 2 * d / (2 * d + float(difference @ difference)),
        "laplace": math.exp(-float(np.abs(difference).sum()) / d),
        "polynomial": (1 + float(a @ b) / d) ** 2,
    }[name]


def table(name: str, a: Tensor, b: Tensor) -> np.ndarray:
    return np.array([[by_hand(name, p, q) for q in b.numpy()] for p in a.numpy()])


# --- MMD --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_both_statistics_against_loops_whatever_the_block(name: str) -> None:
    a, b = draws(13, 3, 0), draws(9, 3, 1, mean=0.5)
    aa, ab, bb = table(name, a, a), table(name, a, b), table(name, b, b)
    v = aa.mean() - 2 * ab.mean() + bb.mean()
    off = [(gram.sum() - gram.trace()) / (len(gram) * (len(gram) - 1)) for gram in (aa, bb)]
    u = off[0] + off[1] - 2 * ab.mean()
    for block in (1, 4, 13, 1024):
        assert float(mmd(a, b, kernel=name, unbiased=False, block=block)) == pytest.approx(v, abs=1e-12)
        assert float(mmd(a, b, kernel=name, block=block)) == pytest.approx(u, abs=1e-12)
    assert v >= 0 and abs(u - v) > 1e-3, "the two statistics differ"


@pytest.mark.parametrize("name", NAMES)
def test_gradients_by_blocks_are_those_of_the_whole(name: str) -> None:
    a, b = draws(11, 2, 0).requires_grad_(), draws(7, 2, 1)
    (whole,) = torch.autograd.grad(mmd(a, b, kernel=name), a)
    (blocks,) = torch.autograd.grad(mmd(a, b, kernel=name, block=3), a)
    torch.testing.assert_close(whole, blocks)
    assert float(whole.abs().max()) > 1e-3


def test_no_block_is_larger_than_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []

    def spy(a: Tensor, b: Tensor) -> Tensor:
        shapes.append((len(a), len(b)))
        return divergences.rbf(a, b)

    monkeypatch.setitem(KERNELS, "rbf", spy)
    mmd(draws(50, 2, 0), draws(40, 2, 1), block=16)
    assert max(map(max, shapes)) == 16 and len(shapes) == 16 + 12 + 9


def truth(mean: float, deviation: float) -> float:
    """MMD^2 of N(mean, deviation^2) from N(0, 1), rbf, by quadrature."""
    difference = (norm.pdf(LINE, mean, deviation) - norm.pdf(LINE)) * (LINE[1] - LINE[0])
    return float(difference @ np.exp(-((LINE[:, None] - LINE) ** 2) / 2) @ difference)


def test_the_u_statistic_is_unbiased_and_the_v_statistic_is_not() -> None:
    wanted, found = truth(0.4, 0.7), {True: [], False: []}
    for seed in range(300):
        a, b = draws(8, 1, 2 * seed, mean=0.4, deviation=0.7), draws(8, 1, 2 * seed + 1)
        for unbiased, values in found.items():
            values.append(float(mmd(a, b, unbiased=unbiased)))
    error = {key: np.std(values) / math.sqrt(len(values)) for key, values in found.items()}
    assert abs(np.mean(found[True]) - wanted) < 4 * error[True]
    assert np.mean(found[False]) - wanted > 8 * error[False], "control: pairs of a draw with itself"
    assert min(found[True]) < 0 <= min(found[False])


def test_a_single_draw_has_no_pair_and_still_pulls() -> None:
    z = torch.tensor([[2.0]], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(mmd(z, draws(200, 1, 0)), z)
    assert float(slope) > 0


@pytest.mark.parametrize(("a", "b"), [((3, 2), (3, 1)), ((0, 2), (3, 2)), ((3,), (3,))])
def test_draws_that_do_not_fit_are_refused(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    with pytest.raises(MisuseError, match="draws"):
        mmd(torch.zeros(a), torch.zeros(b))
    with pytest.raises(MisuseError, match="did you mean 'rbf'"):
        mmd(torch.zeros(2, 1), torch.zeros(2, 1), kernel="rbff")


# --- finite spaces ----------------------------------------------------------------------------------------------------

POINTS = torch.tensor([[-(2**0.5)], [-1.0], [0.0], [1.0], [2**0.5]], dtype=torch.float64)
Q = torch.tensor([0.0, 0.5, 0.0, 0.5, 0.0], dtype=torch.float64)
P = torch.tensor([0.25, 0.0, 0.5, 0.0, 0.25], dtype=torch.float64)


def test_a_polynomial_kernel_overlooks_what_the_others_see() -> None:
    """Mean 0 and variance 1 both: the control of every kernel that is characteristic."""
    for name in NAMES:
        value = float(mmd_finite(Q.log(), P.log(), POINTS, kernel=name))
        assert abs(value) < 1e-12 if name == "polynomial" else value > 1e-3, name


def test_tables_against_sums_by_hand() -> None:
    q, p = np.random.default_rng(0).dirichlet(np.ones(6), size=2)
    z, log_q, log_p = draws(6, 2, 3), torch.tensor(q).log(), torch.tensor(p).log()
    middle = (q + p) / 2
    kl = float((q * np.log(q / p)).sum())
    js = 0.5 * float((q * np.log(q / middle)).sum() + (p * np.log(p / middle)).sum())
    assert float(divergences.kl_finite(log_q, log_p)) == pytest.approx(kl, abs=1e-12)
    assert float(divergences.js_finite(log_q, log_p)) == pytest.approx(js, abs=1e-12)
    assert 0 < js < math.log(2) and abs(js - kl) > 1e-3
    for name in NAMES:
        found = float(mmd_finite(log_q, log_p, z, kernel=name, block=4))
        assert found == pytest.approx((q - p) @ table(name, z, z) @ (q - p), abs=1e-12)
    both = torch.tensor(np.stack([q, p])).log()
    torch.testing.assert_close(divergences.aggregate(both).exp(), torch.tensor((q + p) / 2))


def test_kl_of_a_batch_is_that_of_its_mixture() -> None:
    means, deviations = np.array([-1.0, 0.5, 2.0]), np.array([0.5, 0.8, 0.3])
    mixture = np.mean([norm.pdf(LINE, m, s) for m, s in zip(means, deviations, strict=True)], axis=0)
    wanted = float((mixture * np.log(np.maximum(mixture, 1e-300) / norm.pdf(LINE))).sum() * (LINE[1] - LINE[0]))
    generator = np.random.default_rng(0)
    z = np.concatenate([generator.normal(m, s, 4000) for m, s in zip(means, deviations, strict=True)])
    pairs = torch.tensor(norm.logpdf(z[:, None], means, deviations))
    found = float(divergences.kl_minibatch(pairs, torch.tensor(norm.logpdf(z))))
    assert found == pytest.approx(wanted, abs=0.03)


# --- Stein ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", divergences.SMOOTH)
def test_the_direction_against_its_definition(name: str) -> None:
    z, step = draws(5, 2, 0, mean=1.0), 1e-6
    wanted = np.zeros((5, 2))
    for i, zi in enumerate(z.numpy()):
        for zj in z.numpy():
            slope = [
                (by_hand(name, zj + step * e, zi) - by_hand(name, zj - step * e, zi)) / (2 * step) for e in np.eye(2)
            ]
            wanted[i] += (by_hand(name, zj, zi) * -zj + slope) / 5
    assert np.allclose(stein_direction(z, -z, kernel=name).numpy(), wanted, atol=1e-8)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_minimising_the_surrogate_brings_draws_to_the_prior_and_the_papers_sign_away(sign: float) -> None:
    """sign -1: ``+ z . stop_gradient(phi)``, as printed in the paper; from the same draws it diverges."""
    z, prior = draws(100, 1, 0, mean=1.5, deviation=0.4), draws(1000, 1, 1)
    before = float(mmd(z, prior))
    for _ in range(150):
        z = z.detach().requires_grad_()
        (slope,) = torch.autograd.grad(sign * stein_surrogate(z, -z) * len(z), z)
        z = z.detach() - 0.1 * slope
    mean, after = float(z.mean()), float(mmd(z, prior))
    if sign > 0:
        assert abs(mean) < 0.1 and float(z.std()) == pytest.approx(1.0, abs=0.25) and after < 0.05 * before
    else:
        assert mean > 3.0 and after > before


def test_kernels_without_a_smooth_difference_have_no_direction() -> None:
    for name in set(NAMES) - set(divergences.SMOOTH):
        with pytest.raises(MisuseError, match="stein"):
            stein_direction(draws(3, 1, 0), draws(3, 1, 1), kernel=name)


# --- the discriminator ------------------------------------------------------------------------------------------------


def test_a_trained_discriminator_gives_jensen_shannon() -> None:
    q, p, step = norm.pdf(LINE, 1.5, 0.6), norm.pdf(LINE), LINE[1] - LINE[0]
    middle = (q + p) / 2
    safe = [(d * np.log(np.maximum(d, 1e-300) / middle)).sum() * step for d in (q, p)]
    wanted = 0.5 * sum(safe)
    adversary = Adversary(learning_rate=3e-3, seed=0)
    z, prior = draws(1000, 1, 0, mean=1.5, deviation=0.6).float(), draws(1000, 1, 1).float()
    with torch.no_grad():
        untrained = float(adversary.divergence(z, prior))
    for _ in range(150):
        adversary.divergence(z, prior)
    with torch.no_grad():
        fresh = draws(1000, 1, 2, mean=1.5, deviation=0.6).float(), draws(1000, 1, 3).float()
        found = float(adversary.divergence(*fresh))
    assert found == pytest.approx(wanted, abs=0.03) and abs(untrained - wanted) > 0.15


def test_the_encoders_gradient_leaves_the_discriminator_alone_and_pulls_to_the_prior() -> None:
    adversary = Adversary(learning_rate=3e-3, seed=0)
    z, prior = draws(500, 1, 0, mean=1.5, deviation=0.6).float().requires_grad_(), draws(500, 1, 1).float()
    for _ in range(60):
        value = adversary.divergence(z, prior)
    before = [tensor.clone() for tensor in adversary.state_dict()["network"].values()]
    (slope,) = torch.autograd.grad(value, z)
    assert float(slope.mean()) > 0
    assert all(map(torch.equal, before, adversary.state_dict()["network"].values()))
