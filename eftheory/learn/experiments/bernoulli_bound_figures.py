"""The NELBO that the bernoulli-bound experiments log: without sampling error where the decoder is linear."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from eftheory.learn.densities.products import Rows, rows_at
from eftheory.learn.densities.seeding import seeded
from eftheory.learn.evaluation.bound_monitor import own_parameters
from eftheory.learn.models.model import VAE
from eftheory.learn.objectives.objectives import kl_to_prior

NODES = 12
"""Of Gauss-Hermite, for the softplus of one normal number."""
ENTRIES = 2**23
"""Numbers that live at once, about."""


@torch.no_grad()
def measure(model: VAE, rows: Rows, *, samples: int, seed: int) -> dict[str, float]:
    """``nelbo``, the mean over the rows in nats, and its standard error from sampling z, 0 for a linear decoder.

    There ``w_i . z + b_i`` is normal under q, so each ``E_q softplus`` is an integral in one dimension (`NODES`); other
    decoders see `samples` draws of z for each row.
    """
    linear = own_parameters(model)
    like = next(model.parameters())
    each = model.decoder.width * (NODES if linear is not None else samples)
    step = max(1, ENTRIES // each)
    total, variance = 0.0, 0.0
    with seeded(seed, like.device):
        for start in range(0, len(rows), step):
            x = rows_at(rows, start, start + step).to(device=like.device, dtype=like.dtype)
            eta = model.encode(x)
            if linear is not None:
                likelihood = _integrated(model, x, *linear)[None]
            else:
                likelihood = model.log_likelihood(x, model.encoder.sample(eta.expand(samples, *eta.shape)))
            total += float((kl_to_prior(model, eta) - likelihood.mean(0)).double().sum())
            if len(likelihood) > 1:
                variance += float(likelihood.double().var(0).sum()) / len(likelihood)
    return {"nelbo": total / len(rows), "nelbo_error": math.sqrt(variance) / len(rows)}


def _integrated(model: VAE, x: Rows, W: Tensor, b: Tensor) -> Tensor:
    """``E_q log p(x|z) = x . (W m + b) - sum_i E softplus(w_i . z + b_i)``, (N,), q with means m and variances v."""
    mean, log_variance = model.encode_raw(x).unflatten(-1, (-1, 2)).unbind(-1)
    centre, spread = mean @ W.T + b, (log_variance.exp() @ W.square().T).sqrt()
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    total = torch.zeros_like(mean[..., 0])
    for node, weight in zip(nodes.tolist(), (weights / math.sqrt(2 * math.pi)).tolist(), strict=True):
        total += weight * torch.nn.functional.softplus(centre + node * spread).sum(-1)
    return model.decoder.inner(x, centre) - total
