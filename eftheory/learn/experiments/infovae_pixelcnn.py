"""InfoVAE, section 5.2: ELBO, no regulariser, MMD, Stein and adversarial, with a decoder that may ignore z, a PixelCNN.

Every phase of the configuration is a run by itself, from the same start, on the same reduced digits; its figures are
those of the paper's figure 6 and table 1, and the mutual information, which is what the information preference is
about. A PixelCNN is no exponential family with parameters f(z), so there is no consistent set to ask `check` about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import torch

from eftheory.errors import MisuseError
from eftheory.learn.config import Phase, TrainConfig
from eftheory.learn.datasets.data import Dataset, load
from eftheory.learn.evaluation.classifier import Trained
from eftheory.learn.experiments import Report, Silent
from eftheory.learn.experiments.infovae_pixelcnn_figures import classifier, figures, light, reduced
from eftheory.learn.experiments.infovae_pixelcnn_result import PixelResult, short
from eftheory.learn.experiments.mixture import one_thread
from eftheory.learn.experiments.parts import chosen, finished, keep
from eftheory.learn.models.pixelcnn import PixelVAE, build
from eftheory.learn.objectives.infovae import forced
from eftheory.learn.runs.train import Progress, TrainResult, train

OBJECTIVES = ("elbo", "infovae")


def run(
    config: TrainConfig,
    folder: Path,
    *,
    seeds: Sequence[int],
    parts: Sequence[str] = (),
    device: str = "auto",
    resume: bool = False,
    report: Report | None = None,
) -> PixelResult:
    """A part ``NAME-seed-N`` for each phase and seed. Raises MisuseError for other data, models and objectives."""
    say = report or Silent()
    refuse_others(config)
    phases = {phase.name: phase for phase in config.phases}
    parts_of = {f"{name}-seed-{seed}": (name, seed) for seed in seeds for name in phases}
    wanted = chosen(list(parts_of), parts)
    found: dict[str, dict[int, Mapping[str, Any]]] = {name: {} for name in phases}
    shared = _Shared(config)
    with one_thread():
        for done, (part, (name, seed)) in enumerate(parts_of.items()):
            mine, place = replace(config, seed=seed, phases=(phases[name],)), folder / part
            kept = finished(place, mine) if resume else None
            if kept is None and part in wanted:
                clock = _Clock(say, done, len(parts_of))
                kept = _one(mine, place / "vae", *shared.of(seed), device, resume, clock)
                keep(place, mine, kept)
                say.say(f"{part}: {short(kept)}")
            if kept is not None:
                found[name][seed] = kept
    return PixelResult(config=config, seeds=tuple(seeds), found=found)


def refuse_others(config: TrainConfig) -> None:
    """Raise MisuseError, before anything is trained, for phases that cannot be compared here, data and models."""
    names = [phase.name for phase in config.phases]
    if len(set(names)) != len(names) or "" in names:
        raise MisuseError(wanted="phases with different names", got=str(names), do="rename them")
    for phase in config.phases:
        if phase.objective not in OBJECTIVES or phase.trains != "both" or phase.estimator != "reparameterised":
            got = f"{phase.name}: {phase.objective}, {phase.estimator}, trains {phase.trains}"
            wanted = "phases of elbo or infovae, reparameterised, that train both parts"
            raise MisuseError(wanted=wanted, got=got, do="change it")
    few = replace(config.data, train=2, test=2)
    with torch.random.fork_rng(devices=[]):
        build(config.model, shape=reduced(load(few, config.seed), config.seed).shape)


def _one(
    config: TrainConfig, folder: Path, data: Dataset, judge: Trained, device: str, resume: bool, clock: _Clock
) -> dict[str, Any]:
    (phase,) = config.phases
    trained = train(
        config, folder, device=device, resume=resume, progress=clock, measure=light, dataset=data, make=_made
    )
    model = _loaded(config, data, trained)
    return figures(config, model, data, judge) | {
        "objective": about(phase),
        "forced": forced(config).get(phase.name),
        "seconds_per_epoch": clock.seconds_per_epoch(len(data.train), phase),
        "curve": [
            {key: record[key] for key in ("step", "mmd", "log_det", "rate", "reconstruction")}
            for record in trained.history
            if record["kind"] == "evaluation" and record["part"] == "test"
        ],
        "source": data.source,
        "shape": list(data.shape),
        "versions": dict(trained.versions),
    }


def about(phase: Phase) -> dict[str, Any]:
    """What a phase maximises, in the terms of InfoVAE: the ELBO is alpha = 0, lambda = 1."""
    if phase.objective == "elbo":
        return {"alpha": 0.0, "lambda": 1.0, "divergence": None}
    return {"alpha": phase.alpha, "lambda": phase.weight, "divergence": phase.divergence if phase.weight else None}


_made: Any = partial(build)
"""Builds a `PixelVAE` for `train`, which has every method that training calls."""


def _loaded(config: TrainConfig, data: Dataset, trained: TrainResult) -> PixelVAE:
    """The trained model on the CPU, without gradients; torch's generator is left alone."""
    with torch.random.fork_rng(devices=[]):
        model = build(config.model, shape=data.shape)
    model.load_state_dict({name: tensor.cpu() for name, tensor in trained.state.items()})
    return model.eval().requires_grad_(False)


class _Shared:
    """Data and classifier of a seed, made when they are first needed, kept until another seed's are."""

    def __init__(self, config: TrainConfig) -> None:
        self._config, self._seed = config, -1
        self._kept: tuple[Dataset, Trained]

    def of(self, seed: int) -> tuple[Dataset, Trained]:
        if seed != self._seed:
            data = reduced(load(self._config.data, seed), seed)
            self._kept, self._seed = (data, classifier(data, seed)), seed
        return self._kept


class _Clock:
    """Moves the bar of all parts, and times the steps of one: CPU seconds, as the machine may be shared."""

    def __init__(self, report: Report, part: int, of: int) -> None:
        self._report, self._part, self._of = report, part, of
        self._last: float | None = None
        self._steps: list[float] = []

    def __call__(self, at: Progress) -> None:
        now = process_time()
        if self._last is not None:
            self._steps.append(now - self._last)
        self._last = now
        self._report.show(round(1000 * (self._part + at.step / max(at.steps, 1))), 1000 * self._of)

    def seconds_per_epoch(self, rows: int, phase: Phase) -> float | None:
        """The median step, so without evaluations and saves, times the steps of an epoch; None: too few were made."""
        return median(self._steps) * -(-rows // phase.batch) if len(self._steps) > 1 else None
