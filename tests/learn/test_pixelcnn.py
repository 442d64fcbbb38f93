"""The PixelCNN decoder is autoregressive and normalised, and draws what it says; a wrong mask shows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest
import torch
from learn.small import mlp, model_config
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.learn.config import ModelConfig, NetworkConfig
from eftheory.learn.models import pixelcnn
from eftheory.learn.models.pixelcnn import LEAST, MOST, PixelCNN, PixelVAE, build
from eftheory.learn.objectives.objectives import elbo_reparameterised

PRIOR = "normal(2, mean=0, variance=1)"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network(height: int = 3, width: int = 3, *, seed: int = 0) -> PixelCNN:
    """Small, in float64, with weights large enough for the order of the pixels to matter."""
    torch.manual_seed(seed)
    made = PixelCNN((1, height, width), latents=2, channels=4, layers=3, activation="tanh").double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(3.0)
    return made


def seen_too_much(made: PixelCNN) -> PixelCNN:
    """The control: the first layer sees its own pixel."""
    side = made.first.side
    made.first.mask.view(-1)[side * side // 2] = 1.0
    return made


def config(**changes: object) -> ModelConfig:
    decoder = NetworkConfig(kind="conv", channels=(4, 4, 4))
    given = model_config("bernoulli(12)", "normal(2)", PRIOR, decoder_network=decoder, encoder_network=mlp(6))
    return replace(given, **changes)


def model(seed: int = 0) -> PixelVAE:
    torch.manual_seed(seed)
    return build(config(), shape=(1, 3, 4)).double()


def jacobian(made: PixelCNN, seed: int = 0) -> Tensor:
    """``d logit_i / d x_j`` at a random image, (D, D)."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(made.height * made.width, generator=generator, dtype=torch.float64)
    z = torch.randn(1, 2, generator=generator, dtype=torch.float64)
    return torch.autograd.functional.jacobian(lambda pixels: made.logits(pixels[None], z)[0], x)


def images(count: int) -> Tensor:
    return torch.tensor(list(product((0.0, 1.0), repeat=count)), dtype=torch.float64)


def total(made: PixelCNN) -> float:
    """``sum_x p(x|z)`` at one z."""
    x = images(made.height * made.width)
    z = torch.tensor([[0.7, -1.2]], dtype=torch.float64).expand(len(x), 2)
    return float(made.log_likelihood(x, z).exp().sum().detach())


# --- the law ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(3, 3), (5, 4)])
def test_a_logit_depends_on_earlier_pixels_alone(height: int, width: int) -> None:
    found = jacobian(network(height, width))
    assert torch.equal(found.triu(), torch.zeros_like(found)), "nothing of itself or later"
    neighbours = found.diagonal(-1)[torch.arange(1, height * width) % width != 0]
    assert bool((neighbours != 0).all()), "the pixel to the left counts"
    assert bool((found.diagonal(-width) != 0).all()), "and the pixel above"


def test_every_logit_depends_on_z() -> None:
    made, x = network(), torch.zeros(1, 9, dtype=torch.float64)
    found = torch.autograd.functional.jacobian(lambda z: made.logits(x, z)[0], torch.zeros(1, 2, dtype=torch.float64))
    assert bool((found != 0).all())


def test_it_is_normalised_on_every_small_image() -> None:
    assert total(network()) == pytest.approx(1.0, abs=1e-12)
    assert total(network(2, 4, seed=1)) == pytest.approx(1.0, abs=1e-12)


def test_the_control_a_mask_that_shows_the_pixel_itself() -> None:
    wrong = seen_too_much(network())
    assert bool((jacobian(wrong).diagonal() != 0).all())
    assert abs(total(wrong) - 1.0) > 1e-3


