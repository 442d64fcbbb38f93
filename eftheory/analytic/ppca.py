r"""Probabilistic PCA: likelihood, gradient, Hessian, every stationary point (theory: section 7).

Model: ``x = W z + mu + noise``, ``z ~ N(0, I_k)``, noise ``N(0, s2 I_d)``; S (d x d) is the covariance of the data, so
that the likelihood, averaged over the data and maximised over mu, is that of ``N(0, C)``, ``C = W W' + s2 I``.

    log p = -1/2 [d log(2 pi) + log det C + tr(C^-1 S)]                                              (nats a sample)

Formulas over an arithmetic `on` take matrices as rows: S (d x d), W (d x k); for data see `eftheory.analytic.ppca_fit`.
Reference: Tipping, Bishop (1999), section 3 and appendix A; Lucas et al. (2019), section 3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations

import sympy as sp

from eftheory.analytic.matrices import (
    Matrix,
    Rows,
    identity,
    inner,
    inverse,
    log_det,
    minus,
    numbers,
    plus,
    product,
    scaled,
    shape,
    symmetric,
    trace,
    transpose,
)
from eftheory.errors import MisuseError
from eftheory.exact.arithmetic import BALL, SYMBOL, Arithmetic, Number
from eftheory.exact.ball_eval import evaluate

HALF = Fraction(1, 2)
Subset = tuple[int, ...]
"""Indices of eigenpairs."""


def log_two_pi(on: Arithmetic) -> Number:
    """``log(2 pi)``."""
    exactly = sp.log(2 * sp.pi)
    return exactly if on is SYMBOL else evaluate(exactly) if on is BALL else on.number(math.log(2 * math.pi))


def covariance(W: Matrix, s2: Number, *, on: Arithmetic) -> Rows:
    """``C = W W' + s2 I`` (d x d), the covariance of x."""
    rows = numbers(W, on=on)
    return plus(product(rows, transpose(rows)), scaled(on.number(s2), identity(len(rows), on=on)))


def inner_covariance(W: Matrix, s2: Number, *, on: Arithmetic) -> Rows:
    """``M = W'W + s2 I`` (k x k); the posterior covariance of z is ``s2 M^-1``."""
    return covariance(transpose(W), s2, on=on)


def relative_log_likelihood(S: Matrix, W: Matrix, s2: Number, *, on: Arithmetic) -> Number:
    """``log p + d/2 log(2 pi) = -1/2 [log det C + tr(C^-1 S)]``: without the constant, nats a sample.

    Raises MisuseError where C is known not to be positive definite, and for matrices that do not fit.
    """
    S, C = _data(S, W, on), covariance(W, s2, on=on)
    return -(log_det(C, on=on) + inner(inverse(C, on=on), S)) * on.number(HALF)


def log_likelihood(S: Matrix, W: Matrix, s2: Number, *, on: Arithmetic) -> Number:
    """``log p = -1/2 [d log(2 pi) + log det C + tr(C^-1 S)]``, nats a sample. Raises as `relative_log_likelihood`."""
    return relative_log_likelihood(S, W, s2, on=on) - on.number(Fraction(len(S), 2)) * log_two_pi(on)


def gradient(S: Matrix, W: Matrix, s2: Number, *, on: Arithmetic) -> tuple[Rows, Number]:
    """(by W, d x k; by s2): ``C^-1 (S - C) C^-1 W`` and half the trace of ``C^-1 (S - C) C^-1``."""
    S, C = _data(S, W, on), covariance(W, s2, on=on)
    Q = inverse(C, on=on)
    slope = product(product(Q, minus(S, C)), Q)
    return product(slope, numbers(W, on=on)), trace(slope) * on.number(HALF)


def hessian(S: Matrix, W: Matrix, s2: Number, directions: Sequence[Matrix], *, on: Arithmetic) -> Rows:
    """The second derivatives by W, s2 fixed, as a bilinear form at every two of the directions (each d x k).

    With ``F = C^-1 S``, ``K = C^-1 (A W' + W A')`` for the direction A, and L likewise for B:
    ``-tr((C^-1 - F C^-1) A B') + 1/2 tr(K L) - 1/2 tr(K L F) - 1/2 tr(L K F)``.
    """
    S, C, rows = _data(S, W, on), covariance(W, s2, on=on), numbers(W, on=on)
    Q, half = inverse(C, on=on), on.number(HALF)
    F = product(Q, S)
    drive = minus(product(F, Q), Q)
    known = []
    for direction in directions:
        A = numbers(direction, on=on)
        K = product(Q, plus(product(A, transpose(rows)), product(rows, transpose(A))))
        known.append((A, product(drive, A), K, transpose(K), transpose(product(K, F))))

    def entry(e: int, f: int) -> Number:
        (_, pull, K, Kt, KFt), (B, _, L, _, LFt) = known[e], known[f]
        return inner(pull, B) + (inner(Kt, L) - inner(LFt, K) - inner(KFt, L)) * half

    return symmetric(entry, len(known))


