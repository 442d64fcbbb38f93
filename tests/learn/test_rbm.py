"""Harmoniums against brute force over all pairs (x, z), their gradients, their chains and their fits."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch

from eftheory.errors import MisuseError
from eftheory.learn.datasets.sparse import SparseRows
from eftheory.learn.densities.density import Density
from eftheory.learn.harmoniums import harmonium as harmonium_module
from eftheory.learn.harmoniums.rbm import Harmonium
from eftheory.learn.harmoniums.rbm_fit import fit, mean_bias
from eftheory.spec import parse_family


def model(decoder: str, encoder: str, seed: int = 0, scale: float = 1.0) -> Harmonium:
    torch.manual_seed(seed)
    made = Harmonium(Density(parse_family(decoder)), Density(parse_family(encoder)), scale=scale).double()
    with torch.no_grad():
        made.u.normal_()
        made.v.normal_()
    return made


def bits(count: int) -> np.ndarray:
    return np.array(list(product((0.0, 1.0), repeat=count)))


def counts(words: int, total: int) -> np.ndarray:
    return np.array([x for x in product(range(total + 1), repeat=words) if sum(x) == total], dtype=float)


def classes(count: int) -> np.ndarray:
    return np.eye(count)


# decoder: its points, their statistics (columns kept), the log base measure; written down by hand
DECODERS = {
    "bernoulli(3)": (bits(3), slice(None), lambda x: 0.0),
    "categorical(4)": (classes(4), slice(0, 3), lambda x: 0.0),
    "multinomial(3, trials=4)": (counts(3, 4), slice(0, 2), lambda x: -sum(math.lgamma(v + 1) for v in x)),
    "binomial(2, trials=3)": (
        np.array(list(product(range(4), repeat=2)), dtype=float),
        slice(None),
        lambda x: sum(math.log(math.comb(3, int(v))) for v in x),
    ),
}
ENCODERS = {"bernoulli(2)": (bits(2), slice(None)), "categorical(3)": (classes(3), slice(0, 2))}


def brute(made: Harmonium, decoder: str, encoder: str) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Points x, points z, and log p~(x, z) of every pair."""
    x, kept, base = DECODERS[decoder]
    z, kept_z = ENCODERS[encoder]
    W, u, v = (part.detach().numpy() for part in (made.W, made.u, made.v))
    nu, psi = x[:, kept], z[:, kept_z]
    table = nu @ W @ psi.T + (nu @ u)[:, None] + psi @ v + np.array([base(row) for row in x])[:, None]
    return torch.tensor(x), torch.tensor(z), table


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("decoder", DECODERS)
def test_every_sum_is_that_over_all_pairs(decoder: str, encoder: str) -> None:
    made = model(decoder, encoder)
    x, z, table = brute(made, decoder, encoder)
    log_z = np.logaddexp.reduce(table, axis=None)
    assert float(made.log_partition().detach()) == pytest.approx(log_z, abs=1e-12)
    evidence = np.logaddexp.reduce(table, axis=1)
    np.testing.assert_allclose(made.free_energy(x).detach(), -evidence, atol=1e-12)
    np.testing.assert_allclose(made.log_likelihood(x).detach(), evidence - log_z, atol=1e-12)
    np.testing.assert_allclose(made.log_prior(z).detach(), np.logaddexp.reduce(table, axis=0) - log_z, atol=1e-12)
    eta = made.encode(x)
    log_q = torch.stack([made.encoder.log_prob(point.expand(len(x), -1), eta) for point in z], 1)
    np.testing.assert_allclose(log_q.detach(), table - evidence[:, None], atol=1e-12)
    wrong = table + np.arange(len(x))[:, None] * 0.01  # the control: another base measure would be noticed
    assert abs(np.logaddexp.reduce(wrong, axis=None) - log_z) > 1e-3


def test_both_sides_enumerate_to_the_same_number(monkeypatch: pytest.MonkeyPatch) -> None:
    made = model("bernoulli(4)", "bernoulli(6)")
    other = model("bernoulli(6)", "bernoulli(4)")
    with torch.no_grad():
        other.W.copy_(made.W.T), other.u.copy_(made.v), other.v.copy_(made.u)
    assert float(made.log_partition().detach()) == pytest.approx(float(other.log_partition().detach()), abs=1e-12)
    monkeypatch.setattr(harmonium_module, "ENUMERABLE", 8)
    with pytest.raises(MisuseError, match=r"a side of at most 8 points.*ais"):
        made.log_partition()


