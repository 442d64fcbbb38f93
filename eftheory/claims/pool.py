"""Workers, seen from the parent: each holds one task at a time, so that a death is charged to the right one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread

from eftheory.claims.outcome import Outcome, failure
from eftheory.claims.worker import READY
from eftheory.errors import EftheoryError


@dataclass(frozen=True)
class Task:
    """One instance of one claim, and the file to load it from."""

    root: str
    file: str
    claim: str
    key: str


class _Worker:
    """A process, and a thread that puts its answers, then None, on the common queue."""

    def __init__(self, answers: SimpleQueue[tuple[_Worker, str | None]]) -> None:
        start = f"import sys; sys.path[:] = {sys.path!r}; from eftheory.claims.worker import main; main()"
        options = [f"-W{option}" for option in sys.warnoptions]
        # a session of its own: an interrupt at the terminal reaches the parent alone, which then stops its workers
        self.process = subprocess.Popen(
            [sys.executable, *options, "-c", start],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        self.task: Task | None = None
        self.ready = False
        self.reader = Thread(target=self._read, args=(answers,), daemon=True)
        self.reader.start()

    def _read(self, answers: SimpleQueue[tuple[_Worker, str | None]]) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("\n"):
                answers.put((self, line))
        answers.put((self, None))

    def give(self, task: Task) -> None:
        assert self.process.stdin is not None
        self.task = task
        with suppress(OSError):  # it died: its reader says so
            self.process.stdin.write(json.dumps(vars(task)) + "\n")
            self.process.stdin.flush()

    def end(self, patience: float = 0.0) -> int:
        """Stop the process within `patience` seconds, with all that it started; its exit code."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(patience)
        self.kill()
        code = self.process.wait()
        self.reader.join()
        for stream in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                assert stream is not None
                stream.close()
        return code

    def kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)


def decide_all(tasks: Sequence[Task], jobs: int) -> Generator[Outcome, None, None]:
    """The outcome of every task, as each is ready, from `jobs` processes; they are stopped when the generator closes.

    A task whose worker dies comes out as an error and a new worker goes on. Raises EftheoryError where a worker dies
    before it had a task at all.
    """
    answers: SimpleQueue[tuple[_Worker, str | None]] = SimpleQueue()
    waiting = iter(tasks)
    left = len(tasks)
    workers = [_Worker(answers) for _ in range(min(jobs, left))]
    try:
        while left:
            worker, line = _next(answers, workers)
            outcome = None
            if line is None:
                workers.remove(worker)
                outcome = _death(worker)
                if left - 1 > len(workers):
                    workers.append(_Worker(answers))
            else:
                outcome = _heard(worker, line)
                if (task := next(waiting, None)) is not None:
                    worker.give(task)
            if outcome is not None:
                left -= 1
                yield outcome
    finally:
        for worker in workers:
            worker.end()


def _next(answers: SimpleQueue[tuple[_Worker, str | None]], workers: Sequence[_Worker]) -> tuple[_Worker, str | None]:
    """The next answer; a child that outlives its worker would keep the pipe open, so it is stopped here."""
    while True:
        try:
            return answers.get(timeout=1.0)
        except Empty:
            for worker in workers:
                if worker.process.poll() is not None:
                    worker.kill()


def _heard(worker: _Worker, line: str) -> Outcome | None:
    told = json.loads(line)
    if not worker.ready:
        if told != READY:
            raise EftheoryError(f"a worker process answered {line.strip()!r} instead of starting")
        worker.ready = True
        return None
    worker.task = None
    return Outcome(**told)


def _death(worker: _Worker) -> Outcome | None:
    code = worker.end(patience=5.0)
    if worker.task is None:
        if not worker.ready:
            raise EftheoryError(f"a worker process ended ({_how(code)}) before it had anything to do")
        return None
    return failure(worker.task.claim, worker.task.key, f"the worker process died: {_how(code)}")


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name if -code in signal.valid_signals() else f"signal {-code}"
    return f"{name}, perhaps out of memory" if -code == signal.SIGKILL else name
