"""The three projections against brute force on small models; prices; controls that must fail."""

from __future__ import annotations

from itertools import product
from math import log

import numpy as np
import pytest
import torch
from learn.small import LINEAR, mlp, model
from scipy.optimize import minimize
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.learn.config import NetworkConfig
from eftheory.learn.evaluation.evaluate import evaluate
from eftheory.learn.models.model import VAE
from eftheory.learn.projection.affine import outside, with_affine_decoder, with_implied_prior
from eftheory.learn.projection.joint import Joint, joint_projection, matching_prior
from eftheory.learn.projection.likelihood import Likelihood, likelihood_projection
from eftheory.learn.projection.measure import Decoded, Measure, measure_of
from eftheory.learn.projection.natural import Natural, border, natural_projection
from eftheory.learn.projection.price import prices, variants
from eftheory.learn.projection.quasi_newton import minimise

TABLE = NetworkConfig(kind="table")
PAIRS = [
    ("bernoulli(5)", "bernoulli(3)"),
    ("normal(3, variance=1/2)", "bernoulli(3)"),
    ("normal(2)", "bernoulli(3)"),
    ("categorical(4, copies=2)", "boltzmann(2+1)"),
    ("poisson(3)", "categorical(4)"),
    ("multinomial(4, trials=6)", "bernoulli(3)"),
]


def steep(decoder: str, encoder: str, prior: str = "uniform", *, seed: int = 0, factor: float = 3.0) -> VAE:
    """A random model whose decoder is far from affine."""
    made = model(decoder, encoder, prior, seed=seed, decoder_network=mlp(16))
    for parameter in made.f.parameters():
        parameter.data *= factor
    return made.requires_grad_(False)


def natural(made: VAE, measure: Measure, metric: str = "identity") -> Natural:
    return natural_projection(Decoded(made, measure.codes), measure, made.decoder, made.encoder, metric=metric)


def likelihood(made: VAE, measure: Measure, total: float | None = None) -> Likelihood:
    start = natural(made, measure)
    decoded = Decoded(made, measure.codes)
    return likelihood_projection(decoded, measure, made.decoder, made.encoder, start=(start.W, start.u), total=total)


def joint(made: VAE) -> Joint:
    start = likelihood(made, measure_of(made, "prior"))
    v = matching_prior(made, start.W, start.u)
    return joint_projection(Decoded(made, made.latents()), made, start=(start.W, start.u, v))


