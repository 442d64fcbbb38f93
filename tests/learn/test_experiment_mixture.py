"""The mixture experiment: quadrature against theory and closed forms, shapes, stages, resuming, command line."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from eftheory import cli
from eftheory.cli import options
from eftheory.errors import MisuseError
from eftheory.learn.config import TrainConfig
from eftheory.learn.config_file import load_config, smoke_table
from eftheory.learn.datasets.data import load
from eftheory.learn.experiments import EXPERIMENTS, mixture, parts
from eftheory.learn.experiments.mixture_maps import PIXELS, extent, pixels_of
from eftheory.learn.experiments.mixture_reference import distances, reference, verdict
from eftheory.learn.experiments.mixture_result import MixtureResult
from eftheory.learn.experiments.plane import Truth, best_bits, elbo, figures, plane
from eftheory.learn.experiments.shapes import matching, nearest_parallelogram, nearest_rectangle

CENTRES = [[1.0, 1.0], [1.0, -1.0], [0.0, 0.0], [-1.0, 0.0]]
TRUTH = Truth(torch.tensor(CENTRES, dtype=torch.float64), 1.0)
STATED = {"truth": (-3.2866, -3.3501, 0.0635), "optimum": (-3.2932, -3.2960, 0.0028)}
"""theory.md, section 6: evidence, ELBO, gap."""


@pytest.fixture(scope="module")
def config() -> TrainConfig:
    """The smoke version, smaller still."""
    return load_config("mixture", ["data.train=500"], smoke=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mixture")


@pytest.fixture(scope="module")
def result(config: TrainConfig, folder: Path) -> MixtureResult:
    return mixture.run(config, folder, seeds=(3,))


# --- quadrature -------------------------------------------------------------------------------------------------------


def test_the_figures_of_the_theory_come_out() -> None:
    found = reference(TRUTH)
    for where, stated in STATED.items():
        at = found[where]
        assert [at["evidence"], at["elbo"], at["gap"]] == pytest.approx(stated, abs=6e-5), where
        assert at["elbo"] == pytest.approx(at["evidence"] - at["gap"], abs=1e-12)


def test_control_the_other_labelling_has_another_gap() -> None:
    """Which components are opposite codes matters: the stated gap is that of the configuration's order."""
    assert figures(TRUTH, TRUTH.centres[[0, 2, 3, 1]])["gap"] > 0.12
    assert [list(c) for c in load_config("mixture").data.centres] == CENTRES


def test_moments_of_the_plane_and_a_grid_that_is_too_coarse() -> None:
    def second(step: float) -> float:
        area = plane(TRUTH, step=step)
        return area.mean(area.points.square().sum(-1))

    exact = TRUTH.centres.square().sum(-1).mean() + 2 * TRUTH.variance
    assert plane(TRUTH).weights.sum() == pytest.approx(1.0, abs=1e-13)
    assert second(0.1) == pytest.approx(float(exact), abs=1e-12)
    assert abs(second(3.0) - exact) > 1e-3


def test_the_best_bits_are_best_on_a_grid_of_bits() -> None:
    generator = torch.Generator().manual_seed(5)
    log_joint = 3 * torch.randn(60, 4, generator=generator, dtype=torch.float64)
    found = elbo(log_joint, best_bits(log_joint))
    p = torch.linspace(0.001, 0.999, 200, dtype=torch.float64)
    bits = torch.stack([1 - p, p])
    log_q = (bits[:, None, :, None] * bits[None, :, None, :]).flatten(2).flatten(0, 1).T.log()  # (200^2, 4)
    on_grid = torch.stack([elbo(row, log_q).max() for row in log_joint])
    assert (found >= on_grid - 1e-9).all() and (found - on_grid).max() < 0.02
    assert torch.allclose(best_bits(log_joint).exp().sum(-1), torch.ones(60, dtype=torch.float64))


