"""The ladder of bounds: against mpmath, in order, valid and as sharp as it says; constants certified by balls."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from flint import arb, ctx, fmpq
from scipy import optimize

from eftheory import bounds
from eftheory.errors import MisuseError
from eftheory.exact.arithmetic import BALL, FLOAT, SYMBOL
from eftheory.exact.maximum import stays_below

Q = Fraction
GRID = [(eps, alpha, k) for k, alpha in [(2, Q(1, 10)), (2, Q(49, 100)), (3, Q(1, 1000)), (4, Q(1, 50)), (16, Q(1, 40))]
        for eps in (Q(1, 10**6), Q(1, 1000), Q(1, 10), Q(1), Q(7))]  # fmt: skip


def m(number: Fraction | int) -> mp.mpf:
    return mp.mpf(Q(number).numerator) / Q(number).denominator


# ---------------------------------------------------------------- values


def expected(eps: Fraction, alpha: Fraction, k: int) -> dict[str, mp.mpf]:
    """Theory, section 3, written out again at 50 digits."""
    e, a = m(eps), m(alpha)
    s, t = mp.sqrt(e / 2) / a, mp.sqrt(2 * e) / a
    return {
        "trivial": mp.log((1 - (k - 1) * a) / a) ** 2,
        "pinsker": e / 2 / a**2,
        "partition": mp.log(1 + t) + t / (mp.e - 1),
        "halved": mp.log(1 + s) + s / (mp.e - 1),
        "partition_envelope": min(mp.mpf(6477) / 10000 * s, mp.log(1 + max(s, 4)) ** 2),
        "linear": 2 * (1 / a - 1) * e,
    }


def computed(eps: Fraction, alpha: Fraction, k: int, on: object = BALL) -> dict[str, arb]:
    return {
        "trivial": bounds.trivial(alpha, k, on=on),
        "pinsker": bounds.pinsker(eps, alpha, on=on),
        "partition": bounds.partition(eps, alpha, on=on),
        "halved": bounds.partition(eps, alpha, halved=True, on=on),
        "partition_envelope": bounds.partition_envelope(eps, alpha, on=on),
        "linear": bounds.linear(eps, alpha, on=on),
    }


@pytest.mark.parametrize(("eps", "alpha", "k"), GRID)
def test_each_bound_against_fifty_digits(eps: Fraction, alpha: Fraction, k: int) -> None:
    with mp.workdps(50), ctx.workprec(200):
        wanted, balls = expected(eps, alpha, k), computed(eps, alpha, k)
        for name, value in wanted.items():
            assert abs(balls[name] - arb(mp.nstr(value, 48))) < arb(mp.nstr(value, 48)) * arb("1e-45"), name
        floats = computed(eps, alpha, k, FLOAT)
        assert all(abs(floats[name] / float(value) - 1) < 1e-12 for name, value in wanted.items())


@pytest.mark.parametrize(("q", "p"), [(Q(1, 10), Q(1, 2)), (Q(1, 2), Q(1, 2)), (Q(999, 1000), Q(1, 1000))])
def test_binary_divergence(q: Fraction, p: Fraction) -> None:
    with mp.workdps(50), ctx.workprec(200):
        value = m(q) * mp.log(m(q) / m(p)) + m(1 - q) * mp.log(m(1 - q) / m(1 - p))
        ball = bounds.binary_kl(BALL.number(q), BALL.number(p))
        assert abs(ball - arb(mp.nstr(value, 48))) < arb("1e-45") and (q != p or ball.contains(0))


@pytest.mark.parametrize("delta", [Q(-3), Q(1, 100), Q(2)])
@pytest.mark.parametrize("alpha", [Q(1, 100), Q(1, 5)])
def test_witness_gap_against_fifty_digits(delta: Fraction, alpha: Fraction) -> None:
    def kl(q: mp.mpf, p: mp.mpf) -> mp.mpf:
        return q * mp.log(q / p) + (1 - q) * mp.log((1 - q) / (1 - p))

    with mp.workdps(50), ctx.workprec(200):
        a, length = m(alpha), abs(m(delta)) / 4
        value = min(kl(a * mp.exp(s), a) for s in (-length, length) if a * mp.exp(s) < 1)
        assert abs(bounds.witness_gap(delta, 4, alpha) - arb(mp.nstr(value, 48))) < arb("1e-45")


def test_two_bit_gap_is_half_the_square() -> None:
    assert bounds.two_bit_gap(Q(-1, 8)) == arb(Q(1, 128).numerator) / 128
    assert bounds.two_bit_gap(0.25, on=FLOAT) == 1 / 32


# ---------------------------------------------------------------- order and formulas


@pytest.mark.parametrize(("eps", "alpha", "k"), GRID)
def test_the_ladder_is_in_order(eps: Fraction, alpha: Fraction, k: int) -> None:
    values = computed(eps, alpha, k)
    line = bounds.envelope(float(eps), alpha, k)
    best = line.at(Q(float(eps)))
    slack = 1 + arb("1.01e-4")  # what `envelope` allows itself above the optimum, which is below all others
    for name in ("linear", "trivial", "pinsker", "partition_envelope", "halved", "partition"):
        assert best < values[name] * slack, name
    assert values["linear"] < values["pinsker"]
    assert values["partition_envelope"] < values["halved"] < values["partition"]


def test_linear_meets_pinsker_at_one_half() -> None:
    assert bounds.linear(1, Q(1, 2)) == bounds.pinsker(1, Q(1, 2)) == 2


def test_symbols_print_the_formulas() -> None:
    e, a = sp.symbols("epsilon alpha", positive=True)
    t = sp.sqrt(2 * e) / a
    s = t / 2
    wanted = {
        bounds.trivial(a, 3, on=SYMBOL): sp.log((1 - 2 * a) / a) ** 2,
        bounds.pinsker(e, a, on=SYMBOL): e / (2 * a**2),
        bounds.partition(e, a, on=SYMBOL): sp.log(1 + t) + t / (sp.E - 1),
        bounds.partition(e, a, halved=True, on=SYMBOL): sp.log(1 + s) + s / (sp.E - 1),
        bounds.partition_envelope(e, a, on=SYMBOL): sp.Min(sp.Rational(6477, 10000) * s, sp.log(1 + sp.Max(s, 4)) ** 2),
        bounds.linear(e, a, on=SYMBOL): 2 * (1 - a) / a * e,
        bounds.two_bit_gap(e, on=SYMBOL): e**2 / 2,
        bounds.Envelope(Q(3, 2), Q(1, 7)).at(e, on=SYMBOL): sp.Rational(3, 2) * e + sp.Rational(1, 7),
    }
    for printed, formula in wanted.items():
        assert sp.simplify(printed - formula) == 0 and not printed.has(sp.Float)
    q, p = sp.symbols("q p", positive=True)
    assert bounds.binary_kl(q, p, on=SYMBOL) == q * sp.log(q / p) + (1 - q) * sp.log((1 - q) / (1 - p))


# ---------------------------------------------------------------- constants


def quotient(s: arb) -> arb:
    return (1 + s).log() ** 2 / s


def derivative(s: arb) -> arb:
    log = (1 + s).log()
    return log / s * (2 / (1 + s) - log / s)


def test_slope_is_above_the_quotient_everywhere_and_sharp() -> None:
    """Below 0.6 by log(1+s) <= s; from 4 on the quotient falls: 2s/(1+s) - log(1+s) does, and is negative at 4."""
    slope, knee = BALL.number(bounds.SLOPE), arb(bounds.KNEE)
    assert arb("0.6") < slope and 2 * knee / (1 + knee) < (1 + knee).log() and bounds.KNEE > 1
    assert stays_below(quotient, derivative, (arb("0.6"), knee), slope) is True
    # control: one unit less in the last digit is too small, and the maximum is where the comment says
    assert stays_below(quotient, derivative, (arb("0.6"), knee), slope - arb("1e-4")) is False
    assert derivative(arb("3.9215")) > 0 > derivative(arb("3.9216"))


def test_partition_envelope_holds_for_mixtures() -> None:
    """E log^2(1+s) over random two-point laws; without the chord the bound would fail."""
    rng, broken = Random(2), 0
    for _ in range(3000):
        w, a, b = rng.random(), 10 ** rng.uniform(-3, 3), rng.choice([0.0, 10 ** rng.uniform(-3, 3)])
        mean, value = w * a + (1 - w) * b, w * np.log1p(a) ** 2 + (1 - w) * np.log1p(b) ** 2
        assert value <= bounds.partition_envelope(2 * mean**2, 0.5, on=FLOAT) * (1 + 1e-12) or mean == 0
        broken += value > np.log1p(mean / 0.5) ** 2
    eps, alpha = Q(2), Q(1, 2)  # s = 2: below the knee
    assert bounds.partition_envelope(eps, alpha) > (1 + arb(2)).log() ** 2 and broken > 0


# ---------------------------------------------------------------- the envelope


ENVELOPES = [(1e-4, Q(1, 10), 2), (0.02, Q(1, 10), 2), (0.3, Q(1, 10), 2), (5.0, Q(1, 10), 2), (0.05, Q(1, 50), 4),
             (1e-3, Q(1, 1000), 3), (0.01, Q(2, 5), 2), (1.0, Q(1, 100), 8)]  # fmt: skip


def divergence(q: np.ndarray, p: np.ndarray) -> np.ndarray:
    return np.asarray(q * np.log(q / p) + (1 - q) * np.log((1 - q) / (1 - p)))


@pytest.mark.parametrize(("eps", "alpha", "k"), ENVELOPES)
def test_no_pair_is_above_the_line(eps: float, alpha: Fraction, k: int) -> None:
    line, rng = bounds.envelope(eps, alpha, k), np.random.default_rng(5)
    low, high = float(alpha), float(1 - (k - 1) * alpha)
    q, p = (np.exp(rng.uniform(np.log(low), np.log(high), 200_000)) for _ in range(2))
    q[:50_000], p[50_000:100_000] = low, low  # where the extremal pairs are
    q[100_000:110_000], p[110_000:120_000] = high, high
    assert np.all(np.log(q / p) ** 2 <= float(line.slope) * divergence(q, p) + float(line.height))


@pytest.mark.parametrize(("eps", "alpha", "k"), ENVELOPES)
def test_two_values_of_x_come_near_the_line(eps: float, alpha: Fraction, k: int) -> None:
    line = bounds.envelope(eps, alpha, k)
    a = float(alpha)
    lengths = np.linspace(0, np.log(float(1 - (k - 1) * alpha) / a), 3001)[1:]
    raised = a * np.exp(lengths)
    t = np.concatenate(
        [[0.0], divergence(raised, np.full_like(raised, a)), divergence(np.full_like(raised, a), raised)]
    )
    value = np.concatenate([[0.0], lengths**2, lengths**2])
    near, far = t <= eps, t > eps
    best = value[near].max()
    if far.any():
        weight = (eps - t[near][:, None]) / (t[far] - t[near][:, None])
        best = max(best, float(((1 - weight) * value[near][:, None] + weight * value[far]).max()))
    assert (1 - 3e-4) * line.at(eps, on=FLOAT) <= best <= line.at(eps, on=FLOAT)


def test_a_line_that_is_too_low_is_not_certified() -> None:
    line = bounds.envelope(0.1, Q(1, 10), 2)
    assert bounds.certified_height(line.slope, line.height, Q(1, 10), 2)
    assert not bounds.certified_height(line.slope, line.height * Q(99, 100), Q(1, 10), 2)
    assert not bounds.certified_height(line.slope * Q(99, 100), line.height, Q(1, 10), 2)


def test_the_search_line_is_near_the_certified_one() -> None:
    rough, line = (
        f(0.05, Q(1, 50), 4) for f in (lambda *a: bounds.approximate_envelope(a[0], 0.02, a[2]), bounds.envelope)
    )
    assert abs(rough.at(0.05, on=FLOAT) / line.at(0.05, on=FLOAT) - 1) < 1e-3


@pytest.mark.parametrize("eps", [0.0, 1e-15, 1e-12])
def test_near_zero_the_line_is_linear(eps: float) -> None:
    assert bounds.envelope(eps, Q(1, 10), 2) == bounds.Envelope(Q(18), Q(0))


# ---------------------------------------------------------------- lower bounds on the gap


@pytest.mark.parametrize("seed", range(25))
def test_no_factorised_encoder_beats_the_two_lower_bounds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(4, 0.7)) * 0.98 + 0.005  # 00, 01, 10, 11

    def kl(bits: np.ndarray) -> float:
        a, b = 1 / (1 + np.exp(-np.asarray(bits)))
        q = np.array([(1 - a) * (1 - b), (1 - a) * b, a * (1 - b), a * b])
        return float(np.sum(q * np.log(q / p)))

    grid = [(a, b) for a in np.linspace(-6, 6, 13) for b in np.linspace(-6, 6, 13)]
    starts = sorted(grid, key=lambda ab: kl(np.array(ab)))[:3]
    least = min(float(optimize.minimize(kl, start, method="BFGS").fun) for start in starts)
    delta = float(np.log(p[0] * p[3] / p[1] / p[2]))
    lower = [bounds.witness_gap(delta, 4, float(p.min())), bounds.two_bit_gap(float(p[0] * p[3] - p[1] * p[2]))]
    assert all(arb(0) < bound < arb(least) for bound in lower)


@pytest.mark.parametrize("seed", range(25))
def test_no_binomial_encoder_beats_the_witness(seed: int) -> None:
    """Three points, psi = z, weights 1, -2, 1, base measure 1, 2, 1."""
    p = np.random.default_rng(seed).dirichlet(np.full(3, 0.8)) * 0.97 + 0.01

    def kl(logit: float) -> float:
        q = np.array([1.0, 2.0, 1.0]) * np.exp(logit * np.arange(3.0))
        q /= q.sum()
        return float(np.sum(q * np.log(q / p)))

    start = min(np.linspace(-9, 9, 181), key=kl)
    least = optimize.minimize_scalar(kl, bounds=(start - 0.2, start + 0.2), method="bounded").fun
    delta = float(np.log(p[0] * p[2] / (p[1] / 2) ** 2))
    assert arb(0) < bounds.witness_gap(delta, 4, float(p.min())) < arb(float(least))


def test_the_raised_branch_falls_away_where_it_leaves_the_unit_interval() -> None:
    both, one = bounds.witness_gap(1, 1, Q(1, 10)), bounds.witness_gap(3, 1, Q(1, 10))
    kl = bounds.binary_kl
    assert both.overlaps(kl(arb("0.1") * arb(-1).exp(), arb("0.1"))) and one.is_finite()
    assert one.overlaps(kl(arb("0.1") * arb(-3).exp(), arb("0.1")))


# ---------------------------------------------------------------- misuse


NAN, INF = float("nan"), float("inf")
WITH_ALPHA = {
    "trivial": lambda alpha, on: bounds.trivial(alpha, 2, on=on),
    "pinsker": lambda alpha, on: bounds.pinsker(Q(1, 10), alpha, on=on),
    "partition": lambda alpha, on: bounds.partition(Q(1, 10), alpha, on=on),
    "partition_envelope": lambda alpha, on: bounds.partition_envelope(Q(1, 10), alpha, on=on),
    "linear": lambda alpha, on: bounds.linear(Q(1, 10), alpha, on=on),
    "witness_gap": lambda alpha, on: bounds.witness_gap(1, 4, alpha, on=on),
    "envelope": lambda alpha, on: bounds.envelope(0.1, alpha, 2),
}
ALL = [(on, name) for on in (BALL, FLOAT, SYMBOL) for name in WITH_ALPHA]


@pytest.mark.parametrize("alpha", [0, Q(-1, 10), 1, 2, NAN, INF, -INF], ids=str)
@pytest.mark.parametrize(("on", "name"), ALL)
def test_no_distribution_has_that_alpha(on: object, name: str, alpha: object) -> None:
    with pytest.raises(MisuseError) as caught:
        WITH_ALPHA[name](alpha, on)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("states", [2, 3, 10, 1, 0])
def test_alpha_is_below_one_over_k(states: int) -> None:
    least = Q(1, max(states, 1))
    for alpha in [least, fmpq(least.numerator, least.denominator), least + Q(1, 100)]:
        for call in (bounds.trivial, lambda a, k: bounds.envelope(0.1, a, k)):
            with pytest.raises(MisuseError, match="0 < alpha < 1/K"):
                call(alpha, states)


@pytest.mark.parametrize("eps", [Q(-1, 10), -1e-300, NAN, INF, -INF], ids=str)
@pytest.mark.parametrize(("on", "name"), [(o, n) for o, n in ALL if n not in ("trivial", "witness_gap")])
def test_no_gap_is_negative_or_infinite(on: object, name: str, eps: object) -> None:
    calls = {
        "envelope": lambda: bounds.envelope(float(eps), Q(1, 10), 2),  # type: ignore[arg-type]
        "partition": lambda: bounds.partition(eps, Q(1, 10), halved=True, on=on),
    }
    with pytest.raises(MisuseError):
        calls.get(name, lambda: getattr(bounds, name)(eps, Q(1, 10), on=on))()


@pytest.mark.parametrize("norm", [0, -1])
def test_weights_have_a_positive_norm(norm: int) -> None:
    with pytest.raises(MisuseError, match="positive norm"):
        bounds.witness_gap(1, norm, Q(1, 10))


def test_zero_gap_bounds_are_zero() -> None:
    values = computed(Q(0), Q(1, 10), 2)
    assert all(value == 0 for name, value in values.items() if name != "trivial") and values["trivial"] > 4


def test_an_uncertain_gap_is_no_misuse() -> None:
    """The gap of a tight instance is a ball around zero: that it is not negative cannot be told."""
    assert bounds.linear(arb(0, 1e-15), Q(1, 10)).contains(0)


@pytest.mark.parametrize("exponent", [2, 8, 17, 40, 150, 300])
def test_the_envelope_of_the_smallest_alphas_stays_below_the_trivial_bound(exponent: int) -> None:
    alpha = 10.0**-exponent
    envelope = bounds.approximate_envelope(0.5, alpha, 4)
    value = float(envelope.at(0.5, on=FLOAT))
    assert 0.0 < value <= bounds.trivial(alpha, 4, on=FLOAT) * (1 + 1e-9)
