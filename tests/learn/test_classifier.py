"""The classifier learns what can be learned, and its randomness is its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from eftheory.errors import MisuseError
from eftheory.learn.evaluation.classifier import FEATURES, Labelled, train_classifier

SETTINGS: dict[str, Any] = {"epochs": 12, "batch": 20, "learning_rate": 5e-3, "noise": 0.05}


def bars(seed: int = 0, count: int = 200) -> Labelled:
    """Images (1, 8, 8) of one bar: label 0 horizontal, 1 vertical, at random places, on a little noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(2, (count,), generator=generator)
    places = torch.randint(8, (count,), generator=generator)
    images = 0.1 * torch.rand(count, 8, 8, generator=generator)
    for image, label, place in zip(images, labels, places, strict=True):
        (image[place] if label == 0 else image[:, place]).fill_(1.0)
    rows, half = images.flatten(1), count // 2
    return Labelled(rows[:half], labels[:half], rows[half:], labels[half:], (1, 8, 8))


def test_it_learns_and_features_separate_the_classes() -> None:
    data = bars()
    trained = train_classifier(data, **SETTINGS, seed=0)
    assert trained.test_accuracy > 0.95
    assert trained.train_accuracy > 0.95
    features = trained.features(data.test)
    assert features.shape == (100, FEATURES)
    assert not features.requires_grad
    centres = [features[data.test_labels == label].mean(0) for label in (0, 1)]
    assert (centres[0] - centres[1]).norm() > 0.5 * features.std(0).norm()


def test_labels_that_mean_nothing_are_not_learned() -> None:
    data = bars()
    order = torch.randperm(100, generator=torch.Generator().manual_seed(1))
    shuffled = replace(data, train_labels=data.train_labels[order])
    assert train_classifier(shuffled, **SETTINGS, seed=0).test_accuracy < 0.75


def test_the_seed_decides_and_the_global_generator_is_left_alone() -> None:
    data = bars(count=60)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, same, other = (train_classifier(data, **SETTINGS, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.features(data.test), same.features(data.test))
    assert not torch.equal(one.features(data.test), other.features(data.test))


def test_odd_sizes_and_colours() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(12, 3 * 7 * 5, generator=generator), torch.arange(12) % 3
    trained = train_classifier(Labelled(x, y, x, y, (3, 7, 5)), **{**SETTINGS, "epochs": 1}, seed=0)
    assert trained.features(x).shape == (12, FEATURES)


@pytest.mark.parametrize(
    "labels", [torch.empty(0), torch.zeros(99, dtype=torch.long), torch.zeros(100), -torch.ones(100, dtype=torch.long)]
)
def test_data_without_labels_are_refused(labels: Any) -> None:
    with pytest.raises(MisuseError, match="one label, a whole number from 0, for each image"):
        train_classifier(replace(bars(), train_labels=labels), **SETTINGS, seed=0)


def test_rows_that_are_no_images_are_refused() -> None:
    with pytest.raises(MisuseError, match=r"images \(C, H, W\)"):
        train_classifier(replace(bars(), shape=(64,)), **SETTINGS, seed=0)
