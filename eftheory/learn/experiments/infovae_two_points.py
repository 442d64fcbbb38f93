"""Figure 1 of infovae: data {-1, 1}, where the ELBO is unbounded and its q(z|x) shrinks onto points far apart.

Three parts for each seed: ``elbo``; ``infovae``, as configured (lambda = 500, MMD, after a first phase of the ELBO);
``infovae-scratch``, lambda = 500 throughout. Beside them, without training, Proposition 1's sequence: along it the ELBO
grows without bound and MMD^2 does not (it is at most 2), so that InfoVAE with MMD is unbounded on this data for every
lambda, and what its training finds is no maximum.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch

from eftheory.analytic.infovae import TwoPoints
from eftheory.errors import MisuseError
from eftheory.exact.arithmetic import BALL
from eftheory.learn.config import TrainConfig
from eftheory.learn.datasets.data import Dataset
from eftheory.learn.experiments import Report, Silent
from eftheory.learn.experiments.infovae_line import curves, figures
from eftheory.learn.experiments.infovae_two_points_result import VARIANTS, TwoPointsResult
from eftheory.learn.experiments.mixture import _Scaled, model_at, one_thread
from eftheory.learn.experiments.parts import chosen, finished, keep
from eftheory.learn.runs.store import Store
from eftheory.learn.runs.train import train

C, WIDTHS = 1.0, (1.0, 0.5, 0.2, 0.1, 0.05, 0.02)
"""Of the sequence: q(z|x) = N(c x, l^2) with l -> 0."""


def run(
    config: TrainConfig,
    folder: Path,
    *,
    seeds: Sequence[int],
    parts: Sequence[str] = (),
    device: str = "auto",
    resume: bool = False,
    report: Report | None = None,
) -> TwoPointsResult:
    """A part for each variant and seed. Raises MisuseError for other data than points on a line with one latent."""
    _refuse(config)
    with one_thread():
        return _run(config, folder, seeds, parts, device, resume, report or Silent())


def _run(
    config: TrainConfig,
    folder: Path,
    seeds: Sequence[int],
    parts: Sequence[str],
    device: str,
    resume: bool,
    report: Report,
) -> TwoPointsResult:
    names = {f"{variant}-seed-{seed}": (variant, seed) for seed in seeds for variant in VARIANTS}
    wanted = chosen(list(names), parts)
    found: dict[tuple[str, int], Mapping[str, Any]] = {}
    for done, (name, (variant, seed)) in enumerate(names.items()):
        mine, place = replace(variant_of(config, variant), seed=seed), folder / name
        kept = finished(place, mine) if resume else None
        if kept is None and name in wanted:
            kept = _part(mine, place, device, resume, _Scaled(report, done, len(names)))
            keep(place, mine, kept)
            last = kept["path"][-1]
            report.say(f"{name}: ELBO {last['elbo']:.3f}, gap {last['gap']:.3f}, sd of q(z) "
                       f"{last['aggregate']['deviation']:.3f}")  # fmt: skip
        if kept is not None:
            found[variant, seed] = kept
    return TwoPointsResult(config=config, seeds=tuple(seeds), found=found, sequence=sequence(weight_in(config)))


def variant_of(config: TrainConfig, variant: str) -> TrainConfig:
    """The configuration of a part: every phase with weight 1, as it is, or every phase with the last one's weight."""
    if variant == "infovae":
        return config
    weight = 1.0 if variant == "elbo" else weight_in(config)
    return replace(config, phases=tuple(replace(phase, weight=weight) for phase in config.phases))


def weight_in(config: TrainConfig) -> float:
    """The paper's lambda."""
    return config.phases[-1].weight


def sequence(weight: float) -> list[dict[str, float]]:
    """Proposition 1 in closed form: for each l the ELBO and ``ELBO - (lambda - 1) MMD^2``, nats."""
    rows = []
    for width in WIDTHS:
        points = TwoPoints(Fraction(str(C)), Fraction(str(width)), BALL)  # Phi(-c/l) is too small for floats
        mmd = mmd_of(C, width)
        elbo = float(points.elbo)
        rows.append({"l": width, "elbo": elbo, "gap": float(points.gap), "mmd": mmd,
                     "infovae": elbo - (weight - 1.0) * mmd})  # fmt: skip
    return rows


def mmd_of(c: float, width: float) -> float:
    """MMD^2 of ``1/2 N(c, l^2) + 1/2 N(-c, l^2)`` from N(0, 1), kernel ``exp(-(a-b)^2/2)``, in closed form."""

    def mean(difference: float, variance: float) -> float:
        return math.exp(-(difference**2) / (2.0 * (1.0 + variance))) / math.sqrt(1.0 + variance)

    own = 0.5 * (mean(0.0, 2 * width**2) + mean(2 * c, 2 * width**2))
    return own - 2.0 * mean(c, width**2 + 1.0) + mean(0.0, 2.0)


def _part(config: TrainConfig, folder: Path, device: str, resume: bool, report: _Scaled) -> dict[str, Any]:
    data = points(config)
    trained = train(config, folder / "vae", device=device, resume=resume, progress=report, dataset=data)
    x, path = torch.tensor(config.data.centres, dtype=torch.float64), []
    with Store.view(folder / "vae") as store:
        steps = store.steps()
    for step in steps:
        model = model_at(config, folder / "vae", step)
        path.append({"step": step, **figures(model, x)})
    return {"path": path, "curves": curves(model, x), "versions": dict(trained.versions)}


def points(config: TrainConfig) -> Dataset:
    """The points `config.data.centres` themselves, each once, without a test part; labels: their numbers."""
    rows = torch.tensor(config.data.centres)
    count, width = rows.shape
    return Dataset(
        name=config.data.name, train=rows, test=torch.zeros(0, width), train_labels=torch.arange(count),
        test_labels=torch.arange(0), shape=(width,), source=f"the {count} given points, each once",
    )  # fmt: skip


def _refuse(config: TrainConfig) -> None:
    model, centres = config.model, config.data.centres or ()
    on_a_line = config.data.name == "points" and {len(centre) for centre in centres} == {1}
    if not on_a_line or (model.decoder, model.encoder) != ("normal(1)", "normal(1)"):
        got = f"data {config.data.name}, decoder {model.decoder}, encoder {model.encoder}"
        do = "change numbers only"
        raise MisuseError(wanted="points on a line, decoder and encoder normal(1)", got=got, do=do)
    if any(phase.objective != "infovae" for phase in config.phases) or weight_in(config) == 1.0:
        got = ", ".join(f"{phase.objective} with weight {phase.weight:g}" for phase in config.phases)
        raise MisuseError(wanted="phases of infovae, the last with weight above 1", got=got, do="correct them")
