"""The text experiment: cells are made, run, found again and shown, beside the paper's table and the verdicts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eftheory import plots
from eftheory.errors import MisuseError
from eftheory.learn.config import TrainConfig
from eftheory.learn.config_file import load_config, smoke_table
from eftheory.learn.experiments.text import run
from eftheory.learn.experiments.text_grid import CELLS, PAPER, Cell
from eftheory.learn.experiments.text_result import TextResult

SMALLER = ("data.vocabulary=30", "data.train=40", "data.test=20", "phases.0.epochs=2", "run.log_every=1")
NAMES = [cell.name for cell in CELLS]


@pytest.fixture(scope="module")
def config() -> TrainConfig:
    return load_config("text", SMALLER, smoke=True)


@pytest.fixture(scope="module")
def small(config: TrainConfig, data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TextResult]:
    folder = tmp_path_factory.mktemp("text")
    return folder, run(config, folder, seeds=(0,), parts=("d0-*-8", "d2-e2-64"))


def test_smoke_differs_in_numbers_only() -> None:
    assert len(smoke_table("text")) > 5
    for value in smoke_table("text").values():
        assert all(isinstance(each, int | float) for each in (value if isinstance(value, list) else [value]))


def test_the_grid_is_the_paper_s() -> None:
    full = load_config("text")
    assert len(CELLS) == 36 == len(set(NAMES)) and NAMES[0] == "d0-e1-8" and NAMES[-1] == "d2-e3-64"
    assert Cell("d0", "e1", 64).paper("test") == 392 and Cell("d2", "e3", 8).paper("train") == 421
    assert all(len(row) == 9 for part in PAPER.values() for row in part.values())
    first = Cell("d0", "e1", 16).config(full, 3)
    assert (first.seed, first.model.encoder, first.model.inputs) == (3, "bernoulli(16)", "x")
    assert (first.model.decoder_network.kind, first.model.encoder_network.kind) == ("linear", "linear")
    deep = Cell("d1", "e2", 8).config(full, 0).model
    hidden = deep.decoder_network.hidden, deep.encoder_network.hidden
    assert (*hidden, deep.inputs) == ((512,), (512, 512), "frequencies")
    assert Cell("d2", "e3", 8).config(full, 0).model.encoder_network.hidden == ()
    phases = [(p.epochs, p.samples, p.estimator, p.learning_rate, p.batch) for p in full.phases]
    assert phases == [(1000, 1, "arm", 1e-3, 256), (500, 10, "arm", 1e-3, 256)]


def test_a_configuration_that_is_not_the_grid_s_is_refused(config: TrainConfig, tmp_path: Path) -> None:
    shallow = replace(config.model, decoder_network=replace(config.model.decoder_network, hidden=(8,)))
    with pytest.raises(MisuseError, match="two hidden layers"):
        Cell("d0", "e1", 8).config(replace(config, model=shallow), 0)
    with pytest.raises(MisuseError, match="d9"):
        run(config, tmp_path, seeds=(0,), parts=("d9-*",))
    assert list(tmp_path.iterdir()) == []


def test_what_is_run_and_what_is_not(small: tuple[Path, TextResult]) -> None:
    _, result = small
    body = result.as_dict()
    json.dumps(body, allow_nan=False)
    assert body["experiment"] == "text" and len(body["cells"]) == 36
    done = {entry["cell"] for entry in body["cells"] if entry["runs"] != "not run"}
    assert done == {"d0-e1-8", "d0-e2-8", "d0-e3-8", "d2-e2-64"}
    for _, _, found in result.found:
        for part in ("train", "test"):
            for name in ("smoothed", "relative", "plain"):
                assert min(found["lowest"][part][name]["value"], found["last"][part][name]) > 0
                assert 1 <= found["lowest"][part][name]["epoch"] <= found["epochs"] == 3
            assert found["lowest"][part]["smoothed"]["value"] == min(found["curve"][part])
            assert found["last"][part]["relative"] < found["last"][part]["plain"]
    assert set(body["e1_below_e2_below_e3_in_test"]["last"]) == {"d0-8"}  # the only row that is whole


def test_a_recorded_result_is_read_back(small: tuple[Path, TextResult]) -> None:
    _, result = small
    again = TextResult.from_dict(json.loads(json.dumps(result.as_dict())))
    assert again.as_dict() == result.as_dict() and again.lines() == result.lines()


def test_the_verdicts_stand_beside_the_encoders(small: tuple[Path, TextResult]) -> None:
    _, result = small
    found = {encoder: (answer["verdict"], answer["status"]) for encoder, answer in result.verdicts.items()}
    assert found["e1"] == ("constrained", "PROVED")
    assert found["e2"] == found["e3"] == ("collapsed", "PROVED")
    text = "\n".join(result.lines())
    assert "4 of 36 cells" in text and "check says collapsed" in text and "not run / 409" in text
    assert "test, d1 (one hidden ReLU layer): not run" in text


def test_each_encoder_sees_its_own_inputs(small: tuple[Path, TextResult]) -> None:
    folder, _ = small
    for cell, inputs in (("d0-e1-8", "x"), ("d0-e2-8", "frequencies"), ("d0-e3-8", "frequencies")):
        assert f'inputs = "{inputs}"' in (folder / cell / "seed-0" / "config.toml").read_text()


def test_finished_cells_are_found_again_and_others_added(config: TrainConfig, small: tuple[Path, TextResult]) -> None:
    folder, before = small
    stamps = {path: path.stat().st_mtime_ns for path in folder.rglob("found.json")}
    more = run(config, folder, seeds=(0,), parts=("d0-e1-*",), resume=True)
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert len(more.found) == len(before.found) + 3
    same = {(cell.name, seed): found for cell, seed, found in more.found}
    assert all(same[cell.name, seed] == found for cell, seed, found in before.found)


def test_a_seed_gives_the_same_figures_and_another_others(config: TrainConfig, tmp_path: Path) -> None:
    found: list[Any] = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        (tmp_path / name).mkdir()
        ((_, _, cell),) = run(config, tmp_path / name, seeds=(seed,), parts=("d0-e1-8",)).found
        found.append(cell["last"])
    assert found[0] == found[1] != found[2]


def test_pictures_are_drawn_from_the_result(small: tuple[Path, TextResult]) -> None:
    _, result = small
    drawn = result.pictures()
    assert {"test-table", "train-table", "curves"} == set(drawn)
    for drawing in drawn.values():
        assert getattr(plots, drawing.plot)(**drawing.arguments)._repr_png_().startswith(b"\x89PNG")
    texts = [t.get_text() for t in plots.text_table(**drawn["test-table"].arguments).axes[0].texts]
    assert texts.count("not run") == 32 and "392" in texts
    (entry,) = result.values(Cell("d0", "e1", 8), "test", "lowest")
    assert f"{entry:.1f}" in texts
