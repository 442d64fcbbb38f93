"""MMD of 10000 and 10000 draws in bounded memory (`pytest -m benchmark`), in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import resource, sys, torch
from eftheory.learn.objectives.divergences import mmd
torch.manual_seed(0)
size, gradient = int(sys.argv[1]), sys.argv[2] == "gradient"
a, b = torch.randn(size, 10, requires_grad=gradient), torch.randn(size, 10)
mmd(a[:2000], b[:2000])  # what is loaded once
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
value = mmd(a, b)
if gradient:
    value.backward()
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, float(value.detach()))
"""
GRAM = 10000 * 10000 * 4 / 2**20
"""MiB of one Gram matrix, of which MMD has three."""


@pytest.mark.benchmark
@pytest.mark.parametrize("what", ["value", "gradient"])
def test_mmd_of_ten_thousand_draws_takes_a_fraction_of_one_gram_matrix(what: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, "10000", what], capture_output=True, text=True, check=True, timeout=600
    )
    extra, value = map(float, done.stdout.split())
    assert extra < GRAM / 4, f"{extra:.0f} MiB more"
    assert abs(value) < 1e-3, "the same distribution"
