"""How many: statistics, free parameters and latents, with sizes as they were given (numbers or symbols)."""

from __future__ import annotations

import sympy as sp

from eftheory.derive.domain import Domain
from eftheory.derive.setting import Setting, Side, varying
from eftheory.families.base import Statistic
from eftheory.verdict import Formula


def formula(expr: object) -> Formula:
    """A count as text and LaTeX."""
    value = sp.sympify(expr)
    return Formula(text=str(value), latex=sp.latex(value))


def template_count(statistic: Statistic, groups: tuple[object, ...]) -> sp.Expr:
    """The number of statistics that a template stands for."""
    sizes = [sp.sympify(g) for g in groups] or [sp.Integer(1)]
    p = sp.Add(*sizes)
    return {
        "": sp.Integer(1),
        "i": p,
        "i<last": p - 1,
        "i<j": p * (p - 1) / 2,
        "i<=j": p * (p + 1) / 2,
        "across": sp.Mul(*sizes) if len(sizes) == 2 else sp.Integer(0),
    }[statistic.pattern]


def unit_statistics(side: Side) -> sp.Expr:
    """Independent statistics of one unit; of word probabilities with a varying total one is fixed by the others."""
    unit = side.family.unit
    gauge = 1 if varying(side.unit) else 0
    return sp.Add(*(template_count(s, unit.groups) for s in unit.statistics)) - len(side.dropped) - gauge


def statistics(side: Side) -> sp.Expr:
    """Independent statistics of the whole side."""
    return sp.expand(unit_statistics(side) * side.copies)


def latent_coordinates(setting: Setting) -> sp.Expr:
    """The number of scalar latents; one-hot, counts and simplex blocks are one variable each."""
    unit = setting.spec.encoder.unit
    block = sp.Add(*map(sp.sympify, unit.groups)) if unit.groups else sp.Integer(1)
    from eftheory.families.support import Bits, Reals

    per_unit = block if isinstance(unit.support, Bits | Reals) else sp.Integer(1)
    return sp.expand(per_unit * setting.encoder.copies)


def admissible_entries(setting: Setting, domain: Domain) -> sp.Expr:
    """Free entries of W: those that no member is forced to set to zero."""
    rows = _template_of(setting.decoder)
    columns = _template_of(setting.encoder)
    total = sp.Integer(0)
    counted: set[tuple[int, int]] = set()
    for a, s in enumerate(rows):
        for b, t in enumerate(columns):
            if (s, t) in counted:
                continue
            counted.add((s, t))
            if domain.free(a, b):
                left = template_count(setting.decoder.family.unit.statistics[s], setting.decoder.family.unit.groups)
                right = template_count(setting.encoder.family.unit.statistics[t], setting.encoder.family.unit.groups)
                total += left * right
    if setting.decoder.dropped or setting.encoder.dropped or setting.varying_total:
        total = unit_statistics(setting.decoder) * unit_statistics(setting.encoder)
    return sp.expand(total * setting.decoder.copies * setting.encoder.copies)


def _template_of(side: Side) -> list[int]:
    """For every kept explicit statistic, the template it comes from."""
    templates = side.family.unit.statistics
    groups = side.groups or (1,)
    owner = [i for i, s in enumerate(templates) for _ in s.indices(groups)]
    return [owner[i] for i in side.kept]


def biases(setting: Setting) -> sp.Expr:
    """Free entries of u and v; a prior with values pins v."""
    v = sp.Integer(0) if setting.prior_pinned else statistics(setting.encoder)
    return sp.expand(statistics(setting.decoder) + v)
