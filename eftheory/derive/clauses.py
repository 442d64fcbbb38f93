"""The clauses as they are reported: status, conditions as formulas, reason."""

from __future__ import annotations

import sympy as sp

from eftheory.derive.domain import Domain, section
from eftheory.derive.inputs import Seen
from eftheory.derive.rules.outcome import Outcome
from eftheory.derive.setting import Setting, Side
from eftheory.families.base import Explicit
from eftheory.families.support import Integers, Interval, Points, Reals
from eftheory.verdict import Clause, Formula, Status


def minimality(setting: Setting) -> Clause:
    """Clause (a)."""
    conditions, notes = [], []
    for role, side in (("decoder", setting.decoder), ("encoder", setting.encoder)):
        for statistic, combination in side.dropped:
            conditions.append(
                Formula(text=f"{statistic} = {combination}", latex=f"{sp.latex(statistic)} = {sp.latex(combination)}")
            )
        found = f"{len(side.dropped)} redundant, removed" if side.dropped else "minimal"
        notes.append(f"{role} statistics {found} (proved by {side.proof})")
    return Clause(clause="minimality", status=Status.PROVED, conditions=tuple(conditions), reason="; ".join(notes))


def domain(setting: Setting, found: Domain) -> Clause:
    """Clause (b)."""
    status = Status.UNDECIDED if found.nonzero is None else Status.PROVED
    conditions = [*_entries(setting, found), *_inside(setting, found)]
    if _gaussian(setting, found):
        conditions.append(_positive_definite())
    elif not (section(setting.decoder).bounded or section(setting.encoder).bounded or setting.varying_total):
        conditions.append(Formula(text="the joint has finite mass", latex=r"\textstyle\sum_{x,z} p(x,z) < \infty"))
    return Clause(clause="domain", status=status, conditions=tuple(conditions), reason=found.reason)


def _entries(setting: Setting, found: Domain) -> list[Formula]:
    """Entries of W that vanish or have one sign in every member."""
    result = []
    for a, nu in enumerate(setting.decoder.unit.statistics):
        for b, psi in enumerate(setting.latents[0].statistics):
            signs = found.signs[a][b]
            relation = {frozenset({0}): "=", frozenset({0, -1}): "<=", frozenset({0, 1}): ">="}.get(
                signs or frozenset()
            )
            if relation:
                result.append(_entry(nu, psi, relation, setting))
    return result


def _entry(nu: sp.Expr, psi: sp.Expr, relation: str, setting: Setting) -> Formula:
    z = setting.latents[0].variables
    shown = psi.xreplace({v: sp.Symbol(v.name.replace("z1", "z")) for v in z})
    symbol = {"=": "=", "<=": r"\le", ">=": r"\ge"}[relation]
    what = f"W[{nu}, {shown}] {relation} 0"
    return Formula(text=what, latex=rf"W_{{{sp.latex(nu)},\,{sp.latex(shown)}}} {symbol} 0")


def _inside(setting: Setting, found: Domain) -> list[Formula]:
    """The natural domains that couple W with u and v, in the support functions of the statistics."""
    result = []
    encoder, decoder = setting.encoder, setting.decoder
    for name, unit, other, vector in (
        ("g(x) = W'nu(x) + v", setting.latents[0], decoder, "v"),
        ("f(z) = W psi(z) + u", decoder.unit, encoder, "u"),
    ):
        for relation in unit.domain:
            result.append(_relation(setting, found, unit, other, relation, name, vector))
    return list(dict.fromkeys(result))


def _relation(setting, found, unit: Explicit, other: Side, relation, name: str, vector: str) -> Formula:  # type: ignore[no-untyped-def]
    """One strict inequality of a natural domain, for all values of the other side."""
    used = [i for i, eta in enumerate(unit.natural) if relation.has(eta)]
    form = sp.expand(relation.lts - relation.gts)
    linear = form.is_polynomial(*unit.natural) and sp.Poly(form, *unit.natural).total_degree() == 1
    if len(used) != 1 or not linear:
        text = f"{name} in the natural domain for every value: {relation}"
        return Formula(text=text, latex=sp.latex(relation))
    i = used[0]
    sign = 1 if sp.diff(form, unit.natural[i]).is_positive else -1
    bound = sp.solve(form, unit.natural[i])[0]
    label = str(unit.statistics[i]).replace("z1", "z")
    support = _support_text(found, setting, i, other, vector, sign, label)
    symbol = "<" if sign > 0 else ">"
    text = f"{vector}[{label}]{support[0]} {symbol} {bound}"
    return Formula(text=text, latex=rf"{vector}_{{{label}}}{support[1]} {symbol} {sp.latex(bound)}")


def _support_text(found, setting, i, other: Side, vector, sign, label) -> tuple[str, str]:  # type: ignore[no-untyped-def]
    """The support function of the coupled statistics, summed over coordinates; empty when the entries vanish."""
    statistics = other.unit.statistics
    free = [j for j in range(len(statistics)) if (found.free(j, i) if vector == "v" else found.free(i, j))]
    if not free:
        return "", ""
    best = "max" if sign > 0 else "min"
    if len(free) == 1 and isinstance(other.unit.support, Integers | Points) and other.points:
        values = sorted({p[0] for p in other.points})
        lo, hi = values[0], values[-1]
        entry = f"W[{label}]"
        terms = [f"{value} {entry}" if value != 1 else entry for value in (lo, hi) if value != 0]
        inner = ", ".join(["0", *terms] if 0 in (lo, hi) else terms)
        return f" + sum {best}({inner})", rf" + \textstyle\sum \{best}({inner})"
    extreme = "sup" if sign > 0 else "inf"
    shown = ", ".join(str(statistics[j]) for j in free)
    return f" + sum {extreme} <W, ({shown})>", rf" + \textstyle\sum\{extreme}\,\langle W, ({shown})\rangle"


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


def _positive_definite() -> Formula:
    return Formula(
        text="the joint precision matrix [[P_x, -W], [-W', P_z]] is positive definite",
        latex=r"\begin{pmatrix} P_x & -W \\ -W^\top & P_z \end{pmatrix} \succ 0",
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
