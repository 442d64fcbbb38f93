"""Certificates of shipped claims: good ones are accepted, in a bare process too; every altered one is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import mpmath
import pytest
from recheck.maker import INSTANCE, LINEAR, certify, pinned, seal, stated
from recheck.tampering import tamper

from eftheory import recheck
from eftheory.recheck import FORMULAS, Refused, check, main, needed

SMALLER = f"{LINEAR}#minimum-for-expectation"
SHARP = {  # the encoder is off at all observations but the last, so the smallest divergence is zero
    **INSTANCE,
    "theta": [["1"], ["1"]],
    "prior": ["1/20", "19/20"],
    "gamma": [["18"], ["18"], ["19"]],
    "alpha": "1/20",
}


def test_a_certificate_holds() -> None:
    result = check(json.dumps(certify(INSTANCE)))
    assert (result.claim, result.verdict, result.note) == (LINEAR, "CERTIFIED", "the relation of the theorem")


@pytest.fixture(scope="module")
def altered() -> list[tuple[str, dict[str, Any]]]:
    return list(tamper(certify(INSTANCE)))


def test_every_altered_certificate_is_refused(altered: list[tuple[str, dict[str, Any]]]) -> None:
    accepted = []
    for what, certificate in altered:
        try:
            check(json.dumps(certificate))
        except Refused as reason:
            assert str(reason) and "\n" not in str(reason)
        else:
            accepted.append(what)
    assert accepted == []


def test_tampering_reaches_every_part(altered: list[tuple[str, dict[str, Any]]]) -> None:
    good = certify(INSTANCE)
    for field in recheck.FIELDS:
        assert any(certificate.get(field) != good[field] for _, certificate in altered), field
    numbers = json.dumps(good["instance"])
    digits = sum(character.isdigit() for character in numbers)
    assert sum("digit" in what and "'instance'" in what and "new" in what for what, _ in altered) == digits
    assert json.dumps(good) not in {json.dumps(certificate) for _, certificate in altered}


def test_without_the_digest_some_digits_could_be_altered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: the digest is what pins numbers that the other quantities do not show."""
    monkeypatch.setattr(recheck, "_check_pin", lambda data: None)
    accepted = []
    for what, certificate in tamper(certify(INSTANCE)):
        try:
            check(certificate)
            accepted.append(what)
        except Refused:
            pass
    assert any("'alpha'" in what for what in accepted)


def test_a_refuted_control_is_accepted_as_refuted() -> None:
    control = certify(SHARP, SMALLER, "REFUTED")
    assert str(check(control)) == f"refuted as stated: {SMALLER} REFUTED, the relation of the theorem"
    with pytest.raises(Refused, match="a control certifies nothing"):
        check(certify(SHARP, SMALLER, "CERTIFIED"))
    with pytest.raises(Refused, match="the verdict is REFUTED, not PROVED"):
        check(stated("a < a", "PROVED", instance={"a": "1"}))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"nu": [["0"], ["1"], ["2", "3"]]}, "ragged"),
        ({"theta": [["1/2", "2"], ["3", "2"]]}, "entries where"),
        ({"k": ["1", "1", "1"]}, "entries where"),
        ({"psi": ["0", "1"]}, "nested 1 deep, not 2"),
    ],
)
def test_lists_that_do_not_belong_together_are_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        check(seal(pinned({**certify(INSTANCE), "instance": {**INSTANCE, **change}})))


def test_a_name_that_looks_like_a_shipped_one_is_refused() -> None:
    for name in ("VAE-error/thm-2", "vae_error/thm-2", "vae-error./thm-2"):
        with pytest.raises(Refused, match="no shipped claim"):
            check(stated("a == a", "PROVED", instance={"a": "1"}, claim=name))


def test_a_refuted_claim_is_told_apart_from_a_refuted_control(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "claim.json"
    path.write_text(json.dumps(stated("a < a", "REFUTED", instance={"a": "1"})), encoding="utf-8")
    assert main([str(path)]) == 1 and "the claim does not hold" in capsys.readouterr().out


def test_a_truth_or_a_list_is_no_number() -> None:
    for relation, where in (("t > 0", ["t = a < 2"]), ("0*b == 0", [])):
        with pytest.raises(Refused, match="where a number is wanted"):
            check(stated(relation, "PROVED", instance={"a": "1"} if where else {"b": ["1"]}, where=where))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"pd": ["1/4", "1/2", "0"]}, "does not hold"),
        ({"alpha": "1/3"}, "does not hold"),
        ({"alpha": "0"}, "does not hold"),
        ({"prior": ["1", "0"]}, "log of a number|does not hold|division"),
        ({"theta": [["-1/2"], ["3"]]}, "does not hold"),
    ],
)
def test_a_broken_hypothesis_is_refused(change: dict[str, Any], reason: str) -> None:
    good = certify(INSTANCE)
    instance = {**INSTANCE, **change}
    with pytest.raises(Refused, match=reason):
        check(seal(pinned({**good, "instance": instance})))


# --- formulas ---------------------------------------------------------------------------------------------------------


