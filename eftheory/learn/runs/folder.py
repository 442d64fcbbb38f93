"""Whose folder is it: the checks before a run writes anywhere, and the lock that keeps a second one out."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eftheory.errors import MisuseError
from eftheory.learn.runs.atomic import DRAFT

try:
    import fcntl
except ImportError:  # no POSIX: two runs at once are then the user's affair
    fcntl = None  # type: ignore[assignment]


def config_text_of(folder: Path) -> str:
    """The configuration of the run in `folder`. Raises MisuseError where there is none."""
    try:
        return (folder / "config.toml").read_text("utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        got = f"{folder}: config.toml: {reason}"
        raise MisuseError(wanted="the folder of a run of eftheory train", got=got, do="check the path") from None


def refuse_foreign(folder: Path, config_text: str, resume: bool) -> None:
    """Raise MisuseError unless `folder` is absent, empty, or (with `resume`) holds a run of this configuration."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise MisuseError(wanted="a folder for the run", got=f"the file {folder}", do="choose another with --out")
    if not (folder / "config.toml").exists():
        others = sorted(path.name for path in folder.iterdir() if not _own(path))
        if others:
            got = f"{folder} with {others[0]!r} in it"
            raise MisuseError(wanted="a new or empty folder, or a run's", got=got, do="choose another with --out")
        return
    key = _difference(config_text_of(folder), config_text)
    if key is not None:
        do = "choose another folder with --out"
        raise MisuseError(wanted=f"the configuration of the run in {folder}", got=f"another {key}", do=do)
    if not resume:
        do = "add --resume to go on with it, or choose another with --out"
        raise MisuseError(wanted="a folder without a run", got=f"{folder}, which holds this run already", do=do)


def _own(path: Path) -> bool:
    """What a run killed before its first file was whole may leave."""
    return path.name == "lock" or path.name.startswith(DRAFT) or (path.name == "checkpoints" and path.is_dir())


def _difference(there: str, here: str) -> str | None:
    """The first key with another value, and both values; None for equal configurations."""
    if there == here:
        return None
    try:
        old, new = dict(_leaves(tomllib.loads(there))), dict(_leaves(tomllib.loads(here)))
    except tomllib.TOMLDecodeError:
        return "configuration, which is no TOML"
    for key in [*new, *old]:
        if old.get(key) != new.get(key):
            return f"{key}: {new.get(key, 'nothing')} here, {old.get(key, 'nothing')} there"
    return None


def _leaves(tree: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    if not children and where:
        yield where, tree
    for key, value in children:
        yield from _leaves(value, f"{where}.{key}" if where else str(key))


def locked(path: Path) -> int:
    """The lock file, locked until it is closed or its process dies. Raises MisuseError where another process has it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(handle, 32).decode("ascii", "replace").strip()
        os.close(handle)
        got = f"another run, process {owner or 'unknown'}, in {path.parent}"
        raise MisuseError(wanted="the folder alone", got=got, do="wait for it, or choose another with --out") from None
    os.ftruncate(handle, 0)
    os.write(handle, f"{os.getpid()}\n".encode())
    return handle
