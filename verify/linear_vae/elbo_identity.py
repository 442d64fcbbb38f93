r"""Linear VAE: the ELBO of the best encoder is the likelihood minus the gap, and no encoder is better: in symbols.

For symbols W, S, V, D, s2 of small sizes, with V*, D* the best encoder and M = W'W + s2 I,

.. math:: \mathrm{ELBO}(V^*, D^*) &= \log p - \tfrac12 [\log\det\operatorname{diag} M - \log\det M] \\
          \mathrm{ELBO}(V^*, D^*) - \mathrm{ELBO}(V, D) &= \tfrac1{2\sigma^2}\operatorname{tr}\bigl((V - V^*)^\top M
          (V - V^*) S\bigr) + \tfrac12 \sum_j \Bigl(\frac{D_j}{D_j^*} - 1 - \log \frac{D_j}{D_j^*}\Bigr)

W upper triangular without loss of generality (x can be rotated). Both right-hand terms are not negative, so that
max ELBO <= log p, with equality where W'W is diagonal; the maximum of the likelihood is attained at such a W. Lucas,
Tucker, Grosse, Norouzi (2019), section 4; theory: section 7 (i). Proved as identities of rational functions and
logarithms; for other sizes, exactly on instances: `elbo_gap`, `best_encoder`. A symbolic claim stands in the report and
has no certificate.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from eftheory.analytic import linear_vae, ppca
from eftheory.analytic.matrices import inner, minus, product
from eftheory.claims import Instances, claim, control
from eftheory.exact.decide import exactly
from eftheory.verdict import Verdict

from ._exactly import Instance
from ._symbols import Formal, Symbols, entries, formal

SMALL, LARGE = ("1x1", "2x1", "2x2"), ("3x1", "3x2")
"""d x k."""


def listed(quick: bool) -> list[str]:
    return [f"{identity}/{size}" for size in (SMALL if quick else SMALL + LARGE) for identity in ("gap", "best")]


def build(key: str) -> dict[str, Any]:
    identity, _, size = key.partition("/")
    return {"identity": identity, "size": size}


def difference(instance: Instance, half: Fraction = Fraction(1, 2)) -> Formal:
    """Left minus right side of one of the two identities; half: the factor on the right."""
    d, k = (int(part) for part in instance["size"].split("x"))
    noises, best = [f"D{j}" for j in range(k)], instance["identity"] == "best"
    on = Symbols("s2", *entries("W", d, k), *entries("S", d, d), *(entries("V", k, d) + noises if best else ()))
    s2, S = on["s2"], on.symmetric("S", d)
    rows = enumerate(on.table("W", d, k))
    W = [[entry if i <= j else on.number(0) for j, entry in enumerate(row)] for i, row in rows]
    V, D = linear_vae.optimum(W, s2, on=on)
    top, factor = linear_vae.relative_elbo(S, W, V, D, s2, on=on), on.number(half)
    if not best:
        gap = linear_vae.gap(W, s2, on=on) * on.number(2) * factor
        return formal(top - ppca.relative_log_likelihood(S, W, s2, on=on) + gap)
    U, E = on.table("V", k, d), [on[name] for name in noises]
    off, ratios = minus(U, V), [mine / other for mine, other in zip(E, D, strict=True)]
    lost = formal(inner(product(ppca.inner_covariance(W, s2, on=on), off), product(off, S)) / s2)
    for ratio in ratios:
        lost = lost + ratio - on.number(1) - on.log(ratio)
    return formal(top - linear_vae.relative_elbo(S, W, U, E, s2, on=on) - lost * factor)


@claim("linear-vae/elbo-identity", instances=Instances(keys=listed, build=build))
def elbo_identity(instance: Instance) -> Verdict:
    """max over encoders of the ELBO = log p - 1/2 [log det diag M - log det M] <= log p, as a symbolic identity."""
    return exactly(difference(instance).is_zero, reason="the two sides cancel")


@control(
    "linear-vae/elbo-identity",
    "half-dropped",
    instances=Instances(keys=lambda quick: ["best/1x1", "best/2x1", "gap/2x2"], build=build),
)
def half_dropped(instance: Instance) -> Verdict:
    """The same without the factors 1/2."""
    return exactly(difference(instance, Fraction(1)).is_zero, reason="the two sides cancel")