def test_no_two_claims_state_the_same() -> None:
    """Controls may: one statement can be broken in two ways. The digest tells their certificates apart."""
    claims = {id: formula for id, formula in FORMULAS.items() if "#" not in id}
    stated = {(formula.relation, formula.given, tuple(formula.where)) for formula in claims.values()}
    assert len(stated) == len(claims) > 20
    assert all(id.partition("/")[0] in recheck.PAPERS for id in FORMULAS)


def test_needed_definitions_come_in_order_and_no_others() -> None:
    where = ["a = 1", "b(x) = a + x", "c = 2", "d = b(c)"]
    assert needed(where, ["d < 3"]) == where
    assert needed(where, ["b(1) < 3"]) == where[:2]
    assert needed(where, ["1 < 3"]) == []


def test_a_shipped_relation_under_another_name_is_refused() -> None:
    shipped = certify(INSTANCE)
    parts = {field: shipped[field] for field in ("instance", "where", "given")}
    with pytest.raises(Refused, match=r"this is the relation of 'vae-error/prop-a2-linear'"):
        check(stated(shipped["relation"], "CERTIFIED", **parts))
    spaced = shipped["relation"].replace("*", " * ")
    with pytest.raises(Refused, match="this is the relation of"):
        check(stated(spaced, "CERTIFIED", **parts))


# --- command line -----------------------------------------------------------------------------------------------------


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.json"
    path.write_text(json.dumps(certify(INSTANCE)), encoding="utf-8")
    return path


def test_exit_codes_and_one_line_a_file(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = good.with_name("sub") / "bad.json"
    bad.parent.mkdir()
    bad.write_bytes(b"\xff\xfe")
    worse = bad.with_name("worse.json")
    worse.write_text(json.dumps({**certify(INSTANCE), "verdict": "PROVED"}), encoding="utf-8")
    assert main([str(good)]) == 0
    assert capsys.readouterr().out == f"{good}: holds: {LINEAR} CERTIFIED, the relation of the theorem\n"
    assert main([str(good.parent)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == [
        f"{bad}: refused: not UTF-8 text",
        f"{worse}: refused: altered: sha256 is not that of the rest",
        "1 of 3 certificates are accepted, 2 refused",
    ]
    assert main(["--quiet", str(good), str(worse)]) == 1
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize("words", [[], ["--unknown"], ["no/such/file.json"], ["{empty}"]])
def test_what_cannot_be_read_is_64_with_one_line(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word.format(empty=tmp_path) for word in words]) == 64
    output = capsys.readouterr()
    assert output.out == "" and output.err.count("\n") == 1 and output.err.startswith("recheck: ")


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "--quiet" in capsys.readouterr().out


ALONE = """
import runpy, sys
sys.path.insert(0, sys.argv[1])
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("flint", "sympy", "eftheory", "numpy", "gmpy2"):
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Block())
for name in ("flint", "eftheory"):
    try:
        __import__(name)
    except ImportError:
        pass
    else:
        raise SystemExit("the block itself does not work")
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_the_file_works_copied_alone(good: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(recheck.__file__, alone / "recheck.py")
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "mpmath").symlink_to(Path(mpmath.__file__).parent)
    words = [sys.executable, "-I", "-S", "-c", ALONE, str(tmp_path / "packages"), str(alone / "recheck.py")]
    done = subprocess.run([*words, str(good)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"holds: {LINEAR} CERTIFIED, the relation of the theorem\n")
    good.write_text(good.read_text(encoding="utf-8").replace('"alpha": "1/25"', '"alpha": "1/26"'), encoding="utf-8")
    done = subprocess.run([*words, str(good)], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "altered" in done.stdout


# --- what is known better here ----------------------------------------------------------------------------------------


def test_less_than_what_is_known_here_is_accepted() -> None:
    """A comparison of balls does not tell that 0 <= 0 holds exactly, nor that a number is 1/2."""
    parts = {"instance": {"a": "1/2"}, "quantities": {"a": {"lower": "0.5" + "0" * 19, "upper": "0.5" + "0" * 19}}}
    parts["quantities"]["a"]["digits"] = 20
    assert check(stated("a <= a", "PROVED", **parts)).verdict == "PROVED"
    assert check(stated("a <= a", "CERTIFIED", **parts))
    parts["quantities"]["a"] = {"lower": "0.4" + "9" * 19, "upper": "0.5" + "0" * 18 + "1", "digits": 20}
    parts["quantities"]["a"]["upper"] = "0.50000000000000000001"
    parts["quantities"]["a"]["lower"] = "0.49999999999999999999"
    assert check(stated("a <= a", "CERTIFIED", **parts))
    for lower, upper in (("0.49999999999999999998", "0.50000000000000000001"), ("0.49999999999999999999", "0.5")):
        parts["quantities"]["a"] = {"lower": lower, "upper": upper, "digits": 20}
        with pytest.raises(Refused):
            check(stated("a <= a", "CERTIFIED", **parts))
    with pytest.raises(Refused, match="is CERTIFIED, not PROVED"):
        check(stated("log(2) <= a + a", "PROVED", instance={"a": "1/2"}))
