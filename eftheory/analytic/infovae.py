r"""InfoVAE in closed form: the forms of its objective, when its weights are admissible, and the two-point example.

A finite model is four tables: data ``pd(x)``, prior ``p(z)``, decoder ``p(x|z)`` and encoder ``q(z|x)``, a row for each
x. They give two joints, ``q(x,z) = pd(x) q(z|x)`` and ``p(x,z) = p(z) p(x|z)``. Every formula takes the arithmetic to
compute in as ``on``; with rational tables and `eftheory.exact.loglinear.LOGS` equality is decided. Unit: nats.

Source: Zhao, Song, Ermon, InfoVAE (2019), eqs. (2) to (6), Propositions 1 and 2; theory: section 9.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp

from eftheory.errors import MisuseError, unknown
from eftheory.exact.arithmetic import BALL, FLOAT, SYMBOL, Arithmetic, Number

Vector = Sequence[Number]
Table = Sequence[Sequence[Number]]
HALF = Fraction(1, 2)
DIVERGENCES = ("kl", "mmd", "stein", "adversarial")
"""What may stand for the divergence between q(z) and p(z)."""


def admissible(alpha: float, weight: float, divergence: str) -> str | None:
    """Why (alpha, lambda) must not be trained with this divergence, in one sentence; None where it may.

    weight: lambda. At fixed mutual information the exact model is optimal when, for KL, ``lambda > 0``; for another
    strict divergence, ``1 - alpha >= 0`` and ``alpha + lambda - 1 >= 0``, not both zero (sufficient). The paper asks
    for ``alpha < 1, lambda > 0`` and concludes ``alpha + lambda - 1 > 0``, which does not follow (Proposition 2).
    Raises MisuseError for an unknown divergence and for weights that are not finite.
    """
    if divergence not in DIVERGENCES:
        raise unknown("divergence", str(divergence), DIVERGENCES)
    exact_alpha, exact_weight = _as_written("alpha", alpha), _as_written("weight (lambda)", weight)
    if divergence == "kl":
        return (
            None if exact_weight > 0 else f"lambda = {weight} is not positive, so that KL(q(z), p(z)) is not penalised"
        )
    rate, mismatch = 1 - exact_alpha, exact_alpha + exact_weight - 1
    if mismatch < 0:
        shown = float(mismatch)
        return f"alpha + lambda - 1 = {shown:g} is negative, so that a mismatch of q(z) and p(z) is rewarded"
    if rate < 0:
        return f"alpha = {alpha} is above 1, so that KL(q(z|x), p(z)) is rewarded"
    if rate == 0 and mismatch == 0:
        return "alpha = 1 and lambda = 0 leave nothing that draws q(z) to p(z): a plain autoencoder"
    return None


def _as_written(name: str, value: object) -> Fraction:
    """The number that its decimals say: 0.57 + 0.43 is 1, whatever floats add up to."""
    try:
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise MisuseError(wanted=f"a finite {name}", got=repr(value), do="give a number") from None


# --- finite models ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tables:
    """data: (X), prior: (Z), decoder p(x|z) and encoder q(z|x): (X, Z); exact numbers, floats or symbols.

    Distributions are taken as given (claims state it among their hypotheses). Entries of data and encoder may be zero.
    Raises MisuseError for shapes that do not match.
    """

    data: Vector
    prior: Vector
    decoder: Table
    encoder: Table

    def __post_init__(self) -> None:
        shape = (len(self.data), len(self.prior))
        for name, table in (("decoder", self.decoder), ("encoder", self.encoder)):
            if len(table) != shape[0] or any(len(row) != shape[1] for row in table):
                got = f"{len(table)} rows of {sorted({len(row) for row in table})}"
                raise MisuseError(wanted=f"{name} of shape {shape[0]} x {shape[1]}", got=got, do="a row for each x")

    @property
    def code(self) -> Table:
        """``q(x,z) = pd(x) q(z|x)``, (X, Z)."""
        return [[weight * q for q in row] for weight, row in zip(self.data, self.encoder, strict=True)]

    @property
    def model(self) -> Table:
        """``p(x,z) = p(z) p(x|z)``, (X, Z)."""
        return [[weight * p for weight, p in zip(self.prior, row, strict=True)] for row in self.decoder]

    @property
    def aggregate(self) -> Vector:
        """``q(z) = sum_x pd(x) q(z|x)``, (Z)."""
        return [sum(column[1:], column[0]) for column in zip(*self.code, strict=True)]

    @property
    def evidence(self) -> Vector:
        """``p(x)``, (X)."""
        return [sum(row[1:], row[0]) for row in self.model]

    def reconstruction(self, on: Arithmetic) -> Number:
        """``E_q(x,z) log p(x|z)``."""
        return _mean_log(_cells(self.code, self.decoder), on)

    def rate(self, on: Arithmetic) -> Number:
        """``E_pd KL(q(z|x) || p(z))``."""
        return _mean_log(
            (
                (w, q / p)
                for row, encoder in zip(self.code, self.encoder, strict=True)
                for w, q, p in zip(row, encoder, self.prior, strict=True)
            ),
            on,
        )

    def mismatch(self, on: Arithmetic) -> Number:
        """``KL(q(z) || p(z))``."""
        return kl(self.aggregate, self.prior, on=on)

    def information(self, on: Arithmetic) -> Number:
        """The mutual information ``I_q(x; z)``."""
        return _mean_log(
            (
                (w, q / total)
                for row, encoder in zip(self.code, self.encoder, strict=True)
                for w, q, total in zip(row, encoder, self.aggregate, strict=True)
                if _counts(w)
            ),
            on,
        )

    def inverse_error(self, on: Arithmetic) -> Number:
        """``E_q(z) KL(q(x|z) || p(x|z))``: how far the decoder is from inverting the encoder."""
        return _mean_log(
            (
                (w, w / total / p)
                for row, decoder in zip(self.code, self.decoder, strict=True)
                for w, total, p in zip(row, self.aggregate, decoder, strict=True)
                if _counts(w)
            ),
            on,
        )

    def gap(self, on: Arithmetic) -> Number:
        """``E_pd KL(q(z|x) || p(z|x))``."""
        return _mean_log(
            (
                (w, q * total / p)
                for row, encoder, model, total in zip(self.code, self.encoder, self.model, self.evidence, strict=True)
                for w, q, p in zip(row, encoder, model, strict=True)
            ),
            on,
        )

    def negative_entropy(self, on: Arithmetic) -> Number:
        """``E_pd log pd(x)``: the constant between the ELBO and its forms (2) to (4)."""
        return _mean_log(zip(self.data, self.data, strict=True), on)

    # the ELBO and its forms

    def elbo(self, on: Arithmetic) -> Number:
        """``E_pd [E_q log p(x|z) - KL(q(z|x) || p(z))]``, eq. (1)."""
        return self.reconstruction(on) - self.rate(on)

    def joint_form(self, on: Arithmetic) -> Number:
        """``-KL(q(x,z) || p(x,z))``, eq. (2): the ELBO less `negative_entropy`."""
        pairs = zip(self.code, self.model, strict=True)
        return on.number(0) - _mean_log(((q, q / p) for pair in pairs for q, p in zip(*pair, strict=True)), on)

    def evidence_form(self, on: Arithmetic) -> Number:
        """``-KL(pd || p(x)) - E_pd KL(q(z|x) || p(z|x))``, eq. (3)."""
        return on.number(0) - kl(self.data, self.evidence, on=on) - self.gap(on)

    def latent_form(self, on: Arithmetic) -> Number:
        """``-KL(q(z) || p(z)) - E_q(z) KL(q(x|z) || p(x|z))``, eq. (4)."""
        return on.number(0) - self.mismatch(on) - self.inverse_error(on)

    # InfoVAE

    def information_form(self, alpha: Number, weight: Number, on: Arithmetic) -> Number:
        """``-lambda KL(q(z)||p(z)) - E_q(z) KL(q(x|z)||p(x|z)) + alpha I_q(x;z)``, eq. (5)."""
        return on.number(alpha) * self.information(on) - on.number(weight) * self.mismatch(on) - self.inverse_error(on)

    def objective(self, alpha: Number, weight: Number, on: Arithmetic, divergence: Number | None = None) -> Number:
        """``E log p(x|z) - (1-alpha) E KL(q(z|x)||p(z)) - (alpha+lambda-1) D(q(z)||p(z))``, eq. (6).

        divergence: the value of D, a number of the arithmetic; KL without. For KL it is eq. (5) plus
        `negative_entropy`. (0, 1) is the ELBO, alpha + lambda = 1 the beta-VAE with beta = lambda, (1, 1) the
        adversarial autoencoder.
        """
        beyond = self.mismatch(on) if divergence is None else divergence
        return self.reconstruction(on) - on.number(1 - alpha) * self.rate(on) - on.number(alpha + weight - 1) * beyond

    def deficit(self, alpha: Number, weight: Number, on: Arithmetic, divergence: Number | None = None) -> Number:
        r"""What eq. (6) lacks to its maximum at this mutual information, ``E_pd log pd + alpha I_q(x;z)``:

            E_q(z) KL(q(x|z)||p(x|z)) + (1-alpha) KL(q(z)||p(z)) + (alpha+lambda-1) D(q(z)||p(z)).

        For admissible weights every term is >= 0, and all vanish only for ``q(x,z) = p(x,z)`` (Proposition 2).
        """
        mismatch = self.mismatch(on)
        beyond = mismatch if divergence is None else divergence
        return self.inverse_error(on) + on.number(1 - alpha) * mismatch + on.number(alpha + weight - 1) * beyond


def kl(q: Vector, p: Vector, *, on: Arithmetic) -> Number:
    """``KL(q || p) = sum_i q_i log(q_i/p_i)``; terms with ``q_i = 0`` are absent."""
    return _mean_log(((a, a / b) for a, b in zip(q, p, strict=True)), on)


def jensen_shannon(q: Vector, p: Vector, *, on: Arithmetic) -> Number:
    """``(KL(q || m) + KL(p || m))/2`` with ``m = (q + p)/2``: what a perfect discriminator gives; at most log 2."""
    middle = [(a + b) / 2 for a, b in zip(q, p, strict=True)]
    return on.number(HALF) * (kl(q, middle, on=on) + kl(p, middle, on=on))


def _cells(weights: Table, arguments: Table) -> Iterable[tuple[Number, Number]]:
    return (pair for rows in zip(weights, arguments, strict=True) for pair in zip(*rows, strict=True))


def _mean_log(terms: Iterable[tuple[Number, Number]], on: Arithmetic) -> Number:
    """``sum w log a`` over (w, a); terms of weight zero are absent."""
    total = on.number(0)
    for weight, argument in terms:
        if _counts(weight):
            total = total + on.number(weight) * on.log(on.number(argument))
    return total


def _counts(weight: Any) -> bool:
    """Whether a weight is other than zero: exact for rationals, floats and symbols."""
    return bool(weight != 0)


# --- Proposition 1: two points ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TwoPoints:
    r"""Data -1 and 1; ``p(x|z) = N(sign z, s2)``, ``q(z|x) = N(c x, l^2)``, prior N(0, 1), the best s2.

    c, l: positive numbers of the arithmetic `on`, or rationals. With ``Q = Phi(-c/l)``, the mass of q(z|x) on the wrong
    side, ``E_q log p(x|z) = -1/2 log(2 pi s2) - 2 Q/s2`` is largest at ``s2 = 4 Q``. By symmetry both x are alike.
    As l -> 0 the ELBO tends to +infinity, and so does the gap (Proposition 1; theory: section 9).
    """

    c: Number
    l: Number  # noqa: E741  (the paper's lambda, which is the weight here)
    on: Arithmetic

    @property
    def wrong_side(self) -> Number:
        """``Q = Phi(-c/l) = erfc(c/(l sqrt 2))/2``."""
        return normal_tail(self._ratio, on=self.on)

    @property
    def variance(self) -> Number:
        """The optimal ``s2 = 4 Q``."""
        return 4 * self.wrong_side

    @property
    def rate(self) -> Number:
        """``KL(q(z|x) || p(z)) = -log l + (l^2 + c^2 - 1)/2``."""
        c, width = (self.on.number(value) for value in (self.c, self.l))
        return (width**2 + c**2 - 1) / 2 - self.on.log(width)

    @property
    def elbo(self) -> Number:
        """``-1/2 log Q - log 2 - 1/2 log 2 pi - 1/2 - KL(q(z|x) || p(z))``."""
        return self.elbo_of(log_normal_tail(self._ratio, on=self.on), self.on.log(2 * pi(self.on)))

    def elbo_of(self, log_tail: Number, log_circle: Number) -> Number:
        """The ELBO from log Q and log(2 pi); it decreases in both, so that bounds on them give bounds on it."""
        half = self.on.number(HALF)
        return -half * (log_tail + log_circle + 1) - self.on.log(self.on.number(2)) - self.rate

    def elbo_at(self, variance: Number) -> Number:
        """The ELBO with another s2."""
        s2 = self.on.number(variance)
        return -self.on.log(2 * pi(self.on) * s2) / 2 - 2 * self.wrong_side / s2 - self.rate

    @property
    def gap(self) -> Number:
        """``KL(q(z|x) || p(z|x)) = KL(q(z|x) || p(z)) - log 2 + 1/2 + log(1 + exp(-1/(2 Q)))``, for both x.

        From ``p(z|x) = 2 p(z)/(1 + exp(-2/s2))`` on the right side of 0, times ``exp(-2/s2)`` on the wrong one.
        """
        odds = self.on.exp(-log_normal_tail(self._ratio, on=self.on))  # 1/Q, also where Q is too small for balls
        return self.least_gap + self.on.log(1 + self.on.exp(-odds / 2))

    @property
    def least_gap(self) -> Number:
        """``KL(q(z|x) || p(z)) - log 2 + 1/2``, below the gap, and by less than ``(l/c)^2``.

        ``log(1 + e^(-1/(2Q))) <= 2 Q`` and ``2 Q = P(|N| > c/l) <= (l/c)^2`` (Chebyshev).
        """
        return self.rate - self.on.log(self.on.number(2)) + self.on.number(HALF)

    @property
    def log_evidence(self) -> Number:
        """``log p(x)``, for both x: the ELBO plus the gap."""
        return self.elbo + self.gap

    @property
    def _ratio(self) -> Number:
        return self.on.number(self.c) / self.on.number(self.l)


def normal_tail(t: Number, *, on: Arithmetic) -> Number:
    """``Q(t) = Phi(-t) = erfc(t/sqrt 2)/2``, in floats, balls or symbols. Raises MisuseError for other arithmetics."""
    t = on.number(t)
    if on is FLOAT:
        return math.erfc(t / math.sqrt(2)) / 2
    if on is BALL:
        return (t / BALL.number(2).sqrt()).erfc() / 2
    if on is SYMBOL:
        return sp.erfc(t / sp.sqrt(2)) / 2
    raise _no_context(on)


def log_normal_tail(t: Number, *, on: Arithmetic) -> Number:
    """``log Q(t)``, t > 0; in balls for every t, also where Q is too small for erfc (below about e^-1e12).

    There by ``erfc(y) = exp(-y^2) U(1/2, 1/2, y^2)/sqrt(pi)``, U the confluent hypergeometric function.
    """
    if on is not BALL:
        return on.log(normal_tail(t, on=on))
    square, half = BALL.number(t) ** 2 / 2, BALL.number(HALF)
    return square.hypgeom_u(half, half).log() - square - pi(BALL).log() / 2 - BALL.number(2).log()


def log_mills(t: Number, log_circle: Number, *, on: Arithmetic) -> tuple[Number, Number]:
    r"""(lower, upper) for log Q(t), t > 0, elementary: ``phi(t) t/(1+t^2) <= Q(t) <= phi(t)/t``.

    log_circle: log(2 pi), or a bound on it (from above for the lower one, from below for the upper one).
    *Proof.* The derivatives of ``Q - phi/t`` and ``Q - phi t/(1+t^2)`` are ``phi/t^2 > 0`` and
    ``-2 phi/(1+t^2)^2 < 0``, and both tend to 0 as t grows.
    """
    t = on.number(t)
    density = -(t**2 + log_circle) / 2
    return density + on.log(t / (1 + t**2)), density - on.log(t)


def pi(on: Arithmetic) -> Number:
    """The number pi of the arithmetic."""
    if on is FLOAT:
        return math.pi
    if on is BALL:
        return 4 * BALL.number(1).atan()
    if on is SYMBOL:
        return sp.pi
    raise _no_context(on)


def _no_context(on: object) -> MisuseError:
    return MisuseError(wanted="FLOAT, BALL or SYMBOL", got=type(on).__name__, do="evaluate there, or bound it")
