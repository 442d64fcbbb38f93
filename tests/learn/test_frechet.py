"""The Frechet distance against closed forms, its invariances, and what must be noticed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch

from eftheory.errors import MisuseError
from eftheory.learn.evaluation.frechet import Moments, frechet, moments


def law(seed: int, width: int = 5) -> Moments:
    """Random moments."""
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(width, width, generator=generator, dtype=torch.float64)
    mean = torch.randn(width, generator=generator, dtype=torch.float64)
    return Moments(mean, root @ root.T, 100)


def test_moments_are_those_of_numpy() -> None:
    rows = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    found = moments(rows)
    assert found.count == 40
    np.testing.assert_allclose(found.mean.numpy(), rows.double().numpy().mean(0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance.numpy(), np.cov(rows.double().numpy().T), rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_formula_with_a_matrix_square_root(seed: int) -> None:
    one, other = law(seed), law(seed + 100)
    root = scipy.linalg.sqrtm((one.covariance @ other.covariance).numpy())
    trace = np.trace(one.covariance.numpy() + other.covariance.numpy() - 2.0 * root.real)
    found = frechet(one, other)
    assert found.distance == pytest.approx(float((one.mean - other.mean).square().sum()) + trace, rel=1e-9)
    assert found.distance == pytest.approx(found.means + found.covariances, rel=1e-12)


def test_equal_covariances_leave_the_means() -> None:
    one = law(1)
    other = Moments(one.mean + torch.tensor([3.0, 0.0, 4.0, 0.0, 0.0]), one.covariance, 7)
    found = frechet(one, other)
    assert found.means == pytest.approx(25.0, rel=1e-12)
    assert found.covariances == pytest.approx(0.0, abs=1e-10)


def test_commuting_covariances_compare_standard_deviations() -> None:
    a, b = torch.tensor([1.0, 4.0, 9.0], dtype=torch.float64), torch.tensor([4.0, 4.0, 1.0], dtype=torch.float64)
    zero = torch.zeros(3, dtype=torch.float64)
    found = frechet(Moments(zero, a.diag(), 2), Moments(zero, b.diag(), 2))
    assert found.distance == pytest.approx(1.0 + 0.0 + 4.0, rel=1e-12)


def test_covariances_of_deficient_rank() -> None:
    zero = torch.zeros(3, dtype=torch.float64)
    u, v = torch.eye(3, dtype=torch.float64)[:2]
    found = frechet(Moments(zero, torch.outer(u, u), 2), Moments(zero, torch.outer(v, v), 2))
    assert found.distance == pytest.approx(2.0, abs=1e-12), "orthogonal lines share nothing"
    same = frechet(Moments(zero, torch.outer(u, u), 2), Moments(zero, 9.0 * torch.outer(u, u), 2))
    assert same.distance == pytest.approx(4.0, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_symmetric_zero_on_the_diagonal_and_a_squared_metric(seed: int) -> None:
    a, b, c = law(seed), law(seed + 10), law(seed + 20)
    assert frechet(a, b).distance == pytest.approx(frechet(b, a).distance, rel=1e-10)
    assert frechet(a, a).distance == pytest.approx(0.0, abs=1e-9)
    ab, bc, ac = (math.sqrt(frechet(*pair).distance) for pair in ((a, b), (b, c), (a, c)))
    assert ac <= ab + bc


@pytest.mark.parametrize("seed", range(3))
def test_rotations_and_shifts_change_nothing_and_scales_change_it_by_their_square(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    one, other = (torch.randn(60, 4, generator=generator, dtype=torch.float64) * s for s in (1.0, 2.0))
    turn, _ = torch.linalg.qr(torch.randn(4, 4, generator=generator, dtype=torch.float64))
    before = frechet(moments(one), moments(other)).distance
    assert frechet(moments(one @ turn + 3.0), moments(other @ turn + 3.0)).distance == pytest.approx(before, rel=1e-9)
    assert frechet(moments(3.0 * one), moments(3.0 * other)).distance == pytest.approx(9.0 * before, rel=1e-9)
    sheared = one @ torch.diag(torch.tensor([1.0, 1.0, 1.0, 5.0], dtype=torch.float64))
    assert frechet(moments(sheared), moments(other)).distance != pytest.approx(before, rel=1e-3), "a control"


def test_samples_of_one_law_are_nearer_than_those_of_two() -> None:
    generator = torch.Generator().manual_seed(0)
    one, other, shifted = (torch.randn(4000, 6, generator=generator) for _ in range(3))
    floor = frechet(moments(one), moments(other)).distance
    assert 0.0 < floor < 0.02
    assert frechet(moments(one), moments(shifted + 0.3)).distance == pytest.approx(6 * 0.09, abs=0.1)
    assert frechet(moments(one), moments(1.3 * shifted)).distance == pytest.approx(6 * 0.09, abs=0.1)


@pytest.mark.parametrize(
    ("rows", "word"),
    [(torch.zeros(1, 3), "two rows"), (torch.zeros(3), "two rows"), (torch.tensor([[0.0], [math.nan]]), "row 1")],
)
def test_bad_features_are_refused(rows: Any, word: str) -> None:
    with pytest.raises(MisuseError, match=word):
        moments(rows)


def test_features_of_other_classifiers_are_refused() -> None:
    with pytest.raises(MisuseError, match="5 and 4 features"):
        frechet(law(0), law(0, width=4))