def test_bits_that_factorise_leave_no_gap_and_others_do() -> None:
    rectangle = Truth(torch.tensor([[1.0, 2.0], [1.0, -2.0], [-1.0, 2.0], [-1.0, -2.0]], dtype=torch.float64), 1.0)
    assert figures(rectangle, rectangle.centres)["gap"] == pytest.approx(0.0, abs=1e-12)
    assert figures(TRUTH, TRUTH.centres)["gap"] > 0.06


# --- shapes -----------------------------------------------------------------------------------------------------------

POINTS = np.random.default_rng(7).normal(size=(20, 4, 2))


@pytest.mark.parametrize("points", POINTS[:8])
def test_nearest_shapes_against_least_squares(points: np.ndarray) -> None:
    codes = np.array([[1, 0, 0], [1, 0, 1], [1, 1, 0], [1, 1, 1]])
    (fit, *_) = np.linalg.lstsq(codes, points, rcond=None)
    found = nearest_parallelogram(points, any_labels=False)
    assert np.allclose(found.corners, codes @ fit)
    assert found.distance == pytest.approx(np.linalg.norm(points - codes @ fit))
    sides = []
    for t in np.linspace(0, np.pi, 2001):
        e = np.array([[np.cos(t), np.sin(t)], [-np.sin(t), np.cos(t)]])
        turned = points @ e.T
        u, v = ((codes[:, 1:] * 2 - 1) * turned).mean(0)
        corners = (turned.mean(0) + (codes[:, 1:] * 2 - 1) * [u, v]) @ e
        sides.append(np.linalg.norm(points - corners))
    rectangle = nearest_rectangle(points, any_labels=False)
    assert rectangle.distance <= min(sides) + 1e-12 and min(sides) - rectangle.distance < 1e-4
    a, b, c, d = np.array(rectangle.corners)
    assert np.allclose(a + d, b + c) and abs((b - a) @ (c - a)) < 1e-12


@pytest.mark.parametrize("points", POINTS[8:])
def test_distances_do_not_change_with_the_frame_or_the_labels(points: np.ndarray) -> None:
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    for nearest in (nearest_parallelogram, nearest_rectangle):
        here = nearest(points).distance
        assert nearest(points @ turn.T + [3.0, -2.0]).distance == pytest.approx(here)
        assert nearest(points[[2, 0, 3, 1]]).distance == pytest.approx(here)
        assert here <= nearest(points, any_labels=False).distance + 1e-12
    assert nearest_rectangle(points).distance >= nearest_parallelogram(points).distance - 1e-12


def test_a_rectangle_is_one_and_a_parallelogram_is_none() -> None:
    e, f = np.array([0.6, 0.8]), np.array([-1.6, 1.2])
    rectangle = [[0, 0], e, f, e + f]
    assert nearest_rectangle(rectangle).distance < 1e-12
    sheared = [[0, 0], e, f + e, f + 2 * e]
    assert nearest_parallelogram(sheared).distance < 1e-12 and nearest_rectangle(sheared).distance > 0.1
    assert nearest_parallelogram(CENTRES).distance == pytest.approx(math.sqrt(5) / 2)


def test_matching_finds_the_permutation() -> None:
    for order in ((2, 0, 3, 1), (1, 2, 3, 0)):
        moved = [[x + 0.01, y - 0.02] for x, y in (CENTRES[i] for i in order)]
        assert matching(moved, CENTRES) == order


# --- verdict ----------------------------------------------------------------------------------------------------------


def test_the_model_is_constrained_and_the_truth_is_no_member() -> None:
    config = load_config("mixture")
    square = [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]
    found = verdict(config, TRUTH, {"square": square})
    assert found["verdict"] == "constrained" and found["conditions"]
    witness = found["witnesses"]["truth"]["witness"]
    by_hand = -sum(b * (x * x + y * y) / 2 for b, (x, y) in zip((1, -1, -1, 1), CENTRES, strict=True))
    assert float(witness["lower"]) <= by_hand <= float(witness["upper"]) and by_hand == -0.5
    assert witness["weights"] == ["1", "-1", "-1", "1"]
    assert found["witnesses"]["square"] == {
        "status": "PROVED", "reason": found["witnesses"]["square"]["reason"], "witness": None
    }  # fmt: skip


