"""Closed SymPy expressions in ball arithmetic: one table from node to operation; what it does not know it refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sympy as sp
from flint import arb, fmpq

from eftheory.errors import MisuseError


def evaluate(expr: sp.Expr, values: Mapping[sp.Symbol, arb] | None = None) -> arb:
    """The enclosure of `expr` at `values`, at the working precision (``flint.ctx.prec``).

    Outside a function's domain the ball is not finite. Raises MisuseError for a node that is not in the table,
    or a symbol without value.
    """
    return _evaluate(sp.sympify(expr, strict=True), values or {})


def _evaluate(expr: sp.Expr, values: Mapping[sp.Symbol, arb]) -> arb:
    if expr.is_Symbol:
        if expr not in values:
            raise MisuseError(wanted="a number for every symbol", got=f"none for {expr}", do="give it a value")
        return values[expr]
    if expr.is_Rational:
        return arb(fmpq(int(expr.p), int(expr.q)))
    if expr in _CONSTANTS:
        return _CONSTANTS[expr]()
    if expr.is_Pow:
        return _power(expr, values)
    operation = _TABLE.get(expr.func)
    if operation is None:
        raise MisuseError(
            wanted="an expression of the known functions",
            got=f"{expr.func.__name__} in {expr}",
            do=f"use {', '.join(sorted({node.__name__ for node in _TABLE}))}",
        )
    return operation(*(_evaluate(argument, values) for argument in expr.args))


def _power(expr: sp.Pow, values: Mapping[sp.Symbol, arb]) -> arb:
    base = _evaluate(expr.base, values)
    if expr.exp.is_Integer:
        return whole_power(base, int(expr.exp))
    if expr.exp == sp.Rational(1, 2):
        return base.sqrt()
    if expr.exp == -sp.Rational(1, 2):
        return base.rsqrt()
    return base ** _evaluate(expr.exp, values)


def whole_power(base: arb, n: int) -> arb:
    """``base ** n`` by multiplication: the library's own power of a ball with zero inside may be nan."""
    result, square, left = arb(1), base, abs(n)
    while left:
        if left & 1:
            result = result * square
        left >>= 1
        square = square * square if left else square
    return 1 / result if n < 0 else result


def _sum(*terms: arb) -> arb:
    return sum(terms, arb(0))


def _product(*factors: arb) -> arb:
    result = arb(1)
    for factor in factors:
        result = result * factor
    return result


def _binomial(n: arb, k: arb) -> arb:
    return (n + 1).gamma() * (k + 1).rgamma() * (n - k + 1).rgamma()


def _beta(a: arb, b: arb) -> arb:
    return a.gamma() * b.gamma() * (a + b).rgamma()


def _polygamma(order: arb, a: arb) -> arb:
    """``(-1)^(n+1) n! zeta(n+1, a)`` for n >= 1."""
    whole = order.unique_fmpz()
    if whole is None:
        return arb.nan()
    n = int(whole)
    return a.digamma() if n == 0 else (1 if n % 2 else -1) * arb.fac_ui(n) * arb(n + 1).zeta(a)


def _log(argument: arb, base: arb | None = None) -> arb:
    return argument.log() if base is None else argument.log() / base.log()


_CONSTANTS: Mapping[sp.Expr, Callable[[], arb]] = {
    sp.pi: arb.pi,
    sp.E: arb.const_e,
    sp.EulerGamma: arb.const_euler,
    sp.Catalan: arb.const_catalan,
}

_TABLE: Mapping[type, Callable[..., arb]] = {
    sp.Add: _sum,
    sp.Mul: _product,
    sp.exp: lambda a: a.exp(),
    sp.log: _log,
    sp.sin: lambda a: a.sin(),
    sp.cos: lambda a: a.cos(),
    sp.tan: lambda a: a.tan(),
    sp.sinh: lambda a: a.sinh(),
    sp.cosh: lambda a: a.cosh(),
    sp.tanh: lambda a: a.tanh(),
    sp.atan: lambda a: a.atan(),
    sp.Abs: lambda a: abs(a),
    sp.gamma: lambda a: a.gamma(),
    sp.loggamma: lambda a: a.lgamma(),
    sp.polygamma: lambda order, a: _polygamma(order, a),
    sp.factorial: lambda a: (a + 1).gamma(),
    sp.binomial: _binomial,
    sp.beta: _beta,
    sp.besseli: lambda order, a: a.bessel_i(order),
    sp.floor: lambda a: a.floor(),
    sp.sign: lambda a: a.sgn(),
    sp.erf: lambda a: a.erf(),
    sp.erfc: lambda a: a.erfc(),
    sp.zeta: lambda a: a.zeta(),
    sp.Max: lambda *a: _fold(lambda p, q: p.max(q), a),
    sp.Min: lambda *a: _fold(lambda p, q: p.min(q), a),
}


def _fold(pair: Callable[[arb, arb], arb], balls: tuple[arb, ...]) -> arb:
    result = balls[0]
    for ball in balls[1:]:
        result = pair(result, ball)
    return result
