"""The two speed ratios of `check`, medians over interleaved pairs of fresh processes; `make bench` prints them."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[2]
PAIRS = 9


def environment() -> dict[str, str]:
    """The caller's, with byte code written: an installed package has it, and compiling is not what is measured."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPATH": str(ROOT)}


def wall_seconds(*arguments: str) -> float:
    """Process start to exit of ``python arguments``."""
    start = perf_counter()
    done = subprocess.run([sys.executable, *arguments], env=environment(), capture_output=True, text=True, check=False)
    seconds = perf_counter() - start
    if done.returncode != 0:
        raise RuntimeError(f"python {' '.join(arguments)} exited {done.returncode}: {done.stderr.strip()}")
    return seconds


def deriving_seconds(decoder: str, encoder: str, prior: str) -> float:
    """Seconds of one `check` in a fresh process, imports excluded, so that nothing is cached."""
    code = (
        "from time import perf_counter\n"
        "from eftheory.check import check\n"
        "start = perf_counter()\n"
        f"check(decoder={decoder!r}, encoder={encoder!r}, prior={prior!r})\n"
        "print(perf_counter() - start)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    return float(done.stdout)


def median_ratio(numerator: Callable[[], float], denominator: Callable[[], float], pairs: int = PAIRS) -> float:
    """Median of ``numerator() / denominator()`` over interleaved pairs, after one pair to warm the disk caches."""
    numerator(), denominator()
    return statistics.median(numerator() / denominator() for _ in range(pairs))


def start_to_exit() -> float:
    """``eftheory check semantic-hashing-counts`` over ``python -c "import sympy"``, process start to exit."""
    return median_ratio(
        lambda: wall_seconds("-m", "eftheory", "check", "semantic-hashing-counts"),
        lambda: wall_seconds("-c", "import sympy"),
    )


def large_over_small() -> float:
    """bernoulli(1000000) x normal(1000) over bernoulli(2) x normal(1), prior N(0, I)."""
    return median_ratio(
        lambda: deriving_seconds("bernoulli(1000000)", "normal(1000)", "normal(1000, mean=0, variance=1)"),
        lambda: deriving_seconds("bernoulli(2)", "normal(1)", "normal(1, mean=0, variance=1)"),
    )


if __name__ == "__main__":
    for measure in (start_to_exit, large_over_small):
        print(f"{measure():5.2f}  {(measure.__doc__ or '').splitlines()[0]}  (median of {PAIRS} interleaved pairs)")
