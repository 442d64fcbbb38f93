"""Random instances: the same for the same key, of every sort and kind, always valid."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from flint import fmpq

from eftheory.errors import MisuseError
from eftheory.exact import draws
from eftheory.exact.linear import rank


def test_keys_are_distinct_and_the_same_every_time() -> None:
    made = draws.keys(350, label="a")
    assert made == draws.keys(350, label="a") and len(set(made)) == 350
    assert draws.keys(50, label="a") == made[:50]  # a shorter list is the start of a longer one
    assert not set(made) & set(draws.keys(350, label="b")) and draws.keys(0) == []


def test_keys_go_through_all_pairs_and_kinds() -> None:
    parts = [key.split("/") for key in draws.keys(300)]
    pairs, kinds = Counter(part[1] for part in parts), Counter(part[2] for part in parts)
    assert len(pairs) == len(draws.SIDES) ** 2 and set(pairs.values()) == {3}
    assert set(kinds) == set(draws.KINDS) and min(kinds.values()) >= 90
    assert len({(part[1], part[2]) for part in parts}) == 300  # each pair in each kind
    some = draws.keys(4, sides=("own(3, 1)",), kinds=("tight",))
    assert {key.split("/")[1] for key in some} == {"own(3, 1) x own(3, 1)"} and all("/tight/" in key for key in some)


@pytest.mark.parametrize("key", draws.keys(100, label="draws"))
def test_instances_are_what_their_kind_says(key: str) -> None:
    vae = draws.random_vae(key)
    assert vae == draws.random_vae(key)
    kind = key.split("/")[2]
    assert kind != "tight" or vae.is_tight
    if kind == "near":
        assert vae.gap() < fmpq(1, 10)
    if kind == "free" and vae.x.count > vae.x.width + 1:
        assert vae != draws.random_vae(key.replace("/free/", "/near/"))


def test_free_and_near_instances_are_seldom_tight() -> None:
    tight = {kind: [draws.random_vae(k).is_tight for k in draws.keys(60, kinds=(kind,))] for kind in draws.KINDS}
    assert all(tight["tight"]) and sum(tight["free"]) <= 3 and sum(tight["near"]) <= 3


@pytest.mark.parametrize("seed", range(20))
def test_own_sides_are_minimal(seed: int) -> None:
    side = draws.random_side(Random(seed), "own(5, 3)")
    assert (side.count, side.width) == (5, 3) and rank(side.bordered) == 4 and min(side.base) > 0


def test_numbers_are_in_range() -> None:
    rng = Random(1)
    assert all(fmpq(1, 6) <= r <= 6 for r in draws.odds(rng, 200))
    assert all(abs(draws.nudge(rng, fmpq(1, 10)) - 1) < fmpq(1, 10) for _ in range(200))
    assert all(sum(draws.distribution(rng, n), fmpq(0)) == 1 for n in range(1, 9))


@pytest.mark.parametrize("key", [
    "", "random", "search/3", "random/bernoulli(1)/free/0", "random/bernoulli(1) x bernoulli(1)/loose/0",
    "random/bernoulli(1) x bernoulli(1)/free/", "random/bernouli(1) x bernoulli(1)/free/0",
    "random/poisson(1) x bernoulli(1)/free/0", "random/own(2, 2) x bernoulli(1)/free/0",
    "random/own(0, 1) x bernoulli(1)/free/0", "random/own(3, 0) x bernoulli(1)/free/0",
])  # fmt: skip
def test_a_key_that_names_nothing_is_refused_at_once(key: str) -> None:
    with pytest.raises(MisuseError):
        draws.random_vae(key)
