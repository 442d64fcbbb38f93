"""Finds claims: every ``*.py`` below a folder defines some; a name that begins with ``_`` is a helper of the others."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from hashlib import sha256
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from eftheory.claims.model import Claim, collecting, first_line, located, one_line
from eftheory.errors import MisuseError, unknown


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A file of which the claims are not known, with the reason in one line."""

    id: str
    root: str
    file: str
    reason: str

    @property
    def paper(self) -> str:
        return Path(self.file).parent.name.replace("_", "-")


@dataclass(frozen=True, kw_only=True)
class Discovery:
    """What was found, in the order of the files' paths and, within a file, of the definitions."""

    claims: tuple[Claim, ...]
    broken: tuple[Broken, ...] = ()

    def select(self, *, paper: str | None = None, claim: str | None = None) -> Discovery:
        """The claims of one paper, or one claim with its controls, or with the one control that is named.

        Raises MisuseError for a name that is not there, with the nearest one; where files did not load, the name may
        be theirs, so that they are kept instead.
        """
        claims, broken = self.claims, self.broken
        if paper is not None:
            claims = tuple(c for c in claims if c.paper == paper)
            broken = tuple(b for b in broken if b.paper == paper)
            if not claims and not broken:
                raise unknown("paper", paper, {c.paper for c in self.claims} | {b.paper for b in self.broken})
        if claim is not None:
            known = {c.subject for c in claims}
            subject = claim.partition("#")[0]
            claims = tuple(c for c in claims if claim in (c.subject, c.id) or c.id == subject)
            if claims:
                broken = tuple(b for b in broken if b.id.startswith(f"{subject}#"))
            if not claims and not broken:
                raise unknown("claim", claim, known)
        return Discovery(claims=claims, broken=broken)


def shipped() -> Path:
    """The folder of the claims that ship: inside the installed package, or beside it in the repository."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "_verify"
    return inside if inside.is_dir() else package.parent / "verify"


def discover(paths: Iterable[str | Path] = ()) -> Discovery:
    """The claims in `paths` (files or folders; without any, those that ship). The files are Python and are run.

    A file that does not import, or defines no claim, is `Broken`; the others go on. Raises MisuseError for a path that
    is not there, for an id that is defined twice, and where there is no file at all.
    """
    chosen = [Path(path) for path in paths] or [shipped()]
    files: dict[Path, Path] = {}
    for path in chosen:
        for root, file in _files(path):
            files.setdefault(file, root)
    if not files:
        wanted = "a folder with claim files (*.py)"
        raise MisuseError(wanted=wanted, got=", ".join(map(str, chosen)), do="name another path")
    for name in [name for name in sys.modules if name.startswith("_eftheory_claims_")]:
        del sys.modules[name]  # a helper may have changed since it was last read
    claims: list[Claim] = []
    broken: list[Broken] = []
    for file, root in files.items():
        try:
            claims += load(root, file)
        except (Exception, SystemExit) as error:
            name = file.relative_to(root).as_posix()
            broken.append(Broken(id=name, root=str(root), file=str(file), reason=one_line(error)))
    _refuse_duplicates(claims)
    known = {each.id for each in claims}
    orphans = [each for each in claims if each.kind == "control" and each.subject not in known]
    broken += [Broken(id=c.id, root=c.root, file=c.file, reason=f"no claim {c.subject!r}") for c in orphans]
    return Discovery(claims=tuple(c for c in claims if c not in orphans), broken=tuple(broken))


def load(root: Path, file: Path) -> list[Claim]:
    """The claims that `file` defines, with what it prints sent to stderr; raises whatever the file raises."""
    package = _package(root)
    name = ".".join([package, *file.relative_to(root).with_suffix("").parts])
    loader = _Uncached(name, str(file))
    spec = spec_from_file_location(name, file, loader=loader)
    assert spec is not None
    module = sys.modules[name] = module_from_spec(spec)
    with collecting() as found, redirect_stdout(sys.stderr):
        loader.exec_module(module)
    if not found:
        raise MisuseError(wanted="a file that defines claims", got=file.name, do="use @claim, or begin its name with _")
    return [located(each, str(root), str(file), first_line(module.__doc__)) for each in found]


class _Uncached(SourceFileLoader):
    """Always reads the source: the bytecode cache tells two versions apart by whole seconds only."""

    def get_code(self, fullname: str) -> CodeType | None:
        return self.source_to_code(self.get_data(self.path), self.path)


def digest(root: str, file: str) -> str:
    """Identifies what `file` computes: its own text, and that of the helpers (``_*.py``) below `root`."""
    total = sha256(Path(file).read_bytes())
    for helper in sorted(path for path in _walk(Path(root)) if path.name.startswith("_")):
        total.update(str(helper.relative_to(root)).encode(errors="surrogateescape") + b"\0" + helper.read_bytes())
    return total.hexdigest()


def _files(path: Path) -> Iterator[tuple[Path, Path]]:
    """(root, file): imports such as ``from .._common import f`` are relative to the root."""
    if not path.exists():
        raise MisuseError(wanted="a claim file or folder", got=f"{path}, which does not exist", do="name another path")
    path = path.resolve()
    if path.is_dir():
        root = _root(path)
        yield from ((root, file) for file in sorted(_walk(path)) if not file.name.startswith("_"))
    elif path.suffix == ".py":
        yield _root(path.parent), path
    else:
        raise MisuseError(wanted="a claim file *.py, or a folder", got=str(path), do="name another path")


def _root(folder: Path) -> Path:
    """The shipped folder for what lies in it; otherwise the folder itself, or the first one up that is no package."""
    home = shipped()
    if folder.is_relative_to(home):
        return home
    while (folder / "__init__.py").exists() and folder.parent != folder:
        folder = folder.parent
    return folder


def _walk(folder: Path) -> Iterator[Path]:
    for where, inner, names in os.walk(folder):
        inner[:] = sorted(name for name in inner if not name.startswith((".", "__pycache__")))
        yield from (Path(where) / name for name in names if name.endswith(".py") and not name.startswith("."))


def _package(root: Path) -> str:
    """A package of its own for each root, so that files of the same name in two folders never meet."""
    name = "_eftheory_claims_" + sha256(str(root).encode(errors="surrogateescape")).hexdigest()[:12]
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(root)]
        sys.modules[name] = package
    return name


def _refuse_duplicates(claims: Sequence[Claim]) -> None:
    seen: dict[str, Claim] = {}
    for each in claims:
        if (first := seen.setdefault(each.id, each)) is not each:
            got = f"{each.id!r} in {first.file} and in {each.file}"
            raise MisuseError(wanted="every claim id once", got=got, do="rename one of them")
