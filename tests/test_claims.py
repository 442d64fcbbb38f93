"""The shipped claims as users meet them: from an installed wheel, re-checked without FLINT, altered, in README."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from recheck.tampering import tamper

from eftheory import recheck
from eftheory.__main__ import main
from eftheory.claims.discovery import discover
from eftheory.report import claims_table

ROOT = Path(__file__).parents[1]
PER_CLAIM = 2
"""Certificates of each claim and control that are re-checked here; all of them: pytest -m slow."""
ALTERED = 12
"""Alterations tried on one certificate of each claim and control, spread over all."""
BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("flint", "sympy", "numpy", "eftheory"):
            raise ImportError(name)
sys.meta_path.insert(0, Block())
import runpy
sys.argv = ["recheck", *sys.stdin.read().split()]
runpy.run_path(CHECKER, run_name="__main__")
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the installed wheel and nothing of this checkout."""
    pytest.importorskip("hatchling", reason="`make test` installs it")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def quick(site: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """The report of ``eftheory verify --quick`` from the wheel, and the folder of its certificates."""
    folder = tmp_path_factory.mktemp("quick")
    command = [sys.executable, "-m", "eftheory", "verify", "--quick", "--json", "r.json", "--certificates", "c"]
    elsewhere = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=elsewhere)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "r.json").read_text(encoding="utf-8")), folder / "c"


def samples(certificates: Path, count: int) -> list[Path]:
    """`count` certificates of each claim and control."""
    folders = sorted({path.parent for path in certificates.rglob("*.json")})
    return [path for folder in folders for path in islice(sorted(folder.iterdir()), count)]


def rechecked(paths: list[Path]) -> subprocess.CompletedProcess[str]:
    """``recheck.py`` alone, in a process that can import nothing of ours, nor FLINT, SymPy or NumPy."""
    code = BLOCKED.replace("CHECKER", repr(str(ROOT / "eftheory" / "recheck.py")))
    words = "\n".join(map(str, paths))
    return subprocess.run(
        [sys.executable, "-c", code], input=words, capture_output=True, text=True, cwd=paths[0].parent
    )


def test_every_claim_holds_and_every_control_is_refuted(quick: tuple[dict[str, Any], Path]) -> None:
    report, _ = quick
    shipped = discover()
    assert shipped.broken == ()
    assert {entry["id"] for entry in report["claims"]} == {claim.id for claim in shipped.claims}
    assert {entry["status"] for entry in report["claims"] if entry["kind"] == "claim"} == {"holds"}
    assert {entry["status"] for entry in report["claims"] if entry["kind"] == "control"} == {"refuted"}
    subjects = {claim.subject for claim in shipped.claims if claim.kind == "control"}
    assert subjects == {claim.id for claim in shipped.claims if claim.kind == "claim"}, "each claim has a control"


@pytest.mark.parametrize("claim", ["prop-a2-linear", "prop-a2-envelope", "thm-2-linear", "thm-2-envelope"])
def test_an_adversary_comes_within_one_per_cent_of_the_sharp_bounds(
    quick: tuple[dict[str, Any], Path], claim: str
) -> None:
    (entry,) = (each for each in quick[0]["claims"] if each["id"] == f"vae-error/{claim}")
    assert entry["tightest"]["key"].startswith("search/") and 0.99 < entry["tightest"]["ratio"] <= 1.0


def test_certificates_are_accepted_where_flint_cannot_be_imported(quick: tuple[dict[str, Any], Path]) -> None:
    paths = samples(quick[1], PER_CLAIM)
    assert len(paths) > 150
    done = rechecked(paths)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert done.stdout.splitlines()[-1] == f"{len(paths)} of {len(paths)} certificates are accepted, 0 refused"


@pytest.mark.slow
def test_every_certificate_is_accepted_where_flint_cannot_be_imported(quick: tuple[dict[str, Any], Path]) -> None:
    paths = sorted(quick[1].rglob("*.json"))
    done = rechecked(paths)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


def test_altered_certificates_are_refused(quick: tuple[dict[str, Any], Path]) -> None:
    accepted = []
    for path in samples(quick[1], 1):
        altered = list(tamper(json.loads(path.read_text(encoding="utf-8")), every=7))
        for what, certificate in altered[:: max(1, len(altered) // ALTERED)]:
            try:
                recheck.check(certificate)
            except recheck.Refused:
                continue
            accepted.append((path.name, what))
    assert accepted == []


def test_every_certified_claim_has_its_formula_in_the_checker() -> None:
    stated = {claim.id: claim for claim in discover().claims if claim.relation}
    assert stated.keys() == recheck.FORMULAS.keys()
    for id, claim in stated.items():
        formula = recheck.FORMULAS[id]
        found = (claim.relation, list(claim.given), list(claim.where), sorted(claim.quantities))
        assert found == (formula.relation, list(formula.given), formula.where, sorted(formula.quantities)), id


def test_the_table_in_the_readme_is_the_one_of_the_claims(quick: tuple[dict[str, Any], Path]) -> None:
    """Ids, statements, statuses and controls; how many instances and which ratio is what the full run measured."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"<!-- claims -->\n(.+?)<!-- end of claims -->", readme, re.S)
    assert without_measurements(table) == without_measurements(claims_table(discover(), quick[0]))


def without_measurements(table: str) -> list[list[str]]:
    rows = [re.split(r"(?<!\\)\|", line) for line in table.strip().splitlines()]
    return [[re.sub(r" \(\d+\)|\d+ of \d+", "", row[i]) for i in (1, 2, 3, 5)] for row in rows]


def test_the_claim_written_in_the_readme_runs(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.+?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    (tmp_path / "gibbs.py").write_text(code, encoding="utf-8")
    assert main(["verify", str(tmp_path), "--certificates", str(tmp_path / "out"), "--quiet"]) == 0
    paths = sorted((tmp_path / "out").rglob("*.json"))
    assert [recheck.check(path.read_text(encoding="utf-8")).verdict for path in paths] == ["CERTIFIED"] * 2
