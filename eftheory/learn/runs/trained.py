"""A trained model out of a run's folder: configuration, model in float64, data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from eftheory.errors import MisuseError
from eftheory.learn.config import TrainConfig
from eftheory.learn.config_file import load_config
from eftheory.learn.datasets import data as datasets
from eftheory.learn.datasets.data import Dataset
from eftheory.learn.densities.products import Rows, converted, rows_at
from eftheory.learn.models.model import VAE, build
from eftheory.learn.runs.store import Store

LIKE = torch.zeros(0, dtype=torch.float64)


@dataclass(frozen=True, eq=False)
class Trained:
    """model: in float64, on the CPU, without gradients; step: whose weights it has; folder: of the run."""

    config: TrainConfig
    model: VAE
    dataset: Dataset
    step: int
    folder: Path

    def rows(self, part: str, count: int) -> Rows:
        """The first `count` rows (at most) of ``train`` or ``test``, in float64."""
        rows: Rows = getattr(self.dataset, part)
        return converted(rows_at(rows, 0, min(count, len(rows))), LIKE)

    def steps(self) -> list[int]:
        """Steps whose weights were kept, ascending."""
        return Store.view(self.folder).steps()

    def at(self, step: int) -> Trained:
        """The same run at another kept step. Raises MisuseError where nothing was kept."""
        model = _empty(self.config, self.dataset)
        weights = Store.view(self.folder).weights_at(step).tensors
        missing = model.state_dict().keys() ^ weights.keys()
        if missing:
            got, do = f"{min(missing)!r} in one of them only", "project a run of this version"
            raise MisuseError(wanted="weights of the model in config.toml", got=got, do=do)
        model.load_state_dict(dict(weights))
        for name, tensor in weights.items():
            if not bool(torch.isfinite(tensor).all()):
                got, do = f"{name} with NaN or infinity at step {step}", "choose an earlier --step"
                raise MisuseError(wanted="finite weights", got=got, do=do)
        return replace(self, model=model.double().eval().requires_grad_(False), step=step)

    def all_steps(self) -> Iterator[Trained]:
        """The run at every kept step."""
        return (self.at(step) for step in self.steps())


def load(run_dir: Path | str, step: int | None = None) -> Trained:
    """The run in `run_dir` at `step` (default: the last that was kept).

    Raises MisuseError for a folder that is no run's, damaged or foreign weights, data that are gone, and a step that
    was not kept.
    """
    folder = Path(run_dir)
    store = Store.view(folder)
    config = load_config(folder / "config.toml")
    steps = store.steps()
    if not steps:
        got, do = f"none in {folder}", "train a few steps first"
        raise MisuseError(wanted="a run with saved weights", got=got, do=do)
    dataset = datasets.load(config.data, config.seed)
    start = Trained(config, _empty(config, dataset), dataset, -1, folder)
    return start.at(steps[-1] if step is None else step)


def _empty(config: TrainConfig, dataset: Dataset) -> VAE:
    """The model without its weights; torch's generator is left alone."""
    with torch.random.fork_rng(devices=[]):
        return build(config.model, shape=dataset.shape, sparse=not isinstance(dataset.train, torch.Tensor))
