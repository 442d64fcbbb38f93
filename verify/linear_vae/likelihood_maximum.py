r"""Probabilistic PCA, fixed noise: at the maximum the Hessian is negative semidefinite, its kernel the rotations of z.

At ``W = U_J (L_J - s2 I)^(1/2) R``, J the largest min(k, #{l_j > s2}) eigenvalues, the Hessian of the likelihood in W
has the kernel

.. math:: \{W A : A^\top = -A\},

the tangent space of the orbit ``W R``, and is negative definite beside it. Hypotheses: the eigenvalues of J are above
all others, and no other is above s2 unless |J| = k (else J would not be the top). Lucas, Tucker, Grosse, Norouzi
(2019), section 3; theory: section 7. In Q: ``-H = L D L'`` in the basis ``u_p r_q'`` (r_q the rows of R), its pivots
``D >= 0``, as many zeros as the tangent space has dimensions, and the tangent space in the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flint import fmpq

from eftheory.analytic import ppca
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
    cayley,
    columns,
    draw,
    improvement,
    keys,
    rows_for,
    sized,
    subsets,
    top,
)
from ._exactly import EXACT, ZERO, Instance, decided, factors, is_zero, matrix, total, vector

STATES = (
    POSITIVE,
    ORTHOGONAL,
    SCALES,
    "all(sum(Z[v][c]*Z[t][c] for c in each(Z)) == same(v, t) for v in each(Z) for t in each(Z))",
    "all(J[j]*(1 - J[j]) == 0 and (J[j] == 0 or l[j] > s2) for j in each(l)) and sum(J[j] for j in each(l)) <= width",
    # the rows of T: some of Z (the rows r_q of R), each once
    "all(all(T[j][c] == 0 for c in each(Z)) or any(all(T[j][c] == Z[v][c] for c in each(Z)) for v in each(Z))"
    " for j in each(l))",
    "all(sum(T[i][c]*T[j][c] for c in each(Z)) == same(i, j)*J[i] for i in each(l) for j in each(l))",
)
IS_TOP = (
    "all(l[j] < l[i] for i in each(l) for j in each(l) if J[i] == 1 and J[j] == 0)",
    "sum(J[j] for j in each(l)) == width or all(l[j] < s2 for j in each(l) if J[j] == 0)",
)
TRIANGULAR = (
    "all(L[e][e] == 1 and all(L[e][f] == 0 for f in each(D) if e < f) for e in each(D))",
    "sum(1 for e in each(D)) == sum(1 for j in each(l))*width",
)
GIVEN = (*STATES, *IS_TOP, *TRIANGULAR)
OWN = (
    SAME,
    "width = sum(1 for c in each(Z))",
    DATA,
    "W(i, c) = sum(U[i][j]*a[j]*T[j][c] for j in each(l))",
    "C(i, j) = sum(W(i, c)*W(j, c) for c in each(Z)) + s2*same(i, j)",
    "Q(i, j) = sum(U[i][r]*(J[r]/l[r] + (1 - J[r])/s2)*U[j][r] for r in each(l))",
    "F(i, j) = sum(Q(i, r)*S(r, j) for r in each(l))",
    "drive(i, j) = sum(F(i, r)*Q(r, j) for r in each(l)) - Q(i, j)",
    "slope(i, c) = sum(drive(i, j)*W(j, c) for j in each(l))",
    # the direction u_p r_v' changes W W' by u_p y_v' + y_v u_p'
    "y(v, i) = sum(W(i, c)*Z[v][c] for c in each(Z))",
    "dC(p, v, i, j) = U[i][p]*y(v, j) + y(v, i)*U[j][p]",
    "K(p, v, i, j) = sum(Q(i, r)*dC(p, v, r, j) for r in each(l))",
    "KF(p, v, i, j) = sum(K(p, v, i, r)*F(r, j) for r in each(l))",
    "pull(p, m) = sum(U[i][p]*drive(i, j)*U[j][m] for i in each(l) for j in each(l))",
    "hess(p, v, m, t) = same(v, t)*pull(p, m) + sum(K(p, v, i, j)*K(m, t, j, i)"
    " - K(p, v, i, j)*KF(m, t, j, i) - K(m, t, i, j)*KF(p, v, j, i) for i in each(l) for j in each(l))/2",
    "minus(e, f) = sum(L[e][g]*D[g]*L[f][g] for g in each(D))",
    # W (r_v r_t' - r_t r_v') = y_v r_t' - y_t r_v' in that basis
    "along(v, p) = sum(U[i][p]*y(v, i) for i in each(l))",
    "turned(v, t, p, m) = along(v, p)*same(m, t) - along(t, p)*same(m, v)",
    "norm(v) = sum(y(v, i)**2 for i in each(l))",
)
INVERSE = "all(sum(Q(i, r)*C(r, j) for r in each(l)) == same(i, j) for i in each(l) for j in each(l))"
STILL = "all(slope(i, c) == 0 for i in each(l) for c in each(Z))"
FACTORED = (
    "all(hess(p, v, m, t) == -minus(p*width + v, m*width + t)"
    " for p in each(l) for v in each(Z) for m in each(l) for t in each(Z) if p*width + v <= m*width + t)"
)
POINT = f"{INVERSE} and {STILL} and {FACTORED}"
IN_KERNEL = (
    "all(sum(hess(p, g, m, h)*turned(v, t, m, h) for m in each(l) for h in each(Z)) == 0"
    " for p in each(l) for g in each(Z) for v in each(Z) for t in each(Z) if v < t)"
)
ORBIT = "sum(1 for v in each(Z) for t in each(Z) if v < t and norm(v) + norm(t) > 0)"
AS_LARGE = f"sum(1 for e in each(D) if D[e] == 0) == {ORBIT}"
PIVOTS = "all(D[e] >= 0 for e in each(D))"
RELATION = f"{POINT} and {PIVOTS} and {IN_KERNEL} and {AS_LARGE}"
NUMBERS = ("sum(1 for e in each(D) if D[e] == 0)", "sum(D[e] for e in each(D))", "S(0, 0)")


def build(key: str) -> dict[str, Any]:
    """The maximum for a random covariance; fewer/: fewer eigenvalues above s2 than latents, so that some collapse."""
    rng, d, k = sized(key)
    above = rng.randint(0, k - 1) if key.startswith("fewer") else rng.randint(min(k, d), d)
    design = draw(rng, d, above=above)
    return stated(design, top(design, k), cayley(rng, k) if k > 1 else [[fmpq(1)]])


def stated(design: Design, J: ppca.Subset, R: Rows) -> dict[str, Any]:
    T = rows_for(J, R, design.d)
    lower, pivots = factors([[-entry for entry in row] for row in hessian(design, T, R)])
    return {
        **design.as_dict(),
        "J": [str(int(j in J)) for j in range(design.d)],
        "Z": text(R),
        "T": text(T),
        "L": text(lower),
        "D": text(pivots),
    }


def basis(design: Design, R: Rows) -> list[Rows]:
    """``u_p r_q'``, in the order of (p, q)."""
    return [[[row[p] * entry for entry in R[q]] for row in design.U] for p in range(design.d) for q in range(len(R))]


