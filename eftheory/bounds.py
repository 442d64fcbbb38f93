r"""Every bound on the approximation error of nearly tight VAEs (theory: section 3), each written once.

Setting: finite X and Z, ``alpha > 0`` bounds ``q(z|x)`` and ``p(z|x)`` from below, the gap is at most eps. Bounded is
``R_z = E_pd (log p(z|x) - log q(z|x))^2``, and with it (Proposition A.1) the squared distance of ``log p(.,z)`` to a
harmonium. Every function takes the arithmetic to compute in as ``on`` (`eftheory.exact.arithmetic`: FLOAT, BALL,
SYMBOL), numbers of that arithmetic or rationals, and returns a number of it, nats (squared where R_z is).
Raises MisuseError for an alpha that no distribution (on K points) can have, and for a gap that is negative or not
finite, where that can be told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import exp, expm1, isfinite, log, log1p

from eftheory.errors import MisuseError
from eftheory.exact.arithmetic import BALL, FLOAT, Arithmetic, Number
from eftheory.exact.maximum import stays_below

HALF = Fraction(1, 2)
GOLDEN = (5**0.5 - 1) / 2
OCTAVES = 18.0
"""The grid of the search for the envelope's slope reaches down to ``e^-18`` of the largest L."""
SLOPE = Fraction(6477, 10000)
"""Above ``max_s log(1+s)^2 / s`` (attained at s = 3.9215...): log(1+s)^2 <= SLOPE s for every s >= 0."""
KNEE = 4
"""From here on ``log(1+s)^2`` is its own concave envelope (it is concave from e - 1, and tangent at 3.9215...)."""


def trivial(alpha: Number, states: int, *, on: Arithmetic = BALL) -> Number:
    r"""``log^2((1 - (K-1) alpha) / alpha)``: both probabilities lie in ``[alpha, 1 - (K-1) alpha]``. No use of eps."""
    alpha = _alpha(alpha, states, on)
    width = on.log((1 - (states - 1) * alpha) / alpha)
    return width * width


def pinsker(eps: Number, alpha: Number, *, on: Arithmetic = BALL) -> Number:
    r"""``eps / (2 alpha^2)``.

    *Proof.* ``|q_z - p_z| <= TV <= sqrt(KL/2)`` (Pinsker), and ``|log q - log p| <= |q - p| / alpha`` (mean value).
    """
    eps, alpha = _gap(eps, on), _share(alpha, on)
    return eps / (2 * alpha * alpha)


def partition(eps: Number, alpha: Number, *, halved: bool = False, on: Arithmetic = BALL) -> Number:
    r"""Proposition A.2 of the paper: ``log(1+t) + t/(e-1)``, ``t = sqrt(2 eps)/alpha``; halved: ``sqrt(eps/2)/alpha``.

    *Proof.* With ``|log q - log p| <= log(1 + |q-p|/alpha)``, X is split at ``|q-p|/alpha = e - 1``: above it log^2 is
    concave, below it ``log^2(1+s) <= s/(e-1)``; Jensen on each part. ``E|q-p| <= sqrt(2 eps)`` with the l1 distance;
    for one z the total variation does, which halves t.
    """
    t = on.sqrt(_gap(eps, on) * on.number(HALF if halved else 2)) / _share(alpha, on)
    return on.log(1 + t) + t / (on.exp(on.number(1)) - 1)


def partition_envelope(eps: Number, alpha: Number, *, on: Arithmetic = BALL) -> Number:
    r"""The same route without loss: the concave envelope of ``log^2(1+s)`` at ``s = sqrt(eps/2)/alpha``.

    ``min(SLOPE s, log^2(1 + max(s, KNEE)))``: below the point of tangency the chord from 0, above it ``log^2(1+s)``.
    *Proof.* ``R_z <= E log^2(1 + s_x)`` with ``E s_x <= s``; Jensen for the envelope.
    """
    s = on.sqrt(_gap(eps, on) / 2) / _share(alpha, on)
    beyond = on.log(1 + on.larger(s, on.number(KNEE)))
    return on.smaller(on.number(SLOPE) * s, beyond * beyond)


def linear(eps: Number, alpha: Number, *, on: Arithmetic = BALL) -> Number:
    r"""``2 (1 - alpha)/alpha * eps``: order 1/alpha, always below `pinsker`, constant optimal as eps -> 0.

    *Proof.* Data processing: ``KL(q(.|x) || p(.|x)) >= kl(q_z, p_z)``. For q > p and ``L = log(q/p)``,
    ``kl(q,p) = int_0^L q (1 - e^-y)/(1 - q e^-y) dy``; the integrand increases in q >= alpha e^L, so it is at least
    ``alpha y/(1 - alpha)``; the same for q < p. Hence ``kl >= alpha L^2 / (2 (1 - alpha))``; take expectations.
    alpha may be taken for this z alone.
    """
    alpha = _share(alpha, on)
    return 2 * (1 - alpha) / alpha * _gap(eps, on)


