"""Encoder variances that are the same for all x, learned or fixed; and the analytic ELBO of a learned decoder scale."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from learn.small import LINEAR, mixture, mlp, model, model_config

from eftheory.errors import MisuseError
from eftheory.learn.config import DataConfig, Phase, TrainConfig
from eftheory.learn.config_file import as_tree, config_text, digest, load_config
from eftheory.learn.datasets.data import Dataset
from eftheory.learn.models.model import VAE
from eftheory.learn.objectives import objectives
from eftheory.learn.runs.train import parts, train

PRIOR = "normal(3, mean=0, variance=1)"


def vae(scale: str, *, decoder: str = "normal(5)", decoder_scale: str = "global", **changes: object) -> VAE:
    given = {"decoder_network": LINEAR, "encoder_network": LINEAR, "scale_start": 0.7, **changes}
    return model(decoder, "normal(3)", PRIOR, encoder_scale=scale, decoder_scale=decoder_scale, **given)


def log_variances(of: VAE, x: torch.Tensor) -> torch.Tensor:
    return of.encode_raw(x).unflatten(-1, (3, 2))[..., 1]


def rows(count: int = 6) -> torch.Tensor:
    return torch.randn(count, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("scale", "same"), [("global", True), ("fixed", True), ("predicted", False)])
def test_variances_are_the_same_for_all_rows_unless_predicted(scale: str, same: bool) -> None:
    made, x = vae(scale), rows()
    found = log_variances(made, x)
    assert bool((found == found[0]).all()) is same
    if same:
        assert torch.equal(found, torch.zeros_like(found)), "they start at 1"
        state = made.state_dict()
        made.load_state_dict(state | {"g.log_variance": torch.tensor([0.5, -1.0, 2.0])})
        assert log_variances(made, x).tolist() == [[0.5, -1.0, 2.0]] * 6
        means = made.encode_raw(x).unflatten(-1, (3, 2))[..., 0]
        assert torch.equal(means, made.g.mean(x))


def test_a_global_scale_is_the_encoders_and_a_fixed_one_nobodys() -> None:
    for scale, expected in (("global", True), ("fixed", False)):
        made = vae(scale)
        of = parts(made)
        assert any(p is made.g.log_variance for p in of["encoder"]) is expected
        assert not any(p is made.g.log_variance for p in of["decoder"])
        assert "g.log_variance" in made.state_dict(), "saved in both cases"


@pytest.mark.parametrize("encoder", ["bernoulli(3)", "normal(3, variance=1)", "mvn(3)"])
def test_only_normals_have_such_a_scale(encoder: str) -> None:
    with pytest.raises(MisuseError, match=r"normal\(k\)"):
        model("normal(5)", encoder, "same", encoder_scale="global")


def test_an_unknown_word_is_refused_and_older_configurations_keep_their_digests() -> None:
    config = mixture()
    with pytest.raises(MisuseError, match="encoder_scale"):
        replace(config, model=replace(config.model, encoder_scale="globl"))
    assert "encoder_scale" not in config_text(config)
    other = replace(config, model=replace(config.model, encoder_scale="global"))
    assert as_tree(other)["model"]["encoder_scale"] == "global" and digest(other) != digest(config)
    assert digest(load_config("mixture")).startswith("c22471f134a9d950"), "as before there was such a key"


def small(scale: str) -> tuple[TrainConfig, Dataset]:
    x = rows(40).float()
    data = Dataset("own", x, x[:0], None, None, (5,), "drawn")
    asked = model_config(
        "normal(5)", "normal(3)", PRIOR, encoder_scale=scale, decoder_scale="global",
        decoder_network=LINEAR, encoder_network=LINEAR,
    )  # fmt: skip
    phase = Phase(objective="elbo", estimator="analytic", epochs=2, batch=10, learning_rate=0.05)
    return TrainConfig(name="s", seed=0, data=DataConfig(name="mnist"), model=asked, phases=(phase,)), data


@pytest.mark.parametrize(("scale", "moves"), [("global", True), ("fixed", False)])
def test_training_moves_a_global_scale_and_leaves_a_fixed_one(scale: str, moves: bool, tmp_path: object) -> None:
    config, data = small(scale)
    start = {"g.log_variance": torch.full((3,), -0.5)}
    state = train(config, f"{tmp_path}/run", device="cpu", dataset=data, start=start).state
    assert bool((state["g.log_variance"] != -0.5).all()) is moves


def test_a_deep_linear_encoder_is_affine_and_a_tanh_one_is_not() -> None:
    x, y = rows(4), rows(4) ** 2
    for activation, affine in (("identity", True), ("tanh", False)):
        made = vae("global", encoder_network=mlp(6, activation=activation))
        bent = made.encode_raw(0.25 * x + 0.75 * y) - 0.25 * made.encode_raw(x) - 0.75 * made.encode_raw(y)
        assert (float(bent.detach().abs().max()) < 1e-12) is affine


@pytest.mark.parametrize("scale", ["global", "predicted"])
def test_the_analytic_elbo_of_a_learned_decoder_scale_is_its_expectation(scale: str) -> None:
    made, x = vae(scale, encoder_network=mlp(4)), rows()
    exact = objectives.elbo_analytic(made, x)
    nodes, weights = (torch.tensor(part) for part in gauss(8))  # E p exactly: p is quadratic in z
    mean, log_variance = made.encode_raw(x).unflatten(-1, (3, 2)).unbind(-1)
    total = torch.zeros(len(x), dtype=torch.float64)
    for place in torch.cartesian_prod(*[torch.arange(8)] * 3):
        z = mean + (0.5 * log_variance).exp() * nodes[place]
        total += weights[place].prod() * made.decoder.log_prob(x, made.decode(z))
    kl = made.encoder.kl(made.encode(x), made.prior.eta)
    assert torch.allclose(exact, total - kl, atol=1e-10)
    made.scale.data += 0.1
    assert not torch.allclose(objectives.elbo_analytic(made, x), total - kl, atol=1e-3)


def gauss(count: int) -> tuple[list[float], list[float]]:
    import numpy as np

    nodes, weights = np.polynomial.hermite_e.hermegauss(count)
    return nodes.tolist(), (weights / weights.sum()).tolist()


def test_a_nonlinear_decoder_has_no_analytic_elbo() -> None:
    with pytest.raises(MisuseError, match="linear in z"):
        objectives.elbo_analytic(vae("global", decoder_network=mlp(4)), rows())
