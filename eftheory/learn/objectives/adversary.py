"""Jensen-Shannon between draws of q(z) and p(z) by a discriminator that is trained beside the model.

``JS(q, p) = log 2 + 1/2 max_T [E_p log sigmoid(T(z)) + E_q log sigmoid(-T(z))]`` nats (Goodfellow et al. 2014), T* =
log p/q. The adversarial autoencoder (Makhzani et al. 2015) is InfoVAE with alpha = lambda = 1 and this divergence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from eftheory.learn.densities.seeding import seeded
from eftheory.learn.models.networks import mlp

HIDDEN = (128, 128)
BETAS = (0.5, 0.9)
"""Of its Adam: short memories, as what it sees moves while it learns."""


@final
class Adversary:
    """A network T on z, with an optimiser of its own; it is no part of the model, and its state is saved with the run.

    It is made at the first draws, whose width, dtype and device it takes, from `seed` alone.
    """

    def __init__(self, *, learning_rate: float, seed: int) -> None:
        self._learning_rate, self._seed = learning_rate, seed
        self._network: torch.nn.Module | None = None
        self._optimiser: torch.optim.Optimizer | None = None
        self._kept: Mapping[str, Any] | None = None

    def divergence(self, z: Tensor, prior: Tensor) -> Tensor:
        """JS of draws z (N, L) of q from draws of p (M, L), with a gradient in z, where T is held.

        Where gradients are recorded, T is first improved by one step on the same draws. At most JS of the draws, as T
        is never better than the best.
        """
        network, optimiser = self._made(z)
        if torch.is_grad_enabled():
            inputs = list(network.parameters())
            slopes = torch.autograd.grad(-_bound(network, z.detach(), prior.detach()), inputs)
            for parameter, slope in zip(inputs, slopes, strict=True):
                parameter.grad = slope
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        held = {name: parameter.detach() for name, parameter in network.named_parameters()}
        return _bound(lambda points: torch.func.functional_call(network, held, (points,)), z, prior)

    def state_dict(self) -> dict[str, Any]:
        """Network and optimiser; empty before the first draws."""
        if self._network is None or self._optimiser is None:
            return dict(self._kept or {})
        return {"network": self._network.state_dict(), "optimiser": self._optimiser.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state, at the next draws."""
        self._network, self._optimiser, self._kept = None, None, state

    def _made(self, like: Tensor) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
        if self._network is None or self._optimiser is None:
            with seeded(self._seed, like.device):
                self._network = mlp(like.shape[-1], 1, HIDDEN, "leaky-relu").to(like.device, like.dtype)
            self._optimiser = torch.optim.Adam(self._network.parameters(), lr=self._learning_rate, betas=BETAS)
            if self._kept:
                self._network.load_state_dict(self._kept["network"])
                self._optimiser.load_state_dict(self._kept["optimiser"])
        return self._network, self._optimiser


def _bound(network: Any, z: Tensor, prior: Tensor) -> Tensor:
    """``log 2 + 1/2 [E_p log sigmoid(T) + E_q log sigmoid(-T)]``, a lower bound of JS of the draws."""
    value: Tensor = math.log(2.0) + 0.5 * (logsigmoid(network(prior)).mean() + logsigmoid(-network(z)).mean())
    return value
