"""Speed ratios of the exact enumerations, medians over interleaved pairs in one process; `make bench` prints them.

What is compared with: the hand-written loops below (as good as one would write them), pgmpy where it is installed (it
is no dependency), and Arb by the same split-product, timed on every STRIDE-th high part of x and scaled.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from benchmarks.ratios import PAIRS, median_ratio
from flint import arb, ctx

from eftheory.exact.marginals import certified_marginals, marginals
from eftheory.exact.streaming import log_partition

Array = Any
REPEATS = 20
"""Calls in one timing of marginals."""
STRIDE = 32
"""Arb sees one high part of x in so many."""


def harmonium(bits: int) -> tuple[Array, Array, Array]:
    random = np.random.default_rng(bits)
    return 0.5 * random.normal(size=(bits, bits)), random.normal(size=bits), random.normal(size=bits)


def seconds(work: Callable[[], object], times: int = 1) -> float:
    """Of one call; what lasts milliseconds is called several times, so that a hiccup does not count for much."""
    start = perf_counter()
    for _ in range(times):
        work()
    return (perf_counter() - start) / times


def bits(count: int) -> Array:
    return ((np.arange(1 << count)[:, None] >> np.arange(count - 1, -1, -1)) & 1).astype(float)


def blocked_loop(W: Array, u: Array, v: Array) -> float:
    """``log Z`` by hand: blocks of 64 rows, one product into a reused buffer, running maximum, everything in place."""
    x, z = bits(W.shape[0]), bits(W.shape[1])
    rows, u_x, z_columns = x @ W + v, x @ u, np.ascontiguousarray(z.T)
    buffer = np.empty((64, len(z)))
    largest, total = -math.inf, 0.0
    for start in range(0, len(x), 64):
        np.matmul(rows[start : start + 64], z_columns, out=buffer)
        buffer += u_x[start : start + 64, None]
        top = max(largest, float(buffer.max()))
        buffer -= top
        np.exp(buffer, out=buffer)
        total = total * math.exp(largest - top) + float(buffer.sum())
        largest = top
    return largest + math.log(total)


class ArbMarginals:
    """``log p~(x)`` in balls of 64 bits by the same split-product; what depends on the low part is made beforehand."""

    def __init__(self, W: Array, u: Array, v: Array) -> None:
        self.half = len(u) // 2
        with ctx.workprec(64):
            self.weights, self.v = [[arb(w) for w in row] for row in W.tolist()], [arb(b) for b in v.tolist()]
            self.u = [[arb(b)] for b in u.tolist()]
            low = bits(len(u) - self.half).astype(int).tolist()
            self.b_low = [[dot(x, self.weights[self.half :], j).exp() for j in range(len(self.v))] for x in low]
            self.u_low = [dot(x, self.u[self.half :], 0) for x in low]

    def sample(self, stride: int = STRIDE) -> list[arb]:
        """For every `stride`-th high part of x and every low part."""
        answers = []
        with ctx.workprec(64):
            for x in bits(self.half)[::stride].astype(int).tolist():
                a = [(bias + dot(x, self.weights[: self.half], j)).exp() for j, bias in enumerate(self.v)]
                u_high = dot(x, self.u[: self.half], 0)
                for b, u_x in zip(self.b_low, self.u_low, strict=True):
                    product = 1 + a[0] * b[0]
                    for a_j, b_j in zip(a[1:], b[1:], strict=True):
                        product *= 1 + a_j * b_j
                    answers.append(product.log() + u_high + u_x)
        return answers


def dot(x: list[int], weights: list[list[arb]], j: int) -> arb:
    """``sum_i x_i weights[i][j]``."""
    return sum((row[j] for row, bit in zip(weights, x, strict=True) if bit), arb(0))


def pgmpy_network(W: Array, u: Array, v: Array) -> Any:
    """The same model for pgmpy, or None where pgmpy cannot be imported."""
    try:
        from pgmpy.factors.discrete import DiscreteFactor
        from pgmpy.models import MarkovNetwork
    except ImportError:
        return None
    xs, zs = [f"x{i}" for i in range(len(u))], [f"z{j}" for j in range(len(v))]
    network = MarkovNetwork([(x, z) for x in xs for z in zs])
    for name, bias in zip(xs + zs, [*u, *v], strict=True):
        network.add_factors(DiscreteFactor([name], [2], np.exp([0.0, bias])))
    for i, x in enumerate(xs):
        for j, z in enumerate(zs):
            network.add_factors(DiscreteFactor([x, z], [2, 2], np.exp([0.0, 0.0, 0.0, W[i, j]])))
    return network


def streaming_over_blocked_loop() -> float:
    """speed of streaming log Z, 12+12 bits, over a hand-written blocked NumPy loop (at least 0.8)"""
    model = harmonium(12)
    return median_ratio(lambda: seconds(lambda: blocked_loop(*model)), lambda: seconds(lambda: log_partition(*model)))


def streaming_over_pgmpy() -> float | None:
    """speed of streaming log Z, 12+12 bits, over pgmpy's partition function (at least 50)"""
    model = harmonium(12)
    network = pgmpy_network(*model)
    if network is None:
        return None
    return median_ratio(lambda: seconds(network.get_partition_function), lambda: seconds(lambda: log_partition(*model)))


def certified_over_arb() -> float:
    """speed of certified marginals, 16+16 bits, over a plain Arb loop, timed on a sample of x (at least 100)"""
    model = harmonium(16)
    loop = ArbMarginals(*model)
    return STRIDE * median_ratio(
        lambda: seconds(loop.sample), lambda: seconds(lambda: certified_marginals(*model), REPEATS)
    )


def certified_cost() -> float:
    """time of certified marginals, 16+16 bits, over the uncertified vectorised ones (at most 3)"""
    model = harmonium(16)
    return median_ratio(
        lambda: seconds(lambda: certified_marginals(*model), REPEATS),
        lambda: seconds(lambda: marginals(*model), REPEATS),
    )


if __name__ == "__main__":
    for measure in (streaming_over_blocked_loop, streaming_over_pgmpy, certified_over_arb, certified_cost):
        ratio = measure()
        shown = f"{ratio:6.2f}" if ratio is not None else "NOT RUN: pgmpy is not installed;"
        print(f"{shown}  {measure.__doc__}  (median of {PAIRS} interleaved pairs)", flush=True)
