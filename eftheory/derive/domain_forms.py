"""The admissible set D written out: signs of W, and the natural domains through the support functions of statistics."""

from __future__ import annotations

import sympy as sp

from eftheory.derive.domain import Domain
from eftheory.derive.setting import Setting, Side
from eftheory.families.base import Explicit
from eftheory.families.support import Integers, Interval, Points, Reals
from eftheory.families.support_function import support_function
from eftheory.verdict import Formula

SIGNS = {frozenset({0}): ("=", "="), frozenset({0, -1}): ("<=", r"\le"), frozenset({0, 1}): (">=", r"\ge")}
LINE = Interval(-sp.oo, sp.oo)


def label(unit: Explicit, statistic: sp.Expr, name: str) -> sp.Expr:
    """A statistic of one unit as a reader names it: z for a scalar, z_a and z_b for the components of a block."""
    used = [v for v in unit.variables if statistic.has(v)]
    if unit.support.scalar:
        return statistic.xreplace({unit.variables[0]: sp.Symbol(name)})
    return statistic.xreplace({v: sp.Symbol(f"{name}_{letter}") for v, letter in zip(used, "abcd", strict=False)})


def shown(setting: Setting, b: int) -> sp.Expr:
    """Encoder statistic b by name."""
    return label(setting.latents[0], setting.latents[0].statistics[b], "z")


def observed(setting: Setting, a: int) -> sp.Expr:
    """Decoder statistic a by name."""
    return label(setting.decoder.unit, setting.decoder.unit.statistics[a], "x")


def entry(setting: Setting, a: int, b: int) -> Formula:
    """The name of the block of W that couples decoder statistic a with encoder statistic b."""
    nu, psi = observed(setting, a), shown(setting, b)
    return Formula(text=f"W[{nu}, {psi}]", latex=rf"W_{{{sp.latex(nu)},\,{sp.latex(psi)}}}")


def admissible_signs(setting: Setting, found: Domain) -> list[Formula]:
    """Entries of W that vanish or have one sign in every member."""
    result = []
    for a, row in enumerate(found.signs):
        for b, signs in enumerate(row):
            if signs in SIGNS:
                name, (text, latex) = entry(setting, a, b), SIGNS[signs]
                result.append(Formula(text=f"{name.text} {text} 0", latex=f"{name.latex} {latex} 0"))
    return list(dict.fromkeys(result))


def natural_domains(setting: Setting, found: Domain) -> list[Formula]:
    """The relations of both natural domains, each to hold for every value of the other side."""
    result = []
    for unit, other, vector in (
        (setting.latents[0], setting.decoder, "v"),
        (setting.decoder.unit, setting.encoder, "u"),
    ):
        if isinstance(unit.support, Reals) and len(unit.domain) > 1:
            result.append(_definite(vector))
            continue
        for relation in sorted(unit.domain, key=lambda r: sorted(map(str, r.free_symbols))):
            result.append(_relation(setting, found, unit, other, relation, vector))
    return list(dict.fromkeys(result))


def _definite(vector: str) -> Formula:
    """The natural domain of a Gaussian block."""
    form, over = ("g(x)", "x") if vector == "v" else ("f(z)", "z")
    return Formula(
        text=f"the second-order part of {form} is negative definite for every {over}",
        latex=rf"\text{{second-order part of }} {form} \prec 0 \text{{ for every }} {over}",
    )


def _relation(setting: Setting, found: Domain, unit: Explicit, other: Side, relation: sp.Rel, vector: str) -> Formula:
    used = [i for i, eta in enumerate(unit.natural) if relation.has(eta)]
    form = sp.expand(relation.lts - relation.gts)
    if len(used) != 1 or not form.is_polynomial(*unit.natural) or sp.Poly(form, *unit.natural).total_degree() != 1:
        form_name = "g(x) = W'nu(x) + v" if vector == "v" else "f(z) = W psi(z) + u"
        latex = r"g(x) = W^\top\nu(x)+v" if vector == "v" else r"f(z) = W\psi(z)+u"
        text = f"{form_name} satisfies {relation} for every value, eta = ({', '.join(map(str, unit.statistics))})"
        return Formula(text=text, latex=rf"{sp.latex(relation)} \text{{ at }} \eta = {latex}")
    i = used[0]
    up = bool(sp.diff(form, unit.natural[i]).is_positive)
    bound = sp.solve(form, unit.natural[i])[0]
    name = shown(setting, i) if vector == "v" else observed(setting, i)
    extreme = _extreme(setting, found, i, other, vector, up)
    text, latex = ("<", "<") if up else (">", ">")
    if not _attained(setting, found, i, other, vector):
        text, latex = ("<=", r"\le") if up else (">=", r"\ge")  # where it is an equality, mass decides
    return Formula(
        text=f"{vector}[{name}]{extreme.text} {text} {bound}",
        latex=rf"{vector}_{{{sp.latex(name)}}}{extreme.latex} {latex} {sp.latex(bound)}",
    )


