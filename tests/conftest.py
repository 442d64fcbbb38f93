"""Shared by all tests: cross-checks get their marker from the file name, and what was left out is said aloud."""

from __future__ import annotations

import signal

import pytest


def pytest_configure() -> None:
    """A shell that starts a job in the background has it ignore Ctrl-C; the tests of an interrupt, and what they start,
    want Python's own handler."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.name.startswith("test_crosscheck"):
            item.add_marker("crosscheck")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    left_out = terminalreporter.stats.get("deselected", [])
    for marker, command in (("slow", "pytest -m slow"), ("benchmark", "make bench")):
        count = sum(1 for item in left_out if item.get_closest_marker(marker))
        if count:
            terminalreporter.write_line(f"NOT RUN: {count} test(s) marked {marker}; run them with: {command}", red=True)