def curvature(S: Matrix, W: Matrix, s2: Number, A: Matrix, *, on: Arithmetic) -> Number:
    """The second derivative of the likelihood at W along ``W + t A``."""
    return hessian(S, W, s2, [A], on=on)[0][0]


def subsets(eigenvalues: Sequence[Number], s2: Number, k: int, *, on: Arithmetic) -> list[Subset]:
    """Every J: at most k indices of eigenvalues above s2; one for each stationary point of the likelihood in W.

    Raises MisuseError where it cannot be told whether an eigenvalue is above s2.
    """
    above = [j for j, l_j in enumerate(eigenvalues) if _told(on.less(on.number(s2), on.number(l_j)))]
    return [J for size in range(min(k, len(above)) + 1) for J in combinations(above, size)]


def weights(U: Matrix, eigenvalues: Sequence[Number], s2: Number, J: Subset, R: Matrix, *, on: Arithmetic) -> Rows:
    """``W = U_J (L_J - s2 I)^(1/2) R`` (d x k): the stationary points of the likelihood, for any rows R.

    U: eigenvectors as columns (d x d). R: orthonormal rows (k x k, of which the first |J| are used).
    """
    U, R = numbers(U, on=on), numbers(R, on=on)
    d, k = len(U), shape(R)[1]
    zero = on.number(0)
    scales = [on.sqrt(on.number(eigenvalues[j]) - on.number(s2)) for j in J]
    return [
        [sum((U[i][j] * a * R[t][c] for t, (j, a) in enumerate(zip(J, scales, strict=True))), zero) for c in range(k)]
        for i in range(d)
    ]


def improvement(
    eigenvalues: Sequence[Number], s2: Number, k: int, J: Subset, *, on: Arithmetic
) -> tuple[int, int | None] | None:
    """(j, i): the eigenvector j, not in J, should take the place of i (None: a free column); None at a maximum.

    Turning the column of i into the direction of j, or growing a free one, the likelihood rises with second
    derivative ``(l_j - l_i)/(s2 l_i)``, or ``(l_j - s2)/s2^2``. At a maximum J holds the largest min(k, #{l_j > s2}).
    """
    outside = [j for (j,) in subsets(eigenvalues, s2, 1, on=on)[1:] if j not in J]
    for j in outside:
        if len(J) < k:
            return j, None
        for i in J:
            if _told(on.less(on.number(eigenvalues[i]), on.number(eigenvalues[j]))):
                return j, i
    return None


def stationary_value(eigenvalues: Sequence[Number], s2: Number, J: Subset, *, on: Arithmetic) -> Number:
    """The log-likelihood (nats a sample) at the stationary points of the subset J.

    ``-1/2 [d log(2 pi s2) + sum_j l_j/s2 + sum_{j in J} (log(l_j/s2) + 1 - l_j/s2)]``.
    """
    s2, one = on.number(s2), on.number(1)
    ratios = [on.number(l_j) / s2 for l_j in eigenvalues]
    total = on.number(len(ratios)) * (log_two_pi(on) + on.log(s2))
    total += sum(ratios, on.number(0)) + sum((on.log(ratios[j]) + one - ratios[j] for j in J), on.number(0))
    return -total * on.number(HALF)


def noise(eigenvalues: Sequence[Number], k: int, *, on: Arithmetic) -> Number:
    """The maximum-likelihood s2: the mean of all but the k first (largest) eigenvalues. Raises MisuseError: k >= d."""
    rest = [on.number(l_j) for l_j in eigenvalues[k:]]
    if not rest:
        raise MisuseError(wanted=f"k below {len(eigenvalues)}", got=str(k), do="leave a direction to the noise")
    return sum(rest, on.number(0)) / on.number(len(rest))


def _data(S: Matrix, W: Matrix, on: Arithmetic) -> Rows:
    d = len(S)
    if shape(S) != (d, d) or shape(W)[0] != d:
        raise MisuseError(wanted="S (d x d) and W (d x k)", got=f"{shape(S)} and {shape(W)}", do="transpose W")
    return numbers(S, on=on)


def _told(answer: bool | None) -> bool:
    if answer is None:
        raise MisuseError(wanted="eigenvalues that compare", got="a tie or a free symbol", do="give exact numbers")
    return answer
