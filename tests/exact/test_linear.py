"""Null spaces, annihilating integer weights, solutions and ranks over Q."""

from __future__ import annotations

from itertools import product

import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from eftheory.errors import MisuseError
from eftheory.exact.linear import annihilators, nullspace, primitive, rank, solve

ENTRY = st.fractions(min_value=-5, max_value=5, max_denominator=4).map(lambda f: fmpq(f.numerator, f.denominator))
MATRICES = st.integers(1, 4).flatmap(
    lambda n: st.lists(st.lists(ENTRY, min_size=n, max_size=n), min_size=1, max_size=4)
)


def image(rows: list[list[fmpq]], b: list[fmpq]) -> list[fmpq]:
    return [sum((r * w for r, w in zip(row, b, strict=True)), fmpq(0)) for row in rows]


@settings(max_examples=60, deadline=None)
@given(MATRICES)
def test_null_space_and_annihilators(rows: list[list[fmpq]]) -> None:
    n, zero = len(rows[0]), [fmpq(0)] * len(rows)
    for basis in (nullspace(rows), annihilators(rows)):
        assert all(image(rows, [fmpq(w) for w in b]) == zero for b in basis)
        assert len(basis) == n - rank(rows)
        assert not basis or rank(basis) == len(basis)


@settings(max_examples=60, deadline=None)
@given(MATRICES, st.data())
def test_solutions(rows: list[list[fmpq]], data: st.DataObject) -> None:
    truth = data.draw(st.lists(ENTRY, min_size=len(rows[0]), max_size=len(rows[0])))
    right = image(rows, truth)
    found = solve(rows, right)
    assert found is not None and image(rows, found) == right


def test_no_solution_is_none() -> None:
    assert solve([[1, 1], [2, 2]], [1, 3]) is None


def test_two_bits_have_the_square_and_third_differences_come_out() -> None:
    bits = list(product((0, 1), repeat=2))
    assert annihilators([[1] * 4, [z[0] for z in bits], [z[1] for z in bits]]) == [[1, -1, -1, 1]]
    line = range(-1, 3)
    assert annihilators([[1] * 4, list(line), [z * z for z in line]]) == [[1, -3, 3, -1]]


def test_weights_are_primitive() -> None:
    assert primitive([fmpq(0), fmpq(-2, 3), fmpq(4, 5)]) == [0, 5, -6]


def test_ragged_rows_are_refused() -> None:
    with pytest.raises(MisuseError, match="one length"):
        nullspace([[1, 2], [3]])
