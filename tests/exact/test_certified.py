"""Bounded floats enclose what Arb computes, also where float64 ends; bounds that are too small are caught."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from enclosing import BITS, log_sum, misses, shrunk
from flint import arb, ctx, fmpq

from eftheory.errors import MisuseError
from eftheory.exact import certified
from eftheory.exact.certified import BOUNDED, ULPS, Bounded, bounded, exp, larger, less, log, log_sum_exp, smaller, sqrt

COUNT = 400
rng = np.random.default_rng(7)
WIDE = rng.choice([-1.0, 1.0], COUNT) * 2.0 ** rng.uniform(-1074, 1000, COUNT)
NARROW = rng.normal(size=COUNT) * 3.0


def with_error(values: np.ndarray, relative: float) -> tuple[Bounded, list[arb]]:
    """Inputs within their errors of `values`, and one possible truth for each, not the midpoint."""
    errors = np.abs(values) * relative
    with ctx.workprec(BITS):
        truth = [arb(v) + arb(e) * arb(0.75) for v, e in zip(values.tolist(), errors.tolist(), strict=True)]
    return Bounded(values, errors), truth


Case = tuple[str, Callable[[Bounded, Bounded], Bounded], Callable[[arb, arb], arb]]
CASES: list[Case] = [
    ("+", lambda a, b: a + b, lambda a, b: a + b),
    ("-", lambda a, b: a - b, lambda a, b: a - b),
    ("*", lambda a, b: a * b, lambda a, b: a * b),
    ("/", lambda a, b: a / b, lambda a, b: a / b),
    ("max", larger, lambda a, b: a.max(b)),
    ("min", smaller, lambda a, b: a.min(b)),
    ("cube", lambda a, b: a**3, lambda a, b: a**3),
    ("inverse", lambda a, b: a**-1, lambda a, b: 1 / a),
    ("mixed", lambda a, b: 2 - 1 / (3 * a), lambda a, b: 2 - 1 / (3 * a)),
]


@pytest.mark.parametrize("relative", [0.0, 1e-12, 0.3])
@pytest.mark.parametrize("values", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_arithmetic_encloses(case: Case, values: np.ndarray, relative: float) -> None:
    a, a_truth = with_error(values, relative)
    b, b_truth = with_error(values[::-1].copy(), relative)
    with ctx.workprec(BITS + 4000):  # numbers of very different size
        truth = [case[2](p, q) for p, q in zip(a_truth, b_truth, strict=True)]
    result = case[1](a, b)
    assert misses(result, truth) == 0
    assert np.isfinite(result.error).mean() > 0.3, "and not by claiming nothing"


@pytest.mark.parametrize("relative", [0.0, 1e-13, 0.3])
@pytest.mark.parametrize("name", ["exp", "log", "sqrt"])
def test_functions_enclose(name: str, relative: float) -> None:
    spread = np.concatenate([NARROW, NARROW * 200.0, NARROW * 1e-9]) if name == "exp" else np.abs(WIDE)
    spread = spread if name == "exp" else np.concatenate([spread, 1.0 + NARROW * 1e-9, np.abs(NARROW)])
    a, truth = with_error(spread, relative)
    result = {"exp": exp, "log": log, "sqrt": sqrt}[name](a)
    with ctx.workprec(BITS):
        assert misses(result, [getattr(t, name)() for t in truth]) == 0
    assert np.isfinite(result.error).mean() > 0.3


def test_numpys_functions_keep_their_budget() -> None:
    rounding = 2.0**-52
    worst = {}
    for name, inputs in {
        "exp": rng.uniform(-700, 700, 4000),
        "log": 2.0 ** rng.uniform(-1000, 1000, 4000),
        "log1p": 2.0 ** rng.uniform(-60, 0, 4000),
    }.items():
        with ctx.workprec(BITS):
            truths = [getattr(arb(x), name)() for x in inputs.tolist()]
            errors = [
                float(abs(arb(y) - t) / (abs(t) * rounding))
                for y, t in zip(getattr(np, name)(inputs), truths, strict=True)
            ]
        worst[name] = max(errors)
    assert all(0.2 < error < ULPS / 2 for error in worst.values()), worst


def test_an_error_bound_that_is_too_small_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    a, truth = with_error(np.abs(NARROW), 0.0)
    with ctx.workprec(BITS):
        logs = [t.log() for t in truth]
    assert misses(log(a), logs) == 0
    assert misses(shrunk(log(a), 0.01), logs) > 0
    monkeypatch.setattr(certified, "FUNCTION", 2.0**-60)
    assert misses(log(a), logs) > 0


def test_sums_and_products_of_matrices_enclose() -> None:
    A, B = (10.0 ** rng.uniform(-8, 8, (7, 30)) * rng.choice([-1, 1], (7, 30)) for _ in range(2))
    a, b = Bounded(A, np.abs(A) * 1e-10), Bounded(B.T.copy(), np.zeros((30, 7)))
    with ctx.workprec(BITS):
        exact = [[arb(x) * (1 + arb("0.9e-10")) for x in row] for row in A.tolist()]
        dots = [sum((p * arb(q) for p, q in zip(r, s, strict=True)), arb(0)) for r in exact for s in B.tolist()]
        sums = [sum(row, arb(0)) for row in exact]
        logs = [log_sum(e / 10**9 for e in row) for row in exact]
    assert misses(a @ b, dots) == 0 and misses(shrunk(a @ b), dots) > 0
    assert misses(a.sum(axis=1), sums) == 0 and misses(shrunk(a.sum(axis=1)), sums) > 0
    result = log_sum_exp(a / 1e9)
    assert misses(result, logs) == 0 and misses(shrunk(result), logs) > 0
    rounded_only = Bounded(A, np.zeros_like(A)) @ b
    with ctx.workprec(BITS):
        plain = [
            sum((arb(p) * arb(q) for p, q in zip(r, s, strict=True)), arb(0)) for r in A.tolist() for s in B.tolist()
        ]
    assert misses(rounded_only, plain) == 0 and misses(shrunk(rounded_only, 1e-3), plain) > 0


def test_a_product_of_matrices_encloses_where_factors_are_subnormal() -> None:
    A, B = 2.0 ** rng.uniform(900, 1000, (3, 20)), 2.0 ** rng.uniform(-1074, -1000, (20, 3))
    with ctx.workprec(BITS):
        truth = [
            sum((arb(p) * arb(q) for p, q in zip(r, c, strict=True)), arb(0)) for r in A.tolist() for c in B.T.tolist()
        ]
    result = bounded(A) @ bounded(B)
    assert misses(result, truth) == 0 and np.isfinite(result.error).all()


def test_log_sum_exp_neither_overflows_nor_underflows() -> None:
    result = log_sum_exp(bounded(np.array([[1e5, 1e5], [-1e5, -1e5 - 800.0]])))
    with ctx.workprec(BITS):
        truth = [arb(2).log() + 100000, (1 + arb(-800).exp()).log() - 100000]
    assert misses(result, truth) == 0 and result.error.max() < 1e-9


@pytest.mark.parametrize(
    "unknown",
    [
        exp(bounded(800.0)),
        exp(Bounded(np.array(0.0), np.array(2.0))),
        log(bounded(0.0)),
        log(Bounded(np.array(1.0), np.array(1.5))),
        log(bounded(-1.0)),
        sqrt(Bounded(np.array(1.0), np.array(1.5))),
        bounded(1.0) / bounded(0.0),
        1 / Bounded(np.array(1.0), np.array(1.0)),
        bounded(1e300) * bounded(1e300),
        bounded(np.array(np.nan)),
        bounded(Fraction(10) ** 400),
        log_sum_exp(bounded(np.array([0.0, np.inf]))),
    ],
)
def test_where_nothing_is_known_nothing_is_decided(unknown: Bounded) -> None:
    assert np.isinf(unknown.error)
    assert less(unknown, 0) is None and less(0, unknown) is None


def test_comparisons_are_certain_or_open() -> None:
    third = bounded(Fraction(1, 3))
    assert 0 < third.error < 1e-16
    assert less(third, Fraction(1, 2)) is True and less(fmpq(1, 2), third) is False
    assert less(third * 3, 1) is None and less(1, third * 3) is None
    assert less(1, 1) is False, "equal floats, known exactly"
    assert less(np.array([0.0, 1.0]), np.array([1.0, 3.0])) is True
    assert less(np.array([0.0, 5.0]), np.array([1.0, 3.0])) is False


def test_it_is_an_arithmetic() -> None:
    half = BOUNDED.number(fmpq(1, 2))
    value = BOUNDED.larger(BOUNDED.log(half), BOUNDED.smaller(BOUNDED.exp(half), BOUNDED.sqrt(half)))
    with ctx.workprec(BITS):
        assert misses(value, [arb(0.5).sqrt()]) == 0
    assert BOUNDED.less(half, value) is True


def test_misuse_is_said() -> None:
    with pytest.raises(MisuseError, match="float64"):
        bounded(np.array([1, 2]))
    with pytest.raises(MisuseError, match="roundings"):
        certified.gamma(2**41)
