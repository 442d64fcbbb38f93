"""Speed of a cell of the text grid (64 bits, e1, linear decoder), medians over interleaved pairs.

What is compared with: the dense loop below, as good as one would write it by hand in eager PyTorch, with fused Adam and
the same estimator (ARM, one sample, so two codes for each document). Ours keeps the documents sparse and never writes
the softmax over 10000 words down.

The floor: both loops do the two products of codes and decoder weights (forward, and the gradient of the weights) and
one exponential for each of 512 x 10000 entries; ours does little else. `floor` measures just that.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import torch
from benchmarks.ratios import PAIRS, median_ratio
from torch import Tensor, nn
from torch.nn import functional

from eftheory.errors import MisuseError
from eftheory.learn.config import RunConfig, TrainConfig
from eftheory.learn.config_file import load_config
from eftheory.learn.datasets.data import Dataset, load
from eftheory.learn.datasets.sparse import SparseRows
from eftheory.learn.experiments.text_grid import Cell
from eftheory.learn.models.networks import Linear
from eftheory.learn.runs.train import train

BATCH, BATCHES, BITS = 256, 20, 64


def config() -> TrainConfig:
    """The cell for one epoch, without evaluations but the last, which is of one document."""
    base = load_config("text")
    phase = replace(base.phases[0], epochs=1)
    return replace(
        Cell("d0", "e1", BITS).config(base, 0), phases=(phase,), run=RunConfig(evaluate_rows=1, evaluate_samples=1)
    )


def documents() -> Dataset:
    """The first `BATCHES` batches of a shuffled training part."""
    whole = load(config().data, 0)
    assert isinstance(whole.train, SparseRows) and isinstance(whole.test, SparseRows)
    order = torch.randperm(len(whole.train), generator=torch.Generator().manual_seed(0))
    rows = whole.train.take(order[: BATCH * BATCHES])
    return replace(whole, train=rows, test=whole.test.take(slice(0, 1)), train_labels=None, test_labels=None)


def ours(data: Dataset) -> Callable[[], float]:
    """Seconds of the steps of `train`, with logging and divergence checks; of the last one only its share."""

    def nothing(*_: object, **__: object) -> dict[str, float]:
        return {}

    def run() -> float:
        times: list[float] = []
        with TemporaryDirectory() as folder:
            train(
                config(),
                Path(folder) / "run",
                device="cpu",
                dataset=data,
                measure=nothing,
                progress=lambda _: times.append(perf_counter()),
            )
        return (times[-2] - times[0]) * len(times) / (len(times) - 2)

    return run


class ByHand(nn.Module):
    def __init__(self, words: int) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(words, BITS), nn.Linear(BITS, words)

    def forward(self, x: Tensor) -> Tensor:
        logits = self.encoder(x)
        q = torch.sigmoid(logits.detach())
        u = torch.rand_like(q)
        z = torch.cat([(u > 1 - q).float(), (u < q).float()])
        log_p = functional.log_softmax(self.decoder(z), -1)
        first, second = (log_p.view(2, *x.shape) * x).sum(-1)
        gradient = (first - second).detach()[:, None] * (u - 0.5)
        kl = (torch.sigmoid(logits) * logits - functional.softplus(logits) + math.log(2)).sum(-1)
        estimate = (gradient * logits).sum(-1)
        return (kl - 0.5 * (first + second) - estimate + estimate.detach()).mean()


def by_hand(x: Tensor) -> Callable[[], float]:
    """Seconds of the steps alone. x: the counts, dense, (N, V)."""

    def run() -> float:
        model = ByHand(x.shape[1])
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        order = torch.randperm(len(x))
        start = perf_counter()
        for first in range(0, len(x), BATCH):
            loss = model(x[order[first : first + BATCH]])
            loss.backward()
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        return perf_counter() - start

    return run


def encoder_ours(rows: SparseRows) -> Callable[[], float]:
    """Seconds of forward and backward through the encoder, batch by batch; the batches are fresh."""
    layer = Linear(rows.width, BITS, sparse=True)
    slope = torch.ones(BATCH, BITS)

    def run() -> float:
        batches = [rows.take(torch.arange(first, first + BATCH)) for first in range(0, len(rows), BATCH)]
        start = perf_counter()
        for batch in batches:
            layer(batch).backward(slope)
            layer.zero_grad(set_to_none=True)
        return perf_counter() - start

    return run


def encoder_by_hand(x: Tensor) -> Callable[[], float]:
    """The same of a dense layer."""
    layer = nn.Linear(x.shape[1], BITS)
    slope = torch.ones(BATCH, BITS)

    def run() -> float:
        start = perf_counter()
        for first in range(0, len(x), BATCH):
            layer(x[first : first + BATCH]).backward(slope)
            layer.zero_grad(set_to_none=True)
        return perf_counter() - start

    return run


def floor(words: int) -> Callable[[], float]:
    """Seconds of two matrix products and one exponential a step, into memory that is there."""
    z = (torch.rand(2 * BATCH, BITS) < 0.5).float()
    weight, table, gradient = torch.randn(words, BITS) * 0.1, torch.empty(2 * BATCH, words), torch.empty(words, BITS)

    def run() -> float:
        start = perf_counter()
        for _ in range(BATCHES):
            torch.mm(z, weight.T, out=table)
            table.exp_()
            torch.mm(table.T, z, out=gradient)
        return perf_counter() - start

    return run


def measurements() -> dict[str, float]:
    """Samples/s of ours over those of the other: above 1, ours is faster."""
    data = documents()
    assert isinstance(data.train, SparseRows)
    x = data.train.dense()
    return {
        "end to end, over the dense eager loop": median_ratio(by_hand(x), ours(data)),
        "the encoder forward and backward, over a dense layer": median_ratio(
            encoder_by_hand(x), encoder_ours(data.train)
        ),
        "end to end, over two products and one exponential alone": median_ratio(floor(x.shape[1]), ours(data)),
    }


if __name__ == "__main__":
    print(f"text cell d0-e1-{BITS}, {torch.get_num_threads()} threads")
    try:
        for name, ratio in measurements().items():
            print(f"{ratio:5.2f}  samples/s, {name}  (median of {PAIRS} interleaved pairs)")
    except MisuseError as missing:
        print(f"  NOT MEASURED: {missing}")
