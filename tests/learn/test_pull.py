"""Runs read back from their folders; the pull along training, for the ELBO and for the likelihood from one start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from learn.small import CENTRES, mixture, mlp, model_config

from eftheory.errors import MisuseError
from eftheory.learn.config import DataConfig, Phase, RunConfig, TrainConfig
from eftheory.learn.evaluation.evaluate import evaluate
from eftheory.learn.projection.examine import examine, save_parameters
from eftheory.learn.projection.likelihood import Likelihood
from eftheory.learn.projection.natural import Natural
from eftheory.learn.projection.project import Knobs, project
from eftheory.learn.projection.pull import PullPoint, likelihood_twin, pull_curve
from eftheory.learn.runs.store import Store
from eftheory.learn.runs.train import train
from eftheory.learn.runs.trained import load

PHASES = (
    Phase(objective="elbo", estimator="exact", epochs=2, batch=30, learning_rate=3e-3, trains="encoder"),
    Phase(objective="elbo", estimator="exact", epochs=15, batch=30, learning_rate=3e-2),
)


def configuration() -> TrainConfig:
    return mixture(phases=PHASES, run=RunConfig(save_every=10, evaluate_rows=60))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(configuration(), tmp_path_factory.mktemp("elbo") / "run", device="cpu").folder


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = likelihood_twin(configuration())
    return train(config, tmp_path_factory.mktemp("likelihood") / "run", device="cpu").folder


@pytest.fixture(scope="module")
def curves(run: Path, twin: Path) -> tuple[tuple[PullPoint, ...], tuple[PullPoint, ...]]:
    return pull_curve(run, rows=60), pull_curve(twin, rows=60)


# --- reading runs -----------------------------------------------------------------------------------------------------


def test_a_run_is_read_at_any_kept_step(run: Path) -> None:
    trained = load(run)
    assert trained.step == trained.steps()[-1] == 34
    assert all(parameter.dtype == torch.float64 for parameter in trained.model.parameters())
    kept = Store.view(run).weights_at(10).tensors
    for name, tensor in load(run, 10).model.state_dict().items():
        assert torch.equal(tensor, kept[name].double())
    state = torch.get_rng_state()
    assert trained.rows("train", 7).shape == (7, 2)
    load(run)
    assert torch.equal(state, torch.get_rng_state())


def test_folders_that_are_no_runs_are_refused(run: Path, tmp_path: Path) -> None:
    for folder, step, wanted in ((tmp_path, None, "config.toml"), (tmp_path / "none", None, "run"), (run, 5, "step 5")):
        with pytest.raises(MisuseError, match=wanted):
            load(folder, step)
    (tmp_path / "config.toml").write_text((run / "config.toml").read_text())
    with pytest.raises(MisuseError, match="saved weights"):
        load(tmp_path)


# --- the pull ---------------------------------------------------------------------------------------------------------


def test_both_runs_start_alike_and_part(curves: tuple[tuple[PullPoint, ...], tuple[PullPoint, ...]]) -> None:
    elbo, likelihood = curves
    assert [point.step for point in elbo] == [0, 4, 10, 20, 30, 34]
    assert [point.step for point in likelihood] == [0, 10, 20, 30]
    assert elbo[0].natural == likelihood[0].natural > 0.1
    assert elbo[0].evidence == likelihood[0].evidence
    assert elbo[1].natural == elbo[0].natural, "only the encoder was trained until there"
    assert elbo[-1].natural < elbo[0].natural, "the pull"
    assert likelihood[-1].natural > elbo[-1].natural
    assert likelihood[-1].evidence > elbo[-1].evidence


def test_a_point_is_what_the_projections_and_the_evaluation_say(
    run: Path, curves: tuple[tuple[PullPoint, ...], tuple[PullPoint, ...]]
) -> None:
    point, trained = curves[0][2], load(run, 10)
    value = evaluate(trained.model, trained.rows("train", 60))
    found = [each.found for each in project(trained, onto=("natural", "likelihood"), priced=False).after]
    assert isinstance(found[0], Natural)
    assert isinstance(found[1], Likelihood)
    assert (point.natural, point.likelihood) == (found[0].rms, found[1].distance)
    assert point.evidence - point.elbo == pytest.approx(point.gap, abs=1e-12)
    assert point.gap == value.mean_gap
    assert point.best_gap is not None
    assert 0.0 < point.best_gap < point.gap


def test_the_twin_trains_the_decoder_alone(run: Path, twin: Path) -> None:
    config = likelihood_twin(configuration())
    assert [phase.objective for phase in config.phases] == ["likelihood"]
    assert config.seed == configuration().seed
    start, end = Store.view(twin).weights_at(0).tensors, Store.view(twin).weights_at(30).tensors
    for name, tensor in start.items():
        assert torch.equal(tensor, end[name]) == name.startswith("g."), name
        assert torch.equal(tensor, Store.view(run).weights_at(0).tensors[name])
    with pytest.raises(MisuseError, match="trains the decoder"):
        likelihood_twin(replace(configuration(), phases=PHASES[:1]))


# --- project and examine ----------------------------------------------------------------------------------------------


def test_continuous_latents_are_sampled_and_priced_with_errors(tmp_path: Path) -> None:
    config = mixture(
        data=DataConfig(name="mixture", train=40, test=20, centres=CENTRES, variance=1.0),
        model=model_config(
            "normal(2, variance=1)", "normal(2)", "normal(2, mean=0, variance=1)", decoder_network=mlp(8)
        ),
        phases=(Phase(objective="elbo", estimator="reparameterised", epochs=1, batch=20, learning_rate=1e-2),),
        run=RunConfig(evaluate_rows=10, evaluate_samples=2),
    )
    trained = load(train(config, tmp_path / "run", device="cpu").folder)
    knobs = Knobs(rows=20, samples=2000, iwae_samples=20)
    found = examine(trained, knobs=knobs)
    assert [each.kind for each in found.projections.after] == ["natural", "likelihood"]
    assert set(found.as_dict()["absent"]) == {
        "joint",
        "witnesses, ladder and certificates",
        "price of an exactly tight model",
    }
    natural, likelihood = found.projections.after
    assert not natural.exact
    other = project(trained, onto=("natural",), knobs=replace(knobs, seed=1)).after[0].found
    for each, more in ((natural.found, other),):
        assert 0.0 < each.distance_error < 0.2 * each.distance
        assert abs(each.distance - more.distance) < 5 * 2**0.5 * each.distance_error
    # of unit variance: the divergence is half the squared distance, by another fit and another estimate
    assert likelihood.found.distance == pytest.approx(natural.found.distance / 2, rel=1e-9)
    for price in (*found.projections.before, *natural.prices):
        assert price.value.method == "iwae"
        assert price.value.evidence_error > 0.0
    with pytest.raises(MisuseError, match="latent"):
        project(trained, onto=("joint",), knobs=knobs)
    with pytest.raises(MisuseError, match="finite latents"):
        project(trained, knobs=replace(knobs, measure="uniform"))


def test_parameters_are_saved_as_they_are(run: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    found = examine(load(run), onto=("natural", "joint"))
    save_parameters(found, tmp_path / "p.safetensors")
    tensors = load_file(tmp_path / "p.safetensors")
    assert set(tensors) == {"natural.W", "natural.u", "natural.v", "joint.W", "joint.u", "joint.v"}
    assert torch.equal(tensors["joint.W"], found.projections.after[1].found.W)


def test_measures_and_metrics_reach_the_projection(run: Path) -> None:
    trained = load(run)

    def distance(measure: str, metric: str) -> float:
        knobs = Knobs(measure=measure, metric=metric)
        return project(trained, onto=("natural",), knobs=knobs, priced=False).after[0].found.distance

    distances = {
        (measure, metric): distance(measure, metric)
        for measure in ("prior", "uniform", "posterior", "encoder")
        for metric in ("identity", "fisher")
    }
    assert distances["prior", "identity"] == pytest.approx(distances["uniform", "identity"], rel=1e-6)
    assert distances["posterior", "identity"] != pytest.approx(distances["prior", "identity"], rel=1e-3)
    for measure in ("prior", "posterior"):  # variance 1: the Fisher metric is the identity
        assert distances[measure, "fisher"] == pytest.approx(distances[measure, "identity"], rel=1e-9)
    with pytest.raises(MisuseError, match="did you mean 'joint'"):
        project(trained, onto=("jiont",))
