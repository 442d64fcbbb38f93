r"""Two bits: a factorised q costs at least $\delta^2/2$ nats, $\delta = p_{00}p_{11} - p_{01}p_{10}$.

For every distribution p on two bits and every factorised q: $KL(q\|p) \ge \delta^2/2$ (theory: section 2, after
Corollary 2). *Proof*: `eftheory.bounds.two_bit_gap`. Hypotheses: q factorises, p positive. Not tight: the ratio
bound/KL found by search and by hand comes up to 1/16 (the constant would be 8; not proved); above 8 it is false.

*Sharper* (**new**): $KL(q\|p) \ge 2\delta^2/m^2$ with $m = \max(\alpha, 1-\alpha)$, $\alpha = p(z_1 = 1)$; the same for
the other bit. *Proof.* With $a = q(z_1=1)$, $b = q(z_2=1)$, $\beta_i = p(z_2=1|z_1=i)$ the chain rule and Pinsker's
inequality for two outcomes give $KL \ge 2(a-\alpha)^2 + 2[(1-a)(b-\beta_0)^2 + a(b-\beta_1)^2]$. The bracket is at
least $a(1-a)D$, $D = (\beta_1-\beta_0)^2 \le 1$, so $KL \ge 2D[(a-\alpha)^2 + a(1-a)] = 2D[\alpha^2 + a(1-2\alpha)]
\ge 2D\min(\alpha,1-\alpha)^2$, and $\delta^2 = \alpha^2(1-\alpha)^2 D$. Always $KL \ge 2\delta^2$. Tight: for
$\alpha = 1/2$ it reads $KL \ge 8\delta^2$, which is attained in the limit $t \to 0$ by q uniform,
$p = 1/4 \pm t$: there $KL = -\frac12\log(1-16t^2)$ and $\delta = t$.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from flint import arb, fmpq

from eftheory.bounds import two_bit_gap as stated
from eftheory.claims import Instances, claim, control
from eftheory.claims.adversary import maximise
from eftheory.claims.definitions import where
from eftheory.exact.arithmetic import BALL
from eftheory.exact.decide import Sheet, certify
from eftheory.exact.draws import distribution
from eftheory.exact.finite import relative_entropy, text
from eftheory.exact.mixed import near_distribution, with_exact
from eftheory.exact.side import to_rational
from eftheory.verdict import Verdict

GIVEN = (
    "all(one[i] > 0 and two[i] > 0 for i in each(one))",
    "sum(one[i] for i in each(one)) == 1 and sum(two[i] for i in each(two)) == 1",
    "all(p[i][j] > 0 for i in each(p) for j in each(p[i]))",
    "sum(p[i][j] for i in each(p) for j in each(p[i])) == 1",
)
OWN = (
    "delta = p[0][0]*p[1][1] - p[0][1]*p[1][0]",
    "loss = sum(one[i]*two[j]*log(one[i]*two[j]/p[i][j]) for i in each(one) for j in each(two))",
    "larger = max(p[0][0] + p[0][1], p[1][0] + p[1][1])",
)
RELATION = "delta**2/2 <= loss"
SHARPER = "2*delta**2/larger**2 <= loss"
QUANTITIES = ("loss", "delta")
DEFINITIONS = where(*GIVEN, RELATION, *QUANTITIES, own=OWN)
EVALUATIONS = 4000

Bits = tuple[list[fmpq], list[fmpq], list[fmpq]]
"""q(z1), q(z2), and p in the order 00, 01, 10, 11."""


def as_instance(one: Sequence[fmpq], two: Sequence[fmpq], p: Sequence[fmpq]) -> dict[str, Any]:
    return {"one": text(list(one)), "two": text(list(two)), "p": text([list(p[:2]), list(p[2:])])}


def read(instance: Mapping[str, Any]) -> Bits:
    p = [to_rational(entry) for row in instance["p"] for entry in row]
    return [to_rational(e) for e in instance["one"]], [to_rational(e) for e in instance["two"]], p


def keys(quick: bool) -> list[str]:
    fixed = ["fixed/diagonal", "fixed/fair", "fixed/nearly-certain"]
    random, search = (20, 1) if quick else (300, 6)
    return fixed + [f"random/{i}" for i in range(random)] + [f"search/{i}" for i in range(search)]


def building(value: Callable[[Sequence[float]], float]) -> Callable[[str], dict[str, Any]]:
    """Instances by key; a search maximises `value` over tables of floats."""

    def build(key: str) -> dict[str, Any]:
        kind, _, name = key.partition("/")
        if kind == "search":
            point, _ = maximise(value, 5, int(name), EVALUATIONS)
            one, two, p = tables(point)
            return as_instance(*(near_distribution(part, denominator=10**9) for part in (one, two, p)))
        if kind == "random":
            rng = Random(f"two bits {key}")
            return as_instance(distribution(rng, 2), distribution(rng, 2), distribution(rng, 4))
        return as_instance(*(near_distribution(part) for part in FIXED[name]))

    return build


FIXED: dict[str, tuple[Sequence[float], Sequence[float], Sequence[float]]] = {
    "diagonal": ([1, 1], [1, 1], [49, 1, 1, 49]),
    "fair": ([1, 1], [1, 1], [251, 249, 249, 251]),
    "nearly-certain": ([1, 99], [1, 99], [1, 1, 1, 97]),
}


def tables(point: Sequence[float]) -> tuple[list[float], list[float], list[float]]:
    """Five real numbers as q(z1), q(z2), p; logits within 6 of zero."""
    first, second, *logits = (6.0 * math.tanh(t / 6.0) for t in point)
    weights = [math.exp(t) for t in (*logits, 0.0)]
    a, b = 1.0 / (1.0 + math.exp(-first)), 1.0 / (1.0 + math.exp(-second))
    return [1.0 - a, a], [1.0 - b, b], [w / sum(weights) for w in weights]


def ratio(bound: Callable[[Sequence[float], float], float]) -> Callable[[Sequence[float]], float]:
    """bound(p, delta) / KL at five real numbers; below KL = 1e-7 the floats say nothing."""

    def value(point: Sequence[float]) -> float:
        one, two, p = tables(point)
        q = [x * y for x in one for y in two]
        loss = sum(x * math.log(x / y) for x, y in zip(q, p, strict=True))
        return bound(p, p[0] * p[3] - p[1] * p[2]) / loss if loss > 1e-7 else 0.0

    return value


def decide(instance: Mapping[str, Any], bound: Callable[[Sequence[fmpq], fmpq], arb]) -> Verdict:
    one, two, p = read(instance)
    q, delta = [x * y for x in one for y in two], p[0] * p[3] - p[1] * p[2]

    def sheet() -> Sheet:
        loss = relative_entropy(q, p)
        return Sheet([(bound(p, delta), loss)], {"loss": loss})

    return with_exact(certify(sheet), {"delta": delta})


@claim(
    "vae-error/two-bit-gap",
    instances=Instances(keys=keys, build=building(ratio(lambda p, delta: delta**2 / 2))),
    where=DEFINITIONS,
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def two_bit_gap(instance: Mapping[str, Any]) -> Verdict:
    r"""Two bits: KL(q, p) >= delta^2/2 for every factorised q, delta = p00 p11 - p01 p10."""
    return decide(instance, lambda p, delta: stated(delta, on=BALL))


def _larger(p: Sequence[Any]) -> Any:
    return max(p[0] + p[1], p[2] + p[3])


@claim(
    "vae-error/two-bit-gap-sharper",
    instances=Instances(keys=keys, build=building(ratio(lambda p, delta: 2 * (delta / _larger(p)) ** 2))),
    where=where(*GIVEN, SHARPER, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=SHARPER,
    quantities=QUANTITIES,
)
def two_bit_gap_sharper(instance: Mapping[str, Any]) -> Verdict:
    r"""Two bits: KL(q, p) >= 2 delta^2/m^2, m the larger probability of a value of the first bit; tight (new)."""
    return decide(instance, lambda p, delta: arb(2 * (delta / _larger(p)) ** 2))


TOO_LARGE = "8.001*delta**2 <= loss"


def near_fair(quick: bool) -> list[str]:
    return ["fixed/p-near-uniform"]


@control(
    "vae-error/two-bit-gap",
    "constant-above-8",
    instances=Instances(
        keys=near_fair,
        build=lambda key: as_instance(
            [fmpq(1, 2)] * 2, [fmpq(1, 2)] * 2, [fmpq(1, 4) + sign * fmpq(1, 1000) for sign in (1, -1, -1, 1)]
        ),
    ),
    where=where(*GIVEN, TOO_LARGE, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=TOO_LARGE,
    quantities=QUANTITIES,
)
def constant_above_8(instance: Mapping[str, Any]) -> Verdict:
    """Every constant above 8 is refuted by p = 1/4 +- t with t small enough; here 8.001."""
    return decide(instance, lambda p, delta: arb(fmpq(8001, 1000) * delta**2))


SHARPER_STILL = "2.001*delta**2/larger**2 <= loss"


@control(
    "vae-error/two-bit-gap-sharper",
    "constant-above-2",
    instances=Instances(
        keys=near_fair,
        build=lambda key: as_instance(
            [fmpq(1, 2)] * 2, [fmpq(1, 2)] * 2, [fmpq(1, 4) + sign * fmpq(1, 1000) for sign in (1, -1, -1, 1)]
        ),
    ),
    where=where(*GIVEN, SHARPER_STILL, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=SHARPER_STILL,
    quantities=QUANTITIES,
)
def constant_above_2(instance: Mapping[str, Any]) -> Verdict:
    """The same with 2.001 in place of 2."""
    return decide(instance, lambda p, delta: arb(fmpq(2001, 1000) * (delta / _larger(p)) ** 2))


NO_PRODUCT = (
    "all(encoder[i][j] > 0 and p[i][j] > 0 for i in each(p) for j in each(p[i]))",
    "sum(encoder[i][j] for i in each(encoder) for j in each(encoder[i])) == 1 and "
    "sum(p[i][j] for i in each(p) for j in each(p[i])) == 1",
)
TABLE_OWN = (OWN[0], "loss = sum(encoder[i][j]*log(encoder[i][j]/p[i][j]) for i in each(p) for j in each(p[i]))")


@control(
    "vae-error/two-bit-gap",
    "no-product",
    instances=Instances(
        keys=lambda quick: ["fixed/q-is-p"],
        build=lambda key: {name: [["2/5", "1/10"], ["1/10", "2/5"]] for name in ("encoder", "p")},
    ),
    where=TABLE_OWN,
    given=NO_PRODUCT,
    relation=RELATION,
    quantities=("delta",),
)
def no_product(instance: Mapping[str, Any]) -> Verdict:
    """Without the hypothesis that q factorises the bound is false: q = p costs nothing."""
    p, q = ([to_rational(entry) for row in instance[name] for entry in row] for name in ("p", "encoder"))
    delta = p[0] * p[3] - p[1] * p[2]
    verdict = certify(lambda: Sheet([(stated(delta), relative_entropy(q, p))]))
    return with_exact(verdict, {"delta": delta})
