r"""A witness of inconsistency bounds the gap from below, for any encoder of the family.

Finite Z, weights b with $\sum_i b_i = 0$, $\sum_i b_i \psi(z_i) = 0$,
$\Delta = \sum_i b_i[\log p(x,z_i) - \log k(z_i)]$, $L = |\Delta|/\|b\|_1$, and $\alpha = \min_i p(z_i|x)$ over the
points with $b_i \ne 0$. Then for every encoder q of the family

$$ KL(q(\cdot|x)\|p(\cdot|x)) \ge \min\{ kl(\alpha e^{-L}, \alpha),\;
   kl(\alpha e^L, \alpha) \text{ if } \alpha e^L < 1 \}. $$

*Proof.* $\sum_i b_i \log(q(z_i|x)/k(z_i)) = 0$, so $\Delta = \sum_i b_i \log(p(z_i|x)/q(z_i|x))$ and at some point
$|\log(q/p)| \ge L$; data processing to that point and the rest, and $kl(s e^{\pm y}, s)$ increases in y and in s
(theory: section 2, "Witness of inconsistency", **new**). Whether it is tight is open: the search reports how near an
encoder comes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from flint import arb, fmpq

from eftheory.bounds import witness_gap as stated
from eftheory.claims import Instances, claim, control
from eftheory.claims.adversary import maximise
from eftheory.claims.definitions import VALID, where
from eftheory.exact.arithmetic import FLOAT
from eftheory.exact.decide import Sheet, certify
from eftheory.exact.draws import SIDES, distribution, keys, odds, random_side, random_vae
from eftheory.exact.finite import FiniteVAE, finite_vae, harmonium
from eftheory.exact.linear import annihilators
from eftheory.exact.mixed import near_distribution
from eftheory.exact.side import Side, side, to_rational
from eftheory.verdict import Verdict

ZERO_SUM = ("sum(b[z] for z in each(b)) == 0", "any(b[z] != 0 for z in each(b))")
GIVEN = (*VALID, *ZERO_SUM, "all(sum(b[z]*psi[z][j] for z in each(b)) == 0 for j in each(psi[0]))")
OWN = (
    "twist(x) = sum(b[z]*log(joint(x, z)/k[z]) for z in each(b))",
    "length(x) = abs(twist(x))/sum(abs(b[z]) for z in each(b))",
    "least(x) = min(post(x, z) for z in each(b) if b[z] != 0)",
    "binary(s, t) = s*log(s/t) + (1 - s)*log((1 - s)/(1 - t))",
    "below(x) = least(x)*exp(-length(x))",
    "above(x) = least(x)*exp(length(x))",
    "raised(x) = above(x) < 1 and kl(x) >= binary(above(x), least(x))",
)
RELATION = "all(kl(x) >= binary(below(x), least(x)) or raised(x) for x in each(pd))"
QUANTITIES = ("gap", "max(abs(twist(x)) for x in each(pd))")
DEFINITIONS = where(*GIVEN, RELATION, *QUANTITIES, own=OWN)
LOOSE = tuple(s for s in SIDES if s not in ("bernoulli(1)", "categorical(3)", "categorical(4)", "boltzmann(1+1)"))
"""Sides with more points than statistics and a constant: others contain every distribution."""
EVALUATIONS = 4000
SEARCHED: tuple[tuple[tuple[int, ...], ...], ...] = (((0, 0), (0, 1), (1, 0), (1, 1)), ((0,), (1,), (2,)))


def all_keys(quick: bool) -> list[str]:
    random, search = (16, 2) if quick else (250, 8)
    drawn = [key for key in keys(6 * random, kinds=("free", "near"), label="w") if _encoder_side(key) in LOOSE]
    return ["fixed/two-bits"] + drawn[:random] + [f"search/{i}" for i in range(search)]


def _encoder_side(key: str) -> str:
    return key.split("/")[1].split(" x ")[1]


def build(key: str) -> dict[str, Any]:
    if key == "fixed/two-bits":
        return with_weights(_two_bits(), [1, -1, -1, 1])
    if key.startswith("search/"):
        return _adversarial(int(key.partition("/")[2]))
    vae = random_vae(key)
    choices = annihilators([[fmpq(1)] * vae.z.count, *zip(*vae.z.statistics, strict=True)])
    return with_weights(vae, Random(key).choice(choices))


def with_weights(vae: FiniteVAE, b: Sequence[int]) -> dict[str, Any]:
    return {**vae.as_dict(), "b": [str(weight) for weight in b]}


def _two_bits() -> FiniteVAE:
    """One Bernoulli whose logit depends on the exclusive or of two bits."""
    x, z = side([[0], [1]]), side(SEARCHED[0])
    gamma = [["1", "1"], ["1", "1"]]
    return finite_vae(x, z, theta=[["1/3"], ["3"], ["3"], ["1/3"]], prior=["1/4"] * 4, gamma=gamma, data=["1/2", "1/2"])


def _adversarial(seed: int) -> dict[str, Any]:
    """A posterior (the prior: x tells nothing) and an encoder for which the bound is as good as the search finds."""
    psi = side(SEARCHED[seed % 2])
    b = annihilators([[fmpq(1)] * psi.count, *zip(*psi.statistics, strict=True)])[0]
    point, _ = maximise(lambda vector: _ratio(vector, psi, b), psi.count - 1 + psi.width, seed, EVALUATIONS)
    p, _, logits = _floats(point, psi)
    gamma = [[fmpq(round(10**6 * math.exp(g)), 10**6) for g in logits]] * 2
    x, flat = side([[0], [1]]), [["1"]] * psi.count
    prior = near_distribution(p, denominator=10**9)
    return with_weights(finite_vae(x, psi, theta=flat, prior=prior, gamma=gamma, data=["1/2", "1/2"]), b)


def _floats(vector: Sequence[float], psi: Side) -> tuple[list[float], list[float], list[float]]:
    """(p, q, logits of q) from unbounded numbers; every logit within 6 of zero."""
    bounded = [6.0 * math.tanh(t / 6.0) for t in vector]
    masses = [math.exp(t) for t in (*bounded[: psi.count - 1], 0.0)]
    logits = bounded[psi.count - 1 :]
    weights = [math.exp(sum(g * int(s.p) for g, s in zip(logits, row, strict=True))) for row in psi.statistics]
    return [m / sum(masses) for m in masses], [w / sum(weights) for w in weights], logits


def _ratio(vector: Sequence[float], psi: Side, b: Sequence[int]) -> float:
    p, q, _ = _floats(vector, psi)
    kl = sum(s * math.log(s / t) for s, t in zip(q, p, strict=True))
    twist = sum(weight * math.log(t) for weight, t in zip(b, p, strict=True))
    least = min(t for weight, t in zip(b, p, strict=True) if weight)
    norm = sum(abs(weight) for weight in b)
    return float(stated(twist, norm, least, on=FLOAT)) / kl if kl > 1e-6 else 0.0


def decide(instance: Mapping[str, Any]) -> Verdict:
    vae, b = FiniteVAE.from_dict(instance), [to_rational(weight) for weight in instance["b"]]
    norm = sum((abs(weight) for weight in b), fmpq(0))
    least = [min(p for p, weight in zip(row, b, strict=True) if weight != 0) for row in vae.posterior]

    def sheet() -> Sheet:
        kls, twists = vae.kl(), [_twist(row, vae.z, b) for row in vae.joint]
        bounds = [stated(twist, norm, floor) for twist, floor in zip(twists, least, strict=True)]
        largest = abs(twists[0])
        for twist in twists[1:]:
            largest = largest.max(abs(twist))
        return Sheet(list(zip(bounds, kls, strict=True)), {"gap": vae.gap(), QUANTITIES[1]: largest})

    return certify(sheet)


def _twist(row: Sequence[fmpq], z: Side, b: Sequence[fmpq]) -> arb:
    terms = (arb(weight) * arb(p / k).log() for weight, p, k in zip(b, row, z.base, strict=True) if weight != 0)
    return sum(terms, arb(0))


@claim(
    "vae-error/witness-gap",
    instances=Instances(keys=all_keys, build=build),
    where=DEFINITIONS,
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def witness_gap(instance: Mapping[str, Any]) -> Verdict:
    """A witness bounds KL(q || p(.|x)) from below for any encoder of the family."""
    return decide(instance)


def outside(key: str) -> dict[str, Any]:
    """The posterior itself as the encoder, in a family for which b is no annihilator (all interactions allowed)."""
    rng = Random(key)
    x, z = random_side(rng, "bernoulli(2)"), random_side(rng, "boltzmann(1+1)")
    odd = [odds(rng, z.width + 1) for _ in range(x.width + 1)]
    b = annihilators([[fmpq(1)] * z.count, *list(zip(*z.statistics, strict=True))[:2]])[0]
    return with_weights(harmonium(x, z, odd, distribution(rng, x.count)), b)


OUTSIDE_QUANTITIES = QUANTITIES[1:]
"""Without the gap, which is zero there."""


@control(
    "vae-error/witness-gap",
    "outside-the-family",
    instances=Instances(keys=lambda quick: [f"random/posterior/{i}" for i in range(3)], build=outside),
    where=where(*ZERO_SUM, RELATION, *OUTSIDE_QUANTITIES, own=OWN),
    given=ZERO_SUM,
    relation=RELATION,
    quantities=OUTSIDE_QUANTITIES,
)
def outside_the_family(instance: Mapping[str, Any]) -> Verdict:
    """Weights that do not annihilate the encoder's statistics: the posterior itself has no gap, against the bound."""
    return decide(instance)
