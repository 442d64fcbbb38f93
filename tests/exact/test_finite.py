"""Finite VAEs in Q: probabilities, eq. (1a) = (1b), tightness, and bad input."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import inf, log, nan

import pytest
from flint import arb, fmpq

from eftheory.errors import MisuseError
from eftheory.exact import draws, tables
from eftheory.exact.arithmetic import FLOAT
from eftheory.exact.finite import (
    FIELDS,
    FiniteVAE,
    expectation,
    finite_vae,
    from_tables,
    harmonium,
    one_hot,
    relative_entropy,
)
from eftheory.exact.loglinear import LOGS
from eftheory.exact.side import family_side, side

HALF = ["1/2", "1/2"]
BIT = side([[0], [1]])
INSTANCES = draws.keys(18, label="finite")


@pytest.mark.parametrize("key", INSTANCES)
def test_every_distribution_sums_to_one(key: str) -> None:
    vae = draws.random_vae(key)
    assert [sum(column, fmpq(0)) for column in zip(*vae.decoder, strict=True)] == [1] * vae.z.count
    assert [sum(row, fmpq(0)) for table in (vae.encoder, vae.posterior) for row in table] == [1] * (2 * vae.x.count)
    assert sum(vae.evidence, fmpq(0)) == 1 and tables.marginal_z(vae.joint) == list(vae.prior)
    assert vae.alpha == min(min(map(min, vae.encoder)), min(map(min, vae.posterior))) > 0


@pytest.mark.parametrize("key", INSTANCES)
def test_evidence_is_elbo_plus_gap_exactly(key: str) -> None:
    vae = draws.random_vae(key)
    assert (vae.log_evidence(LOGS) - vae.elbo(LOGS) - vae.gap(LOGS)).is_zero
    # control: off by a factor 1 + 10^-12 it is seen
    off = LOGS.log(LOGS.number(1 + fmpq(1, 10**12)))
    assert not (vae.log_evidence(LOGS) - vae.elbo(LOGS) - vae.gap(LOGS) + off).is_zero
    difference = vae.log_evidence() - vae.elbo() - vae.gap()
    assert difference.contains(0) and difference.rad() < 1e-12


@pytest.mark.parametrize("key", INSTANCES)
def test_tight_means_no_gap_and_nothing_else_does(key: str) -> None:
    vae = draws.random_vae(key)
    assert vae.is_tight == vae.gap(LOGS).is_zero == (vae.encoder == vae.posterior)
    if "/tight/" in key:
        assert vae.is_tight
        odd = [[g * (1 if (i, j) != (0, 0) else fmpq(10**9 + 1, 10**9)) for j, g in enumerate(row)]
               for i, row in enumerate(vae.gamma)]  # fmt: skip
        assert not replace(vae, gamma=tuple(map(tuple, odd))).is_tight
    else:
        assert vae.gap() > 0 or not vae.is_tight


def test_a_harmonium_by_hand() -> None:
    """One bit each, exp(W) = 6, exp(u) = 2, exp(v) = 3: weights 1, 3, 2, 36."""
    vae = harmonium(BIT, BIT, [[6, 2], [3, 1]], ["1/3", "2/3"])
    assert vae.joint == [[fmpq(1, 42), fmpq(3, 42)], [fmpq(2, 42), fmpq(36, 42)]]
    assert vae.prior == (fmpq(1, 14), fmpq(13, 14)) and vae.encoder == [
        [fmpq(1, 4), fmpq(3, 4)],
        [fmpq(1, 19), fmpq(18, 19)],
    ]
    assert vae.is_tight and vae.gap(LOGS).is_zero
    assert vae.elbo(FLOAT) == pytest.approx(log(4 / 42) / 3 + 2 * log(38 / 42) / 3, rel=1e-14)


def test_what_carries_no_data_does_not_matter() -> None:
    vae = finite_vae(BIT, BIT, theta=[[2], [3]], prior=HALF, gamma=[[1], [5]], data=[0, 1])
    fitted = replace(vae, gamma=(vae.gamma[0], (vae.posterior[1][1] / vae.posterior[1][0],)))
    assert not vae.is_tight and fitted.is_tight and fitted.encoder != fitted.posterior
    assert fitted.gap(LOGS).is_zero and not fitted.kl(LOGS)[0].is_zero


def test_from_tables_gives_the_tables_back() -> None:
    decoder = [["1/10", "7/10"], ["9/10", "3/10"]]
    encoder = [["1/3", "2/3"], ["1/4", "3/4"]]
    vae = from_tables(prior=["1/5", "4/5"], decoder=decoder, encoder=encoder, data=HALF)
    assert [[str(p) for p in row] for row in vae.decoder] == decoder
    assert [[str(q) for q in row] for row in vae.encoder] == encoder
    assert vae.x == one_hot(2) and one_hot(3).statistics == ((1, 0), (0, 1), (0, 0))


def test_dyadic_floats_are_taken_as_they_are() -> None:
    vae = from_tables(prior=[0.25, 0.75], decoder=[[0.5, 0.125], [0.5, 0.875]], encoder=[[0.5] * 2] * 2, data=[0.5] * 2)
    assert vae.evidence == [fmpq(7, 32), fmpq(25, 32)]
    theta = finite_vae(BIT, BIT, theta=[[0.1], [2]], prior=HALF, gamma=[[1], [2]], data=HALF).theta[0][0]
    assert Fraction(int(theta.p), int(theta.q)) == Fraction(0.1) != Fraction(1, 10)


@pytest.mark.parametrize("key", INSTANCES[:6])
def test_dictionaries_go_there_and_back(key: str) -> None:
    vae = draws.random_vae(key)
    made = vae.as_dict()
    assert tuple(made) == FIELDS and FiniteVAE.from_dict({**made, "alpha": "1/9"}) == vae
    assert FiniteVAE.from_dict({**made, "pd": ["1", *["0"] * (vae.x.count - 1)]}) != vae


def test_expectations_skip_what_has_no_weight() -> None:
    assert expectation([fmpq(0), fmpq(1)], [fmpq(0), fmpq(1)]) == 0
    assert relative_entropy([fmpq(1, 2)] * 2, [fmpq(1, 4), fmpq(3, 4)]).overlaps(
        arb(4).log() - arb(3).log() / 2 - arb(2).log()
    )


def vae(**other: object) -> FiniteVAE:
    given: dict[str, object] = {"theta": [[1], [2]], "prior": HALF, "gamma": [[1], [2]], "data": HALF, **other}
    return finite_vae(given.pop("x", BIT), given.pop("z", BIT), **given)  # type: ignore[arg-type]


def from_table(**other: object) -> FiniteVAE:
    given: dict[str, object] = {"prior": HALF, "decoder": [HALF, HALF], "encoder": [HALF, HALF], "data": HALF, **other}
    return from_tables(**given)  # type: ignore[arg-type]


UNEVEN = side([[0], ["1/2"]])
MISUSE = [
    (lambda: vae(theta=[[0], [1]]), "positive odds theta; got 0"),
    (lambda: vae(gamma=[[1], [-1]]), "positive odds gamma; got -1"),
    (lambda: vae(theta=[[1]]), "theta of shape 2 x 1; got 1 x 1"),
    (lambda: vae(gamma=[[1], [1, 2]]), "gamma of shape 2 x 1"),
    (lambda: vae(theta=[1, 2]), "a row of numbers; got 1"),
    (lambda: vae(theta="12"), "rows of numbers"),
    (lambda: vae(prior=[0, 1]), "positive prior; got 0 at index 0"),
    (lambda: vae(prior=["1/2", "1/3"]), "prior: 2 probabilities with sum 1; got 2 numbers with sum 5/6"),
    (lambda: vae(prior=[0.1, 0.9, 0]), "2 probabilities"),
    (lambda: vae(prior=[nan, 0.5]), "finite number; got nan"),
    (lambda: vae(prior=[inf, 0.5]), "finite number; got inf"),
    (lambda: vae(prior=[True, 0]), "finite number; got True"),
    (lambda: vae(data=[-1, 2]), "pd: 2 probabilities with sum 1; got 2 numbers with sum 1 and -1 among them"),
    (lambda: vae(data=[1]), "pd: 2 probabilities"),
    (lambda: vae(data=[]), "pd: 2 probabilities"),
    (lambda: vae(data=[0.1] * 10), "pd: 2 probabilities"),
    (lambda: vae(x=UNEVEN), "integer statistics; got 1/2"),
    (lambda: vae(z=UNEVEN), "integer statistics; got 1/2"),
    (lambda: from_table(decoder=[[0.1, 0.7], [0.9, 0.3]]), "floats add up to 1 only up to rounding"),
    (lambda: from_table(encoder=[[0.1, 0.2], [0.5, 0.5]]), "encoder.*2 probabilities with sum 1"),
    (lambda: from_table(decoder=[[0, "1/2"], [1, "1/2"]]), "positive decoder"),
    (lambda: from_table(encoder=[[0, 1], HALF]), "positive encoder"),
    (lambda: from_table(decoder=[[-1, "1/2"], [2, "1/2"]]), "-1 among them"),
    (lambda: from_table(decoder=[["1/2"], HALF]), "decoder of shape 2 x 2"),
    (lambda: from_table(encoder=[HALF]), "encoder of shape 2 x 2"),
    (lambda: from_table(decoder=[]), "a row of statistics"),
    (lambda: from_table(prior=[]), "a row of statistics"),
    (lambda: harmonium(BIT, BIT, [[1, 2]], HALF), "odds of shape 2 x 2; got 1 x 2"),
    (lambda: harmonium(BIT, BIT, [], HALF), "odds of shape 2 x 2; got 0 x 0"),
    (lambda: harmonium(BIT, BIT, [[1, 0], [1, 1]], HALF), "positive odds; got 0"),
    (lambda: harmonium(BIT, BIT, [[1, 1], [-1, 1]], HALF), "positive odds; got -1"),
    (lambda: harmonium(BIT, BIT, [[1, 2], [1, 1]], ["1/2", "1/3"]), "sum 5/6"),
    (lambda: harmonium(UNEVEN, BIT, [[1, 2], [1, 1]], HALF), "integer statistics"),
    (lambda: FiniteVAE.from_dict({}), "an instance with h, nu"),
    (lambda: FiniteVAE.from_dict({**vae().as_dict(), "psi": None}), "rows of numbers; got None"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "match"), MISUSE, ids=[match for _, match in MISUSE])
def test_misuse_is_one_line(call: object, match: str) -> None:
    assert vae().x == BIT and from_table().is_tight  # what the calls start from is right
    with pytest.raises(MisuseError, match=match) as caught:
        call()  # type: ignore[operator]
    assert "\n" not in str(caught.value)


def test_the_corner_of_the_odds_is_ignored() -> None:
    corner = [harmonium(BIT, family_side("bernoulli(1)"), [[2, 3], [5, c]], HALF) for c in (1, 7, 0, -4)]
    assert all(made == corner[0] for made in corner)
