r"""Theorem 1, the other way: every harmonium is tight with its implied prior, exactly.

.. math:: f(z) = W\psi(z) + u,\quad g(x) = W^\top\nu(x) + v,\quad
          \log p(z) = \log k(z) + v^\top\psi(z) + A(W\psi(z) + u) + c

Hypotheses: exp W, exp u, exp v positive; any statistics. Tight: the gap is zero. Shekhovtsov, Schlesinger, Flach
(2022), Theorem 1, eqs. (5) to (7); the implied prior: theory, section 2. Decided in Q: the encoder is the posterior,
and the joint is the harmonium divided by its total mass.
"""

from __future__ import annotations

from random import Random
from typing import Any

from flint import fmpq

from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact import tables
from eftheory.exact.draws import keys, odds, random_side
from eftheory.exact.finite import FiniteVAE, harmonium, text
from eftheory.exact.loglinear import LOGS
from eftheory.exact.side import to_rational
from eftheory.exact.tables import monomial
from eftheory.verdict import Verdict

from ._exactly import (
    DENSITY,
    DISTRIBUTIONS,
    POSITIVE,
    TIGHT,
    ZERO,
    Instance,
    decided,
    density,
    random_prior,
    with_prior,
)

AFFINE = (
    "all(expW[i][j] > 0 for i in each(expW) for j in each(expW[i]))",
    "all(expu[i] > 0 for i in each(expu)) and all(expv[j] > 0 for j in each(expv))",
    "all(theta[z][i] == expu[i]*prod(expW[i][j]**psi[z][j] for j in each(expv))"
    " for z in each(prior) for i in each(expu))",
    "all(gamma[x][j] == expv[j]*prod(expW[i][j]**nu[x][i] for i in each(expu)) for x in each(pd) for j in each(expv))",
)
OWN = (
    "implied(z) = k[z]*prod(expv[j]**psi[z][j] for j in each(expv))*partition(z)",
    "interaction(x, z) = prod(expW[i][j]**(nu[x][i]*psi[z][j]) for i in each(expu) for j in each(expv))",
    "biases(x, z) = prod(expu[i]**nu[x][i] for i in each(expu))*prod(expv[j]**psi[z][j] for j in each(expv))",
    "harmonium(x, z) = h[x]*k[z]*interaction(x, z)*biases(x, z)",
    "constant = sum(implied(y) for y in each(prior))",
    "baseless(z) = implied(z)/k[z]",
)
IMPLIED = "all(prior[z]*constant == implied(z) for z in each(prior))"
BASELESS = "all(prior[z]*sum(baseless(y) for y in each(prior)) == baseless(z) for z in each(prior))"
GIVEN = (*DISTRIBUTIONS, *POSITIVE, *AFFINE)
EQUATION_7 = "all(joint(x, z)*constant == harmonium(x, z) for x in each(pd) for z in each(prior))"
RELATION = f"{TIGHT} and {EQUATION_7} and gap == 0"
QUANTITIES = ("gap", "constant", DENSITY)


def listed(quick: bool) -> list[str]:
    return keys(30 if quick else 500, kinds=("tight",), label="converse-")


def drawn(key: str) -> tuple[FiniteVAE, list[tuple[fmpq, ...]]]:
    """A random harmonium, and its bordered odds exp(Wb): the last row v, the last column u."""
    rng = Random(key)
    names = key.split("/")[1].split(" x ")
    x, z = (random_side(rng, name) for name in names)
    bordered = [odds(rng, z.width + 1) for _ in range(x.width + 1)]
    return harmonium(x, z, bordered, random_prior(rng, x.count)), bordered


def packed(vae: FiniteVAE, bordered: list[tuple[fmpq, ...]]) -> dict[str, Any]:
    coupling = {
        "expW": [row[:-1] for row in bordered[:-1]],
        "expu": [row[-1] for row in bordered[:-1]],
        "expv": bordered[-1][:-1],
    }
    return {**vae.as_dict(), **{name: text(value) for name, value in coupling.items()}}


