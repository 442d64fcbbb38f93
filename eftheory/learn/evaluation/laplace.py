"""The evidence of a model with continuous latents by importance sampling around the posterior's mode.

A bound such as IWAE's draws z from the encoder, and is far below the evidence where the encoder is poor. Here the
proposal is a normal law at the mode of ``p(z|x)``, of precision ``H = J' F J - (log p(z))''`` (J the Jacobian of f, F
the Fisher information of the decoder family: Tierney and Kadane 1986 with the expected information), mixed with the
encoder's q. So a poor encoder costs at most log 2, and the encoder helps where the posterior is not normal.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.learn.densities.seeding import seeded
from eftheory.learn.evaluation.evaluate import precise
from eftheory.learn.models.model import VAE

STEPS = 12
"""Steps of the search for the mode."""
STARTS = 8
"""Draws from the encoder, of which the search starts at the best."""
WIDENED = 1.2
"""The proposal's covariance is so many times ``H^-1``: tails heavier than the posterior's (a stability trick)."""
DAMPING = 1e-2, 1e6
"""First and largest damping of the search, relative to the mean curvature."""
BLOCK = 64
"""Rows that are evaluated at a time."""


@dataclass(frozen=True)
class LaplaceEvidence:
    """evidence: of each x, (N,), nats, a lower bound in expectation. standard_error: of its mean, from the sampling of
    z. effective: the effective share of the samples, from 1/samples (one weight is everything) to 1, in the harmonic
    mean over x.

    slack, with its own standard error: at most so much is the bound below the evidence, in expectation over x that the
    model itself drew (None for other x).
    """

    evidence: Tensor
    standard_error: float
    effective: float
    slack: float | None = None
    slack_error: float | None = None

    @property
    def mean(self) -> float:
        return float(self.evidence.mean())


@final
class Proposal:
    """``r(z|x) = 1/2 N(mode, WIDENED H^-1) + 1/2 q(z|x)`` for rows x (N, D), float64; made from x alone.

    Raises MisuseError for an encoder that is no normal family.
    """

    def __init__(self, model: VAE, x: Tensor) -> None:
        with torch.no_grad():
            self.model, self.x, self.eta = model, x, model.encode(x)
        coarse = copy.deepcopy(model).float()  # a proposal need not be precise
        mode, curvature = find_mode(coarse, x.float(), self._start().float())
        self.mode = mode.double()
        self.factor = torch.linalg.cholesky(curvature.double() / WIDENED)

    def _start(self) -> Tensor:
        """The best of a few draws from the encoder, (N, L)."""
        with torch.no_grad():
            z = self.model.encoder.rsample(self.eta.expand(STARTS, *self.eta.shape))
            best = _log_joint(self.model, self.x, z).argmax(0)
        return z[best, torch.arange(len(best), device=best.device)]

    @torch.no_grad()
    def sample(self, samples: int) -> Tensor:
        """(samples, N, L), half from either part: with the mixture as density this is unbiased for even numbers."""
        half = samples // 2
        noise = torch.randn(half, *self.mode.shape, dtype=self.mode.dtype, device=self.mode.device)
        steps = torch.linalg.solve_triangular(self.factor.mT, noise.unsqueeze(-1), upper=True).squeeze(-1)
        return torch.cat([self.mode + steps, self.model.encoder.sample(self.eta.expand(half, *self.eta.shape))])

    @torch.no_grad()
    def log_weights(self, z: Tensor) -> Tensor:
        """``log p(x, z) - log r(z|x)``, (..., N), nats."""
        return _log_joint(self.model, self.x, z) - self.log_prob(z)

    @torch.no_grad()
    def log_prob(self, z: Tensor) -> Tensor:
        """``log r(z|x)``, (..., N), nats."""
        white = (self.factor.mT @ (z - self.mode).unsqueeze(-1)).squeeze(-1)
        log_det = self.factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        normal = log_det - 0.5 * white.square().sum(-1) - 0.5 * z.shape[-1] * math.log(2 * math.pi)
        return torch.logaddexp(normal, self.model.encoder.log_prob(z, self.eta)) - math.log(2.0)


def laplace_evidence(
    model: VAE, x: Tensor, *, samples: int, seed: int, latents: Tensor | None = None
) -> LaplaceEvidence:
    """``log 1/S sum_s p(x, z_s) / r(z_s|x)``, S = samples, for each row of x (N, D), in float64.

    The standard error is by the delta method from the scatter of the weights. latents (N, L): the z that the model
    drew x from. Then ``E log p(x) = E [log p(x, z) - log p(z|x)] <= E [log p(x, z) - log r(z|x)]`` for every r made
    from x alone, a bound from above (Grosse et al. 2015, section 3), and slack is the distance between the two.
    Raises MisuseError for an odd number of samples, fewer than 4, or an encoder that is no normal family.
    """
    if samples < 4 or samples % 2:
        raise MisuseError(wanted="an even number of samples, at least 4", got=str(samples), do="change it")
    model = precise(model)
    weights, above = [], []
    with seeded(seed, x.device):
        for place in torch.arange(len(x)).split(BLOCK):
            rows = x[place].double()
            proposal = Proposal(model, rows)
            weights.append(proposal.log_weights(proposal.sample(samples)))
            if latents is not None:
                above.append(proposal.log_weights(latents[place].double()))
    logs = torch.cat(weights, 1)
    evidence = logs.logsumexp(0) - math.log(samples)
    relative = (logs - evidence).exp()
    error = math.sqrt(float((relative.var(0) / samples).mean()) / len(x))
    effective = float(1.0 / relative.square().mean(0).mean())
    if latents is None:
        return LaplaceEvidence(evidence, error, effective)
    slack = torch.cat(above) - evidence
    return LaplaceEvidence(evidence, error, effective, float(slack.mean()), float(slack.std()) / math.sqrt(len(x)))


def find_mode(model: VAE, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """The mode of ``p(z|x)`` near z, and the expected curvature H there: (N, L) and (N, L, L).

    Fisher scoring, damped for each row as Levenberg and Marquardt do: a step counts only where it goes up.
    """
    damping = torch.full(z.shape[:1], DAMPING[0], dtype=z.dtype, device=z.device)
    slope, H = _slope_and_curvature(model, x, z)
    with torch.no_grad():
        height = _log_joint(model, x, z)
    for _ in range(STEPS):
        with torch.no_grad():
            scale = damping * H.diagonal(dim1=-2, dim2=-1).mean(-1)
            damped = H + torch.diag_embed(scale[:, None].expand_as(z))
            tried = z + torch.linalg.solve(damped, slope.unsqueeze(-1)).squeeze(-1)
            reached = _log_joint(model, x, tried)
            better = reached > height
            damping = torch.where(better, damping / 4.0, damping * 4.0).clamp(max=DAMPING[1])
            z = torch.where(better[:, None], tried, z)
            height = torch.where(better, reached, height)
        slope, H = _slope_and_curvature(model, x, z)
    return z, H


def _slope_and_curvature(model: VAE, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient of ``log p(x, z)`` in z, (N, L), and H, (N, L, L): ``<d_i eta, F d_j eta>`` and the prior's part."""
    with torch.enable_grad():
        at = z.detach().requires_grad_()
        (slope,) = torch.autograd.grad(_log_joint(model, x, at).sum(), at)
        (prior,) = torch.autograd.grad(model.log_prior(at).sum(), at, create_graph=True)
        axes = torch.eye(z.shape[-1], dtype=z.dtype, device=z.device)
        eta = model.decode(at)
        naturals = _pushed(eta, at, [axis.expand_as(z) for axis in axes])
        free = eta.detach().requires_grad_()
        means = _pushed(model.decoder.mean(free), free, naturals)
        curved = torch.stack(
            [torch.autograd.grad(prior, at, axis.expand_as(z), retain_graph=True)[0] for axis in axes], 1
        )
    H = torch.stack(naturals, 1) @ torch.stack(means, 1).mT - curved
    return slope, (H + H.mT) / 2.0


def _pushed(value: Tensor, at: Tensor, tangents: Sequence[Tensor]) -> list[Tensor]:
    """``J t`` for each tangent t, J that of value in at: the pullback is linear, and is itself pulled back."""
    weights = torch.zeros_like(value, requires_grad=True)
    (pulled,) = torch.autograd.grad(value, at, weights, create_graph=True)
    return [torch.autograd.grad(pulled, weights, tangent, retain_graph=True)[0] for tangent in tangents]


def _log_joint(model: VAE, x: Tensor, z: Tensor) -> Tensor:
    """``log p(x, z)``, (..., N), nats."""
    return model.log_likelihood(x, z) + model.log_prior(z)
