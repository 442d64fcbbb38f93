"""What the user asks about: decoder, encoder, prior and the encoder's inputs; in Python, in one line, or in TOML."""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import sympy as sp

from eftheory.errors import MisuseError, unknown
from eftheory.expression import CONSTANTS, SUM, parse_call, parse_expression
from eftheory.families import NAMES, TORCH, build, from_torch
from eftheory.families.base import Family, X
from eftheory.families.support import Bits, Circle, Counts, Integers, Interval, OneHot, Points, Reals, Simplex, Support

KEYWORDS = ("free", "same", "uniform")
"""Priors that are not a family: see `Prior`."""
FREQUENCIES = X / SUM(X)
"""Each component divided by the sum of all."""
ALIASES = {"gaussian": "normal", "gauss": "normal"}
"""Other names that are suggested, not taken: a family has one name."""
NO_NUMBERS = frozenset({"nan", "inf", "infinity", "oo", "zoo"})
"""Words that read like numbers; as names of symbols they would get an answer that nobody asked for."""
LARGEST_FILE = 10**6
"""Bytes of a specification file."""
MODELS = Path(__file__).with_name("models.toml")


@dataclass(frozen=True)
class Prior:
    """kind: ``free`` (whatever the member needs), ``same`` (the encoder's family, free parameters), ``learned`` (a
    family without values), ``fixed`` (with all its values, in `Family.values`), ``uniform``. family: None for free and
    uniform, the encoder's for same."""

    kind: str
    family: Family | None = None

    def __str__(self) -> str:
        return str(self.family) if self.kind in ("learned", "fixed") else self.kind


@dataclass(frozen=True)
class Inputs:
    """What the encoder sees. kind: ``x``, ``frequencies`` or ``expression``.

    expr: elementwise in `X`; ``sum(e)``, the sum of e over all components, is `eftheory.expression.SUM`.
    """

    kind: str
    text: str
    expr: sp.Expr

    @property
    def sums(self) -> bool:
        """Whether T looks at all components at once."""
        return bool(self.expr.has(SUM))

    def at(self, x: Sequence[sp.Expr]) -> tuple[sp.Expr, ...] | None:
        """T(x), elementwise; None where it is not defined (frequencies of an empty document)."""
        whole = self.expr.replace(SUM, lambda inner: sp.Add(*(inner.subs(X, value) for value in x)))
        result = tuple(sp.sympify(whole.subs(X, value)) for value in x)
        return None if any(not value.is_finite for value in result) else result

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Specification:
    """One question: is this encoder family consistent with this decoder family, prior and inputs?"""

    decoder: Family
    encoder: Family
    prior: Prior
    inputs: Inputs
    name: str | None = None

    def strings(self) -> dict[str, str]:
        """The arguments of `specification`, as text."""
        return {key: str(getattr(self, key)) for key in ("decoder", "encoder", "prior", "inputs")}


def specification(
    *, decoder: object, encoder: object, prior: object, inputs: object = "x", name: str | None = None
) -> Specification:
    """The question in checked form. Families as for `parse_family`; prior also ``free``, ``same`` or ``uniform``;
    inputs ``x``, ``frequencies`` or a formula such as ``x/sum(x)``. Raises MisuseError."""
    decoding, encoding = _role("decoder", decoder, "d"), _role("encoder", encoder, "k")
    checked = _prior(prior, encoding)
    _agree_on_symbols(decoding, encoding, checked.family)
    return Specification(decoding, encoding, checked, parse_inputs(inputs, decoding), name)


def parse_family(what: object, *, size: tuple[object, ...] = ("d",)) -> Family:
    """A family from one-line notation (``normal(20, variance=1)``), a torch.distributions class or its name.

    size: the sizes that a torch class gets, which carries none. Names in the notation are symbols: positive integers
    of at least 2 as sizes, otherwise what their parameter demands. Raises MisuseError.
    """
    if isinstance(what, Family):
        return what
    if what is None or isinstance(what, bool | int | float | list | tuple | dict):
        raise MisuseError(wanted="a family", got=repr(what), do="write one such as normal(20)")
    if not isinstance(what, str):
        return _from_torch(what, size)
    text = re.sub(r"^\s*torch\.distributions\.(\w+\.)?", "", what)
    call = parse_call(text, _Symbols(), words=frozenset({"identity"}))
    if call.name.lower() in ALIASES:
        raise MisuseError(wanted="a known family", got=repr(what), do=f"did you mean {ALIASES[call.name.lower()]!r}?")
    if not call.called and call.name in TORCH:
        return _from_torch(call.name, size)
    if not call.called and call.name in NAMES:
        raise MisuseError(wanted=f"{call.name} with its size", got=repr(what), do=f"write {_example(call.name)}")
    if len(call.arguments) > 1:
        do = f"write {_example(call.name)}; parameters have names" if call.name in NAMES else "parameters have names"
        raise MisuseError(wanted="one size", got=repr(what), do=do)
    name = TORCH.get(call.name, call.name)
    return build(name, [_number(s) for s in (call.arguments or ((),))[0]], call.keywords)


