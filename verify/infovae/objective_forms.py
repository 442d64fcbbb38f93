r"""Equations (5) = (6): the InfoVAE objective can be computed without the intractable terms; its special cases.

.. math:: -\lambda KL(q(z)\|p(z)) - E_{q(z)} KL(q(x|z)\|p(x|z)) + \alpha I_q(x;z) = E_{p_D} E_q \log p(x|z)
          - (1-\alpha) E_{p_D} KL(q(z|x)\|p(z)) - (\alpha+\lambda-1) KL(q(z)\|p(z)) - E_{p_D}\log p_D

for every alpha and lambda. (0, 1): the ELBO; alpha + lambda = 1: beta-VAE with beta = lambda; (1, 1): reconstruction
less the divergence of q(z) alone, the adversarial autoencoder. Hypotheses: finite X and Z; pd, prior and decoder
positive; any encoder. Decided in Q. Zhao, Song, Ermon, InfoVAE (2019), eqs. (5), (6), section 4 and appendix A.
"""

from __future__ import annotations

from random import Random

from flint import fmpq

from eftheory.analytic.infovae import Tables
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.loglinear import LOGS, LogSum
from eftheory.exact.side import to_rational
from eftheory.verdict import Verdict

from ._tables import MODEL, OWN, Instance, as_instance, decided, keys, random_tables, read, sizes_of

RIGHT = "recon - (1 - alpha)*rate - (alpha + lam - 1)*beyond"
LEFT = "alpha*info - lam*beyond - inverse"
RELATION = f"{LEFT} == {RIGHT} - known"
WITHOUT_ALPHA = f"{LEFT} == recon - (1 - alpha)*rate - (lam - 1)*beyond - known"
WRONG_SIGN = f"-alpha*info - lam*beyond - inverse == {RIGHT} - known"
QUANTITIES = ("rate", "info", RIGHT)
WEIGHTS = ((0, 1), (1, 1), (-4, 5), (1, 1000), (0, 500), (fmpq(1, 2), fmpq(1, 3)), (2, -3))
"""(alpha, lambda) that are tried beside random ones: ELBO, adversarial autoencoder, beta-VAE, the paper's runs, ..."""


def listed(quick: bool) -> list[str]:
    return keys("objective-", quick)


def build(key: str) -> Instance:
    alpha, weight = weights(key)
    return as_instance(random_tables(key, sizes_of(key)), alpha=alpha, lam=weight)


def weights(key: str) -> tuple[fmpq, fmpq]:
    rng = Random(f"weights {key}")
    number = int(key.rpartition("-")[2])
    if number < len(WEIGHTS):
        return fmpq(WEIGHTS[number][0]), fmpq(WEIGHTS[number][1])
    return tuple(fmpq(rng.randint(-9, 9), rng.randint(1, 5)) for _ in range(2))


def parameters(instance: Instance) -> tuple[Tables, fmpq, fmpq]:
    return read(instance), to_rational(instance["alpha"]), to_rational(instance["lam"])


def decide(instance: Instance, left: LogSum, right: LogSum, reason: str) -> Verdict:
    tables, alpha, weight = parameters(instance)
    values = (tables.rate(LOGS), tables.information(LOGS), tables.objective(alpha, weight, LOGS))
    return decided((left - right).is_zero, reason=reason, quantities=dict(zip(QUANTITIES, values, strict=True)))


@claim(
    "infovae/objective-forms",
    instances=Instances(keys=listed, build=build),
    where=where(*MODEL, RELATION, *QUANTITIES, own=OWN),
    given=MODEL,
    relation=RELATION,
    quantities=QUANTITIES,
)
def objective_forms(instance: Instance) -> Verdict:
    """(5) = (6) less E log pd, for every alpha and lambda."""
    tables, alpha, weight = parameters(instance)
    right = tables.objective(alpha, weight, LOGS) - tables.negative_entropy(LOGS)
    return decide(instance, tables.information_form(alpha, weight, LOGS), right, "both sides, as sums of logarithms")


def generic(quick: bool) -> list[str]:
    """Instances where alpha is not zero, so that both mistakes show."""
    return [key for key in listed(quick) if weights(key)[0] != 0]


