"""Random finite instances in Q, each named by a key from which it is rebuilt: ``random/<x> x <z>/<kind>/<seed>``.

A side is a family with finite support (``bernoulli(2)``, ``boltzmann(1+2)``) or ``own(points, statistics)``: random
integer statistics and a random base measure. Kinds: *free* (decoder and encoder unrelated), *near* (a harmonium whose
odds were moved a little, so the gap is small), *tight* (the harmonium itself).
"""

from __future__ import annotations

import re
from random import Random

from flint import fmpq

from eftheory.errors import MisuseError
from eftheory.exact.finite import FiniteVAE, harmonium
from eftheory.exact.side import Side, Vector, family_side, side

KINDS = ("free", "near", "tight")
SIDES = (
    "bernoulli(1)",
    "bernoulli(2)",
    "categorical(3)",
    "categorical(4)",
    "binomial(1, trials=2)",
    "binomial(1, trials=3)",
    "boltzmann(1+1)",
    "own(3, 1)",
    "own(4, 2)",
    "own(5, 2)",
)
"""Small sides of every sort, for suites."""


def keys(count: int, *, sides: tuple[str, ...] = SIDES, kinds: tuple[str, ...] = KINDS, label: str = "") -> list[str]:
    """`count` keys that go through all pairs of sides and all kinds."""
    pairs = [(x, z) for x in sides for z in sides]
    order = Random(f"eftheory {label}")
    order.shuffle(pairs)
    return [
        f"random/{' x '.join(pairs[i % len(pairs)])}/{kinds[(i // len(pairs) + i) % len(kinds)]}/{label}{i}"
        for i in range(count)
    ]


def random_vae(key: str) -> FiniteVAE:
    """The instance that `key` names; the same for the same key. Raises MisuseError for a key that is none."""
    parts = re.fullmatch(r"random/(?P<x>.+) x (?P<z>.+)/(?P<kind>\w+)/(?P<seed>.+)", key)
    if parts is None or parts["kind"] not in KINDS:
        wanted = f"random/<x> x <z>/<{'|'.join(KINDS)}>/<seed>"
        raise MisuseError(wanted=wanted, got=key, do="see eftheory.exact.draws.keys")
    rng = Random(key)
    x, z = (random_side(rng, parts[name]) for name in ("x", "z"))
    data = distribution(rng, x.count)
    tight = harmonium(x, z, [odds(rng, z.width + 1) for _ in range(x.width + 1)], data)
    if parts["kind"] == "tight":
        return tight
    if parts["kind"] == "near":
        size = fmpq(1, 10 ** rng.randint(1, 4))
        theta = tuple(tuple(entry * nudge(rng, size) for entry in row) for row in tight.theta)
        gamma = tuple(tuple(entry * nudge(rng, size) for entry in row) for row in tight.gamma)
        return FiniteVAE(x, z, theta, tight.prior, gamma, data)
    theta = tuple(odds(rng, x.width) for _ in range(z.count))
    gamma = tuple(odds(rng, z.width) for _ in range(x.count))
    return FiniteVAE(x, z, theta, distribution(rng, z.count), gamma, data)


def random_side(rng: Random, notation: str) -> Side:
    """A family's points, or for ``own(points, statistics)`` random minimal integer statistics and a random base.

    Raises MisuseError where no statistics are minimal: with no more points than statistics.
    """
    own = re.fullmatch(r"own\((\d+), (\d+)\)", notation)
    if own is None:
        return family_side(notation)
    points, width = int(own[1]), int(own[2])
    if not 1 <= width < points:
        raise MisuseError(wanted="own(points, statistics) with more points", got=notation, do="add points")
    while True:
        rows = [[rng.randint(-2, 2) for _ in range(width)] for _ in range(points)]
        try:
            return side(rows, [ratio(rng, 4) for _ in range(points)])
        except MisuseError:  # dependent statistics: draw again
            continue


def odds(rng: Random, count: int) -> Vector:
    """Positive rationals around 1."""
    return tuple(ratio(rng, 6) for _ in range(count))


def ratio(rng: Random, most: int) -> fmpq:
    return fmpq(rng.randint(1, most), rng.randint(1, most))


def nudge(rng: Random, size: fmpq) -> fmpq:
    """A factor within `size` of 1."""
    return 1 + size * fmpq(rng.randint(-100, 100), 101)


def distribution(rng: Random, count: int) -> Vector:
    """Positive probabilities with sum 1."""
    weights = [rng.randint(1, 12) for _ in range(count)]
    return tuple(fmpq(weight, sum(weights)) for weight in weights)
