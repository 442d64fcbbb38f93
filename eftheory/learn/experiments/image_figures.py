"""The figures of one stage of the image experiment: bounds in nats, and how far its samples are from the truth's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from eftheory.learn.config import TrainConfig
from eftheory.learn.evaluation.classifier import Labelled, Trained, train_classifier
from eftheory.learn.evaluation.evaluate import evaluate
from eftheory.learn.evaluation.frechet import Frechet, Moments, frechet, moments
from eftheory.learn.evaluation.laplace import laplace_evidence
from eftheory.learn.experiments.image_truth import NOISE, Images, Truth, draw, means
from eftheory.learn.models.model import VAE
from eftheory.learn.objectives.objectives import elbo_reparameterised

EPOCHS, BATCH, RATE = 5, 64, 2e-3
"""How the classifier is trained."""
COMPARED = 2000
"""Images of each model that are compared, where there are fewer to train on."""
REPLICAS = 3
"""Independent samples of the truth that are compared with the truth: what distance means nothing."""
REPEATS = 10
"""Independent estimates, from whose scatter the standard errors of ELBO and IWAE come."""
SHOWN = 25
"""Images in a picture."""
REFERENCE, STAGE, GRID = 10, 11, 30
"""Streams of randomness; the replicas take those after `STAGE`."""


class Compare:
    """The classifier of a run, and Frechet distances to the truth in its features."""

    def __init__(self, config: TrainConfig, real: Images, truth: Truth) -> None:
        self.seed, self.count = config.seed, max(len(truth.train), COMPARED)
        self.trained = classifier(config, real)
        x, z = draw(truth.model, self.count, self.seed, REFERENCE)
        self.samples, self.images = self._moments(x), self._moments(means(truth.model, z))
        self.real = frechet(self._moments(real.train.to(x.device)), self.samples)

    def distances(self, model: VAE, stream: int = STAGE) -> dict[str, Any]:
        """``samples``: x with its pixel noise; ``images``: ``E[x|z]`` without, both against the truth's own."""
        x, z = draw(model, self.count, self.seed, stream)
        return {
            "samples": _plain(frechet(self._moments(x), self.samples)),
            "images": _plain(frechet(self._moments(means(model, z)), self.images)),
        }

    def floor(self, truth: Truth) -> list[dict[str, Any]]:
        """Of independent samples of the truth itself."""
        return [self.distances(truth.model, STAGE + 1 + replica) for replica in range(REPLICAS)]

    def _moments(self, x: Tensor) -> Moments:
        return moments(self.trained.features(x))


def classifier(config: TrainConfig, real: Images) -> Trained:
    """Trained on the labelled real images."""
    data = Labelled(
        train=real.train,
        train_labels=real.train_labels,
        test=real.test,
        test_labels=real.test_labels,
        shape=real.shape,
    )
    return train_classifier(data, epochs=EPOCHS, batch=BATCH, learning_rate=RATE, noise=float(NOISE), seed=config.seed)


def bounds(config: TrainConfig, model: VAE, truth: Truth) -> dict[str, Any]:
    """ELBO, IWAE and evidence on the same samples of the truth for every stage, and the learned noise.

    The errors are those of the sampling of z, so stages compare pair by pair. At the truth itself `slack` says how far
    above the evidence can be.
    """
    rows, seed = min(config.run.evaluate_rows, len(truth.test)), config.seed
    x = truth.test[:rows]
    samples = config.run.evaluate_samples + config.run.evaluate_samples % 2
    iwae = evaluate(model, x, samples=samples, repeats=REPEATS, seed=seed).as_dict()
    own = truth.test_latents[:rows] if model.scale is None and _same(model, truth.model) else None
    better = laplace_evidence(model, x, samples=max(samples, 4), seed=seed, latents=own)
    return {
        "rows": rows,
        "elbo": iwae["elbo"],
        "iwae": iwae["evidence"],
        "evidence": {
            "mean": better.mean,
            "standard_error": better.standard_error,
            "effective_share": better.effective,
            "slack": better.slack,
            "slack_error": better.slack_error,
        },
        "gap": better.mean - iwae["elbo"]["mean"],
        "noise": float(NOISE) if model.scale is None else float((model.scale / 2.0).exp()),
    }


@torch.no_grad()
def light(model: VAE, rows: Tensor, *, samples: int, seed: int) -> dict[str, float]:
    """What is logged while training: the ELBO from four draws for each row, in the precision of training."""
    return {"elbo": float(elbo_reparameterised(model, rows, 4).mean())}


def shown(model: VAE, seed: int, shape: tuple[int, ...]) -> list[str]:
    """Samples with pixel noise as bytes in hexadecimal, (SHOWN), from the same z and the same noise for every model."""
    x, _ = draw(model, SHOWN, seed, GRID)
    return as_bytes(x, shape)


def as_bytes(x: Tensor, shape: tuple[int, ...]) -> list[str]:
    """Rows (N, C*H*W) as bytes of pixels (H, W, C) in hexadecimal; what is below 0 or above 1 is cut off."""
    pixels = (x.clamp(0.0, 1.0) * 255.0).round().to("cpu", torch.uint8).reshape(-1, *shape).permute(0, 2, 3, 1)
    return [image.numpy().tobytes().hex() for image in pixels.contiguous()]


def _same(one: VAE, other: VAE) -> bool:
    pairs = zip(one.f.parameters(), other.f.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def _plain(found: Frechet) -> dict[str, float]:
    return {"distance": found.distance, "means": found.means, "covariances": found.covariances}
