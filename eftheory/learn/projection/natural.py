"""The natural projection: least squares of f(z) on ``(psi(z), 1)``, closed form, in one pass over the codes.

``min_{W,u} E_mu ||f(z) - W psi(z) - u||^2_M`` (theory: section 5, item 1); M: the identity, or the Fisher metric
``Cov(nu | z)`` of the decoder family, in which the distance is twice the KL divergence to second order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from eftheory.errors import unknown
from eftheory.learn.densities.density import Density
from eftheory.learn.projection.blocks import FisherSums, Unit
from eftheory.learn.projection.directions import Directions, pairs_of
from eftheory.learn.projection.measure import Decoded, Measure

METRICS = ("identity", "fisher")
REFERENCE = 4
"""Codes for each coefficient of a first fit; sums are formed of f minus it, so that they cancel little."""


@dataclass(frozen=True, eq=False)
class Natural:
    """W: (n, m), u: (n). distance: ``E_mu ||f - W psi - u||^2_M``, spread: the same for the best constant f.

    directions: what the residual consists of (identity metric, bits), else None. rank: of (psi, 1) under mu; below
    m + 1 the solution of smallest norm is given. distance_error: standard error where mu is a sample, else 0.
    """

    W: Tensor
    u: Tensor
    distance: float
    spread: float
    metric: str
    rank: int
    directions: Directions | None = None
    distance_error: float = 0.0

    @property
    def rms(self) -> float:
        """Root mean square distance."""
        return math.sqrt(max(self.distance, 0.0))

    @property
    def share(self) -> float:
        """Of the spread of f, what no affine function of psi explains; 0 where f is constant."""
        return self.distance / self.spread if self.spread > 0.0 else 0.0


def natural_projection(
    decoded: Decoded, measure: Measure, decoder: Density, encoder: Density, *, metric: str = "identity"
) -> Natural:
    """The projection of f on the codes of `measure`. Raises MisuseError for an unknown metric.

    The identity reads f once; the Fisher metric twice, and needs a decoder of independent units.
    """
    if metric not in METRICS:
        raise unknown("metric", metric, METRICS)
    bordered = border(encoder.statistics(measure.codes))
    if metric == "fisher":
        return _fisher(decoded, measure, decoder, bordered)
    return _identity(decoded, measure, bordered)


def border(psi: Tensor) -> Tensor:
    """``(psi, 1)``, (c, m + 1)."""
    return torch.cat([psi, psi.new_ones(len(psi), 1)], 1)


@dataclass(frozen=True)
class Basis:
    """An orthonormal basis of the columns of ``sqrt(mu) (psi, 1)``, (c, rank), and the map back to coefficients.

    rows: (m + 1, rank), a basis of the coefficients that are determined; the others are 0 in the smallest solution.
    """

    columns: Tensor
    back: Tensor
    rows: Tensor

    @property
    def rank(self) -> int:
        return self.columns.shape[1]


def basis_of(matrix: Tensor) -> Basis:
    """By singular values; directions of relative size below ``eps max(shape)`` count as absent."""
    U, S, Vh = torch.linalg.svd(matrix, full_matrices=False)
    kept = max(matrix.shape) * torch.finfo(S.dtype).eps * S[0] < S
    return Basis(U[:, kept], Vh[kept].T / S[kept], Vh[kept].T)


def _identity(decoded: Decoded, measure: Measure, bordered: Tensor) -> Natural:
    root = measure.weights.sqrt()
    basis = basis_of(root[:, None] * bordered)
    pairs = pairs_of(measure, basis.columns)
    features = basis.columns if pairs is None else torch.cat([basis.columns, pairs.columns], 1)
    start = _reference(decoded, measure, bordered)
    products = start.new_zeros(features.shape[1], decoded.width)
    square, first, second = 0.0, start.new_zeros(decoded.width), 0.0
    for place, eta in decoded:
        weighted = measure.weights[place]
        rest = eta - bordered[place] @ start
        products += (features[place] * root[place, None]).T @ rest
        square += float(weighted @ rest.square().sum(-1))
        first += weighted @ (eta - start[-1])
        second += float(weighted @ (eta - start[-1]).square().sum(-1))
    inside = products[: basis.rank]
    distance = max(square - float(inside.square().sum()), 0.0)
    solution = basis.rows @ (basis.rows.T @ start) + basis.back @ inside
    directions = None if pairs is None else pairs.directions(products[basis.rank :], distance)
    spread = max(second - float(first.square().sum()), 0.0)
    return Natural(solution[:-1].T, solution[-1], distance, spread, "identity", basis.rank, directions)


def _reference(decoded: Decoded, measure: Measure, bordered: Tensor) -> Tensor:
    """Coefficients (m + 1, n) of a fit to a few codes: f minus it is about as large as the residual."""
    count = min(REFERENCE * bordered.shape[1], len(bordered))
    order = torch.randperm(len(bordered), generator=torch.Generator().manual_seed(0))[:count]
    some = basis_of(bordered[order])
    return some.back @ (some.columns.T @ decoded.at(measure.codes[order]))


def _fisher(decoded: Decoded, measure: Measure, decoder: Density, bordered: Tensor) -> Natural:
    unit = Unit.of(decoder)
    sums = FisherSums(unit, bordered.shape[1])
    for place, eta in decoded:
        sums.add(measure.weights[place], bordered[place], eta, eta)
    theta, rank = sums.solve()
    constant = FisherSums(unit, 1)
    for place, eta in decoded:
        constant.add(measure.weights[place], bordered[place][:, -1:], eta, eta)
    level, _ = constant.solve()
    distance = spread = 0.0
    for place, eta in decoded:
        weights = measure.weights[place]
        distance += float(weights @ unit.square(eta, eta - unit.affine(theta, bordered[place])))
        spread += float(weights @ unit.square(eta, eta - unit.affine(level, bordered[place][:, -1:])))
    W, u = unit.matrix(theta)
    return Natural(W, u, distance, spread, "fisher", rank)
