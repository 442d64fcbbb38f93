"""`eftheory verify` and `eftheory recheck`: run claims, and check certificates without the code that made them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eftheory.cli.options import Quiet, refuse
from eftheory.cli.output import Bar, progress, refuse_unwritable
from eftheory.errors import MisuseError

if TYPE_CHECKING:
    from eftheory.claims.discovery import Discovery
    from eftheory.claims.runner import Event
    from eftheory.claims.summary import Report

EXIT = {"holds": 0, "failed": 1, "undecided": 2}
INTERRUPTED = 130


def verify(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH]...", help="Claim files or folders (default: those shipped).")
    ] = None,
    paper: Annotated[str | None, typer.Option(metavar="KEY", help="Only this paper, e.g. vae-error.")] = None,
    claim: Annotated[str | None, typer.Option(metavar="ID", help="Only this claim, with its controls.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer instances of each claim.")] = False,
    jobs: Annotated[int | None, typer.Option(metavar="N", help="Processes (default: one for each core).")] = None,
    json: Annotated[str | None, typer.Option(metavar="FILE", help="Report; the journal is FILE.journal.")] = None,
    certificates: Annotated[str | None, typer.Option(metavar="DIR", help="Write certificates there.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Do not resume from the journal.")] = False,
    list_claims: Annotated[bool, typer.Option("--list", help="List the claims and controls, run nothing.")] = False,
    quiet: Quiet = False,
) -> int:
    """Do the theorems hold? Runs every claim on its instances, and controls that must be refuted.

    Claim folders are Python and are run: name only folders you trust.

    With --json, finished instances are kept: the same command resumes after an interrupt, and repeats nothing.

    Exit code: 0 every claim holds and every control is refuted, 1 a claim failed or raised or a control passed,
    2 a claim is undecided, 64 bad input, 130 interrupted.
    """
    if list_claims:
        refuse("--list", {"--quick": quick, "--jobs": jobs, "--json": json, "--certificates": certificates})
    if fresh and json is None:
        raise MisuseError(wanted="--json FILE with --fresh", got="no FILE, hence no journal", do="leave --fresh out")
    if json == "-" or (json and Path(json).exists() and not Path(json).is_file()):
        raise MisuseError(wanted="--json FILE, a plain file", got=repr(json), do="choose another path")
    refuse_unwritable(json)
    if certificates is not None and Path(certificates).exists() and not Path(certificates).is_dir():
        raise MisuseError(wanted="--certificates DIR, a folder", got=repr(certificates), do="choose another path")
    with progress(quiet, "verifying") as bar:
        from eftheory.claims.discovery import discover

        found = discover(paths or ()).select(paper=paper, claim=claim)
        if list_claims:
            return _list(found, bar, quiet)
        report = _run(found, bar, quiet, quick=quick, jobs=jobs, json=json, certificates=certificates, fresh=fresh)
    if report is None:
        return INTERRUPTED
    if not quiet:
        from eftheory.report import verification_summary

        print(verification_summary(report, resumed_from=f"{json}.journal"))
    else:
        print(report.status)
    return EXIT[report.status]


def _run(
    found: Discovery,
    bar: Bar,
    quiet: bool,
    *,
    quick: bool,
    jobs: int | None,
    json: str | None,
    certificates: str | None,
    fresh: bool,
) -> Report | None:
    """The report, or None after an interrupt, which has been said."""
    from eftheory.claims.runner import run
    from eftheory.report import claim_line

    def show(event: Event) -> None:
        bar.show(event.done, event.total)
        if event.finished is not None and not quiet:
            bar.say(claim_line(event.finished, width=width, colour=colour))

    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    ids = [each.id for each in found.claims] + [each.id for each in found.broken]
    width = max(map(len, ids), default=0)
    try:
        return run(
            found,
            quick=quick,
            jobs=jobs,
            certificates=None if certificates is None else Path(certificates),
            journal=None if json is None else Path(f"{json}.journal"),
            report=None if json is None else Path(json),
            fresh=fresh,
            progress=show,
        )
    except KeyboardInterrupt:
        print(f"eftheory: interrupted; {_resumption(json, fresh)}", file=sys.stderr)
        return None


def _resumption(json: str | None, fresh: bool) -> str:
    if json is None:
        return "nothing was kept; with --json FILE the same command resumes"
    return f"finished instances are kept, the same command{' without --fresh' if fresh else ''} resumes"


def _list(found: Discovery, bar: Bar, quiet: bool) -> int:
    for each in found.claims:
        bar.say(each.id if quiet or not each.statement else f"{each.id}: {each.statement}")
    for broken in found.broken:
        print(f"eftheory: {broken.file}: {broken.reason}", file=sys.stderr)
    return 1 if found.broken else 0


def recheck(
    certificates: Annotated[list[str], typer.Argument(metavar="CERTIFICATE...", help="Files, or folders of them.")],
    quiet: Quiet = False,
) -> int:
    """Checks certificates again, from their instances alone, with none of the code that made them.

    Exit code: 0 every certificate holds, 1 one does not hold, was altered or is malformed, 64 an unreadable path.
    """
    from eftheory.recheck import main

    return main([*(["--quiet"] if quiet else []), "--", *certificates])
