"""Designs: a mean and a covariance S of y with rational eigenvectors, and the closed-form decoder, all in Q."""

from __future__ import annotations

from random import Random
from typing import Any

from flint import fmpq, fmpq_mat

from eftheory.analytic.bernoulli_bound import optimal_scale
from eftheory.exact.finite import text

from ._exactly import EXACT, Instance, factors, marginal, matrix, numbers, orthogonal

DESIGN = (
    "all(sum(U[t][i]*U[t][j] for t in each(l)) == same(i, j) for i in each(l) for j in each(l))",
    "all(sum(Q[a][i]*Q[a][j] for a in each(g)) == same(i, j) for i in each(g) for j in each(g))",
    "all(l[i] > 0 for i in each(l)) and all(l[i] >= l[j] for i in each(l) for j in each(l) if i < j)",
)
LARGEST = ("all(g[j] >= 0 and g[j]**2 == max(l[j], 1) - 1 for j in each(g))",)
INVERSE = (
    "all(sum(C(r, t)*K[t][s] for t in each(l)) == same(r, s) for r in each(l) for s in each(l))",
    "all(DC[r] > 0 and LC[r][r] == 1 for r in each(l))",
    "all(LC[r][s] == 0 for r in each(l) for s in each(l) if r < s)",
    "all(sum(LC[r][t]*DC[t]*LC[s][t] for t in each(l)) == C(r, s) for r in each(l) for s in each(l))",
)
OWN = (
    "same(i, j) = max(0, 1 - abs(i - j))",
    "S(r, s) = sum(U[r][i]*l[i]*U[s][i] for i in each(l))",
    "W(r, j) = 2*sum(U[r][i]*g[i]*Q[i][j] for i in each(g))",
    "b(r) = 2*mean[r]",
    "C(r, s) = same(r, s) + sum(W(r, j)*W(s, j) for j in each(g))/4",
    "v(r) = mean[r] - b(r)/2",
    "second(r, s) = S(r, s) + v(r)*v(s)",
    "KT(r, s) = sum(K[r][t]*second(t, s) for t in each(l))",
    "G(r, s) = K[r][s] - sum(KT(r, t)*K[t][s] for t in each(l))",
    "slope(r, j) = sum(G(r, s)*W(s, j) for s in each(l))/4",
    "tilt(r) = -sum(K[r][s]*v(s) for s in each(l))/2",
    "constant = sum(log(2) - 1/2 for r in each(l))",
    "bound = constant + sum(log(DC[r]) + KT(r, r) for r in each(l))/2",
    "value = constant + sum(l[i] for i in each(l))/2 + sum(log(max(l[j], 1)) + 1 - max(l[j], 1) for j in each(g))/2",
)
STATIONARY = "all(slope(r, j) == 0 for r in each(l) for j in each(g)) and all(tilt(r) == 0 for r in each(l))"
ROOTS = (fmpq(3, 2), fmpq(1), fmpq(1, 2), fmpq(1, 3), fmpq(5, 4), fmpq(2))
SMALL = (fmpq(1), fmpq(9, 10), fmpq(2, 3), fmpq(1, 2), fmpq(1, 7))


def design(key: str) -> dict[str, Any]:
    """U, l, mean, and g, R for k latents; between 0 and d eigenvalues above 1, each one more than a square."""
    rng = Random(f"optimum {key}")
    d, k = (int(size) for size in key.split("/")[1].split("x"))
    count = min(d, rng.randint(0 if d > 2 else 1, k + 1))
    large = sorted((1 + root**2 for root in rng.sample(ROOTS, count)), reverse=True)
    rest = sorted((rng.choice(SMALL) for _ in range(d - count)), reverse=True)
    eigenvalues = [*large, *rest]
    mean = [fmpq(rng.randint(-3, 3), 4) for _ in range(d)]
    g = [optimal_scale(entry, on=EXACT).rational / 2 for entry in eigenvalues[:k]]
    return {"U": orthogonal(rng, d), "l": eigenvalues, "mean": mean, "g": g, "Q": orthogonal(rng, k)}


def decoder(fields: dict[str, Any]) -> fmpq_mat:
    """``2 U_k diag(g) R``."""
    U, g, R = fields["U"], fields["g"], fields["Q"]
    columns = [[2 * U[r, i] * g[i] for i in range(len(g))] for r in range(U.nrows())]
    return fmpq_mat(columns) * R


def completed(fields: dict[str, Any]) -> dict[str, Any]:
    """With the inverse K of C and its factors; as an instance."""
    C = marginal(decoder(fields))
    lower, pivots = factors(C)
    return {name: listed_rows(each) for name, each in {**fields, "K": C.inv(), "LC": lower, "DC": pivots}.items()}


def listed_rows(value: Any) -> Any:
    """Rationals, however nested, as strings."""
    return text(value.tolist() if isinstance(value, fmpq_mat) else value)


def read(instance: Instance) -> tuple[fmpq_mat, list[fmpq], list[fmpq], fmpq_mat]:
    """W, l, mean and S."""
    fields = {name: matrix(instance[name]) for name in ("U", "Q")} | {"g": numbers(instance["g"])}
    eigenvalues, U = numbers(instance["l"]), fields["U"]
    d = len(eigenvalues)
    spread = fmpq_mat([[eigenvalues[i] * (i == j) for j in range(d)] for i in range(d)])
    return decoder(fields), eigenvalues, numbers(instance["mean"]), U * spread * U.transpose()