def hessian(design: Design, T: Rows, R: Rows, more: Sequence[Rows] = ()) -> Rows:
    """The Hessian of the likelihood by W at the basis, and at the directions `more` after it."""
    return ppca.hessian(design.S, columns(design, T), design.s2, [*basis(design, R), *more], on=EXACT)


def measured(instance: Instance) -> tuple[bool, bool, bool, list[fmpq]]:
    """Whether -H is L D L', whether the rotations are in its kernel, whether it is as large; D."""
    design, R, T = Design.read(instance), matrix(instance["Z"]), matrix(instance["T"])
    L, D = matrix(instance["L"]), vector(instance["D"])
    W, k, size = columns(design, T), len(R), len(D)
    turns = [rotation(W, R, q, t) for q in range(k) for t in range(q + 1, k)]
    turns = [turn for turn in turns if not is_zero(turn)]
    H = hessian(design, T, R, turns)
    made = product([[x * p for x, p in zip(row, D, strict=True)] for row in L], transpose(L))
    equal = all(H[e][f] == -made[e][f] for e in range(size) for f in range(size))
    return equal, is_zero([row[:size] for row in H[size:]] or [[ZERO]]), D.count(ZERO) == len(turns), D


def rotation(W: Rows, R: Rows, q: int, t: int) -> Rows:
    """``W (r_q r_t' - r_t r_q')``: where W goes when z is turned in the plane of two rows of R."""
    k = len(R)
    turn = [[R[q][b] * R[t][c] - R[t][b] * R[q][c] for c in range(k)] for b in range(k)]
    return [[total([row[b] * turn[b][c] for b in range(k)]) for c in range(k)] for row in W]


