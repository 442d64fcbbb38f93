r"""Corollary 1: no encoder network enlarges the consistent set, however deep; affine encoders reach all of it.

.. math:: \exists\, g: X \to \mathbb R^m\ \ q_g(\cdot|x) = p(\cdot|x)\ \forall x \iff
          \exists\, W, v\ \ q_g(\cdot|x) = p(\cdot|x)\ \forall x \text{ with } g = W^\top\nu + v

Hypotheses: minimal statistics, all of X in the support of the data, affine maps among the encoders. Shekhovtsov,
Schlesinger, Flach (2022), Corollary 1; theory: section 2. In Q: every table g, here drawn from random deep networks,
gives q the product 1 under each weight b that annihilates (1, psi); the posterior's product has no g in it, so where it
is not 1 no table works; and where all are 1, the g of the posterior is annihilated by whatever annihilates (1, nu).
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from flint import fmpq

from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact import tables
from eftheory.exact.draws import keys, random_vae
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
    OUTSIDE,
    POSITIVE,
    SPANS,
    VIOLATION,
    ZERO,
    Instance,
    Table,
    annihilating,
    contrasts,
    decided,
    density,
    integers,
    minimality,
    read,
    squared_distance_from_one,
    without,
)

AFFINE_WEIGHTS = (
    "all(sum(a[l][x] for x in each(pd)) == 0 for l in each(a))",
    "all(sum(a[l][x]*nu[x][i] for x in each(pd)) == 0 for l in each(a) for i in each(nu[0]))",
    "all(any(a[l][x] != 0 and all(a[i][x] == 0 for i in each(a) if i != l) for x in each(pd))"
    " for l in each(a) if any(a[l][x] != 0 for x in each(pd)))",
    "sum(1 for l in each(a) if any(a[l][x] != 0 for x in each(pd)))"
    " == sum(1 for x in each(pd)) - sum(1 for i in each(nu[0])) - 1",
)
CONSTANT_WEIGHTS = (
    "all(sum(a[l][x] for x in each(pd)) == 0 for l in each(a))",
    "sum(1 for l in each(a)) == sum(1 for x in each(pd)) - 1",
)
GIVEN = (
    *DISTRIBUTIONS,
    *POSITIVE,
    "all(tables[t][x][j] > 0 for t in each(tables) for x in each(pd) for j in each(psi[0]))",
    *MINIMAL_NU,
    *MINIMAL_PSI,
    *ANNIHILATES,
    *SPANS,
)
OWN = (
    CONTRAST,
    "raw(t, x, z) = k[z]*prod(tables[t][x][j]**psi[z][j] for j in each(psi[z]))",
    "deep(t, x, z) = raw(t, x, z)/sum(raw(t, x, y) for y in each(prior))",
    "miss(t) = sum((deep(t, x, z) - post(x, z))**2 for x in each(pd) for z in each(prior))",
    "bend(l, j) = prod((post(x, z)/k[z])**(a[l][x]*dz[j][z]) for x in each(pd) for z in each(prior))",
)
NO_TABLE = (
    "all(prod((deep(t, x, z)/k[z])**b[i][z] for z in each(prior)) == 1"
    " for t in each(tables) for x in each(pd) for i in each(b))"
)
AFFINE_SUFFICES = f"implies({IN_FAMILY}, all(bend(l, j) == 1 for l in each(a) for j in each(dz)))"
RELATION = f"{NO_TABLE} and implies({OUTSIDE}, all(miss(t) > 0 for t in each(tables))) and {AFFINE_SUFFICES}"
QUANTITIES = (DENSITY, VIOLATION, "min(miss(t) for t in each(tables))")
TABLES = 3


def listed(quick: bool) -> list[str]:
    return keys(24 if quick else 300, label="cor-1-")


def build(key: str) -> Instance:
    """A model, the odds of `TABLES` networks on its observations, the weights a, b and the proof of minimality."""
    vae, rng = random_vae(key), Random(f"tables {key}")
    return {
        **without(vae, "gamma"),
        **minimality(vae),
        "tables": text([network(rng, vae.x, vae.z.width, layers) for layers in range(1, TABLES + 1)]),
        "b": text(annihilating(vae.z)),
        "a": text(annihilating(vae.x)),
    }


def network(rng: Random, x: Side, outputs: int, layers: int) -> Table:
    """Odds ``(3/2)^g(x)``, g a ReLU network of `layers` hidden layers with whole weights on the statistics of x."""
    activations = [[int(entry.p) for entry in row] for row in x.statistics]
    for _ in range(layers):
        activations = [[max(0, entry) for entry in row] for row in _layer(rng, activations, 3)]
    return [[fmpq(3, 2) ** entry for entry in row] for row in _layer(rng, activations, outputs)]


def _layer(rng: Random, rows: Sequence[Sequence[int]], width: int) -> list[list[int]]:
    weights = [[rng.randint(-1, 1) for _ in rows[0]] for _ in range(width)]
    biases = [rng.randint(-2, 2) for _ in range(width)]
    return [
        [
            b + sum(w * entry for w, entry in zip(some, row, strict=True))
            for some, b in zip(weights, biases, strict=True)
        ]
        for row in rows
    ]


def encoders(vae: FiniteVAE, instance: Instance) -> list[Table]:
    """``q(z|x)`` of every table of the instance."""
    return [read(instance, gamma=table).encoder for table in instance["tables"]]


def miss(encoder: Table, posterior: Table) -> fmpq:
    pairs = zip(encoder, posterior, strict=True)
    return sum(((q - p) ** 2 for rows in pairs for q, p in zip(*rows, strict=True)), ZERO)


def bends(vae: FiniteVAE, instance: Instance) -> list[fmpq]:
    """Products over X x Z of the posteriors under ``a_l(x) dz_j(z)``: 1 where the posterior's g is affine in nu."""
    ratios = [[p / k for p, k in zip(row, vae.z.base, strict=True)] for row in vae.posterior]
    products = []
    for a in integers(instance["a"]):
        for d in integers(instance["dz"]):
            product = fmpq(1)
            for weight, row in zip(a, ratios, strict=True):
                product *= tables.monomial(row, d) ** weight
            products.append(product)
    return products


