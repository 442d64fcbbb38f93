r"""Linear VAE: with the best encoder the ELBO misses the likelihood by a function of W'W, zero when that is diagonal.

.. math:: \log p - \max_{V, D} \mathrm{ELBO} = \tfrac12\bigl[\log\det\operatorname{diag} M - \log\det M\bigr] \ge 0,
          \qquad M = W^\top W + \sigma^2 I,

attained at :math:`V = M^{-1}W^\top,\ D = \sigma^2(\operatorname{diag} M)^{-1}`, with equality exactly where W'W is
diagonal (Hadamard); it does not depend on the data. Hypotheses: ``s2 > 0``. Lucas, Tucker, Grosse, Norouzi (2019),
section 4; theory: section 7 (i). The identity is exact over Q and logarithms, at every W, S of the instances; a
positive gap is certified in balls. That no other encoder does better: `best_encoder`; in symbols: `elbo_identity`.
"""

from __future__ import annotations

from typing import Any

from flint import fmpq

from eftheory.analytic import linear_vae, ppca
from eftheory.analytic.matrices import Rows, inner, inverse, log_det, product, transpose
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.finite import text
from eftheory.exact.side import to_rational
from eftheory.verdict import Verdict

from ._design import SAME, cayley, columns, draw, keys, rows_for, sized, top
from ._exactly import EXACT, ZERO, Instance, decided, factors, is_diagonal, matrix, sign

GIVEN = (
    "s2 > 0 and all(S[i][j] == S[j][i] for i in each(S) for j in each(S))",
    "all(sum(Q[i][r]*C(r, j) for r in each(S)) == same(i, j) for i in each(S) for j in each(S))",
    "all(sum(N[b][e]*M(e, c) for e in each(N)) == same(b, c) for b in each(N) for c in each(N))",
    # C = G diag(g) G' and M = L diag(m) L'
    "all(g[i] > 0 and G[i][i] == 1 and all(G[i][j] == 0 for j in each(g) if i < j) for i in each(g))",
    "all(sum(G[i][r]*g[r]*G[j][r] for r in each(g)) == C(i, j) for i in each(g) for j in each(g))",
    "all(m[b] > 0 and L[b][b] == 1 and all(L[b][c] == 0 for c in each(m) if b < c) for b in each(m))",
    "all(sum(L[b][e]*m[e]*L[c][e] for e in each(m)) == M(b, c) for b in each(m) for c in each(m))",
)
OWN = (
    SAME,
    "C(i, j) = sum(W[i][c]*W[j][c] for c in each(N)) + s2*same(i, j)",
    "M(b, c) = sum(W[i][b]*W[i][c] for i in each(S)) + s2*same(b, c)",
    "V(c, i) = sum(N[c][b]*W[i][b] for b in each(N))",
    "D(c) = s2/M(c, c)",
    "VS(c, i) = sum(V(c, j)*S[j][i] for j in each(S))",
    "VSV(b, c) = sum(VS(b, i)*V(c, i) for i in each(S))",
    "WV(i, j) = sum(W[i][c]*V(c, j) for c in each(N))",
    "error(i) = S[i][i] + sum((WV(i, r) - 2*same(i, r))*sum(S[r][j]*WV(i, j) for j in each(S)) for r in each(S))",
    "rate = sum(VSV(c, c) + D(c) - 1 - log(D(c)) for c in each(N))/2",
    # without -d/2 log(2 pi), both
    "bound = -rate - sum((error(i) + sum(W[i][c]**2*D(c) for c in each(N)))/s2 + log(s2) for i in each(S))/2",
    "fit = -sum(log(g[i]) + sum(Q[i][j]*S[i][j] for j in each(S)) for i in each(S))/2",
    "excess = sum(log(M(b, b)) - log(m[b]) for b in each(m))/2",
)
DIAGONAL = "all(M(b, c) == 0 for b in each(m) for c in each(m) if b != c)"
RELATION = f"bound == fit - excess and excess >= 0 and iff({DIAGONAL}, excess == 0)"
NUMBERS = ("bound", "fit", "excess")


def build(key: str) -> dict[str, Any]:
    """random/: any W; orthogonal/: orthogonal columns; rotated/: a maximum of the likelihood, turned; zero/: W = 0."""
    rng, d, k = sized(key)
    kind = key.partition("/")[0]
    design = draw(rng, d, above=rng.randint(min(k, d), d))
    R = cayley(rng, k) if k > 1 and kind == "rotated" else [[fmpq(int(b == c)) for c in range(k)] for b in range(k)]
    W = columns(design, rows_for(top(design, k), R, d))
    if kind == "random":
        W = [[fmpq(rng.randint(-4, 4), rng.randint(1, 3)) for _ in range(k)] for _ in range(d)]
    if kind == "zero":
        W = [[ZERO] * k for _ in range(d)]
    C, M = ppca.covariance(W, design.s2, on=EXACT), ppca.inner_covariance(W, design.s2, on=EXACT)
    (G, g), (L, m) = factors(C), factors(M)
    inverses = {"Q": text(inverse(C, on=EXACT)), "N": text(inverse(M, on=EXACT))}
    shown = {"G": text(G), "g": text(g), "L": text(L), "m": text(m)}
    return {"S": text(design.S), "s2": str(design.s2), "W": text(W), **inverses, **shown}


