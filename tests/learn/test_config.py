"""A configuration is read, checked, overridden and written back; nothing in it is guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from eftheory.errors import MisuseError
from eftheory.learn.config_file import config_text, digest, load_config, named_configs, smoke_table

TOML = """
name = "tiny"
seed = 3
[data]
name = "mixture"
train = 64
test = 16
centres = [[1, 1], [1, -1], [0, 0], [-1, 0]]
variance = 1
[model]
decoder = "normal(2, variance=1)"
encoder = "bernoulli(2)"
prior = "uniform"
inputs = "x"
[model.decoder_network]
kind = "table"
[model.encoder_network]
kind = "mlp"
hidden = [8]
[[phases]]
objective = "elbo"
estimator = "exact"
epochs = 2
batch = 16
learning_rate = 0.01
[smoke]
"phases.0.epochs" = 1
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TOML)
    return path


def test_it_is_read_and_written_back(file: Path, tmp_path: Path) -> None:
    config = load_config(file)
    assert config.data.centres == ((1.0, 1.0), (1.0, -1.0), (0.0, 0.0), (-1.0, 0.0))
    assert config.model.encoder_network.hidden == (8,)
    (tmp_path / "again.toml").write_text(config_text(config))
    again = load_config(tmp_path / "again.toml")
    assert again == config and digest(again) == digest(config)
    assert digest(load_config(file, ["seed=4"])) != digest(config)


def test_overrides_have_the_types_of_toml(file: Path) -> None:
    changed = load_config(file, ["seed=7", "phases.0.epochs = 5", "model.prior=same", "phases.0.learning_rate=1"])
    assert (changed.seed, changed.phases[0].epochs, changed.model.prior) == (7, 5, "same")
    assert changed.phases[0].learning_rate == 1.0
    assert load_config(file, ["model.encoder_network.hidden=[4, 4]"]).model.encoder_network.hidden == (4, 4)


def test_smoke_is_another_set_of_numbers(file: Path) -> None:
    assert (load_config(file).phases[0].epochs, load_config(file, smoke=True).phases[0].epochs) == (2, 1)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("sede=1", "did you mean 'seed'"),
        ("data.nmae=x", "did you mean 'name'"),
        ("model.encoder_network.hiden=[1]", "did you mean 'hidden'"),
        ("seed=one", "seed as a whole number; got 'one'"),
        ("seed=true", "seed as a whole number"),
        ("seed=-1", "seed from 0"),
        ("phases.1.epochs=1", "an index below 1"),
        ("phases.0.epochs=0", "phases.0.epochs of at least 1; got 0"),
        ("phases.0.epochs=1.5", "phases.0.epochs as a whole number"),
        ("phases.0.learning_rate=nan", "phases.0.learning_rate above 0 and finite; got nan"),
        ("phases.0.learning_rate=inf", "finite"),
        ("phases.0.objective=ebo", "did you mean 'elbo'"),
        ("phases.0.estimator=arms", "did you mean 'arm'"),
        ("phases.0.objective=likelihood", "trains = 'decoder'"),
        ("phases.0.estimator=disarm", "at least two samples"),
        ("model.encoder_network.kind=linear", "hidden exactly for kind mlp"),
        ("model.encoder_network.kind=conv", "hidden exactly for kind mlp"),
        ("model.decoder_network.kind=conv", "channels exactly for kind conv"),
        ("model.decoder_network.kind=tabel", "did you mean 'table'"),
        ("phases=[]", "at least one phase"),
        ("data=1", "data as a table"),
        ("data.centres=[[1, 'a']]", "data.centres.0.1 as a number"),
        ("run.precision=8", "run.precision as text"),
        ("seed", "--set key=value"),
        ("seed.x=1", "a key of a table"),
    ],
)
def test_misuse_is_one_line_that_says_what_to_do(file: Path, override: str, words: str) -> None:
    with pytest.raises(MisuseError) as caught:
        load_config(file, [override])
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "name, a choice without a default"),
        ("name = ", "valid TOML"),
        ("name = 'a'\nseed = 1\n", "data, a choice without a default"),
    ],
)
def test_broken_files(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(MisuseError, match=words):
        load_config(tmp_path / "c.toml")


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="did you mean 'mixture'"):
        load_config("mixtur")
    with pytest.raises(MisuseError, match="which is none"):
        load_config(tmp_path)
    with pytest.raises(MisuseError, match="which is none"):
        load_config(tmp_path / "absent.toml")


@pytest.mark.parametrize("name", named_configs())
def test_a_smoke_version_differs_in_numbers_only(name: str) -> None:
    load_config(name), load_config(name, smoke=True)
    table = smoke_table(name)
    assert table, "every shipped configuration has a small version"
    for key, value in table.items():
        entries = value if isinstance(value, list) else [value]
        assert all(type(entry) in (int, float) for entry in entries), key
