"""Where the answers go: a file written whole, a terminal's width, a progress bar."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from eftheory.errors import MisuseError

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE = 2.0
"""Seconds after which a progress bar appears on a terminal."""


def terminal_width() -> int:
    from shutil import get_terminal_size

    return max(40, min(get_terminal_size((100, 24)).columns, 120))


def refuse_unwritable(target: str | None) -> None:
    """Refuse a path that cannot be written before computing anything."""
    if target in (None, "-"):
        return
    path = Path(str(target))
    try:
        folder = path.resolve().parent
        if not target or path.is_dir() or not folder.is_dir():
            raise MisuseError(
                wanted="--json FILE in an existing folder, or -", got=repr(target), do="choose another path"
            )
        if path.exists() and not path.is_file():
            if not os.access(path, os.W_OK):
                raise _unwritable(path, "Permission denied")
            return
        with TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, MisuseError):
            raise
        raise _unwritable(path, getattr(error, "strerror", None) or str(error)) from None


def write_atomically(path: Path, text: str) -> None:
    """Write `text` so that a reader sees the old file or the new one, never half of it.

    Raises MisuseError, naming `path` itself, where it cannot be written.
    """
    target = path.resolve()
    draft = None
    try:
        if target.exists() and not target.is_file():  # a device or a pipe: nothing to replace
            target.write_text(text, encoding="utf-8")
            return
        draft = target.with_name(f".eftheory.{os.getpid()}")  # short, whatever the length of the name
        draft.write_text(text, encoding="utf-8")
        draft.replace(target)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from None
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def _unwritable(path: Path, reason: str) -> MisuseError:
    return MisuseError(wanted="--json FILE that can be written", got=f"{path}: {reason}", do="choose another path")


class Bar:
    """What a progress bar shows; works the same where none appears."""

    def __init__(self, label: str) -> None:
        self.label = label
        self._lock = Lock()
        self._done, self._total = 0, 0
        self._shown: Progress | None = None

    def show(self, done: int, total: int) -> None:
        """`done` of `total` steps."""
        with self._lock:
            self._done, self._total = done, total
            self._refresh()

    def say(self, line: str) -> None:
        """Print a line on stdout, above the bar where there is one."""
        with self._lock:
            if self._shown is not None:
                self._shown.stop()
            print(line, flush=True)
            if self._shown is not None:
                self._shown.start()

    def appear(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with self._lock:
            # stdout stays as it is: rich would send what is printed there to stderr
            self._shown = Progress(
                *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
            )
            self._shown.add_task(self.label, total=None)
            self._refresh()
            self._shown.start()

    def vanish(self) -> None:
        with self._lock:
            if self._shown is not None:
                self._shown.stop()

    def _refresh(self) -> None:
        if self._shown is not None and self._total:
            (task,) = self._shown.task_ids
            text = f"{self.label} {self._done}/{self._total}"
            self._shown.update(task, completed=self._done, total=self._total, description=text)


@contextmanager
def progress(quiet: bool, label: str = "deriving") -> Iterator[Bar]:
    """On a terminal, show a moving bar on stderr once the work has lasted `PATIENCE` seconds."""
    bar = Bar(label)
    if quiet or not sys.stderr.isatty():
        yield bar
        return
    done = Event()

    def watch() -> None:
        if not done.wait(PATIENCE):
            bar.appear()

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield bar
    finally:
        done.set()
        thread.join()
        bar.vanish()
