"""The experiments of bernoulli-bound: VAEs of bits beside their bound, started at random and at the closed form.

``bernoulli-bound`` is the paper's simulation (section 4, appendix A.4 and A.5), nine settings (d, N); its sister
configurations ask the same of binarised MNIST and of the words of 20 Newsgroups. Each run is a part
(``canonical-d200-n100-init``) of one or more seeds; a seed draws the data and the networks' start. The bound comes from
the training part, ``L(W*, b*)``; the test part has its own value of L at the same (W*, b*). The paper says the same,
but at N = 100 the values it prints for the test part agree with L at W* and the *test* part's own mean, ``centred``
here: lower, by half a squared distance of the means, so that every net lies further above it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eftheory.analytic.bernoulli_fit import bound_of_data
from eftheory.learn.config import TrainConfig, specification
from eftheory.learn.config_file import as_tree
from eftheory.learn.datasets import data as datasets
from eftheory.learn.densities.density import Density
from eftheory.learn.densities.products import Rows, rows_at
from eftheory.learn.evaluation.bound_monitor import BoundMonitor, as_array
from eftheory.learn.experiments import Report, Silent
from eftheory.learn.experiments.bernoulli_bound_figures import measure
from eftheory.learn.experiments.bernoulli_bound_grid import SIMULATED, Cell, cells
from eftheory.learn.experiments.bernoulli_bound_result import PARTS, WITHIN, BernoulliBoundResult
from eftheory.learn.experiments.mixture import one_thread
from eftheory.learn.experiments.parts import chosen, finished, keep
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
) -> BernoulliBoundResult:
    """The parts that are named, one after the other, all without names; finished ones are shown, not repeated."""
    say = report or Silent()
    grid = cells(config, config.data.vocabulary or Density(specification(config.model).decoder).width)
    wanted = chosen([cell.name for cell in grid], parts)
    runs = [(cell, seed) for cell in grid for seed in seeds]
    due = [(cell, seed) for cell, seed in runs if cell.name in wanted]
    found: dict[tuple[Cell, int], Mapping[str, Any]] = {}
    with one_thread():
        for cell, seed in runs:
            mine, place = cell.config(config, seed), folder / cell.name / f"seed-{seed}"
            kept = finished(place, mine) if resume else None
            if kept is None and (cell, seed) in due:
                bar = _Part(say, due.index((cell, seed)), len(due))
                kept = run_cell(mine, place, device=device, report=bar)
                say.say(f"{cell.name}, seed {seed}: {short(kept)}")
            if kept is not None:
                found[cell, seed] = kept
    data = cells_source(config, grid, seeds)
    return BernoulliBoundResult(
        cells=tuple(grid),
        found=tuple((cell, seed, found[cell, seed]) for cell, seed in runs if (cell, seed) in found),
        seeds=tuple(seeds),
        config=as_tree(config),
        source=data,
    )


def cells_source(config: TrainConfig, grid: Sequence[Cell], seeds: Sequence[int]) -> str:
    """What the data are."""
    seed = seeds[0] if seeds else config.seed
    source = datasets.load(grid[0].config(config, seed).data, seed).source
    return (
        source.replace(f", sampled by seed {seed}", ", sampled by each seed") if grid[0].data == SIMULATED else source
    )


def run_cell(config: TrainConfig, folder: Path, *, device: str, report: Report) -> dict[str, Any]:
    """Train in `folder`, or go on there; then what its evaluations say."""
    resume, data = folder.exists(), datasets.load(config.data, config.seed)

    def tell(now: Progress) -> None:
        report.show(now.step, now.steps)

    result = train(config, folder, device=device, resume=resume, progress=tell, measure=measure, dataset=data)
    best = BoundMonitor(data.train, Density(specification(config.model).encoder).width).optimum
    rows = rows_at(data.test, 0, config.run.evaluate_rows)
    curves = curve(result.history)
    found = {
        "value": best.value,
        "usable": best.usable,
        "centred": bound_of_data(as_array(rows), best.W, own_mean(rows)),
        "last": {part: {key: values[-1] for key, values in curves[part].items()} for part in PARTS},
        "start": {part: {key: values[0] for key, values in curves[part].items()} for part in PARTS},
        "reached": {part: reached(curves["step"], curves[part]["deviation"]) for part in PARTS},
        "curve": curves,
        "steps": curves["step"][-1],
        "epochs": sum(phase.epochs for phase in config.phases),
        "versions": dict(result.versions),
    }
    keep(folder, config, found)
    return found


def own_mean(rows: Rows) -> NDArray[np.float64]:
    """``2 mean(y)`` of the rows: the b that is best for them at any W, (d,)."""
    return np.asarray(4.0 * np.asarray(as_array(rows).mean(0), dtype=np.float64).ravel() - 2.0)


def curve(history: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """``step``, and for train and test at each evaluation ``nelbo``, ``error``, ``bound`` (nats), ``own`` (the bound at
    the model's own W and b, linear decoders), ``deviation`` of the NELBO from the bound (percent; below 0: better)."""
    records = [record for record in history if record["kind"] == "evaluation"]
    found: dict[str, Any] = {"step": [record["step"] for record in records if record["part"] == "train"]}
    for part in PARTS:
        mine = [record for record in records if record["part"] == part]
        found[part] = {
            "nelbo": [record["nelbo"] for record in mine],
            "error": [record["nelbo_error"] for record in mine],
            "bound": [record["bound"] for record in mine],
            "own": [record.get("bound_own") for record in mine],
            "deviation": [100 * (record["nelbo"] / record["bound"] - 1) for record in mine],
        }
    return found


def reached(steps: Sequence[int], deviations: Sequence[float]) -> dict[str, int | None]:
    """For each percentage of `WITHIN` the first evaluated step from which on the NELBO stays within it, or None."""
    found: dict[str, int | None] = {}
    for within in WITHIN:
        first = None
        for step, deviation in zip(reversed(steps), reversed(deviations), strict=True):
            if deviation > within:
                break
            first = step
        found[f"{within:g}"] = first
    return found


def short(found: Mapping[str, Any]) -> str:
    """One line about a finished run."""
    last = found["last"]
    return "; ".join(
        f"{part} NELBO {last[part]['nelbo']:.2f}, bound {last[part]['bound']:.2f} ({last[part]['deviation']:+.2f} %)"
        for part in PARTS
    )


class _Part:
    """A `Report` that shows part `number` of `count` equally long ones."""

    def __init__(self, whole: Report, number: int, count: int) -> None:
        self._whole, self._number, self._count = whole, number, count

    def say(self, line: str) -> None:
        self._whole.say(line)

    def show(self, done: int, total: int) -> None:
        self._whole.show(self._number * total + done, self._count * total)