@claim(
    "vae-error/cor-1",
    instances=Instances(keys=listed, build=build),
    where=where(*GIVEN, *AFFINE_WEIGHTS, RELATION, *QUANTITIES, own=OWN),
    given=(*GIVEN, *AFFINE_WEIGHTS),
    relation=RELATION,
    quantities=QUANTITIES,
)
def cor_1(instance: Instance) -> Verdict:
    """No encoder table enlarges the consistent set, and affine encoders reach all of it."""
    vae, b = read(instance), integers(instance["b"])
    deep = encoders(vae, instance)
    misses = [miss(q, vae.posterior) for q in deep]
    inside = tables.posterior_in_family(vae.joint, vae.z.statistics, vae.z.base)
    no_table = all(product == 1 for q in deep for product in contrasts(q, vae.z.base, b))
    affine = all(product == 1 for product in bends(vae, instance))
    true = no_table and (affine if inside else all(m > 0 for m in misses))
    violation = squared_distance_from_one(contrasts(vae.posterior, vae.z.base, b))
    numbers = dict(zip(QUANTITIES, (density(vae), violation, min(misses)), strict=False))
    reason = "an affine encoder is the posterior" if inside else "no table gives the posterior's product"
    return decided(true, instance, reason=reason, quantities=numbers, note=reason)


def outside_keys(quick: bool) -> list[str]:
    sides = ("bernoulli(2)", "binomial(1, trials=2)", "own(4, 2)")
    return keys(4 if quick else 9, sides=sides, kinds=("free",), label="deep-")


def build_outside(key: str) -> Instance:
    return {name: value for name, value in build(key).items() if name != "a"}


@control(
    "vae-error/cor-1",
    "any-model",
    instances=Instances(keys=outside_keys, build=build_outside),
    where=where(*GIVEN, f"{NO_TABLE} and {IN_FAMILY}", *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=f"{NO_TABLE} and {IN_FAMILY}",
    quantities=QUANTITIES,
)
def any_model(instance: Instance) -> Verdict:
    """A deep encoder makes no unrelated decoder tight."""
    vae, b = read(instance), integers(instance["b"])
    products = contrasts(vae.posterior, vae.z.base, b)
    least = min(miss(q, vae.posterior) for q in encoders(vae, instance))
    numbers = dict(zip(QUANTITIES, (density(vae), squared_distance_from_one(products), least), strict=False))
    reason = "the posterior's products are not 1"
    return decided(all(product == 1 for product in products), instance, reason=reason, quantities=numbers)


def inside_keys(quick: bool) -> list[str]:
    return keys(4 if quick else 9, kinds=("tight",), label="constant-")


def build_constant(key: str) -> Instance:
    """The weights a annihilate 1 only: they test whether g is constant."""
    instance = build(key)
    count = len(instance["pd"])
    return {**instance, "a": text([[int(x == 0) - int(x == i) for x in range(count)] for i in range(1, count)])}


@control(
    "vae-error/cor-1",
    "constant-encoder",
    instances=Instances(keys=inside_keys, build=build_constant),
    where=where(*GIVEN, *CONSTANT_WEIGHTS, RELATION, *QUANTITIES, own=OWN),
    given=(*GIVEN, *CONSTANT_WEIGHTS),
    relation=RELATION,
    quantities=QUANTITIES,
)
def constant_encoder(instance: Instance) -> Verdict:
    """Encoders that contain no affine map do not reach the consistent set: constants do not."""
    return cor_1(instance)
