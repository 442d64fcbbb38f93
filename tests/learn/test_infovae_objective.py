"""InfoVAE as an objective: special cases exactly, eq. (6) by other means, hypotheses, and runs that are resumed."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from learn.small import CENTRES, mixture, mlp, model, model_config
from torch import Tensor

from eftheory.__main__ import main
from eftheory.analytic.infovae import Tables, jensen_shannon
from eftheory.errors import MisuseError
from eftheory.exact.arithmetic import FLOAT
from eftheory.learn.config import INFOVAE, Phase, RunConfig, TrainConfig
from eftheory.learn.config_file import as_tree, config_text, digest, load_config
from eftheory.learn.models.model import VAE
from eftheory.learn.objectives import adversary, objectives
from eftheory.learn.objectives.infovae import InfoVAE, broken_hypothesis, divergence_weight
from eftheory.learn.runs.store import Store
from eftheory.learn.runs.train import Progress, TrainResult, train

DIVERGENCES = ("kl", "mmd", "stein", "adversarial")


def phase(**changes: Any) -> Phase:
    given = {"objective": "infovae", "estimator": "exact", "epochs": 1, "batch": 4, "learning_rate": 1e-2, **changes}
    return Phase(**given)


def drawn(**changes: Any) -> Phase:
    return phase(estimator="reparameterised", **changes)


def bits() -> tuple[VAE, Tensor]:
    vae = model("bernoulli(4)", "bernoulli(3)", "bernoulli(3, probs=1/3)")
    return vae, torch.randint(0, 2, (6, 4), generator=torch.Generator().manual_seed(1)).double()


def normal(prior: str = "normal(2, mean=0, variance=1)") -> tuple[VAE, Tensor]:
    vae = model("bernoulli(4)", "normal(2)", prior)
    return vae, torch.randint(0, 2, (6, 4), generator=torch.Generator().manual_seed(1)).double()


def value(given: Phase, vae: VAE, x: Tensor, seed: int = 7) -> Tensor:
    torch.manual_seed(seed)
    with torch.no_grad():
        return InfoVAE(given)(vae, x)


# --- special cases ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_alpha_0_and_weight_1_are_the_elbo_draw_for_draw(divergence: str) -> None:
    vae, x = normal()
    for samples in (1, 3):
        torch.manual_seed(7)
        elbo = objectives.elbo_reparameterised(vae, x, samples)
        assert torch.equal(value(drawn(divergence=divergence, samples=samples), vae, x), elbo)
    assert not torch.allclose(value(drawn(divergence=divergence, weight=2.0), vae, x), elbo)
    if divergence != "stein":
        vae, x = bits()
        torch.testing.assert_close(value(phase(divergence=divergence), vae, x), objectives.elbo_exact(vae, x))


@pytest.mark.parametrize("beta", [0.3, 1.7, 4.0])
def test_alpha_plus_weight_1_is_the_beta_vae(beta: float) -> None:
    weights = {"alpha": 1.0 - beta, "weight": beta}
    assert divergence_weight(phase(**weights)) == 0.0
    vae, x = normal()
    torch.manual_seed(7)
    raw = vae.encode_raw(x)
    by_hand = vae.log_likelihood(x, vae.encoder.rsample_raw(raw)) - beta * vae.encoder.kl_raw(raw, vae.prior.eta)
    torch.testing.assert_close(value(drawn(**weights), vae, x), by_hand)
    vae, x = bits()
    eta = vae.encode(x)
    kl = vae.encoder.kl(eta, vae.prior.eta)
    reconstruction = objectives.elbo_exact(vae, x) + kl
    torch.testing.assert_close(value(phase(**weights), vae, x), reconstruction - beta * kl)


def test_alpha_1_and_weight_1_with_a_discriminator_are_the_adversarial_autoencoder() -> None:
    vae, x = normal()
    torch.manual_seed(7)
    raw = vae.encode_raw(x)
    z = vae.encoder.rsample_raw(raw)
    other = adversary.Adversary(learning_rate=1e-2, seed=0)
    with torch.no_grad():
        by_hand = vae.log_likelihood(x, z) - other.divergence(z, vae.prior.sample(len(z), vae))
    torch.testing.assert_close(value(drawn(alpha=1.0, divergence="adversarial"), vae, x), by_hand)


# --- equation 6 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("alpha", "weight"), [(0.0, 1.0), (0.5, 3.0), (1.0, 10.0), (-2.0, 0.5)])
@pytest.mark.parametrize("divergence", ["kl", "mmd", "adversarial"])
def test_finite_latents_against_the_closed_forms_of_the_theory(alpha: float, weight: float, divergence: str) -> None:
    vae, x = bits()
    vae.requires_grad_(False)
    codes = vae.latents()
    encoder = objectives.eta_table(vae, vae.encode(x)).exp()
    decoder, prior = vae.table(x).exp(), vae.log_prior(codes).exp()
    tables = Tables([1 / 6] * 6, *(part.tolist() for part in (prior, decoder, encoder)))
    other: dict[str, float | None] = {
        "kl": None,
        "adversarial": float(jensen_shannon(tables.aggregate, prior.tolist(), on=FLOAT)),
    }
    if divergence == "mmd":
        gap = encoder.mean(0) - prior
        gram = [[math.exp(-float((a - b).square().sum()) / 6) for b in codes] for a in codes]
        other["mmd"] = float(gap @ torch.tensor(gram, dtype=torch.float64) @ gap)
    forced = phase(alpha=alpha, weight=weight, divergence=divergence, force=True)
    wanted = tables.objective(alpha, weight, FLOAT, other[divergence])
    assert float(value(forced, vae, x).mean()) == pytest.approx(float(wanted), abs=1e-10)


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_the_divergence_pulls_the_aggregate_to_the_prior(divergence: str) -> None:
    """The encoder alone, alpha = 1 and a heavy weight: mean and deviation of q(z) go to 0 and 1."""
    vae, x = normal()
    vae.requires_grad_(False)
    for parameter in vae.g.parameters():
        parameter.requires_grad_(True)
    vae.g[-1].bias.data += torch.tensor([1.5, 0.0, -1.5, 0.0])
    objective = InfoVAE(drawn(alpha=1.0, weight=200.0, divergence=divergence, samples=8, learning_rate=1e-2))
    optimiser = torch.optim.Adam(vae.g.parameters(), lr=1e-2)
    torch.manual_seed(3)
    means = []
    for _ in range(120):
        means.append(float(vae.encode_raw(x).detach()[:, ::2].mean(0).abs().max()))
        optimiser.zero_grad()
        (-objective(vae, x).mean()).backward()
        optimiser.step()
    assert means[0] > 1.2 and means[-1] < 0.6 * means[0]


def test_a_learned_prior_needs_a_divergence_with_a_gradient_to_it() -> None:
    vae, x = normal("same")
    for divergence in ("mmd", "stein", "adversarial"):
        with pytest.raises(MisuseError, match="learned prior"):
            value(drawn(weight=2.0, divergence=divergence), vae, x)
    (slope,) = torch.autograd.grad(InfoVAE(drawn(weight=2.0, divergence="kl"))(vae, x).sum(), vae.prior.raw)
    assert float(slope.abs().max()) > 0


# --- hypotheses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"alpha": 0.0, "weight": 0.001}, "rewarded"),  # the default of a well-known library
        ({"alpha": 1.5}, "above 1"),
        ({"alpha": 1.0, "weight": 0.0}, "plain autoencoder"),
        ({"weight": -1.0, "divergence": "kl"}, "not positive"),
        ({"weight": 10.0, "kernel": "polynomial"}, "moments"),
        ({"weight": 10.0, "divergence": "stein"}, "score"),
        ({"weight": 10.0, "estimator": "arm"}, "estimator"),
    ],
)
def test_what_breaks_a_hypothesis_is_refused_with_its_reason(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(MisuseError, match=words):
        InfoVAE(phase(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"alpha": 1.0, "weight": 1000.0},
        {"alpha": 1.0, "divergence": "adversarial"},
        {"alpha": -0.7, "weight": 1.7},  # in floats -0.7 + 1.7 - 1 is below zero
        {"weight": 0.001, "divergence": "kl"},  # a negative weight of the KL is harmless
        {"alpha": -3.0, "weight": 4.0, "kernel": "polynomial"},  # its weight is zero
    ],
)
def test_what_the_theory_admits_is_trained(changes: dict[str, Any]) -> None:
    assert broken_hypothesis(phase(**changes)) is None
    InfoVAE(phase(**changes))


SMALL = mixture(
    model=model_config("normal(2, variance=1)", "normal(2)", "normal(2, mean=0, variance=1)"),
    phases=(drawn(epochs=3, batch=16, weight=5.0),),
)


def with_phase(**changes: Any) -> TrainConfig:
    return replace(SMALL, phases=(replace(SMALL.phases[0], **changes),))


def test_force_trains_all_the_same_and_records_the_reason(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="rewarded"):
        train(with_phase(weight=0.5), tmp_path / "refused", device="cpu")
    assert not (tmp_path / "refused").exists(), "nothing is written before everything is checked"
    train(with_phase(weight=0.5, force=True, name="bad"), tmp_path / "forced", device="cpu")
    assert "rewarded" in json.loads((tmp_path / "forced" / "result.json").read_text())["forced"]["bad"]
    train(SMALL, tmp_path / "fine", device="cpu")
    assert "forced" not in json.loads((tmp_path / "fine" / "result.json").read_text())


def test_force_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.toml").write_text(config_text(with_phase(weight=0.5)))
    arguments = ["train", str(tmp_path / "c.toml"), "--device", "cpu", "--out", str(tmp_path / "run")]
    assert main(arguments) == 64
    assert "rewarded" in capsys.readouterr().err and not (tmp_path / "run").exists()
    assert main([*arguments, "--force", "--json", str(tmp_path / "r.json")]) == 0
    assert "outside the hypotheses of InfoVAE" in capsys.readouterr().out
    assert "rewarded" in json.loads((tmp_path / "r.json").read_text())["forced"]["0"]


# --- configurations ---------------------------------------------------------------------------------------------------


def test_the_keys_are_written_only_where_they_are_used(tmp_path: Path) -> None:
    before = {line.partition(" = ")[0] for line in config_text(mixture()).splitlines()}
    assert "epochs" in before and before.isdisjoint(INFOVAE)
    config = with_phase(alpha=0.5, divergence="kl")
    (tmp_path / "c.toml").write_text(config_text(config))
    again = load_config(tmp_path / "c.toml")
    assert again == config and digest(again) == digest(config) != digest(SMALL)
    assert as_tree(config)["phases"][0]["divergence"] == "kl"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"objective": "elbo"}, "weight only with infovae"),
        ({"divergence": "mdm"}, "did you mean 'mmd'"),
        ({"kernel": "rfb"}, "did you mean 'rbf'"),
        ({"alpha": math.nan}, "alpha finite"),
        ({"weight": math.inf}, "weight finite"),
    ],
)
def test_keys_that_cannot_be_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(MisuseError, match=words):
        with_phase(**changes)


def test_a_discriminator_wants_one_device_and_no_compiler() -> None:
    for run in (RunConfig(devices=2), RunConfig(compile=True), RunConfig(precision="16-mixed")):
        with pytest.raises(MisuseError, match="discriminator"):
            replace(with_phase(divergence="adversarial"), run=run)


# --- kill and resume --------------------------------------------------------------------------------------------------

ADVERSARIAL = replace(
    SMALL,
    phases=(
        drawn(epochs=2, batch=16, weight=5.0, divergence="adversarial"),
        drawn(epochs=2, batch=20, alpha=1.0, divergence="adversarial", learning_rate=3e-3),
        drawn(epochs=1, batch=20, weight=5.0),
    ),
    run=RunConfig(log_every=1, evaluate_every=5, save_every=2, evaluate_rows=4, evaluate_samples=2),
)


class Killed(Exception):
    """Stands for a kill."""


def interrupted(folder: Path, at: int) -> TrainResult:
    def stop(progress: Progress) -> None:
        if progress.step == at:
            raise Killed

    with pytest.raises(Killed):
        train(ADVERSARIAL, folder, device="cpu", progress=stop)
    return train(ADVERSARIAL, folder, device="cpu", resume=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return train(ADVERSARIAL, tmp_path_factory.mktemp("whole") / "run", device="cpu")


@pytest.mark.parametrize("at", [1, 5, 8, 9, 13, 15])
def test_a_run_with_a_discriminator_goes_on_bit_for_bit(whole: TrainResult, tmp_path: Path, at: int) -> None:
    resumed = interrupted(tmp_path / "run", at)
    assert all(torch.equal(resumed.state[name], tensor) for name, tensor in whole.state.items())
    assert (resumed.folder / "metrics.jsonl").read_bytes() == (whole.folder / "metrics.jsonl").read_bytes()
    states = [Store.view(folder).latest() for folder in (resumed.folder, whole.folder)]
    assert states[0].facts == states[1].facts and states[0].tensors.keys() == states[1].tensors.keys()
    assert CENTRES and all(torch.equal(tensor, states[1].tensors[name]) for name, tensor in states[0].tensors.items())


def test_control_without_its_discriminator_a_run_goes_another_way(
    whole: TrainResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(InfoVAE, "state_dict", lambda self: {})
    resumed = interrupted(tmp_path / "run", 5)
    assert not all(torch.equal(resumed.state[name], tensor) for name, tensor in whole.state.items())


def test_only_a_phase_with_a_discriminator_saves_one(whole: TrainResult, tmp_path: Path) -> None:
    steps: dict[int, bool] = {}

    def look(progress: Progress) -> None:
        latest = Store.view(tmp_path / "run").latest() if progress.step % 2 == 0 else None
        if latest is not None:
            steps[progress.step] = any(name.startswith("run.objective") for name in latest.tensors)

    train(ADVERSARIAL, tmp_path / "run", device="cpu", progress=look)
    assert steps[2] and steps[14] and not steps[16]


def test_it_belongs_to_the_seed_and_is_no_part_of_the_model(whole: TrainResult) -> None:
    assert not any("adversary" in name or "network" in name for name in whole.state)
    vae, x = normal()
    one, two = (InfoVAE(drawn(alpha=1.0, divergence="adversarial"), seed)(vae, x) for seed in (0, 1))
    assert one.shape == two.shape and mlp(3).kind == "mlp"
