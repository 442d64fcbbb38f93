r"""Probabilistic PCA, fixed noise: every stationary point of the likelihood in W, and which of them are maxima.

.. math:: W = U_J (\Lambda_J - \sigma^2 I)^{1/2} R,\ R R^\top = I,
          \qquad J \subseteq \{j : \lambda_j > \sigma^2\},\ |J| \le k

are stationary; unless J holds the largest :math:`\min(k, \#\{\lambda_j > \sigma^2\})` eigenvalues the likelihood has a
positive second derivative in an explicit direction: the column of the smaller eigenvalue (or a free one) turned into
the eigenvector of the larger. That there are no others is `all_stationary_points`.

Hypotheses: none but ``S, s2 > 0``. Lucas, Tucker, Grosse, Norouzi (2019), section 3, eq. (7)-(8) of its summary;
Tipping, Bishop (1999), appendix A. Decided in Q, for all J of each covariance (d up to 6, k up to 3) at once: the list
is closed under adding an eigenpair, and holds the empty set.
"""

from __future__ import annotations

from typing import Any

from flint import fmpq

from eftheory.analytic import ppca
from eftheory.analytic.matrices import Rows, minus, product
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
)
from ._exactly import EXACT, ZERO, Instance, decided, is_zero, matrix, total

WIDTH = "width = sum(1 for c in each(T[0][0]))"
SIZE = "size(n) = sum(J[n][j] for j in each(l))"
COMPLETE = (
    "all(J[n][j]*(1 - J[n][j]) == 0 and (J[n][j] == 0 or l[j] > s2) for n in each(J) for j in each(l))",
    "all(size(n) <= width for n in each(J)) and any(size(n) == 0 for n in each(J))",
    # with J every J and one eigenpair more: so all of them are there
    "all(any(all(J[m][i] == max(J[n][i], same(i, j)) for i in each(l)) for m in each(J))"
    " for n in each(J) for j in each(l) if J[n][j] == 0 and l[j] > s2 and size(n) < width)",
)
ROTATED = (
    "all(sum(T[n][i][c]*T[n][j][c] for c in each(T[n][i])) == same(i, j)*J[n][i]"
    " for n in each(J) for i in each(l) for j in each(l))"
)
GIVEN = (POSITIVE, ORTHOGONAL, SCALES, *COMPLETE, ROTATED)
POINT = (
    SAME,
    WIDTH,
    SIZE,
    DATA,
    "W(n, i, c) = sum(U[i][j]*a[j]*T[n][j][c] for j in each(l))",
    "C(n, i, j) = sum(W(n, i, c)*W(n, j, c) for c in each(T[n][i])) + s2*same(i, j)",
    "Q(n, i, j) = sum(U[i][r]*(J[n][r]/l[r] + (1 - J[n][r])/s2)*U[j][r] for r in each(l))",
    "F(n, i, j) = sum(Q(n, i, r)*S(r, j) for r in each(l))",
    "drive(n, i, j) = sum(F(n, i, r)*Q(n, r, j) for r in each(l)) - Q(n, i, j)",
    "slope(n, i, c) = sum(drive(n, i, j)*W(n, j, c) for j in each(l))",
)
BENDING = (
    "dC(n, i, j) = sum(H[n][i][c]*W(n, j, c) + W(n, i, c)*H[n][j][c] for c in each(T[n][i]))",
    "K(n, i, j) = sum(Q(n, i, r)*dC(n, r, j) for r in each(l))",
    "KF(n, i, j) = sum(K(n, i, r)*F(n, r, j) for r in each(l))",
    "bend(n) = sum(drive(n, i, j)*sum(H[n][i][c]*H[n][j][c] for c in each(T[n][i])) + K(n, i, j)*K(n, j, i)/2"
    " - K(n, i, j)*KF(n, j, i) for i in each(l) for j in each(l))",
    "better(n) = sum(1 for j in each(l) if J[n][j] == 0 and l[j] > s2"
    " and (size(n) < width or any(J[n][i] == 1 and l[i] < l[j] for i in each(l))))",
)
"""bend: the second derivative of the likelihood along W + t H; better: by how many eigenpairs J could gain."""
OWN = (*POINT, *BENDING)
INVERSE = (
    "all(sum(Q(n, i, r)*C(n, r, j) for r in each(l)) == same(i, j) for n in each(J) for i in each(l) for j in each(l))"
)
STILL = "all(slope(n, i, c) == 0 for n in each(J) for i in each(l) for c in each(T[n][i]))"
RELATION = f"{INVERSE} and {STILL} and all(iff(better(n) > 0, bend(n) > 0) for n in each(J))"
NUMBERS = ("sum(better(n) for n in each(J))", "sum(bend(n) for n in each(J))", "S(0, 0)")


def build(key: str) -> dict[str, Any]:
    """All stationary points of one covariance, each with a rotation and, unless it is a maximum, a direction up."""
    rng, d, k = sized(key)
    kind = key.partition("/")[0]
    above = {"none": 0, "all": d, "tie": min(d, k + 1)}.get(kind, rng.randint(1, d))
    design = draw(rng, d, above=above, tie=kind == "tie")
    found = subsets(design, k)
    turns = [cayley(rng, k) if k > 1 else [[fmpq(1)]] for _ in found]
    return {
        **design.as_dict(),
        "J": [[str(int(j in J)) for j in range(d)] for J in found],
        "T": [text(rows_for(J, R, d)) for J, R in zip(found, turns, strict=True)],
        "H": [text(direction(design, J, R)) for J, R in zip(found, turns, strict=True)],
    }


