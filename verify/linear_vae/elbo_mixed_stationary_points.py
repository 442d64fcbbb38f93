r"""Linear VAE: the ELBO has stationary points that the likelihood has not; each is a saddle.

Two columns of one length that are not orthogonal: with ``W'W`` scalar plus ``beta`` beside the diagonal in the plane of
two latents, ``M = W'W + s2 I`` with eigenvalues :math:`m_i` and diagonal :math:`\bar m`, and
:math:`\lambda_i = m_i^2/\bar m`, all partial derivatives by W, V and D vanish at the best encoder although W is no
stationary point of the likelihood. Turning the two latents against each other, the encoder following, the ELBO rises:

.. math:: \frac{d^2}{dt^2} \mathrm{ELBO} = 4\,(W^\top W)_{12}^2 / \bar m^2 > 0 .

By `all_elbo_stationary_points` every stationary point of the ELBO that is none of the likelihood has such a pair of
columns. This is (ii) of theory, section 7; Lucas, Tucker, Grosse, Norouzi (2019), appendix C. Decided in Q.
"""

from __future__ import annotations

from typing import Any

from flint import fmpq

from eftheory.analytic import linear_vae, ppca
from eftheory.analytic.matrices import Rows, diagonal, product, transpose
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.finite import text
from eftheory.exact.side import to_rational
from eftheory.verdict import Verdict

from ._design import DATA, ORTHOGONAL, POSITIVE, SAME, cayley, keys, sized
from ._exactly import EXACT, ZERO, Instance, decided, is_zero, matrix, vector

GIVEN = (
    POSITIVE,
    ORTHOGONAL,
    "gram(0, 0) == gram(1, 1) and gram(0, 1) != 0",
    "all(sum(M(b, c)*V[c][i] for c in each(V)) == W[i][b] for b in each(V) for i in each(l))",
)
OWN = (
    SAME,
    DATA,
    "gram(b, c) = sum(W[i][b]*W[i][c] for i in each(l))",
    "M(b, c) = gram(b, c) + s2*same(b, c)",
    "D(c) = s2/M(c, c)",
    "VS(c, i) = sum(V[c][j]*S(j, i) for j in each(l))",
    "VSV(b, c) = sum(VS(b, i)*V[c][i] for i in each(l))",
    "byW(i, c) = VS(c, i) - W[i][c]*D(c) - sum(W[i][b]*VSV(b, c) for b in each(V))",
    "byV(c, i) = sum(W[j][c]*S(j, i) for j in each(l)) - sum(M(c, b)*VS(b, i) for b in each(V))",
    "byD(c) = 1/D(c) - 1 - gram(c, c)/s2",
    "miss(i, c) = sum(S(i, j)*W[j][c] for j in each(l)) - sum(W[i][b]*M(b, c) for b in each(V))",
    # latents 1 and 2 turned: W (e1 e2' - e2 e1'), minus that times V, and D following the diagonal of M
    "HW(i, c) = W[i][0]*same(c, 1) - W[i][1]*same(c, 0)",
    "HV(c, i) = V[0][i]*same(c, 1) - V[1][i]*same(c, 0)",
    "HD(c) = 2*s2*gram(0, 1)/M(c, c)**2*(same(c, 0) - same(c, 1))",
    "WV(i, j) = sum(W[i][c]*V[c][j] for c in each(V))",
    "HP(i, j) = sum(HW(i, c)*V[c][j] + W[i][c]*HV(c, j) for c in each(V))",
    "HPS(i, j) = sum(HP(i, r)*S(r, j) for r in each(l))",
    "HVS(c, j) = sum(HV(c, i)*S(i, j) for i in each(l))",
    "rest(i, j) = sum(WV(i, r)*S(r, j) for r in each(l)) - S(i, j)",
    "pulled(c, j) = sum(HW(i, c)*rest(i, j) for i in each(l))",
    "rise = -sum(HD(c)**2/(2*D(c)**2) for c in each(V)) - sum(HVS(c, j)*HV(c, j) for c in each(V) for j in each(l))"
    " - (sum(HW(i, c)**2*D(c) + 2*HD(c)*HW(i, c)*W[i][c] + 2*pulled(c, i)*HV(c, i) for i in each(l) for c in each(V))"
    " + sum(HPS(i, j)*HP(i, j) for i in each(l) for j in each(l)))/s2",
)
STILL = "all(byW(i, c) == 0 and byV(c, i) == 0 and byD(c) == 0 for i in each(l) for c in each(V))"
RELATION = f"{STILL} and any(miss(i, c) != 0 for i in each(l) for c in each(V)) and rise == 4*gram(0, 1)**2/M(0, 0)**2"
NUMBERS = ("rise", "gram(0, 1)", "S(0, 0)")


