"""The optimum of the Bernoulli bound over one truncated SVD of the same matrix, medians over interleaved pairs.

Dense: 60000 x 784 bits and 20 latents, over SciPy's `svds` (ARPACK) of the same matrix in float32, which is the faster
of its precisions, and over a randomised SVD by hand (10 extra vectors, 7 power iterations by QR, the usual choice of
libraries for so few components), in float32 too; converting the bits is part of neither. Ours starts from bits.
Sparse: 11269 x 10000 word presence and 50 latents, over `svds` of the same matrix; and the peak of traced memory.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import cache
from time import perf_counter
from typing import Any

import numpy as np
import scipy.sparse as sp
from benchmarks.ratios import PAIRS, median_ratio
from scipy.sparse.linalg import svds

from eftheory.analytic.bernoulli_fit import bernoulli_optimum

ROWS, PIXELS, LATENTS = 60000, 784, 20
DOCUMENTS, WORDS, TOPICS = 11269, 10000, 50


@cache
def images() -> np.ndarray:
    """Bits that depend on ten causes, uint8."""
    rng = np.random.default_rng(0)
    weights = 0.6 * rng.standard_normal((10, PIXELS))
    logits = rng.standard_normal((ROWS, 10)).astype(np.float32) @ weights.astype(np.float32) - 1.5
    return (rng.random((ROWS, PIXELS), dtype=np.float32) < 1 / (1 + np.exp(-logits))).astype(np.uint8)


@cache
def presence() -> sp.csr_matrix:
    """Documents of up to 90 different words, frequent ones first, from 20 topics."""
    rng = np.random.default_rng(0)
    frequencies = 1 / (np.arange(WORDS) + 5.0)
    topics = rng.dirichlet(np.full(20, 0.05), WORDS).T * frequencies
    edges = np.cumsum(topics / topics.sum(axis=1, keepdims=True), axis=1)
    labels = rng.integers(0, 20, DOCUMENTS)
    words = [np.unique(np.searchsorted(edges[label], rng.random(90)).clip(max=WORDS - 1)) for label in labels]
    ends = np.cumsum([0, *(len(each) for each in words)])
    return sp.csr_matrix((np.ones(ends[-1]), np.concatenate(words), ends), shape=(DOCUMENTS, WORDS))


def seconds(work: Callable[[], Any]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def randomised_svd(x: np.ndarray, k: int, iterations: int = 7) -> np.ndarray:
    """Singular values (k,)."""
    q = np.random.default_rng(0).standard_normal((x.shape[1], k + 10)).astype(x.dtype)
    for _ in range(iterations):
        q, _ = np.linalg.qr(x.T @ np.linalg.qr(x @ q)[0])
    q, _ = np.linalg.qr(x @ q)
    return np.linalg.svd(q.T @ x, full_matrices=False)[1][:k]


def dense_over_svds() -> float:
    x, floats = images(), images().astype(np.float32)
    return median_ratio(
        lambda: seconds(lambda: bernoulli_optimum(x, LATENTS)),
        lambda: seconds(lambda: svds(floats, k=LATENTS)),
    )


def dense_over_randomised() -> float:
    x, floats = images(), images().astype(np.float32)
    return median_ratio(
        lambda: seconds(lambda: bernoulli_optimum(x, LATENTS)),
        lambda: seconds(lambda: randomised_svd(floats, LATENTS)),
    )


def sparse_over_svds() -> float:
    x = presence()
    return median_ratio(
        lambda: seconds(lambda: bernoulli_optimum(x, TOPICS)), lambda: seconds(lambda: svds(x, k=TOPICS))
    )


def sparse_peak() -> float:
    """MiB of traced memory at the most, without the data; 10000 x 10000 numbers would take 763."""
    x = presence()
    tracemalloc.start()
    bernoulli_optimum(x, TOPICS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


if __name__ == "__main__":
    note = f"median of {PAIRS} interleaved pairs"
    print(f"{dense_over_svds():5.2f}  Bernoulli-bound optimum, 60000 x 784 bits, over SciPy's svds  ({note})")
    print(f"{dense_over_randomised():5.2f}  the same, over a randomised SVD by hand  ({note})")
    print(f"{sparse_over_svds():5.2f}  11269 x 10000 sparse word presence, 50 latents, over SciPy's svds  ({note})")
    print(f"{sparse_peak():5.0f}  MiB at the most for it (10000 x 10000 numbers: 763)")
