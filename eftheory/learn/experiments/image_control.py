"""The control of the image experiment: the same training, but by maximum likelihood, must not harm the decoder."""

from __future__ import annotations

import copy

import torch

from eftheory.learn.config import Phase
from eftheory.learn.densities.seeding import seeded
from eftheory.learn.experiments.image_truth import Truth
from eftheory.learn.models.model import VAE

CONTROL = "complete-data"
"""The stage's name."""


def complete_data(truth: Truth, encoded: VAE, phase: Phase, seed: int) -> VAE:
    """The decoder trained from the truth on ``E log p(x|z)`` of pairs (x, z) that the truth drew.

    The steps, batches and rate are those of `phase`, the images those that it trains on; only the ELBO is not there:
    its z are the true ones in place of the encoder's. The truth maximises this likelihood too (Gibbs), so that what
    moves the decoder here is finite data and Adam alone. The encoder stays that of `encoded`.
    """
    model = copy.deepcopy(encoded)
    model.f.requires_grad_(True)
    optimiser = torch.optim.Adam(model.f.parameters(), lr=phase.learning_rate, fused=True)
    with seeded(seed, truth.test.device), torch.enable_grad():
        for _ in range(phase.epochs):
            for rows in torch.randperm(len(truth.train)).split(phase.batch):
                loss = -model.log_likelihood(truth.train[rows], truth.train_latents[rows]).mean()
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
    return model.requires_grad_(False)
