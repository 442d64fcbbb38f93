"""A run's folder: refusals that change nothing, kills and full disks that lose nothing, metrics that fit the state."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch

from eftheory.errors import MisuseError
from eftheory.learn.runs.metrics import Metrics
from eftheory.learn.runs.store import DamagedCheckpoint, Store

ROOT = Path(__file__).parents[2]
CONFIG = 'name = "a"\nseed = 0\n\n[data]\nname = "mnist"\nhidden = [512, 512]\n'
DIGEST = sha256(CONFIG.encode()).hexdigest()


def state(step: int, size: int = 8) -> dict[str, torch.Tensor]:
    return {"w": torch.full((size,), float(step))}


def begin(folder: Path, *, resume: bool = False, config: str = CONFIG) -> Store:
    return Store.open(folder, config, DIGEST, resume=resume)


def run(store: Store, steps: range) -> None:
    """As training does: logs each step, keeps weights and state at every second."""
    for step in steps:
        store.log({"step": step, "loss": 1 / (1 + step)})
        if step % 2 == 0:
            store.save_weights(step, state(step))
            store.save(step, state(step), {"at": step})


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def contents(folder: Path) -> dict[str, bytes]:
    """All but the lock, which names the process that had it last."""
    return {name: data for name, data in files(folder).items() if name != "lock"}


# --- what a run leaves ------------------------------------------------------------------------------------------------


def test_a_run_from_begin_to_end(tmp_path: Path) -> None:
    with begin(tmp_path / "new" / "run") as store:
        assert store.latest() is None and store.result() is None
        run(store, range(1, 8))
        latest = store.latest()
        assert latest is not None and latest.step == 6 and latest.facts == {"at": 6}
        assert store.states() == [4, 6], "the last two states"
        assert store.steps() == [2, 4, 6], "all weights"
        store.finish({"evidence": -1.5, "worst": -math.inf})
    seen = Store.view(tmp_path / "new" / "run")
    assert seen.result() == {"evidence": -1.5, "worst": -math.inf}
    assert seen.config_text() == CONFIG
    assert [record["step"] for record in seen.read_metrics()] == list(range(1, 8))


def test_weights_are_found_by_their_step(tmp_path: Path) -> None:
    with begin(tmp_path) as store:
        with pytest.raises(MisuseError, match="none were kept"):
            store.weights_at(2)
        run(store, range(1, 8))
        assert torch.equal(store.weights_at(4).tensors["w"], state(4)["w"])
        with pytest.raises(MisuseError, match="steps 2 to 6, 3 of them"):
            store.weights_at(3)


def test_a_view_and_a_closed_store_write_nothing(tmp_path: Path) -> None:
    with begin(tmp_path) as store:
        run(store, range(1, 3))
    before = files(tmp_path)
    for other in (Store.view(tmp_path), store):
        for act in (
            lambda s: s.log({"step": 9}),
            lambda s: s.save(9, state(9), {}),
            lambda s: s.save_weights(9, state(9)),
            lambda s: s.finish({}),
        ):
            with pytest.raises(MisuseError, match="open for writing"):
                act(other)
    assert files(tmp_path) == before
    with pytest.raises(MisuseError, match=r"config\.toml"):
        Store.view(tmp_path / "absent")


def test_the_other_processes_of_a_run_read_and_drop_what_they_would_write(tmp_path: Path) -> None:
    with begin(tmp_path) as store:
        run(store, range(1, 3))
        before = files(tmp_path)
        with Store.open(tmp_path, CONFIG, DIGEST, resume=True, writer=False) as other:
            run(other, range(3, 9))
            other.finish({})
            latest = other.latest()
            assert latest is not None and latest.step == 2
        assert files(tmp_path) == before


# --- whose folder it is -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "resume", "message"),
    [
        (CONFIG, False, "holds this run already; add --resume"),
        (CONFIG.replace("seed = 0", "seed = 1"), True, "another seed: 1 here, 0 there"),
        (CONFIG.replace("512]", "256]"), True, "another data.hidden.1: 256 here, 512 there"),
        (CONFIG.replace("seed = 0", "seed = 1"), False, "another seed"),
        (CONFIG + "batch = 5\n", True, "another data.batch: 5 here, nothing there"),
        (CONFIG.replace('name = "mnist"\n', ""), True, "another data.name: nothing here, mnist there"),
    ],
)
@pytest.mark.parametrize("finished", [False, True])
def test_a_folder_with_a_run_is_refused_and_left_alone(
    tmp_path: Path, config: str, resume: bool, message: str, finished: bool
) -> None:
    with begin(tmp_path) as store:
        run(store, range(1, 4))
        if finished:
            store.finish({})
    before = files(tmp_path)
    with pytest.raises(MisuseError, match=message):
        begin(tmp_path, resume=resume, config=config)
    assert files(tmp_path) == before


def test_folders_of_others_are_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    for resume in (False, True):
        with pytest.raises(MisuseError, match=r"'thesis\.tex' in it"):
            begin(tmp_path, resume=resume)
        with pytest.raises(MisuseError, match="the file"):
            begin(tmp_path / "thesis.tex", resume=resume)
    assert files(tmp_path) == {"thesis.tex": b"x"} and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(MisuseError, match="to write"):
        begin(tmp_path / "thesis.tex" / "below")


def test_resuming_where_nothing_is_begins(tmp_path: Path) -> None:
    with begin(tmp_path / "run", resume=True) as store:
        assert store.latest() is None
    assert (tmp_path / "run" / "config.toml").read_text() == CONFIG


def child(code: str, folder: Path) -> subprocess.Popen[str]:
    """A process that has this file's helpers."""
    head = "import sys; sys.path.insert(0, 'tests'); from learn.test_store import *; folder = Path(sys.argv[1])\n"
    return subprocess.Popen(
        [sys.executable, "-c", head + code, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_runs_at_once_are_refused_and_a_dead_one_gives_way(tmp_path: Path) -> None:
    code = "store = begin(folder); run(store, range(1, 4)); print('ready', flush=True); input()"
    process = child(code, tmp_path)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    try:
        before = files(tmp_path)
        with pytest.raises(MisuseError, match=f"another run, process {process.pid}"):
            begin(tmp_path, resume=True)
        assert files(tmp_path) == before
        latest = Store.view(tmp_path).latest()
        assert latest is not None and latest.step == 2, "reading is free"
    finally:
        process.kill()
        process.communicate()
    with begin(tmp_path, resume=True) as store:
        assert store.latest() is not None


def test_two_stores_in_one_process_are_refused_too(tmp_path: Path) -> None:
    with begin(tmp_path), pytest.raises(MisuseError, match="alone"):
        begin(tmp_path, resume=True)


# --- going on ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("killed_after", range(1, 8))
def test_a_resumed_run_leaves_the_files_of_an_uninterrupted_one(tmp_path: Path, killed_after: int) -> None:
    with begin(tmp_path / "whole") as store:
        run(store, range(1, 10))
    with begin(tmp_path / "cut") as store:
        run(store, range(1, killed_after + 1))
        store.save_weights(killed_after + 100, state(0))  # weights written, the state after them not any more
    with open(tmp_path / "cut" / "metrics.jsonl", "a") as metrics:
        metrics.write('{"step": 10, "lo')
    (tmp_path / "cut" / "checkpoints" / ".draft-1").write_bytes(b"half")
    with begin(tmp_path / "cut", resume=True) as store:
        latest = store.latest()
        assert (latest.step if latest else 0) == killed_after // 2 * 2
        run(store, range((latest.step if latest else 0) + 1, 10))
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_a_finished_run_is_not_rewound(tmp_path: Path) -> None:
    with begin(tmp_path) as store:
        run(store, range(1, 4))
        store.finish({"gap": 0.5})
    before = contents(tmp_path)
    with begin(tmp_path, resume=True) as store:
        assert store.result() == {"gap": 0.5}
    assert contents(tmp_path) == before


def test_a_damaged_state_is_skipped_with_a_warning(tmp_path: Path) -> None:
    with begin(tmp_path) as store:
        run(store, range(1, 8))
    newest = tmp_path / "checkpoints" / "state-00000006.safetensors"
    newest.write_bytes(newest.read_bytes()[:-3])
    with pytest.warns(DamagedCheckpoint, match="state-00000006"), begin(tmp_path, resume=True) as store:
        latest = store.latest()
        assert latest is not None and latest.step == 4
        assert [record["step"] for record in store.read_metrics()] == [1, 2, 3, 4] and store.steps() == [2, 4]
        run(store, range(5, 8))
        assert store.states() == [4, 6] and store.latest().step == 6  # type: ignore[union-attr]


def test_no_whole_state_at_all_is_refused(tmp_path: Path) -> None:
    with begin(tmp_path) as store:
        run(store, range(1, 8))
    for path in tmp_path.glob("checkpoints/state-*"):
        path.write_bytes(b"\x80\x04 a pickle")
    before = contents(tmp_path)
    with pytest.warns(DamagedCheckpoint), pytest.raises(MisuseError, match="a whole checkpoint to go on from"):
        begin(tmp_path, resume=True)
    assert contents(tmp_path) == before


def test_a_state_of_another_configuration_is_refused(tmp_path: Path) -> None:
    with begin(tmp_path) as store:
        run(store, range(1, 3))
    with pytest.raises(MisuseError, match=f"of configuration {DIGEST[:12]}"):
        Store.open(tmp_path, CONFIG, "e" * 64, resume=True)


# --- metrics ----------------------------------------------------------------------------------------------------------


def test_numbers_that_json_has_not_come_back(tmp_path: Path) -> None:
    with begin(tmp_path) as store:
        store.log({"step": 1, "loss": math.nan, "parts": [math.inf, {"low": -math.inf}], "text": "null"})
        (found,) = store.read_metrics()
    assert math.isnan(found["loss"]) and found["parts"] == [math.inf, {"low": -math.inf}] and found["text"] == "null"
    line = (tmp_path / "metrics.jsonl").read_text()
    assert json.loads(line, parse_constant=lambda _: pytest.fail("not JSON"))["loss"] == "nan"


@pytest.mark.parametrize("record", [{}, {"step": 1.0}, {"step": True}, {"step": None}])
def test_a_record_needs_a_step(tmp_path: Path, record: dict[str, Any]) -> None:
    with begin(tmp_path) as store, pytest.raises(MisuseError, match="int step"):
        store.log(record)


def test_a_line_that_is_no_record_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"stop": 2}\n{"step": 3}\n')
    with pytest.raises(MisuseError, match=r"metrics.jsonl, line 2"):
        list(Metrics(path).read())
    with pytest.raises(MisuseError, match="closed"):
        Metrics(path).add({"step": 1})


def test_a_broken_result_is_refused(tmp_path: Path) -> None:
    with begin(tmp_path) as store:
        (tmp_path / "result.json").write_text("{")
        with pytest.raises(MisuseError, match="result of a run"):
            store.result()


# --- kills and full disks ---------------------------------------------------------------------------------------------

WRITE = """
with begin(folder, resume=True) as store:
    print('ready', flush=True)
    for step in range(1, 10**6):
        store.log({"step": step})
        store.save_weights(step % 50, state(step, 10**6))
        store.save(step, state(step, 10**6), {"at": step})
"""


@pytest.mark.parametrize("seed", range(2))
def test_a_kill_in_the_middle_of_a_save_loses_nothing(tmp_path: Path, seed: int) -> None:
    process = child(WRITE, tmp_path)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    saved = tmp_path / "checkpoints"
    while not list(saved.glob("state-*[3-9].safetensors")):
        assert process.poll() is None
    time.sleep(random.Random(seed).random() * 0.02)
    process.kill()
    process.communicate()
    assert process.returncode == -9
    left = Store.view(tmp_path)
    latest = left.latest()  # a damaged one would warn, and warnings are errors here
    for step in left.steps():
        assert left.weights_at(step).tensors["w"].shape == (10**6,)
    assert latest is not None and latest.step >= 3 and torch.equal(latest.tensors["w"], state(latest.step, 10**6)["w"])
    with begin(tmp_path, resume=True) as store:
        assert [record["step"] for record in store.read_metrics()] == list(range(1, latest.step + 1))
        assert not list(tmp_path.rglob(".draft*"))


FULL = """
import resource
with begin(folder) as store:
    run(store, range(1, 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
    for name, act in {
        'save': lambda: store.save(6, state(6, 10**4), {}),
        'weights': lambda: store.save_weights(6, state(6, 10**4)),
        'replaced': lambda: store.save(4, state(4, 10**4), {}),
        'log': lambda: store.log({'step': 5, 'text': 'x' * 3000}),
        'finish': lambda: store.finish({'text': 'x' * 3000}),
    }.items():
        try:
            act()
            print(name, 'no error')
        except MisuseError as error:
            print(name, '|', error)
"""


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    process = child(FULL, tmp_path)
    printed = process.communicate()[0].splitlines()
    assert process.returncode == 0 and len(printed) == 5
    assert all("File too large; make room there, then --resume" in line for line in printed), printed
    with begin(tmp_path, resume=True) as store:
        assert store.states() == [2, 4] and store.steps() == [2, 4]
        latest = store.latest()
        assert latest is not None and torch.equal(latest.tensors["w"], state(4)["w"]), "replaced whole or not at all"
        assert [record["step"] for record in store.read_metrics()] == [1, 2, 3, 4]
        assert store.result() is None and not list(tmp_path.rglob(".draft*"))
