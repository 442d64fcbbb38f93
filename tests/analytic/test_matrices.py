"""Small matrices: against numpy in every arithmetic, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from eftheory.analytic import matrices as mat
from eftheory.errors import MisuseError
from eftheory.exact.arithmetic import BALL, FLOAT, SYMBOL, Arithmetic, Number

ARITHMETICS = [pytest.param(on, id=name) for on, name in ((FLOAT, "float"), (BALL, "ball"), (SYMBOL, "symbol"))]


def number(value: Number) -> float:
    return float(value.mid()) if hasattr(value, "mid") else float(value)


def array(rows: mat.Matrix) -> np.ndarray:
    return np.array([[number(entry) for entry in row] for row in rows])


def covariance(n: int) -> np.ndarray:
    """Symmetric, positive definite, with entries that are exact in binary."""
    a = np.random.default_rng(n).integers(-4, 5, (n, n)) / 4
    return a @ a.T + np.eye(n)


@pytest.mark.parametrize("on", ARITHMETICS)
@pytest.mark.parametrize("n", [1, 2, 4])
def test_inverse_and_determinant(n: int, on: Arithmetic) -> None:
    a = covariance(n)
    rows = mat.numbers(a.tolist(), on=on)
    assert array(mat.inverse(rows, on=on)) == pytest.approx(np.linalg.inv(a), abs=1e-12)
    assert number(mat.log_det(rows, on=on)) == pytest.approx(np.linalg.slogdet(a)[1], abs=1e-12)
    assert array([mat.pivots(rows, on=on)])[0] == pytest.approx(np.diag(np.linalg.cholesky(a)) ** 2, abs=1e-12)


@pytest.mark.parametrize("on", ARITHMETICS)
def test_the_rest_of_the_algebra(on: Arithmetic) -> None:
    a, b = (np.arange(6).reshape(2, 3) / 2, np.arange(6).reshape(3, 2) - 2.5)
    left, right = (mat.numbers(x.tolist(), on=on) for x in (a, b))
    assert array(mat.product(left, right)) == pytest.approx(a @ b)
    assert array(mat.plus(left, mat.transpose(right))) == pytest.approx(a + b.T)
    assert array(mat.minus(left, mat.transpose(right))) == pytest.approx(a - b.T)
    assert number(mat.inner(left, mat.transpose(right))) == pytest.approx(np.trace(a @ b))
    assert number(mat.trace(mat.product(left, right))) == pytest.approx(np.trace(a @ b))
    assert array(mat.identity(3, on=on)) == pytest.approx(np.eye(3))
    assert array(mat.scaled(on.number(3), left)) == pytest.approx(3 * a)


def test_pivots_count_the_signs_of_the_eigenvalues() -> None:
    a = covariance(4) - 3 * np.eye(4)
    signs = np.sign(mat.pivots(a.tolist(), on=FLOAT))
    assert sorted(signs) == sorted(np.sign(np.linalg.eigvalsh(a)))
    assert {-1.0, 1.0} == set(signs), "a control: it is indefinite"


def test_symbols_stay_symbols() -> None:
    a, b = sp.symbols("a b", positive=True)
    found = mat.inverse([[a, b], [b, a]], on=SYMBOL)
    assert sp.simplify(found[0][1] + b / (a**2 - b**2)) == 0
    assert sp.simplify(found[0][1] - b / (a**2 - b**2)) != 0, "a control: the other sign"


def test_asks_for_half_of_a_symmetric_matrix() -> None:
    asked = []

    def entry(i: int, j: int) -> int:
        asked.append((i, j))
        return 10 * i + j

    assert mat.symmetric(entry, 2) == [[0, 10], [10, 11]]
    assert sorted(asked) == [(0, 0), (1, 0), (1, 1)]


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (lambda: mat.product([[1, 2]], [[1, 2]]), "2 rows on the right"),
        (lambda: mat.shape([[1], [1, 2]]), "rows of one length"),
        (lambda: mat.shape([]), "rows of one length"),
        (lambda: mat.plus([[1]], [[1, 2]]), "two matrices of one shape"),
        (lambda: mat.inner([[1]], [[1, 2]]), "two matrices of one shape"),
        (lambda: mat.trace([[1, 2]]), "a square matrix"),
        (lambda: mat.inverse([[1.0, 1.0], [1.0, 1.0]], on=FLOAT), "a matrix with pivots"),
        (lambda: mat.inverse([[1, 1], [1, 1]], on=BALL), "a matrix with pivots"),
        (lambda: mat.inverse([[1, 1], [1, 1]], on=SYMBOL), "a matrix with pivots"),
        (lambda: mat.log_det([[1.0, 2.0], [2.0, 1.0]], on=FLOAT), "positive definite"),
        (lambda: mat.log_det([[1, 2], [2, 1]], on=BALL), "positive definite"),
    ],
)
def test_misuse_is_one_line(call: object, wanted: str) -> None:
    with pytest.raises(MisuseError, match=wanted) as caught:
        call()  # type: ignore[operator]
    assert "\n" not in str(caught.value)
