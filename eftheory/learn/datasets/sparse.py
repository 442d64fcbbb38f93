"""Rows of counts that are mostly zero: word counts of documents, kept sparse from the file to the loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from scipy.sparse import csr_array
from torch import Tensor
from torch.nn.functional import embedding_bag

from eftheory.errors import MisuseError


@dataclass(frozen=True, eq=False)
class SparseRows:
    """N rows of `width` numbers, of which only the non-zero ones are kept (compressed sparse rows).

    indices: (nnz,) int64, the columns, ascending within each row. offsets: (N+1,) int64: row i holds the entries
    ``offsets[i] .. offsets[i+1]``. values: (nnz,) float. Built by `from_csr`, which checks all this; the methods keep
    it true and check nothing again.
    """

    indices: Tensor
    offsets: Tensor
    values: Tensor
    width: int

    @classmethod
    def from_csr(cls, indices: Tensor, offsets: Tensor, values: Tensor, width: int) -> SparseRows:
        """Checked rows; entries of a row come in any order, none twice; explicit zeros are dropped.

        Raises MisuseError naming what does not fit.
        """
        indices, offsets = indices.to(torch.int64), offsets.to(torch.int64)
        _check_layout(indices, offsets, values, width)
        rows = _rows(offsets)
        places = rows * width + indices
        if bool((places[1:] <= places[:-1]).any()):
            places, order = places.sort()
            indices, values = indices[order], values[order]
            twice = (places[1:] == places[:-1]).nonzero()
            if len(twice):
                row, column = divmod(int(places[int(twice[0])]), width)
                raise _refused("each entry of a row once", f"row {row}, column {column} twice")
        kept = values != 0
        if not bool(kept.all()):
            offsets = _offsets(torch.bincount(rows[kept], minlength=len(offsets) - 1))
            indices, values = indices[kept], values[kept]
        return cls(indices, offsets, values, width)

    @classmethod
    def from_dense(cls, table: Tensor) -> SparseRows:
        """The non-zero entries of a table (N, width)."""
        rows, columns = table.nonzero(as_tuple=True)
        counts = torch.bincount(rows, minlength=len(table))
        return cls(columns, _offsets(counts), table[rows, columns], table.shape[1])

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[None]:
        raise MisuseError(wanted="rows taken by index", got="a loop over SparseRows", do="use take(index) or dense()")

    def __repr__(self) -> str:
        return f"SparseRows({len(self)} x {self.width}, {len(self.values)} entries)"

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), self.width

    @property
    def device(self) -> torch.device:
        return self.values.device

    @property
    def dtype(self) -> torch.dtype:
        return self.values.dtype

    def rows(self) -> Tensor:
        """(nnz,) int64: the row of each entry; found once."""
        return self._entry_rows

    @cached_property
    def _entry_rows(self) -> Tensor:
        return _rows(self.offsets, len(self.values))

    def take(self, index: Tensor | slice) -> SparseRows:
        """The rows at `index` (B,) int64, in that order and as often as named; a slice (step 1) copies nothing."""
        if isinstance(index, slice):
            return self._range(*index.indices(len(self)))
        starts = self.offsets[index]
        counts = self.offsets[index + 1] - starts
        offsets = _offsets(counts)
        total = int(offsets[-1])
        entries = torch.repeat_interleave(starts - offsets[:-1], counts, output_size=total)
        entries += torch.arange(total, device=self.device)
        return SparseRows(self.indices[entries], offsets, self.values[entries], self.width)

    def _range(self, start: int, stop: int, step: int) -> SparseRows:
        if step != 1:
            raise _refused("a slice of step 1", f"step {step}", "pass the indices as a tensor")
        offsets = self.offsets[start : max(start, stop) + 1]
        first, last = int(offsets[0]), int(offsets[-1])
        return SparseRows(self.indices[first:last], offsets - first, self.values[first:last], self.width)

    def columns(self, width: int) -> SparseRows:
        """The first `width` columns only."""
        if not 1 <= width <= self.width:
            raise _refused(f"1 to {self.width} columns", str(width), "name fewer columns")
        kept = self.indices < width
        counts = torch.bincount(self.rows()[kept], minlength=len(self))
        return SparseRows(self.indices[kept], _offsets(counts), self.values[kept], width)

    def dense(self) -> Tensor:
        """The same as a table (N, width)."""
        table = self.values.new_zeros(len(self), self.width)
        table[self.rows(), self.indices] = self.values
        return table

    def totals(self) -> Tensor:
        """|x| of each row: (N,); found once."""
        return self._totals

    @cached_property
    def _totals(self) -> Tensor:
        return self.values.new_zeros(len(self)).index_add_(0, self.rows(), self.values)

    def column_totals(self) -> Tensor:
        """The sum of each column: (width,)."""
        return self.values.new_zeros(self.width).index_add_(0, self.indices, self.values)

    def scaled(self) -> SparseRows:
        """The frequencies x/|x|; a row without entries, where they are not defined, stays without entries."""
        return SparseRows(self.indices, self.offsets, self.values / self.totals()[self.rows()], self.width)

    def times(self, table: Tensor) -> Tensor:
        """The matrix product with `table` (width, h), (N, h), in the table's precision; differentiable in the table."""
        product: Tensor = _Product.apply(self.to(dtype=table.dtype), table)
        return product

    def transposed(self) -> SparseRows:
        """The `width` columns as rows of N numbers; found once."""
        return self._transposed

    @cached_property
    def _transposed(self) -> SparseRows:
        if self.device.type == "cpu":  # counting is three times as fast as sorting
            found = csr_array((self.values.numpy(), self.indices.numpy(), self.offsets.numpy()), self.shape).tocsc()
            indices, offsets, values = map(torch.from_numpy, (found.indices, found.indptr, found.data))
            return SparseRows(indices.to(torch.int64), offsets.to(torch.int64), values, len(self))
        return _transposed_by_sorting(self)

    def with_values(self, values: Tensor) -> SparseRows:
        """The same places with other `values` (nnz,), for maps that keep zero at zero."""
        return SparseRows(self.indices, self.offsets, values, self.width)

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> SparseRows:
        """On `device`, with values of `dtype`; None leaves as it is."""
        values = self.values.to(device=device, dtype=dtype)
        if values is self.values:
            return self  # with what it has found once
        return SparseRows(self.indices.to(device), self.offsets.to(device), values, self.width)


