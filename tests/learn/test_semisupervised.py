"""Errors of classifiers of latents, and the class cross-entropy of samples."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.learn.evaluation.semisupervised import (
    class_cross_entropy,
    class_shares,
    linear_error,
    neighbour_error,
)


def clouds(count: int, *, seed: int, apart: float = 6.0) -> tuple[Tensor, Tensor]:
    """Three normal clouds in the plane, at the corners of a triangle."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (count,), generator=generator)
    corners = apart * torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, 0.9]])
    return corners[labels] + torch.randn(count, 2, generator=generator), labels


def rings(count: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Two circles about one centre."""
    generator = torch.Generator().manual_seed(seed)
    labels, angle = torch.randint(2, (count,), generator=generator), 7 * torch.rand(count, generator=generator)
    return (1.0 + 2.0 * labels)[:, None] * torch.stack([angle.cos(), angle.sin()], -1), labels


def test_both_tell_clouds_apart_and_curved_classes_need_neighbours() -> None:
    near, far = clouds(300, seed=0), clouds(500, seed=1)
    assert linear_error(*near, *far) < 0.02
    assert neighbour_error(*near, *far) < 0.02
    near, far = rings(300, seed=2), rings(500, seed=3)
    assert linear_error(*near, *far) > 0.25
    assert neighbour_error(*near, *far) < 0.02


def test_the_linear_fit_is_stationary_and_near_the_bayes_error() -> None:
    near, far = clouds(1000, seed=0, apart=2.0), clouds(4000, seed=1, apart=2.0)
    corners = 2.0 * torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, 0.9]])
    bayes = float((torch.cdist(far[0], corners).argmin(1) != far[1]).double().mean())
    assert linear_error(*near, *far) == pytest.approx(bayes, abs=0.01)


def test_latents_that_know_nothing_are_no_better_than_chance() -> None:
    near, far = clouds(1000, seed=0), clouds(2000, seed=1)
    noise = torch.randn(1000, 2, generator=torch.Generator().manual_seed(4))
    for error in (linear_error, neighbour_error):
        assert error(noise, near[1], far[0], far[1]) > 0.5
    constant = torch.zeros(1000, 2)
    assert 0.6 < linear_error(constant, near[1], torch.zeros(2000, 2), far[1]) < 0.72, "a latent that never varies"


def test_the_scale_of_the_latents_does_not_matter() -> None:
    near, far = clouds(200, seed=0, apart=2.0), clouds(500, seed=1, apart=2.0)
    scale, shift = torch.tensor([1e3, 1e-2]), torch.tensor([5.0, -1.0])
    for error in (linear_error, neighbour_error):
        moved = error(near[0] * scale + shift, near[1], far[0] * scale + shift, far[1])
        assert moved == pytest.approx(error(*near, *far), abs=0.004)


def test_cross_entropy_is_a_divergence_of_the_shares() -> None:
    c, s = torch.tensor([0.5, 0.25, 0.25]).double(), torch.tensor([0.25, 0.25, 0.5]).double()
    by_hand = 0.5 * math.log(2) + 0.25 * math.log(0.5)
    assert class_cross_entropy(c, s) == pytest.approx(by_hand, abs=1e-15)
    assert class_cross_entropy(c, c) == 0
    assert class_cross_entropy(c, torch.tensor([0.5, 0.5, 0.0]).double()) == math.inf, "a class is missing"
    assert class_cross_entropy(torch.tensor([1.0, 0.0]), torch.tensor([1.0, 0.0])) == 0


def test_its_value_for_samples_of_the_right_law() -> None:
    torch.manual_seed(6)
    c = torch.full((10,), 0.1, dtype=torch.float64)
    draws = [class_shares(torch.randint(10, (1000,)), 10) for _ in range(300)]
    mean = sum(class_cross_entropy(c, shares) for shares in draws) / len(draws)
    assert mean == pytest.approx(9 / 2000, rel=0.15)


def test_shares_count_labels() -> None:
    assert class_shares(torch.tensor([0, 2, 2, 0]), 4).tolist() == [0.5, 0.0, 0.5, 0.0]


@pytest.mark.parametrize("error", [linear_error, neighbour_error])
def test_misuse_of_the_classifiers(error: type) -> None:
    x, y = clouds(20, seed=0)
    for bad in ((x, y[:5]), (x, y.float()), (x, y - 5), (x[:0], y[:0]), (x[:, 0], y)):
        with pytest.raises(MisuseError, match="one label"):
            error(*bad, x, y)
    with pytest.raises(MisuseError, match="finite latents"):
        error(x * math.nan, y, x, y)


def test_misuse_of_the_shares() -> None:
    for labels, classes in ((torch.tensor([3]), 3), (torch.tensor([-1]), 3), (torch.tensor([], dtype=torch.long), 3)):
        with pytest.raises(MisuseError, match="labels from 0 to 2"):
            class_shares(labels, classes)
    with pytest.raises(MisuseError, match="shares of the same classes"):
        class_cross_entropy(torch.ones(2) / 2, torch.ones(3) / 3)
