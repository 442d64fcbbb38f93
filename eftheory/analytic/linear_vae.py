r"""The linear VAE: analytic ELBO, its gradient and Hessian, the optimum for a given W, the gap (theory: section 7).

Model of `eftheory.analytic.ppca` with encoder ``q(z|x) = N(V (x - mu), D)``, D diagonal; S (d x d) the covariance of
the data, averaged over them, in nats a sample:

    KL   = 1/2 [-log det D + tr(V S V') + tr D - k]
    ELBO = -KL - 1/(2 s2) [tr(D W'W) + tr(W V S V'W') - 2 tr(W V S) + tr S] - d/2 log(2 pi s2)

Shapes: W (d x k), V (k x d), D (k entries). Reference: Lucas, Tucker, Grosse, Norouzi (2019), section 4, appendix C.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from eftheory.analytic.matrices import (
    Matrix,
    Rows,
    diagonal_of,
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
from eftheory.analytic.ppca import HALF, inner_covariance, log_two_pi
from eftheory.errors import MisuseError
from eftheory.exact.arithmetic import Arithmetic, Number

Vector = Sequence[Number]


@dataclass(frozen=True, kw_only=True)
class Slope:
    """Partial derivatives of the ELBO: by W (d x k), V (k x d), D (k) and s2; also a direction in that space."""

    W: Matrix
    V: Matrix
    D: Vector
    s2: Number


def divergences(S: Matrix, V: Matrix, D: Vector, *, on: Arithmetic) -> list[Number]:
    """The mean KL(q(z_j|x) || p(z_j)) of each latent, nats: ``1/2 [-log D_j + (V S V')_jj + D_j - 1]``.

    It is zero exactly where the latent has collapsed: ``D_j = 1`` and row j of V S zero.
    """
    S, V, D = numbers(S, on=on), numbers(V, on=on), [on.number(entry) for entry in D]
    spread = diagonal_of(product(product(V, S), transpose(V)))
    half, one = on.number(HALF), on.number(1)
    return [(-on.log(D_j) + v + D_j - one) * half for D_j, v in zip(D, spread, strict=True)]


def relative_elbo(S: Matrix, W: Matrix, V: Matrix, D: Vector, s2: Number, *, on: Arithmetic) -> Number:
    """``ELBO + d/2 log(2 pi)``: without the constant, nats a sample. Raises MisuseError for shapes that do not fit."""
    _refuse_misfit(S, W, V, D)
    s2, zero, half = on.number(s2), on.number(0), on.number(HALF)
    d = on.number(len(S))
    return -sum(divergences(S, V, D, on=on), zero) - (_error(S, W, V, D, on) / s2 + d * on.log(s2)) * half


def elbo(S: Matrix, W: Matrix, V: Matrix, D: Vector, s2: Number, *, on: Arithmetic) -> Number:
    """The ELBO of the module's docstring, nats a sample. Raises MisuseError for shapes that do not fit."""
    return relative_elbo(S, W, V, D, s2, on=on) - on.number(Fraction(len(S), 2)) * log_two_pi(on)


def optimum(W: Matrix, s2: Number, *, on: Arithmetic) -> tuple[Rows, list[Number]]:
    """The encoder that maximises the ELBO for given W: ``V = M^-1 W'``, ``D = s2 (diag M)^-1``, ``M = W'W + s2 I``.

    The ELBO is strictly concave in D, and in V where S is positive definite.
    """
    M, s2 = inner_covariance(W, s2, on=on), on.number(s2)
    return product(inverse(M, on=on), transpose(numbers(W, on=on))), [s2 / entry for entry in diagonal_of(M)]


def gap(W: Matrix, s2: Number, *, on: Arithmetic) -> Number:
    """Log-likelihood minus the ELBO of the best encoder, nats: ``1/2 [log det diag M - log det M]``.

    Not negative (Hadamard), and zero exactly where ``W'W`` is diagonal. It does not depend on the data.
    """
    M = inner_covariance(W, s2, on=on)
    return (sum((on.log(entry) for entry in diagonal_of(M)), on.number(0)) - log_det(M, on=on)) * on.number(HALF)


def gradient(S: Matrix, W: Matrix, V: Matrix, D: Vector, s2: Number, *, on: Arithmetic) -> Slope:
    """All partial derivatives of the ELBO (each entry of W, V, D and s2 by itself).

    by W: ``(S V' - W (D + V S V'))/s2``; by V: ``(W' - (W'W + s2 I) V) S/s2``;
    by D_j: ``1/2 (1/D_j - 1 - (W'W)_jj/s2)``; by s2: ``error/(2 s2^2) - d/(2 s2)``, error the bracket of the ELBO.
    """
    _refuse_misfit(S, W, V, D)
    error, d = _error(S, W, V, D, on), on.number(len(S))
    S, W, V, s2 = numbers(S, on=on), numbers(W, on=on), numbers(V, on=on), on.number(s2)
    D = [on.number(entry) for entry in D]
    one, half, VS = on.number(1), on.number(HALF), product(V, S)
    by_w = minus(transpose(VS), plus(_columns_times(W, D), product(W, product(VS, transpose(V)))))
    by_v = product(minus(transpose(W), product(inner_covariance(W, s2, on=on), V)), S)
    norms = diagonal_of(product(transpose(W), W))
    return Slope(
        W=scaled(one / s2, by_w),
        V=scaled(one / s2, by_v),
        D=[(one / D_j - one - n / s2) * half for D_j, n in zip(D, norms, strict=True)],
        s2=(error / s2 - d) / s2 * half,
    )


def hessian(
    S: Matrix, W: Matrix, V: Matrix, D: Vector, s2: Number, directions: Sequence[Slope], *, on: Arithmetic
) -> Rows:
    """The second derivatives by (W, V, D), s2 fixed, as a bilinear form at every two of the directions.

    With ``P = W V``, ``P_a = W_a V + W V_a``, ``X = W_a V_b + W_b V_a``:
    ``-1/2 sum D_a D_b/D^2 - tr(V_a S V_b') - 1/s2 [tr(D W_a'W_b) + tr((D_a W_b' + D_b W_a') W) + tr(P_a S P_b')
    + tr((P - I) S X')]``.
    """
    _refuse_misfit(S, W, V, D)
    S, W, V, s2 = numbers(S, on=on), numbers(W, on=on), numbers(V, on=on), on.number(s2)
    D, half = [on.number(entry) for entry in D], on.number(HALF)
    rest = minus(product(product(W, V), S), S)
    squares = [half / (D_j * D_j) for D_j in D]
    known = []
    for direction in directions:
        A, B, E = numbers(direction.W, on=on), numbers(direction.V, on=on), [on.number(e) for e in direction.D]
        turned, P = _columns_times(W, E), plus(product(A, V), product(W, B))
        shrunk, pulled = plus(_columns_times(A, D), turned), product(transpose(A), rest)
        known.append((A, B, E, turned, shrunk, pulled, P, product(P, S), product(B, S)))

    def entry(e: int, f: int) -> Number:
        A, B, E, _, shrunk, pulled, _, PS, BS = known[e]
        A2, B2, E2, turned2, _, pulled2, P2, _, _ = known[f]
        bend = inner(shrunk, A2) + inner(turned2, A) + inner(PS, P2) + inner(pulled, B2) + inner(pulled2, B)
        logs = sum((p * q * square for p, q, square in zip(E, E2, squares, strict=True)), on.number(0))
        return -logs - inner(BS, B2) - bend / s2

    return symmetric(entry, len(known))


def curvature(S: Matrix, W: Matrix, V: Matrix, D: Vector, s2: Number, direction: Slope, *, on: Arithmetic) -> Number:
    """The second derivative of the ELBO at (W, V, D) along the direction, s2 fixed."""
    return hessian(S, W, V, D, s2, [direction], on=on)[0][0]


def collapsed(eigenvalues: Sequence[Number], s2: Number, k: int, *, on: Arithmetic) -> list[bool | None]:
    """Which of the k latents collapse at the optimum: j does exactly when ``l_j <= s2``. None where it is not told.

    eigenvalues: falling. Raises MisuseError for k above their number.
    """
    if not 0 <= k <= len(eigenvalues):
        raise MisuseError(wanted=f"at most {len(eigenvalues)} latents", got=str(k), do="choose fewer")
    above = [on.less(on.number(s2), on.number(l_j)) for l_j in eigenvalues[:k]]
    return [None if answer is None else not answer for answer in above]


def _error(S: Matrix, W: Matrix, V: Matrix, D: Vector, on: Arithmetic) -> Number:
    """The mean of ``E_q |x - mu - W z|^2``: ``tr(D W'W) + tr((I - W V) S (I - W V)')``."""
    S, W, V = numbers(S, on=on), numbers(W, on=on), numbers(V, on=on)
    rows = [on.number(entry) for entry in D]
    WV = product(W, V)
    return inner(_columns_times(W, rows), W) + inner(product(WV, S), WV) - on.number(2) * inner(WV, S) + trace(S)


def _columns_times(W: Matrix, D: Vector) -> Rows:
    """``W D`` for a diagonal D."""
    return [[entry * D_j for entry, D_j in zip(row, D, strict=True)] for row in W]


def _refuse_misfit(S: Matrix, W: Matrix, V: Matrix, D: Vector) -> None:
    (d, k), got = shape(W), f"S {shape(S)}, W {shape(W)}, V {shape(V)}, D {len(D)}"
    if shape(S) != (d, d) or shape(V) != (k, d) or len(D) != k:
        raise MisuseError(wanted="S (d x d), W (d x k), V (k x d), D of k entries", got=got, do="transpose one of them")
