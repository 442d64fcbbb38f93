r"""Section 3.1, Bernoulli VAE: the consistent joint is a restricted Boltzmann machine, exactly.

.. math:: p(x,z) = \exp(x^\top W z + u^\top x + v^\top z + c),\qquad
          p(z) = e^c\, e^{v^\top z} \prod_i (1 + e^{w_i \cdot z + u_i})

Hypotheses: independent bits on both sides, the implied prior. Shekhovtsov, Schlesinger, Flach (2022), section 3.1,
eq. (12); the prior, and the second claim: theory, section 2 (c). With the uniform prior in its place the members are
the machines in which the interactions of order two and more of ``sum_i softplus(w_i.z + u_i)`` vanish. Decided in Q.
"""

from __future__ import annotations

from random import Random
from typing import Any

from flint import fmpq

from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.draws import distribution, odds
from eftheory.exact.finite import FiniteVAE, harmonium, rationals, text
from eftheory.exact.loglinear import LOGS
from eftheory.exact.side import family_side
from eftheory.exact.tables import marginal_z, monomial, posterior_in_family
from eftheory.verdict import Verdict

from ._exactly import (
    ANNIHILATES,
    CONTRAST,
    DENSITY,
    DISTRIBUTIONS,
    ENCODER,
    IN_FAMILY,
    POSITIVE,
    SPANS,
    TIGHT,
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
    with_prior,
    without,
)

BITS = (
    "all(h[x] == 1 and all(nu[x][i]**2 == nu[x][i] for i in each(expu)) for x in each(pd))",
    "all(k[z] == 1 and all(psi[z][j]**2 == psi[z][j] for j in each(expW[0])) for z in each(prior))",
    "all(any(nu[x][i] != nu[y][i] for i in each(expu)) for x in each(pd) for y in each(pd) if x != y)",
    "all(any(psi[z][j] != psi[y][j] for j in each(expW[0])) for z in each(prior) for y in each(prior) if z != y)",
    "sum(1 for x in each(pd)) == 2**sum(1 for i in each(expu))",
    "sum(1 for z in each(prior)) == 2**sum(1 for j in each(expW[0]))",
)
LINEAR_DECODER = ("all(theta[z][i] == logit(z, i) for z in each(prior) for i in each(expu))",)
LINEAR_ENCODER = (
    "all(gamma[x][j] == expv[j]*prod(expW[i][j]**nu[x][i] for i in each(expu)) for x in each(pd) for j in each(expv))",
)
PRODUCT_PRIOR = ("all(prior[z]*mass_of_all == implied(z) for z in each(prior))",)
UNIFORM = ("all(prior[z] == prior[0] for z in each(prior))",)
GIVEN = (*DISTRIBUTIONS, *POSITIVE, *ENCODER, *BITS, *LINEAR_DECODER, *LINEAR_ENCODER, *PRODUCT_PRIOR)
GIVEN_UNIFORM = (*DISTRIBUTIONS, *POSITIVE, *BITS, *LINEAR_DECODER, *UNIFORM, *ANNIHILATES, *SPANS)
OWN = (
    CONTRAST,
    "logit(z, i) = expu[i]*prod(expW[i][j]**psi[z][j] for j in each(expW[i]))",
    "softplus(z) = prod(1 + logit(z, i) for i in each(expu))",
    "implied(z) = prod(expv[j]**psi[z][j] for j in each(expv))*softplus(z)",
    "mass_of_all = sum(implied(y) for y in each(prior))",
    "rbm(x, z) = prod(logit(z, i)**nu[x][i] for i in each(expu))*prod(expv[j]**psi[z][j] for j in each(expv))",
)
MACHINE = "all(joint(x, z)*mass_of_all == rbm(x, z) for x in each(pd) for z in each(prior))"
RELATION = f"{MACHINE} and {TIGHT} and gap == 0"
NO_INTERACTION = "all(prod(softplus(z)**b[i][z] for z in each(prior)) == 1 for i in each(b))"
UNIFORM_RELATION = f"iff({IN_FAMILY}, {NO_INTERACTION})"
QUANTITIES = ("mass_of_all", "gap")
OUTCOMES = (DENSITY, VIOLATION)
SIZES = ("1x1", "2x2", "3x2", "2x3")


def listed(quick: bool) -> list[str]:
    return [f"random/{size}/{i}" for i in range(3 if quick else 50) for size in SIZES]


def machine(key: str, *, one_bit: bool = False) -> tuple[FiniteVAE, list[tuple[fmpq, ...]]]:
    """A tight machine and its bordered odds; one_bit: each pixel depends on one bit of the code only."""
    rng = Random(key)
    d, k = (int(size) for size in key.split("/")[1].split("x"))
    bordered = [odds(rng, k + 1) for _ in range(d + 1)]
    if one_bit:
        bordered = [tuple(o if j in (i % k, k) else fmpq(1) for j, o in enumerate(r)) for i, r in enumerate(bordered)]
    x, z = family_side(f"bernoulli({d})"), family_side(f"bernoulli({k})")
    return harmonium(x, z, bordered, distribution(rng, x.count)), bordered


def coupling(bordered: list[tuple[fmpq, ...]]) -> dict[str, Any]:
    return {"expW": text([row[:-1] for row in bordered[:-1]]), "expu": text([row[-1] for row in bordered[:-1]])}


