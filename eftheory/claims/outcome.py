"""What became of one instance: plain data, so that it survives a process, a journal and a report unchanged."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

from eftheory.claims.model import Claim, one_line
from eftheory.errors import MisuseError
from eftheory.verdict import Status, Verdict

ERROR = "ERROR"
"""The status of an instance that raised, or was no verdict; never a pass, never kept in the journal."""

STATUSES = (*(status.name for status in Status), ERROR)
CERTIFIABLE = (Status.PROVED.name, Status.CERTIFIED.name)
_RATIONAL = re.compile(r"-?\d+(/\d+)?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One instance, decided or not.

    status: the name of a `Status`, or ERROR. computed, stated: enclosures of the tightest pair. quantities: enclosures
    by expression text. ratio: computed over stated. precision: bits, 0 where none was used. seconds: build and decide.
    """

    claim: str
    key: str
    status: str
    reason: str = ""
    instance: Any = None
    witness: Any = None
    computed: Any = None
    stated: Any = None
    quantities: Any = None
    ratio: float | None = None
    precision: int = 0
    method: str = ""
    note: str = ""
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def failure(claim: str, key: str, reason: str, seconds: float = 0.0) -> Outcome:
    return Outcome(claim=claim, key=key, status=ERROR, reason=reason, seconds=seconds)


def decide(claim: Claim, key: str) -> Outcome:
    """Build the instance `key` and decide it; whatever goes wrong is an outcome too, with one line."""
    start = perf_counter()
    step = "build"
    try:
        built = claim.instances.build(key)
        step = "what was built"
        instance = plain(built)
        if not isinstance(instance, dict):
            raise MisuseError(wanted="a mapping from names to values", got=type(built).__name__, do="return a dict")
        step = "the claim"
        verdict = claim.decide(built)
        step = "its verdict"
        return _recorded(claim, key, instance, verdict, perf_counter() - start)
    except BaseException as error:  # also SystemExit: a claim does not stop the run
        return failure(claim.id, key, f"{step}: {one_line(error)}", perf_counter() - start)


def _recorded(claim: Claim, key: str, instance: dict[str, Any], verdict: object, seconds: float) -> Outcome:
    if not isinstance(verdict, Verdict):
        raise MisuseError(wanted="a Verdict", got=type(verdict).__name__, do="return eftheory.verdict.Verdict(...)")
    numbers: Mapping[str, Any] = verdict.statistics
    if claim.relation and verdict.status.name in CERTIFIABLE:
        refuse_uncertifiable(claim, instance, numbers.get("quantities"))
    return Outcome(
        claim=claim.id,
        key=key,
        status=verdict.status.name,
        reason=verdict.reason,
        instance=instance,
        witness=plain(verdict.witness),
        computed=plain(numbers.get("computed")),
        stated=plain(numbers.get("stated")),
        quantities=plain(numbers.get("quantities")),
        ratio=_finite(numbers.get("ratio")),
        precision=int(numbers.get("precision") or 0),
        method=str(numbers.get("method") or ""),
        note=str(numbers.get("note") or ""),
        seconds=seconds,
    )


def refuse_uncertifiable(claim: Claim, instance: object, quantities: object) -> None:
    """Raise MisuseError where no certificate could be written: inexact instance, or quantities without enclosure."""
    if (wrong := _not_rational(instance, "instance")) is not None:
        raise MisuseError(wanted="rational strings such as '3/7'", got=wrong, do="give the instance exactly")
    enclosed = quantities if isinstance(quantities, Mapping) else {}
    for text in claim.quantities:
        value = enclosed.get(text)
        if not isinstance(value, Mapping) or set(value) != {"lower", "upper", "digits"}:
            got = "none" if value is None else repr(value)
            raise MisuseError(wanted=f"lower, upper, digits of {text!r}", got=got, do="put it in the statistics")


def _not_rational(value: object, where: str) -> str | None:
    if isinstance(value, Mapping):
        parts = [(f"{where}[{name!r}]", part) for name, part in value.items()]
    elif isinstance(value, list | tuple):
        parts = [(f"{where}[{i}]", part) for i, part in enumerate(value)]
    else:
        good = isinstance(value, str) and _RATIONAL.fullmatch(value) is not None
        return None if good else f"{where} = {value!r}"
    return next((wrong for name, part in parts if (wrong := _not_rational(part, name)) is not None), None)


def plain(value: Any) -> Any:
    """`value` as JSON has it: mappings, lists, strings, finite numbers, booleans, None; the rest as its text."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(part) for part in value]
    return plain(value.as_dict()) if hasattr(value, "as_dict") else str(value)


def _finite(ratio: object) -> float | None:
    return float(ratio) if isinstance(ratio, int | float) and math.isfinite(ratio) else None
