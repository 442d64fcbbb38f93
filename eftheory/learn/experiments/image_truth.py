"""The ground truth of the image experiment (theory: 6, 4.2): a trained generator with pixel noise, and its samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import torch
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.learn.config import DataConfig, ModelConfig, Phase, TrainConfig
from eftheory.learn.datasets.data import Dataset
from eftheory.learn.densities.seeding import seeded
from eftheory.learn.models.model import VAE, build

NOISE = Fraction(1, 20)
"""Standard deviation of the truth's pixel noise, pixels from 0 to 1: that of the paper."""
BLOCK = 1000
"""Images that are made at a time."""
TRAIN, TEST = 1, 2
"""Streams of randomness beside the seed."""


@dataclass(frozen=True, eq=False)
class Truth:
    """model: ``p*(x|z) = N(generator(z), NOISE^2 I)`` with z from N(0, I).

    train (N, D), test (M, D): samples of it, from the z in train_latents (N, L) and test_latents (M, L).
    shape: (C, H, W); source: in words.
    """

    model: VAE
    train: Tensor
    train_latents: Tensor
    test: Tensor
    test_latents: Tensor
    shape: tuple[int, ...]
    source: str

    def data(self) -> Dataset:
        """The samples as data to train on."""
        return Dataset(
            name="samples",
            train=self.train,
            test=self.test,
            train_labels=None,
            test_labels=None,
            shape=self.shape,
            source=self.source,
        )


def fixed_noise(model: ModelConfig, width: int) -> ModelConfig:
    """The same networks with the truth's noise."""
    return replace(model, decoder=f"normal({width}, variance={NOISE**2})", decoder_scale="predicted")


def learned_noise(model: ModelConfig, width: int) -> ModelConfig:
    """The same networks with one learned noise, which starts at the truth's."""
    return replace(model, decoder=f"normal({width})", decoder_scale="global", scale_start=float(NOISE))


def networks_of(state: Mapping[str, Tensor], *parts: str) -> dict[str, Tensor]:
    """Of the parameters those of the decoder network ``f`` or the encoder network ``g``.

    In each of the three models the decoder network gives the means, so that they fit all.
    """
    return {name: value.detach().clone() for name, value in state.items() if name.split(".")[0] in parts}


def loaded(model: ModelConfig, state: Mapping[str, Tensor], shape: tuple[int, ...]) -> VAE:
    """A model with these parameters, ready for evaluation, where they are."""
    built = build(model, shape=shape)
    built.load_state_dict(state, strict=True)
    return built.to(next(iter(state.values())).device).requires_grad_(False)


@dataclass(frozen=True, eq=False)
class Images:
    """train (N, D), test (M, D), their labels, shape (C, H, W); source: in words."""

    train: Tensor
    test: Tensor
    train_labels: Tensor
    test_labels: Tensor
    shape: tuple[int, ...]
    source: str


def images_of(data: Dataset) -> Images:
    """Raise MisuseError unless `data` are dense images with labels."""
    train, test, labels, others = data.train, data.test, data.train_labels, data.test_labels
    dense = isinstance(train, Tensor) and isinstance(test, Tensor) and len(test) > 1
    if not dense or len(data.shape) != 3 or labels is None or others is None:
        got = f"{data.name}, rows of shape {data.shape}"
        raise MisuseError(wanted="labelled images for training and testing", got=got, do="take mnist or cifar10")
    assert isinstance(train, Tensor) and isinstance(test, Tensor)
    return Images(train, test, labels, others, data.shape, data.source)


def truth_of(config: TrainConfig, generator: Mapping[str, Tensor], real: Images) -> Truth:
    """The truth that a trained generator becomes, and as many samples of it as there are real images, by the seed."""
    device = next(iter(generator.values())).device
    with seeded(config.seed, device):  # the encoder is random and plays no part
        model = build(fixed_noise(config.model, real.train.shape[1]), shape=real.shape).to(device)
    model.load_state_dict(networks_of(generator, "f"), strict=False)
    model.requires_grad_(False)
    train, test = draw(model, len(real.train), config.seed, TRAIN), draw(model, len(real.test), config.seed, TEST)
    source = f"samples of N(generator(z), {NOISE}^2 I), z from N(0, I), the generator trained on: {real.source}"
    return Truth(model, *train, *test, real.shape, source)


def draw(model: VAE, count: int, seed: int, stream: int) -> tuple[Tensor, Tensor]:
    """Pairs (x, z) from a model, (count, D) and (count, L); different streams of a seed are independent."""
    with seeded(seed * 1000 + stream, next(model.parameters()).device), torch.no_grad():
        blocks = [model.sample(min(BLOCK, count - first)) for first in range(0, count, BLOCK)]
    x, z = (torch.cat(part) for part in zip(*blocks, strict=True))
    return x, z


def means(model: VAE, z: Tensor) -> Tensor:
    """The images without noise, ``E[x|z]``, (N, D). In these models they are what the decoder network gives."""
    with torch.no_grad():
        return torch.cat([model.f(block) for block in z.split(BLOCK)])


def run_of(config: TrainConfig, phase: Phase, model: ModelConfig) -> TrainConfig:
    """The configuration of one phase after the generator: samples in place of the data."""
    data = DataConfig(name="samples", train=config.data.train, test=config.data.test)
    return replace(config, name=f"{config.name}-{phase.name}", data=data, model=model, phases=(phase,))


def refuse_others(config: TrainConfig, phases: Mapping[str, Phase], wanted: tuple[str, ...]) -> None:
    """Raise MisuseError for models without one learned noise and independent normal latents, and for other phases."""
    model, missing = config.model, [name for name in wanted if name not in phases]
    if missing or len(phases) != len(config.phases) or config.phases[0].name != wanted[0]:
        got = ", ".join(phase.name or "one without a name" for phase in config.phases)
        do = f"begin with {wanted[0]!r} and give the others different names"
        raise MisuseError(wanted=f"phases {', '.join(wanted)} (and more)", got=got, do=do)
    size = model.encoder.removeprefix("normal(").removesuffix(")")
    like = (model.encoder, model.prior) == (f"normal({size})", f"normal({size}, mean=0, variance=1)")
    if model.decoder_scale != "global" or not like:
        got = f"decoder_scale {model.decoder_scale!r}, encoder {model.encoder}, prior {model.prior}"
        wanted_model = "decoder_scale 'global', encoder normal(k) and prior normal(k, mean=0, variance=1)"
        raise MisuseError(wanted=wanted_model, got=got, do="change networks, data and numbers only")
