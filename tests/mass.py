"""The mass of a joint on growing boxes, by plain quadrature and summation: finite masses settle, infinite ones do not.

Coordinates are stretched so that the box of half-width T reaches exponentially far into every end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy as sp
from numeric import evaluate
from numpy.typing import NDArray

from eftheory.families.base import Explicit, Family
from eftheory.families.support import Circle, Integers, Interval, Support

Array = NDArray[np.float64]
STEPS = 700


def nodes(support: Support, width: float) -> tuple[Array, Array, Array]:
    """Points x, and log weights, and 1 - x for the unit interval (else x): no cancellation near 1."""
    t = np.linspace(-width, width, STEPS)
    step = np.log(t[1] - t[0])
    if isinstance(support, Integers):
        last = (
            min(float(support.hi), float(round(np.exp(width / 1.5)))) if support.finite else round(np.exp(width / 1.5))
        )
        whole = np.arange(float(support.lo), float(support.lo) + last + 1)
        return whole, np.zeros_like(whole), whole
    if isinstance(support, Circle):
        turn = np.linspace(-np.pi, np.pi, STEPS, endpoint=False)
        return turn, np.full(STEPS, np.log(2 * np.pi / STEPS)), turn
    assert isinstance(support, Interval)
    if support.lo == -sp.oo and support.hi == sp.oo:
        return np.sinh(t), step + np.log(np.cosh(t)), np.sinh(t)
    if support.hi == sp.oo:
        x = float(support.lo) + np.exp(t)
        return x, step + t, x
    assert (support.lo, support.hi) == (0, 1)
    x, rest = 1 / (1 + np.exp(-t)), 1 / (1 + np.exp(t))
    return x, step + np.log(x) + np.log(rest), rest


def _side(family: Family, width: float) -> tuple[Array, Array]:
    """Statistics (n, points), log weights with the base measure (points,)."""
    unit: Explicit = family.unit.at()
    x = unit.variables[0]
    rest = sp.Symbol("rest", positive=True)
    points, weights, complement = nodes(unit.support, width)
    values = {x: points, rest: complement}
    names = {1 - x: rest}
    rows = [evaluate(s.subs(names), values) * np.ones_like(points) for s in unit.statistics]
    # A whole number would turn log-gamma back into the logarithm of a gamma function.
    plain = sp.Symbol("x", real=True)
    values[plain] = points
    log_base = _log(unit.base.subs(names).xreplace({x: plain}))
    return np.array(rows), weights + evaluate(log_base, values) * np.ones_like(points)


def _log(base: sp.Expr) -> sp.Expr:
    """log of a base measure, factorials and gamma functions as log-gamma: they overflow early."""
    total = sp.Integer(0)
    for factor in sp.Mul.make_args(base):
        root, power = factor.as_base_exp()
        if isinstance(root, sp.factorial):
            total += power * sp.loggamma(root.args[0] + 1)
        elif isinstance(root, sp.gamma):
            total += power * sp.loggamma(root.args[0])
        else:
            total += sp.log(factor)
    return total


def log_mass(
    decoder: Family, encoder: Family, W: Sequence[Sequence[float]], u: Sequence[float], v: Sequence[float], width: float
) -> float:
    """log of the mass of ``h k exp(nu'W psi + u'nu + v'psi)`` on the box of that half-width (one unit a side)."""
    nu, h = _side(decoder, width)
    psi, k = _side(encoder, width)
    exponent = nu.T @ np.array(W, dtype=float) @ psi
    exponent += (np.array(u, dtype=float) @ nu + h)[:, None] + (np.array(v, dtype=float) @ psi + k)[None, :]
    top = exponent.max()
    return float(top + np.log(np.exp(exponent - top).sum()))
