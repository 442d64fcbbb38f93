"""infovae 5.1.2 on binarised MNIST, and what each objective does to the decoder.

Parts, for each seed: ``n500-elbo`` to ``n50000-mmd``: ten normal latents, log det of the aggregate covariance by the
number of training images; ``plane-elbo``, ``plane-mmd``: two latents, 500 images, q(z|x) against the true posterior;
``pull-...``: eight bits, where the consistent set and the distance to it are exact. ``pull-start`` trains the decoder
by the likelihood; from there every objective goes on (the encoder alone first, then both), and so does the likelihood.
Does InfoVAE move the decoder towards the consistent set or away? (From a random start everything moves away: the set
contains the decoders that use nothing.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.learn.config import ModelConfig, Phase, TrainConfig
from eftheory.learn.datasets.data import load
from eftheory.learn.experiments import Report, Silent
from eftheory.learn.experiments import infovae_mnist_figures as figures
from eftheory.learn.experiments.infovae_mnist_result import PULLS, REGULARISERS, SIZES, START, MnistResult
from eftheory.learn.experiments.mixture import _Scaled, model_at, one_thread
from eftheory.learn.experiments.parts import chosen, finished, keep
from eftheory.learn.projection.pull import likelihood_twin, pull_curve
from eftheory.learn.runs.store import Store
from eftheory.learn.runs.train import TrainResult, train

PLANE_IMAGES, BIT_IMAGES = 500, 4000
"""Training images of the parts with two latents, as in Figures 3 and 4, and with bits."""
BITS = 8
POSTERIORS, SHOWN = 32, 8
"""Test images whose true posterior is computed, and how many are drawn."""
PULL_ROWS = 500


@dataclass(frozen=True)
class Part:
    """kind: ``n500``, ..., ``plane`` or ``pull``; objective: a key of `REGULARISERS` or `PULLS`."""

    kind: str
    objective: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.objective}-seed-{self.seed}"


def run(
    config: TrainConfig,
    folder: Path,
    *,
    seeds: Sequence[int],
    parts: Sequence[str] = (),
    device: str = "auto",
    resume: bool = False,
    report: Report | None = None,
) -> MnistResult:
    """Raises MisuseError for a configuration without the two templates of phases."""
    if [phase.name for phase in config.phases] != ["normal", "bits"] or config.data.train is None:
        got = ", ".join(phase.name for phase in config.phases)
        raise MisuseError(wanted="data.train and the phases normal and bits", got=got, do="change numbers only")
    told = report or Silent()
    every = {part.name: part for part in parts_of(config, seeds)}
    wanted = chosen(list(every), parts)
    found: dict[str, Mapping[str, Any]] = {}
    with one_thread():
        for done, (name, part) in enumerate(every.items()):
            mine, place = config_of(config, part), folder / name
            kept = finished(place, mine) if resume else None
            if kept is None and name in wanted:
                start = start_of(config, part, folder)
                bar = _Scaled(told, done, len(every))
                trained = train(mine, place / "vae", device=device, resume=resume, progress=bar, start=start)
                kept = _examined(part, mine, trained)
                keep(place, mine, kept)
                told.say(f"{name}: {_short(kept)}")
            if kept is not None:
                found[name] = kept
    return MnistResult(config=config, seeds=tuple(seeds), parts=tuple(every), found=found)


def parts_of(config: TrainConfig, seeds: Sequence[int]) -> Iterator[Part]:
    """Sizes above data.train are left out."""
    sizes = [size for size in SIZES if size <= (config.data.train or 0)]
    for seed in seeds:
        for kind in [*(f"n{size}" for size in sizes), "plane"]:
            yield from (Part(kind, objective, seed) for objective in REGULARISERS)
        yield from (Part("pull", objective, seed) for objective in (START, *PULLS))


def config_of(config: TrainConfig, part: Part) -> TrainConfig:
    """The configuration of a part: one phase, the template's with its own weights."""
    normal, bits = config.phases
    most = config.data.train or 1
    if part.kind == "pull":
        rows = min(BIT_IMAGES, most)
        phase, latent = bits, (f"bernoulli({BITS})", "uniform")
    else:
        rows = PLANE_IMAGES if part.kind == "plane" else int(part.kind[1:])
        rows = min(rows, most)
        phase = replace(normal, epochs=max(1, round(normal.epochs * most / rows)))
        width = 2 if part.kind == "plane" else None
        latent = _latent(config.model, width)
    model = replace(config.model, encoder=latent[0], prior=latent[1])
    phase = _weighted(phase, part)
    alone = replace(phase, name="encoder", trains="encoder", epochs=max(1, phase.epochs // 2))
    phases = (alone, phase) if part.kind == "pull" else (phase,)
    # only the pull follows the training
    run = config.run if part.kind == "pull" else replace(config.run, save_every=0)
    mine = replace(
        config, name=part.name, seed=part.seed, data=replace(config.data, train=rows), model=model, run=run,
        phases=phases,
    )  # fmt: skip
    return likelihood_twin(mine) if part.objective in (START, "likelihood") else mine


def start_of(config: TrainConfig, part: Part, folder: Path) -> Mapping[str, Tensor] | None:
    """The parameters at the end of ``pull-start``, for the other parts of the pull. Raises MisuseError without it."""
    if part.kind != "pull" or part.objective == START:
        return None
    first = Part("pull", START, part.seed)
    if finished(folder / first.name, config_of(config, first)) is None:
        do = f"run it too: --part '{first.name}' --part '{part.name}'"
        raise MisuseError(wanted=f"{first.name} finished before {part.name}", got="none", do=do)
    with Store.view(folder / first.name / "vae") as store:
        return dict(store.weights_at(store.steps()[-1]).tensors)


def _latent(model: ModelConfig, width: int | None) -> tuple[str, str]:
    return (model.encoder, model.prior) if width is None else (
        f"normal({width})", f"normal({width}, mean=0, variance=1)"
    )  # fmt: skip


def _weighted(phase: Phase, part: Part) -> Phase:
    if part.kind != "pull":
        return replace(phase, weight=1.0) if part.objective == "elbo" else phase
    if part.objective in (START, "likelihood"):
        return phase
    alpha, weight, divergence = PULLS[part.objective]
    return replace(phase, alpha=alpha, weight=weight, divergence=divergence)


def _examined(part: Part, config: TrainConfig, trained: TrainResult) -> dict[str, Any]:
    """The figures of a part, in float64."""
    data = load(config.data, config.seed)
    assert isinstance(data.train, Tensor) and isinstance(data.test, Tensor)
    last = max(int(record["step"]) for record in trained.history)
    model = model_at(config, trained.folder, last)
    train_rows, test_rows = data.train[: figures.DRAWS].double(), data.test[: figures.DRAWS].double()
    ends = {record["part"]: record for record in trained.history if record.get("kind") == "evaluation"}
    found: dict[str, Any] = {
        "steps": last,
        "evaluation": {name: {k: end[k] for k in ("evidence", "elbo", "gap")} for name, end in ends.items()},
        "versions": dict(trained.versions),
    }
    if part.kind == "pull":
        curve = pull_curve(trained.folder, rows=PULL_ROWS, best=False)
        return found | {
            "pull": [point.as_dict() for point in curve],
            "train": figures.finite_figures(model, train_rows),
            "test": figures.finite_figures(model, test_rows),
        }
    found |= {
        "train": figures.aggregate_figures(model, train_rows, config.seed),
        "test": figures.aggregate_figures(model, test_rows, config.seed),
    }
    if part.kind == "plane":
        found |= {
            "posterior": figures.posterior_figures(model, test_rows[:POSTERIORS], SHOWN, config.seed),
            "density": figures.aggregate_density(model, test_rows[:2000]),
            "prior": figures.prior_density(model),
        }
    return found


def _short(found: Mapping[str, Any]) -> str:
    if "pull" in found:
        last = found["pull"][-1]
        return f"share {last['share']:.3f}, gap {last['gap']:.2f}, KL(q(z)||p(z)) {found['train']['kl']:.3f} nats"
    return f"log det Cov q(z) {found['train']['log_det']:.2f} (train), {found['test']['log_det']:.2f} (test)"
