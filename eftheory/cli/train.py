"""`eftheory train`: one configuration, one folder, and what to do next."""

from __future__ import annotations

import math
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eftheory.cli.options import Quiet, refuse, refuse_missing_packages
from eftheory.cli.output import Bar, progress, refuse_unwritable, write_atomically
from eftheory.errors import MisuseError

if TYPE_CHECKING:
    from eftheory.learn.config import TrainConfig
    from eftheory.learn.runs.train import Progress, TrainResult

DIVERGED, INTERRUPTED = 1, 130
REFRESH = 0.1
"""Seconds between two updates of the progress bar, so that it costs nothing."""


def train(
    config: Annotated[
        str | None, typer.Argument(metavar="CONFIG.toml|NAME", help="A file, or a configuration that ships.")
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="The run's folder (default: runs/ and its name).")
    ] = None,
    device: Annotated[str, typer.Option(help="auto (a GPU where there is one), cpu or cuda.")] = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in DIR after its last state.")] = False,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another value, e.g. seed=1; may be repeated."),
    ] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="The configuration's small version.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Train InfoVAE outside its hypotheses; the result says which.")
    ] = False,
    json: Annotated[str | None, typer.Option(metavar="FILE|-", help="Write the result as JSON (- for stdout).")] = None,
    list_configs: Annotated[bool, typer.Option("--list", help="List the configurations that ship.")] = False,
    quiet: Quiet = False,
) -> int:
    """Train a VAE as a configuration says; needs eftheory[learn].

    DIR gets config.toml, metrics.jsonl, checkpoints and result.json. A run that is killed goes on with --resume, on a
    CPU bit for bit. Nothing of another run is ever written over.

    Exit code: 0 trained, 1 diverged (the last good checkpoint is kept), 64 bad input, 130 interrupted.
    """
    if list_configs:
        refuse(
            "--list",
            {"a configuration": config, "--out": out, "--resume": resume, "--set": changes, "--json": json,
             "--smoke": smoke, "--force": force},
        )  # fmt: skip
        return _list(quiet)
    if config is None:
        raise MisuseError(wanted="CONFIG.toml or a NAME", got="none", do="see 'eftheory train --list'")
    refuse_unwritable(json)
    from eftheory.learn.config_file import load_config

    read = load_config(config, changes or (), smoke=smoke, force=force)
    folder = _folder(read, out, smoke)
    refuse_missing_packages("training")
    began = time.monotonic()
    with _warnings_in_one_line(), progress(quiet or not _first(), "training") as bar:
        code, result = _run(read, folder, device, resume, bar)
    if result is not None and _first():
        _show(result, time.monotonic() - began, json=json, quiet=quiet)
    return code


def _run(config: TrainConfig, folder: Path, device: str, resume: bool, bar: Bar) -> tuple[int, TrainResult | None]:
    """The exit code and the result; without one, the reason has been said."""
    try:
        from eftheory.learn.runs.train import Diverged
        from eftheory.learn.runs.train import train as fit

        try:
            return 0, fit(config, folder, device=device, resume=resume, progress=_shower(bar))
        except Diverged as error:
            print(f"eftheory: {error}", file=sys.stderr)
            return DIVERGED, None
        except (MemoryError, RuntimeError) as error:
            if not _of_memory(error):
                raise
            do = "make the batch, the samples or the model smaller"
            raise MisuseError(wanted="memory for this run", got="less than it takes", do=do) from None
    except KeyboardInterrupt:
        print(f"eftheory: interrupted; {_resumption(folder)}", file=sys.stderr)
        return INTERRUPTED, None


def _of_memory(error: Exception) -> bool:
    """Whether torch or numpy could not allocate; torch has a class for that on a GPU only."""
    words = ("allocate memory", "out of memory", "overflow", "invalid size")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


def _shower(bar: Bar) -> Callable[[Progress], None]:
    """Shows steps, loss and gap, at most every `REFRESH` seconds."""
    shown = -math.inf

    def show(now: Progress) -> None:
        nonlocal shown
        if now.step < now.steps and time.monotonic() < shown + REFRESH:
            return
        shown = time.monotonic()
        figures = [f"{name} {value:.4f}" for name, value in (("loss", now.loss), ("gap", now.gap)) if value is not None]
        bar.label = ", ".join(["training", *figures, "step"])
        bar.show(now.step, now.steps)

    return show


