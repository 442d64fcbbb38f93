"""`eftheory experiment`: the experiments of the papers, each one command."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eftheory.cli.options import Quiet, refuse, refuse_missing_packages
from eftheory.cli.output import progress, refuse_unwritable, write_atomically
from eftheory.errors import EftheoryError, MisuseError

if TYPE_CHECKING:
    from eftheory.learn.experiments import Result

FAILED, INTERRUPTED = 1, 130
LARGEST_SEED = 2**63
MOST_SEEDS = 1000


def experiment(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Which one; see --list.")] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="The small version: smaller numbers, nothing else.")] = False,
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Where everything goes (default: runs/NAME or runs/NAME-smoke).")
    ] = None,
    seeds: Annotated[str | None, typer.Option(metavar="0,1,2", help="One run for each (default: see --list).")] = None,
    part: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Run only these parts, e.g. 'd0-*'; may be repeated.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on in DIR; finished parts are not repeated.")] = False,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="key=value", help="Change the configuration; repeatable.")
    ] = None,
    json: Annotated[str | None, typer.Option(metavar="FILE|-", help="Write the result as JSON (- for stdout).")] = None,
    list_experiments: Annotated[bool, typer.Option("--list", help="List the experiments.")] = False,
    quiet: Quiet = False,
) -> int:
    """Run an experiment of a paper: training, evaluation, figures; needs eftheory[learn].

    DIR gets config.toml, a folder for each part, result.json and the pictures (PNG, with matplotlib).

    Exit code: 0 done, 1 training diverged, 64 bad input, 130 interrupted (with --resume the same command goes on).
    """
    if list_experiments:
        refuse("--list", {"NAME": name, "--smoke": smoke, "--out": out, "--seeds": seeds, "--json": json})
        return _list(quiet)
    if name is None:
        raise MisuseError(wanted="the NAME of an experiment", got="none", do="see 'eftheory experiment --list'")
    numbers = None if seeds is None else parse_seeds(seeds)
    refuse_unwritable(json)
    folder = Path(out if out is not None else f"runs/{name}{'-smoke' if smoke else ''}")
    try:
        result = _run(name, folder, smoke, numbers, tuple(part or ()), device, resume, tuple(set_ or ()), quiet, json)
    except KeyboardInterrupt:
        print("eftheory: interrupted; what was saved is kept, the same command with --resume goes on", file=sys.stderr)
        return INTERRUPTED
    except MisuseError:
        raise
    except EftheoryError as error:  # training diverged; the message says what is kept
        print(f"eftheory: {error}", file=sys.stderr)
        return FAILED
    text = _json(result)
    if json == "-":
        print(text)
        return 0
    if json is not None:
        write_atomically(Path(json), text + "\n")
    if not quiet:
        print("\n".join(result.lines()))
    print(folder)
    return 0


def _run(
    name: str,
    folder: Path,
    smoke: bool,
    seeds: tuple[int, ...] | None,
    parts: tuple[str, ...],
    device: str,
    resume: bool,
    overrides: tuple[str, ...],
    quiet: bool,
    json: str | None,
) -> Result:
    """Everything in `folder`, the result and its pictures too."""
    from eftheory.learn.config_file import config_text, load_config
    from eftheory.learn.experiments import Silent
    from eftheory.learn.experiments import experiment as named

    found = named(name)
    config = load_config(name, overrides, smoke=smoke)
    if device not in ("auto", "cpu", "cuda"):
        raise MisuseError(wanted="--device auto, cpu or cuda", got=repr(device), do="name one")
    _refuse_foreign(folder, config_text(config), resume)
    refuse_missing_packages("experiments")
    with progress(quiet, name) as bar:
        run = found.load()
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / "config.toml", config_text(config))
        result = run(
            config,
            folder,
            seeds=found.seeds if seeds is None else seeds,
            parts=parts,
            device=device,
            resume=resume,
            report=Silent() if quiet or json == "-" else bar,
        )
        write_atomically(folder / "result.json", _json(result) + "\n")
        _draw(result, folder)
    return result


def _draw(result: Result, folder: Path) -> None:
    """The pictures as PNG; one line on stderr where matplotlib is not installed."""
    pictures = result.pictures()
    if not pictures:
        return
    try:
        from eftheory import plots
    except ModuleNotFoundError:
        print("eftheory: no pictures: matplotlib is not installed (eftheory[notebooks] has it)", file=sys.stderr)
        return
    for stem, drawing in pictures.items():
        data = getattr(plots, drawing.plot)(**drawing.arguments)._repr_png_()
        draft = folder / f".{stem}.{os.getpid()}"
        try:
            draft.write_bytes(data)
            draft.replace(folder / f"{stem}.png")
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)


def _refuse_foreign(folder: Path, text: str, resume: bool) -> None:
    """Nothing of another experiment, configuration or owner is written over."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise MisuseError(wanted="--out DIR, a folder", got=f"the file {folder}", do="choose another")
    there = folder / "config.toml"
    if not there.exists():
        if any(folder.iterdir()):
            raise MisuseError(wanted="--out DIR, new or empty", got=f"{folder}, with files", do="choose another")
        return
    if there.read_text("utf-8", "replace") != text:
        got = f"{folder}, of another configuration"
        raise MisuseError(wanted="--out DIR of this experiment", got=got, do="choose another folder")
    if not resume:
        got = f"{folder}, which holds this experiment already"
        raise MisuseError(wanted="--out DIR, new or empty", got=got, do="add --resume, or choose another folder")


def _json(result: Result) -> str:
    import json

    from eftheory.learn.runs.metrics import plain

    return json.dumps(plain(result.as_dict()), indent=1, allow_nan=False)


def parse_seeds(text: str) -> tuple[int, ...]:
    """``0,1,2`` as numbers, each once. Raises MisuseError."""
    words = [word.strip() for word in text.split(",")]
    numbers = [int(word) for word in words if word.isascii() and word.isdecimal() and len(word) < 20]
    wrong = len(numbers) != len(words) or len(set(numbers)) != len(numbers) or len(numbers) > MOST_SEEDS
    if wrong or max(numbers) >= LARGEST_SEED:
        raise MisuseError(wanted="--seeds as different numbers, 0,1,2", got=repr(text), do="for example --seeds 0,1")
    return tuple(numbers)


def _list(quiet: bool) -> int:
    from eftheory.learn.experiments import EXPERIMENTS

    for name, each in EXPERIMENTS.items():
        print(name if quiet else f"{name}: {each.about}; seeds {','.join(map(str, each.seeds))}")
    return 0
