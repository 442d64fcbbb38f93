"""What a careless or hostile user meets: refused in one line before anything is written, or trained all the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from learn.small import LINEAR, mixture, model, model_config

from eftheory.__main__ import main
from eftheory.errors import MisuseError
from eftheory.learn.config import Phase, RunConfig
from eftheory.learn.config_file import config_text, load_config
from eftheory.learn.datasets.data import Dataset
from eftheory.learn.datasets.sparse import SparseRows
from eftheory.learn.densities.density import Density
from eftheory.learn.runs.train import Diverged, train
from eftheory.spec import parse_family

Printed = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tiny.toml").write_text(config_text(mixture()))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("seed=" + "1" * 5000, "a number of 5000 digits"),
        ("phases.0.learning_rate=1" + "0" * 400, "phases.0.learning_rate as a number below 2^63"),
        ("phases.0.batch=1" + "0" * 30, "phases.0.batch as a number below 2^63"),
        ("x=" + "[" * 3000, "a known key"),
        ("phases." + "1" * 5000 + ".epochs=1", "an index below 1"),
        ("name=\udcff", "text that can be printed"),
        ('name="\\u007f"', "text that can be printed"),
        ("model.encoder=bernoulli(1" + "0" * 30 + ")", "natural parameters"),
        ("model.encoder=boltzmann(100000+100000)", "natural parameters"),
        ('model.encoder_network={kind="mlp",hidden=[1000000000000000]}', "memory for this run"),
        ("run.precision=16-mixed", "a precision that a CPU has"),
        ("phases.0.estimator=reparameterised", "a normal family to reparameterise"),
        ("phases.0.estimator=analytic", "a decoder that is linear"),
    ],
)
def test_it_is_refused_before_anything_is_written(here: Path, capsys: Printed, change: str, told: str) -> None:
    assert main(["train", "tiny.toml", "--device", "cpu", "--set", change]) == 64
    out, err = capsys.readouterr()
    assert out == "" and told in err and err.count("\n") == 1, err
    assert [path.name for path in here.iterdir()] == ["tiny.toml"]


def test_a_smoke_table_must_be_a_table(here: Path) -> None:
    text = config_text(mixture())
    (here / "odd.toml").write_text("smoke = 3\n" + text)
    (here / "fine.toml").write_text(text + '\n[smoke]\n"seed" = 3\n')
    assert load_config(here / "fine.toml", smoke=True).seed == 3
    with pytest.raises(MisuseError, match="as a table"):
        load_config(here / "odd.toml")


def test_a_later_phase_is_refused_before_the_first(here: Path) -> None:
    config = mixture()
    good = config.phases[0]
    with pytest.raises(MisuseError, match="to reparameterise"):
        train(replace(config, phases=(good, replace(good, estimator="reparameterised"))), here / "run", device="cpu")
    assert not (here / "run").exists()
    train(replace(config, phases=(good, replace(good, estimator="arm"))), here / "run", device="cpu")
    assert (here / "run" / "result.json").exists()


def test_the_trial_of_the_phases_leaves_the_draws_as_they_are(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    phase = Phase(objective="elbo", estimator="arm", epochs=2, batch=16, learning_rate=1e-2)
    config = mixture(phases=(phase,))
    tried = train(config, here / "tried", device="cpu").history
    monkeypatch.setattr("eftheory.learn.runs.train.check_phases", lambda *_: None)
    assert train(config, here / "untried", device="cpu").history == tried
    monkeypatch.setattr("eftheory.learn.runs.train.check_phases", lambda *_: torch.rand(1))
    assert train(config, here / "drawn", device="cpu").history != tried, "a draw would be noticed"


def test_training_in_double_precision_reads_the_data_in_it(here: Path) -> None:
    changes: dict[str, Any] = {"run": RunConfig(log_every=1, precision="64-true")}
    found = train(mixture(**changes), here / "double", device="cpu")
    assert {value.dtype for value in found.state.values()} == {torch.float64}
    single = train(mixture(run=RunConfig(log_every=1)), here / "single", device="cpu")
    assert {value.dtype for value in single.state.values()} == {torch.float32}
    one, other = ([record["loss"] for record in each.history if record["kind"] == "loss"] for each in (found, single))
    assert one == pytest.approx(other, abs=1e-5) and one != other


@pytest.mark.parametrize("encoder", ["categorical(4)", "boltzmann(1+1)", "bernoulli(2)"])
def test_a_law_that_cannot_be_drawn_from_is_divergence(here: Path, encoder: str) -> None:
    phase = Phase(objective="elbo", estimator="reinforce-loo", epochs=9, batch=16, learning_rate=1e37, samples=2)
    config = mixture(model=model_config("normal(2, variance=1)", encoder, decoder_network=LINEAR), phases=(phase,))
    with pytest.raises(Diverged, match=r"training stopped at step \d+: .*step 0, is kept"):
        train(config, here / "run", device="cpu")
    calm = replace(config, phases=(replace(phase, learning_rate=1e-3, epochs=1),))
    assert train(calm, here / "calm", device="cpu").history


def test_what_is_no_divergence_is_not_called_so(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Any:
        raise RuntimeError("a defect")

    monkeypatch.setattr("eftheory.learn.runs.train.Loss.forward", broken)
    with pytest.raises(RuntimeError, match="a defect"):
        train(mixture(), here / "run", device="cpu")


def test_a_row_of_zeros_has_frequencies_of_zero_dense_or_sparse() -> None:
    built = model("multinomial(3)", "bernoulli(2)", inputs="frequencies", encoder_network=LINEAR)
    x = torch.tensor([[0.0, 0.0, 0.0], [1.0, 3.0, 0.0]], dtype=torch.float64)
    sparse = SparseRows(torch.tensor([0, 1]), torch.tensor([0, 0, 2]), torch.tensor([1.0, 3.0], dtype=torch.float64), 3)
    dense, other = built.inputs(x), built.inputs(sparse)
    assert isinstance(dense, torch.Tensor) and isinstance(other, SparseRows)
    assert torch.equal(dense, torch.tensor([[0.0, 0.0, 0.0], [0.25, 0.75, 0.0]], dtype=torch.float64))
    assert torch.equal(other.dense(), dense)
    assert torch.isfinite(built.encode(x)).all()


def test_conditional_training_needs_a_known_total(here: Path) -> None:
    phase = Phase(objective="conditional", estimator="exact", epochs=1, batch=2, learning_rate=1e-3, trains="encoder")
    rows = torch.tensor([[2.0, 1.0], [1.0, 2.0]])
    data = Dataset("counts", rows, rows, None, None, (2,), "made here")
    fixed, varying = (
        mixture(model=model_config(decoder, "bernoulli(2)"), phases=(phase,))
        for decoder in ("multinomial(2, trials=3)", "multinomial(2)")
    )
    with pytest.raises(MisuseError, match="known total for the objective conditional"):
        train(varying, here / "run", device="cpu", dataset=data)
    assert train(fixed, here / "run", device="cpu", dataset=data).history


def test_sizes_that_fit_no_memory_are_refused_at_once_and_large_ones_are_not() -> None:
    assert Density(parse_family("bernoulli(100000)")).natural_width == 100000
    for name in ("bernoulli(1000000000)", "mvn(10000)", "categorical(100000000)"):
        with pytest.raises(MisuseError, match="natural parameters"):
            Density(parse_family(name))
