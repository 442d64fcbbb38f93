"""Probabilistic PCA from data: maximum likelihood by one eigendecomposition (float64, numpy)."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi

import numpy as np
import numpy.typing as npt

from eftheory.errors import MisuseError

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PPCA:
    """A fitted model ``x ~ N(mean, W W' + s2 I)``.

    mean (d), W (d x k), s2: the parameters; eigenvalues (d, falling), directions (d x d, columns): of the covariance.
    log_likelihood: nats a sample, of the data that were fitted. active: how many columns of W are not zero.
    """

    mean: Array
    W: Array
    s2: float
    eigenvalues: Array
    directions: Array
    log_likelihood: float

    @property
    def active(self) -> int:
        return int(np.count_nonzero(self.eigenvalues[: self.W.shape[1]] > self.s2))

    def score(self, x: npt.ArrayLike) -> float:
        """The mean log-density of the rows of x (nats a sample)."""
        centred = _rows(x) - self.mean
        return log_likelihood(centred.T @ centred / len(centred), self.W, self.s2)


def fit(x: npt.ArrayLike, k: int, *, s2: float | None = None) -> PPCA:
    """The maximum-likelihood model with k latents of the data x (n x d); with s2 given, that of W alone.

    Without s2 it is the mean of the d - k smallest eigenvalues of the covariance (divided by n, not n - 1).
    Raises MisuseError for data that are no finite matrix, k outside 1..d-1 (with s2: 1..d), an s2 not positive.
    """
    rows = _rows(x)
    mean = rows.mean(axis=0)
    centred = rows - mean
    return fit_covariance(centred.T @ centred / len(rows), k, s2=s2, mean=mean)


def fit_covariance(S: npt.ArrayLike, k: int, *, s2: float | None = None, mean: npt.ArrayLike | None = None) -> PPCA:
    """The same from the covariance S (d x d) of the data; mean: zero where it is not given."""
    matrix = _rows(S)
    d = len(matrix)
    if matrix.shape != (d, d) or not np.allclose(matrix, matrix.T):
        raise MisuseError(wanted="a symmetric covariance", got=f"shape {matrix.shape}", do="give x'x/n of centred data")
    if not 1 <= k <= d - (s2 is None):
        raise MisuseError(wanted=f"1 <= k <= {d - (s2 is None)}", got=str(k), do="choose fewer latents, or give s2")
    rising, vectors = np.linalg.eigh(matrix)
    eigenvalues, directions = rising[::-1], vectors[:, ::-1]
    noise = float(eigenvalues[k:].mean()) if s2 is None else float(s2)
    if not 0.0 < noise < float("inf"):
        raise MisuseError(wanted="a positive s2", got=str(noise), do="the data have no noise: give s2, or a smaller k")
    W = directions[:, :k] * np.sqrt(np.maximum(eigenvalues[:k] - noise, 0.0))
    centre = np.zeros(d) if mean is None else np.asarray(mean, dtype=np.float64)
    value = _from_eigenvalues(eigenvalues, noise, k)
    return PPCA(mean=centre, W=W, s2=noise, eigenvalues=eigenvalues, directions=directions, log_likelihood=value)


def log_likelihood(S: npt.ArrayLike, W: npt.ArrayLike, s2: float) -> float:
    """``-1/2 [d log(2 pi) + log det C + tr(C^-1 S)]`` (nats a sample), S (d x d), W (d x k), by the k x k matrix M.

    ``log det C = (d - k) log s2 + log det M`` and ``C^-1 = (I - W M^-1 W')/s2``. Raises MisuseError for s2 <= 0.
    """
    S, W = _rows(S), _rows(W)
    (d, k) = W.shape
    if S.shape != (d, d) or not s2 > 0.0:
        raise MisuseError(wanted="S (d x d), W (d x k), s2 > 0", got=f"{S.shape}, {W.shape}, {s2}", do="transpose W")
    M = W.T @ W + s2 * np.eye(k)
    log_det = (d - k) * log(s2) + float(np.linalg.slogdet(M)[1])
    distance = (float(np.trace(S)) - float(np.trace(np.linalg.solve(M, W.T @ S @ W)))) / s2
    return -0.5 * (d * log(2 * pi) + log_det + distance)


def _from_eigenvalues(eigenvalues: Array, s2: float, k: int) -> float:
    """The maximum over W: the k first eigenvalues, where above s2, are explained, the rest is noise."""
    ratios = eigenvalues / s2
    explained = ratios[:k][ratios[:k] > 1.0]
    gain = float(np.sum(np.log(explained) + 1.0 - explained))
    return -0.5 * (len(ratios) * log(2 * pi * s2) + float(ratios.sum()) + gain)


def _rows(x: npt.ArrayLike) -> Array:
    found = np.asarray(x, dtype=np.float64)
    if found.ndim != 2 or 0 in found.shape or not np.isfinite(found).all():
        raise MisuseError(wanted="a finite matrix", got=f"shape {found.shape}", do="give a row for each sample")
    return found
