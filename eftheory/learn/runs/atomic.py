"""Files that are whole or absent: a draft beside the target, forced to the disk, then renamed over it."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from eftheory.errors import MisuseError

DRAFT = ".draft-"
"""How the names of unfinished files begin; what a killed process left is removed when its run is opened again."""


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` so that, whatever happens, `path` holds what it held before or all of `data`.

    Raises MisuseError (full disk, no permission); the draft is then removed and `path` is as it was.
    """
    draft = path.with_name(f"{DRAFT}{os.getpid()}")
    try:
        with open(draft, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise unwritable(path, error) from None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Force the names in `folder` to the disk: a rename is durable only then."""
    with suppress(PermissionError, NotImplementedError):  # Windows opens no folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_drafts(folder: Path) -> None:
    for draft in folder.glob(f"{DRAFT}*"):
        draft.unlink(missing_ok=True)


def unwritable(path: Path, error: OSError) -> MisuseError:
    """What a failed write says: where, why, and that nothing saved before is lost."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return MisuseError(
        wanted=f"to write {path.name} in {path.parent}",
        got=error.strerror or str(error),
        do="make room there, then --resume: all that was saved before is whole" if full else "choose another path",
    )
