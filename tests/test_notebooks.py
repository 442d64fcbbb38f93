"""Every notebook runs anywhere, shows what the code says now, and asserts every number that it quotes."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")  # jupyter_core warns until its new default is chosen
os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # python3 is the kernel of this environment, not one of the user's

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LOCAL = re.compile(r"(?<![\w<])/(home|root|tmp|work|Users|usr|opt|var|mnt)/|\b[A-Z]:\\Users|0x[0-9a-f]{8}")
REFRESH = "run: jupyter execute --inplace notebooks/*.ipynb"
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """A fresh run in `folder`, in the kernel of this environment, with this checkout of eftheory."""
    fresh = nbformat.from_dict(notebook)
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    client = NotebookClient(fresh, kernel_name="python3", timeout=120, resources={"metadata": {"path": str(folder)}})
    quick = {"PYTHONPATH": paths, "IPYTHONDIR": str(folder / ".ipython"), "EFTHEORY_QUICK": "1"}
    return client.execute(env={**os.environ, **quick})


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def sections(notebook: NotebookNode) -> Iterator[list[NotebookNode]]:
    """Cells from one heading (# or ##) to the next."""
    part: list[NotebookNode] = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and re.match(r"##? ", cell.source) and part:
            yield part
            part = []
        part.append(cell)
    yield part


def texts(cell: NotebookNode) -> list[str]:
    """What a reader sees of the outputs, but for pictures."""
    shown = []
    for output in cell.outputs:
        data = output.get("data", {})
        shown += [output.get("text", ""), data.get("text/html", data.get("text/latex", data.get("text/plain", "")))]
    return [text for text in shown if text and not text.startswith("<Picture")]


def problems(notebook: NotebookNode) -> list[str]:
    """What is wrong with a notebook as it is committed."""
    found = []
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        found.append("its kernel is not python3")
    for number, cell in enumerate(code_cells(notebook), 1):
        if cell.execution_count != number:
            found.append(f"cell {number} was not executed in order")
        defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        if any(isinstance(node, defined) for node in ast.walk(ast.parse(cell.source))):
            found.append(f"cell {number} defines something: functions live in the library")
        for output in cell.outputs:
            if output.output_type == "error" or output.get("name") == "stderr":
                found.append(f"cell {number} shows an error or a warning")
            text = "".join(str(v) for kind, v in output.get("data", {}).items() if kind != "image/png")
            if LOCAL.search(text + output.get("text", "")):
                found.append(f"cell {number} shows a path or an address of one machine")
    for part in sections(notebook):
        prose = "".join(re.sub(r"`[^`]*`", "", cell.source) for cell in part if cell.cell_type == "markdown")
        asserts = [node for cell in part if cell.cell_type == "code" for node in ast.walk(ast.parse(cell.source))]
        if re.search(r"\d", prose) and not any(isinstance(node, ast.Assert) for node in asserts):
            found.append(f"{part[0].source.splitlines()[0]!r} quotes numbers and asserts nothing")
    return found


def gist(notebook: NotebookNode) -> list[str]:
    """What the cells show after the first (version, commit), without decimals: enclosures may differ in the last.

    One text for each cell: into how many messages the kernel cuts what is printed is a matter of its timing.
    """
    return [re.sub(r" *-?\d+\.\d+", "#", "".join(texts(cell))) for cell in code_cells(notebook)[1:]]


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@each
def test_what_is_committed_is_in_order(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert problems(notebook) == []
    assert any("image/png" in output.get("data", {}) for cell in code_cells(notebook) for output in cell.outputs)
    first = "".join(texts(code_cells(notebook)[0]))
    assert all(word in first for word in ("eftheory", "commit", "seed"))


@each
def test_it_runs_anywhere_and_shows_what_is_committed(path: Path, tmp_path: Path) -> None:
    committed = nbformat.read(path, as_version=4)
    fresh = execute(committed, tmp_path)
    assert problems(fresh) == []
    for number, (now, then) in enumerate(zip(gist(fresh), gist(committed), strict=True), start=2):
        assert now == then, f"the committed outputs of code cell {number} are stale; {REFRESH}"


def test_every_named_model_has_its_section() -> None:
    from eftheory.spec import named_models

    notebook = nbformat.read(ROOT / "notebooks" / "01_is_my_encoder_consistent.ipynb", as_version=4)
    headings = [cell.source.splitlines()[0] for cell in notebook.cells if cell.source.startswith("## ")]
    for name, _, _ in named_models():
        assert sum(heading.startswith(f"## `{name}`") for heading in headings) == 1, name


# --- controls: each of these must fail --------------------------------------------------------------------------------


def book(*cells: NotebookNode) -> NotebookNode:
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return new_notebook(cells=list(cells), metadata=metadata)


def test_a_false_assert_fails(tmp_path: Path) -> None:
    call = "eft.check(decoder='bernoulli(2)', encoder='normal(1)', prior='free')"
    source = f"import eftheory as eft\nassert {call}.verdict"
    assert problems(execute(book(new_code_cell(source)), tmp_path)) == []
    with pytest.raises(CellExecutionError, match="AssertionError"):
        execute(book(new_code_cell(source + " == 'collapsed'")), tmp_path)


PRINTED = new_output("stream", name="stdout", text="from /home/somebody/x.py")
WARNED = new_output("stream", name="stderr", text="DeprecationWarning")
FAILED = new_output("error", ename="E", evalue="", traceback=[])


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ([new_code_cell("1")], "not executed"),
        ([new_code_cell("def f(): pass", execution_count=1)], "defines something"),
        ([new_code_cell("class A: pass", execution_count=1)], "defines something"),
        ([new_code_cell("1", execution_count=1, outputs=[PRINTED])], "shows a path"),
        ([new_code_cell("1", execution_count=1, outputs=[WARNED])], "shows an error"),
        ([new_code_cell("1", execution_count=1, outputs=[FAILED])], "shows an error"),
        ([new_markdown_cell("## gap\nIt is 0.3 nats."), new_code_cell("1", execution_count=1)], "asserts nothing"),
        (
            [
                new_markdown_cell("# A"),
                new_code_cell("assert True", execution_count=1),
                new_markdown_cell("## B\nThree of 4."),
            ],
            "asserts nothing",
        ),
    ],
)
def test_a_fault_is_found(cells: list[NotebookNode], problem: str) -> None:
    assert len(found := problems(book(*cells))) == 1 and problem in found[0]


def test_stale_outputs_are_found() -> None:
    shown = ("Delta in [0.1] nats, a", "Delta in [0.2] nats, a", "Delta in [0.1] nats, b")
    outputs = [new_output("stream", text=text) for text in shown]
    books = [book(new_code_cell(""), new_code_cell("", outputs=[output])) for output in outputs]
    assert gist(books[0]) == gist(books[1]) != gist(books[2])


def test_printed_text_that_arrives_in_pieces_is_the_same_text() -> None:
    pieces = [new_output("stream", text=text) for text in ("Delta in [0.", "1] nats, a", "\n")]
    whole = [new_output("stream", text="Delta in [0.1] nats, a\n")]
    cut, uncut = (book(new_code_cell(""), new_code_cell("", outputs=outputs)) for outputs in (pieces, whole))
    assert gist(cut) == gist(uncut) == ["Delta in [#] nats, a\n"]
