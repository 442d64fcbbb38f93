r"""The optimum of the Bernoulli bound from binary data, dense or sparse, by one eigendecomposition (theory: section 8).

With S the covariance of ``y = 2x - 1`` (divided by N) and its eigenvalues ``l_1 >= l_2 >= ...``:

    b = 2 mean(y),   W = 2 U_k (max(L_k, 1) - I)^(1/2),   value = d (log 2 - 1/2) + tr S/2 + sum (log l_j + 1 - l_j)/2

over the l_j > 1 among the first k; ``tr S = d - |mean y|^2``. Dense data: the smaller of X'X and XX' in whole numbers,
exactly, by float32 products of blocks of rows, and its eigenvalues, all of them. Sparse data: the largest k singular
values of the centred ``y / sqrt(N)`` as a linear operator; neither y nor a d x d matrix is formed.
The formulas themselves, over any arithmetic: `eftheory.analytic.bernoulli_bound`. Data are NumPy arrays of 0 and 1
(any dtype), or SciPy sparse matrices; needs SciPy for the latter only. Reference: Proposition 1 and Corollary 1 of
"A lower bound for the ELBO of the Bernoulli Variational Autoencoder".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eftheory.errors import MisuseError

Floats = NDArray[np.float64]
Data = Any
"""(N, d): an array, or a SciPy sparse matrix, of 0 and 1."""
BLOCK = 4096
"""Rows that are converted at a time: a sum of that many products of bits is exact in float32, which holds 2^24."""
SMALL_SIDE = 4096
"""Dense data whose smaller side is at most this are decomposed whole, larger ones like sparse ones."""


@dataclass(frozen=True, eq=False)
class BernoulliOptimum:
    """The (W, b) that minimise ``L(W, b)``, its value and the encoder that belongs to it.

    W: (d, k), its columns orthogonal, from the j-th largest eigenvalue, zero where that is at most 1; b: (d,).
    value: nats for an observation. eigenvalues: (k,), the largest of S, fewer where S has fewer. usable: how many of
    the k latents are used. gain (k, d), offset (k,), variance (k,): ``q(z|x) = N(gain x + offset, diag(variance))``.
    """

    W: Floats
    b: Floats
    value: float
    eigenvalues: Floats
    usable: int
    gain: Floats
    offset: Floats
    variance: Floats

    def mean(self, x: Data) -> Floats:
        """``mu*(x)``, (N, k)."""
        return np.asarray(x @ self.gain.T) + self.offset


def bernoulli_optimum(x: Data, latents: int) -> BernoulliOptimum:
    """The optimum for data x (N, d) and k = `latents`; every column's entry of largest size is positive.

    Raises MisuseError for data that are not of 0 and 1, or empty, and for fewer than one latent.
    """
    if latents < 1:
        raise MisuseError(wanted="at least one latent", got=str(latents), do="ask for more")
    x = _checked(x)
    share = _share_of_ones(x)
    eigenvalues, vectors = _leading(x, share, latents)
    d = len(share)
    used = int((eigenvalues > 1 + _rounding(d)).sum())
    above = np.ones(latents)
    above[:used] = eigenvalues[:used]
    W = np.zeros((d, latents))
    W[:, :used] = _signed(vectors[:, :used]) * 2 * np.sqrt(above[:used] - 1)
    mean = 2 * share - 1
    value = d * (log(2) - 0.5) + 0.5 * float(d - mean @ mean) + 0.5 * float((np.log(above) + 1 - above).sum())
    gain = W.T / above[:, None]  # I + W'W/4 = diag(above)
    return BernoulliOptimum(W, 2 * mean, value, eigenvalues, used, gain, gain @ (-0.5 - mean / 2), 1 / above)


def bound_of_data(x: Data, W: Floats, b: Floats) -> float:
    """``L(W, b)``, the mean over the rows of x, nats; by k x k matrices, as `bernoulli_bound.bernoulli_bound`.

    x: (N, d), W: (d, k), b: (d,). Raises MisuseError for data that are not of 0 and 1, and for shapes that differ.
    """
    x, W, b = _checked(x), np.asarray(W, dtype=float), np.asarray(b, dtype=float)
    if W.ndim != 2 or W.shape[0] != x.shape[1] or b.shape != W.shape[:1]:
        got = f"x {tuple(x.shape)}, W {W.shape}, b {b.shape}"
        raise MisuseError(wanted="x (N, d), W (d, k), b (d,)", got=got, do="transpose W, or check d")
    factor = np.linalg.cholesky(np.eye(W.shape[1]) + W.T @ W / 4)
    mean, d = 2 * _share_of_ones(x) - 1, len(b)
    squares = d - float(b @ mean) + float(b @ b) / 4
    start, total = W.T @ (1 + b / 2), 0.0
    for rows in _blocks(x):
        u = np.linalg.solve(factor, 2 * np.asarray(rows @ W).T - start[:, None])  # of W'(y - b/2)
        total += float((u * u).sum())
    log_det = 2 * float(np.log(np.diag(factor)).sum())
    return d * (log(2) - 0.5) + 0.5 * (log_det + squares - total / x.shape[0] / 4)


def usable_latents(x: Data) -> int:
    """How many eigenvalues of S are above 1: more latents than that do not lower the bound.

    Large sparse data: by ever more eigenvalues, doubled until the last is not above 1.
    """
    x = _checked(x)
    share = _share_of_ones(x)
    limit, k = 1 + _rounding(len(share)), 32
    while True:
        eigenvalues, _ = _leading(x, share, k)
        used = int((eigenvalues > limit).sum())
        if used < len(eigenvalues) or len(eigenvalues) < k:
            return used
        k *= 2


def _checked(x: Data) -> Data:
    """The data, once they are known to be a matrix of 0 and 1; a sparse one in rows, without repeated entries."""
    if hasattr(x, "tocsr"):
        x = x.tocsr()
        if not x.has_canonical_format:
            x = x.copy()
            x.sum_duplicates()
        binary = bool(np.isin(x.data, (0, 1)).all())
    else:
        x = np.asarray(x)
        binary = x.ndim == 2 and all(bool(((rows == 0) | (rows == 1)).all()) for rows in _blocks(x))
    if not binary or 0 in x.shape:
        got = f"an array of {x.dtype}, shape {tuple(x.shape)}"
        raise MisuseError(wanted="data (N, d) of 0 and 1, not empty", got=got, do="binarise the data")
    return x


def _blocks(x: Data) -> Iterator[Data]:
    return (x[first : first + BLOCK] for first in range(0, x.shape[0], BLOCK))


def _share_of_ones(x: Data) -> Floats:
    """``mean x``, (d,)."""
    return np.asarray(x.sum(axis=0, dtype=np.float64), dtype=float).ravel() / x.shape[0]


def _rounding(d: int) -> float:
    """Eigenvalues nearer than this to 1 are taken for 1: errors of theirs are at most some eps times ``tr S <= d``."""
    return 16 * d * float(np.finfo(float).eps)


def _signed(vectors: Floats) -> Floats:
    rows = np.abs(vectors).argmax(axis=0)
    return vectors * np.where(vectors[rows, np.arange(vectors.shape[1])] < 0, -1.0, 1.0)


def _leading(x: Data, share: Floats, k: int) -> tuple[Floats, Floats]:
    """The k largest eigenvalues of S, falling, and their vectors (d, k); fewer where a side of x is shorter."""
    n, d = x.shape
    k = min(k, n, d)
    if min(n, d) <= SMALL_SIDE and (not hasattr(x, "tocsr") or 3 * k > min(n, d)):
        return _by_columns(x, share, k) if d <= n else _by_rows(x, share, k)
    return _by_products(x, share, k)


def _by_columns(x: Data, share: Floats, k: int) -> tuple[Floats, Floats]:
    """From ``S = 4 (X'X/N - mean x mean x')``, (d, d)."""
    counts = np.zeros((len(share), len(share)))
    for rows in _blocks(x):
        block = _dense(rows)
        counts += block.T @ block
    return _largest(4 * (counts / x.shape[0] - np.outer(share, share)), k)


def _by_rows(x: Data, share: Floats, k: int) -> tuple[Floats, Floats]:
    """From the (N, N) matrix of the centred rows' inner products, over N, which has the same eigenvalues."""
    rows = _dense(x).astype(float) - share
    eigenvalues, left = _largest(4 / len(rows) * (rows @ rows.T), k)
    vectors = rows.T @ left
    return eigenvalues, vectors / np.maximum(np.linalg.norm(vectors, axis=0), np.finfo(float).tiny)


def _dense(rows: Data) -> NDArray[np.float32]:
    return np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float32)


def _largest(symmetric: Floats, k: int) -> tuple[Floats, Floats]:
    eigenvalues, vectors = np.linalg.eigh(symmetric)
    return eigenvalues[::-1][:k].copy(), vectors[:, ::-1][:, :k].copy()


def _by_products(x: Data, share: Floats, k: int) -> tuple[Floats, Floats]:
    """From products of x with vectors: ``(y - mean y) v = 2 (x v - (mean x . v) 1)``, and so its transpose."""
    from scipy.sparse.linalg import LinearOperator, svds

    n, d = x.shape
    x = x.astype(float)
    scale = 2 / sqrt(n)
    centred = LinearOperator(
        (n, d),
        matvec=lambda v: scale * (x @ v.ravel() - share @ v.ravel()),
        rmatvec=lambda u: scale * (x.T @ u.ravel() - share * u.sum()),
        dtype=np.dtype(float),
    )
    start = np.random.default_rng(0).standard_normal(min(n, d))
    _, singular, rows = svds(centred, k=k, v0=start, return_singular_vectors="vh")
    order = np.argsort(singular)[::-1]
    return singular[order] ** 2, rows[order].T
