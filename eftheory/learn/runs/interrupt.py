"""Ctrl-C between two steps, so that the step that is under way is finished and saved."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Whether an interrupt has come; a second one raises KeyboardInterrupt at once.

    Outside the main thread, and where the caller has a handler of its own, nothing changes and the answer is False.
    """
    asked = False

    def answer() -> bool:
        return asked

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield answer
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield answer
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
