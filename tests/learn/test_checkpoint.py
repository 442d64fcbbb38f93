"""Checkpoints: exact round trips, equal files for equal states, and nothing foreign is ever opened as one."""

from __future__ import annotations

import json
import math
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from eftheory.errors import MisuseError
from eftheory.learn.runs.checkpoint import SCHEMA, DamagedError, read_checkpoint, write_checkpoint
from eftheory.learn.runs.flat import flatten, unflatten

STATE = {"weight": torch.arange(6.0).reshape(2, 3), "count": torch.tensor(7), "empty": torch.empty(0, 3)}
FACTS: dict[str, Any] = {"epoch": 3, "note": "ä", "nested": [1, {"a": None}]}


def write(path: Path, **changes: Any) -> Path:
    given = {"step": 5, "tensors": STATE, "facts": FACTS, "configuration": "abc", **changes}
    write_checkpoint(path, **given)
    return path


def equal(left: Any, right: Any) -> bool:
    """Same structure, types and bits."""
    if type(left) is not type(right):
        return False
    if isinstance(left, torch.Tensor):
        bits = (each.contiguous().reshape(-1).view(torch.uint8) for each in (left, right))
        return left.dtype == right.dtype and left.shape == right.shape and torch.equal(*bits)
    if isinstance(left, dict):
        return list(left) == list(right) and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    return left == right or (left != left and right != right)


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_state_survives_the_round_trip(tmp_path: Path) -> None:
    found = read_checkpoint(write(tmp_path / "a.safetensors"), "abc")
    assert found.step == 5 and found.facts == FACTS and found.configuration == "abc"
    assert equal(dict(sorted(found.tensors.items())), dict(sorted(STATE.items())))
    assert torch.__version__.startswith(found.versions["torch"].split("+")[0])
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"], "no draft is left"


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16, torch.int32, torch.uint8, torch.bool])
def test_every_type_views_shared_memory_and_gradients(tmp_path: Path, dtype: torch.dtype) -> None:
    table = torch.tensor([[0.1, float("nan"), -0.0], [float("inf"), 1.5, 3.0]]).nan_to_num(2.0).to(dtype)
    tensors = {"a": table, "b": table, "column": table[:, 1], "turned": table.T, "same": table[:1].expand(4, 3)}
    tensors["scalar"] = table[0, 0]
    found = read_checkpoint(write(tmp_path / "a.safetensors", tensors=tensors))
    assert all(equal(found.tensors[name], tensor) for name, tensor in tensors.items())
    parameter = torch.nn.Parameter(torch.ones(2))
    assert equal(read_checkpoint(write(tmp_path / "p", tensors={"p": parameter})).tensors["p"], torch.ones(2))


def test_equal_states_give_equal_files(tmp_path: Path) -> None:
    one, two = write(tmp_path / "1"), write(tmp_path / "2", tensors=dict(reversed(STATE.items())))
    other = write(tmp_path / "3", step=6)
    assert one.read_bytes() == two.read_bytes() != other.read_bytes()


def test_facts_that_json_has_not_are_an_error_and_leave_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a")
    with pytest.raises(ValueError):
        write(path, facts={"loss": math.nan})
    assert read_checkpoint(path).facts == FACTS


def test_another_configuration_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a", configuration="abc")
    with pytest.raises(MisuseError, match=r"configuration xyz.*got.*of configuration abc"):
        read_checkpoint(path, "xyz")


@pytest.mark.parametrize("keep", [0, 7, 8, 100, 300, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, keep: int) -> None:
    path = write(tmp_path / "a")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DamagedError, match="no whole checkpoint"):
        read_checkpoint(path)


def test_every_altered_byte_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "a", tensors={"w": torch.ones(3)}, facts={})
    whole = path.read_bytes()
    unnoticed = []
    for place in range(len(whole)):
        altered = bytearray(whole)
        altered[place] ^= 1
        path.write_bytes(altered)
        try:
            read_checkpoint(path)
            unnoticed.append(place)
        except DamagedError:
            pass
    assert unnoticed == []
    path.write_bytes(whole)
    assert read_checkpoint(path).step == 5


class Trap:
    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple:
        return Path.touch, (self.place,)


