"""The four clauses joined to one verdict (theory: section 2, "Verdict").

`consistent`: D has non-collapsed members, and prior and inputs remove no decoder. `constrained`: they remove some,
non-collapsed ones remain. `collapsed`: W = 0 only. `empty`: not even that. `undecided`: which clause, and why.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice

import sympy as sp

from eftheory.derive import clauses, counting, forms
from eftheory.derive.domain import Domain, admissible
from eftheory.derive.inputs import Seen, seen
from eftheory.derive.prior import decide
from eftheory.derive.rules.nonmembers import Candidate, couplings, nonmember
from eftheory.derive.rules.outcome import Outcome
from eftheory.derive.rules.totals import prior_is_in_family
from eftheory.derive.setting import Setting, build
from eftheory.derive.space import Unknown
from eftheory.families import growth
from eftheory.spec import Specification
from eftheory.verdict import Clause, Consistency, Formula, Repair, Status, Step


@dataclass(frozen=True, kw_only=True)
class Derivation:
    """Everything that was derived; `verdict` and `reason` join it. setting is None when nothing could be built."""

    spec: Specification
    setting: Setting | None
    domain: Domain | None
    prior: Outcome | None
    inputs: Seen | None
    verdict: str
    reason: str


def derive(spec: Specification, like: Derivation | None = None) -> Derivation:
    """The verdict with its reasons; `undecided` where a statistic has no normal form.

    like: a derivation for the same families (repairs), whose sides and admissible set are taken over.
    """
    known = like.setting if like else None
    try:
        setting = build(spec, known)
        same = known is not None and setting.decoder is known.decoder and setting.encoder is known.encoder
        domain = like.domain if same and like and like.domain else admissible(setting)
    except (Unknown, growth.Unknown) as unknown:
        reason = f"minimality: not decided for {unknown}"
        return Derivation(
            spec=spec, setting=None, domain=None, prior=None, inputs=None, verdict="undecided", reason=reason
        )
    if _unspecified(spec):
        outcome = Outcome(
            kind="unknown", rule="encoder", reason="the law of the encoder's varying total is not specified"
        )
    else:
        outcome = decide(setting, domain)
    sight = seen(setting)
    verdict, reason = _join(setting, domain, outcome, sight)
    return Derivation(
        spec=spec, setting=setting, domain=domain, prior=outcome, inputs=sight, verdict=verdict, reason=reason
    )


def _unspecified(spec: Specification) -> bool:
    """Counts with a varying total as an encoder: its total's law is not part of the family."""
    support = spec.encoder.unit.support
    return hasattr(support, "total") and support.total is None


def _join(setting: Setting, domain: Domain, prior: Outcome, inputs: Seen) -> tuple[str, str]:
    if prior.kind == "none":
        return "empty", f"prior: {prior.reason}"
    if prior.kind == "zero":
        return "collapsed", f"prior: {prior.reason}"
    if domain.nonzero is False:
        return ("collapsed", f"domain: {domain.reason}") if prior.kind == "all" else _undecided(prior.reason)
    if inputs.kind == "nothing":
        fits = _zero_fits(setting, prior)
        if fits is None:
            return _undecided(
                f"inputs: W = 0 is forced, and whether it fits the prior has no normal form ({inputs.reason})"
            )
        return ("collapsed" if fits else "empty"), f"inputs: {inputs.reason}"
    if domain.nonzero is None:
        return _undecided(f"domain: {domain.reason}")
    if prior.kind == "unknown":
        return _undecided(f"prior: {prior.reason}")
    if inputs.kind == "unknown":
        return _undecided(f"inputs: {inputs.reason}")
    if inputs.kind == "part":
        return _partly_seen(domain, prior, inputs)
    if prior.kind == "all":
        return "consistent", "prior and inputs remove no decoder"
    if prior.proper:
        return "constrained", f"prior: {prior.reason}"
    return _undecided("prior: members with W != 0 exist, and whether the equation excludes any decoder is not decided")


def _undecided(reason: str) -> tuple[str, str]:
    return "undecided", reason


def _zero_fits(setting: Setting, prior: Outcome) -> bool | None:
    if prior.kind == "all" or setting.prior_free:
        return True
    try:
        return prior_is_in_family(setting) if setting.varying_total else setting.fits
    except Unknown:
        return None


def _partly_seen(domain: Domain, prior: Outcome, inputs: Seen) -> tuple[str, str]:
    if prior.kind != "all":
        return _undecided("inputs: only some statistics survive, and the prior restricts W as well")
    if domain.unrestricted:
        return "constrained", f"inputs: {inputs.reason}"
    alone = [[a for a, c in enumerate(row) if c != 0] for row in inputs.kept]
    usable = [rows[0] for rows in alone if len(rows) == 1]
    if any(a in domain.coupled for a in usable):
        return "constrained", f"inputs: {inputs.reason}"
    dead = all(domain.forced_zero(a, b) for a in usable for b in range(len(domain.signs[0])))
    if usable and dead and len(usable) == len(alone):
        return "collapsed", f"inputs: {inputs.reason}, which no member can couple to z"
    return _undecided("inputs: whether the surviving statistics can be coupled to z is not decided")


