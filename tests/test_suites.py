"""Suites of instances: keys are a stable list, searches repeat by seed, everything built is exact."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import pytest

from eftheory.claims.definitions import BOUNDED_BELOW, COMMON, FINITE, definition_name, where
from eftheory.errors import MisuseError
from eftheory.exact.arithmetic import FLOAT
from eftheory.exact.finite import FIELDS, FiniteVAE, text
from eftheory.suites import Search, Suite, free_odds, free_tables, worst_ratio


def linear_ratio(vae: FiniteVAE) -> float:
    """A cheap value to maximise: the gap itself."""
    return vae.gap(FLOAT)


SEARCH = Search(ratio=linear_ratio, evaluations=120, seeds=(1, 3))
SUITE = Suite(label="tests", random=(5, 12), fields=lambda vae: {"alpha": text(vae.alpha)}, search=SEARCH)


def numbers(value: Any) -> list[str]:
    return [n for part in value for n in numbers(part)] if isinstance(value, list) else [value]


def test_quick_keys_are_among_the_full_ones() -> None:
    quick, full = SUITE.keys(True), SUITE.keys(False)
    assert len(quick) == 6 and len(full) == len(set(full)) == 15 and set(quick) < set(full)
    assert quick == SUITE.keys(True) and quick[-1] == "search/tests/0"
    assert SUITE.instances().keys(True) == quick
    other = Suite(label="others", random=(5, 12))
    assert not set(other.keys(False)) & set(full) and not any(key.startswith("search/") for key in other.keys(False))


@pytest.mark.parametrize("key", SUITE.keys(False))
def test_instances_are_rational_and_rebuilt_the_same(key: str) -> None:
    made = SUITE.build(key)
    assert made == SUITE.build(key) and set(made) == {*FIELDS, "alpha"}
    assert all(re.fullmatch(r"-?\d+(/\d+)?", number) for value in made.values() for number in numbers(value))
    vae = FiniteVAE.from_dict(made)
    assert Fraction(made["alpha"]) == Fraction(str(vae.alpha)) and vae.as_dict() == {n: made[n] for n in FIELDS}


def test_searches_differ_by_seed_and_climb() -> None:
    found = [SUITE.build(f"search/tests/{seed}") for seed in range(3)]
    assert found[0] != found[1] != found[2]
    few = Suite(label="tests", random=(0, 0), search=Search(ratio=linear_ratio, evaluations=1))
    start, end = (FiniteVAE.from_dict(suite.build("search/tests/0")).gap(FLOAT) for suite in (few, SUITE))
    assert end > start


def test_a_search_over_families_keeps_their_sides() -> None:
    search = Search(ratio=linear_ratio, sides=("bernoulli(1)", "binomial(1, trials=2)"), evaluations=60)
    vae = FiniteVAE.from_dict(Suite(label="s", random=(0, 0), search=search).build("search/s/0"))
    assert (vae.x.count, vae.z.count) == (2, 3) and [str(b) for b in vae.z.base] == ["1", "2", "1"]
    assert search.dimension == 2 + 3 + 3 * 1 + 2 * 1
    assert search.decode([0.0] * search.dimension) is not None


def test_free_numbers_become_a_vae_or_nothing() -> None:
    count = Search(ratio=linear_ratio, states=(2, 3)).dimension
    assert count == 2 * 2 + 2 * 2 * 3
    flat = free_tables([0.0] * count, (2, 3))
    assert flat is not None and flat.is_tight and flat.alpha == FiniteVAE.from_dict(flat.as_dict()).alpha
    assert str(flat.alpha) == "1/3"
    assert free_tables([100.0, *[0.0] * (count - 1)], (2, 3)) is None
    assert free_odds([-100.0] * 6, ("bernoulli(1)", "bernoulli(1)")) is None


def test_the_data_of_a_free_table_is_its_evidence() -> None:
    vae = free_tables([0.3, -1.0, *(0.1 * i for i in range(8)), 0.5, 1.0], (2, 2))
    assert vae is not None and list(vae.data) == vae.evidence and not vae.is_tight


def test_ratios() -> None:
    assert worst_ratio([1.0, 3.0, 2.0], 4.0) == 0.75
    assert worst_ratio([1.0], 0.0) == worst_ratio([1.0], -1.0) == float("-inf")


@pytest.mark.parametrize(
    "key", ["search/tests/x", "search/tests/", "search/others/0", "search/0", "nothing", "random/x"]
)
def test_keys_of_no_instance_are_refused(key: str) -> None:
    with pytest.raises(MisuseError):
        SUITE.build(key)


def test_a_suite_without_a_search_has_nothing_to_search() -> None:
    with pytest.raises(MisuseError, match="key of the suite plain"):
        Suite(label="plain", random=(1, 1)).build("search/plain/0")


# ---------------------------------------------------------------- the definitions of a finite VAE


def test_where_lists_what_is_used_in_order() -> None:
    names = [definition_name(line) for line in where("gap <= 1")]
    assert names == ["mass", "partition", "joint", "evidence", "post", "weight", "total", "q", "kl", "gap"]
    assert where("1 < 2") == () and where("evidence(0) > 0") == COMMON[:4]
    assert [definition_name(line) for line in where("q(0, 0) > 0")] == ["weight", "total", "q"]


def test_where_adds_own_definitions_after_the_common_ones() -> None:
    own = ("t = 2*gap", "unused = R(0)", "s = t + 1")
    found = where("s >= 0", own=own)
    assert found[-2:] == (own[0], own[2]) and own[1] not in found and "R" not in map(definition_name, found)


def test_each_common_definition_uses_earlier_ones_only() -> None:
    names = [definition_name(line) for line in COMMON]
    assert len(set(names)) == len(names)
    for index, line in enumerate(COMMON):
        assert not set(re.findall(r"[A-Za-z_]\w*", line.partition("=")[2])) & set(names[index:])


def test_hypotheses_use_names_that_are_known() -> None:
    known = {
        *FIELDS,
        "alpha",
        *map(definition_name, COMMON),
        *["sum", "all", "each", "for", "in", "and", "x", "z", "i", "j"],
    }
    used = set(re.findall(r"[A-Za-z_]\w*", " ".join((*FINITE, *BOUNDED_BELOW, *COMMON)))) - {"prod", "log"}
    assert used <= known
