r"""The gap is never negative, and it is zero exactly where the encoder is the posterior on the support of the data.

.. math:: \varepsilon = \mathbb E_{p_d} KL(q(z|x)\|p(z|x)) \ge 0, \qquad
          \varepsilon = 0 \iff q(z|x) = p(z|x) \text{ wherever } p_d(x) > 0

Hypotheses: q and p(z|x) positive. Tight. Shekhovtsov, Schlesinger, Flach (2022), Definition 1 and section 2; theory:
section 1. Whether the gap is zero, and whether the tables are equal, are both decided in Q, apart from each other.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from flint import fmpq

from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import FINITE, where
from eftheory.exact.draws import keys, odds, random_vae
from eftheory.exact.finite import FiniteVAE, harmonium, relative_entropy
from eftheory.exact.loglinear import LOGS, LogSum
from eftheory.exact.side import family_side
from eftheory.verdict import Verdict

from ._exactly import ENCODER, POSITIVE, TIGHT, Instance, decided, logs, sign_of

GIVEN = (*FINITE, *POSITIVE, *ENCODER)
OWN = (
    "reverse = sum(pd[x]*post(x, z)*log(post(x, z)/q(x, z)) for x in each(pd) for z in each(prior))",
    "bare(x, z) = prod(gamma[x][j]**psi[z][j] for j in each(psi[z]))",
    "baseless(x, z) = bare(x, z)/sum(bare(x, y) for y in each(prior))",
    "dropped = sum(pd[x]*baseless(x, z)*log(baseless(x, z)/post(x, z)) for x in each(pd) for z in each(prior))",
)
ON_SUPPORT = "all(q(x, z) == post(x, z) for x in each(pd) for z in each(prior) if pd[x] != 0)"
RELATION = f"gap >= 0 and iff(gap == 0, {ON_SUPPORT})"
QUANTITIES = ("gap",)
EVERYWHERE = f"iff(gap == 0, {TIGHT})"
SYMMETRIC = "gap == reverse"
DROPPED = f"iff(dropped == 0, {ON_SUPPORT})"


def listed(quick: bool) -> list[str]:
    fixed = ["fixed/harmonium", "fixed/unseen-observation", "fixed/binomial", "fixed/one-entry-off"]
    return [*fixed, *keys(24 if quick else 400, label="def-1-")]


def build(key: str) -> Instance:
    return (fixed(key) if key.startswith("fixed/") else random_vae(key)).as_dict()


def fixed(key: str) -> FiniteVAE:
    """Tight models and near misses: off the support, or at one entry."""
    latent = "binomial(1, trials=2)" if key == "fixed/binomial" else "bernoulli(2)"
    x, z = family_side("bernoulli(1)"), family_side(latent)
    rng = Random(key)
    tight = harmonium(x, z, [odds(rng, z.width + 1) for _ in range(x.width + 1)], ["2/3", "1/3"])
    if key == "fixed/unseen-observation":
        moved = (tight.gamma[0], (fmpq(9), fmpq(11)))
        return replace(tight, gamma=moved, data=(fmpq(1), fmpq(0)))
    if key == "fixed/one-entry-off":
        moved = (tight.gamma[0], (tight.gamma[1][0], tight.gamma[1][1] * 101 / 100))
        return replace(tight, gamma=moved)
    return tight


INSTANCES = Instances(keys=listed, build=build)


@claim(
    "vae-error/def-1",
    instances=INSTANCES,
    where=where(*GIVEN, RELATION, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def def_1(instance: Instance) -> Verdict:
    """The gap is never negative, and zero exactly where q is the posterior on the support of the data."""
    vae = FiniteVAE.from_dict(instance)
    quantities = {"gap": vae.gap(LOGS)}
    sign = sign_of(quantities["gap"])
    true = sign >= 0 and (sign == 0) == vae.is_tight
    reason = f"the gap is {'zero' if sign == 0 else 'positive'}, q {'=' if vae.is_tight else '!='} the posterior"
    return decided(true, instance, reason=reason, quantities=quantities, exact=sign == 0)


@control(
    "vae-error/def-1",
    "off-the-support",
    instances=INSTANCES,
    where=where(*GIVEN, EVERYWHERE, own=OWN),
    given=GIVEN,
    relation=EVERYWHERE,
    quantities=QUANTITIES,
)
def off_the_support(instance: Instance) -> Verdict:
    """A gap of zero says nothing about observations of probability zero."""
    vae = FiniteVAE.from_dict(instance)
    quantities = {"gap": vae.gap(LOGS)}
    zero = quantities["gap"].is_zero
    reason = "gap = 0 against equality at every x"
    return decided(zero == (vae.encoder == vae.posterior), instance, reason=reason, quantities=quantities, exact=zero)


@control(
    "vae-error/def-1",
    "symmetric",
    instances=INSTANCES,
    where=where(*GIVEN, SYMMETRIC, own=OWN),
    given=GIVEN,
    relation=SYMMETRIC,
    quantities=("gap", "reverse"),
)
def symmetric(instance: Instance) -> Verdict:
    """KL(q || p) is not KL(p || q)."""
    vae = FiniteVAE.from_dict(instance)
    reverse = logs()
    for weight, p, q in zip(vae.data, vae.posterior, vae.encoder, strict=True):
        reverse += LogSum(weight) * relative_entropy(p, q, LOGS)
    quantities = {"gap": vae.gap(LOGS), "reverse": reverse}
    return decided(
        (quantities["gap"] - reverse).is_zero, instance, reason="gap against its reverse", quantities=quantities
    )


@control(
    "vae-error/def-1",
    "base-measure-dropped",
    instances=INSTANCES,
    where=where(*GIVEN, DROPPED, own=OWN),
    given=GIVEN,
    relation=DROPPED,
    quantities=("dropped",),
)
def base_measure_dropped(instance: Instance) -> Verdict:
    """Without the base measure k in the encoder, a tight binomial VAE would have a positive gap."""
    vae = FiniteVAE.from_dict(instance)
    bare = FiniteVAE.from_dict({**instance, "k": ["1"] * vae.z.count})
    dropped = logs()
    for weight, q, p in zip(vae.data, bare.encoder, vae.posterior, strict=True):
        dropped += LogSum(weight) * relative_entropy(q, p, LOGS)
    quantities = {"dropped": dropped}
    zero = dropped.is_zero
    return decided(zero == vae.is_tight, instance, reason="k dropped from q", quantities=quantities, exact=zero)
