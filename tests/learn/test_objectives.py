"""Each bound against an evaluation by other means: sums over all latents written out, and quadrature."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from learn.small import LINEAR, mlp, model
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.learn.config import Phase
from eftheory.learn.models.model import VAE
from eftheory.learn.objectives import objectives
from eftheory.learn.objectives.analytic import linear_parts


def by_hand(vae: VAE, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(evidence, ELBO, gap) of each row, from log p(z) + log p(x|z) and log q(z|x) one latent after another."""
    eta = vae.encode(x)
    codes = [torch.tensor(code, dtype=torch.float64) for code in product((0.0, 1.0), repeat=vae.encoder.width)]
    joint = torch.stack([vae.log_likelihood(x, z.expand(len(x), -1)) + vae.log_prior(z) for z in codes], -1)
    log_q = torch.stack([vae.encoder.log_prob(z, eta) for z in codes], -1)
    evidence = joint.logsumexp(-1)
    elbo = (log_q.exp() * (joint - log_q)).sum(-1)
    gap = (log_q.exp() * (log_q - (joint - evidence[:, None]))).sum(-1)
    return evidence, elbo, gap


DISCRETE = [
    ("bernoulli(5)", "bernoulli(3)", "uniform"),
    ("bernoulli(5)", "bernoulli(3)", "same"),
    ("bernoulli(5)", "bernoulli(3)", "implied"),
    ("bernoulli(5)", "boltzmann(2+1)", "uniform"),
    ("bernoulli(5)", "bernoulli(3)", "boltzmann(2+1)"),
    ("poisson(5)", "bernoulli(2)", "bernoulli(2, probs=1/3)"),
    ("normal(5, variance=2)", "bernoulli(2)", "uniform"),
    ("normal(5)", "bernoulli(2)", "uniform"),
    ("negative_binomial(5, size=3)", "bernoulli(2)", "uniform"),
    ("multinomial(5)", "bernoulli(2)", "uniform"),
]


def rows(decoder: str, count: int = 7) -> Tensor:
    torch.manual_seed(1)
    if decoder.startswith("bernoulli"):
        return torch.randint(0, 2, (count, 5)).double()
    return torch.randn(count, 5).double() if decoder.startswith("normal") else torch.randint(0, 4, (count, 5)).double()


@pytest.mark.parametrize(("decoder", "encoder", "prior"), DISCRETE)
def test_enumeration_against_sums_by_hand(decoder: str, encoder: str, prior: str) -> None:
    vae, x = model(decoder, encoder, prior), rows(decoder)
    evidence, elbo, gap = by_hand(vae, x)
    assert torch.allclose(objectives.log_evidence(vae, x), evidence, atol=1e-10)
    assert torch.allclose(objectives.elbo_exact(vae, x), elbo, atol=1e-10)
    assert torch.allclose(evidence - elbo, gap, atol=1e-10) and (gap > 1e-6).all()


@pytest.mark.parametrize(
    ("decoder", "encoder", "prior", "estimator"),
    [
        ("bernoulli(5)", "bernoulli(3)", "uniform", "arm"),
        ("bernoulli(5)", "bernoulli(3)", "implied", "arm"),
        ("bernoulli(5)", "bernoulli(3)", "same", "disarm"),
        ("bernoulli(5)", "bernoulli(3)", "boltzmann(2+1)", "disarm"),
        ("bernoulli(5)", "boltzmann(2+1)", "uniform", "reinforce-loo"),
        ("multinomial(5)", "bernoulli(2)", "uniform", "arm"),
    ],
)
def test_sampled_gradients_have_the_enumerated_mean(decoder: str, encoder: str, prior: str, estimator: str) -> None:
    vae, x = model(decoder, encoder, prior), rows(decoder, 2)
    parameters = list(vae.parameters())
    exact = torch.autograd.grad(objectives.elbo_exact(vae, x).sum(), parameters)
    torch.manual_seed(2)
    draws = 400
    many = []
    for _ in range(draws):
        bound = objectives.elbo_discrete(vae, x, estimator, 8)
        many.append(torch.cat([g.flatten() for g in torch.autograd.grad(bound.sum(), parameters)]))
    found = torch.stack(many)
    error = found.std(0) / draws**0.5
    wanted = torch.cat([g.flatten() for g in exact])
    assert ((found.mean(0) - wanted).abs() < 5 * error + 1e-9).all()
    assert ((wanted.abs() > 5 * error).double().mean()) > 0.3, "the gradients are seen: zeros would not pass"


def grid(vae: VAE, x: Tensor) -> tuple[Tensor, Tensor]:
    """(evidence, ELBO) for one normal latent, by the trapezium rule."""
    z = torch.linspace(-12, 12, 4001, dtype=torch.float64)[:, None]
    eta = vae.encode(x)
    joint = torch.stack([vae.log_likelihood(row.expand(len(z), -1), z) + vae.log_prior(z) for row in x])
    log_q = vae.encoder.log_prob(z, eta[:, None, :])
    step = float(z[1] - z[0])
    return joint.logsumexp(-1) + np.log(step), (log_q.exp() * (joint - log_q)).sum(-1) * step


