"""A run does what it says, survives being killed, and stops before it spoils what it has."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from learn.small import CENTRES, mixture, mlp, model_config

from eftheory.errors import MisuseError
from eftheory.learn.config import DataConfig, Phase, RunConfig, TrainConfig
from eftheory.learn.runs.store import Store
from eftheory.learn.runs.train import Diverged, Progress, TrainResult, train

PHASES = (
    Phase(objective="elbo", estimator="arm", samples=2, epochs=2, batch=16, learning_rate=1e-2, trains="encoder"),
    Phase(objective="elbo", estimator="exact", epochs=2, batch=20, learning_rate=1e-2),
)


class Killed(Exception):
    """Stands for a kill -9 here; tests/learn/test_cli_train.py sends a real one."""


def interrupted(config: TrainConfig, folder: Path, at: int) -> TrainResult:
    """A run that is cut off after step `at` and then resumed."""

    def stop(progress: Progress) -> None:
        if progress.step == at:
            raise Killed

    with pytest.raises(Killed):
        train(config, folder, device="cpu", progress=stop)
    return train(config, folder, device="cpu", resume=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return train(mixture(phases=PHASES), tmp_path_factory.mktemp("whole") / "run", device="cpu")


@pytest.mark.parametrize("at", [1, 3, 7, 8, 9, 13])
def test_a_run_that_was_killed_goes_on_bit_for_bit(whole: TrainResult, tmp_path: Path, at: int) -> None:
    resumed = interrupted(mixture(phases=PHASES), tmp_path / "run", at)
    assert all(torch.equal(resumed.state[name], tensor) for name, tensor in whole.state.items())
    assert resumed.history == whole.history
    assert (resumed.folder / "metrics.jsonl").read_bytes() == (whole.folder / "metrics.jsonl").read_bytes()


@pytest.mark.parametrize(("times", "kept"), [(1, 5), (2, 4)])
def test_ctrl_c_saves_the_step_that_is_done(whole: TrainResult, tmp_path: Path, times: int, kept: int) -> None:
    """Once: the state of that very step. Twice: at once, with what was saved before (the control)."""

    def interrupt(progress: Progress) -> None:
        if progress.step == 5:
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)

    config = mixture(phases=PHASES)
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "run", device="cpu", progress=interrupt)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with Store.view(tmp_path / "run") as store:
        checkpoint = store.latest()
        assert (0 if checkpoint is None else checkpoint.step) == kept
    resumed = train(config, tmp_path / "run", device="cpu", resume=True)
    assert all(torch.equal(resumed.state[name], tensor) for name, tensor in whole.state.items())
    assert resumed.history == whole.history


def test_another_seed_is_another_run(whole: TrainResult, tmp_path: Path) -> None:
    """The control of the test above: bits do differ when something differs."""
    other = train(mixture(phases=PHASES, seed=1), tmp_path / "run", device="cpu")
    assert not all(torch.equal(other.state[name], tensor) for name, tensor in whole.state.items())


def test_a_phase_trains_only_its_part(whole: TrainResult) -> None:
    store = Store.view(whole.folder)
    start, after_first, end = (store.weights_at(step).tensors for step in (0, 8, 14))
    same = {name: torch.equal(start[name], after_first[name]) for name in start}
    assert same["f.rows"] and not any(equal for name, equal in same.items() if name.startswith("g."))
    assert not torch.equal(start["f.rows"], end["f.rows"])
    assert torch.allclose(start["f.rows"], torch.tensor(CENTRES)), "it started at the truth"


def test_what_is_logged(whole: TrainResult) -> None:
    losses = [record for record in whole.history if record["kind"] == "loss"]
    assert [record["step"] for record in losses] == list(range(1, 15))
    last = [record for record in whole.history if record["kind"] == "evaluation" and record["part"] == "train"][-1]
    assert last["evidence"] - last["elbo"] == pytest.approx(last["gap"], abs=1e-9) and last["gap"] > 0
    lines = (whole.folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == list(whole.history)
    assert set(whole.versions) >= {"torch", "eftheory", "device"}


def test_evaluating_more_often_changes_no_training(whole: TrainResult, tmp_path: Path) -> None:
    config = mixture(phases=PHASES, run=RunConfig(log_every=3, evaluate_every=1, save_every=0))
    other = train(config, tmp_path / "run", device="cpu")
    assert all(torch.equal(other.state[name], tensor) for name, tensor in whole.state.items())


def test_training_raises_the_elbo(tmp_path: Path) -> None:
    phase = Phase(objective="elbo", estimator="exact", epochs=40, batch=30, learning_rate=1e-2)
    result = train(mixture(phases=(phase,)), tmp_path / "run", device="cpu")
    elbos = [r["elbo"] for r in result.history if r["kind"] == "evaluation" and r["part"] == "train"]
    assert elbos[-1] > elbos[0] + 0.05


def test_divergence_stops_with_the_last_good_checkpoint(tmp_path: Path) -> None:
    phase = replace(PHASES[1], learning_rate=1e30, epochs=9)
    with pytest.raises(Diverged, match=r"stopped at step \d+: .*; the last good checkpoint, step \d+, is kept"):
        train(mixture(phases=(phase,)), tmp_path / "run", device="cpu")
    store = Store.view(tmp_path / "run")
    weights = store.weights_at(store.steps()[-1]).tensors
    assert all(bool(torch.isfinite(tensor).all()) for tensor in weights.values())


def test_a_folder_of_another_run_is_left_alone(whole: TrainResult, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in whole.folder.iterdir() if path.is_file()}
    with pytest.raises(MisuseError):
        train(mixture(phases=PHASES), whole.folder, device="cpu")
    with pytest.raises(MisuseError, match="seed"):
        train(mixture(phases=PHASES, seed=5), whole.folder, device="cpu", resume=True)
    assert {path.name: path.read_bytes() for path in whole.folder.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": model_config("bernoulli(2)", "bernoulli(2)")}, "train part of mixture"),
        ({"model": model_config("normal(3, variance=1)", "bernoulli(2)")}, "rows of 3 numbers"),
        ({"model": model_config("normal(2, variance=1)", "bernoulli(2)", encoder_network=mlp(4))}, None),
        ({"data": DataConfig(name="mixtur")}, "did you mean 'mixture'"),
    ],
)
def test_data_and_model_must_fit(tmp_path: Path, changes: dict[str, object], words: str | None) -> None:
    config = mixture(phases=PHASES[1:], **changes)
    if words is None:
        assert train(config, tmp_path / "run", device="cpu").history
        return
    with pytest.raises(MisuseError, match=words):
        train(config, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists(), "nothing is written before everything is checked"


def test_devices_are_named_and_present(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="auto, cpu or cuda"):
        train(mixture(), tmp_path / "run", device="gpu")
    if not torch.cuda.is_available():
        with pytest.raises(MisuseError, match="CUDA"):
            train(mixture(), tmp_path / "run", device="cuda")
