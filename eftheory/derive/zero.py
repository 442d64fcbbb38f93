"""The one place where a constant is decided to be zero, positive or negative."""

from __future__ import annotations

import sympy as sp
from mpmath import iv

_FUNCTIONS = {sp.exp: iv.exp, sp.log: iv.log, sp.cos: iv.cos, sp.sin: iv.sin, sp.gamma: iv.gamma}


def sign(constant: sp.Expr, precisions: tuple[int, ...] = (60, 200, 800)) -> int | None:
    """-1, 0, 1 or None. Zero only by a normal form (logarithms of rationals split into primes); a sign only by a
    certified interval or by assumptions on symbols. Never by `simplify`."""
    constant = sp.sympify(constant)
    normal = sp.expand(split_logs(constant))
    if normal.is_zero:
        return 0
    if normal.is_positive:
        return 1
    if normal.is_negative:
        return -1
    if normal.free_symbols:
        return None
    for precision in precisions:
        iv.prec = precision
        try:
            ball = _interval(normal)
        except (KeyError, ValueError, TypeError, ZeroDivisionError):
            return None
        if ball.a > 0:
            return 1
        if ball.b < 0:
            return -1
    return None


def split_logs(value: sp.Expr) -> sp.Expr:
    """Logarithms of positive rationals as integer combinations of logarithms of primes (independent over Q)."""

    def split(node: sp.log) -> sp.Expr:
        argument = node.args[0]
        if not argument.is_Rational or argument <= 0:
            return node
        factors = sp.factorrat(argument)
        return sp.Add(*(power * sp.log(prime) for prime, power in factors.items() if prime != 1))

    return value.replace(lambda node: isinstance(node, sp.log), split)


def _interval(expr: sp.Expr):  # type: ignore[no-untyped-def]
    if expr.is_Rational:
        return iv.mpf(int(expr.p)) / iv.mpf(int(expr.q))
    if expr == sp.pi:
        return +iv.pi
    parts = [_interval(arg) for arg in expr.args]
    if expr.is_Add:
        return sum(parts[1:], parts[0])
    if expr.is_Mul:
        product = parts[0]
        for part in parts[1:]:
            product = product * part
        return product
    if expr.is_Pow:
        return parts[0] ** int(expr.exp) if expr.exp.is_Integer else iv.exp(parts[1] * iv.log(parts[0]))
    return _FUNCTIONS[expr.func](*parts)