# --- the run ----------------------------------------------------------------------------------------------------------


def at(result: MixtureResult, stage: str, name: str, group: str = "quadrature") -> float:
    (value,) = result.values(stage, group, name)
    return value


def test_training_both_raises_the_elbo_and_lowers_the_evidence(result: MixtureResult) -> None:
    assert result.stages == ("encoder", "joint", "rbm")
    known = figures(TRUTH, TRUTH.centres)
    assert at(result, "encoder", "evidence") == pytest.approx(known["evidence"], abs=1e-6)
    assert at(result, "encoder", "elbo") < known["elbo"], "no encoder is better than the best bits"
    assert at(result, "joint", "elbo") > at(result, "encoder", "elbo") + 0.01
    assert at(result, "joint", "evidence") < at(result, "encoder", "evidence") - 1e-4
    assert at(result, "joint", "gap") < at(result, "encoder", "gap")
    assert at(result, "joint", "parallelogram", "distance") < at(result, "encoder", "parallelogram", "distance")
    for stage in result.stages:
        for group in ("sample", "quadrature"):
            evidence, below, gap = (at(result, stage, name, group) for name in ("evidence", "elbo", "gap"))
            assert below == pytest.approx(evidence - gap, abs=1e-9)


def test_the_sample_figures_are_those_of_the_sample(result: MixtureResult, config: TrainConfig) -> None:
    rows = load(config.data, 3).train.double()
    mean = TRUTH.log_joint(rows).logsumexp(-1).mean()
    assert at(result, "encoder", "evidence", "sample") == pytest.approx(float(mean), abs=1e-6)
    other = TRUTH.log_joint(load(config.data, 4).train.double()).logsumexp(-1).mean()
    assert abs(at(result, "encoder", "evidence", "sample") - float(other)) > 1e-3


def test_the_rbm_is_tight_a_parallelogram_and_fits_its_sample_best(result: MixtureResult, config: TrainConfig) -> None:
    stage = result.found[3]["stages"]["rbm"]
    assert abs(at(result, "rbm", "gap")) < 1e-12 and at(result, "rbm", "parallelogram", "distance") < 1e-9
    assert sum(stage["prior"]) == pytest.approx(1.0)
    rows = load(config.data, 3).train
    fitted = mixture.fit_harmonium(replace(config, seed=3), rows)
    best = float(fitted.log_likelihood(rows.double()).mean())
    assert best == pytest.approx(at(result, "rbm", "evidence", "sample"), abs=1e-9)
    torch.manual_seed(0)
    for parameter in fitted.parameters():
        moved = parameter + 0.2 * torch.randn_like(parameter)
        kept = parameter.data.clone()
        parameter.data.copy_(moved)
        assert float(fitted.log_likelihood(rows.double()).mean()) < best - 1e-4
        parameter.data.copy_(kept)


def test_maps_show_the_decisions(result: MixtureResult) -> None:
    maps = result.found[3]["maps"]
    assert {len(rows) for rows in maps.values()} == {PIXELS} == {len(row) for rows in maps.values() for row in rows}
    left, right, bottom, top = extent(TRUTH)
    for code, (x, y) in enumerate(CENTRES):
        column, row = (int(PIXELS * part) for part in ((x - left) / (right - left), (y - bottom) / (top - bottom)))
        assert maps["truth"][row][column] == str(code), "a centre is decided as its own component"
    assert sum("2" in row for row in maps["truth"]) < PIXELS, "the third component is enclosed"
    assert pixels_of(TRUTH)[:2].tolist()[1][0] > pixels_of(TRUTH)[0, 0], "a row of the maps runs from left to right"
    assert maps["truth"] != maps["posterior"]