def build(key: str) -> dict[str, Any]:
    """both/: two eigenpairs mixed over two latents; one/: one eigenpair spread over two; a third latent as it comes."""
    rng, d, k = sized(key)
    s2, U = fmpq(rng.randint(1, 6), rng.randint(1, 3)), cayley(rng, d)
    b1, b2 = (fmpq(rng.randint(1, 6), rng.randint(1, 3)) for _ in range(2))
    b2 = ZERO if key.startswith("one") else b2 + b1
    A = [[ZERO] * k for _ in range(d)]
    A[0][0] = A[0][1] = b1
    A[1][0], A[1][1] = b2, -b2
    middle = b1 * b1 + b2 * b2 + s2
    values = [(2 * b1 * b1 + s2) ** 2 / middle, (2 * b2 * b2 + s2) ** 2 / middle]
    values += [s2 * fmpq(rng.randint(1, 19), 10) for _ in range(d - 2)]
    if key.startswith("one"):
        values[1] = s2 * fmpq(rng.randint(1, 9), 10)
    if k > 2 and d > 2:
        a = fmpq(rng.randint(1, 5), 2)
        values[2], A[2][2] = s2 + a * a, a
    W = product(U, A)
    V, _ = linear_vae.optimum(W, s2, on=EXACT)
    return {"U": text(U), "l": text(values), "s2": str(s2), "W": text(W), "V": text(V)}


def measured(instance: Instance) -> tuple[bool, bool, fmpq, fmpq, fmpq, Rows]:
    """Whether the ELBO is stationary, and the likelihood; the second derivative; off-diagonal and diagonal of M; S."""
    U, W, V, s2 = (*(matrix(instance[name]) for name in ("U", "W", "V")), to_rational(instance["s2"]))
    S = product(product(U, diagonal(vector(instance["l"]), on=EXACT)), transpose(U))
    M = ppca.inner_covariance(W, s2, on=EXACT)
    D = [s2 / M[c][c] for c in range(len(M))]
    slope = linear_vae.gradient(S, W, V, D, s2, on=EXACT)
    still = is_zero(slope.W) and is_zero(slope.V) and is_zero([slope.D])
    k = len(V)
    turn = [[fmpq((b, c) == (0, 1)) - fmpq((b, c) == (1, 0)) for c in range(k)] for b in range(k)]
    follow = [2 * s2 * M[0][1] / M[c][c] ** 2 * ((c == 0) - (c == 1)) for c in range(k)]
    direction = linear_vae.Slope(W=product(W, turn), V=product(transpose(turn), V), D=follow, s2=ZERO)
    rise = linear_vae.curvature(S, W, V, D, s2, direction, on=EXACT)
    return still, is_zero(ppca.gradient(S, W, s2, on=EXACT)[0]), rise, M[0][1], M[0][0], S


def numbers(rise: fmpq, beside: fmpq, S: Rows) -> dict[str, Any]:
    return dict(zip(NUMBERS, (rise, beside, S[0][0]), strict=True))


@claim(
    "linear-vae/elbo-mixed-stationary-points",
    instances=Instances(keys=keys(1, 12, sizes=((2, 2), (3, 2), (4, 3), (6, 3)), kinds=("both", "one")), build=build),
    where=where(*GIVEN, RELATION, *NUMBERS, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=NUMBERS,
)
def elbo_mixed_stationary_points(instance: Instance) -> Verdict:
    """Linear VAE: the ELBO has stationary points with columns that are not orthogonal; turning them, it rises."""
    still, likelihood, rise, beside, along, S = measured(instance)
    true = still and not likelihood and rise == 4 * beside**2 / along**2
    return decided(true, reason="gradients and Hessian in Q", quantities=numbers(rise, beside, S))


LIKELIHOOD = f"implies({STILL}, all(miss(i, c) == 0 for i in each(l) for c in each(V)))"


@control(
    "linear-vae/elbo-mixed-stationary-points",
    "those-of-the-likelihood",
    instances=Instances(keys=keys(1, 3, sizes=((2, 2), (4, 3)), kinds=("both", "one")), build=build),
    where=where(*GIVEN, LIKELIHOOD, *NUMBERS, own=OWN),
    given=GIVEN,
    relation=LIKELIHOOD,
    quantities=NUMBERS,
)
def those_of_the_likelihood(instance: Instance) -> Verdict:
    """Every stationary point of the ELBO is one of the likelihood."""
    still, likelihood, rise, beside, _, S = measured(instance)
    return decided(not still or likelihood, reason="gradients in Q", quantities=numbers(rise, beside, S))


HALF_AS_MUCH = "rise == 2*gram(0, 1)**2/M(0, 0)**2"


@control(
    "linear-vae/elbo-mixed-stationary-points",
    "half-the-constant",
    instances=Instances(keys=keys(1, 3, sizes=((2, 2), (4, 3)), kinds=("both", "one")), build=build),
    where=where(*GIVEN, HALF_AS_MUCH, *NUMBERS, own=OWN),
    given=GIVEN,
    relation=HALF_AS_MUCH,
    quantities=NUMBERS,
)
def half_the_constant(instance: Instance) -> Verdict:
    """The second derivative with 2 in place of 4."""
    _, _, rise, beside, along, S = measured(instance)
    return decided(rise == 2 * beside**2 / along**2, reason="Hessian in Q", quantities=numbers(rise, beside, S))
