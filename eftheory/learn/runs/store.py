"""The folder of a run: its configuration, metrics, checkpoints and result; everything in it survives a kill.

::

    config.toml                           the configuration, whole
    metrics.jsonl                         one JSON object a line
    checkpoints/state-XXXXXXXX.safetensors   all that is needed to go on, the last two
    checkpoints/step-XXXXXXXX.safetensors    weights alone, every one that was asked for
    result.json                           what a finished run found
    lock                                  held while a run writes here
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any

from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.learn.runs.atomic import remove_drafts, unwritable, write_whole
from eftheory.learn.runs.checkpoint import Checkpoint, DamagedError, read_checkpoint, write_checkpoint
from eftheory.learn.runs.flat import JSON, flatten, unflatten
from eftheory.learn.runs.folder import config_text_of, locked, refuse_foreign
from eftheory.learn.runs.metrics import Metrics, plain, restored

__all__ = ["Checkpoint", "DamagedCheckpoint", "Store", "flatten", "unflatten"]

KEPT = 2
"""States that are kept: the newest, and one before it in case the newest is damaged later."""


class DamagedCheckpoint(UserWarning):
    """A checkpoint was skipped."""


class Store:
    """A run's folder, open for one process to write (`open`) or for any to read (`view`). A context manager."""

    def __init__(self, folder: Path, configuration: str, lock: int | None, *, silent: bool = False) -> None:
        """Use `open` or `view`. configuration: its digest. lock: the open lock file; None: read only.

        silent: what would be written is dropped, instead of refused.
        """
        self.folder, self.configuration, self._lock, self._silent = folder, configuration, lock, silent
        self._metrics = Metrics(folder / "metrics.jsonl")

    @classmethod
    def open(cls, folder: Path | str, config_text: str, digest: str, *, resume: bool, writer: bool = True) -> Store:
        """Begin a run in a new or empty folder, or with `resume` go on with the same run (begin it if there is none).

        Going on removes what came after the newest whole state: later metrics, later weights. Raises MisuseError,
        having changed nothing: another run is writing there; the folder holds something else, another configuration
        (naming a key that differs), or a run and `resume` is False; no state is whole.

        writer: of several processes of one run, one writes; the others read, and what they save or log is dropped.
        """
        place = Path(folder)
        if not writer:
            return cls(place, digest, None, silent=True)
        refuse_foreign(place, config_text, resume)
        try:
            (place / "checkpoints").mkdir(parents=True, exist_ok=True)
            lock = locked(place / "lock")
        except OSError as error:
            raise unwritable(place, error) from None
        try:
            refuse_foreign(place, config_text, resume)  # again: another run may have begun in between
            store = cls(place, digest, lock)
            store._go_on(config_text)
        except BaseException:
            os.close(lock)
            raise
        return store

    @classmethod
    def view(cls, folder: Path | str) -> Store:
        """An existing run, to read. Raises MisuseError where there is none."""
        place = Path(folder)
        return cls(place, sha256(config_text_of(place).encode()).hexdigest(), None)

    def _go_on(self, config_text: str) -> None:
        for folder in (self.folder, self.folder / "checkpoints"):
            remove_drafts(folder)
        if not (self.folder / "config.toml").exists():
            write_whole(self.folder / "config.toml", config_text.encode())
        elif self.result() is None:
            latest = self.latest()
            if latest is None and self.states():
                do = "choose another folder with --out"
                raise MisuseError(wanted="a whole checkpoint to go on from", got=f"none in {self.folder}", do=do)
            step = -1 if latest is None else latest.step
            self._metrics.rewind(step)
            for late in self.steps():
                if late > step:
                    self._path("step", late).unlink()
        self._metrics.open()

    def close(self) -> None:
        """Give the folder free for another run."""
        self._metrics.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- writing ------------------------------------------------------------------------------------------------------

    def save(self, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, JSON]) -> None:
        """A state to go on from; the metrics logged so far are made durable first, older states removed after.

        Log the records of a step before saving it: going on from there keeps records up to and including it.
        """
        if not self._writes():
            return
        self._metrics.sync()
        self._write("state", step, tensors, facts)
        for old in [kept for kept in self.states() if kept <= step][:-KEPT]:
            self._path("state", old).unlink(missing_ok=True)

    def save_weights(self, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, JSON] | None = None) -> None:
        """Weights alone, kept for good: `weights_at` and the pull curve read them."""
        if not self._writes():
            return
        self._write("step", step, tensors, facts or {})

    def log(self, record: Mapping[str, Any]) -> None:
        """Append `record`, which has an int ``step``, to the metrics as one line (`eftheory.learn.runs.metrics`)."""
        if not self._writes():
            return
        self._metrics.add(record)

    def finish(self, result: Mapping[str, Any]) -> None:
        """The run is finished; `result` in JSON, non-finite numbers as text."""
        if not self._writes():
            return
        self._metrics.sync()
        text = json.dumps(plain(dict(result)), indent=1, allow_nan=False) + "\n"
        write_whole(self.folder / "result.json", text.encode())

    def _write(self, kind: str, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, JSON]) -> None:
        path = self._path(kind, step)
        write_checkpoint(path, step=step, tensors=tensors, facts=facts, configuration=self.configuration)

    def _writes(self) -> bool:
        if self._lock is None and not self._silent:
            do = "open it with Store.open"
            raise MisuseError(wanted="a run open for writing", got=f"{self.folder}, open for reading or closed", do=do)
        return not self._silent

    # --- reading ------------------------------------------------------------------------------------------------------

    def config_text(self) -> str:
        return config_text_of(self.folder)

    def latest(self) -> Checkpoint | None:
        """The newest whole state; damaged ones are skipped with the warning `DamagedCheckpoint`.

        Raises MisuseError for one of another configuration.
        """
        for step in reversed(self.states()):
            try:
                return read_checkpoint(self._path("state", step), self.configuration)
            except DamagedError as error:
                warnings.warn(f"skipped a checkpoint: {error}", DamagedCheckpoint, stacklevel=2)
        return None

    def states(self) -> list[int]:
        """Steps with a state to go on from, whole or not, ascending."""
        return sorted(self._numbers("state"))

    def steps(self) -> list[int]:
        """Steps whose weights were kept, ascending."""
        return sorted(self._numbers("step"))

    def weights_at(self, step: int) -> Checkpoint:
        """The weights kept at `step`. Raises MisuseError where there are none, or they are damaged."""
        steps = self.steps()
        if step not in steps:
            kept = f"steps {steps[0]} to {steps[-1]}, {len(steps)} of them" if steps else "none were kept"
            raise MisuseError(wanted=f"weights at step {step} in {self.folder}", got=kept, do="see Store.steps()")
        return read_checkpoint(self._path("step", step), self.configuration)

    def read_metrics(self) -> list[dict[str, Any]]:
        """The logged records; numbers that JSON has not come back as NaN and infinities."""
        return [record for _, record in self._metrics.read()]

    def result(self) -> dict[str, Any] | None:
        """What `finish` was given, or None for a run that is not finished."""
        path = self.folder / "result.json"
        try:
            found: dict[str, Any] = restored(json.loads(path.read_bytes()))
            return found
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            do = "remove that file and --resume"
            raise MisuseError(wanted="the result of a run", got=f"{path}: {error}", do=do) from None

    def _path(self, kind: str, step: int) -> Path:
        return self.folder / "checkpoints" / f"{kind}-{step:08d}.safetensors"

    def _numbers(self, kind: str) -> Iterator[int]:
        for path in self.folder.glob(f"checkpoints/{kind}-*.safetensors"):
            number = path.stem.removeprefix(f"{kind}-")
            if number.isascii() and number.isdigit():
                yield int(number)
