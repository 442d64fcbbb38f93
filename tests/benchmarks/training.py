"""Training speed, medians over interleaved pairs in one process; `make bench` prints the ratios.

The model is an MLP VAE 784-512-20-512-784 with Bernoulli pixels, batch 256. What is compared with: the loop below (as
good as one would write it by hand, with fused Adam), and pythae's pipeline where it is installed (no dependency).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import torch
from benchmarks.ratios import PAIRS, median_ratio
from torch import Tensor, nn
from torch.nn import functional

from eftheory.learn.config import DataConfig, ModelConfig, NetworkConfig, Phase, RunConfig, TrainConfig
from eftheory.learn.runs.train import train

ROWS, BATCH, EPOCHS = 5120, 256, 2


class ByHand(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 40))
        self.decoder = nn.Sequential(nn.Linear(20, 512), nn.ReLU(), nn.Linear(512, 784))

    def forward(self, x: Tensor) -> Tensor:
        mean, log_variance = self.encoder(x).chunk(2, -1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        logits = self.decoder(z)
        likelihood = -functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum()
        return (kl - likelihood) / len(x)


def by_hand(x: Tensor) -> float:
    """Seconds of the epochs alone: no logging, no checks, no checkpoints."""
    model = ByHand()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    start = perf_counter()
    for _ in range(EPOCHS):
        order = torch.randperm(len(x))
        for first in range(0, len(x), BATCH):
            loss = model(x[order[first : first + BATCH]])
            loss.backward()
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
    return perf_counter() - start


def config(path: str) -> TrainConfig:
    network = NetworkConfig(kind="mlp", hidden=(512,))
    return TrainConfig(
        name="bench",
        seed=0,
        data=DataConfig(name="npz", path=path),
        model=ModelConfig(
            decoder="bernoulli(784)",
            encoder="normal(20)",
            prior="normal(20, mean=0, variance=1)",
            inputs="x",
            decoder_network=network,
            encoder_network=network,
        ),
        phases=(Phase(objective="elbo", estimator="reparameterised", epochs=EPOCHS, batch=BATCH, learning_rate=1e-3),),
        run=RunConfig(evaluate_rows=1, evaluate_samples=1),
    )


def ours(path: str) -> Callable[[], float]:
    """Seconds of the steps of `train` with progress, logging and divergence checks; the last, which evaluates and saves
    the run besides, is counted like the others."""

    def run() -> float:
        times = []
        with TemporaryDirectory() as folder:
            train(config(path), Path(folder) / "run", device="cpu", progress=lambda _: times.append(perf_counter()))
        return (times[-2] - times[0]) * len(times) / (len(times) - 2)

    return run


@contextmanager
def silence() -> Iterator[None]:
    """pythae logs to the terminal while it trains."""
    logging.disable(logging.CRITICAL)
    try:
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
            yield
    finally:
        logging.disable(logging.NOTSET)


def pythae_pipeline(x: Tensor) -> Callable[[], float]:
    """Seconds of pythae's own training pipeline on the same model; raises ImportError where it is not installed."""
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    class Encoder(BaseEncoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.hidden = nn.Sequential(nn.Linear(784, 512), nn.ReLU())
            self.mean, self.log_variance = nn.Linear(512, 20), nn.Linear(512, 20)

        def forward(self, x: Tensor) -> ModelOutput:
            hidden = self.hidden(x.reshape(len(x), -1))
            return ModelOutput(embedding=self.mean(hidden), log_covariance=self.log_variance(hidden))

    class Decoder(BaseDecoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(20, 512), nn.ReLU(), nn.Linear(512, 784), nn.Sigmoid())

        def forward(self, z: Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.layers(z).reshape(-1, 1, 28, 28))

    def run() -> float:
        settings = VAEConfig(input_dim=(1, 28, 28), latent_dim=20, reconstruction_loss="bce")
        with TemporaryDirectory() as folder, silence():
            options = BaseTrainerConfig(
                output_dir=folder,
                num_epochs=EPOCHS,
                learning_rate=1e-3,
                per_device_train_batch_size=BATCH,
                no_cuda=True,
            )
            from pythae.data.datasets import BaseDataset

            data = BaseDataset(x.reshape(-1, 1, 28, 28), torch.zeros(len(x)))
            trainer = BaseTrainer(VAE(settings, Encoder(), Decoder()), data, training_config=options)
            start = perf_counter()
            trainer.train()
            return perf_counter() - start

    return run


def measurements() -> dict[str, float]:
    """Our samples/s over those of each competitor: above 1, ours is faster."""
    torch.manual_seed(0)
    x = (torch.rand(ROWS, 784) < 0.13).float()
    with TemporaryDirectory() as folder:
        path = f"{folder}/data.npz"
        import numpy as np

        np.savez(path, train=x.numpy(), test=x[:1].numpy())
        found = {"a hand-written eager loop": median_ratio(lambda: by_hand(x), ours(path))}
        try:
            found["pythae's pipeline"] = median_ratio(pythae_pipeline(x), ours(path))
        except ImportError:
            print("  skipped: pythae is not installed in this environment")
    return found


if __name__ == "__main__":
    for name, ratio in measurements().items():
        print(f"{ratio:5.2f}  samples/s of `train` over those of {name}  (median of {PAIRS} interleaved pairs)")
