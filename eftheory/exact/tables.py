"""Finite instances in Q: joints from odds, posteriors, and whether a posterior lies in an exponential family.

Integer statistics, rational base measures and rational odds ``exp(W), exp(u), exp(v)`` make every probability rational
(theory: section 4), so equality of distributions is decided, not estimated.
"""

from __future__ import annotations

from collections.abc import Sequence

from flint import fmpq

from eftheory.errors import MisuseError
from eftheory.exact.linear import annihilators

Table = list[list[fmpq]]
"""A row for each x, a column for each z."""
Matrix = Sequence[Sequence[fmpq | int]]
Vector = Sequence[fmpq | int]


def decoder_table(nu: Matrix, base: Vector, psi: Matrix, odds_w: Matrix, odds_u: Vector) -> Table:
    """``p(x|z) = h(x) exp(nu(x)' (W psi(z) + u)) / Z(z)`` for every x and z.

    nu: (points x, n) and psi: (points z, m), integers; base: h; odds_w = exp(W): (n, m); odds_u = exp(u): (n).
    Raises MisuseError for statistics that are not integers and for odds or base measures that are not positive.
    """
    _positive(base, "base measure")
    _positive(odds_u, "odds of u")
    for row in odds_w:
        _positive(row, "odds of W")
    columns = []
    for z in psi:
        theta = [fmpq(u) * monomial(row, z) for u, row in zip(odds_u, odds_w, strict=True)]
        mass = [fmpq(h) * monomial(theta, x) for h, x in zip(base, nu, strict=True)]
        total = sum(mass, fmpq(0))
        columns.append([m / total for m in mass])
    return [list(row) for row in zip(*columns, strict=True)]


def harmonium_table(nu: Matrix, base_x: Vector, psi: Matrix, base_z: Vector, odds: Matrix) -> Table:
    """The joint of eq. (7), ``h(x) k(z) exp(nub' Wb psib)``, normalised.

    odds = exp(Wb): (n + 1, m + 1), the last row v, the last column u, the corner ignored.
    """
    weights = [
        [fmpq(h) * fmpq(k) * _coupling(odds, [*x, 1], [*z, 1]) for z, k in zip(psi, base_z, strict=True)]
        for x, h in zip(nu, base_x, strict=True)
    ]
    total = sum((sum(row, fmpq(0)) for row in weights), fmpq(0))
    return [[entry / total for entry in row] for row in weights]


def joint(decoder: Table, prior: Vector) -> Table:
    """``p(x,z) = p(z) p(x|z)``."""
    _positive(prior, "prior")
    return [[p * fmpq(weight) for p, weight in zip(row, prior, strict=True)] for row in decoder]


def marginal_x(table: Table) -> list[fmpq]:
    """``p(x)``, the evidence of each x."""
    return [sum(row, fmpq(0)) for row in table]


def marginal_z(table: Table) -> list[fmpq]:
    """``p(z)``, the prior that the joint implies."""
    return [sum(column, fmpq(0)) for column in zip(*table, strict=True)]


def posterior(table: Table) -> Table:
    """``p(z|x)``."""
    return [[p / evidence for p in row] for row, evidence in zip(table, marginal_x(table), strict=True)]


def posterior_in_family(table: Table, psi_values: Matrix, base: Vector) -> bool:
    """Whether ``log(p(z|x)/k(z))`` lies in ``span{1, psi}`` for every x, decided in Q.

    Equation: ``prod_z (p(x,z)/k(z))^{b_z} = 1`` for every integer b that annihilates ``1, psi``.
    psi_values: (points z, m), rational. Unnormalised joints will do.
    """
    _positive(base, "base measure")
    return first_violation(table, psi_values, base) is None


def first_violation(table: Table, psi_values: Matrix, base: Vector) -> tuple[int, list[int], fmpq] | None:
    """The first (row of x, weights b, product) whose product is not 1, or None."""
    functions = [[fmpq(1)] * len(base), *([fmpq(z[j]) for z in psi_values] for j in range(len(psi_values[0])))]
    weights = annihilators(functions)
    for index, row in enumerate(table):
        _positive(row, "joint")
        for b in weights:
            product = monomial([p / fmpq(k) for p, k in zip(row, base, strict=True)], b)
            if product != 1:
                return index, b, product
    return None


def _coupling(odds: Matrix, x: Vector, z: Vector) -> fmpq:
    product, last = fmpq(1), (len(x) - 1, len(z) - 1)
    for i, row in enumerate(odds):
        for j, entry in enumerate(row):
            if (i, j) != last:
                product *= fmpq(entry) ** _integer(fmpq(x[i]) * fmpq(z[j]))
    return product


def monomial(bases: Vector, exponents: Vector) -> fmpq:
    """``prod_i bases_i ** exponents_i``; MisuseError for an exponent that is no integer."""
    product = fmpq(1)
    for base, exponent in zip(bases, exponents, strict=True):
        product *= fmpq(base) ** _integer(fmpq(exponent))
    return product


def _integer(number: fmpq) -> int:
    if number.q != 1:
        raise MisuseError(wanted="integer statistics", got=str(number), do="rescale them; odds need whole powers")
    return int(number.p)


def _positive(numbers: Vector, what: str) -> None:
    for number in numbers:
        if not fmpq(number) > 0:
            raise MisuseError(wanted=f"positive {what}", got=str(number), do="give positive rationals")