def named(name: str, *, prior: object = None, inputs: object = None) -> Specification:
    """A named published model; prior and inputs override its own. Raises MisuseError with the nearest name."""
    models = {entry["name"]: entry for entry in _models()}
    if name not in models:
        raise unknown("model", name, models)
    model = models[name]
    return specification(
        decoder=model["decoder"],
        encoder=model["encoder"],
        prior=model["prior"] if prior is None else prior,
        inputs=model["inputs"] if inputs is None else inputs,
        name=name,
    )


def named_models() -> list[tuple[str, dict[str, str], str]]:
    """Name, arguments of `specification` and source of every named model."""
    keys = ("decoder", "encoder", "prior", "inputs")
    return [(entry["name"], {key: entry[key] for key in keys}, entry["source"]) for entry in _models()]


def load(path: str | Path, *, prior: object = None, inputs: object = None) -> Specification:
    """A specification from TOML; nothing in it is executed. Raises MisuseError, with the line for malformed TOML.

    prior, inputs: override the file's own.

    ``inputs`` and ``name`` at top level; ``decoder``, ``encoder``, ``prior`` as one-line text, or as tables with
    ``family``, or with an own family's ``statistics``, ``support``, ``base``, ``dim``, ``log_partition``, ``name``.
    """
    data = _toml(Path(path))
    file = Path(path).name
    _known_keys(data, {"name", "inputs", "decoder", "encoder", "prior"}, file)
    data |= {key: value for key, value in (("prior", prior), ("inputs", inputs)) if value is not None}
    absent = [key for key in ("decoder", "encoder", "prior") if key not in data]
    if absent:
        wanted = f"decoder, encoder and prior in {file}"
        raise MisuseError(wanted=wanted, got=f"no {absent[0]}", do=f"add [{absent[0]}]")
    parts: dict[str, object] = {key: _part(key, data[key], file) for key in ("decoder", "encoder")}
    parts["prior"] = _part("prior", data["prior"], file) if prior is None else prior
    for key in ("name", "inputs"):
        if key == "inputs" and inputs is not None:
            continue
        if not isinstance(data.get(key, ""), str):
            raise MisuseError(wanted=f"{key} in {file} as text", got=repr(data[key]), do="put it in quotes")
    return specification(**parts, inputs=data.get("inputs", "x"), name=data.get("name"))


class _Symbols:
    """Names in one call become symbols, the same name always the same one."""

    def __init__(self) -> None:
        self.found: dict[str, sp.Symbol] = {}

    def __call__(self, role: str, name: str) -> sp.Symbol | None:
        if name in CONSTANTS:
            return None
        if name.lower() in NO_NUMBERS:
            raise MisuseError(wanted="a finite number or a name", got=repr(name), do="write a number")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,30}", name) or re.fullmatch(r"(x|z|eta)_?\d*", name):
            do = "choose another: x, z and eta are the variables and the natural parameters"
            raise MisuseError(wanted="a name for a size or a parameter", got=repr(name), do=do)
        facts = {"integer": True, "positive": True} if role in ("", "trials", "copies") else {}
        return self.found.setdefault(name, sp.Symbol(name, **facts))


def _number(value: sp.Expr) -> object:
    return int(value) if value.is_Integer else value


def _example(name: str) -> str:
    return "boltzmann(4+4)" if name == "boltzmann" else f"{name}(8)"


def _from_torch(what: object, size: tuple[object, ...]) -> Family:
    name = from_torch(what)
    if name == "multinomial":
        do = "write multinomial(K, trials=n) for a known total, multinomial(K) for a varying one"
        raise MisuseError(wanted="a multinomial with or without its total", got=repr(what), do=do)
    sizes = [sp.Symbol(s, integer=True, positive=True) if isinstance(s, str) else s for s in size]
    return build(name, sizes, {})


