"""The law matrix: every shipped family with representative arguments, its scipy counterpart and its quadrature.

`nodes` returns points (n, p) and weights (n,) that sum or integrate over the support; `probes` returns points that
reach far into its ends at a given width, for brute-force suprema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sympy import Rational as R

from eftheory.families import build
from eftheory.families.base import Explicit, Family

Array = NDArray[np.float64]
Nodes = Callable[[Explicit], tuple[Array, Array]]
Probes = Callable[[Explicit, float], Array]


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """name, sizes, hyper: arguments of `build`; values, other: two settings of the usual parameters.

    log_density: scipy's, at `values`, of points (n, p); None where scipy has none.
    weights: natural weights for the support function (bounded and unbounded ones).
    """

    name: str
    sizes: tuple[int, ...] = (1,)
    hyper: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any]
    other: Mapping[str, Any]
    log_density: Callable[[Array], Array] | None
    nodes: Nodes
    probes: Probes
    weights: tuple[tuple[int, ...], ...]

    def __str__(self) -> str:
        return self.family().spec

    def family(self) -> Family:
        return build(self.name, list(self.sizes), self.hyper)

    def explicit(self) -> Explicit:
        return self.family().unit.at()

    def natural(self, values: Mapping[str, Any]) -> Array:
        """Natural parameters of one unit, through the family's own `natural`."""
        unit = self.family().unit
        groups = tuple(int(size) for size in unit.groups)
        if unit.natural is None:
            return np.array([float(v) for v in values["natural"]])
        return np.array([float(v) for v in unit.natural(groups, **values)])


# --- points and weights over the supports ---------------------------------------------------------------------------

_T = np.linspace(-4.4, 4.4, 705)
_STEP = _T[1] - _T[0]


def enumerated(explicit: Explicit) -> tuple[Array, Array]:
    points = np.array([[float(v) for v in point] for point in explicit.points()])
    return points, np.ones(len(points))


def series(terms: int) -> Nodes:
    return lambda explicit: (np.arange(float(terms))[:, None], np.ones(terms))


def above(lo: float = 0.0) -> Nodes:
    """(lo, oo) by x = lo + exp(pi/2 sinh t), whose trapezoid sum converges doubly exponentially."""
    u = np.exp(np.pi / 2 * np.sinh(_T))
    weights = _STEP * u * np.pi / 2 * np.cosh(_T)
    return lambda explicit: ((lo + u)[:, None], weights)


def line(centre: float = 0.0) -> Nodes:
    """R as two half-lines, so that a kink at the centre does no harm."""
    points, weights = above()(None)  # type: ignore[arg-type]
    both = np.concatenate([centre - points[::-1], centre + points])
    return lambda explicit: (both, np.concatenate([weights[::-1], weights]))


def unit_interval(explicit: Explicit) -> tuple[Array, Array]:
    x = 1 / (1 + np.exp(-np.pi * np.sinh(_T)))
    weights = _STEP * np.pi * np.cosh(_T) * x * (1 - x)
    inside = (x > 0) & (x < 1)
    return x[inside, None], weights[inside]


def circle(explicit: Explicit) -> tuple[Array, Array]:
    return np.linspace(-np.pi, np.pi, 64, endpoint=False)[:, None], np.full(64, 2 * np.pi / 64)


def simplex(explicit: Explicit) -> tuple[Array, Array]:
    """K = 3 by x = (u, (1-u) v, (1-u)(1-v)), Gauss-Legendre in both."""
    t, w = np.polynomial.legendre.leggauss(60)
    u, v = (array.ravel() for array in np.meshgrid((t + 1) / 2, (t + 1) / 2, indexing="ij"))
    weights = np.outer(w / 2, w / 2).ravel() * (1 - u)
    return np.stack([u, (1 - u) * v, (1 - u) * (1 - v)], axis=1), weights


def plane(explicit: Explicit) -> tuple[Array, Array]:
    """R^2 by the trapezoid rule, which is spectrally accurate for Gaussians."""
    t = np.linspace(-14, 14, 281)
    points = np.stack([array.ravel() for array in np.meshgrid(t, t, indexing="ij")], axis=1)
    return points, np.full(len(points), (t[1] - t[0]) ** 2)


# --- far-reaching points for suprema --------------------------------------------------------------------------------


def probe_points(explicit: Explicit, width: float) -> Array:
    return enumerated(explicit)[0]


def probe_naturals(explicit: Explicit, width: float) -> Array:
    return np.arange(0.0, 100 * width)[:, None]


def probe_above(lo: float = 0.0) -> Probes:
    return lambda explicit, width: (lo + np.exp(np.linspace(-width, width, 40001)))[:, None]


