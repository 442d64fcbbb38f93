"""The smallest change that gives a better verdict, found by asking again; nothing is suggested that was not derived."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import sympy as sp

from eftheory.derive.consistency import Derivation, derive
from eftheory.families.base import XI, XJ, Family, Size, Statistic, Unit, X, everywhere
from eftheory.families.own_domain import derive_domain
from eftheory.families.support import Bits, Counts, Integers, Interval, Reals, Support
from eftheory.spec import Inputs, Prior, Specification
from eftheory.verdict import Repair

RANK = {"empty": 0, "collapsed": 1, "undecided": 1, "constrained": 2, "consistent": 3}
Change = tuple[str, str, Specification, bool]
"""kind, description, the changed question, and whether it can be written in one line."""


def repairs(found: Derivation) -> tuple[Repair, ...]:
    """Single changes that improve the verdict, best first; pairs of changes only when no single one helps."""
    if found.verdict in ("consistent", "undecided"):
        return ()
    enlarge = _lacks_statistics(found)
    singles = list(_changes(found.spec, enlarge))
    good = _improving(found, singles)
    if not good:
        pairs = [
            (f"{a[0]}+{b[0]}", f"{a[1]}, and {b[1]}", b[2], a[3] and b[3])
            for a in singles
            for b in _changes(a[2], enlarge)
            if a[0] < b[0]
        ]
        good = _improving(found, pairs)
    return tuple(good)


def _lacks_statistics(found: Derivation) -> bool:
    """Whether the obstruction is a term that a larger encoder could hold, or a coupling that it could normalise."""
    return found.prior is not None and (found.prior.kind in ("some", "all") or found.prior.rule == "Gram matrix")


def _improving(found: Derivation, changes: list[Change]) -> list[Repair]:
    ranked = []
    for order, (kind, description, spec, expressible) in enumerate(changes):
        verdict = derive(spec, found).verdict
        if verdict != "undecided" and RANK[verdict] > max(RANK[found.verdict], 1):
            text = f"{description} (then {verdict})"
            ranked.append(
                (-RANK[verdict], order, Repair(kind=kind, description=text, spec=_strings(spec, expressible)))
            )
    return [repair for _, _, repair in sorted(ranked, key=lambda item: item[:2])]


def _strings(spec: Specification, expressible: bool) -> dict[str, str] | None:
    return spec.strings() if expressible else None


def _changes(spec: Specification, enlarge: bool) -> Iterator[Change]:
    plain = Inputs("x", "x", X)
    if spec.inputs.kind != "x":
        yield "inputs", "let the encoder see x itself", replace(spec, inputs=plain), True
    if spec.prior.kind != "free":
        text = "tie the prior to the implied one, or leave it free"
        yield "prior", text, replace(spec, prior=Prior("free")), True
    for description, family in _larger(spec.encoder) if enlarge else ():
        yield "encoder", description, replace(spec, encoder=family), False
    support = spec.decoder.unit.support
    if isinstance(support, Counts) and support.total is None:
        family = _known_total(spec.decoder)
        yield "decoder", "model the words given a known total number n of words", replace(spec, decoder=family), False


def _known_total(family: Family) -> Family:
    """The same counts, conditioned on their total n: one statistic less, A = n lse."""
    n = sp.Symbol("n", positive=True, integer=True)

    def partition(eta):  # type: ignore[no-untyped-def]
        return n * sp.log(1 + sp.Add(*map(sp.exp, eta))) - sp.loggamma(n + 1)

    unit = replace(
        family.unit,
        support=Counts(n),
        statistics=tuple(replace(s, pattern="i<last") for s in family.unit.statistics),
        log_partition=partition,
        log_partition_needs_groups=False,
        domain=everywhere,
    )
    return replace(family, unit=unit, spec=f"{family} given its total n")


def _larger(family: Family) -> Iterator[tuple[str, Family]]:
    """Encoders with more statistics: squares, then products of different latents."""
    unit, copies = family.unit, family.copies
    if not unit.support.scalar:
        return
    line = unit.support == Interval(-sp.oo, sp.oo)
    bits = unit.support == Integers(sp.Integer(0), sp.Integer(1))
    linear = len(unit.statistics) == 1 and unit.statistics[0].expr == X
    if line and linear:
        squared = _unit(unit.support, (Statistic(X), Statistic(X**2)))
        yield "add the statistic z_j^2 to the encoder", replace(family, unit=squared, spec=f"{family} with z_j^2")
    if copies == 1:
        return
    if bits and linear:
        pairs = _unit(Bits(), (Statistic(XI, "i"), Statistic(XI * XJ, "i<j")), copies)
        text = "add the interactions z_i z_j to the encoder"
        yield text, replace(family, unit=pairs, copies=1, spec=f"{family} with z_i z_j")
    if line and all(s.expr.is_polynomial(X) for s in unit.statistics):
        full = _unit(Reals(), (Statistic(XI, "i"), Statistic(XI * XJ, "i<=j")), copies)
        text = "add the products z_i z_j to the encoder (full covariance)"
        yield text, replace(family, unit=full, copies=1, spec=f"{family} with z_i z_j")


def _unit(support: Support, statistics: tuple[Statistic, ...], *groups: Size) -> Unit:
    """A unit stated by support and statistics; natural domain and log-partition are derived as for any own family."""
    bare = Unit(
        support=support, statistics=statistics, groups=groups, domain=everywhere, log_partition=lambda eta: None
    )
    return replace(bare, domain=derive_domain(bare))
