r"""The bound on the ELBO of a Bernoulli VAE, in closed form (theory: section 8).

``p(x_i = 1 | z) = sigmoid(w_i . z + b_i)``, prior N(0, I_k), ``q(z|x)`` normal. From ``softplus(t) <= log 2 + t/2 +
t^2/8`` (`quadratic`) with ``y = 2x - 1``, so ``y_i^2 = 1``, for every q

    NELBO(q)  <=  E_q 1/2 ||y - b/2 - W z/2||^2 + KL(q || prior) + d (log 2 - 1/2)                         (`surrogate`)

and at the best q (`best_encoder`), with ``C = I + W W'/4``,

    min_q NELBO  <=  L(W, b) = 1/2 log det C + 1/2 E (y - b/2)' C^-1 (y - b/2) + d (log 2 - 1/2)     (`bernoulli_bound`)

which is probabilistic PCA of y with noise variance 1. Every function takes the arithmetic to compute in as ``on``
(`eftheory.exact.arithmetic`), W as d rows of k numbers, and returns numbers of it, nats. For data: `bernoulli_fit`.
Reference: "A lower bound for the ELBO of the Bernoulli Variational Autoencoder", Proposition 1 and Corollary 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

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
    trace,
    transpose,
)
from eftheory.errors import MisuseError
from eftheory.exact.arithmetic import FLOAT, Arithmetic, Number

HALF, QUARTER = Fraction(1, 2), Fraction(1, 4)
Vector = Sequence[Number]


@dataclass(frozen=True)
class Encoder:
    """``q(z|x) = N(gain x + offset, covariance)``; gain: (k, d), offset: (k,), covariance: (k, k)."""

    gain: Rows
    offset: list[Number]
    covariance: Rows

    def mean(self, x: Vector) -> list[Number]:
        """The mean of z given x, (k,)."""
        return [c + dot(row, x) for row, c in zip(self.gain, self.offset, strict=True)]


def softplus(t: Number, *, on: Arithmetic = FLOAT) -> Number:
    """``log(1 + e^t)``."""
    return on.log(1 + on.exp(on.number(t)))


def quadratic(t: Number, *, on: Arithmetic = FLOAT) -> Number:
    """``log 2 + t/2 + t^2/8``, the second-order expansion of `softplus` at 0, never below it.

    *Proof.* ``softplus(t) = t/2 + log 2 + log cosh(t/2)``, and ``cosh u <= e^(u^2/2)``: their power series have the
    coefficients ``1/(2n)! <= 1/(2^n n!)``.
    """
    t = on.number(t)
    return on.log(on.number(2)) + t / 2 + t * t / 8


def kl_to_prior(mean: Vector, covariance: Matrix, *, on: Arithmetic = FLOAT) -> Number:
    """``KL(N(mean, covariance) || N(0, I)) = 1/2 (tr + |mean|^2 - k - log det)``."""
    mean, covariance = vector(mean, on), numbers(covariance, on=on)
    return (trace(covariance) + dot(mean, mean) - len(mean) - log_det(covariance, on=on)) / 2


def surrogate(x: Vector, W: Matrix, b: Vector, mean: Vector, covariance: Matrix, *, on: Arithmetic = FLOAT) -> Number:
    """``E_q 1/2 ||y - b/2 - W z/2||^2 + KL(q || N(0, I)) + d (log 2 - 1/2)`` for ``q = N(mean, covariance)``, one x.

    Raises MisuseError for an x that is not of bits and for shapes that do not match.
    """
    W, b = numbers(W, on=on), vector(b, on)
    off = residual(x, b, on)
    fitted = [dot(row, vector(mean, on)) / 2 for row in W]
    missed = [a - c for a, c in zip(off, fitted, strict=True)]
    spread = inner(product(W, numbers(covariance, on=on)), W) / 4
    return (dot(missed, missed) + spread) / 2 + kl_to_prior(mean, covariance, on=on) + offset(len(W), on=on)


def best_encoder(W: Matrix, b: Vector, *, on: Arithmetic = FLOAT) -> Encoder:
    """The q that minimises `surrogate`: ``Sigma* = (I + W'W/4)^-1``, ``mu*(x) = Sigma* W'(x - 1/2 - b/4)``.

    Corollary 1. Diagonal where the columns of W are orthogonal.
    """
    W, b = numbers(W, on=on), vector(b, on)
    covariance = inverse(precision(W, on=on), on=on)
    gain = product(covariance, transpose(W))
    start = [-on.number(HALF) - entry / 4 for entry in b]
    return Encoder(gain, [dot(row, start) for row in gain], covariance)


def precision(W: Matrix, *, on: Arithmetic = FLOAT) -> Rows:
    """``I + W'W/4``, (k, k): the inverse of Sigma*; its determinant is that of C."""
    W = numbers(W, on=on)
    return plus(identity(shape(W)[1], on=on), scaled(on.number(QUARTER), product(transpose(W), W)))


def marginal(W: Matrix, *, on: Arithmetic = FLOAT) -> Rows:
    """``C = I + W W'/4``, (d, d)."""
    W = numbers(W, on=on)
    return plus(identity(len(W), on=on), scaled(on.number(QUARTER), product(W, transpose(W))))


def bernoulli_bound(x: Matrix, W: Matrix, b: Vector, *, on: Arithmetic = FLOAT) -> Number:
    """``L(W, b)``, the mean over the rows of x (bits): an upper bound on the least mean NELBO of a linear decoder.

    By the k x k matrix ``P = I + W'W/4``: ``log det C = log det P``, ``v'C^-1 v = v'v - (W'v)' P^-1 (W'v)/4``.
    Raises MisuseError for an x that is not of bits and for shapes that do not match.
    """
    W, b = numbers(W, on=on), vector(b, on)
    shape(x)
    P = precision(W, on=on)
    inverted, columns, total = inverse(P, on=on), transpose(W), on.number(0)
    for row in x:
        v = residual(row, b, on)
        u = [dot(column, v) for column in columns]
        total += dot(v, v) - dot(u, [dot(entries, u) for entries in inverted]) / 4
    return (log_det(P, on=on) + total / len(x)) / 2 + offset(len(W), on=on)


def bound_of_moments(mean: Vector, covariance: Matrix, W: Matrix, b: Vector, *, on: Arithmetic = FLOAT) -> Number:
    """``L(W, b)`` from mean, covariance of y: ``1/2 (log det C + tr(C^-1 S) + (m - b/2)'C^-1 (m - b/2)) + const``."""
    C = marginal(W, on=on)
    v, second = _off_centre(mean, covariance, b, on)
    return (log_det(C, on=on) + inner(inverse(C, on=on), second)) / 2 + offset(len(v), on=on)


def gradient_of_moments(
    mean: Vector, covariance: Matrix, W: Matrix, b: Vector, *, on: Arithmetic = FLOAT
) -> tuple[Rows, list[Number]]:
    """Of `bound_of_moments`: ``(C^-1 - C^-1 T C^-1) W/4``, (d, k), and ``-C^-1 v/2``, (d,).

    ``v = m - b/2``, ``T = S + v v'``. Both vanish at the optimum; at every other point where they do, W is made of
    other eigenvectors of S and is a saddle.
    """
    W, v, second = numbers(W, on=on), *_off_centre(mean, covariance, b, on)
    K = inverse(marginal(W, on=on), on=on)
    slope = product(minus(K, product(K, product(second, K))), W)
    return scaled(on.number(QUARTER), slope), [-dot(row, v) / 2 for row in K]


def curvature_of_moments(covariance: Matrix, W: Matrix, V: Matrix, Z: Matrix, *, on: Arithmetic = FLOAT) -> Number:
    """Second derivative of `bound_of_moments` in W, along V and Z, where ``b = 2 m``.

    ``tr(G C_VZ)/2 + tr((K S K - K/2) C_V K C_Z)``, ``K = C^-1``, ``G = K - K S K``, ``C_V = (W V' + V W')/4``,
    ``C_VZ = (V Z' + Z V')/4``.
    """
    W, V, Z, S = (numbers(each, on=on) for each in (W, V, Z, covariance))
    K = inverse(marginal(W, on=on), on=on)
    spread = product(K, product(S, K))
    first, second, mixed = _symmetric(W, V, on), _symmetric(W, Z, on), _symmetric(V, Z, on)
    core = minus(spread, scaled(on.number(HALF), K))
    return inner(minus(K, spread), mixed) / 2 + inner(product(second, product(core, first)), K)


def optimal_scale(eigenvalue: Number, *, on: Arithmetic = FLOAT) -> Number:
    """``2 sqrt(max(l, 1) - 1)``: the length of the column of the optimal W along an eigenvector of S."""
    one = on.number(1)
    return 2 * on.sqrt(on.larger(on.number(eigenvalue), one) - one)


def optimal_value(eigenvalues: Vector, total: Number, d: int, *, on: Arithmetic = FLOAT) -> Number:
    """``min L = d (log 2 - 1/2) + 1/2 tr S + 1/2 sum_j (log l_j + 1 - l_j)`` over the ``l_j > 1`` among the k given.

    eigenvalues: the k largest of S, the covariance of y. total: its trace, ``d - |mean y|^2`` for bits.
    """
    one, gain = on.number(1), on.number(0)
    for eigenvalue in eigenvalues:
        above = on.larger(on.number(eigenvalue), one)
        gain += on.log(above) + 1 - above
    return offset(d, on=on) + (on.number(total) + gain) / 2


def offset(d: int, *, on: Arithmetic = FLOAT) -> Number:
    """``d (log 2 - 1/2)``."""
    return d * (on.log(on.number(2)) - on.number(HALF))


def residual(x: Vector, b: Vector, on: Arithmetic) -> list[Number]:
    """``y - b/2`` with ``y = 2x - 1``. Raises MisuseError for an x that is not of bits."""
    if any(bit not in (0, 1) for bit in x) or len(x) != len(b):
        raise MisuseError(wanted=f"{len(b)} bits, 0 or 1", got=str(list(x)), do="binarise the data")
    return [2 * on.number(bit) - 1 - entry / 2 for bit, entry in zip(x, b, strict=True)]


def vector(entries: Vector, on: Arithmetic) -> list[Number]:
    """The same entries as numbers of the arithmetic."""
    return [on.number(entry) for entry in entries]


def dot(a: Vector, b: Vector) -> Number:
    """``sum_i a_i b_i``."""
    if len(a) != len(b) or not a:
        raise MisuseError(wanted="two vectors of one length", got=f"{len(a)} and {len(b)}", do="check d and k")
    first, *rest = (left * right for left, right in zip(a, b, strict=True))
    return sum(rest, first)


def _off_centre(mean: Vector, covariance: Matrix, b: Vector, on: Arithmetic) -> tuple[list[Number], Rows]:
    """``v = m - b/2`` and ``S + v v'``."""
    v = [a - c / 2 for a, c in zip(vector(mean, on), vector(b, on), strict=True)]
    return v, plus(numbers(covariance, on=on), [[left * right for right in v] for left in v])


def _symmetric(a: Matrix, b: Matrix, on: Arithmetic) -> Rows:
    """``(a b' + b a')/4``."""
    return scaled(on.number(QUARTER), plus(product(a, transpose(b)), product(b, transpose(a))))
