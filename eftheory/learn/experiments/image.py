"""Experiment 4.2 of vae-error: a Gaussian image VAE is trained on samples of a known truth, from the truth itself.

The truth is a generator, trained on real images as a Gaussian VAE with one learned noise variance (a GAN in the paper),
with pixel noise of 0.05. The encoder is trained by conditional likelihood; then both parts on the ELBO, with the noise
fixed and with it learned. The truth maximises the likelihood; as many steps of maximum likelihood are the control.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from torch import Tensor

from eftheory.check import check
from eftheory.errors import MisuseError
from eftheory.learn.config import Phase, TrainConfig, strings
from eftheory.learn.datasets.data import Dataset, load
from eftheory.learn.experiments import Report, Silent
from eftheory.learn.experiments.image_control import CONTROL, complete_data
from eftheory.learn.experiments.image_figures import SHOWN, Compare, as_bytes, bounds, light, shown
from eftheory.learn.experiments.image_result import ImageResult
from eftheory.learn.experiments.image_truth import (
    fixed_noise,
    images_of,
    learned_noise,
    loaded,
    networks_of,
    refuse_others,
    run_of,
    truth_of,
)
from eftheory.learn.experiments.parts import chosen, finished, keep
from eftheory.learn.runs.train import Progress, TrainResult, train

GENERATOR, ENCODER, FIXED, LEARNED = PHASES = "generator", "encoder", "fixed", "learned"


def run(
    config: TrainConfig,
    folder: Path,
    *,
    seeds: Sequence[int],
    parts: Sequence[str] = (),
    device: str = "auto",
    resume: bool = False,
    report: Report | None = None,
) -> ImageResult:
    """A part for each seed. Raises MisuseError for other models and phases than those of ``configs/image.toml``."""
    say = report or Silent()
    phases = {phase.name: phase for phase in config.phases}
    refuse_others(config, phases, PHASES)
    if CONTROL in phases:
        raise MisuseError(wanted="phases with names of their own", got=repr(CONTROL), do="rename it")
    names = {f"seed-{seed}": seed for seed in seeds}
    wanted = chosen(list(names), parts)
    found: dict[int, Mapping[str, Any]] = {}
    for name, seed in names.items():
        mine, place = replace(config, seed=seed), folder / name
        kept = finished(place, mine) if resume else None
        if kept is None and name in wanted:
            kept = _one_seed(mine, phases, place, device, resume, _Scaled(say, len(found), len(names), len(phases)))
            keep(place, mine, kept)
        if kept is not None:
            found[seed] = kept
    return ImageResult(config=config, seeds=tuple(seeds), found=found, verdict=_verdict(config))


def _one_seed(
    config: TrainConfig, phases: Mapping[str, Phase], folder: Path, device: str, resume: bool, report: _Scaled
) -> dict[str, Any]:
    """The generator, the truth, the encoder, the control, and every later phase; their figures and pictures."""
    began = perf_counter()
    real = images_of(load(config.data, config.seed))
    generator = _trained(replace(config, phases=(phases[GENERATOR],)), folder / GENERATOR, device, resume, report)
    truth = truth_of(config, generator.state, real)
    compare = Compare(config, real, truth)
    report.say(f"classifier: {compare.trained.test_accuracy:.4f} of the real test images are right")
    stages: dict[str, Any] = {}
    pictures = {"real": as_bytes(real.test[:SHOWN], real.shape), "truth": shown(truth.model, config.seed, real.shape)}
    start: Mapping[str, Tensor] = networks_of(truth.model.state_dict(), "f")
    for name, phase in phases.items():
        if name == GENERATOR:
            continue
        width = real.train.shape[1]
        model = learned_noise(config.model, width) if name == LEARNED else fixed_noise(config.model, width)
        done = _trained(run_of(config, phase, model), folder / name, device, resume, report, truth.data(), start)
        trained = loaded(model, done.state, real.shape)
        stages[name] = bounds(config, trained, truth) | {"frechet": compare.distances(trained)}
        report.say(f"{name}: {_short(stages[name])}")
        if name == ENCODER:
            start = networks_of(done.state, "f", "g")
            control = complete_data(truth, trained, phases[FIXED], config.seed)
            stages[CONTROL] = bounds(config, control, truth) | {"frechet": compare.distances(control)}
            pictures[CONTROL] = shown(control, config.seed, real.shape)
            report.say(f"{CONTROL}: {_short(stages[CONTROL])}")
        else:
            pictures[name] = shown(trained, config.seed, real.shape)
    return {
        "stages": stages,
        "floor": compare.floor(truth),
        "real": compare.real.distance,
        "classifier": {"test": compare.trained.test_accuracy, "train": compare.trained.train_accuracy},
        "source": truth.source,
        "shape": list(real.shape),
        "pictures": pictures,
        "versions": dict(generator.versions),
        "seconds": perf_counter() - began,
    }


def _trained(
    config: TrainConfig,
    folder: Path,
    device: str,
    resume: bool,
    report: _Scaled,
    dataset: Dataset | None = None,
    start: Mapping[str, Tensor] | None = None,
) -> TrainResult:
    report.next()
    return train(
        config,
        folder,
        device=device,
        resume=resume,
        progress=report.progress,
        measure=light,
        dataset=dataset,
        start=start,
    )


def _short(stage: Mapping[str, Any]) -> str:
    frechet = stage["frechet"]["samples"]["distance"]
    return f"ELBO {stage['elbo']['mean']:.2f}, evidence {stage['evidence']['mean']:.2f}, Frechet {frechet:.3f}"


def _verdict(config: TrainConfig) -> dict[str, Any]:
    """What `eftheory.check` says of the model with fixed noise, which is `gaussian-vae` of explicit sizes."""
    width = config.model.decoder.removeprefix("normal(").removesuffix(")")
    asked = strings(fixed_noise(config.model, int(width)))
    answer = check(**asked)
    conditions = [formula.text for clause in answer.clauses for formula in clause.conditions]
    return {"model": asked, "verdict": answer.verdict, "conditions": conditions}


class _Scaled:
    """One bar for all seeds and phases."""

    def __init__(self, report: Report, seed: int, seeds: int, phases: int) -> None:
        self._report, self._first, self._all, self._phase = report, seed * phases - 1, seeds * phases, 0

    def say(self, line: str) -> None:
        self._report.say(line)

    def next(self) -> None:
        self._phase += 1

    def progress(self, at: Progress) -> None:
        done = self._first + self._phase + at.step / max(at.steps, 1)
        self._report.show(round(1000 * done), 1000 * self._all)