def probe_line(centre: float = 0.0) -> Probes:
    def probes(explicit: Explicit, width: float) -> Array:
        u = probe_above()(explicit, width)
        return np.concatenate([centre - u, [[centre]], centre + u])

    return probes


def probe_unit(explicit: Explicit, width: float) -> Array:
    x = 1 / (1 + np.exp(-np.linspace(-width, width, 40001)))
    return x[(x > 0) & (x < 1), None]


def probe_circle(explicit: Explicit, width: float) -> Array:
    return np.linspace(-np.pi, np.pi, 40001)[:, None]


def probe_simplex(explicit: Explicit, width: float) -> Array:
    t = np.linspace(-width, width, 401)
    logits = np.stack([array.ravel() for array in np.meshgrid(t, t, [0.0], indexing="ij")], axis=1)
    x = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    return x[(x > 0).all(axis=1)]


def probe_plane(explicit: Explicit, width: float) -> Array:
    t = np.linspace(-3, 3, 241)
    near = np.stack([array.ravel() for array in np.meshgrid(t, t, indexing="ij")], axis=1)
    return np.concatenate([near, near * width, near * width**2])


def probe_counts(explicit: Explicit, width: float) -> Array:
    return np.array(list(product(range(int(width)), repeat=len(explicit.variables))), dtype=float)


def _one_hot(probs: list[float]) -> Callable[[Array], Array]:
    return lambda x: np.log(np.array(probs))[x.argmax(axis=1)]


def _flat(frozen: Any, method: str = "logpdf") -> Callable[[Array], Array]:
    return lambda x: np.asarray(getattr(frozen, method)(x[:, 0]))


_HALF, _THIRD = R(1, 2), R(1, 3)
_MVN = [[2, R(1, 2)], [R(1, 2), 1]]

