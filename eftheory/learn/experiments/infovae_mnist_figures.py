"""Figures of the MNIST experiment of infovae: the aggregate q(z), true posteriors on a plane, and finite codes."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from eftheory.learn.densities.products import latent_table
from eftheory.learn.densities.seeding import seeded
from eftheory.learn.models.model import VAE
from eftheory.learn.objectives import divergences
from eftheory.learn.objectives.objectives import eta_table, kl_to_prior

DRAWS = 10000
"""Of q(z) and of p(z) for MMD, at most."""
REACH, CELLS, COARSE = 6.0, 121, 81
"""The plane of two latents, -REACH to REACH: cells on each side for proposals, and points of what is drawn."""
DRAWN, WIDER = 1000, 5.0
"""Proposals of each part for each x, and how much wider the last part is than q."""
BLOCK = 2**13


@torch.no_grad()
def aggregate_covariance(model: VAE, x: Tensor) -> Tensor:
    """``Cov q(z) = Cov_x E[z|x] + E_x Cov[z|x]``, (L, L), of independent normal latents: nothing is drawn."""
    mean, log_variance = model.encode_raw(x).double().unflatten(-1, (-1, 2)).unbind(-1)
    centred = mean - mean.mean(0)
    return centred.T @ centred / len(x) + torch.diag(log_variance.exp().mean(0))


@torch.no_grad()
def aggregate_figures(model: VAE, x: Tensor, seed: int) -> dict[str, Any]:
    """log det Cov q(z) (0 for the prior), its share of each latent, and MMD^2 from the prior, unbiased, by draws."""
    covariance = aggregate_covariance(model, x)
    log_det = float(torch.linalg.slogdet(covariance).logabsdet)
    with seeded(seed, x.device):
        z = model.encoder.rsample_raw(model.encode_raw(x[:DRAWS]))
        prior = model.prior.sample(len(z), model).to(z)
    return {
        "log_det": log_det,
        "log_det_each": log_det / len(covariance),
        "deviations": covariance.diagonal().sqrt().tolist(),
        "mmd": float(divergences.mmd(z, prior)),
        "draws": len(z),
    }


def plane(side: int) -> Tensor:
    """(side^2, 2), row by row from below, float64."""
    axis = torch.linspace(-REACH, REACH, side, dtype=torch.float64)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y], -1).reshape(-1, 2)


@torch.no_grad()
def posterior_figures(model: VAE, x: Tensor, shown: int, seed: int) -> dict[str, Any]:
    """Two latents, a few x (M, D), model in float64: evidence, ELBO and ``KL(q(z|x) || p(z|x))``, with standard errors.

    The evidence by importance sampling from three parts in equal shares: cells of the plane by their posterior,
    flattened; q(z|x); and q five times wider, so that posteriors far narrower than a cell are found where q is. A peak
    that all three miss is not seen. The ELBO from the draws of q. ``effective``: the least share of effective draws.
    The densities of the first `shown` x, added, as rows for a picture.
    """
    mean, deviation = _moments(model, x)
    with seeded(seed, x.device):
        z, log_r = _proposals(model, x, mean, deviation)
    codes = z.flatten(0, 1)
    log_p = torch.cat([
        model.log_likelihood(row.expand(len(part), -1), part) for row, part in zip(x, z, strict=True)
    ]).view(z.shape[:-1])  # fmt: skip
    weights = log_p + model.log_prior(codes).view(z.shape[:-1]) - log_r
    count = z.shape[1]
    evidence = weights.logsumexp(-1) - math.log(count)
    share = weights.softmax(-1)
    effective = 1.0 / (share.square().sum(-1) * count)
    own = log_p[:, DRAWN : 2 * DRAWN]
    elbo = own.mean(-1) - kl_to_prior(model, model.encode(x))
    errors = ((1.0 / effective - 1.0) / count + own.var(-1) / DRAWN).sqrt()
    return {
        "gap": float((evidence - elbo).mean()),
        "gap_error": float(errors.square().sum().sqrt() / len(x)),
        "evidence": float(evidence.mean()),
        "elbo": float(elbo.mean()),
        "effective": float(effective.min()),
        "narrowest": float(deviation.min()),
        "posterior": _binned(z[:shown], share[:shown]),
        "encoder": _binned(z[:shown, DRAWN : 2 * DRAWN], torch.full_like(own[:shown], 1.0 / DRAWN)),
    }


def _moments(model: VAE, x: Tensor) -> tuple[Tensor, Tensor]:
    """Means and deviations of q(z|x), (M, L) each."""
    mean, log_variance = model.encode_raw(x).unflatten(-1, (-1, 2)).unbind(-1)
    return mean, (0.5 * log_variance).exp()


def _proposals(model: VAE, x: Tensor, mean: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor]:
    """Draws (M, 3 DRAWN, 2), `DRAWN` of each part, and the log-density of their mixture, (M, 3 DRAWN)."""
    centres, step = plane(CELLS), 2.0 * REACH / (CELLS - 1)
    log_p = torch.cat([latent_table(model.decoder, x, model.decode(part)) for part in centres.split(BLOCK)], 1)
    chances = (0.5 * (log_p + model.log_prior(centres))).log_softmax(-1)
    cells = torch.multinomial(chances.exp(), DRAWN, replacement=True)
    near = centres[cells] + step * (torch.rand(*cells.shape, 2, dtype=x.dtype) - 0.5)
    noise = torch.randn(2, len(x), DRAWN, 2, dtype=x.dtype)
    drawn = [mean[:, None] + scale * deviation[:, None] * noise[i] for i, scale in enumerate((1.0, WIDER))]
    z = torch.cat([near, *drawn], 1)
    place = ((z + REACH) / step).round().long()  # the cell of each draw: rows are the second coordinate
    inside = ((place >= 0) & (place < CELLS)).all(-1)
    index = (place[..., 1] * CELLS + place[..., 0]).clamp(0, CELLS**2 - 1)
    by_cell = chances.gather(1, index) - 2.0 * math.log(step)
    parts = [by_cell.masked_fill(~inside, -math.inf)]
    for scale in (1.0, WIDER):
        normal = torch.distributions.Normal(mean[:, None], scale * deviation[:, None])
        parts.append(normal.log_prob(z).sum(-1))
    return z, torch.stack(parts).logsumexp(0) - math.log(3.0)


def _binned(z: Tensor, shares: Tensor) -> list[list[float]]:
    """Weighted draws as a density at the points of the coarse plane: no peak is too narrow to be seen."""
    step = 2.0 * REACH / (COARSE - 1)
    place = ((z + REACH) / step).round().long()
    inside = ((place >= 0) & (place < COARSE)).all(-1)
    index = (place[..., 1] * COARSE + place[..., 0])[inside]
    return _whole(torch.bincount(index, shares[inside], minlength=COARSE**2) / step**2)


@torch.no_grad()
def aggregate_density(model: VAE, x: Tensor) -> list[list[float]]:
    """``q(z)`` of rows x on the coarse plane, and so for pictures only."""
    z, eta = plane(COARSE), model.encode(x)
    parts = [model.encoder.log_prob(z[:, None, :], some).logsumexp(-1) for some in eta.split(256)]
    return _whole((torch.stack(parts).logsumexp(0) - math.log(len(eta))).exp())


def prior_density(model: VAE) -> list[list[float]]:
    """p(z) on the coarse plane."""
    return _whole(model.log_prior(plane(COARSE)).exp())


def _whole(values: Tensor) -> list[list[float]]:
    rows: list[list[float]] = values.reshape(COARSE, COARSE).tolist()
    return rows


@torch.no_grad()
def finite_figures(model: VAE, x: Tensor) -> dict[str, float]:
    """Finite latents, exactly: KL(q(z) || p(z)) and the mutual information I_q(x; z), nats; MMD^2."""
    codes = model.latents()
    log_q = eta_table(model, model.encode(x))
    mixture, log_p = divergences.aggregate(log_q), model.log_prior(codes)
    return {
        "kl": float(divergences.kl_finite(mixture, log_p)),
        "mmd": float(divergences.mmd_finite(mixture, log_p, codes)),
        "information": float(divergences.kl_finite(log_q, mixture).mean()),
    }
