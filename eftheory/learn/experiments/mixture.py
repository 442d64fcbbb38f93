"""Experiment 4.1 of vae-error: four normal components in the plane, an encoder of two independent bits (theory: 6).

The decoder is a free table of centres and starts at the truth, which is a likelihood maximiser. The encoder is trained
alone, then both on the ELBO: it rises, the evidence falls, and the centres move towards the consistent set, the
parallelograms (with the uniform prior: rectangles). The best member, an RBM fitted to the same data, is beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.learn.config import TrainConfig, specification
from eftheory.learn.datasets.data import load
from eftheory.learn.densities.density import Density
from eftheory.learn.densities.seeding import seeded
from eftheory.learn.evaluation.evaluate import evaluate
from eftheory.learn.experiments import Report, Silent
from eftheory.learn.experiments.mixture_maps import extent, pixels_of, regions, shares
from eftheory.learn.experiments.mixture_reference import distances, reference, verdict
from eftheory.learn.experiments.mixture_result import FIGURES, MixtureResult, number
from eftheory.learn.experiments.parts import chosen, finished, keep
from eftheory.learn.experiments.plane import Plane, Truth, plane
from eftheory.learn.experiments.shapes import matching, nearest_parallelogram
from eftheory.learn.harmoniums.rbm import Harmonium
from eftheory.learn.models.model import VAE, build
from eftheory.learn.runs.store import Store
from eftheory.learn.runs.train import Progress, train

RBM = "rbm"
"""The stage that is no phase."""
STARTS = 4
"""Random starts of the RBM, of which the best fit is taken: its likelihood has several maxima."""


def run(
    config: TrainConfig,
    folder: Path,
    *,
    seeds: Sequence[int],
    parts: Sequence[str] = (),
    device: str = "auto",
    resume: bool = False,
    report: Report | None = None,
) -> MixtureResult:
    """A part for each seed. Raises MisuseError for other data than four components in the plane with two bits."""
    truth = truth_of(config)
    with one_thread():
        return _run(config, truth, folder, seeds, parts, device, resume, report or Silent())


def _run(
    config: TrainConfig,
    truth: Truth,
    folder: Path,
    seeds: Sequence[int],
    parts: Sequence[str],
    device: str,
    resume: bool,
    report: Report,
) -> MixtureResult:
    names = {f"seed-{seed}": seed for seed in seeds}
    wanted = chosen(list(names), parts)
    found: dict[int, Mapping[str, Any]] = {}
    for done, (name, seed) in enumerate(names.items()):
        mine, place = replace(config, seed=seed), folder / name
        kept = finished(place, mine) if resume else None
        if kept is None and name in wanted:
            kept = _one_seed(mine, truth, place, device, resume, _Scaled(report, done, len(names)))
            keep(place, mine, kept)
            report.say(f"{name}: {_short(kept)}")
        if kept is not None:
            found[seed] = kept
    last = config.phases[-1].name
    learned = {f"seed-{seed}": each["stages"][last]["centres"] for seed, each in list(found.items())[:1]}
    return MixtureResult(
        config=config,
        seeds=tuple(seeds),
        found=found,
        reference=reference(truth),
        verdict=verdict(config, truth, learned),
        extent=extent(truth),
        shares=shares(truth.log_joint(pixels_of(truth)).softmax(-1)),
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """On a CPU everything here is too small for threads to help, and then the sums are the same on every machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def truth_of(config: TrainConfig) -> Truth:
    """The known mixture. Raises MisuseError unless it is four points in the plane, coded by two bits, in a table."""
    data, model = config.data, config.model
    centres = data.centres or ()
    if data.name != "mixture" or len(centres) != 4 or {len(centre) for centre in centres} != {2}:
        got = f"data {data.name!r} with centres {[list(centre) for centre in centres]}"
        raise MisuseError(wanted="a mixture of four components in the plane", got=got, do="take another configuration")
    if model.encoder != "bernoulli(2)" or model.prior != "uniform" or model.decoder_network.kind != "table":
        got = f"encoder {model.encoder}, prior {model.prior}, decoder network {model.decoder_network.kind}"
        wanted = "encoder bernoulli(2), prior uniform and a decoder table"
        raise MisuseError(wanted=wanted, got=got, do="change data and numbers only")
    names = [phase.name for phase in config.phases]
    if len(set(names)) != len(names) or "" in names or RBM in names:
        raise MisuseError(wanted=f"phases with different names, none {RBM!r}", got=str(names), do="rename them")
    truth = Truth(torch.tensor(centres, dtype=torch.float64), float(data.variance or math.nan))
    decoder = Density(specification(model).decoder)
    if decoder.width != 2 or not torch.allclose(decoder.mean(truth.centres / truth.variance), truth.centres):
        got = f"{model.decoder} for data of variance {data.variance}"
        raise MisuseError(wanted="a normal(2) decoder with the variance of the data", got=got, do="change both")
    return truth