class _Product(torch.autograd.Function):
    """Sums of the table's rows, weighted; backwards the same with the transposed rows, which writes each gradient once.

    torch's own backward pass of `embedding_bag` takes about three times as long here, and sparse CSR products warn.
    """

    @staticmethod
    def forward(ctx: Any, rows: SparseRows, table: Tensor) -> Tensor:
        ctx.rows = rows
        return _weighted_sums(rows, table)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        return None, _weighted_sums(ctx.rows.transposed(), gradients[0])


def _weighted_sums(rows: SparseRows, table: Tensor) -> Tensor:
    return embedding_bag(
        rows.indices,
        table.contiguous(),
        rows.offsets,
        per_sample_weights=rows.values,
        mode="sum",
        include_last_offset=True,
    )


def _transposed_by_sorting(rows: SparseRows) -> SparseRows:
    order = rows.indices.argsort(stable=True)
    offsets = _offsets(torch.bincount(rows.indices, minlength=rows.width))
    return SparseRows(rows.rows()[order], offsets, rows.values[order], len(rows))


def _rows(offsets: Tensor, total: int | None = None) -> Tensor:
    counts = offsets[1:] - offsets[:-1]
    return torch.repeat_interleave(torch.arange(len(counts), device=offsets.device), counts, output_size=total)


def _offsets(counts: Tensor) -> Tensor:
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def _check_layout(indices: Tensor, offsets: Tensor, values: Tensor, width: int) -> None:
    if not indices.ndim == offsets.ndim == values.ndim == 1 or len(indices) != len(values):
        got = f"shapes {tuple(indices.shape)}, {tuple(offsets.shape)}, {tuple(values.shape)}"
        raise _refused("indices and values of one length, and offsets, all one-dimensional", got)
    if not len(offsets) or offsets[0] != 0 or offsets[-1] != len(values) or bool((offsets[1:] < offsets[:-1]).any()):
        raise _refused(f"offsets that rise from 0 to the number of entries, {len(values)}", "others")
    if not values.is_floating_point():
        raise _refused("values of a floating type", str(values.dtype), "convert them: values.float()")
    outside = ((indices < 0) | (indices >= width)).nonzero()
    if len(outside):
        entry = int(outside[0])
        got = f"column {int(indices[entry])} in row {int(_rows(offsets)[entry])}"
        raise _refused(f"columns 0 to {width - 1}", got)


def _refused(wanted: str, got: str, do: str = "check how the rows were made") -> MisuseError:
    return MisuseError(wanted=wanted, got=got, do=do)