def _resumption(folder: Path) -> str:
    """What is left, from the names of the files alone."""
    states = sorted(path.stem.removeprefix("state-") for path in folder.glob("checkpoints/state-*.safetensors"))
    if states:
        return f"the state of step {int(states[-1])} is kept in {folder}, the same command with --resume goes on"
    if (folder / "config.toml").exists():
        return f"no state was saved yet (run.save_every), the same command with --resume begins again in {folder}"
    return "nothing was written"


def _folder(config: TrainConfig, out: str | None, smoke: bool) -> Path:
    if out is not None:
        if not out.strip():
            raise MisuseError(wanted="--out DIR, a folder", got=repr(out), do="name one")
        return Path(out)
    if not config.name or config.name.startswith(".") or not set(config.name).isdisjoint("/\\\0"):
        raise MisuseError(wanted="a name that can name a folder", got=repr(config.name), do="give --out DIR")
    return Path("runs") / f"{config.name}{'-smoke' if smoke else ''}"


def _first() -> bool:
    """Whether this is the process that speaks, of those that a launcher (torchrun, Fabric) has started."""
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """A skipped checkpoint, or what a library warns of, on stderr without its source line, each once."""
    said: set[str] = set()

    def say(message: Warning | str, *_: object, **__: object) -> None:
        line = " ".join(str(message).split())
        if line not in said and _first():
            print(f"eftheory: warning: {line}", file=sys.stderr)
        said.add(line)

    with warnings.catch_warnings():
        warnings.showwarning = say
        yield


def _show(result: TrainResult, seconds: float, *, json: str | None, quiet: bool) -> None:
    if json is not None:
        text = _json(result, seconds)
        if json == "-":
            print(text)
            return
        write_atomically(Path(json), text + "\n")
    if quiet:
        print(result.folder)
        return
    from eftheory.learn.objectives.infovae import forced

    steps = max((record["step"] for record in result.history), default=0)
    print(f"{result.config.name}, seed {result.seed}: {steps} steps on {result.versions['device']}, {seconds:.1f} s")
    for part, found in last_evaluations(result.history).items():
        figures = [f"{label} {found[key]:.4f}" for key, label in FIGURES.items() if found.get(key) is not None]
        error = found.get("evidence_error")
        note = "" if error is None else f"; evidence and gap are lower bounds by IWAE, standard error {error:.2g}"
        print(f"  {part + ':':<7}{', '.join(figures)} (nats{note})")
    for phase, reason in forced(result.config).items():
        print(f"  phase {phase} outside the hypotheses of InfoVAE: {reason}")
    print(f"run:  {result.folder}")
    print(f"next: eftheory project {result.folder}")


FIGURES = {"evidence": "evidence", "elbo": "ELBO", "gap": "gap"}


def last_evaluations(history: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The last record of each evaluated part."""
    return {record["part"]: record for record in history if record.get("kind") == "evaluation"}


def _json(result: TrainResult, seconds: float) -> str:
    import json

    from eftheory.learn.config_file import as_tree, digest
    from eftheory.learn.objectives.infovae import forced
    from eftheory.learn.runs.metrics import plain

    tree = {
        "schema": "eftheory.run/1",
        "folder": str(result.folder),
        "configuration": as_tree(result.config),
        "digest": digest(result.config),
        "seed": result.seed,
        "versions": dict(result.versions),
        "final": {part: dict(record) for part, record in last_evaluations(result.history).items()},
        "seconds": seconds,
        **({"forced": forced(result.config)} if forced(result.config) else {}),
    }
    return json.dumps(plain(tree), indent=1, allow_nan=False)


def _list(quiet: bool) -> int:
    from eftheory.learn.config_file import load_config, named_configs

    for name in named_configs():
        if quiet:
            print(name)
            continue
        model = load_config(name).model
        print(f"{name}: decoder {model.decoder}, encoder {model.encoder}, prior {model.prior}, inputs {model.inputs}")
    return 0
