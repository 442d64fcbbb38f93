"""The support of an own family, from text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

import sympy as sp

from eftheory.errors import MisuseError, unknown
from eftheory.expression import parse_call, parse_expression
from eftheory.families.arguments import size
from eftheory.families.base import Size
from eftheory.families.support import Bits, Circle, Counts, Integers, Interval, OneHot, Points, Reals, Simplex, Support

SCALARS: dict[str, Support] = {
    "reals": Interval(),
    "positive": Interval(sp.Integer(0), sp.oo),
    "unit": Interval(sp.Integer(0), sp.Integer(1)),
    "naturals": Integers(),
    "circle": Circle(),
}
BLOCKS: dict[str, tuple[Support, int]] = {
    "bits": (Bits(), 1),
    "onehot": (OneHot(), 2),
    "simplex": (Simplex(), 2),
    "reals": (Reals(), 1),
    "counts": (Counts(), 2),
}
FORMS = (
    "reals, positive, unit, naturals, circle, interval(a, b), integers(a, b), {0, 1, 3}, "
    "bits(n), bits(a+b), onehot(K), simplex(K), reals(p), counts(K), counts(K, total=n)"
)


def parse_support(text: str) -> tuple[Support, tuple[Size, ...]]:
    """The support and, for blocks, the sizes of its groups (numbers or symbols). Raises MisuseError."""
    flat = " ".join(text.split()) if isinstance(text, str) else ""
    if flat in SCALARS:
        return SCALARS[flat], ()
    if flat.startswith("{") and flat.endswith("}") and len(flat) > 2:
        return _points(flat[1:-1].split(",")), ()
    bounded = re.fullmatch(r"(interval|integers)\s*\(([^,]*),([^,]*)\)", flat)
    if bounded:
        return _bounded(bounded[1], _bound(bounded[2]), _bound(bounded[3]), flat), ()
    if re.fullmatch(r"\w+", flat) and (near := get_close_matches(flat.lower(), [*SCALARS, *BLOCKS], n=1, cutoff=0.7)):
        raise MisuseError(wanted=f"a support: {FORMS}", got=repr(text), do=f"did you mean {near[0]!r}?")
    if not re.match(r"\w+\s*\(", flat):
        raise MisuseError(wanted=f"a support: {FORMS}", got=repr(text), do="write one of these")
    return _block(flat)


def _points(parts: Sequence[str]) -> Points:
    values = [parse_expression(part, {}) for part in parts]
    if not all(value.is_Rational for value in values) or len(set(values)) < 2:
        got = "{" + ",".join(parts) + "}"
        raise MisuseError(wanted="two or more distinct rational points", got=got, do="list them")
    return Points(tuple(sorted(set(values))))


def _bound(text: str) -> sp.Expr:
    word = text.strip()
    infinite = {"oo": sp.oo, "inf": sp.oo, "-oo": -sp.oo, "-inf": -sp.oo}
    return infinite[word] if word in infinite else parse_expression(word, {})


def _bounded(kind: str, lo: sp.Expr, hi: sp.Expr, text: str) -> Support:
    if not lo < hi:
        raise MisuseError(wanted="a lower bound below the upper bound", got=text, do="exchange or change the bounds")
    if kind == "interval":
        return Interval(lo, hi)
    if not (lo.is_Integer and (hi.is_Integer or hi == sp.oo)):
        raise MisuseError(wanted="integers(a, b) with whole a, and b whole or oo", got=text, do="change the bounds")
    return Integers(lo, hi)


def _block(text: str) -> tuple[Support, tuple[Size, ...]]:
    call = parse_call(text, lambda role, name: sp.Symbol(name, integer=True, positive=True))
    if call.name not in BLOCKS:
        raise unknown("support", call.name, [*SCALARS, *BLOCKS, "interval", "integers"])
    support, least = BLOCKS[call.name]
    wanted = f"{call.name}({'a+b' if call.name == 'bits' else 'size'})"
    pair = len(call.arguments) == 1 and len(call.arguments[0]) == 2 and call.name == "bits"
    if len(call.arguments) != 1 or not (pair or len(call.arguments[0]) == 1):
        raise MisuseError(wanted=wanted, got=text, do="give one size")
    if set(call.keywords) - ({"total"} if call.name == "counts" else set()):
        raise MisuseError(wanted=wanted, got=text, do=f"remove {', '.join(call.keywords)}")
    if "total" in call.keywords:
        support = Counts(sp.sympify(size(call.keywords["total"], "total of counts")))
    return support, tuple(size(part, f"size of {call.name}", least=least) for part in call.arguments[0])
