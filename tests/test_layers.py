"""The rooms of the house and what each may import: read from the source with `ast`, and from what a process loads."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "eftheory"
ANY = frozenset({"*"})

# room: (rooms of eftheory it may import, third-party packages it may import)
RULES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    room: (frozenset(own.split()), frozenset(third.split()))
    for room, own, third in [
        ("errors", "", ""),
        ("verdict", "errors", ""),
        ("claims", "verdict errors", ""),
        ("expression", "errors", "sympy"),
        ("families", "expression errors", "sympy"),
        ("spec", "expression families errors", "sympy"),
        ("derive", "families spec verdict errors", "sympy mpmath"),
        ("exact", "families spec verdict errors", "flint numpy"),
        ("witness", "families spec exact verdict errors", "flint"),
        ("bounds", "exact verdict errors", ""),
        ("analytic", "families exact bounds verdict errors", "numpy scipy sympy"),
        ("suites", "claims exact bounds verdict errors", ""),
        ("check", "derive witness spec verdict errors", ""),
        ("recheck", "", "mpmath"),
        (
            "learn",
            "families spec exact witness bounds analytic check verdict errors",
            "torch lightning_fabric lightning safetensors pooch numpy scipy",
        ),
        ("report", "verdict claims", "jinja2"),
        ("report_projection", "report", ""),
        ("plots", "verdict claims", "matplotlib"),
        ("cli", "*", "typer rich"),
        ("__main__", "cli", ""),
        ("__init__", "*", ""),
    ]
}
# Departures from the table that were agreed on an issue: room -> {third-party package: why}.
AGREED: dict[str, dict[str, str]] = {
    "families": {"mpmath": "own families are checked numerically (support, stated log-partition); it comes with sympy"},
    "exact": {"sympy": "statistics and bases are sympy expressions; exact only evaluates them, in its own arithmetic"},
    "witness": {"sympy": "the same: reads expressions, evaluates them in balls"},
    "learn": {"sympy": "the same: one translator turns the families' expressions into torch"},
}
# A result shows itself in a notebook: the import stands inside the method, so it is no dependency at load time.
INSIDE_A_FUNCTION = {("verdict", "report")}
TYPE_CHECKING_ONLY_NAMES = {"__version__"}  # `from eftheory import __version__` is allowed everywhere


def room_of(path: Path) -> str:
    """The first part below the package: a module's name, or its folder's."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree: ast.AST, package: str) -> Iterator[tuple[str, bool]]:
    """Every absolute dotted name that the source imports, with whether it stands inside a function.

    ``from a import b`` gives ``a.b``, relative imports are resolved against `package`, and calls of ``import_module``
    and ``__import__`` count; what their argument does not say literally is ``?``.
    """

    def walk(node: ast.AST, inside: bool) -> Iterator[tuple[str, bool]]:
        if isinstance(node, ast.Import):
            yield from ((alias.name, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = parts[: len(parts) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((f"{stem}.{alias.name}", inside) for alias in node.names)
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in ("import_module", "__import__"):
                yield literal_start(node.args[0] if node.args else None), inside
        inner = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from walk(child, inner)

    return walk(tree, False)


def literal_start(argument: ast.expr | None) -> str:
    if isinstance(argument, ast.JoinedStr):
        return literal_start(argument.values[0]) + "?"
    return str(argument.value) if isinstance(argument, ast.Constant) else "?"


def offences(source: str, room: str, package: str = "eftheory") -> list[str]:
    """The imports of `source`, as a module of `room`, that the table does not allow."""
    own, third = RULES[room]
    found = []
    for name, inside in imports(ast.parse(source), package):
        top, *rest = name.split(".")
        if top == "__future__" or top in sys.stdlib_module_names:
            continue
        if top != "eftheory":
            allowed = top in third or top in AGREED.get(room, {})
        elif not rest:
            allowed = room in ("cli", "__main__")
        else:
            allowed = (
                rest[0] in own
                or own == ANY
                or rest[0] == room
                or rest[0] in TYPE_CHECKING_ONLY_NAMES
                or (inside and (room, rest[0]) in INSIDE_A_FUNCTION)
            )
        if not allowed:
            found.append(name)
    return found


SOURCES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_imports_only_what_its_room_may(path: Path) -> None:
    assert room_of(path) in RULES, f"a new room: add {room_of(path)!r} to the table, and say why on the issue"
    package = ".".join(path.relative_to(ROOT).parts[:-1])
    assert offences(path.read_text(encoding="utf-8"), room_of(path), package) == []


@pytest.mark.parametrize(
    ("room", "source", "offence"),
    [
        ("exact", "from eftheory.derive import prior", "eftheory.derive.prior"),
        ("exact", "from eftheory import derive", "eftheory.derive"),
        ("derive", "from ..exact import linear", "eftheory.exact.linear"),
        ("derive", "def f():\n    import flint", "flint"),
        ("families", "import numpy.linalg as la", "numpy.linalg"),
        ("spec", "import torch", "torch"),
        ("recheck", "from eftheory.errors import MisuseError", "eftheory.errors.MisuseError"),
        ("verdict", "from eftheory.report import consistency_html", "eftheory.report.consistency_html"),
        ("report", "import eftheory", "eftheory"),
        ("check", "import importlib\nimportlib.import_module('sympy')", "sympy"),
        ("check", "import importlib\nimportlib.import_module(name)", "?"),
        ("check", "import importlib\nimportlib.import_module(f'eftheory.{name}')", "eftheory.?"),
        ("cli", "import numpy", "numpy"),
        ("claims", "import numpy", "numpy"),
        ("claims", "from eftheory.exact import compare", "eftheory.exact.compare"),
    ],
)
def test_the_guard_can_fail(room: str, source: str, offence: str) -> None:
    assert offences(source, room, f"eftheory.{room}") == [offence]


def test_the_guard_lets_through_what_is_allowed() -> None:
    source = "import json\nimport sympy as sp\nfrom eftheory.families.base import Unit\nfrom . import space"
    assert offences(source, "derive", "eftheory.derive") == []
    assert offences("def f():\n    from eftheory.report import consistency_html", "verdict") == []


# --- the rooms inside learn -------------------------------------------------------------------------------------------

LEARN = [
    "config",
    "config_file",
    "datasets",
    "densities",
    "harmoniums",
    "models",
    "objectives",
    "evaluation",
    "runs",
    "projection",
    "experiments",
]
"""In this order: each may import what stands before it, and itself."""


def rooms_imported(source: str, package: str) -> set[str]:
    """The rooms of learn that `source` imports."""
    names = (name.split(".") for name, _ in imports(ast.parse(source), package))
    return {parts[2] for parts in names if parts[:2] == ["eftheory", "learn"] and len(parts) > 2}


def too_late(source: str, room: str) -> list[str]:
    """Rooms that `source`, a module of `room` in learn, imports although they come after it."""
    allowed = LEARN[: LEARN.index(room) + 1]
    return sorted(rooms_imported(source, f"eftheory.learn.{room}") - set(allowed))


LEARNING = [path for path in SOURCES if room_of(path) == "learn" and path != PACKAGE / "learn" / "__init__.py"]


@pytest.mark.parametrize("path", LEARNING, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_rooms_of_learn_build_on_each_other_in_one_order(path: Path) -> None:
    room = path.relative_to(PACKAGE / "learn").parts[0].removesuffix(".py")
    assert room in LEARN, f"a new room of learn: give {room!r} its place in the order"
    assert too_late(path.read_text(encoding="utf-8"), room) == []


def test_a_room_of_learn_that_looks_ahead_is_found() -> None:
    assert too_late("from eftheory.learn.runs.train import train", "models") == ["runs"]
    assert too_late("from eftheory.learn.densities.density import Density", "models") == []


# --- what a process loads ---------------------------------------------------------------------------------------------

HEAVY = ("sympy", "flint", "numpy", "torch", "scipy", "matplotlib", "mpmath")


def loaded(code: str) -> set[str]:
    """Top-level packages loaded by a fresh interpreter that ran `code`."""
    report = "\nimport sys; print('LOADED', *sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(done.stdout.rpartition("LOADED")[2].split())


def main(*words: str) -> str:
    return f"from eftheory.__main__ import main; main({list(words)!r})"


LIGHT = ["import eftheory", "import eftheory.claims.runner", *(main(*words.split()) for words in (
    "--help", "--version", "check --help", "verify --help", "recheck --help", "train --help", "train --list"
))]  # fmt: skip


@pytest.mark.parametrize("code", LIGHT)
def test_nothing_heavy_is_loaded_before_it_is_needed(code: str) -> None:
    assert loaded(code).isdisjoint(HEAVY)


def test_check_loads_sympy_but_no_torch_scipy_or_matplotlib() -> None:
    modules = loaded(main("check", "bernoulli-vae", "--quiet"))
    assert "sympy" in modules, "the measurement itself works"
    assert modules.isdisjoint({"torch", "scipy", "matplotlib", "jinja2", "rich"})


def test_recheck_loads_nothing_that_makes_certificates(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text("{}")
    modules = loaded(main("recheck", str(tmp_path)))
    assert "mpmath" in modules, "the measurement itself works"
    assert modules.isdisjoint({"sympy", "flint", "numpy", "torch", "scipy", "matplotlib", "jinja2", "rich"})


# --- derive knows no family by name -----------------------------------------------------------------------------------

# Words that are also plain mathematics: as a variable, a function or inside prose they are no family.
MATHEMATICS = {"normal", "exponential", "gamma", "beta", "geometric", "binomial", "multinomial", "laplace"}


def words(identifier: str) -> str:
    """``_IsBernoulliRule`` as ``_is_bernoulli_rule_``: so that a name can be looked for as a word."""
    return f"_{re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', identifier).lower().strip('_')}_"


def family_names_in(source: str, names: frozenset[str]) -> list[str]:
    """Family names in the code of `source`; docstrings and comments are prose and do not count.

    An identifier (variable, attribute, argument, keyword, import) or a string counts when it contains a name as a word
    between underscores, blanks or punctuation. The words in `MATHEMATICS` ("normal form", "exponential independence",
    a variable ``gamma``) count only where a family can be meant: imported, or as a string that is the name or begins
    with its notation, ``normal(``; a rule that goes by the name has to compare with such a string. Functions of SymPy
    (``sp.gamma``, or imported from sympy) never count, nor do LaTeX commands (``\\gamma``).
    """
    tree = ast.parse(source)
    found = []
    for text, can_mean_a_family in _code_words(tree):
        for name in names:
            hit = can_mean_a_family and re.match(rf"{name}\s*(\(|$)", text.strip().lower()) is not None
            if not hit and name not in MATHEMATICS:
                hit = f"_{name}_" in words(re.sub(r"normal forms?|\\[A-Za-z]+|[^A-Za-z0-9_]+", "_", text))
            if hit:
                found.append(f"{name} in {text!r}")
    return sorted(found)


def _code_words(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """(identifier or string, whether it is a string or imported)."""
    documented = (ast.Module, ast.FunctionDef, ast.ClassDef)
    prose = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    prose |= {  # a bare string after an assignment documents it
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    sympy_names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sympy"
        for alias in node.names
    }
    aliases = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name.split(".")[0] == "sympy"
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value, True
        elif isinstance(node, ast.Name) and node.id not in sympy_names:
            yield node.id, False
        elif isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id in aliases):
            yield node.attr, False
        elif isinstance(node, ast.arg | ast.keyword) and node.arg:
            yield node.arg, False
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, False
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] != "sympy":
            yield from ((part, True) for part in (node.module or "").split("."))
            yield from ((alias.name, True) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((part, True) for alias in node.names for part in alias.name.split("."))


@pytest.fixture(scope="module")
def names() -> frozenset[str]:
    from eftheory.families import NAMES

    return frozenset(NAMES)


@pytest.mark.parametrize("path", sorted((PACKAGE / "derive").rglob("*.py")), ids=lambda path: path.name)
def test_derive_contains_no_family_name(path: Path, names: frozenset[str]) -> None:
    assert names, "the registry is not empty"
    assert family_names_in(path.read_text(encoding="utf-8"), names) == []


FEW = frozenset({"bernoulli", "log_normal", "normal", "gamma", "von_mises"})


@pytest.mark.parametrize(
    "source",
    [
        "if family.name == 'normal': pass",
        "table = {'Bernoulli': 1}",
        "spec.startswith('normal(')",
        "def bernoulli_rule(): pass",
        "class IsBernoulliEncoder: pass",
        "import eftheory.families.von_mises",
        "from eftheory.families.gamma import unit",
        "from eftheory.families import normal as n",
        "f(bernoulli=1)",
        "if 'a von_mises prior' in text: pass",
        "reason = f'the {x} of a bernoulli unit'",
        "reason = 'the log-normal has a normal form'",
    ],
)
def test_a_family_name_in_derive_is_found(source: str) -> None:
    assert family_names_in(source, FEW) != []


@pytest.mark.parametrize(
    "source",
    [
        '"""A Bernoulli decoder."""',
        "x = 1  # bernoulli",
        "import sympy as sp\ny = sp.gamma(x)",
        "from sympy import gamma, loggamma\ny = gamma(x) + loggamma(x)",
        "normal = normal_form(x)\ndef gamma_ratio(gamma): pass",
        "reason = 'no exp-log normal form was reached'",
        r"latex = '\\gamma x'",
    ],
)
def test_mathematics_is_not_mistaken_for_a_family(source: str) -> None:
    assert family_names_in(source, FEW) == []
