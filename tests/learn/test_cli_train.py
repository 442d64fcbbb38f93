"""`eftheory train` as a user meets it: exit codes, one line for what is wrong, kills that lose nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from learn.small import mixture

from eftheory.__main__ import main
from eftheory.cli import options
from eftheory.cli import train as command
from eftheory.learn.config_file import as_tree, config_text, named_configs
from eftheory.learn.runs.store import Store

ROOT = Path(__file__).parents[2]
Printed = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with a small configuration in it."""
    (tmp_path / "tiny.toml").write_text(config_text(mixture()))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(*words: str) -> int:
    return main(["train", *words, "--device", "cpu"])


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


# --- a run ------------------------------------------------------------------------------------------------------------


def test_a_run_says_what_it_found_and_where_it_is(here: Path, capsys: Printed) -> None:
    assert train("tiny.toml") == 0
    out, err = capsys.readouterr()
    assert out.startswith("tiny, seed 0: 12 steps on cpu, ") and err == ""
    assert "  train: evidence -" in out and "  test:  evidence -" in out and "gap 0." in out
    assert f"run:  {Path('runs') / 'tiny'}" in out
    assert f"next: eftheory project {Path('runs') / 'tiny'}" in out
    assert Store.view("runs/tiny").result() is not None


def test_quiet_prints_the_folder_alone(here: Path, capsys: Printed) -> None:
    assert train("tiny.toml", "--out", "a/b", "--quiet") == 0
    assert capsys.readouterr() == (f"{Path('a') / 'b'}\n", "")


def test_json_holds_the_configuration_and_the_last_figures(here: Path, capsys: Printed) -> None:
    assert train("tiny.toml", "--set", "seed=3", "--set", "data.test=7", "--json", "-") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "eftheory.run/1" and found["seed"] == 3
    assert found["configuration"] == as_tree(mixture(seed=3)) | {"data": {**as_tree(mixture())["data"], "test": 7}}
    last = [record for record in Store.view("runs/tiny").read_metrics() if record["kind"] == "evaluation"][-1]
    assert found["final"]["test"] == last and found["final"]["train"]["gap"] > 0
    assert train("tiny.toml", "--out", "other", "--json", "f.json", "--quiet") == 0
    assert json.loads(Path("f.json").read_text())["folder"] == "other"


