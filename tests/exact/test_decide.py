"""From numbers to verdicts: ties stay open, violations refute, decimals are canonical."""

from __future__ import annotations

import re
from fractions import Fraction
from random import Random

import pytest
from flint import arb, ctx, fmpq

from eftheory import recheck
from eftheory.errors import MisuseError
from eftheory.exact.compare import decimal
from eftheory.exact.decide import DIGITS, Sheet, certify, enclosure, exactly
from eftheory.exact.mixed import near_distribution, proved, with_exact
from eftheory.verdict import Status


def ln(n: int) -> arb:
    return arb(n).log()


def test_what_is_below_is_certified() -> None:
    verdict = certify(lambda: Sheet([(ln(2), arb(fmpq(7, 10))), (ln(3), ln(4))], {"log(2)": ln(2)}))
    assert verdict.status is Status.CERTIFIED and verdict.witness is None
    assert verdict.statistics["quantities"]["log(2)"] == {
        "lower": "0.69314718055994530941",
        "upper": "0.69314718055994530942",
        "digits": 20,
    }
    # the tightest pair is the one whose ratio is the largest
    assert verdict.statistics["computed"]["lower"].startswith("0.6931") and 0.99 < verdict.statistics["ratio"] < 1


@pytest.mark.parametrize("strict", [False, True])
def test_one_violation_refutes_with_a_witness(strict: bool) -> None:
    verdict = certify(lambda: Sheet([(ln(2), ln(3)), (ln(3), ln(2))], strict=strict))
    assert verdict.status is Status.REFUTED and verdict.statistics["ratio"] > 1
    assert Fraction(verdict.witness["computed"]["lower"]) > Fraction(verdict.witness["stated"]["upper"])


@pytest.mark.parametrize("strict", [False, True])
def test_a_tie_is_undecided(strict: bool) -> None:
    verdict = certify(lambda: Sheet([(ln(2) + ln(3), ln(6))], strict=strict), precisions=(64, 128))
    assert verdict.status is Status.UNDECIDED and "a tie at 128 bits" in verdict.reason and verdict.holds is None


def test_equal_exact_numbers_are_at_most_but_not_below() -> None:
    assert certify(lambda: Sheet([(arb(1), arb(1))])).status is Status.CERTIFIED
    assert certify(lambda: Sheet([(arb(1), arb(1))], strict=True)).status is Status.REFUTED


def test_the_ladder_climbs_to_a_close_call() -> None:
    tiny = fmpq(1, 10**100)
    verdict = certify(lambda: Sheet([(arb(tiny), arb(tiny).expm1())], strict=True))
    assert verdict.status is Status.CERTIFIED and verdict.statistics["precision"] >= 128
    wrong = certify(lambda: Sheet([(arb(1 + tiny).log(), arb(tiny) - arb(tiny) ** 2)]))
    assert wrong.status is Status.REFUTED and wrong.statistics["precision"] == 1024


def test_a_number_that_is_not_finite_is_no_answer() -> None:
    with pytest.raises(MisuseError, match="finite enclosure"):
        certify(lambda: Sheet([(arb(-1).log(), arb(1))]), precisions=(128,))
    with pytest.raises(MisuseError, match="finite enclosure"):
        certify(lambda: Sheet([(arb(0), arb(1))], {"log(0)": arb(0).log()}), precisions=(128,))


def test_the_working_precision_is_given_back() -> None:
    before = ctx.prec
    certify(lambda: Sheet([(ln(2), ln(3))], {"log(2)": ln(2)}))
    assert ctx.prec == before


def test_exact_answers() -> None:
    yes, no = exactly(True, reason="equal", quantities={"a": fmpq(1, 3), "b": 2}), exactly(False, reason="not equal")
    assert (yes.status, no.status) == (Status.PROVED, Status.REFUTED) and no.witness == "not equal"
    third = yes.statistics["quantities"]["a"]
    assert (third["lower"], third["upper"]) == ("0.33333333333333333333", "0.33333333333333333334")
    assert yes.statistics["quantities"]["b"]["lower"] == yes.statistics["quantities"]["b"]["upper"]