def direction(design: Design, J: ppca.Subset, R: Rows) -> Rows:
    """``u_j r'``: r the row of the eigenpair that gives way, or a free one; zeros at a maximum."""
    d, k = design.d, len(R)
    better = improvement(design, k, J)
    if better is None:
        return [[ZERO] * k for _ in range(d)]
    j, i = better
    row = R[len(J) if i is None else J.index(i)]
    return [[design.U[r][j] * entry for entry in row] for r in range(d)]


def measured(instance: Instance) -> tuple[bool, list[bool], list[fmpq], list[int]]:
    """Whether every gradient vanishes; of each point: can J gain, the second derivative, and by how many eigenpairs."""
    design = Design.read(instance)
    still, gains, bends, counts = True, [], [], []
    for bits, rows, direction_rows in zip(instance["J"], instance["T"], instance["H"], strict=True):
        J, T, H = tuple(j for j, bit in enumerate(bits) if bit == "1"), matrix(rows), matrix(direction_rows)
        W = columns(design, T)
        still = still and is_zero(ppca.gradient(design.S, W, design.s2, on=EXACT)[0])
        gains.append(improvement(design, len(T[0]), J) is not None)
        bends.append(ppca.curvature(design.S, W, design.s2, H, on=EXACT))
        counts.append(gaining(design, len(T[0]), J))
    return still, gains, bends, counts


def gaining(design: Design, k: int, J: ppca.Subset) -> int:
    """How many eigenpairs outside J are above s2 and would find a place, or take a smaller one's."""
    outside = [j for j in range(design.d) if j not in J and design.eigenvalues[j] > design.s2]
    return sum(len(J) < k or any(design.eigenvalues[i] < design.eigenvalues[j] for i in J) for j in outside)


def numbers(instance: Instance, bends: list[fmpq], counts: list[int]) -> dict[str, Any]:
    return dict(zip(NUMBERS, (fmpq(sum(counts)), total(bends), Design.read(instance).S[0][0]), strict=True))


@claim(
    "linear-vae/stationary-points",
    instances=Instances(keys=keys(1, 6, kinds=("some", "all", "tie", "none")), build=build),
    where=where(*GIVEN, RELATION, *NUMBERS, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=NUMBERS,
)
def stationary_points(instance: Instance) -> Verdict:
    """pPCA: every W of a subset of eigenpairs is stationary, and a saddle of the likelihood unless they are the top."""
    still, gains, bends, counts = measured(instance)
    true = still and all(gain == (bend > 0) for gain, bend in zip(gains, bends, strict=True))
    return decided(true, reason="gradients and second derivatives in Q", quantities=numbers(instance, bends, counts))


FLAT = "all(bend(n) <= 0 for n in each(J))"


@control(
    "linear-vae/stationary-points",
    "every-one-a-maximum",
    instances=Instances(keys=keys(1, 2), build=build),
    where=where(*GIVEN, FLAT, *NUMBERS, own=OWN),
    given=GIVEN,
    relation=FLAT,
    quantities=NUMBERS,
)
def every_one_a_maximum(instance: Instance) -> Verdict:
    """No stationary point has a direction in which the likelihood rises."""
    _, _, bends, counts = measured(instance)
    true = all(bend <= 0 for bend in bends)
    return decided(true, reason="second derivatives in Q", quantities=numbers(instance, bends, counts))


WHOLE = "all(a[j]**2 == l[j] for j in each(l) if l[j] > s2)"
NOISY = (POSITIVE, ORTHOGONAL, WHOLE, *COMPLETE, ROTATED)
MISS = (
    "miss(n, i, c) = sum((S(i, j) - C(n, i, j))*W(n, j, c) for j in each(l))",
    "sum(miss(n, i, c)**2 for n in each(J) for i in each(l) for c in each(T[n][i]))",
)
MISSING = "all(miss(n, i, c) == 0 for n in each(J) for i in each(l) for c in each(T[n][i]))"


def build_whole(key: str) -> dict[str, Any]:
    """Eigenvalues that are squares, and columns of length a_j = sqrt(l_j): the noise is not taken off."""
    rng, d, k = sized(key)
    made = build(key)
    roots = sorted((fmpq(rng.randint(3, 9), 2) + j for j in range(d)), reverse=True)
    found = subsets(Design(matrix(made["U"]), [a * a for a in roots], fmpq(1), roots), k)
    return {
        "U": made["U"],
        "l": text([a * a for a in roots]),
        "s2": "1",
        "a": text(roots),
        "J": [[str(int(j in J)) for j in range(d)] for J in found],
        "T": [text(rows_for(J, cayley(rng, k) if k > 1 else [[fmpq(1)]], d)) for J in found],
    }


@control(
    "linear-vae/stationary-points",
    "noise-not-taken-off",
    instances=Instances(keys=keys(1, 2), build=build_whole),
    where=where(*NOISY, MISSING, MISS[1], own=(*POINT, MISS[0])),
    given=NOISY,
    relation=MISSING,
    quantities=(MISS[1],),
)
def noise_not_taken_off(instance: Instance) -> Verdict:
    r"""Columns of squared length l_j, not l_j - s2, are stationary (S W = C W)."""
    design = Design.read(instance)
    misses = ZERO
    for rows in instance["T"]:
        W = columns(design, matrix(rows))
        miss = product(minus(design.S, ppca.covariance(W, design.s2, on=EXACT)), W)
        misses += total([entry * entry for row in miss for entry in row])
    return decided(misses == 0, reason="S W against C W, in Q", quantities={MISS[1]: misses})
