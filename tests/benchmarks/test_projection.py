"""The speed promise of the natural projection (`pytest -m benchmark`)."""

from __future__ import annotations

import pytest
from benchmarks import projection


@pytest.mark.benchmark
def test_a_projection_costs_no_more_than_an_epoch() -> None:
    assert projection.measurement() >= 1.0
