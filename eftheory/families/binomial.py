"""Binomial: the number of successes in a known number of trials, d independent coordinates."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from eftheory.families.arguments import notation, probability, size
from eftheory.families.arguments import trials as draws
from eftheory.families.base import Family, Statistic, Unit, X, everywhere
from eftheory.families.support import Integers


def binomial(d: object, *, trials: object) -> Family:
    """``p(x; eta) = C(n, x) exp(eta x - n log(1 + e^eta))`` on {0, ..., n}, n = trials.

    ``eta = log(probs / (1 - probs))``. Raises MisuseError for d < 1, trials not a positive integer.
    """
    copies, n = size(d, "binomial(d, trials=)"), draws(trials, "trials of binomial")

    def log_partition(eta: Sequence[sp.Expr]) -> sp.Expr:
        return n * sp.log(1 + sp.exp(eta[0]))

    unit = Unit(
        support=Integers(sp.Integer(0), n),
        statistics=(Statistic(X),),
        base=sp.binomial(n, X),
        domain=everywhere,
        log_partition=log_partition,
        parameters=("probs",),
        natural=_natural,
    )
    arguments = {"trials": n}
    return Family(
        name="binomial", unit=unit, copies=copies, arguments=arguments, spec=notation("binomial", [copies], arguments)
    )


def _natural(groups: tuple[int, ...], *, probs: object) -> tuple[sp.Expr, ...]:
    p = probability(probs, "probs of binomial")
    return (sp.log(p / (1 - p)),)
