r"""Section 3.1, Bernoulli-MRF VAE: the consistent joint is a Markov random field with cubic potentials, exactly.

.. math:: \log p(x,z_1,z_2) = \sum_{i,j,k \ge 0} w_{ijk} x_i z_{1j} z_{2k} + c,\qquad x_0 = z_{10} = z_{20} = 1

Hypotheses: independent Bernoulli decoder, encoder with the statistics ``z_1, z_2, z_1 z_2'`` (itself a restricted
Boltzmann machine), implied prior. Shekhovtsov, Schlesinger, Flach (2022), section 3.1, eq. (11); theory: section 6. In
Q: the joint is the cubic field divided by its total mass, and the encoder is its posterior.
"""

from __future__ import annotations

from random import Random
from typing import Any

from flint import fmpq

from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.draws import distribution, odds
from eftheory.exact.finite import FiniteVAE, harmonium, text
from eftheory.exact.loglinear import LOGS
from eftheory.exact.side import Side, family_side, to_rational
from eftheory.exact.tables import posterior_in_family
from eftheory.verdict import Verdict

from ._exactly import (
    ANNIHILATES,
    CONTRAST,
    DENSITY,
    DISTRIBUTIONS,
    ENCODER,
    IN_FAMILY,
    POSITIVE,
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
    "all(h[x] == 1 and xs[x][0] == 1 and all(nu[x][i] == xs[x][i + 1] for i in each(nu[x])) for x in each(pd))",
    "all(k[z] == 1 and ys[z][0] == 1 and zs[z][0] == 1 for z in each(prior))",
    "all(xs[x][i]**2 == xs[x][i] for x in each(xs) for i in each(xs[x]))",
    "all(ys[z][i]**2 == ys[z][i] for z in each(ys) for i in each(ys[z]))",
    "all(zs[z][i]**2 == zs[z][i] for z in each(zs) for i in each(zs[z]))",
    "all(any(all(psi[z][j] == ys[z][r]*zs[z][s] for z in each(prior)) for r in each(ys[0]) for s in each(zs[0]))"
    " for j in each(psi[0]))",
    "sum(1 for x in each(pd)) == 2**sum(1 for i in each(nu[0]))",
    "sum(1 for j in each(psi[0])) + 1 == sum(1 for r in each(ys[0]) for s in each(zs[0]))",
)
GIVEN = (*DISTRIBUTIONS, *POSITIVE, *ENCODER, *BITS)
OWN = (
    CONTRAST,
    "cubic(x, z) = prod(w[i][j][l]**(xs[x][i]*ys[z][j]*zs[z][l])"
    " for i in each(w) for j in each(w[i]) for l in each(w[i][j]))",
    "mass_of_all = sum(cubic(x, z) for x in each(pd) for z in each(prior))",
)
CUBIC = "all(joint(x, z)*mass_of_all == cubic(x, z) for x in each(pd) for z in each(prior))"
RELATION = f"{CUBIC} and {TIGHT} and gap == 0"
QUANTITIES = ("mass_of_all", "gap")
SIZES = ((1, 1, 1), (2, 1, 1), (2, 1, 2), (1, 2, 2))


def listed(quick: bool) -> list[str]:
    return [f"random/{'x'.join(map(str, size))}/{i}" for i in range(3 if quick else 30) for size in SIZES]


def drawn(key: str) -> tuple[FiniteVAE, list[Any], int, int]:
    """A tight VAE of given sizes, its tensor of odds ``exp(w)``, and the numbers of bits of the two groups."""
    rng = Random(key)
    d, a, b = (int(size) for size in key.split("/")[1].split("x"))
    x, z = family_side(f"bernoulli({d})"), family_side(f"boltzmann({a}+{b})")
    w = [[odds(rng, b + 1) for _ in range(a + 1)] for _ in range(d + 1)]
    places = [_place(row, z, a) for row in range(z.width)]
    bordered = [[*(w[i][r][s] for r, s in places), w[i][0][0]] for i in (*range(1, d + 1), 0)]
    return harmonium(x, z, bordered, distribution(rng, x.count)), w, a, b


def _place(column: int, z: Side, a: int) -> tuple[int, int]:
    """Which ``z_1j z_2k`` this statistic of a Boltzmann machine is: 0 stands for the constant."""
    bits = z.count.bit_length() - 1
    product = [row[column] for row in z.statistics]
    for r in range(a + 1):
        for s in range(bits - a + 1):
            if (r or s) and product == [_bit(row, r) * _bit(row, a + s if s else 0) for row in z.statistics]:
                return r, s
    raise AssertionError("a statistic that is no product of two bits")