def test_counts_with_varying_totals_are_conditional_on_the_total() -> None:
    made = model("multinomial(3)", "bernoulli(2)")
    z = torch.tensor(bits(2))
    for total in (0, 1, 5):
        x = counts(3, total)
        weights = np.array([math.lgamma(total + 1) - sum(math.lgamma(v + 1) for v in row) for row in x])
        W, u, v = (part.detach().numpy() for part in (made.W, made.u, made.v))
        table = x @ W @ z.numpy().T + (x @ u)[:, None] + z.numpy() @ v + weights[:, None]
        log_p = np.logaddexp.reduce(table, axis=1) - np.logaddexp.reduce(table, axis=None)
        rows = torch.tensor(x)
        np.testing.assert_allclose(made.log_likelihood(rows).detach(), log_p, atol=1e-12)
        assert float(made.log_likelihood(rows).exp().sum().detach()) == pytest.approx(1.0, abs=1e-12)
    mixed = torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 1.0], [2.0, 0.0, 1.0]], dtype=torch.float64)
    dense = made.log_likelihood(mixed)
    alone = torch.cat([made.log_likelihood(mixed[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(dense, alone, rtol=0, atol=1e-12)
    torch.testing.assert_close(made.log_likelihood(SparseRows.from_dense(mixed)), dense, rtol=0, atol=1e-12)


def test_a_normal_harmonium_is_the_mixture_it_should_be() -> None:
    made = model("normal(2, variance=1)", "bernoulli(2)", scale=0.7)
    z, x = made.latents(), torch.randn(50, 2, dtype=torch.float64)
    centres, log_weights = made.decode(z), made.log_prior(z)
    assert float(log_weights.exp().sum().detach()) == pytest.approx(1.0, abs=1e-12)
    component = torch.distributions.Normal(centres, 1.0).log_prob(x[:, None]).sum(-1)
    torch.testing.assert_close(made.log_likelihood(x), (component + log_weights).logsumexp(1), rtol=0, atol=1e-12)
    centres_of = centres[[0, 1, 2, 3]]
    torch.testing.assert_close(centres_of[0] + centres_of[3], centres_of[1] + centres_of[2], rtol=0, atol=1e-12)


@pytest.mark.parametrize("memory", [2**30, 20_000])
def test_the_exact_gradient_is_that_of_finite_differences(memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harmonium_module, "SMALL", 16)  # so that the blocks of 2^6 codes are computed twice
    made = model("bernoulli(5)", "bernoulli(6)", scale=0.5)
    joint = made.joint()
    x = torch.tensor(bits(5))[[3, 7, 30]]

    def value() -> torch.Tensor:
        return (-joint.free_energy(x) - joint.log_partition(memory=memory)).mean()

    made.zero_grad()
    value().backward()
    for part in (made.W, made.u, made.v):
        flat, gradient, h = part.data.view(-1), part.grad.view(-1), 1e-5
        for place in range(0, len(flat), 7):
            old = float(flat[place])
            ends = []
            for shifted in (old + h, old - h):
                flat[place] = shifted
                ends.append(float(value().detach()))
            flat[place] = old
            assert (ends[0] - ends[1]) / (2 * h) == pytest.approx(float(gradient[place]), abs=1e-8)


def test_gibbs_chains_stay_in_the_model() -> None:
    made = model("bernoulli(4)", "bernoulli(3)")
    points = torch.tensor(bits(4))
    p = made.log_likelihood(points).exp().detach()
    torch.manual_seed(1)
    start = points[torch.multinomial(p, 20_000, replacement=True)]
    ends, z = made.gibbs(start, 3)
    share = torch.stack([(ends == point).all(1).double().mean() for point in points])
    error = (p * (1 - p) / len(ends)).sqrt()
    assert bool(((share - p).abs() < 5 * error).all())
    assert z.shape == (20_000, 3)
    uniform = torch.full_like(p, 1 / 16)  # the control: another law is told apart
    assert not bool(((share - uniform).abs() < 5 * error).all())


def test_gibbs_keeps_the_totals_of_documents() -> None:
    made = model("multinomial(5)", "bernoulli(3)")
    x = torch.tensor([[3.0, 0, 0, 1, 0], [0, 0, 20, 0, 5], [0, 1, 0, 0, 0]], dtype=torch.float64)
    ends, _ = made.gibbs(x, 4)
    torch.testing.assert_close(ends.sum(1), x.sum(1))


TRUTH = ("bernoulli(6)", "bernoulli(2)")


def sample_data(rows: int) -> torch.Tensor:
    points = torch.tensor(bits(6))
    p = model(*TRUTH, seed=7, scale=3.0).log_likelihood(points).exp().detach()
    torch.manual_seed(4)
    return points[torch.multinomial(p, rows, replacement=True)].float()


@pytest.mark.parametrize("method", ["exact", "cd", "pcd"])
def test_every_method_finds_a_likelihood_near_the_best(method: str) -> None:
    data = sample_data(2000)
    _, count = data.unique(dim=0, return_counts=True)
    share = count.double() / len(data)
    best = float((share * share.log()).sum())  # no model is better than the shares themselves
    torch.manual_seed(5)
    made = Harmonium(Density(parse_family(TRUTH[0])), Density(parse_family(TRUTH[1])), scale=0.1)
    before = float(made.log_likelihood(data).mean().detach())
    found = fit(made, data, method=method, steps=400, batch=200, learning_rate=0.05, gibbs_steps=5, seed=6)
    after = float(made.log_likelihood(data).mean().detach())
    independent = float(torch.distributions.Bernoulli(data.mean(0)).log_prob(data).sum(1).mean())
    assert len(found.values) == 400 and found.method == method
    assert before < independent < after < best
    assert best - after < 0.25 * (best - independent)


def test_fits_are_reproducible_and_leave_the_generator_alone() -> None:
    data, results = sample_data(100), []
    for seed in (1, 1, 2):
        torch.manual_seed(9)
        made = Harmonium(Density(parse_family(TRUTH[0])), Density(parse_family(TRUTH[1])))
        state = torch.get_rng_state()
        fit(made, data, method="pcd", steps=5, batch=32, learning_rate=0.01, seed=seed)
        assert torch.equal(torch.get_rng_state(), state)
        results.append(made.W.detach().clone())
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def documents(rows: int) -> tuple[SparseRows, float]:
    """Of two topics, half each, with 2 to 12 words; and the mean log-likelihood of the topics that made them."""
    torch.manual_seed(8)
    topics = torch.distributions.Dirichlet(torch.full((8,), 1.0)).sample((2,)).double()
    topic, totals = torch.arange(rows) % 2, torch.randint(2, 13, (rows,))
    made = [torch.distributions.Multinomial(int(n), topics[t]).sample() for t, n in zip(topic, totals, strict=True)]
    table = torch.stack(made)
    base = (totals + 1).lgamma() - (table + 1).lgamma().sum(1)
    truth = (table @ (topics + 1e-300).log().T - math.log(2)).logsumexp(1) + base
    return SparseRows.from_dense(table.float()), float(truth.mean())


@pytest.mark.parametrize("method", ["exact", "cd", "pcd"])
def test_documents_are_fitted_sparse(method: str) -> None:
    rows, truth = documents(300)
    torch.manual_seed(9)
    made = Harmonium(Density(parse_family("multinomial(8)")), Density(parse_family("bernoulli(2)")), scale=0.1)
    with torch.no_grad():
        made.u.copy_(mean_bias(made.decoder, rows))
    before = float(made.log_likelihood(rows).mean().detach())
    fit(made, rows, method=method, steps=300, batch=100, learning_rate=0.01, gibbs_steps=5)
    after = float(made.log_likelihood(rows).mean().detach())
    assert before < truth - 0.5
    assert truth - 0.2 < after < truth + 0.1


def test_the_mean_bias_is_the_best_model_without_latents() -> None:
    data = sample_data(999)
    wanted = (data.double().sum(0) + 0.5) / 1000
    torch.testing.assert_close(
        mean_bias(Density(parse_family("bernoulli(6)")), data), wanted.logit(), atol=1e-6, rtol=0
    )
    documents = torch.tensor([[3.0, 0.0, 1.0], [2.0, 0.0, 6.0]])
    u = mean_bias(Density(parse_family("multinomial(3)")), documents)
    torch.testing.assert_close(u.softmax(0), torch.tensor([7.0, 2.0, 9.0]).double() / 18, atol=1e-6, rtol=0)
    sparse = SparseRows.from_dense(documents)
    torch.testing.assert_close(mean_bias(Density(parse_family("multinomial(3)")), sparse), u, atol=1e-6, rtol=0)
    with pytest.raises(MisuseError, match="statistics x"):
        mean_bias(Density(parse_family("multinomial(3, trials=4)")), sparse)


def test_misuse_is_told_in_one_line() -> None:
    pair = model("bernoulli(3)", "bernoulli(2)")
    good = {"method": "exact", "steps": 1, "batch": 2, "learning_rate": 0.1}
    data = torch.zeros(4, 3)
    with pytest.raises(MisuseError, match="a known method; got 'pdc'; did you mean 'pcd'"):
        fit(pair, data, **{**good, "method": "pdc"})
    with pytest.raises(MisuseError, match="steps of at least 1; got 0"):
        fit(pair, data, **{**good, "steps": 0})
    with pytest.raises(MisuseError, match="row 1, column 2"):
        fit(pair, data + torch.tensor([[0.0] * 3, [0.0, 0.0, 0.5], [0.0] * 3, [0.0] * 3]), **good)
    with pytest.raises(MisuseError, match="a finite objective; got nan at step 1"):
        pair.W.data.fill_(math.nan)
        fit(pair, data, **good)
    with pytest.raises(MisuseError, match="whose natural domain is everything"):
        model("normal(2)", "bernoulli(2)")
    with pytest.raises(MisuseError, match="one side with finitely many points"):
        model("poisson(2)", "normal(2, variance=1)")
    with pytest.raises(MisuseError, match="totals exactly where they vary"):
        model("multinomial(3)", "bernoulli(2)").log_partition()
