r"""A latent lowers the bound exactly where its eigenvalue of S is above 1, whatever the length of its column.

A column of W along an eigenvector with eigenvalue l, of squared length 4 (c - 1), adds ``(log c + l/c - l)/2`` to L,
c >= 1 (`minimum`). For l <= 1 that is positive for every c > 1: the slope ``(c - l)/(2 c^2)`` is positive from c = 1
on, the value is certified positive on ``[low, high]``, and ``log(high) > 1``. For l > 1 it is least at c = l, by the
sign of the same slope, and there ``log l + 1 - l < 0``. Certified for every real c; the eigenvalues are the instance's.
On data: `usable-latents`.
Reference: "A lower bound for the ELBO of the Bernoulli Variational Autoencoder", section 3.3; theory: section 8.
"""

from __future__ import annotations

from typing import Any

from flint import arb, fmpq

from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.decide import Sheet, certify
from eftheory.exact.maximum import stays_below
from eftheory.exact.side import to_rational
from eftheory.verdict import Verdict

from ._exactly import Instance, numbers

GIVEN = ("1 < low and low < high", "all(l[j] > 0 for j in each(l))")
OWN = (
    "added(s, c) = (log(c) + s/c - s)/2",
    "best(s) = added(s, max(s, 1))",
)
RELATION = (
    "all(iff(l[j] > 1, best(l[j]) < 0) for j in each(l)) and "
    "all(implies(l[j] <= 1, added(l[j], c) > 0) for j in each(l) for c in reals(low, high)) and "
    "all(implies(l[j] <= 1, c - l[j] >= 0) for j in each(l) for c in reals(1, low)) and log(high) > 1"
)
QUANTITIES = ("min(best(l[j]) for j in each(l))", "added(l[0], high)")
LISTS = {
    "fixed/around-one": ("101/100", "1", "99/100"),
    "fixed/spread": ("12", "3", "2", "5/4", "1", "2/3", "1/10"),
    "fixed/none": ("1", "1/2"),
    "fixed/all": ("7/2", "9/8"),
}


def listed(quick: bool) -> list[str]:
    return list(LISTS)


def build(key: str) -> dict[str, Any]:
    return {"l": list(LISTS[key]), "low": "5/4", "high": "50"}


INSTANCES = Instances(keys=listed, build=build)


def added(s: fmpq | arb, c: arb) -> arb:
    """``(log c + s/c - s)/2``."""
    return (c.log() + arb(s) / c - arb(s)) / 2


@claim(
    "bernoulli-bound/eigenvalue-rule",
    instances=INSTANCES,
    where=where(*GIVEN, RELATION, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def eigenvalue_rule(instance: Instance) -> Verdict:
    """A column of W along an eigenvector of S lowers L exactly where the eigenvalue is above 1."""
    eigenvalues, low, high = numbers(instance["l"]), to_rational(instance["low"]), to_rational(instance["high"])

    def sheet() -> Sheet:
        pairs = [(arb(1), arb(high).log())]
        for s in eigenvalues:
            if s > 1:
                pairs.append((added(s, arb(s)), arb(0)))
                continue
            between = (arb(low), arb(high))
            above = stays_below(
                lambda c, s=s: -added(s, c), lambda c, s=s: -(c - arb(s)) / (2 * c * c), between, arb(fmpq(-1, 10**6))
            )
            pairs.append((arb(0), arb(1)) if above else (arb(above is False), arb(0)))
        least = arb(0)
        for s in eigenvalues:
            least = least.min(added(s, arb(max(s, fmpq(1)))))
        return Sheet(pairs, {QUANTITIES[0]: least, QUANTITIES[1]: added(eigenvalues[0], arb(high))}, strict=True)

    return certify(sheet)


HALF = "all(implies(l[j] > 1/2, any(added(l[j], tried[i]) < 0 for i in each(tried))) for j in each(l))"
HALF_GIVEN = ("all(tried[i] > 1 for i in each(tried))", GIVEN[1])
HALF_QUANTITIES = ("added(l[0], tried[0])",)


def build_half(key: str) -> dict[str, Any]:
    return {"l": list(LISTS[key]), "tried": ["1001/1000", "101/100", "11/10", "2", "7"]}


@control(
    "bernoulli-bound/eigenvalue-rule",
    "above-one-half",
    instances=Instances(keys=listed, build=build_half),
    where=where(*HALF_GIVEN, HALF, *HALF_QUANTITIES, own=OWN),
    given=HALF_GIVEN,
    relation=HALF,
    quantities=HALF_QUANTITIES,
)
def above_one_half(instance: Instance) -> Verdict:
    """A column lowers L where the eigenvalue is above 1/2."""
    eigenvalues, lengths = numbers(instance["l"]), numbers(instance["tried"])

    def sheet() -> Sheet:
        pairs = []
        for s in eigenvalues:
            if s > fmpq(1, 2):
                least = added(s, arb(lengths[0]))
                for c in lengths[1:]:
                    least = least.min(added(s, arb(c)))
                pairs.append((least, arb(0)))
        return Sheet(pairs, {HALF_QUANTITIES[0]: added(eigenvalues[0], arb(lengths[0]))}, strict=True)

    return certify(sheet)
