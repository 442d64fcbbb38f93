"""Sparse rows do what the same rows do as a table."""

from __future__ import annotations

import pytest
import torch

from eftheory.errors import MisuseError
from eftheory.learn.datasets.sparse import SparseRows, _transposed_by_sorting

Tensor = torch.Tensor


def table(rows: int = 7, width: int = 5, seed: int = 0) -> Tensor:
    """Counts, mostly zero; the last row is empty."""
    generator = torch.Generator().manual_seed(seed)
    counts = torch.randint(1, 9, (rows, width), generator=generator).float()
    counts *= torch.rand(rows, width, generator=generator) < 0.4
    counts[-1] = 0
    return counts


def same(rows: SparseRows, dense: Tensor) -> bool:
    return rows.shape == tuple(dense.shape) and torch.equal(rows.dense(), dense)


@pytest.mark.parametrize("seed", range(3))
def test_a_table_survives_the_round_trip(seed: int) -> None:
    dense = table(seed=seed)
    rows = SparseRows.from_dense(dense)
    assert same(rows, dense) and len(rows) == 7 and rows.dtype == torch.float32
    assert len(rows.values) == int((dense != 0).sum()) > 0
    again = SparseRows.from_csr(rows.indices, rows.offsets, rows.values, rows.width)
    assert same(again, dense)
    assert not same(rows, dense + 1), "the comparison can fail"


def test_entries_in_any_order_and_explicit_zeros_are_put_right() -> None:
    indices, offsets = torch.tensor([3, 0, 2, 1]), torch.tensor([0, 3, 3, 4])
    rows = SparseRows.from_csr(indices, offsets, torch.tensor([5.0, 1.0, 0.0, 2.0]), 4)
    assert rows.dense().tolist() == [[1, 0, 0, 5], [0, 0, 0, 0], [0, 2, 0, 0]]
    assert rows.indices.tolist() == [0, 3, 1] and rows.offsets.tolist() == [0, 2, 2, 3]


@pytest.mark.parametrize("index", [[2], [6, 0, 0, 3], [], [5, 4, 3, 2, 1, 0]])
def test_take_picks_rows_as_indexing_does(index: list[int]) -> None:
    dense = table()
    picked = torch.tensor(index, dtype=torch.int64)
    assert same(SparseRows.from_dense(dense).take(picked), dense[picked])


@pytest.mark.parametrize("bounds", [(0, 3), (2, 100), (5, 5), (6, 2), (0, None), (-2, None)])
def test_take_slices_as_indexing_does(bounds: tuple[int, int | None]) -> None:
    dense = table()
    assert same(SparseRows.from_dense(dense).take(slice(*bounds)), dense[slice(*bounds)])


def test_totals_frequencies_and_columns() -> None:
    dense = table()
    rows = SparseRows.from_dense(dense)
    assert torch.equal(rows.totals(), dense.sum(1)) and torch.equal(rows.column_totals(), dense.sum(0))
    assert torch.equal(rows.rows(), dense.nonzero()[:, 0])
    frequencies = rows.scaled().dense()
    torch.testing.assert_close(frequencies, dense / dense.sum(1, keepdim=True).clamp(min=1))
    assert not dense[-1].any() and not frequencies[-1].any(), "an empty row has no frequencies, and no NaN"
    assert same(rows.columns(3), dense[:, :3])
    assert same(rows.with_values(rows.values.square()), dense.square())
    assert same(rows.to(dtype=torch.float64), dense.double())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_product_and_its_gradient_are_those_of_the_table(dtype: torch.dtype) -> None:
    dense = table(40, 30).to(dtype)
    matrix = torch.randn(30, 4, dtype=dtype, generator=torch.Generator().manual_seed(1), requires_grad=True)
    weight = torch.randn(40, 4, dtype=dtype, generator=torch.Generator().manual_seed(2))
    rows = SparseRows.from_dense(dense).to(dtype=torch.float32)
    for view in (lambda m: m, lambda m: m.flip(0)):  # contiguous or not
        product, expected = rows.times(view(matrix)), dense @ view(matrix)
        torch.testing.assert_close(product, expected)
        (gradient,) = torch.autograd.grad((product * weight).sum(), matrix)
        (wanted,) = torch.autograd.grad((expected * weight).sum(), matrix)
        torch.testing.assert_close(gradient, wanted)
    torch.testing.assert_close(rows.times(matrix.T.contiguous().T), dense @ matrix)
    assert not torch.allclose(rows.times(matrix), dense @ matrix.flip(0)), "the comparison can fail"


def test_both_ways_to_transpose() -> None:
    dense = table()
    rows = SparseRows.from_dense(dense)
    assert same(rows.transposed(), dense.T) and same(_transposed_by_sorting(rows), dense.T)
    assert rows.transposed().values.dtype == torch.float32


@pytest.mark.parametrize(
    ("indices", "offsets", "values", "message"),
    [
        ([0, 1], [0, 2], [1.0], "one length"),
        ([0], [0, 2], [1.0], "rise from 0 to the number of entries, 1"),
        ([0, 1], [0, 2, 1, 2], [1.0, 1.0], "rise from 0"),
        ([0], [], [1.0], "rise from 0"),
        ([0, 4], [0, 1, 2], [1.0, 1.0], "columns 0 to 3; got column 4 in row 1"),
        ([-1], [0, 1], [1.0], "column -1 in row 0"),
        ([2, 1, 2], [0, 3], [1.0, 1.0, 1.0], "row 0, column 2 twice"),
        ([0], [0, 1], [1], "floating"),
    ],
)
def test_rows_that_do_not_fit_are_refused(indices: list, offsets: list, values: list, message: str) -> None:
    with pytest.raises(MisuseError, match=message):
        SparseRows.from_csr(torch.tensor(indices), torch.tensor(offsets), torch.tensor(values), 4)


def test_wrong_use_is_refused() -> None:
    rows = SparseRows.from_dense(table())
    for act in (
        lambda: list(rows),
        lambda: rows.take(slice(0, 4, 2)),
        lambda: rows.columns(6),
        lambda: rows.columns(0),
    ):
        with pytest.raises(MisuseError):
            act()
    assert repr(rows).startswith("SparseRows(7 x 5")
