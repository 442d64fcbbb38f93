"""Every estimator of the gradient in q is unbiased: its mean over many draws is the enumerated gradient."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from eftheory.families import build
from eftheory.learn.densities.density import Density
from eftheory.learn.objectives.estimators import Estimate, arm, disarm, reinforce_loo

BITS, ROWS, DRAWS = 3, 2, 4000


def setting() -> tuple[Density, Tensor, Tensor, Tensor]:
    """A density of bits, logits (ROWS, BITS), all codes (8, BITS), and a value for every row and code."""
    torch.manual_seed(0)
    density = Density(build("bernoulli", [BITS], {}))
    return density, torch.randn(ROWS, BITS).double(), density.points().double(), torch.randn(ROWS, 2**BITS).double()


def lookup(values: Tensor) -> Callable[[Tensor], Tensor]:
    """value(z) (S, N) from a table (N, K)."""
    places = 2 ** torch.arange(BITS - 1, -1, -1, dtype=torch.float64)
    return lambda z: values.gather(1, (z @ places).long().T).T


def enumerated(density: Density, logits: Tensor, codes: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """``sum_z q(z) value(z)`` for each row, and its gradient in the logits."""
    eta = logits.clone().requires_grad_()
    q = density.log_prob(codes, eta[:, None, :]).exp()
    mean = (q * values).sum(-1)
    (gradient,) = torch.autograd.grad(mean.sum(), eta)
    return mean.detach(), gradient


def drawn(estimate: Callable[[Tensor], Estimate], logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean of the values, mean and standard error of the gradient, over DRAWS independent copies of the rows."""
    eta = logits.repeat(DRAWS, 1).requires_grad_()
    found = estimate(eta)
    (gradient,) = torch.autograd.grad(found.differentiable().sum(), eta)
    each = gradient.reshape(DRAWS, *logits.shape)
    return found.value.detach().reshape(DRAWS, -1).mean(0), each.mean(0), each.std(0) / DRAWS**0.5


@pytest.mark.parametrize("samples", [2, 4])
@pytest.mark.parametrize("name", ["arm", "disarm", "reinforce-loo"])
def test_unbiased(name: str, samples: int) -> None:
    density, logits, codes, values = setting()
    wide = lookup(values.repeat(DRAWS, 1))
    estimates: dict[str, Callable[[Tensor], Estimate]] = {
        "arm": lambda eta: arm(eta, wide, samples),
        "disarm": lambda eta: disarm(eta, wide, samples),
        "reinforce-loo": lambda eta: reinforce_loo(density, eta, wide, samples),
    }
    mean, gradient = enumerated(density, logits, codes, values)
    value, estimate, error = drawn(estimates[name], logits)
    assert (error > 0).all() and ((estimate - gradient).abs() < 5 * error).all()
    assert torch.allclose(value, mean, atol=0.1)


def test_a_biased_estimator_is_noticed() -> None:
    """The control: REINFORCE whose baseline contains the sample itself is too small by (S - 1) / S."""
    density, logits, codes, values = setting()
    values = values + 3 * codes.sum(-1)  # a gradient that is far from zero
    wide, samples = lookup(values.repeat(DRAWS, 1)), 2

    def biased(eta: Tensor) -> Estimate:
        found = reinforce_loo(density, eta, wide, samples)
        return Estimate(found.value, found.surrogate * (samples - 1) / samples)

    _, gradient = enumerated(density, logits, codes, values)
    _, estimate, error = drawn(biased, logits)
    assert ((estimate - gradient).abs() > 5 * error).any()


def test_the_value_carries_the_gradient_of_the_decoder() -> None:
    density, logits, codes, values = setting()
    scale = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    wide = lookup(values.repeat(DRAWS, 1))
    found = arm(logits.repeat(DRAWS, 1), lambda z: scale * wide(z), 2)
    (gradient,) = torch.autograd.grad(found.differentiable().mean(), scale)
    mean, _ = enumerated(density, logits, codes, values)
    assert float(gradient) == pytest.approx(float(mean.mean()), abs=0.05)
