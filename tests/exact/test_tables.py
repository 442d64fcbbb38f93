"""Finite instances in Q: joints, posteriors, and membership of posteriors in an exponential family."""

from __future__ import annotations

import random
from itertools import product

import pytest
from flint import fmpq

from eftheory.errors import MisuseError
from eftheory.exact.tables import (
    decoder_table,
    first_violation,
    harmonium_table,
    joint,
    marginal_x,
    marginal_z,
    posterior,
    posterior_in_family,
)

BITS = [list(z) for z in product((0, 1), repeat=2)]
ONES = [1, 1, 1, 1]


def odds(rng: random.Random, rows: int, columns: int) -> list[list[fmpq]]:
    return [[fmpq(rng.randint(1, 9), rng.randint(1, 9)) for _ in range(columns)] for _ in range(rows)]


def test_probabilities_sum_to_one() -> None:
    rng = random.Random(1)
    table = decoder_table(BITS, ONES, BITS, odds(rng, 2, 2), odds(rng, 1, 2)[0])
    assert marginal_z(table) == [1] * 4
    both = joint(table, [fmpq(1, 2), fmpq(1, 6), fmpq(1, 6), fmpq(1, 6)])
    assert sum(marginal_x(both), fmpq(0)) == 1 and marginal_z(both)[0] == fmpq(1, 2)
    assert marginal_x(posterior(both)) == [1] * 4


@pytest.mark.parametrize("seed", range(5))
def test_harmoniums_have_their_posteriors_in_the_family_and_others_do_not(seed: int) -> None:
    rng = random.Random(seed)
    base = [fmpq(rng.randint(1, 5)) for _ in range(4)]
    table = harmonium_table(BITS, ONES, BITS, base, odds(rng, 3, 3))
    assert sum(marginal_x(table), fmpq(0)) == 1
    assert posterior_in_family(table, BITS, base)
    # control: the base measure is part of the family
    assert not posterior_in_family(table, BITS, [base[0] * 2, *base[1:]])
    # control: one disturbed entry
    table[2][3] *= fmpq(10**9 + 1, 10**9)
    found = first_violation(table, BITS, base)
    assert found is not None and found[0] == 2 and found[2] != 1


def test_uniform_prior_needs_disjoint_pixels() -> None:
    """Two bits, two Bernoulli pixels, uniform prior: no pixel may see both bits (theory: section 2(c))."""
    apart = decoder_table(BITS, ONES, BITS, [[2, 1], [1, 3]], [1, 5])
    mixed = decoder_table(BITS, ONES, BITS, [[2, 7], [1, 3]], [1, 5])
    assert posterior_in_family(joint(apart, ONES), BITS, ONES)
    assert not posterior_in_family(joint(mixed, ONES), BITS, ONES)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: decoder_table(BITS, ONES, BITS, [[0, 1], [1, 1]], [1, 1]), "positive odds"),
        (lambda: decoder_table([[fmpq(1, 2), 0]], [1], BITS, [[2, 1], [1, 1]], [1, 1]), "integer statistics"),
        (lambda: posterior_in_family([[fmpq(0)] * 4], BITS, ONES), "positive joint"),
        (lambda: joint([[fmpq(1)] * 4], [1, 1, 1, 0]), "positive prior"),
    ],
)
def test_misuse(call: object, match: str) -> None:
    with pytest.raises(MisuseError, match=match):
        call()  # type: ignore[operator]
