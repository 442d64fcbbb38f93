"""Figures of one trained model of the linear-vae experiment: exact for linear decoders, in float64."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from eftheory.learn.densities.density import Density
from eftheory.learn.densities.products import Rows
from eftheory.learn.evaluation.evaluate import precise
from eftheory.learn.experiments.linear_vae_reference import Array, alignment, gram_facts, levels_of, rotation_gap
from eftheory.learn.models.model import VAE
from eftheory.learn.models.networks import Linear
from eftheory.learn.objectives.objectives import elbo_analytic, elbo_reparameterised
from eftheory.spec import specification


@torch.no_grad()
def measure(model: VAE, rows: Rows, *, samples: int, seed: int) -> dict[str, float]:
    """Means in nats a row: ELBO, evidence and gap, exact, for a linear decoder; else the ELBO, with `samples` of z."""
    assert isinstance(rows, Tensor)
    model, x = precise(model), rows.double()
    if linear_map(model) is None:
        torch.manual_seed(seed)
        return {"elbo": float(elbo_reparameterised(model, x, samples).mean())}
    elbo, evidence = float(elbo_analytic(model, x).mean()), float(log_evidence(model, x).mean())
    return {"elbo": elbo, "evidence": evidence, "gap": evidence - elbo}


def linear_map(model: VAE) -> tuple[Tensor, Tensor] | None:
    """(W, b) with ``E[x|z] = W z + b``, (D, k) and (D); None for a network with hidden layers."""
    first, *more = list(model.f.children())
    return (first.matrix, first.bias) if isinstance(first, Linear) and not more else None


@torch.no_grad()
def variance_of(model: VAE) -> float:
    """The decoder's s2, one for all coordinates and all z."""
    z = torch.zeros(1, model.encoder.width, dtype=torch.float64)
    decoder = model.decoder
    eta = model.decode(z)
    if model.scale is not None:
        return float(model.scale.exp())
    means = decoder.mean(eta)  # of a normal with known variance: eta = mean / s2
    place = int(means.abs().argmax())
    return float(means.flatten()[place] / eta.flatten()[place])


def log_evidence(model: VAE, x: Tensor) -> Tensor:
    """``log N(x; b, W W' + s2 I)``, (N,), through the k x k matrix ``M = W'W + s2 I`` (theory: 7)."""
    found = linear_map(model)
    assert found is not None, "asked of linear decoders only"
    W, b = found
    (d, k), s2, centred = W.shape, variance_of(model), x - b
    C = torch.linalg.cholesky(W.T @ W + s2 * torch.eye(k, dtype=W.dtype))
    part = torch.linalg.solve_triangular(C, (centred @ W).T, upper=False)
    distance = (centred.square().sum(1) - part.square().sum(0)) / s2
    log_det = (d - k) * math.log(s2) + 2.0 * C.diagonal().log().sum()
    return -0.5 * (d * math.log(2.0 * math.pi) + log_det + distance)


@torch.no_grad()
def divergences(model: VAE, x: Tensor) -> Tensor:
    """``KL(q(z_i|x) || p(z_i))`` of each latent, (N, k), nats, for the prior N(0, 1)."""
    unit = Density(specification(decoder="normal(1)", encoder="normal(1)", prior="same", inputs="x").encoder)
    raw = model.encode_raw(x).unflatten(-1, (model.encoder.width, unit.raw_width))
    prior = unit.natural(torch.zeros(unit.raw_width, dtype=raw.dtype))  # mean 0, log variance 0
    return unit.kl_raw(raw, prior)


@torch.no_grad()
def figures(model: VAE, x: Tensor, directions: Array) -> dict[str, Any]:
    """s2, the level of each latent's KL, and for a linear decoder W'W, its rotation gap and its columns."""
    model, x = precise(model), x.double()
    kl = divergences(model, x)
    found: dict[str, Any] = {
        "s2": variance_of(model),
        "levels": sorted(levels_of(kl.numpy())),
        "mean_kl": sorted(map(float, kl.mean(0))),
    }
    linear = linear_map(model)
    if linear is not None:
        W = linear[0].numpy()
        found["gram"] = gram_facts(W)
        found["rotation_gap"] = rotation_gap(W, found["s2"])
        found["alignment"] = alignment(W, directions)
    return found