def read(instance: Instance) -> tuple[Rows, Rows, fmpq]:
    return matrix(instance["S"]), matrix(instance["W"]), to_rational(instance["s2"])


def values(instance: Instance) -> tuple[Any, Any, Any]:
    """The ELBO of the best encoder and the log-likelihood (both without the constant), and the gap's formula."""
    S, W, s2 = read(instance)
    V, D = linear_vae.optimum(W, s2, on=EXACT)
    bound = linear_vae.relative_elbo(S, W, V, D, s2, on=EXACT)
    return bound, ppca.relative_log_likelihood(S, W, s2, on=EXACT), linear_vae.gap(W, s2, on=EXACT)


@claim(
    "linear-vae/elbo-gap",
    instances=Instances(keys=keys(1, 12, kinds=("random", "orthogonal", "rotated", "zero")), build=build),
    where=where(*GIVEN, RELATION, *NUMBERS, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=NUMBERS,
)
def elbo_gap(instance: Instance) -> Verdict:
    r"""log p - max ELBO = 1/2 [log det diag M - log det M], zero exactly where the columns of W are orthogonal."""
    bound, fit, excess = values(instance)
    _, W, _ = read(instance)
    size = sign(excess)
    true = sign(bound - fit + excess) == 0 and size >= 0 and is_diagonal(product(transpose(W), W)) == (size == 0)
    quantities = dict(zip(NUMBERS, (bound, fit, excess), strict=True))
    return decided(true, reason="logarithms of rationals, exactly", quantities=quantities, exact=size == 0)


WHOLE = "bound == fit - 2*excess"


@control(
    "linear-vae/elbo-gap",
    "half-dropped",
    instances=Instances(keys=keys(1, 3, sizes=((3, 2), (4, 3), (6, 3)), kinds=("random",)), build=build),
    where=where(*GIVEN, WHOLE, *NUMBERS, own=OWN),
    given=GIVEN,
    relation=WHOLE,
    quantities=NUMBERS,
)
def half_dropped(instance: Instance) -> Verdict:
    """The same without the factor 1/2."""
    bound, fit, excess = values(instance)
    quantities = dict(zip(NUMBERS, (bound, fit, excess), strict=True))
    true = sign(bound - fit + excess + excess) == 0
    return decided(true, reason="logarithms of rationals, exactly", quantities=quantities)


FULL_OWN = (
    *OWN[:3],
    OWN[3],
    "VS(c, i) = sum(V(c, j)*S[j][i] for j in each(S))",
    "WV(i, j) = sum(W[i][c]*V(c, j) for c in each(N))",
    "error(i) = S[i][i] + sum((WV(i, r) - 2*same(i, r))*sum(S[r][j]*WV(i, j) for j in each(S)) for r in each(S))",
    "spread(i) = sum(W[i][b]*s2*N[b][c]*W[i][c] for b in each(N) for c in each(N))",
    "rate = sum(sum(VS(c, i)*V(c, i) for i in each(S)) + s2*N[c][c] - 1 - log(s2) + log(m[c]) for c in each(N))/2",
    "bound = -rate - sum((error(i) + spread(i))/s2 + log(s2) for i in each(S))/2",
    "fit = -sum(log(g[i]) + sum(Q[i][j]*S[i][j] for j in each(S)) for i in each(S))/2",
)
IDENTIFIES = f"implies(bound == fit, {DIAGONAL})"
FULL_NUMBERS = ("bound", "fit")


@control(
    "linear-vae/elbo-gap",
    "full-covariance-encoder",
    instances=Instances(keys=keys(1, 3, sizes=((3, 2), (4, 3), (6, 3)), kinds=("rotated",)), build=build),
    where=where(*GIVEN, IDENTIFIES, *FULL_NUMBERS, own=FULL_OWN),
    given=GIVEN,
    relation=IDENTIFIES,
    quantities=FULL_NUMBERS,
)
def full_covariance_encoder(instance: Instance) -> Verdict:
    """An encoder of full covariance is exact only where W'W is diagonal, so that it identifies the directions."""
    S, W, s2 = read(instance)
    M = ppca.inner_covariance(W, s2, on=EXACT)
    N = inverse(M, on=EXACT)
    V, covariance = product(N, transpose(W)), [[s2 * entry for entry in row] for row in N]
    rate = inner(product(V, S), V) + sum((covariance[c][c] - 1 for c in range(len(N))), ZERO)
    rate = (rate - EXACT.log(s2) * fmpq(len(N)) + log_det(M, on=EXACT)) / 2
    rest = product(W, V)
    rest = [[fmpq(int(i == j)) - entry for j, entry in enumerate(row)] for i, row in enumerate(rest)]
    error = inner(product(rest, S), rest) + inner(product(W, covariance), W)
    bound = -rate - (error / s2 + fmpq(len(S)) * EXACT.log(s2)) / 2
    fit = ppca.relative_log_likelihood(S, W, s2, on=EXACT)
    true = sign(bound - fit) != 0 or is_diagonal(product(transpose(W), W))
    quantities = dict(zip(FULL_NUMBERS, (bound, fit), strict=True))
    return decided(true, reason="the ELBO of q = N(V x, s2 M^-1), exactly", quantities=quantities)
