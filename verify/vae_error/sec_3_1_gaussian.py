r"""Section 3.1, diagonal Gaussian VAE: the consistent joint is a Gaussian with linear decoder and encoder, exactly.

.. math:: p(x,z) = c \exp(-|x|^2/2\sigma^2 + x^\top W z + u^\top x + v^\top z + w^\top z^2),\quad w < 0
          \;\Rightarrow\; p(x|z) = N(\sigma^2 (Wz + u), \sigma^2 I),\ p(z|x) = N((W^\top x + v)/(-2w), 1/(-2w))

Hypotheses: finite mass, that is, ``-2 diag(w) - sigma^2 W'W`` positive definite (given by its factors L D L'). Both
conditionals follow, the posterior diagonal with a variance that does not depend on x. Shekhovtsov, Schlesinger, Flach
(2022), section 3.1, eq. (10); theory: sections 2 (b) and 6. In Q, from the moments of the joint by regression (the
precision matrix, in which both are read off, enters the hypotheses only).
"""

from __future__ import annotations

from random import Random

from flint import fmpq, fmpq_mat

from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.finite import rationals, text
from eftheory.exact.side import to_rational
from eftheory.verdict import Verdict

from ._exactly import ZERO, Instance, Table, decided

GIVEN = (
    "s2 > 0 and all(w[j] < 0 for j in each(w))",
    # the covariance is the inverse of the precision [[I/s2, -W], [-W', -2 diag w]]
    "all(Sxx[r][s]/s2 - sum(W[r][j]*Sxz[s][j] for j in each(w)) == same(r, s) for r in each(u) for s in each(u))",
    "all(Sxz[r][i]/s2 - sum(W[r][j]*Szz[j][i] for j in each(w)) == 0 for r in each(u) for i in each(w))",
    "all(-2*w[i]*Sxz[s][i] - sum(W[r][i]*Sxx[r][s] for r in each(u)) == 0 for i in each(w) for s in each(u))",
    "all(-2*w[i]*Szz[i][j] - sum(W[r][i]*Sxz[r][j] for r in each(u)) == same(i, j) for i in each(w) for j in each(w))",
    "all(mx[r]/s2 - sum(W[r][j]*mz[j] for j in each(w)) == u[r] for r in each(u))",
    "all(-2*w[i]*mz[i] - sum(W[r][i]*mx[r] for r in each(u)) == v[i] for i in each(w))",
    # and positive definite: the Schur complement is L D L'
    "all(D[j] > 0 and L[j][j] == 1 for j in each(w)) and all(L[i][j] == 0 for i in each(w) for j in each(w) if i < j)",
    "all(sum(L[i][l]*D[l]*L[j][l] for l in each(w)) == -2*w[i]*same(i, j) - s2*sum(W[r][i]*W[r][j] for r in each(u))"
    " for i in each(w) for j in each(w))",
)
OWN = (
    "same(i, j) = max(0, 1 - abs(i - j))",
    "slope(j, r) = W[r][j]/(-2*w[j])",
    "gain(r, j) = s2*W[r][j]",
)
ENCODER_MEAN = (
    "all(sum(slope(j, s)*Sxx[s][r] for s in each(u)) == Sxz[r][j] for j in each(w) for r in each(u))"
    " and all(mz[j] - sum(slope(j, r)*mx[r] for r in each(u)) == v[j]/(-2*w[j]) for j in each(w))"
)
ENCODER_COVARIANCE = (
    "all(Szz[i][j] - sum(slope(i, r)*Sxz[r][j] for r in each(u)) == same(i, j)/(-2*w[j])"
    " for i in each(w) for j in each(w))"
)
DECODER = (
    "all(sum(gain(r, i)*Szz[i][j] for i in each(w)) == Sxz[r][j] for r in each(u) for j in each(w))"
    " and all(mx[r] - sum(gain(r, j)*mz[j] for j in each(w)) == s2*u[r] for r in each(u))"
    " and all(Sxx[r][s] - sum(gain(r, j)*Sxz[s][j] for j in each(w)) == s2*same(r, s)"
    " for r in each(u) for s in each(u))"
)
RELATION = f"{ENCODER_MEAN} and {ENCODER_COVARIANCE} and {DECODER}"
ENTANGLED = "sum(Szz[i][j]**2 for i in each(w) for j in each(w) if i < j)"
QUANTITIES = ("max(Szz[j][j] for j in each(w))", ENTANGLED)


def listed(quick: bool) -> list[str]:
    return [f"random/{d}x{k}/{i}" for i in range(4 if quick else 60) for d, k in ((1, 1), (2, 2), (3, 2), (2, 3))]


def draw(key: str) -> tuple[Random, fmpq_mat, fmpq]:
    """A random coupling W (d, k) and pixel variance."""
    rng = Random(key)
    d, k = (int(size) for size in key.split("/")[1].split("x"))
    w = fmpq_mat([[fmpq(rng.randint(-6, 6), rng.randint(1, 4)) for _ in range(k)] for _ in range(d)])
    return rng, w, fmpq(rng.randint(1, 9), rng.randint(1, 9))


