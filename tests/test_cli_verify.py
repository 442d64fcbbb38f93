"""`eftheory verify` and `recheck` as a user meets them: exit codes, one line a claim, where the output goes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from claims.toys import one, stored, verify, write

from eftheory.__main__ import main
from eftheory.claims.discovery import discover
from eftheory.cli import output
from eftheory.report import claim_line, claims_table

ROOT = Path(__file__).parents[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "c", one('of("proved/98", "certified/2")'))
    return tmp_path / "c"


# --- exit codes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "more", "code", "word"),
    [
        ('"certified/1", "proved/2"', "", 0, "holds"),
        ('"supported/1"', "", 0, "holds"),
        ('"undecided/1", "proved/2"', "", 2, "undecided"),
        ('"refuted/1", "undecided/2"', "", 1, "failed"),
        ('"raise/1", "undecided/2"', "", 1, "failed"),
        ('"die/1"', "", 1, "failed"),
        ("", "", 1, "failed"),
        ('"proved/1"', 'control("toy/a", "weak", instances=of("proved/1"))(answer)', 1, "failed"),
        ('"undecided/1"', "1 / 0", 1, "failed"),
    ],
)
def test_exit_codes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], keys: str, more: str, code: int, word: str
) -> None:
    write(tmp_path, one(f"of({keys})") + ("" if more.startswith("1") else more))
    if more.startswith("1"):
        write(tmp_path, more, name="toy/bad.py")
    assert main(["verify", str(tmp_path), "--jobs", "1", "--quiet"]) == code
    assert capsys.readouterr().out == f"{word}\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere"], "nowhere, which does not exist"),
        (["c", "--claim", "toy/b"], "did you mean 'toy/a'?"),
        (["c", "--paper", "vae"], "a known paper; got 'vae'; choose one of: toy"),
        (["c", "--jobs", "0"], "at least one job; got 0"),
        (["c", "--jobs", "two"], "'two' is not a valid int"),
        (["c", "--json", "-"], "wanted --json FILE"),
        (["c", "--json", "/dev/null"], "wanted --json FILE, a plain file"),
        (["c", "--json", "nowhere/r"], "wanted --json FILE"),
        (["c", "--json", "c"], "wanted --json FILE"),
        (["c", "--certificates", "c/toy/one.py"], "wanted --certificates DIR"),
        (["c", "--fresh"], "wanted --json FILE with --fresh"),
        (["c", "--list", "--quick"], "--list with --quick"),
        (["c", "--colour"], "No such option"),
    ],
)
def test_bad_input_is_64_and_one_line(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(folder.parent)
    assert main(["verify", *words]) == 64
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    assert captured.err.startswith("eftheory: ") and told in captured.err
    assert sorted(path.name for path in folder.parent.iterdir()) == ["c"], "nothing is left behind"


def test_a_journal_of_something_else_is_64(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = folder.parent / "r"
    Path(f"{report}.journal").write_text("a diary\n")
    assert main(["verify", str(folder), "--json", str(report), "--quiet"]) == 64
    assert "got" in (said := capsys.readouterr().err) and "something else" in said and said.count("\n") == 1


# --- what is printed and written --------------------------------------------------------------------------------------


def test_one_line_a_claim_then_a_summary(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, one('of("raise/1")', id="toy/b"), name="toy/two.py")
    assert main(["verify", str(folder), "--jobs", "1"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:4]] == [
        ["holds", "toy/a"], ["refuted", "toy/a#sound"], ["error", "toy/b"], ["raise/1:", "the"],
    ]  # fmt: skip
    assert lines[0].split()[2:] == ["2", "instances", "ratio", "0.98", "192", "bits", lines[0].split()[-2], "s"]
    assert lines[3].strip() == "raise/1: the claim: ValueError: no idea"
    assert lines[-1].startswith(
        "failed: 1 of 2 claims hold, 2 of 2 controls are refuted, 1 raised, 5 instances, 0 certificates, "
    )


def test_json_certificates_and_journal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report, certificates = folder.parent / "r.json", folder.parent / "certs"
    words = ["verify", str(folder), "--json", str(report), "--certificates", str(certificates), "--jobs", "1"]
    assert main(words) == 0
    found = stored(report)
    assert (found["schema"], found["quick"], found["complete"]) == ("eftheory.verification/1", False, True)
    assert [entry["status"] for entry in found["claims"]] == ["holds", "refuted"]
    assert set(found) == {"schema", "version", "quick", "complete", "claims", "totals", "seconds"}
    assert sorted(path.name for path in folder.parent.iterdir()) == ["c", "r.json", "r.json.journal"]
    capsys.readouterr()
    assert main(words) == 0
    assert f"3 instances (3 of them from {report}.journal)" in capsys.readouterr().out
    assert main([*words, "--fresh"]) == 0
    assert "of them from" not in capsys.readouterr().out


def test_what_a_claim_prints_goes_to_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "print('loud')\n" + one('of("print/1")'))
    assert main(["verify", str(tmp_path), "--jobs", "1", "--quiet"]) == 0
    captured = capfd.readouterr()
    assert captured.out == "holds\n" and "loud" in captured.err and "noise" in captured.err


def test_a_claim_is_chosen_with_its_controls(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, one('of("proved/1")', id="other/b"), name="toy/two.py")
    for words in (["--claim", "other/b"], ["--paper", "other"]):
        assert main(["verify", str(folder), *words, "--list", "--quiet"]) == 0
        assert capsys.readouterr().out == "other/b\nother/b#sound\n"
    assert main(["verify", str(folder), "--claim", "other/b", "--jobs", "1"]) == 0
    assert "toy/a" not in capsys.readouterr().out


def test_the_list_runs_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, one('of("die/1")', id="toy/b"), name="toy/two.py")
    write(folder, "1 / 0", name="toy/bad.py")
    assert main(["verify", str(folder), "--list"]) == 1
    captured = capsys.readouterr()
    assert captured.out.splitlines()[0] == "toy/a: ``kind/number``: the kind says what happens."
    assert len(captured.out.splitlines()) == 4
    assert captured.err == f"eftheory: {folder}/toy/bad.py: ZeroDivisionError: division by zero\n"


def test_help_says_that_claims_are_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--help"]) == 0
    assert "Claim folders are Python and are run" in capsys.readouterr().out


def test_a_closed_pipe_is_no_verdict(tmp_path: Path) -> None:
    write(tmp_path, one('many("proved", 20)'))
    command = [sys.executable, "-m", "eftheory", "verify", str(tmp_path), "--jobs", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as child:
        assert child.stdout is not None and child.stderr is not None
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 141


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_counts_and_lines_stand_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "PATIENCE", 0.05)
    monkeypatch.setattr(sys, "stderr", shown := Terminal())
    monkeypatch.setattr(sys, "stdout", printed := Terminal())
    with output.progress(False, "verifying") as bar:
        for done in range(4):
            bar.show(done, 4)
            bar.say(f"line {done}")
            time.sleep(0.15)
    assert "verifying 3/4" in shown.getvalue() and "line" not in shown.getvalue()
    assert printed.getvalue() == "line 0\nline 1\nline 2\nline 3\n"


def test_colour_only_marks_the_word(folder: Path) -> None:
    entry = verify(folder).claims[0]
    plain, coloured = claim_line(entry), claim_line(entry, colour=True)
    assert "\x1b" not in plain and coloured.replace("\x1b[1;32m", "").replace("\x1b[0m", "") == plain


def test_the_table_of_claims(folder: Path) -> None:
    write(folder, 'claim("toy/b", instances=of("refuted/1"))(lambda i: answer(i))', name="toy/two.py")
    found, report = discover([folder]), verify(folder, report=folder.parent / "r")
    table, none = claims_table(found, report.as_dict()), "no certificate"
    assert table.splitlines()[2:] == [
        f"| `toy/a` | ``kind/number``: the kind says what happens. | holds (2), {none} | 0.98000 | `sound`: 1 of 1 |",
        f"| `toy/b` | $x \\le y$ for all x. | failed (1), {none} | 0.01000 | none |",
    ]
    assert claims_table(found, stored(folder.parent / "r")) == table
    assert "not run" in claims_table(found, {"claims": []})


# --- recheck ----------------------------------------------------------------------------------------------------------


def recheck(*words: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys; from eftheory.__main__ import main; code = main(sys.argv[1:])\n"
        "print(*sorted({'sympy', 'flint', 'numpy'} & set(sys.modules)), file=sys.stderr); sys.exit(code)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, "recheck", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


SQUARE = '''
"""$x^2 > 0$."""
from eftheory.claims import Instances, claim
from eftheory.verdict import Status, Verdict

INSTANCES = Instances(keys=lambda quick: ["3"], build=lambda key: {"x": key})

@claim("mine/square", instances=INSTANCES, given=("x > 0",), relation="x**2 > 0", quantities=("x**2",))
def square(instance):
    nine = {"lower": "9.0000000000000000000", "upper": "9.0000000000000000000", "digits": 20}
    return Verdict(status=Status.PROVED, scope="x", reason="a square", statistics={"quantities": {"x**2": nine}})
'''


def test_a_certificate_is_rechecked_and_an_altered_one_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SQUARE)
    assert main(["verify", str(tmp_path / "mine.py"), "--certificates", str(tmp_path / "certs"), "--quiet"]) == 0
    done = recheck(str(tmp_path / "certs"))
    assert (done.returncode, done.stderr) == (0, "\n"), done.stdout
    (path,) = (tmp_path / "certs").rglob("*.json")
    path.write_text(path.read_text().replace('"x": "3"', '"x": "2"'))
    assert recheck(str(path)).returncode == 1


def test_an_unreadable_certificate_is_64() -> None:
    assert recheck("nowhere.json").returncode == 64
