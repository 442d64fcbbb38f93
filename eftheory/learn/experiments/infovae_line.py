"""A model with one normal latent and one normal coordinate, by quadrature on a line: nothing is sampled.

Figures of each x and their means: ELBO, evidence, ``KL(q(z|x) || p(z|x))``, the aggregate q(z) against p(z).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from eftheory.learn.models.model import VAE
from eftheory.learn.objectives import divergences

REACH, STEP = 10.0, 0.002
"""The line -REACH to REACH by STEP: q with deviations from about 0.005 on is resolved."""
COARSE = 5
"""Every so many points of the line for the Gram matrix of MMD and for curves that are drawn."""


def line() -> Tensor:
    """(N, 1), float64."""
    count = round(2 * REACH / STEP) + 1
    return torch.linspace(-REACH, REACH, count, dtype=torch.float64)[:, None]


@torch.no_grad()
def figures(model: VAE, x: Tensor) -> dict[str, Any]:
    """What the model does with rows x (M, 1); model in float64. ``mass``: of q on the line, 1 where it is resolved."""
    z, eta = line(), model.encode(x)
    log_prior, log_q = model.log_prior(z), model.encoder.log_prob(z[:, None, :], eta).T  # (N,), (M, N)
    log_p = torch.stack([model.log_likelihood(row.expand(len(z), -1), z) for row in x])
    q = log_q.exp() * STEP
    evidence = (log_p + log_prior).logsumexp(-1) + math.log(STEP)
    rate = (q * (log_q - log_prior)).sum(-1)
    elbo = (q * log_p).sum(-1) - rate
    raw = model.encode_raw(x)
    mean, deviation = raw[:, 0], (0.5 * raw[:, 1]).exp()
    decoded = model.f(mean[:, None])
    aggregate = divergences.aggregate(log_q)
    return {
        "mean": mean.tolist(),
        "deviation": deviation.tolist(),
        "decoder_deviation": (0.5 * decoded[:, 1]).exp().tolist(),
        "mass": float(q.sum(-1).min()),
        "elbo": float(elbo.mean()),
        "evidence": float(evidence.mean()),
        "gap": float((evidence - elbo).mean()),
        "rate": float(rate.mean()),
        "separation": float((mean.max() - mean.min()) / deviation.mean()),
        "aggregate": _aggregate(mean, deviation, aggregate, log_prior),
    }


def _aggregate(mean: Tensor, deviation: Tensor, log_q: Tensor, log_prior: Tensor) -> dict[str, float]:
    """Moments of q(z) in closed form; KL(q(z) || p(z)), nats, and MMD^2 with the rbf kernel, by quadrature."""
    variance = float(mean.var(unbiased=False) + deviation.square().mean())
    some, log_step = slice(None, None, COARSE), math.log(STEP * COARSE)
    mmd = divergences.mmd_finite(log_q[some] + log_step, log_prior[some] + log_step, line()[some])
    return {
        "mean": float(mean.mean()),
        "deviation": math.sqrt(variance),
        "log_variance": math.log(variance),
        "kl": float((log_q.exp() * (log_q - log_prior)).sum() * STEP),
        "mmd": float(mmd),
    }


@torch.no_grad()
def curves(model: VAE, x: Tensor, *, reach: float = 3.5) -> Mapping[str, Any]:
    """For the picture: z, the densities q(z|x) and p(z), mean and deviation of p(x|z), and log p(x|z) of every row."""
    z = line()[::COARSE]
    z = z[z[:, 0].abs() <= reach]
    raw, eta = model.f(z), model.encode(x)
    log_p = torch.stack([model.log_likelihood(row.expand(len(z), -1), z) for row in x])
    return {
        "z": z[:, 0].tolist(),
        "x": x[:, 0].tolist(),
        "q": model.encoder.log_prob(z[:, None, :], eta).exp().T.tolist(),
        "prior": model.log_prior(z).exp().tolist(),
        "decoder_mean": raw[:, 0].tolist(),
        "decoder_deviation": (0.5 * raw[:, 1]).exp().tolist(),
        "log_likelihood": log_p.tolist(),
    }