@control(
    "infovae/objective-forms",
    "alpha-dropped",
    instances=Instances(keys=generic, build=build),
    where=where(*MODEL, WITHOUT_ALPHA, *QUANTITIES, own=OWN),
    given=MODEL,
    relation=WITHOUT_ALPHA,
    quantities=QUANTITIES,
)
def alpha_dropped(instance: Instance) -> Verdict:
    """The last weight is lambda - 1, whatever alpha."""
    tables, alpha, weight = parameters(instance)
    right = tables.objective(alpha, weight, LOGS) - tables.negative_entropy(LOGS)
    right = right + LogSum(alpha) * tables.mismatch(LOGS)
    return decide(instance, tables.information_form(alpha, weight, LOGS), right, "weight lambda - 1")


@control(
    "infovae/objective-forms",
    "information-penalised",
    instances=Instances(keys=generic, build=build),
    where=where(*MODEL, WRONG_SIGN, *QUANTITIES, own=OWN),
    given=MODEL,
    relation=WRONG_SIGN,
    quantities=QUANTITIES,
)
def information_penalised(instance: Instance) -> Verdict:
    """A positive alpha takes mutual information off the objective (5)."""
    tables, alpha, weight = parameters(instance)
    right = tables.objective(alpha, weight, LOGS) - tables.negative_entropy(LOGS)
    left = tables.information_form(alpha, weight, LOGS) - LogSum(2 * alpha) * tables.information(LOGS)
    return decide(instance, left, right, "minus alpha I")


SPECIAL = (
    "objective(s, t) = recon - (1 - s)*rate - (s + t - 1)*beyond",
    "rising(s) = recon - s*rate",
)
CASES = (
    "objective(0, 1) == elbo and objective(1 - lam, lam) == rising(lam) and objective(1, 1) == recon - beyond"
    " and rate == info + beyond"
)
ANY_ALPHA = "objective(alpha, lam) == rising(lam)"
CASE_NUMBERS = ("rate", "info")


def decide_cases(true: bool, tables: Tables, reason: str) -> Verdict:
    values = (tables.rate(LOGS), tables.information(LOGS))
    return decided(true, reason=reason, quantities=dict(zip(CASE_NUMBERS, values, strict=True)))


@claim(
    "infovae/special-cases",
    instances=Instances(
        keys=listed, build=lambda key: as_instance(random_tables(key, sizes_of(key)), lam=weights(key)[1])
    ),
    where=where(*MODEL, CASES, *CASE_NUMBERS, own=(*OWN, *SPECIAL)),
    given=MODEL,
    relation=CASES,
    quantities=CASE_NUMBERS,
)
def special_cases(instance: Instance) -> Verdict:
    """(0, 1) is the ELBO, alpha + lambda = 1 the beta-VAE with beta = lambda, (1, 1) the adversarial autoencoder."""
    tables, beta = read(instance), to_rational(instance["lam"])
    recon, rate, beyond = (value(LOGS) for value in (tables.reconstruction, tables.rate, tables.mismatch))
    differences = (
        tables.objective(fmpq(0), fmpq(1), LOGS) - tables.elbo(LOGS),
        tables.objective(1 - beta, beta, LOGS) - recon + LogSum(beta) * rate,
        tables.objective(fmpq(1), fmpq(1), LOGS) - recon + beyond,
        rate - tables.information(LOGS) - beyond,
    )
    return decide_cases(all(each.is_zero for each in differences), tables, "three special cases and rate = I + KL")


@control(
    "infovae/special-cases",
    "beta-vae-for-any-alpha",
    instances=Instances(keys=listed, build=build),
    where=where(*MODEL, ANY_ALPHA, *CASE_NUMBERS, own=(*OWN, *SPECIAL)),
    given=MODEL,
    relation=ANY_ALPHA,
    quantities=CASE_NUMBERS,
)
def beta_vae_for_any_alpha(instance: Instance) -> Verdict:
    """lambda is the beta of a beta-VAE, whatever alpha."""
    tables, alpha, weight = parameters(instance)
    rising = tables.reconstruction(LOGS) - LogSum(weight) * tables.rate(LOGS)
    return decide_cases((tables.objective(alpha, weight, LOGS) - rising).is_zero, tables, "beta = lambda")
