"""Laws that are drawn from by a transformation: recognised by support, statistics and base, never by name.

Each rule returns a sampler, or None where the unit is not of its kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import sympy as sp
import torch
from torch import Tensor

from eftheory.families.base import XI, Explicit, Family
from eftheory.families.energy import energy_of, features
from eftheory.families.sums import term_ratio
from eftheory.families.support import Counts, Integers, Interval
from eftheory.learn.densities.program import Program
from eftheory.learn.densities.translate import translate

Sampler: TypeAlias = Callable[[Tensor, Tensor | None], Tensor]
"""(eta (..., copies, n), total (..., 1, 1) or None) to x (..., copies, p), from torch's global generator."""


# --- whole numbers ----------------------------------------------------------------------------------------------------


def series(explicit: Explicit, support: Integers) -> Sampler | None:
    """Terms with ratio ``q e^s/(k+1)``: Poisson; ``q e^s (k+r)/(k+1)``: negative binomial; ``(n-k)``: binomial."""
    (x,) = explicit.variables
    k = sp.Symbol("k", integer=True, nonnegative=True)
    slope = _linear_part(explicit, x)
    ratio = term_ratio(explicit.base.subs(x, support.lo + k), k)
    if slope is None or ratio is None:
        return None
    numerator, denominator = sp.fraction(sp.cancel(ratio * (k + 1)))
    top = sp.Poly(numerator, k)
    if denominator.has(k) or top.degree() > 1:
        return None
    rate, lo, infinite = translate([slope], explicit.natural), float(support.lo), support.hi == sp.oo
    if top.degree() == 0:
        q = float(numerator / denominator)
        return (lambda eta, total: torch.poisson(q * rate(eta).exp()) + lo) if infinite else None
    q = float(top.coeff_monomial(k) / denominator)
    r = float(top.coeff_monomial(1) / top.coeff_monomial(k))
    if infinite and q > 0:
        return lambda eta, total: _negative_binomial(rate(eta), q, r) + lo
    if not infinite and r == -float(support.hi - support.lo):
        return lambda eta, total: (
            torch.binomial(torch.full_like(rate(eta), -r), torch.sigmoid(rate(eta) + _log(-q))) + lo
        )
    return None


def _log(number: float) -> float:
    return float(sp.log(number))


def _negative_binomial(slope: Tensor, q: float, r: float) -> Tensor:
    """Poisson with a gamma rate; ``y = q e^s`` is the chance of what is counted, ``y/(1-y) = 1/(e^(-log y) - 1)``."""
    odds = torch.expm1(-slope - _log(q)).reciprocal()
    return torch.poisson(torch._standard_gamma(torch.full_like(slope, r)) * odds)


def _linear_part(explicit: Explicit, x: sp.Symbol) -> sp.Expr | None:
    """The coefficient of x in <natural, statistics>, where that is affine in x."""
    terms = features(sp.Add(*[e * s for e, s in zip(explicit.natural, explicit.statistics, strict=True)]), x)
    terms.pop(sp.Integer(1), None)
    slope = terms.pop(x, sp.Integer(0))
    return None if terms else slope


# --- intervals and the simplex ----------------------------------------------------------------------------------------


def interval(explicit: Explicit, support: Interval) -> Sampler | None:
    """(0, oo): ``x^a e^{b x^p}`` is a power of a gamma variable. (0, 1): ``x^a (1-x)^b`` is beta."""
    (x,) = explicit.variables
    terms = features(energy_of(explicit), x)
    terms.pop(sp.Integer(1), None)
    a = terms.pop(sp.log(x), sp.Integer(0))
    ends = (support.lo, support.hi)
    if ends == (0, 1):
        b = terms.pop(sp.log(1 - x), sp.Integer(0))
        return None if terms else _beta(translate([a + 1, b + 1], explicit.natural))
    if ends != (0, sp.oo) or len(terms) != 1:
        return None
    ((power, b),) = terms.items()
    base, p = power.as_base_exp()
    if base != x or not p.is_number:
        return None
    return _powered_gamma(translate([(a + 1) / p], explicit.natural), translate([-b], explicit.natural), float(p))


def _powered_gamma(shape: Program, rate: Program, p: float) -> Sampler:
    def draw(eta: Tensor, total: Tensor | None) -> Tensor:
        rates = rate(eta)
        drawn = torch._standard_gamma(shape(eta).expand(rates.shape).contiguous()) / rates
        return drawn if p == 1 else drawn.pow(1 / p)

    return draw


def _beta(shapes: Program) -> Sampler:
    def draw(eta: Tensor, total: Tensor | None) -> Tensor:
        return _dirichlet(shapes(eta).expand(*eta.shape[:-1], 2))[..., :1]

    return draw


def _dirichlet(concentration: Tensor) -> Tensor:
    drawn: Tensor = torch._sample_dirichlet(concentration.contiguous())
    return drawn


def simplex(family: Family) -> Sampler | None:
    """One statistic ``c log x_i`` for each component, base a power of x_i: Dirichlet."""
    unit = family.unit
    e = sp.Symbol("e", real=True)
    t = sp.Symbol("x_i", positive=True)
    if [s.pattern for s in unit.statistics] != ["i"]:
        return None
    energy = sp.expand_log(sp.log(unit.base.subs(XI, t)), force=True) + e * unit.statistics[0].expr.subs(XI, t)
    terms = features(sp.expand(energy), t)
    terms.pop(sp.Integer(1), None)
    power = terms.pop(sp.log(t), sp.Integer(0))
    if terms:
        return None
    concentration = translate([power + 1], (e,))
    return lambda eta, total: _dirichlet(concentration(eta.unsqueeze(-1)).squeeze(-1))


# --- counts -----------------------------------------------------------------------------------------------------------


def counts(family: Family, support: Counts, p: int) -> Sampler | None:
    """Words drawn one by one where the base is a multiple of ``1 / prod x_i!``."""
    unit = family.unit
    x = sp.Symbol("x_i", integer=True, nonnegative=True)
    ratio = term_ratio(unit.base.subs(XI, x), x)
    plain = [(s.expr, s.pattern) for s in unit.statistics] in ([(XI, "i")], [(XI, "i<last")])
    if not plain or ratio is None or sp.cancel(ratio * (x + 1)).has(x):
        return None
    known = None if support.total is None else int(support.total)

    def draw(eta: Tensor, total: Tensor | None) -> Tensor:
        logits = eta if eta.shape[-1] == p else torch.cat([eta, eta.new_zeros(*eta.shape[:-1], 1)], -1)
        if known is not None:
            totals = eta.new_full((*eta.shape[:-1], 1), known)
        else:
            assert total is not None
            totals = total
        shape = torch.broadcast_shapes(logits.shape[:-1], totals.shape[:-1])
        return _words(logits.expand(*shape, p), totals.expand(*shape, 1))

    return draw


def _words(logits: Tensor, totals: Tensor) -> Tensor:
    """Counts (..., K) of totals (..., 1)."""
    longest = int(totals.max())
    flat = logits.softmax(-1).flatten(0, -2)
    found = torch.zeros_like(flat)
    if longest > 0:
        words = torch.multinomial(flat, longest, replacement=True)
        used = torch.arange(longest, device=flat.device) < totals.reshape(-1, 1)
        found.scatter_add_(-1, words, used.to(flat.dtype))
    return found.reshape(logits.shape)
