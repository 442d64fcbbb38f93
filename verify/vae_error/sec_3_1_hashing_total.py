r"""Section 3.1, semantic hashing with a total that says nothing about z: linear logits are not enough.

.. math:: p(x|z) = p(|x|)\, h(x) \exp(x^\top f(z) - |x| \operatorname{lse} f(z)),\quad f = W\psi + u:\qquad
          p(\cdot|x) \in \mathrm{EF}(\psi)\ \forall x
          \iff \operatorname{lse}(W\psi + u) \in \operatorname{span}\{1, \psi\}

Hypotheses: the law of the total does not depend on z (eq. 13), two totals have positive probability, a uniform prior.
For weights b that annihilate (1, psi) the product of the posterior at x is ``(prod_z S(z)^b_z)^-|x|``, S the sum over
words of exp(W psi + u). So the equivalence with a multinomial-Bernoulli RBM (Shekhovtsov, Schlesinger, Flach, 2022,
section 3.1, eq. 15) needs a known total, or one whose law depends on z: a finding of theory, section 2 (c). Counter-
example: three words, two bits. Members: words as pairs with p_a(z_1) p_b(z_2). Decided in Q.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from flint import fmpq

from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.draws import odds
from eftheory.exact.finite import FiniteVAE, rationals, text
from eftheory.exact.side import family_side
from eftheory.exact.tables import monomial, posterior_in_family
from eftheory.verdict import Verdict

from ._documents import coupling, logits, varying_total
from ._exactly import (
    ANNIHILATES,
    CONTRAST,
    DENSITY,
    DISTRIBUTIONS,
    IN_FAMILY,
    POSITIVE,
    SPANS,
    VIOLATION,
    ZERO,
    Instance,
    annihilating,
    contrasts,
    decided,
    density,
    integers,
    read,
    squared_distance_from_one,
    without,
)

GIVEN = (
    *DISTRIBUTIONS,
    *POSITIVE,
    "all(k[z] == 1 and prior[z] == prior[0] for z in each(prior))",
    "all(sum(theta[z][i] for i in each(theta[z])) == 1 for z in each(prior))",
    "all(theta[z][i]*words(z) == logit(z, i) for z in each(prior) for i in each(expu))",
    "all(partition(z) == 1 for z in each(prior))",
    "any(length(x) == 1 for x in each(pd)) and any(length(x) > 1 for x in each(pd))",
    *ANNIHILATES,
    *SPANS,
)
OWN = (
    CONTRAST,
    "logit(z, i) = expu[i]*prod(expW[i][j]**psi[z][j] for j in each(psi[z]))",
    "words(z) = sum(logit(z, i) for i in each(expu))",
    "length(x) = sum(nu[x][i] for i in each(nu[x]))",
)
POWER = (
    "all(contrast(x, i)*prod(words(z)**(b[i][z]*length(x)) for z in each(prior)) == 1"
    " for x in each(pd) for i in each(b))"
)
NORMALISER = "all(prod(words(z)**b[i][z] for z in each(prior)) == 1 for i in each(b))"
RELATION = f"{POWER} and iff({IN_FAMILY}, {NORMALISER})"
FREE_PRIOR = "all(contrast(x, i) == contrast(0, i) for x in each(pd) for i in each(b))"
QUANTITIES = (DENSITY, VIOLATION)


def listed(quick: bool) -> list[str]:
    kinds = ("any/3x2", "pairs/4x2", "one-bit/3x2", "any/2x2", "any/3x1", "collapsed/3x2")
    return ["fixed/three-words-two-bits", *(f"{kind}/{i}" for i in range(2 if quick else 30) for kind in kinds)]


def drawn(key: str) -> tuple[Random, list[tuple[fmpq, ...]], tuple[fmpq, ...], int]:
    """exp(W), exp(u) and the number of bits. *any*: random; *pairs*: words as pairs; *one-bit*: z_1 alone is used."""
    rng = Random(key)
    if key == "fixed/three-words-two-bits":
        return rng, [(fmpq(2), fmpq(1)), (fmpq(1), fmpq(2)), (fmpq(1), fmpq(1))], (fmpq(1),) * 3, 2
    kind, sizes, _ = key.split("/")
    words, bits = (int(size) for size in sizes.split("x"))
    expW, expu = coupling(rng, words, bits)
    if kind == "pairs":
        (a, b), (c, d) = (odd + 1 for odd in odds(rng, 2)), odds(rng, 2)
        one = fmpq(1)
        return rng, [(one, one), (one, b), (a, one), (a, b)], (one, d, c, c * d), bits
    if kind == "one-bit":
        expW = [(row[0], *(fmpq(1) for _ in row[1:])) for row in expW]
    return rng, [(fmpq(1),) * bits] * words if kind == "collapsed" else expW, expu, bits


def build(key: str) -> Instance:
    """The model with totals 1 and 2, its logits, and the weights that annihilate (1, z)."""
    rng, expW, expu, bits = drawn(key)
    code = family_side(f"bernoulli({bits})")
    vae = varying_total(rng, [logits(expW, expu, z) for z in code.statistics], bits, (1, 2))
    numbers: dict[str, Any] = {"expW": expW, "expu": expu, "b": annihilating(code)}
    return {**without(vae, "gamma"), **{name: text(rows) for name, rows in numbers.items()}}


def sums(vae: FiniteVAE, instance: Instance) -> list[fmpq]:
    """``S(z)``, the sum over words of ``exp(W psi(z) + u)``."""
    (u,) = rationals([instance["expu"]])
    return [sum(logits(rationals(instance["expW"]), u, z), ZERO) for z in vae.z.statistics]


def outcomes(vae: FiniteVAE, products: Sequence[fmpq]) -> dict[str, fmpq]:
    return {DENSITY: density(vae), VIOLATION: squared_distance_from_one(products)}


@claim(
    "vae-error/sec-3-1-hashing-total",
    instances=Instances(keys=listed, build=build),
    where=where(*GIVEN, RELATION, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def hashing_total(instance: Instance) -> Verdict:
    """With a total independent of z, linear logits fit exactly where lse(W psi + u) lies in the span of 1 and psi."""
    vae, weights = read(instance), integers(instance["b"])
    lengths = [int(sum(row, ZERO).p) for row in vae.x.statistics]
    odd = [monomial(sums(vae, instance), b) for b in weights]
    products = contrasts(vae.posterior, vae.z.base, weights)
    power = products == [o**-n for n in lengths for o in odd]
    inside = posterior_in_family(vae.joint, vae.z.statistics, vae.z.base)
    true = power and inside == all(o == 1 for o in odd)
    reason = f"the posterior is {'in' if inside else 'outside of'} the family"
    return decided(true, instance, reason=reason, quantities=outcomes(vae, products), note=reason)


def generic_keys(quick: bool) -> list[str]:
    return ["fixed/three-words-two-bits", *(f"any/3x2/control-{i}" for i in range(2 if quick else 8))]


@control(
    "vae-error/sec-3-1-hashing-total",
    "every-linear-logit",
    instances=Instances(keys=generic_keys, build=build),
    where=where(*GIVEN, IN_FAMILY, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=IN_FAMILY,
    quantities=QUANTITIES,
)
def every_linear_logit(instance: Instance) -> Verdict:
    """Eq. (15) for every linear logit: refuted by three words and two bits."""
    vae = read(instance)
    products = contrasts(vae.posterior, vae.z.base, integers(instance["b"]))
    inside = all(product == 1 for product in products)
    return decided(inside, instance, reason="a product of the posterior", quantities=outcomes(vae, products))


@control(
    "vae-error/sec-3-1-hashing-total",
    "free-prior",
    instances=Instances(keys=generic_keys, build=build),
    where=where(*GIVEN, FREE_PRIOR, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=FREE_PRIOR,
    quantities=QUANTITIES,
)
def free_prior(instance: Instance) -> Verdict:
    """No other prior mends it either: that would need the same product at every x."""
    vae, weights = read(instance), integers(instance["b"])
    products = contrasts(vae.posterior, vae.z.base, weights)
    same = products == products[: len(weights)] * vae.x.count
    return decided(same, instance, reason="two totals, two products", quantities=outcomes(vae, products))
