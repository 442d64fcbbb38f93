"""Files as claims need them: written whole or not at all, canonical, and with a digest of this package's sources."""

from __future__ import annotations

import json
import os
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from eftheory.errors import MisuseError


def canonical(value: Any) -> str:
    """The one JSON text of `value` that is hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: Any) -> str:
    return sha256(canonical(value).encode("ascii")).hexdigest()


def write_whole(path: Path, text: str) -> None:
    """Write `text` so that a reader sees the old file or the new one; folders are made. Raises MisuseError if not."""
    path = path.resolve()
    draft = path.with_name(f".eftheory.{os.getpid()}")
    try:
        if path.exists() and not path.is_file():
            raise FileExistsError("not a plain file")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_text(text, encoding="utf-8")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        got = f"{path}: {error.strerror or error}"
        raise MisuseError(wanted="a path that can be written", got=got, do="choose another one") from None


_SHOWS = ("cli", "plots", "report.py", "report_projection.py")
_DECIDES_NOTHING = ("_verify", "learn", "recheck.py", "__main__.py", *_SHOWS)
"""Parts of the package that no claim may import, and the claims that it carries, which have digests of their own."""


@cache
def library() -> str:
    """Identifies the code that decides: the version and the sources of this package."""
    from eftheory import __version__

    package = Path(__file__).resolve().parents[1]
    parts = sorted(part for part in package.iterdir() if part.name not in _DECIDES_NOTHING)
    files = [file for part in parts for file in (sorted(part.rglob("*")) if part.is_dir() else [part])]
    sources = [file for file in files if file.suffix in (".py", ".toml")]
    total = sha256(__version__.encode("ascii"))
    for source in sources:
        total.update(str(source.relative_to(package)).encode() + b"\0" + source.read_bytes())
    return total.hexdigest()
