"""The metrics of a run: one JSON object a line, appended in one write, so that a kill tears off the last line at most.

JSON has no NaN and no infinities: they are written as the texts "nan", "inf" and "-inf" and read back as numbers.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eftheory.errors import MisuseError
from eftheory.learn.runs.atomic import unwritable, write_whole

NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Metrics:
    """A file of records, each with an int ``step``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def open(self) -> None:
        """Make it ready for appending."""
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def add(self, record: Mapping[str, Any]) -> None:
        """Append one line. Raises MisuseError without a step, and where it cannot be written."""
        if type(record.get("step")) is not int:
            raise MisuseError(wanted="a record with an int step", got=repr(record.get("step")), do="add the step")
        line = memoryview(f"{json.dumps(plain(dict(record)), allow_nan=False)}\n".encode())
        try:
            while line:
                line = line[os.write(self._handle(), line) :]
        except OSError as error:
            raise unwritable(self.path, error) from None

    def sync(self) -> None:
        """Force what was written to the disk."""
        try:
            os.fsync(self._handle())
        except OSError as error:
            raise unwritable(self.path, error) from None

    def read(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each whole line with its record. Raises MisuseError for a line that is no record."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return
        for number, line in enumerate(data[: data.rfind(b"\n") + 1].decode("utf-8", "replace").splitlines(), 1):
            try:
                record = json.loads(line)
                if type(record["step"]) is not int:
                    raise TypeError
            except (ValueError, TypeError, KeyError, RecursionError):
                got = f"{self.path}, line {number}"
                raise MisuseError(wanted="a record in JSON with a step", got=got, do="remove that line") from None
            yield line, restored(record)

    def rewind(self, step: int) -> None:
        """Drop, atomically, every record after `step`, and a torn last line."""
        kept = "".join(f"{line}\n" for line, record in self.read() if record["step"] <= step)
        write_whole(self.path, kept.encode())

    def _handle(self) -> int:
        if self._file is None:
            raise MisuseError(wanted="metrics open for writing", got=f"{self.path}, closed", do="open the run first")
        return self._file


def plain(tree: Any) -> Any:
    """`tree` with non-finite numbers as text."""
    if isinstance(tree, dict):
        return {key: plain(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [plain(value) for value in tree]
    return repr(float(tree)) if isinstance(tree, float) and not math.isfinite(tree) else tree


def restored(tree: Any) -> Any:
    """The inverse of `plain` on what JSON reads."""
    if isinstance(tree, dict):
        return {key: restored(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [restored(value) for value in tree]
    return NON_FINITE.get(tree, tree) if isinstance(tree, str) else tree
