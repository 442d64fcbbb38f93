"""A process that decides instances, one line of JSON each way: a claim that kills its process kills nothing else.

Run as ``worker.main()`` by `eftheory.claims.pool`. It ends at once when its standard input ends, so that it never
outlives a parent that was killed.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TextIO

from eftheory.claims.discovery import load
from eftheory.claims.model import Claim, one_line
from eftheory.claims.outcome import Outcome, decide, failure

READY = "ready"


def main() -> None:
    """Answer tasks ``{"root", "file", "claim", "key"}`` with outcomes until standard input ends."""
    tasks, answers = _private_streams()
    waiting: SimpleQueue[str] = SimpleQueue()
    Thread(target=_listen, args=(tasks, waiting), daemon=True).start()
    known: dict[str, dict[str, Claim]] = {}
    _send(answers, READY)
    while True:
        task = json.loads(waiting.get())
        _send(answers, _answer(known, **task).as_dict())


def _answer(known: dict[str, dict[str, Claim]], *, root: str, file: str, claim: str, key: str) -> Outcome:
    try:
        if file not in known:
            known[file] = {each.id: each for each in load(Path(root), Path(file))}
        found = known[file][claim]
    except BaseException as error:
        return failure(claim, key, f"loading {file}: {one_line(error)}")
    return decide(found, key)


def _private_streams() -> tuple[TextIO, TextIO]:
    """The real standard input and output; whatever else reads finds nothing, whatever else prints goes to stderr."""
    tasks = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return tasks, answers


def _listen(tasks: TextIO, waiting: SimpleQueue[str]) -> None:
    for line in tasks:
        waiting.put(line)
    os._exit(0)


def _send(answers: TextIO, value: object) -> None:
    answers.write(json.dumps(value, allow_nan=False) + "\n")
    answers.flush()
