"""The reduced data of the PixelCNN comparison, and the figures of one trained model (InfoVAE, section 5.2)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from numpy.random import default_rng
from torch import Tensor
from torch.nn.functional import avg_pool2d

from eftheory.errors import MisuseError
from eftheory.learn.config import TrainConfig
from eftheory.learn.datasets.data import Dataset
from eftheory.learn.densities.seeding import seeded
from eftheory.learn.evaluation.classifier import Labelled, Trained, train_classifier
from eftheory.learn.evaluation.semisupervised import (
    class_cross_entropy,
    class_shares,
    linear_error,
    neighbour_error,
)
from eftheory.learn.experiments.image_figures import as_bytes
from eftheory.learn.models.pixelcnn import PixelVAE
from eftheory.learn.objectives.divergences import mmd

LABELS = 1000
"""Labelled images of the semi-supervised error, as in the paper."""
COMPARED = 5000
"""Draws of the aggregate, and of the prior, whose MMD is taken."""
SAMPLES = 2000
"""Samples whose classes are counted, where there are so many to train on."""
MIXED = 1000
"""Test images whose mixture stands for q(z) in the mutual information, which is then at most log of it."""
SHOWN = 25
EPOCHS, BATCH, RATE = 6, 64, 2e-3
"""How the classifier is trained."""
POWERS = (1.0, 0.5, 0.25)
"""Parts of the proposal: normals about the mean of q(z|x) whose deviations are its own to these powers, so between its
and the prior's, which is 1; one more part is the prior."""
REPEATS = 2
"""Independent importance estimates, from whose scatter the error of the sampling of z comes."""
PAIRS = 2**11
"""Pairs (x, z) that the decoder sees at once."""
TRAIN, TEST = 50, 51
"""Streams of the binarisation, beside the seed."""


