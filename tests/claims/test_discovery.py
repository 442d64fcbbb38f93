"""Finding claims: folders that clash, files that do not import, ids that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from claims.toys import one, verify, words, write

from eftheory.claims import Instances, claim, control
from eftheory.claims.discovery import digest, discover
from eftheory.errors import MisuseError

GOOD = one('of("proved/1")')
NONE = Instances(keys=lambda quick: [], build=lambda key: {})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("def", "SyntaxError: invalid syntax"),
        ("sys.exit(1)", "SystemExit: 1"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("pass", "wanted a file that defines claims; got bad.py; use @claim, or begin its name with _"),
        ('control("toy/x", "y", instances=of())(answer)', "no claim 'toy/x'"),
        ('claim("Toy", instances=of())', "wanted a claim id 'paper/name'"),
        ('claim("toy/x", instances=of(), relation="x", where="y = 1")', "wanted where of toy/x: a tuple of strings"),
        ('claim("toy/x", instances=3)', "wanted instances=Instances(...)"),
    ],
)
def test_a_file_that_does_not_import_is_an_error_and_the_others_go_on(tmp_path: Path, body: str, reason: str) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, body, name="toy/bad.py")
    report = verify(tmp_path)
    assert words(report) | {"toy/a": "holds", "toy/a#sound": "refuted"} == words(report)
    (broken,) = [entry for entry in report.claims if entry.status == "error"]
    assert broken.reason.startswith(reason) and broken.file.endswith("toy/bad.py")
    assert report.status == "failed"


def test_two_folders_of_the_same_names_never_clash(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, f"VALUE = {name!r}", name="toy/_shared.py")
        write(
            tmp_path / name,
            f"from ._shared import VALUE\nassert VALUE == {name!r}\n" + one("of('proved/1')", f"{name}/a"),
        )
    assert words(verify(tmp_path / "one", tmp_path / "two")) == {
        "one/a": "holds", "one/a#sound": "refuted", "two/a": "holds", "two/a#sound": "refuted",
    }  # fmt: skip


def test_duplicate_ids_are_refused(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, GOOD, name="toy/two.py")
    with pytest.raises(MisuseError, match=r"wanted every claim id once; got 'toy/a' in .*one\.py and in .*two\.py"):
        discover([tmp_path])


def test_a_file_named_twice_is_taken_once(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD)
    assert len(discover([tmp_path, file, tmp_path / "toy", f"{tmp_path}/toy/../toy"]).claims) == 2


@pytest.mark.parametrize("name", ["nowhere", "file.txt", "empty"])
def test_paths_that_cannot_be_used_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.txt").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MisuseError, match=name):
        discover([tmp_path / name])


def test_selection(tmp_path: Path) -> None:
    write(tmp_path, GOOD + one("of()", "toy/b") + one("of()", "other-paper/c"))
    write(tmp_path, "1 / 0", name="other_paper/bad.py")
    found = discover([tmp_path])
    assert [c.id for c in found.select(claim="toy/b").claims] == ["toy/b", "toy/b#sound"]
    assert found.select(claim="toy/b").broken == () and found.select(paper="toy").broken == ()
    assert [b.id for b in found.select(paper="other-paper").broken] == ["other_paper/bad.py"]
    assert len(found.select(claim="toy/in-bad").broken) == 1, "it may be defined in the file that did not load"
    whole = discover([tmp_path / "toy"])
    with pytest.raises(MisuseError, match=r"a known claim; got 'toy/bb'; did you mean 'toy/b'\?"):
        whole.select(claim="toy/bb")
    with pytest.raises(MisuseError, match=r"a known paper; got 'toi'; did you mean 'toy'\?"):
        whole.select(paper="toi")


def test_a_digest_sees_the_file_and_its_helpers_only(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD)
    helper = write(tmp_path, "a = 1", name="_common.py")
    first = digest(str(tmp_path), str(file))
    write(tmp_path, "1 / 0", name="toy/other.py")
    assert digest(str(tmp_path), str(file)) == first
    helper.write_text("a = 2")
    second = digest(str(tmp_path), str(file))
    write(tmp_path, GOOD + "\n")
    assert len({first, second, digest(str(tmp_path), str(file))}) == 3


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    for id in ("toy/a", "toy/b"):  # the same size, within one second
        write(tmp_path, one("of()", id))
        assert discover([tmp_path]).claims[0].id == id


def test_the_decorators_return_the_function_and_keep_what_they_made() -> None:
    @control("toy/a", "b", instances=NONE)
    @claim("toy/a", instances=NONE, where=("y = 1",), relation="x <= y")
    def f(instance: object) -> None:
        """First line.

        Second."""

    first, second = f.claims
    assert (first.id, first.kind, first.statement, first.where) == ("toy/a", "claim", "First line.", ("y = 1",))
    assert (second.id, second.kind, second.subject, second.paper) == ("toy/a#b", "control", "toy/a", "toy")
