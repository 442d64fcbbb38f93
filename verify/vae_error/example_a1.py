r"""Example A.1: a VAE as tight as one likes, as far from every harmonium as one likes.

$X = Z = \{0,1\}^2$, pd and the prior uniform, decoder a product of Bernoullis with logits $a(2F(z)-1)$,
$F(z) = (z_1, z_1 \oplus z_2)$, encoder likewise with $F^{-1} = F$. The gap is exactly $\frac a2 t(1-t)$,
$t = \tanh(a/2)$ (paper: eqs. (18) to (20), which give no formula; theory: section 3). With odds $r = e^a$ rational
it is log-linear, so that the equality is decided. What becomes of it as a grows is `example_a1_limit`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flint import fmpq

from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.finite import FiniteVAE
from eftheory.exact.loglinear import LOGS, LogSum
from eftheory.exact.mixed import proved
from eftheory.exact.side import to_rational
from eftheory.verdict import Verdict

from ._example_a1 import XOR, example

GIVEN = (
    "1 < r",
    "sum(1 for z in each(prior)) == 4 and sum(1 for x in each(pd)) == 4",
    "all(h[x] == 1 and pd[x] == 1/4 for x in each(pd)) and all(k[z] == 1 and prior[z] == 1/4 for z in each(prior))",
    "all(psi[z][j]*(1 - psi[z][j]) == 0 and nu[z][j] == psi[z][j] for z in each(psi) for j in each(psi[z]))",
    "all(any(psi[y][j] != psi[z][j] for j in each(psi[z])) for y in each(psi) for z in each(psi) if y < z)",
    "all(theta[z][0] == r**(2*psi[z][0] - 1) for z in each(prior))",
    "all(theta[z][1] == r**(2*xor(psi[z][0], psi[z][1]) - 1) for z in each(prior))",
    "all(gamma[x][0] == r**(2*nu[x][0] - 1) for x in each(pd))",
    "all(gamma[x][1] == r**(2*xor(nu[x][0], nu[x][1]) - 1) for x in each(pd))",
)
OWN = (XOR, "tanh = (r - 1)/(r + 1)")
RELATION = "gap == log(r)/2*tanh*(1 - tanh)"
QUANTITIES = ("gap",)
OTHER = "gap == log(r)*tanh*(1 - tanh)"
ODDS = ("2", "3/2", "5", "100", "12345/67")


def odds_keys(quick: bool) -> list[str]:
    return [f"fixed/{r.replace('/', 'over')}" for r in ODDS] + [f"power/{e}" for e in range(1, 5 if quick else 40)]


def build(key: str) -> dict[str, Any]:
    kind, _, name = key.partition("/")
    r = to_rational(name.replace("over", "/")) if kind == "fixed" else fmpq(10) ** int(name)
    return {**example(r).as_dict(), "r": str(r)}


def formula(instance: Mapping[str, Any], factor: fmpq) -> Verdict:
    """Whether ``gap = factor a t (1 - t)``, decided."""
    vae, r = FiniteVAE.from_dict(instance), to_rational(instance["r"])
    tanh = (r - 1) / (r + 1)
    other = LogSum(fmpq(0), {r: factor * tanh * (1 - tanh)})
    true = (vae.gap(LOGS) - other).is_zero
    return proved(true, reason="compared as logarithms", balls=lambda: {"gap": vae.gap()})


@claim(
    "vae-error/example-a1",
    instances=Instances(keys=odds_keys, build=build),
    where=where(*GIVEN, RELATION, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def example_a1(instance: Mapping[str, Any]) -> Verdict:
    r"""Example A.1: the gap is exactly $\frac a2 t(1-t)$, $t = \tanh(a/2)$."""
    return formula(instance, fmpq(1, 2))


@control(
    "vae-error/example-a1",
    "other-constant",
    instances=Instances(keys=odds_keys, build=build),
    where=where(*GIVEN, OTHER, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=OTHER,
    quantities=QUANTITIES,
)
def other_constant(instance: Mapping[str, Any]) -> Verdict:
    """The gap without the factor 1/2."""
    return formula(instance, fmpq(1))
