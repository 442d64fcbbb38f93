"""Products of statistics with matrices, for dense and for sparse rows, and tables over pairs (x, latent)."""

from __future__ import annotations

from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.families.base import XI, X
from eftheory.learn.datasets.sparse import SparseRows
from eftheory.learn.densities.density import Density

Rows = Tensor | SparseRows


def moment_product(density: Density, x: Rows, matrix: Tensor) -> Tensor:
    """``nu(x) matrix``, (N, c). matrix: (n, c), of the same dtype as x.

    Sparse rows stay sparse; raises MisuseError for them where the statistics are not x itself.
    """
    if not isinstance(x, SparseRows):
        return density.statistics(x) @ matrix
    _refuse_other_statistics(density, x)
    return x.times(matrix)


def moment_sums(density: Density, x: Rows) -> Tensor:
    """``sum of nu(x)`` over the rows, (n,). Raises MisuseError as `moment_product` does."""
    if not isinstance(x, SparseRows):
        return density.statistics(x).sum(0)
    _refuse_other_statistics(density, x)
    return x.column_totals()


def _refuse_other_statistics(density: Density, x: SparseRows) -> None:
    statistics = density.family.unit.statistics
    if density.natural_width != x.width or len(statistics) > 1 or statistics[0].expr not in (X, XI):
        got = f"{x!r} for {density.family}"
        raise MisuseError(wanted="sparse rows for a family with statistics x", got=got, do="pass rows.dense()")


def partitions(density: Density, eta: Tensor, totals: Tensor | None) -> Tensor:
    """``A(eta)`` of codes (c, n), nats: (c,), or (T, c) where there are totals (T,)."""
    if totals is None:
        return density.log_partition(eta)
    return density.log_partition(eta[None], totals[:, None])


def latent_table(density: Density, x: Rows, eta: Tensor) -> Tensor:
    """``log p(x|z) - log h(x) = <nu(x), f(z)> - A(f(z))``, (N, c), nats, from natural parameters of c latents, (c, n).

    Without the base measure, which may be large, no digit of the posterior is lost.
    """
    inner = moment_product(density, x, eta.T.contiguous())
    return inner - partitions(density, eta, density.total(x))


def rows_at(x: Rows, start: int, stop: int) -> Rows:
    """Rows start to stop - 1."""
    return x.take(slice(start, stop)) if isinstance(x, SparseRows) else x[start:stop]


def taken(x: Rows, index: Tensor) -> Rows:
    """The rows at `index`, (B,) int64."""
    return x.take(index) if isinstance(x, SparseRows) else x[index]


def converted(x: Rows, like: Tensor) -> Rows:
    """x with the dtype and on the device of `like`."""
    if isinstance(x, SparseRows):
        return x.to(like.device, like.dtype)
    return x.to(device=like.device, dtype=like.dtype)
