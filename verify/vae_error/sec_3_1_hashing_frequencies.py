r"""Section 3.1, semantic hashing on word frequencies: the posterior depends on them alone only in full collapse.

.. math:: p(z|x) = p(z|x') \text{ whenever } x/|x| = x'/|x'| \iff f \text{ does not depend on } z
          \qquad (W^\top(\nu(x) - \nu(x')) = 0 \Rightarrow W = 0)

Hypotheses: the total varies and its law does not depend on z; every single word x = e_w and its double 2 e_w lie in X.
For any decoder of eq. (13), linear or not. Shekhovtsov, Schlesinger, Flach (2022), section 3.1, below eq. (15); theory:
section 2 (d). With a known total no two documents are proportional, and nothing follows: the control. Decided in Q.
"""

from __future__ import annotations

from itertools import combinations
from random import Random

from flint import fmpq

from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact import tables
from eftheory.exact.draws import odds
from eftheory.exact.finite import rationals
from eftheory.exact.side import family_side
from eftheory.verdict import Verdict

from ._documents import coupling, logits, varying_total
from ._exactly import DISTRIBUTIONS, ZERO, Instance, decided, without

DECODER = (
    *DISTRIBUTIONS,
    "all(h[x] > 0 for x in each(pd))",
    "all(theta[z][i] > 0 for z in each(prior) for i in each(theta[z]))",
    "all(sum(theta[z][i] for i in each(theta[z])) == 1 for z in each(prior))",
    "all(partition(z) == 1 for z in each(prior))",
)
SINGLES = (
    "all(any(nu[x][i] == 1 and length(x) == 1 for x in each(pd))"
    " and any(nu[x][i] == 2 and length(x) == 2 for x in each(pd)) for i in each(nu[0]))"
)
OWN = (
    "length(x) = sum(nu[x][i] for i in each(nu[x]))",
    "apart(x, y) = max(abs(nu[x][i]*length(y) - nu[y][i]*length(x)) for i in each(nu[x]))",
)
OF_FREQUENCIES = (
    "all(post(x, z) == post(y, z) for x in each(pd) for y in each(pd) if apart(x, y) == 0 for z in each(prior))"
)
COLLAPSED = "all(theta[z][i] == theta[0][i] for z in each(prior) for i in each(theta[z]))"
RELATION = f"iff({OF_FREQUENCIES}, {COLLAPSED})"
GIVEN = (*DECODER, SINGLES)
SPREAD = "sum((post(x, z) - prior[z])**2 for x in each(pd) for z in each(prior))"
QUANTITIES = (SPREAD,)


def listed(quick: bool) -> list[str]:
    kinds = ("linear/3x2", "any/3x2", "collapsed/3x2", "any/2x1", "nearly-collapsed/2x2")
    return [f"{kind}/{i}" for i in range(2 if quick else 25) for kind in kinds]


def lines(rng: Random, key: str) -> tuple[list[tuple[fmpq, ...]], int]:
    """``exp f(z)`` for every code z, and the number of bits."""
    kind, sizes, _ = key.split("/")
    words, bits = (int(size) for size in sizes.split("x"))
    codes = family_side(f"bernoulli({bits})").statistics
    if kind == "linear":
        expW, expu = coupling(rng, words, bits)
        return [tuple(logits(expW, expu, z)) for z in codes], bits
    if kind == "any":
        return [odds(rng, words) for _ in codes], bits
    same = odds(rng, words)
    found = [same for _ in codes]
    if kind == "nearly-collapsed":
        found[-1] = (same[0] * 1001 / 1000, *same[1:])
    return found, bits


def build(key: str) -> Instance:
    rng = Random(key)
    found, bits = lines(rng, key)
    return without(varying_total(rng, found, bits, (1, 2)), "gamma", "k", "psi")


def build_known_total(key: str) -> Instance:
    """Documents of exactly two words."""
    rng = Random(key)
    found, bits = lines(rng, key)
    vae = varying_total(rng, found, bits, (1, 2))
    keep = [i for i, row in enumerate(vae.x.statistics) if sum(row, ZERO) == 2]
    two = sum((vae.x.base[i] for i in keep), ZERO) / len(found[0]) ** 2
    data = [vae.data[i] for i in keep]
    instance = without(vae, "gamma", "k", "psi")
    return {
        **instance,
        "nu": [instance["nu"][i] for i in keep],
        "h": [str(vae.x.base[i] / two) for i in keep],
        "pd": [str(p / sum(data, ZERO)) for p in data],
    }


def compared(instance: Instance) -> Verdict:
    """Posteriors of documents with the same frequencies, against whether the decoder depends on z."""
    nu, theta = rationals(instance["nu"]), rationals(instance["theta"])
    (h, prior) = rationals([instance["h"], instance["prior"]])
    joint = [
        [p * b * tables.monomial(f, x) for p, f in zip(prior, theta, strict=True)] for b, x in zip(h, nu, strict=True)
    ]
    posterior = tables.posterior(joint)
    shares = [[entry / sum(x, ZERO) for entry in x] for x in nu]
    same = all(posterior[i] == posterior[j] for i, j in combinations(range(len(nu)), 2) if shares[i] == shares[j])
    collapsed = all(f == theta[0] for f in theta)
    reason = f"{'collapsed' if collapsed else 'not collapsed'}, {'a' if same else 'no'} function of the frequencies"
    spread = sum(((p - q) ** 2 for row in posterior for p, q in zip(row, prior, strict=True)), ZERO)
    return decided(same == collapsed, instance, reason=reason, quantities={SPREAD: spread}, note=reason)


@claim(
    "vae-error/sec-3-1-hashing-frequencies",
    instances=Instances(keys=listed, build=build),
    where=where(*GIVEN, RELATION, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def hashing_frequencies(instance: Instance) -> Verdict:
    """The posterior is a function of word frequencies only in full posterior collapse."""
    return compared(instance)


def known_keys(quick: bool) -> list[str]:
    return [f"linear/3x2/known-{i}" for i in range(3 if quick else 9)]


@control(
    "vae-error/sec-3-1-hashing-frequencies",
    "known-total",
    instances=Instances(keys=known_keys, build=build_known_total),
    where=where(*DECODER, RELATION, *QUANTITIES, own=OWN),
    given=DECODER,
    relation=RELATION,
    quantities=QUANTITIES,
)
def known_total(instance: Instance) -> Verdict:
    """With a known total, frequencies lose nothing: no collapse follows."""
    return compared(instance)
