"""Categorical: one of K classes as a unit vector; the last class is the reference, so the statistics are minimal."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from eftheory.families.arguments import notation, probabilities, size
from eftheory.families.base import XI, Family, Statistic, Unit, everywhere
from eftheory.families.support import OneHot


def categorical(K: object, *, copies: object = 1) -> Family:
    """``p(x; eta) = exp(sum_{i<K} eta_i x_i - log(1 + sum_{i<K} e^eta_i))`` on the unit vectors of R^K.

    ``eta_i = log(probs_i / probs_K)``, K-1 of them. copies: independent repetitions.
    Raises MisuseError for K < 2 or copies < 1.
    """
    classes, repeats = size(K, "K of categorical(K)", least=2), size(copies, "copies of categorical")
    unit = Unit(
        support=OneHot(),
        statistics=(Statistic(XI, "i<last"),),
        domain=everywhere,
        log_partition=_log_partition,
        groups=(classes,),
        parameters=("probs",),
        natural=_natural,
    )
    arguments = {} if repeats == 1 else {"copies": repeats}
    return Family(
        name="categorical",
        unit=unit,
        copies=repeats,
        arguments=arguments,
        spec=notation("categorical", [classes], arguments),
    )


def _log_partition(eta: Sequence[sp.Expr]) -> sp.Expr:
    return sp.log(1 + sp.Add(*map(sp.exp, eta)))


def _natural(groups: tuple[int, ...], *, probs: object) -> tuple[sp.Expr, ...]:
    p = probabilities(probs, sum(groups), "probs of categorical")
    return tuple(sp.log(p_i / p[-1]) for p_i in p[:-1])
