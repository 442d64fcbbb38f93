r"""Equations (2) to (4): three forms of the evidence lower bound, equal up to a constant.

.. math:: E_{p_D} E_q \log p(x|z) - E_{p_D} KL(q(z|x)\|p(z)) - E_{p_D}\log p_D
          = -KL(q(x,z)\|p(x,z)) = -KL(p_D\|p(x)) - E_{p_D} KL(q(z|x)\|p(z|x))
          = -KL(q(z)\|p(z)) - E_{q(z)} KL(q(x|z)\|p(x|z))

Hypotheses: finite X and Z; pd, prior and decoder positive; any encoder, also a deterministic one. Equalities, so there
is nothing to be tight; decided in Q as combinations of logarithms. Zhao, Song, Ermon, InfoVAE (2019), section 2 and
appendix A. Section 4 of the paper prints the last expectation under p(z) instead of q(z): that is the control.
"""

from __future__ import annotations

from random import Random

from flint import fmpq

from eftheory.analytic.infovae import Tables
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.loglinear import LOGS, LogSum
from eftheory.verdict import Verdict

from ._tables import MODEL, OWN, Instance, as_instance, decided, exact_model, keys, random_tables, read, sizes_of

FORMS = (
    *OWN,
    "whole = sum(code(x, z)*log(code(x, z)/model(x, z)) for x in each(pd) for z in each(prior) if code(x, z) != 0)",
    "outer = sum(pd[x]*log(pd[x]/marginal(x)) for x in each(pd))",
    "loss = sum(code(x, z)*log(encoder[x][z]*marginal(x)/model(x, z))"
    " for x in each(pd) for z in each(prior) if code(x, z) != 0)",
    "given(x, z) = code(x, z)/aggregate(z)",
    "unlike(z) = sum(given(x, z)*log(given(x, z)/decoder[x][z]) for x in each(pd) if given(x, z) != 0)",
)
RELATION = "elbo - known == -whole and whole == outer + loss and whole == beyond + inverse"
PRIOR_EXPECTATION = "elbo - known == -beyond - sum(prior[z]*unlike(z) for z in each(prior))"
NO_CONSTANT = "elbo == -whole"
USED = ("all(aggregate(z) > 0 for z in each(prior))",)
QUANTITIES = ("elbo", "known", "loss")


def listed(quick: bool) -> list[str]:
    return ["fixed/exact", "fixed/deterministic", *keys("forms-", quick)]


def build(key: str) -> Instance:
    return as_instance(fixed(key) if key.startswith("fixed/") else random_tables(key, sizes_of(key)))


def fixed(key: str) -> Tables:
    """q(x,z) = p(x,z), where every form is zero; and an encoder that uses one latent value only."""
    exact = exact_model(Random("elbo forms"), (2, 3))
    if key == "fixed/exact":
        return exact
    one, none = fmpq(1), fmpq(0)
    return Tables(exact.data, exact.prior, exact.decoder, [[none, one, none]] * 2)


def decide(true: bool, tables: Tables, reason: str) -> Verdict:
    values = (tables.elbo(LOGS), tables.negative_entropy(LOGS), tables.gap(LOGS))
    return decided(true, reason=reason, quantities=dict(zip(QUANTITIES, values, strict=True)))


def constant(tables: Tables) -> LogSum:
    return tables.elbo(LOGS) - tables.negative_entropy(LOGS)


@claim(
    "infovae/elbo-forms",
    instances=Instances(keys=listed, build=build),
    where=where(*MODEL, RELATION, *QUANTITIES, own=FORMS),
    given=MODEL,
    relation=RELATION,
    quantities=QUANTITIES,
)
def elbo_forms(instance: Instance) -> Verdict:
    """The ELBO less E log pd is each of the forms (2), (3) and (4), also for deterministic encoders."""
    tables = read(instance)
    forms = (tables.joint_form(LOGS), tables.evidence_form(LOGS), tables.latent_form(LOGS))
    equal = [(constant(tables) - form).is_zero for form in forms]
    return decide(all(equal), tables, f"forms (2), (3), (4) as combinations of logarithms: {equal}")


def generic(quick: bool) -> list[str]:
    return [key for key in listed(quick) if key.startswith("random/")]


def build_used(key: str) -> Instance:
    """Every latent value has positive probability, so that q(x|z) is defined for every z."""
    made = random_tables(key, sizes_of(key))
    while not all(weight > 0 for weight in made.aggregate):
        key += "+"
        made = random_tables(key, sizes_of(key))
    return as_instance(made)


@control(
    "infovae/elbo-forms",
    "expectation-under-the-prior",
    instances=Instances(keys=generic, build=build_used),
    where=where(*MODEL, *USED, PRIOR_EXPECTATION, *QUANTITIES, own=FORMS),
    given=(*MODEL, *USED),
    relation=PRIOR_EXPECTATION,
    quantities=QUANTITIES,
)
def expectation_under_the_prior(instance: Instance) -> Verdict:
    """Form (4) with the expectation over p(z), as section 4 of the paper prints it."""
    tables = read(instance)
    wrong = LogSum() - tables.mismatch(LOGS)
    for z, (prior, total) in enumerate(zip(tables.prior, tables.aggregate, strict=True)):
        for code, decoder in zip(tables.code, tables.decoder, strict=True):
            if code[z] != 0:
                share = code[z] / total
                wrong = wrong - LogSum(fmpq(0), {share / decoder[z]: prior * share})
    return decide((constant(tables) - wrong).is_zero, tables, "the expectation over p(z)")


@control(
    "infovae/elbo-forms",
    "constant-dropped",
    instances=Instances(keys=generic, build=build),
    where=where(*MODEL, NO_CONSTANT, *QUANTITIES, own=FORMS),
    given=MODEL,
    relation=NO_CONSTANT,
    quantities=QUANTITIES,
)
def constant_dropped(instance: Instance) -> Verdict:
    """The ELBO itself is form (2), without the entropy of the data."""
    tables = read(instance)
    equal = (tables.elbo(LOGS) - tables.joint_form(LOGS)).is_zero
    return decide(equal, tables, "without the constant")
