"""Boltzmann: two groups of bits with all interactions across the groups (the "MRF" encoder, vae-error eq. 11)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import sympy as sp

from eftheory.families.arguments import notation, size
from eftheory.families.base import XI, XJ, Family, Statistic, Unit, everywhere
from eftheory.families.support import Bits


def boltzmann(a: object, b: object) -> Family:
    """``p(x; eta) = exp(sum_i eta_i x_i + sum_{i<=a<j} eta_ij x_i x_j - A)`` on {0, 1}^(a+b).

    eta: the a+b biases, then the a*b interactions row by row. A is a finite sum over the first group, the second
    summed out bit by bit. No usual parameters; no values. Raises MisuseError for a < 1 or b < 1.
    """
    groups = (size(a, "the first group of boltzmann(a+b)"), size(b, "the second group of boltzmann(a+b)"))
    unit = Unit(
        support=Bits(),
        statistics=(Statistic(XI, "i"), Statistic(XI * XJ, "across")),
        domain=everywhere,
        log_partition=_log_partition,
        log_partition_needs_groups=True,
        groups=groups,
    )
    return Family(name="boltzmann", unit=unit, spec=notation("boltzmann", groups, join="+"))


def _log_partition(eta: Sequence[sp.Expr], groups: tuple[int, ...]) -> sp.Expr:
    a, b = groups
    first, second, across = eta[:a], eta[a : a + b], eta[a + b :]
    terms = []
    for bits in product((0, 1), repeat=a):
        on = [i for i in range(a) if bits[i]]
        fields = [second[j] + sum(across[i * b + j] for i in on) for j in range(b)]
        terms.append(sp.exp(sum(first[i] for i in on)) * sp.prod([1 + sp.exp(field) for field in fields]))
    return sp.log(sp.Add(*terms))
