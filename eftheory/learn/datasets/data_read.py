"""Readers: idx files, compressed sparse rows in npz archives, and a user's own archive; nothing is ever unpickled."""

from __future__ import annotations

import gzip
import math
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.learn.datasets.sparse import SparseRows

Array = NDArray[Any]
UNREADABLE = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError)
EXACT = 2**24
"""Whole numbers up to this are exact in float32."""


def idx(path: Path, rows: int | None) -> Array:
    """A gzipped idx file of bytes, (rows, ...); rows: only so many, which leaves the rest compressed."""
    with gzip.open(path) as file:
        dimensions = file.read(4)[3]
        shape = [int(size) for size in np.frombuffer(file.read(4 * dimensions), ">u4")]
        shape[0] = shape[0] if rows is None else min(rows, shape[0])
        return np.frombuffer(file.read(int(np.prod(shape))), np.uint8).reshape(shape)


def arrays(path: Path, *names: str) -> dict[str, Array]:
    """The arrays of an archive whose contents are known."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in names}


def sparse(found: Mapping[str, Array], part: str) -> SparseRows:
    """``part_data``, ``part_indices``, ``part_indptr``, ``part_shape`` as rows in float32."""
    values, indices, offsets, sizes = (found[f"{part}_{piece}"] for piece in ("data", "indices", "indptr", "shape"))
    for name, array in (("indices", indices), ("indptr", offsets), ("shape", sizes)):
        if array.dtype.kind not in "ui":
            raise _wrong(f"whole numbers in {part}_{name}", f"dtype {array.dtype}")
    rows, width = (int(size) for size in sizes)
    if width < 1:
        raise _wrong(f"rows of at least one number, in {part}_shape", str(width))
    if rows != len(offsets) - 1:
        got = f"{len(offsets) - 1} from {part}_indptr"
        raise MisuseError(wanted=f"{rows} rows, as {part}_shape says", got=got, do="correct the file")
    _finite(values, f"{part}_data", sparse=True)
    columns, starts = (torch.from_numpy(each.astype(np.int64)) for each in (indices, offsets))
    return SparseRows.from_csr(columns, starts, torch.from_numpy(values.astype(np.float32)), width)


def own(path: Path) -> tuple[dict[str, Tensor | SparseRows], dict[str, Tensor | None], tuple[int, ...]]:
    """A user's archive: rows by part, labels by part, the shape of a row.

    train, test (N, ...): numbers; or compressed sparse rows, ``train_data``, ``train_indices``, ``train_indptr``,
    ``train_shape``. train_labels, test_labels (N,): whole numbers. All but train may be absent. A row of shape (H, W)
    is an image of one channel, (C, H, W) one of C. Raises MisuseError naming the array and, for NaN, the place.
    """
    found = _load(path)
    rows: dict[str, Tensor | SparseRows] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for part in ("train", "test"):
        if f"{part}_indptr" in found:
            rows[part] = _sparse(found, part)
            shapes[part] = (rows[part].shape[1],)
        elif part in found:
            rows[part], shapes[part] = _dense(found[part], part)
    if "train" not in rows or not len(rows["train"]):
        raise _wrong("an array train with at least one row", f"{path.name} with {', '.join(found) or 'nothing'}")
    shape = shapes["train"]
    if shapes.get("test", shape) != shape:
        raise _wrong(f"rows of shape {shape} in test, as in train", str(shapes["test"]))
    if "test" not in rows:
        train = rows["train"]
        rows["test"] = train.take(slice(0, 0)) if isinstance(train, SparseRows) else train[:0]
    labels = {part: _labels(found.get(f"{part}_labels"), part, len(rows[part])) for part in rows}
    return rows, labels, (1, *shape) if len(shape) == 2 else shape


def _load(path: Path) -> dict[str, Array]:
    try:
        with open(path, "rb") as file:
            archive = np.load(file, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                got = f"{path.name}, one array"
                raise _wrong("an npz archive with the array train", got, "save it by numpy.savez")
            return {name: archive[name] for name in archive.files}
    except MisuseError:
        raise
    except FileNotFoundError:
        raise _wrong("data.path, a file of numpy.savez", f"no file {path}", "check the path") from None
    except UNREADABLE as error:
        do = "save plain arrays by numpy.savez; objects are never unpickled"
        raise _wrong("data.path, a whole file of numpy.savez", f"{path.name}: {error}", do) from None


def _dense(array: Array, name: str) -> tuple[Tensor, tuple[int, ...]]:
    if array.ndim < 2 or 0 in array.shape[1:]:
        raise _wrong(f"{name} of shape (rows, ...)", f"shape {array.shape}", "give one row for each observation")
    _finite(array, name)
    shape = tuple(int(size) for size in array.shape[1:])
    return torch.from_numpy(array.reshape(len(array), math.prod(shape)).astype(np.float32)), shape


def _sparse(found: Mapping[str, Array], part: str) -> SparseRows:
    try:
        return sparse(found, part)
    except MisuseError:
        raise
    except (KeyError, ValueError, TypeError, IndexError) as error:
        wanted = f"{part}_data, {part}_indices, {part}_indptr and {part}_shape of compressed sparse rows"
        raise _wrong(wanted, str(error)) from None


def _finite(array: Array, name: str, *, sparse: bool = False) -> None:
    """Raise for what is no number, is not finite in float32, or is a whole number that float32 would round."""
    if array.dtype.kind not in "buif":
        raise _wrong(f"numbers in {name}", f"dtype {array.dtype}", "convert it")
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            bad = ~np.isfinite(array.astype(np.float32))
        wanted = "finite numbers (in float32)"
    else:
        bad = (array > EXACT) | (array < -EXACT)
        wanted = f"whole numbers up to {EXACT}, exact in float32,"
    if bad.any():
        place = tuple(int(index) for index in np.argwhere(bad)[0])
        where = f"entry {place[0]}" if sparse else f"row {place[0]}, column {', '.join(map(str, place[1:]))}"
        raise _wrong(f"{wanted} in {name}", f"{array[place]} at {where} (from 0)", "remove or replace it")


def _labels(array: Array | None, part: str, rows: int) -> Tensor | None:
    if array is None:
        return None
    if array.dtype.kind not in "bui" or array.shape != (rows,):
        raise _wrong(f"{part}_labels, {rows} whole numbers", f"dtype {array.dtype}, shape {array.shape}")
    return torch.from_numpy(array.astype(np.int64))


def _wrong(wanted: str, got: str, do: str = "correct the file") -> MisuseError:
    return MisuseError(wanted=wanted, got=got, do=do)