def build(key: str) -> Instance:
    return packed(*drawn(key))


def implied(vae: FiniteVAE, instance: Instance) -> list[fmpq]:
    """``k exp(v' psi + A(f))``: the prior times the constant e^-c."""
    v = [to_rational(entry) for entry in instance["expv"]]
    parts = zip(vae.z.base, vae.z.statistics, vae.theta, strict=True)
    return [k * monomial(v, s) * _partition(vae, f) for k, s, f in parts]


def _partition(vae: FiniteVAE, theta: tuple[fmpq, ...]) -> fmpq:
    return sum((h * monomial(theta, s) for h, s in zip(vae.x.base, vae.x.statistics, strict=True)), ZERO)


@claim(
    "vae-error/thm-1-converse",
    instances=Instances(keys=listed, build=build),
    where=where(*GIVEN, IMPLIED, RELATION, *QUANTITIES, own=OWN),
    given=(*GIVEN, IMPLIED),
    relation=RELATION,
    quantities=QUANTITIES,
)
def converse(instance: Instance) -> Verdict:
    """Every harmonium is tight with its implied prior, and its joint is eq. (7)."""
    vae = FiniteVAE.from_dict(instance)
    bordered = [[*row, u] for row, u in zip(instance["expW"], instance["expu"], strict=True)]
    odds_of = [[to_rational(entry) for entry in row] for row in [*bordered, [*instance["expv"], "1"]]]
    table = tables.harmonium_table(vae.x.statistics, vae.x.base, vae.z.statistics, vae.z.base, odds_of)
    gap = vae.gap(LOGS)
    constant = sum(implied(vae, instance), ZERO)
    true = vae.encoder == vae.posterior and vae.joint == table and gap.is_zero
    quantities = {"gap": gap, "constant": constant, DENSITY: density(vae)}
    return decided(true, instance, reason="decided in Q", quantities=quantities)


LOOSE = ("bernoulli(2)", "binomial(1, trials=2)", "own(4, 2)", "binomial(1, trials=3)")


def loose_keys(quick: bool) -> list[str]:
    return keys(6 if quick else 24, sides=LOOSE, kinds=("tight",), label="prior-")


def build_another_prior(key: str) -> Instance:
    vae, bordered = drawn(key)
    return packed(with_prior(vae, random_prior(Random(f"prior {key}"), vae.z.count)), bordered)


def build_baseless(key: str) -> Instance:
    vae, bordered = drawn(key)
    return packed(with_prior(vae, [p / k for p, k in zip(vae.prior, vae.z.base, strict=True)]), bordered)


def tightness(instance: Instance) -> Verdict:
    vae = FiniteVAE.from_dict(instance)
    quantities = {"gap": vae.gap(LOGS), DENSITY: density(vae)}
    reason = "the encoder against the posterior"
    return decided(vae.encoder == vae.posterior, instance, reason=reason, quantities=quantities)


@control(
    "vae-error/thm-1-converse",
    "another-prior",
    instances=Instances(keys=loose_keys, build=build_another_prior),
    where=where(*GIVEN, TIGHT, "gap", DENSITY, own=OWN),
    given=GIVEN,
    relation=TIGHT,
    quantities=("gap", DENSITY),
)
def another_prior(instance: Instance) -> Verdict:
    """Under another prior than the implied one the same decoder and encoder are not tight."""
    return tightness(instance)


@control(
    "vae-error/thm-1-converse",
    "base-measure-dropped",
    instances=Instances(keys=loose_keys, build=build_baseless),
    where=where(*GIVEN, BASELESS, TIGHT, "gap", DENSITY, own=OWN),
    given=(*GIVEN, BASELESS),
    relation=TIGHT,
    quantities=("gap", DENSITY),
)
def base_measure_dropped(instance: Instance) -> Verdict:
    """An implied prior without log k(z) is the wrong one for a binomial encoder."""
    return tightness(instance)
