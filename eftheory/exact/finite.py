"""A finite VAE given by odds: every probability is rational; only logarithms need balls (theory: sections 1 and 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flint import fmpq

from eftheory.errors import MisuseError
from eftheory.exact import tables
from eftheory.exact.arithmetic import BALL, Arithmetic, Number
from eftheory.exact.side import Rational, Side, Vector, refuse_unless_positive, side, vector
from eftheory.exact.side import rationals as rationals
from eftheory.exact.tables import Table

FIELDS = ("h", "nu", "theta", "prior", "k", "psi", "gamma", "pd")
"""The numbers that give an instance, by their names in certificates."""


@dataclass(frozen=True)
class FiniteVAE:
    """Decoder ``p(x|z)`` with ``f(z) = log theta[z]``, encoder ``q(z|x)`` with ``g(x) = log gamma[x]``, a prior, data.

    x, z: the two sides (nu, h and psi, k; integer statistics). theta: (points z, n), gamma: (points x, m), odds.
    prior: (points z), positive, sums to 1. data: pd(x), (points x), not negative, sums to 1.
    Raises MisuseError for shapes that do not match, statistics that are no integers, odds or a prior with a zero,
    distributions that are not normalised.
    """

    x: Side
    z: Side
    theta: tuple[Vector, ...]
    prior: Vector
    gamma: tuple[Vector, ...]
    data: Vector

    def __post_init__(self) -> None:
        _refuse_shape("theta", self.theta, self.z.count, self.x.width)
        _refuse_shape("gamma", self.gamma, self.x.count, self.z.width)
        for what, rows in (("odds theta", self.theta), ("odds gamma", self.gamma)):
            for row in rows:
                refuse_unless_positive(row, what)
        for row in (*self.x.statistics, *self.z.statistics):
            tables.monomial([fmpq(1)] * len(row), row)  # refuses statistics that are no integers
        _refuse_unless_distribution("prior", self.prior, self.z.count)
        _refuse_unless_distribution("data distribution pd", self.data, self.x.count)
        refuse_unless_positive(self.prior, "prior")

    @cached_property
    def decoder(self) -> Table:
        """``p(x|z)``, (points x, points z)."""
        columns = [_conditional(self.x, odds) for odds in self.theta]
        return [list(row) for row in zip(*columns, strict=True)]

    @cached_property
    def encoder(self) -> Table:
        """``q(z|x)``, (points x, points z)."""
        return [_conditional(self.z, odds) for odds in self.gamma]

    @cached_property
    def joint(self) -> Table:
        """``p(x,z) = p(z) p(x|z)``."""
        return tables.joint(self.decoder, self.prior)

    @cached_property
    def evidence(self) -> list[fmpq]:
        """``p(x)``."""
        return tables.marginal_x(self.joint)

    @cached_property
    def posterior(self) -> Table:
        """``p(z|x)``, (points x, points z)."""
        return tables.posterior(self.joint)

    @cached_property
    def alpha(self) -> fmpq:
        """The largest number that bounds every ``q(z|x)`` and ``p(z|x)`` from below (section 3)."""
        return min(entry for table in (self.encoder, self.posterior) for row in table for entry in row)

    @property
    def is_tight(self) -> bool:
        """Whether ``q(z|x) = p(z|x)`` wherever pd(x) > 0: the gap is zero, decided in Q."""
        rows = zip(self.data, self.encoder, self.posterior, strict=True)
        return all(q == p for weight, q, p in rows if weight != 0)

    def log_evidence(self, on: Arithmetic = BALL) -> Number:
        """``E_pd log p(x)``, nats."""
        return expectation(self.data, self.evidence, on)

    def elbo(self, on: Arithmetic = BALL) -> Number:
        """``E_pd [E_q log p(x|z) - KL(q || p(z))]``, eq. (1a), nats."""
        total = on.number(0)
        for weight, q_row, decoder_row in zip(self.data, self.encoder, self.decoder, strict=True):
            if weight != 0:
                gains = [p * prior / q for q, p, prior in zip(q_row, decoder_row, self.prior, strict=True)]
                total += on.number(weight) * expectation(q_row, gains, on)
        return total

    def kl(self, on: Arithmetic = BALL) -> list[Number]:
        """``KL(q(.|x) || p(.|x))`` for every x, nats."""
        return [relative_entropy(q, p, on) for q, p in zip(self.encoder, self.posterior, strict=True)]

    def gap(self, on: Arithmetic = BALL) -> Number:
        """``eps = E_pd KL(q(.|x) || p(.|x))``, nats (Definition 1)."""
        total = on.number(0)
        for weight, kl in zip(self.data, self.kl(on), strict=True):
            total += on.number(weight) * kl
        return total

    def as_dict(self) -> dict[str, Any]:
        """The instance as rational strings, by the names in `FIELDS`."""
        return {
            "h": text(self.x.base),
            "nu": text(self.x.statistics),
            "theta": text(self.theta),
            "prior": text(self.prior),
            "k": text(self.z.base),
            "psi": text(self.z.statistics),
            "gamma": text(self.gamma),
            "pd": text(self.data),
        }

    @staticmethod
    def from_dict(instance: Mapping[str, Any]) -> FiniteVAE:
        """Inverse of `as_dict`; other entries are ignored. Raises MisuseError for a missing one."""
        missing = [name for name in FIELDS if name not in instance]
        if missing:
            raise MisuseError(wanted=f"an instance with {', '.join(FIELDS)}", got=f"no {missing[0]}", do="add it")
        return finite_vae(
            side(instance["nu"], instance["h"]),
            side(instance["psi"], instance["k"]),
            theta=instance["theta"],
            prior=instance["prior"],
            gamma=instance["gamma"],
            data=instance["pd"],
        )


def finite_vae(
    x: Side,
    z: Side,
    *,
    theta: Sequence[Sequence[Rational]],
    prior: Sequence[Rational],
    gamma: Sequence[Sequence[Rational]],
    data: Sequence[Rational],
) -> FiniteVAE:
    """`FiniteVAE` from plain numbers: rationals, strings, or floats as the dyadic rationals they are."""
    return FiniteVAE(x, z, rationals(theta), vector(prior), rationals(gamma), vector(data))


def harmonium(x: Side, z: Side, odds: Sequence[Sequence[Rational]], data: Sequence[Rational]) -> FiniteVAE:
    """The tight VAE of Theorem 1: ``f = W psi + u``, ``g = W' nu + v`` and the implied prior, eqs. (5) to (7).

    odds = exp(Wb): (n + 1, m + 1), the last row v, the last column u, the corner ignored. Integer statistics.
    """
    bordered = rationals(odds)
    if len(bordered) != x.width + 1 or any(len(row) != z.width + 1 for row in bordered):
        got = f"{len(bordered)} x {len(bordered[0]) if bordered else 0}"
        raise MisuseError(wanted=f"odds of shape {x.width + 1} x {z.width + 1}", got=got, do="border W with u and v")
    for row in (*bordered[:-1], bordered[-1][:-1]):
        refuse_unless_positive(row, "odds")
    theta = [[tables.monomial(row, [*psi, fmpq(1)]) for row in bordered[:-1]] for psi in z.statistics]
    columns = list(zip(*bordered, strict=True))[:-1]
    gamma = [[tables.monomial(column, [*nu, fmpq(1)]) for column in columns] for nu in x.statistics]
    table = tables.harmonium_table(x.statistics, x.base, z.statistics, z.base, bordered)
    return FiniteVAE(x, z, rationals(theta), tuple(tables.marginal_z(table)), rationals(gamma), vector(data))


def from_tables(
    *,
    prior: Sequence[Rational],
    decoder: Sequence[Sequence[Rational]],
    encoder: Sequence[Sequence[Rational]],
    data: Sequence[Rational],
) -> FiniteVAE:
    """A VAE from tables ``p(x|z)`` and ``q(z|x)``, both (points x, points z), with one-hot statistics on both sides.

    Raises MisuseError for zeros, and where a conditional does not sum to 1 exactly.
    """
    decoder_rows, encoder_rows = rationals(decoder), rationals(encoder)
    x, z = one_hot(len(decoder_rows)), one_hot(len(tuple(prior)))
    _refuse_shape("decoder", decoder_rows, x.count, z.count)
    _refuse_shape("encoder", encoder_rows, x.count, z.count)
    columns = list(zip(*decoder_rows, strict=True))
    for what, conditionals in (("decoder p(.|z)", columns), ("encoder q(.|x)", encoder_rows)):
        for row in conditionals:
            _refuse_unless_distribution(what, row, len(row))
            refuse_unless_positive(row, what)
    theta = tuple(tuple(p / column[-1] for p in column[:-1]) for column in columns)
    gamma = tuple(tuple(q / row[-1] for q in row[:-1]) for row in encoder_rows)
    return FiniteVAE(x, z, theta, vector(prior), gamma, vector(data))


def one_hot(count: int) -> Side:
    """`count` points with the ``count - 1`` free indicator statistics."""
    return side([[int(i == j) for j in range(count - 1)] for i in range(count)])


def expectation(weights: Sequence[fmpq], arguments: Sequence[fmpq], on: Arithmetic = BALL) -> Number:
    """``sum_i weights_i log arguments_i``, nats; terms of weight zero are absent."""
    total = on.number(0)
    for weight, argument in zip(weights, arguments, strict=True):
        if weight != 0:
            total += on.number(weight) * on.log(on.number(argument))
    return total


def relative_entropy(q: Sequence[fmpq], p: Sequence[fmpq], on: Arithmetic = BALL) -> Number:
    """``KL(q || p) = sum_i q_i log(q_i / p_i)``, nats."""
    return expectation(q, [a / b for a, b in zip(q, p, strict=True)], on)


def text(numbers: Any) -> Any:
    """Nested rationals as nested strings."""
    return [text(entry) for entry in numbers] if isinstance(numbers, list | tuple) else str(numbers)


def _conditional(space: Side, odds: Vector) -> list[fmpq]:
    mass = [b * tables.monomial(odds, s) for b, s in zip(space.base, space.statistics, strict=True)]
    total = sum(mass, fmpq(0))
    return [m / total for m in mass]


def _refuse_shape(what: str, rows: Sequence[Sequence[object]], count: int, width: int) -> None:
    if len(rows) != count or any(len(row) != width for row in rows):
        got = f"{len(rows)} x {len(rows[0]) if rows else 0}"
        raise MisuseError(wanted=f"{what} of shape {count} x {width}", got=got, do="give a row for each point")


def _refuse_unless_distribution(what: str, numbers: Sequence[fmpq], count: int) -> None:
    total, least = sum(numbers, fmpq(0)), min(numbers, default=fmpq(0))
    if len(numbers) != count or total != 1 or least < 0:
        got = f"{len(numbers)} numbers with sum {total}" + (f" and {least} among them" if least < 0 else "")
        do = "normalise it exactly, in rationals: floats add up to 1 only up to rounding"
        raise MisuseError(wanted=f"{what}: {count} probabilities with sum 1", got=got, do=do)