def consistency(found: Derivation, repairs: tuple[Repair, ...] = (), seconds: float = 0.0) -> Consistency:
    """The derivation as the value that users see (without a witness, which `eftheory.check` adds)."""
    spec = found.spec
    strings = spec.strings()
    undecided = found.verdict == "undecided"
    if found.setting is None or found.domain is None or found.prior is None or found.inputs is None:
        return _nothing(found, strings, seconds)
    setting, gone = found.setting, found.verdict in ("collapsed", "empty")
    parts: tuple[Clause, ...] = (
        clauses.minimality(setting),
        clauses.domain(setting, found.domain),
        clauses.prior(setting, found.prior),
        clauses.inputs(found.inputs),
    )
    if undecided:
        parts = tuple(_blamed(part, found.reason) for part in parts)
    return Consistency(
        verdict=found.verdict,
        status=Status.UNDECIDED if undecided else Status.PROVED,
        **strings,
        joint=forms.joint(setting, gone),
        decoder_form=forms.decoder_form(gone),
        encoder_form=forms.encoder_form(gone),
        implied_prior=forms.implied_prior(setting, gone),
        dimension=_dimension(found),
        usable_latents=_usable(found),
        clauses=parts,
        witness=None,
        repairs=repairs,
        steps=_steps(found, parts),
        seconds=seconds,
    )


def _blamed(clause: Clause, reason: str) -> Clause:
    """The clause that the verdict's reason names is the undecided one, also when each clause alone was decided."""
    if not reason.startswith(f"{clause.clause}:") or clause.status is Status.UNDECIDED:
        return clause
    return replace(clause, status=Status.UNDECIDED, reason=reason.removeprefix(f"{clause.clause}:").strip())


def _nothing(found: Derivation, strings: dict[str, str], seconds: float) -> Consistency:
    none = Formula(text="not derived", latex=r"\text{not derived}")
    clause = Clause(clause="minimality", status=Status.UNDECIDED, conditions=(), reason=found.reason)
    return Consistency(
        verdict="undecided",
        status=Status.UNDECIDED,
        **strings,
        joint=none,
        decoder_form=none,
        encoder_form=none,
        implied_prior=none,
        dimension=None,
        usable_latents=None,
        clauses=(clause,),
        witness=None,
        repairs=(),
        steps=(Step(title="minimality", text=found.reason, source="theory, section 2, clause a"),),
        seconds=seconds,
    )


def _dimension(found: Derivation) -> Formula | None:
    """Free parameters (W, u, v) at a generic member, where the set is explicit enough to count."""
    setting, domain, prior = found.setting, found.domain, found.prior
    assert setting is not None and domain is not None and prior is not None
    if found.verdict == "consistent":
        return counting.formula(sp.expand(counting.admissible_entries(setting, domain) + counting.biases(setting)))
    if found.verdict == "collapsed":
        return counting.formula(counting.biases(setting))
    if found.verdict == "empty":
        return counting.formula(0)
    if found.verdict == "constrained" and prior.dimension is not None and found.inputs.kind == "all":  # type: ignore[union-attr]
        return counting.formula(sp.sympify(prior.dimension) + counting.biases(setting))
    return None


def _usable(found: Derivation) -> Formula | None:
    setting, prior = found.setting, found.prior
    assert setting is not None and prior is not None
    if found.verdict in ("collapsed", "empty"):
        return counting.formula(0)
    if found.verdict == "consistent":
        return counting.formula(counting.latent_coordinates(setting))
    if found.verdict == "constrained" and prior.usable is not None:
        return counting.formula(prior.usable)
    if found.verdict == "constrained":
        count = counting.formula(prior.usable_at_least if prior.usable_at_least is not None else 1)
        return Formula(text=f"at least {count.text}", latex=rf"\ge {count.latex}")
    return None


def _steps(found: Derivation, parts: tuple[Clause, ...]) -> tuple[Step, ...]:
    """The derivation in the order of the argument, each step with its source."""
    sources = {
        "minimality": "theory, section 2, clause (a); Arnold & Strauss 1991",
        "domain": "theory, section 2, clause (b)",
        "prior": "theory, section 2, clause (c); Theorem 1, implied prior",
        "inputs": "theory, section 2, clause (d)",
    }
    form = Step(
        title="form",
        text="a posterior in the encoder's family for every x makes log p(x,z) bilinear in nu(x) and psi(z): "
        "f(z) = W psi(z) + u, g(x) = W' nu(x) + v",
        source="Shekhovtsov et al. 2022, Theorem 1 (eqs. 5-7)",
    )
    middle = tuple(
        Step(
            title=part.clause,
            text="; ".join([part.reason, *(f.text for f in part.conditions)]),
            source=sources[part.clause],
        )
        for part in parts
    )
    last = Step(title="verdict", text=f"{found.verdict}: {found.reason}", source="theory, section 2, verdict")
    return (middle[0], form, *middle[1:], last)


def random_nonmember(found: Derivation) -> Candidate | None:
    """An admissible rational decoder outside the set, for `constrained` and `collapsed`; to be certified elsewhere."""
    if found.setting is None or found.domain is None or not found.domain.examples:
        return None
    if found.verdict not in ("constrained", "collapsed", "empty") or found.prior is None or found.prior.kind == "all":
        return None
    try:
        return nonmember(found.setting, found.domain)
    except Unknown:
        return None


def random_couplings(found: Derivation, most: int = 12) -> list[Candidate]:
    """Admissible rational decoders that use the latents, for `certify_inputs`; none where inputs hide nothing."""
    if found.setting is None or found.domain is None or found.inputs is None or found.inputs.pair is None:
        return []
    return list(islice(couplings(found.setting, found.domain), most)) if found.domain.examples else []
