"""Counts whose total varies with a law of its own: the normaliser |x| lse f(z) depends on x (section 2, eq. 13).

With ``l = f - lse f`` (log-probabilities) members have ``l = W psi + u`` and ``sum_w exp((W psi(z) + u)_w) = 1`` for
every z, under every prior, free included; the implied prior is ``k exp(v'psi + c)``, a member of the encoder's family,
so a prior that is none leaves nothing.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from eftheory.derive.domain import Domain
from eftheory.derive.rules.convexity import convexity
from eftheory.derive.rules.exhaustive import all_functions
from eftheory.derive.rules.independence import exponentially_independent
from eftheory.derive.rules.members import two_valued
from eftheory.derive.rules.nonmembers import nonmember
from eftheory.derive.rules.outcome import Outcome
from eftheory.derive.rules.search import search
from eftheory.derive.setting import Setting
from eftheory.verdict import Formula

NORMALISED = Formula(
    text="sum_w exp((W psi(z) + u)_w) = 1 for every z",
    latex=r"\sum_w \exp\big((W\psi(z)+u)_w\big) = 1 \quad\text{for every } z",
)


def varying_total(setting: Setting, domain: Domain) -> Outcome:
    """Members are log-linear probabilities that are normalised for every z."""
    if not prior_is_in_family(setting):
        return Outcome(
            kind="none",
            rule="varying total",
            proper=True,
            conditions=(NORMALISED,),
            reason="the implied prior is k exp(v'psi + c), and this prior is not of that form",
        )
    bare = replace(setting, tau=(), log_ratio=sp.Integer(0))
    everything = all_functions(bare)
    if everything is not None:
        return replace(everything, rule="varying total")
    convex = convexity(bare)
    if convex is not None:
        return replace(convex, conditions=(NORMALISED,))
    if exponentially_independent(bare):
        reason = (
            "exponentials exp(a'psi(z)) are linearly independent, so sum_w exp(l_w(z)) = 1 makes every l_w constant"
        )
        return Outcome(kind="zero", rule="varying total", proper=True, conditions=(NORMALISED,), reason=reason)
    form = two_valued(bare)
    member = None if form else search(bare)
    if form is None and member is None:
        reason = "no log-linear probabilities that sum to one for every z were found, nor excluded"
        return Outcome(kind="unknown", rule="varying total", conditions=(NORMALISED,), reason=reason)
    shown = f"decoders that depend on z through {form} alone" if form else member.text  # type: ignore[union-attr]
    return Outcome(
        kind="some",
        rule="varying total",
        proper=True if nonmember(bare, domain) is not None else None,
        conditions=(NORMALISED,),
        reason=f"linear logits are normalised by |x| lse f(z), which no factor of z alone can undo; members: {shown}",
    )


def prior_is_in_family(setting: Setting) -> bool:
    """Whether the prior (or some member of a learned one) has the form k exp(v'psi + c)."""
    if setting.prior_free:
        return True
    space = setting.space
    if setting.prior_pinned:
        return space.spans(setting.log_ratio, setting.psi)
    return setting.fits
