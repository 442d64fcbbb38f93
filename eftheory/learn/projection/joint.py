"""The joint projection: the harmonium (W, u, v) that minimises ``KL(p(x, z) || harmonium)`` (theory: section 5).

By moment matching: ``max E_p[nu' W psi + u' nu + v' psi] - log Z``; the moments ``E nu psi'``, ``E nu`` and ``E psi``
under the model are sums over z of ``p(z) E[nu | z]``, and ``Z = sum_z k e^{v'psi + A(W psi + u)}`` is enumerated.
Convex; Newton's method, then L-BFGS where that did not end (or a unit of the decoder has too many coefficients).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.learn.densities.density import Density
from eftheory.learn.models.model import VAE
from eftheory.learn.projection.blocks import LARGEST, FisherSums, Unit
from eftheory.learn.projection.measure import BLOCK, Decoded
from eftheory.learn.projection.natural import border
from eftheory.learn.projection.quasi_newton import Minimum, minimise, search

TOLERANCE = 1e-7
"""Largest entry of the gradient: by how much a moment may be missed."""
STEPS = 60
NEWTON = 2**10
"""Latents that the Hessian is made of, at most: it has so many columns beside its blocks."""
MATCHED = 1e-9
"""By how much a moment of psi may be missed."""
RIDGE = 1e-8
"""Curvature given to v, which has none of its own given z."""


@dataclass(frozen=True, eq=False)
class Joint:
    """W: (n, m), u: (n), v: (m). distance = decoder_part + prior_part, nats:
    ``E KL(p(x|z) || p_{W psi + u}) + KL(p(z) || implied prior)``. gradient: the largest moment that is missed."""

    W: Tensor
    u: Tensor
    v: Tensor
    distance: float
    decoder_part: float
    prior_part: float
    gradient: float
    steps: int
    converged: bool


def joint_projection(
    decoded: Decoded, model: VAE, *, start: tuple[Tensor, Tensor, Tensor], tolerance: float = TOLERANCE
) -> Joint:
    """From `start` = (W, u, v). Raises MisuseError where latents cannot be enumerated, or the total of x varies."""
    problem = _problem(decoded, model)
    W, u, v = start
    first = torch.cat([torch.cat([W, u[:, None]], 1).flatten(), v])
    unit = Unit.of(model.decoder)
    found = Minimum(first, math.inf, math.inf, 0, False)
    if unit.size * problem.bordered.shape[1] <= LARGEST:
        found = _newton(problem, unit, first, tolerance)
    if not found.converged:
        found = minimise(problem.value, found.point, tolerance=tolerance)
    theta, v = problem.split(found.point)
    parts = problem.parts(theta, v)
    return Joint(
        theta[:, :-1], theta[:, -1], v, sum(parts), *parts, gradient=found.gradient, steps=found.steps,
        converged=found.converged,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Problem:
    """``log Z - <theta, moments> - <v, E psi>`` and its derivatives; theta = (W, u), (n, m + 1), flat: (theta, v)."""

    decoded: Decoded
    decoder: Density
    bordered: Tensor
    log_prior: Tensor
    log_base: Tensor
    moments: Tensor
    psi_mean: Tensor

    def split(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        n = self.moments.numel()
        return flat[:n].view_as(self.moments), flat[n:]

    def log_weights(self, theta: Tensor, v: Tensor) -> Tensor:
        """``log k + v'psi + A(W psi + u)``, (c,)."""
        parts = log_partitions(self.decoder, theta, self.bordered, self.decoded.step)
        return self.log_base + self.bordered[:, :-1] @ v + parts

    def blocks(self, theta: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """(which codes, (psi, 1), W psi + u), block by block."""
        for begin in range(0, len(self.bordered), self.decoded.step):
            place = slice(begin, begin + self.decoded.step)
            yield place, self.bordered[place], self.bordered[place] @ theta.T

    def value(self, flat: Tensor) -> tuple[float, Tensor]:
        theta, v = self.split(flat)
        log_weights = self.log_weights(theta, v)
        log_z = log_weights.logsumexp(-1)
        value = float(log_z) - float((theta * self.moments).sum()) - float(v @ self.psi_mean)
        if not math.isfinite(value):  # outside the natural domain
            return math.inf, flat
        implied = (log_weights - log_z).exp()
        gradient = -self.moments
        for place, psi, eta in self.blocks(theta):
            gradient = gradient + (self.decoder.mean(eta) * implied[place, None]).T @ psi
        return value, torch.cat([gradient.flatten(), implied @ self.bordered[:, :-1] - self.psi_mean])

    def parts(self, theta: Tensor, v: Tensor) -> tuple[float, float]:
        """(``E KL(p(x|z) || .)``, ``KL(p(z) || implied)``), nats."""
        weights = self.log_prior.exp()
        likelihood = 0.0
        for place, f in self.decoded:
            likelihood += float(weights[place] @ self.decoder.kl(f, self.bordered[place] @ theta.T))
        return likelihood, float(weights @ (self.log_prior - self.log_weights(theta, v).log_softmax(-1)))


def _problem(decoded: Decoded, model: VAE) -> _Problem:
    decoder, codes = model.decoder, model.latents()
    if decoder.needs_total:
        got, do = str(decoder.family), "take the natural or the likelihood projection"
        raise MisuseError(wanted="a decoder whose joint with z needs no law of the total", got=got, do=do)
    bordered = border(model.encoder.statistics(codes))
    log_prior = model.log_prior(codes).log_softmax(-1)
    weights = log_prior.exp()
    moments = bordered.new_zeros(decoder.natural_width, bordered.shape[1])
    for place, f in decoded:
        moments += (decoder.mean(f) * weights[place, None]).T @ bordered[place]
    log_base = model.encoder.log_base(codes)
    return _Problem(decoded, decoder, bordered, log_prior, log_base, moments, weights @ bordered[:, :-1])


def _newton(problem: _Problem, unit: Unit, point: Tensor, tolerance: float) -> Minimum:
    """Damped Newton; with the whole Hessian where the latents are few."""
    value, gradient = problem.value(point)
    for step in range(STEPS):
        largest = float(gradient.abs().max())
        if largest <= tolerance:
            return Minimum(point, value, largest, step, True)
        moved = search(problem.value, point, value, gradient, -_solve(problem, unit, point, gradient, step))
        if moved is None:
            break
        point, value, gradient = moved
    return Minimum(point, value, float(gradient.abs().max()), step, False)


def _solve(problem: _Problem, unit: Unit, point: Tensor, gradient: Tensor, seed: int) -> Tensor:
    """``H^-1 gradient``, H the covariance of ``(nu psib', psi)`` under the harmonium, by Woodbury's identity.

    ``H = D + U U'``: D is the mean of the covariances given z, one block for each unit of the decoder (and a small
    ridge, for v); U holds ``sqrt(p(z)) (E[.|z] - E[.])``, a column for each z. Where latents are many,
    `NEWTON` draws of z (from `seed`) stand for all: the direction is then an approximate one.
    """
    theta, v = problem.split(point)
    places, weights = _some(problem.log_weights(theta, v).softmax(-1), seed)
    psi = problem.bordered[places]
    eta = psi @ theta.T
    sums = FisherSums(unit, problem.bordered.shape[1])
    sums.add(weights, psi, eta, None)
    table = torch.cat([(problem.decoder.mean(eta)[:, :, None] * psi[:, None, :]).flatten(1), psi[:, :-1]], 1)
    table = (table - weights @ table) * weights.sqrt()[:, None]
    blocks, _ = sums.inverse()

    def inverse(rows: Tensor) -> Tensor:
        """D^-1 of every row."""
        parts = rows[:, : theta.numel()].view(len(rows), len(blocks), -1).transpose(0, 1)
        solved = (parts @ blocks.mT).transpose(0, 1).flatten(1)
        return torch.cat([solved, rows[:, theta.numel() :] / RIDGE], 1)

    pulled = inverse(table)
    inner = torch.eye(len(table), dtype=table.dtype) + pulled @ table.T
    right = inverse(gradient[None])[0]
    return right - pulled.T @ torch.linalg.solve(inner, table @ right)


def _some(weights: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """(places, weights) of all latents, or where these are too many of a sample of them."""
    if len(weights) <= NEWTON:
        return torch.arange(len(weights)), weights
    drawn = torch.multinomial(weights, NEWTON, replacement=True, generator=torch.Generator().manual_seed(seed))
    places, counts = drawn.unique(return_counts=True)
    return places, counts.double() / NEWTON


def log_partitions(decoder: Density, theta: Tensor, bordered: Tensor, step: int) -> Tensor:
    """``A(W psi(z) + u)`` of every code, (c,), nats."""
    blocks = [decoder.log_partition(bordered[i : i + step] @ theta.T) for i in range(0, len(bordered), step)]
    return torch.cat(blocks)


def matching_prior(model: VAE, W: Tensor, u: Tensor) -> Tensor:
    """v of the nearest implied prior: ``argmin_v KL(p(z) || implied(W, u, v))``, (m,); convex, L-BFGS."""
    codes = model.latents()
    psi = model.encoder.statistics(codes)
    theta = torch.cat([W, u[:, None]], 1)
    base = model.encoder.log_base(codes) + log_partitions(model.decoder, theta, border(psi), BLOCK)
    log_prior = model.log_prior(codes)
    target = log_prior.softmax(-1) @ psi

    def objective(v: Tensor) -> tuple[float, Tensor]:
        log_weights = base + psi @ v
        log_z = log_weights.logsumexp(-1)
        return float(log_z - v @ target), (log_weights - log_z).exp() @ psi - target

    start = torch.linalg.lstsq(border(psi), (log_prior - base)[:, None], driver="gelsd").solution[:-1, 0]
    return minimise(objective, start, tolerance=MATCHED).point
