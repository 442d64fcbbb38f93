"""What an own family states, tried at exact points: a wrong statement is refused with the point that shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import mpmath as mp
import sympy as sp

from eftheory.errors import MisuseError
from eftheory.families import numeric
from eftheory.families.base import Explicit, Unit, X
from eftheory.families.support import Bits, Circle, Integers, Interval, OneHot, Support

TOLERANCE = mp.mpf("1e-8")
"""How closely a stated log-partition must agree with quadrature, in nats."""


def _small(unit: Unit) -> tuple[int, ...]:
    """Sizes at which statements about a block are tried out."""
    most = 2 if len(unit.groups) == 2 else 3
    return tuple(min(group, most) if isinstance(group, int) else most for group in unit.groups)


def check_on_support(unit: Unit, texts: Sequence[str], base: str) -> None:
    """Statistics are finite, real and not constant at sample points, the base is finite and positive there."""
    groups = _small(unit)
    explicit = unit.at(groups)
    points = numeric.sample_points(unit.support, groups or (1,))
    if isinstance(unit.support, Interval | Integers):
        for expr in (*(s.expr for s in unit.statistics), sp.log(unit.base, evaluate=False)):
            points += [(pole,) for pole in _poles(expr, unit.support)]
    owners = [text for s, text in zip(unit.statistics, texts, strict=True) for _ in s.indices(groups or (1,))]
    seen: dict[str, set[str]] = {text: set() for text in texts}
    for text, expr in zip(owners, explicit.statistics, strict=True):
        for point in points:
            value = _value(expr, explicit, point, text)
            if value is not None:
                seen[text].add(mp.nstr(value, 15))
                _check_period(unit.support, expr, explicit, point, value, text)
    for text, values in seen.items():
        if len(values) < 2:
            do = "it is constant on the support: remove or change it"
            raise MisuseError(wanted="a statistic that depends on the variable", got=repr(text), do=do)
    for point in points:
        value = _value(explicit.base, explicit, point, base)
        if value is not None and not value > 0:
            at = _where(explicit, point)
            raise MisuseError(wanted="a positive base measure", got=f"{base!r} at {at}", do="change base or support")
        if value is not None:
            _check_period(unit.support, explicit.base, explicit, point, value, base)


def _value(expr: sp.Expr, unit: Explicit, point: tuple[sp.Expr, ...], text: str) -> Any | None:
    """The value at a point, None when it is too large to know. Raises MisuseError where it is not finite and real."""
    with mp.workdps(numeric.DIGITS):
        values = {v: numeric.evaluate(sp.sympify(c), {}) for v, c in zip(unit.variables, point, strict=True)}
        try:
            return numeric.evaluate(expr, values)
        except numeric.TooLarge:
            return None
        except numeric.NotReal:
            where = _where(unit, point)
            raise MisuseError(
                wanted=f"a function that is finite and real on {unit.support.text}",
                got=f"{text!r} at {where}",
                do="change it or the support",
            ) from None


def _where(unit: Explicit, point: tuple[sp.Expr, ...]) -> str:
    return ", ".join(f"{v} = {c}" for v, c in zip(unit.variables, point, strict=True))


def _check_period(support: Support, expr: sp.Expr, unit: Explicit, point: Any, value: Any, text: str) -> None:
    if not isinstance(support, Circle):
        return
    turned = _value(expr, unit, (point[0] + 2 * sp.pi,), text)
    if turned is None or abs(turned - value) > mp.mpf("1e-15") * (1 + abs(value)):
        do = "write it with cos(x) and sin(x)"
        raise MisuseError(wanted="a function of period 2 pi on the circle", got=repr(text), do=do)


def _poles(expr: sp.Expr, support: Interval | Integers) -> Iterator[sp.Expr]:
    """Roots, inside the support, of polynomials that are divided by, or under a logarithm or a root."""
    for node in sp.preorder_traversal(expr):
        if isinstance(node, sp.log):
            critical = node.args[0]
        elif node.is_Pow and not (node.exp.is_Integer and node.exp > 0):
            critical = node.base
        else:
            continue
        for factor in sp.Mul.make_args(critical):
            core = factor.base if factor.is_Pow else factor
            if core.has(X) and core.is_polynomial(X):
                poly = sp.Poly(core, X)
                if poly.degree() <= numeric.ROOT_DEGREE and all(c.is_Rational for c in poly.all_coeffs()):
                    yield from (root for root in set(poly.real_roots()) if _inside(root, support))


def _inside(root: sp.Expr, support: Interval | Integers) -> bool:
    if isinstance(support, Integers):
        return bool(root.is_Integer and support.lo <= root <= support.hi)
    return bool(support.lo < root) and bool(root < support.hi)


def check_log_partition(unit: Explicit, formula: sp.Expr, text: str) -> None:
    """Compares at three points of the domain; raises MisuseError with the point and both numbers."""
    if isinstance(unit.support, Bits | OneHot) and len(unit.variables) > 12:
        raise MisuseError(wanted="a log_partition that can be checked", got=unit.support.text, do="leave it out")
    checked = 0
    for eta in islice(_candidates(unit), 30):
        computed = numeric.log_normaliser(unit, eta)
        if computed is None:
            continue
        try:
            with mp.workdps(numeric.DIGITS):
                values = {symbol: numeric.evaluate(e, {}) for symbol, e in zip(unit.natural, eta, strict=True)}
                stated = numeric.evaluate(formula, values)
        except (numeric.NotReal, numeric.TooLarge):
            stated = mp.nan
        if not abs(stated - computed) <= TOLERANCE:
            at = ", ".join(f"{symbol} = {e}" for symbol, e in zip(unit.natural, eta, strict=True))
            raise MisuseError(
                wanted=f"the log-partition {mp.nstr(computed, 12)} at {at}",
                got=f"{mp.nstr(stated, 12)} from {text!r}",
                do="correct log_partition, or leave it out",
            )
        checked += 1
        if checked == 3:
            return
    if not checked:
        do = "leave it out: no point of the domain was found to check it at"
        raise MisuseError(wanted="a log_partition that can be checked", got=repr(text), do=do)


def _candidates(unit: Explicit) -> Iterator[tuple[sp.Expr, ...]]:
    """Rational natural parameters, spread without a pattern, that satisfy the domain or may do so."""
    state = 1
    for _ in range(3000):
        point = []
        for _ in unit.natural:
            state = (1103515245 * state + 12345) % 2**31
            point.append(sp.Rational((state >> 16) % 25 - 12, 4) + sp.Rational(1, 7))
        replaced = dict(zip(unit.natural, point, strict=True))
        if not any(relation.subs(replaced) == sp.false for relation in unit.domain):
            yield tuple(point)
