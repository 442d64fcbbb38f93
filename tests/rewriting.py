"""Shipped families as own families: the same statistics, support and base as text, under a meaningless name."""

from __future__ import annotations

import json
from typing import Any

import sympy as sp

from eftheory.families.base import XI, XJ, Family, X
from eftheory.families.support import Bits, Circle, Counts, Integers, Interval, OneHot, Points, Reals, Simplex, Support

BLOCKS = {Bits: "bits", OneHot: "onehot", Simplex: "simplex", Reals: "reals", Counts: "counts"}


def rewrite(family: Family, name: str = "zorp") -> dict[str, Any]:
    """The TOML table of `own` that states the same family; its hyperparameters must be numbers, sizes need not be.

    Values are dropped: own families have no usual parameters. The log-partition is left out, so that it is derived.
    """
    unit = family.unit
    table: dict[str, Any] = {
        "name": name,
        "statistics": [
            text(statistic.expr) + ("" if unit.support.scalar else f" : {statistic.pattern or 'i'}")
            for statistic in unit.statistics
        ],
        "support": support_text(unit.support, unit.groups),
        "base": text(unit.base),
        "dim": family.copies if isinstance(family.copies, int) else str(family.copies),
    }
    unknown = {str(s) for e in (unit.base, *(s.expr for s in unit.statistics)) for s in e.free_symbols - {X, XI, XJ}}
    if unknown:
        raise ValueError(f"own families have no parameters: put numbers for {', '.join(sorted(unknown))} in {family}")
    return table


def toml(table: dict[str, Any]) -> str:
    """The table's lines (JSON strings, numbers and lists of strings are TOML too)."""
    return "\n".join(f"{key} = {json.dumps(value)}" for key, value in table.items())


def text(expr: sp.Expr) -> str:
    shown = sp.sympify(expr).xreplace({X: sp.Symbol("x"), XI: sp.Symbol("x[i]"), XJ: sp.Symbol("x[j]")})
    return sp.sstr(shown, full_prec=False).replace("Abs(", "abs(").replace("Min(", "min(").replace("Max(", "max(")


def support_text(support: Support, groups: tuple[Any, ...]) -> str:
    if isinstance(support, Interval):
        return f"interval({support.lo}, {support.hi})"
    if isinstance(support, Integers):
        return f"integers({support.lo}, {support.hi})"
    if isinstance(support, Circle):
        return "circle"
    if isinstance(support, Points):
        return support.text
    total = f", total={support.total}" if isinstance(support, Counts) and support.total is not None else ""
    return f"{BLOCKS[type(support)]}({'+'.join(map(str, groups))}{total})"