def test_a_result_is_json_lines_and_a_picture(result: MixtureResult) -> None:
    tree = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert tree["experiment"] == "mixture" and tree["not_run"] == []
    assert tree["summary"]["joint"]["quadrature"]["gap"] == {"mean": at(result, "joint", "gap"), "sd": None}
    text = "\n".join(result.lines())
    for shown in ("constrained", "REFUTED", "-3.2866", "0.0635", "-3.2960", f"{at(result, 'joint', 'elbo'):.4f}"):
        assert shown in text
    (drawing,) = result.pictures().values()
    assert len(drawing.arguments["panels"]) == 6


def test_means_and_deviations_are_over_the_seeds(result: MixtureResult) -> None:
    both = replace(result, seeds=(3, 4), found={3: result.found[3], 4: result.found[3]})
    spread = both.summary()["joint"]["sample"]["elbo"]
    assert spread == {"mean": pytest.approx(at(result, "joint", "elbo", "sample")), "sd": 0.0}
    shifted = json.loads(json.dumps(result.found[3]))
    shifted["stages"]["joint"]["sample"]["elbo"] += 2.0
    spread = replace(both, found={3: result.found[3], 4: shifted}).summary()["joint"]["sample"]["elbo"]
    assert spread["sd"] == pytest.approx(math.sqrt(2))


def test_what_is_finished_is_not_repeated(
    result: MixtureResult, config: TrainConfig, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(mixture, "train", refuse)
    again = mixture.run(config, folder, seeds=(3, 4), parts=["seed-3"], resume=True)
    assert again.found[3] == json.loads(json.dumps(result.found[3]))
    assert "not run: seeds 4" in again.lines() and again.as_dict()["not_run"] == [4]
    with pytest.raises(AssertionError, match="trained again"):
        mixture.run(config, folder, seeds=(3, 4), resume=True)


def test_threads_are_given_back(config: TrainConfig) -> None:
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), mixture.one_thread():
        assert torch.get_num_threads() == 1
        _ = 1 / 0
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("key", "named"),
    [
        ("data.centres=[[0.0, 0.0], [1.0, 1.0]]", "four components"),
        ("data.centres=[[0.0], [1.0], [2.0], [3.0]]", "in the plane"),
        ("data.variance=2.0", "variance of the data"),
        ("model.encoder=categorical(4)", "encoder categorical(4)"),
        ("model.prior=same", "prior same"),
        ("phases.1.name=encoder", "phases"),
        ("phases.1.name=rbm", "phases"),
    ],
)
def test_another_model_is_refused_before_anything_is_written(key: str, named: str, tmp_path: Path) -> None:
    with pytest.raises(MisuseError) as caught:
        mixture.run(load_config("mixture", [key], smoke=True), tmp_path, seeds=(0,))
    assert named in str(caught.value) and list(tmp_path.iterdir()) == []


def test_distances_name_both_shapes_and_both_labellings() -> None:
    found = distances(TRUTH.centres[[0, 2, 3, 1]])
    assert found["parallelogram"] < found["own_codes"]["parallelogram"] == pytest.approx(1.5)


# --- parts ------------------------------------------------------------------------------------------------------------


def test_parts_are_chosen_by_patterns() -> None:
    names = ["d0-e1-8", "d0-e2-8", "d1-e1-8"]
    assert parts.chosen(names, []) == names
    assert parts.chosen(names, ["d0-*"]) == names[:2]
    assert parts.chosen(names, ["*-e2-8", "d1-*"]) == names[1:]
    with pytest.raises(MisuseError, match="d2"):
        parts.chosen(names, ["d0-*", "d2-*"])


def test_a_part_is_finished_when_it_was_kept(config: TrainConfig, tmp_path: Path) -> None:
    place = tmp_path / "part"
    assert parts.finished(place, config) is None
    parts.keep(place, config, {"a": [1.5, math.inf]})
    assert parts.finished(place, config) == {"a": [1.5, math.inf]}
    with pytest.raises(MisuseError, match="another configuration"):
        parts.finished(place, replace(config, seed=1))
    for damage in ("{", "[]", '{"config": 1}', "\xff"):
        (place / parts.FOUND).write_text(damage, encoding="latin-1")
        with pytest.raises(MisuseError, match="what a part found"):
            parts.finished(place, config)


