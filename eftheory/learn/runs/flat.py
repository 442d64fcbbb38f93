"""State dictionaries as named tensors and JSON, and back, exactly: what a checkpoint can hold without pickling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

from torch import Tensor

from eftheory.errors import MisuseError

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"


def flatten(tree: Any, prefix: str) -> tuple[dict[str, Tensor], JSON]:
    """A nested state as (tensors by name, structure in JSON); `unflatten` of both gives it back, types included.

    tree: None, bool, int, float, str and tensors, in dicts (keys: int or str), lists and tuples. Tensor names are
    `prefix` and the keys on the way, joined by dots: ``optimiser.state.0.exp_avg``. Raises MisuseError for any other
    type, naming where it stands.
    """
    tensors: dict[str, Tensor] = {}
    return tensors, _flatten(tree, prefix, tensors)


def _flatten(node: Any, name: str, tensors: dict[str, Tensor]) -> JSON:
    if isinstance(node, Tensor):
        while name in tensors:  # the keys "a.b" and "a", "b", or 0 and "0"
            name += "'"
        tensors[name] = node.detach()
        return {"tensor": name}
    if type(node) is float and not math.isfinite(node):
        return {"float": repr(node)}
    if node is None or type(node) in (bool, int, float, str):
        return node
    if isinstance(node, dict) and all(type(key) in (int, str) for key in node):
        return {"dict": [[key, _flatten(value, f"{name}.{key}", tensors)] for key, value in node.items()]}
    if type(node) in (list, tuple):
        items = [_flatten(value, f"{name}.{place}", tensors) for place, value in enumerate(node)]
        return items if type(node) is list else {"tuple": items}
    raise MisuseError(
        wanted="a state of tensors, numbers, strings, dicts, lists and tuples",
        got=f"{type(node).__name__} at {name}",
        do="convert it before saving",
    )


def unflatten(tensors: Mapping[str, Tensor], structure: JSON) -> Any:
    """The state that `flatten` took apart. Raises MisuseError where a tensor is missing or the structure is foreign."""
    if isinstance(structure, list):
        return [unflatten(tensors, item) for item in structure]
    if not isinstance(structure, dict):
        return structure
    match structure:
        case {"tensor": str(name)} if name in tensors:
            return tensors[name]
        case {"float": "nan" | "inf" | "-inf" as text}:
            return float(text)
        case {"tuple": list(items)}:
            return tuple(unflatten(tensors, item) for item in items)
        case {"dict": list(pairs)}:
            return {key: unflatten(tensors, value) for key, value in map(_pair, pairs)}
    raise MisuseError(
        wanted="a structure made by flatten, with its tensors", got=str(structure), do="use another checkpoint"
    )


def _pair(pair: JSON) -> tuple[int | str, JSON]:
    match pair:
        case [int() | str() as key, value]:
            return key, value
    raise MisuseError(wanted="a key and its value", got=str(pair), do="use another checkpoint")


def portable(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU, contiguous, none sharing memory with another: what safetensors accepts."""
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
