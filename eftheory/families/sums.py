"""Sums of base exp(energy) over discrete supports: finite sums, series known by their term ratio, multinomial theorem.

A series is recognised by the ratio of consecutive terms (it is hypergeometric), not by how its base is written:
ratio ``q/(k+1)`` sums to exp, ``q (k+r)/(k+1)`` to a negative binomial, ``q (n-k)/(k+1)`` to a binomial.
"""

from __future__ import annotations

from itertools import islice

import sympy as sp

from eftheory.families.base import Explicit
from eftheory.families.energy import Normalised, features, require
from eftheory.families.support import Counts, Integers

MAX_POINTS = 4096
"""Finite supports of at most this many points are summed term by term."""


def finite(explicit: Explicit) -> Normalised | None:
    """``log sum_x base(x) exp(<natural, statistics(x)>)`` over an explicit finite support."""
    count = explicit.support.count(len(explicit.variables))
    if count is None or count > MAX_POINTS:
        return None
    points = list(islice(explicit.support.points(len(explicit.variables)), MAX_POINTS + 1))
    if len(points) > MAX_POINTS:
        return None
    terms = []
    for point in points:
        put = dict(zip(explicit.variables, point, strict=True))
        energy = sp.Add(*[a * s.subs(put) for a, s in zip(explicit.natural, explicit.statistics, strict=True)])
        terms.append(explicit.base.subs(put) * sp.exp(energy))
    return Normalised(log_partition=sp.log(sp.Add(*terms)))


def integers(explicit: Explicit) -> Normalised | None:
    """A series in one integer, from `lo` to `hi` (which may be oo or a symbol)."""
    support, (x,) = explicit.support, explicit.variables
    assert isinstance(support, Integers)
    found = _series(explicit, x, support.lo, support.hi)
    explicit_hi = sp.sympify(support.hi).is_Integer
    return finite(explicit) if found is None and explicit_hi else found


def _series(explicit: Explicit, x: sp.Symbol, lo: sp.Expr, hi: sp.Expr) -> Normalised | None:
    slope = _slope(explicit, x)
    k = sp.Symbol("k", integer=True, nonnegative=True)
    ratio = None if slope is None else term_ratio(explicit.base.subs(x, lo + k), k)
    if ratio is None or slope is None:
        return None
    first = sp.log(explicit.base.subs(x, lo)) + sp.Add(
        *[a * s.subs(x, lo) for a, s in zip(explicit.natural, explicit.statistics, strict=True)]
    )
    found = _hypergeometric(ratio, k, slope, hi - lo)
    if found is None:
        return None
    return Normalised(log_partition=sp.expand(first) + found.log_partition, domain=found.domain)


def _slope(explicit: Explicit, x: sp.Symbol) -> sp.Expr | None:
    """The coefficient of x in <natural, statistics>, if that is affine in x."""
    terms = features(sp.Add(*[a * s for a, s in zip(explicit.natural, explicit.statistics, strict=True)]), x)
    terms.pop(sp.Integer(1), None)
    slope = terms.pop(x, sp.Integer(0))
    return None if terms else slope


def term_ratio(term: sp.Expr, k: sp.Symbol) -> sp.Expr | None:
    """``term(k+1) / term(k)`` in lowest terms, where it is a rational function of k."""
    ratio = sp.simplify(sp.expand_func(sp.combsimp(term.subs(k, k + 1) / term)))
    ratio = sp.factor(sp.gammasimp(ratio))
    return ratio if ratio.is_rational_function(k) else None


def _hypergeometric(ratio: sp.Expr, k: sp.Symbol, slope: sp.Expr, length: sp.Expr) -> Normalised | None:
    """``log sum_{k=0}^{length} t_k e^{slope k} / t_0`` for t_{k+1} / t_k = ratio."""
    numerator, denominator = sp.fraction(sp.cancel(ratio * (k + 1)))
    top = sp.Poly(numerator, k)
    if denominator.has(k) or top.degree() > 1:
        return None
    if top.degree() == 0:
        y = numerator / denominator * sp.exp(slope)
        return Normalised(log_partition=y) if length == sp.oo else None
    q, r = top.coeff_monomial(k) / denominator, sp.simplify(top.coeff_monomial(1) / top.coeff_monomial(k))
    if length == sp.oo:
        # binomial series: sum C(k+r-1, k) y^k = (1-y)^{-r}, for |y| < 1
        y = q * sp.exp(slope)
        if not q.is_positive:
            return None
        return Normalised(log_partition=-r * sp.log(1 - y), domain=require(-slope - sp.log(q)))
    if sp.simplify(r + length) == 0:
        return Normalised(log_partition=length * sp.log(1 - q * sp.exp(slope)))
    return None


def counts(explicit: Explicit) -> Normalised | None:
    """Multinomial theorem: ``sum over |x| = n of prod y_i^x_i / x_i! = (sum_i y_i)^n / n!``."""
    support, variables = explicit.support, explicit.variables
    assert isinstance(support, Counts)
    if support.total is None:
        return None  # the law of the total is not part of the family
    linear = sp.Add(*[a * s for a, s in zip(explicit.natural, explicit.statistics, strict=True)])
    slopes = _slopes(linear, variables)
    ratios = [term_ratio(explicit.base, x) for x in variables]
    factors = [sp.cancel(ratio * (x + 1)) for ratio, x in zip(ratios, variables, strict=True) if ratio is not None]
    if slopes is None or len(factors) < len(variables) or any(q.has(*variables) for q in factors):
        return finite(explicit) if support.total.is_Integer else None
    constant, *rates = slopes
    origin = sp.log(explicit.base.subs(dict.fromkeys(variables, 0)))
    total = sp.Add(*[q * sp.exp(rate) for q, rate in zip(factors, rates, strict=True)])
    n = support.total
    value = constant + origin + n * sp.log(total) - sp.loggamma(n + 1, evaluate=False)
    return Normalised(log_partition=value)


def _slopes(linear: sp.Expr, variables: tuple[sp.Symbol, ...]) -> list[sp.Expr] | None:
    """[constant, coefficients...] of an affine function of the variables."""
    if not linear.is_polynomial(*variables):
        return None
    poly = sp.Poly(linear, *variables)
    if poly.total_degree() > 1:
        return None
    return [poly.coeff_monomial(1), *(poly.coeff_monomial(v) for v in variables)]
