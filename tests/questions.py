"""A question on one line, "decoder | encoder | prior | inputs", and what a test wants to read from the answer."""

from __future__ import annotations

from functools import cache

from eftheory.check import check
from eftheory.spec import Specification, specification
from eftheory.verdict import Consistency

PARTS = ("decoder", "encoder", "prior", "inputs")


def arguments(question: str) -> dict[str, str]:
    """The keyword arguments of `check`."""
    return dict(zip(PARTS, (part.strip() for part in question.split("|")), strict=False))


@cache
def ask(question: str) -> Consistency:
    return check(**arguments(question))


@cache
def spec(question: str) -> Specification:
    return specification(**arguments(question))


def conditions(answer: Consistency, clause: str | None = None) -> tuple[str, ...]:
    """The conditions of one clause, or of all, as text."""
    return tuple(f.text for c in answer.clauses if clause in (None, c.clause) for f in c.conditions)


def dimension(answer: Consistency) -> str | None:
    return None if answer.dimension is None else answer.dimension.text


def usable(answer: Consistency) -> str | None:
    return None if answer.usable_latents is None else answer.usable_latents.text
