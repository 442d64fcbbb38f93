"""Bounded floats against balls: the check that an error bound must pass, and that a bound too small does not."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from flint import arb, ctx

from eftheory.exact.certified import Bounded

BITS = 160


def misses(claimed: Bounded, truth: Iterable[arb]) -> int:
    """How many of the true numbers are not certainly within ``value +- error``; the balls must be thin."""
    values, errors, balls = claimed.value.reshape(-1), claimed.error.reshape(-1), list(truth)
    assert len(values) == len(errors) == len(balls)
    with ctx.workprec(BITS):
        inside = [
            error == float("inf") or bool(abs(ball - arb(value)) <= arb(error))
            for value, error, ball in zip(values.tolist(), errors.tolist(), balls, strict=True)
        ]
    return inside.count(False)


def shrunk(claimed: Bounded, factor: float = 1e-4) -> Bounded:
    """The control: the same values, with bounds that are too small."""
    return Bounded(claimed.value, claimed.error * factor)


def log_joint(W: list[list[float]], u: list[float], v: list[float], x: Iterable[float], z: Iterable[float]) -> arb:
    """``x'Wz + u'x + v'z`` in balls."""
    x, z = list(x), list(z)
    pairs = ((arb(a) * arb(b) * arb(W[i][j])) for i, a in enumerate(x) for j, b in enumerate(z))
    own = (arb(a) * arb(b) for a, b in zip([*x, *z], [*u, *v], strict=True))
    return sum(pairs, arb(0)) + sum(own, arb(0))


def log_marginals(W: list[list[float]], u: list[float], v: list[float]) -> list[arb]:
    """``log sum_z p~(x,z)`` for every x in {0,1}^n, in the order of itertools, by adding up every z."""
    with ctx.workprec(BITS):
        zs = list(product((0.0, 1.0), repeat=len(v)))
        return [log_sum(log_joint(W, u, v, x, z) for z in zs) for x in product((0.0, 1.0), repeat=len(u))]


def log_sum(exponents: Iterable[arb]) -> arb:
    """``log sum exp`` in balls, whose exponents do not overflow."""
    with ctx.workprec(BITS):
        return sum((e.exp() for e in exponents), arb(0)).log()