def build(key: str) -> Instance:
    """Rational (W, u, v, w, s2) of finite mass, with the moments of the joint and the factors that show it."""
    rng, coupling, s2 = draw(key)
    gram = coupling.transpose() * coupling * s2
    k, d = coupling.ncols(), coupling.nrows()
    diagonal = [sum((abs(gram[i, j]) for j in range(k)), fmpq(rng.randint(1, 9), 5)) for i in range(k)]
    lower, pivots = factors([[diagonal[i] * (i == j) - gram[i, j] for j in range(k)] for i in range(k)])
    u, v = ([fmpq(rng.randint(-5, 5), 3) for _ in range(size)] for size in (d, k))
    precision = [[fmpq(int(r == s)) / s2 for s in range(d)] + [-coupling[r, j] for j in range(k)] for r in range(d)]
    precision += [[-coupling[r, i] for r in range(d)] + [diagonal[i] * (i == j) for j in range(k)] for i in range(k)]
    covariance = fmpq_mat(precision).inv()
    mean = [entry for row in (covariance * fmpq_mat([[b] for b in [*u, *v]])).tolist() for entry in row]
    rows = covariance.tolist()
    numbers = {"s2": s2, "W": coupling.tolist(), "u": u, "v": v, "w": [-entry / 2 for entry in diagonal]}
    blocks = {"Sxx": [r[:d] for r in rows[:d]], "Sxz": [r[d:] for r in rows[:d]], "Szz": [r[d:] for r in rows[d:]]}
    shown = {"mx": mean[:d], "mz": mean[d:], "L": lower, "D": pivots}
    return {name: text(value) for name, value in {**numbers, **blocks, **shown}.items()}


def factors(matrix: Table) -> tuple[list[list[fmpq]], list[fmpq]]:
    """``M = L D L'`` with 1 on the diagonal of L, for a symmetric M whose leading minors do not vanish."""
    size = len(matrix)
    lower, pivots = [[fmpq(int(i == j)) for j in range(size)] for i in range(size)], [ZERO] * size
    for j in range(size):
        pivots[j] = matrix[j][j] - sum((lower[j][i] ** 2 * pivots[i] for i in range(j)), ZERO)
        for i in range(j + 1, size):
            rest = matrix[i][j] - sum((lower[i][t] * lower[j][t] * pivots[t] for t in range(j)), ZERO)
            lower[i][j] = rest / pivots[j]
    return lower, pivots


def matrix(rows: object) -> fmpq_mat:
    return fmpq_mat([list(row) for row in rationals(rows)])  # type: ignore[arg-type]


def column(entries: object) -> fmpq_mat:
    return matrix([[entry] for entry in entries])  # type: ignore[attr-defined]


@claim(
    "vae-error/sec-3-1-gaussian",
    instances=Instances(keys=listed, build=build),
    where=where(*GIVEN, RELATION, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def gaussian(instance: Instance) -> Verdict:
    """The consistent diagonal Gaussian VAE is linear: both conditionals of the joint Gaussian have the stated forms."""
    W, xx, xz, zz = (matrix(instance[name]) for name in ("W", "Sxx", "Sxz", "Szz"))
    u, v, mx, mz = (column(instance[name]) for name in ("u", "v", "mx", "mz"))
    s2, variances = to_rational(instance["s2"]), [-1 / (2 * to_rational(w)) for w in instance["w"]]
    k, d = W.ncols(), W.nrows()
    spread = fmpq_mat([[variances[i] * (i == j) for j in range(k)] for i in range(k)])
    noise = fmpq_mat([[s2 * (r == s) for s in range(d)] for r in range(d)])
    slope, gain = (xx.inv() * xz).transpose(), xz * zz.inv()  # regression of z on x, and of x on z
    encoder = slope == spread * W.transpose() and mz - slope * mx == spread * v and zz - slope * xz == spread
    decoder = gain == noise * W and mx - gain * mz == noise * u and xx - gain * xz.transpose() == noise
    shared = sum((zz[i, j] ** 2 for i in range(k) for j in range(i + 1, k)), ZERO)
    quantities = {QUANTITIES[0]: max(zz[j, j] for j in range(k)), ENTANGLED: shared}
    reason = "both conditionals by regression, in Q"
    return decided(bool(encoder and decoder), instance, reason=reason, quantities=quantities)


STANDARD = (
    "s2 > 0",
    "all(sum((same(i, l) + sum(W[r][i]*W[r][l] for r in each(W))/s2)*C[l][j] for l in each(C)) == same(i, j)"
    " for i in each(C) for j in each(C))",
)
DIAGONAL = "all(C[i][j] == 0 for i in each(C) for j in each(C) if i != j)"
NOT_DIAGONAL = "sum(C[i][j]**2 for i in each(C) for j in each(C) if i < j)"


def build_standard(key: str) -> Instance:
    """The posterior covariance C of ``x = Wz + noise`` under the prior N(0, I)."""
    _, coupling, s2 = draw(key)
    k = coupling.ncols()
    gram = coupling.transpose() * coupling
    precision = fmpq_mat([[fmpq(int(i == j)) + gram[i, j] / s2 for j in range(k)] for i in range(k)])
    return {"W": text(coupling.tolist()), "s2": str(s2), "C": text(precision.inv().tolist())}


def standard_keys(quick: bool) -> list[str]:
    return [key for key in listed(quick) if not key.startswith("random/1x1")][: 6 if quick else 30]


@control(
    "vae-error/sec-3-1-gaussian",
    "standard-prior",
    instances=Instances(keys=standard_keys, build=build_standard),
    where=where(*STANDARD, DIAGONAL, NOT_DIAGONAL, own=("same(i, j) = max(0, 1 - abs(i - j))",)),
    given=STANDARD,
    relation=DIAGONAL,
    quantities=(NOT_DIAGONAL,),
)
def standard_prior(instance: Instance) -> Verdict:
    """Under the prior N(0, I) a linear decoder does not suffice: the posterior is diagonal only where W'W is."""
    C = matrix(instance["C"])
    shared = sum((C[i, j] ** 2 for i in range(C.nrows()) for j in range(i + 1, C.nrows())), ZERO)
    return decided(shared == 0, instance, reason="the posterior covariance", quantities={NOT_DIAGONAL: shared})
