"""Unbiased gradients of ``E_q(z; eta) value(z)`` for discrete z, each a small function.

Each returns an `Estimate`: `value`, differentiable in whatever else `value(z)` depends on, and `surrogate`, a number
whose gradient in eta estimates the gradient of the expectation (its own value means nothing). A loss is
``-(value + surrogate - surrogate.detach()).mean()``; `differentiable` does that.

logits (N, k): natural parameters of independent bits, ``q(z_i = 1) = sigmoid(logits_i)``. samples: S. value: maps bits
(S, N, k) to nats (S, N). All unbiasedness is tested against the enumerated gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from eftheory.learn.densities.density import Density

Value = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Estimate:
    """value, surrogate: (N,), nats."""

    value: Tensor
    surrogate: Tensor

    def differentiable(self) -> Tensor:
        """The value, with the estimated gradient in eta attached, (N,)."""
        return self.value + self.surrogate - self.surrogate.detach()


def arm(logits: Tensor, value: Value, samples: int) -> Estimate:
    """Augment-REINFORCE-merge: ``(value(z1) - value(z2)) (u - 1/2)``, z1 = [u > sigmoid(-logits)], z2 = [u < sigmoid].

    Yin and Zhou (ICLR 2019), theorem 1: the estimate of the gradient in the logits from one uniform u for each bit.
    Both values enter `value`, as both have the law q.
    """
    u = torch.rand(samples, *logits.shape, device=logits.device, dtype=logits.dtype)
    probability = torch.sigmoid(logits.detach())
    high, low = (u > 1.0 - probability).to(u.dtype), (u < probability).to(u.dtype)
    both = value(torch.cat([high, low]))
    first, second = both[:samples], both[samples:]
    with torch.no_grad():
        gradient = (first - second)[..., None] * (u - 0.5)
    return Estimate(both.mean(0), (gradient.mean(0) * logits).sum(-1))


def disarm(logits: Tensor, value: Value, samples: int) -> Estimate:
    """DisARM: ARM with u integrated out given the antithetic pair; an even number of samples, half of it pairs.

    ``1/2 (value(z1) - value(z2)) (-1)^{z2} [z1 != z2] sigmoid(|logits|)`` for each bit; Dong, Mnih and Tucker
    (NeurIPS 2020), equation 5.
    """
    pairs = samples // 2
    u = torch.rand(pairs, *logits.shape, device=logits.device, dtype=logits.dtype)
    probability = torch.sigmoid(logits.detach())
    high, low = (u > 1.0 - probability).to(u.dtype), (u < probability).to(u.dtype)
    both = value(torch.cat([high, low]))
    first, second = both[:pairs], both[pairs:]
    with torch.no_grad():
        weight = (high - low) * torch.sigmoid(logits.abs())
        gradient = 0.5 * (first - second)[..., None] * weight
    return Estimate(both.mean(0), (gradient.mean(0) * logits).sum(-1))


def reinforce_loo(density: Density, eta: Tensor, value: Value, samples: int) -> Estimate:
    """REINFORCE with the mean of the other samples as baseline: ``(value_s - mean_{t != s} value_t) grad log q(z_s)``.

    For any family that can be sampled; at least two samples. Kool, van Hoof and Welling (2019).
    """
    with torch.no_grad():
        z = density.sample(eta.expand(samples, *eta.shape))
    values = value(z)
    with torch.no_grad():
        centred = (values - values.mean(0)) * (samples / (samples - 1))
    return Estimate(values.mean(0), (centred * density.log_prob(z, eta)).mean(0))
