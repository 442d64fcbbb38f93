"""The speed promise of the Bernoulli bound's optimum (`pytest -m benchmark`), and that both contestants work."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks import bernoulli
from scipy.sparse.linalg import svds


def test_the_contestants_find_the_same_singular_values() -> None:
    x = (np.random.default_rng(0).random((300, 60)) < 0.3).astype(np.float32)
    expected = np.sort(np.linalg.svd(x, compute_uv=False))[::-1]
    np.testing.assert_allclose(np.sort(svds(x, k=5)[1])[::-1], expected[:5], rtol=1e-4)
    np.testing.assert_allclose(bernoulli.randomised_svd(x, 5)[:2], expected[:2], rtol=1e-2)


@pytest.mark.benchmark
def test_the_optimum_of_dense_data_costs_at_most_one_and_a_half_truncated_svds() -> None:
    assert bernoulli.dense_over_svds() <= 1.5
    assert bernoulli.dense_over_randomised() <= 1.5


@pytest.mark.benchmark
def test_the_optimum_of_sparse_data_costs_as_much_and_forms_no_square_matrix() -> None:
    assert bernoulli.sparse_over_svds() <= 1.5
    assert bernoulli.sparse_peak() < 763 / 5