# --- one seed ---------------------------------------------------------------------------------------------------------


def _one_seed(
    config: TrainConfig, truth: Truth, folder: Path, device: str, resume: bool, report: _Scaled
) -> dict[str, Any]:
    """Train, then every stage's figures: on the sample and by quadrature; and the maps of the last one."""
    trained = train(config, folder / "vae", device=device, resume=resume, progress=report)
    rows = load(config.data, config.seed).train
    assert isinstance(rows, Tensor)
    area, pixels = plane(truth), pixels_of(truth)
    steps = {str(r["phase"]): int(r["step"]) for r in trained.history if r["kind"] == "evaluation"}
    stages, model = {}, None
    for phase, step in steps.items():
        model = model_at(config, folder / "vae", step)
        stages[phase] = _figures(model, rows, area) | _geometry(_centres(model))
    assert model is not None
    harmonium = fit_harmonium(config, rows)
    stages[RBM] = _figures(harmonium, rows, area) | _geometry(_centres(harmonium))
    stages[RBM]["prior"] = harmonium.log_prior(harmonium.latents()).exp().tolist()
    component = stages[RBM]["component"] = matching(stages[RBM]["centres"], truth.centres.tolist())
    maps = {
        "truth": regions(truth.log_joint(pixels)),
        "encoder": regions(_encoder_table(model, pixels)),
        "posterior": regions(truth.log_joint(pixels, _centres(model))),
        RBM: regions(_encoder_table(harmonium, pixels), component),
    }
    return {"stages": stages, "maps": maps, "versions": dict(trained.versions)}


def model_at(config: TrainConfig, folder: Path, step: int) -> VAE:
    """The model of a run after `step`, on the CPU in float64."""
    model = build(config.model)
    with Store.view(folder) as store:
        model.load_state_dict(dict(store.weights_at(step).tensors))
    return model.double().requires_grad_(False)


def fit_harmonium(config: TrainConfig, rows: Tensor) -> Harmonium:
    """The RBM of the same families with the largest likelihood of the rows, L-BFGS with the exact gradient, float64."""
    asked = specification(config.model)
    decoder, encoder = Density(asked.decoder), Density(asked.encoder)
    fits = []
    with seeded(config.seed, rows.device):
        for _ in range(STARTS):
            model = Harmonium(decoder, encoder, scale=1.0).double()
            fits.append((_maximise(model, rows.double()), model))
    return max(fits, key=lambda fit: fit[0])[1].requires_grad_(False)


def _maximise(model: Harmonium, rows: Tensor) -> float:
    optimiser = torch.optim.LBFGS(model.parameters(), max_iter=300, tolerance_grad=1e-7, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimiser.zero_grad()
        loss = -model.log_likelihood(rows).mean()
        loss.backward()
        return float(loss.detach())

    optimiser.step(closure)
    return -closure()


def _figures(model: VAE | Harmonium, rows: Tensor, area: Plane) -> dict[str, Any]:
    """Evidence, ELBO and gap: on the sample, and by quadrature under the truth."""
    sample, exact = evaluate(model, rows), evaluate(model, area.points)
    return {
        "sample": {name: float(getattr(sample, name).mean()) for name in FIGURES},
        "quadrature": {name: area.mean(getattr(exact, name)) for name in FIGURES},
    }


def _geometry(centres: Tensor) -> dict[str, Any]:
    points: list[list[float]] = centres.tolist()
    nearest = nearest_parallelogram(points, any_labels=False).corners
    return {"centres": points, "distance": distances(centres), "nearest": [list(corner) for corner in nearest]}


def _centres(model: VAE | Harmonium) -> Tensor:
    """``E[x|z]`` for every code, (4, 2), float64."""
    return model.decoder.mean(model.decode(model.latents())).detach().double()


def _encoder_table(model: VAE | Harmonium, x: Tensor) -> Tensor:
    """``log q(z|x)`` up to a constant of x, (N, 4)."""
    return model.encode(x) @ model.encoder.statistics(model.latents()).T


# --- what is told -----------------------------------------------------------------------------------------------------


class _Scaled:
    """Moves the bar of the whole experiment by the steps of one of `of` equal parts; a callable for `train`."""

    def __init__(self, report: Report, part: int, of: int) -> None:
        self.report, self.part, self.of = report, part, of

    def __call__(self, progress: Progress) -> None:
        self.report.show(self.part * progress.steps + progress.step, self.of * progress.steps)


def _short(found: Mapping[str, Any]) -> str:
    parts = []
    for name, stage in found["stages"].items():
        at = stage["quadrature"]
        evidence, elbo, gap = (number(at[key]) for key in FIGURES)
        parts.append(f"{name} evidence {evidence}, ELBO {elbo}, gap {gap}")
    return "; ".join(parts)
