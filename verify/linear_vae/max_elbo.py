r"""Linear VAE: the maximum of the ELBO is the maximum of the likelihood, and its columns are principal directions.

.. math:: \max_{W, V, D} \mathrm{ELBO} = \max_W \log p, \qquad \text{at } W = U_J (\Lambda_J - \sigma^2 I)^{1/2} T,\
          J = \text{the top},\ T \text{ a signed placement on the latents,}

for every fixed s2, and for the learned one, :math:`\sigma^2 = \operatorname{mean}(\lambda_{k+1}, \ldots, \lambda_d)`.
There every column of W is an eigenvector of S (the derivative by s2 vanishes at the learned one), and the ELBO of other
parameters is below. Hypotheses: none but ``S, s2 > 0``. Lucas, Tucker, Grosse, Norouzi (2019), section 4, eq. (12) of
its summary; theory: section 7 (i). The equality is exact over Q and logarithms; the others are certified in balls.
"""

from __future__ import annotations

from typing import Any

from flint import fmpq

from eftheory.analytic import linear_vae, ppca
from eftheory.analytic.matrices import Rows, product, transpose
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.finite import text
from eftheory.verdict import Verdict

from ._design import (
    DATA,
    ORTHOGONAL,
    POSITIVE,
    SAME,
    Design,
    at,
    cayley,
    columns,
    draw,
    keys,
    place,
    rows_for,
    sized,
    top,
)
from ._exactly import EXACT, Instance, decided, is_zero, matrix, sign, vector

GIVEN = (
    POSITIVE,
    ORTHOGONAL,
    "all(J[j]*(1 - J[j]) == 0 and (J[j] == 0 or l[j] > s2 and a[j]**2 == l[j] - s2) for j in each(l))",
    "size <= width and (size == width or all(l[j] <= s2 for j in each(l) if J[j] == 0))",
    "all(l[j] <= l[i] for i in each(l) for j in each(l) if J[i] == 1 and J[j] == 0)",
    # T places each eigenpair of J on one latent, up to its sign, no two on the same
    "all(sum(T[j][c]**2 for c in each(T[j])) == J[j] for j in each(l))",
    "all(T[j][c]*(1 - T[j][c]**2) == 0 and (T[i][c] == 0 or T[j][c] == 0 or i == j)"
    " for i in each(l) for j in each(l) for c in each(T[j]))",
)
OTHERS = (
    "all(pD[n][c] > 0 for n in each(pS) for c in each(pD[n])) and all(pS[n] > 0 for n in each(pS))",
    # at other noises only where this is the learned one
    "learned or all(pS[n] == s2 for n in each(pS))",
)
POINT = (
    SAME,
    "width = sum(1 for c in each(T[0]))",
    "size = sum(J[j] for j in each(l))",
    "learned = size == width and s2*sum(1 - J[j] for j in each(l)) == sum((1 - J[j])*l[j] for j in each(l))",
    DATA,
    "W(i, c) = sum(U[i][j]*a[j]*T[j][c] for j in each(l))",
    "V(c, i) = sum(T[j][c]*a[j]/l[j]*U[i][j] for j in each(l))",
    "gram(b, c) = sum(W(i, b)*W(i, c) for i in each(l))",
    "D(c) = s2/(gram(c, c) + s2)",
    "VS(c, i) = sum(V(c, j)*S(j, i) for j in each(l))",
    "WV(i, j) = sum(W(i, c)*V(c, j) for c in each(T[0]))",
    "WVS(i, j) = sum(W(i, c)*VS(c, j) for c in each(T[0]))",
    "error = sum(S(i, i) - 2*WVS(i, i) + sum(WVS(i, j)*WV(i, j) for j in each(l))"
    " + sum(W(i, c)**2*D(c) for c in each(T[0])) for i in each(l))",
    "rate = sum(sum(VS(c, i)*V(c, i) for i in each(l)) + D(c) - 1 - log(D(c)) for c in each(T[0]))/2",
    "bound = -rate - error/(2*s2) - sum(log(s2) for i in each(l))/2",
    "C(i, j) = sum(W(i, c)*W(j, c) for c in each(T[0])) + s2*same(i, j)",
    "Q(i, j) = sum(U[i][r]*(J[r]/l[r] + (1 - J[r])/s2)*U[j][r] for r in each(l))",
    "fit = -sum(log(J[r]*l[r] + (1 - J[r])*s2) + sum(Q(r, j)*S(j, r) for j in each(l)) for r in each(l))/2",
    "byNoise = error/s2 - sum(1 for i in each(l))",
)
"""bound and fit: without -d/2 log(2 pi). C has the eigenvalues in the logarithm, because Q is its inverse."""
ELSEWHERE = (
    "pVS(n, c, i) = sum(pV[n][c][j]*S(j, i) for j in each(l))",
    "pWV(n, i, j) = sum(pW[n][i][c]*pV[n][c][j] for c in each(pD[n]))",
    "pWVS(n, i, j) = sum(pW[n][i][c]*pVS(n, c, j) for c in each(pD[n]))",
    "pError(n) = sum(S(i, i) - 2*pWVS(n, i, i) + sum(pWVS(n, i, j)*pWV(n, i, j) for j in each(l))"
    " + sum(pW[n][i][c]**2*pD[n][c] for c in each(pD[n])) for i in each(l))",
    "pRate(n) = sum(sum(pVS(n, c, i)*pV[n][c][i] for i in each(l)) + pD[n][c] - 1 - log(pD[n][c])"
    " for c in each(pD[n]))/2",
    "pBound(n) = -pRate(n) - pError(n)/(2*pS[n]) - sum(log(pS[n]) for i in each(l))/2",
)
OWN = (*POINT, *ELSEWHERE)
INVERSE = "all(sum(Q(i, r)*C(r, j) for r in each(l)) == same(i, j) for i in each(l) for j in each(l))"
EIGENVECTORS = (
    "all(sum(S(i, j)*W(j, c) for j in each(l)) == (gram(c, c) + s2)*W(i, c) for i in each(l) for c in each(T[0]))"
)
RELATION = (
    f"{INVERSE} and bound == fit and {EIGENVECTORS} and implies(learned, byNoise == 0)"
    " and all(pBound(n) < bound for n in each(pS))"
)
NUMBERS = ("bound", "max(pBound(n) for n in each(pS))", "byNoise")
ALL = (*GIVEN, *OTHERS)


