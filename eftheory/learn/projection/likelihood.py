"""The likelihood projection: ``min_{W,u} E_mu KL(p(x|z) || p_{W psi(z) + u}(x))``, a convex GLM fit.

Only ``E[nu | z]`` is needed, no samples (theory: section 5, item 2): the objective is
``E_mu [A(eta) - <E[nu|z], eta>]`` and a constant. Damped Newton, one block for each unit of the decoder family.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from eftheory.learn.densities.density import Density
from eftheory.learn.projection.blocks import LARGEST, FisherSums, Unit
from eftheory.learn.projection.measure import Decoded, Measure
from eftheory.learn.projection.natural import border
from eftheory.learn.projection.quasi_newton import minimise

TOLERANCE = 1e-16
"""Newton decrement of a unit, nats, below which it is solved..."""
STILL = 1e-3
"""...if its step changes natural parameters by less than this at every code;"""
PATIENCE = 10
"""otherwise it may go on for so many steps, after which the optimum is taken to lie at infinity."""
STEPS = 200
HALVINGS = 40


@dataclass(frozen=True, eq=False)
class Likelihood:
    """W: (n, m), u: (n). distance: nats. gradient: its largest entry, nats.

    at_infinity: units whose optimum is not attained (their data are separable, to rounding): W and u are then one
    point on the way, with the infimum as distance, to rounding. distance_error: standard error where mu is a sample.
    """

    W: Tensor
    u: Tensor
    distance: float
    gradient: float
    steps: int
    converged: bool
    at_infinity: int
    distance_error: float = 0.0


def likelihood_projection(
    decoded: Decoded,
    measure: Measure,
    decoder: Density,
    encoder: Density,
    *,
    start: tuple[Tensor, Tensor],
    total: float | None = None,
) -> Likelihood:
    """The projection on the codes of `measure`, from `start` = (W, u), such as the natural projection.

    total: |x| where the normaliser depends on it: the distance is that of documents of this length.
    """
    size = None if total is None else torch.tensor(total, dtype=torch.float64)
    unit = Unit.of(decoder, size)
    problem = _Problem(decoded, measure, unit, border(encoder.statistics(measure.codes)))
    theta = problem.inside(unit.theta(*start))
    solver = _newton if unit.size * problem.bordered.shape[1] <= LARGEST else _quasi_newton
    theta, steps, converged, at_infinity = solver(problem, theta)
    W, u = unit.matrix(theta)
    distance = kl_between(decoded, measure, decoder, problem.bordered, theta, unit)
    gradient = float(problem.gradient(theta).abs().max())
    return Likelihood(W, u, distance, gradient, steps, converged, at_infinity)


def kl_between(
    decoded: Decoded, measure: Measure, decoder: Density, bordered: Tensor, theta: Tensor, unit: Unit
) -> float:
    """``E_mu KL(p(x|z) || p_theta(x|z))``, nats."""
    total = 0.0
    for place, eta in decoded:
        total += float(measure.weights[place] @ decoder.kl(eta, unit.affine(theta, bordered[place]), unit.total))
    return total


@dataclass(frozen=True, eq=False)
class _Problem:
    """The objective, unit by unit, as a function of theta (copies, s, m + 1)."""

    decoded: Decoded
    measure: Measure
    unit: Unit
    bordered: Tensor

    def inside(self, theta: Tensor) -> Tensor:
        """theta, or where it leaves the natural domain at some code, a constant in it."""
        if bool(torch.isfinite(self.values(theta)).all()):
            return theta
        density = self.unit.density
        level = density.natural(torch.zeros(density.raw_width, dtype=torch.float64))
        constant = torch.zeros_like(theta)
        constant[..., -1] = level
        return constant

    def values(self, theta: Tensor) -> Tensor:
        """``E_mu [A(eta) - <E[nu|z], eta>]`` of each unit, (copies,), nats; infinite outside the domain."""
        found = theta.new_zeros(self.unit.copies)
        for place, f in self.decoded:
            eta = self.unit.affine(theta, self.bordered[place])
            inner = (self.unit.split(eta) * self.unit.split(self.unit.mean(f))).sum(-1)
            terms = self.unit.log_partition(eta) - inner
            found += self.measure.weights[place] @ terms
        return torch.where(torch.isfinite(found), found, torch.inf)

    def gradient(self, theta: Tensor) -> Tensor:
        """(copies, s, m + 1)."""
        found = torch.zeros_like(theta)
        for place, f in self.decoded:
            found += self._gradient(place, f, self.unit.affine(theta, self.bordered[place]))
        return found

    def curvature(self, theta: Tensor) -> tuple[Tensor, FisherSums]:
        """The gradient, and the sums that make the Hessian."""
        gradient, sums = torch.zeros_like(theta), FisherSums(self.unit, self.bordered.shape[1])
        for place, f in self.decoded:
            eta = self.unit.affine(theta, self.bordered[place])
            gradient += self._gradient(place, f, eta)
            sums.add(self.measure.weights[place], self.bordered[place], eta, None)
        return gradient, sums

    def _gradient(self, place: slice, f: Tensor, eta: Tensor) -> Tensor:
        excess = (self.unit.mean(eta) - self.unit.mean(f)) * self.measure.weights[place, None]
        return (excess.T @ self.bordered[place]).unflatten(0, (self.unit.copies, self.unit.size))


def _newton(problem: _Problem, theta: Tensor) -> tuple[Tensor, int, bool, int]:
    """(theta, steps, converged, units at infinity)."""
    value = problem.values(theta)
    waited = torch.zeros(problem.unit.copies, dtype=torch.long)
    for step in range(1, STEPS + 1):
        gradient, sums = problem.curvature(theta)
        direction, _ = sums.solve(-gradient)
        decrement = -(gradient * direction).sum((-2, -1))
        moves = (problem.bordered @ direction.flatten(0, 1).T).abs().amax(0).unflatten(0, direction.shape[:2]).amax(-1)
        flat = decrement <= TOLERANCE
        waited += flat & (moves > STILL)
        done = flat & ((moves <= STILL) | (waited >= PATIENCE))
        if bool(done.all()):
            return theta, step, True, int((flat & (moves > STILL)).sum())
        theta, value = _search(problem, theta, value, direction, decrement, done)
    return theta, STEPS, False, int((waited >= PATIENCE).sum())


def _search(
    problem: _Problem, theta: Tensor, value: Tensor, direction: Tensor, decrement: Tensor, done: Tensor
) -> tuple[Tensor, Tensor]:
    """Backtracking (Armijo), each unit with its own length; units that are done stay."""
    length = torch.where(done, 0.0, 1.0).to(theta.dtype)
    slack = 1e-15 * (1.0 + value.abs()) * problem.bordered.shape[1]
    for _ in range(HALVINGS):
        tried = theta + length[:, None, None] * direction
        found = problem.values(tried)
        fine = found <= value - 1e-4 * length * decrement + slack
        if bool(fine.all()):
            return tried, found
        length = torch.where(fine, length, length / 2)
    length = torch.where(fine, length, torch.zeros_like(length))
    tried = theta + length[:, None, None] * direction
    return tried, problem.values(tried)


def _quasi_newton(problem: _Problem, theta: Tensor) -> tuple[Tensor, int, bool, int]:
    """L-BFGS for units with too many coefficients to form a Hessian (multinomials)."""

    def objective(flat: Tensor) -> tuple[float, Tensor]:
        here = flat.view_as(theta)
        return float(problem.values(here).sum()), problem.gradient(here).flatten()

    found = minimise(objective, theta.flatten(), tolerance=math.sqrt(TOLERANCE))
    return found.point.view_as(theta), found.steps, found.converged, 0
