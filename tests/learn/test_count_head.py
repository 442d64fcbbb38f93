"""Counts behind a linear layer: the fused likelihood equals the plain one, value and gradient, and stays finite."""

from __future__ import annotations

import pytest
import torch
from learn.small import LINEAR, mlp, model
from torch import Tensor

from eftheory.learn.datasets.sparse import SparseRows
from eftheory.learn.models import affine_lse
from eftheory.learn.models.affine_lse import affine_log_sum_exp
from eftheory.learn.models.count_head import count_head
from eftheory.learn.models.model import VAE

WORDS, BITS, ROWS = 12, 3, 5


def text_model(hidden: int | None = None, *, words: int = WORDS, seed: int = 0) -> VAE:
    network = LINEAR if hidden is None else mlp(hidden)
    return model(f"multinomial({words})", f"bernoulli({BITS})", seed=seed, decoder_network=network)


def documents(seed: int = 0, words: int = WORDS) -> Tensor:
    """Counts, (ROWS, words), none empty, of totals up to some hundreds."""
    torch.manual_seed(seed)
    counts = torch.poisson(torch.rand(ROWS, words, dtype=torch.float64) * 20)
    return counts + torch.eye(ROWS, words, dtype=torch.float64)


def inputs(seed: int = 0, rows: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(seed)
    shapes = ((2, rows, BITS), (WORDS, BITS), (WORDS,))
    return tuple(torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes)  # type: ignore[return-value]


def plain(h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return (h @ weight.T + bias).logsumexp(-1)


@pytest.mark.parametrize("block", [1, 3 * WORDS, 10**6])
def test_the_log_sum_exp_and_its_gradient_whatever_the_block(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(affine_lse, "BLOCK", block)
    given = inputs()
    torch.testing.assert_close(affine_log_sum_exp(*given), plain(*given), rtol=1e-13, atol=1e-13)
    assert torch.autograd.gradcheck(affine_log_sum_exp, given)


@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_a_gradient_in_one_argument_alone(wanted: int) -> None:
    given = inputs(seed=1)
    fixed = [each if i == wanted else each.detach() for i, each in enumerate(given)]
    (found,) = torch.autograd.grad(affine_log_sum_exp(*fixed).sum(), given[wanted])
    (expected,) = torch.autograd.grad(plain(*given).sum(), given[wanted])
    torch.testing.assert_close(found, expected)


def test_without_gradients_nothing_large_is_kept() -> None:
    with torch.no_grad():
        assert affine_log_sum_exp(*inputs()).grad_fn is None


@pytest.mark.parametrize("scale", [1e3, 1e30])
def test_huge_entries_neither_overflow_nor_vanish(scale: float) -> None:
    h, weight, bias = (each.detach().float() * scale**0.5 for each in inputs())
    weight.requires_grad_()
    value = affine_log_sum_exp(h, weight, bias)
    (gradient,) = torch.autograd.grad(value.sum(), weight)
    assert torch.isfinite(value).all() and torch.isfinite(gradient).all()
    naive = (h @ weight.T + bias).exp().sum(-1).log()
    assert not torch.isfinite(naive).all()  # control: without the largest entry taken out it overflows


@pytest.mark.parametrize("hidden", [None, 6])
@pytest.mark.parametrize("sparse", [False, True])
def test_the_fused_likelihood_is_the_density_s(hidden: int | None, sparse: bool) -> None:
    mine, x = text_model(hidden), documents()
    rows = SparseRows.from_dense(x) if sparse else x
    torch.manual_seed(2)
    z = torch.randint(2, (4, ROWS, BITS)).double()
    assert mine.head is not None
    found, expected = mine.log_likelihood(rows, z), mine.decoder.log_prob(rows, mine.decode(z))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-10)
    weights = torch.randn(4, ROWS, dtype=torch.float64)
    layers = list(mine.f.parameters())
    ours, theirs = (torch.autograd.grad((each * weights).sum(), layers) for each in (found, expected))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_it_is_the_multinomial_law_of_torch() -> None:
    mine, x = text_model(), documents()
    z = torch.ones(ROWS, BITS, dtype=torch.float64)
    logits = mine.decode(z)
    laws = [torch.distributions.Multinomial(int(row.sum()), logits=eta) for row, eta in zip(x, logits, strict=True)]
    expected = torch.stack([law.log_prob(row) for law, row in zip(laws, x, strict=True)])
    torch.testing.assert_close(mine.log_likelihood(x, z), expected, rtol=1e-12, atol=1e-9)


def test_a_shift_of_all_logits_changes_nothing() -> None:
    mine, x = text_model(), documents()
    z = torch.ones(ROWS, BITS, dtype=torch.float64)
    before = mine.log_likelihood(x, z)
    h, weight, bias = mine.last_layer(z)
    assert mine.head is not None
    torch.testing.assert_close(mine.head.log_prob(x, h, weight, bias + 7.0), before)
    assert not torch.allclose(mine.head.log_prob(x, h, weight, bias + torch.arange(WORDS)), before)  # control


@pytest.mark.parametrize("decoder", ["multinomial(12, trials=5)", "categorical(12)", "bernoulli(12)", "poisson(12)"])
def test_other_decoders_have_no_such_head(decoder: str) -> None:
    mine = model(decoder, "bernoulli(3)", decoder_network=LINEAR)
    assert mine.head is None


def test_counts_behind_no_linear_layer_have_none() -> None:
    mine = text_model()
    assert count_head(mine.decoder, torch.nn.Sequential(torch.nn.ReLU())) is None
    assert count_head(mine.decoder, mine.f) is not None
