"""The Frechet distance between two samples, as that between the normal distributions with their moments.

``d^2 = ||m_1 - m_2||^2 + tr(S_1 + S_2 - 2 (S_1^{1/2} S_2 S_1^{1/2})^{1/2})``: the squared 2-Wasserstein distance of
``N(m_1, S_1)`` and ``N(m_2, S_2)``; Dowson and Landau (1982), equation 16. In the features of a classifier it is what
Heusel et al. (2017) call the FID; like theirs it is the *squared* distance, and its value depends on the features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eftheory.errors import MisuseError


@dataclass(frozen=True)
class Moments:
    """mean (F) and covariance (F, F) of `count` features, float64. The covariance divides by count - 1."""

    mean: Tensor
    covariance: Tensor
    count: int


@dataclass(frozen=True)
class Frechet:
    """The squared distance and its two summands: of the means, and of the covariances."""

    means: float
    covariances: float

    @property
    def distance(self) -> float:
        return self.means + self.covariances


def moments(features: Tensor) -> Moments:
    """Of features (N, F). Raises MisuseError for fewer than two rows and for numbers that are not finite."""
    if features.ndim != 2 or len(features) < 2:
        got = f"shape {tuple(features.shape)}"
        raise MisuseError(wanted="features (N, F) of at least two rows", got=got, do="take more samples")
    rows = features.detach().to("cpu", torch.float64)
    if not bool(torch.isfinite(rows).all()):
        row = int((~torch.isfinite(rows)).any(1).nonzero()[0])
        raise MisuseError(wanted="finite features", got=f"others in row {row}", do="check the model they come from")
    mean = rows.mean(0)
    centred = rows - mean
    return Moments(mean, centred.T @ centred / (len(rows) - 1), len(rows))


def frechet(one: Moments, other: Moments) -> Frechet:
    """The squared distance between two sets of moments; symmetric, 0 exactly for equal ones up to rounding.

    The trace of the square root is the sum of the singular values of ``S_1^{1/2} S_2^{1/2}``, which needs no root of a
    product. Raises MisuseError for features of different widths.
    """
    if one.mean.shape != other.mean.shape:
        got = f"{len(one.mean)} and {len(other.mean)} features"
        raise MisuseError(wanted="features of one classifier", got=got, do="compute both with the same")
    means = float((one.mean - other.mean).square().sum())
    cross = torch.linalg.svdvals(_root(one.covariance) @ _root(other.covariance)).sum()
    covariances = float(one.covariance.trace() + other.covariance.trace() - 2.0 * cross)
    return Frechet(means, covariances)


def _root(covariance: Tensor) -> Tensor:
    """The symmetric square root. Eigenvalues that rounding made negative count as 0 (a stability trick)."""
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp(min=0.0).sqrt()) @ vectors.T
