"""Rules for decoders whose e^{A}, e^{-A/r} or A is a sum of exponentials of the natural parameter.

*Products.* Put the equation as ``prod_i P_i = C e^{g}``, every ``P_i`` a polynomial in exponentials e^{w psi} with at
least two terms. If the exponentials are independent they form the group ring of an ordered group: the largest and the
smallest exponents of a product multiply without cancellation, so a product is a single exponential only if every
factor is: W = 0, and then ``g = log(k0/k)`` must lie in the span (theory: deciding rule 1; the positive case is a
finite decoder). *Sums.* ``sum_i c_i e^{w_i psi}`` with positive c cannot cancel either: each must itself be one of the
monomials of the span.
"""

from __future__ import annotations

import sympy as sp

from eftheory.derive.rules.independence import exponentially_independent
from eftheory.derive.rules.outcome import Outcome
from eftheory.derive.setting import Setting
from eftheory.derive.space import Unknown


def products(setting: Setting) -> Outcome | None:
    """Collapse, or no member at all, when e^{A} (or a negative power) is a polynomial in exponentials."""
    unit = setting.decoder.unit
    if not (unit.support.finite or _log_of_exponentials(unit.log_partition)):
        return None
    extra = [setting.log_ratio, *setting.tau]
    if not exponentially_independent(setting, extra):
        return None
    reason = (
        "the functions exp(a'psi(z)) are linearly independent, so a product of sums of exponentials with two or more "
        "terms each is a single exponential only when no exponent depends on z"
    )
    if setting.fits:
        return Outcome(kind="zero", rule="exponential independence", proper=True, reason=reason)
    reason += "; and W = 0 fails as well, because log(k0/k) is not in the span of the encoder's statistics"
    return Outcome(kind="none", rule="exponential independence", proper=True, reason=reason)


def _log_of_exponentials(partition: sp.Expr | None) -> bool:
    """Whether A = r log P, up to constants, with P a sum of two exponentials of linear forms."""
    if partition is None:
        return False
    coefficient, rest = sp.sympify(partition).as_independent(sp.log)
    if coefficient.free_symbols & {s for s in partition.free_symbols if s.name.startswith("eta")}:
        return False
    if not isinstance(rest, sp.log) or not rest.args[0].is_Add or len(rest.args[0].args) != 2:
        return False  # more than two terms of either sign could cancel where their exponents coincide
    eta = [s for s in partition.free_symbols if s.name.startswith("eta")]
    return all(_is_exponential(term, eta) for term in rest.args[0].args)


def _is_exponential(term: sp.Expr, eta: list[sp.Symbol]) -> bool:
    _, body = term.as_independent(*eta, as_Add=False)
    return body == 1 or (isinstance(body, sp.exp) and sp.Poly(body.args[0], *eta).total_degree() <= 1)


def sums(setting: Setting) -> Outcome | None:
    """The decoder's A is itself a positive sum of exponentials (counts with rate e^eta)."""
    partition = setting.decoder.unit.log_partition
    eta = list(setting.decoder.unit.natural)
    if partition is None or not partition.has(*eta):
        return None
    terms = [t for t in sp.Add.make_args(sp.expand(partition)) if t.has(*eta)]
    if not all(_is_exponential(t, eta) and t.as_independent(*eta, as_Add=False)[0].is_positive for t in terms):
        return None
    if not exponentially_independent(setting, [setting.log_ratio, *setting.tau]):
        return None
    candidates = _monomials_that_are_exponentials(setting)
    if candidates is None:
        return None
    if not candidates:
        reason = "exponentials exp(w'psi(z)) with positive coefficients cannot cancel, and none but the constant lies "
        kind = "zero" if setting.fits else "none"
        return Outcome(kind=kind, rule="exp-log normal form", proper=True, reason=reason + "in span{1, psi, tau}")
    if setting.fits and any(setting.space.spans(monomial, setting.span) for monomial in candidates):
        shown = ", ".join(str(m) for m in candidates)
        return Outcome(
            kind="unknown",
            rule="exp-log normal form",
            proper=True,
            reason=f"exponentials cannot cancel, so every rate is constant or proportional to {shown}",
        )
    return None


def _monomials_that_are_exponentials(setting: Setting) -> list[sp.Expr] | None:
    """Non-constant monomials M of span{psi, tau, log k0/k} with log M in span psi: the w with e^{w psi} = M."""
    found: list[sp.Expr] = []
    keys: dict[sp.Basic, None] = {}
    for function in (*setting.span, setting.log_ratio):
        keys.update(dict.fromkeys(setting.space.coordinates(function)))
    for monomial in keys:
        if monomial == 1 or not isinstance(monomial, sp.Expr):
            continue
        if any(not node.args[0].is_Symbol for node in monomial.atoms(sp.log)):
            return None  # e^{w log(1 + z)} is no monomial: it may be a sum of several
        if not monomial.is_positive:
            continue
        try:
            if setting.space.spans(sp.log(monomial), setting.psi):
                found.append(monomial)
        except Unknown:
            return None
    return found
