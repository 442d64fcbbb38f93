"""Speed promises of training (`pytest -m benchmark`), and that the contestants train the same model."""

from __future__ import annotations

import pytest
import torch
from benchmarks import training

from eftheory.learn.models.model import build
from eftheory.learn.objectives.objectives import elbo_reparameterised


def test_the_contestants_compute_the_same_loss() -> None:
    """One sample each: the means over many draws agree, and a wrong prior would not (the control)."""
    torch.manual_seed(0)
    x = (torch.rand(64, 784) < 0.13).float()
    mine, other = build(training.config("none").model), training.ByHand()
    for network, layers, part in ((mine.g, other.encoder, "g"), (mine.f, other.decoder, "f")):
        for a, b in zip(list(network.children())[::2], list(layers.children())[::2], strict=True):
            with torch.no_grad():
                b.bias.copy_(a.bias if part == "f" or len(a.bias) != 40 else halves(a.bias))
                b.weight.copy_(a.matrix if part == "f" or len(a.bias) != 40 else halves(a.matrix))
    with torch.no_grad():
        ours = torch.stack([-elbo_reparameterised(mine, x, 1).mean() for _ in range(100)])
        theirs = torch.stack([other(x) for _ in range(100)])
    apart = float((ours.mean() - theirs.mean()).abs())
    error = float((ours.var() / 100 + theirs.var() / 100).sqrt())
    assert apart < 5 * error < 0.5 < 1.0 - apart  # a nat more would be seen


def halves(rows: torch.Tensor) -> torch.Tensor:
    """(mean, log variance) side by side for each latent, as all means and then all log variances."""
    return rows.unflatten(0, (20, 2)).transpose(0, 1).flatten(0, 1)


@pytest.mark.benchmark
def test_training_is_as_fast_as_a_loop_by_hand() -> None:
    found = training.measurements()
    assert found["a hand-written eager loop"] >= 0.95
    assert found.get("pythae's pipeline", 1.5) >= 1.5
