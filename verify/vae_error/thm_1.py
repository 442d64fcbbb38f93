r"""Theorem 1: the posterior lies in the encoder family at every x exactly when the joint is a harmonium.

.. math:: \log p(x,z) = \log h(x) + \log k(z) + \nu(x)^\top W \psi(z) + u^\top \nu(x) + v^\top \psi(z) + c

Hypotheses: exponential-family decoder and encoder, minimal statistics, all of X in the support of the data. An
equivalence. Shekhovtsov, Schlesinger, Flach (2022), Theorem 1, eqs. (5) to (7), after Arnold and Strauss (1991);
theory: section 2. Two routes decide it in Q: products of the posteriors under the weights that annihilate (1, psi),
and products of the joint under the weights that annihilate every product of (1, nu) with (1, psi).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

from flint import fmpq

from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact import tables
from eftheory.exact.draws import keys, odds, random_vae
from eftheory.exact.finite import FiniteVAE, text
from eftheory.exact.side import Side
from eftheory.verdict import Verdict

from ._exactly import (
    ANNIHILATES,
    CONTRAST,
    DENSITY,
    DISTRIBUTIONS,
    IN_FAMILY,
    MINIMAL_NU,
    MINIMAL_PSI,
    POSITIVE,
    SPANS,
    VIOLATION,
    Instance,
    annihilating,
    contrasts,
    decided,
    density,
    echelon,
    integers,
    minimality,
    random_prior,
    read,
    squared_distance_from_one,
    with_prior,
    without,
)

INDEPENDENT = (
    "all(any(c[i][x][z] != 0 and all(c[l][x][z] == 0 for l in each(c) if l != i)"
    " for x in each(pd) for z in each(prior))"
    " for i in each(c) if any(c[i][x][z] != 0 for x in each(pd) for z in each(prior)))"
)
ANNIHILATES_PRODUCTS = (
    "all(sum(c[i][x][z] for x in each(pd) for z in each(prior)) == 0 for i in each(c))",
    "all(sum(c[i][x][z]*nu[x][l] for x in each(pd) for z in each(prior)) == 0 for i in each(c) for l in each(nu[0]))",
    "all(sum(c[i][x][z]*psi[z][j] for x in each(pd) for z in each(prior)) == 0 for i in each(c) for j in each(psi[0]))",
    "all(sum(c[i][x][z]*nu[x][l]*psi[z][j] for x in each(pd) for z in each(prior)) == 0"
    " for i in each(c) for l in each(nu[0]) for j in each(psi[0]))",
    INDEPENDENT,
    "sum(1 for i in each(c) if any(c[i][x][z] != 0 for x in each(pd) for z in each(prior)))"
    " == sum(1 for x in each(pd) for z in each(prior))"
    " - (sum(1 for l in each(nu[0])) + 1)*(sum(1 for j in each(psi[0])) + 1)",
)
SMALLER = tuple(line.replace("psi", "small") for line in ANNIHILATES_PRODUCTS)
GIVEN = (*DISTRIBUTIONS, *POSITIVE, *MINIMAL_NU, *MINIMAL_PSI, *ANNIHILATES, *SPANS)
OWN = (
    CONTRAST,
    "coupling(i) = prod((joint(x, z)/(h[x]*k[z]))**c[i][x][z] for x in each(pd) for z in each(prior))",
    "bare(i) = prod((joint(x, z)/k[z])**c[i][x][z] for x in each(pd) for z in each(prior))",
)
HARMONIUM = "all(coupling(i) == 1 for i in each(c))"
RELATION = f"iff({IN_FAMILY}, {HARMONIUM})"
ONE_X = f"implies(all(contrast(0, i) == 1 for i in each(b)), {HARMONIUM})"
BARE = f"iff({IN_FAMILY}, all(bare(i) == 1 for i in each(c)))"
QUANTITIES = (DENSITY, VIOLATION)

INSIDE, OUTSIDE = ("tight", "recoded", "bayes"), ("near", "free", "one-x", "another-prior")
INCOMPLETE = ("bernoulli(2)", "binomial(1, trials=2)", "binomial(1, trials=3)", "own(3, 1)", "own(4, 2)", "own(5, 2)")


def listed(quick: bool) -> list[str]:
    """As many harmoniums, written in several ways, as models that are none, or only by chance."""
    count = 24 if quick else 240
    inside = [keys(count // len(INSIDE), kinds=("tight",), label=f"{kind}-") for kind in INSIDE]
    outside = [incomplete(count // len(OUTSIDE), f"{kind}-") for kind in OUTSIDE]
    return [f"{kind}:{key}" for kind, some in zip((*INSIDE, *OUTSIDE), inside + outside, strict=True) for key in some]


def incomplete(count: int, label: str) -> list[str]:
    """Keys whose encoder family does not hold every distribution."""
    drawn = keys(4 * count, kinds=("tight",), label=label)
    return [key for key in drawn if key.split("/")[1].split(" x ")[1] in INCOMPLETE][:count]


def build(key: str) -> Instance:
    return packed(model(key))


def packed(vae: FiniteVAE) -> dict[str, Any]:
    """The instance: the model without its encoder, both sets of weights, and the proof that the sides are minimal."""
    return {
        **without(vae, "gamma"),
        **minimality(vae),
        "b": text(annihilating(vae.z)),
        "c": text(product_weights(vae.x, vae.z)),
    }


def model(key: str) -> FiniteVAE:
    """*tight*: from (W, u, v); *recoded*: the same in other statistics of the same span; *bayes*: an affine decoder
    under the prior that makes one posterior fit; *near*: odds moved; *free*: unrelated; *one-x*: any decoder under the
    prior that makes the first posterior fit; *another-prior*: an affine decoder under an unrelated prior.
    """
    kind, _, name = key.partition(":")
    rng = Random(key)
    if kind in ("near", "free", "one-x"):
        drawn = random_vae(name.replace("/tight/", "/near/" if kind == "near" else "/free/"))
        return fitting_first(rng, drawn) if kind == "one-x" else drawn
    tight = random_vae(name)
    if kind == "recoded":
        return recoded(rng, tight)
    if kind == "bayes":
        return fitting_first(rng, tight)
    return tight if kind == "tight" else with_prior(tight, random_prior(rng, tight.z.count))


def fitting_first(rng: Random, vae: FiniteVAE) -> FiniteVAE:
    """The prior ``k exp(g' psi) / p(x_0|z)``: the first posterior then lies in the encoder family."""
    gamma = odds(rng, vae.z.width)
    weights = [k * tables.monomial(gamma, s) for k, s in zip(vae.z.base, vae.z.statistics, strict=True)]
    return with_prior(vae, [w / p for w, p in zip(weights, vae.decoder[0], strict=True)])


def recoded(rng: Random, vae: FiniteVAE) -> FiniteVAE:
    """The same decoder and prior in other minimal statistics of the same two spans; exp(W) may become irrational."""
    nu, theta = [list(row) for row in vae.x.statistics], [list(row) for row in vae.theta]
    psi = [list(row) for row in vae.z.statistics]
    for _ in range(2):
        i, j = rng.randrange(vae.x.width), rng.randrange(vae.x.width)
        if i == j:  # nu_i -> -nu_i, f_i -> -f_i
            nu, theta = [_at(row, i, -row[i]) for row in nu], [_at(row, i, 1 / row[i]) for row in theta]
        else:  # nu_i -> nu_i + nu_j, f_j -> f_j - f_i
            nu = [_at(row, i, row[i] + row[j]) for row in nu]
            theta = [_at(row, j, row[j] / row[i]) for row in theta]
        i, j = rng.randrange(vae.z.width), rng.randrange(vae.z.width)
        psi = [_at(row, i, 2 * row[i] + (row[j] if i != j else 1)) for row in psi]
    x, z = (Side(tuple(map(tuple, rows)), old.base) for rows, old in ((nu, vae.x), (psi, vae.z)))
    return replace(vae, x=x, z=z, theta=tuple(map(tuple, theta)))


def _at(row: Sequence[fmpq], index: int, value: fmpq) -> list[fmpq]:
    return [value if i == index else entry for i, entry in enumerate(row)]


def product_weights(x: Side, z: Side) -> list[list[list[int]]]:
    """A basis of the weights over X x Z that annihilate ``nub_i psib_j`` for all i, j: (weights, X, Z)."""
    rows = [
        [left[i] * right[j] for left in x.bordered for right in z.bordered]
        for i in range(x.width + 1)
        for j in range(z.width + 1)
    ]
    found = echelon(rows) or [[0] * (x.count * z.count)]
    return [[flat[at : at + z.count] for at in range(0, len(flat), z.count)] for flat in found]


def couplings(vae: FiniteVAE, weights: Sequence[Sequence[Sequence[int]]], base: Sequence[fmpq]) -> list[fmpq]:
    """``prod_{x,z} (p(x,z)/(h(x) k(z)))^c`` for every c, h = `base`."""
    products = []
    for c in weights:
        product = fmpq(1)
        for h, row, some in zip(base, vae.joint, c, strict=True):
            product *= tables.monomial(
                [p / (h * k) for p, k in zip(row, vae.z.base, strict=True)], [fmpq(w) for w in some]
            )
        products.append(product)
    return products


def compared(instance: Instance, inside: bool, harmonium: bool, true: bool) -> Verdict:
    vae = read(instance)
    violation = squared_distance_from_one(contrasts(vae.posterior, vae.z.base, integers(instance["b"])))
    reason = f"posteriors {'in' if inside else 'outside'} the family, joint {'a' if harmonium else 'no'} harmonium"
    quantities = {DENSITY: density(vae), VIOLATION: violation}
    return decided(true, instance, reason=reason, quantities=quantities, note=reason)


def weights_of(instance: Instance) -> list[list[list[int]]]:
    return [integers(rows) for rows in instance["c"]]


INSTANCES = Instances(keys=listed, build=build)


@claim(
    "vae-error/thm-1",
    instances=INSTANCES,
    where=where(*GIVEN, *ANNIHILATES_PRODUCTS, RELATION, *QUANTITIES, own=OWN),
    given=(*GIVEN, *ANNIHILATES_PRODUCTS),
    relation=RELATION,
    quantities=QUANTITIES,
)
def thm_1(instance: Instance) -> Verdict:
    """The posterior lies in the encoder family at every x exactly when the joint is a harmonium."""
    vae = read(instance)
    inside = tables.posterior_in_family(vae.joint, vae.z.statistics, vae.z.base)
    harmonium = all(product == 1 for product in couplings(vae, weights_of(instance), vae.x.base))
    return compared(instance, inside, harmonium, inside == harmonium)


def one_x_keys(quick: bool) -> list[str]:
    sides = ("bernoulli(2)", "binomial(1, trials=3)", "own(4, 2)")
    return [f"one-x:{key}" for key in keys(4 if quick else 9, sides=sides, kinds=("tight",), label="only-one-x-")]


@control(
    "vae-error/thm-1",
    "one-x",
    instances=Instances(keys=one_x_keys, build=build),
    where=where(*GIVEN, *ANNIHILATES_PRODUCTS, ONE_X, *QUANTITIES, own=OWN),
    given=(*GIVEN, *ANNIHILATES_PRODUCTS),
    relation=ONE_X,
    quantities=QUANTITIES,
)
def one_x(instance: Instance) -> Verdict:
    """A posterior in the family at one x only is not enough."""
    vae = read(instance)
    inside = tables.posterior_in_family(vae.joint[:1], vae.z.statistics, vae.z.base)
    harmonium = all(product == 1 for product in couplings(vae, weights_of(instance), vae.x.base))
    return compared(instance, inside, harmonium, harmonium or not inside)


def fewer_keys(quick: bool) -> list[str]:
    sides = ("bernoulli(2)", "boltzmann(1+1)", "categorical(3)", "own(4, 2)")
    return [f"tight:{key}" for key in keys(4 if quick else 12, sides=sides, kinds=("tight",), label="fewer-")]


def build_fewer(key: str) -> Instance:
    """The harmonium is written with the last statistic of z dropped: `small`, annihilated by c in the place of psi."""
    vae = model(key)
    small = Side(tuple(row[:-1] for row in vae.z.statistics), vae.z.base)
    return {**packed(vae), "small": text(small.statistics), "c": text(product_weights(vae.x, small))}


@control(
    "vae-error/thm-1",
    "statistic-dropped",
    instances=Instances(keys=fewer_keys, build=build_fewer),
    where=where(*GIVEN, *SMALLER, RELATION, *QUANTITIES, own=OWN),
    given=(*GIVEN, "all(psi[z][j] == small[z][j] for z in each(prior) for j in each(small[z]))", *SMALLER),
    relation=RELATION,
    quantities=QUANTITIES,
)
def statistic_dropped(instance: Instance) -> Verdict:
    """A tight joint is no harmonium in fewer statistics than the encoder has."""
    return thm_1(instance)


def binomial_keys(quick: bool) -> list[str]:
    pairs = [f"binomial(1, trials={n}) x {z}" for n in (2, 3) for z in ("bernoulli(2)", "own(4, 2)")]
    return [f"tight:random/{pair}/tight/{i}" for i, pair in enumerate(pairs * (1 if quick else 3))]


@control(
    "vae-error/thm-1",
    "base-measure-dropped",
    instances=Instances(keys=binomial_keys, build=build),
    where=where(*GIVEN, *ANNIHILATES_PRODUCTS, BARE, *QUANTITIES, own=OWN),
    given=(*GIVEN, *ANNIHILATES_PRODUCTS),
    relation=BARE,
    quantities=QUANTITIES,
)
def base_measure_dropped(instance: Instance) -> Verdict:
    """Without log h(x) the joint of a tight binomial VAE is not of the form of the theorem."""
    vae = read(instance)
    inside = tables.posterior_in_family(vae.joint, vae.z.statistics, vae.z.base)
    harmonium = all(product == 1 for product in couplings(vae, weights_of(instance), [fmpq(1)] * vae.x.count))
    return compared(instance, inside, harmonium, inside == harmonium)
