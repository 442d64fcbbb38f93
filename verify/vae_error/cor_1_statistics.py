r"""Corollary 1, continued: more encoder statistics do enlarge the consistent set; the same model is then tight.

.. math:: p(z|x) \notin \mathrm{EF}(\psi) \text{ for every } g, \qquad
          p(z|x) = q(z|x) \in \mathrm{EF}(\psi'),\ \psi \subset \psi'

Hypotheses: finite X and Z; psi' holds the statistics that psi misses. Shekhovtsov, Schlesinger, Flach (2022),
appendix B, on Corollary 1; theory: section 2, Repairs. In Q: a product of the posterior under weights that annihilate
the smaller family is not 1, and the encoder of the larger family is the posterior.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from flint import fmpq, fmpq_mat

from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.draws import distribution, odds, random_side
from eftheory.exact.finite import FiniteVAE, finite_vae, harmonium, text
from eftheory.exact.loglinear import LOGS
from eftheory.exact.side import Side
from eftheory.exact.tables import monomial, posterior_in_family
from eftheory.verdict import Verdict

from ._exactly import (
    ANNIHILATES,
    CONTRAST,
    DENSITY,
    DISTRIBUTIONS,
    ENCODER,
    IN_FAMILY,
    OUTSIDE,
    POSITIVE,
    TIGHT,
    VIOLATION,
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

ANNIHILATES_SMALL = (
    "all(sum(b[i][z] for z in each(prior)) == 0 for i in each(b))",
    "all(sum(b[i][z]*small[z][j] for z in each(prior)) == 0 for i in each(b) for j in each(small[0]))",
)
ENLARGED = (
    "all(any(all(small[z][i] == psi[z][j] for z in each(prior)) for j in each(psi[0])) for i in each(small[0]))",
)
GIVEN = (*DISTRIBUTIONS, *POSITIVE, *ENCODER, *ANNIHILATES_SMALL, *ENLARGED)
RELATION = f"{OUTSIDE} and {TIGHT} and gap == 0"
QUANTITIES = ("gap", DENSITY, VIOLATION)
MISSING: dict[str, list[Callable[[tuple[fmpq, ...]], fmpq]]] = {
    "bernoulli(2)": [lambda s: s[0] * s[1]],
    "binomial(1, trials=2)": [lambda s: fmpq(int(s[0] == 2))],
    "binomial(1, trials=3)": [lambda s: fmpq(int(s[0] == 2)), lambda s: fmpq(int(s[0] == 3))],
}
"""Statistics that make a small family complete, so that every decoder is tight with them."""
OBSERVED = ("bernoulli(1)", "bernoulli(2)", "categorical(3)", "binomial(1, trials=2)", "own(4, 2)")


def listed(quick: bool) -> list[str]:
    count = 2 if quick else 20
    kinds = [f"free/{x} x {z}" for x in OBSERVED for z in MISSING]
    kinds += [f"harmonium/{x} x boltzmann({n})" for x in OBSERVED for n in ("1+1", "1+2", "2+2")]
    return [f"{kind}/{seed}" for kind in kinds for seed in range(count if not kind.endswith("(2+2)") else 1)]


def build(key: str) -> Instance:
    """*free*: any decoder, and psi made complete; *harmonium*: cross terms in psi, which the bits alone miss."""
    vae, small = drawn(key)
    return {**vae.as_dict(), "small": text(small.statistics), "b": text(annihilating(small))}


def drawn(key: str) -> tuple[FiniteVAE, Side]:
    """A model that is tight with its encoder's statistics, and the smaller side with which it is not."""
    kind, sides, _ = key.split("/")
    rng = Random(key)
    x_name, z_name = sides.split(" x ")
    while True:
        x, z = random_side(rng, x_name), random_side(rng, z_name)
        if kind == "harmonium":
            vae, small = tight(rng, x, z), bits_only(z)
        else:
            larger = Side(tuple((*row, *(f(row) for f in MISSING[z_name])) for row in z.statistics), z.base)
            vae, small = completed(rng, x, larger), z
        if not posterior_in_family(vae.joint, small.statistics, small.base):
            return vae, small


def tight(rng: Random, x: Side, z: Side) -> FiniteVAE:
    return harmonium(x, z, [odds(rng, z.width + 1) for _ in range(x.width + 1)], distribution(rng, x.count))


