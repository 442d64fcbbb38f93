"""Draws from a unit, by what its support, statistics and base say, never by its name.

Two points: one comparison. Whole numbers, positive numbers, (0, 1), the simplex and counts: `sampling_laws`. Other
finite units of up to `ENUMERATED` points: a table. Bits in two groups beyond that: Gibbs. Normals: `Quadratic`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.families.base import XI, XJ, Family, Statistic
from eftheory.families.support import Bits, Counts, Integers, Interval, Simplex, Support
from eftheory.learn.densities import sampling_laws as laws
from eftheory.learn.densities.constants import Constant
from eftheory.learn.densities.quadratic import Quadratic
from eftheory.learn.densities.sampling_laws import Sampler
from eftheory.learn.densities.unit_functions import log_base_of, sizes_of, terms_of

ENUMERATED = 2**12
"""Points of a unit that are drawn from a table."""
SWEEPS = 200
"""Gibbs sweeps from a random start, for units with too many points to enumerate."""


def sampler_of(family: Family, quadratic: Quadratic | None) -> Sampler:
    """How to draw from a unit. Raises MisuseError where no rule applies."""
    if quadratic is not None:
        return lambda eta, total: quadratic.rsample(eta)
    groups, _ = sizes_of(family)
    support = family.unit.support
    p = 1 if support.scalar else sum(groups)
    count = support.count(p)
    found: Sampler | None = None
    if count == 2 and p == 1:
        found = _two_points(family)
    elif isinstance(support, Integers):
        found = laws.series(family.unit.at(), support)
    elif isinstance(support, Interval):
        found = laws.interval(family.unit.at(), support)
    elif isinstance(support, Simplex):
        found = laws.simplex(family)
    elif isinstance(support, Counts):
        found = laws.counts(family, support, p)
    if found is None and count is not None and count <= ENUMERATED:
        found = _table(family, groups, p)
    if found is None and _two_groups_of_bits(family):
        found = _by_gibbs(groups)
    if found is None:
        do = "sampling is known for normals, finite, gamma-like, beta-like and counting families"
        raise MisuseError(wanted="a family that can be sampled", got=str(family), do=do)
    return found


# --- finite units -----------------------------------------------------------------------------------------------------


def unit_points(support: Support, p: int) -> Tensor:
    """Every point of a finite unit, (K, p), lexicographic; one-hot points by their class."""
    if isinstance(support, Bits):
        shifts = torch.arange(p - 1, -1, -1)
        return ((torch.arange(2**p)[:, None] >> shifts) & 1).to(torch.get_default_dtype())
    points = [[float(v) for v in point] for point in support.points(p)]
    return torch.tensor(sorted(points) if isinstance(support, Counts) else points)


def _logits(family: Family, groups: tuple[int, ...], p: int) -> tuple[Tensor, Tensor, Tensor]:
    """Points (K, p), their statistics (K, n) and log base measures (K), float64."""
    unit = family.unit
    points = unit_points(unit.support, p).double()
    statistics = torch.cat([term(points) for term in terms_of(unit, p, groups)], -1)
    base = log_base_of(unit)
    log_base = points.new_zeros(len(points)) if base is None else base(points.unsqueeze(-1)).squeeze(-1).sum(-1)
    return points, statistics, log_base


def _table(family: Family, groups: tuple[int, ...], p: int) -> Sampler:
    points, statistics, log_base = map(Constant, _logits(family, groups, p))

    def draw(eta: Tensor, total: Tensor | None) -> Tensor:
        logits = eta @ statistics.like(eta).T + log_base.like(eta)
        index = torch.multinomial(logits.softmax(-1).flatten(0, -2), 1).squeeze(-1)
        return points.like(eta)[index].reshape(*eta.shape[:-1], p)

    return draw


def _two_points(family: Family) -> Sampler:
    points, statistics, log_base = _logits(family, (), 1)
    low, high = (float(v) for v in points[:, 0])
    slope, offset = Constant(statistics[1] - statistics[0]), float(log_base[1] - log_base[0])
    plain = slope.value.tolist() == [1.0]

    def draw(eta: Tensor, total: Tensor | None) -> Tensor:
        logit = eta if plain else (eta * slope.like(eta)).sum(-1, keepdim=True)
        bits = torch.rand_like(logit) < torch.sigmoid(logit + offset)
        return bits.to(eta.dtype) * (high - low) + low

    return draw


def _two_groups_of_bits(family: Family) -> bool:
    wanted = (Statistic(XI, "i"), Statistic(XI * XJ, "across"))
    unit = family.unit
    return isinstance(unit.support, Bits) and unit.statistics == wanted and unit.base == 1 and len(unit.groups) == 2


def _by_gibbs(groups: tuple[int, ...]) -> Sampler:
    a, b = groups
    return lambda eta, total: gibbs(eta, (a, b), sweeps=SWEEPS)


def gibbs(eta: Tensor, groups: tuple[int, int], *, sweeps: int, start: Tensor | None = None) -> Tensor:
    """Bits (..., a+b) after `sweeps` block-Gibbs sweeps (first group given the second, then the reverse).

    eta (..., a + b + a b): biases, then the interactions row by row. start: bits (..., a+b), uniform when left out.
    The law tends to ``p(x; eta)`` as sweeps grow; how fast depends on the interactions.
    """
    a, b = groups
    if eta.shape[-1] != a + b + a * b:
        raise MisuseError(
            wanted=f"{a + b + a * b} natural parameters for groups of {a} and {b}", got=f"{eta.shape[-1]}", do="match"
        )
    first, second, across = eta[..., :a], eta[..., a : a + b], eta[..., a + b :].unflatten(-1, (a, b))
    y = _coins(torch.zeros_like(second)) if start is None else start[..., a:].to(eta)
    x = _coins(torch.zeros_like(first)) if start is None else start[..., :a].to(eta)
    for _ in range(sweeps):
        x = _coins(first + (across @ y.unsqueeze(-1)).squeeze(-1))
        y = _coins(second + (x.unsqueeze(-2) @ across).squeeze(-2))
    return torch.cat([x, y], -1)


def _coins(logits: Tensor) -> Tensor:
    return (torch.rand_like(logits) < torch.sigmoid(logits)).to(logits.dtype)
