"""`eftheory project`: a trained decoder onto the consistent set, with its price, witnesses and certificates."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eftheory.cli.options import Quiet, refuse_missing_packages
from eftheory.cli.output import Bar, progress, refuse_unwritable, write_atomically
from eftheory.errors import MisuseError

if TYPE_CHECKING:
    from eftheory.claims.model import Claim
    from eftheory.learn.projection.examine import Examination

FOLDER, CERTIFICATES = "projection", "certificates"


def project(
    run_dir: Annotated[str, typer.Argument(metavar="RUN_DIR", help="The folder of a run of 'eftheory train'.")],
    onto: Annotated[
        str | None, typer.Option(metavar="natural|likelihood|joint", help="One projection (default: all three).")
    ] = None,
    step: Annotated[int | None, typer.Option(metavar="N", help="A saved step (default: the last one).")] = None,
    rows: Annotated[int, typer.Option(metavar="N", help="Rows of train, and of test, that are priced.")] = 2000,
    measure: Annotated[
        str, typer.Option(help="Weights of the latents: prior, uniform, posterior or encoder.")
    ] = "prior",
    metric: Annotated[str, typer.Option(help="Of the natural projection: identity or fisher.")] = "identity",
    json: Annotated[str | None, typer.Option(metavar="FILE|-", help="Write the result as JSON (- for stdout).")] = None,
    latex: Annotated[bool, typer.Option("--latex", help="Print the prices as a LaTeX table instead of text.")] = False,
    quiet: Quiet = False,
) -> int:
    """Project a trained decoder onto the consistent set, and price the difference; needs eftheory[learn].

    Three projections in float64, each with its distance and what it costs in nats; the certified witness at the worst
    rows of data; Theorem 2 on the trained model; certificates for 'eftheory recheck'. RUN_DIR/projection gets all of
    it, and nothing else in RUN_DIR is touched.

    Exit code: 0 done, 64 bad input, 130 interrupted.
    """
    if rows < 2:
        raise MisuseError(wanted="--rows of at least 2", got=str(rows), do="raise it")
    refuse_unwritable(json)
    refuse_missing_packages("projecting")
    with progress(quiet, "reading the run") as bar:
        found = _examined(run_dir, onto, step, rows, measure, metric, bar)
        folder = Path(run_dir) / FOLDER
        tree = {**found.as_dict(), "folder": str(folder), "replaced": folder.exists()}
        _save(found, tree, Path(run_dir), bar)
    return _show(tree, json=json, latex=latex, quiet=quiet)


def _examined(
    run_dir: str, onto: str | None, step: int | None, rows: int, measure: str, metric: str, bar: Bar
) -> Examination:
    from eftheory.learn.projection.examine import examine
    from eftheory.learn.projection.project import KINDS, Knobs
    from eftheory.learn.runs.trained import load

    def say(what: str) -> None:
        bar.label = what

    kinds = KINDS if onto is None else (onto,)
    knobs = Knobs(rows=rows, measure=measure, metric=metric)
    return examine(load(run_dir, step), onto=kinds, knobs=knobs, progress=say)


def _save(found: Examination, tree: dict[str, Any], run_dir: Path, bar: Bar) -> None:
    """Everything into a new folder, which then takes the place of the old one; `tree` gets the certificates."""
    from json import dumps

    from eftheory.learn.projection.examine import save_parameters

    draft, target = run_dir / f".{FOLDER}-{os.getpid()}", run_dir / FOLDER
    old = run_dir / f".{FOLDER}-old-{os.getpid()}"
    try:
        draft.mkdir()
        bar.label = "certifying"
        tree["certificates"] = _certificates(found, draft / CERTIFICATES)
        save_parameters(found, draft / "parameters.safetensors")
        (draft / "report.json").write_text(dumps(tree, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        if target.exists():
            target.rename(old)
        draft.rename(target)
    except OSError as error:
        got, do = f"{error.filename or target}: {error.strerror or error}", "make room, or check the permissions"
        raise MisuseError(wanted="to write into the folder of the run", got=got, do=do) from None
    finally:
        if old.exists() and not target.exists():
            old.rename(target)
        for folder in (draft, old):
            shutil.rmtree(folder, ignore_errors=True)


def _certificates(found: Examination, folder: Path) -> list[dict[str, Any]]:
    """One for each instance: the shipped claim decided on it, and what recheck will be told."""
    from eftheory.claims.certificate import location, write
    from eftheory.claims.outcome import decide

    made = []
    for name, (_, fields) in found.instances.items():
        claim, key = _claim(f"vae-error/{name}", fields), found.trained.config.name
        outcome = decide(claim, key)
        written = write(folder, claim, outcome)
        made.append(
            {
                "claim": claim.id,
                "status": outcome.status,
                "reason": outcome.reason,
                "file": str(location(Path(CERTIFICATES), claim, key)) if written else None,
            }
        )
    return made


def _claim(name: str, fields: Mapping[str, Any]) -> Claim:
    """The shipped claim, with one instance."""
    from eftheory.claims.discovery import discover, shipped
    from eftheory.claims.model import Instances

    paper, _, _ = name.partition("/")
    claims = discover([shipped() / paper.replace("-", "_")]).select(claim=name).claims
    instances = Instances(keys=lambda quick: [], build=lambda key: fields)
    return replace(next(each for each in claims if each.id == name), instances=instances)


def _show(tree: Mapping[str, Any], *, json: str | None, latex: bool, quiet: bool) -> int:
    from json import dumps

    from eftheory.report_projection import projection_latex, projection_text

    if json is not None:
        text = dumps(tree, indent=1, allow_nan=False)
        if json == "-":
            print(text)
            return 0
        write_atomically(Path(json), text + "\n")
    if quiet:
        print(tree["folder"])
    else:
        print(projection_latex(tree) if latex else projection_text(tree))
    return 0
