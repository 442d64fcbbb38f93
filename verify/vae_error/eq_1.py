r"""The evidence lower bound has two equal forms, exactly: reconstruction minus KL, and log-evidence minus gap.

.. math:: \mathbb E_{p_d}[\mathbb E_q \log p(x|z) - KL(q(z|x)\|p(z))]
          = \mathbb E_{p_d}\log p(x) - \mathbb E_{p_d} KL(q(z|x)\|p(z|x))

Hypotheses: q, p(z) and p(x|z) positive. An identity. Shekhovtsov, Schlesinger, Flach (2022), eqs. (1a) and (1b);
theory: section 1. Both sides are rational combinations of logarithms of rationals: their equality is decided in Q.
"""

from __future__ import annotations

from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import FINITE, where
from eftheory.exact.draws import keys, random_vae
from eftheory.exact.finite import FiniteVAE, expectation, finite_vae, from_tables, relative_entropy
from eftheory.exact.loglinear import LOGS, LogSum
from eftheory.exact.side import family_side
from eftheory.verdict import Verdict

from ._exactly import ENCODER, POSITIVE, Instance, decided, logs

GIVEN = (*FINITE, *POSITIVE, *ENCODER)
OWN = (
    "decoder(x, z) = mass(x, z)/partition(z)",
    "reconstruction = sum(pd[x]*q(x, z)*log(decoder(x, z)) for x in each(pd) for z in each(prior))",
    "rate = sum(pd[x]*q(x, z)*log(q(x, z)/prior[z]) for x in each(pd) for z in each(prior))",
    "elbo = reconstruction - rate",
    "likelihood = sum(pd[x]*log(evidence(x)) for x in each(pd))",
    "reverse = sum(pd[x]*post(x, z)*log(post(x, z)/q(x, z)) for x in each(pd) for z in each(prior))",
    "entropy = -sum(pd[x]*q(x, z)*log(q(x, z)) for x in each(pd) for z in each(prior))",
)
RELATION = "elbo == likelihood - gap"
QUANTITIES = ("elbo", "likelihood", "gap")
WRONG_DIRECTION = "elbo == likelihood - reverse"
NO_PRIOR = "reconstruction + entropy == likelihood - gap"


def listed(quick: bool) -> list[str]:
    return ["fixed/rbm", "fixed/tables", "fixed/unseen-observation", *keys(24 if quick else 400, label="eq-1-")]


def build(key: str) -> Instance:
    return (fixed(key) if key.startswith("fixed/") else random_vae(key)).as_dict()


def fixed(key: str) -> FiniteVAE:
    """Small models written by hand; one gives an observation the probability zero."""
    if key == "fixed/tables":
        decoder = [["1/2", "1/3", "1/10"], ["1/2", "2/3", "9/10"]]
        encoder = [["1/7", "2/7", "4/7"], ["1/5", "1/5", "3/5"]]
        return from_tables(prior=["1/6", "1/3", "1/2"], decoder=decoder, encoder=encoder, data=["2/5", "3/5"])
    bits = family_side("bernoulli(2)")
    theta, gamma = [["2", "1/3"], ["1", "5"], ["3/2", "1"], ["1/4", "7"]], [["1", "2"]] * 3 + [["3", "1/5"]]
    data = ["1/4", "1/4", "1/2", "0"] if key == "fixed/unseen-observation" else ["1/10", "1/5", "3/10", "2/5"]
    return finite_vae(bits, bits, theta=theta, prior=["1/8", "1/8", "1/4", "1/2"], gamma=gamma, data=data)


INSTANCES = Instances(keys=listed, build=build)


@claim(
    "vae-error/eq-1",
    instances=INSTANCES,
    where=where(*GIVEN, RELATION, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def eq_1(instance: Instance) -> Verdict:
    """The two forms of the evidence lower bound, (1a) and (1b), are equal."""
    vae = FiniteVAE.from_dict(instance)
    elbo, likelihood, gap = vae.elbo(LOGS), vae.log_evidence(LOGS), vae.gap(LOGS)
    quantities = {"elbo": elbo, "likelihood": likelihood, "gap": gap}
    return decided(
        (elbo - likelihood + gap).is_zero, instance, reason="(1a) - (1b), decided in Q", quantities=quantities
    )


@control(
    "vae-error/eq-1",
    "wrong-direction",
    instances=INSTANCES,
    where=where(*GIVEN, WRONG_DIRECTION, own=OWN),
    given=GIVEN,
    relation=WRONG_DIRECTION,
    quantities=("elbo", "likelihood", "reverse"),
)
def wrong_direction(instance: Instance) -> Verdict:
    """With KL(p(z|x) || q) in place of KL(q || p(z|x)) the identity fails."""
    vae = FiniteVAE.from_dict(instance)
    elbo, likelihood, reverse = vae.elbo(LOGS), vae.log_evidence(LOGS), logs()
    for weight, p, q in zip(vae.data, vae.posterior, vae.encoder, strict=True):
        reverse += LogSum(weight) * relative_entropy(p, q, LOGS)
    quantities = {"elbo": elbo, "likelihood": likelihood, "reverse": reverse}
    return decided(
        (elbo - likelihood + reverse).is_zero, instance, reason="the other direction of KL", quantities=quantities
    )


@control(
    "vae-error/eq-1",
    "prior-dropped",
    instances=INSTANCES,
    where=where(*GIVEN, NO_PRIOR, own=OWN),
    given=GIVEN,
    relation=NO_PRIOR,
    quantities=("likelihood", "gap"),
)
def prior_dropped(instance: Instance) -> Verdict:
    """With the entropy of q in place of -KL(q || p(z)) the identity fails."""
    vae = FiniteVAE.from_dict(instance)
    bare = logs()
    for weight, q, p in zip(vae.data, vae.encoder, vae.decoder, strict=True):
        bare += LogSum(weight) * expectation(q, [b / a for a, b in zip(q, p, strict=True)], LOGS)
    likelihood, gap = vae.log_evidence(LOGS), vae.gap(LOGS)
    quantities = {"likelihood": likelihood, "gap": gap}
    return decided((bare - likelihood + gap).is_zero, instance, reason="the prior is dropped", quantities=quantities)
