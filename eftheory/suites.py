"""The instances that claims about finite VAEs run over: fixed, random, and found by an adversary.

The adversary maximises value/bound in floats, from random starts (never from a stored instance); what it finds becomes
an exact instance, which is then decided like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import exp, isfinite
from typing import Any

from eftheory.claims import Instances
from eftheory.claims.adversary import maximise
from eftheory.errors import MisuseError
from eftheory.exact import draws
from eftheory.exact.arithmetic import FLOAT
from eftheory.exact.finite import FiniteVAE, finite_vae, from_tables
from eftheory.exact.side import family_side

Fields = Callable[[FiniteVAE], Mapping[str, Any]]
"""What an instance carries beside the VAE itself, such as ``alpha``."""
Ratio = Callable[[FiniteVAE], float]
"""value/bound of one VAE, in floats."""
SMALLEST_GAP = 1e-9
"""Below it, nats, a gap in floats has too few digits for a ratio."""
LARGEST_LOG = 12.0
"""Beyond it a probability has too few digits as a small rational."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """An adversary. ratio: what it maximises; seeds: how many searches (quick, full).

    states: of x and of z, with tables that are free; or sides: two families, with odds that are free.
    """

    ratio: Ratio
    states: tuple[int, int] = (2, 2)
    sides: tuple[str, str] | None = None
    evaluations: int = 1500
    seeds: tuple[int, int] = (1, 4)

    @property
    def dimension(self) -> int:
        """How many free numbers give a VAE."""
        if self.sides is None:
            x, z = self.states
            return 2 * x + 2 * x * z
        first, second = (family_side(notation) for notation in self.sides)
        return first.count + second.count + second.count * first.width + first.count * second.width

    def decode(self, vector: Sequence[float]) -> FiniteVAE | None:
        """The VAE that the numbers give, None where they are out of range."""
        return free_tables(vector, self.states) if self.sides is None else free_odds(vector, self.sides)


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A list of finite VAEs: ``random`` ones (quick, full), and those of an adversary.

    fields: what every instance carries beside the VAE; label: tells suites apart, so that they draw differently.
    """

    label: str
    random: tuple[int, int]
    sides: Sequence[str] = draws.SIDES
    kinds: Sequence[str] = draws.KINDS
    fields: Fields = field(default=lambda vae: {})
    search: Search | None = None

    def instances(self) -> Instances:
        """As the decorators `claim` and `control` want them."""
        return Instances(keys=self.keys, build=self.build)

    def keys(self, quick: bool) -> list[str]:
        count = self.random[0 if quick else 1]
        keys = draws.keys(count, sides=tuple(self.sides), kinds=tuple(self.kinds), label=self.label)
        seeds = 0 if self.search is None else self.search.seeds[0 if quick else 1]
        return [*keys, *(f"search/{self.label}/{seed}" for seed in range(seeds))]

    def build(self, key: str) -> dict[str, Any]:
        vae = self._found(key) if key.startswith("search/") else draws.random_vae(key)
        return {**vae.as_dict(), **self.fields(vae)}

    def _found(self, key: str) -> FiniteVAE:
        search, seed = self.search, key.removeprefix(f"search/{self.label}/")
        if search is None or not seed.isdecimal():
            raise MisuseError(wanted=f"a key of the suite {self.label}", got=key, do="take one of Suite.keys")

        def objective(vector: Sequence[float]) -> float:
            vae = search.decode(vector)
            if vae is None or vae.gap(FLOAT) < SMALLEST_GAP:
                return float("-inf")
            value = search.ratio(vae)
            return value if isfinite(value) else float("-inf")

        vae = search.decode(maximise(objective, search.dimension, int(seed), search.evaluations)[0])
        if vae is None:
            raise MisuseError(wanted="a start within range", got=key, do="allow more evaluations")
        return vae


def free_tables(vector: Sequence[float], states: tuple[int, int]) -> FiniteVAE | None:
    """A VAE from free numbers: log pd(x), log p(z|x), and the encoder's log-ratios to it on a log scale, for each x.

    On the log scale an adversary reaches encoders that are very near to the posterior. Rounded to rationals; None for
    numbers out of range.
    """
    x, z = states
    data, posterior, moves, scales = (
        vector[:x],
        vector[x : x + x * z],
        vector[x + x * z : x + 2 * x * z],
        vector[x + 2 * x * z :],
    )
    shifts = [exp(min(scales[i], 9.0) - 3.0) * move for i in range(x) for move in moves[i * z : (i + 1) * z]]
    if any(abs(entry) > LARGEST_LOG for entry in (*data, *posterior, *shifts)):
        return None
    p_x = _normalised(data)
    post = [_normalised(posterior[i * z : (i + 1) * z]) for i in range(x)]
    encoder = [
        _renormalised([p * _rounded(exp(shift)) for p, shift in zip(row, shifts[i * z : (i + 1) * z], strict=True)])
        for i, row in enumerate(post)
    ]
    prior = [sum((p_x[i] * post[i][j] for i in range(x)), Fraction(0)) for j in range(z)]
    decoder = [[p_x[i] * post[i][j] / prior[j] for j in range(z)] for i in range(x)]
    return from_tables(prior=prior, decoder=decoder, encoder=encoder, data=p_x)


def free_odds(vector: Sequence[float], sides: tuple[str, str]) -> FiniteVAE | None:
    """A VAE of two families from free numbers: the logarithms of pd, the prior, theta and gamma; None out of range."""
    if any(abs(entry) > LARGEST_LOG for entry in vector):
        return None
    x, z = (family_side(notation) for notation in sides)
    numbers = iter(vector)

    def rows(count: int, width: int) -> list[list[Fraction]]:
        return [[_rounded(exp(next(numbers))) for _ in range(width)] for _ in range(count)]

    data, prior = (_renormalised(rows(1, side.count)[0]) for side in (x, z))
    return finite_vae(x, z, theta=rows(z.count, x.width), prior=prior, gamma=rows(x.count, z.width), data=data)


def _normalised(logits: Sequence[float]) -> list[Fraction]:
    return _renormalised([_rounded(exp(entry)) for entry in logits])


def _renormalised(weights: Sequence[Fraction]) -> list[Fraction]:
    total = sum(weights, Fraction(0))
    return [weight / total for weight in weights]


def _rounded(number: float) -> Fraction:
    """A positive rational with a small denominator near `number`."""
    return Fraction(round(number * 10**9) or 1, 10**9)


def worst_ratio(left: Sequence[float], right: float) -> float:
    """``max(left)/right``; minus infinity where the bound vanishes."""
    return max(left) / right if right > 0.0 else float("-inf")