def reduced(data: Dataset, seed: int) -> Dataset:
    """Grey images (1, H, W) averaged over 2 x 2 pixels, then each pixel drawn once, 1 with probability its grey level.

    Raises MisuseError for data without labels, in colours, of odd sides or not in [0, 1].
    """
    shape, labelled = data.shape, data.train_labels is not None and data.test_labels is not None
    if len(shape) != 3 or shape[0] != 1 or shape[1] % 2 or shape[2] % 2 or not labelled:
        got = f"{data.name}, shape {shape}, {'with' if labelled else 'without'} labels"
        raise MisuseError(wanted="labelled grey images with even sides", got=got, do="take mnist")
    small = (1, shape[1] // 2, shape[2] // 2)
    parts = []
    for rows, stream in ((data.train, TRAIN), (data.test, TEST)):
        assert isinstance(rows, Tensor)
        grey = avg_pool2d(rows.reshape(-1, *shape), 2).flatten(1)
        if len(grey) == 0 or not bool(((grey >= 0) & (grey <= 1)).all()):
            got, do = f"{data.name} with {len(grey)} rows", "leave data.binarise out, give data.train and data.test"
            raise MisuseError(wanted="images of grey levels in [0, 1]", got=got, do=do)
        draws = torch.from_numpy(default_rng((seed, stream)).random(grey.shape, dtype="float32"))
        parts.append((draws < grey).float())
    source = f"{data.source}; averaged to {small[1]} x {small[2]}, each pixel drawn once by seed {seed}"
    return replace(data, train=parts[0], test=parts[1], shape=small, source=source)


def classifier(data: Dataset, seed: int) -> Trained:
    """Trained on the labelled binary images, the judge of the samples' classes."""
    assert isinstance(data.train, Tensor) and isinstance(data.test, Tensor)
    assert data.train_labels is not None and data.test_labels is not None
    labelled = Labelled(data.train, data.train_labels, data.test, data.test_labels, data.shape)
    return train_classifier(labelled, epochs=EPOCHS, batch=BATCH, learning_rate=RATE, noise=0.0, seed=seed)


@torch.no_grad()
def light(model: PixelVAE, rows: Tensor, *, samples: int, seed: int) -> dict[str, float]:
    """What is logged while training: how far the aggregate of these rows is from the prior, and the two sides of it.

    mmd: the V-statistic, which is positive, for a logarithmic axis.
    """
    with seeded(seed, rows.device):
        raw = model.encode_raw(rows)
        z = model.encoder.rsample_raw(raw)
        prior = model.draw_prior(len(z))
        found = {
            "mmd": float(mmd(z, prior, unbiased=False)),
            "log_det": log_det(raw),
            "rate": rate(model, raw),
            "reconstruction": float(model.log_likelihood(rows, z).mean()),
        }
    return found


@torch.no_grad()
def figures(config: TrainConfig, model: PixelVAE, data: Dataset, judge: Trained) -> dict[str, Any]:
    """Everything of one model; randomness from the seed alone, the same for every model. Nats, each x by itself."""
    assert isinstance(data.train, Tensor) and isinstance(data.test, Tensor)
    assert data.train_labels is not None and data.test_labels is not None
    with seeded(config.seed, data.train.device):
        raw, there = model.encode_raw(data.train), model.encode_raw(data.test)
        z = model.encoder.rsample_raw(raw[:COMPARED])
        prior, other = (model.draw_prior(len(z)) for _ in range(2))
        few, labels = data.train_labels[:LABELS], data.test_labels
        latents = (_means(raw[:LABELS]), few, _means(there), labels)
        samples = model.sample(min(SAMPLES, len(data.train)))[0]
        found = {
            "mmd": float(mmd(z, prior)),
            "mmd_of_prior": float(mmd(other, prior)),
            "log_det": log_det(raw),
            "rate": rate(model, there),
            "information": information(model, there[:MIXED]),
            "information_most": math.log(min(MIXED, len(there))),
            "classes": classes(judge, data, samples),
            "error": {"linear": linear_error(*latents), "neighbours": neighbour_error(*latents)},
            "samples": as_bytes(samples[:SHOWN], data.shape),
        }
        rows = data.test[: config.run.evaluate_rows]
        return found | likelihood(model, rows, samples=config.run.evaluate_samples)


def rate(model: PixelVAE, raw: Tensor) -> float:
    """``E KL(q(z|x) || p(z))``, nats."""
    prior = model.prior.eta
    if prior is None:
        got, do = "another family", "take normal(L, mean=0, variance=1)"
        raise MisuseError(wanted="a prior of the encoder's family", got=got, do=do)
    return float(model.encoder.kl_raw(raw, prior).double().mean())


def log_det(raw: Tensor) -> float:
    """``log det Cov q(z)``, q(z) the mean of the normals with (mean, log variance) raw (N, 2 L); of the prior it is 0.

    By the law of total covariance, ``Cov(means) + E diag(variances)``: nothing is drawn.
    """
    mean, log_variance = raw.double().unflatten(-1, (-1, 2)).unbind(-1)
    centred = mean - mean.mean(0)
    covariance = centred.T @ centred / len(mean) + log_variance.exp().mean(0).diag()
    return float(torch.linalg.slogdet(covariance).logabsdet)


def information(model: PixelVAE, raw: Tensor) -> float:
    """``I(x; z) = E log q(z|x) / q(z)``, nats, x uniform on these N rows and q(z) their mixture: at most log N."""
    z, eta = model.encoder.rsample_raw(raw), model.encoder.natural(raw)
    own = model.encoder.log_prob(z, eta)
    mixture = torch.cat([model.encoder.log_prob(some[:, None], eta).logsumexp(1) for some in z.split(BATCH)])
    return float((own - mixture + math.log(len(raw))).double().mean())


def classes(judge: Trained, data: Dataset, samples: Tensor) -> dict[str, Any]:
    """The classes of samples, and their cross-entropy against those of the training labels; `real`: of test images."""
    assert isinstance(data.test, Tensor) and data.train_labels is not None
    count = judge.classifier(data.test[:1]).shape[1]
    truth, found = class_shares(data.train_labels, count), class_shares(judge.classifier(samples).argmax(-1), count)
    real = class_shares(judge.classifier(data.test).argmax(-1), count)
    return {
        "cross_entropy": class_cross_entropy(truth, found),
        "real": class_cross_entropy(truth, real),
        "shares": found.tolist(),
        "accuracy": judge.test_accuracy,
    }


def likelihood(model: PixelVAE, rows: Tensor, *, samples: int) -> dict[str, Any]:
    """``-log p(x)``, nats, by importance sampling, and the ELBO; from torch's global generator.

    ``log 1/S sum_s p(x, z_s) / r(z_s|x)``, below log p(x) in the mean. The proposal r has equal parts, with equally
    many z each (Veach's balance heuristic): q(z|x), the same with deviations nearer to the prior's, and the prior. For
    a q trained without its KL is much narrower than the posterior: from q alone the estimate is nats too low.
    standard_error: of the choice of x (the scatter over images); sampling_error: of the choice of z; effective: the
    share ``(sum w)^2 / (S sum w^2)`` of the weights, mean over x.
    """
    each = max(1, samples // (len(POWERS) + 1))
    evidence, elbo, effective = [], [], []
    for x in rows.split(max(1, PAIRS // (each * (len(POWERS) + 1)))):
        drawn = [_log_weights(model, x, each) for _ in range(REPEATS)]
        weights = torch.stack([one for one, _ in drawn])  # (R, S, n)
        evidence.append(weights.logsumexp(1) - math.log(weights.shape[1]))
        elbo.append(torch.stack([bound for _, bound in drawn]).mean(0))
        effective.append((2 * weights.logsumexp(1) - (2 * weights).logsumexp(1)).exp() / weights.shape[1])
    values = torch.cat(evidence, 1)
    mean = values.mean(0)
    return {
        "nll": {
            "mean": -float(mean.mean()),
            "standard_error": math.sqrt(float(mean.var()) / len(mean)),
            "sampling_error": math.sqrt(float(values.var(0).mean()) / values.numel()),
            "effective": float(torch.cat(effective, 1).mean()),
            "rows": len(rows),
        },
        "elbo": float(torch.cat(elbo).mean()),
    }


def _log_weights(model: PixelVAE, x: Tensor, each: int) -> tuple[Tensor, Tensor]:
    """``log p(x, z) - log r(z|x)`` (S, n), float64, and the ELBO from the draws of q itself, (n,)."""
    raw = model.encode_raw(x)
    parts = [_powered(raw, power) for power in POWERS]
    drawn = [model.encoder.rsample_raw(part.expand(each, *part.shape)) for part in parts]
    prior = model.draw_prior(each * len(x)).reshape(each, len(x), -1)
    z = torch.cat([*drawn, prior])
    log_prior = model.log_prior(z).double()
    own = [model.encoder.log_prob(z, model.encoder.natural(part)).double() for part in parts]
    log_joint = model.log_likelihood(x, z).double() + log_prior
    proposal = torch.stack([*own, log_prior]).logsumexp(0) - math.log(len(parts) + 1)
    return log_joint - proposal, (log_joint - own[0])[:each].mean(0)


def _powered(raw: Tensor, power: float) -> Tensor:
    mean, log_variance = raw.unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack([mean, power * log_variance], -1).flatten(-2)


def _means(raw: Tensor) -> Tensor:
    """The means of q(z|x), (N, L)."""
    return raw.unflatten(-1, (-1, 2))[..., 0]
