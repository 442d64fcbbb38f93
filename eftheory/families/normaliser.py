"""The log-partition found from support, statistics and base alone, by a table of integrals and sums.

Families state their log-partition; own families need not, and the two must agree (tests/families/test_normaliser.py).
The tables know integrals (`integrals.py`), sums and blocks (`sums.py`, `blocks.py`), never a family.
"""

from __future__ import annotations

import sympy as sp

from eftheory.families import blocks, integrals, sums
from eftheory.families.base import Explicit
from eftheory.families.energy import Normalised, energy_of
from eftheory.families.support import Circle, Counts, Integers, Interval, Reals, Simplex


def closed_form(explicit: Explicit) -> sp.Expr | None:
    """``log of the sum or integral of base exp(<natural, statistics>)`` over the support, in nats.

    Valid where it converges (see `normalise`); None where no rule applies or nothing converges.
    """
    found = normalise(explicit)
    return None if found is None or sp.false in found.domain else found.log_partition


def normalise(explicit: Explicit) -> Normalised | None:
    """The log-partition together with the natural domain: the relations under which it is finite.

    A domain that contains False says that no natural parameter makes the mass finite. None: no rule applies.
    """
    support = explicit.support
    if support.finite and not isinstance(support, Counts | Integers):
        return sums.finite(explicit)
    if isinstance(support, Integers):
        return sums.integers(explicit)
    if isinstance(support, Counts):
        return sums.counts(explicit)
    if isinstance(support, Reals):
        return blocks.gaussian(explicit)
    if isinstance(support, Simplex):
        return blocks.dirichlet(explicit)
    (x,) = explicit.variables
    energy = energy_of(explicit)
    if isinstance(support, Circle):
        return integrals.circle(x, energy)
    if isinstance(support, Interval):
        return integrals.interval(x, energy, support.lo, support.hi)
    return None