def bits_only(z: Side) -> Side:
    """The statistics that are no products of others: as many as there are bits."""
    bits = z.count.bit_length() - 1
    columns = [j for j in range(z.width) if sum((row[j] for row in z.statistics), fmpq(0)) * 2 == z.count]
    assert len(columns) == bits
    return Side(tuple(tuple(row[j] for j in columns) for row in z.statistics), z.base)


def completed(rng: Random, x: Side, z: Side) -> FiniteVAE:
    """Any decoder and prior, and the encoder that is their posterior: z is complete, the inverse of (psi, 1) whole."""
    theta, prior = [odds(rng, x.width) for _ in range(z.count)], distribution(rng, z.count)
    blank = finite_vae(x, z, theta=theta, prior=prior, gamma=[[1] * z.width] * x.count, data=distribution(rng, x.count))
    readers = fmpq_mat(z.bordered).inv().tolist()[:-1]
    ratios = [[p / k for p, k in zip(row, z.base, strict=True)] for row in blank.posterior]
    return replace(blank, gamma=tuple(tuple(monomial(row, weights) for weights in readers) for row in ratios))


@claim(
    "vae-error/cor-1-statistics",
    instances=Instances(keys=listed, build=build),
    where=where(*GIVEN, RELATION, *QUANTITIES, own=(CONTRAST,)),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def cor_1_statistics(instance: Instance) -> Verdict:
    """With the missing statistics in the encoder, a model outside of the consistent set is tight, exactly."""
    vae = FiniteVAE.from_dict(instance)
    products = contrasts(vae.posterior, vae.z.base, integers(instance["b"]))
    gap = vae.gap(LOGS)
    true = any(product != 1 for product in products) and vae.encoder == vae.posterior and gap.is_zero
    numbers = dict(zip(QUANTITIES, (gap, density(vae), squared_distance_from_one(products)), strict=False))
    return decided(true, instance, reason="outside the small family, tight in the larger one", quantities=numbers)


LOOSE = (*DISTRIBUTIONS, *POSITIVE, *ANNIHILATES)


def loose_keys(quick: bool) -> list[str]:
    kinds = [f"harmonium/{x} x boltzmann(1+2)" for x in OBSERVED]
    return [f"{kind}/control-{seed}" for kind in kinds for seed in range(1 if quick else 3)]


def build_small(key: str) -> Instance:
    return outside(*drawn(key))


def build_wrong(key: str) -> Instance:
    """To the three bits comes the product of the second and the third, where those with the first are missing."""
    vae, small = drawn(key)
    return outside(vae, Side(tuple((*row, row[1] * row[2]) for row in small.statistics), small.base))


def outside(vae: FiniteVAE, encoder: Side) -> Instance:
    return {**without(vae, "gamma"), "psi": text(encoder.statistics), "b": text(annihilating(encoder))}


def in_family(instance: Instance) -> Verdict:
    vae = read(instance)
    products = contrasts(vae.posterior, vae.z.base, integers(instance["b"]))
    numbers = {DENSITY: density(vae), VIOLATION: squared_distance_from_one(products)}
    reason = "the posterior against the encoder family"
    return decided(all(product == 1 for product in products), instance, reason=reason, quantities=numbers)


@control(
    "vae-error/cor-1-statistics",
    "no-statistic-added",
    instances=Instances(keys=loose_keys, build=build_small),
    where=where(*LOOSE, IN_FAMILY, DENSITY, VIOLATION, own=(CONTRAST,)),
    given=LOOSE,
    relation=IN_FAMILY,
    quantities=(DENSITY, VIOLATION),
)
def no_statistic_added(instance: Instance) -> Verdict:
    """Without the cross terms the same model is not tight."""
    return in_family(instance)


@control(
    "vae-error/cor-1-statistics",
    "another-statistic-added",
    instances=Instances(keys=loose_keys, build=build_wrong),
    where=where(*LOOSE, IN_FAMILY, DENSITY, VIOLATION, own=(CONTRAST,)),
    given=LOOSE,
    relation=IN_FAMILY,
    quantities=(DENSITY, VIOLATION),
)
def another_statistic_added(instance: Instance) -> Verdict:
    """A statistic that is not the missing one does not help."""
    return in_family(instance)