CASES: tuple[Case, ...] = (
    Case(
        name="bernoulli", values={"probs": R(1, 5)}, other={"probs": R(2, 3)}, nodes=enumerated, probes=probe_points,
        log_density=_flat(stats.bernoulli(0.2), "logpmf"), weights=((2,), (-3,), (0,)),
    ),
    Case(
        name="binomial", hyper={"trials": 7}, values={"probs": R(1, 5)}, other={"probs": R(2, 3)}, nodes=enumerated,
        probes=probe_points, log_density=_flat(stats.binom(7, 0.2), "logpmf"), weights=((2,), (-3,)),
    ),
    Case(
        name="categorical", sizes=(4,), values={"probs": [R(1, 10), R(2, 10), R(3, 10), R(4, 10)]},
        other={"probs": R(1, 4)}, nodes=enumerated, probes=probe_points, log_density=_one_hot([0.1, 0.2, 0.3, 0.4]),
        weights=((1, 5, -2), (-1, -1, -2), (0, 0, 0)),
    ),
    Case(
        name="multinomial", sizes=(3,), hyper={"trials": 4}, values={"probs": [R(1, 6), _THIRD, _HALF]},
        other={"probs": _THIRD}, nodes=enumerated, probes=probe_points,
        log_density=lambda x: stats.multinomial(4, [1 / 6, 1 / 3, 1 / 2]).logpmf(x), weights=((1, -2), (-1, -2)),
    ),
    Case(
        name="poisson", values={"rate": R(5, 2)}, other={"rate": 1}, nodes=series(80), probes=probe_naturals,
        log_density=_flat(stats.poisson(2.5), "logpmf"), weights=((1,), (-2,), (0,)),
    ),
    Case(
        name="geometric", values={"probs": R(3, 10)}, other={"probs": _HALF}, nodes=series(400), probes=probe_naturals,
        log_density=_flat(stats.geom(0.3, loc=-1), "logpmf"), weights=((1,), (-2,)),
    ),
    Case(
        name="negative_binomial", hyper={"size": R(7, 2)}, values={"probs": R(3, 10)}, other={"probs": _HALF},
        nodes=series(400), probes=probe_naturals, log_density=_flat(stats.nbinom(3.5, 0.7), "logpmf"),
        weights=((1,), (-2,)),
    ),
    Case(
        name="normal", values={"mean": R(1, 2), "variance": R(3, 2)}, other={"mean": 0, "variance": 1}, nodes=line(),
        probes=probe_line(), log_density=_flat(stats.norm(0.5, 1.5**0.5)), weights=((3, -2), (1, 0), (0, 1), (0, -1)),
    ),
    Case(
        name="normal", hyper={"variance": R(3, 2)}, values={"mean": R(1, 2)}, other={"mean": -1}, nodes=line(),
        probes=probe_line(), log_density=_flat(stats.norm(0.5, 1.5**0.5)), weights=((1,), (0,)),
    ),
    Case(
        name="mvn", sizes=(2,), values={"mean": [R(1, 2), -1], "covariance": _MVN},
        other={"mean": 0, "covariance": "identity"}, nodes=plane, probes=probe_plane,
        log_density=lambda x: stats.multivariate_normal([0.5, -1], [[2, 0.5], [0.5, 1]]).logpdf(x),
        weights=((1, 2, -2, 1, -1), (1, 0, -1, 0, 0), (0, 1, -1, 0, 0), (1, 1, -1, -2, -1), (1, 1, -1, -3, -1)),
    ),
    Case(
        name="exponential", values={"rate": R(5, 2)}, other={"rate": 1}, nodes=above(), probes=probe_above(),
        log_density=_flat(stats.expon(scale=0.4)), weights=((1,), (-2,)),
    ),
    Case(
        name="gamma", values={"shape": R(5, 2), "rate": 2}, other={"shape": 1, "rate": 1}, nodes=above(),
        probes=probe_above(), log_density=_flat(stats.gamma(2.5, scale=0.5)),
        weights=((2, -3), (1, 1), (-1, -1), (0, -1), (1, 0)),
    ),
    Case(
        name="gamma", hyper={"shape": R(5, 2)}, values={"rate": 2}, other={"rate": 1}, nodes=above(),
        probes=probe_above(), log_density=_flat(stats.gamma(2.5, scale=0.5)), weights=((1,), (-2,)),
    ),
    Case(
        name="inverse_gamma", values={"shape": R(5, 2), "scale": 2}, other={"shape": 4, "scale": 1}, nodes=above(),
        probes=probe_above(), log_density=_flat(stats.invgamma(2.5, scale=2)), weights=((-2, -3), (1, -1), (0, -1)),
    ),
    Case(
        name="beta", values={"a": R(5, 2), "b": 3}, other={"a": 2, "b": 2}, nodes=unit_interval, probes=probe_unit,
        log_density=_flat(stats.beta(2.5, 3)), weights=((2, 3), (1, 0), (-1, 1), (0, 2)),
    ),
    Case(
        name="dirichlet", sizes=(3,), values={"concentration": [5, 6, 7]}, other={"concentration": 6}, nodes=simplex,
        probes=probe_simplex, log_density=lambda x: stats.dirichlet([5, 6, 7]).logpdf(x.T / x.sum(axis=1)),
        weights=((1, 2, 3), (1, 0, 0), (0, 2, 1), (1, -1, 3)),
    ),
    Case(
        name="von_mises", values={"loc": R(1, 2), "concentration": 3}, other={"loc": 0, "concentration": 1},
        nodes=circle, probes=probe_circle, log_density=_flat(stats.vonmises(3, loc=0.5)), weights=((3, 4), (0, -1)),
    ),
    Case(
        name="log_normal", values={"mean": R(1, 2), "variance": R(1, 2)}, other={"mean": 0, "variance": 1},
        nodes=above(), probes=probe_above(), log_density=_flat(stats.lognorm(0.5**0.5, scale=np.exp(0.5))),
        weights=((1, -1), (1, 0), (0, 1)),
    ),
    Case(
        name="laplace", hyper={"location": R(1, 3)}, values={"scale": R(3, 2)}, other={"scale": 1},
        nodes=line(1 / 3), probes=probe_line(1 / 3), log_density=_flat(stats.laplace(1 / 3, 1.5)),
        weights=((1,), (-2,)),
    ),
    Case(
        name="weibull", hyper={"shape": R(3, 2)}, values={"scale": 2}, other={"scale": 1}, nodes=above(),
        probes=probe_above(), log_density=_flat(stats.weibull_min(1.5, scale=2)), weights=((1,), (-2,)),
    ),
    Case(
        name="pareto", hyper={"scale": R(3, 2)}, values={"shape": R(5, 2)}, other={"shape": 4}, nodes=above(1.5),
        probes=probe_above(1.5), log_density=_flat(stats.pareto(2.5, scale=1.5)), weights=((1,), (-2,)),
    ),
    Case(
        name="boltzmann", sizes=(2, 1), values={"natural": [1, R(-1, 2), 2, R(-3, 2), 1]},
        other={"natural": [0, 0, 0, 0, 0]}, nodes=enumerated, probes=probe_points, log_density=None,
        weights=((1, -1, 1, -5, 3), (-1, -1, -1, 3, 3), (0, 0, 0, 0, 0)),
    ),
    Case(
        name="multinomial", sizes=(3,), values={"probs": [R(1, 6), _THIRD, _HALF]}, other={"probs": _THIRD},
        nodes=lambda explicit: (probe_counts(explicit, 5), np.ones(125)), probes=probe_counts, log_density=None,
        weights=((1, -1, -2), (-1, -2, -3), (0, 0, 0), (0, -1, 0)),
    ),
)  # fmt: skip
