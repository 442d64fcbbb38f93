"""Certificates: which instances get one, what is in it, and what cannot be certified."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from claims.toys import HEAD, one, stored, verify, words, write

from eftheory.claims.certificate import location
from eftheory.claims.discovery import discover
from eftheory.claims.files import write_whole
from eftheory.errors import MisuseError

FIELDS = {"schema", "claim", "instance", "where", "given", "relation", "quantities", "verdict", "sha256"}
EXACT = (
    HEAD.replace('{"key": [kind], "x": number}', '{"key": [str(KINDS.index(kind))], "x": number}').replace(
        'instance["key"][0], ', 'KINDS[int(instance["key"][0])], '
    )
    + 'KINDS = ["proved", "certified", "refuted", "undecided", "supported", "raise"]\n'
)
MORE = ', quantities=("x",), where=("y = 2*x",), given=("x > 0",)'


def certified(tmp_path: Path, body: str) -> dict[str, list[str]]:
    """The verdicts in the certificates by claim, for a run of `body`."""
    write(tmp_path / "c", body, head=EXACT)
    report = verify(tmp_path / "c", certificates=tmp_path / "certs")
    found: dict[str, list[str]] = {}
    for path in sorted((tmp_path / "certs").rglob("*.json")):
        found.setdefault(stored(path)["claim"], []).append(stored(path)["verdict"])
    assert {each.id: each.certificates for each in report.claims if each.certificates} == {
        id: len(verdicts) for id, verdicts in found.items()
    }
    return found


def test_what_holds_and_what_is_refuted_is_certified(tmp_path: Path) -> None:
    keys = 'of("proved/1", "certified/2", "refuted/3", "undecided/4", "supported/5", "raise/6")'
    body = one(keys, relation="x > 0", more=MORE)
    body += 'MANY = of(*(f"refuted/{i}" for i in range(9)), "proved/1")\n'
    body += f'control("toy/a", "many", instances=MANY, relation="x < 0"{MORE})(answer)\n'
    assert {id: sorted(verdicts) for id, verdicts in certified(tmp_path, body).items()} == {
        "toy/a": ["CERTIFIED", "PROVED", "REFUTED"], "toy/a#sound": ["REFUTED"], "toy/a#many": ["REFUTED"] * 3,
    }  # fmt: skip
    found = discover([tmp_path / "c"]).claims[2]
    assert all(location(tmp_path / "certs", found, f"refuted/{i}").exists() for i in range(3)), "the first three"


def test_a_certificate_holds_exactly_the_agreed_fields(tmp_path: Path) -> None:
    certified(tmp_path, one('of("certified/7")', relation="y > x", more=MORE))
    (path,) = (tmp_path / "certs" / "toy" / "a").iterdir()
    assert path.name.startswith("certified-7-") and path.suffix == ".json"
    found = stored(path)
    assert set(found) == FIELDS
    digest = found.pop("sha256")
    text = json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    assert digest == hashlib.sha256(text.encode()).hexdigest()
    pinned = found["quantities"].pop("digest()")
    text = json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    number = int(hashlib.sha256(text.encode()).hexdigest()[:15], 16)
    assert pinned["lower"] == pinned["upper"] == f"{number}.".ljust(21, "0")
    assert found == {
        "schema": "eftheory.certificate/1", "claim": "toy/a", "instance": {"key": ["1"], "x": "7"},
        "where": ["y = 2*x"], "given": ["x > 0"], "relation": "y > x", "verdict": "CERTIFIED",
        "quantities": {"x": {"lower": "7", "upper": "7", "digits": 20}},
    }  # fmt: skip


def test_without_a_relation_there_is_no_certificate_and_any_instance_will_do(tmp_path: Path) -> None:
    assert certified(tmp_path, one('of("proved/1")')) == {}
    write(tmp_path / "d", one('of("proved/1")'))
    assert words(verify(tmp_path / "d"))["toy/a"] == "holds"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('"x": number})', '"x": 0.5, "z": 1})'), "wanted rational strings such as '3/7'; got instance['x'] = 0.5"),
        (('"x": number})', '"x": number, "z": [["1/2", True]]})'), "got instance['z'][0][1] = True"),
        (('"x": number})', '"x": number, "z": "1.5"})'), "got instance['z'] = '1.5'"),
        (('"quantities": {"x"', '"quantities": {"w"'), "wanted lower, upper, digits of 'x'; got none"),
        (('"digits": 20}', '"figures": 20}'), "wanted lower, upper, digits of 'x'; got {"),
    ],
)
def test_what_cannot_be_certified_is_an_error(tmp_path: Path, change: tuple[str, str], reason: str) -> None:
    head = EXACT.replace(*change).replace("float(number)", "1").replace("int(number)", "1")
    assert head != EXACT
    write(tmp_path, one('of("proved/7")', relation="y > x", more=MORE), head=head)
    report = verify(tmp_path, certificates=tmp_path / "certs")
    assert words(report) == {"toy/a": "error", "toy/a#sound": "refuted"}, "a refutation stands without its certificate"
    assert reason in report.claims[0].reason and not (tmp_path / "certs").exists()


def test_keys_that_look_alike_have_files_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, one("of()") + one("of()", id="toy/a-sound"))
    a, sound, other, _ = discover([tmp_path]).claims
    paths = [
        location(tmp_path, claim, key) for claim in (a, sound, other) for key in ("x/1", "x-1", "é/" * 400, "../..")
    ]
    assert len(set(paths)) == 12
    assert all(path.is_relative_to(tmp_path / "toy") and ".." not in path.parts for path in paths)
    assert max(len(path.name) for path in paths) < 100


def test_files_are_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "deep" / "f.json"
    write_whole(target, "old")
    monkeypatch.setattr(Path, "replace", lambda self, other: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(MisuseError, match="No space left"):
        write_whole(target, "new")
    assert target.read_text() == "old" and list(target.parent.iterdir()) == [target]
    monkeypatch.undo()
    with pytest.raises(MisuseError, match="not a plain file"):
        write_whole(tmp_path, "text")
