r"""Var_q of the log-ratio is not the amortisation gap; it is twice the gap to leading order.

A public harmonium library states that $\mathrm{Var}_q \log(q/p)$ *is exactly* the gap $KL(q\|p)$ (theory: section 10).
Refuted by the first control. What is true: let $r = \log(q/p)$, $|r| \le M$, $M > 0$. As $E_q e^{-r} = 1$,
$KL = E_q r = E_q \phi(r)$ with $\phi(r) = e^{-r} - 1 + r$, and $\phi(r)/r^2 = \int_0^1 (1-s)e^{-sr}ds$ decreases in r.
So it lies between $(e^{-M}-1+M)/M^2$ and $(e^M-1-M)/M^2$, and

$$ KL\,\frac{M^2}{e^M-1-M} \;\le\; E_q r^2 = \mathrm{Var}_q r + KL^2 \;\le\; KL\,\frac{M^2}{e^{-M}-1+M}. $$

Both factors tend to 2 as $M \to 0$. Tight: the right one is approached by $r = M$ with small probability under q and
r near 0 otherwise; the left one likewise with $r = -M$. Over all distributions Var/KL takes every positive value; among
tables with log-odds within 3 of zero the search reports the smallest and the largest ratio.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from flint import arb, fmpq

from eftheory.claims import Instances, claim, control
from eftheory.claims.adversary import maximise
from eftheory.claims.definitions import where
from eftheory.exact.decide import Sheet, certify
from eftheory.exact.draws import distribution
from eftheory.exact.finite import relative_entropy, text
from eftheory.exact.mixed import near_distribution
from eftheory.exact.side import to_rational
from eftheory.verdict import Verdict

DISTRIBUTIONS = (
    "all(encoder[z] > 0 and posterior[z] > 0 for z in each(encoder))",
    "sum(encoder[z] for z in each(encoder)) == 1",
    "sum(posterior[z] for z in each(posterior)) == 1",
)
GIVEN = (*DISTRIBUTIONS, "0 < most", "all(abs(r(z)) <= most for z in each(encoder))")
OWN = (
    "r(z) = log(encoder[z]/posterior[z])",
    "loss = sum(encoder[z]*r(z) for z in each(encoder))",
    "variance = sum(encoder[z]*(r(z) - loss)**2 for z in each(encoder))",
)
RELATION = (
    "loss*most**2/(exp(most) - 1 - most) <= variance + loss**2 and "
    "variance + loss**2 <= loss*most**2/(exp(-most) - 1 + most)"
)
QUANTITIES = ("loss", "variance", "variance/loss")
EVALUATIONS = 3000
REACH = 3.0
"""Log-odds of the tables of a search stay within this."""
FIXED: dict[str, tuple[list[int], list[int]]] = {
    "bit": ([1, 1], [1, 2]),
    "nearly-equal": ([100, 100, 100], [101, 99, 100]),
    "far": ([1, 97, 2], [90, 5, 5]),
}


def as_instance(q: Sequence[fmpq], p: Sequence[fmpq]) -> dict[str, Any]:
    """With the smallest M in thousandths that bounds ``|log(q/p)|``."""
    longest = max(abs(math.log(float(a.p) / float(a.q) * float(b.q) / float(b.p))) for a, b in zip(q, p, strict=True))
    most = fmpq(math.floor(1000 * longest) + 1, 1000)
    return {"encoder": text(list(q)), "posterior": text(list(p)), "most": str(most)}


def keys(quick: bool) -> list[str]:
    random, searches = (20, 1) if quick else (300, 5)
    found = [f"search/{goal}/{seed}" for goal in GOALS for seed in range(searches)]
    return [f"fixed/{name}" for name in FIXED] + [f"random/{i}" for i in range(random)] + found


def build(key: str) -> dict[str, Any]:
    kind, _, name = key.partition("/")
    if kind == "fixed":
        return as_instance(*(near_distribution([float(part) for part in parts]) for parts in FIXED[name]))
    if kind == "random":
        rng = Random(f"variance {key}")
        count = rng.randint(2, 6)
        q = distribution(rng, count)
        p = distribution(rng, count)
        return as_instance(q, p if p != q else (q[1], q[0], *q[2:]))
    goal, seed = name.split("/")
    states = 2 + int(seed) % 3
    point, _ = maximise(lambda vector: GOALS[goal](*tables(vector)), 2 * states, int(seed), EVALUATIONS)
    return as_instance(*(near_distribution(part, denominator=10**9) for part in tables(point)))


def tables(vector: Sequence[float]) -> tuple[list[float], list[float]]:
    half = len(vector) // 2
    parts = [[math.exp(REACH * math.tanh(t / REACH)) for t in part] for part in (vector[:half], vector[half:])]
    q, p = ([mass / sum(part) for mass in part] for part in parts)
    return q, p


def moments(q: Sequence[float], p: Sequence[float]) -> tuple[float, float, float]:
    """(KL, E r^2, M) in floats."""
    r = [math.log(a / b) for a, b in zip(q, p, strict=True)]
    kl, second = (sum(a * t**power for a, t in zip(q, r, strict=True)) for power in (1, 2))
    return kl, second, max(map(abs, r))


def largest(q: Sequence[float], p: Sequence[float]) -> float:
    kl, second, _ = moments(q, p)
    return (second - kl * kl) / kl if kl > 1e-7 else -math.inf


def smallest(q: Sequence[float], p: Sequence[float]) -> float:
    value = largest(q, p)
    return -value if value > 0 else -math.inf


def upper(q: Sequence[float], p: Sequence[float]) -> float:
    """Value over bound, the upper one."""
    kl, second, most = moments(q, p)
    return second * (math.exp(-most) - 1 + most) / (kl * most**2) if kl > 1e-7 else -math.inf


def lower(q: Sequence[float], p: Sequence[float]) -> float:
    """Bound over value, the lower one."""
    kl, second, most = moments(q, p)
    return kl * most**2 / (second * (math.exp(most) - 1 - most)) if kl > 1e-7 else -math.inf


GOALS = {"largest": largest, "smallest": smallest, "upper": upper, "lower": lower}


def balls(instance: Mapping[str, Any]) -> tuple[arb, arb]:
    """(KL, Var_q log(q/p))."""
    q, p = ([to_rational(entry) for entry in instance[name]] for name in ("encoder", "posterior"))
    kl = relative_entropy(q, p)
    terms = (arb(a) * (arb(a / b).log() - kl) ** 2 for a, b in zip(q, p, strict=True))
    return kl, sum(terms, arb(0))


@claim(
    "public/variance-of-log-ratio",
    instances=Instances(keys=keys, build=build),
    where=where(*GIVEN, RELATION, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def variance_of_log_ratio(instance: Mapping[str, Any]) -> Verdict:
    r"""$\mathrm{Var}_q\log(q/p) + KL^2$ lies between two multiples of KL that tend to 2 as the log-ratio vanishes."""
    most = to_rational(instance["most"])

    def sheet() -> Sheet:
        kl, variance = balls(instance)
        scaled, grown, shrunk = kl * most**2, arb(most).exp(), arb(-most).exp()
        second = variance + kl * kl
        pairs = [(scaled / (grown - 1 - most), second), (second, scaled / (shrunk - 1 + most))]
        return Sheet(pairs, {"loss": kl, "variance": variance, "variance/loss": variance / kl})

    return certify(sheet)


def equality(instance: Mapping[str, Any], multiple: int) -> Verdict:
    """Whether Var = multiple KL: as two inequalities, of which one is certainly wrong."""

    def sheet() -> Sheet:
        kl, variance = balls(instance)
        return Sheet([(variance, multiple * kl), (multiple * kl, variance)], {"loss": kl, "variance": variance})

    return certify(sheet)


def few(quick: bool) -> list[str]:
    return [f"fixed/{name}" for name in FIXED] + [f"random/{i}" for i in range(3 if quick else 20)]


def without_bound(key: str) -> dict[str, Any]:
    return {name: value for name, value in build(key).items() if name != "most"}


IS_THE_GAP, IS_TWICE = "variance == loss", "variance == 2*loss"
NUMBERS = ("loss", "variance")


@control(
    "public/variance-of-log-ratio",
    "is-the-gap",
    instances=Instances(keys=few, build=without_bound),
    where=where(*DISTRIBUTIONS, IS_THE_GAP, *NUMBERS, own=OWN),
    given=DISTRIBUTIONS,
    relation=IS_THE_GAP,
    quantities=NUMBERS,
)
def is_the_gap(instance: Mapping[str, Any]) -> Verdict:
    """The public statement: Var_q log(q/p) is exactly the amortisation gap."""
    return equality(instance, 1)


@control(
    "public/variance-of-log-ratio",
    "is-twice-the-gap",
    instances=Instances(keys=few, build=without_bound),
    where=where(*DISTRIBUTIONS, IS_TWICE, *NUMBERS, own=OWN),
    given=DISTRIBUTIONS,
    relation=IS_TWICE,
    quantities=NUMBERS,
)
def is_twice_the_gap(instance: Mapping[str, Any]) -> Verdict:
    """Twice the gap holds to leading order only."""
    return equality(instance, 2)
