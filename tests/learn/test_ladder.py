"""Theorem 2 on a model, exact instances of it, witnesses, best gaps: against exact arithmetic and brute force."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
import torch
from flint import fmpq
from learn.small import mlp, model, model_config
from scipy.optimize import minimize

from eftheory import bounds
from eftheory.errors import MisuseError
from eftheory.exact.arithmetic import FLOAT
from eftheory.exact.finite import FiniteVAE, finite_vae
from eftheory.exact.projection import Projection
from eftheory.exact.side import family_side
from eftheory.learn.evaluation.evaluate import evaluate
from eftheory.learn.models.model import VAE
from eftheory.learn.projection.best import best_gaps
from eftheory.learn.projection.instance import dyadic, independent_rows, instance, power_below
from eftheory.learn.projection.ladder import all_bounds, ladder
from eftheory.learn.projection.measure import log_joint
from eftheory.learn.projection.worst import best_quadruple, parallelograms, witness_at, worst_rows
from eftheory.verdict import Status


def steep(decoder: str, encoder: str, *, seed: int = 0, factor: float = 3.0) -> VAE:
    made = model(decoder, encoder, seed=seed, decoder_network=mlp(16), encoder_network=mlp(16))
    for parameter in (*made.f.parameters(), *made.g.parameters()):
        parameter.data *= factor
    return made.requires_grad_(False)


def exactly(made: VAE, decoder: str, encoder: str) -> FiniteVAE:
    """The whole model in Q, data uniform on every x."""
    x, z = family_side(decoder), family_side(encoder)
    points, codes = made.decoder.points().double(), made.latents()
    theta = [[dyadic(v) for v in row] for row in made.decode(codes).tolist()]
    gamma = [[dyadic(v) for v in row] for row in made.encode(points).tolist()]
    prior = [fmpq(1, z.count)] * z.count
    return finite_vae(x, z, theta=theta, prior=prior, gamma=gamma, data=[fmpq(1, x.count)] * x.count)


# --- the ladder -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_the_ladder_is_that_of_exact_arithmetic(seed: int) -> None:
    made = steep("bernoulli(3)", "bernoulli(2)", seed=seed)
    found, vae = ladder(made, made.decoder.points().double()), exactly(made, "bernoulli(3)", "bernoulli(2)")
    projection = Projection(vae)
    error = projection.constructive_error(FLOAT)
    assert found.gap == pytest.approx(vae.gap(FLOAT), rel=1e-9)
    assert math.exp(found.log_alpha) == pytest.approx(FLOAT.number(vae.alpha), rel=1e-9)
    assert found.residual.tolist() == pytest.approx(projection.squared_residual(FLOAT), rel=1e-9)
    assert found.error.tolist() == pytest.approx(projection.squared(error, FLOAT), rel=1e-8)
    assert found.log_mass == pytest.approx(math.log(projection.total_mass(error, FLOAT)), rel=1e-7, abs=1e-9)
    assert found.rank == found.columns == 4


@pytest.mark.parametrize("seed", range(5))
def test_every_bound_of_theorem_2_holds(seed: int) -> None:
    made = steep("bernoulli(4)", "bernoulli(2)", seed=seed)
    x = (torch.rand(40, 4, generator=torch.Generator().manual_seed(seed)) < 0.4).double()
    found = ladder(made, x)
    worst = float(found.residual.max())
    assert bool((found.error <= found.residual + 1e-12).all())
    assert all(worst <= value * (1 + 1e-9) for value, _ in found.bounds.values())
    assert bool((found.residual.log10() <= found.each_z + 1e-9).all())
    assert found.bounds["linear"][0] < found.bounds["pinsker"][0]
    assert found.bounds["envelope"][0] <= min(found.bounds["linear"][0], found.bounds["trivial"][0]) * (1 + 1e-6)
    assert worst > 1e-4 * found.bounds["envelope"][0], "the control: the bound is no empty one"
    assert found.best == "envelope"


def test_bounds_stand_where_alpha_is_below_the_floats() -> None:
    found = all_bounds(2.0, -2000.0, 256)
    assert found["trivial"][0] == pytest.approx(2000.0**2, rel=1e-3)
    assert found["pinsker"] == (math.inf, pytest.approx(4000.0 / math.log(10.0), rel=1e-3))
    for log_alpha in (-2000.0, -300.0, -40.0, -28.0):
        assert "envelope" not in all_bounds(2.0, log_alpha, 256)
    assert all_bounds(2.0, -27.0, 256)["envelope"][0] <= all_bounds(2.0, -27.0, 256)["trivial"][0]
    usual = all_bounds(0.1, math.log(0.01), 4)
    assert usual["linear"][0] == pytest.approx(bounds.linear(0.1, 0.01, on=FLOAT))


# --- exact instances --------------------------------------------------------------------------------------------------


def test_conditioning_on_a_few_rows_keeps_posteriors_and_gaps() -> None:
    made = steep("bernoulli(6)", "bernoulli(3)", factor=4.0)
    x = (torch.rand(50, 6, generator=torch.Generator().manual_seed(0)) < 0.5).double()
    rows = independent_rows(made, x, evaluate(made, x).gap.argsort(descending=True).tolist(), 4)
    found = instance(made, "bernoulli(3)", x, rows)
    assert found.change < 1e-11
    posterior = log_joint(made, x[list(rows)]).softmax(-1)[:, list(found.places)]
    np.testing.assert_allclose([[FLOAT.number(p) for p in row] for row in found.vae.posterior], posterior, rtol=1e-9)
    assert found.vae.kl(FLOAT) == pytest.approx(evaluate(made, x[list(rows)]).gap.tolist(), rel=1e-8)
    error = Projection(found.vae).constructive_error(FLOAT)
    residuals = Projection(found.vae).residuals(FLOAT)
    np.testing.assert_allclose(error, residuals, rtol=1e-9)  # the projection is the identity there
    other = instance(made, "bernoulli(3)", x, rows[:3])
    assert FLOAT.number(other.vae.evidence[0]) != pytest.approx(FLOAT.number(found.vae.evidence[0]), rel=1e-3)


def test_independent_rows_leaves_out_those_that_add_nothing() -> None:
    made = steep("bernoulli(2)", "bernoulli(2)")
    x = torch.tensor([[0, 0], [0, 0], [1, 1], [0, 1], [1, 0]]).double()
    assert independent_rows(made, x, range(5), 4) == (0, 2, 3)


def test_numbers_of_any_size_become_rationals() -> None:
    assert dyadic(0.0) == 1
    for value in (-2000.0, -0.3, 700.5):
        number = dyadic(value)
        assert math.log(number.numerator) - math.log(number.denominator) == pytest.approx(value, abs=1e-11)
    with pytest.raises(MisuseError, match="log-odds within 2500 nats, to be certified; got inf"):
        dyadic(math.inf)


def test_alpha_is_rounded_to_the_nearest_power_of_two_below() -> None:
    for value in (Fraction(1), Fraction(1, 8), Fraction(3, 8), Fraction(5, 9), Fraction(7, 1000), Fraction(2**90, 3)):
        power = power_below(value)
        assert power <= value < 2 * power
        assert 1 in (power.numerator, power.denominator) and (power.numerator * power.denominator).bit_count() == 1


def test_instances_that_recheck_would_take_hours_for_are_refused() -> None:
    made = steep("bernoulli(3)", "bernoulli(3)")
    x = made.decoder.points().double()
    for rows in ([0], list(range(8)) * 33):
        with pytest.raises(MisuseError, match="pairs with latents"):
            instance(made, "bernoulli(3)", x, rows)


# --- witnesses --------------------------------------------------------------------------------------------------------


def test_parallelograms_are_all_there_once() -> None:
    psi = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)])
    found = {frozenset((frozenset((a, d)), frozenset((b, c)))) for a, b, c, d in parallelograms(psi)}
    wanted = {
        frozenset((frozenset(one), frozenset(other)))
        for one in combinations(range(8), 2)
        for other in combinations(range(8), 2)
        if one < other and (psi[list(one)].sum(0) == psi[list(other)].sum(0)).all()
    }
    assert found == wanted
    assert len(parallelograms(psi)) == len(wanted) == 12
    assert len(parallelograms(np.eye(4))) == 0, "unit vectors: no four are tied"


@pytest.mark.parametrize("seed", range(4))
def test_a_witness_bounds_the_gap_of_every_encoder(seed: int) -> None:
    made = steep("bernoulli(6)", "bernoulli(3)", seed=seed, factor=4.0)
    config = model_config("bernoulli(6)", "bernoulli(3)")
    x = (torch.rand(30, 6, generator=torch.Generator().manual_seed(seed)) < 0.5).double()
    gap, best = evaluate(made, x).gap, best_gaps(made, x)
    rows = worst_rows(made, config, x, gap, best, 4)
    assert 2 <= len(rows) <= 4
    assert rows[0].row == int(gap.argmax())
    assert int(best.argmax()) in [each.row for each in rows]
    for each in rows:
        assert each.verdict is not None
        assert each.verdict.status is Status.REFUTED
        assert each.quadruple is not None
        assert float(each.verdict.witness.lower) <= each.quadruple.delta + 1e-9
        assert abs(float(each.verdict.witness.upper) - each.quadruple.delta) < 1e-9
        assert 0.0 < each.bound <= float(best[each.row]) <= each.gap + 1e-12
    assert max(each.bound for each in rows) > 1e-3, "the control: the bound is no empty one"


def test_a_member_of_the_consistent_set_has_no_witness_to_speak_of() -> None:
    made = steep("normal(2, variance=1)", "bernoulli(2)")
    W = torch.tensor([[1.0, 2.0], [2.0, -1.0]]).double()  # orthogonal columns, uniform prior: the posterior factorises
    object.__setattr__(made, "decode", lambda z: z @ W.T)
    x = torch.tensor([[0.3, -0.2]]).double()
    found = best_quadruple(made, x)
    assert found is not None
    assert abs(found.delta) < 1e-12
    row = witness_at(made, model_config("normal(2, variance=1)", "bernoulli(2)"), x, 0, 0.0, None)
    assert row.verdict is not None
    assert row.verdict.status is Status.PROVED
    assert row.bound == 0.0


def test_a_categorical_encoder_has_no_witness() -> None:
    made = steep("normal(2, variance=1)", "categorical(4)")
    assert best_quadruple(made, torch.zeros(1, 2).double()) is None


def test_without_a_prior_two_observations_are_contrasted() -> None:
    made = model("bernoulli(4)", "bernoulli(2)", "free").requires_grad_(False)
    config = model_config("bernoulli(4)", "bernoulli(2)", "implied")
    found = witness_at(made, config, torch.ones(1, 4).double(), 0, 0.1, None)
    assert found.verdict is not None
    assert found.verdict.status is Status.REFUTED
    assert len(found.verdict.witness.model["x"]) == 2
    assert found.bound == 0.0


# --- best gaps --------------------------------------------------------------------------------------------------------


def test_best_gaps_are_those_of_a_general_optimiser() -> None:
    made = steep("bernoulli(5)", "bernoulli(3)", factor=4.0)
    x = (torch.rand(6, 5, generator=torch.Generator().manual_seed(0)) < 0.5).double()
    log_p = log_joint(made, x).log_softmax(-1).numpy()
    codes = made.latents().numpy()
    for row, found in zip(log_p, best_gaps(made, x).tolist(), strict=True):

        def gap(logits: np.ndarray, row: np.ndarray = row) -> float:
            log_q = codes @ logits - np.logaddexp(0.0, logits).sum()
            return float((np.exp(log_q) * (log_q - row)).sum())

        starts = np.random.default_rng(0).normal(size=(20, 3)) * 3
        least = min(minimize(gap, start).fun for start in starts)
        assert found == pytest.approx(least, abs=1e-6)


def test_best_gaps_obey_the_bound_for_two_bits() -> None:
    made = steep("bernoulli(5)", "bernoulli(2)", factor=4.0)
    x = made.decoder.points().double()
    p = log_joint(made, x).softmax(-1)
    delta = p[:, 0] * p[:, 3] - p[:, 1] * p[:, 2]
    found = best_gaps(made, x)
    assert bool((found >= delta.square() / 2).all())
    assert bool((found <= evaluate(made, x).gap + 1e-12).all())
    assert float(found.max()) > 1e-3
    with pytest.raises(MisuseError, match="independent bits"):
        best_gaps(steep("bernoulli(5)", "categorical(3)"), x)