def test_foreign_formats_are_refused_and_never_unpickled(tmp_path: Path) -> None:
    path, trap = tmp_path / "a.safetensors", tmp_path / "sprung"
    for protocol in (0, 2, 5):
        path.write_bytes(pickle.dumps(Trap(trap), protocol))
        with pytest.raises(DamagedError, match=r"a\.safetensors"):
            read_checkpoint(path)
    torch.save({"w": Trap(trap)}, path)
    with pytest.raises(DamagedError, match="never opened"):
        read_checkpoint(path)
    assert not trap.exists()
    for data in (save(STATE), save(STATE, {"eftheory": "[]"}), save(STATE, {"eftheory": '{"schema": "other/1"}'})):
        path.write_bytes(data)
        with pytest.raises(DamagedError):
            read_checkpoint(path)
    path.write_bytes(save(STATE, {"eftheory": json.dumps({"schema": SCHEMA, "sha256": "0", "step": 1})}))
    with pytest.raises(DamagedError, match="checksum"):
        read_checkpoint(path)
    with pytest.raises(MisuseError, match="can be read"):
        read_checkpoint(tmp_path / "absent")


# --- state dictionaries -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tree",
    [
        {},
        {"a": 1, "b": [True, None, "x", 2.5], "c": (1, (2,), [])},
        {0: torch.ones(2), "0": torch.zeros(2)},
        {"a.b": torch.ones(1), "a": {"b": torch.zeros(1)}},
        [math.nan, math.inf, -math.inf, -0.0, 1e-310, 0.1],
        {"tensor": "name", "dict": [["a", 1]], "float": "nan"},
        torch.tensor(3),
    ],
)
def test_any_state_comes_back_exactly(tree: Any) -> None:
    tensors, structure = flatten(tree, "s")
    again = unflatten(tensors, json.loads(json.dumps(structure, allow_nan=False)))
    assert equal(again, tree)
    assert all(name.startswith("s") for name in tensors)


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.SGD, torch.optim.RMSprop])
def test_an_optimiser_goes_on_bit_for_bit(tmp_path: Path, kind: Any) -> None:
    def start() -> tuple[torch.nn.Linear, torch.optim.Optimizer]:
        torch.manual_seed(0)
        layer = torch.nn.Linear(3, 2)
        extra = {"momentum": 0.9} if kind is torch.optim.SGD else {}
        return layer, kind(layer.parameters(), lr=0.1, **extra)

    def steps(layer: torch.nn.Linear, optimiser: torch.optim.Optimizer, count: int) -> None:
        for _ in range(count):
            optimiser.zero_grad()
            layer(torch.randn(4, 3)).square().sum().backward()
            optimiser.step()

    layer, optimiser = start()
    steps(layer, optimiser, 3)
    tree = {"layer": layer.state_dict(), "optimiser": optimiser.state_dict(), "random": torch.get_rng_state()}
    tensors, facts = flatten({key: dict(value) if key == "layer" else value for key, value in tree.items()}, "run")
    path = write(tmp_path / "a", tensors=tensors, facts={"run": facts})
    steps(layer, optimiser, 3)

    found = read_checkpoint(path)
    state = unflatten(found.tensors, found.facts["run"])
    torch.manual_seed(99)
    other, restored = start()
    other.load_state_dict(state["layer"])
    restored.load_state_dict(state["optimiser"])
    torch.set_rng_state(state["random"])
    steps(other, restored, 3)
    assert all(torch.equal(a, b) for a, b in zip(layer.parameters(), other.parameters(), strict=True))
    assert not torch.equal(layer.weight, start()[0].weight), "the comparison can fail"


@pytest.mark.parametrize("tree", [{"a": {1, 2}}, {1.5: 0}, [object()], {"a": b"x"}])
def test_other_types_are_refused_with_their_place(tree: Any) -> None:
    with pytest.raises(MisuseError, match="at s"):
        flatten(tree, "s")


@pytest.mark.parametrize("structure", [{"tensor": "absent"}, {"dict": [1]}, {"dict": [[None, 1]]}, {"a": 1}, {}])
def test_foreign_structures_are_refused(structure: Any) -> None:
    with pytest.raises(MisuseError):
        unflatten({}, structure)