# --- the command line -------------------------------------------------------------------------------------------------


def run(*words: str) -> int:
    return cli.run(["experiment", *words])


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The words of a run that takes a second, its folder at the end; it was run once."""
    pytest.importorskip("matplotlib")
    numbers = ("data.train=60", "phases.0.epochs=1", "phases.1.epochs=1")
    out = tmp_path_factory.mktemp("cli") / "out"
    words = ["mixture", "--smoke", *(f"--set={n}" for n in numbers), "--seeds", "1", "--out", str(out)]
    assert run(*words) == 0
    return words


def test_a_command_leaves_everything_in_its_folder(small: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    out = Path(small[-1])
    assert {path.name for path in out.iterdir()} == {"config.toml", "figure_2.png", "result.json", "seed-1"}
    assert (out / "figure_2.png").read_bytes().startswith(b"\x89PNG")
    before = json.loads((out / "result.json").read_text())
    assert before["config"]["data"]["train"] == 60
    capsys.readouterr()
    assert run(*small, "--resume", "--json", "-") == 0
    assert json.loads(capsys.readouterr().out) == before, "JSON alone on stdout, and the same after resuming"


def test_a_run_cut_off_before_its_record_goes_on_to_the_same_result(small: list[str]) -> None:
    out = Path(small[-1])
    before = (out / "result.json").read_bytes()
    (out / "seed-1" / parts.FOUND).unlink()
    (out / "result.json").unlink()
    assert run(*small, "--resume", "--quiet") == 0
    assert (out / "result.json").read_bytes() == before and (out / "seed-1" / parts.FOUND).exists()


def test_nothing_is_overwritten(small: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert run("mixture", "--smoke", "--out", str(tmp_path)) == 64
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    assert run(*small) == 64, "without --resume"
    assert run(*small, "--resume", "--set=seed=9") == 64, "another configuration"
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3 and all(line.startswith("eftheory: wanted") for line in errors)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mixtur"], "mixture"),
        ([], "NAME"),
        (["mixture", "--set", "data.centers=1"], "centres"),
        (["mixture", "--set", "nonsense"], "key=value"),
        (["mixture", "--seeds", "1,1"], "--seeds"),
        (["mixture", "--seeds", "-1"], "--seeds"),
        (["mixture", "--seeds", ""], "--seeds"),
        (["mixture", "--seeds", str(2**63)], "--seeds"),
        (["mixture", "--device", "tpu"], "--device"),
        (["mixture", "--smoke", "--seeds", "0", "--part", "seed-1"], "seed-0"),
        (["mixture", "--json", "absent/x.json"], "--json"),
        (["--list", "--smoke"], "--list"),
    ],
)
def test_misuse_is_one_line_and_writes_nothing(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*words) == 64
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line and not list(tmp_path.rglob("seed-*"))


def test_a_missing_torch_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(options, "find_spec", lambda name: None if name == "torch" else object())
    assert run("mixture", "--out", str(tmp_path / "out")) == 64
    assert "eftheory[learn]" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_the_list_names_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--list", "--quiet") == 0
    assert capsys.readouterr().out.split() == list(EXPERIMENTS)


def test_smoke_differs_in_numbers_only() -> None:
    for name in ("mixture",):
        small = smoke_table(name)
        assert small and all(isinstance(value, int | float) for value in small.values())
        assert load_config(name, smoke=True).model == load_config(name).model


def test_nothing_before_the_run_needs_torch() -> None:
    code = (
        "import sys, eftheory.learn.experiments.mixture_result, eftheory.cli.experiment;"
        "from eftheory.learn.experiments import experiment; experiment('mixture'); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
