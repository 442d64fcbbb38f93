"""Verdicts decided in exact arithmetic whose quantities are not all rational; rational distributions from floats."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from flint import arb, fmpq

from eftheory.errors import MisuseError
from eftheory.exact.decide import enclosed, exactly
from eftheory.verdict import Verdict


def proved(
    true: bool,
    *,
    reason: str,
    exact: Mapping[str, fmpq | int] | None = None,
    balls: Callable[[], Mapping[str, arb]] | None = None,
) -> Verdict:
    """PROVED or REFUTED, as `exactly`, with quantities that are rational (`exact`) or transcendental (`balls`).

    `balls` is called anew under growing precision until its 20 digits are final; a rational number does not belong
    there (no precision separates it from a decimal).
    """
    verdict = exactly(true, reason=reason, quantities=exact)
    if balls is None:
        return verdict
    found = enclosed(balls)
    quantities = {**verdict.statistics["quantities"], **found["quantities"]}
    statistics = {**verdict.statistics, "quantities": quantities, "precision": found["precision"]}
    return replace(verdict, statistics=statistics, witness=None if true else quantities)


def with_exact(verdict: Verdict, numbers: Mapping[str, fmpq | int], *, note: str = "") -> Verdict:
    """`verdict` with more quantities, known exactly, and a note."""
    more = exactly(True, reason="", quantities=numbers).statistics["quantities"]
    quantities = {**verdict.statistics.get("quantities", {}), **more}
    statistics = {**verdict.statistics, "quantities": quantities, **({"note": note} if note else {})}
    return replace(verdict, statistics=statistics)


def near_distribution(masses: Sequence[float], *, denominator: int = 10**6) -> list[fmpq]:
    """Positive rationals with sum 1 near ``masses / sum(masses)``: whole parts of `denominator`, at least one each.

    Raises MisuseError for masses that are negative or have no finite positive sum.
    """
    total = sum(masses)
    if not 0.0 < total < float("inf") or any(mass < 0.0 for mass in masses):
        raise MisuseError(wanted="non-negative masses with a positive sum", got=str(list(masses)), do="normalise them")
    parts = [max(1, round(mass / total * denominator)) for mass in masses]
    return [fmpq(part, sum(parts)) for part in parts]