def binary_kl(q: Number, p: Number, *, on: Arithmetic = BALL) -> Number:
    """``kl(q, p) = q log(q/p) + (1-q) log((1-q)/(1-p))``, nats."""
    return q * on.log(q / p) + (1 - q) * on.log((1 - q) / (1 - p))


@dataclass(frozen=True)
class Envelope:
    """A certified line ``slope * eps + height`` above ``phi``, hence above its concave envelope, for every eps."""

    slope: Fraction
    height: Fraction

    def at(self, eps: Number, *, on: Arithmetic = BALL) -> Number:
        return on.number(self.slope) * on.number(eps) + on.number(self.height)


def envelope(eps: float, alpha: Fraction, states: int, *, slack: float = 1e-4) -> Envelope:
    r"""The best bound that depends on (eps, alpha, K) only: the concave envelope at eps of

        phi(t) = max { log^2(q/p) : kl(q,p) <= t, alpha <= p, q <= 1 - (K-1) alpha },

    from above by at most the relative `slack`, certified. *Proof of optimality*: a pair (q, p) extends to K points with
    the same divergence by spreading the rest evenly, and two values of x realise the concave mixture (|X| >= 2).
    *How.* For given ``L = |log(q/p)|`` the divergence is smallest where the smaller one is alpha, so with
    ``t_1(L) = kl(alpha e^L, alpha)``, ``t_2(L) = kl(alpha, alpha e^L)`` every slope c gives the line
    ``c eps + max_L max_i (L^2 - c t_i(L))`` above it (duality); the slope is found in floats, the maximum certified.
    Raises MisuseError where the maximum cannot be certified within the slack.
    """
    _alpha(alpha, states, FLOAT)
    guess = approximate_envelope(eps, float(alpha), states, pieces=1000)
    above = float(guess.height) + slack * guess.at(eps, on=FLOAT)
    slope, height = guess.slope, Fraction(above).limit_denominator(10**18)
    if not certified_height(slope, height, alpha, states):
        tangent = Envelope(2 * (1 - Fraction(alpha)) / Fraction(alpha), Fraction(0))
        if tangent.at(eps, on=FLOAT) <= (1 + slack) * guess.at(eps, on=FLOAT):
            return tangent  # for tiny eps, which leaves a subdivision no room: the line of `linear`, which is proved
        got = f"slope {slope}, height {height} at alpha {alpha}"
        raise MisuseError(wanted="a line certainly above the curve", got=got, do="allow more slack")
    return Envelope(slope, height)


def approximate_envelope(eps: float, alpha: float, states: int, *, pieces: int = 200) -> Envelope:
    """The line of `envelope` before it is certified, in floats: for searches."""
    slope = _supporting_slope(eps, alpha, states, pieces)
    return Envelope(slope, Fraction(_height(float(slope), alpha, states, pieces)).limit_denominator(10**18))


def certified_height(slope: Fraction, height: Fraction, alpha: Fraction, states: int) -> bool:
    """Whether ``L^2 - slope t_i(L) <= height`` on ``[0, log((1-(K-1) alpha)/alpha)]`` for both curves, certified."""
    on, c = BALL, BALL.number(slope)
    a = on.number(alpha)
    interval = (on.number(0), on.log((1 - (states - 1) * a) / a))
    curves: tuple[tuple[Callable[[Number], Number], Callable[[Number], Number]], ...] = (
        (
            lambda s: s * s - c * binary_kl(a * on.exp(s), a, on=on),
            lambda s: 2 * s - c * a * on.exp(s) * (s + on.log((1 - a) / (1 - a * on.exp(s)))),
        ),
        (
            lambda s: s * s - c * binary_kl(a, a * on.exp(s), on=on),
            lambda s: 2 * s - c * (a * on.exp(s) - a) / (1 - a * on.exp(s)),
        ),
    )
    ceiling = on.number(height)
    return all(stays_below(f, slope_of_f, interval, ceiling) is True for f, slope_of_f in curves)


def witness_gap(delta: Number, norm: Number, alpha: Number, *, on: Arithmetic = BALL) -> Number:
    r"""Lower bound on ``KL(q || p(.|x))`` for **any** q of the family, from a witness (theory: section 2).

    ``Delta = sum_i b_i [log p(x, z_i) - log k(z_i)]`` with ``sum b_i = 0``, ``sum b_i psi(z_i) = 0``: then some
    ``|log(q(z_i)/p(z_i|x))| >= L = |Delta| / ||b||_1``, and by data processing, with ``alpha = min_i p(z_i|x)``,

        KL >= min { kl(alpha e^-L, alpha), kl(alpha e^L, alpha) if alpha e^L < 1 }.
    """
    delta, alpha, norm = on.number(delta), _share(alpha, on), on.number(norm)
    if on.less(on.number(0), norm) is False:
        raise MisuseError(wanted="a positive norm ||b||_1", got=f"norm = {norm}", do="take weights that are not all 0")
    length = on.larger(delta, -delta) / norm
    below = binary_kl(alpha * on.exp(-length), alpha, on=on)
    raised = alpha * on.exp(length)
    if on.less(raised, on.number(1)) is False:
        return below
    return on.smaller(below, binary_kl(raised, alpha, on=on))


