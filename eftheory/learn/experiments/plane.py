"""Averages over the plane under a known mixture of normals, by quadrature: no sample, hence no sampling error.

The trapezoidal rule on a square grid, float64: for integrands as smooth as a normal density its error falls faster than
any power of the step; kinks (a ReLU network) leave one of the order of its square.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

REACH = 8.0
"""Standard deviations around the centres that are covered: the mass outside is below 1e-14."""
STEP = 0.1
COARSE = 0.4
"""Grid steps in standard deviations: of figures that are reported, and while an optimum is searched for."""
ROUNDS = 200
SETTLED = 1e-12
"""Of coordinate ascent for the best bits, at the most, and the change after which it ends; see `best_bits`."""


@dataclass(frozen=True, eq=False)
class Truth:
    """``pd(x) = 1/K sum_z N(x; centre_z, variance I)``, centres (K, 2), float64."""

    centres: Tensor
    variance: float

    def log_joint(self, x: Tensor, centres: Tensor | None = None) -> Tensor:
        """``log p(x, z)`` of the uniform mixture with these centres (its own by default), (N, K), nats."""
        at = self.centres if centres is None else centres
        squares = (x[:, None] - at).square().sum(-1)
        constant = math.log(len(at)) + math.log(2.0 * math.pi * self.variance)
        return -squares / (2.0 * self.variance) - constant


@dataclass(frozen=True, eq=False)
class Plane:
    """points (N, 2) and weights (N,): ``E f(x) = sum_i weights_i f(points_i)`` for x from the truth."""

    points: Tensor
    weights: Tensor

    def mean(self, values: Tensor) -> float:
        """The average of values (N,) under the truth."""
        return float(self.weights @ values.double())


def plane(truth: Truth, *, step: float = STEP) -> Plane:
    """A grid around the truth's centres. step: in its standard deviations."""
    deviation = math.sqrt(truth.variance)
    middle = (truth.centres.amax(0) + truth.centres.amin(0)) / 2
    half = float((truth.centres - middle).abs().max()) + REACH * deviation
    count = math.ceil(half / (step * deviation))
    axis = torch.arange(-count, count + 1, dtype=torch.float64) * (step * deviation)
    points = torch.cartesian_prod(axis, axis) + middle
    density = truth.log_joint(points).logsumexp(-1).exp()
    return Plane(points, density * (step * deviation) ** 2)


def best_bits(log_joint: Tensor) -> Tensor:
    """``log q(z)`` of the two independent bits with the best ELBO for each row log p(x, z), (N, 4); (N, 4), nats.

    Coordinate ascent, ``logit q_1 = E_q2 [l(1, z_2) - l(0, z_2)]``, from both ends of q_1. The update is monotone in
    q_1, so the two limits are the outermost stationary points; the better one is taken.
    """
    l00, l01, l10, l11 = log_joint.T
    interaction = l00 - l01 - l10 + l11
    found = []
    for end in (0.0, 1.0):
        q1 = torch.full_like(l00, end)
        for _ in range(ROUNDS):
            logit2 = l01 - l00 + interaction * q1
            logit1 = l10 - l00 + interaction * torch.sigmoid(logit2)
            before, q1 = q1, torch.sigmoid(logit1)
            if float((q1 - before).abs().max()) < SETTLED:
                break
        log1, log2 = (torch.stack([logsigmoid(-t), logsigmoid(t)], 1) for t in (logit1, logit2))
        found.append((log1[:, :, None] + log2[:, None, :]).flatten(1))
    first, second = found
    better = elbo(log_joint, first) >= elbo(log_joint, second)
    return torch.where(better[:, None], first, second)


def elbo(log_joint: Tensor, log_q: Tensor) -> Tensor:
    """``sum_z q (log p(x, z) - log q)``, (N,), nats."""
    return (log_q.exp() * (log_joint - log_q)).sum(-1)


def figures(truth: Truth, centres: Tensor, *, step: float = STEP) -> dict[str, float]:
    """Evidence, ELBO and gap of the uniform mixture with these centres and its best bits, nats, by quadrature."""
    area = plane(truth, step=step)
    log_joint = truth.log_joint(area.points, centres)
    log_q = best_bits(log_joint)
    evidence = log_joint.logsumexp(-1)
    gap = (log_q.exp() * (log_q - log_joint + evidence[:, None])).sum(-1)
    return {"evidence": area.mean(evidence), "elbo": area.mean(elbo(log_joint, log_q)), "gap": area.mean(gap)}


def elbo_optimum(truth: Truth, *, step: float = COARSE) -> Tensor:
    """Centres (4, 2) at which the ELBO with the best bits is largest, as far as L-BFGS climbs from the truth.

    The bits need no gradient: they are optimal at every x (envelope theorem).
    """
    area = plane(truth, step=step)
    centres = truth.centres.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([centres], max_iter=100, tolerance_grad=1e-8, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimiser.zero_grad()
        log_joint = truth.log_joint(area.points, centres)
        loss = -(area.weights @ elbo(log_joint, best_bits(log_joint.detach())))
        loss.backward()
        return float(loss.detach())

    optimiser.step(closure)
    return centres.detach()
