"""The image experiment, small: its parts belong together, nothing is repeated, and the figures say what they are."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from learn.small import mixture

from eftheory import plots
from eftheory.errors import MisuseError
from eftheory.learn.config import DataConfig, Phase, TrainConfig
from eftheory.learn.config_file import config_text, load_config, smoke_table
from eftheory.learn.datasets.data import load
from eftheory.learn.experiments import EXPERIMENTS, image
from eftheory.learn.experiments.image_control import CONTROL
from eftheory.learn.experiments.image_figures import Compare, as_bytes, bounds
from eftheory.learn.experiments.image_result import PAPER, ImageResult, clearly_above
from eftheory.learn.experiments.image_truth import NOISE, draw, fixed_noise, images_of, loaded, means, truth_of
from eftheory.learn.models.model import build
from eftheory.learn.runs.store import Store
from eftheory.learn.runs.train import train

TINY = [
    "data.train=120",
    "data.test=60",
    "model.encoder=normal(4)",
    "model.prior=normal(4, mean=0, variance=1)",
    "model.encoder_network.channels=[4, 8]",
    "model.decoder_network.channels=[4, 8]",
    "run.evaluate_rows=6",
    "run.evaluate_samples=8",
    "phases.0.epochs=6",
    "phases.0.batch=15",
    "phases.0.learning_rate=0.005",
    "phases.2.batch=15",
    "phases.2.epochs=4",
    "phases.3.batch=15",
    "phases.3.epochs=4",
]


@pytest.fixture(scope="module")
def config(data_folder: Path) -> TrainConfig:
    """Smaller than the smoke version."""
    return load_config("image", TINY, smoke=True)


@pytest.fixture(scope="module")
def done(config: TrainConfig, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ImageResult]:
    folder = tmp_path_factory.mktemp("image")
    return folder, image.run(config, folder, seeds=(0,))


def test_the_experiment_is_registered_and_its_smoke_version_changes_numbers_only() -> None:
    assert EXPERIMENTS["image"].load() is image.run
    assert all(isinstance(value, int | float) for value in smoke_table("image").values())
    full, small = load_config("image"), load_config("image", smoke=True)
    assert config_text(full) != config_text(small)
    assert [phase.name for phase in full.phases] == [phase.name for phase in small.phases]


def test_every_stage_has_every_figure_and_the_bounds_are_ordered(done: tuple[Path, ImageResult]) -> None:
    result = done[1]
    assert result.stages == ("encoder", "complete-data", "fixed", "learned")
    for stage in result.found[0]["stages"].values():
        errors = [stage[name]["standard_error"] for name in ("elbo", "iwae", "evidence")]
        elbo, iwae, evidence = (stage[name]["mean"] for name in ("elbo", "iwae", "evidence"))
        assert elbo < iwae < evidence, "an encoder of a few steps is poor, and IWAE with it"
        assert stage["gap"] == pytest.approx(evidence - elbo)
        assert all(0 < error < math.inf for error in errors)
        assert 0 < stage["evidence"]["effective_share"] <= 1
    stages = result.found[0]["stages"]
    assert stages["encoder"]["noise"] == stages["fixed"]["noise"] == float(NOISE)
    assert stages["learned"]["noise"] != float(NOISE)
    assert 0 < stages["encoder"]["evidence"]["slack"] < 3
    assert stages["fixed"]["evidence"]["slack"] is None, "only the truth drew the samples"


def test_joint_training_raises_the_elbo_and_harms_the_samples(done: tuple[Path, ImageResult]) -> None:
    findings = dict(done[1].findings())
    assert not findings.pop(CONTROL)["samples_worse"], "the control: as many steps of maximum likelihood harm nothing"
    for stage, found in findings.items():
        assert found == {"elbo_rose": True, "evidence_fell": True, "samples_worse": True}, stage


def test_findings_can_be_negative(done: tuple[Path, ImageResult]) -> None:
    result = done[1]
    run = json.loads(json.dumps(dict(result.found[0])))
    run["stages"]["fixed"] = run["stages"]["encoder"] | {"frechet": run["floor"][0]}
    unmoved = replace(result, found={0: run}).findings()
    assert unmoved["fixed"] == {"elbo_rose": False, "evidence_fell": False, "samples_worse": False}
    assert unmoved["learned"]["samples_worse"], "the other stage is judged by itself"


def test_a_difference_within_the_standard_errors_is_no_finding() -> None:
    low, high = {"mean": 1.0, "standard_error": 0.3}, {"mean": 2.5, "standard_error": 0.4}
    assert not clearly_above({**high, "mean": 2.49}, low) and clearly_above({**high, "mean": 2.51}, low)


def test_nothing_is_repeated_on_resume(config: TrainConfig, done: tuple[Path, ImageResult]) -> None:
    folder, result = done
    checkpoints = sorted(folder.rglob("*.safetensors"))
    before = [path.stat().st_mtime_ns for path in checkpoints]
    again = image.run(config, folder, seeds=(0,), resume=True)
    assert again.as_dict() == result.as_dict()
    (folder / "seed-0" / "found.json").rename(folder / "seed-0" / "kept.json")
    anew = image.run(config, folder, seeds=(0,), resume=True)  # trained parts are kept; figures are made again
    (folder / "seed-0" / "kept.json").unlink()
    assert [path.stat().st_mtime_ns for path in checkpoints] == before
    assert anew.found[0]["stages"] == result.found[0]["stages"], "and are the same to the last digit"
    with pytest.raises(MisuseError):
        image.run(replace(config, name="other"), folder, seeds=(0,), resume=True)


def test_the_result_as_json_text_and_picture(done: tuple[Path, ImageResult]) -> None:
    result = done[1]
    plain = result.as_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["check"]["verdict"] == "constrained"
    assert plain["paper"]["learned"] == {"elbo": PAPER["learned"][0], "fid": PAPER["learned"][1]}
    assert "pictures" not in plain["runs"]["seed-0"]
    text = "\n".join(result.lines())
    assert f"{result.values('fixed', 'elbo')[0]:.2f}" in text
    assert "-5898.94" in text and "CelebA" in text
    (drawing,) = result.pictures().values()
    figure = getattr(plots, drawing.plot)(**drawing.arguments)
    assert [axes.get_title(loc="left") for axes in figure.axes][:2] == ["real images", "truth"]
    assert len(figure.axes) == 5


def test_seeds_that_were_not_run_are_said_to_be(config: TrainConfig, done: tuple[Path, ImageResult]) -> None:
    result = image.run(config, done[0], seeds=(0, 1), parts=["seed-0"], resume=True)
    assert result.as_dict()["not_run"] == [1]
    assert result.lines()[-1] == "not run: seeds 1"


# --- the truth --------------------------------------------------------------------------------------------------------


def truth(config: TrainConfig) -> Any:
    real = images_of(load(config.data, config.seed))
    torch.manual_seed(3)
    generator = build(config.model, shape=real.shape)
    return truth_of(config, generator.state_dict(), real), real, generator


def test_the_truth_is_the_generator_with_the_papers_noise(config: TrainConfig) -> None:
    made, real, generator = truth(config)
    assert (made.train.shape, made.test.shape) == (real.train.shape, real.test.shape)
    residual = made.test - generator.f(made.test_latents).detach()
    assert float(residual.std()) == pytest.approx(float(NOISE), rel=0.02)
    assert float(residual.mean()) == pytest.approx(0.0, abs=1e-3)
    assert float(made.test_latents.std()) == pytest.approx(1.0, abs=0.1)
    assert not torch.equal(made.train[:60], made.test), "two streams"
    assert torch.equal(truth(config)[0].test, made.test), "by the seed"
    eta = made.model.decode(made.test_latents)
    assert torch.allclose(made.model.decoder.mean(eta), means(made.model, made.test_latents), atol=1e-6)


def test_a_worse_model_of_the_samples_has_less_evidence_and_other_features(config: TrainConfig) -> None:
    made, real, _ = truth(config)
    moved = build(fixed_noise(config.model, 784), shape=real.shape)
    moved.load_state_dict(made.model.state_dict())
    with torch.no_grad():
        moved.f.convolutions[-1].bias.add_(0.02)
    compare = Compare(config, real, made)
    right = bounds(config, made.model, made)
    wrong = bounds(config, loaded(fixed_noise(config.model, 784), moved.state_dict(), real.shape), made)
    assert right["evidence"]["mean"] > wrong["evidence"]["mean"] + 20
    floor = max(each["samples"]["distance"] for each in compare.floor(made))
    assert compare.distances(moved)["samples"]["distance"] > 2 * floor


def test_bytes_of_images_run_over_pixels_then_colours() -> None:
    x = torch.tensor([[0.0, 1.0, 0.5, 2.0, -1.0, 0.2]])
    assert as_bytes(x, (3, 1, 2)) == ["008000ffff33"]
    assert as_bytes(x[:, :2], (1, 2, 1)) == ["00ff"]


def test_draws_in_blocks_leave_the_global_generator_alone(config: TrainConfig) -> None:
    made, _, _ = truth(config)
    before = torch.get_rng_state()
    x, z = draw(made.model, 7, 0, 1)
    assert torch.equal(torch.get_rng_state(), before)
    assert (x.shape, z.shape) == ((7, 784), (7, 4))


# --- misuse -----------------------------------------------------------------------------------------------------------


def others(config: TrainConfig) -> Mapping[str, TrainConfig]:
    encoder = Phase(objective="elbo", estimator="reparameterised", epochs=1, batch=8, learning_rate=1e-3)
    return {
        "phases generator, encoder, fixed, learned": replace(config, phases=config.phases[:3]),
        "begin with 'generator'": replace(config, phases=(*config.phases, replace(encoder, name="fixed"))),
        "names of their own": replace(config, phases=(*config.phases, replace(encoder, name=CONTROL))),
        "decoder_scale 'global'": replace(
            config, model=replace(config.model, encoder="bernoulli(16)", prior="uniform")
        ),
        "labelled images": replace(config, data=replace(config.data, name="freyfaces")),
    }


@pytest.mark.parametrize(
    "word", ["phases generator", "begin with", "names of their own", "decoder_scale 'global'", "labelled images"]
)
def test_other_questions_are_refused_before_anything_is_trained(config: TrainConfig, tmp_path: Path, word: str) -> None:
    (asked,) = (each for key, each in others(config).items() if key.startswith(word))
    with pytest.raises(MisuseError, match=word):
        image.run(asked, tmp_path, seeds=(0,))
    assert not list(tmp_path.iterdir())


# --- training on given data from a given start ------------------------------------------------------------------------


def test_training_uses_the_given_data_and_start(tmp_path: Path) -> None:
    tiny = mixture(data=DataConfig(name="samples"))
    data = load(mixture().data, 1)
    start = {"f.rows": torch.arange(8.0).reshape(4, 2)}
    done = train(tiny, tmp_path / "given", device="cpu", dataset=data, start=start)
    first = Store.view(tmp_path / "given").weights_at(0).tensors
    assert torch.equal(first["f.rows"], start["f.rows"])
    assert not torch.equal(done.state["f.rows"], start["f.rows"])
    again = train(tiny, tmp_path / "again", device="cpu", dataset=data, start=start)
    assert all(torch.equal(done.state[name], again.state[name]) for name in done.state)
    with pytest.raises(MisuseError, match="a known data set"):
        train(tiny, tmp_path / "none", device="cpu")


@pytest.mark.parametrize(
    ("start", "word"),
    [
        ({"f.row": torch.zeros(4, 2)}, "did you mean 'f.rows'"),
        ({"f.rows": torch.zeros(2, 4)}, r"wanted shape \(4, 2\)"),
    ],
)
def test_a_start_of_another_model_is_refused(tmp_path: Path, start: Any, word: str) -> None:
    with pytest.raises(MisuseError, match=word):
        train(mixture(), tmp_path / "run", device="cpu", start=start)
    assert not (tmp_path / "run").exists()
