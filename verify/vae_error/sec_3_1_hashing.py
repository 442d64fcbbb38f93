r"""Section 3.1, semantic hashing: with a known total, linear logits on counts give a multinomial-Bernoulli RBM.

.. math:: p(x,z) = h(x) \exp(x^\top W z + u^\top x + v^\top z + c),\qquad
          p(z) = e^c\, e^{v^\top z} \Bigl(\sum_w e^{(Wz+u)_w}\Bigr)^n,\quad |x| = n

Hypotheses: the total n is known, h(x) = n!/prod x_w!, the implied prior. Shekhovtsov, Schlesinger, Flach (2022),
section 3.1, eqs. (13) to (15); theory: sections 2 (c) and 6. In Q: the joint is eq. (15) divided by its total mass, the
encoder is its posterior, and the implied prior is the n-th power of one sum over words.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from flint import fmpq

from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.draws import distribution, odds
from eftheory.exact.finite import FiniteVAE, rationals, text
from eftheory.exact.loglinear import LOGS
from eftheory.exact.side import Side, family_side
from eftheory.exact.tables import monomial
from eftheory.verdict import Verdict

from ._documents import coupling, documents, logits, orderings
from ._exactly import (
    DENSITY,
    DISTRIBUTIONS,
    ENCODER,
    POSITIVE,
    TIGHT,
    ZERO,
    Instance,
    decided,
    density,
    integers,
    with_prior,
)

MULTINOMIAL = (
    "fact[0] == 1 and all(fact[i] == i*fact[i - 1] for i in each(fact) if i > 0)",
    "all(sum(counts[x][w] for w in each(expu)) == total_count for x in each(pd))",
    "all(h[x]*prod(fact[counts[x][w]] for w in each(expu)) == fact[total_count] for x in each(pd))",
    "sum(h[x] for x in each(pd)) == sum(1 for w in each(expu))**total_count",
    "all(nu[x][i] == counts[x][i] for x in each(pd) for i in each(nu[x]))",
    "sum(1 for w in each(expu)) == sum(1 for i in each(nu[0])) + 1",
    "all(k[z] == 1 and all(psi[z][j]**2 == psi[z][j] for j in each(expv)) for z in each(prior))",
)
LINEAR = (
    "all(theta[z][i]*lastword(z) == logit(z, i) for z in each(prior) for i in each(theta[z]))",
    "all(gamma[x][j] == expv[j]*prod(expW[w][j]**counts[x][w] for w in each(expu))"
    " for x in each(pd) for j in each(expv))",
)
PRIOR = ("all(prior[z]*mass_of_all == implied(z) for z in each(prior))",)
OWN = (
    "logit(z, i) = expu[i]*prod(expW[i][j]**psi[z][j] for j in each(expv))",
    "lastword(z) = logit(z, sum(1 for i in each(theta[z])))",
    "words(z) = sum(logit(z, i) for i in each(expu))",
    "implied(z) = prod(expv[j]**psi[z][j] for j in each(expv))*words(z)**total_count",
    "mass_of_all = sum(implied(y) for y in each(prior))",
    "rbm(x, z) = h[x]*prod(logit(z, i)**counts[x][i] for i in each(expu))*prod(expv[j]**psi[z][j] for j in each(expv))",
)
GIVEN = (*DISTRIBUTIONS, *POSITIVE, *ENCODER, *MULTINOMIAL, *LINEAR)
EQUATION_15 = "all(joint(x, z)*mass_of_all == rbm(x, z) for x in each(pd) for z in each(prior))"
RELATION = f"{EQUATION_15} and {TIGHT} and gap == 0"
QUANTITIES = ("mass_of_all", "gap")
SIZES = ((2, 1, 3), (3, 2, 2), (3, 1, 3), (4, 2, 2))


def listed(quick: bool) -> list[str]:
    return [f"random/{'x'.join(map(str, s))}/{i}" for i in range(2 if quick else 30) for s in SIZES]


def build(key: str) -> Instance:
    """Words, bits and the total from the key; random (W, u, v)."""
    rng = Random(key)
    words, bits, total = (int(size) for size in key.split("/")[1].split("x"))
    expW, expu = coupling(rng, words, bits)
    expv, code, points = odds(rng, bits), family_side(f"bernoulli({bits})"), documents(words, [total])
    x = Side(tuple(tuple(fmpq(c) for c in p[:-1]) for p in points), tuple(orderings(p) for p in points))
    lines = [logits(expW, expu, z) for z in code.statistics]
    theta = tuple(tuple(entry / line[-1] for entry in line[:-1]) for line in lines)
    columns = list(zip(*expW, strict=True))
    gamma = tuple(tuple(v * monomial(c, p) for v, c in zip(expv, columns, strict=True)) for p in points)
    masses = [monomial(expv, z) * sum(line, ZERO) ** total for z, line in zip(code.statistics, lines, strict=True)]
    prior = tuple(mass / sum(masses, ZERO) for mass in masses)
    vae = FiniteVAE(x, code, theta, prior, gamma, distribution(rng, len(points)))
    factorials = [fmpq(1)]
    for i in range(1, total + 1):
        factorials.append(factorials[-1] * i)
    more: dict[str, Sequence[Any]] = {"counts": points, "expW": expW, "expu": expu, "expv": expv, "fact": factorials}
    return {**vae.as_dict(), **{name: text(list(rows)) for name, rows in more.items()}, "total_count": str(total)}


@claim(
    "vae-error/sec-3-1-hashing",
    instances=Instances(keys=listed, build=build),
    where=where(*GIVEN, *PRIOR, RELATION, *QUANTITIES, own=OWN),
    given=(*GIVEN, *PRIOR),
    relation=RELATION,
    quantities=QUANTITIES,
)
def hashing(instance: Instance) -> Verdict:
    """With a known total, linear logits on word counts give a consistent multinomial-Bernoulli RBM."""
    vae = FiniteVAE.from_dict(instance)
    u, v = rationals([instance["expu"], instance["expv"]])
    lines = [logits(rationals(instance["expW"]), u, z) for z in vae.z.statistics]
    table = [
        [h * monomial(line, x) * monomial(v, z) for line, z in zip(lines, vae.z.statistics, strict=True)]
        for h, x in zip(vae.x.base, integers(instance["counts"]), strict=True)
    ]
    mass, gap = sum((sum(row, ZERO) for row in table), ZERO), vae.gap(LOGS)
    same = all(p * mass == f for rows in zip(vae.joint, table, strict=True) for p, f in zip(*rows, strict=True))
    true = same and vae.encoder == vae.posterior and gap.is_zero
    return decided(true, instance, reason="decided in Q", quantities={"mass_of_all": mass, "gap": gap})


def loose_keys(quick: bool) -> list[str]:
    return [f"random/3x2x2/control-{i}" for i in range(3 if quick else 9)]


def build_uniform(key: str) -> Instance:
    instance = build(key)
    flat = with_prior(FiniteVAE.from_dict(instance), [fmpq(1)] * len(instance["prior"]))
    return {**instance, "prior": text(flat.prior)}


@control(
    "vae-error/sec-3-1-hashing",
    "uniform-prior",
    instances=Instances(keys=loose_keys, build=build_uniform),
    where=where(*GIVEN, TIGHT, "gap", DENSITY, own=OWN),
    given=GIVEN,
    relation=TIGHT,
    quantities=("gap", DENSITY),
)
def uniform_prior(instance: Instance) -> Verdict:
    """The prior of eq. (15) is the implied one, not the uniform one."""
    vae = FiniteVAE.from_dict(instance)
    numbers = {"gap": vae.gap(LOGS), DENSITY: density(vae)}
    return decided(vae.encoder == vae.posterior, instance, reason="the uniform prior", quantities=numbers)
