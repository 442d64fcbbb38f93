"""Tiny claim files for the tests of the runner: how an instance comes out is written in its key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eftheory.claims.discovery import discover
from eftheory.claims.runner import run
from eftheory.claims.summary import Report

HEAD = '''
r"""$x \\le y$ for all x.

More."""
import os, sys, time
from pathlib import Path
from eftheory.claims import Instances, claim, control
from eftheory.verdict import Status, Verdict

def answer(instance):
    """``kind/number``: the kind says what happens."""
    kind, number = instance["key"][0], instance["x"]
    if kind == "raise": raise ValueError("no\\nidea")
    if kind == "exit": sys.exit(3)
    if kind == "die": os._exit(7)
    if kind == "orphan":
        if os.fork() == 0: time.sleep(60)
        os._exit(7)
    if kind == "text": return "holds"
    if kind == "sleep": time.sleep(float(number) / 1000); kind = "certified"
    if kind == "print": print("noise"); os.write(1, b"noise"); kind = "certified"
    if kind == "read": assert sys.stdin.read() == ""; kind = "certified"
    bad = kind == "refuted"
    return Verdict(status=Status[kind.upper()], scope="toy", reason=f"because {number}",
        witness={"x": number} if bad else None,
        statistics={"ratio": int(number) / 100, "precision": 64 * (1 + int(number) % 3),
                    "quantities": {"x": {"lower": number, "upper": number, "digits": 20}, "more": 1}})

def build(key):
    kind, number = key.split("/")
    if kind == "unbuilt": raise KeyError(key)
    if kind == "float": return {"key": ["certified"], "x": 0.5}
    return KEYED({"key": [kind], "x": number})

class KEYED(dict): pass

def of(*keys):
    return Instances(keys=lambda quick: keys[:1] if quick else keys, build=build)

def many(kind, count):
    return of(*[f"{kind}/{i}" for i in range(count)])
'''


def write(folder: Path, body: str, name: str = "toy/one.py", head: str = HEAD) -> Path:
    """A claim file with `body` below the common head."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head.lstrip() + body, encoding="utf-8")
    return path


def one(instances: str, id: str = "toy/a", relation: str = "", more: str = "") -> str:
    """The body of one claim on `instances`; ``sound`` is its control."""
    extra = f", relation={relation!r}{more}" if relation else ""
    return f"""
claim({id!r}, instances={instances}{extra})(answer)
control({id!r}, "sound", instances=of("refuted/1"){extra})(answer)
"""


def verify(*paths: Path, **options: Any) -> Report:
    return run(discover(paths), **{"jobs": 1, **options})


def words(report: Report) -> dict[str, str]:
    return {each.id: each.status for each in report.claims}


def timeless(value: Any) -> Any:
    """`value` without its seconds."""
    if isinstance(value, dict):
        return {name: timeless(part) for name, part in value.items() if name != "seconds"}
    return [timeless(part) for part in value] if isinstance(value, list | tuple) else value


def stored(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