def weighted(codes: Tensor, seed: int = 1) -> Measure:
    weights = torch.rand(len(codes), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return Measure("given", codes, weights / weights.sum(), exact=True)


# --- natural ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("decoder", "encoder"), PAIRS)
def test_natural_projection_is_weighted_least_squares(decoder: str, encoder: str) -> None:
    made = steep(decoder, encoder)
    measure = weighted(made.latents())
    found = natural(made, measure)
    root = measure.weights.sqrt().numpy()[:, None]
    psi = border(made.encoder.statistics(measure.codes)).numpy()
    f = made.decode(measure.codes).numpy()
    wanted, *_ = np.linalg.lstsq(root * psi, root * f, rcond=None)
    distance = ((root * (psi @ wanted - f)) ** 2).sum()
    assert found.distance == pytest.approx(distance, rel=1e-10, abs=1e-20)
    np.testing.assert_allclose(torch.cat([found.W, found.u[:, None]], 1).T.numpy(), wanted, atol=1e-9)


def test_wrong_weights_give_a_larger_distance() -> None:
    """The control: the fit for other weights is worse under these."""
    made = steep("bernoulli(5)", "bernoulli(3)")
    measure, other = weighted(made.latents(), 1), weighted(made.latents(), 2)
    found, wrong = natural(made, measure), natural(made, other)
    rest = made.decode(measure.codes) - measure.codes @ wrong.W.T - wrong.u
    assert float(measure.weights @ rest.square().sum(-1)) > found.distance * 1.01


@pytest.mark.parametrize(("decoder", "encoder"), PAIRS)
def test_fisher_metric_is_the_covariance_of_the_statistics(decoder: str, encoder: str) -> None:
    made = steep(decoder, encoder)
    measure = weighted(made.latents())
    found = natural(made, measure, "fisher")
    eta, psi = made.decode(measure.codes), border(made.encoder.statistics(measure.codes))
    covariance = torch.vmap(torch.func.jacrev(torch.func.jacrev(made.decoder.log_partition)))(eta)
    H = torch.einsum("c,cij,ca,cb->iajb", measure.weights, covariance, psi, psi)
    right = torch.einsum("c,cij,cj,ca->ia", measure.weights, covariance, eta, psi)
    size = right.numel()
    theta = torch.linalg.pinv(H.reshape(size, size), hermitian=True) @ right.flatten()
    rest = eta - psi @ theta.view_as(right).T
    wanted = float(torch.einsum("c,cij,ci,cj->", measure.weights, covariance, rest, rest))
    assert found.distance == pytest.approx(wanted, rel=1e-7, abs=1e-15)


def test_blocks_do_not_change_the_result() -> None:
    made = steep("bernoulli(5)", "bernoulli(3)")
    measure = weighted(made.latents())
    small = Decoded(made, measure.codes, memory=32 * 5 * 3)
    assert small.step == 3
    one = natural_projection(small, measure, made.decoder, made.encoder)
    assert one.distance == pytest.approx(natural(made, measure).distance, rel=1e-12)


def test_statistics_that_the_measure_does_not_tell_apart_give_the_smallest_solution() -> None:
    made = steep("bernoulli(5)", "bernoulli(3)")
    codes = made.latents()
    weights = (codes[:, 2] == 0).double()
    found = natural(made, Measure("half", codes, weights / weights.sum(), exact=True))
    assert found.rank == 3
    assert float(found.W[:, 2].abs().max()) < 1e-12


@pytest.mark.parametrize(
    ("bits", "pair"), [((0, 1), (1, 2)), ((1, 2), (2, 3)), ((0, 1, 2), None)], ids=["12", "23", "third order"]
)
def test_the_residual_is_told_by_interaction(bits: tuple[int, ...], pair: tuple[int, int] | None) -> None:
    made = model("bernoulli(2)", "bernoulli(3)", decoder_network=TABLE).requires_grad_(False)
    signs = 1.0 - 2.0 * made.latents()
    made.f.rows.copy_(torch.outer(signs[:, list(bits)].prod(1), torch.tensor([3.0, 4.0]).double()) + 2 * signs[:, :2])
    found = natural(made, measure_of(made, "uniform"))
    assert found.distance == pytest.approx(25.0)
    assert found.directions is not None
    shares = {(i, j): share for i, j, share in found.directions.pairs}
    assert sum(shares.values()) == pytest.approx(found.directions.all_pairs)
    assert found.directions.higher == pytest.approx(1.0 if pair is None else 0.0, abs=1e-12)
    if pair is not None:
        assert shares[pair] == pytest.approx(1.0)


# --- likelihood -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("decoder", "encoder"), PAIRS)
def test_likelihood_projection_minimises_the_expected_divergence(decoder: str, encoder: str) -> None:
    made = steep(decoder, encoder)
    measure = weighted(made.latents())
    found = likelihood(made, measure)
    f, psi = made.decode(measure.codes), border(made.encoder.statistics(measure.codes))

    def divergence(theta: Tensor) -> Tensor:
        return measure.weights @ made.decoder.kl(f, psi @ theta.T)

    theta = torch.cat([found.W, found.u[:, None]], 1)
    assert found.converged
    assert found.at_infinity == 0
    assert float(divergence(theta)) == pytest.approx(found.distance, rel=1e-9, abs=1e-13)
    slope = torch.func.grad(divergence)(theta)
    assert float(slope.abs().max()) < 1e-6
    noise = torch.Generator().manual_seed(0)
    for size in (1e-3, 1e-2):  # the control: every other point is worse
        moved = theta + size * torch.randn(theta.shape, generator=noise, dtype=torch.float64)
        assert float(divergence(moved)) > found.distance - 1e-14 or decoder == "poisson(3)"


def test_likelihood_projection_obeys_pythagoras() -> None:
    made = steep("bernoulli(5)", "bernoulli(3)")
    measure = weighted(made.latents())
    found = likelihood(made, measure)
    psi = made.encoder.statistics(measure.codes)
    best, other = psi @ found.W.T + found.u, psi @ (found.W + 0.5).T - 1.0
    f = made.decode(measure.codes)
    whole, rest = (float(measure.weights @ made.decoder.kl(a, other)) for a in (f, best))
    assert whole == pytest.approx(found.distance + rest, rel=1e-9)
    start = natural(made, measure)
    wrong = psi @ start.W.T + start.u  # the control: of another projection it does not hold
    parts = [float(measure.weights @ made.decoder.kl(a, b)) for a, b in ((f, wrong), (wrong, other))]
    assert abs(whole - sum(parts)) > 1e-3


def test_likelihood_projection_for_separable_data_says_that_the_optimum_is_at_infinity() -> None:
    made = model("bernoulli(2)", "bernoulli(2)", decoder_network=TABLE).requires_grad_(False)
    made.f.rows.copy_(torch.tensor([[-900.0, 0.3], [-900.0, 0.1], [-900.0, 0.2], [900.0, -0.5]]).double())
    made.f.rows[3, 0] = -900.0
    found = likelihood(made, measure_of(made, "uniform"))
    assert found.distance < 1e-2
    made.f.rows[3, 0] = 900.0  # and: only 11 is on
    start = torch.zeros(2, 2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    measure = measure_of(made, "uniform")
    found = likelihood_projection(Decoded(made, made.latents()), measure, made.decoder, made.encoder, start=start)
    assert found.at_infinity == 1
    assert found.steps < 100


def test_newton_and_quasi_newton_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    made = steep("multinomial(4, trials=6)", "bernoulli(3)")
    measure = weighted(made.latents())
    by_newton = likelihood(made, measure)
    monkeypatch.setattr("eftheory.learn.projection.likelihood.LARGEST", 0)
    assert likelihood(made, measure).distance == pytest.approx(by_newton.distance, rel=1e-9)


def test_documents_of_varying_total_are_projected_whatever_the_gauge() -> None:
    made = steep("multinomial(4)", "bernoulli(3)")
    measure = measure_of(made, "uniform")
    before = natural(made, measure), likelihood(made, measure, total=50.0)
    decode = made.decode
    object.__setattr__(made, "decode", lambda z: decode(z) + 7.0 * z.prod(-1, keepdim=True))
    after = natural(made, measure), likelihood(made, measure, total=50.0)
    assert [each.distance for each in after] == pytest.approx([each.distance for each in before], rel=1e-8)
    with pytest.raises(MisuseError, match="law of the total"):
        joint_projection(Decoded(made, made.latents()), made, start=(before[0].W, before[0].u, torch.zeros(3)))


# --- joint ------------------------------------------------------------------------------------------------------------


def log_tables(made: VAE) -> tuple[Tensor, Tensor, Tensor]:
    """log p(x, z) over every x and z, nu (points, n), psi (codes, m)."""
    points = made.decoder.points().double()
    codes = made.latents()
    return made.table(points) + made.log_prior(codes), made.decoder.statistics(points), made.encoder.statistics(codes)


def log_harmonium(made: VAE, W: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Normalised, over every x and z, by brute force."""
    _, nu, psi = log_tables(made)
    logs = nu @ W @ psi.T + (nu @ u)[:, None] + psi @ v
    logs = logs + made.decoder.log_base(made.decoder.points().double())[:, None]
    return logs - logs.flatten().logsumexp(0)


@pytest.mark.parametrize(
    ("decoder", "encoder", "prior"),
    [
        ("bernoulli(3)", "bernoulli(3)", "uniform"),
        ("bernoulli(4)", "bernoulli(2)", "bernoulli(2, probs=1/5)"),
        ("categorical(3, copies=2)", "boltzmann(1+2)", "uniform"),
        ("multinomial(3, trials=4)", "bernoulli(2)", "uniform"),
    ],
)
def test_joint_projection_is_the_nearest_harmonium(decoder: str, encoder: str, prior: str) -> None:
    made = steep(decoder, encoder, prior)
    found = joint(made)
    p, nu, psi = log_tables(made)
    near = log_harmonium(made, found.W, found.u, found.v)
    distance = float((p.exp() * (p - near)).sum())
    assert found.distance == pytest.approx(distance, rel=1e-6, abs=1e-10)
    moments = [
        (t.exp()[:, :, None, None] * nu[:, None, :, None] * psi[None, :, None, :]).sum((0, 1)) for t in (p, near)
    ]
    torch.testing.assert_close(*moments, atol=1e-6, rtol=0)
    other = log_harmonium(made, found.W + 0.3, found.u - 0.2, found.v + 0.1)
    whole, rest = (float((t.exp() * (t - other)).sum()) for t in (p, near))
    assert whole == pytest.approx(found.distance + rest, rel=1e-6), "Pythagoras"
    shifted = log_harmonium(made, found.W, found.u + 0.1, found.v)
    parts = float((p.exp() * (p - shifted)).sum()), float((shifted.exp() * (shifted - other)).sum())
    assert abs(whole - sum(parts)) > 1e-4, "the control: not at another harmonium"


def test_joint_projection_by_scipy_from_elsewhere() -> None:
    made = steep("bernoulli(3)", "bernoulli(2)")
    p, _, _ = log_tables(made)

    def divergence(flat: np.ndarray) -> float:
        W, u, v = np.split(flat, [6, 9])
        near = log_harmonium(made, torch.tensor(W).view(3, 2), torch.tensor(u), torch.tensor(v))
        return float((p.exp() * (p - near)).sum())

    start = np.random.default_rng(0).normal(size=11)
    best = minimize(divergence, start, method="BFGS", options={"gtol": 1e-9}).fun
    assert joint(made).distance == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize(("name", "value"), [("LARGEST", 0), ("NEWTON", 6)], ids=["L-BFGS", "a sample of latents"])
def test_other_ways_find_the_same_harmonium(name: str, value: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = steep("normal(2)", "bernoulli(3)")
    by_newton = joint(made)
    monkeypatch.setattr(f"eftheory.learn.projection.joint.{name}", value)
    found = joint(made)
    assert found.converged
    assert found.distance == pytest.approx(by_newton.distance, rel=1e-6)


def test_minimise_stays_inside_a_domain() -> None:
    def barrier(point: Tensor) -> tuple[float, Tensor]:
        x = float(point[0])
        return (x - log(x), torch.tensor([1.0 - 1.0 / x]).double()) if x > 0.0 else (float("inf"), point)

    found = minimise(barrier, torch.tensor([1e-3], dtype=torch.float64), tolerance=1e-10)
    assert found.converged
    assert float(found.point) == pytest.approx(1.0)
    stuck = minimise(lambda x: (float(x @ x), -2 * x), torch.ones(2).double(), tolerance=1e-10)
    assert not stuck.converged, "the control: a wrong gradient is noticed"


# --- measures and prices ----------------------------------------------------------------------------------------------


def test_aggregate_measures_average_the_conditionals() -> None:
    made = steep("bernoulli(5)", "bernoulli(3)")
    x = (torch.rand(30, 5, generator=torch.Generator().manual_seed(0)) < 0.5).double()
    posterior = measure_of(made, "posterior", x=x).weights
    table = made.table(x) + made.log_prior(made.latents())
    torch.testing.assert_close(posterior, table.softmax(-1).mean(0))
    encoder = measure_of(made, "encoder", x=x).weights
    logits = made.encode(x)
    bits = torch.tensor(list(product((0.0, 1.0), repeat=3))).double()
    wanted = (torch.sigmoid(logits)[:, None] * bits + torch.sigmoid(-logits)[:, None] * (1 - bits)).prod(-1).mean(0)
    torch.testing.assert_close(encoder, wanted)
    assert float((posterior - encoder).abs().max()) > 1e-3, "the control: they differ"


@pytest.mark.parametrize(("decoder", "encoder"), [pair for pair in PAIRS if pair[0] != "normal(2)"])
def test_a_linear_model_has_distance_0_and_no_price(decoder: str, encoder: str) -> None:
    made = model(decoder, encoder, decoder_network=LINEAR).requires_grad_(False)  # raw parameters are natural ones here
    if encoder.startswith("boltzmann"):
        made.f[0].weight *= 0.0  # affine in z is affine in psi
    measure = measure_of(made, "prior")
    x = made.sample(20)[0].double()
    found = natural(made, measure)
    assert found.distance < 1e-20
    assert likelihood(made, measure).distance < 1e-11
    before = evaluate(made, x)
    v = matching_prior(made, found.W, found.u)
    after = {
        (p.prior, p.encoder): p.value for p in prices(variants(made, found.W, found.u, v), {"x": x}, samples=2, seed=0)
    }
    torch.testing.assert_close(after["own", "own"].evidence, before.evidence, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(after["own", "own"].gap, before.gap, rtol=1e-9, atol=1e-9)
    assert float(after["implied", "affine"].gap.abs().max()) < 1e-12


@pytest.mark.parametrize(("decoder", "encoder"), PAIRS)
def test_a_harmonium_has_no_gap_and_other_variants_have_one(decoder: str, encoder: str) -> None:
    made = steep(decoder, encoder)
    found = joint(made)
    x = made.sample(20)[0].double()
    after = {
        (p.prior, p.encoder): p.value
        for p in prices(variants(made, found.W, found.u, found.v), {"x": x}, samples=2, seed=0)
    }
    assert float(after["implied", "affine"].gap.abs().max()) < 1e-12
    assert after["own", "own"].mean_gap > 1e-3
    if encoder.startswith("bernoulli"):
        assert after["own", "affine"].mean_gap > 1e-6


def test_the_implied_prior_is_the_nearest_one() -> None:
    made = steep("bernoulli(5)", "bernoulli(3)", "bernoulli(3, probs=1/4)")
    found = likelihood(made, measure_of(made, "prior"))
    codes, log_p = made.latents(), made.log_prior(made.latents())
    v = matching_prior(made, found.W, found.u)

    def divergence(v: Tensor) -> float:
        after = with_implied_prior(with_affine_decoder(made, found.W, found.u), v)
        return float(log_p.exp() @ (log_p - after.log_prior(codes)))

    least = divergence(v)
    assert all(divergence(v + step) > least for step in 0.01 * torch.eye(3, dtype=torch.float64))


def test_a_fit_outside_the_natural_domain_is_noticed() -> None:
    made = steep("normal(2)", "bernoulli(2)")
    W, u = torch.zeros(4, 2).double(), torch.tensor([0.0, -1.0, 0.0, -1.0]).double()
    assert outside(made, W, u, made.latents()) == ""
    W[1, 0] = 2.0
    assert outside(made, W, u, made.latents()) == "z = [1.0, 0.0]"


def test_misuse_is_one_line() -> None:
    made = steep("bernoulli(5)", "bernoulli(3)")
    measure = measure_of(made, "prior")
    for act, wanted in (
        (lambda: measure_of(made, "priro"), "did you mean 'prior'"),
        (lambda: measure_of(made, "posterior"), "data for the measure"),
        (lambda: natural(made, measure, "euclid"), "a known metric"),
        (lambda: measure_of(model("bernoulli(3)", "normal(2)", "normal(2, mean=0, variance=1)"), "uniform"), "finite"),
    ):
        with pytest.raises(MisuseError, match=wanted):
            act()
