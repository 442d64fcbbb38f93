"""Families that a user states: statistics, support and base measure as text; the rest is derived or checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import sympy as sp

from eftheory.errors import MisuseError, unknown
from eftheory.expression import parse_expression
from eftheory.families.arguments import size
from eftheory.families.base import PATTERNS, XI, XJ, Family, Size, Statistic, Unit, X, everywhere
from eftheory.families.own_checks import check_log_partition, check_on_support
from eftheory.families.own_domain import derive_domain
from eftheory.families.own_support import parse_support
from eftheory.families.support import Support

STATISTICS = 20
"""Templates of one family."""


def own(
    *,
    name: str = "own",
    statistics: Sequence[str],
    support: str,
    base: str = "1",
    dim: object = 1,
    log_partition: str | None = None,
) -> Family:
    """``p(x; eta) = base(x) exp(<eta, statistics(x)> - log_partition(eta))`` on the support, `dim` independent copies.

    Scalars are written in ``x``; blocks in ``x[i]`` and ``x[j]``, with a pattern after a colon (``x[i]*x[j] : i<j``;
    also i, i<last, i<=j, across), and their base is a factor in ``x[i]`` taken over all components. The natural
    domain is derived. log_partition, in nats and in ``eta1, eta2, ...``, is compared with summation or quadrature.
    Raises MisuseError: unknown names, statistics that are constant or not finite and real on the support, a base
    that is not positive, a family that no eta normalises, a log-partition that disagrees.
    """
    label = _label(name)
    space, groups = parse_support(support)
    templates = _templates(statistics, space, groups)
    unit = Unit(
        support=space,
        statistics=templates,
        base=_formula(base, space, pairs=False),
        domain=everywhere,
        log_partition=lambda eta: None,
        groups=groups,
    )
    check_on_support(unit, statistics, base)
    family_unit = _with_log_partition(replace(unit, domain=derive_domain(unit)), log_partition)
    return Family(
        name=label,
        unit=family_unit,
        copies=size(sp.Symbol(dim) if isinstance(dim, str) and dim.isidentifier() else dim, "dim"),
        spec=label,
    )


def _formula(text: str, support: Support, *, pairs: bool) -> sp.Expr:
    """A formula in x on a scalar support, in x[i] (and x[j]) on a block."""
    if support.scalar:
        return parse_expression(text, {"x": X})
    return parse_expression(text, {}, subscripts={"x[i]": XI, "x[j]": XJ} if pairs else {"x[i]": XI})


def _templates(texts: Sequence[str], support: Support, groups: tuple[Size, ...]) -> tuple[Statistic, ...]:
    if isinstance(texts, str) or not all(isinstance(text, str) for text in texts) or not 1 <= len(texts) <= STATISTICS:
        got = repr(texts) if isinstance(texts, str) or len(texts) <= STATISTICS else f"{len(texts)} statistics"
        raise MisuseError(wanted=f"a list of 1 to {STATISTICS} statistics as text", got=got, do='write ["x", "x**2"]')
    return tuple(_template(text, support, groups) for text in texts)


def _template(text: str, support: Support, groups: tuple[Size, ...]) -> Statistic:
    formula, colon, pattern = text.partition(":")
    pattern = pattern.replace(" ", "")
    expr = _formula(formula, support, pairs=True)
    if support.scalar:
        if colon:
            raise MisuseError(wanted="a statistic in x", got=repr(text), do="patterns belong to blocks such as bits(n)")
        return _not_constant(Statistic(expr), text)
    if XI not in expr.free_symbols:
        expr = expr.subs(XJ, XI)
    both = XJ in expr.free_symbols
    pattern = pattern if colon else ("i<j" if both else "i")
    if pattern not in PATTERNS[1:]:
        raise unknown("pattern", pattern, PATTERNS[1:])
    if both != (pattern in ("i<j", "i<=j", "across")):
        do = "use i or i<last for x[i]; i<j, i<=j or across for x[i] and x[j]"
        raise MisuseError(wanted="a pattern that fits the formula", got=repr(text), do=do)
    if pattern == "across" and len(groups) != 2:
        raise MisuseError(wanted="two groups for across", got=repr(text), do="use the support bits(a+b)")
    return _not_constant(Statistic(expr, pattern), text)


def _not_constant(statistic: Statistic, text: str) -> Statistic:
    if not statistic.expr.free_symbols:
        raise MisuseError(wanted="a statistic that depends on the variable", got=repr(text), do="remove or change it")
    return statistic


def _with_log_partition(unit: Unit, text: str | None) -> Unit:
    if text is None:
        return _with_closed_form(unit)
    explicit_groups = unit.groups if all(isinstance(group, int) for group in unit.groups) else None
    if explicit_groups is None or not (unit.support.scalar or unit.support.finite):
        do = "leave log_partition out: it is not needed"
        raise MisuseError(wanted="log_partition of a scalar or of an enumerable block", got=repr(text), do=do)
    explicit = unit.at(explicit_groups)
    names = {symbol.name: symbol for symbol in explicit.natural}
    if len(names) == 1:
        names["eta"] = explicit.natural[0]
    formula = parse_expression(text, names)
    check_log_partition(explicit, formula, text)

    def log_partition(eta: Sequence[sp.Expr]) -> sp.Expr | None:
        if len(eta) != len(explicit.natural):
            return None  # stated for the declared size of the block only
        return formula.subs(dict(zip(explicit.natural, eta, strict=True)), simultaneous=True)

    return replace(unit, log_partition=log_partition)


def _with_closed_form(unit: Unit) -> Unit:
    """log_partition from the catalogue of integrals, found when first asked for."""

    @cache
    def closed(groups: tuple[int, ...]) -> tuple[sp.Expr | None, tuple[sp.Symbol, ...]]:
        from eftheory.families.normaliser import closed_form

        explicit = unit.at(groups)
        return closed_form(explicit), explicit.natural

    def log_partition(eta: Sequence[sp.Expr], groups: tuple[int, ...] = ()) -> sp.Expr | None:
        formula, natural = closed(tuple(groups) if unit.groups else ())
        return None if formula is None else formula.subs(dict(zip(natural, eta, strict=True)), simultaneous=True)

    return replace(unit, log_partition=log_partition, log_partition_needs_groups=bool(unit.groups))


def _label(name: object) -> str:
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > 80:
        raise MisuseError(wanted="a name of up to 80 printable characters", got=repr(name), do="shorten or change it")
    return name.strip()
