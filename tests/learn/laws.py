"""Every shipped family beside torch.distributions: parameters drawn at random, their natural ones written by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from scipy import stats
from torch import Tensor
from torch import distributions as td

from eftheory.families import build
from eftheory.families.base import Family


@dataclass(frozen=True, kw_only=True, eq=False)
class Law:
    """draw(generator, shape): (natural parameters (*shape, n), the distribution) of one unit, for `copies` units."""

    name: str
    sizes: tuple[int, ...]
    draw: Callable[[torch.Generator, tuple[int, ...]], tuple[Tensor, td.Distribution]]
    hyper: Mapping[str, Any] = field(default_factory=dict)
    copies: int = 1

    def __str__(self) -> str:
        return self.family().spec

    def family(self) -> Family:
        return build(self.name, list(self.sizes), self.hyper)


def uniform(generator: torch.Generator, shape: tuple[int, ...], low: float, high: float) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)


def _law(parameters: Mapping[str, tuple[float, float]], natural: Callable[..., list[Tensor]], make: Callable[..., Any]):
    def draw(generator: torch.Generator, shape: tuple[int, ...]) -> tuple[Tensor, td.Distribution]:
        values = {key: uniform(generator, shape, *ends) for key, ends in parameters.items()}
        return torch.stack(natural(*values.values()), -1), make(*values.values())

    return draw


def _simplex(generator: torch.Generator, shape: tuple[int, ...], size: int) -> Tensor:
    probs = uniform(generator, (*shape, size), 0.2, 1.0)
    return probs / probs.sum(-1, keepdim=True)


def _categorical(generator: torch.Generator, shape: tuple[int, ...]) -> tuple[Tensor, td.Distribution]:
    p = _simplex(generator, shape, 4)
    return (p[..., :-1] / p[..., -1:]).log(), td.OneHotCategorical(p)


def _multinomial(generator: torch.Generator, shape: tuple[int, ...]) -> tuple[Tensor, td.Distribution]:
    p = _simplex(generator, shape, 4)
    return (p[..., :-1] / p[..., -1:]).log(), td.Multinomial(6, p)


def _dirichlet(generator: torch.Generator, shape: tuple[int, ...]) -> tuple[Tensor, td.Distribution]:
    a = uniform(generator, (*shape, 4), 0.5, 5)
    return a, td.Dirichlet(a)


def _mvn(generator: torch.Generator, shape: tuple[int, ...]) -> tuple[Tensor, td.Distribution]:
    root = torch.randn((*shape, 3, 3), generator=generator, dtype=torch.float64)
    precision = root @ root.mT + 0.5 * torch.eye(3, dtype=torch.float64)
    mean = uniform(generator, (*shape, 3), -1, 1)
    quadratic = [-precision[..., i, j] / (2 if i == j else 1) for i in range(3) for j in range(i, 3)]
    h = (precision @ mean[..., None])[..., 0]
    return torch.cat([h, torch.stack(quadratic, -1)], -1), td.MultivariateNormal(mean, precision_matrix=precision)


UNIT, WIDE, POSITIVE = (0.1, 0.9), (-2.0, 2.0), (0.5, 4.0)

LAWS = (
    Law(name="bernoulli", sizes=(3,), copies=3, draw=_law({"p": UNIT}, lambda p: [p.logit()], td.Bernoulli)),
    Law(
        name="binomial", sizes=(3,), hyper={"trials": 7}, copies=3,
        draw=_law({"p": UNIT}, lambda p: [p.logit()], lambda p: td.Binomial(7, p)),
    ),
    Law(name="categorical", sizes=(4,), hyper={"copies": 2}, copies=2, draw=_categorical),
    Law(name="multinomial", sizes=(4,), hyper={"trials": 6}, draw=_multinomial),
    Law(name="poisson", sizes=(3,), copies=3, draw=_law({"r": POSITIVE}, lambda r: [r.log()], td.Poisson)),
    Law(name="geometric", sizes=(3,), copies=3, draw=_law({"p": UNIT}, lambda p: [(1 - p).log()], td.Geometric)),
    Law(
        name="negative_binomial", sizes=(3,), hyper={"size": 3.5}, copies=3,
        draw=_law({"p": UNIT}, lambda p: [p.log()], lambda p: td.NegativeBinomial(3.5, p)),
    ),
    Law(
        name="normal", sizes=(3,), copies=3,
        draw=_law({"m": WIDE, "v": POSITIVE}, lambda m, v: [m / v, -0.5 / v], lambda m, v: td.Normal(m, v.sqrt())),
    ),
    Law(
        name="normal", sizes=(3,), hyper={"variance": 1.5}, copies=3,
        draw=_law({"m": WIDE}, lambda m: [m / 1.5], lambda m: td.Normal(m, 1.5**0.5)),
    ),
    Law(name="mvn", sizes=(3,), draw=_mvn),
    Law(
        name="exponential", sizes=(3,), copies=3,
        draw=_law({"r": POSITIVE}, lambda r: [-r], td.Exponential),
    ),
    Law(
        name="gamma", sizes=(3,), copies=3,
        draw=_law({"a": POSITIVE, "r": POSITIVE}, lambda a, r: [a, -r], td.Gamma),
    ),
    Law(
        name="gamma", sizes=(3,), hyper={"shape": 2.5}, copies=3,
        draw=_law({"r": POSITIVE}, lambda r: [-r], lambda r: td.Gamma(torch.full_like(r, 2.5), r)),
    ),
    Law(
        name="inverse_gamma", sizes=(3,), copies=3,
        draw=_law({"a": (3, 5), "r": POSITIVE}, lambda a, r: [-a, -r], td.InverseGamma),
    ),
    Law(
        name="beta", sizes=(3,), copies=3,
        draw=_law({"a": POSITIVE, "b": POSITIVE}, lambda a, b: [a, b], td.Beta),
    ),
    Law(name="dirichlet", sizes=(4,), draw=_dirichlet),
    Law(
        name="von_mises", sizes=(3,), copies=3,
        draw=_law(
            {"m": WIDE, "k": POSITIVE}, lambda m, k: [k * m.cos(), k * m.sin()], td.VonMises
        ),
    ),
    Law(
        name="log_normal", sizes=(3,), copies=3,
        draw=_law({"m": WIDE, "v": (0.2, 1)}, lambda m, v: [m / v, -0.5 / v], lambda m, v: td.LogNormal(m, v.sqrt())),
    ),
    Law(
        name="laplace", sizes=(3,), hyper={"location": 0.25}, copies=3,
        draw=_law({"s": POSITIVE}, lambda s: [-1 / s], lambda s: td.Laplace(0.25, s)),
    ),
    Law(
        name="weibull", sizes=(3,), hyper={"shape": 1.5}, copies=3,
        draw=_law({"s": POSITIVE}, lambda s: [-(s**-1.5)], lambda s: td.Weibull(s, 1.5)),
    ),
    Law(
        name="pareto", sizes=(3,), hyper={"scale": 1.5}, copies=3,
        draw=_law({"a": (3, 5)}, lambda a: [-a], lambda a: td.Pareto(torch.full_like(a, 1.5), a)),
    ),
)  # fmt: skip


def draw(law: Law, seed: int, rows: int = 5) -> tuple[Tensor, td.Distribution, Tensor]:
    """Natural parameters (rows, copies * n), the distribution of (rows, copies) units, and draws (rows, copies * p)."""
    generator = torch.Generator().manual_seed(seed)
    eta, distribution = law.draw(generator, (rows, law.copies))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        x = distribution.sample()
    return eta.flatten(1), distribution, x.reshape(rows, -1).double()


def log_prob(law: Law, distribution: td.Distribution, x: Tensor) -> Tensor:
    """Summed over units, (rows)."""
    shaped = x.reshape(*x.shape[:-1], law.copies, *distribution.event_shape)
    if isinstance(distribution, td.VonMises):  # torch's own is good to 1e-7 only
        exact = stats.vonmises.logpdf(shaped, distribution.concentration, loc=distribution.loc)
        return torch.from_numpy(exact).sum(-1)
    return distribution.log_prob(shaped).sum(-1)
