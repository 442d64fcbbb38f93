"""Stationary points ``2 U_J diag(g) Q`` and second derivatives of L there, also in the certificates' language."""

from __future__ import annotations

from random import Random
from typing import Any

from flint import fmpq, fmpq_mat

from eftheory.analytic.bernoulli_bound import gradient_of_moments
from eftheory.exact.finite import text

from ._design import ROOTS
from ._exactly import EXACT, ZERO, Instance, marginal, matrix, numbers, orthogonal

COMMON = (
    "same(i, j) = max(0, 1 - abs(i - j))",
    "S(r, s) = sum(U[r][i]*l[i]*U[s][i] for i in each(l))",
    "W(r, j) = 2*sum(U[r][pick[i]]*g[i]*Q[i][j] for i in each(g))",
    "C(r, s) = same(r, s) + sum(W(r, j)*W(s, j) for j in each(g))/4",
    "KS(r, s) = sum(K[r][t]*S(t, s) for t in each(l))",
    "KSK(r, s) = sum(KS(r, t)*K[t][s] for t in each(l))",
    "slope(r, j) = sum((K[r][s] - KSK(r, s))*W(s, j) for s in each(l))/4",
    "V(i, p, r, j) = U[r][i]*Q[p][j]",
    "turn(i, p, r, s) = sum(W(r, j)*V(i, p, s, j) + V(i, p, r, j)*W(s, j) for j in each(g))/4",
    "core(i, p, r, s) = sum((KSK(r, t) - K[r][t]/2)*turn(i, p, t, s) for t in each(l))",
    "image(i, p, r, s) = sum(K[r][t]*turn(i, p, t, s) for t in each(l))",
    "pair(i, p, m, n) = sum((K[r][s] - KSK(r, s))*V(i, p, r, j)*V(m, n, s, j)"
    " for r in each(l) for s in each(l) for j in each(g))/4",
    "hessian(i, p, m, n) = pair(i, p, m, n)"
    " + sum(core(i, p, r, s)*image(m, n, s, r) for r in each(l) for s in each(l))",
)
FLAT = "all(slope(r, j) == 0 for r in each(l) for j in each(g))"
REST = (fmpq(6, 7), fmpq(3, 4), fmpq(1, 2), fmpq(1, 5))


def spectrum(rng: Random, d: int, above: int) -> tuple[list[fmpq], list[fmpq]]:
    """Distinct eigenvalues, `above` of them above 1, and their roots ``sqrt(l - 1)``."""
    roots = sorted(rng.sample(ROOTS, above), reverse=True)
    return [1 + root**2 for root in roots] + list(REST[: d - above]), roots


def stationary(U: fmpq_mat, pick: list[int], g: list[fmpq], R: fmpq_mat) -> fmpq_mat:
    """``2 U_J diag(g) R``."""
    return fmpq_mat([[2 * U[r, i] * c for i, c in zip(pick, g, strict=True)] for r in range(U.nrows())]) * R


def direction(U: fmpq_mat, R: fmpq_mat, i: int, p: int) -> list[list[fmpq]]:
    """``u_i r_p'``."""
    return [[U[r, i] * R[p, j] for j in range(R.ncols())] for r in range(U.nrows())]


def read(instance: Instance) -> tuple[fmpq_mat, fmpq_mat, fmpq_mat, fmpq_mat]:
    """U, R, W and S."""
    U, R, eigenvalues = matrix(instance["U"]), matrix(instance["Q"]), numbers(instance["l"])
    d = len(eigenvalues)
    W = stationary(U, [int(i) for i in instance["pick"]], numbers(instance["g"]), R)
    spread = fmpq_mat([[eigenvalues[i] * (i == j) for j in range(d)] for i in range(d)])
    return U, R, W, U * spread * U.transpose()


def is_flat(W: fmpq_mat, S: fmpq_mat) -> bool:
    """Whether the gradient in W vanishes (at b = 2 m, m = 0)."""
    nothing = [ZERO] * W.nrows()
    slopes, _ = gradient_of_moments(nothing, S.tolist(), W.tolist(), nothing, on=EXACT)
    return all(entry.equals(0) for row in slopes for entry in row)


def drawn(key: str, above: int) -> dict[str, Any]:
    rng = Random(f"curvature {key}")
    d, k = (int(size) for size in key.split("/")[1].split("x"))
    eigenvalues, roots = spectrum(rng, d, above)
    return {"U": orthogonal(rng, d), "l": eigenvalues, "Q": orthogonal(rng, k), "roots": roots, "d": d, "k": k}


def closed_form(key: str) -> dict[str, Any]:
    """The fields of the closed form, with as many eigenvalues above 1 as the key says last."""
    found = drawn(key, int(key.rpartition("/")[2]))
    U, Q, k = found["U"], found["Q"], found["k"]
    g, pick = [*found["roots"], *[ZERO] * k][:k], list(range(k))
    fields = {name: text(found[name].tolist()) for name in ("U", "Q")} | {"l": text(found["l"]), "g": text(g)}
    return fields | {"pick": text(pick), "K": text(marginal(stationary(U, pick, g, Q)).inv().tolist())}
