"""Exact suprema of functions of one number: critical points and limits at the ends.

Handled: rational functions, plus logarithms whose derivatives are rational, polynomials in log x, one power x^p,
absolute values of affine functions, trigonometric polynomials. Everything else comes out undecided, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import sympy as sp

from eftheory.families.energy import features
from eftheory.families.support import Circle, Integers, Interval, Points, Support

ENUMERATED = 512
"""Finite supports of at most this many numbers are enumerated."""
TIE = sp.Rational(1, 10**40)
"""Numbers closer than this, at 60 digits, are compared symbolically."""


class Supremum(NamedTuple):
    """value: exact, or oo, or None where undecided; attained: by some point of the support (None: undecided)."""

    value: sp.Expr | None
    attained: bool | None


UNDECIDED = Supremum(None, None)


class _Stuck(Exception):
    """No rule finds the critical points."""


def over_scalar(support: Support, x: sp.Symbol, g: sp.Expr) -> Supremum:
    """``sup g(x)`` over a scalar support, g with rational or symbolic coefficients."""
    try:
        if isinstance(support, Points):
            return _best([Supremum(g.subs(x, value), True) for value in support.values])
        if isinstance(support, Circle):
            return _circle(x, g)
        if isinstance(support, Integers):
            return _integers(support, x, g)
        if isinstance(support, Interval):
            return _best(list(_interval(x, g, support.lo, support.hi)))
    except _Stuck:
        pass
    return UNDECIDED


def _interval(x: sp.Symbol, g: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> Iterator[Supremum]:
    """Candidates on the open interval: limits at both ends, kinks, critical points."""
    kinks = _kinks(x, g, lo, hi)
    for kink in kinks:
        yield Supremum(g.subs(x, kink), True)
    ends = [lo, *kinks, hi]
    for a, b in pairwise(ends):
        piece = _without_abs(x, g, _between(a, b))
        yield from (Supremum(_limit(piece, x, end, side), False) for end, side in ((a, "+"), (b, "-")))
        yield from (Supremum(value, True) for _, value in _critical(x, piece, a, b))


def _kinks(x: sp.Symbol, g: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> list[sp.Expr]:
    """Zeros of the arguments of absolute values, in order."""
    found = set()
    for absolute in g.atoms(sp.Abs):
        argument = absolute.args[0]
        if not argument.has(x):
            continue
        if not argument.is_polynomial(x) or sp.degree(argument, x) != 1:
            raise _Stuck
        found.add(sp.solve(argument, x)[0])
    if len(found) > 1 and any(point.free_symbols for point in found):
        raise _Stuck
    return sorted((point for point in found if _inside(point, lo, hi)), key=lambda point: point.sort_key())


def _inside(point: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> bool:
    below, above = sp.Gt(point, lo), sp.Lt(point, hi)
    if sp.false in (below, above):
        return False
    if below is sp.true and above is sp.true:
        return True
    raise _Stuck


def _between(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    if a == -sp.oo:
        return sp.Integer(0) if b == sp.oo else b - 1
    return a + 1 if b == sp.oo else (a + b) / 2


def _without_abs(x: sp.Symbol, g: sp.Expr, at: sp.Expr) -> sp.Expr:
    """g with every |affine| replaced by the sign that it has at a point of the piece."""
    signs = {}
    for absolute in g.atoms(sp.Abs):
        value = absolute.args[0].subs(x, at)
        if absolute.args[0].has(x):
            if not (value.is_positive or value.is_negative):
                raise _Stuck
            signs[absolute] = absolute.args[0] if value.is_positive else -absolute.args[0]
    return sp.expand(g.xreplace(signs))


def _limit(g: sp.Expr, x: sp.Symbol, end: sp.Expr, side: str) -> sp.Expr:
    if not g.has(x):
        return g
    value = sp.limit(g, x, end, side)
    if value.has(sp.Limit, sp.AccumBounds, sp.nan, sp.zoo):
        raise _Stuck
    return value


def _critical(x: sp.Symbol, g: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> list[tuple[sp.Expr, sp.Expr]]:
    """(point, value) at the zeros of g' inside (lo, hi); the points are those of a monotone change of variable."""
    if not g.has(x):
        return []
    slope = sp.together(g.diff(x))
    if slope.is_positive or slope.is_negative:
        return []
    numerator, denominator = sp.fraction(slope)
    if slope.free_symbols != {x} or not (numerator.is_polynomial(x) and denominator.is_polynomial(x)):
        return _substituted(x, g, lo, hi)
    try:
        roots = sp.real_roots(sp.Poly(numerator, x)) if sp.degree(numerator, x) > 0 else []
    except NotImplementedError as unsupported:  # coefficients that are neither rational nor algebraic
        raise _Stuck from unsupported
    return [(root, g.subs(x, root)) for root in dict.fromkeys(roots) if _inside(root, lo, hi)]


