"""The experiments of the linear-vae paper on 1000 images: Lucas, Tucker, Grosse, Norouzi (2019); theory: section 7.

The maximum of the ELBO of a linear VAE is that of the likelihood, probabilistic PCA, known in closed form: so every run
with a linear decoder is compared with a number, in nats. Parts (see `linear_vae_grid`): latent sizes, with the ELBO in
closed form and by reparameterisation; four encoders; collapse of latents for fixed and learned variances of the
decoder, linear and deep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from eftheory.analytic.ppca_fit import fit
from eftheory.errors import MisuseError
from eftheory.learn.config import TrainConfig
from eftheory.learn.datasets import data as datasets
from eftheory.learn.datasets.data import Dataset
from eftheory.learn.experiments import Report, Silent
from eftheory.learn.experiments.linear_vae_figures import figures, measure
from eftheory.learn.experiments.linear_vae_grid import LINEAR, SIZES, latents_of, parts_of
from eftheory.learn.experiments.linear_vae_reference import Array, reference, share_of_collapsed
from eftheory.learn.experiments.linear_vae_result import LinearVAEResult
from eftheory.learn.experiments.mixture import one_thread
from eftheory.learn.experiments.parts import chosen, finished, keep
from eftheory.learn.models.model import VAE, build
from eftheory.learn.runs.train import Progress, train


def run(
    config: TrainConfig,
    folder: Path,
    *,
    seeds: Sequence[int],
    parts: Sequence[str] = (),
    device: str = "auto",
    resume: bool = False,
    report: Report | None = None,
) -> LinearVAEResult:
    """All parts for each seed. Raises MisuseError for another model than a linear VAE with learned variances."""
    refuse_other(config)
    say, every = report or Silent(), parts_of(config)
    wanted = chosen([part.name for part in every], parts)
    runs = [(part, seed) for seed in seeds for part in every]
    due = [(part, seed) for part, seed in runs if part.name in wanted]
    data = datasets.load(config.data, config.seed)
    assert isinstance(data.train, Tensor)
    x = data.train.double().numpy()
    known, directions = reference(x, latents_of(config), config.seed), fit(x, SIZES[-1]).directions
    found: dict[tuple[str, int], Mapping[str, Any]] = {}
    with one_thread():
        for part, seed in runs:
            mine, place = part.config(config, seed), folder / part.name / f"seed-{seed}"
            kept = finished(place, mine) if resume else None
            if kept is None and (part, seed) in due:
                bar = _Bar(say, due.index((part, seed)), len(due))
                kept = one(mine, data, directions, place, device=device, resume=resume, progress=bar)
                keep(place, mine, kept)
                say.say(f"{part.name}, seed {seed}: {_short(kept)}")
            if kept is not None:
                found[part.name, seed] = kept
    return LinearVAEResult(config=config, seeds=tuple(seeds), found=found, reference=known, source=data.source)


def refuse_other(config: TrainConfig) -> None:
    """Raise MisuseError unless the configuration is one that the parts can be made from."""
    model, k = config.model, config.model.encoder.removeprefix("normal(").removesuffix(")")
    width = model.decoder.removeprefix("normal(").removesuffix(")")
    good = (
        width.isdecimal()
        and k.isdecimal()
        and model == replace(
            model, decoder=f"normal({width})", decoder_scale="global", encoder=f"normal({k})", encoder_scale="global",
            prior=f"normal({k}, mean=0, variance=1)", inputs="x", decoder_network=LINEAR, encoder_network=LINEAR,
        )
    )  # fmt: skip
    if not good:
        got = f"{model.decoder} ({model.decoder_scale}), {model.encoder} ({model.encoder_scale}), {model.prior}"
        wanted = "normal(d) and normal(k) with global scales, linear networks and a standard normal prior"
        raise MisuseError(wanted=wanted, got=got, do="change data and numbers only")
    if not max(SIZES) < (config.data.train or 0):
        got = f"data.train = {config.data.train}"
        raise MisuseError(wanted=f"more than {max(SIZES)} images, a number", got=got, do="set data.train")


def one(
    config: TrainConfig, data: Dataset, directions: Array, folder: Path, *, device: str, resume: bool, progress: _Bar
) -> dict[str, Any]:
    """Train, then the figures of the last step and the ELBO on the way. directions: the principal ones, (D, D)."""
    assert isinstance(data.train, Tensor)
    model = build(config.model, shape=data.shape)
    result = train(
        config,
        folder,
        device=device,
        resume=resume and folder.exists(),
        progress=progress,
        measure=measure,
        dataset=data,
        start=mean_image(model, data.train),
    )
    model.load_state_dict({name: tensor.cpu() for name, tensor in result.state.items()})
    records = [record for record in result.history if record["kind"] == "evaluation"]
    names = [name for name in ("elbo", "evidence", "gap") if name in records[-1]]
    return {
        **{side: {name: _last(records, side)[name] for name in names} for side in ("train", "test")},
        "curve": [[record["step"], record["elbo"]] for record in records if record["part"] == "train"],
        **figures(model, data.train, directions),
        "versions": dict(result.versions),
    }


def mean_image(model: VAE, rows: Tensor) -> dict[str, Tensor]:
    """The bias of the decoder's last layer at the mean of the data: mu of the theory."""
    name = [key for key, _ in model.f.named_parameters() if key.endswith("bias")][-1]
    return {f"f.{name}": rows.mean(0)}


def _last(records: Sequence[Mapping[str, Any]], side: str) -> Mapping[str, Any]:
    return [record for record in records if record["part"] == side][-1]


def _short(found: Mapping[str, Any]) -> str:
    share = share_of_collapsed(found["levels"])
    return f"ELBO {found['train']['elbo']:.2f}, s2 {found['s2']:.4f}, {100 * share:.0f} % collapsed"


class _Bar:
    """Moves the bar of the whole experiment by the steps of part `number` of `count`; a callable for `train`."""

    def __init__(self, report: Report, number: int, count: int) -> None:
        self._report, self._number, self._count = report, number, count

    def __call__(self, now: Progress) -> None:
        self._report.show(self._number * now.steps + now.step, self._count * now.steps)
