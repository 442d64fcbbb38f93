"""Between building a model and its first step: data are checked, parameters are put where they should start."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from eftheory.errors import MisuseError, unknown
from eftheory.learn.config import ModelConfig, TrainConfig
from eftheory.learn.datasets.data import Dataset
from eftheory.learn.densities.products import converted, rows_at
from eftheory.learn.models.model import VAE
from eftheory.learn.models.networks import Table
from eftheory.learn.objectives.objectives import objective_of


def check_data(model: VAE, dataset: Dataset) -> None:
    """Raise MisuseError for rows of another width, or outside the decoder's support (naming the first entry)."""
    for part in ("train", "test"):
        rows = getattr(dataset, part)
        if len(rows) == 0:
            continue
        if rows.shape[1] != model.decoder.width:
            raise MisuseError(
                wanted=f"rows of {model.decoder.width} numbers for the decoder {model.decoder.family}",
                got=f"{rows.shape[1]} in the {part} part of {dataset.name}",
                do="match the decoder's size and the data",
            )
        model.decoder.check_support(rows, f"the {part} part of {dataset.name}")


def check_phases(model: VAE, config: TrainConfig, dataset: Dataset) -> None:
    """Raise MisuseError for a phase whose objective this model cannot have: a row of data is tried on each.

    So a later phase is refused before the first, and before anything is written. Draws leave no trace.
    """
    like = next(model.parameters())
    row = converted(rows_at(dataset.train, 0, 1), like)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        for phase in config.phases:
            objective_of(phase)(model, row)


def start_at(model: VAE, state: Mapping[str, Tensor]) -> None:
    """Put the parameters that `state` names where it says. Raises MisuseError for a name or shape that is not there."""
    own = model.state_dict()
    for name, value in state.items():
        if name not in own:
            raise unknown("parameter", name, own)
        if own[name].shape != value.shape:
            got = f"{tuple(value.shape)} for {name}"
            raise MisuseError(wanted=f"shape {tuple(own[name].shape)}", got=got, do="take the start of a like model")
        own[name].copy_(value)


def start_at_truth(model: VAE, config: ModelConfig, dataset: Dataset) -> None:
    """Put a table where the data were generated: ``start = "truth"``. Raises MisuseError where no truth is known."""
    if config.encoder_network.start == "truth":
        raise MisuseError(wanted="start = 'truth' for a decoder table", got="it on the encoder", do="take random")
    if config.decoder_network.start != "truth":
        return
    natural = dataset.truth.get("natural")
    if natural is None or not isinstance(model.f, Table):
        got = f"data {dataset.name}, decoder network {config.decoder_network.kind}"
        raise MisuseError(wanted="data with a known truth, and a table", got=got, do="take start = 'random'")
    rows = model.decoder.raw(natural.to(model.f.rows))
    if rows.shape != model.f.rows.shape:
        got = f"{tuple(rows.shape)} for a table of shape {tuple(model.f.rows.shape)}"
        raise MisuseError(wanted="one component for each latent code", got=got, do="match centres and latents")
    with torch.no_grad():
        model.f.rows.copy_(rows)
