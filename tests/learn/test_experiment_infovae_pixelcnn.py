"""The PixelCNN comparison, small: its data, its figures against other ways to them, its parts, and what it says."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from learn.small import mlp, model_config
from torch import Tensor

from eftheory import plots
from eftheory.errors import MisuseError
from eftheory.learn.config import DataConfig, NetworkConfig, TrainConfig
from eftheory.learn.config_file import config_text, load_config, smoke_table
from eftheory.learn.datasets.data import Dataset
from eftheory.learn.experiments import EXPERIMENTS
from eftheory.learn.experiments import infovae_pixelcnn as experiment
from eftheory.learn.experiments.infovae_pixelcnn_figures import information, likelihood, log_det, reduced
from eftheory.learn.experiments.infovae_pixelcnn_result import PAPER, PixelResult
from eftheory.learn.models.pixelcnn import PixelVAE, build

NAMES = ("elbo", "none", "mmd", "stein", "adversarial")
TINY = [
    "data.train=64",
    "data.test=40",
    "model.decoder_network.channels=[4, 4]",
    "model.encoder_network.hidden=[16]",
    "run.evaluate_every=2",
    "run.evaluate_rows=6",
    "run.evaluate_samples=8",
    *(f"phases.{number}.{key}" for number in range(5) for key in ("epochs=2", "batch=16")),
]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def config(data_folder: Path) -> TrainConfig:
    """Smaller than the smoke version."""
    return load_config("infovae-pixelcnn", TINY, smoke=True)


@pytest.fixture(scope="module")
def done(config: TrainConfig, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PixelResult]:
    folder = tmp_path_factory.mktemp("pixelcnn")
    return folder, experiment.run(config, folder, seeds=(0,), device="cpu")


def pictures(count: int = 400, side: int = 6, labels: bool = True) -> Dataset:
    """Grey images of noise."""
    rows = torch.rand(count, side * side, generator=torch.Generator().manual_seed(0))
    classes = torch.arange(count) % 3 if labels else None
    return Dataset(
        "noise", rows, rows[:50], classes, None if classes is None else classes[:50], (1, side, side), "made"
    )


def model(seed: int = 0) -> PixelVAE:
    """2 x 3 pixels, one latent, float64."""
    torch.manual_seed(seed)
    decoder = NetworkConfig(kind="conv", channels=(4, 4), activation="tanh")
    parts = {"decoder_network": decoder, "encoder_network": mlp(6)}
    made = build(model_config("bernoulli(6)", "normal(1)", "normal(1, mean=0, variance=1)", **parts), shape=(1, 2, 3))
    with torch.no_grad():
        for parameter in made.f.parameters():
            parameter.mul_(2.5)
    return made.double().requires_grad_(False)


# --- the experiment ---------------------------------------------------------------------------------------------------


def test_it_is_registered_and_its_smoke_version_changes_numbers_only() -> None:
    assert EXPERIMENTS["infovae-pixelcnn"].load() is experiment.run
    assert all(isinstance(value, int | float) for value in smoke_table("infovae-pixelcnn").values())
    full, small = load_config("infovae-pixelcnn"), load_config("infovae-pixelcnn", smoke=True)
    assert config_text(full) != config_text(small)
    assert tuple(phase.name for phase in full.phases) == tuple(phase.name for phase in small.phases) == NAMES


def test_every_part_has_every_figure(done: tuple[Path, PixelResult]) -> None:
    result = done[1]
    assert result.done == NAMES
    assert not result.missing()
    for name in NAMES:
        run = result.found[name][0]
        assert run["nll"]["mean"] <= -run["elbo"] + 1, "the ELBO is a bound"
        assert run["nll"]["mean"] > 0 < run["nll"]["standard_error"] and 0 < run["nll"]["effective"] <= 1
        assert 0 <= run["error"]["linear"] <= 1 and 0 <= run["error"]["neighbours"] <= 1
        assert run["classes"]["cross_entropy"] >= 0 and sum(run["classes"]["shares"]) == pytest.approx(1.0)
        assert run["seconds_per_epoch"] > 0
        assert [each["step"] for each in run["curve"]] == [0, 2, 4, 6, 8]
        assert run["shape"] == [1, 14, 14] and "averaged to 14 x 14" in run["source"]
    assert result.found["none"][0]["forced"] is not None
    assert all(result.found[name][0]["forced"] is None for name in NAMES if name != "none")
    starts = {run[0]["curve"][0]["reconstruction"] for run in result.found.values()}
    assert len(starts) == 1, "all start alike"
    assert len({run[0]["elbo"] for run in result.found.values()}) == 5, "and end elsewhere"


def test_nothing_is_repeated_on_resume(config: TrainConfig, done: tuple[Path, PixelResult]) -> None:
    folder, result = done
    checkpoints = sorted(folder.rglob("*.safetensors"))
    before = [path.stat().st_mtime_ns for path in checkpoints]
    assert len(checkpoints) >= 10
    again = experiment.run(config, folder, seeds=(0,), device="cpu", resume=True)
    assert again.as_dict() == result.as_dict()
    kept = folder / "stein-seed-0" / "found.json"
    kept.rename(kept.with_name("kept"))
    anew = experiment.run(config, folder, seeds=(0,), device="cpu", resume=True)  # trained already; figures again
    kept.with_name("kept").unlink()
    assert [path.stat().st_mtime_ns for path in checkpoints] == before
    one, other = (dict(found.found["stein"][0]) for found in (anew, result))
    assert one.pop("seconds_per_epoch") is None and other.pop("seconds_per_epoch") > 0
    assert one == other, "the same to the last digit"
    with pytest.raises(MisuseError):
        experiment.run(replace(config, name="other"), folder, seeds=(0,), resume=True)


def test_parts_that_were_not_run_are_said_to_be(config: TrainConfig, done: tuple[Path, PixelResult]) -> None:
    result = experiment.run(config, done[0], seeds=(0, 1), parts=["elbo-seed-0"], resume=True)
    assert result.missing() == [f"{name}-seed-1" for name in NAMES]
    assert result.lines()[-1] == f"not run: {', '.join(result.missing())}"


def test_the_result_as_json_text_and_pictures(done: tuple[Path, PixelResult]) -> None:
    result = done[1]
    plain = result.as_dict()
    shares = [run["seed-0"]["classes"] for run in plain["runs"].values()]
    assert json.loads(json.dumps(plain)) == plain
    assert plain["paper"]["nll"] == PAPER and "samples" not in plain["runs"]["elbo"]["seed-0"] and len(shares) == 5
    text = "\n".join(result.lines())
    assert "REDUCED" in text and "82.75" in text and "forced" in text
    assert f"{result.values('mmd', 'nll')[0]:.2f}" in text
    found = result.pictures()
    assert set(found) == {"mmd", "samples"}
    for drawing in found.values():
        assert getattr(plots, drawing.plot)(**drawing.arguments)._repr_png_().startswith(b"\x89PNG")


def synthetic(changes: Mapping[str, Mapping[str, Any]]) -> PixelResult:
    """Two seeds of figures as the paper has them, with `changes` of a phase in the second."""
    figures = {"elbo": (0.0, 0.1, 0.9, 82.75), "none": (2.0, 6.0, 0.1, 90.0), "mmd": (0.1, 4.0, 0.2, 80.76)}
    found: dict[str, dict[int, Any]] = {}
    for name, (mmd, information_, error, nll) in figures.items():
        run = {"mmd": mmd, "information": information_, "error": {"linear": error}, "nll": {"mean": nll}}
        found[name] = {0: run, 1: run | changes.get(name, {})}
    return PixelResult(config=load_config("infovae-pixelcnn"), seeds=(0, 1), found=found)


def test_findings_follow_the_figures_of_every_seed() -> None:
    told = ("elbo_tells_least", "elbo_worst_for_labels", "elbo_matches_prior", "free_is_farthest", "mmd_likelier")
    assert synthetic({}).findings() == dict.fromkeys(told, True)
    changes: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
        "elbo_tells_least": {"mmd": {"information": 0.05}},
        "elbo_worst_for_labels": {"none": {"error": {"linear": 0.95}}},
        "elbo_matches_prior": {"elbo": {"mmd": 0.3}},
        "free_is_farthest": {"mmd": {"mmd": 3.0}},
        "mmd_likelier": {"mmd": {"nll": {"mean": 83.0}}},
    }
    for name, change in changes.items():
        assert synthetic(change).findings() == dict.fromkeys(told, True) | {name: False}
    assert synthetic({}).order() == {"paper": ["mmd", "elbo"], "here": ["mmd", "elbo"]}


# --- the data ---------------------------------------------------------------------------------------------------------


def test_reduced_images_are_drawn_from_means_of_four_pixels() -> None:
    data = pictures(4000)
    small = reduced(data, 0)
    assert isinstance(data.train, Tensor) and isinstance(small.train, Tensor) and isinstance(small.test, Tensor)
    assert small.shape == (1, 3, 3) and set(small.train.unique().tolist()) == {0.0, 1.0}
    image = data.train.reshape(-1, 6, 6)
    corner = (image[:, 0, 0] + image[:, 0, 1] + image[:, 1, 0] + image[:, 1, 1]) / 4
    assert float(small.train[:, 0].mean()) == pytest.approx(float(corner.mean()), abs=0.03)
    high = corner > corner.median()
    assert float(small.train[high, 0].mean() - small.train[~high, 0].mean()) > 0.15, "it follows the grey level"
    assert torch.equal(reduced(data, 0).train, small.train)  # type: ignore[arg-type]
    assert not torch.equal(reduced(data, 1).train, small.train)  # type: ignore[arg-type]
    assert not torch.equal(small.test, small.train[:50]), "two streams"


# --- the figures ------------------------------------------------------------------------------------------------------


def test_log_det_is_that_of_draws_and_zero_for_the_prior() -> None:
    torch.manual_seed(0)
    raw = torch.randn(300, 3, 2, dtype=torch.float64)
    draws = raw[:, :, 0] + (0.5 * raw[:, :, 1]).exp() * torch.randn(2000, 300, 3, dtype=torch.float64)
    assert log_det(raw.flatten(1)) == pytest.approx(float(torch.logdet(draws.reshape(-1, 3).T.cov())), abs=0.02)
    assert log_det(torch.zeros(5, 6)) == 0.0
    assert log_det(torch.tensor([[0.0, 0.0, 0.0, math.log(4.0)]])) == pytest.approx(math.log(4.0))


def test_information_of_a_code_that_tells_nothing_and_of_one_that_tells_all() -> None:
    made = model()
    torch.manual_seed(1)
    assert information(made, torch.zeros(50, 2, dtype=torch.float64)) == pytest.approx(0.0, abs=1e-12)
    apart = torch.stack([10.0 * torch.arange(50.0), torch.full((50,), -6.0)], -1).double()
    assert information(made, apart) == pytest.approx(math.log(50), abs=1e-9)


def evidence(made: PixelVAE, x: Tensor) -> float:
    """``mean -log p(x)`` by quadrature over the one latent."""
    z = torch.linspace(-9, 9, 1201, dtype=torch.float64)
    log_prior = -0.5 * z.square() - 0.5 * math.log(2 * math.pi)
    log_joint = made.log_likelihood(x, z[:, None, None].expand(-1, len(x), 1)) + log_prior[:, None]
    return -float((log_joint.exp().sum(0) * (z[1] - z[0])).log().mean())


def test_the_importance_estimate_is_the_integral_also_for_a_narrow_q(monkeypatch: pytest.MonkeyPatch) -> None:
    made = model()
    x = torch.tensor([[0.0, 1, 1, 0, 1, 0], [1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1]]).double()
    exact = evidence(made, x)
    for wide in (0.0, -3.0):  # about 0.27 and 0.02
        made.g[-1].bias[1] = wide  # type: ignore[index]
        torch.manual_seed(0)
        found = likelihood(made, x, samples=4000)
        assert found["nll"]["mean"] == pytest.approx(exact, abs=max(0.01, 5 * found["nll"]["sampling_error"]))
        assert -found["elbo"] > exact
        assert found["nll"]["sampling_error"] < 0.02 < found["nll"]["standard_error"]
    monkeypatch.setattr(PixelVAE, "draw_prior", lambda self, count: 3.0 * torch.randn(count, 1, dtype=torch.float64))
    wrong = likelihood(made, x, samples=4000)["nll"]["mean"]
    assert abs(wrong - exact) > 0.05, "the control: draws of another law than the weights say"


# --- misuse -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"data": DataConfig(name="freyfaces", train=10, test=10)}, "labelled grey images"),
        ({"data": DataConfig(name="cifar10", train=10, test=10)}, "labelled grey images"),
        ({"model": {"decoder": "bernoulli(784)"}}, "a pixel for each bit"),
        ({"phases": {"name": "mmd"}}, "phases with different names"),
        ({"phases": {"estimator": "analytic"}}, "elbo or infovae, reparameterised"),
        ({"phases": {"objective": "iwae"}}, "elbo or infovae, reparameterised"),
        ({"phases": {"trains": "encoder"}}, "train both parts"),
    ],
)
def test_other_questions_are_refused_before_anything_is_trained(
    config: TrainConfig, tmp_path: Path, changes: Mapping[str, Any], word: str
) -> None:
    asked = config
    for key, value in changes.items():
        if key == "phases":
            asked = replace(asked, phases=(replace(config.phases[0], **value), *config.phases[1:]))
        else:
            asked = replace(asked, **{key: replace(config.model, **value) if key == "model" else value})
    with pytest.raises(MisuseError, match=word):
        experiment.run(asked, tmp_path, seeds=(0,))
    assert not list(tmp_path.iterdir())


def test_data_that_cannot_be_reduced_are_refused() -> None:
    for data in (pictures(side=5), pictures(labels=False), replace(pictures(), shape=(36,))):
        with pytest.raises(MisuseError, match="labelled grey images with even sides"):
            reduced(data, 0)
    with pytest.raises(MisuseError, match="grey levels"):
        reduced(replace(pictures(), train=torch.full((4, 36), 2.0)), 0)
