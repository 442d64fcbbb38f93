r"""Kernels on R^d, the maximum mean discrepancy between finite distributions and between samples, Stein's operator.

A point is a sequence of numbers. Kernels with an exponential take the arithmetic to compute in as ``on``; the others
use + - * / alone: inverse multiquadrics with a whole power and polynomials are rational at rational points (fmpq or
Fraction: whole numbers of Python divide to floats), so that ``MMD = 0`` is decided. Source: Gretton et al., A kernel
two-sample test (2012); Liu and Wang, Stein variational gradient descent (2016); theory: section 9.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from eftheory.errors import MisuseError, unknown
from eftheory.exact.arithmetic import Arithmetic, Number
from eftheory.exact.linear import rank

Point = Sequence[Number]
Gram = list[list[Number]]


@dataclass(frozen=True)
class Kernel:
    """value(a, b): k(a, b). gradient(a, b): the derivatives in `a`, one for each coordinate; None where there are none.

    characteristic: distinct distributions on R^d have distinct mean embeddings, so that MMD is strict; on finitely many
    distinct points such a kernel's Gram matrix is strictly positive definite for all kernels here.
    """

    name: str
    value: Callable[[Point, Point], Number]
    gradient: Callable[[Point, Point], list[Number]] | None
    characteristic: bool


CHARACTERISTIC: Final = {"rbf": True, "inverse-multiquadric": True, "laplace": True, "polynomial": False}
"""By name: whether MMD = 0 only for equal distributions."""


def rbf(scale: Number, *, on: Arithmetic) -> Kernel:
    """``exp(-|a-b|^2/(2 scale))``; scale is the square of the width."""
    factor = _positive(scale)

    def value(a: Point, b: Point) -> Number:
        return on.exp(on.number(-squared_distance(a, b) / (2 * factor)))

    def gradient(a: Point, b: Point) -> list[Number]:
        k = value(a, b)
        return [-on.number((s - t) / factor) * k for s, t in zip(a, b, strict=True)]

    return Kernel("rbf", value, gradient, CHARACTERISTIC["rbf"])


def inverse_multiquadric(scale: Number, power: int = 1) -> Kernel:
    """``(1 + |a-b|^2/scale)^(-power)``, power a whole number above 0: rational on rational points."""
    factor = _positive(scale)
    if isinstance(power, bool) or not isinstance(power, int) or power < 1:
        raise MisuseError(wanted="a whole power above 0", got=repr(power), do="give 1, 2, ...")

    def value(a: Point, b: Point) -> Number:
        return 1 / (1 + squared_distance(a, b) / factor) ** power

    def gradient(a: Point, b: Point) -> list[Number]:
        slope = -2 * power / factor / (1 + squared_distance(a, b) / factor) ** (power + 1)
        return [slope * (s - t) for s, t in zip(a, b, strict=True)]

    return Kernel("inverse-multiquadric", value, gradient, CHARACTERISTIC["inverse-multiquadric"])


def laplace(scale: Number, *, on: Arithmetic) -> Kernel:
    """``exp(-sum_i |a_i - b_i|/scale)``; not differentiable where coordinates agree, so it has no gradient."""
    factor = _positive(scale)

    def value(a: Point, b: Point) -> Number:
        return on.exp(on.number(-sum((abs(s - t) for s, t in zip(a, b, strict=True)), 0 * factor) / factor))

    return Kernel("laplace", value, None, CHARACTERISTIC["laplace"])


def polynomial(degree: int, offset: Number = 1) -> Kernel:
    """``(offset + a.b)^degree``: compares moments up to `degree` and nothing else, hence not characteristic."""
    if isinstance(degree, bool) or not isinstance(degree, int) or degree < 1:
        raise MisuseError(wanted="a whole degree above 0", got=repr(degree), do="give 1, 2, ...")

    def value(a: Point, b: Point) -> Number:
        return (offset + _dot(a, b)) ** degree

    def gradient(a: Point, b: Point) -> list[Number]:
        slope = degree * (offset + _dot(a, b)) ** (degree - 1)
        return [slope * t for t in b]

    return Kernel("polynomial", value, gradient, CHARACTERISTIC["polynomial"])


def is_characteristic(name: str) -> bool:
    """Whether the named kernel makes MMD strict. Raises MisuseError for an unknown name."""
    if name not in CHARACTERISTIC:
        raise unknown("kernel", name, CHARACTERISTIC)
    return CHARACTERISTIC[name]


def squared_distance(a: Point, b: Point) -> Number:
    """``|a - b|^2``."""
    squares = [(s - t) ** 2 for s, t in zip(a, b, strict=True)]
    return sum(squares[1:], squares[0])


def gram(kernel: Kernel, points: Sequence[Point], others: Sequence[Point] | None = None) -> Gram:
    """``k(a_i, b_j)``: (points, others), others being the points themselves unless given."""
    return [[kernel.value(a, b) for b in (points if others is None else others)] for a in points]


def gram_rank(matrix: Gram) -> int:
    """The rank over Q of a rational Gram matrix; full rank of a positive semidefinite one: strictly definite."""
    return rank(matrix)


# --- the maximum mean discrepancy -------------------------------------------------------------------------------------


def mmd_squared(q: Sequence[Number], p: Sequence[Number], matrix: Gram) -> Number:
    """``MMD^2 = (q - p)' K (q - p)`` for distributions q, p on finitely many points with Gram matrix K."""
    difference = [a - b for a, b in zip(q, p, strict=True)]
    return _dot(difference, [_dot(row, difference) for row in matrix])