def build(key: str) -> Instance:
    vae, bordered = machine(key)
    return {**vae.as_dict(), **coupling(bordered), "expv": text(bordered[-1][:-1])}


def logits(instance: Instance, psi: tuple[fmpq, ...]) -> list[fmpq]:
    """``exp(w_i . z + u_i)`` for every pixel."""
    (u,) = rationals([instance["expu"]])
    return [bias * monomial(row, psi) for bias, row in zip(u, rationals(instance["expW"]), strict=True)]


def softplus(instance: Instance, psi: tuple[fmpq, ...]) -> fmpq:
    """``prod_i (1 + exp(w_i . z + u_i))``: the mass of all x, without enumerating them."""
    product = fmpq(1)
    for odd in logits(instance, psi):
        product *= 1 + odd
    return product


@claim(
    "vae-error/sec-3-1-bernoulli",
    instances=Instances(keys=listed, build=build),
    where=where(*GIVEN, RELATION, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def bernoulli(instance: Instance) -> Verdict:
    """The consistent Bernoulli VAE is a restricted Boltzmann machine."""
    vae = FiniteVAE.from_dict(instance)
    (v,) = rationals([instance["expv"]])
    table = [[monomial(logits(instance, s), x) * monomial(v, s) for s in vae.z.statistics] for x in vae.x.statistics]
    columns, gap = marginal_z(table), vae.gap(LOGS)
    mass = sum(columns, ZERO)
    product = [monomial(v, s) * softplus(instance, s) for s in vae.z.statistics]
    same = all(p * mass == f for rows in zip(vae.joint, table, strict=True) for p, f in zip(*rows, strict=True))
    true = same and columns == product and vae.encoder == vae.posterior and gap.is_zero
    return decided(true, instance, reason="decided in Q", quantities={"mass_of_all": mass, "gap": gap})


def uniform_keys(quick: bool) -> list[str]:
    sizes = ("2x2", "3x2", "2x3", "1x2")
    return [f"{kind}/{size}/{i}" for i in range(2 if quick else 30) for size in sizes for kind in ("one-bit", "any")]


def build_uniform(key: str) -> Instance:
    """The decoder of a machine under the uniform prior, and the weights that annihilate (1, z)."""
    vae, bordered = machine(key, one_bit=key.startswith("one-bit"))
    flat = with_prior(vae, [fmpq(1)] * vae.z.count)
    return {**without(flat, "gamma"), **coupling(bordered), "b": text(annihilating(vae.z))}


def outcomes(vae: FiniteVAE, instance: Instance) -> dict[str, fmpq]:
    products = contrasts(vae.posterior, vae.z.base, integers(instance["b"]))
    return {DENSITY: density(vae), VIOLATION: squared_distance_from_one(products)}


@claim(
    "vae-error/sec-3-1-bernoulli-uniform",
    instances=Instances(keys=uniform_keys, build=build_uniform),
    where=where(*GIVEN_UNIFORM, UNIFORM_RELATION, *OUTCOMES, own=OWN),
    given=GIVEN_UNIFORM,
    relation=UNIFORM_RELATION,
    quantities=OUTCOMES,
)
def bernoulli_uniform(instance: Instance) -> Verdict:
    """Under the uniform prior the members are the machines whose softplus terms have no interaction."""
    vae = read(instance)
    inside = posterior_in_family(vae.joint, vae.z.statistics, vae.z.base)
    masses = [softplus(instance, psi) for psi in vae.z.statistics]
    additive = all(monomial(masses, weights) == 1 for weights in integers(instance["b"]))
    reason = f"the posterior is {'in' if inside else 'outside of'} the family"
    return decided(inside == additive, instance, reason=reason, quantities=outcomes(vae, instance), note=reason)


def generic_keys(quick: bool) -> list[str]:
    return [key for key in uniform_keys(quick) if key.startswith("any")][:9]


@control(
    "vae-error/sec-3-1-bernoulli",
    "uniform-prior",
    instances=Instances(keys=generic_keys, build=build_uniform),
    where=where(*GIVEN_UNIFORM, IN_FAMILY, *OUTCOMES, own=OWN),
    given=GIVEN_UNIFORM,
    relation=IN_FAMILY,
    quantities=OUTCOMES,
)
def uniform_prior(instance: Instance) -> Verdict:
    """Under the uniform prior a linear decoder is not enough."""
    vae = read(instance)
    inside = posterior_in_family(vae.joint, vae.z.statistics, vae.z.base)
    return decided(inside, instance, reason="a product of the posterior", quantities=outcomes(vae, instance))


@control(
    "vae-error/sec-3-1-bernoulli-uniform",
    "every-machine",
    instances=Instances(keys=generic_keys, build=build_uniform),
    where=where(*GIVEN_UNIFORM, NO_INTERACTION, *OUTCOMES, own=OWN),
    given=GIVEN_UNIFORM,
    relation=NO_INTERACTION,
    quantities=OUTCOMES,
)
def every_machine(instance: Instance) -> Verdict:
    """The softplus terms of a machine do interact."""
    vae = read(instance)
    masses = [softplus(instance, psi) for psi in vae.z.statistics]
    additive = all(monomial(masses, weights) == 1 for weights in integers(instance["b"]))
    return decided(additive, instance, reason="a product of softplus terms", quantities=outcomes(vae, instance))
