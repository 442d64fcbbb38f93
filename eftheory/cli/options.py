"""What several subcommands share on their command lines."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated

import typer

from eftheory.errors import MisuseError

LEARN = ("torch", "lightning_fabric", "safetensors", "scipy", "pooch")
"""What eftheory[learn] adds."""
Quiet = Annotated[bool, typer.Option("--quiet", help="Print the bare answer only, no progress bar.")]


def refuse(option: str, others: Mapping[str, object]) -> None:
    """Raise where `option` comes with another one that contradicts it."""
    given = [name for name, value in others.items() if value not in (None, False, [])]
    if given:
        raise MisuseError(wanted=f"{option} alone", got=f"{option} with {', '.join(given)}", do="leave one out")


def refuse_missing_packages(purpose: str) -> None:
    """Raise where a package of eftheory[learn] is not installed; none is imported."""
    missing = [name for name in LEARN if find_spec(name) is None]
    if missing:
        got = f"an installation without {'them' if len(missing) > 1 else 'it'}"
        raise MisuseError(wanted=f"{', '.join(missing)} for {purpose}", got=got, do='pip install "eftheory[learn]"')
