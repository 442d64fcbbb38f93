"""Evaluation by enumeration against the float tables of `exact`, which share no code; and the sampled bounds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from learn import small
from torch import Tensor, nn

from eftheory.errors import MisuseError
from eftheory.exact.float_tables import DecoderLogits, EncoderLogits, FloatVAE, enumerate_model
from eftheory.exact.floats import Listed
from eftheory.learn.datasets.sparse import SparseRows
from eftheory.learn.densities.density import Density
from eftheory.learn.densities.products import Rows
from eftheory.learn.evaluation.evaluate import enumerated, evaluate
from eftheory.learn.evaluation.iwae import iwae
from eftheory.learn.harmoniums.rbm import Harmonium
from eftheory.learn.objectives.objectives import elbo_exact, log_evidence
from eftheory.spec import parse_family


class Small(nn.Module):
    """A VAE with one hidden layer on each side and a uniform or normal prior."""

    def __init__(self, decoder: str, encoder: str, seed: int = 0, hidden: int = 8) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.decoder, self.encoder = Density(parse_family(decoder)), Density(parse_family(encoder))

        def net(width: int, outputs: int) -> nn.Module:
            return nn.Sequential(nn.Linear(width, hidden), nn.Tanh(), nn.Linear(hidden, outputs))

        self.f = net(self.encoder.width, self.decoder.raw_width)
        self.g = net(self.decoder.width, self.encoder.raw_width)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.mul_(3.0)

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder.natural(self.f(z))

    def encode(self, x: Rows) -> Tensor:
        return self.encoder.natural(self.g(x.dense() if isinstance(x, SparseRows) else x))

    def log_prior(self, z: Tensor) -> Tensor:
        if self.encoder.points_count is not None:
            return z.new_full(z.shape[:-1], -float(np.log(self.encoder.points_count)))
        return torch.distributions.Normal(z.new_zeros(()), z.new_ones(())).log_prob(z).sum(-1)

    def latents(self) -> Tensor:
        return self.encoder.points().to(next(self.parameters()))


def as_float_tables(model: Small, x: Tensor, pd: np.ndarray) -> FloatVAE:
    """The same model for `exact`: bits on both sides."""
    precise = Small("bernoulli(4)", "bernoulli(3)")
    precise.load_state_dict(model.state_dict())
    precise.double()
    z = precise.latents()
    with torch.no_grad():
        f, g = precise.decode(z).numpy(), precise.encode(x.double()).numpy()
    decoder = DecoderLogits(Listed(x.double().numpy()), f)
    encoder = EncoderLogits(Listed(z.numpy()), g)
    return FloatVAE(decoder, encoder, np.full(8, 1 / 8), pd)


def test_the_numbers_are_those_of_the_exact_room() -> None:
    model = Small("bernoulli(4)", "bernoulli(3)")
    x = Density(parse_family("bernoulli(4)")).points().float()
    wanted = enumerate_model(as_float_tables(model, x, np.full(16, 1 / 16)))
    found = evaluate(model, x)
    assert found.method == "enumerated"
    np.testing.assert_allclose(found.evidence, wanted.log_evidence, atol=1e-10)
    np.testing.assert_allclose(found.elbo, wanted.elbo, atol=1e-10)
    np.testing.assert_allclose(found.gap, wanted.gap, atol=1e-10)
    assert found.mean_gap == pytest.approx(wanted.expected_gap, abs=1e-10)
    assert found.mean_gap > 1e-3, "a model without a gap would show nothing"
    other = enumerate_model(as_float_tables(Small("bernoulli(4)", "bernoulli(3)", seed=1), x, np.full(16, 1 / 16)))
    assert float(np.abs(other.elbo - found.elbo.numpy()).max()) > 1e-3  # the control: another model is noticed


@pytest.mark.parametrize(
    ("decoder", "encoder"),
    [("normal(3, variance=1/4)", "bernoulli(5)"), ("bernoulli(6)", "categorical(7)"), ("poisson(3)", "boltzmann(2+2)")],
)
def test_the_elbo_is_the_evidence_minus_the_gap(decoder: str, encoder: str) -> None:
    model = Small(decoder, encoder)
    torch.manual_seed(2)
    x = torch.randint(0, 2, (40, model.decoder.width)).float()
    found = enumerated(model, x)
    assert float((found.elbo - (found.evidence - found.gap)).abs().max()) < 1e-9
    assert float(found.gap.min()) > 0.0
    blocks = enumerated(model, x, memory=40_000)
    for one, other in ((found.evidence, blocks.evidence), (found.elbo, blocks.elbo), (found.gap, blocks.gap)):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_a_harmonium_has_no_gap_and_its_evidence_is_its_likelihood() -> None:
    torch.manual_seed(3)
    model = Harmonium(Density(parse_family("bernoulli(6)")), Density(parse_family("bernoulli(4)")), scale=1.0)
    x = torch.randint(0, 2, (30, 6)).float()
    found = evaluate(model, x)
    assert float(found.gap.abs().max()) < 1e-12
    torch.testing.assert_close(found.evidence, model.double().log_likelihood(x.double()).detach(), rtol=0, atol=1e-10)
    assert model.W.dtype == torch.float64
    with torch.no_grad():
        encode = model.encode
        model.encode = lambda rows: encode(rows) + 0.1  # type: ignore[method-assign]
    assert evaluate(model, x).mean_gap > 1e-4  # the control: a wrong posterior has a gap


def test_a_small_gap_is_not_lost_in_large_numbers() -> None:
    torch.manual_seed(4)
    model = Harmonium(Density(parse_family("normal(5, variance=1)")), Density(parse_family("bernoulli(3)")), scale=1.0)
    x = 1e4 + torch.randn(20, 5, dtype=torch.float64)
    model.double().W.data.mul_(1e-4)
    encode = model.encode
    model.encode = lambda rows: encode(rows) + 1e-7  # type: ignore[method-assign]
    found = enumerated(model, x)
    assert float(found.evidence.max()) < -1e7
    q = model.encoder.mean(encode(x)).detach()
    wanted = (q * (1 - q)).sum(1) * 1e-14 / 2  # half the variance times the squared shift
    assert float((found.gap - wanted).abs().max()) < 0.05 * float(wanted.max()) + 1e-15


def test_documents_are_evaluated_sparse() -> None:
    model = Small("multinomial(6)", "bernoulli(3)")
    torch.manual_seed(5)
    dense = torch.randint(0, 4, (25, 6)).float()
    found, other = evaluate(model, SparseRows.from_dense(dense)), evaluate(model, dense)
    torch.testing.assert_close(found.elbo, other.elbo, rtol=0, atol=1e-10)
    one = torch.distributions.Multinomial(int(dense[0].sum()), logits=model.double().decode(model.latents()))
    wanted = (one.log_prob(dense[0].double()) - np.log(8.0)).logsumexp(0)
    assert float(found.evidence[0]) == pytest.approx(float(wanted.detach()), abs=1e-10)


@pytest.mark.parametrize("prior", ["uniform", "same", "implied"])
def test_the_trained_models_are_evaluated_as_their_objectives_say(prior: str) -> None:
    made = small.model("bernoulli(6)", "bernoulli(4)", prior, seed=1)
    x = torch.randint(0, 2, (20, 6), generator=torch.Generator().manual_seed(2)).double()
    found = evaluate(made, x)
    torch.testing.assert_close(found.evidence, log_evidence(made, x).detach(), rtol=0, atol=1e-10)
    torch.testing.assert_close(found.elbo, elbo_exact(made, x).detach(), rtol=0, atol=1e-10)
    sampled = iwae(made, x, samples=300, repeats=10)
    assert abs(sampled.mean_elbo - found.mean_elbo) < 4 * sampled.elbo_error


def test_sparse_documents_and_their_frequencies_reach_the_encoder() -> None:
    made = small.model("multinomial(6)", "bernoulli(3)", inputs="frequencies", encoder_network=small.LINEAR)
    x = torch.randint(0, 4, (20, 6), generator=torch.Generator().manual_seed(3)).double()
    x[:, 0] += 1.0
    found = evaluate(made, x)
    torch.testing.assert_close(found.elbo, elbo_exact(made, x).detach(), rtol=0, atol=1e-10)
    sampled = iwae(made, x, samples=300, repeats=10)
    assert abs(sampled.mean_elbo - found.mean_elbo) < 4 * sampled.elbo_error


def test_many_codes_fit_into_little_memory() -> None:
    model = Small("bernoulli(20)", "bernoulli(12)")
    x = torch.randint(0, 2, (5, 20)).float()
    small = enumerated(model, x, memory=2**20)
    torch.testing.assert_close(small.gap, enumerated(model, x).gap, rtol=0, atol=1e-12)
    with pytest.raises(MisuseError, match=r"memory for one row.*raise memory="):
        enumerated(model, x, memory=2**10)


def test_the_model_stays_as_it_was() -> None:
    model = Small("bernoulli(4)", "bernoulli(3)").train()
    evaluate(model, torch.zeros(2, 4))
    assert model.training and next(model.parameters()).dtype == torch.float32


def test_sampled_bounds_lie_where_enumeration_puts_them() -> None:
    model = Small("bernoulli(5)", "bernoulli(4)")
    torch.manual_seed(6)
    x = torch.randint(0, 2, (60, 5)).float()
    exact = evaluate(model, x)
    found = evaluate(model, x, enumerable=8, samples=400, repeats=20, seed=7)
    assert found.method == "iwae"
    assert abs(found.mean_elbo - exact.mean_elbo) < 4 * found.elbo_error
    assert abs(found.mean_evidence - exact.mean_evidence) < 4 * found.evidence_error + 0.01
    few = iwae(model, x, samples=2, repeats=50, seed=8)
    assert exact.mean_elbo < few.mean_evidence < exact.mean_evidence
    assert few.mean_evidence < exact.mean_evidence - 4 * few.evidence_error  # two samples are a bound, no estimate
    assert found.mean_gap == pytest.approx(found.mean_evidence - found.mean_elbo, abs=1e-12)


def test_the_standard_errors_are_those_of_repetition() -> None:
    model = Small("bernoulli(5)", "normal(2)")
    x = torch.randint(0, 2, (10, 5), generator=torch.Generator().manual_seed(9)).float()
    runs = [iwae(model, x, samples=5, repeats=10, seed=seed) for seed in range(60)]
    for mean, error in (("mean_evidence", "evidence_error"), ("mean_elbo", "elbo_error"), ("mean_gap", "gap_error")):
        scatter = float(torch.tensor([getattr(run, mean) for run in runs], dtype=torch.float64).std())
        stated = float(np.median([getattr(run, error) for run in runs]))
        assert 0.7 < stated / scatter < 1.4


def test_misuse_is_told_in_one_line() -> None:
    model = Small("bernoulli(4)", "bernoulli(3)")
    with pytest.raises(MisuseError, match="at least one row of data"):
        evaluate(model, torch.zeros(0, 4))
    with pytest.raises(MisuseError, match="at least 1 sample and 2 repeats"):
        iwae(model, torch.zeros(2, 4), samples=3, repeats=1)


def test_the_summary_is_plain_numbers() -> None:
    found = evaluate(Small("bernoulli(4)", "bernoulli(3)"), torch.zeros(2, 4)).as_dict()
    assert found["rows"] == 2 and found["elbo"]["standard_error"] == 0.0
    assert found["elbo"]["mean"] < found["evidence"]["mean"]
