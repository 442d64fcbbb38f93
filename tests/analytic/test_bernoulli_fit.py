"""The optimum of the Bernoulli bound from data: dense, wide and sparse, against the formulas and each other."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp

from eftheory.analytic import bernoulli_bound as bb
from eftheory.analytic import bernoulli_fit
from eftheory.analytic.bernoulli_fit import bernoulli_optimum, bound_of_data, usable_latents
from eftheory.errors import MisuseError


def bits(n: int, d: int, causes: int = 3, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, causes)) @ rng.normal(size=(causes, d)) * 1.5 - 0.5
    return (rng.random((n, d)) < 1 / (1 + np.exp(-logits))).astype(np.uint8)


def reference(x: np.ndarray, k: int) -> tuple[np.ndarray, float]:
    """Eigenvalues and value straight from the definition."""
    y = 2.0 * x - 1
    S = np.cov(y.T, bias=True)
    eigenvalues = np.linalg.eigvalsh(S)[::-1]
    used = np.maximum(eigenvalues[:k], 1)
    value = x.shape[1] * (np.log(2) - 0.5) + 0.5 * np.trace(S) + 0.5 * (np.log(used) + 1 - used).sum()
    return eigenvalues, float(value)


@pytest.mark.parametrize(("n", "d", "k"), [(400, 12, 3), (400, 12, 12), (20, 50, 4), (60, 40, 20), (1, 4, 2)])
@pytest.mark.parametrize("form", ["dense", "sparse", "products"])
def test_every_route_finds_the_optimum(monkeypatch: pytest.MonkeyPatch, n: int, d: int, k: int, form: str) -> None:
    x = bits(n, d)
    eigenvalues, value = reference(x, k)
    if form == "products" and min(n, d) > k:
        monkeypatch.setattr(bernoulli_fit, "SMALL_SIDE", 0)
    found = bernoulli_optimum(sp.csr_matrix(x) if form == "sparse" else x, k)
    size = len(found.eigenvalues)
    np.testing.assert_allclose(found.eigenvalues, eigenvalues[:size], atol=1e-9)
    assert found.usable == (eigenvalues[:k] > 1 + 1e-9).sum()
    assert found.value == pytest.approx(value, abs=1e-9)
    assert bound_of_data(x, found.W, found.b) == pytest.approx(value, abs=1e-9)
    assert bb.bernoulli_bound(x.tolist(), found.W.tolist(), found.b.tolist()) == pytest.approx(value, abs=1e-9)
    assert found.W.shape == (d, k) and np.all(found.W[:, found.usable :] == 0)


def test_the_encoder_is_the_closed_form() -> None:
    x = bits(300, 9)
    found = bernoulli_optimum(x, 4)
    best = bb.best_encoder(found.W.tolist(), found.b.tolist())
    np.testing.assert_allclose(found.gain, best.gain, atol=1e-12)
    np.testing.assert_allclose(found.offset, best.offset, atol=1e-12)
    np.testing.assert_allclose(np.diag(found.variance), best.covariance, atol=1e-12)
    np.testing.assert_allclose(found.mean(x[:3]), [best.mean(row) for row in x[:3].tolist()], atol=1e-12)
    np.testing.assert_allclose(found.mean(sp.csr_matrix(x[:3])), found.mean(x[:3]), atol=1e-12)


def test_no_other_decoder_is_better() -> None:
    rng, x = np.random.default_rng(1), bits(300, 9)
    found = bernoulli_optimum(x, 2)
    for scale in (1e-2, 0.3):
        for _ in range(5):
            W = found.W + scale * rng.normal(size=found.W.shape)
            b = found.b + scale * rng.normal(size=found.b.shape)
            assert bound_of_data(x, W, b) > found.value
    turned = found.W @ np.linalg.qr(rng.normal(size=(2, 2)))[0]
    assert bound_of_data(x, turned, found.b) == pytest.approx(found.value, abs=1e-10)
    assert bound_of_data(x, 1.1 * found.W, found.b) > found.value + 1e-4  # control: another constant is seen


def test_float32_blocks_count_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bernoulli_fit, "BLOCK", 7)
    x = bits(100, 6)
    found = bernoulli_optimum(x, 3)
    assert found.value == pytest.approx(reference(x, 3)[1], abs=1e-12)


def test_usable_latents_are_counted_beyond_the_first_ones() -> None:
    x = bits(30, 200, causes=20)
    expected = int((reference(x, 1)[0] > 1 + 1e-9).sum())
    assert expected > 20
    assert usable_latents(x) == usable_latents(sp.csr_matrix(x)) == expected
    assert usable_latents(np.ones((5, 3), dtype=bool)) == 0


def test_independent_bits_have_usable_latents_in_a_small_sample_only() -> None:
    """What the claim `independence` says: no eigenvalue above 1 in expectation, many in a sample with N < d."""
    rng = np.random.default_rng(2)
    assert usable_latents(rng.random((50, 100)) < 0.5) > 20
    assert usable_latents(rng.random((20000, 10)) < 0.3) == 0


def test_sparse_data_stay_sparse() -> None:
    """Of 300 x 3000 word presence, in memory far below 3000 x 3000 numbers (72 MB)."""
    x = sp.random(300, 3000, density=0.01, format="csr", random_state=np.random.default_rng(3))
    x.data[:] = 1
    tracemalloc.start()
    found = bernoulli_optimum(x, 8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6
    rows = 2 * (x.toarray() - np.asarray(x.mean(axis=0)))
    assert rows.nbytes > 5e6  # control: the measure would have seen dense data
    singular = np.linalg.svd(rows, compute_uv=False)[:8]
    np.testing.assert_allclose(singular**2 / 300, found.eigenvalues, rtol=1e-8)


@pytest.mark.parametrize(
    "call",
    [
        lambda: bernoulli_optimum(np.full((3, 2), 0.5), 1),
        lambda: bernoulli_optimum(np.array([[np.nan, 1.0]]), 1),
        lambda: bernoulli_optimum(np.zeros((0, 3)), 1),
        lambda: bernoulli_optimum(np.zeros(3), 1),
        lambda: bernoulli_optimum(np.zeros((3, 2)), 0),
        lambda: bernoulli_optimum(sp.csr_matrix([[2, 0]]), 1),
        lambda: bound_of_data(np.zeros((3, 2)), np.zeros((1, 2)), np.zeros(2)),
        lambda: usable_latents([["a", "b"]]),
    ],
)
def test_misuse_is_refused(call: object) -> None:
    with pytest.raises(MisuseError, match="wanted"):
        call()  # type: ignore[operator]
