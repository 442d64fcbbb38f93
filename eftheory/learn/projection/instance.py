"""A small exact model made of a trained one, for certificates: the model conditioned on x in a few rows of data.

Conditioning on ``x in S`` leaves every posterior p(z|x), x in S, and every gap as they are, and adds a constant to
log p(x, z). On S the statistics nu may be replaced by the indicators of its points: where (nu(x), 1) are independent on
S both span every function, so that the least squares of Proposition A.1 is exact there and its error is R_z itself.
Odds become dyadic rationals of `BITS` bits near the float64 values; the largest change of a log-odds is stated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.exact.finite import FiniteVAE, finite_vae, text
from eftheory.exact.projection import coefficients
from eftheory.exact.side import Side, family_side, side
from eftheory.learn.datasets.sparse import SparseRows
from eftheory.learn.densities.products import Rows, taken
from eftheory.learn.models.model import VAE
from eftheory.learn.projection.measure import log_joint

BITS = 40
LARGEST = 2**11
"""Pairs (x, z) of an instance, at most: a certificate is to be re-checked in a minute or so."""
LONGEST = 2500.0
"""Nats of a log-odds, at most: beyond, deciding takes hours and the rationals more digits than Python reads."""


@dataclass(frozen=True)
class Instance:
    """vae: exact; rows: which rows of data S is; places: of its latents among the model's.

    change: the largest change of ``log p(x,z)`` (up to a constant) and of ``log q(z|x)`` by the rounding, nats.
    """

    vae: FiniteVAE
    rows: tuple[int, ...]
    places: tuple[int, ...]
    change: float

    def fields(self, claim: str, weights: Sequence[int] = ()) -> dict[str, Any]:
        """What the claim's instance holds, as strings: ``thm-2``, ``thm-2-linear`` or ``witness-gap`` (with weights b).

        alpha is rounded down to a power of two, which costs it less than a factor of 2 and saves re-checking much.
        """
        base = self.vae.as_dict()
        if claim == "witness-gap":
            return {**base, "b": [str(weight) for weight in weights]}
        least = self.vae.alpha
        alpha = power_below(Fraction(int(least.p), int(least.q)))
        *statistics, constant = coefficients(self.vae.x, self.vae.data)
        return {**base, "alpha": text(alpha), "C": text(statistics), "c": text(constant)}


def independent_rows(model: VAE, x: Rows, order: Sequence[int], count: int) -> tuple[int, ...]:
    """The first `count` rows in `order` on which (nu, 1) are linearly independent; fewer where there are none."""
    chosen: list[int] = []
    basis = torch.empty(0, model.decoder.natural_width + 1, dtype=torch.float64)
    for row in order:
        if len(chosen) == count:
            break
        one = taken(x, torch.tensor([row]))
        dense = one.dense() if isinstance(one, SparseRows) else one
        new = torch.cat([model.decoder.statistics(dense), torch.ones(1, 1, dtype=torch.float64)], 1)
        tried = torch.cat([basis, new / new.norm()])
        if int(torch.linalg.matrix_rank(tried, rtol=1e-9)) == len(tried):
            basis, chosen = tried, [*chosen, row]
    return tuple(chosen)


@torch.no_grad()
def instance(model: VAE, encoder: str, x: Rows, rows: Sequence[int]) -> Instance:
    """The model conditioned on the given rows of x, with uniform weights on them. encoder: the family's notation.

    Raises MisuseError for fewer than 2 rows, latents that cannot be listed in Q, and more than `LARGEST` pairs.
    """
    codes = model.latents()
    if len(rows) < 2 or len(rows) * len(codes) > LARGEST:
        got = f"{len(rows)} rows and {len(codes)} latents"
        do = "take fewer rows, or a model with fewer latents"
        raise MisuseError(wanted=f"at least 2 rows, at most {LARGEST} pairs with latents", got=got, do=do)
    latents = family_side(encoder)
    places = _places(model, latents)
    some = taken(x, torch.tensor(list(rows)))
    table = log_joint(model, some)[:, places]
    table = table - table.flatten().logsumexp(0)
    g = model.encode(some)
    joint = [[dyadic(value) for value in row] for row in table.tolist()]
    _normalise(joint)
    gamma = [[dyadic(value) for value in row] for row in g.tolist()]
    last = joint[-1]
    theta = [[joint[i][z] / last[z] for i in range(len(rows) - 1)] for z in range(latents.count)]
    prior = [sum((row[z] for row in joint), Fraction(0)) for z in range(latents.count)]
    vae = finite_vae(one_hot(len(rows)), latents, theta=theta, prior=prior, gamma=gamma, data=_uniform(len(rows)))
    return Instance(vae, tuple(rows), tuple(places), max(_change(table, joint), _encoder_change(g, gamma, latents)))


def one_hot(count: int) -> Side:
    """`count` points, told apart by the indicators of all but the last."""
    return side([[int(i == j) for j in range(count - 1)] for i in range(count)])


def dyadic(log_value: float) -> Fraction:
    """``e^log_value`` with `BITS` bits, whatever its size. Raises MisuseError beyond `LONGEST`."""
    if not abs(log_value) <= LONGEST:
        got, do = f"{log_value:.4g}", "take other rows of data"
        raise MisuseError(wanted=f"log-odds within {LONGEST:g} nats, to be certified", got=got, do=do)
    exponent = math.floor(log_value / math.log(2.0))
    mantissa = round(2.0**BITS * math.exp(log_value - exponent * math.log(2.0)))
    return Fraction(mantissa) * Fraction(2) ** (exponent - BITS)


def _normalise(joint: list[list[Fraction]]) -> None:
    """The largest entry takes up what is missing to 1."""
    x, z = max(((i, j) for i, row in enumerate(joint) for j in range(len(row))), key=lambda at: joint[at[0]][at[1]])
    joint[x][z] += 1 - sum((entry for row in joint for entry in row), Fraction(0))


def _places(model: VAE, latents: Side) -> list[int]:
    """For every point of `latents` its place among the model's, told by the statistics. Raises MisuseError."""
    psi = [tuple(Fraction(v) for v in row) for row in model.encoder.statistics(model.latents()).tolist()]
    known = {row: place for place, row in enumerate(psi)}
    wanted = [tuple(Fraction(int(v.p), int(v.q)) for v in row) for row in latents.statistics]
    if len(known) != len(psi) or set(wanted) != set(known):
        got, do = str(model.encoder.family), "take an encoder with minimal, rational statistics"
        raise MisuseError(wanted="latents that are told apart by their statistics", got=got, do=do)
    return [known[row] for row in wanted]


