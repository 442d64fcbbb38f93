"""Counts under natural parameters that are affine in few numbers: ``log p(x; W h + b)`` without writing W h + b down.

For counts over V words ``A(eta, t) = t lse(eta) + c(t)`` (vae-error eq. 13; the multinomial theorem), so

    log p(x; W h + b) = h'(W'x) + b'x - |x| lse(W h + b) - c(|x|) + log h(x):

the words of a document are summed before the samples of z are, and only the log-sum-exp sees all V words
(`eftheory.learn.models.affine_lse`). Every decoder whose last layer is linear is of this kind.
"""

from __future__ import annotations

from functools import cache
from typing import final

import sympy as sp
from torch import Tensor, nn

from eftheory.errors import MisuseError
from eftheory.families.base import Statistic, Unit, everywhere
from eftheory.families.normaliser import closed_form
from eftheory.families.support import Counts
from eftheory.learn.densities.density import Density
from eftheory.learn.densities.products import Rows, moment_product
from eftheory.learn.densities.program import Program
from eftheory.learn.densities.translate import translate
from eftheory.learn.densities.unit_functions import SMALL, TOTAL
from eftheory.learn.models.affine_lse import affine_log_sum_exp
from eftheory.learn.models.networks import Linear


@final
class CountHead:
    """The likelihood of counts behind a linear last layer; holds no parameters. Built by `count_head`."""

    def __init__(self, density: Density, rest: Program) -> None:
        self.density, self._rest = density, rest

    def log_prob(self, x: Rows, h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """``log p(x; W h + b)`` given |x|, (..., N), nats. x: (N, V), h: (..., N, d), weight: (V, d), bias: (V)."""
        total = self.density.total(x)
        assert total is not None
        normaliser = total * affine_log_sum_exp(h, weight, bias)
        return self.inner(x, h, weight, bias) - normaliser + self.constant(x, total)

    def inner(self, x: Rows, h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """``<x, W h + b>``, (..., N): the words of each row are summed first."""
        words = (moment_product(self.density, x, weight) * h).sum(-1)
        return words + moment_product(self.density, x, bias[:, None]).squeeze(-1)

    def constant(self, x: Rows, total: Tensor) -> Tensor:
        """What no parameter touches, the logarithm of the number of orders of the words: (N,), nats."""
        return self.density.log_base(x) - self._rest(total[..., None]).squeeze(-1)


def count_head(density: Density, network: nn.Module) -> CountHead | None:
    """The head for counts of varying total behind a network that ends in a linear layer; None for anything else."""
    linear = isinstance(network, nn.Sequential) and len(network) > 0 and isinstance(network[-1], Linear)
    if not linear or not density.needs_total or density.natural_width != density.width or density.copies != 1:
        return None
    rest = _rest(density.family.unit.statistics, density.family.unit.base)
    return None if rest is None else CountHead(density, rest)


@cache
def _rest(statistics: tuple[Statistic, ...], base: sp.Expr) -> Program | None:
    """``c(t) = A(eta, t) - t lse(eta)`` where that is free of eta and the same at small sizes, else None.

    Derived from the family's own base measure, as `eftheory.learn.densities.density` derives A itself.
    """
    unit = Unit(
        support=Counts(TOTAL),
        statistics=statistics,
        base=base,
        domain=everywhere,
        log_partition=lambda eta: None,
        groups=SMALL[:1],
    )
    found = set()
    for size in SMALL:
        explicit = unit.at((size,))
        try:
            formula = closed_form(explicit)
        except MisuseError:
            return None
        if formula is None:
            return None
        lse = sp.log(sp.Add(*map(sp.exp, explicit.natural)))
        found.add(sp.expand(formula - TOTAL * lse))
    if len(found) != 1:
        return None
    (rest,) = found
    return translate([rest], [TOTAL]) if rest.free_symbols <= {TOTAL} else None
