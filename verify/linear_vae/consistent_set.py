r"""Linear VAE: the W at which the ELBO can be exact are the consistent set that `eftheory.check` derives.

For decoder N(W z, s2 I), prior N(0, I) and encoders of diagonal normals, these are one and the same set of W:

1. ``check`` derives the condition *W'W is diagonal* (Shekhovtsov, Schlesinger, Flach (2022), section 3.1, Theorem 1);
2. the posterior covariance :math:`\sigma^2 M^{-1}` is diagonal, so that the posterior is in the encoder's family;
3. the gap of the best linear encoder, :math:`\tfrac12[\log\det\operatorname{diag} M - \log\det M]`, is zero.

The optimum of the ELBO lies in this set (`max_elbo`), whatever the data: it is where the likelihood is largest in the
consistent set. Hypotheses: ``s2 > 0``. Theory: sections 2 and 7. 2 and 3 are decided on instances, in Q and logarithms
(certificates); 1 is symbolic and its text compared.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from flint import fmpq

from eftheory.analytic import linear_vae, ppca
from eftheory.analytic.matrices import inverse, product, transpose
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.finite import text
from eftheory.exact.side import to_rational
from eftheory.verdict import Verdict

from ._design import SAME, columns, draw, keys, place, sized, top
from ._exactly import EXACT, Instance, decided, factors, is_diagonal, matrix, sign

GIVEN = (
    "s2 > 0",
    "all(sum(N[b][e]*M(e, c) for e in each(N)) == same(b, c) for b in each(N) for c in each(N))",
    "all(m[b] > 0 and L[b][b] == 1 and all(L[b][c] == 0 for c in each(m) if b < c) for b in each(m))",
    "all(sum(L[b][e]*m[e]*L[c][e] for e in each(m)) == M(b, c) for b in each(m) for c in each(m))",
)
OWN = (
    SAME,
    "gram(b, c) = sum(W[i][b]*W[i][c] for i in each(W))",
    "M(b, c) = gram(b, c) + s2*same(b, c)",
    "excess = sum(log(M(b, b)) - log(m[b]) for b in each(m))/2",
)
ORTHOGONAL = "all(gram(b, c) == 0 for b in each(N) for c in each(N) if b != c)"
DIAGONAL = "all(s2*N[b][c] == 0 for b in each(N) for c in each(N) if b != c)"
RELATION = f"iff({ORTHOGONAL}, {DIAGONAL}) and iff({ORTHOGONAL}, excess == 0)"
NUMBERS = ("excess", "N[0][0]")
SIZES = ((1, 1), (2, 2), (3, 2), (2, 3), (4, 3))
"""(d, k); with two observations three columns cannot be orthogonal unless one vanishes."""
CONDITION = "W'W is diagonal"


def build(key: str) -> dict[str, Any]:
    """random/: any W; orthogonal/: the maximum of an ELBO; one/: all columns but one are zero."""
    rng, d, k = sized(key)
    kind = key.partition("/")[0]
    W = [[fmpq(rng.randint(-4, 4), rng.randint(1, 3)) for _ in range(k)] for _ in range(d)]
    s2 = fmpq(rng.randint(1, 6), rng.randint(1, 4))
    if kind == "orthogonal":
        design = draw(rng, d, above=rng.randint(1, d))
        W, s2 = columns(design, place(rng, top(design, min(k, d)), d, k)), design.s2
    if kind == "one":
        W = [[entry if c == 0 else fmpq(0) for c, entry in enumerate(row)] for row in W]
    M = ppca.inner_covariance(W, s2, on=EXACT)
    lower, pivots = factors(M)
    shown = {"N": text(inverse(M, on=EXACT)), "L": text(lower), "m": text(pivots)}
    return {"W": text(W), "s2": str(s2), **shown}


@cache
def condition(d: int, k: int, encoder: str) -> tuple[str, ...]:
    """What `check` says the prior asks of W."""
    from eftheory.check import check

    prior = f"normal({k}, mean=0, variance=1)"
    found = check(decoder=f"normal({d}, variance=s2)", encoder=f"{encoder}({k})", prior=prior)
    (clause,) = (each for each in found.clauses if each.clause == "prior")
    return tuple(formula.text for formula in clause.conditions)


def member(instance: Instance, encoder: str = "normal") -> bool:
    """Whether W is in the derived set: with one latent, or a full covariance, there is no condition."""
    W = matrix(instance["W"])
    conditions = condition(len(W), len(W[0]), encoder)
    return CONDITION not in conditions or is_diagonal(product(transpose(W), W))


def numbers(instance: Instance) -> tuple[Any, Any]:
    W, s2 = matrix(instance["W"]), to_rational(instance["s2"])
    return linear_vae.gap(W, s2, on=EXACT), inverse(ppca.inner_covariance(W, s2, on=EXACT), on=EXACT)


@claim(
    "linear-vae/consistent-set",
    instances=Instances(keys=keys(1, 10, sizes=SIZES, kinds=("random", "orthogonal", "one")), build=build),
    where=where(*GIVEN, RELATION, *NUMBERS, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=NUMBERS,
)
def consistent_set(instance: Instance) -> Verdict:
    """The gap is zero exactly on the consistent set that `check` derives, W'W diagonal, and the optimum lies in it."""
    gap, N = numbers(instance)
    derived = member(instance)
    true = derived == (sign(gap) == 0) == is_diagonal(N) if derived else sign(gap) > 0 and not is_diagonal(N)
    quantities = dict(zip(NUMBERS, (gap, N[0][0]), strict=True))
    note = f"derived: {', '.join(condition(len(instance['W']), len(N), 'normal')) or 'no condition'}"
    return decided(true, reason="gap and posterior", quantities=quantities, exact=sign(gap) == 0, note=note)


EVERY = "excess == 0"


@control(
    "linear-vae/consistent-set",
    "every-decoder",
    instances=Instances(keys=keys(1, 3, sizes=SIZES[1:], kinds=("random",)), build=build),
    where=where(*GIVEN, EVERY, *NUMBERS, own=OWN),
    given=GIVEN,
    relation=EVERY,
    quantities=NUMBERS,
)
def every_decoder(instance: Instance) -> Verdict:
    """Every linear decoder is in the consistent set."""
    gap, N = numbers(instance)
    return decided(sign(gap) == 0, reason="the gap", quantities=dict(zip(NUMBERS, (gap, N[0][0]), strict=True)))


@control(
    "linear-vae/consistent-set",
    "full-covariance",
    instances=Instances(keys=keys(1, 2, sizes=((2, 2), (3, 2)), kinds=("random",)), build=build),
)
def full_covariance(instance: Instance) -> Verdict:
    """The set that `check` derives for encoders of full covariance is that of zero gap with diagonal ones."""
    gap, N = numbers(instance)
    true = member(instance, "mvn") == (sign(gap) == 0)
    return decided(
        true, reason="derived: no condition on W", quantities=dict(zip(NUMBERS, (gap, N[0][0]), strict=True))
    )
