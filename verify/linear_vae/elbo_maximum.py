r"""Linear VAE, fixed noise: at its maximum the ELBO bends down in every direction of (W, V, D), symmetries excepted.

At ``W = U_J (L_J - s2 I)^(1/2) T``, J the largest min(k, #{l_j > s2}) eigenvalues, T placing them on different latents,
and the best encoder, the Hessian of the ELBO in (W, V, D) is negative definite, but for the rotations of latents
that have one and the same eigenvalue above s2 (:math:`W A,\ -A V`, A antisymmetric in the plane of such latents):
when the active eigenvalues differ the maximum is isolated, so that the ELBO identifies the principal directions, up to
signs and the order of the latents.

Hypotheses: the eigenvalues of J are above all others, and no other is as large as s2 unless |J| = k. Lucas, Tucker,
Grosse, Norouzi (2019), section 4; theory: section 7 (i), (ii). In Q: ``-H = L P L'`` in the basis of the entries of V,
D, W (in the coordinates of U), pivots ``P >= 0``, as many zeros as there are such rotations, and these in the kernel.
"""

from __future__ import annotations

from random import Random
from typing import Any

from flint import fmpq

from eftheory.analytic import linear_vae
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
    SCALES,
    Design,
    columns,
    draw,
    improvement,
    keys,
    place,
    sized,
    subsets,
    top,
)
from ._exactly import EXACT, ZERO, Instance, decided, factors, is_zero, matrix, total, vector

STATES = (
    POSITIVE,
    ORTHOGONAL,
    SCALES,
    "all(J[j]*(1 - J[j]) == 0 and (J[j] == 0 or l[j] > s2) for j in each(l)) and sum(J[j] for j in each(l)) <= width",
    # T: orthogonal rows, and orthogonal columns of the W that it makes
    "all(sum(T[i][c]*T[j][c] for c in each(T[i])) == same(i, j)*J[i] for i in each(l) for j in each(l))",
    "all(gram(b, c) == 0 for b in each(T[0]) for c in each(T[0]) if b != c)",
)
IS_TOP = (
    "all(l[j] < l[i] for i in each(l) for j in each(l) if J[i] == 1 and J[j] == 0)",
    "sum(J[j] for j in each(l)) == width or all(l[j] < s2 for j in each(l) if J[j] == 0)",
)
BASIS = (
    "all(sum(eV[e][c][p]*eV[f][c][p] + eW[e][p][c]*eW[f][p][c] for p in each(l) for c in each(T[0]))"
    " + sum(eD[e][c]*eD[f][c] for c in each(T[0])) == same(e, f) for e in each(P) for f in each(P) if e <= f)",
    "sum(1 for e in each(P)) == 2*sum(1 for j in each(l))*width + width",
    "all(L[e][e] == 1 and all(L[e][f] == 0 for f in each(P) if e < f) for e in each(P))",
)
GIVEN = (*STATES, *IS_TOP, *BASIS)
OWN = (
    SAME,
    "width = sum(1 for c in each(T[0]))",
    DATA,
    "W(i, c) = sum(U[i][j]*a[j]*T[j][c] for j in each(l))",
    "V(c, i) = sum(T[j][c]*a[j]/l[j]*U[i][j] for j in each(l))",
    "gram(b, c) = sum(W(i, b)*W(i, c) for i in each(l))",
    "D(c) = s2/(gram(c, c) + s2)",
    "VS(c, i) = sum(V(c, j)*S(j, i) for j in each(l))",
    "VSV(b, c) = sum(VS(b, i)*V(c, i) for i in each(l))",
    "byW(i, c) = VS(c, i) - W(i, c)*D(c) - sum(W(i, b)*VSV(b, c) for b in each(T[i]))",
    "byV(c, i) = sum(W(j, c)*S(j, i) for j in each(l)) - s2*VS(c, i) - sum(gram(c, b)*VS(b, i) for b in each(T[0]))",
    "byD(c) = 1/D(c) - 1 - gram(c, c)/s2",
    # the Hessian at two directions of the basis
    "WV(i, j) = sum(W(i, c)*V(c, j) for c in each(T[0]))",
    "rest(i, j) = sum(WV(i, r)*S(r, j) for r in each(l)) - S(i, j)",
    "HW(e, i, c) = sum(U[i][p]*eW[e][p][c] for p in each(l))",
    "HV(e, c, i) = sum(U[i][p]*eV[e][c][p] for p in each(l))",
    "HP(e, i, j) = sum(HW(e, i, c)*V(c, j) + W(i, c)*HV(e, c, j) for c in each(T[0]))",
    "HPS(e, i, j) = sum(HP(e, i, r)*S(r, j) for r in each(l))",
    "HVS(e, c, j) = sum(HV(e, c, i)*S(i, j) for i in each(l))",
    "pulled(e, c, j) = sum(HW(e, i, c)*rest(i, j) for i in each(l))",
    "onD(e, c) = sum(HW(e, i, c)*W(i, c) for i in each(l))",
    "hess(e, f) = -sum(eD[e][c]*eD[f][c]/(2*D(c)**2) + (eD[e][c]*onD(f, c) + eD[f][c]*onD(e, c))/s2"
    " for c in each(T[0])) - sum(HVS(e, c, j)*HV(f, c, j) for c in each(T[0]) for j in each(l))"
    " - (sum(HW(e, i, c)*HW(f, i, c)*D(c) + pulled(e, c, i)*HV(f, c, i) + pulled(f, c, i)*HV(e, c, i)"
    " for i in each(l) for c in each(T[0])) + sum(HPS(e, i, j)*HP(f, i, j) for i in each(l) for j in each(l)))/s2",
    "made(e, f) = sum(L[e][g]*P[g]*L[f][g] for g in each(P))",
    # the rotation of latents b < c, in the basis; only where D is the same, and the latents are not both unused
    "turn(b, c, e) = sum(a[p]*(T[p][b]*eW[e][p][c] - T[p][c]*eW[e][p][b])"
    " + a[p]/l[p]*(T[p][b]*eV[e][c][p] - T[p][c]*eV[e][b][p]) for p in each(l))",
)
STILL = "all(byW(i, c) == 0 and byV(c, i) == 0 and byD(c) == 0 for i in each(l) for c in each(T[i]))"
FACTORED = "all(hess(e, f) == -made(e, f) for e in each(P) for f in each(P) if e <= f)"
PIVOTS = "all(P[e] >= 0 for e in each(P))"
IN_KERNEL = (
    "all(sum(hess(e, f)*turn(b, c, f) for f in each(P)) == 0 for e in each(P)"
    " for b in each(T[0]) for c in each(T[0]) if b < c and D(b) == D(c) and D(b) < 1)"
)
AS_LARGE = (
    "sum(1 for e in each(P) if P[e] == 0)"
    " == sum(1 for b in each(T[0]) for c in each(T[0]) if b < c and D(b) == D(c) and D(b) < 1)"
)
RELATION = f"{STILL} and {FACTORED} and {PIVOTS} and {IN_KERNEL} and {AS_LARGE}"
NUMBERS = ("sum(1 for e in each(P) if P[e] == 0)", "sum(P[e] for e in each(P))", "S(0, 0)")


