"""The Laplace proposal: exact for linear models, right by quadrature for others, where the encoder alone is not."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from learn.small import LINEAR, model

from eftheory.errors import MisuseError
from eftheory.learn.evaluation.iwae import iwae
from eftheory.learn.evaluation.laplace import WIDENED, Proposal, find_mode, laplace_evidence

STANDARD = "normal(2, mean=0, variance=1)"


def linear() -> Any:
    """A pPCA with noise variance 1/10, and a random encoder that knows nothing of it."""
    return model("normal(6, variance=1/10)", "normal(2)", STANDARD, decoder_network=LINEAR)


def test_mode_and_curvature_of_a_linear_model_are_those_of_the_posterior() -> None:
    vae = linear()
    x, _ = vae.sample(20)
    W, b = vae.f[0].matrix.detach(), vae.f[0].bias.detach()
    H = torch.eye(2) + 10.0 * W.T @ W
    mode, curvature = find_mode(vae, x, torch.zeros(20, 2).double())
    torch.testing.assert_close(curvature, H.double().expand(20, 2, 2))
    torch.testing.assert_close(mode, torch.linalg.solve(H, 10.0 * W.T @ (x - b).T).T, atol=1e-6, rtol=1e-6)


def test_the_evidence_of_a_linear_model_whatever_the_encoder() -> None:
    vae = linear()
    x, z = vae.sample(60)
    W, b = vae.f[0].matrix.detach(), vae.f[0].bias.detach()
    truth = torch.distributions.MultivariateNormal(b, W @ W.T + 0.1 * torch.eye(6)).log_prob(x)
    found = laplace_evidence(vae, x, samples=400, seed=1, latents=z)
    assert abs(found.mean - float(truth.mean())) < 4 * found.standard_error < 0.05
    assert 0.4 < found.effective <= 1.0
    assert found.slack is not None and found.slack_error is not None
    assert -4 * found.slack_error < found.slack < 1.0, "half of the proposal is the posterior: about log 2 is lost"
    poor = iwae(vae, x, samples=20, repeats=4)
    few = laplace_evidence(vae, x, samples=20, seed=1)
    assert poor.mean_evidence < few.mean - 0.2, "a control: the encoder alone is not enough"


@pytest.mark.parametrize("decoder", ["normal(6, variance=1/10)", "bernoulli(6)", "poisson(3)"])
def test_the_evidence_of_a_deep_model_by_quadrature(decoder: str) -> None:
    vae = model(decoder, "normal(2)", STANDARD)
    x, z = vae.sample(40)
    line = torch.linspace(-6.0, 6.0, 401).double()
    nodes = torch.cartesian_prod(line, line)
    with torch.no_grad():
        truth = (vae.table(x, nodes) + vae.log_prior(nodes)).logsumexp(1) + 2.0 * math.log(12.0 / 400.0)
    found = laplace_evidence(vae, x, samples=400, seed=1, latents=z)
    assert abs(found.mean - float(truth.mean())) < 4 * found.standard_error < 0.1
    assert found.slack is not None and found.slack_error is not None
    assert found.mean + found.slack > float(truth.mean()) - 4 * (found.slack_error + found.standard_error)


def test_the_density_of_the_proposal_integrates_to_one_and_fits_its_draws() -> None:
    vae = linear()
    x, _ = vae.sample(3)
    torch.manual_seed(0)
    proposal = Proposal(vae, x)
    z = proposal.sample(4000)
    normal = z[:2000] - proposal.mode
    H = proposal.factor @ proposal.factor.mT
    found = torch.einsum("sni,snj->nij", normal, normal) / 2000
    torch.testing.assert_close(found @ H, torch.eye(2).double().expand(3, 2, 2), atol=0.15, rtol=0)
    line = torch.linspace(-8.0, 8.0, 801).double()
    nodes = torch.cartesian_prod(line, line)
    mass = proposal.log_prob(nodes[:, None, :].expand(-1, 3, -1)).exp().sum(0) * (16.0 / 800.0) ** 2
    torch.testing.assert_close(mass, torch.ones(3).double(), atol=1e-3, rtol=0)
    assert WIDENED > 1.0


def test_the_global_generator_is_left_alone_and_the_seed_decides() -> None:
    vae = linear()
    x, _ = vae.sample(5)
    before = torch.get_rng_state()
    one, same, other = (laplace_evidence(vae, x, samples=8, seed=seed).evidence for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_finite_latents_and_odd_numbers_of_samples_are_refused() -> None:
    vae = model("normal(2, variance=1)", "bernoulli(2)")
    with pytest.raises(MisuseError, match="a normal family"):
        laplace_evidence(vae, torch.zeros(2, 2), samples=8, seed=0)
    with pytest.raises(MisuseError, match="an even number of samples"):
        laplace_evidence(linear(), torch.zeros(2, 6), samples=7, seed=0)