def _substituted(x: sp.Symbol, g: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> list[tuple[sp.Expr, sp.Expr]]:
    """Critical points after x = e^t (functions of log x), or x = t^(1/p) (one power x^p and log x)."""
    if lo.is_nonnegative is not True:
        raise _Stuck
    t = sp.Symbol("t", real=True)
    in_log = g.subs(sp.log(x), t)
    if not in_log.has(x) and in_log.is_polynomial(t):
        return [(sp.exp(p), v) for p, v in _critical(t, in_log, _log_end(lo), _log_end(hi))]
    powers = {factor.exp for factor in g.atoms(sp.Pow) if factor.base == x}
    if len(powers) != 1 or g.subs({x ** next(iter(powers)): 1, sp.log(x): 1}).has(x):
        raise _Stuck
    power = powers.pop()
    u = sp.Symbol("u", positive=True)
    if not power.is_nonzero or (lo, hi) != (0, sp.oo):
        raise _Stuck
    in_power = sp.expand(g.subs({x**power: u, sp.log(x): sp.log(u) / power}))
    return [(p ** (1 / power), v) for p, v in _critical(u, in_power, lo, hi)] if in_power != g else []


def _log_end(end: sp.Expr) -> sp.Expr:
    return -sp.oo if end == 0 else sp.log(end)


def _integers(support: Integers, x: sp.Symbol, g: sp.Expr) -> Supremum:
    """Enumerated, or at the ends and beside the real critical points: between them g is monotone."""
    lo, hi = support.lo, support.hi
    if hi.is_Integer and hi - lo < ENUMERATED:
        return _best([Supremum(g.subs(x, value), True) for (value,) in support.points()])
    real = sp.Symbol("r", real=True) if lo.is_nonnegative is not True else sp.Symbol("r", positive=True)
    smooth = g.subs(x, real)
    if smooth.has(sp.Abs, sp.factorial, sp.floor, sp.ceiling):
        raise _Stuck
    candidates = [Supremum(g.subs(x, lo), True)]
    candidates.append(Supremum(_limit(smooth, real, hi, "-"), False) if hi == sp.oo else Supremum(g.subs(x, hi), True))
    for point, _ in _critical(real, smooth, lo, hi):
        candidates += [Supremum(g.subs(x, beside), True) for beside in (sp.floor(point), sp.ceiling(point))]
    return _best(candidates)


def _circle(x: sp.Symbol, g: sp.Expr) -> Supremum:
    """One harmonic in closed form, as it stands or with shifted angles expanded; otherwise t = tan(x/2)."""
    found = _one_harmonic(x, g) or _one_harmonic(x, sp.expand(g, trig=True))
    if found is not None:
        return found
    t = sp.Symbol("t", real=True)
    rational = {sp.cos(x): (1 - t**2) / (1 + t**2), sp.sin(x): 2 * t / (1 + t**2)}
    whole_line = sp.together(sp.expand_trig(g).xreplace(rational))
    if whole_line.has(x):
        raise _Stuck
    best = _best(list(_interval(t, whole_line, -sp.oo, sp.oo)))
    return Supremum(best.value, True)  # the limit at t = oo is the value at the angle pi


def _one_harmonic(x: sp.Symbol, g: sp.Expr) -> Supremum | None:
    """``a cos(mx) + b sin(mx) + c`` has the maximum ``sqrt(a^2 + b^2) + c``, m an integer."""
    terms = features(g, x)
    constant = terms.pop(sp.Integer(1), sp.Integer(0))
    if not all(isinstance(function, sp.cos | sp.sin) for function in terms):
        return None
    angles = {function.args[0] for function in terms}
    if len(angles) != 1:
        return None
    (angle,) = angles
    if not (angle / x).is_integer:
        return None
    a, b = terms.get(sp.cos(angle), sp.Integer(0)), terms.get(sp.sin(angle), sp.Integer(0))
    return Supremum(constant + sp.sqrt(sp.simplify(a**2 + b**2)), True)


def _best(candidates: list[Supremum]) -> Supremum:
    """The largest candidate; of equal ones an attained one."""
    finite = [c for c in candidates if c.value != -sp.oo]
    if any(c.value == sp.oo for c in finite):
        return Supremum(sp.oo, False)
    best = finite[0]
    for other in finite[1:]:
        best = _larger(best, other)
    return best


def _larger(a: Supremum, b: Supremum) -> Supremum:
    if a.value is None or b.value is None:
        raise _Stuck
    difference = a.value - b.value
    if difference == 0:
        return Supremum(a.value, bool(a.attained or b.attained))
    number = sp.N(difference, 60)
    if not number.is_number or not number.is_real:
        if difference.is_nonnegative and difference.is_positive:
            return a
        if difference.is_negative:
            return b
        raise _Stuck
    if abs(number) > TIE:
        return a if number > 0 else b
    if sp.simplify(difference) != 0:
        raise _Stuck
    return Supremum(a.value, bool(a.attained or b.attained))
