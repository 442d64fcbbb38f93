"""A small convolutional classifier: the features in which images are compared (`eftheory.learn.evaluation.frechet`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from eftheory.errors import MisuseError
from eftheory.learn.densities.seeding import seeded

FEATURES = 64
"""Width of the last hidden layer, whose activations are the features."""
CHANNELS = (16, 32)
"""Of the two convolutions, each halving the resolution."""
BLOCK = 1000
"""Rows that are evaluated at a time."""


@final
class Classifier(nn.Module):
    """Two convolutions of stride 2, a hidden layer (the features), a linear map to the logits.

    shape: (C, H, W); images (N, C*H*W). The features are taken before the activation: a smoother law than after it.
    """

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        if len(shape) != 3:
            raise MisuseError(wanted="images (C, H, W)", got=f"shape {shape}", do="take data of images")
        c, h, w = shape
        first, second = CHANNELS
        self.shape = shape
        self.body = nn.Sequential(
            nn.Conv2d(c, first, 5, stride=2, padding=2),
            nn.SiLU(),
            nn.Conv2d(first, second, 5, stride=2, padding=2),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(second * -(-h // 4) * -(-w // 4), FEATURES),
        )
        self.head = nn.Sequential(nn.SiLU(), nn.Linear(FEATURES, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (N, classes)."""
        logits: Tensor = self.head(self.hidden(x))
        return logits

    def hidden(self, x: Tensor) -> Tensor:
        """Features, (N, FEATURES)."""
        out: Tensor = self.body(x.reshape(-1, *self.shape))
        return out


@dataclass(frozen=True)
class Trained:
    """A classifier, the share of test images it gets right, and of training images."""

    classifier: Classifier
    test_accuracy: float
    train_accuracy: float

    def features(self, x: Tensor) -> Tensor:
        """Features of images x (N, D), (N, FEATURES), without gradients, in blocks."""
        with torch.no_grad():
            return torch.cat([self.classifier.hidden(block) for block in x.split(BLOCK)])


@dataclass(frozen=True)
class Labelled:
    """Images (N, D) with labels (N) of whole numbers from 0, for training and for testing; shape: (C, H, W)."""

    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor
    shape: tuple[int, ...]


def train_classifier(
    data: Labelled, *, epochs: int, batch: int, learning_rate: float, noise: float, seed: int
) -> Trained:
    """Minimise the cross-entropy by Adam. noise: a standard deviation; half of each batch gets pixel noise of that
    size, so that the features do not mistake noise, which the compared samples have, for shape.

    Its randomness is its own: a function of `seed`; the global generator is left as it was.
    """
    _refuse_unlabelled(data)
    with seeded(seed, data.train.device):
        classes = int(torch.cat([data.train_labels, data.test_labels]).max()) + 1
        classifier = Classifier(data.shape, classes).to(data.train.device)
        optimiser = torch.optim.Adam(classifier.parameters(), lr=learning_rate)
        for _ in range(epochs):
            for index in torch.randperm(len(data.train)).split(batch):
                images = data.train[index].clone()
                images[::2] += noise * torch.randn_like(images[::2])
                loss = nn.functional.cross_entropy(classifier(images), data.train_labels[index])
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
    rate = [accuracy(classifier, data.test, data.test_labels), accuracy(classifier, data.train, data.train_labels)]
    return Trained(classifier.eval(), *rate)


def accuracy(classifier: Classifier, x: Tensor, labels: Tensor) -> float:
    """The share of rows whose largest logit is their label's."""
    with torch.no_grad():
        right = [classifier(rows).argmax(-1) == found for rows, found in _blocks(x, labels)]
    return float(torch.cat(right).double().mean())


def _blocks(x: Tensor, labels: Tensor) -> list[tuple[Tensor, Tensor]]:
    return list(zip(x.split(BLOCK), labels.split(BLOCK), strict=True))


def _refuse_unlabelled(data: Labelled) -> None:
    for part in ("train", "test"):
        rows, labels = getattr(data, part), getattr(data, f"{part}_labels")
        if len(rows) == 0 or labels.shape != rows.shape[:1] or labels.is_floating_point() or bool((labels < 0).any()):
            got = f"{tuple(rows.shape)} {part} images with labels {tuple(labels.shape)} of {labels.dtype}"
            do = "take data with labels: mnist or cifar10"
            raise MisuseError(wanted="one label, a whole number from 0, for each image", got=got, do=do)