@pytest.mark.parametrize("decoder", ["bernoulli(5)", "normal(5)", "poisson(5)"])
@pytest.mark.parametrize("prior", ["normal(1, mean=0, variance=1)", "same"])
def test_reparameterised_elbo_and_iwae_against_quadrature(decoder: str, prior: str) -> None:
    vae, x = model(decoder, "normal(1)", prior), rows(decoder, 3)
    evidence, elbo = grid(vae, x)
    torch.manual_seed(3)
    drawn = torch.stack([objectives.elbo_reparameterised(vae, x, 50) for _ in range(40)])
    assert ((drawn.mean(0) - elbo).abs() < 5 * drawn.std(0) / 40**0.5 + 1e-9).all()
    many = objectives.iwae(vae, x, 20000)
    assert (elbo < evidence).all() and torch.allclose(many, evidence, atol=0.1)


@pytest.mark.parametrize(
    ("decoder", "encoder", "prior"),
    [
        ("normal(5, variance=2)", "bernoulli(2)", "uniform"),
        ("normal(5, variance=2)", "boltzmann(1+1)", "uniform"),
        ("poisson(5)", "bernoulli(2)", "same"),
    ],
)
def test_the_analytic_elbo_is_the_enumerated_one(decoder: str, encoder: str, prior: str) -> None:
    vae, x = model(decoder, encoder, prior, decoder_network=LINEAR), rows(decoder)
    assert torch.allclose(objectives.elbo_analytic(vae, x), objectives.elbo_exact(vae, x), atol=1e-10)


@pytest.mark.parametrize("decoder", ["normal(5, variance=2)", "poisson(5)"])
@pytest.mark.parametrize("encoder", ["normal(1)", "normal(1, variance=1/2)", "mvn(1)"])
def test_the_analytic_elbo_is_that_of_quadrature(decoder: str, encoder: str) -> None:
    vae = model(decoder, encoder, "same", decoder_network=LINEAR)
    x = rows(decoder, 3)
    assert torch.allclose(objectives.elbo_analytic(vae, x), grid(vae, x)[1], atol=1e-8)


def test_linear_parts_are_those_of_the_network() -> None:
    vae = model("poisson(4)", "normal(2)", "same", decoder_network=LINEAR)
    W, u = linear_parts(vae)
    z = torch.randn(6, 2).double()
    assert torch.allclose(vae.encoder.statistics(z) @ W.T + u, vae.decode(z), atol=1e-12)


def test_where_there_is_no_closed_form_it_says_so() -> None:
    x = rows("bernoulli(5)")
    with pytest.raises(MisuseError, match="closed form"):
        objectives.elbo_analytic(model("bernoulli(5)", "bernoulli(2)", decoder_network=LINEAR), x)
    with pytest.raises(MisuseError, match="linear in z"):
        objectives.elbo_analytic(model("poisson(5)", "bernoulli(2)", decoder_network=mlp(3)), x)
    with pytest.raises(MisuseError, match="independent bits"):
        objectives.elbo_discrete(model("bernoulli(5)", "boltzmann(1+1)"), x, "arm", 2)
    with pytest.raises(MisuseError, match="latent points"):
        objectives.elbo_exact(model("bernoulli(5)", "normal(2)", "same"), x)
    with pytest.raises(MisuseError, match="implied prior"):
        model("bernoulli(5)", "normal(2)", "implied")


def test_the_implied_prior_with_a_linear_decoder_is_tight() -> None:
    """Theorem 1, converse: the posterior is q with g = W'nu + v; with a deep decoder it is not (the control)."""
    for network, tight in ((LINEAR, True), (mlp(6), False)):
        vae, x = model("bernoulli(5)", "bernoulli(3)", "implied", decoder_network=network), rows("bernoulli(5)")
        joint = vae.table(x) + vae.log_prior(vae.latents())
        posterior = joint - joint.logsumexp(-1, keepdim=True)
        odds = posterior @ torch.tensor([1.0, -1, -1, 1, 0, 0, 0, 0], dtype=torch.float64)
        assert bool((odds.abs() < 1e-10).all()) is tight


def test_conditional_likelihood_learns_the_posterior_of_the_model() -> None:
    vae = model("bernoulli(5)", "bernoulli(1)", decoder_network=LINEAR, encoder_network=LINEAR)
    trained = torch.optim.Adam(vae.g.parameters(), lr=0.05)
    x = rows("bernoulli(5)", 512)
    before = float(by_hand(vae, x)[2].detach().mean())
    for _ in range(300):
        loss = -objectives.conditional(vae, x).mean()
        trained.zero_grad()
        loss.backward()
        trained.step()
    assert float(by_hand(vae, x)[2].detach().mean()) < 0.02 < before  # one bit, linear decoder: in the family


def test_objectives_refuse_estimators_that_they_do_not_use() -> None:
    with pytest.raises(MisuseError, match="estimator 'exact'"):
        sampled = {"estimator": "reparameterised", "trains": "decoder"}
        objectives.objective_of(Phase(objective="likelihood", epochs=1, batch=1, learning_rate=1.0, **sampled))
