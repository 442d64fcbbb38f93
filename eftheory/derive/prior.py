"""Clause (c): the prior must be the one that the member implies (theory: section 2, clause c, and "Deciding (c)").

The conjugation equation ``A(W psi(z) + u) + log k(z) - log k0(z) in span{1, psi(z), tau(z)}`` is put to rules that each
prove something or stay silent. What none decides is `unknown`.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import sympy as sp

from eftheory.derive.domain import Domain
from eftheory.derive.rules.convexity import convexity
from eftheory.derive.rules.exhaustive import all_functions
from eftheory.derive.rules.exponentials import products, sums
from eftheory.derive.rules.members import intermediate_value, two_valued
from eftheory.derive.rules.nonmembers import nonmember
from eftheory.derive.rules.outcome import Outcome
from eftheory.derive.rules.quadratic import gram
from eftheory.derive.rules.rays import rays
from eftheory.derive.rules.search import search
from eftheory.derive.rules.totals import varying_total
from eftheory.derive.setting import Setting
from eftheory.derive.space import Unknown
from eftheory.verdict import Formula

EQUATION = Formula(
    text="A(W psi(z) + u) + log k(z) - log k0(z) lies in span{1, psi(z), tau(z)} for all z",
    latex=r"A(W\psi(z)+u)+\log k(z)-\log k_0(z)\in\operatorname{span}\{1,\psi(z),\tau(z)\}\quad\forall z",
)

TABLE = Formula(
    text="the interactions of A(W psi(z) + u) - log(k0/k)(z) beyond 1, psi and tau vanish: "
    "sum_z b_z [A(W psi(z) + u) - log(k0/k)(z)] = 0 for every integer b that annihilates 1, psi and tau",
    latex=r"\sum_z b_z\,\big[A(W\psi(z)+u)-\log\tfrac{k_0}{k}(z)\big]=0"
    r"\quad\text{for every integer } b \perp 1,\psi,\tau",
)
"""The equation on a finite latent space."""


def decide(setting: Setting, domain: Domain) -> Outcome:
    """The finding of the first rule that decides, joined with what search shows."""
    if domain.nonzero is False:
        return _only_zero(setting)
    if setting.varying_total:
        return _guarded(varying_total, setting, domain)
    if setting.prior_free:
        return Outcome(
            kind="all",
            rule="free prior",
            proper=False,
            reason="a free prior takes the implied form log p(z) = log k + v'psi + A(W psi + u) + c",
        )
    partial: Outcome | None = None
    for rule in (
        lambda: all_functions(setting),
        lambda: convexity(setting),
        lambda: gram(setting, domain),
        lambda: products(setting),
        lambda: sums(setting),
        lambda: rays(setting, domain),
    ):
        try:
            found = rule()
        except Unknown:
            continue
        if found is not None and found.kind != "unknown":
            return _with_equation(setting, found)
        partial = partial or found
    try:
        return _with_equation(setting, _by_search(setting, domain, partial))
    except Unknown as unknown:
        return Outcome(kind="unknown", rule="search", reason=f"not decided for {unknown}", conditions=(EQUATION,))


def _guarded(rule, setting: Setting, domain: Domain) -> Outcome:  # type: ignore[no-untyped-def]
    try:
        return rule(setting, domain)
    except Unknown as unknown:
        return Outcome(kind="unknown", rule="normal form", reason=f"not decided for {unknown}")


def _only_zero(setting: Setting) -> Outcome:
    """Nothing but W = 0 is admissible: is it a member?"""
    try:
        fits = setting.prior_free or setting.fits
    except Unknown as unknown:
        return Outcome(kind="unknown", rule="prior", reason=f"not decided for {unknown}")
    if fits:
        return Outcome(kind="all", rule="domain", proper=False, reason="W = 0 is admissible, and the prior fits it")
    return Outcome(
        kind="none",
        rule="domain",
        proper=True,
        reason="only W = 0 is admissible, and the prior is not in the encoder's span",
    )


def _with_equation(setting: Setting, outcome: Outcome) -> Outcome:
    if outcome.conditions or outcome.kind == "all":
        return outcome
    return replace(outcome, conditions=(EQUATION if setting.points is None else TABLE,))


def _offending(setting: Setting) -> str | None:
    """The smallest product of the encoder's statistics that the encoder cannot express."""
    for degree in (2, 3):
        for chosen in combinations(range(len(setting.psi)), degree):
            product = sp.Mul(*(setting.psi[t] for t in chosen))
            if not setting.space.spans(product, setting.span):
                return str(product)
    return None


def _by_search(setting: Setting, domain: Domain, partial: Outcome | None) -> Outcome:
    """Existence by construction, and a non-member by random search."""
    excluded = nonmember(setting, domain) is not None
    found, pixels = _construct(setting)
    if found is None:
        reason = partial.reason if partial else "no rule decides the conjugation equation, and search found no member"
        return Outcome(kind="unknown", rule="search", proper=excluded or None, reason=reason)
    rule = "finite table" if setting.points is not None else "exp-log normal form"
    term = _offending(setting)
    outside = f"the log-partition brings terms such as {term} that the encoder cannot express; " if term else ""
    reason = f"{outside}members with W != 0 exist, such as: {found}"
    proper = True if excluded else None
    return Outcome(kind="some", rule=rule, proper=proper, reason=reason, usable_at_least=_separately(setting, pixels))


def _construct(setting: Setting) -> tuple[str | None, int]:
    """A member in words, and how many decoder coordinates it spends on one latent unit."""
    if setting.fits:
        form = two_valued(setting)
        if form is not None:
            return f"every decoder that depends on z through {form} alone", 1
        member = search(setting)
        return (None, 1) if member is None else (member.text, len(member.pixels))
    if not _pixels_each(setting, 1):
        return None, 1
    between = intermediate_value(setting)
    if between is not None:
        return between, 1
    member = search(setting)
    if member is None or not _pixels_each(setting, len(member.pixels)):
        return None, 1
    return member.text, len(member.pixels)


def _separately(setting: Setting, pixels: int) -> object:
    """Latent units that can be used at once, each through decoder coordinates of its own."""
    d, k = setting.decoder.copies, setting.encoder.copies
    if pixels == 1:
        return sp.Min(d, k)
    return min(d // pixels, k) if isinstance(d, int) and isinstance(k, int) else 1


def _pixels_each(setting: Setting, count: int) -> bool:
    """Whether every latent unit can be given `count` decoder coordinates of its own."""
    d, k = setting.decoder.copies, setting.encoder.copies
    if isinstance(d, int) and isinstance(k, int):
        return d >= count * k
    return count == 1 and (d == k or k == 1)
