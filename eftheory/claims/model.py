"""What a claim is: a statement, its instances, and the function that decides one instance."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from eftheory.errors import MisuseError
from eftheory.verdict import Verdict

Decide = Callable[[Mapping[str, Any]], Verdict]
"""Decides one built instance."""

_NAME = r"[a-z0-9][a-z0-9._-]*"
_ID, _BREAK = re.compile(rf"{_NAME}/{_NAME}"), re.compile(_NAME)


@dataclass(frozen=True, kw_only=True)
class Instances:
    """Where a claim is tested.

    keys: from `quick` to the keys of the instances, cheap and deterministic: ``"search/3"``.
    build: from a key to the exact instance, name -> rational strings (``"3/7"``) nested in lists; may be slow.
    """

    keys: Callable[[bool], Sequence[str]]
    build: Callable[[str], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim, or one control of a claim, as its file states it.

    id: ``paper/name``, a control ``paper/name#what-it-breaks``.
    where, given, relation, quantities: definitions, hypotheses, relation and numbers, in the language of the
    certificates; without a relation no certificate is written.
    statement: the first line of the function's docstring, else of the file's. root, file: where it was found.
    """

    id: str
    instances: Instances
    where: tuple[str, ...]
    given: tuple[str, ...]
    relation: str
    quantities: tuple[str, ...]
    decide: Decide
    statement: str = ""
    root: str = ""
    file: str = ""

    @property
    def kind(self) -> str:
        return "control" if "#" in self.id else "claim"

    @property
    def paper(self) -> str:
        return self.id.partition("/")[0]

    @property
    def subject(self) -> str:
        """The id of the claim itself, also for a control."""
        return self.id.partition("#")[0]


_open: list[list[Claim]] = []
"""The files being loaded, innermost last; each list receives the claims that its file defines."""


@contextmanager
def collecting() -> Iterator[list[Claim]]:
    """Collects the claims that are defined inside the block."""
    _open.append([])
    try:
        yield _open[-1]
    finally:
        _open.pop()


def claim(
    id: str,
    *,
    instances: Instances,
    where: Sequence[str] = (),
    given: Sequence[str] = (),
    relation: str = "",
    quantities: Sequence[str] = (),
) -> Callable[[Decide], Decide]:
    """Register the decorated function, which decides one built instance, as the claim `id` (``paper/name``).

    The function itself is returned, with its claims in ``.claims``. Raises MisuseError for an id of another form.
    """
    if not _ID.fullmatch(id):
        raise MisuseError(wanted="a claim id 'paper/name' (lower case, digits, - . _)", got=repr(id), do="rename it")
    return _register(id, instances, where, given, relation, quantities)


def control(
    id: str,
    breaks: str,
    *,
    instances: Instances,
    where: Sequence[str] = (),
    given: Sequence[str] = (),
    relation: str = "",
    quantities: Sequence[str] = (),
) -> Callable[[Decide], Decide]:
    """Like `claim`, for a broken version of claim `id` that must come out REFUTED on some instance.

    `breaks` names what is broken; the control's id is ``id#breaks``.
    """
    if not _ID.fullmatch(id) or not _BREAK.fullmatch(breaks):
        got = f"{id!r}, {breaks!r}"
        raise MisuseError(wanted="a claim id and a lower-case name of what is broken", got=got, do="rename them")
    return _register(f"{id}#{breaks}", instances, where, given, relation, quantities)


def _register(
    id: str,
    instances: Instances,
    where: Sequence[str],
    given: Sequence[str],
    relation: str,
    quantities: Sequence[str],
) -> Callable[[Decide], Decide]:
    for name, texts in {"where": where, "given": given, "quantities": quantities}.items():
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise MisuseError(wanted=f"{name} of {id}: a tuple of strings", got=repr(texts), do="add the comma")
    if not isinstance(instances, Instances) or not isinstance(relation, str):
        raise MisuseError(wanted=f"instances=Instances(...), relation='...' for {id}", got="another type", do="fix it")

    def register(function: Decide) -> Decide:
        made = Claim(
            id=id,
            instances=instances,
            where=tuple(where),
            given=tuple(given),
            relation=relation,
            quantities=tuple(quantities),
            decide=function,
            statement=first_line(function.__doc__),
        )
        function.claims = (*getattr(function, "claims", ()), made)  # type: ignore[attr-defined]
        if _open:
            _open[-1].append(made)
        return function

    return register


def first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0].strip()


def one_line(error: BaseException, limit: int = 300) -> str:
    """What went wrong, for a report: the message of a misuse, else the exception's name and message."""
    text = " ".join(str(error).split())
    text = text if isinstance(error, MisuseError) else f"{type(error).__name__}: {text}".removesuffix(": ")
    return text if len(text) <= limit else text[: limit - 3] + "..."


def located(found: Claim, root: str, file: str, statement: str) -> Claim:
    """`found` with the place it was found in, and the file's statement where it has none of its own."""
    return replace(found, root=root, file=file, statement=found.statement or statement)
