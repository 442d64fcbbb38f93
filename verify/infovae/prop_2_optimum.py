r"""Proposition 2, models side by side: among models with the same mutual information the exact one is best.

The instance lists models (encoder, decoder) of one data distribution and prior whose mutual information I_q(x; z) is
the same number, decided in Q: the first is exact, q(x,z) = p(x,z); others relabel its latent values, or split the mass
of two that carry the same information in another way, with the decoder that inverts the encoder and with the old one.
The first has the largest objective (D = MMD, strictly positive definite kernel), and only exact models reach it.

.. math:: E\log p(x|z) - (1-\alpha) E\,KL(q(z|x)\|p(z)) - (\alpha+\lambda-1)\,\mathrm{MMD}^2(q(z), p(z))

Hypotheses: finite; alpha <= 1, alpha + lambda >= 1, lambda > 0. That every competitor loses, not these alone, is
`prop_2`; here nothing is decomposed, the values are compared. With a negative weight on MMD (the control) a model that
misses the prior wins. Zhao, Song, Ermon, InfoVAE (2019), Proposition 2; theory: section 9.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from random import Random
from typing import Any

from flint import fmpq

from eftheory.analytic.infovae import Tables
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.draws import distribution
from eftheory.exact.finite import text
from eftheory.exact.loglinear import LOGS, LogSum
from eftheory.exact.side import to_rational
from eftheory.verdict import Verdict

from ._kernels import STRICT, discrepancy, is_strict, line, multiquadric, with_factors
from ._tables import Instance, columns, decided, exact_model, sign_of, table, vector

OWN = (
    "code(n, x, z) = pd[x]*encoders[n][x][z]",
    "aggregate(n, z) = sum(code(n, x, z) for x in each(pd))",
    "recon(n) = sum(code(n, x, z)*log(decoders[n][x][z]) for x in each(pd) for z in each(prior))",
    "rate(n) = sum(code(n, x, z)*log(encoders[n][x][z]/prior[z]) for x in each(pd) for z in each(prior))",
    "info(n) = sum(code(n, x, z)*log(encoders[n][x][z]/aggregate(n, z)) for x in each(pd) for z in each(prior))",
    "mmd(n) = sum((aggregate(n, y) - prior[y])*kernel[y][z]*(aggregate(n, z) - prior[z])"
    " for y in each(prior) for z in each(prior))",
    "value(n) = recon(n) - (1 - alpha)*rate(n) - (alpha + lam - 1)*mmd(n)",
)
MODELS = (
    "sum(pd[x] for x in each(pd)) == 1 and all(pd[x] > 0 for x in each(pd))",
    "all(sum(decoders[n][x][z] for x in each(pd)) == 1 for n in each(decoders) for z in each(prior))",
    "all(sum(encoders[n][x][z] for z in each(prior)) == 1 for n in each(encoders) for x in each(pd))",
    "all(encoders[n][x][z] > 0 and decoders[n][x][z] > 0"
    " for n in each(encoders) for x in each(pd) for z in each(prior))",
    "all(code(0, x, z) == prior[z]*decoders[0][x][z] for x in each(pd) for z in each(prior))",
    "all(info(n) == info(0) for n in each(encoders))",
    *STRICT,
)
WEIGHTS = "alpha <= 1 and alpha + lam >= 1 and lam > 0"
RELATION = (
    "all(value(n) <= value(0) for n in each(encoders)) and all(iff(value(n) == value(0),"
    " all(code(n, x, z) == prior[z]*decoders[n][x][z] for x in each(pd) for z in each(prior))) for n in each(encoders))"
)
LARGEST = "all(value(n) <= value(0) for n in each(encoders))"
QUANTITIES = ("info(0)", "value(0)", "max(value(n) for n in each(encoders))")
SIZES = ((2, 2), (2, 3), (3, 3), (4, 3))
MOST = 4
"""Relabelled models."""


def listed(quick: bool) -> list[str]:
    return [f"random/{x}x{z}/{i}" for i in range(2 if quick else 25) for x, z in SIZES]


def draw(key: str) -> tuple[Random, Tables]:
    """An exact model; with three latent values the last two carry the same information."""
    rng = Random(f"optimum {key}")
    x, z = (int(size) for size in key.split("/")[1].split("x"))
    exact = exact_model(rng, (x, 2))
    if z == 2:
        return rng, exact
    share = fmpq(rng.randint(1, 9), 10)
    prior = [exact.prior[0], share * exact.prior[1], (1 - share) * exact.prior[1]]
    decoder = [[first, second, second] for first, second in exact.decoder]
    return rng, Tables(exact.data, prior, decoder, split(exact.encoder, share))


def split(encoder: Sequence[Sequence[fmpq]], share: fmpq) -> list[list[fmpq]]:
    """Three latent values from two: the second one is drawn apart without looking at x."""
    return [[first, share * second, (1 - share) * second] for first, second in encoder]


def competitors(rng: Random, exact: Tables) -> list[Tables]:
    """The exact model, then models with the same information."""
    z = len(exact.prior)
    orders = [order for order in permutations(range(z)) if order != tuple(range(z))][:MOST]
    encoders = [[[row[i] for i in order] for row in exact.encoder] for order in orders]
    if z == 3:
        two = [[first, second + third] for first, second, third in exact.encoder]
        encoders.append(split(two, fmpq(rng.randint(1, 9), 11)))
    found = [exact]
    for encoder in encoders:
        old = Tables(exact.data, exact.prior, exact.decoder, encoder)
        inverse = [[c / w for c, w in zip(row, old.aggregate, strict=True)] for row in old.code]
        found += [old, Tables(exact.data, exact.prior, inverse, encoder)]
    other = columns([distribution(rng, len(exact.data)) for _ in range(z)])
    return [*found, Tables(exact.data, exact.prior, other, exact.encoder)]


def building(weights: tuple[fmpq, fmpq] | None = None) -> Any:
    def build(key: str) -> dict[str, Any]:
        rng, exact = draw(key)
        models = competitors(rng, exact)
        spare = fmpq(rng.randint(1, 9), 3)
        alpha = fmpq(rng.choice((4, 0, rng.randint(-8, 3))), 4)
        alpha, lam = weights or (alpha, 1 - alpha + spare)
        matrix = multiquadric(line(rng, len(exact.prior)), fmpq(rng.randint(1, 8), 2))
        numbers = {"alpha": alpha, "lam": lam, **with_factors(matrix), "pd": exact.data, "prior": exact.prior}
        tables = {"encoders": [m.encoder for m in models], "decoders": [m.decoder for m in models]}
        return {name: text(value) for name, value in {**numbers, **tables}.items()}

    return build


def decide(instance: Instance, *, only: bool) -> Verdict:
    """Whether no model is above the first and, if `only`, whether exact ones alone come up to it."""
    assert is_strict(instance)
    alpha, lam = to_rational(instance["alpha"]), to_rational(instance["lam"])
    data, prior = vector(instance["pd"]), vector(instance["prior"])
    pairs = zip(instance["decoders"], instance["encoders"], strict=True)
    models = [Tables(data, prior, table(decoder), table(encoder)) for decoder, encoder in pairs]
    information = [model.information(LOGS) for model in models]
    assert all((other - information[0]).is_zero for other in information)
    values = [model.objective(alpha, lam, LOGS, discrepancy(model.aggregate, prior, instance)) for model in models]
    signs = [sign_of(values[0] - value) for value in values]
    exact = [list(model.code) == list(model.model) for model in models]
    true = min(signs) >= 0 and (not only or all((s == 0) == same for s, same in zip(signs, exact, strict=True)))
    best: LogSum = values[0]
    for value in values[1:]:
        best = value if sign_of(value - best) > 0 else best
    numbers = dict(zip(QUANTITIES, (information[0], values[0], best), strict=True))
    reason = f"{len(models)} models; {signs.count(1)} below the first, {signs.count(0)} equal, {signs.count(-1)} above"
    return decided(true, reason=reason, quantities=numbers, exact=False)


@claim(
    "infovae/prop-2-optimum",
    instances=Instances(keys=listed, build=building()),
    where=where(*MODELS, WEIGHTS, RELATION, *QUANTITIES, own=OWN),
    given=(*MODELS, WEIGHTS),
    relation=RELATION,
    quantities=QUANTITIES,
)
def prop_2_optimum(instance: Instance) -> Verdict:
    """Among models of equal mutual information the exact one has the largest objective, and exact ones alone."""
    return decide(instance, only=True)


@control(
    "infovae/prop-2-optimum",
    "negative-weight",
    instances=Instances(
        keys=lambda quick: [key for key in listed(quick) if "x3" in key], build=building((fmpq(1), fmpq(-999, 1000)))
    ),
    where=where(*MODELS, LARGEST, *QUANTITIES, own=OWN),
    given=MODELS,
    relation=LARGEST,
    quantities=QUANTITIES,
)
def negative_weight(instance: Instance) -> Verdict:
    """Weight -0.999 on MMD: a model with the same information that misses the prior beats the exact one."""
    return decide(instance, only=False)
