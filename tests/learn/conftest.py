"""Shared by the tests of `learn`: where the data sets are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).parents[3] / "shared" / "data"

if BESIDE.is_dir():
    os.environ.setdefault("EFTHEORY_DATA", str(BESIDE))


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of data sets; tests that need it are skipped, aloud, where there is none."""
    named = os.environ.get("EFTHEORY_DATA")
    if named is None or not Path(named).is_dir():
        pytest.skip("no data sets: set EFTHEORY_DATA to their folder")
    return Path(named)
