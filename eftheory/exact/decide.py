"""From numbers to a verdict on one instance: comparisons in balls, climbed until they are certain, or exact ones.

A verdict's statistics carry ``computed`` and ``stated`` (the tightest pair), ``ratio``, ``precision`` (bits) and the
named ``quantities``, each enclosed by 20 significant decimals rounded outwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from flint import arb, ctx, fmpq

from eftheory.errors import MisuseError
from eftheory.exact.compare import PRECISIONS, certainly_at_most, certainly_less, decimal, is_canonical, outward
from eftheory.verdict import Status, Verdict

DIGITS = 20
"""Significant digits of an enclosure."""
START = tuple(bits for bits in PRECISIONS if bits >= 128)
"""Twenty digits need more than the first rung."""


@dataclass(frozen=True)
class Sheet:
    """What one evaluation gives. pairs: (left, right), each to satisfy ``left <= right``; quantities: by name."""

    pairs: Sequence[tuple[arb, arb]]
    quantities: Mapping[str, arb] = field(default_factory=dict)
    strict: bool = False


def certify(compute: Callable[[], Sheet], *, scope: str = "one instance", precisions: Iterable[int] = START) -> Verdict:
    """Whether all pairs of ``compute()`` satisfy ``left <= right`` (``<`` if strict); its quantities to 20 digits.

    `compute` is called anew under each working precision, until every pair is certain and every enclosure final.
    CERTIFIED, REFUTED (one pair is certainly the other way) or UNDECIDED (a tie at the last precision).
    """
    sheet, bits = _climb(compute, precisions, lambda found: _decide(found) is not None)
    if not sheet.pairs:
        raise MisuseError(wanted="at least one comparison", got="none", do="an empty claim would hold of anything")
    decided = _decide(sheet)
    with ctx.workprec(bits):
        statistics = {**_tightest(sheet.pairs), **_recorded(sheet.quantities, bits)}
    if decided is None:
        reason = f"a tie at {bits} bits: the two sides are equal or closer than that"
        return Verdict(status=Status.UNDECIDED, scope=scope, reason=reason, statistics=statistics)
    if decided:
        reason = "the stated side is certainly not below the computed one"
        return Verdict(status=Status.CERTIFIED, scope=scope, reason=reason, statistics=statistics)
    reason = "the computed side is certainly above the stated one"
    witness = {key: statistics[key] for key in ("computed", "stated")}
    return Verdict(status=Status.REFUTED, scope=scope, reason=reason, witness=witness, statistics=statistics)


def enclosed(compute: Callable[[], Mapping[str, arb]], *, precisions: Iterable[int] = START) -> dict[str, Any]:
    """The statistics of a verdict that needs no comparison: its quantities to 20 digits, and the precision it took."""
    sheet, bits = _climb(lambda: Sheet((), compute()), precisions, lambda found: True)
    with ctx.workprec(bits):
        return _recorded(sheet.quantities, bits)


def exactly(
    true: bool, *, scope: str = "one instance", reason: str, quantities: Mapping[str, fmpq | int] | None = None
) -> Verdict:
    """The verdict of a question that was decided in exact arithmetic: PROVED or REFUTED."""
    named = {name: enclosure(arb(value), fmpq(value)) for name, value in (quantities or {}).items()}
    statistics: dict[str, Any] = {"quantities": named, "ratio": None, "precision": 0, "method": "exact"}
    if true:
        return Verdict(status=Status.PROVED, scope=scope, reason=reason, statistics=statistics)
    return Verdict(status=Status.REFUTED, scope=scope, reason=reason, witness=named or reason, statistics=statistics)


def enclosure(ball: arb, exact: fmpq | None = None) -> dict[str, Any]:
    """``{lower, upper, digits}``: decimals rounded outwards; of the exact number where it is known."""
    if exact is not None:
        number = Fraction(int(exact.p), int(exact.q))
        lower, upper = (decimal(number, DIGITS, up=up) for up in (False, True))
    else:
        lower, upper = outward(ball, DIGITS)
    return {"lower": lower, "upper": upper, "digits": DIGITS}


def _climb(
    compute: Callable[[], Sheet], precisions: Iterable[int], settled: Callable[[Sheet], bool]
) -> tuple[Sheet, int]:
    """The first evaluation that is settled and whose quantities have their final digits, else the last one."""
    sheet, bits = Sheet(()), 0
    for bits in precisions:
        with ctx.workprec(bits):
            sheet = compute()
            if settled(sheet) and all(is_canonical(ball) for ball in sheet.quantities.values()):
                break
    return sheet, bits


def _recorded(quantities: Mapping[str, arb], bits: int) -> dict[str, Any]:
    named = {name: enclosure(ball) for name, ball in quantities.items()}
    return {"precision": bits, "quantities": named, "method": "balls"}


def _decide(sheet: Sheet) -> bool | None:
    """True, False or None (a tie); one certain violation is enough for False."""
    below = certainly_less if sheet.strict else certainly_at_most
    above = certainly_at_most if sheet.strict else certainly_less
    if any(above(right, left) for left, right in sheet.pairs):
        return False
    return True if all(below(left, right) for left, right in sheet.pairs) else None


def _tightest(pairs: Sequence[tuple[arb, arb]]) -> dict[str, Any]:
    """The pair with the largest ratio left/right; without pairs, or where right is not positive, no ratio."""
    ratios = [(_ratio(left, right), index) for index, (left, right) in enumerate(pairs)]
    if not ratios:
        return {"ratio": None}
    ratio, index = max(ratios, key=lambda entry: -1.0 if entry[0] is None else entry[0])
    left, right = pairs[index]
    return {"computed": enclosure(left), "stated": enclosure(right), "ratio": ratio}


def _ratio(left: arb, right: arb) -> float | None:
    return float(left.mid()) / float(right.mid()) if float(right.mid()) > 0.0 else None
