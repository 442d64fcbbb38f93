"""Parts of an experiment: which are to be run, and what a finished one found, kept in one JSON file of its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from eftheory.errors import MisuseError
from eftheory.learn.config import TrainConfig
from eftheory.learn.config_file import digest
from eftheory.learn.runs.atomic import write_whole
from eftheory.learn.runs.metrics import plain, restored

FOUND = "found.json"
"""The file of a part's folder that says it is finished, and what it found."""


def chosen(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """The names that match a pattern, all without patterns. Raises MisuseError for a pattern that matches none."""
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            got, do = repr(pattern), f"for example {names[0]!r}"
            raise MisuseError(wanted=f"parts among {', '.join(names)}", got=got, do=do)
    return [name for name in names if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)]


def keep(folder: Path, config: TrainConfig, found: Mapping[str, Any]) -> None:
    """Write what the part found: from now on it is finished."""
    folder.mkdir(parents=True, exist_ok=True)
    body = {"config": digest(config), "found": plain(dict(found))}
    write_whole(folder / FOUND, (json.dumps(body, indent=1, allow_nan=False) + "\n").encode())


def finished(folder: Path, config: TrainConfig) -> dict[str, Any] | None:
    """What the part found, or None where it is not finished.

    Raises MisuseError for a part of another configuration, or one that cannot be read: nothing is overwritten.
    """
    path = folder / FOUND
    try:
        body = restored(json.loads(path.read_bytes()))
        same, found = body["config"] == digest(config), body["found"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
        got = f"{path}: {error}"
        raise MisuseError(wanted="what a part found", got=got, do="remove that file and --resume") from None
    if not same:
        got, do = f"{folder}, of another configuration", "choose another folder with --out"
        raise MisuseError(wanted="a part of this configuration", got=got, do=do)
    return dict(found)
