"""The common definitions of a finite VAE in odds, in the language of the certificates, and which of them a text uses.

Instance names: h, nu (X x n), theta = exp f(z) (Z x n), prior, k, psi (Z x m), gamma = exp g(x) (X x m), pd.
`eftheory.recheck` writes the same definitions out on its own, so that a slip in one of them is seen.
"""

from __future__ import annotations

import re

COMMON = (
    "mass(x, z) = h[x]*prod(theta[z][i]**nu[x][i] for i in each(nu[x]))",
    "partition(z) = sum(mass(x, z) for x in each(pd))",
    "joint(x, z) = prior[z]*mass(x, z)/partition(z)",
    "evidence(x) = sum(joint(x, z) for z in each(prior))",
    "post(x, z) = joint(x, z)/evidence(x)",
    "weight(x, z) = k[z]*prod(gamma[x][j]**psi[z][j] for j in each(psi[z]))",
    "total(x) = sum(weight(x, z) for z in each(prior))",
    "q(x, z) = weight(x, z)/total(x)",
    "kl(x) = sum(q(x, z)*log(q(x, z)/post(x, z)) for z in each(prior))",
    "gap = sum(pd[x]*kl(x) for x in each(pd))",
    "residual(x, z) = log(post(x, z)/q(x, z))",
    "R(z) = sum(pd[x]*residual(x, z)**2 for x in each(pd))",
)
"""In this order; each uses only earlier ones."""
FINITE = (
    "sum(pd[x] for x in each(pd)) == 1",
    "all(pd[x] >= 0 for x in each(pd))",
    "sum(prior[z] for z in each(prior)) == 1",
    "all(prior[z] > 0 for z in each(prior))",
)
"""Hypotheses: the data and the prior are distributions."""
VALID = (
    "sum(pd[x] for x in each(pd)) == 1",
    "sum(prior[z] for z in each(prior)) == 1",
    "all(pd[x] >= 0 and h[x] > 0 for x in each(pd))",
    "all(prior[z] > 0 and k[z] > 0 for z in each(prior))",
    "all(theta[z][i] > 0 for z in each(prior) for i in each(theta[z]))",
    "all(gamma[x][j] > 0 for x in each(pd) for j in each(gamma[x]))",
)
"""Hypotheses: a finite VAE in odds, valid in every number."""
BOUNDED_BELOW = (
    "0 < alpha",
    "all(alpha <= q(x, z) and alpha <= post(x, z) for x in each(pd) for z in each(prior))",
)
"""Hypotheses of Proposition A.2 and Theorem 2: alpha bounds encoder and posterior from below."""


def where(*texts: str, own: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The definitions that `texts` use, directly or not, in order: the common ones, then `own`."""
    known = {definition_name(text): text for text in (*COMMON, *own)}
    needed: set[str] = set()
    todo = list(texts)
    while todo:
        for name in set(re.findall(r"[A-Za-z_]\w*", todo.pop())) & set(known) - needed:
            needed.add(name)
            todo.append(known[name].partition("=")[2])
    return tuple(text for name, text in known.items() if name in needed)


def definition_name(text: str) -> str:
    """``mass`` of ``mass(x, z) = ...``."""
    return re.split(r"[\s(=]", text.strip(), maxsplit=1)[0]
