"""The consistency witness: members give none, their neighbours do, and an independent oracle agrees."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import oracle
import pytest
import sympy as sp

from eftheory.errors import MisuseError
from eftheory.spec import specification
from eftheory.verdict import Status, Verdict, Witness
from eftheory.witness import certify_nonmember, consistency_witness

R = sp.Rational
BITS = list(product((0, 1), repeat=2))


def ask(decoder: Any, family: str, encoder: str, prior: str, x: Any, **options: Any) -> Verdict:
    return consistency_witness(decoder=decoder, decoder_family=family, encoder=encoder, prior=prior, x=x, **options)


def recompute(witness: Witness, log_density: Callable[[Sequence[float]], float]) -> float:
    """The number of the witness, from its points and weights alone."""
    points = [[float(sp.Rational(v)) for v in point] for point in witness.points]
    return math.fsum(float(Fraction(b)) * log_density(z) for b, z in zip(witness.weights, points, strict=True))


# ---------------------------------------------------------------- the four components in the plane

PARALLELOGRAM = ([[1, 1], [0, 2]], [0, 0])
RECTANGLE = ([[1, 0], [0, 2]], [3, -1])


@pytest.mark.parametrize("prior", ["uniform", "bernoulli(2, probs=1/3)", "same", "boltzmann(1+1)"])
def test_a_parallelogram_is_no_member_and_a_rectangle_is(prior: str) -> None:
    model = ("normal(2, variance=1/4)", "bernoulli(2)", prior)
    refuted, proved = ask(PARALLELOGRAM, *model, x=(0, 0)), ask(RECTANGLE, *model, x=(0, 0))
    assert proved.status is Status.PROVED
    if prior == "boltzmann(1+1)":
        # a prior with the interaction absorbs it: the weights that annihilate it too are none
        assert refuted.status is Status.PROVED
        return
    # Delta = -(s2/2) sum_i b_i |f_i|^2 = -s2 a.b, with natural parameters a = (1, 0), b = (1, 2)
    assert refuted.status is Status.REFUTED
    assert refuted.witness.weights == ("1", "-1", "-1", "1")
    assert Fraction(refuted.witness.lower) <= Fraction(-1, 4) <= Fraction(refuted.witness.upper)


def test_a_free_prior_absorbs_the_parallelogram_but_no_bent_quadrilateral() -> None:
    model = ("normal(2, variance=1/4)", "bernoulli(2)", "free", ((0, 0), (1, 3)))
    assert ask(PARALLELOGRAM, *model).status is Status.PROVED
    corners = {z: [z[0] + z[1], 2 * z[1]] for z in BITS}
    assert ask(corners, *model).status is Status.PROVED
    corners[1, 1] = [2, R(2) + R(1, 10**30)]
    bent = ask(corners, *model)
    # (nu(x) - nu(x')) = (-1, -3), the second coordinate bent by 10^-30
    assert bent.status is Status.REFUTED
    assert Fraction(bent.witness.lower) <= Fraction(-3, 10**30) <= Fraction(bent.witness.upper)


def test_the_categorical_encoder_takes_every_table() -> None:
    units = {(1, 0, 0): [0.3, 2], (0, 1, 0): [5, 7.7], (0, 0, 1): [-1, 0]}
    for prior, x in (("free", ((0, 0), (1, 1))), ("uniform", (0, 0))):
        assert ask(units, "normal(2, variance=1)", "categorical(3)", prior, x).status is Status.PROVED


# ---------------------------------------------------------------- black boxes


def relu_network(seed: int, width: int = 8, outputs: int = 3) -> Callable[[Sequence[float]], Any]:
    rng = np.random.default_rng(seed)
    first, shift, last = rng.normal(size=(width, 2)), rng.normal(size=width), rng.normal(size=(outputs, width))
    return lambda z: last @ np.maximum(first @ np.asarray(z, dtype=float) + shift, 0.0)


def test_a_relu_network_on_two_bits_is_refuted() -> None:
    network, x, other = relu_network(0), np.array([0, 1, 1]), np.array([1, 1, 0])
    verdict = ask(network, "bernoulli(3)", "bernoulli(2)", "free", (x, other))
    assert verdict.status is Status.REFUTED and verdict.holds is False
    value = recompute(verdict.witness, lambda z: float((x - other) @ network(z)))
    assert float(verdict.witness.lower) - 1e-12 < value < float(verdict.witness.upper) + 1e-12
    assert 0 < Fraction(verdict.witness.upper) - Fraction(verdict.witness.lower) < Fraction(1, 10**6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rounding_of_an_affine_network_is_no_witness(dtype: str) -> None:
    rng = np.random.default_rng(3)
    W, u = rng.normal(size=(3, 2)).astype(dtype), rng.normal(size=3).astype(dtype)
    x = ((0, 0, 1), (1, 1, 0))
    affine = ask(lambda z: W @ np.asarray(z, dtype=dtype) + u, "bernoulli(3)", "bernoulli(2)", "free", x)
    assert affine.status is Status.SUPPORTED

    # control: taken as exact numbers, at some seed its floats are not affine
    def exact(seed: int) -> Status:
        row = np.random.default_rng(seed).normal(size=3)
        table = {z: [float(row[0] * z[0] + row[1] * z[1] + row[2])] for z in BITS}
        return ask(table, "bernoulli(1)", "bernoulli(2)", "free", (0, 1)).status

    assert Status.REFUTED in {exact(seed) for seed in range(8)}


def test_exact_callables_are_decided_exactly() -> None:
    def affine(z: Sequence[int]) -> list[Fraction]:
        return [Fraction(1, 3) * z[0] - Fraction(2, 7) * z[1]]

    model = ("bernoulli(1)", "bernoulli(2)", "free", (0, 1))
    assert ask(affine, *model).status is Status.PROVED
    assert (
        ask(lambda z: [*affine(z)[:0], affine(z)[0] + Fraction(z[0] * z[1], 10**40)], *model).status is Status.REFUTED
    )


def test_third_differences_see_a_cube_but_no_square() -> None:
    model = ("normal(1, variance=1)", "normal(1)", "free", (0, 1))
    cube, square = ask(lambda z: [z[0] ** 3], *model), ask(lambda z: [z[0] ** 2], *model)
    assert cube.status is Status.REFUTED and square.status is Status.SUPPORTED
    four = ask(lambda z: [z[0] ** 3], *model, z_points=[-1, 0, 1, 2])
    assert [Fraction(w) for w in four.witness.weights] in ([1, -3, 3, -1], [-1, 3, -3, 1])
    assert abs(float(four.witness.lower)) == pytest.approx(6)


@pytest.mark.parametrize("latents", ["normal(20)", "bernoulli(24)"])
def test_larger_latent_spaces(latents: str) -> None:
    k = int(latents.split("(")[1][:-1])
    W = np.random.default_rng(0).normal(size=(5, k))
    prior = "normal(20, mean=0, variance=1)" if "normal" in latents else "uniform"
    linear = ask(lambda z: W @ np.asarray(z, dtype=float), "normal(5, variance=1)", latents, prior, [0] * 5)
    # five pixels cannot hold twenty orthogonal columns
    assert linear.status is Status.REFUTED
    W = np.eye(k)
    orthogonal = ask(lambda z: W @ np.asarray(z, dtype=float), f"normal({k}, variance=1)", latents, prior, [0] * k)
    assert orthogonal.status is Status.SUPPORTED


# ---------------------------------------------------------------- other latents: exact points of their statistics

MEMBERS: list[tuple[str, str, str, Any, Any]] = [
    ("poisson(1)", "gamma(1)", "same", ([[1, 0]], [1]), ([[1, -1]], [1])),
    ("exponential(1)", "gamma(1)", "same", ([[0, -2]], [0]), ([[0, -2]], [-1])),
    ("bernoulli(1)", "beta(1)", "same", ([[1, -1]], [0]), ([[1, -1]], [1])),
    ("bernoulli(1)", "beta(1)", "uniform", ([[-1, 1]], [0]), ([[-1, 2]], [0])),
    ("von_mises(1)", "von_mises(1)", "same", ([[1, 0], [0, 1]], [0, 0]), ([[1, 0], [0, 2]], [0, 0])),
    ("normal(1, variance=1)", "normal(1)", "normal(1, mean=1, variance=2)", ([[3, 0]], [1]), ([[3, 1]], [1])),
    (
        "normal(2, variance=2)",
        "mvn(2)",
        "same",
        ([[1, 3, 0, 0, 0], [1, 1, 0, 0, 0]], [0, 0]),
        ([[0, 0, 1, 0, 0]] * 2, [0, 0]),
    ),
    ("bernoulli(1)", "normal(1)", "normal(1, mean=0, variance=1)", ([[0, 0]], [1]), ([[1, 0]], [1])),
    ("categorical(3)", "dirichlet(3)", "same", ([[1, 0, -1], [0, 1, -1]], [0, 0]), ([[1, 0, 0], [0, 1, 0]], [0, 0])),
]


@pytest.mark.parametrize(("family", "encoder", "prior", "member", "other"), MEMBERS)
def test_members_and_their_neighbours(family: str, encoder: str, prior: str, member: Any, other: Any) -> None:
    spec = specification(decoder=family, encoder=encoder, prior=prior)
    space = [0] * (sum(map(int, spec.decoder.unit.groups)) or int(spec.decoder.copies))
    x = {"categorical": [0, 0, 1], "exponential": [1]}.get(family.split("(")[0], space)
    assert ask(member, family, encoder, prior, x).status is Status.SUPPORTED
    refuted = ask(other, family, encoder, prior, x)
    assert refuted.status is Status.REFUTED
    if spec.decoder.unit.support.scalar:
        assert oracle.posterior_residual(spec, *member) < oracle.SMALL < oracle.posterior_residual(spec, *other)


def test_the_encoders_base_measure_counts() -> None:
    """Binomial(2) code, uniform prior: not even the collapsed decoder is a member (theory: section 2(c))."""
    model = ("bernoulli(1)", "binomial(1, trials=2)")
    collapsed = ask(([[0]], [0]), *model, "uniform", 0)
    assert collapsed.status is Status.REFUTED
    # log of (1 * 1 / 2^2), up to the sign of the weights
    assert float(collapsed.witness.lower) == pytest.approx(math.copysign(math.log(4), float(collapsed.witness.lower)))
    assert ask(([[0]], [0]), *model, "same", 0).status is Status.PROVED


# ---------------------------------------------------------------- counts of varying total


def words(p: Sequence[Fraction], q: Sequence[Fraction]) -> dict[tuple[int, int], list[sp.Expr]]:
    """Four words as pairs of letters, each letter driven by one bit."""

    def log(v: Fraction) -> sp.Expr:
        return sp.log(R(v.numerator, v.denominator))

    return {z: [log(a * b) for a in (p[z[0]], 1 - p[z[0]]) for b in (q[z[1]], 1 - q[z[1]])] for z in BITS}


def test_varying_totals_remove_linear_logits_under_every_prior() -> None:
    logits = ([[1, 0], [0, 1], [0, 0]], [0, 0, 0])
    model = ("multinomial(3)", "bernoulli(2)")
    assert ask(logits, *model, "free", ((0, 0, 1), (1, 1, 0))).status is Status.REFUTED
    assert ask(logits, *model, "uniform", (1, 0, 0)).status is Status.REFUTED
    assert ask(
        ([[1, 0], [0, 1]], [0, 0]), "multinomial(3, trials=2)", "bernoulli(2)", "free", ((0, 0, 2), (1, 1, 0))
    ).holds
    # control: at one total the same logits show nothing
    one_bit = ask(([[1], [2], [0]], [0, 0, 0]), "multinomial(3)", "bernoulli(1)", "free", ((0, 0, 1), (1, 1, 0)))
    assert one_bit.status is Status.PROVED


def test_pairs_of_letters_are_members_for_varying_totals() -> None:
    table = words([Fraction(1, 3), Fraction(1, 2)], [Fraction(1, 5), Fraction(3, 4)])
    for prior, x in (("free", ((0, 0, 0, 0), (1, 0, 2, 0))), ("bernoulli(2, probs=1/3)", (0, 1, 0, 0))):
        assert ask(table, "multinomial(4)", "bernoulli(2)", prior, x).status is Status.PROVED
    # a common shift of all logits changes no probability
    shifted = {z: [entry + sp.log(7) for entry in row] for z, row in table.items() if z != (1, 1)} | {
        (1, 1): table[1, 1]
    }
    assert ask(shifted, "multinomial(4)", "bernoulli(2)", "free", ((0, 0, 0, 0), (1, 0, 2, 0))).status is Status.PROVED
    table[1, 1][0] += sp.log(R(101, 100))
    assert ask(table, "multinomial(4)", "bernoulli(2)", "free", ((0, 0, 0, 0), (1, 0, 2, 0))).status is Status.REFUTED


# ---------------------------------------------------------------- against the oracle, and floats

BOTH, EVERY = {True, False}, {True}
MODELS = [
    ("bernoulli(2)", "bernoulli(2)", "uniform", BOTH),
    ("bernoulli(2)", "bernoulli(2)", "free", EVERY),
    ("bernoulli(2)", "bernoulli(2)", "bernoulli(2, probs=1/4)", BOTH),
    ("bernoulli(1)", "binomial(1, trials=2)", "same", BOTH),
    ("bernoulli(2)", "boltzmann(1+1)", "bernoulli(2)", EVERY),
    ("categorical(3)", "bernoulli(2)", "same", BOTH),
    ("multinomial(3)", "bernoulli(2)", "free", BOTH),
    ("multinomial(3)", "bernoulli(2)", "uniform", BOTH),
    ("multinomial(2, trials=2)", "bernoulli(2)", "boltzmann(1+1)", EVERY),
    ("binomial(1, trials=2)", "bernoulli(3)", "same", BOTH),
]


@pytest.mark.parametrize(("family", "encoder", "prior", "outcomes"), MODELS)
def test_the_oracle_agrees_on_random_odds(family: str, encoder: str, prior: str, outcomes: set[bool]) -> None:
    spec = specification(decoder=family, encoder=encoder, prior=prior)
    rng = random.Random(family + encoder + prior)
    rows = int(spec.decoder.copies) * len(spec.decoder.unit.at().statistics)
    columns = int(spec.encoder.copies) * len(spec.encoder.unit.at().statistics)
    start = {"categorical(3)": [0, 0, 1], "multinomial(2, trials=2)": [0, 2], "multinomial(3)": [0, 0, 1]}
    x = start.get(family, [0] * int(spec.decoder.copies))
    if prior == "free":
        x = (x, {"multinomial(3)": [1, 1, 0]}.get(family, [1] * len(x)))
    seen = set()
    for trial in range(7):
        choice = [1] if trial == 0 else [1, 1, 2, 3, Fraction(1, 2)]
        odds_W = [[rng.choice(choice) for _ in range(columns)] for _ in range(rows)]
        odds_u = [rng.choice([1, 2, 3]) for _ in range(rows)]
        W = [[sp.log(R(w.numerator, w.denominator)) for w in row] for row in odds_W]
        verdict = ask((W, [sp.log(w) for w in odds_u]), family, encoder, prior, x)
        assert verdict.status in (Status.PROVED, Status.REFUTED)
        assert verdict.holds == oracle.finite_member(spec, odds_W, odds_u)
        seen.add(verdict.holds)
    assert seen == outcomes


def test_float_tables_are_decided_by_lindemann_weierstrass() -> None:
    """Rational parameters: sums of exponentials, equal or not, decided without balls; one pixel for each bit."""
    table = {z: [0.1 * z[0], 2.7 * z[1] - 1] for z in BITS}
    model = ("bernoulli(2)", "bernoulli(2)", "uniform", (0, 1))
    assert ask(table, *model).status is Status.PROVED
    table[1, 1] = [0.1, math.nextafter(1.7000000000000002, 2)]
    assert ask(table, *model).status is Status.REFUTED


# ---------------------------------------------------------------- derived forms, for `check`

CERTIFICATES: list[tuple[str, str, str, tuple[Any, ...], Any, Any]] = [
    (
        "normal(d, variance=s2)",
        "normal(k)",
        "normal(k, mean=0, variance=1)",
        ((), 2, (), 2),
        [[1, 0, 1, 0], [1, 0, -1, 0]],
        [[1, 0, 1, 0], [1, 0, 2, 0]],
    ),
    ("bernoulli(d)", "normal(k)", "normal(k, mean=0, variance=1)", ((), 2, (), 1), [[0, 0], [0, 0]], [[1, 0], [0, 0]]),
    ("poisson(d)", "normal(k)", "normal(k, mean=0, variance=1)", ((), 1, (), 1), [[0, 0]], [[1, -1]]),
    ("bernoulli(d)", "bernoulli(k)", "uniform", ((), 2, (), 2), [[1, 0], [0, 2]], [[1, 0], [1, 2]]),
    ("bernoulli(d)", "boltzmann(a+b)", "uniform", ((), 1, (1, 2), 1), [[1, 1, 0, 0, 0]], [[1, 1, 1, 0, 0]]),
    ("multinomial(K)", "bernoulli(k)", "uniform", ((3,), 1, (), 2), [[0, 0], [0, 0], [0, 0]], [[1, 0], [0, 1], [0, 0]]),
    ("multinomial(K)", "bernoulli(k)", "free", ((3,), 1, (), 2), [[1, 1], [1, 1], [1, 1]], [[1, 0], [0, 1], [0, 0]]),
    ("exponential(d)", "gamma(k)", "same", ((), 1, (), 1), [[0, -1]], [[-1, -1]]),
    ("bernoulli(d)", "bernoulli(k)", "boltzmann(1+1)", ((), 1, (), 2), [[1, 2]], None),
]


@pytest.mark.parametrize(("family", "encoder", "prior", "shape", "member", "other"), CERTIFICATES)
def test_nonmembers_are_certified_and_members_are_not(
    family: str, encoder: str, prior: str, shape: tuple[Any, ...], member: Any, other: Any
) -> None:
    encoder = "bernoulli(2)" if prior.startswith("boltzmann") else encoder
    spec = specification(decoder=family, encoder=encoder, prior=prior)
    u = [0] * len(member)
    assert certify_nonmember(spec, *shape, member, u) is None
    if other is not None:
        witness = certify_nonmember(spec, *shape, [[R(w) for w in row] for row in other], u)
        assert isinstance(witness, Witness)
        assert sum(map(Fraction, witness.weights)) == 0
        assert witness.as_dict()["model"]["decoder"] == family


def test_the_certified_number_is_the_conjugation_defect() -> None:
    spec = specification(decoder="bernoulli(d)", encoder="normal(k)", prior="normal(k, mean=0, variance=1)")
    witness = certify_nonmember(spec, (), 2, (), 1, [[1, 0], [2, 0]], [0, R(1, 3)])
    assert witness is not None

    def softplus_sum(z: Sequence[float]) -> float:
        return -math.log1p(math.exp(z[0])) - math.log1p(math.exp(2 * z[0] + 1 / 3))

    value = recompute(witness, softplus_sum)
    assert value == pytest.approx((float(witness.lower) + float(witness.upper)) / 2, rel=1e-9)
    assert value != pytest.approx(0, abs=1e-6)


# ---------------------------------------------------------------- misuse

GOOD: dict[str, Any] = {
    "decoder": {z: [1, z[0]] for z in BITS},
    "decoder_family": "bernoulli(2)",
    "encoder": "bernoulli(2)",
    "prior": "uniform",
    "x": (0, 1),
}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"decoder": lambda z: [float("nan"), 1.0]}, "finite real"),
        ({"decoder": lambda z: [1.0]}, "2 natural parameters"),
        ({"decoder": {z: [1, 2, 3] for z in BITS}}, "2 natural parameters"),
        ({"decoder": {(0, 2): [1, 1]}}, "latent point"),
        ({"decoder": {(0, 0): [1, 1]}, "z_points": BITS}, "every point"),
        ({"decoder": ([[1, 2]], [0])}, "W of shape 2 x 2.*latent unit by latent unit"),
        ({"decoder": 3}, "callable, table"),
        ({"x": (0, 2)}, "observation x"),
        ({"x": (0, 1, 1)}, "observation x of 2"),
        ({"x": (0, float("inf"))}, "finite real"),
        ({"prior": "free"}, "observation x of 2"),
        ({"prior": "free", "x": 1}, "two observations"),
        ({"z_points": [(0, 0), (0, 5)]}, "latent point"),
        ({"z_points": []}, "z_points as a list"),
        ({"z_points": 3}, "z_points as a list"),
        ({"rounding": "a"}, "rounding as a whole number"),
        ({"rounding": -1}, "rounding as a whole number"),
        ({"z_points": [(0, 0), (0, 1), (1, 0)]}, "more z_points|annihilate"),
        ({"prior": "normal(2, mean=0, variance=1)"}, "support"),
        ({"encoder": "bernoulli(k)"}, "explicit sizes"),
        ({"decoder_family": "exponential(2)", "x": (1, 1)}, "natural domain"),
        ({"decoder_family": "bernouli(2)"}, "bernoulli"),
    ],
)
def test_misuse_is_one_line(change: dict[str, Any], match: str) -> None:
    assert consistency_witness(**GOOD).status is Status.PROVED
    with pytest.raises(MisuseError, match=match) as raised:
        consistency_witness(**{**GOOD, **change})
    assert "\n" not in str(raised.value)
