"""What a run found: one entry for each claim, and the totals. Data only; `eftheory.report` turns it into text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from eftheory.claims.discovery import Broken
from eftheory.claims.model import Claim
from eftheory.claims.outcome import ERROR, STATUSES, Outcome

SCHEMA = "eftheory.verification/1"

GOOD = ("holds", "supported", "refuted")
BAD = ("failed", "error", "passed")
WORDS = (*GOOD, "undecided", *BAD)
"""Claims are holds, supported, undecided or failed; controls are refuted or passed; both may be error."""


@dataclass(frozen=True, kw_only=True)
class ClaimReport:
    """One claim or control.

    counts: instances by the name of their status. tightest: ratio computed/stated nearest to the bound, with the key
    and the instance where it was reached. precision: most bits used. seconds: of all its instances together.
    refuted: the refuted instances of a claim with their witnesses; of a control the first one.
    """

    id: str
    kind: str
    paper: str
    file: str
    statement: str
    status: str
    reason: str
    counts: Mapping[str, int]
    instances: int
    tightest: Mapping[str, Any] | None
    precision: int
    refuted: Sequence[Mapping[str, Any]]
    certificates: int
    seconds: float

    @property
    def good(self) -> bool:
        return self.status in GOOD


@dataclass(frozen=True, kw_only=True)
class Report:
    """A run, finished or (complete is False) interrupted. resumed: instances that came from the journal."""

    version: str
    quick: bool
    claims: tuple[ClaimReport, ...]
    complete: bool
    resumed: int
    seconds: float

    @property
    def status(self) -> str:
        """``failed`` where a claim failed or raised or a control passed, else ``undecided`` or ``holds``."""
        found = {each.status for each in self.claims}
        return "failed" if found & set(BAD) else "undecided" if "undecided" in found else "holds"

    @property
    def totals(self) -> dict[str, int]:
        """Claims and controls by word, then instances and certificates."""
        totals = {kind + "s": sum(each.kind == kind for each in self.claims) for kind in ("claim", "control")}
        totals |= {word: sum(each.status == word for each in self.claims) for word in WORDS}
        totals["instances"] = sum(each.instances for each in self.claims)
        totals["certificates"] = sum(each.certificates for each in self.claims)
        return totals

    def as_dict(self) -> dict[str, Any]:
        """The object that ``verify --json`` writes."""
        return {
            "schema": SCHEMA,
            "version": self.version,
            "quick": self.quick,
            "complete": self.complete,
            "claims": [asdict(each) for each in self.claims],
            "totals": self.totals,
            "seconds": self.seconds,
        }


def summarise(claim: Claim, outcomes: Sequence[Outcome], reason: str = "", certificates: int = 0) -> ClaimReport:
    """The entry of `claim`, from its outcomes in the order of their keys; `reason` says why there is none."""
    status, why = _judged(claim, outcomes, reason)
    refuted = [outcome for outcome in outcomes if outcome.status == "REFUTED"]
    return ClaimReport(
        id=claim.id,
        kind=claim.kind,
        paper=claim.paper,
        file=_short(claim.file, claim.root),
        statement=claim.statement,
        status=status,
        reason=why,
        counts={name: n for name in STATUSES if (n := sum(outcome.status == name for outcome in outcomes))},
        instances=len(outcomes),
        tightest=_tightest(outcomes),
        precision=max((outcome.precision for outcome in outcomes), default=0),
        refuted=[_shown(each) for each in (refuted[:1] if claim.kind == "control" else refuted)],
        certificates=certificates,
        seconds=sum(outcome.seconds for outcome in outcomes),
    )


def summarise_broken(broken: Broken) -> ClaimReport:
    """The entry of a file that did not load: an error."""
    return ClaimReport(
        id=broken.id,
        kind="claim",
        paper=broken.paper,
        file=_short(broken.file, broken.root),
        statement="",
        status="error",
        reason=broken.reason,
        counts={},
        instances=0,
        tightest=None,
        precision=0,
        refuted=(),
        certificates=0,
        seconds=0.0,
    )


def _judged(claim: Claim, outcomes: Sequence[Outcome], reason: str) -> tuple[str, str]:
    """(word, reason): a claim is as good as its worst instance, a control needs one refutation."""
    first = {outcome.status: outcome for outcome in reversed(outcomes)}

    def because(name: str) -> str:
        return f"{first[name].key}: {first[name].reason}"

    if reason or not outcomes:
        return "error", reason or "no instances"
    if claim.kind == "control":
        if ERROR in first:
            return "error", because(ERROR)
        return ("refuted", "") if "REFUTED" in first else ("passed", "no instance is refuted")
    for name, word in (("REFUTED", "failed"), (ERROR, "error"), ("UNDECIDED", "undecided")):
        if name in first:
            return word, because(name)
    return ("supported", because("SUPPORTED")) if "SUPPORTED" in first else ("holds", "")


def _tightest(outcomes: Sequence[Outcome]) -> dict[str, Any] | None:
    measured = [outcome for outcome in outcomes if outcome.ratio is not None]
    if not measured:
        return None
    best = max(measured, key=lambda outcome: outcome.ratio or 0.0)
    return {
        "ratio": best.ratio,
        "key": best.key,
        "computed": best.computed,
        "stated": best.stated,
        "instance": best.instance,
    }


def _shown(outcome: Outcome) -> dict[str, Any]:
    return {
        "key": outcome.key,
        "reason": outcome.reason,
        "instance": outcome.instance,
        "witness": outcome.witness,
        "computed": outcome.computed,
        "stated": outcome.stated,
    }


def _short(file: str, root: str) -> str:
    """``verify/vae_error/thm_2.py``: the same wherever the folder lies, also inside an installed package."""
    return file.removeprefix(root.rpartition("/")[0] + "/").removeprefix("_")
