"""What several subcommands share on their command lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from eftheory.errors import MisuseError

Quiet = Annotated[bool, typer.Option("--quiet", help="Print the bare answer only, no progress bar.")]


def refuse(option: str, others: Mapping[str, object]) -> None:
    """Raise where `option` comes with another one that contradicts it."""
    given = [name for name, value in others.items() if value not in (None, False, [])]
    if given:
        raise MisuseError(wanted=f"{option} alone", got=f"{option} with {', '.join(given)}", do="leave one out")
