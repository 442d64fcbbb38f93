r"""Linear VAE, fixed noise: what every stationary point of the ELBO looks like, beside those of the likelihood.

With the best encoder for W and g the derivative of the ELBO by W, for every W and every covariance

.. math:: \sigma^2 (W^\top g - g^\top W)_{ij} = (W^\top W)_{ij} (D_i - D_j), \qquad
          g = \nabla_W \log p - W\bigl((\operatorname{diag} M)^{-1} - M^{-1}\bigr).

So at a stationary point columns of different lengths are orthogonal. If all are, W is stationary for the likelihood
too. If two columns of one length are not, it is no maximum: turning them rises (`elbo_mixed_stationary_points`).

Hypotheses: none but ``s2 > 0``, S symmetric. Lucas, Tucker, Grosse, Norouzi (2019), appendix C; theory: section 7 (ii),
where the first case alone is written out. Decided in Q.
"""

from __future__ import annotations

from typing import Any

from flint import fmpq

from eftheory.analytic import linear_vae, ppca
from eftheory.analytic.matrices import Rows, diagonal, inverse, minus, plus, product, scaled, transpose
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.finite import text
from eftheory.exact.side import to_rational
from eftheory.verdict import Verdict

from ._design import SAME, cayley, columns, draw, keys, rows_for, sized, subsets
from ._exactly import EXACT, Instance, decided, is_zero, matrix, total

INVERSE = (
    "s2 > 0 and all(S[i][j] == S[j][i] for i in each(S) for j in each(S))",
    "all(sum(Q[i][r]*C(r, j) for r in each(S)) == same(i, j) for i in each(S) for j in each(S))",
    "all(sum(N[b][e]*M(e, c) for e in each(N)) == same(b, c) for b in each(N) for c in each(N))",
)
OWN = (
    SAME,
    "C(i, j) = sum(W[i][c]*W[j][c] for c in each(N)) + s2*same(i, j)",
    "gram(b, c) = sum(W[i][b]*W[i][c] for i in each(S))",
    "M(b, c) = gram(b, c) + s2*same(b, c)",
    "F(i, j) = sum(Q[i][r]*S[r][j] for r in each(S))",
    "drive(i, j) = sum(F(i, r)*Q[r][j] for r in each(S)) - Q[i][j]",
    "slope(i, c) = sum(drive(i, j)*W[j][c] for j in each(S))",
    "V(c, i) = sum(N[c][b]*W[i][b] for b in each(N))",
    "D(c) = s2/M(c, c)",
    "VS(c, i) = sum(V(c, j)*S[j][i] for j in each(S))",
    "VSV(b, c) = sum(VS(b, i)*V(c, i) for i in each(S))",
    "g(i, c) = (VS(c, i) - W[i][c]*D(c) - sum(W[i][b]*VSV(b, c) for b in each(N)))/s2",
    "cross(b, c) = sum(W[i][b]*g(i, c) for i in each(S))",
)
TURNS = "all(s2*(cross(b, c) - cross(c, b)) == gram(b, c)*(D(b) - D(c)) for b in each(N) for c in each(N))"
SLOPES = (
    "all(g(i, c) == slope(i, c) - sum(W[i][b]*(same(b, c)/M(c, c) - N[b][c]) for b in each(N))"
    " for i in each(S) for c in each(N))"
)
RELATION = f"{TURNS} and {SLOPES}"
NUMBERS = ("sum(g(i, c)**2 for i in each(S) for c in each(N))", "sum(slope(i, c)**2 for i in each(S) for c in each(N))")


def build(key: str) -> dict[str, Any]:
    """A random W, or a stationary one of the likelihood; the inverses of C and M."""
    rng, d, k = sized(key)
    design = draw(rng, d, above=rng.randint(1, d))
    if key.startswith("stationary"):
        W = columns(design, rows_for(rng.choice(subsets(design, k)[1:]), turned(rng, k), d))
    else:
        W = [[fmpq(rng.randint(-4, 4), rng.randint(1, 3)) for _ in range(k)] for _ in range(d)]
    Q = inverse(ppca.covariance(W, design.s2, on=EXACT), on=EXACT)
    N = inverse(ppca.inner_covariance(W, design.s2, on=EXACT), on=EXACT)
    return {"S": text(design.S), "s2": str(design.s2), "W": text(W), "Q": text(Q), "N": text(N)}


def turned(rng: Any, k: int) -> Rows:
    return cayley(rng, k) if k > 1 else [[fmpq(1)]]


def slopes(instance: Instance) -> tuple[Rows, Rows, Rows, Rows, fmpq]:
    """W, M, the derivative of the ELBO by W at the best encoder, that of the likelihood, s2."""
    S, W, s2 = matrix(instance["S"]), matrix(instance["W"]), to_rational(instance["s2"])
    V, D = linear_vae.optimum(W, s2, on=EXACT)
    M = ppca.inner_covariance(W, s2, on=EXACT)
    return W, M, list(linear_vae.gradient(S, W, V, D, s2, on=EXACT).W), ppca.gradient(S, W, s2, on=EXACT)[0], s2


def numbers(g: Rows, slope: Rows) -> dict[str, Any]:
    values = (total([entry * entry for row in rows for entry in row]) for rows in (g, slope))
    return dict(zip(NUMBERS, values, strict=True))


@claim(
    "linear-vae/all-elbo-stationary-points",
    instances=Instances(keys=keys(1, 12, kinds=("random", "stationary")), build=build),
    where=where(*INVERSE, RELATION, *NUMBERS, own=OWN),
    given=INVERSE,
    relation=RELATION,
    quantities=NUMBERS,
)
def all_elbo_stationary_points(instance: Instance) -> Verdict:
    """Linear VAE: at a stationary point columns of different lengths are orthogonal (two identities at every W)."""
    W, M, g, slope, s2 = slopes(instance)
    D = [s2 / M[c][c] for c in range(len(M))]
    cross = product(transpose(W), g)
    gram = product(transpose(W), W)
    turns = minus(
        scaled(s2, minus(cross, transpose(cross))),
        [[entry * (D[b] - D[c]) for c, entry in enumerate(row)] for b, row in enumerate(gram)],
    )
    excess = minus(diagonal([1 / M[c][c] for c in range(len(M))], on=EXACT), inverse(M, on=EXACT))
    rest = plus(minus(g, slope), product(W, excess))
    return decided(is_zero(turns) and is_zero(rest), reason="identities in Q", quantities=numbers(g, slope))


SAME_SLOPE = "all(g(i, c) == slope(i, c) for i in each(S) for c in each(N))"


@control(
    "linear-vae/all-elbo-stationary-points",
    "gradient-of-the-likelihood",
    instances=Instances(keys=keys(1, 3, sizes=((3, 2), (4, 3), (6, 3)), kinds=("random",)), build=build),
    where=where(*INVERSE, SAME_SLOPE, *NUMBERS, own=OWN),
    given=INVERSE,
    relation=SAME_SLOPE,
    quantities=NUMBERS,
)
def gradient_of_the_likelihood(instance: Instance) -> Verdict:
    """With the best encoder the ELBO has the gradient of the likelihood at every W."""
    _, _, g, slope, _ = slopes(instance)
    return decided(is_zero(minus(g, slope)), reason="both gradients in Q", quantities=numbers(g, slope))
