"""Misuse, in one form: what was wanted, what came, what to do.

Mathematics that fails is a value (`eftheory.verdict`); only misuse raises.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class EftheoryError(Exception):
    """Base of every exception that this library raises on purpose; always one line."""


class MisuseError(EftheoryError, ValueError):
    """An argument that cannot be used.

    The message reads ``wanted ...; got ...; do ...`` and is one line, whatever the parts hold.
    """

    def __init__(self, *, wanted: str, got: str, do: str) -> None:
        self.wanted, self.got, self.do = (_one_line(part) for part in (wanted, got, do))
        super().__init__(f"wanted {self.wanted}; got {self.got}; {self.do}")


def unknown(kind: str, name: str, known: Iterable[str]) -> MisuseError:
    """The error for a name that is not known, with the nearest known one suggested."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    do = f"did you mean {near[0]!r}?" if near else f"choose one of: {', '.join(names)}"
    return MisuseError(wanted=f"a known {kind}", got=repr(name), do=do)


def _one_line(text: str, limit: int = 300) -> str:
    flat = " ".join(str(text).split())
    return flat if len(flat) <= limit else flat[: limit - 3] + "..."