def test_the_likelihood_is_the_product_of_its_conditionals() -> None:
    made, x = network(), images(9)[[3, 200, 311]]
    z = torch.randn(3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    expected = torch.zeros(3, dtype=torch.float64)
    for i in range(9):
        hidden = x.clone()
        hidden[:, i:] = 0.5  # what comes later is not looked at
        p = torch.sigmoid(made.logits(hidden, z)[:, i])
        expected += torch.where(x[:, i] == 1, p, 1 - p).log()
    assert torch.allclose(made.log_likelihood(x, z), expected, atol=1e-12)


def test_many_latents_for_each_image_are_computed_at_once() -> None:
    made, x = network(), images(9)[[3, 200, 311]]
    z = torch.randn(4, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    each = torch.stack([made.log_likelihood(x, at) for at in z])
    assert torch.allclose(made.log_likelihood(x, z), each, atol=1e-12)


# --- draws ------------------------------------------------------------------------------------------------------------


def test_pixel_by_pixel_is_the_same_as_whole_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    made = network(4, 5)
    z = torch.randn(7, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(11)
    drawn = made.sample(z)
    torch.manual_seed(11)
    slow = torch.zeros(7, 20, dtype=torch.float64)
    with torch.no_grad():
        for i in range(20):
            slow[:, i] = torch.bernoulli(torch.sigmoid(made.logits(slow, z)[:, i]))
    assert torch.equal(drawn, slow)
    assert 0 < float(drawn.mean()) < 1
    monkeypatch.setattr(pixelcnn, "SAMPLED", 3)
    assert made.sample(z).shape == (7, 20), "in blocks"


def test_draws_have_the_law_that_is_written() -> None:
    made, count = network(2, 2), 20000
    z = torch.tensor([[0.7, -1.2]], dtype=torch.float64)
    law = made.log_likelihood(images(4), z.expand(16, 2)).exp().detach()
    torch.manual_seed(5)
    codes = made.sample(z.expand(count, 2)) @ torch.tensor([8.0, 4.0, 2.0, 1.0], dtype=torch.float64)
    seen = torch.bincount(codes.long(), minlength=16).double()
    likely = law * count > 5  # Pearson's statistic, the cells that are too rare taken together
    pairs = [(seen[likely], law[likely]), (seen[~likely].sum()[None], law[~likely].sum()[None])]
    statistic = sum(float(((n - count * p).square() / (count * p).clamp(min=1e-9)).sum()) for n, p in pairs)
    assert int(likely.sum()) >= 8
    assert statistic < 37.7, "the 0.999 quantile of chi-squared with 15 degrees of freedom"


# --- the model --------------------------------------------------------------------------------------------------------


def test_the_model_has_what_objectives_ask_for() -> None:
    made = model()
    x, z = made.sample(6)
    assert (x.shape, z.shape) == ((6, 12), (6, 2))
    assert made.log_likelihood(x, z).shape == made.log_prior(z).shape == (6,)
    values = elbo_reparameterised(made, x, 3)  # type: ignore[arg-type]
    values.mean().backward()
    assert all(parameter.grad is not None and bool(parameter.grad.any()) for parameter in made.parameters())


def test_the_elbo_is_below_the_evidence() -> None:
    made, x = model(), images(12)[[0, 77, 4000]]
    torch.manual_seed(0)
    with torch.no_grad():
        elbo = torch.stack([elbo_reparameterised(made, x, 50) for _ in range(40)]).mean(0)  # type: ignore[arg-type]
        z = torch.randn(20000, 1, 2, dtype=torch.float64).expand(-1, 3, -1)
        evidence = torch.cat([made.log_likelihood(x, some) for some in z.split(2000)]).logsumexp(0) - math.log(20000)
    assert bool((elbo < evidence).all())


def test_deviations_stay_within_their_bounds() -> None:
    made = model()
    for bias, expected in ((-60.0, LEAST), (60.0, MOST)):
        with torch.no_grad():
            made.g[-1].bias[1::2] = bias  # type: ignore[index]
            raw = made.encode_raw(images(12)[:5])
        wanted = torch.full((5, 2), 2 * math.log(expected), dtype=torch.float64)
        assert torch.allclose(raw.unflatten(-1, (2, 2))[..., 1], wanted)


def test_training_raises_the_likelihood_of_patterns() -> None:
    torch.manual_seed(0)
    made = PixelCNN((1, 4, 4), latents=2, channels=8, layers=2, activation="silu").double()
    x = torch.tensor([[1.0, 0.0, 0.0, 1.0] * 4], dtype=torch.float64).expand(8, 16)
    z, losses = torch.zeros(8, 2, dtype=torch.float64), []
    optimiser = torch.optim.Adam(made.parameters(), lr=0.01)
    for _ in range(75):
        loss = -made.log_likelihood(x, z).mean()
        losses.append(float(loss.detach()))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[-1] < 1.0 < 8 < losses[0], "16 pixels at chance are 11.1 nats"


# --- misuse -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "shape", "word"),
    [
        ({"decoder_network": NetworkConfig(kind="conv", channels=(4, 8))}, (1, 3, 4), "equal channels"),
        ({"decoder_network": mlp(6)}, (1, 3, 4), "equal channels"),
        ({"decoder": "normal(12)"}, (1, 3, 4), r"decoder bernoulli\(D\)"),
        ({"encoder": "bernoulli(2)", "prior": "uniform"}, (1, 3, 4), r"encoder normal\(L\)"),
        ({}, (1, 3, 3), "a pixel for each bit"),
        ({}, None, "a pixel for each bit"),
        ({}, (12,), r"images \(1, H, W\)"),
        ({}, (3, 2, 2), r"images \(1, H, W\)"),
    ],
)
def test_other_models_are_refused(changes: dict[str, object], shape: tuple[int, ...] | None, word: str) -> None:
    with pytest.raises(MisuseError, match=word):
        build(config(**changes), shape=shape)