def _change(table: Tensor, joint: list[list[Fraction]]) -> float:
    return max(
        abs(_log(value) - near)
        for row, values in zip(table.tolist(), joint, strict=True)
        for near, value in zip(row, values, strict=True)
    )


def _encoder_change(g: Tensor, gamma: list[list[Fraction]], latents: Side) -> float:
    """Of ``<psi, g>``: at most the sum of the changes of g times the largest statistics."""
    largest = [max(abs(float(Fraction(int(row[j].p), int(row[j].q)))) for row in latents.statistics)
               for j in range(latents.width)]  # fmt: skip
    sums = [
        sum(abs(_log(value) - near) * most for near, value, most in zip(row, values, largest, strict=True))
        for row, values in zip(g.tolist(), gamma, strict=True)
    ]
    return max(sums)


def _log(value: Fraction) -> float:
    """Numerator and denominator may be beyond the floats."""
    return math.log(value.numerator) - math.log(value.denominator)


def power_below(value: Fraction) -> Fraction:
    """The largest power of two that is at most `value`, which is positive."""
    power = Fraction(2) ** (value.numerator.bit_length() - 1 - value.denominator.bit_length())
    return 2 * power if 2 * power <= value else power


def _uniform(count: int) -> list[Fraction]:
    return [Fraction(1, count)] * count