def test_the_shipped_configurations_are_listed(capsys: Printed) -> None:
    assert main(["train", "--list"]) == 0 and main(["train", "--list", "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = named_configs()
    assert names and lines[len(names) :] == names
    assert [line.partition(":")[0] for line in lines[: len(names)]] == names


def test_the_bar_shows_loss_and_gap_and_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    bar: Any = SimpleNamespace(label="", show=lambda done, total: shown.append(f"{bar.label} {done}/{total}"))
    now = iter([0.0, 5.0, 5.01, 5.02, 5.03, 6.0, 6.0])
    monkeypatch.setattr(command.time, "monotonic", lambda: next(now))
    show = command._shower(bar)
    for step, loss, gap in ((1, None, None), (2, None, None), (3, 3.25, 0.5), (4, 3.0, None)):
        show(SimpleNamespace(step=step, steps=4, loss=loss, gap=gap))  # type: ignore[arg-type]
    assert shown == ["training, step 1/4", "training, loss 3.0000, step 4/4"]


# --- going on ---------------------------------------------------------------------------------------------------------

LONG = ["--set", "phases.0.epochs=8", "--set", "run.save_every=7"]


def test_a_killed_run_goes_on_to_the_same_bits(here: Path, capsys: Printed) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "eftheory", "train", "tiny.toml", *LONG, "--out", "cut", "--device", "cpu"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    try:
        while not list(Path("cut").glob("checkpoints/state-*[1-9]*.safetensors")):
            assert process.poll() is None
            time.sleep(0.001)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not Path("cut/result.json").exists(), "it was killed before its end"
    assert train("tiny.toml", *LONG, "--out", "cut", "--resume", "--quiet") == 0
    assert train("tiny.toml", *LONG, "--out", "whole", "--quiet") == 0
    assert contents(Path("cut")) == contents(Path("whole"))
    assert train("tiny.toml", *LONG, "--set", "seed=1", "--out", "other", "--quiet") == 0
    assert contents(Path("other")).keys() == contents(Path("whole")).keys()
    assert contents(Path("other")) != contents(Path("whole")), "the comparison can fail"


@pytest.mark.parametrize(
    ("at", "every", "told"),
    [
        (5, 2, "the state of step 4 is kept in cut, the same command with --resume goes on"),
        (1, 0, "no state was saved yet (run.save_every), the same command with --resume begins again in cut"),
    ],
)
def test_an_interrupt_says_how_to_go_on(
    here: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch, at: int, every: int, told: str
) -> None:
    def interrupt(_: object) -> Any:
        def progress(now: Any) -> None:
            if now.step == at:
                raise KeyboardInterrupt

        return progress

    words = ["tiny.toml", "--set", f"run.save_every={every}", "--out"]
    with monkeypatch.context() as patch:
        patch.setattr(command, "_shower", interrupt)
        assert train(*words, "cut") == 130
    assert capsys.readouterr() == ("", f"eftheory: interrupted; {told}\n")
    assert train(*words, "cut", "--resume", "--quiet") == 0 and train(*words, "whole", "--quiet") == 0
    assert contents(Path("cut")) == contents(Path("whole"))


def test_an_interrupt_before_anything_is_written(monkeypatch: pytest.MonkeyPatch, capsys: Printed) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("eftheory.learn.runs.train.train", interrupt)
    assert train("tiny.toml") == 130
    assert capsys.readouterr().err == "eftheory: interrupted; nothing was written\n"


def test_divergence_is_an_answer_of_its_own(here: Path, capsys: Printed) -> None:
    assert train("tiny.toml", "--set", "phases.0.learning_rate=1e30", "--set", "run.log_every=1") == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("eftheory: training stopped at step ") and err.count("\n") == 1


@pytest.mark.filterwarnings("always")
def test_a_damaged_state_is_named_in_one_line(here: Path, capsys: Printed) -> None:
    assert train("tiny.toml", "--set", "run.save_every=5", "--quiet") == 0
    Path("runs/tiny/result.json").unlink()
    newest = sorted(Path("runs/tiny/checkpoints").glob("state-*"))[-1]
    newest.write_bytes(b"\x80\x04 a pickle")
    capsys.readouterr()
    assert train("tiny.toml", "--set", "run.save_every=5", "--resume", "--quiet") == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("eftheory: warning: skipped a checkpoint: wanted") and newest.name in line


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere.toml"], "nowhere.toml"),
        (["mixtur"], "did you mean 'mixture'?"),
        ([], "CONFIG.toml or a NAME"),
        (["tiny.toml", "--set", "seed"], "--set key=value"),
        (["tiny.toml", "--set", "sede=1"], "did you mean 'seed'?"),
        (["tiny.toml", "--set", "data.binarise=sample"], "data.binarise only with mnist"),
        (["tiny.toml", "--set", "data.train=0"], "data.train of at least 1"),
        (["tiny.toml", "--set", "model.decoder=bernoulli(2)"], "the train part of mixture"),
        (["tiny.toml", "--set", "name=a/b"], "give --out DIR"),
        (["tiny.toml", "--out", ""], "--out DIR, a folder"),
        (["tiny.toml", "--out", "tiny.toml"], "the file tiny.toml"),
        (["tiny.toml", "--out", "."], "'tiny.toml' in it"),
        (["tiny.toml", "--out", "tiny.toml/below"], "choose another"),
        (["tiny.toml", "--json", "no/f.json"], "--json FILE"),
        (["tiny.toml", "--smoke"], "[smoke] table"),
        (["tiny.toml", "--list"], "--list alone"),
        (["--list", "--smoke"], "--list with --smoke"),
        (["tiny.toml", "--out", "a", "--out", "b"], "--out once"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(here: Path, capsys: Printed, words: list[str], told: str) -> None:
    before = contents(here)
    assert train(*words) == 64
    out, err = capsys.readouterr()
    assert out == "" and told in err and err.count("\n") == 1, err
    assert contents(here) == before


def test_a_device_that_is_absent_or_unknown(here: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for device in ("cuda", "gpu"):
        assert main(["train", "tiny.toml", "--device", device]) == 64
        assert "--device cpu" in (err := capsys.readouterr().err) or "auto, cpu or cuda" in err
    assert not Path("runs").exists()


def test_a_run_is_never_written_over(here: Path, capsys: Printed) -> None:
    assert train("tiny.toml", "--quiet") == 0
    before = contents(here)
    for words, told in (([], "add --resume"), (["--set", "seed=4", "--resume"], "another seed: 4 here, 0 there")):
        capsys.readouterr()
        assert train("tiny.toml", *words) == 64
        assert told in capsys.readouterr().err
    assert contents(here) == before


def test_without_the_packages_one_line_says_how_to_get_them(capsys: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "find_spec", lambda name: None if name == "torch" else object())
    assert train("tiny.toml") == 64
    err = capsys.readouterr().err
    assert 'wanted torch for training; got an installation without it; pip install "eftheory[learn]"' in err


def test_the_other_processes_of_a_launch_are_silent(
    here: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eftheory.learn.runs.train.train", lambda *_, **__: SimpleNamespace())
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert train("tiny.toml") == 0 and capsys.readouterr() == ("", "")