def _role(role: str, what: object, symbol: str) -> Family:
    family = parse_family(what, size=(symbol,))
    if family.values:
        do = f"only a prior has values: write {family.name} without {', '.join(family.values)}"
        raise MisuseError(wanted=f"a family as {role}", got=str(family), do=do)
    return family


def _prior(what: object, encoder: Family) -> Prior:
    if isinstance(what, Prior):
        what = what.kind if what.kind in KEYWORDS or what.family is None else what.family
    word = what.strip() if isinstance(what, str) else None
    if word is not None and word not in KEYWORDS and word.lower() in KEYWORDS:
        raise MisuseError(wanted="a known prior", got=repr(word), do=f"did you mean {word.lower()!r}?")
    if word in KEYWORDS:
        if word == "uniform" and not _bounded(encoder.unit.support):
            got = f"uniform on {encoder.unit.support.text}"
            raise MisuseError(wanted="a prior that can be normalised", got=got, do="name a family with values, or free")
        return Prior(word, encoder if word == "same" else None)
    if word is not None and re.fullmatch(r"\w+", word) and word not in {*NAMES, *TORCH} and word.lower() not in ALIASES:
        raise unknown("prior", word, [*KEYWORDS, *NAMES])
    family = parse_family(what, size=encoder.unit.groups or (encoder.copies,))
    _same_space(family, encoder)
    return Prior("fixed" if family.values else "learned", family)


def _bounded(support: Support) -> bool:
    if isinstance(support, Interval):
        return support.lo != -sp.oo and support.hi != sp.oo
    return support.finite or isinstance(support, Circle | Simplex)


def _same_space(prior: Family, encoder: Family) -> None:
    (kind, count), (wanted, number) = _layout(prior), _layout(encoder)
    if kind != wanted:
        raise MisuseError(
            wanted=f"a prior on the support of the encoder {encoder} ({_where(encoder)})",
            got=f"{prior} ({_where(prior)})",
            do="take the encoder's family with values, or prior same or free",
        )
    if count != number:
        raise MisuseError(
            wanted=f"a prior over the {number} latent components of the encoder {encoder}",
            got=f"{prior} ({count} components)",
            do="give both the same size",
        )


def _where(family: Family) -> str:
    sizes = "+".join(map(str, family.unit.groups))
    return f"{family.unit.support.text} of size {sizes}" if sizes else family.unit.support.text


def _layout(family: Family) -> tuple[object, sp.Expr]:
    """The support as copies of one space, written so that equal spaces compare equal."""
    support, copies = family.unit.support, sp.sympify(family.copies)
    size = sp.Add(*family.unit.groups)
    if isinstance(support, Bits):
        return frozenset((sp.Integer(0), sp.Integer(1))), copies * size
    if isinstance(support, Reals):
        return Interval(), copies * size
    if isinstance(support, Points):
        return frozenset(support.values), copies
    if isinstance(support, Integers) and support.hi.is_Integer and support.hi - support.lo < 1000:
        return frozenset(point for (point,) in support.points()), copies
    return ((support, size) if not support.scalar else support), copies


def _agree_on_symbols(*families: Family | None) -> None:
    """One name, one meaning: ``k`` as a size here and as a variance there would be two different symbols."""
    found: dict[str, sp.Symbol] = {}
    for family in families:
        if family is None:
            continue
        sizes = [*family.unit.groups, family.copies, *family.arguments.values()]
        for symbol in sorted(set().union(*(sp.sympify(size).free_symbols for size in sizes)), key=str):
            if found.setdefault(symbol.name, symbol) != symbol:
                do = "give the size and the parameter different names"
                raise MisuseError(wanted="one meaning for each name", got=f"{symbol} twice, in {family}", do=do)


def parse_inputs(what: object, decoder: Family) -> Inputs:
    """The encoder's inputs. Raises MisuseError: frequencies of a decoder that does not count, formulas without x,
    formulas that are not finite on the decoder's support."""
    if isinstance(what, Inputs):
        what = what.text
    if not isinstance(what, str):
        raise MisuseError(wanted="inputs as text", got=repr(what), do='write "x", "frequencies" or a formula in x')
    text = what.strip()
    if text == "frequencies":
        if not _counts(decoder.unit.support):
            got = f"frequencies of {decoder} on {decoder.unit.support.text}"
            do = "use inputs x, or a decoder of counts such as multinomial or poisson"
            raise MisuseError(wanted="a decoder of non-negative whole numbers", got=got, do=do)
        return Inputs("frequencies", text, FREQUENCIES)
    if re.fullmatch(r"[A-Za-z_]\w+", text) and text not in CONSTANTS:
        near = get_close_matches(text.lower(), ["frequencies"], n=1)
        do = f"did you mean {near[0]!r}?" if near else "write x, frequencies or a formula such as x/sum(x)"
        raise MisuseError(wanted="known inputs", got=repr(text), do=do)
    expr = parse_expression(text, {"x": X}, aggregate=True)
    if X not in expr.free_symbols:
        raise MisuseError(wanted="inputs that depend on x", got=repr(text), do="write a formula in x, such as x/sum(x)")
    if expr == X:
        return Inputs("x", "x", X)
    if expr == FREQUENCIES and _counts(decoder.unit.support):
        return Inputs("frequencies", "frequencies", FREQUENCIES)
    _finite(text, expr, decoder)
    return Inputs("expression", text, expr)


