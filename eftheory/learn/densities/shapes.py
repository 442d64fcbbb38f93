"""What is alike in expressions: the table of known functions, and shapes, by which terms are grouped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import sympy as sp
import torch

from eftheory.errors import MisuseError
from eftheory.learn.densities import stable as st
from eftheory.learn.densities import tensor_functions as tf
from eftheory.learn.densities.program import Function

TABLE: Mapping[type, Function] = {
    sp.exp: torch.exp,
    sp.log: torch.log,
    sp.sin: torch.sin,
    sp.cos: torch.cos,
    sp.tan: torch.tan,
    sp.sinh: torch.sinh,
    sp.cosh: torch.cosh,
    sp.tanh: torch.tanh,
    sp.atan: torch.atan,
    sp.Abs: torch.abs,
    sp.sign: torch.sign,
    sp.floor: torch.floor,
    sp.erf: torch.erf,
    sp.erfc: torch.erfc,
    st.LogGamma: torch.lgamma,
    st.Gamma: tf.gamma,
    sp.polygamma: tf.polygamma,
    sp.besseli: tf.bessel_i,
    st.Softplus: tf.softplus,
    st.Sigmoid: torch.sigmoid,
    st.Expm1: torch.expm1,
    st.Log1p: torch.log1p,
    st.Log1mExp: tf.log1mexp,
    st.LogBesselI0: tf.log_bessel_i0,
    st.LogBesselI0Root: tf.log_bessel_i0_root,
    st.BesselRatio: tf.bessel_ratio,
}
"""Functions of a fixed number of arguments; sums, products and powers have rules of their own."""

SYMMETRIC: Mapping[type, tuple[Function, Function]] = {
    st.LogSumExp: (tf.log_sum_exp, torch.logaddexp),
    st.Norm: (tf.norm, torch.hypot),
    sp.Max: (tf.largest, tf.maximum),
    sp.Min: (tf.smallest, tf.minimum),
}
"""Functions of any number of arguments in any order: how a whole axis is reduced, and how two are joined."""

LEADING: Mapping[type, range] = {sp.polygamma: range(9), sp.besseli: range(2)}
"""Functions whose first argument is a whole number, the order, and the orders that torch has."""

DIGITS = 30
"""Digits to which constants are evaluated before they are rounded."""


def number(expr: sp.Expr) -> float:
    """A constant expression, rounded once."""
    return float(expr.evalf(DIGITS))


def coefficient(term: sp.Expr) -> tuple[float, sp.Expr]:
    """(c, rest) with term = c * rest, every constant factor in c; a constant is (1, itself)."""
    if term.is_number:
        return 1.0, term
    c, rest = term.as_coeff_Mul()
    if rest.is_Mul and any(factor.is_number for factor in rest.args):
        constants, rest = rest.as_independent(*rest.free_symbols, as_Add=False)
        c = c * constants
    return number(c), rest


Item = TypeVar("Item")


def identity(item: Any) -> Any:
    return item


def second(pair: tuple[Any, Any]) -> Any:
    return pair[1]


class Shapes:
    """Numbers for the shapes of expressions: those with the same number differ in symbols and numbers alone.

    place: for each symbol the argument that holds it, and where; length: of each argument.
    """

    def __init__(self, arguments: Sequence[Sequence[sp.Symbol]]) -> None:
        self.place = {symbol: (v, i) for v, symbols in enumerate(arguments) for i, symbol in enumerate(symbols)}
        self.length = [len(symbols) for symbols in arguments]
        self._numbers: dict[Any, int] = {}
        self._profiles: dict[sp.Expr, int] = {}

    def _number(self, shape: Any) -> int:
        return self._numbers.setdefault(shape, len(self._numbers))

    def profile(self, expr: sp.Expr) -> int:
        """The shape of an expression as a sum; numbers have no shape, the linear part hardly any."""
        if expr not in self._profiles:
            parts = [coefficient(term) for term in sp.Add.make_args(expr)]
            atoms = Counter(self.atom(term) for _, term in parts if not self.is_linear(term))
            self._profiles[expr] = self._number(("sum", self.is_total(parts), *sorted(atoms.items())))
        return self._profiles[expr]

    def is_total(self, parts: Sequence[tuple[float, sp.Expr]]) -> bool:
        """Whether the linear part is a multiple of the sum of all entries of one argument: kept apart from entries."""
        linear = [(c, self.where(term)[0]) for c, term in parts if term.is_Symbol]
        return len(linear) > 1 and len(linear) == self.length[linear[0][1]] and len(set(linear)) == 1

    def is_linear(self, term: sp.Expr) -> bool:
        return bool(term.is_number or term.is_Symbol)

    def atom(self, term: sp.Expr) -> int:
        """The shape of a term that is neither a number nor a symbol."""
        if term.is_Mul:
            return self._number(("product", *sorted(Counter(map(self.factor, term.args)).items())))
        if term.is_Pow:
            base = self.profile(term.base)
            if term.exp.is_number:
                return self._number(("power", term.exp, base))
            return self._number(("exponential", self.profile(term.exp), base))
        function = term.func
        if function in SYMMETRIC:
            return self._number((function, *sorted(Counter(map(self.profile, term.args)).items())))
        if function not in TABLE:
            known = ", ".join(sorted(node.__name__ for node in (sp.Add, sp.Mul, sp.Pow, *TABLE, *SYMMETRIC)))
            raise MisuseError(
                wanted="an expression of the known functions", got=f"{function.__name__} in {term}", do=f"use {known}"
            )
        if function in LEADING:
            if term.args[0] not in LEADING[function]:
                do = "leave it out"
                raise MisuseError(wanted=f"{function.__name__} of a small whole order", got=str(term), do=do)
            return self._number((function, term.args[0], self.profile(term.args[1])))
        return self._number((function, *map(self.profile, term.args)))

    def factor(self, factor: sp.Expr) -> int:
        if factor.is_Pow and factor.exp.is_number:
            return self.atom(factor)
        return self.profile(factor)

    def order(self, expr: sp.Expr) -> list[tuple[int, int]]:
        """Sorts terms by their symbols, so that neighbours in a tensor are neighbours in a sum."""
        return sorted(self.where(symbol) for symbol in expr.free_symbols)

    def where(self, symbol: sp.Symbol) -> tuple[int, int]:
        if symbol not in self.place:
            names = ", ".join(map(str, list(self.place)[:8]))
            raise MisuseError(wanted=f"an expression in {names}", got=f"the symbol {symbol}", do="give it a number")
        return self.place[symbol]

    def classes(
        self, items: Sequence[Item], shape: Callable[[Item], int], expr: Callable[[Item], sp.Expr] = identity
    ) -> dict[int, list[Item]]:
        """The items by shape, each class sorted; expr: the expression in an item."""
        found: dict[int, list[Item]] = {}
        for item in items:
            found.setdefault(shape(item), []).append(item)
        return {number: sorted(found[number], key=lambda item: self.order(expr(item))) for number in sorted(found)}
