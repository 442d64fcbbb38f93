"""Starting at the Bernoulli bound, its monitor, and the simulated data: closed forms, quadrature, controls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from learn.small import LINEAR, mlp, model_config
from numpy.polynomial.hermite_e import hermegauss
from torch import Tensor

from eftheory.analytic.bernoulli_fit import BernoulliOptimum, bernoulli_optimum
from eftheory.errors import MisuseError
from eftheory.learn.config import DataConfig, ModelConfig, Phase, RunConfig, TrainConfig
from eftheory.learn.config_file import config_text, digest
from eftheory.learn.datasets.data import Dataset, load
from eftheory.learn.datasets.sparse import SparseRows
from eftheory.learn.evaluation.bound_monitor import BoundMonitor, as_array, own_parameters
from eftheory.learn.models.model import VAE, build
from eftheory.learn.models.networks import GlobalScale, Linear
from eftheory.learn.runs.bound_start import bound_start, put
from eftheory.learn.runs.train import train

D, K = 60, 3
DATA = load(DataConfig(name="sparse-components", width=D, train=400, test=100), 1)
PRIOR = f"normal({K}, mean=0, variance=1)"


def config(**changes: Any) -> ModelConfig:
    linear = {"decoder_network": LINEAR, "encoder_network": LINEAR, "init": "bernoulli-bound"}
    return model_config(f"bernoulli({D})", f"normal({K})", PRIOR, **(linear | changes))


def started(seed: int = 0, data: Dataset = DATA, **changes: Any) -> VAE:
    """A model in float64, put where its configuration says."""
    torch.manual_seed(seed)
    asked = config(**changes)
    model = build(asked, sparse=isinstance(data.train, SparseRows)).double()
    bound_start(model, asked, data)
    return model


@torch.no_grad()
def nelbo(model: VAE, x: Tensor, nodes: int = 5) -> float:
    """By a grid of nodes^K Gauss-Hermite points of z: no closed form of the bound is used."""
    points, weights = hermegauss(nodes)
    grid = torch.tensor(np.stack(np.meshgrid(*[points] * K), -1).reshape(-1, K))
    mass = torch.tensor(np.prod(np.stack(np.meshgrid(*[weights] * K), -1).reshape(-1, K), 1) / (2 * np.pi) ** (K / 2))
    mean, log_variance = model.encode_raw(x).unflatten(-1, (K, 2)).unbind(-1)
    z = mean + (0.5 * log_variance).exp() * grid[:, None]
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)
    return float((kl - mass @ model.log_likelihood(x, z)).mean())


ROWS = DATA.train.double() if isinstance(DATA.train, Tensor) else torch.empty(0)
BEST = bernoulli_optimum(as_array(DATA.train), K)


# --- the start --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", ["predicted", "global", "fixed"])
def test_a_linear_model_starts_at_the_closed_form(scale: str) -> None:
    model = started(encoder_scale=scale)
    W, b = own_parameters(model) or (torch.empty(0), torch.empty(0))
    assert np.allclose(W.detach(), BEST.W, atol=1e-12) and np.allclose(b.detach(), BEST.b, atol=1e-12)
    raw = model.encode_raw(ROWS).detach().unflatten(-1, (K, 2))
    sigma = torch.linalg.inv(torch.eye(K).double() + W.T @ W / 4).detach()  # theory.md, section 8
    expected = (ROWS - 0.5 - b / 4) @ W @ sigma
    assert torch.allclose(raw[..., 0], expected.detach(), atol=1e-10)
    assert torch.allclose(raw[..., 1].exp(), sigma.diagonal().expand(len(ROWS), K), atol=1e-10)
    assert torch.allclose(sigma, sigma.diagonal().diag(), atol=1e-10)


@pytest.mark.parametrize(
    ("network", "init"),
    [
        (LINEAR, "bernoulli-bound"),
        (LINEAR, "bernoulli-bound-through"),
        (mlp(8, 9, activation="relu"), "bernoulli-bound-through"),
        (mlp(6, activation="leaky-relu"), "bernoulli-bound-through"),
        (mlp(7, 6, 8, activation="silu"), "bernoulli-bound-through"),
        (mlp(8, 8, activation="identity"), "bernoulli-bound-through"),
    ],
)
@pytest.mark.parametrize("scale", ["predicted", "fixed"])
def test_the_start_is_within_the_bound(network: Any, init: str, scale: str) -> None:
    model = started(init=init, encoder_scale=scale, encoder_network=network, decoder_network=network)
    linear = started(encoder_scale="fixed")
    assert nelbo(model, ROWS) <= BEST.value
    assert nelbo(model, ROWS) == pytest.approx(nelbo(linear, ROWS), abs=1e-9)
    assert BEST.value - nelbo(linear, ROWS) < 0.2


def test_control_wrong_signs_break_the_bound() -> None:
    for wrong in (
        {"gain": -BEST.gain, "offset": -BEST.offset},
        {"b": -BEST.b - 1},
        {"variance": 3 / BEST.variance},
    ):
        model = started()
        put(model, replace(BEST, **wrong), through=False)
        assert nelbo(model, ROWS) > BEST.value, wrong
    assert nelbo(started(init="random"), ROWS) > BEST.value


def test_hidden_layers_of_the_paper_stay_random_and_surplus_starts_at_zero() -> None:
    hidden = mlp(D + 5, activation="relu")
    found = started(encoder_network=hidden, decoder_network=hidden, encoder_scale="fixed")
    random = started(encoder_network=hidden, decoder_network=hidden, encoder_scale="fixed", init="random")
    assert isinstance(found.g, GlobalScale) and isinstance(random.g, GlobalScale)
    for mine, other in ((found.g.mean, random.g.mean), (found.f, random.f)):
        first, last = mine[0], mine[-1]  # type: ignore[index]
        assert torch.equal(first.weight, other[0].weight)  # type: ignore[index]
        assert isinstance(last, Linear) and not torch.equal(last.weight, other[-1].weight)  # type: ignore[index]
    gain, W = found.g.mean[-1].matrix.detach(), found.f[-1].matrix.detach()  # type: ignore[index]
    assert np.allclose(gain[:, :D], BEST.gain) and not gain[:, D:].any()
    assert np.allclose(W[:, :K], BEST.W) and not W[:, K:].any()
    assert not BEST.W[:, BEST.usable :].any()


def test_what_is_fixed_stays_and_the_rest_learns(tmp_path: Path) -> None:
    done = train(run_config(config(encoder_scale="fixed")), tmp_path / "a")
    start = started(encoder_scale="fixed").state_dict()
    assert np.allclose(done.state["g.log_variance"], np.log(BEST.variance), atol=1e-6)
    assert not torch.allclose(done.state["f.0.weight"].double(), start["f.0.weight"], atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"encoder_network": mlp(D - 1)}, f"at least {D} units before the last layer of the encoder"),
        ({"decoder_network": mlp(K - 1)}, f"at least {K} units before the last layer of the decoder"),
        ({"decoder_network": mlp(5, activation="relu"), "init": "bernoulli-bound-through"}, f"at least {2 * K} units"),
        ({"decoder_network": mlp(9, activation="tanh"), "init": "bernoulli-bound-through"}, "got Tanh"),
        ({"prior": "same"}, "the prior N(0, I)"),
        ({"prior": f"normal({K}, mean=0, variance=2)"}, "the prior N(0, I)"),
        ({"encoder": f"bernoulli({K})", "prior": "uniform"}, "an encoder normal(k)"),
        ({"encoder": f"mvn({K})", "prior": f"mvn({K}, mean=0, covariance=identity)"}, "an encoder normal(k)"),
        ({"decoder": f"poisson({D})"}, "a Bernoulli decoder"),
        ({"inputs": "frequencies"}, "inputs 'x'"),
    ],
)
def test_models_that_the_bound_does_not_describe_are_refused(changes: dict[str, Any], words: str) -> None:
    asked = replace(config(), **changes)
    with pytest.raises(MisuseError) as caught:
        bound_start(build(asked), asked, DATA)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_sparse_rows_start_alike_and_stay_sparse() -> None:
    assert isinstance(DATA.train, Tensor)
    sparse = replace(DATA, train=SparseRows.from_dense(DATA.train))
    dense, found = started(), started(data=sparse)
    assert hasattr(as_array(sparse.train), "tocsr")
    assert torch.allclose(found.encode_raw(SparseRows.from_dense(ROWS)), dense.encode_raw(ROWS), atol=1e-9)


def test_old_configurations_keep_their_digest() -> None:
    whole = run_config(config(init="random"))
    assert "init" not in config_text(whole) and "width = 60" in config_text(whole)
    assert digest(run_config(config())) != digest(whole)


# --- the monitor ------------------------------------------------------------------------------------------------------


def run_config(model: ModelConfig) -> TrainConfig:
    phase = Phase(objective="elbo", estimator="reparameterised", epochs=2, batch=100, learning_rate=1e-2)
    data = DataConfig(name="sparse-components", width=D, train=400, test=100)
    run = RunConfig(evaluate_every=4, evaluate_rows=400, evaluate_samples=4)
    return TrainConfig(name="tiny", seed=1, data=data, model=model, phases=(phase,), run=run)


def test_evaluations_carry_the_bound(tmp_path: Path) -> None:
    history = train(run_config(config(encoder_scale="fixed")), tmp_path / "a").history
    records = [record for record in history if record["kind"] == "evaluation"]
    assert {record["step"] for record in records} == {0, 4, 8}
    ours = [record for record in records if record["part"] == "train"]
    assert [record["bound"] for record in ours] == pytest.approx([BEST.value] * 3, abs=1e-9)
    assert ours[0]["bound_own"] == pytest.approx(BEST.value, abs=1e-4)
    assert all(record["bound_own"] >= record["bound"] - 1e-4 for record in ours) and ours[-1]["bound_own"] > BEST.value
    assert -ours[0]["elbo"] < ours[0]["bound"] + 5 * ours[0]["elbo_error"]
    test = [record["bound"] for record in records if record["part"] == "test"]
    assert min(test) == max(test) > BEST.value  # the same W* and b* on rows that did not make them


def test_deep_decoders_have_no_bound_of_their_own_and_other_models_none(tmp_path: Path) -> None:
    deep = train(run_config(config(init="random", decoder_network=mlp(4))), tmp_path / "a").history
    assert all("bound" in r and "bound_own" not in r for r in deep if r["kind"] == "evaluation")
    bits = replace(config(init="random"), encoder=f"bernoulli({K})", prior="uniform")
    bits_run = replace(run_config(bits), phases=(replace(run_config(bits).phases[0], estimator="exact"),))
    other = train(bits_run, tmp_path / "b").history
    assert not any("bound" in record for record in other)


def test_a_run_that_is_resumed_logs_the_same(tmp_path: Path) -> None:
    whole = run_config(config())
    first = train(whole, tmp_path / "a").history
    (tmp_path / "b").mkdir()

    class Killed(Exception):
        pass

    def kill(progress: Any) -> None:
        if progress.step == 6:
            raise Killed

    with pytest.raises(Killed):
        train(replace(whole, run=replace(whole.run, save_every=3)), tmp_path / "c", progress=kill)
    again = train(replace(whole, run=replace(whole.run, save_every=3)), tmp_path / "c", resume=True).history
    assert [r for r in again if r["kind"] == "evaluation"] == [r for r in first if r["kind"] == "evaluation"]


def test_the_optimum_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counted(x: Any, latents: int) -> BernoulliOptimum:
        calls.append(latents)
        return bernoulli_optimum(x, latents)

    monkeypatch.setattr("eftheory.learn.evaluation.bound_monitor.bernoulli_optimum", counted)
    monitor = BoundMonitor(DATA.train, K)
    assert calls == []
    model = started(init="random")
    monitor(model, DATA.test), monitor(model, DATA.train)
    assert calls == [K]


# --- the data ---------------------------------------------------------------------------------------------------------


def test_sparse_components() -> None:
    data = load(DataConfig(name="sparse-components", width=50, train=4000, test=7), 3)
    assert isinstance(data.train, Tensor) and data.train.shape == (4000, 50) and data.shape == (50,)
    assert set(data.train.unique().tolist()) == {0.0, 1.0} and len(data.test) == 7
    B = data.truth["loadings"]
    assert B.sum(0).tolist() == [20, 20] and B[:20, 0].all() and B[20:40, 1].all()
    S = torch.cov(2 * data.train.double().T - 1, correction=0)
    within, across = S[:20, :20], S[:20, 20:40]
    off = within[~torch.eye(20, dtype=torch.bool)].mean()
    assert off == pytest.approx(0.2 / 4, abs=0.01)  # E tanh(t/2)^2, about var/4
    assert abs(across.mean()) < 0.01 and abs(S[40:, 40:].fill_diagonal_(0).mean()) < 0.01
    assert bernoulli_optimum(data.train.numpy(), 2).usable == 2
    again = load(DataConfig(name="sparse-components", width=50, train=4000, test=9), 3)
    assert isinstance(again.train, Tensor) and torch.equal(again.train, data.train)
    assert not torch.equal(load(DataConfig(name="sparse-components", width=50, train=4000), 4).train, data.train)


@pytest.mark.parametrize("changes", [{"width": 39, "train": 5}, {"train": 5}, {"width": 50}])
def test_sparse_components_need_their_sizes(changes: dict[str, int]) -> None:
    with pytest.raises(MisuseError, match=r"data\.width of at least 40"):
        load(DataConfig(name="sparse-components", **changes), 0)  # type: ignore[arg-type]


def test_presence_of_words(data_folder: Path) -> None:
    counts = load(DataConfig(name="20news", vocabulary=60, train=300, test=50), 0)
    words = load(DataConfig(name="20news", vocabulary=60, train=300, test=50, binarise="presence"), 0)
    assert isinstance(words.train, SparseRows) and isinstance(counts.train, SparseRows)
    assert torch.equal(words.train.dense(), (counts.train.dense() > 0).float()) and "occurs" in words.source
    assert float(counts.train.values.max()) > 1
    with pytest.raises(MisuseError, match="only with 20news"):
        load(DataConfig(name="mnist", binarise="presence"), 0)