def _attained(setting: Setting, found: Domain, i: int, other: Side, vector: str) -> bool:
    """Whether the supremum of the coupled statistics is certainly attained: then the inequality is strict."""
    unit = other.unit
    free = [j for j in range(len(unit.statistics)) if (found.free(j, i) if vector == "v" else found.free(i, j))]
    if not free or found.unrestricted:
        return True
    if unit.support == LINE or isinstance(unit.support, Reals):
        return all(
            s.is_polynomial(*unit.variables) and sp.Poly(s, *unit.variables).total_degree() <= 2
            for s in unit.statistics
        )
    if len(free) != 1 or len(other.kept) != 1 or not unit.support.scalar:
        return False
    ends = (support_function(other.family.unit, [sp.Integer(way)]) for way in (1, -1))
    return all(end.attained for end in ends if end.value not in (None, sp.oo))


NOTHING = Formula(text="", latex="")


def _extreme(setting: Setting, found: Domain, i: int, other: Side, vector: str, up: bool) -> Formula:
    """The support function of the coupled statistics, summed over coordinates; empty where it is zero."""

    def cell(j: int) -> tuple[int, int]:
        return (j, i) if vector == "v" else (i, j)

    statistics = other.unit.statistics
    free = [j for j in range(len(statistics)) if found.free(*cell(j))]
    if not free:
        return NOTHING
    names = [entry(setting, *cell(j)) for j in free]
    if len(free) == 1:
        a, b = cell(free[0])
        closed = _single(names[0], found.signs[a][b], other, free[0], up)
        if closed is not None:
            return closed
    word = "sup" if up else "inf"
    values = [shown(setting, j) if vector == "u" else observed(setting, j) for j in free]
    pairs = list(zip(names, values, strict=True))
    text = " + ".join(dict.fromkeys(f"{name.text} {value}" for name, value in pairs))
    latex = " + ".join(dict.fromkeys(rf"{name.latex} {sp.latex(value)}" for name, value in pairs))
    return Formula(text=f" + sum {word} ({text})", latex=rf" + \textstyle\sum \{word}\,({latex})")


def _single(name: Formula, signs: frozenset[int], other: Side, j: int, up: bool) -> Formula | None:
    """One coupled statistic: its two end values, or the one that the sign of W allows."""
    best = "max" if up else "min"
    if isinstance(other.unit.support, Integers | Points) and other.points:
        values = sorted({other.unit.statistics[j].xreplace({other.unit.variables[0]: p[0]}) for p in other.points})
        ends = (values[0], values[-1])
        text = ", ".join("0" if v == 0 else name.text if v == 1 else f"{v} {name.text}" for v in ends)
        latex = ", ".join("0" if v == 0 else name.latex if v == 1 else rf"{sp.latex(v)}\,{name.latex}" for v in ends)
        return Formula(text=f" + sum {best}({text})", latex=rf" + \textstyle\sum \{best}({latex})")
    if signs not in SIGNS or not other.unit.support.scalar or len(other.kept) != 1:
        return None
    way = (1 if 1 in signs else -1) * (1 if up else -1)
    value = support_function(other.family.unit, [sp.Integer(way)]).value
    if value is None or value in (sp.oo, -sp.oo):
        return None
    return NOTHING if value == 0 else None


def two_classes(setting: Setting, found: Domain) -> Formula | None:
    """Two scalar variables, each with mean and variance: the two disjoint classes of normal conditionals.

    (Arnold, Castillo and Sarabia 1999; theory: section 2, table of clause b.)
    """
    units = (setting.decoder.unit, setting.latents[0])
    alone = setting.decoder.copies == 1 and setting.encoder.copies == 1
    quadratic = all(
        u.support == LINE and u.base == 1 and set(u.statistics) == {u.variables[0], u.variables[0] ** 2} for u in units
    )
    if not alone or not quadratic:
        return None
    (x, xx), (z, zz) = (
        sorted(range(2), key=lambda i: sp.Poly(u.statistics[i], u.variables[0]).total_degree()) for u in units
    )
    m11, m12, m21, m22 = (entry(setting, a, b) for a, b in ((x, z), (x, zz), (xx, z), (xx, zz)))
    m20, m02 = (f"u[{units[0].statistics[xx]}]", f"v[{shown(setting, zz)}]")
    u2, v2 = (rf"u_{{{sp.latex(units[0].statistics[xx])}}}", rf"v_{{{sp.latex(shown(setting, zz))}}}")
    text = (
        f"either {m22.text} = {m12.text} = {m21.text} = 0, {m20} < 0, {m02} < 0, {m11.text}**2 < 4 {m20} {m02}; "
        f"or {m22.text} < 0, 4 {m22.text} {m02} > {m12.text}**2, 4 {m22.text} {m20} > {m21.text}**2"
    )
    latex = (
        rf"\text{{either }} {m22.latex}={m12.latex}={m21.latex}=0,\ {u2},{v2}<0,\ {m11.latex}^2<4{u2}{v2};"
        rf"\ \text{{or }} {m22.latex}<0,\ 4{m22.latex}{v2}>{m12.latex}^2,\ 4{m22.latex}{u2}>{m21.latex}^2"
    )
    return Formula(text=text, latex=latex)
