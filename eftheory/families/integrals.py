"""Integrals of exp(energy) over intervals and the circle: the table behind `normaliser.closed_form`.

Sources: Gradshteyn and Ryzhik, Table of Integrals, 8th ed.: 3.326.2 (powers), 3.323.2 (Gaussian), 3.191.3 (beta),
3.338.4 (Bessel).
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from eftheory.families.energy import Features, Normalised, features, require


def interval(x: sp.Symbol, energy: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> Normalised | None:
    """``log int_lo^hi exp(energy) dx``: the first rule that applies, after moving a finite end to zero."""
    lo, hi = sp.sympify(lo), sp.sympify(hi)
    if (lo, hi) == (-sp.oo, sp.oo):
        return _first(features(energy, x), x, _gaussian, _double_exponential)
    if lo.is_finite and hi.is_finite:
        return _beta(features(energy, x), x, lo, hi)
    if hi == sp.oo and lo != 0:
        found = _tail_of_power(features(energy, x), x, lo)
        if found is not None:
            return found
    u = sp.Symbol("u", positive=True)
    moved = sp.expand_log(sp.expand(energy.subs(x, lo + u if hi == sp.oo else hi - u)), force=True)
    if moved.has(sp.I):
        return None  # a logarithm was split into factors that are negative here
    return _first(features(moved, u), u, _generalised_gamma, _log_gaussian)


def circle(x: sp.Symbol, energy: sp.Expr) -> Normalised | None:
    """``int exp(c + a cos mx + b sin mx) dx = 2 pi e^c I_0(sqrt(a^2 + b^2))`` over a full turn, m an integer."""
    # shifted angles, cos(x - c), have to be expanded; multiples, cos(2 x), must not be
    return _one_harmonic(features(energy, x), x) or _one_harmonic(features(sp.expand(energy, trig=True), x), x)


def _one_harmonic(terms: Features, x: sp.Symbol) -> Normalised | None:
    constant = terms.pop(sp.Integer(1), sp.Integer(0))
    angles = {function.args[0] for function in terms if isinstance(function, sp.cos | sp.sin)}
    if len(angles) > 1 or any(not isinstance(function, sp.cos | sp.sin) for function in terms):
        return None
    angle = angles.pop() if angles else x
    if not (angle / x).is_integer:
        return None
    a, b = terms.get(sp.cos(angle), sp.Integer(0)), terms.get(sp.sin(angle), sp.Integer(0))
    return Normalised(log_partition=constant + sp.log(2 * sp.pi * sp.besseli(0, sp.sqrt(a**2 + b**2))))


Rule = Callable[[Features, sp.Symbol], Normalised | None]


def _first(terms: Features, x: sp.Symbol, *rules: Rule) -> Normalised | None:
    return next((found for found in (rule(dict(terms), x) for rule in rules) if found is not None), None)


def _pop(terms: Features, *functions: sp.Expr) -> list[sp.Expr]:
    """The coefficients of the functions, removed from the terms; 0 for those that are absent."""
    return [terms.pop(sp.sympify(function), sp.Integer(0)) for function in functions]


def _gauss(constant: sp.Expr, a: sp.Expr, c: sp.Expr) -> Normalised:
    """``int exp(constant + a t + c t^2) dt`` over the line, c < 0."""
    return Normalised(log_partition=constant - a**2 / (4 * c) + sp.log(-sp.pi / c) / 2, domain=require(-c))


def _gaussian(terms: Features, x: sp.Symbol) -> Normalised | None:
    constant, a, c = _pop(terms, 1, x, x**2)
    return None if terms or c == 0 else _gauss(constant, a, c)


def _log_gaussian(terms: Features, x: sp.Symbol) -> Normalised | None:
    """``x = e^t`` makes it Gaussian; dx = e^t dt adds one to the linear coefficient."""
    constant, a, c = _pop(terms, 1, sp.log(x), sp.log(x) ** 2)
    return None if terms or c == 0 else _gauss(constant, a + 1, c)


def _double_exponential(terms: Features, x: sp.Symbol) -> Normalised | None:
    """``int exp(b |s x - m| + a x) dx = e^{a m/s} / |s| (1/(-b - a/|s|) + 1/(-b + a/|s|))``, b < -|a/s|."""
    constant, a = _pop(terms, 1, x)
    if len(terms) != 1:
        return None
    ((absolute, b),) = terms.items()
    if not isinstance(absolute, sp.Abs) or sp.degree(absolute.args[0], x) != 1:
        return None
    slope = absolute.args[0].coeff(x, 1)
    centre, scale = sp.expand(-absolute.args[0].coeff(x, 0) / slope), sp.Abs(slope)
    if a == 0:
        return Normalised(log_partition=constant + sp.log(2) - sp.log(scale) - sp.log(-b), domain=require(-b))
    left, right = -b * scale + a, -b * scale - a
    value = constant + a * centre + sp.log(1 / left + 1 / right)
    return Normalised(log_partition=value, domain=require(left, right))


def _generalised_gamma(terms: Features, x: sp.Symbol) -> Normalised | None:
    """``int_0^oo x^a exp(b x^p) dx = Gamma(s) (-b)^{-s} / |p|`` with s = (a + 1)/p > 0, b < 0."""
    constant, a = _pop(terms, 1, sp.log(x))
    if len(terms) != 1:
        return None
    ((power, b),) = terms.items()
    base, p = power.as_base_exp()
    if base != x or p.has(x) or not p.is_nonzero:
        return None
    s = sp.simplify((a + 1) / p)
    value = constant + sp.loggamma(s) - s * sp.log(-b) - sp.log(sp.Abs(p))
    return Normalised(log_partition=value, domain=require(s, -b))


def _tail_of_power(terms: Features, x: sp.Symbol, lo: sp.Expr) -> Normalised | None:
    """``int_m^oo x^a dx = m^{a+1} / (-(a + 1))`` for m > 0, a < -1."""
    constant, a = _pop(terms, 1, sp.log(x))
    if terms or not lo.is_positive:
        return None
    return Normalised(log_partition=constant + (a + 1) * sp.log(lo) - sp.log(-a - 1), domain=require(-a - 1))


def _beta(terms: Features, x: sp.Symbol, lo: sp.Expr, hi: sp.Expr) -> Normalised | None:
    """``int_lo^hi (x-lo)^a (hi-x)^b dx = (hi-lo)^{a+b+1} B(a+1, b+1)``, a, b > -1."""
    constant, a, b = _pop(terms, 1, sp.log(x - lo), sp.log(hi - x))
    if terms:
        return None
    a, b, width = a + 1, b + 1, hi - lo
    log_beta = sp.loggamma(a) + sp.loggamma(b) - sp.loggamma(a + b)
    return Normalised(log_partition=constant + (a + b - 1) * sp.log(width) + log_beta, domain=require(a, b))