def v_statistic(kernel: Kernel, xs: Sequence[Point], ys: Sequence[Point]) -> Number:
    """``mean k(x,x') + mean k(y,y') - 2 mean k(x,y)`` over all pairs, i = j too: MMD^2 of the samples; never negative.

    Its expectation is MMD^2 plus `v_bias`.
    """
    return _mean(gram(kernel, xs)) + _mean(gram(kernel, ys)) - 2 * _mean(gram(kernel, xs, ys))


def u_statistic(kernel: Kernel, xs: Sequence[Point], ys: Sequence[Point]) -> Number:
    """The same with pairs i != j within a sample: unbiased for MMD^2, and sometimes negative.

    Raises MisuseError for a sample of fewer than two.
    """
    return _off_diagonal(gram(kernel, xs)) + _off_diagonal(gram(kernel, ys)) - 2 * _mean(gram(kernel, xs, ys))


def v_bias(q: Sequence[Number], p: Sequence[Number], matrix: Gram, sizes: tuple[int, int]) -> Number:
    """``E V - MMD^2 = (E k(x,x) - E k(x,x'))/m + (E k(y,y) - E k(y,y'))/n``, sizes = (m, n); not negative."""
    return spread(q, matrix) / sizes[0] + spread(p, matrix) / sizes[1]


def spread(q: Sequence[Number], matrix: Gram) -> Number:
    """``E k(x,x) - E k(x,x')`` for independent x, x' with distribution q: the variance of the embedding."""
    diagonal = [row[i] for i, row in enumerate(matrix)]
    return _dot(q, diagonal) - _dot(q, [_dot(row, q) for row in matrix])


# --- Stein ------------------------------------------------------------------------------------------------------------


def stein_operator(value: Point, divergence: Number, score: Point) -> Number:
    """``(A_p f)(z) = f(z) . grad log p(z) + div f(z)``, from f, its divergence and the score; ``E_p A_p f = 0``."""
    return _dot(value, score) + divergence


def stein_direction(z: Point, particles: Sequence[Point], kernel: Kernel, score: Callable[[Point], Point]) -> Point:
    """``phi*(z) = mean_j [k(z_j, z) grad log p(z_j) + grad_(z_j) k(z_j, z)]``: along it KL(q || p) falls fastest.

    A surrogate loss to be minimised is therefore ``-z . stop_gradient(phi*(z))``; the paper's plus sign climbs.
    Raises MisuseError for a kernel without gradient.
    """
    if kernel.gradient is None:
        raise MisuseError(wanted="a differentiable kernel", got=kernel.name, do="take rbf or inverse-multiquadric")
    total: list[Number] = [0 * entry for entry in z]
    for particle in particles:
        k, slope = kernel.value(particle, z), kernel.gradient(particle, z)
        total = [t + k * s + g for t, s, g in zip(total, score(particle), slope, strict=True)]
    return [entry / len(particles) for entry in total]


def _dot(a: Sequence[Number], b: Sequence[Number]) -> Number:
    terms = [s * t for s, t in zip(a, b, strict=True)]
    return sum(terms[1:], terms[0])


def _total(matrix: Gram) -> Number:
    entries = [entry for row in matrix for entry in row]
    return sum(entries[1:], entries[0])


def _mean(matrix: Gram) -> Number:
    return _total(matrix) / (len(matrix) * len(matrix[0]))


def _off_diagonal(matrix: Gram) -> Number:
    size = len(matrix)
    if size < 2:
        raise MisuseError(wanted="a sample of at least two", got=str(size), do="draw more, or take the V-statistic")
    diagonal = [row[i] for i, row in enumerate(matrix)]
    return (_total(matrix) - sum(diagonal[1:], diagonal[0])) / (size * (size - 1))


def _positive(scale: Number) -> Number:
    if not scale > 0:
        raise MisuseError(wanted="a positive scale", got=str(scale), do="give the square of a width, or a width")
    return scale
