"""Are the functions e^{a' psi(z)}, a in R^m, linearly independent on Z? (theory: section 2, deciding rule 1)

They are when along some path to the boundary of Z (or of its complexification) every non-constant element of the
linear space V spanned by psi diverges: then distinct elements separate in growth, and the fastest term of a vanishing
combination has nothing to cancel it. Units are independent coordinates, so exponentials factorise over them and one
unit decides; functions that couple units are accepted when everything is polynomial.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from eftheory.derive.setting import Setting
from eftheory.derive.space import Space, Unknown
from eftheory.families import growth
from eftheory.families.base import Explicit
from eftheory.families.support import Circle, Integers, Interval, Reals, Support


def exponentially_independent(setting: Setting, extra: Sequence[sp.Expr] = ()) -> bool:
    """True when proved for ``span{psi, extra}`` modulo constants, otherwise False (not proved)."""
    try:
        if setting.points is not None or any(unit.support.finite for unit in setting.latents):
            return False
        return _polynomial(setting, extra) or _unitwise(setting, extra)
    except (growth.Unknown, Unknown):
        return False


def independent_functions(space: Space, functions: Sequence[sp.Expr]) -> list[sp.Expr]:
    """A maximal subfamily that is linearly independent modulo constants."""
    return [functions[i] for i in space.independent(list(functions))]


def _polynomial(setting: Setting, extra: Sequence[sp.Expr]) -> bool:
    """Distinct polynomials without constant term separate along a generic curve; on N^k and R^k alike."""
    supports = [unit.support for unit in setting.latents]
    if not all(isinstance(s, Reals | Integers | Interval) for s in supports):
        return False
    variables = setting.space.variables
    return all(sp.expand(f).is_polynomial(*variables) for f in (*setting.psi, *extra))


def _unitwise(setting: Setting, extra: Sequence[sp.Expr]) -> bool:
    unit = setting.latents[0]
    others = {v for u in setting.latents[1:] for v in u.variables}
    pieces = []
    for function in extra:
        if not _separable(function, [u.variables for u in setting.latents]):
            return False
        pieces.append(_without(function, others))
    space = Space([(unit.variables, unit.support)], None)
    functions = independent_functions(space, [*unit.statistics, *pieces])
    if not unit.support.scalar:
        return False
    return _diverges(unit, functions, unit.support)


def _separable(function: sp.Expr, blocks: Sequence[tuple[sp.Symbol, ...]]) -> bool:
    """Whether every term of the expanded function touches one unit only."""
    terms = sp.Add.make_args(sp.expand_log(sp.expand(function)))
    return all(sum(bool(term.free_symbols & set(block)) for block in blocks) <= 1 for term in terms)


def _without(function: sp.Expr, others: set[sp.Symbol]) -> sp.Expr:
    terms = sp.Add.make_args(sp.expand_log(sp.expand(function)))
    return sp.Add(*(term for term in terms if not term.free_symbols & others))


def _diverges(unit: Explicit, functions: list[sp.Expr], support: Support) -> bool:
    if not functions:
        return True
    if isinstance(support, Circle):
        # Along z = phi + iy a trigonometric polynomial grows like e^{ny} with a phase that phi separates.
        angle = unit.variables[0]
        return all(f.is_polynomial(sp.cos(angle), sp.sin(angle)) for f in functions)
    if _smooth_polynomials(unit, functions):
        return True
    for end in growth.ends(support):
        expansions = [growth.expand(f, unit.variables[0], end) for f in functions]
        if _rank(expansions, above=growth.ONE) == len(functions):
            return True
        kernel = _slow_part(expansions, functions)
        if kernel and len(kernel) < len(functions) and _smooth_at(kernel, unit, end):
            # e^{fast part} beats every power series in 1/y, so terms with equal fast part cancel among themselves.
            rest = [other for other in growth.ends(support) if other is not end]
            for other in rest:
                slow = [growth.expand(f, unit.variables[0], other) for f in kernel]
                if _rank(slow, above=growth.ONE) == len(kernel):
                    return True
    return False


def _smooth_polynomials(unit: Explicit, functions: list[sp.Expr]) -> bool:
    """Polynomials in one variable are entire, so any interval or N will do (growth on the whole line decides)."""
    return all(f.is_polynomial(unit.variables[0]) for f in functions)


def _rank(expansions: Sequence[growth.Growth], above: growth.Order) -> int:
    orders = {order for e in expansions for order in e if growth.compare(order, above) > 0}
    if not orders:
        return 0
    matrix = sp.Matrix([[e.get(order, sp.Integer(0)) for order in orders] for e in expansions])
    if matrix.free_symbols:
        raise Unknown("symbolic rank")
    return int(matrix.rank())


def _slow_part(expansions: Sequence[growth.Growth], functions: Sequence[sp.Expr]) -> list[sp.Expr]:
    """The combinations that do not outgrow log y."""
    orders = list({order for e in expansions for order in e if growth.compare(order, growth.LOG) > 0})
    if not orders:
        return []
    matrix = sp.Matrix([[e.get(order, sp.Integer(0)) for e in expansions] for order in orders])
    kernel = matrix.nullspace()
    return [sp.Add(*(c * f for c, f in zip(vector, functions, strict=True))) for vector in kernel]


def _smooth_at(functions: Sequence[sp.Expr], unit: Explicit, end: growth.End) -> bool:
    """Power series in 1/y without logarithms or divergent terms."""
    for function in functions:
        expansion = growth.expand(function, unit.variables[0], end)
        for order in expansion:
            if order[1] != 0 or growth.compare(order, growth.ONE) > 0:
                return False
    return True
