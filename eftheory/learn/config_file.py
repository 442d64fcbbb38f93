"""`TrainConfig` from TOML and back: named configurations that ship, files, overrides, and a digest."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from hashlib import sha256
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from eftheory.errors import MisuseError, unknown
from eftheory.learn.config import INFOVAE, Phase, TrainConfig

CONFIGS = Path(__file__).with_name("configs")
LARGEST_FILE = 10**6
"""Bytes of a configuration file."""
LARGEST_INTEGER = 2**63 - 1
LATER: Mapping[str, Any] = {"encoder_scale": "predicted", "init": "random"} | {
    key: getattr(Phase, key) for key in INFOVAE
}
"""Keys younger than the first runs, and their defaults: left out there, so that older runs keep their digests."""
SMOKE = "smoke"
"""The table of a named configuration that makes it small: dotted keys and the numbers that replace theirs."""


def named_configs() -> list[str]:
    """The configurations that ship."""
    return sorted(path.stem for path in CONFIGS.glob("*.toml"))


def load_config(
    name: str | Path, overrides: Iterable[str] = (), *, smoke: bool = False, force: bool = False
) -> TrainConfig:
    """A named configuration or a TOML file, with ``key=value`` overrides (dotted keys; values as in TOML).

    smoke: apply the file's ``[smoke]`` table first. force: set that key of every infovae phase. Raises MisuseError:
    unreadable or malformed files, keys that do not exist (with the nearest one), values of another type or out of
    range.
    """
    tree = _read(_path(name))
    small = tree.pop(SMOKE, {})
    if not isinstance(small, dict):
        raise MisuseError(wanted="[smoke] as a table", got=repr(small), do="write dotted keys and numbers below it")
    if smoke and not small:
        raise MisuseError(wanted="a configuration with a [smoke] table", got=str(name), do="leave --smoke out")
    for key, value in small.items() if smoke else ():
        _set(tree, key, value)
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise MisuseError(wanted="--set key=value", got=repr(text), do="for example --set seed=1")
        _set(tree, key.strip(), _value(value.strip()))
    for phase in tree["phases"] if force and isinstance(tree.get("phases"), list) else ():
        if isinstance(phase, dict) and phase.get("objective") == "infovae":
            phase["force"] = True
    config: TrainConfig = _build(TrainConfig, tree, "")
    return config


def smoke_table(name: str) -> dict[str, Any]:
    """What the ``[smoke]`` table of a named configuration replaces."""
    return dict(_read(_path(name)).get(SMOKE, {}))


def as_tree(config: TrainConfig) -> dict[str, Any]:
    """Nested tables and lists, without what is None or, of the keys in `LATER`, at its default."""
    tree: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return _without_none(tree)


def config_text(config: TrainConfig) -> str:
    """The configuration as canonical TOML, every knob written out; `load_config` reads it back."""
    tree = as_tree(config)
    lines = _table("", {key: value for key, value in tree.items() if key != "phases"})
    for phase in tree["phases"]:
        lines += ["", "[[phases]]", *(f"{key} = {_literal(value)}" for key, value in phase.items())]
    return "\n".join(lines).lstrip("\n") + "\n"


def digest(config: TrainConfig) -> str:
    """sha256 of the configuration: what a checkpoint belongs to."""
    return sha256(config_text(config).encode()).hexdigest()


def _path(name: str | Path) -> Path:
    shipped = CONFIGS / f"{name}.toml"
    if isinstance(name, str) and name in named_configs():
        return shipped
    path = Path(name)
    if path.suffix != ".toml" and not path.exists():
        raise unknown("configuration (or a TOML file)", str(name), named_configs())
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        if not path.is_file():
            raise MisuseError(wanted="a configuration file", got=f"{path}, which is none", do="check the path")
        if path.stat().st_size > LARGEST_FILE:
            raise MisuseError(wanted="a configuration of at most 1 MB", got=path.name, do="name another file")
        return tomllib.loads(path.read_text("utf-8-sig"))
    except MisuseError:
        raise
    except RecursionError:
        raise MisuseError(wanted="valid TOML", got=f"{path.name}, nested too deeply", do="nest less") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise MisuseError(wanted="a readable file", got=f"{path}: {reason}", do="check the path") from None
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise MisuseError(wanted="valid TOML in UTF-8", got=f"{path.name}: {error}", do="correct that line") from None


def _value(text: str) -> Any:
    """A value as TOML writes it; a bare word is text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    except ValueError:  # Python reads no number of more than 4300 digits
        raise MisuseError(wanted="a value of --set", got=f"a number of {len(text)} digits", do="shorten it") from None


