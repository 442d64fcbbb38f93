"""What the runner makes of claims that hold, fail, raise, do not decide, sleep, die, or are not there."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from claims.toys import HEAD, one, stored, timeless, verify, words, write

from eftheory.claims.discovery import discover
from eftheory.claims.runner import Event
from eftheory.claims.summary import WORDS
from eftheory.errors import MisuseError

OUTCOMES = {
    "certified": "holds", "proved": "holds", "supported": "supported", "undecided": "undecided", "refuted": "failed",
    "raise": "error", "exit": "error", "die": "error", "orphan": "error", "text": "error", "unbuilt": "error",
    "print": "holds", "read": "holds", "sleep": "holds",
}  # fmt: skip


@pytest.mark.parametrize(("kind", "word"), OUTCOMES.items())
def test_a_claim_is_as_good_as_its_worst_instance(tmp_path: Path, kind: str, word: str) -> None:
    write(tmp_path, one(f'of("certified/1", "{kind}/2", "proved/3")'))
    report = verify(tmp_path)
    assert words(report) == {"toy/a": word, "toy/a#sound": "refuted"}
    (entry, _) = report.claims
    assert entry.instances == 3 and sum(entry.counts.values()) == 3 and entry.counts["PROVED"] >= 1
    assert entry.good == (entry.reason == "" or word == "supported") and "\n" not in entry.reason
    assert report.status == {"holds": "holds", "supported": "holds", "undecided": "undecided"}.get(word, "failed")
    assert set(OUTCOMES.values()) | {"passed", "refuted"} == set(WORDS)


def test_reasons_say_what_happened(tmp_path: Path) -> None:
    for i, kind in enumerate(("raise", "exit", "die", "text", "unbuilt")):
        write(tmp_path, one(f'of("{kind}/2")', id=f"toy/{kind}"), name=f"toy/{i}.py")
    reasons = {entry.id: entry.reason for entry in verify(tmp_path).claims if entry.kind == "claim"}
    assert reasons == {
        "toy/raise": "raise/2: the claim: ValueError: no idea",
        "toy/exit": "exit/2: the claim: SystemExit: 3",
        "toy/die": "die/2: the worker process died: exit code 7",
        "toy/text": "text/2: its verdict: wanted a Verdict; got str; return eftheory.verdict.Verdict(...)",
        "toy/unbuilt": "unbuilt/2: build: KeyError: 'unbuilt/2'",
    }


def test_a_death_costs_one_instance(tmp_path: Path) -> None:
    write(tmp_path, one('of(*(f"{kind}/{i}" for i in range(6) for kind in ("certified", "die")))'))
    for jobs in (1, 2):
        assert verify(tmp_path, jobs=jobs).claims[0].counts == {"CERTIFIED": 6, "ERROR": 6}


def test_the_report_keeps_witnesses_and_the_tightest_instance(tmp_path: Path) -> None:
    write(tmp_path, one('of("certified/3", "refuted/4", "refuted/2")'))
    claim, control = verify(tmp_path).claims
    assert [each["witness"] for each in claim.refuted] == [{"x": "4"}, {"x": "2"}]
    assert len(control.refuted) == 1
    assert claim.tightest is not None
    assert (claim.tightest["ratio"], claim.tightest["key"], claim.precision) == (0.04, "refuted/4", 192)
    assert claim.tightest["instance"] == {"key": ["refuted"], "x": "4"}
    assert claim.statement == "``kind/number``: the kind says what happens."
    assert claim.file == f"{tmp_path.name}/toy/one.py" and claim.paper == "toy"


def test_a_control_that_is_never_refuted_passed(tmp_path: Path) -> None:
    write(
        tmp_path, one('of("proved/1")') + 'control("toy/a", "weak", instances=of("certified/1", "undecided/2"))(answer)'
    )
    report = verify(tmp_path)
    assert words(report)["toy/a#weak"] == "passed" and report.status == "failed"


@pytest.mark.parametrize(
    ("instances", "reason"),
    [
        ("of()", "no instances"),
        ('of("proved/1", "proved/1")', "keys: wanted distinct strings"),
        ("Instances(keys=lambda quick: 1 / 0, build=build)", "keys: ZeroDivisionError: division by zero"),
        ("Instances(keys=lambda quick: [1], build=build)", "keys: wanted distinct strings"),
        ("Instances(keys=lambda quick: sys.exit(), build=build)", "keys: SystemExit"),
    ],
)
def test_a_claim_without_proper_keys_is_an_error(tmp_path: Path, instances: str, reason: str) -> None:
    write(tmp_path, one(instances))
    report = verify(tmp_path)
    assert words(report) == {"toy/a": "error", "toy/a#sound": "refuted"}
    assert report.claims[0].reason.startswith(reason)


def test_the_report_does_not_depend_on_the_number_of_jobs(tmp_path: Path) -> None:
    write(tmp_path / "c", one('many("certified", 40)') + one('of("sleep/30", "raise/1", "sleep/3")', id="toy/b"))
    write(tmp_path / "c", one('of("refuted/1", "sleep/9", "die/1")', id="toy/c"), name="toy/two.py")
    found = []
    for jobs in (1, 2, 5):
        verify(tmp_path / "c", jobs=jobs, report=tmp_path / "r", certificates=tmp_path / str(jobs))
        found.append(timeless(stored(tmp_path / "r")))
    assert found[0] == found[1] == found[2]
    assert found[0]["totals"]["instances"] == 49 and found[0]["complete"] is True
    other = timeless(stored(tmp_path / "r"))
    other["claims"][0]["counts"]["CERTIFIED"] = 39
    assert other != found[0], "the comparison can fail"


def test_jobs_run_side_by_side(tmp_path: Path) -> None:
    write(tmp_path, one('of(*(f"sleep/{i}" for i in range(500, 504)))'))
    start = time.perf_counter()
    verify(tmp_path, jobs=4)
    assert time.perf_counter() - start < 1.7, "one after the other takes two seconds"


def test_quick_takes_fewer_instances(tmp_path: Path) -> None:
    write(tmp_path, one('many("proved", 9)'))
    assert [verify(tmp_path, quick=quick).claims[0].instances for quick in (True, False)] == [1, 9]


def test_progress_is_told_of_every_instance_and_claim(tmp_path: Path) -> None:
    write(tmp_path, one('many("proved", 4)'))
    write(tmp_path, "1 / 0", name="toy/bad.py")
    events: list[Event] = []
    verify(tmp_path, progress=events.append)
    assert [event.done for event in events] == [0, 1, 2, 3, 4, 5]
    assert {event.total for event in events} == {5}
    assert [e.finished.id for e in events if e.finished] == ["toy/bad.py", "toy/a", "toy/a#sound"]


def test_a_worker_loads_helpers_relative_to_the_root(tmp_path: Path) -> None:
    write(tmp_path, "def f(x): return answer(x)", name="_common.py")
    write(tmp_path, "from .._common import f\nfrom . import _near\n" + one("of('proved/1')").replace("(answer)", "(f)"))
    write(tmp_path, "", name="toy/_near.py")
    assert words(verify(tmp_path)) == {"toy/a": "holds", "toy/a#sound": "refuted"}


def test_too_few_jobs_are_refused(tmp_path: Path) -> None:
    write(tmp_path, one('of("proved/1")'))
    with pytest.raises(MisuseError, match="at least one job; got 0"):
        verify(tmp_path, jobs=0)


def test_the_public_function(tmp_path: Path) -> None:
    import eftheory as eft

    write(tmp_path, one('of("proved/1")') + one('of("proved/1")', id="else/b"))
    assert words(eft.verify(tmp_path, paper="else", jobs=1)) == {"else/b": "holds", "else/b#sound": "refuted"}
    assert len(discover([tmp_path]).claims) == 4 and HEAD
