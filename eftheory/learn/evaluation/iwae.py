"""Importance-weighted bounds for latents that cannot be enumerated, with their standard errors."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.learn.densities.products import Rows, converted, rows_at
from eftheory.learn.densities.seeding import seeded
from eftheory.learn.evaluation.evaluate import MEMORY, Evaluation, Model, precise, refuse_empty


@torch.no_grad()
def iwae(model: Model, x: Rows, *, samples: int, repeats: int, seed: int = 0, memory: int = MEMORY) -> Evaluation:
    """``L_S = E log 1/S sum_s p(x, z_s) / q(z_s|x)`` (Burda et al. 2016, eq. 8), S = samples, and the ELBO, ``L_1``.

    In float64, means over `repeats` independent estimates; the standard errors of their means over x come from the
    scatter of the repeats within each x: they are errors of the sampling of z, not of the choice of x.
    ``ELBO <= E L_S <= evidence``, so the gap, L_S - ELBO, is a lower bound in expectation.
    memory: bytes for a block of samples, about. Raises MisuseError for no rows, no sample or fewer than 2 repeats.
    """
    refuse_empty(x)
    if samples < 1 or repeats < 2:
        got = f"{samples} samples and {repeats} repeats"
        raise MisuseError(wanted="at least 1 sample and 2 repeats", got=got, do="raise them")
    model = precise(model)
    like = next(iter(model.parameters()), None)  # type: ignore[attr-defined]
    like = torch.zeros(0, dtype=torch.float64) if like is None else like
    each = 8 * 4 * samples * (model.decoder.natural_width + model.encoder.natural_width + model.encoder.width)
    step = max(1, memory // each)
    bounds, elbos = [], []
    with seeded(seed, like.device):
        for start in range(0, len(x), step):
            rows = converted(rows_at(x, start, start + step), like)
            drawn = [_log_weights(model, rows, samples) for _ in range(repeats)]
            bounds.append(torch.stack([w.logsumexp(0) - math.log(samples) for w in drawn]).cpu())
            elbos.append(torch.stack([w.mean(0) for w in drawn]).cpu())
    evidence, elbo = torch.cat(bounds, 1), torch.cat(elbos, 1)
    return Evaluation(
        evidence=evidence.mean(0),
        elbo=elbo.mean(0),
        gap=(evidence - elbo).mean(0),
        method="iwae",
        evidence_error=_error(evidence),
        elbo_error=_error(elbo),
        gap_error=_error(evidence - elbo),
    )


def _log_weights(model: Model, x: Rows, samples: int) -> Tensor:
    """``log p(x, z_s) - log q(z_s|x)``, (S, r)."""
    eta = model.encode(x)
    z = model.encoder.sample(eta.expand(samples, *eta.shape))
    log_joint = model.decoder.log_prob(x, model.decode(z)) + model.log_prior(z)
    return log_joint - model.encoder.log_prob(z, eta)


def _error(values: Tensor) -> float:
    """The standard error of the mean of (repeats, N) over both: rows and repeats are drawn independently."""
    return math.sqrt(float(values.var(0).mean()) / values.numel())