def _set(tree: dict[str, Any], key: str, value: Any) -> None:
    """Put `value` at a dotted key; parts that are numbers index lists."""
    *path, last = key.split(".")
    place: Any = tree
    for part in path:
        place = _step(place, part, key)
    if isinstance(place, list):
        _step(place, last, key)  # refuses an index outside
        place[int(last)] = value
    elif isinstance(place, dict):
        place[last] = value
    else:
        raise MisuseError(wanted="a key of a table", got=repr(key), do="check the part before the last dot")


def _step(place: Any, part: str, key: str) -> Any:
    if isinstance(place, list):
        if not part.isdecimal() or len(part) > 9 or int(part) >= len(place):
            raise MisuseError(wanted=f"an index below {len(place)} in {key!r}", got=part, do="count from 0")
        return place[int(part)]
    if not isinstance(place, dict):
        raise MisuseError(wanted=f"a table at {part!r} in {key!r}", got=type(place).__name__, do="check the key")
    return place.setdefault(part, {})


def _build(kind: type, tree: Any, where: str) -> Any:
    """A dataclass from a table, every key and type checked."""
    place = where or "the configuration"
    if not isinstance(tree, Mapping):
        raise MisuseError(wanted=f"{place} as a table", got=repr(tree), do=f"write [{where}]")
    known = {field.name: field for field in fields(kind)}
    for key in tree:
        if key not in known:
            raise unknown(f"key in {place}", key, known)
    hints = get_type_hints(kind)
    for name, field in known.items():
        if name not in tree and field.default is MISSING and field.default_factory is MISSING:
            raise MisuseError(wanted=f"{_join(where, name)}, a choice without a default", got="nothing", do="add it")
    return kind(**{key: _typed(hints[key], value, _join(where, key)) for key, value in tree.items()})


def _typed(hint: Any, value: Any, where: str) -> Any:
    if is_dataclass(hint):
        return _build(hint, value, where)  # type: ignore[arg-type]
    if get_origin(hint) in (Union, UnionType):
        (inner,) = (option for option in get_args(hint) if option is not NoneType)
        return _typed(inner, value, where)
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise _wrong(where, "a list", value)
        return tuple(_typed(get_args(hint)[0], entry, f"{where}.{i}") for i, entry in enumerate(value))
    if type(value) is int and abs(value) > LARGEST_INTEGER:
        raise _wrong(where, "a number below 2^63", value)
    if hint is float and type(value) is int:
        return float(value)
    if hint is str and not str(value).isprintable():
        raise _wrong(where, "text that can be printed, on one line", value)
    if type(value) is not hint:
        raise _wrong(where, {int: "a whole number", float: "a number", str: "text", bool: "true or false"}[hint], value)
    return value


def _wrong(where: str, wanted: str, value: Any) -> MisuseError:
    return MisuseError(wanted=f"{where} as {wanted}", got=repr(value), do="correct it")


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _without_none(tree: Any) -> Any:
    if isinstance(tree, dict):
        kept = {key: value for key, value in tree.items() if value is not None and not _left_out(key, value)}
        return {key: _without_none(value) for key, value in kept.items()}
    return [_without_none(value) for value in tree] if isinstance(tree, list) else tree


def _left_out(key: str, value: Any) -> bool:
    return key in LATER and value == LATER[key]


def _table(name: str, tree: Mapping[str, Any]) -> list[str]:
    inner = {key: value for key, value in tree.items() if isinstance(value, dict)}
    lines = ["", f"[{name}]"] if name else []
    lines += [f"{key} = {_literal(value)}" for key, value in tree.items() if key not in inner]
    for key, value in inner.items():
        lines += _table(_join(name, key), value)
    return lines


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return json.dumps(value, ensure_ascii=False)  # text, numbers and booleans are written alike in JSON and TOML
