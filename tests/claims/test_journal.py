"""Resuming: after an end, an interrupt, a kill; never from a journal that is torn elsewhere, altered or another's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from claims.toys import one, stored, timeless, verify, words, write

from eftheory.claims.files import canonical, digest
from eftheory.claims.journal import Journal
from eftheory.errors import MisuseError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "c", one('of("proved/1", "certified/2", "undecided/3", "raise/4", "refuted/5")'))
    return tmp_path / "c"


def again(folder: Path, **options: object) -> int:
    """How many instances a further run takes from the journal."""
    return verify(folder, journal=folder.parent / "j", **options).resumed


def test_finished_instances_are_not_repeated_and_errors_are(folder: Path) -> None:
    first = verify(folder, journal=folder.parent / "j")
    second = verify(folder, journal=folder.parent / "j")
    assert (first.resumed, second.resumed) == (0, 5), "six instances, of which one raised"
    assert timeless(first.as_dict()) == timeless(second.as_dict())
    assert [each.seconds for each in second.claims][1] == [each.seconds for each in first.claims][1]
    assert again(folder, fresh=True) == 0


def test_quick_and_full_share_instances(folder: Path) -> None:
    verify(folder, journal=folder.parent / "j", quick=True)
    assert again(folder) == 2


def test_a_changed_claim_file_is_run_again(folder: Path) -> None:
    assert (again(folder), again(folder)) == (0, 5)
    (folder / "toy" / "one.py").write_text((folder / "toy" / "one.py").read_text() + "\n# changed\n")
    assert again(folder) == 0
    (folder / "_helper.py").write_text("")
    assert again(folder) == 0


def test_another_library_is_run_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (again(folder), again(folder)) == (0, 5)
    monkeypatch.setattr("eftheory.claims.journal.library", lambda: "another version")
    assert again(folder) == 0


def test_a_torn_last_line_is_ignored(folder: Path) -> None:
    again(folder)
    journal = folder.parent / "j"
    whole = journal.read_bytes()
    last = whole[:-1].rindex(b"\n") + 1
    for cut in (len(whole) - 1, last + 20, last + 1):
        journal.write_bytes(whole[:cut])
        assert again(folder) == 4
        assert journal.read_bytes().count(b"\n") == whole.count(b"\n"), "the torn line is gone, the new one is there"
    for cut in (0, 5):
        journal.write_bytes(whole[:cut])
        assert again(folder) == 0, "not even the first line was whole"


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"CERTIFIED", b"PROVED"), (b"because 1", b"because 2"), (b'"precision":192', b'"precision":64'), (b"{", b"")],
)
def test_an_altered_line_is_refused(folder: Path, old: bytes, new: bytes) -> None:
    again(folder)
    journal = folder.parent / "j"
    header, _, rest = journal.read_bytes().partition(b"\n")
    assert old in rest
    journal.write_bytes(header + b"\n" + rest.replace(old, new, 1))
    with pytest.raises(MisuseError, match=r"an unaltered journal; got .*: line \d; start anew with --fresh"):
        again(folder)
    assert again(folder, fresh=True) == 0


def test_a_line_with_a_right_checksum_and_other_fields_is_refused(folder: Path) -> None:
    again(folder)
    line = {"id": "x", "outcome": {"claim": "toy/a"}}
    with open(folder.parent / "j", "a") as file:
        file.write(canonical({**line, "sha256": digest(line)}) + "\n")
    with pytest.raises(MisuseError, match="an unaltered journal"):
        again(folder)


@pytest.mark.parametrize("text", ["something\n", '{"journal":"eftheory.journal/2"}\n', "{}"])
def test_a_journal_of_something_else_is_refused_and_left_alone(folder: Path, text: str) -> None:
    journal = folder.parent / "j"
    journal.write_text(text)
    for fresh in (False, True):
        with pytest.raises(MisuseError, match=r"a journal of eftheory verify; got .*something else"):
            again(folder, fresh=fresh)
    assert journal.read_text() == text


def test_two_runs_at_once_are_refused(folder: Path) -> None:
    with Journal(folder.parent / "j"), pytest.raises(MisuseError, match="another run is using it"):
        again(folder)
    assert again(folder) == 0, "the first one is done"


def test_a_journal_that_cannot_be_written_is_refused(folder: Path) -> None:
    with pytest.raises(MisuseError, match="a journal that can be written"):
        verify(folder, journal=folder.parent / "nowhere" / "j")


# --- killed, interrupted ----------------------------------------------------------------------------------------------


SLOW = """
def build(key): return {"x": key.rpartition("/")[2]}
decide = answer
def answer(instance):
    time.sleep(0.03)
    return decide({"key": ["refuted" if instance["x"] == "1" else "certified"], "x": instance["x"]})
"""


def start(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "eftheory", "verify", "c", "--json", "r", "--certificates", "certs", "--jobs", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=folder.parent, env=environment, stderr=subprocess.PIPE, text=True)


def wait_for_lines(journal: Path, count: int) -> None:
    deadline = time.monotonic() + 20
    while not journal.exists() or journal.read_bytes().count(b"\n") <= count:
        assert time.monotonic() < deadline, "nothing was journalled"
        time.sleep(0.01)


def alive(mark: str) -> list[str]:
    """Processes that work in the folder `mark`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found += [process.name] if os.readlink(process / "cwd") == mark else []
        except OSError:
            continue
    return found


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_whatever_stops_a_run_the_same_command_resumes(tmp_path: Path, how: signal.Signals) -> None:
    write(tmp_path / "c", SLOW + one('many("slow", 60)', relation="x >= 0", more=', quantities=("x",)'))
    with start(tmp_path / "c") as child:
        wait_for_lines(tmp_path / "r.journal", 10)
        child.send_signal(how)
        assert child.stderr is not None
        said = child.stderr.read()
    assert child.returncode == (130 if how is signal.SIGINT else -how)
    if how is signal.SIGINT:
        assert said == "eftheory: interrupted; finished instances are kept, the same command resumes\n"
        assert stored(tmp_path / "r")["complete"] is False
    deadline = time.monotonic() + 10
    while alive(str(tmp_path)):
        assert time.monotonic() < deadline, "a worker outlives its parent"
        time.sleep(0.02)
    assert how is not signal.SIGINT or not list(tmp_path.rglob(".eftheory.*")), "no drafts are left"
    assert all(len(stored(path)["sha256"]) == 64 for path in (tmp_path / "certs").rglob("*.json"))

    report = verify(tmp_path / "c", journal=tmp_path / "r.journal", certificates=tmp_path / "certs", jobs=2)
    assert 10 <= report.resumed < 61
    whole = verify(tmp_path / "c", certificates=tmp_path / "other", jobs=2)
    assert timeless(report.as_dict()) == timeless(whole.as_dict()) and words(whole)["toy/a"] == "failed"
    names = [sorted(path.name for path in (tmp_path / where).rglob("*.json")) for where in ("certs", "other")]
    assert names[0] == names[1] and len(names[0]) == 61
