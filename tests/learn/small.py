"""Small models and configurations that the tests of `learn` share."""

from __future__ import annotations

from typing import Any

import torch

from eftheory.learn.config import DataConfig, ModelConfig, NetworkConfig, Phase, RunConfig, TrainConfig
from eftheory.learn.models.model import VAE, build

CENTRES = ((1.0, 1.0), (1.0, -1.0), (0.0, 0.0), (-1.0, 0.0))
LINEAR = NetworkConfig(kind="linear")


def mlp(*hidden: int, activation: str = "tanh") -> NetworkConfig:
    return NetworkConfig(kind="mlp", hidden=hidden, activation=activation)


def model_config(decoder: str, encoder: str, prior: str = "uniform", **changes: Any) -> ModelConfig:
    given: dict[str, Any] = {"inputs": "x", "decoder_network": mlp(6), "encoder_network": mlp(6), **changes}
    return ModelConfig(decoder=decoder, encoder=encoder, prior=prior, **given)


def model(decoder: str, encoder: str, prior: str = "uniform", *, seed: int = 0, **changes: Any) -> VAE:
    """A random model in float64."""
    torch.manual_seed(seed)
    return build(model_config(decoder, encoder, prior, **changes)).double()


def mixture(**changes: Any) -> TrainConfig:
    """The mixture of four, one phase of the exact ELBO; `changes` replace fields of the configuration."""
    phase = Phase(objective="elbo", estimator="exact", epochs=3, batch=16, learning_rate=1e-2)
    given: dict[str, Any] = {
        "name": "tiny",
        "seed": 0,
        "data": DataConfig(name="mixture", train=60, test=20, centres=CENTRES, variance=1.0),
        "model": model_config(
            "normal(2, variance=1)", "bernoulli(2)", decoder_network=NetworkConfig(kind="table", start="truth")
        ),
        "phases": (phase,),
        "run": RunConfig(log_every=1, evaluate_every=2, save_every=2),
        **changes,
    }
    return TrainConfig(**given)
