"""The facts of a family as text, for ``eftheory families``: computed from its unit, never written twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from inspect import Parameter, signature

import sympy as sp

from eftheory.families.base import XI, Family, Unit
from eftheory.families.support import Bits, Circle, Counts, Integers, Interval, OneHot, Points, Reals, Simplex, Support

_OVER = {
    "": "",
    "i": " for every i",
    "i<last": " for every i but the last",
    "i<j": " for every i < j",
    "i<=j": " for every i <= j",
    "across": " for i in the first group, j in the second",
}


@dataclass(frozen=True, kw_only=True)
class Description:
    """One variant of a family, every fact as text; shown_at names the sizes of domain and log-partition of a block."""

    notation: str
    support: str
    statistics: tuple[str, ...]
    base: str
    natural_domain: str
    log_partition: str
    parameters: tuple[str, ...]
    shown_at: str

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def describe_all(name: str, make: Callable[..., Family]) -> tuple[Description, ...]:
    """Every variant that the constructor builds: without its hyperparameters where it allows that, and with them."""
    parameters = signature(make).parameters.values()
    sizes = [sp.Symbol(p.name) for p in parameters if p.kind is not Parameter.KEYWORD_ONLY]
    # a keyword with a default other than None (copies=1) makes no variant
    keywords = [p for p in parameters if p.kind is Parameter.KEYWORD_ONLY and p.default in (None, Parameter.empty)]
    free = () if any(p.default is Parameter.empty for p in keywords) else (make(*sizes),)
    fixed = (make(*sizes, **{p.name: sp.Symbol(p.name) for p in keywords}),) if keywords else ()
    return tuple(map(describe_family, (*free, *fixed)))


def describe_family(family: Family) -> Description:
    """The facts of one family; those of a block that name every natural parameter are shown at a small size."""
    unit = family.unit
    sizes = (3,) if isinstance(unit.support, OneHot | Simplex | Counts) else tuple(2 for _ in unit.groups)
    explicit = unit.at(sizes)
    log_partition = explicit.log_partition
    return Description(
        notation=family.spec,
        support=support_text(unit.support),
        statistics=tuple(f"{s.expr}{_OVER[s.pattern]}" for s in unit.statistics),
        base=_base(unit),
        natural_domain=", ".join(str(relation.canonical) for relation in explicit.domain) or "every eta",
        log_partition="none: the normaliser depends on the total" if log_partition is None else str(log_partition),
        parameters=unit.parameters,
        shown_at=f"{'+'.join(map(str, sizes))} components" if unit.groups else "",
    )


def support_text(support: Support) -> str:
    """The support in the field's words."""
    if isinstance(support, Integers):
        first = f"{{{support.lo}, {support.lo + 1}, "
        if support.hi == support.lo + 1:
            return f"{{{support.lo}, {support.hi}}}"
        return f"{first}...}}" if support.hi == sp.oo else f"{first}..., {support.hi}}}"
    if isinstance(support, Interval):
        return "the real line" if (support.lo, support.hi) == (-sp.oo, sp.oo) else f"({support.lo}, {support.hi})"
    if isinstance(support, Counts):
        return "counts of varying total" if support.total is None else f"counts with total {support.total}"
    words: dict[type[Support], str] = {
        Circle: "the circle [-pi, pi)",
        Bits: "bits {0, 1}^p",
        OneHot: "unit vectors of R^K",
        Reals: "R^d",
        Simplex: "the open simplex",
    }
    return support.text if isinstance(support, Points) else words[type(support)]


def _base(unit: Unit) -> str:
    if unit.base == 1 or not unit.base.has(XI):
        return str(unit.base)
    return f"product over i of {unit.base}"
