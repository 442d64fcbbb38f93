"""Multivariate normal with full covariance, one block of d real components."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt

import sympy as sp
from sympy.core.relational import Relational

from eftheory.errors import MisuseError
from eftheory.families.arguments import notation, positive, size, vector
from eftheory.families.base import XI, XJ, Family, Statistic, Unit
from eftheory.families.support import Reals


def mvn(d: object) -> Family:
    """``p(x; eta) = exp(sum_i h_i x_i + sum_{i<=j} q_ij x_i x_j - A)`` on R^d, eta = (h, q row by row).

    With precision ``L_ii = -2 q_ii``, ``L_ij = -q_ij`` (positive definite: that is the domain),
    ``A = h' L^-1 h / 2 - log det L / 2 + d log(2 pi) / 2``. Raises MisuseError for d < 1.
    """
    dimension = size(d, "mvn(d)")
    unit = Unit(
        support=Reals(),
        statistics=(Statistic(XI, "i"), Statistic(XI * XJ, "i<=j")),
        domain=_domain,
        log_partition=_log_partition,
        groups=(dimension,),
        parameters=("mean", "covariance"),
        natural=_natural,
    )
    return Family(name="mvn", unit=unit, spec=notation("mvn", [dimension]))


def linear_and_precision(eta: Sequence[sp.Expr]) -> tuple[sp.Matrix, sp.Matrix]:
    """h (d x 1) and L (d x d) from the d + d(d+1)/2 natural parameters."""
    d = (isqrt(9 + 8 * len(eta)) - 3) // 2
    quadratic = iter(eta[d:])
    precision = sp.zeros(d, d)
    for i in range(d):
        precision[i, i] = -2 * next(quadratic)
        for j in range(i + 1, d):
            precision[i, j] = precision[j, i] = -next(quadratic)
    return sp.Matrix(eta[:d]), precision


def _domain(eta: Sequence[sp.Expr]) -> tuple[Relational, ...]:
    """Sylvester's criterion: the leading minors of the precision are positive."""
    _, precision = linear_and_precision(eta)
    d = precision.shape[0]
    return tuple(sp.Gt(sp.expand(precision[:k, :k].det(method="berkowitz")), 0) for k in range(1, d + 1))


def _log_partition(eta: Sequence[sp.Expr]) -> sp.Expr:
    h, precision = linear_and_precision(eta)
    d = precision.shape[0]
    det = sp.expand(precision.det(method="berkowitz"))
    quadratic = sp.expand((h.T * precision.adjugate() * h)[0, 0])
    return quadratic / (2 * det) - sp.log(det) / 2 + d * sp.log(2 * sp.pi) / 2


def _natural(groups: tuple[int, ...], *, mean: object, covariance: object) -> tuple[sp.Expr, ...]:
    d = sum(groups)
    precision = _covariance(covariance, d).inv()
    h = precision * sp.Matrix(vector(mean, d, "mean of mvn"))
    quadratic = [-precision[i, j] / (2 if i == j else 1) for i in range(d) for j in range(i, d)]
    return (*h, *quadratic)


def _covariance(value: object, d: int) -> sp.Matrix:
    """A positive definite matrix from "identity", a number times the identity, or rows."""
    if str(value) == "identity":
        return sp.eye(d)
    if not isinstance(value, list | tuple):
        return positive(value, "covariance of mvn (times the identity)") * sp.eye(d)
    rows = [vector(row, d, "a row of the covariance of mvn") if isinstance(row, list | tuple) else [] for row in value]
    square = len(rows) == d and all(len(row) == d for row in rows)
    matrix = sp.Matrix(rows) if square else None
    if matrix is None or matrix != matrix.T or not matrix.is_positive_definite:
        raise MisuseError(
            wanted=f"a symmetric positive definite {d} x {d} covariance of mvn",
            got=str(value),
            do="write rows, one number, or identity",
        )
    return matrix