def test_mixed_answers_keep_both_kinds_of_numbers() -> None:
    verdict = proved(True, reason="by Theorem 1", exact={"half": fmpq(1, 2)}, balls=lambda: {"log(2)": ln(2)})
    assert verdict.status is Status.PROVED and set(verdict.statistics["quantities"]) == {"half", "log(2)"}
    assert proved(False, reason="no", balls=lambda: {"log(2)": ln(2)}).status is Status.REFUTED
    more = with_exact(certify(lambda: Sheet([(ln(2), ln(3))], {"log(2)": ln(2)})), {"n": 3}, note="seen")
    assert set(more.statistics["quantities"]) == {"log(2)", "n"} and more.statistics["note"] == "seen"


def test_rational_distributions_near_floats() -> None:
    made = near_distribution([0.1, 0.2, 1e-12, 0.7])
    assert sum(made, fmpq(0)) == 1 and min(made) > 0 and abs(made[3] - fmpq(7, 10)) < fmpq(1, 10**5)
    for masses in ([0.0, 0.0], [-1.0, 2.0], [float("nan")], [float("inf")]):
        with pytest.raises(MisuseError, match="non-negative masses"):
            near_distribution(masses)


# ---------------------------------------------------------------- canonical digits


def fractions() -> list[Fraction]:
    rng = Random(7)
    special = [Fraction(10**20 - 1), Fraction(10**20), Fraction(10**20 + 1), Fraction(10**21 - 1), Fraction(10**25 - 1)]
    special += [Fraction(10**30 - 1, 10**30), Fraction(1, 3), Fraction(1), Fraction(10**19), Fraction(1, 10**7)]
    special += [Fraction(99999999999999999999_5, 10), Fraction(10**40 - 1, 10**80), 1 / Fraction(10**20 - 1)]
    special += [Fraction(10**400 + 1), Fraction(1, 10**400 + 1), Fraction(2**1000, 3**600), Fraction(7, 2**1100)]
    drawn = [
        Fraction(rng.randint(1, 10 ** rng.randint(1, 45)), rng.randint(1, 10 ** rng.randint(1, 45))) for _ in range(400)
    ]
    return [sign * value for value in special + drawn for sign in (1, -1)]


def test_both_printers_agree_and_enclose() -> None:
    for value in [Fraction(0), *fractions()]:
        lower, upper = decimal(value, up=False), decimal(value, up=True)
        assert (lower, upper) == (recheck.decimal(value, up=False), recheck.decimal(value, up=True)), value
        assert Fraction(lower) <= value <= Fraction(upper)
        if value:
            assert Fraction(upper) - Fraction(lower) <= abs(value) / 10 ** (DIGITS - 1)
            assert all(_digits(shown) == DIGITS for shown in (lower, upper))
            assert (lower == upper) == (Fraction(lower) == value)


def _digits(shown: str) -> int:
    return len(re.sub(r"E.*", "", shown).lstrip("-").replace(".", "").lstrip("0"))


def test_zero_and_nines() -> None:
    assert decimal(Fraction(0), up=True) == decimal(Fraction(0), up=False) == "0"
    nines = Fraction(10**30 - 1, 10**30)
    assert decimal(nines, up=False) == "0." + "9" * 20 and decimal(nines, up=True) == "1.0000000000000000000"
    assert decimal(-nines, up=True) == "-0." + "9" * 20 and decimal(-nines, up=False) == "-1.0000000000000000000"


def test_an_enclosure_of_a_known_number_is_that_number() -> None:
    wide = arb(1, 0.5)
    assert enclosure(wide, fmpq(1))["lower"] == enclosure(wide, fmpq(1))["upper"] == "1.0000000000000000000"
    assert Fraction(enclosure(wide)["lower"]) <= Fraction(1, 2) and Fraction(enclosure(wide)["upper"]) >= Fraction(3, 2)
