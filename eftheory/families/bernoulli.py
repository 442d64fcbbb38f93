"""Bernoulli: d independent bits."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from eftheory.families.arguments import notation, probability, size
from eftheory.families.base import Family, Statistic, Unit, X, everywhere
from eftheory.families.support import Integers


def bernoulli(d: object) -> Family:
    """``p(x; eta) = exp(eta x - log(1 + e^eta))`` on {0, 1}; ``eta = log(probs / (1 - probs))``.

    d: number of bits, integer or symbol. Raises MisuseError for d < 1.
    """
    copies = size(d, "bernoulli(d)")
    unit = Unit(
        support=Integers(sp.Integer(0), sp.Integer(1)),
        statistics=(Statistic(X),),
        domain=everywhere,
        log_partition=_log_partition,
        parameters=("probs",),
        natural=_natural,
    )
    return Family(name="bernoulli", unit=unit, copies=copies, spec=notation("bernoulli", [copies]))


def _log_partition(eta: Sequence[sp.Expr]) -> sp.Expr:
    return sp.log(1 + sp.exp(eta[0]))


def _natural(groups: tuple[int, ...], *, probs: object) -> tuple[sp.Expr, ...]:
    p = probability(probs, "probs of bernoulli")
    return (sp.log(p / (1 - p)),)
