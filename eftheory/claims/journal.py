"""Finished instances, one line each, so that the same command goes on where it stopped, however it stopped."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from eftheory.claims.files import canonical, digest, library
from eftheory.claims.model import Claim
from eftheory.claims.outcome import ERROR, Outcome
from eftheory.errors import MisuseError

try:
    import fcntl
except ImportError:  # no POSIX: two runs at once are then the user's affair
    fcntl = None  # type: ignore[assignment]

HEADER = canonical({"journal": "eftheory.journal/1"}) + "\n"
_FIELDS = {field.name for field in fields(Outcome)}


def identify(claim: Claim, source: str, key: str) -> str:
    """What an outcome depends on: the library, the claim's file (digest `source`), the claim, the instance."""
    return digest([library(), source, claim.id, key])


class Journal:
    """An open journal; a context manager. Each line holds an outcome, what it depends on, and a checksum.

    Raises MisuseError for a file that is something else, for a line that was altered, and where another run has it.
    A last line that was torn off is dropped. fresh: forget what is there.
    """

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        self.path = path
        self.outcomes: dict[str, Outcome] = {}
        try:
            self._file: BinaryIO = open(path, "a+b", buffering=0)  # noqa: SIM115 (closed by __exit__)
        except OSError as error:
            raise self._refused("a journal that can be written", error.strerror or str(error)) from None
        try:
            self._lock()
            self._read(fresh)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, identity: str, outcome: Outcome) -> None:
        """Append one line in one write; errors are not kept, so that they are tried again."""
        if outcome.status == ERROR:
            return
        line = {"id": identity, "outcome": outcome.as_dict()}
        self._write(canonical({**line, "sha256": digest(line)}) + "\n")

    def _write(self, line: str) -> None:
        rest = memoryview(line.encode("ascii"))
        while rest:
            rest = rest[self._file.write(rest) :]

    def _lock(self) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise self._refused("the journal alone", "another run is using it", "wait, or name another file") from None

    def _read(self, fresh: bool) -> None:
        self._file.seek(0)
        data = self._file.readall() or b""  # type: ignore[attr-defined]
        header = HEADER.encode("ascii")
        if not data.startswith(header):
            if not header.startswith(data):
                raise self._refused("a journal of eftheory verify", "something else", "name another --json file")
            self._start()
        elif fresh:
            self._start()
        else:
            self._take(data)

    def _start(self) -> None:
        os.ftruncate(self._file.fileno(), 0)
        self._write(HEADER)

    def _take(self, data: bytes) -> None:
        whole = data[: data.rfind(b"\n") + 1]
        for number, line in enumerate(whole.splitlines()[1:], 2):
            try:
                identity, outcome = _parsed(line)
            except (ValueError, TypeError, KeyError, RecursionError):
                raise self._refused("an unaltered journal", f"line {number}", "start anew with --fresh") from None
            self.outcomes[identity] = outcome
        os.ftruncate(self._file.fileno(), len(whole))

    def _refused(self, wanted: str, got: str, do: str = "choose another path") -> MisuseError:
        return MisuseError(wanted=wanted, got=f"{self.path}: {got}", do=do)


def _parsed(line: bytes) -> tuple[str, Outcome]:
    found = json.loads(line)
    if set(found) != {"id", "outcome", "sha256"} or set(found["outcome"]) != _FIELDS:
        raise ValueError("other fields")
    if found.pop("sha256") != digest(found):
        raise ValueError("altered")
    return str(found["id"]), Outcome(**found["outcome"])
