"""Answers as values: how sure (`Status`), what (`Verdict`, `Consistency`), and what shows it (`Witness`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from eftheory.errors import MisuseError

SCHEMA = "eftheory.consistency/1"


class Status(Enum):
    """How surely something is known; the value is the sentence shown to the user."""

    PROVED = "proved: a symbolic identity or exhaustive exact arithmetic"
    CERTIFIED = "certified: ball arithmetic decides it"
    SUPPORTED = "supported: no counterexample found, which does not show that none exists"
    REFUTED = "refuted: a witness is attached"
    UNDECIDED = "undecided: the reason is attached"


@dataclass(frozen=True, kw_only=True)
class Formula:
    """One formula, for terminals and for papers."""

    text: str
    latex: str

    def as_dict(self) -> dict[str, str]:
        return {"latex": self.latex, "text": self.text}


@dataclass(frozen=True, kw_only=True)
class Witness:
    """Points, rational weights and one certified non-zero number (theory: section 2, "Witness").

    ``sum_i weights[i] = 0`` and ``sum_i weights[i] psi(points[i]) = 0``, yet the same combination of the model's
    log-density, minus the encoder's log base measure, lies in ``[lower, upper]``, which does not contain zero.

    points, weights: exact numbers as strings (a point is a tuple, one entry for each coordinate of z).
    lower, upper: decimal strings, outward rounded; nats. precision: bits.
    model: the decoder and whatever else one needs to recompute the number.
    """

    points: tuple[tuple[str, ...], ...]
    weights: tuple[str, ...]
    lower: str
    upper: str
    precision: int
    meaning: str
    model: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (float(self.lower) > 0.0 or float(self.upper) < 0.0):
            raise MisuseError(
                wanted="an enclosure that excludes zero",
                got=f"[{self.lower}, {self.upper}]",
                do="report undecided instead of building a witness",
            )

    def as_dict(self) -> dict[str, Any]:
        return {
            "points": [list(point) for point in self.points],
            "weights": list(self.weights),
            "lower": self.lower,
            "upper": self.upper,
            "precision": self.precision,
            "meaning": self.meaning,
            "model": dict(self.model),
        }


class _NoTruthValue:
    """A verdict is no boolean: ``if verdict`` would read UNDECIDED as an answer."""

    def __bool__(self) -> bool:
        raise MisuseError(
            wanted="an explicit question",
            got=f"a {type(self).__name__} used as a truth value",
            do="ask .holds (True, False or None) or compare .status",
        )


@dataclass(frozen=True, kw_only=True)
class Verdict(_NoTruthValue):
    """The outcome of one claim on one scope.

    statistics: method, precision, margin, seconds: whatever was measured on the way.
    Raises MisuseError when REFUTED comes without a witness, or UNDECIDED without a reason.
    """

    status: Status
    scope: str
    reason: str
    witness: Any = None
    statistics: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.status is Status.REFUTED and self.witness is None:
            raise MisuseError(wanted="a witness", got="REFUTED without one", do="attach it, or say UNDECIDED")
        if self.status is Status.UNDECIDED and not self.reason:
            raise MisuseError(wanted="a reason", got="UNDECIDED without one", do="say which step did not decide")

    @property
    def holds(self) -> bool | None:
        """True, False, or None where it is undecided."""
        if self.status is Status.UNDECIDED:
            return None
        return self.status is not Status.REFUTED


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One of the four clauses of consistency: minimality, domain, prior, inputs."""

    clause: str
    status: Status
    conditions: tuple[Formula, ...]
    reason: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "clause": self.clause,
            "status": self.status.name,
            "conditions": [formula.as_dict() for formula in self.conditions],
            "reason": self.reason,
        }


@dataclass(frozen=True, kw_only=True)
class Repair:
    """An enlargement that helps; ``spec`` holds the arguments of `check` for the repaired model, when expressible."""

    kind: str
    description: str
    spec: Mapping[str, str] | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "description": self.description,
            "spec": None if self.spec is None else dict(self.spec),
        }


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of the derivation, with the theorem it rests on."""

    title: str
    text: str
    source: str


VERDICTS = ("consistent", "constrained", "collapsed", "empty", "undecided")


@dataclass(frozen=True, kw_only=True, repr=False)
class Consistency(_NoTruthValue):
    """The answer of `eftheory.check` (theory: section 2).

    verdict: ``consistent``, ``constrained``, ``collapsed``, ``empty`` or ``undecided``; status: how surely.
    joint, decoder_form, encoder_form, implied_prior: equations (7), (5), (6) and the implied prior of Theorem 1.
    dimension: free parameters (W, u, v) at a generic member, or None with the reason in the prior clause.
    """

    verdict: str
    status: Status
    decoder: str
    encoder: str
    prior: str
    inputs: str
    joint: Formula
    decoder_form: Formula
    encoder_form: Formula
    implied_prior: Formula
    dimension: Formula | None
    usable_latents: Formula | None
    clauses: tuple[Clause, ...]
    witness: Witness | None
    repairs: tuple[Repair, ...]
    steps: tuple[Step, ...] = ()
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise MisuseError(wanted=f"one of {', '.join(VERDICTS)}", got=self.verdict, do="name a verdict")
        if (self.verdict == "undecided") != (self.status is Status.UNDECIDED):
            raise MisuseError(
                wanted="UNDECIDED exactly when the verdict is undecided", got=self.status.name, do="agree"
            )

    def __str__(self) -> str:
        return (
            f"{self.verdict}: decoder {self.decoder}, encoder {self.encoder}, prior {self.prior}, inputs {self.inputs}"
        )

    __repr__ = __str__

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    @property
    def holds(self) -> bool | None:
        """True if non-collapsed exact members exist, False if not, None where undecided."""
        return None if self.verdict == "undecided" else self.verdict in ("consistent", "constrained")

    def as_dict(self) -> dict[str, Any]:
        """The object printed by ``check --json``."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "status": self.status.name,
            "decoder": self.decoder,
            "encoder": self.encoder,
            "prior": self.prior,
            "inputs": self.inputs,
            "joint": self.joint.as_dict(),
            "decoder_form": self.decoder_form.as_dict(),
            "encoder_form": self.encoder_form.as_dict(),
            "implied_prior": self.implied_prior.as_dict(),
            "dimension": None if self.dimension is None else self.dimension.as_dict(),
            "usable_latents": None if self.usable_latents is None else self.usable_latents.as_dict(),
            "clauses": [clause.as_dict() for clause in self.clauses],
            "witness": None if self.witness is None else self.witness.as_dict(),
            "repairs": [repair.as_dict() for repair in self.repairs],
            "seconds": self.seconds,
        }

    def _repr_latex_(self) -> str:
        from eftheory.report import consistency_latex

        return consistency_latex(self)

    def _repr_html_(self) -> str:
        from eftheory.report import consistency_html

        return consistency_html(self)
