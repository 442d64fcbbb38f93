r"""Linear VAE: the best encoder for a given decoder, and what any other one loses.

With :math:`V^* = M^{-1}W^\top`, :math:`D^* = \sigma^2 (\operatorname{diag} M)^{-1}`, M = W'W + s2 I, for every V and D

.. math:: \mathrm{ELBO}(V^*, D^*) - \mathrm{ELBO}(V, D)
          = \tfrac1{2\sigma^2}\operatorname{tr}\bigl((V - V^*)^\top M (V - V^*) S\bigr)
          + \tfrac12 \sum_j \Bigl(\frac{D_j}{D_j^*} - 1 - \log \frac{D_j}{D_j^*}\Bigr) \ge 0 ,

zero only for D = D* and (V - V*) S = 0. Hypotheses: ``s2 > 0``, S a covariance. Lucas, Tucker, Grosse, Norouzi (2019),
section 4 (the optimum); theory: section 7. The identity is exact over Q and logarithms, the sign certified in balls.
"""

from __future__ import annotations

from typing import Any

from flint import fmpq

from eftheory.analytic import linear_vae, ppca
from eftheory.analytic.matrices import Rows, inner, inverse, minus, product
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.finite import text
from eftheory.exact.side import to_rational
from eftheory.verdict import Verdict

from ._design import DATA, ORTHOGONAL, SAME, draw, keys, sized
from ._exactly import EXACT, Instance, decided, matrix, sign, total, vector

GIVEN = (
    "s2 > 0 and all(l[j] >= 0 for j in each(l)) and all(D[c] > 0 for c in each(D))",
    ORTHOGONAL,
    "all(sum(N[b][e]*M(e, c) for e in each(N)) == same(b, c) for b in each(N) for c in each(N))",
)
OWN = (
    SAME,
    DATA,
    "M(b, c) = sum(W[i][b]*W[i][c] for i in each(l)) + s2*same(b, c)",
    "bestV(c, i) = sum(N[c][b]*W[i][b] for b in each(N))",
    "bestD(c) = s2/M(c, c)",
    "worseD(c) = s2*N[c][c]",
    # one = 1: the best encoder, one = 0: the given one; without -d/2 log(2 pi)
    "atV(one, c, i) = one*bestV(c, i) + (1 - one)*V[c][i]",
    "atD(one, c) = one*bestD(c) + (1 - one)*D[c]",
    "VS(one, c, i) = sum(atV(one, c, j)*S(j, i) for j in each(l))",
    "WV(one, i, j) = sum(W[i][c]*atV(one, c, j) for c in each(D))",
    "WVS(one, i, j) = sum(W[i][c]*VS(one, c, j) for c in each(D))",
    "error(one) = sum(S(i, i) - 2*WVS(one, i, i) + sum(WVS(one, i, j)*WV(one, i, j) for j in each(l))"
    " + sum(W[i][c]**2*atD(one, c) for c in each(D)) for i in each(l))",
    "rate(one) = sum(sum(VS(one, c, i)*atV(one, c, i) for i in each(l)) + atD(one, c) - 1 - log(atD(one, c))"
    " for c in each(D))/2",
    "bound(one) = -rate(one) - error(one)/(2*s2) - sum(log(s2) for i in each(l))/2",
    "off(c, i) = V[c][i] - bestV(c, i)",
    "offS(c, i) = sum(off(c, j)*S(j, i) for j in each(l))",
    "lost = sum(off(b, i)*M(b, c)*offS(c, i) for b in each(D) for c in each(D) for i in each(l))/(2*s2)"
    " + sum(D[c]/bestD(c) - 1 - log(D[c]/bestD(c)) for c in each(D))/2",
)
RELATION = "bound(1) - bound(0) == lost and lost >= 0"
NUMBERS = ("bound(1)", "lost")