def numbers(instance: Instance, D: list[fmpq]) -> dict[str, Any]:
    values = (fmpq(sum(pivot == 0 for pivot in D)), total(D), Design.read(instance).S[0][0])
    return dict(zip(NUMBERS, values, strict=True))


@claim(
    "linear-vae/likelihood-maximum",
    instances=Instances(keys=keys(1, 4, kinds=("maximum", "fewer")), build=build),
    where=where(*GIVEN, RELATION, *NUMBERS, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=NUMBERS,
)
def likelihood_maximum(instance: Instance) -> Verdict:
    """pPCA: at the maximum the Hessian in W is negative semidefinite, and flat along the rotations of z only."""
    equal, kernel, large, D = measured(instance)
    true = equal and kernel and large and all(pivot >= 0 for pivot in D)
    return decided(true, reason="pivots of -H in Q", quantities=numbers(instance, D))


DEFINITE = f"{POINT} and all(D[e] > 0 for e in each(D))"


@control(
    "linear-vae/likelihood-maximum",
    "no-rotation",
    instances=Instances(keys=keys(1, 2, sizes=((3, 2), (4, 3)), kinds=("maximum",)), build=build),
    where=where(*GIVEN, DEFINITE, *NUMBERS, own=OWN),
    given=GIVEN,
    relation=DEFINITE,
    quantities=NUMBERS,
)
def no_rotation(instance: Instance) -> Verdict:
    """The Hessian is negative definite: the likelihood identifies W."""
    equal, _, _, D = measured(instance)
    true = equal and all(pivot > 0 for pivot in D)
    return decided(true, reason="pivots of -H in Q", quantities=numbers(instance, D))


ANY = (*STATES, *TRIANGULAR)
SEMIDEFINITE = f"{POINT} and {PIVOTS}"


def build_other(key: str) -> dict[str, Any]:
    """A stationary point that is no maximum."""
    rng, d, k = sized(key)
    design = draw(rng, d, above=min(d, k + 1))
    J = rng.choice([J for J in subsets(design, k) if improvement(design, k, J)])
    return stated(design, J, cayley(rng, k) if k > 1 else [[fmpq(1)]])


@control(
    "linear-vae/likelihood-maximum",
    "another-subset",
    instances=Instances(keys=keys(1, 3), build=build_other),
    where=where(*ANY, SEMIDEFINITE, *NUMBERS, own=OWN),
    given=ANY,
    relation=SEMIDEFINITE,
    quantities=NUMBERS,
)
def another_subset(instance: Instance) -> Verdict:
    """The Hessian is negative semidefinite at the stationary points of every subset of eigenpairs."""
    equal, _, _, D = measured(instance)
    true = equal and all(pivot >= 0 for pivot in D)
    return decided(true, reason="pivots of -H in Q", quantities=numbers(instance, D))
