"""Arguments of families, read exactly and checked: sizes, positive numbers, probabilities.

Numbers become exact: a float is read as the decimal that prints it (0.1 is 1/10). Symbols get the assumption that
their place demands (positive, positive integer), because a hyperparameter without it would not define a family.
Everything here raises `MisuseError`. Strings are never turned into expressions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Rational, Real

import sympy as sp

from eftheory.errors import MisuseError
from eftheory.families.base import Size


def _refuse(what: str, wanted: str, value: object, do: str) -> MisuseError:
    return MisuseError(wanted=f"{what}: {wanted}", got=str(value), do=do)


def _assume(expr: sp.Expr, **facts: bool) -> sp.Expr:
    """The expression with the facts added to those symbols that do not contradict them."""
    renamed = {}
    for symbol in expr.free_symbols:
        if all(getattr(symbol, f"is_{fact}") is None for fact in facts):
            renamed[symbol] = sp.Symbol(symbol.name, **{**symbol.assumptions0, **facts})
    return expr.xreplace(renamed)


def exact(value: object, what: str) -> sp.Expr:
    """An exact finite real number, or an expression in symbols."""
    if isinstance(value, sp.Expr):
        expr = value.replace(lambda e: e.is_Float and e.is_finite, lambda e: sp.Rational(str(e)))
    elif isinstance(value, bool) or not isinstance(value, Real):
        raise _refuse(what, "a real number or a symbol", repr(value), "write an integer, a fraction or a decimal")
    elif isinstance(value, Integral):
        expr = sp.Integer(int(value))
    elif isinstance(value, Rational):
        expr = sp.Rational(int(value.numerator), int(value.denominator))
    elif math.isfinite(value):
        expr = sp.Rational(repr(float(value)))
    else:
        raise _refuse(what, "a finite number", value, "write a finite number")
    if expr.has(sp.nan, sp.oo, -sp.oo, sp.zoo) or expr.is_real is False:
        raise _refuse(what, "a finite real number", expr, "write a finite real number")
    return expr


def real(value: object, what: str) -> sp.Expr:
    """A real number; symbols are taken to be real."""
    expr = _assume(exact(value, what), real=True)
    if not expr.is_real:
        raise _refuse(what, "a real number", value, "write a real number")
    return expr


def positive(value: object, what: str) -> sp.Expr:
    """A number above zero; symbols are taken to be positive."""
    expr = _assume(exact(value, what), positive=True)
    if not expr.is_positive:
        raise _refuse(what, "a number above 0", value, "write a positive number, or one symbol")
    return expr


def nonnegative(value: object, what: str) -> sp.Expr:
    """A number not below zero; symbols are taken to be positive."""
    expr = _assume(exact(value, what), positive=True)
    if not expr.is_nonnegative:
        raise _refuse(what, "a number of at least 0", value, "write a non-negative number, or one symbol")
    return expr


def size(value: object, what: str, least: int = 1) -> Size:
    """A size: an integer of at least `least`, or a symbol (then a positive integer)."""
    if isinstance(value, sp.Symbol):
        symbol = _assume(_assume(value, integer=True), positive=True)
        if symbol.is_integer and symbol.is_positive:
            return symbol
    elif isinstance(value, Integral | sp.Integer) and not isinstance(value, bool) and int(value) >= least:
        return int(value)
    got = repr(value) if isinstance(value, str) else value
    raise _refuse(what, f"an integer of at least {least}, or a symbol", got, "write such a number, or a name")


def trials(value: object, what: str) -> sp.Expr:
    """A number of draws: a positive integer, or a symbol."""
    return sp.sympify(size(value, what))


def probability(value: object, what: str) -> sp.Expr:
    """A number strictly between 0 and 1; an expression in symbols is refused only when it is surely outside."""
    if isinstance(value, Sequence):
        raise _refuse(what, "one number, shared by all coordinates", value, "write one probability")
    expr = _assume(exact(value, what), positive=True)
    inside = (sp.Gt(expr, 0), sp.Lt(expr, 1))
    bad = sp.false in inside or (not expr.free_symbols and inside != (sp.true, sp.true))
    if bad:
        raise _refuse(what, "a probability strictly between 0 and 1", value, "move it inside (0, 1)")
    return expr


def probabilities(value: object, count: int, what: str) -> list[sp.Expr]:
    """`count` probabilities that sum to one, from a list or from one number for all."""
    entries = list(value) if isinstance(value, list | tuple) else [value] * count
    if len(entries) != count:
        raise _refuse(what, f"{count} probabilities", f"{len(entries)}", f"write {count} of them, or one for all")
    probs = [probability(entry, what) for entry in entries]
    if sp.simplify(sp.Add(*probs) - 1) != 0:
        raise _refuse(what, "probabilities that sum to 1", sp.Add(*probs), f"for equal ones write 1/{count}")
    return probs


def vector(value: object, count: int, what: str, one: object = real) -> list[sp.Expr]:
    """`count` numbers, from a list or from one number for all; `one` reads each."""
    entries = list(value) if isinstance(value, list | tuple) else [value] * count
    if len(entries) != count:
        raise _refuse(what, f"{count} numbers", f"{len(entries)}", f"write {count} of them, or one for all")
    return [one(entry, what) for entry in entries]  # type: ignore[operator]


def text(value: object) -> str:
    """How a value is written in one-line notation."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(text, value)) + "]"
    return str(value)


def notation(name: str, sizes: Sequence[object], keywords: Mapping[str, object] | None = None, join: str = ", ") -> str:
    """The canonical notation, such as ``normal(20, variance=1)``; keywords that are None are left out."""
    parts = [join.join(map(str, sizes))]
    parts += [f"{key}={text(value)}" for key, value in (keywords or {}).items() if value is not None]
    return f"{name}({', '.join(parts)})"