def build(key: str) -> dict[str, Any]:
    """fewer/: fewer eigenvalues above s2 than latents; tie/: two of them equal, their latents rotated."""
    rng, d, k = sized(key)
    kind = key.partition("/")[0]
    above = rng.randint(0, k - 1) if kind == "fewer" else rng.randint(min(k, d), d)
    design = draw(rng, d, above=above, tie=kind == "tie")
    T = place(rng, top(design, k), d, k)
    if kind == "tie":
        T[0], T[1] = ([x * u + y * v for u, v in zip(T[0], T[1], strict=True)] for x, y in ((3, 4), (-4, 3)))
        T[0], T[1] = ([entry / 5 for entry in row] for row in T[:2])
    return stated(design, T)


def stated(design: Design, T: Rows) -> dict[str, Any]:
    d, k = design.d, len(T[0])
    lower, pivots = factors([[-entry for entry in row] for row in hessian(design, T)])
    units = basis(d, k)
    return {
        **design.as_dict(),
        "J": [str(int(any(entry != 0 for entry in row))) for row in T],
        "T": text(T),
        "eV": [text(unit.V) for unit in units],
        "eD": [text(unit.D) for unit in units],
        "eW": [text(unit.W) for unit in units],
        "L": text(lower),
        "P": text(pivots),
    }


def basis(d: int, k: int) -> list[linear_vae.Slope]:
    """The directions of one entry each, in the coordinates of U: of V, of D, of W."""

    def unit(place: int) -> linear_vae.Slope:
        bits = [fmpq(int(n == place)) for n in range(2 * d * k + k)]
        V, D, W = bits[: d * k], bits[d * k : d * k + k], bits[d * k + k :]
        rows = [V[c * d : (c + 1) * d] for c in range(k)]
        return linear_vae.Slope(V=rows, D=D, W=[W[p * k : (p + 1) * k] for p in range(d)], s2=ZERO)

    return [unit(place) for place in range(2 * d * k + k)]


def hessian(design: Design, T: Rows) -> Rows:
    """The Hessian in the basis; by the invariance of the ELBO, with the diagonal covariance of the eigenvalues."""
    S = [[value if i == j else ZERO for j in range(design.d)] for i, value in enumerate(design.eigenvalues)]
    W = [[a * entry for entry in row] for a, row in zip(design.a, T, strict=True)]
    V, D = linear_vae.optimum(W, design.s2, on=EXACT)
    return linear_vae.hessian(S, W, V, D, design.s2, basis(design.d, len(D)), on=EXACT)


