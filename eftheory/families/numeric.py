"""Numbers for own families: sample points of a support, real values of an expression, log-normalisers by quadrature.

Used only to check what a user states; no verdict rests on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, pairwise, product
from typing import Any

import mpmath as mp
import sympy as sp

from eftheory.families.base import Explicit
from eftheory.families.support import Circle, Counts, Integers, Interval, Points, Reals, Simplex, Support

DIGITS = 25
"""Working precision in decimal digits; stated log-partitions are compared at 1e-8."""
TAIL = 256
"""Ends of an interval are followed to a distance (or closeness) of exp(TAIL)."""
ROOT_DEGREE = 20
"""Polynomials up to this degree have their real roots isolated."""
TERMS = 4000
"""Terms of a series before extrapolation takes over."""


class NotReal(Exception):
    """The expression has no finite real value here."""


class TooLarge(Exception):
    """The value exists but its exponent does not fit: nothing is known about it."""


def sample_points(support: Support, groups: tuple[int, ...] = (1,)) -> list[tuple[sp.Expr, ...]]:
    """Exact points of a support: all of a small finite one, otherwise some that are spread over it."""
    size = sum(groups)
    if isinstance(support, Integers):
        stop = min(support.hi, support.lo + 13)
        values = [*range(int(support.lo), int(stop) + 1), support.hi if support.finite else support.lo + 40]
        return [(sp.Integer(v),) for v in dict.fromkeys(values)]
    if isinstance(support, Interval):
        return [(v,) for v in _interval_points(support)]
    if isinstance(support, Circle):
        return [(sp.Rational(n, 3),) for n in (-9, -7, -2, 0, 1, 5, 8)]
    if isinstance(support, Points) or (support.finite and not isinstance(support, Counts)):
        return list(islice(support.points(size), 512))
    if isinstance(support, Counts):
        total = support.total
        return list(
            Counts(sp.Integer(2) if total is None or not total.is_Integer else sp.Integer(min(total, 4))).points(size)
        )
    if isinstance(support, Simplex):
        weights = [[(i * i + 3 * i * j + j + 1) for i in range(size)] for j in range(6)]
        return [tuple(sp.Rational(w, sum(row)) for w in row) for row in weights]
    if isinstance(support, Reals):
        values = [sp.Rational(n, 3) for n in (-7, -1, 0, 2, 11)]
        return list(islice(product(values, repeat=size), 200))
    raise TypeError(support)


def _interval_points(support: Interval) -> list[sp.Expr]:
    lo, hi = support.lo, support.hi
    if lo != -sp.oo and hi != sp.oo:
        return [lo + (hi - lo) * sp.Rational(n, 1001) for n in (1, 140, 333, 500, 667, 860, 1000)]
    steps = [sp.Rational(n, 10) for n in (1, 4, 10, 15, 43, 200)]
    if lo != -sp.oo:
        return [lo + step for step in steps]
    if hi != sp.oo:
        return [hi - step for step in steps]
    return [*(-step for step in reversed(steps)), sp.Integer(0), *steps]


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    sp.Abs: abs,
    sp.sin: mp.sin,
    sp.cos: mp.cos,
    sp.tanh: mp.tanh,
    sp.sign: mp.sign,
    sp.floor: mp.floor,
    sp.binomial: mp.binomial,
    sp.Min: min,
    sp.Max: max,
}
_GAMMAS: dict[Any, Callable[..., Any]] = {sp.gamma: mp.gamma, sp.loggamma: mp.loggamma, sp.factorial: mp.factorial}


def evaluate(expr: sp.Expr, values: Mapping[sp.Symbol, Any]) -> Any:
    """The real value of `expr` as an mpf in the working precision; raises NotReal or TooLarge."""
    if expr.is_Symbol:
        return values[expr]
    if expr.is_Rational:
        return mp.mpf(int(expr.p)) / int(expr.q)
    if not expr.args:
        return mp.mpf(expr._to_mpmath(mp.mp.prec))
    arguments = [evaluate(arg, values) for arg in expr.args]
    if expr.is_Add:
        return mp.fsum(arguments)
    if expr.is_Mul:
        return mp.fprod(arguments)
    if expr.is_Pow:
        return _power(*arguments)
    if isinstance(expr, sp.exp):
        return _exp(arguments[0])
    if isinstance(expr, sp.log):
        if arguments[0] <= 0:
            raise NotReal
        return mp.log(arguments[0])
    if expr.func in _GAMMAS:
        return _gamma(expr.func, arguments[0])
    if expr.func in _FUNCTIONS:
        return _FUNCTIONS[expr.func](*arguments)
    value = expr.func(*map(sp.Float, arguments)).evalf(DIGITS)  # e.g. besseli in a closed form
    if not value.is_Float:
        raise NotReal
    return mp.mpf(value)


def _exp(argument: Any) -> Any:
    if mp.mag(argument) > 1000:
        raise TooLarge
    return mp.exp(argument)


def _power(base: Any, exponent: Any) -> Any:
    if base == 0 and exponent < 0:
        raise NotReal
    if base < 0 and exponent != mp.floor(exponent):
        raise NotReal
    if base == 0 or (exponent == mp.floor(exponent) and abs(exponent) < 10**6):
        return base ** int(exponent) if exponent == mp.floor(exponent) else mp.mpf(0)
    return _exp(exponent * mp.log(abs(base))) * (-1 if base < 0 and int(exponent) % 2 else 1)


def _gamma(function: Any, argument: Any) -> Any:
    start = argument + 1 if function is sp.factorial else argument
    if start <= 0 and (start == mp.floor(start) or function is sp.loggamma):
        raise NotReal
    if mp.mag(argument) > 1000:
        raise TooLarge
    return _GAMMAS[function](argument)


def log_normaliser(unit: Explicit, eta: Sequence[sp.Expr]) -> Any | None:
    """``log int base exp(<eta, statistics>)`` in nats by summation or quadrature, None where that does not settle.

    Scalar and enumerable supports only.
    """
    exponent = sp.Add(*(e * s for e, s in zip(eta, unit.statistics, strict=True)))
    with mp.workdps(DIGITS):
        total = _mass(unit, exponent)
        return mp.log(total) if total is not None and total > 0 else None


def _weight(exponent: sp.Expr, base: sp.Expr, variables: Sequence[sp.Symbol]) -> Callable[..., Any]:
    def weight(*point: Any) -> Any:
        values = dict(zip(variables, point, strict=True))
        try:
            log_weight = evaluate(exponent, values)
            return mp.mpf(0) if log_weight < -(10**7) else _exp(log_weight) * evaluate(base, values)
        except TooLarge:  # only met in the far tail; a mass that sits there shows up as a disagreement
            return mp.mpf(0)

    return weight


def _mass(unit: Explicit, exponent: sp.Expr) -> Any | None:
    support, weight = unit.support, _weight(exponent, unit.base, unit.variables)
    if support.finite:
        return mp.fsum(weight(*map(_number, point)) for point in support.points(len(unit.variables)))
    if isinstance(support, Integers):
        return _series(lambda k: weight(_number(support.lo) + k))
    if isinstance(support, Circle):
        return mp.quad(weight, mp.linspace(-mp.pi, mp.pi, 7))
    if isinstance(support, Interval):
        pieces = list(_halves(support, exponent, unit.base, unit.variables[0]))
        return None if None in pieces else mp.fsum(pieces)
    raise TypeError(support)


def _number(value: sp.Expr) -> Any:
    return evaluate(sp.sympify(value), {})


def _series(term: Callable[[Any], Any]) -> Any | None:
    total, small = mp.mpf(0), 0
    for k in range(TERMS):
        value = term(mp.mpf(k))
        total += value
        small = small + 1 if value < total * mp.eps else 0
        if small == 20:
            return total
    return None


def _halves(support: Interval, exponent: sp.Expr, base: sp.Expr, variable: sp.Symbol) -> Iterator[Any | None]:
    """Both halves of an interval, in the logarithm of the distance t from the end (from the middle, if infinite).

    Power singularities and power tails then decay exponentially, and t keeps its relative precision.
    """
    finite = [end for end in (support.lo, support.hi) if end not in (sp.oo, -sp.oo)]
    if len(finite) == 2:
        middle = (support.lo + support.hi) / 2
    else:
        middle = finite[0] + (1 if finite[0] == support.lo else -1) if finite else sp.Integer(0)
    distance = sp.Symbol("t", positive=True)
    for end, inward in ((support.lo, 1), (support.hi, -1)):
        place = end + inward * distance if end in finite else middle - inward * distance
        weight = _weight(exponent.subs(variable, place), base.subs(variable, place), [distance])
        if end in finite:
            yield _half(_towards(weight, abs(_number(middle - end))))
        else:
            yield _half(_away(weight))


def _towards(weight: Callable[..., Any], length: Any) -> Callable[[Any], Any]:
    return lambda s: weight(length * mp.exp(-s)) * length * mp.exp(-s)


def _away(weight: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda s: weight(mp.expm1(s)) * mp.exp(s)


def _half(integrand: Callable[[Any], Any]) -> Any | None:
    edges = [mp.mpf(0), *(mp.mpf(2) ** k / 2 for k in range(10))]
    coarse = [(_gauss(integrand, a, b), a, b) for a, b in pairwise(edges)]
    tolerance = mp.fsum(value for value, _, _ in coarse) * mp.mpf("1e-13")
    total = mp.fsum(_refine(integrand, piece, tolerance, 40) for piece in coarse)
    return total if integrand(mp.mpf(TAIL)) <= total * mp.mpf("1e-15") else None


def _gauss(integrand: Callable[[Any], Any], a: Any, b: Any) -> Any:
    return mp.quad(integrand, [a, b], method="gauss-legendre", maxdegree=3)


def _refine(integrand: Callable[[Any], Any], piece: tuple[Any, Any, Any], tolerance: Any, depth: int) -> Any:
    """Bisection until two halves agree with the whole: kinks and jumps cost a few dozen pieces, no more."""
    whole, a, b = piece
    halves = [(_gauss(integrand, u, v), u, v) for u, v in ((a, (a + b) / 2), ((a + b) / 2, b))]
    sharper = halves[0][0] + halves[1][0]
    if depth == 0 or abs(sharper - whole) <= tolerance:
        return sharper
    return mp.fsum(_refine(integrand, half, tolerance, depth - 1) for half in halves)
