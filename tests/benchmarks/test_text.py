"""Speed promises of the text grid (`pytest -m benchmark`), and that the contestants do the same work."""

from __future__ import annotations

import pytest
import torch
from benchmarks import text

from eftheory.learn.datasets.sparse import SparseRows
from eftheory.learn.models.model import build
from eftheory.learn.objectives.objectives import objective_of


def test_the_contestants_compute_the_same_loss_and_gradient() -> None:
    torch.manual_seed(0)
    x = torch.poisson(torch.rand(20, 30)) + torch.eye(20, 30)
    config = text.config()
    mine = build(text.replace(config.model, decoder="multinomial(30)"), sparse=True)
    other = text.ByHand(30)
    with torch.no_grad():
        other.encoder.weight.copy_(mine.g[0].weight.T)
        other.encoder.bias.copy_(mine.g[0].bias)
        other.decoder.weight.copy_(mine.f[0].weight)
        other.decoder.bias.copy_(mine.f[0].bias)
    rows = SparseRows.from_dense(x)
    orders = (torch.lgamma(x.sum(-1) + 1) - torch.lgamma(x + 1).sum(-1)).mean()
    torch.manual_seed(1)
    ours = -objective_of(config.phases[0])(mine, rows).mean()
    torch.manual_seed(1)
    theirs = other(x)
    torch.testing.assert_close(ours + orders, theirs, rtol=1e-5, atol=1e-3)
    ours.backward()
    theirs.backward()
    pairs = [
        (mine.g[0].weight.grad.T, other.encoder.weight.grad),
        (mine.g[0].bias.grad, other.encoder.bias.grad),
        (mine.f[0].weight.grad, other.decoder.weight.grad),
        (mine.f[0].bias.grad, other.decoder.bias.grad),
    ]
    for a, b in pairs:
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)
    assert all(float(b.abs().max()) > 0.01 for _, b in pairs)  # control: something was compared


@pytest.mark.benchmark
def test_sparse_end_to_end_and_in_the_encoder_beat_a_dense_loop() -> None:
    found = text.measurements()
    assert found["end to end, over the dense eager loop"] >= 1.2
    assert found["the encoder forward and backward, over a dense layer"] >= 5.0
