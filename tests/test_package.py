"""The package as installed: lazy names, wheel, files at top level, and the integers that SymPy computes with."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import eftheory

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment}
    )


def test_every_promised_name_is_there() -> None:
    for name in eftheory.__all__:
        assert getattr(eftheory, name) is not None
        assert name in dir(eftheory)


def test_an_unknown_name_says_what_there_is() -> None:
    with pytest.raises(AttributeError, match="consistency_witness"):
        _ = eftheory.nothing


@pytest.mark.parametrize(
    "first",
    ["pass", "eftheory.check", "import eftheory.check", "from eftheory.check import check_specification"],
)
def test_check_is_the_function_whatever_was_imported_first(first: str) -> None:
    code = f"import eftheory, types\n{first}\nprint(isinstance(eftheory.check, types.FunctionType))"
    done = python(code)
    assert done.stdout == "True\n", done.stderr


@pytest.mark.crosscheck
def test_sympy_computes_with_the_integers_that_were_asked_for() -> None:
    """The second run of the cross-checks is independent of FLINT only if the variable took effect."""
    from sympy.external.gmpy import GROUND_TYPES

    assert os.environ.get("SYMPY_GROUND_TYPES", "flint") == GROUND_TYPES
    other = "python" if GROUND_TYPES == "flint" else "flint"
    shown = python("from sympy.external.gmpy import GROUND_TYPES; print(GROUND_TYPES)", SYMPY_GROUND_TYPES=other)
    assert shown.stdout.strip() == other


def test_version_is_written_once_and_cited() -> None:
    assert PROJECT["dynamic"] == ["version"] and "version" not in PROJECT
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", citation, re.M)[1] == eftheory.__version__
    assert all(key in citation for key in ("vae-error", "bernoulli-bound", "linear-vae", "infovae"))


def requirements(lines: list[str]) -> set[str]:
    return {re.match(r"[A-Za-z0-9._-]+", line)[0].lower().replace("_", "-") for line in lines if line.strip()}


def test_core_is_light_and_every_tested_version_is_pinned() -> None:
    core = requirements(PROJECT["dependencies"])
    assert core == {"sympy", "mpmath", "python-flint", "numpy", "typer", "rich", "jinja2"}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==\S+", pin) for pin in pins)
    extras = PROJECT["optional-dependencies"]
    wanted = core | requirements(extras["test"]) | requirements(extras["notebooks"]) | {"torch"}
    assert wanted - {"eftheory"} <= requirements(pins)


def test_constraints_meet_the_ranges() -> None:
    from packaging.requirements import Requirement

    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = dict(line.lower().split("==") for line in text.splitlines() if "==" in line)
    pins = {name.replace("_", "-"): version for name, version in pins.items()}
    lines = [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]
    checked = [r for r in map(Requirement, lines) if r.name.lower() in pins]
    assert len(checked) > 10
    assert [str(r) for r in checked if pins[r.name.lower()] not in r.specifier] == []


def test_the_wheel_holds_the_library_alone_and_runs(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="`make test` installs it")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        top = {name.split("/")[0] for name in archive.namelist()}
        assert top == {"eftheory", f"eftheory-{eftheory.__version__}.dist-info"}
        assert any(name.endswith("LICENSE") for name in archive.namelist())
        archive.extractall(tmp_path / "site")
    elsewhere = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    command = [sys.executable, "-m", "eftheory", "check", "--list", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=elsewhere)
    assert "gaussian-vae" in done.stdout.split(), done.stderr


def test_the_specification_in_the_readme_loads(tmp_path: Path) -> None:
    from eftheory.spec import load

    (example,) = re.findall(r"```toml\n(.+?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    (tmp_path / "my_model.toml").write_text(example, encoding="utf-8")
    loaded = load(tmp_path / "my_model.toml")
    assert str(loaded.decoder) == "poisson(100)" and loaded.prior.kind == "same"
    assert len(loaded.encoder.unit.statistics) == 2


def test_top_level_files_are_there_and_ci_runs_make_test() -> None:
    for name in ("README.md", "LICENSE", "CITATION.cff", "CHANGELOG.md", "Makefile", "constraints.txt"):
        assert (ROOT / name).is_file(), name
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    run = ROOT / ".ci" / "run"
    assert os.access(run, os.X_OK) and "make test" in run.read_text(encoding="utf-8").splitlines()
