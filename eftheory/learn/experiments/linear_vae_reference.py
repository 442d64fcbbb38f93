"""What probabilistic PCA says about the images before any training: likelihoods, Gram matrices, collapse. No torch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from eftheory.analytic.linear_vae import collapsed
from eftheory.analytic.ppca import noise, stationary_value
from eftheory.analytic.ppca_fit import PPCA, fit
from eftheory.exact.arithmetic import FLOAT
from eftheory.learn.experiments.linear_vae_grid import NOISES, SIZES

Array = npt.NDArray[np.float64]
EPSILON, DELTA = 0.1, 0.01
"""Latent i is (epsilon, delta)-collapsed where ``P_x[KL(q(z_i|x) || p(z_i)) < epsilon] >= 1 - delta``."""


def reference(x: Array, latents: int, seed: int) -> dict[str, Any]:
    """Of the rows x (N, D), everything in nats a row.

    sizes: k -> maximum log-likelihood, its s2, and the maximum with the s2 of the largest k held fixed.
    gram: of the maximum for `latents`, as it is and turned by a random orthogonal R. collapse: noise -> shares of
    the largest number of latents, by the rule ``l_j <= s2`` and as (epsilon, delta)-collapse of the optimum.
    """
    most = fit(x, SIZES[-1])
    values = most.eigenvalues.tolist()
    sizes = {}
    for k in sorted({*SIZES, latents}):
        s2 = noise(values, k, on=FLOAT)
        sizes[str(k)] = {
            "log_likelihood": maximum(values, s2, k),
            "s2": s2,
            "log_likelihood_with_s2_of_largest": maximum(values, most.s2, k),
        }
    s2 = sizes[str(latents)]["s2"]
    W = most.directions[:, :latents] * np.sqrt(most.eigenvalues[:latents] - s2)
    turn, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((latents, latents)))
    return {
        "sizes": sizes,
        "eigenvalues": most.eigenvalues[: SIZES[-1]].tolist(),
        "gram": {name: gram_facts(W) for name, W in (("pPCA", W), ("pPCA, turned", W @ turn))},
        "turned_gap": rotation_gap(W @ turn, s2),
        "collapse": {f"{s2:g}": _collapse(x, most, s2) for s2 in NOISES},
        "collapse_learned": _collapse(x, most, most.s2),
    }


def maximum(eigenvalues: list[float], s2: float, k: int) -> float:
    """The largest log-likelihood with at most k columns and this s2."""
    active = tuple(j for j, l_j in enumerate(eigenvalues[:k]) if l_j > s2)
    return float(stationary_value(eigenvalues, s2, active, on=FLOAT))


def gram_facts(W: Array) -> dict[str, Any]:
    """``W'W`` with its columns in falling order of length, and the share of its squared entries off the diagonal."""
    gram = W.T @ W
    order = np.argsort(-np.diag(gram))
    gram = gram[np.ix_(order, order)]
    total = float((gram**2).sum())
    off = float(((gram - np.diag(np.diag(gram))) ** 2).sum())
    return {"matrix": gram.tolist(), "off_diagonal": off / total if total else 0.0}


def rotation_gap(W: Array, s2: float) -> float:
    """``1/2 [log det diag M - log det M]``, ``M = W'W + s2 I``: what the best linear encoder loses (theory: 7 (i))."""
    M = W.T @ W + s2 * np.eye(W.shape[1])
    return 0.5 * float(np.log(np.diag(M)).sum() - np.linalg.slogdet(M)[1])


def alignment(W: Array, directions: Array) -> list[float]:
    """|cosine| of each column of W, longest first, with the principal direction of the same rank."""
    lengths = np.linalg.norm(W, axis=0)
    order = np.argsort(-lengths)
    cosines = np.abs((directions[:, : W.shape[1]] * W[:, order]).sum(0)) / np.maximum(lengths[order], 1e-300)
    return [float(cosine) for cosine in cosines]


def share_of_collapsed(levels: list[float], epsilon: float = EPSILON) -> float:
    """levels: for each latent the smallest t with ``P_x[KL <= t] >= 1 - delta``, see `levels_of`."""
    return sum(level < epsilon for level in levels) / len(levels)


def levels_of(kl: Array) -> list[float]:
    """kl: (N, k). Whatever epsilon, a latent is (epsilon, delta)-collapsed where its level is below epsilon."""
    rank = math.ceil((1.0 - DELTA) * len(kl) - 1e-9) - 1
    return [float(level) for level in np.sort(kl, axis=0)[rank]]


def _collapse(x: Array, most: PPCA, s2: float) -> dict[str, Any]:
    """Of the optimum of the linear VAE with this s2: ``D_j = s2 / l_j``, mean ``(l_j - s2)^(1/2) / l_j u_j'(x - mu)``.

    Both for l_j > s2, as ``W = U (L - s2)^(1/2)``, ``V = (W'W + s2)^-1 W'``; the others have D = 1 and mean 0.
    """
    k = most.W.shape[1]
    values = most.eigenvalues[:k]
    active = np.maximum(values, s2)
    mean = ((x - most.mean) @ most.directions[:, :k]) * np.sqrt(active - s2) / active
    variance = s2 / active
    levels = levels_of(0.5 * (variance - np.log(variance) + mean**2 - 1.0))
    by_rule = collapsed(values.tolist(), s2, k, on=FLOAT)
    return {"rule": sum(map(bool, by_rule)) / k, "share": share_of_collapsed(levels), "levels": levels}