def build(key: str) -> dict[str, Any]:
    """Any W, V and D; exact/: the best encoder itself; data of any covariance, singular/: one without a direction."""
    rng, d, k = sized(key)
    design = draw(rng, d, above=rng.randint(1, d))
    if key.startswith("singular"):
        design.eigenvalues[-1] = fmpq(0)
    W = [[fmpq(rng.randint(-4, 4), rng.randint(1, 3)) for _ in range(k)] for _ in range(d)]
    V, D = linear_vae.optimum(W, design.s2, on=EXACT)
    N = inverse(ppca.inner_covariance(W, design.s2, on=EXACT), on=EXACT)
    if not key.startswith("exact"):
        V = [[entry + fmpq(rng.randint(-3, 3), 8) for entry in row] for row in V]
        D = [entry * fmpq(rng.randint(1, 12), rng.randint(3, 6)) for entry in D]
    return {
        "U": text(design.U),
        "l": text(design.eigenvalues),
        "s2": str(design.s2),
        **{"W": text(W), "V": text(V), "D": text(D), "N": text(N)},
    }


def read(instance: Instance) -> tuple[Rows, Rows, Rows, list[fmpq], fmpq]:
    """S, W, V, D, s2."""
    U, values = matrix(instance["U"]), vector(instance["l"])
    S = [[total([a * value * b for a, value, b in zip(row, values, other, strict=True)]) for other in U] for row in U]
    return S, matrix(instance["W"]), matrix(instance["V"]), vector(instance["D"]), to_rational(instance["s2"])


def loss(instance: Instance) -> Any:
    """The right-hand side."""
    S, W, V, D, s2 = read(instance)
    best, best_D = linear_vae.optimum(W, s2, on=EXACT)
    off, M = minus(V, best), ppca.inner_covariance(W, s2, on=EXACT)
    ratios = [entry / other for entry, other in zip(D, best_D, strict=True)]
    return inner(product(M, off), product(off, S)) / (2 * s2) + total([r - 1 - EXACT.log(r) for r in ratios]) / 2


@claim(
    "linear-vae/best-encoder",
    instances=Instances(keys=keys(1, 10, kinds=("random", "exact", "singular")), build=build),
    where=where(*GIVEN, RELATION, *NUMBERS, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=NUMBERS,
)
def best_encoder(instance: Instance) -> Verdict:
    """V = M^-1 W', D = s2 (diag M)^-1 maximise the ELBO for given W, and any other encoder loses a known amount."""
    S, W, V, D, s2 = read(instance)
    best, best_D = linear_vae.optimum(W, s2, on=EXACT)
    top = linear_vae.relative_elbo(S, W, best, best_D, s2, on=EXACT)
    lost = loss(instance)
    true = sign(top - linear_vae.relative_elbo(S, W, V, D, s2, on=EXACT) - lost) == 0 and sign(lost) >= 0
    quantities = dict(zip(NUMBERS, (top, lost), strict=True))
    return decided(true, reason="logarithms of rationals, exactly", quantities=quantities, exact=sign(lost) == 0)


AT_POSTERIOR = (*GIVEN, "all(D[c] == worseD(c) for c in each(D))")
AS_GOOD = "bound(0) >= bound(1)"


def build_posterior(key: str) -> dict[str, Any]:
    """The best mean, and the variances of the exact posterior, which is correlated."""
    found = build("exact/" + key.partition("/")[2])
    s2 = to_rational(found["s2"])
    return {**found, "D": text([s2 * row[c] for c, row in enumerate(matrix(found["N"]))])}


@control(
    "linear-vae/best-encoder",
    "posterior-variances",
    instances=Instances(keys=keys(1, 3, sizes=((3, 2), (4, 3), (6, 3))), build=build_posterior),
    where=where(*AT_POSTERIOR, AS_GOOD, *NUMBERS, own=OWN),
    given=AT_POSTERIOR,
    relation=AS_GOOD,
    quantities=NUMBERS,
)
def posterior_variances(instance: Instance) -> Verdict:
    """The variances of the exact posterior, s2 (M^-1)_jj, are the best D."""
    S, W, V, D, s2 = read(instance)
    top = linear_vae.relative_elbo(S, W, *linear_vae.optimum(W, s2, on=EXACT), s2, on=EXACT)
    bound = linear_vae.relative_elbo(S, W, V, D, s2, on=EXACT)
    quantities = dict(zip(NUMBERS, (top, loss(instance)), strict=True))
    return decided(sign(bound - top) >= 0, reason="logarithms of rationals", quantities=quantities)