def _bit(row: tuple[fmpq, ...], number: int) -> fmpq:
    """Bit `number`, counted from 1; 1 for the constant."""
    return row[number - 1] if number else fmpq(1)


def build(key: str) -> Instance:
    vae, w, a, b = drawn(key)
    groups = {
        "xs": [[fmpq(1), *row] for row in vae.x.statistics],
        "ys": [[fmpq(1), *row[:a]] for row in vae.z.statistics],
        "zs": [[fmpq(1), *row[a : a + b]] for row in vae.z.statistics],
    }
    return {**vae.as_dict(), **{name: text(rows) for name, rows in groups.items()}, "w": text(w)}


def field(instance: Instance) -> list[list[fmpq]]:
    """The cubic field at every (x, z), from its tensor and the bits."""
    w = [[[to_rational(entry) for entry in row] for row in plane] for plane in instance["w"]]
    xs, ys, zs = (integers(instance[name]) for name in ("xs", "ys", "zs"))
    return [[_cubic(w, bits, left, right) for left, right in zip(ys, zs, strict=True)] for bits in xs]


def _cubic(w: list[Any], bits: list[int], left: list[int], right: list[int]) -> fmpq:
    product = fmpq(1)
    for plane, i in zip(w, bits, strict=True):
        for row, j in zip(plane, left, strict=True):
            for entry, k in zip(row, right, strict=True):
                product *= entry if i and j and k else fmpq(1)
    return product


@claim(
    "vae-error/sec-3-1-bernoulli-mrf",
    instances=Instances(keys=listed, build=build),
    where=where(*GIVEN, RELATION, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def bernoulli_mrf(instance: Instance) -> Verdict:
    """The consistent Bernoulli-MRF VAE is a Markov random field with cubic potentials."""
    vae, table = FiniteVAE.from_dict(instance), field(instance)
    mass, gap = sum((sum(row, ZERO) for row in table), ZERO), vae.gap(LOGS)
    same = all(p * mass == f for rows in zip(vae.joint, table, strict=True) for p, f in zip(*rows, strict=True))
    true = same and vae.encoder == vae.posterior and gap.is_zero
    return decided(true, instance, reason="decided in Q", quantities={"mass_of_all": mass, "gap": gap})


LOOSE = (*DISTRIBUTIONS, *POSITIVE, *ANNIHILATES)
OUTCOMES = (DENSITY, VIOLATION)


def loose_keys(quick: bool) -> list[str]:
    return [f"random/2x1x2/control-{i}" for i in range(3 if quick else 9)]


def build_factorised(key: str) -> Instance:
    """The same joint with the encoder's products of bits dropped."""
    vae, _, a, b = drawn(key)
    bits = Side(tuple(row[: a + b] for row in vae.z.statistics), vae.z.base)
    return {**without(vae, "gamma"), "psi": text(bits.statistics), "b": text(annihilating(bits))}


def build_within_group(key: str) -> Instance:
    """The prior times 3 where both bits of the second group are 1: an interaction that the encoder does not have."""
    vae, _, a, _ = drawn(key)
    tilted = [p * (3 if s[a] and s[a + 1] else 1) for p, s in zip(vae.prior, vae.z.statistics, strict=True)]
    return {**without(with_prior(vae, tilted), "gamma"), "b": text(annihilating(vae.z))}


def in_family(instance: Instance) -> Verdict:
    vae = read(instance)
    products = contrasts(vae.posterior, vae.z.base, integers(instance["b"]))
    numbers = {DENSITY: density(vae), VIOLATION: squared_distance_from_one(products)}
    inside = posterior_in_family(vae.joint, vae.z.statistics, vae.z.base)
    return decided(inside, instance, reason="the posterior against the encoder family", quantities=numbers)


@control(
    "vae-error/sec-3-1-bernoulli-mrf",
    "factorised-encoder",
    instances=Instances(keys=loose_keys, build=build_factorised),
    where=where(*LOOSE, IN_FAMILY, *OUTCOMES, own=OWN),
    given=LOOSE,
    relation=IN_FAMILY,
    quantities=OUTCOMES,
)
def factorised_encoder(instance: Instance) -> Verdict:
    """A factorised encoder does not reach the cubic field."""
    return in_family(instance)


@control(
    "vae-error/sec-3-1-bernoulli-mrf",
    "within-a-group",
    instances=Instances(keys=loose_keys, build=build_within_group),
    where=where(*LOOSE, IN_FAMILY, *OUTCOMES, own=OWN),
    given=LOOSE,
    relation=IN_FAMILY,
    quantities=OUTCOMES,
)
def within_a_group(instance: Instance) -> Verdict:
    """An interaction of two bits of one group is outside of the family."""
    return in_family(instance)
