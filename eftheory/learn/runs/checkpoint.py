"""One saved state: a safetensors file with a checksum, written whole or not at all, never unpickled.

Its metadata is one JSON text: ``schema``, ``configuration`` (digest), ``step``, ``versions``, ``facts`` and
``sha256`` of all that and of every tensor. Equal states give equal files, byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from eftheory import __version__
from eftheory.errors import MisuseError
from eftheory.learn.runs.atomic import write_whole
from eftheory.learn.runs.flat import JSON, portable

SCHEMA = "eftheory.checkpoint/1"
KEY = "eftheory"
"""The metadata's only entry: safetensors writes several in an order that changes from process to process."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A state at a step: tensors by name on the CPU, JSON facts, and what wrote it."""

    step: int
    tensors: Mapping[str, Tensor]
    facts: Mapping[str, JSON]
    configuration: str
    versions: Mapping[str, str]


class DamagedError(MisuseError):
    """A file that is no whole checkpoint: truncated, altered, or of a foreign format."""


@cache
def versions() -> dict[str, str]:
    """Of eftheory and of what computes."""
    return {"eftheory": __version__, **{name: version(name) for name in ("torch", "numpy", "safetensors")}}


def write_checkpoint(
    path: Path, *, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, JSON], configuration: str
) -> None:
    """Save whole or leave `path` as it was. Raises MisuseError where the file cannot be written."""
    held = portable(tensors)
    meta: dict[str, Any] = {
        "schema": SCHEMA,
        "configuration": configuration,
        "step": step,
        "versions": versions(),
        "facts": dict(facts),
    }
    meta["sha256"] = _checksum(meta, held)
    write_whole(path, safetensors.torch.save(held, {KEY: _canonical(meta)}))


def read_checkpoint(path: Path, configuration: str | None = None) -> Checkpoint:
    """The state in `path`; configuration: the digest it must belong to.

    Raises MisuseError: `DamagedError` for a file that is no whole checkpoint (a pickle among them: it is not opened),
    else where it cannot be read or belongs to another configuration.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        got = f"{path}: {error.strerror or error}"
        raise MisuseError(wanted="a checkpoint that can be read", got=got, do="check the path") from None
    meta, tensors = _parsed(path, data)
    if configuration is not None and meta["configuration"] != configuration:
        got = f"{path} of configuration {meta['configuration'][:12]}..."
        do = "keep each run in its own folder"
        raise MisuseError(wanted=f"a checkpoint of configuration {configuration[:12]}...", got=got, do=do)
    return Checkpoint(meta["step"], tensors, meta["facts"], meta["configuration"], meta["versions"])


def _parsed(path: Path, data: bytes) -> tuple[dict[str, Any], dict[str, Tensor]]:
    # a header of 896 bytes begins like a pickle too, but then comes its brace
    if data[8:9] != b"{" and (data[:2] == b"PK" or data[:1] == b"\x80"):
        raise _damaged(path, "a zip or pickle file, which could run code and is never opened")
    try:
        tensors = safetensors.torch.load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        meta = json.loads(header["__metadata__"][KEY])
        if meta["schema"] != SCHEMA:
            raise _damaged(path, f"schema {meta['schema']!r}, not {SCHEMA!r}")
        claimed = meta.pop("sha256")
        if claimed != _checksum(meta, tensors):
            raise _damaged(path, "contents that do not match their checksum")
    except DamagedError:
        raise
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError):
        raise _damaged(path, f"{len(data)} bytes that are no whole checkpoint") from None
    return meta, tensors


def _checksum(meta: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    digest = sha256(_canonical(meta).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\n{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        if tensor.numel():
            digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _canonical(tree: Any) -> str:
    """JSON with sorted keys; raises ValueError for NaN and infinities, which `flatten` writes as text."""
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _damaged(path: Path, what: str) -> DamagedError:
    return DamagedError(
        wanted="a whole checkpoint of eftheory train", got=f"{path.name}: {what}", do="use another checkpoint"
    )
