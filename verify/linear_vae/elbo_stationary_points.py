r"""Linear VAE, fixed noise: at the stationary points of the likelihood with orthogonal columns the ELBO is stationary,
and each that is not the maximum is a saddle.

At ``W = U_J (L_J - s2 I)^(1/2) T``, T placing the eigenpairs of J on different latents (so that W'W is diagonal),
with the best encoder :math:`V = M^{-1}W^\top`, :math:`D = \sigma^2 (\operatorname{diag} M)^{-1}`, all partial
derivatives by W, V and D vanish. Unless J holds the largest eigenvalues, the ELBO has a positive second derivative in
an explicit direction of (W, V); in every direction of D it is strictly concave: a saddle.

Hypotheses: none but ``S, s2 > 0``. Lucas, Tucker, Grosse, Norouzi (2019), section 4 and appendix C; theory: section 7
(ii). Decided in Q, for all J of each covariance (d up to 6, k up to 3) at once.
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
    SCALES,
    Design,
    columns,
    draw,
    improvement,
    keys,
    place,
    sized,
    subsets,
)
from ._exactly import EXACT, ZERO, Instance, decided, is_zero, matrix, total

GIVEN = (
    POSITIVE,
    ORTHOGONAL,
    SCALES,
    "all(J[n][j]*(1 - J[n][j]) == 0 and (J[n][j] == 0 or l[j] > s2) for n in each(J) for j in each(l))",
    "all(size(n) <= width for n in each(J)) and any(size(n) == 0 for n in each(J))",
    # with J every J and one eigenpair more: so all of them are there
    "all(any(all(J[m][i] == max(J[n][i], same(i, j)) for i in each(l)) for m in each(J))"
    " for n in each(J) for j in each(l) if J[n][j] == 0 and l[j] > s2 and size(n) < width)",
    # T places each eigenpair of J on one latent, up to its sign, no two on the same
    "all(sum(T[n][j][c]**2 for c in each(T[n][j])) == J[n][j] for n in each(J) for j in each(l))",
    "all(T[n][j][c]*(1 - T[n][j][c]**2) == 0 and (T[n][i][c] == 0 or T[n][j][c] == 0 or i == j)"
    " for n in each(J) for i in each(l) for j in each(l) for c in each(T[n][j]))",
)
POINT = (
    SAME,
    "width = sum(1 for c in each(T[0][0]))",
    "size(n) = sum(J[n][j] for j in each(l))",
    DATA,
    "W(n, i, c) = sum(U[i][j]*a[j]*T[n][j][c] for j in each(l))",
    "V(n, c, i) = sum(T[n][j][c]*a[j]/l[j]*U[i][j] for j in each(l))",
    "VS(n, c, i) = sum(V(n, c, j)*S(j, i) for j in each(l))",
    "VSV(n, b, c) = sum(VS(n, b, i)*V(n, c, i) for i in each(l))",
    "gram(n, b, c) = sum(W(n, i, b)*W(n, i, c) for i in each(l))",
    "D(n, c) = s2/(gram(n, c, c) + s2)",
    "byW(n, i, c) = VS(n, c, i) - W(n, i, c)*D(n, c) - sum(W(n, i, b)*VSV(n, b, c) for b in each(T[n][i]))",
    "byV(n, c, i) = sum(W(n, j, c)*S(j, i) for j in each(l)) - s2*VS(n, c, i)"
    " - sum(gram(n, c, b)*VS(n, b, i) for b in each(T[n][i]))",
    "byD(n, c) = 1/D(n, c) - 1 - gram(n, c, c)/s2",
)
RISING = (
    "WV(n, i, j) = sum(W(n, i, c)*V(n, c, j) for c in each(T[n][i]))",
    "HW(n, i, c) = sum(U[i][j]*H[n][j][c] for j in each(l))",
    "HV(n, c, i) = HW(n, i, c)*D(n, c)/s2",
    "HP(n, i, j) = sum(HW(n, i, c)*V(n, c, j) + W(n, i, c)*HV(n, c, j) for c in each(T[n][i]))",
    "HPS(n, i, j) = sum(HP(n, i, r)*S(r, j) for r in each(l))",
    "HVS(n, c, j) = sum(HV(n, c, i)*S(i, j) for i in each(l))",
    "rest(n, i, j) = sum(WV(n, i, r)*S(r, j) for r in each(l)) - S(i, j)",
    "pulled(n, c, j) = sum(HW(n, i, c)*rest(n, i, j) for i in each(l))",
    "rise(n) = -sum(HVS(n, c, j)*HV(n, c, j) for c in each(T[n][0]) for j in each(l))"
    " - (sum(HW(n, i, c)**2*D(n, c) + 2*pulled(n, c, i)*HV(n, c, i) for i in each(l) for c in each(T[n][i]))"
    " + sum(HPS(n, i, j)*HP(n, i, j) for i in each(l) for j in each(l)))/s2",
    "better(n) = sum(1 for j in each(l) if J[n][j] == 0 and l[j] > s2"
    " and (size(n) < width or any(J[n][i] == 1 and l[i] < l[j] for i in each(l))))",
)
"""rise: the second derivative of the ELBO along (W + t HW, V + t HV)."""
OWN = (*POINT, *RISING)
STILL = (
    "all(byW(n, i, c) == 0 and byV(n, c, i) == 0 and byD(n, c) == 0"
    " for n in each(J) for i in each(l) for c in each(T[n][i]))"
)
SADDLES = "all(iff(better(n) > 0, rise(n) > 0) for n in each(J))"
CONCAVE = "all(-1/(2*D(n, c)**2) < 0 for n in each(J) for c in each(T[n][0]))"
RELATION = f"{STILL} and {SADDLES} and {CONCAVE}"
NUMBERS = ("sum(rise(n) for n in each(J))", "min(D(n, c) for n in each(J) for c in each(T[n][0]))", "S(0, 0)")


def upward(design: Design, J: ppca.Subset, T: Rows) -> Rows:
    """In the eigenbasis (d x k): the column of the smaller eigenvalue, or a free one, turned to the larger."""
    k = len(T[0])
    H = [[ZERO] * k for _ in range(design.d)]
    better = improvement(design, k, J)
    if better is not None:
        j, i = better
        free = [c for c in range(k) if all(row[c] == 0 for row in T)]
        H[j][free[0] if i is None else next(c for c in range(k) if T[i][c] != 0)] = fmpq(1)
    return H


def build(key: str) -> dict[str, Any]:
    rng, d, k = sized(key)
    kind = key.partition("/")[0]
    above = {"none": 0, "all": d, "tie": min(d, k + 1)}.get(kind, rng.randint(1, d))
    design = draw(rng, d, above=above, tie=kind == "tie")
    found = subsets(design, k)
    places = [place(rng, J, d, k) for J in found]
    return {
        **design.as_dict(),
        "J": [[str(int(j in J)) for j in range(d)] for J in found],
        "T": [text(T) for T in places],
        "H": [text(upward(design, J, T)) for J, T in zip(found, places, strict=True)],
    }


def measured(instance: Instance) -> tuple[bool, list[bool], list[fmpq], fmpq, bool]:
    """Whether all gradients vanish; of each point: can J gain, and `rise`; the smallest D; whether concave in D."""
    design = Design.read(instance)
    S, s2 = design.S, design.s2
    still, gains, rises, smallest, concave = True, [], [], fmpq(1), True
    for bits, rows, turn in zip(instance["J"], instance["T"], instance["H"], strict=True):
        J, T = tuple(j for j, bit in enumerate(bits) if bit == "1"), matrix(rows)
        W = columns(design, T)
        V, D = linear_vae.optimum(W, s2, on=EXACT)
        slope = linear_vae.gradient(S, W, V, D, s2, on=EXACT)
        still = still and is_zero(slope.W) and is_zero(slope.V) and is_zero([slope.D])
        HW = product(design.U, matrix(turn))
        HV = [[entry * D_c / s2 for entry in row] for row, D_c in zip(transpose(HW), D, strict=True)]
        k = len(D)
        units = [alone(design.d, k, c) for c in range(k)]
        H = linear_vae.hessian(S, W, V, D, s2, [linear_vae.Slope(W=HW, V=HV, D=[ZERO] * k, s2=ZERO), *units], on=EXACT)
        rises.append(H[0][0])
        concave = concave and all(H[e][e] < 0 for e in range(1, k + 1))
        gains.append(improvement(design, k, J) is not None)
        smallest = min(smallest, *D)
    return still, gains, rises, smallest, concave


def alone(d: int, k: int, c: int) -> linear_vae.Slope:
    """The direction of D_c."""
    D = [fmpq(int(b == c)) for b in range(k)]
    return linear_vae.Slope(W=[[ZERO] * k for _ in range(d)], V=[[ZERO] * d for _ in range(k)], D=D, s2=ZERO)


def numbers(instance: Instance, rises: list[fmpq], smallest: fmpq) -> dict[str, Any]:
    return dict(zip(NUMBERS, (total(rises), smallest, Design.read(instance).S[0][0]), strict=True))


@claim(
    "linear-vae/elbo-stationary-points",
    instances=Instances(keys=keys(1, 6, kinds=("some", "all", "tie", "none")), build=build),
    where=where(*GIVEN, RELATION, *NUMBERS, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=NUMBERS,
)
def elbo_stationary_points(instance: Instance) -> Verdict:
    """Linear VAE: every subset of eigenpairs on latents of their own is stationary, and a saddle unless the top."""
    still, gains, rises, smallest, concave = measured(instance)
    true = still and concave and all(gain == (rise > 0) for gain, rise in zip(gains, rises, strict=True))
    return decided(true, reason="gradient and Hessian in Q", quantities=numbers(instance, rises, smallest))


FLAT = "all(rise(n) <= 0 for n in each(J))"


@control(
    "linear-vae/elbo-stationary-points",
    "every-one-a-maximum",
    instances=Instances(keys=keys(1, 2), build=build),
    where=where(*GIVEN, FLAT, *NUMBERS, own=OWN),
    given=GIVEN,
    relation=FLAT,
    quantities=NUMBERS,
)
def every_one_a_maximum(instance: Instance) -> Verdict:
    """No stationary point has a direction in which the ELBO rises."""
    _, _, rises, smallest, _ = measured(instance)
    true = all(rise <= 0 for rise in rises)
    return decided(true, reason="second derivatives in Q", quantities=numbers(instance, rises, smallest))


ROTATED_GIVEN = (
    *GIVEN[:6],
    "all(sum(T[n][i][c]*T[n][j][c] for c in each(T[n][i])) == same(i, j)*J[n][i]"
    " for n in each(J) for i in each(l) for j in each(l))",
)
ROTATED_NUMBERS = ("sum(byW(n, i, c)**2 for n in each(J) for i in each(l) for c in each(T[n][i]))", "S(0, 0)")


def build_rotated(key: str) -> dict[str, Any]:
    """The same points of the likelihood, with latents turned by a 3-4-5 rotation."""
    _, _, k = sized(key)
    found = build(key.replace("turned", "all"))
    turn = [[fmpq(int(b == c)) for c in range(k)] for b in range(k)]
    turn[0][0], turn[0][1], turn[1][0], turn[1][1] = fmpq(3, 5), fmpq(4, 5), fmpq(-4, 5), fmpq(3, 5)
    places = [text(product(matrix(T), turn)) for T in found["T"]]
    return {**{name: found[name] for name in ("U", "l", "s2", "a", "J")}, "T": places}


@control(
    "linear-vae/elbo-stationary-points",
    "any-rotation",
    instances=Instances(keys=keys(1, 2, sizes=((3, 2), (4, 2), (4, 3)), kinds=("turned",)), build=build_rotated),
    where=where(*ROTATED_GIVEN, STILL, *ROTATED_NUMBERS, own=OWN),
    given=ROTATED_GIVEN,
    relation=STILL,
    quantities=ROTATED_NUMBERS,
)
def any_rotation(instance: Instance) -> Verdict:
    """The ELBO is stationary wherever the likelihood is, however the latents are rotated."""
    design = Design.read(instance)
    still, length = True, ZERO
    for rows in instance["T"]:
        T = matrix(rows)
        W = columns(design, T)
        V, D = linear_vae.optimum(W, design.s2, on=EXACT)
        slope = linear_vae.gradient(design.S, W, V, D, design.s2, on=EXACT)
        still = still and is_zero(slope.W) and is_zero(slope.V) and is_zero([slope.D])
        length += total([(design.s2 * entry) ** 2 for row in slope.W for entry in row])
    quantities = dict(zip(ROTATED_NUMBERS, (length, design.S[0][0]), strict=True))
    return decided(still, reason="gradients in Q", quantities=quantities)
