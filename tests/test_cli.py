"""The command line as a user meets it: exit codes, one-line errors, where the output goes."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from eftheory import cli
from eftheory.__main__ import main
from eftheory.cli import output
from eftheory.errors import MisuseError
from eftheory.verdict import VERDICTS, Clause, Consistency, Formula, Status

ROOT = Path(__file__).parents[1]
F = Formula(text="W z", latex="W z")
MODEL = ["--decoder", "bernoulli(2)", "--encoder", "bernoulli(2)", "--prior", "free"]


def a_result(verdict: str) -> Consistency:
    status = Status.UNDECIDED if verdict == "undecided" else Status.PROVED
    return Consistency(
        verdict=verdict, status=status, decoder="d", encoder="e", prior="p", inputs="x", joint=F, decoder_form=F,
        encoder_form=F, implied_prior=F, dimension=None, usable_latents=None, witness=None, repairs=(),
        clauses=(Clause(clause="prior", status=status, conditions=(), reason="because"),),
    )  # fmt: skip


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """`check` answers with `answer.verdict`, and `answer.error` is raised if set: the command line alone is tested."""
    told = SimpleNamespace(verdict="consistent", error=None)

    def reply(specification: object) -> Consistency:
        if told.error is not None:
            raise told.error
        return a_result(told.verdict)

    monkeypatch.setattr(cli, "_answer", reply)
    monkeypatch.setattr(cli, "_specification", lambda *arguments: arguments)
    return told


# --- exit codes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "code"), [("consistent", 0), ("constrained", 0), ("collapsed", 1), ("empty", 1), ("undecided", 2)]
)
def test_exit_code_is_the_verdict(answer: SimpleNamespace, verdict: str, code: int) -> None:
    answer.verdict = verdict
    assert main(["check", *MODEL]) == code


def test_every_verdict_has_an_exit_code() -> None:
    assert set(cli.EXIT) == set(VERDICTS)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MisuseError(wanted="a", got="b", do="c"), 64),
        (PermissionError("no"), 64),
        (KeyboardInterrupt(), 130),
        (RuntimeError("a\ndefect"), 70),
        (RecursionError(), 70),
    ],
)
def test_whatever_goes_wrong_is_one_line(
    answer: SimpleNamespace, capsys: pytest.CaptureFixture[str], error: BaseException, code: int
) -> None:
    answer.error = error
    assert main(["check", *MODEL]) == code
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") <= 1 and "Traceback" not in err
    assert code == 130 or err.startswith("eftheory: ")


BAD_COMMAND_LINES = [
    ["bogus"],
    ["--bogus"],
    ["check", "--bogus"],
    ["check", "--json"],
    ["check", "a", "b"],
    ["check"],
    ["check", "--decoder", "bernoulli(2)", "--encoder", "bernoulli(2)"],
    ["check", "--prior", "free"],
    ["check", "gaussian-vae", "--decoder", "bernoulli(2)"],
    ["check", "gaussian-vae", "--prior", "free", "--prior=same"],
    ["check", "--list", "gaussian-vae"],
    ["check", "--list", "--json", "-"],
    ["check", *MODEL, "--json", "-", "--latex"],
    ["check", *MODEL, "--json", "-", "--explain"],
    ["check", *MODEL, "--latex", "--explain"],
    ["check", *MODEL, "--quiet", "--latex"],
    ["check", *MODEL, "--json", "/no/such/folder/a.json"],
    ["check", *MODEL, "--json", "/"],
    ["check", *MODEL, "--json", ""],
    ["check", *MODEL, "--json", "x" * 300 + "/a.json"],
    ["check", *MODEL, "--json", "x" * 300],
    ["check", *MODEL, "--inputs", ""],
    ["check", "gaussian-vae", "--prior", " "],
    ["check", ""],
    ["families", "bernouli"],
    ["families", "a", "b"],
]


@pytest.mark.parametrize("words", BAD_COMMAND_LINES, ids=" ".join)
def test_bad_input_is_64_and_one_plain_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 64
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("eftheory: ") and err.count("\n") == 1
    assert not set("╭│╰─") & set(err)


# --- output -----------------------------------------------------------------------------------------------------------


def test_json_on_stdout_is_alone(answer: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *MODEL, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out) == a_result("consistent").as_dict()


def test_json_file_is_replaced_whole(
    answer: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "answer.json"
    target.write_text("old")
    assert main(["check", *MODEL, "--json", str(target)]) == 0
    assert json.loads(target.read_text())["verdict"] == "consistent"
    assert os.listdir(tmp_path) == ["answer.json"]
    assert capsys.readouterr().out.startswith("CONSISTENT")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "answer.json"
    target.write_text("old")

    def fail(self: Path, text: str, **_: object) -> None:
        with open(self, "w") as handle:
            handle.write(text[:3])
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(MisuseError, match=r"answer\.json: disk full"):
        output.write_atomically(target, "new text")
    assert target.read_text() == "old" and os.listdir(tmp_path) == ["answer.json"]


def test_json_through_a_link_and_to_a_device(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    output.write_atomically(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_text() == "text"
    output.write_atomically(Path(os.devnull), "text")
    assert not Path(os.devnull).is_file()


def test_an_unwritable_place_is_refused_before_computing(
    answer: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer.error = RuntimeError("computed")
    target = tmp_path / "answer.json"

    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(output, "TemporaryFile", refuse)  # folders without permission stop everyone but root
    assert main(["check", *MODEL, "--json", str(target)]) == 64
    err = capsys.readouterr().err
    assert f"got {target}: Permission denied; " in err and err.count("\n") == 1
    monkeypatch.undo()
    (tmp_path / "loop").symlink_to("loop")
    assert main(["check", *MODEL, "--json", str(tmp_path / "loop" / "a")]) == 64


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line(answer: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *MODEL, "--json", "/dev/full"]) == 64
    out, err = capsys.readouterr()
    assert out == "" and "got /dev/full: No space left on device; " in err and err.count("\n") == 1
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "eftheory", "families"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    assert done.returncode == 64 and done.stderr.count("\n") == 1


def test_quiet_prints_the_verdict_only(answer: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    answer.verdict = "empty"
    assert main(["check", *MODEL, "--quiet"]) == 1
    assert capsys.readouterr() == ("empty\n", "")


def test_latex_and_explain(answer: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *MODEL, "--latex"]) == 0
    assert capsys.readouterr().out.startswith("\\begin{align*}")
    assert main(["check", *MODEL, "--explain"]) == 0
    assert "derivation" in capsys.readouterr().out


def test_help_names_only_commands_that_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert main([]) == 0
    assert capsys.readouterr().out == text
    listed = text.partition("Commands:")[2]
    assert [line.split()[0] for line in listed.splitlines() if line.strip()] == [
        "check",
        "families",
        "verify",
        "recheck",
        "train",
        "project",
        "experiment",
    ]
    for command in ("check", "families", "train", "project", "experiment"):
        assert main([command, "--help"]) == 0
        assert "--quiet" in capsys.readouterr().out


def test_families(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["families"]) == 0
    names = capsys.readouterr().out.split()
    assert "bernoulli" in names and len(names) >= 20
    assert main(["families", "bernoulli"]) == 0
    assert "log partition" in capsys.readouterr().out


# --- whole processes --------------------------------------------------------------------------------------------------


def process(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "eftheory", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, **options)  # type: ignore[call-overload]


def test_a_published_model_from_start_to_exit() -> None:
    done = process("check", "bernoulli-vae", "--json", "-")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["verdict"] == "constrained"


def test_families_given_one_by_one() -> None:
    done = process("check", "--decoder", "bernoulli(d)", "--encoder", "normal(k)", "--prior", "free", "--explain")
    assert (done.returncode, done.stderr) == (0, "")
    assert "derivation" in done.stdout


def test_the_list_gives_names_that_check_takes() -> None:
    names = process("check", "--list", "--quiet").stdout.split()
    assert {"gaussian-vae", "semantic-hashing-counts"} <= set(names)
    listed = process("check", "--list").stdout
    assert all(name in listed for name in names) and "bernoulli" in listed


def test_an_unknown_model_suggests_the_nearest() -> None:
    done = process("check", "gausian-vae")
    assert done.returncode == 64 and "'gaussian-vae'" in done.stderr and done.stderr.count("\n") == 1


def test_a_file(tmp_path: Path) -> None:
    spec = tmp_path / "model.toml"
    spec.write_text(
        'inputs = "x"\nprior = "same"\n[decoder]\nfamily = "bernoulli(3)"\n'
        '[encoder]\nstatistics = ["x"]\nsupport = "{0, 1}"\ndim = 2\n'
    )
    assert process("check", str(spec), "--quiet").returncode in (0, 1, 2)
    overridden = process("check", str(spec), "--prior", "free", "--json", "-")
    assert json.loads(overridden.stdout)["prior"] == "free", overridden.stderr
    contradicted = process("check", str(spec), "--decoder", "bernoulli(3)")
    assert contradicted.returncode == 64 and "--decoder" in contradicted.stderr
    spec.write_text("[decoder\n")
    for bad in ("no-such-file.toml", str(tmp_path), str(spec)):
        done = process("check", bad)
        assert (done.returncode, done.stdout) == (64, "") and done.stderr.count("\n") == 1, done.stderr
    assert "line 1" in process("check", str(spec)).stderr


def test_hostile_expressions_are_refused_at_once() -> None:
    for text in ("__import__('os').system('x')", "(lambda: 1)()", "9**9**9", "x.__class__"):
        started = time.perf_counter()
        done = process("check", *MODEL, "--inputs", text)
        assert (done.returncode, done.stdout) == (64, ""), text
        assert done.stderr.count("\n") == 1 and time.perf_counter() - started < 10


def test_a_bar_appears_on_a_terminal_when_the_work_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(output, "PATIENCE", 0.05)
    shown = {}
    for quiet, lasts in ((False, 0.6), (False, 0.0), (True, 0.6)):
        monkeypatch.setattr(sys, "stderr", Terminal())
        with output.progress(quiet):
            time.sleep(lasts)
        shown[quiet, lasts] = "deriving" in sys.stderr.getvalue()
    assert shown == {(False, 0.6): True, (False, 0.0): False, (True, 0.6): False}


def test_a_closed_pipe_is_no_verdict() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "eftheory", "families"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as child:
        assert child.stdout is not None and child.stderr is not None
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 141


def test_an_interrupt_is_130() -> None:
    code = (
        "import sys, time; from eftheory import cli; from eftheory.__main__ import main\n"
        "def wait(specification): print('ready', flush=True); time.sleep(30)\n"
        "cli._answer, cli._specification = wait, lambda *a: a\n"
        f"sys.exit(main(['check', *{MODEL!r}]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as child:
        assert child.stdout is not None and child.stderr is not None
        assert child.stdout.readline() == b"ready\n"
        child.send_signal(signal.SIGINT)
        assert b"Traceback" not in child.stderr.read()
    assert child.returncode == 130


def test_ascii_terminals_survive() -> None:
    done = process("check", "nöpe", env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert done.returncode == 64 and "Traceback" not in done.stderr
