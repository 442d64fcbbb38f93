"""`eftheory project` from the command line: a seconds-long run, its report, certificates that recheck, bad input."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from learn.small import mixture
from safetensors.torch import load_file

from eftheory.__main__ import main
from eftheory.learn.config import Phase, RunConfig
from eftheory.learn.runs.train import train
from eftheory.recheck import main as recheck

PHASE = Phase(objective="elbo", estimator="exact", epochs=4, batch=30, learning_rate=1e-2)
CLAIMS = ["vae-error/thm-2", "vae-error/thm-2-linear", "vae-error/witness-gap"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = mixture(phases=(PHASE,), run=RunConfig(save_every=4, evaluate_rows=60))
    return train(config, tmp_path_factory.mktemp("project") / "run", device="cpu").folder


@pytest.fixture(scope="module")
def report(run: Path) -> dict:
    target = run.parent / "report.json"
    assert main(["project", str(run), "--json", str(target), "--rows", "50", "--quiet"]) == 0
    return json.loads(target.read_text())


def contents(run: Path) -> dict[str, str]:
    """Every file of the run but those of the projection."""
    files = [path for path in run.rglob("*") if path.is_file() and "projection" not in path.relative_to(run).parts]
    return {str(path.relative_to(run)): sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_report_says_what_was_asked(run: Path, report: dict) -> None:
    assert report["schema"] == "eftheory.projection/1"
    assert report["run"] == {"name": "tiny", "seed": 0, "step": 8, "finished": True}
    assert [each["kind"] for each in report["projections"]] == ["natural", "likelihood", "joint"]
    assert [(price["part"], price["rows"]) for price in report["before"]] == [("train", 50), ("test", 20)]
    natural, likelihood, joint = report["projections"]
    assert natural["directions"]["all_pairs"] == pytest.approx(1.0), "two bits have one interaction"
    assert likelihood["distance"] == pytest.approx(natural["distance"] / 2, rel=1e-9), "unit variance"
    assert joint["distance"] == pytest.approx(joint["decoder_part"] + joint["prior_part"])
    for each in report["projections"]:
        gaps = {(price["prior"], price["encoder"]): price["gap"]["mean"] for price in each["price"]}
        assert gaps["implied", "affine"] == pytest.approx(0.0, abs=1e-12)
        assert gaps["own", "own"] > 1e-6
    tensors = load_file(run / "projection" / "parameters.safetensors")
    assert tensors["joint.W"].shape == tuple(joint["shape"]) == (2, 2)
    assert json.loads((run / "projection" / "report.json").read_text()) == report


def test_certificates_recheck_and_tampered_ones_do_not(run: Path, report: dict, tmp_path: Path) -> None:
    assert [(each["claim"], each["status"]) for each in report["certificates"]] == [(c, "CERTIFIED") for c in CLAIMS]
    folder = run / "projection" / "certificates"
    assert main(["recheck", str(folder), "--quiet"]) == 0
    for each in report["certificates"]:
        text = (run / "projection" / each["file"]).read_text()
        found = json.loads(text)
        entry = found["instance"]["gamma"][0][0]
        target = tmp_path / "tampered.json"
        target.write_text(text.replace(entry, f"{entry}1" if "/" in entry else f"{entry}/3"))
        assert recheck([str(target), "--quiet"]) == 1


def test_the_certified_gap_is_that_of_the_trained_encoder(run: Path, report: dict) -> None:
    """On the rows of the instance: conditioning and rounding have not changed it."""
    (entry,) = (each for each in report["certificates"] if each["claim"] == "vae-error/witness-gap")
    certificate = json.loads((run / "projection" / entry["file"]).read_text())
    rows = report["instances"]["witness-gap"]["rows"]
    known = {each["row"]: each["gap"] for each in report["witnesses"]}
    assert set(rows) <= set(known)
    wanted = sum(known[row] for row in rows) / len(rows)
    assert float(certificate["quantities"]["gap"]["lower"]) == pytest.approx(wanted, rel=1e-9)


def test_nothing_but_the_projection_is_touched_and_a_second_run_replaces_it(run: Path, report: dict) -> None:
    before = contents(run)
    stale = run / "projection" / "stale.txt"
    stale.write_text("from an earlier run")
    assert main(["project", str(run), "--onto", "natural", "--step", "4", "--rows", "20", "--quiet"]) == 0
    assert contents(run) == before
    assert not stale.exists()
    assert sorted(path.name for path in run.iterdir() if path.name.startswith(".")) == []
    found = json.loads((run / "projection" / "report.json").read_text())
    assert [each["kind"] for each in found["projections"]] == ["natural"]
    assert found["run"]["step"] == 4


def test_text_and_latex(run: Path, report: dict, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["project", str(run), "--rows", "50"]) == 0
    text = capsys.readouterr().out
    assert f"{report['before'][0]['evidence']['mean']:.3f}" in text
    for word in ("natural projection", "likelihood projection", "joint projection", "witness |Delta| >=", "Theorem 2"):
        assert word in text
    assert f"re-check with: eftheory recheck {run}/projection/certificates" in text
    assert main(["project", str(run), "--rows", "50", "--latex"]) == 0
    latex = capsys.readouterr().out
    assert latex.count("&") == 6 * 14
    assert latex.startswith(r"\begin{tabular}{lrrrrrr}")


def test_json_on_stdout_is_json_alone(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["project", str(run), "--onto", "joint", "--rows", "10", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["projections"][0]["kind"] == "joint"


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["RUN", "--onto", "jiont"], "did you mean 'joint'"),
        (["RUN", "--step", "5"], "step 5"),
        (["RUN", "--rows", "1"], "--rows of at least 2"),
        (["RUN", "--measure", "priro"], "did you mean 'prior'"),
        (["RUN", "--metric", "euclid"], "metric"),
        (["RUN", "--json", "no/such/folder/x.json"], "--json FILE"),
        (["/no/such/run"], "run"),
        ([], "RUN_DIR"),
    ],
)
def test_bad_input_is_one_line_and_64(
    run: Path, report: dict, words: list[str], wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(path for path in run.rglob("*"))
    assert main(["project", *(str(run) if word == "RUN" else word for word in words)]) == 64
    error = capsys.readouterr().err
    assert wanted in error
    assert error.count("\n") == 1
    assert sorted(path for path in run.rglob("*")) == before


def test_damaged_weights_are_refused_and_never_unpickled(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    (copy / "checkpoints" / "step-00000008.safetensors").write_bytes(b"\x80\x04\x95 a pickle")
    assert main(["project", str(copy)]) == 64
    assert "never opened" in capsys.readouterr().err
