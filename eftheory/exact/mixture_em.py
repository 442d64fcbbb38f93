"""The best ELBO of a factorised encoder for a mixture in the plane, by optimisation in floats: numbers, no proof."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
CODES = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


@dataclass(frozen=True)
class Optimum:
    """elbo, gap, evidence (``elbo = evidence - gap``) and the entropy bound `best` on the evidence, nats."""

    elbo: float
    gap: float
    evidence: float
    best: float

    @property
    def shortfall(self) -> float:
        """``max log-likelihood - ELBO``: zero exactly where a likelihood maximiser is tight."""
        return self.best - self.elbo


@dataclass(frozen=True)
class Problem:
    """Quadrature nodes x (N, 2) with weights (N) of the mixture itself; s2: the known variance."""

    x: Array
    weights: Array
    centres: Array
    s2: float
    best: float


def problem(centres: Sequence[Sequence[float]], s2: float, *, spacing: float = 0.5, reach: float = 6.0) -> Problem:
    """The mixture with equal weights on a grid of `spacing` standard deviations, `reach` of them around it."""
    middle, scale = np.asarray(centres, dtype=float), s2**0.5
    axes = [np.arange(c.min() - reach * scale, c.max() + reach * scale, spacing * scale) for c in middle.T]
    x = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
    log_density = _log_sum(_log_joint(x, middle, s2, np.full(4, 0.25)))
    mass = np.exp(log_density)
    weights = mass / mass.sum()
    return Problem(x, weights, middle, s2, float(weights @ log_density))


def at_truth(given: Problem, *, sweeps: int = 200) -> Optimum:
    """The best factorised encoder for the true model: its gap is the certified one's true value."""
    prior = np.full(4, 0.25)
    log_joint = _log_joint(given.x, given.centres, given.s2, prior)
    bits = _starting_bits(given, 0)
    for _ in range(sweeps):
        bits = _encoder_step(bits, log_joint)
    return _optimum(given, bits, log_joint)


def best_elbo(given: Problem, *, free_prior: bool, starts: int = 6, iterations: int = 400) -> Optimum:
    """Variational EM over means ``u + z1 a + z2 b``, encoder table, and the prior where it is free; best of `starts`.

    Mean-field q at every node, means by weighted least squares: each step raises the ELBO.
    """
    runs = [_run(given, _starting_bits(given, seed), free_prior, iterations) for seed in range(starts)]
    return max(runs, key=lambda run: run.elbo)


def _run(given: Problem, bits: Array, free_prior: bool, iterations: int) -> Optimum:
    prior, log_joint = np.full(4, 0.25), np.empty((len(bits), 4))
    for _ in range(iterations):
        if free_prior:
            prior = given.weights @ _table(bits)
        log_joint = _log_joint(given.x, _means(given, bits), given.s2, prior)
        for _ in range(2):
            bits = _encoder_step(bits, log_joint)
    return _optimum(given, bits, log_joint)


def _starting_bits(given: Problem, seed: int) -> Array:
    """The exact marginals of a random labelling of the true components (seed 0: the given one)."""
    order = np.random.default_rng(seed).permutation(4) if seed else np.arange(4)
    log_joint = _log_joint(given.x, given.centres[order], given.s2, np.full(4, 0.25))
    posterior = np.exp(log_joint - _log_sum(log_joint)[:, None])
    marginals: Array = posterior @ CODES
    return marginals


def _encoder_step(bits: Array, log_joint: Array) -> Array:
    first = _sigmoid(
        (1 - bits[:, 1]) * (log_joint[:, 2] - log_joint[:, 0]) + bits[:, 1] * (log_joint[:, 3] - log_joint[:, 1])
    )
    second = _sigmoid((1 - first) * (log_joint[:, 1] - log_joint[:, 0]) + first * (log_joint[:, 3] - log_joint[:, 2]))
    return np.stack([first, second], axis=1)


def _means(given: Problem, bits: Array) -> Array:
    table = _table(bits)
    design = np.column_stack([np.ones(4), CODES])
    gram = design.T @ ((given.weights @ table)[:, None] * design)
    moments = design.T @ (table.T @ (given.weights[:, None] * given.x))
    means: Array = design @ np.linalg.solve(gram, moments)
    return means


def _table(bits: Array) -> Array:
    first, second = bits[:, :1], bits[:, 1:]
    return np.hstack([(1 - first) * (1 - second), (1 - first) * second, first * (1 - second), first * second])


def _log_joint(x: Array, means: Array, s2: float, prior: Array) -> Array:
    squares = ((x[:, None, :] - means[None]) ** 2).sum(axis=2)
    joint: Array = np.log(prior) - squares / (2 * s2) - np.log(2 * np.pi * s2)
    return joint


def _optimum(given: Problem, bits: Array, log_joint: Array) -> Optimum:
    q = _table(bits)
    log_q = np.log(q, out=np.zeros_like(q), where=q > 0)  # q log q vanishes where q underflowed to 0
    inner = (q * (log_joint - log_q)).sum(axis=1)
    elbo, evidence = float(given.weights @ inner), float(given.weights @ _log_sum(log_joint))
    return Optimum(elbo, evidence - elbo, evidence, given.best)


def _log_sum(table: Array) -> Array:
    top = table.max(axis=1)
    total: Array = top + np.log(np.exp(table - top[:, None]).sum(axis=1))
    return total


def _sigmoid(t: Array) -> Array:
    value: Array = 0.5 * (1 + np.tanh(t / 2))
    return value
