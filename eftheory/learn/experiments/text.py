"""vae-error 4.3: semantic hashing of the 20 Newsgroups, 36 cells, beside the paper's table and the verdict of `check`.

Each cell is a part, ``d0-e1-64``, of one or more seeds, and can be run alone and at another time. The lowest value over
the epochs is what the paper reports, of train and of test: the test part is thereby used to choose an epoch, and is no
longer a test. The value of the last epoch, which chooses nothing, stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from eftheory.check import check
from eftheory.errors import MisuseError
from eftheory.learn.config import TrainConfig, strings
from eftheory.learn.config_file import as_tree
from eftheory.learn.datasets import data as datasets
from eftheory.learn.datasets.sparse import SparseRows
from eftheory.learn.evaluation.nelbo import CONVENTIONS, corpus_frequencies, measure, nelbo
from eftheory.learn.experiments import Report, Silent
from eftheory.learn.experiments.parts import chosen, finished, keep
from eftheory.learn.experiments.text_grid import BITS, CELLS, ENCODERS, Cell
from eftheory.learn.experiments.text_result import TextResult
from eftheory.learn.models.model import VAE, build
from eftheory.learn.runs.train import Progress, train

PARTS = ("train", "test")
FINAL_SAMPLES = 10
"""Of z for each document, for the values of the last epoch."""


def run(
    config: TrainConfig,
    folder: Path,
    *,
    seeds: Sequence[int],
    parts: Sequence[str] = (),
    device: str = "auto",
    resume: bool = False,
    report: Report | None = None,
) -> TextResult:
    """The cells that `parts` names, one after the other, all without names; finished ones are shown, not repeated."""
    say = report or Silent()
    wanted = chosen([cell.name for cell in CELLS], parts)
    runs = [(cell, seed) for cell in CELLS for seed in seeds]
    due = [(cell, seed) for cell, seed in runs if cell.name in wanted]
    found: dict[tuple[Cell, int], Mapping[str, Any]] = {}
    for cell, seed in runs:
        kept = finished(_place(folder, cell, seed), cell.config(config, seed)) if resume else None
        if kept is None and (cell, seed) in due:
            bar = _Part(say, due.index((cell, seed)), len(due))
            kept = run_cell(cell.config(config, seed), _place(folder, cell, seed), device=device, report=bar)
            say.say(f"{cell.name}, seed {seed}: {short(kept)}")
        if kept is not None:
            found[cell, seed] = kept
    return TextResult(
        found=tuple((cell, seed, found[cell, seed]) for cell, seed in runs if (cell, seed) in found),
        seeds=tuple(seeds),
        verdicts=verdicts_of(config),
        phases=tuple(as_tree(config)["phases"]),
        source=datasets.load(config.data, config.seed).source,
    )


def verdicts_of(config: TrainConfig) -> dict[str, dict[str, Any]]:
    """encoder -> the question and the answer of `eftheory.check`, in which the depth of no network enters."""
    found: dict[str, dict[str, Any]] = {}
    for encoder in ENCODERS:
        question = strings(Cell("d0", encoder, max(BITS)).config(config, config.seed).model)
        same = [before for before in found.values() if question.items() <= before.items()]
        if same:
            found[encoder] = same[0]
        else:
            answer = check(**question)
            found[encoder] = {**question, "verdict": str(answer.verdict), "status": answer.status.name}
    return found


def run_cell(config: TrainConfig, folder: Path, *, device: str, report: Report) -> dict[str, Any]:
    """Train in `folder`, or go on there; then the lowest values of all evaluations and those after the last epoch."""
    words = datasets.load(config.data, config.seed)
    if not isinstance(words.train, SparseRows) or not isinstance(words.test, SparseRows):
        raise MisuseError(wanted="word counts", got=f"the data {words.name}", do="take data.name = '20news'")
    frequencies = corpus_frequencies(words.train)

    def tell(now: Progress) -> None:
        report.show(now.step, now.steps)

    resume = folder.exists()
    model = build(config.model, sparse=True)
    result = train(
        config,
        folder,
        device=device,
        resume=resume,
        progress=tell,
        measure=measure(frequencies),
        dataset=words,
        start=marginal(model, frequencies),
    )
    model.load_state_dict(result.state)
    model = model.double()
    last = {}
    for part in PARTS:
        documents = getattr(words, part)
        last[part] = nelbo(model, documents, frequencies, samples=FINAL_SAMPLES, seed=config.seed).means()
    found = {"last": last, "lowest": lowest(result.history), "curve": curve(result.history)}
    found["epochs"] = sum(phase.epochs for phase in config.phases)
    found["versions"] = dict(result.versions)
    keep(folder, config, found)
    return found


def marginal(model: VAE, frequencies: Tensor) -> dict[str, Tensor]:
    """The bias of the decoder's last layer at the logarithm of the corpus frequencies: where it would soon go itself.

    From a random bias Adam with rate 1e-3 takes about a hundred epochs for that alone: rare words lie e^5 below others.
    """
    (name,) = (key for key, parameter in model.f.named_parameters() if parameter is model.f[-1].bias)  # type: ignore[index]
    return {f"f.{name}": frequencies.log().float()}


def lowest(history: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, float]]]:
    """part -> convention -> the lowest value of all evaluations, nats a document, and after how many epochs it was."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for part in PARTS:
        records = evaluations(history, part)
        found[part] = {}
        for name in CONVENTIONS:
            values = [float(record[f"nelbo_{name}"]) for record in records]
            best = min(range(len(values)), key=values.__getitem__)
            found[part][name] = {"value": values[best], "epoch": records[best]["epoch"] + 1}
    return found


def curve(history: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """After how many epochs, and the smoothed values of train and test there."""
    found = {part: [float(r["nelbo_smoothed"]) for r in evaluations(history, part)] for part in PARTS}
    return {"epoch": [record["epoch"] + 1 for record in evaluations(history, "test")], **found}


def evaluations(history: Sequence[Mapping[str, Any]], part: str) -> list[Mapping[str, Any]]:
    """The records of one part after the first step."""
    return [r for r in history if r["kind"] == "evaluation" and r["part"] == part and r["step"] > 0]


def short(found: Mapping[str, Any]) -> str:
    """One line about a finished cell."""
    test = found["lowest"]["test"]["smoothed"]
    return (
        f"test NELBO {test['value']:.1f} at epoch {test['epoch']}, {found['last']['test']['smoothed']:.1f} at the last"
    )


def _place(folder: Path, cell: Cell, seed: int) -> Path:
    return folder / cell.name / f"seed-{seed}"


class _Part:
    """A `Report` that shows part `number` of `count` equally long ones."""

    def __init__(self, whole: Report, number: int, count: int) -> None:
        self._whole, self._number, self._count = whole, number, count

    def say(self, line: str) -> None:
        self._whole.say(line)

    def show(self, done: int, total: int) -> None:
        self._whole.show(self._number * total + done, self._count * total)
