"""Where the answers go: a file written whole, a terminal's width, a progress bar."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eftheory.errors import MisuseError

PATIENCE = 2.0
"""Seconds after which a progress bar appears on a terminal."""


def terminal_width() -> int:
    from shutil import get_terminal_size

    return max(60, min(get_terminal_size((100, 24)).columns, 120))


def refuse_unwritable(target: str | None) -> None:
    """Refuse a path that cannot be written before computing anything."""
    if target in (None, "-"):
        return
    path = Path(str(target))
    if not target or path.is_dir() or not path.absolute().parent.is_dir():
        raise MisuseError(wanted="--json FILE in an existing folder, or -", got=repr(target), do="choose another path")


def write_atomically(path: Path, text: str) -> None:
    """Write `text` so that a reader sees the old file or the new one, never half of it."""
    path = path.resolve()
    if path.exists() and not path.is_file():  # a device or a pipe: nothing to replace
        path.write_text(text, encoding="utf-8")
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def progress(quiet: bool) -> Iterator[None]:
    """On a terminal, show a moving bar on stderr once the work has lasted `PATIENCE` seconds."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    from threading import Event, Thread

    done = Event()

    def watch() -> None:
        if done.wait(PATIENCE):
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("deriving"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            bar.add_task("deriving", total=None)
            done.wait()

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