def two_bit_gap(delta: Number, *, on: Arithmetic = BALL) -> Number:
    """``delta^2 / 2 <= KL(q || p)`` for every factorised q on two bits, ``delta = p00 p11 - p01 p10``.

    *Proof.* ``g(p) = p00 p11 - p01 p10`` vanishes at a factorised q. Its gradient along the segment from q to p has
    entries that are probabilities, so ``|delta| <= ||q - p||_1 = 2 TV``; Pinsker gives ``KL >= 2 TV^2``.
    """
    delta = on.number(delta)
    return delta * delta / 2


def _alpha(alpha: Number, states: int, on: Arithmetic) -> Number:
    """alpha as a number of the arithmetic; MisuseError unless ``0 < alpha < 1/K``, where that can be told."""
    number = on.number(alpha)
    inside = (on.less(on.number(0), number), on.less(number * states, on.number(1)))
    too_large = (alpha * states >= 1) is True  # 1/K itself is a tie in balls, but not as the rational it came as
    if states < 2 or too_large or False in inside:
        got = f"alpha = {alpha}, K = {states}"
        raise MisuseError(wanted="0 < alpha < 1/K, K >= 2", got=got, do="bound every probability from below by alpha")
    return number


def _share(alpha: Number, on: Arithmetic) -> Number:
    """alpha as a number of the arithmetic; MisuseError unless ``0 < alpha < 1``, where that can be told."""
    number = on.number(alpha)
    if False in (on.less(on.number(0), number), on.less(number, on.number(1))):
        do = "bound every probability from below by alpha"
        raise MisuseError(wanted="0 < alpha < 1", got=f"alpha = {alpha}", do=do)
    return number


def _gap(eps: Number, on: Arithmetic) -> Number:
    """eps as a number of the arithmetic; MisuseError for a negative one (where that can be told), NaN and infinity."""
    number = on.number(eps)
    if on.less(number, on.number(0)) is True or (isinstance(number, float) and not isfinite(number)):
        raise MisuseError(wanted="a finite gap of at least 0", got=f"eps = {eps}", do="compute the gap first")
    return number


def _lengths(alpha: float, states: int, pieces: int) -> list[float]:
    """Values of L up to its largest, ascending: an even grid and a geometric one."""
    longest = log((1 - (states - 1) * alpha) / alpha)
    steps = [step / pieces for step in range(1, pieces + 1)]
    return [0.0, *sorted(longest * share for part in steps for share in (part, exp(OCTAVES * (part - 1))))]


def _upper_kl(length: float, alpha: float) -> float:
    """``kl(alpha e^L, alpha)``, accurate for small L."""
    q, shift = alpha * exp(length), -alpha * expm1(length) / (1 - alpha)
    return q * length + ((1 - q) * log1p(shift) if shift > -1 else 0.0)  # in floats q reaches 1 for the smallest alpha


def _lower_kl(length: float, alpha: float) -> float:
    """``kl(alpha, alpha e^L)``, accurate for small L."""
    shift = -alpha * expm1(length) / (1 - alpha)
    return -alpha * length - (1 - alpha) * log1p(shift) if shift > -1 else float("inf")


def _supporting_slope(eps: float, alpha: float, states: int, pieces: int) -> Fraction:
    """The slope at eps of the upper concave hull of the curves; 0 beyond their end."""
    if not (eps >= 0.0 and isfinite(eps)):
        raise MisuseError(wanted="a finite gap of at least 0", got=f"eps = {eps}", do="compute the gap first")
    hull: list[tuple[float, float]] = []
    curves = [
        (t(length, alpha), length**2) for length in _lengths(alpha, states, pieces) for t in (_upper_kl, _lower_kl)
    ]
    for point in sorted(curves):
        while len(hull) > 1 and _turns_up(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    for left, right in pairwise(hull):
        if left[0] <= eps < right[0] and right[1] > left[1]:
            return Fraction((right[1] - left[1]) / (right[0] - left[0])).limit_denominator(10**12)
    return Fraction(0)


def _turns_up(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) >= (c[0] - a[0]) * (b[1] - a[1])


def _height(slope: float, alpha: float, states: int, pieces: int) -> float:
    """``max_L max_i (L^2 - slope t_i(L))`` in floats: the best of the grid, refined between its neighbours."""
    lengths = _lengths(alpha, states, pieces)
    return max(_peak(slope, kl, alpha, lengths) for kl in (_upper_kl, _lower_kl))


def _peak(slope: float, kl: Callable[[float, float], float], alpha: float, grid: list[float]) -> float:
    """The maximum of ``L^2 - slope kl(L)``: by golden sections around the best point of the grid."""

    def f(length: float) -> float:
        return length * length - slope * kl(length, alpha)

    best = max(range(len(grid)), key=lambda i: f(grid[i]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    for _ in range(60):
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        low, high = (low, right) if f(left) >= f(right) else (left, high)
    return max(f(grid[best]), f((low + high) / 2))