def build(key: str) -> dict[str, Any]:
    """fixed/: any s2, some latents may collapse; learned/: s2 the mean of the d - k smallest eigenvalues."""
    rng, d, k = sized(key)
    design = draw(rng, d, above=rng.randint(1, d))
    if key.startswith("learned"):
        design = draw(rng, d, above=k)
        smallest = min(design.eigenvalues[:k]) - design.s2
        rest, middle = [design.s2] * (d - k), fmpq(rng.randint(1, 8), 10) * min(smallest, design.s2)
        for j in range((d - k) // 2):
            rest[2 * j], rest[2 * j + 1] = design.s2 + middle / (j + 1), design.s2 - middle / (j + 1)
        design = Design(design.U, design.eigenvalues[:k] + sorted(rest, reverse=True), design.s2, design.a)
    J = top(design, k)
    T = place(rng, J, d, k)
    return {**at(design, T), **others(rng, design, T, free=key.startswith("learned"))}


def others(rng: Any, design: Design, T: Rows, *, free: bool) -> dict[str, Any]:
    """Parameters near the optimum; rotated with the best encoder; and any; free: at other noises too."""
    k, W = len(T[0]), columns(design, T)
    found = []
    for size in (fmpq(1, 50), fmpq(1, 2)):
        V, D = linear_vae.optimum(W, design.s2, on=EXACT)
        moved = [[[entry + size * rng.randint(-3, 3) for entry in row] for row in rows] for rows in (W, V)]
        moved[0][0][0] += size / 7
        found.append((moved[0], moved[1], [entry * fmpq(rng.randint(3, 6), 4) for entry in D]))
    turned = product(W, cayley(rng, k)) if k > 1 else [[2 * entry for entry in row] for row in W]
    turned[0][0] += fmpq(1, 9)
    found.append((turned, *linear_vae.optimum(turned, design.s2, on=EXACT)))
    noises = [design.s2 * (fmpq(rng.randint(2, 9), 5) if free else 1) for _ in found]
    W_list, V_list, D_list = zip(*found, strict=True)
    return {"pW": text(W_list), "pV": text(V_list), "pD": text(D_list), "pS": text(noises)}


def values(instance: Instance) -> tuple[Any, Any, fmpq, bool]:
    """The ELBO of the best encoder, the log-likelihood, 2 s2 times the slope by s2, whether W is of eigenvectors."""
    design, T = Design.read(instance), matrix(instance["T"])
    S, W, s2 = design.S, columns(design, T), design.s2
    V, D = linear_vae.optimum(W, s2, on=EXACT)
    bound, fit = linear_vae.relative_elbo(S, W, V, D, s2, on=EXACT), ppca.relative_log_likelihood(S, W, s2, on=EXACT)
    gram = product(transpose(W), W)
    spread = [[entry * (gram[c][c] + s2) for c, entry in enumerate(row)] for row in W]
    aligned = is_zero([[x - y for x, y in zip(*rows, strict=True)] for rows in zip(product(S, W), spread, strict=True)])
    return bound, fit, linear_vae.gradient(S, W, V, D, s2, on=EXACT).s2 * 2 * s2, aligned


def elsewhere(instance: Instance) -> list[Any]:
    """The ELBO at the other parameters."""
    S = Design.read(instance).S
    fields = zip(instance["pW"], instance["pV"], instance["pD"], vector(instance["pS"]), strict=True)
    return [linear_vae.relative_elbo(S, matrix(W), matrix(V), vector(D), s2, on=EXACT) for W, V, D, s2 in fields]


def learned(instance: Instance) -> bool:
    design, k = Design.read(instance), len(instance["T"][0])
    return instance["J"].count("1") == k < design.d and design.s2 == ppca.noise(design.eigenvalues, k, on=EXACT)


@claim(
    "linear-vae/max-elbo",
    instances=Instances(
        keys=lambda quick: [*keys(1, 12, kinds=("fixed",))(quick), *keys(1, 12, kinds=("learned",))(quick)], build=build
    ),
    where=where(*ALL, RELATION, *NUMBERS, own=OWN),
    given=ALL,
    relation=RELATION,
    quantities=NUMBERS,
)
def max_elbo(instance: Instance) -> Verdict:
    """max ELBO = max log-likelihood, s2 fixed or learned, at columns that are eigenvectors of the covariance."""
    bound, fit, slope, aligned = values(instance)
    around = elsewhere(instance)
    true = sign(bound - fit) == 0 and aligned and (slope == 0 or not learned(instance))
    true = true and all(sign(bound - other) > 0 for other in around)
    quantities = dict(zip(NUMBERS, (bound, largest(around), slope), strict=True))
    return decided(true, reason="equal exactly, others in balls", quantities=quantities, exact=False)


def largest(found: list[Any]) -> Any:
    best = found[0]
    for other in found[1:]:
        best = other if sign(other - best) > 0 else best
    return best


TURNED = (
    *GIVEN[:5],
    "all(sum(T[i][c]*T[j][c] for c in each(T[i])) == same(i, j)*J[i] for i in each(l) for j in each(l))",
)
EQUAL = "bound == fit"


def build_turned(key: str) -> dict[str, Any]:
    """The maximum of the likelihood with the latents rotated."""
    rng, d, k = sized(key)
    design = draw(rng, d, above=rng.randint(k, d))
    return at(design, rows_for(top(design, k), cayley(rng, k), d))


@control(
    "linear-vae/max-elbo",
    "any-maximum-of-the-likelihood",
    instances=Instances(keys=keys(1, 3, sizes=((3, 2), (4, 3), (6, 3))), build=build_turned),
    where=where(*TURNED, EQUAL, "bound", "fit", own=OWN),
    given=TURNED,
    relation=EQUAL,
    quantities=("bound", "fit"),
)
def any_maximum(instance: Instance) -> Verdict:
    """The ELBO reaches its maximum at every maximum of the likelihood, however the latents are rotated."""
    bound, fit, _, _ = values(instance)
    return decided(sign(bound - fit) == 0, reason="logarithms, exactly", quantities={"bound": bound, "fit": fit})


STATIONARY_NOISE = "byNoise == 0"


def build_noise(key: str) -> dict[str, Any]:
    """Any s2 below the kept eigenvalues."""
    rng, d, k = sized(key)
    design = draw(rng, d, above=k)
    return at(design, place(rng, top(design, k), d, k))


@control(
    "linear-vae/max-elbo",
    "any-noise",
    instances=Instances(keys=keys(1, 3, sizes=((3, 2), (4, 3), (6, 3))), build=build_noise),
    where=where(*GIVEN, STATIONARY_NOISE, "bound", "byNoise", own=OWN),
    given=GIVEN,
    relation=STATIONARY_NOISE,
    quantities=("bound", "byNoise"),
)
def any_noise(instance: Instance) -> Verdict:
    """The derivative by s2 vanishes at every s2, not only at the mean of the smallest eigenvalues."""
    bound, _, slope, _ = values(instance)
    return decided(slope == 0, reason="the derivative by s2, in Q", quantities={"bound": bound, "byNoise": slope})
