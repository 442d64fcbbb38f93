"""Claims: statements with instances, a function that decides each, and controls that must be refuted.

A claim file says ``from eftheory.claims import Instances, claim, control``; `verify` runs such files.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from eftheory.claims.model import Claim, Instances, claim, control

if TYPE_CHECKING:
    from eftheory.claims.summary import Report

__all__ = ["Claim", "Instances", "claim", "control", "verify"]


def verify(*paths: str | Path, paper: str | None = None, claim: str | None = None, **options: Any) -> Report:
    """Run the claims in `paths` (files or folders of Python, which are run; default: those that ship).

    paper, claim: only these. options: as in `eftheory.claims.runner.run`: quick, jobs, certificates, journal, report,
    fresh, progress. The `Report` has ``.status`` (``holds``, ``undecided``, ``failed``), ``.claims``, ``.as_dict()``.
    Raises MisuseError for what cannot be used; whatever a claim does wrong is in the report.
    """
    from eftheory.claims.discovery import discover
    from eftheory.claims.runner import run

    return run(discover(paths).select(paper=paper, claim=claim), **options)
