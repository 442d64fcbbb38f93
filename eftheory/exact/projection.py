"""Projection of tables onto the harmoniums by weighted least squares, in Q (theory: section 3, Proposition A.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from flint import fmpq, fmpq_mat

from eftheory.errors import MisuseError
from eftheory.exact.arithmetic import BALL, Arithmetic, Number
from eftheory.exact.finite import FiniteVAE
from eftheory.exact.side import Side

Matrix = list[list[fmpq]]


def coefficients(space: Side, weights: Sequence[fmpq], *, constant: bool = True) -> Matrix:
    """``(N' D N)^-1 N' D``, N the rows (nu, 1) of `space`, D the weights: (n + 1, points), in Q.

    Row by row the weighted least-squares coefficients of nu and, last, of the constant (unless it is left out).
    Raises MisuseError where N has not full rank on the points of positive weight.
    """
    rows = _rows(space, constant)
    n = fmpq_mat(rows)
    weighted = fmpq_mat([[w * entry for entry in row] for w, row in zip(weights, rows, strict=True)])
    try:
        return [list(row) for row in (n.transpose() * weighted).solve(weighted.transpose()).tolist()]
    except ZeroDivisionError:
        got = "statistics that are linearly dependent on the points of positive weight"
        raise MisuseError(wanted="minimal statistics on the data", got=got, do="add data or drop a statistic") from None


def hat_matrix(space: Side, weights: Sequence[fmpq], *, constant: bool = True) -> Matrix:
    """``P = N (N' D N)^-1 N' D``: (points, points), in Q; ``P y`` are the fitted values of y.

    P is the projector onto the range of N that is orthogonal in the inner product D. Raises as `coefficients` does.
    """
    fitted = fmpq_mat(_rows(space, constant)) * fmpq_mat(coefficients(space, weights, constant=constant))
    return [list(row) for row in fitted.tolist()]


def _rows(space: Side, constant: bool) -> list[list[fmpq]]:
    return space.bordered if constant else [list(row) for row in space.statistics]


@dataclass(frozen=True)
class Projection:
    """A finite VAE beside two harmoniums near it, in log tables (points x, points z), nats.

    *constructive*: Proposition A.1, ``Wb = argmin || N Wb - G ||_pd``; *joint*: least squares on log p(x,z) itself with
    weights pd(x) and the prior p(z), never worse on average. Neither is normalised.
    """

    vae: FiniteVAE

    @cached_property
    def p_x(self) -> Matrix:
        """The projector onto ``span(nu, 1)`` weighted by pd."""
        return hat_matrix(self.vae.x, self.vae.data)

    @cached_property
    def p_z(self) -> Matrix:
        """The projector onto ``span(psi, 1)`` weighted by the prior."""
        return hat_matrix(self.vae.z, self.vae.prior)

    def residuals(self, on: Arithmetic = BALL) -> list[list[Number]]:
        """``log p(z|x) - log q(z|x)``."""
        tables = zip(self.vae.posterior, self.vae.encoder, strict=True)
        return [[on.log(on.number(p / q)) for p, q in zip(*rows, strict=True)] for rows in tables]

    def squared_residual(self, on: Arithmetic = BALL) -> list[Number]:
        """``R_z = E_pd (log p(z|x) - log q(z|x))^2`` for every z."""
        return self._mean_square(self.residuals(on), on)

    def constructive_error(self, on: Arithmetic = BALL) -> list[list[Number]]:
        """``log p(x,z) - log phat(x,z)`` for the harmonium of Proposition A.1: the residuals, projected."""
        return apply(self.p_x, self.residuals(on), on)

    def joint_error(self, on: Arithmetic = BALL) -> list[list[Number]]:
        """The same for joint least squares: ``(I - P_z)`` applied to ``log p(x,z) - log k(z)`` along z."""
        logs = [[on.log(on.number(p / k)) for p, k in zip(row, self.vae.z.base, strict=True)] for row in self.vae.joint]
        return [[entry - fit for entry, fit in zip(row, apply_along(self.p_z, row, on), strict=True)] for row in logs]

    def squared(self, error: list[list[Number]], on: Arithmetic = BALL) -> list[Number]:
        """``E_pd error(x,z)^2`` for every z."""
        return self._mean_square(error, on)

    def total_mass(self, error: list[list[Number]], on: Arithmetic = BALL) -> Number:
        """``sum_{x,z} phat(x,z)`` of the harmonium with this error: 1 where it is exact."""
        total = on.number(0)
        for joint_row, error_row in zip(self.vae.joint, error, strict=True):
            for p, e in zip(joint_row, error_row, strict=True):
                total += on.number(p) * on.exp(-e)
        return total

    def renormalised(self, error: list[list[Number]], on: Arithmetic = BALL) -> list[list[Number]]:
        """The error after dividing phat by its total mass, which Theorem 2 does not bound."""
        shift = on.log(self.total_mass(error, on))
        return [[entry + shift for entry in row] for row in error]

    def _mean_square(self, error: list[list[Number]], on: Arithmetic) -> list[Number]:
        totals = [on.number(0)] * self.vae.z.count
        for weight, row in zip(self.vae.data, error, strict=True):
            if weight != 0:
                totals = [t + on.number(weight) * entry * entry for t, entry in zip(totals, row, strict=True)]
        return totals


def apply(matrix: Matrix, table: list[list[Number]], on: Arithmetic) -> list[list[Number]]:
    """``matrix @ table``, a rational matrix on a table of numbers."""
    return [
        list(column) for column in zip(*(apply_along(matrix, c, on) for c in zip(*table, strict=True)), strict=True)
    ]


def apply_along(matrix: Matrix, vector: Sequence[Number], on: Arithmetic) -> list[Number]:
    """``matrix @ vector``."""
    result = []
    for row in matrix:
        total = on.number(0)
        for entry, value in zip(row, vector, strict=True):
            if entry != 0:
                total += on.number(entry) * value
        result.append(total)
    return result