def measured(instance: Instance) -> tuple[bool, bool, bool, list[fmpq]]:
    """Whether stationary with -H = L P L', whether the rotations are in the kernel, whether it is as large; P."""
    design, T, P = Design.read(instance), matrix(instance["T"]), vector(instance["P"])
    L, size, k = matrix(instance["L"]), len(P), len(T[0])
    W, S = columns(design, T), design.S
    V, D = linear_vae.optimum(W, design.s2, on=EXACT)
    slope = linear_vae.gradient(S, W, V, D, design.s2, on=EXACT)
    still = is_zero(slope.W) and is_zero(slope.V) and is_zero([slope.D])
    turns = [(b, c) for b in range(k) for c in range(b + 1, k) if D[b] == D[c] and D[b] < 1]
    directions = [in_place(design.U, unit) for unit in basis(design.d, k)] + [turn(W, V, b, c) for b, c in turns]
    H = linear_vae.hessian(S, W, V, D, design.s2, directions, on=EXACT)
    made = product([[x * p for x, p in zip(row, P, strict=True)] for row in L], transpose(L))
    equal = all(H[e][f] == -made[e][f] for e in range(size) for f in range(size))
    return still and equal, is_zero([row[:size] for row in H[size:]] or [[ZERO]]), P.count(ZERO) == len(turns), P


def in_place(U: Rows, unit: linear_vae.Slope) -> linear_vae.Slope:
    """A direction given in the coordinates of U."""
    return linear_vae.Slope(W=product(U, unit.W), V=product(unit.V, transpose(U)), D=unit.D, s2=ZERO)


def turn(W: Rows, V: Rows, b: int, c: int) -> linear_vae.Slope:
    """Where W and V go when the latents b and c are turned: W A and -A V, with A = e_b e_c' - e_c e_b'."""
    k = len(V)
    A = [[fmpq((i, j) == (b, c)) - fmpq((i, j) == (c, b)) for j in range(k)] for i in range(k)]
    return linear_vae.Slope(W=product(W, A), V=product(transpose(A), V), D=[ZERO] * k, s2=ZERO)


def numbers(instance: Instance, P: list[fmpq]) -> dict[str, Any]:
    return dict(zip(NUMBERS, (fmpq(P.count(ZERO)), total(P), Design.read(instance).S[0][0]), strict=True))


SMALL = ((2, 1), (3, 2), (4, 2))


def listed(quick: bool) -> list[str]:
    """One instance of the largest size in every run; all sizes in the full one."""
    found = keys(1, 3, sizes=SMALL, kinds=("maximum", "fewer"))(quick) + keys(1, 3, sizes=SMALL[1:], kinds=("tie",))(
        quick
    )
    more = [(4, 3), (5, 3), (6, 3)]
    return [*found, "maximum/6x3/0", *([] if quick else keys(1, 1, sizes=more, kinds=("fewer", "tie"))(False))]


@claim(
    "linear-vae/elbo-maximum",
    instances=Instances(keys=listed, build=build),
    where=where(*GIVEN, RELATION, *NUMBERS, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=NUMBERS,
)
def elbo_maximum(instance: Instance) -> Verdict:
    """Linear VAE: at the maximum the Hessian in (W, V, D) is negative definite, rotations of equal latents excepted."""
    equal, kernel, large, P = measured(instance)
    true = equal and kernel and large and all(pivot >= 0 for pivot in P)
    return decided(true, reason="pivots of -H in Q", quantities=numbers(instance, P))


ANY = (*STATES, *BASIS)
SEMIDEFINITE = f"{STILL} and {FACTORED} and {PIVOTS}"


def build_other(key: str) -> dict[str, Any]:
    """A stationary point of another subset of eigenpairs."""
    rng, d, k = sized(key)
    design = draw(rng, d, above=min(d, k + 1))
    J = rng.choice([J for J in subsets(design, k) if improvement(design, k, J)])
    return stated(design, place(Random(key), J, d, k))


@control(
    "linear-vae/elbo-maximum",
    "another-subset",
    instances=Instances(keys=keys(1, 3, sizes=SMALL), build=build_other),
    where=where(*ANY, SEMIDEFINITE, *NUMBERS, own=OWN),
    given=ANY,
    relation=SEMIDEFINITE,
    quantities=NUMBERS,
)
def another_subset(instance: Instance) -> Verdict:
    """The Hessian is negative semidefinite at the stationary points of every subset of eigenpairs."""
    equal, _, _, P = measured(instance)
    true = equal and all(pivot >= 0 for pivot in P)
    return decided(true, reason="pivots of -H in Q", quantities=numbers(instance, P))


DEFINITE = f"{STILL} and {FACTORED} and all(P[e] > 0 for e in each(P))"


@control(
    "linear-vae/elbo-maximum",
    "equal-eigenvalues",
    instances=Instances(keys=keys(1, 3, sizes=SMALL[1:], kinds=("tie",)), build=build),
    where=where(*GIVEN, DEFINITE, *NUMBERS, own=OWN),
    given=GIVEN,
    relation=DEFINITE,
    quantities=NUMBERS,
)
def equal_eigenvalues(instance: Instance) -> Verdict:
    """The maximum is isolated also where two eigenvalues are equal."""
    equal, _, _, P = measured(instance)
    true = equal and all(pivot > 0 for pivot in P)
    return decided(true, reason="pivots of -H in Q", quantities=numbers(instance, P))
