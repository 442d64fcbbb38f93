"""The exact module against a float64 brute force, on 1000 random instances, and against what `derive` answers.

The brute force reads the instance (a dictionary of rational strings) and knows the definitions only: no line of
`eftheory` computes anything in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import prod
from random import Random
from typing import Any

import numpy as np
import pytest
from flint import ctx, fmpq
from numpy.typing import NDArray
from oracle import finite_member
from questions import arguments, ask, conditions, spec

from eftheory.exact import draws
from eftheory.exact.finite import FiniteVAE, finite_vae
from eftheory.exact.projection import Projection
from eftheory.exact.side import Side, family_side
from eftheory.exact.tables import posterior_in_family

Array = NDArray[np.float64]
TOLERANCE = 1e-12
KEYS = draws.keys(1000, label="crosscheck")


# ---------------------------------------------------------------- float64, by hand


def floats(numbers: Any) -> Any:
    return [floats(n) for n in numbers] if isinstance(numbers, list) else float(Fraction(numbers))


def conditional(base: Array, statistics: Array, odds: Array) -> Array:
    """Row i: ``base * prod_j odds[i, j]^statistics[., j]``, normalised; (rows of odds, points)."""
    mass = base * np.prod(odds[:, None, :] ** statistics[None, :, :], axis=2)
    return np.asarray(mass / mass.sum(axis=1, keepdims=True))


def brute_force(instance: Mapping[str, Any]) -> dict[str, Array]:
    h, nu, theta, prior, k, psi, gamma, pd = (
        np.array(floats(instance[name])) for name in ("h", "nu", "theta", "prior", "k", "psi", "gamma", "pd")
    )
    decoder, q = conditional(h, nu, theta).T, conditional(k, psi, gamma)
    joint = decoder * prior
    evidence = joint.sum(axis=1)
    post = joint / evidence[:, None]
    # KL as a sum of terms that are not negative: where q and p are near, sum q log(q/p) loses its digits
    excess = (post - q) / q
    kl = (q * (excess - np.log1p(excess))).sum(axis=1)
    residual = np.log(post / q)
    root = np.sqrt(pd)[:, None]
    basis, _ = np.linalg.qr(root * np.column_stack([nu, np.ones(len(h))]))
    return {
        "decoder": decoder,
        "joint": joint,
        "evidence": evidence,
        "posterior": post,
        "encoder": q,
        "log evidence": pd @ np.log(evidence),
        "elbo": pd @ (q * (np.log(joint) - np.log(q))).sum(axis=1),
        "kl": kl,
        "gap": pd @ kl,
        "squared residual": pd @ residual**2,
        "constructive error": basis @ (basis.T @ (root * residual)) / root,
    }


def exactly(instance: Mapping[str, Any]) -> dict[str, Array]:
    """The same from the exact module, at 128 bits, to the nearest double."""
    vae = FiniteVAE.from_dict(instance)
    projection = Projection(vae)
    with ctx.workprec(128):
        named = {
            "decoder": vae.decoder,
            "joint": vae.joint,
            "evidence": vae.evidence,
            "posterior": vae.posterior,
            "encoder": vae.encoder,
            "log evidence": vae.log_evidence(),
            "elbo": vae.elbo(),
            "kl": vae.kl(),
            "gap": vae.gap(),
            "squared residual": projection.squared_residual(),
            "constructive error": projection.constructive_error(),
        }
        return {name: np.array(nearest(value)) for name, value in named.items()}


def nearest(value: Any) -> Any:
    if isinstance(value, list):
        return [nearest(entry) for entry in value]
    return int(value.p) / int(value.q) if isinstance(value, fmpq) else float(value.mid())


PROBABILITIES = ("decoder", "joint", "evidence", "posterior", "encoder")
"""Sums of positive terms lose no digits: these agree relatively, also where they are small."""


def disagreement(instance: Mapping[str, Any], exact: Mapping[str, Array]) -> dict[str, float]:
    """Largest difference by name: relative; for logarithmic quantities below 1, absolute."""
    found = {}
    for name, value in brute_force(instance).items():
        assert value.shape == exact[name].shape, name
        scale = np.abs(exact[name]) if name in PROBABILITIES else np.maximum(np.abs(exact[name]), 1.0)
        found[name] = float((np.abs(value - exact[name]) / scale).max())
    return found


@pytest.mark.parametrize("start", range(0, 1000, 100))
def test_a_thousand_instances_agree_with_a_brute_force(start: int) -> None:
    for key in KEYS[start : start + 100]:
        instance = draws.random_vae(key).as_dict()
        found = disagreement(instance, exactly(instance))
        assert max(found.values()) < TOLERANCE, (key, found)


@pytest.mark.parametrize("name", ["pd", "h", "theta", "k", "psi", "gamma", "prior", "nu"])
def test_a_number_that_only_one_of_them_sees_is_noticed(name: str) -> None:
    """Control: one entry of the instance moved by 1e-9 relative, or a statistic by one."""
    instance = draws.random_vae("random/own(5, 2) x own(4, 2)/free/control").as_dict()
    exact, moved = exactly(instance), {**instance}
    if name in ("nu", "psi"):
        moved[name] = [[str(int(moved[name][0][0]) + 1), *moved[name][0][1:]], *moved[name][1:]]
    elif name in ("theta", "gamma"):
        moved[name] = [
            [str(Fraction(moved[name][0][0]) * (1 + Fraction(1, 10**9))), *moved[name][0][1:]],
            *moved[name][1:],
        ]
    else:
        moved[name] = [str(Fraction(moved[name][0]) * (1 + Fraction(1, 10**9))), *moved[name][1:]]
    assert max(disagreement(moved, exact).values()) > 10 * TOLERANCE


# ---------------------------------------------------------------- what `derive` answers

Odds = list[list[Fraction]]


def sides(question: str) -> tuple[Side, Side]:
    given = arguments(question)
    return family_side(given["decoder"]), family_side(given["encoder"])


def draw(rng: Random) -> Fraction:
    return Fraction(rng.randint(1, 9), rng.choice([1, 2, 3, 5, 7]))


def powers(odds: Sequence[Fraction], exponents: Sequence[fmpq]) -> Fraction:
    return prod((o ** int(e.p) for o, e in zip(odds, exponents, strict=True)), start=Fraction(1))


def fraction(number: fmpq) -> Fraction:
    return Fraction(int(number.p), int(number.q))


def member(x: Side, z: Side, W: Odds, u: list[Fraction]) -> tuple[Odds, list[Fraction]]:
    """theta with ``f = W psi + u``, and its partition function ``exp A(f(z))``."""
    theta = [[powers(row, psi) * shift for row, shift in zip(W, u, strict=True)] for psi in z.statistics]
    sums = [sum(fraction(h) * powers(row, nu) for h, nu in zip(x.base, x.statistics, strict=True)) for row in theta]
    return theta, [Fraction(total) for total in sums]


def vae_of(x: Side, z: Side, W: Odds, theta: Odds, v: list[Fraction], prior: list[Fraction]) -> FiniteVAE:
    gamma = [
        [powers(column, nu) * shift for column, shift in zip(zip(*W, strict=True), v, strict=True)]
        for nu in x.statistics
    ]
    total = sum(prior)
    return finite_vae(
        x, z, theta=theta, prior=[p / total for p in prior], gamma=gamma, data=[Fraction(1, x.count)] * x.count
    )


def in_family(vae: FiniteVAE) -> bool:
    return posterior_in_family(vae.joint, vae.z.statistics, vae.z.base)


FREE = [
    "bernoulli(2) | bernoulli(2) | free",
    "bernoulli(3) | bernoulli(2) | free",
    "binomial(1, trials=2) | bernoulli(2) | free",
    "categorical(3) | binomial(1, trials=3) | free",
    "boltzmann(1+1) | bernoulli(2) | free",
    "multinomial(3, trials=2) | bernoulli(2) | free",
    "bernoulli(2) | boltzmann(2+1) | free",
]


@pytest.mark.parametrize("question", FREE)
def test_free_prior_every_affine_decoder_is_tight_and_others_are_not(question: str) -> None:
    """Consistent: ``f = W psi + u``, ``g = W' nu + v``, prior ``k exp(v' psi + A(f))``, for every W, u, v."""
    answer, rng, (x, z) = ask(question), Random(question), sides(question)
    assert answer.verdict == "consistent" and conditions(answer) == ()
    assert (answer.decoder_form.text, answer.encoder_form.text) == ("f(z) = W psi(z) + u", "g(x) = W' nu(x) + v")
    for _ in range(10):
        W = [[draw(rng) for _ in range(z.width)] for _ in range(x.width)]
        u, v = [draw(rng) for _ in range(x.width)], [draw(rng) for _ in range(z.width)]
        theta, sums = member(x, z, W, u)
        prior = [fraction(k) * powers(v, psi) * s for k, psi, s in zip(z.base, z.statistics, sums, strict=True)]
        vae = vae_of(x, z, W, theta, v, prior)
        assert vae.is_tight and in_family(vae)
        bent = [row[:] for row in theta]
        bent[-1][0] *= 1 + draw(rng)
        other = vae_of(x, z, W, bent, v, prior)  # f is no longer affine in psi
        assert not other.is_tight and not in_family(other)


SQUARE = [1, -1, -1, 1]
# question, verdict, annihilator of 1 and psi (points in the order of the side), or None where there is none
UNIFORM = [
    ("bernoulli(2) | bernoulli(2) | uniform", "constrained", SQUARE),
    ("bernoulli(3) | bernoulli(2) | uniform", "constrained", SQUARE),
    ("categorical(3) | bernoulli(2) | uniform", "constrained", SQUARE),
    ("binomial(1, trials=2) | bernoulli(2) | uniform", "constrained", SQUARE),
    ("bernoulli(1) | binomial(1, trials=2) | uniform", "constrained", [1, -2, 1]),
    ("bernoulli(2) | categorical(3) | uniform", "consistent", None),
    ("bernoulli(2) | boltzmann(1+1) | uniform", "consistent", None),
]


def solved(z: Side, sums: list[Fraction]) -> list[Fraction]:
    """v of a uniform prior: ``k(z) exp(v' psi(z)) sums(z)`` is constant on the points that add one statistic each."""
    v = [Fraction(1)] * z.width
    points = sorted(range(z.count), key=lambda i: sum(map(abs, z.statistics[i])))
    constant = fraction(z.base[points[0]]) * sums[points[0]]
    known: set[int] = set()
    for i in points[1:]:
        new = [j for j, s in enumerate(z.statistics[i]) if s != 0 and j not in known]
        if len(new) == 1 and z.statistics[i][new[0]] == 1:
            v[new[0]] = constant / (fraction(z.base[i]) * sums[i] * powers(v, z.statistics[i]))
            known.add(new[0])
    assert len(known) == z.width
    return v


@pytest.mark.parametrize(("question", "verdict", "b"), UNIFORM, ids=[u[0] for u in UNIFORM])
def test_uniform_prior_tight_exactly_where_the_conditions_hold(
    question: str, verdict: str, b: list[int] | None
) -> None:
    """The condition that `derive` states, ``sum_z b_z [A(W psi + u) - log(k0/k)] = 0``, evaluated in Q."""
    answer, rng, (x, z) = ask(question), Random(question), sides(question)
    assert answer.verdict == verdict
    assert any("sum_z b_z [A(W psi(z) + u) - log(k0/k)(z)] = 0" in c for c in conditions(answer)) == (b is not None)
    seen = {True: 0, False: 0}
    for trial in range(40):
        one = rng.randrange(z.width)
        W = [[draw(rng) if trial % 2 or j == one else Fraction(1) for j in range(z.width)] for _ in range(x.width)]
        u = [draw(rng) for _ in range(x.width)]
        if question.startswith("bernoulli(1)") and trial % 2 == 0:
            W, u = [[Fraction(20)]], [Fraction(3, 16)]
        theta, sums = member(x, z, W, u)
        holds = b is None or prod((fraction(k) * s) ** w for k, s, w in zip(z.base, sums, b, strict=True)) == 1
        vae = vae_of(x, z, W, theta, solved(z, sums), [Fraction(1)] * z.count)
        assert vae.is_tight == in_family(vae) == holds == finite_member(spec(question), W, u)
        seen[holds] += 1
    assert seen[True] >= 10 and (seen[False] >= 10) == (b is not None)
