"""The clauses as they are reported: status, conditions as formulas, reason."""

from __future__ import annotations

import sympy as sp

from eftheory.derive.domain import Domain, section
from eftheory.derive.domain_forms import admissible_signs, natural_domains, two_classes
from eftheory.derive.inputs import Seen
from eftheory.derive.rules.outcome import Outcome
from eftheory.derive.setting import Setting
from eftheory.families.support import Interval, Reals
from eftheory.verdict import Clause, Formula, Status

POSITIVE_DEFINITE = Formula(
    text="the joint precision matrix [[P_x, -W], [-W', P_z]] is positive definite",
    latex=r"\begin{pmatrix} P_x & -W \\ -W^\top & P_z \end{pmatrix} \succ 0",
)


def minimality(setting: Setting) -> Clause:
    """Clause (a)."""
    conditions, notes = [], []
    for role, side in (("decoder", setting.decoder), ("encoder", setting.encoder)):
        for statistic, combination in side.dropped:
            latex = rf"{sp.latex(statistic)} = {sp.latex(combination)} \text{{ is redundant}}"
            conditions.append(Formula(text=f"{statistic} is redundant: it equals {combination}", latex=latex))
        found = f"{len(side.dropped)} redundant, removed" if side.dropped else "minimal"
        notes.append(f"{role} statistics {found} (proved by {side.proof})")
    return Clause(clause="minimality", status=Status.PROVED, conditions=tuple(conditions), reason="; ".join(notes))


def domain(setting: Setting, found: Domain) -> Clause:
    """Clause (b)."""
    status = Status.UNDECIDED if found.nonzero is None else Status.PROVED
    conditions = [*admissible_signs(setting, found), *natural_domains(setting, found)]
    classes = two_classes(setting, found)
    if classes is not None:
        conditions = [classes]
    elif _gaussian(setting, found):
        conditions.append(POSITIVE_DEFINITE)
    elif not (section(setting.decoder).bounded or section(setting.encoder).bounded or setting.varying_total):
        conditions.append(Formula(text="the joint has finite mass", latex=r"\text{the joint has finite mass}"))
    return Clause(clause="domain", status=status, conditions=tuple(conditions), reason=found.reason)


def _gaussian(setting: Setting, found: Domain) -> bool:
    """Everything on the real line, and no term above second order left: the joint is Gaussian."""
    units = (setting.decoder.unit, setting.latents[0])
    if not all(u.support == Interval(-sp.oo, sp.oo) or isinstance(u.support, Reals) for u in units):
        return False
    degrees = []
    for unit in units:
        energies = [*unit.statistics, sp.expand_log(sp.log(unit.base), force=True)]
        if not all(e.is_polynomial(*unit.variables) for e in energies):
            return False
        found_degrees = [sp.Poly(e, *unit.variables).total_degree() for e in energies]
        if max(found_degrees) > 2:
            return False
        degrees.append(found_degrees[:-1])
    return all(
        p + q <= 2 or found.forced_zero(a, b) for a, p in enumerate(degrees[0]) for b, q in enumerate(degrees[1])
    )


def prior(setting: Setting, outcome: Outcome) -> Clause:
    """Clause (c)."""
    status = Status.UNDECIDED if outcome.kind == "unknown" else Status.PROVED
    if outcome.kind == "some" and outcome.proper is None:
        status = Status.UNDECIDED
    zero = (Formula(text="W = 0", latex="W = 0"),) if outcome.kind == "zero" else ()
    reason = f"{outcome.reason} [{outcome.rule}]"
    return Clause(clause="prior", status=status, conditions=(*outcome.conditions, *zero), reason=reason)


def inputs(found: Seen) -> Clause:
    """Clause (d)."""
    status = Status.UNDECIDED if found.kind == "unknown" else Status.PROVED
    return Clause(clause="inputs", status=status, conditions=found.conditions, reason=found.reason)