def _counts(support: Support) -> bool:
    if isinstance(support, Points):
        return all(value.is_Integer and value >= 0 for value in support.values)
    return isinstance(support, Bits | OneHot | Counts) or (isinstance(support, Integers) and bool(support.lo >= 0))


def _finite(text: str, expr: sp.Expr, decoder: Family) -> None:
    """Tries the formula at sample points; sums over components are left alone."""
    from eftheory.families import numeric

    support = decoder.unit.support
    if expr.has(SUM) or any(getattr(support, end, sp.oo).free_symbols for end in ("lo", "hi")):
        return
    points = numeric.sample_points(support, (2,) * max(len(decoder.unit.groups), 1))
    for value in sorted({coordinate for point in points for coordinate in point}):
        try:
            numeric.evaluate(expr, {X: numeric.evaluate(value, {})})
        except numeric.NotReal:
            do = "change the formula"
            wanted = f"inputs that are finite and real on {support.text}"
            raise MisuseError(wanted=wanted, got=f"{text!r} at x = {value}", do=do) from None
        except numeric.TooLarge:
            continue


def _models() -> list[dict[str, str]]:
    entries: list[dict[str, str]] = tomllib.loads(MODELS.read_text("utf-8"))["model"]
    return entries


def _toml(path: Path) -> dict[str, Any]:
    """The table in a file. Devices, pipes and folders are refused unread: reading one may never end."""
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise MisuseError(wanted="a regular file", got=f"{path}, a folder, pipe or device", do="name a TOML file")
        if facts.st_size > LARGEST_FILE:
            raise MisuseError(wanted="a specification of at most 1 MB", got=path.name, do="name another file")
        return tomllib.loads(path.read_text("utf-8-sig"))
    except MisuseError:
        raise
    except RecursionError:
        got = f"{path.name}, nested too deeply"
        raise MisuseError(wanted="a specification in TOML", got=got, do="nest tables and lists less") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise MisuseError(wanted="a readable file", got=f"{path}: {reason}", do="check the path") from None
    except UnicodeDecodeError:
        raise MisuseError(wanted="a TOML file in UTF-8", got=str(path), do="save it as UTF-8") from None
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise MisuseError(wanted="valid TOML", got=f"{path.name}: {error}", do="correct that line") from None


def _known_keys(table: Mapping[str, object], known: set[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise unknown(f"key in {where}", key, known)


def _part(role: str, value: object, file: str) -> Family | str:
    if isinstance(value, str):
        return value
    where = f"[{role}] of {file}"
    if not isinstance(value, dict):
        raise MisuseError(wanted=f"{where} as a table or as text", got=repr(value), do='write family = "normal(20)"')
    _known_keys(value, {"family", "statistics", "support", "base", "dim", "log_partition", "name"}, where)
    if "family" in value:
        if len(value) > 1:
            other = next(key for key in value if key != "family")
            raise MisuseError(wanted=f"family alone in {where}", got=f"family and {other}", do="remove one of them")
        if not isinstance(value["family"], str):
            raise MisuseError(wanted=f"family in {where} as text", got=repr(value["family"]), do="put it in quotes")
        return str(value["family"])
    try:
        return _own(value)
    except MisuseError as error:
        raise MisuseError(wanted=error.wanted, got=f"{error.got} in {where}", do=error.do) from None


def _own(table: Mapping[str, Any]) -> Family:
    from eftheory.families.own import own

    for key in ("statistics", "support"):
        if key not in table:
            raise MisuseError(wanted=f"family, or {key} of an own family", got=f"no {key}", do=f"add {key} = ...")
    options = dict(table)
    if isinstance(options.get("dim"), str):
        options["dim"] = _Symbols()("", options["dim"])
    return own(**options)
