"""Least squares onto the harmoniums: projectors in Q, Pythagoras in balls, optimality against nearby harmoniums."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from flint import arb, fmpq, fmpq_mat

from eftheory.errors import MisuseError
from eftheory.exact import draws
from eftheory.exact.arithmetic import BALL, FLOAT
from eftheory.exact.projection import Projection, apply, apply_along, coefficients, hat_matrix
from eftheory.exact.side import Side, side

KEYS = draws.keys(12, label="projection")
Table = list[list[arb]]


def weights(space: Side, seed: int) -> tuple[fmpq, ...]:
    return draws.distribution(Random(seed), space.count)


@pytest.mark.parametrize("notation", draws.SIDES)
def test_projector_identities_in_q(notation: str) -> None:
    space = draws.random_side(Random(notation), notation)
    w = weights(space, 3)
    p, d, n = fmpq_mat(hat_matrix(space, w)), _diagonal(w), fmpq_mat(space.bordered)
    assert p * p == p and p * n == n
    assert (d * p).transpose() == d * p  # orthogonal in the inner product of the weights
    assert p.rank() == space.width + 1 and sum((p[i, i] for i in range(space.count)), fmpq(0)) == space.width + 1
    assert n.transpose() * d * (fmpq_mat(_identity(space.count)) - p) == fmpq_mat(space.width + 1, space.count)
    # control: with other weights it is another projector, where there is something to project
    other = fmpq_mat(hat_matrix(space, weights(space, 4)))
    assert (other == p) == (space.count == space.width + 1)


def _diagonal(w: tuple[fmpq, ...]) -> fmpq_mat:
    return fmpq_mat([[w[i] if i == j else fmpq(0) for j in range(len(w))] for i in range(len(w))])


def _identity(count: int) -> list[list[fmpq]]:
    return [[fmpq(int(i == j)) for j in range(count)] for i in range(count)]


def test_coefficients_of_a_line_by_hand() -> None:
    """Points 0, 1, 3 with weights 1/4, 1/2, 1/4: mean 5/4, variance 19/16."""
    space, w = side([[0], [1], [3]]), (fmpq(1, 4), fmpq(1, 2), fmpq(1, 4))
    slope, constant = coefficients(space, w)
    assert slope == [wi * (fmpq(t) - fmpq(5, 4)) / fmpq(19, 16) for wi, t in zip(w, (0, 1, 3), strict=True)]
    assert constant == [wi - fmpq(5, 4) * s for wi, s in zip(w, slope, strict=True)]
    through_zero = coefficients(space, w, constant=False)
    assert through_zero == [[wi * t / (fmpq(1, 2) + fmpq(9, 4)) for wi, t in zip(w, (0, 1, 3), strict=True)]]
    assert apply_along(coefficients(space, w), [fmpq(2), fmpq(5), fmpq(11)], _Rational()) == [3, 2]


class _Rational:
    """Formulas without logarithms are exact in Q."""

    @staticmethod
    def number(value: fmpq) -> fmpq:
        return fmpq(value)


def test_points_without_weight_may_leave_nothing_to_solve() -> None:
    with pytest.raises(MisuseError, match="minimal statistics on the data"):
        coefficients(side([[0], [1], [2]]), (fmpq(1), fmpq(0), fmpq(0)))
    assert coefficients(side([[0], [1], [2]]), (fmpq(1, 2), fmpq(1, 2), fmpq(0)))[0] == [-1, 1, 0]


@pytest.mark.parametrize("key", KEYS)
def test_pythagoras(key: str) -> None:
    """R_z = E err^2 + E rest^2, and the rest is orthogonal to every statistic."""
    projection = Projection(draws.random_vae(key))
    vae, residuals, error = projection.vae, projection.residuals(), projection.constructive_error()
    rest = [[r - e for r, e in zip(*rows, strict=True)] for rows in zip(residuals, error, strict=True)]
    parts = zip(projection.squared_residual(), projection.squared(error), projection.squared(rest), strict=True)
    for total, fitted, left in parts:
        assert (total - fitted - left).contains(0) and (total - fitted - left).rad() < 1e-10
        assert not fitted > total  # the error never exceeds the residual (Proposition A.1)
    for column in zip(*rest, strict=True):
        for statistic in zip(*vae.x.bordered, strict=True):
            product = sum((arb(w * s) * r for w, s, r in zip(vae.data, statistic, column, strict=True)), arb(0))
            assert product.contains(0) and product.rad() < 1e-10


@pytest.mark.parametrize("key", KEYS)
def test_both_projections_are_harmoniums(key: str) -> None:
    """``log phat - log h - log k`` is bilinear in (nu, 1) and (psi, 1): projecting on either side changes nothing."""
    projection = Projection(draws.random_vae(key))
    for error in (projection.constructive_error(), projection.joint_error()):
        table = _log_harmonium(projection, error)
        for fitted in (apply(projection.p_x, table, BALL), _along_z(projection, table)):
            differences = [a - b for rows in zip(fitted, table, strict=True) for a, b in zip(*rows, strict=True)]
            assert all(d.contains(0) and d.rad() < 1e-10 for d in differences)


def _log_harmonium(projection: Projection, error: Table) -> Table:
    vae = projection.vae
    return [
        [arb(p / (h * k)).log() - e for p, k, e in zip(row, vae.z.base, errors, strict=True)]
        for row, h, errors in zip(vae.joint, vae.x.base, error, strict=True)
    ]


def _along_z(projection: Projection, table: Table) -> Table:
    return [apply_along(projection.p_z, row, BALL) for row in table]


@pytest.mark.parametrize("key", draws.keys(6, kinds=("free", "near"), label="joint"))
def test_joint_least_squares_is_no_worse_than_what_is_near(key: str) -> None:
    projection, rng = Projection(draws.random_vae(key)), Random(key)
    vae = projection.vae

    def average(error: Table) -> arb:
        squares = projection.squared(error)
        return sum((arb(w) * s for w, s in zip(vae.prior, squares, strict=True)), arb(0))

    best = projection.joint_error()
    least, strictly = average(best), 0
    assert not average(projection.constructive_error()) < least
    for _ in range(20):
        step = [
            [fmpq(rng.randint(-9, 9), 10 ** rng.randint(1, 6)) for _ in range(vae.z.width + 1)]
            for _ in range(vae.x.width + 1)
        ]
        moved = fmpq_mat(vae.x.bordered) * fmpq_mat(step) * fmpq_mat(vae.z.bordered).transpose()
        other = [[e + arb(moved[i, j]) for j, e in enumerate(row)] for i, row in enumerate(best)]
        assert not average(other) < least
        strictly += bool(least < average(other))
    assert strictly >= 15  # control: the comparison does decide


@pytest.mark.parametrize("key", draws.keys(6, kinds=("tight",), label="exact"))
def test_a_harmonium_is_its_own_projection(key: str) -> None:
    projection = Projection(draws.random_vae(key))
    for error in (projection.constructive_error(), projection.joint_error()):
        assert all(e.contains(0) and e.rad() < 1e-11 for row in error for e in row)
        assert projection.total_mass(error).contains(1)


@pytest.mark.parametrize("key", draws.keys(6, kinds=("free",), label="mass"))
def test_total_mass_and_renormalisation(key: str) -> None:
    projection = Projection(draws.random_vae(key))
    error = projection.constructive_error()
    again = projection.renormalised(error)
    assert projection.total_mass(again).contains(1) and projection.total_mass(again).rad() < 1e-10
    shifts = [a - b for rows in zip(again, error, strict=True) for a, b in zip(*rows, strict=True)]
    assert all(shift.overlaps(projection.total_mass(error).log()) for shift in shifts)
    floats = projection.constructive_error(FLOAT)
    assert all(abs(a - float(b.mid())) < 1e-9 for r in zip(floats, error, strict=True) for a, b in zip(*r, strict=True))


def test_data_of_weight_zero_does_not_count() -> None:
    vae = draws.random_vae("random/own(5, 2) x bernoulli(1)/free/0")
    moved = replace(vae, data=(*vae.data[:3], vae.data[3] + vae.data[4], fmpq(0)))
    other = replace(moved, gamma=(*moved.gamma[:4], (moved.gamma[4][0] * 7,)))
    squares = [Projection(v).squared_residual() for v in (moved, other)]
    assert all(a.overlaps(b) for a, b in zip(*squares, strict=True))
