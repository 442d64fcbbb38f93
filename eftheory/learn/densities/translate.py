"""SymPy expressions in torch: one table from node to function, and one evaluation for many alike expressions.

A list of expressions becomes a straight-line `Program`. Expressions (or terms of a sum, factors of a product, ...) of
the same shape, which differ only in their symbols and coefficients, are one instruction on one tensor:
``log(1 + sum_i e^{eta_i})`` over ten thousand symbols is a log-sum-exp over the last axis and a softplus.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sympy as sp
import torch

from eftheory.learn.densities import stable as st
from eftheory.learn.densities import tensor_functions as tf
from eftheory.learn.densities.program import Function, Instruction, Operand, Program, Register, Row
from eftheory.learn.densities.shapes import LEADING, SYMMETRIC, TABLE, Shapes, coefficient, number, second

COLUMNS = 8
"""Arguments of at most so many entries are split once where single entries are used: one backward step for all."""


def translate(expressions: Sequence[sp.Expr], *arguments: Sequence[sp.Symbol]) -> Program:
    """A function of one tensor (..., n) for each sequence of n symbols; it returns (..., len(expressions)).

    Logarithms are rewritten first (by `stable`). Where the expressions do not differ the last axis of the result has
    length 1, and broadcasts. Raises MisuseError for a node that is not in the table, or a symbol that is no argument.
    """
    return translate_each([expressions], *arguments)


def translate_each(lists: Sequence[Sequence[sp.Expr]], *arguments: Sequence[sp.Symbol]) -> Program:
    """The same for several lists of expressions at once, which share what they have in common (`Program.several`)."""
    writer = _Writer(arguments)
    results = [writer.values([st.stable(sp.sympify(expr, strict=True)) for expr in exprs]) for exprs in lists]
    return Program(len(arguments), tuple(writer.code), tuple(results))


class _Writer:
    """Writes instructions; equal ones once. Every method takes m expressions and returns their values, (..., m)."""

    def __init__(self, arguments: Sequence[Sequence[sp.Symbol]]) -> None:
        self.shapes = Shapes(arguments)
        self.width: list[int] = list(self.shapes.length)
        self.code: list[Instruction] = []
        self.known: dict[Instruction, Register] = {}

    # --- instructions -------------------------------------------------------------------------------------------------

    def emit(self, width: int, function: Function, *operands: Operand, options: tuple[Any, ...] = ()) -> Register:
        step = Instruction(function, operands, options)
        if step not in self.known:
            self.known[step] = Register(len(self.shapes.length) + len(self.code))
            self.code.append(step)
            self.width.append(width)
        return self.known[step]

    def combine(self, function: Function, left: Operand, right: Operand, *options: Any) -> Register:
        return self.emit(max(self.width_of(left), self.width_of(right)), function, left, right, options=options)

    def width_of(self, operand: Operand) -> int:
        if isinstance(operand, Register):
            return self.width[operand.index]
        return len(operand.entries) if isinstance(operand, Row) else 1

    def reduce(self, function: Function, operand: Operand, count: int, group: int) -> Operand:
        """`count` results, each of `group` neighbours."""
        if group == 1:
            return operand
        if self.width_of(operand) == 1:
            operand = self.emit(count * group, tf.widen, operand, options=(count * group,))
        return self.emit(count, function, operand, options=() if count == 1 else (count, group))

    # --- values -------------------------------------------------------------------------------------------------------

    def values(self, exprs: Sequence[sp.Expr]) -> Operand:
        if all(expr.is_number for expr in exprs):
            return _row([number(expr) for expr in exprs])
        if len(exprs) > 1 and all(expr == exprs[0] for expr in exprs):
            return self.values(exprs[:1])
        profiles = [self.shapes.profile(expr) for expr in exprs]
        if len(set(profiles)) == 1:
            return self.sums(exprs)
        return self.joined(exprs, profiles)

    def joined(self, exprs: Sequence[sp.Expr], profiles: Sequence[int]) -> Operand:
        """Expressions of several shapes: each shape at once, then put in order."""
        parts, places = [], []
        for shape in dict.fromkeys(profiles):
            rows = [i for i, profile in enumerate(profiles) if profile == shape]
            part = self.values([exprs[i] for i in rows])
            if self.width_of(part) < len(rows) or not isinstance(part, Register):
                part = self.emit(len(rows), tf.spread, Register(0), part, options=(len(rows),))
            parts.append(part)
            places += rows
        whole = self.emit(len(exprs), tf.concatenate, *parts)
        if places == list(range(len(exprs))):
            return whole
        back = tuple(sorted(range(len(places)), key=places.__getitem__))
        return self.emit(len(exprs), tf.take, whole, Row(back, places=True))

    def sums(self, exprs: Sequence[sp.Expr]) -> Operand:
        """``constant + sum of c t + linear`` of expressions whose non-linear terms t have the same shapes."""
        splits = [[coefficient(term) for term in sp.Add.make_args(expr)] for expr in exprs]
        nonlinear = [[pair for pair in split if not self.shapes.is_linear(pair[1])] for split in splits]
        classes = [self.shapes.classes(pairs, lambda pair: self.shapes.atom(pair[1]), second) for pairs in nonlinear]
        total: Operand = 0.0
        for shape in classes[0]:
            flat = [pair for row in classes for pair in row[shape]]
            weights = [c for c, _ in flat]
            total = self.add(total, self.atoms([t for _, t in flat]), weights, len(exprs), len(classes[0][shape]))
        linear = [_merged(pair for pair in split if pair[1].is_Symbol) for split in splits]
        for v in sorted({self.shapes.where(symbol)[0] for row in linear for symbol in row}):
            total = self.add(total, *self.linear(v, linear))
        return self.plus(total, _row([sum(c * number(t) for c, t in split if t.is_number) for split in splits]))

    def add(self, total: Operand, value: Operand, weights: Sequence[float], count: int = 0, group: int = 1) -> Operand:
        """``total + sum of weights * value``, in as few instructions as the weights allow."""
        weight = weights[0]
        if len(set(weights)) > 1:
            value, weight = self.combine(operator.mul, value, Row(tuple(weights))), 1.0
        value = self.reduce(tf.sum_last, value, count, group)
        if total == 0.0:
            return value if weight == 1.0 else self.emit(self.width_of(value), tf.scale, value, options=(weight,))
        if weight == 1.0:
            return self.combine(operator.add, total, value)
        return self.combine(tf.add_scaled, total, value, weight)

    def plus(self, total: Operand, constants: Operand) -> Operand:
        if constants == 0.0:
            return total
        return constants if total == 0.0 else self.combine(operator.add, total, constants)

    def linear(self, v: int, rows: Sequence[Mapping[sp.Symbol, float]]) -> tuple[Operand, list[float]]:
        """The linear parts in the symbols of argument v: a value, and a weight for each."""
        mine = [{i: c for s, c in row.items() for w, i in [self.shapes.where(s)] if w == v} for row in rows]
        if all(len(row) <= 1 for row in mine):
            weights = [next(iter(row.values()), 0.0) for row in mine]
            return self.entries(v, [next(iter(row), 0) for row in mine]), weights
        if len(mine) == 1 and len(set(mine[0].values())) == 1:
            return self.reduce(tf.sum_last, self.entries(v, sorted(mine[0])), 1, len(mine[0])), [*mine[0].values()][:1]
        matrix = tuple(tuple(row.get(i, 0.0) for row in mine) for i in range(self.shapes.length[v]))
        return self.emit(len(mine), tf.matrix_product, Register(v), Row(matrix)), [1.0]

    def entries(self, v: int, places: list[int]) -> Operand:
        """Entries of argument v: all of them, a range, or a selection."""
        if places == list(range(self.shapes.length[v])):
            return Register(v)
        if len(places) == 1 and self.shapes.length[v] <= COLUMNS:
            columns = self.emit(self.shapes.length[v], tf.columns, Register(v))
            return self.emit(1, operator.getitem, columns, options=(places[0],))
        if places == list(range(places[0], places[0] + len(places))):
            return self.emit(len(places), tf.part, Register(v), options=(places[0], len(places)))
        return self.emit(len(places), tf.take, Register(v), Row(tuple(places), places=True))

    def atoms(self, terms: Sequence[sp.Expr]) -> Operand:
        """Terms of one shape, neither numbers nor symbols."""
        if len(terms) > 1 and all(term == terms[0] for term in terms):
            return self.atoms(terms[:1])
        first = terms[0]
        if first.is_Mul:
            return self.products(terms)
        if first.is_Pow:
            return self.powers(terms)
        if first.func in SYMMETRIC:
            return self.symmetric(terms)
        if first.func in LEADING:
            inner = self.values([term.args[1] for term in terms])
            return self.emit(self.width_of(inner), TABLE[first.func], inner, options=(int(first.args[0]),))
        children = [self.values([term.args[k] for term in terms]) for k in range(len(first.args))]
        return self.emit(max(map(self.width_of, children)), TABLE[first.func], *children)

    def products(self, terms: Sequence[sp.Expr]) -> Operand:
        """Factor by factor; negative powers divide."""
        classes = [self.shapes.classes(term.args, self.shapes.factor) for term in terms]
        total: Operand = 1.0
        divisors = []
        for shape, group in classes[0].items():
            for k in range(len(group)):
                column = [row[shape][k] for row in classes]
                below = column[0].is_Pow and column[0].exp.is_number and column[0].exp.is_negative
                value = self.values([1 / f for f in column] if below else column)
                if below:
                    divisors.append(value)
                else:
                    total = value if total == 1.0 else self.combine(operator.mul, total, value)
        for value in divisors:
            total = self.reciprocal(value) if total == 1.0 else self.combine(operator.truediv, total, value)
        return total

    def reciprocal(self, value: Operand) -> Operand:
        return self.emit(self.width_of(value), torch.reciprocal, value)

    def powers(self, terms: Sequence[sp.Expr]) -> Operand:
        exponent = terms[0].exp
        base = self.values([term.base for term in terms])
        if not exponent.is_number:
            return self.combine(torch.pow, base, self.values([term.exp for term in terms]))
        special = {-1: torch.reciprocal, 2: torch.square, sp.S.Half: torch.sqrt, -sp.S.Half: torch.rsqrt}
        if exponent in special:
            return self.emit(self.width_of(base), special[exponent], base)
        return self.emit(self.width_of(base), torch.pow, base, options=(number(exponent),))

    def symmetric(self, terms: Sequence[sp.Expr]) -> Operand:
        whole, pair = SYMMETRIC[terms[0].func]
        classes = [self.shapes.classes(term.args, self.shapes.profile) for term in terms]
        found: Operand | None = None
        for shape in classes[0]:
            rows = [row[shape] for row in classes]
            value = self.reduce(whole, self.values([arg for row in rows for arg in row]), len(terms), len(rows[0]))
            found = value if found is None else self.combine(pair, found, value)
        assert found is not None
        return found


def _merged(pairs: Iterable[tuple[float, sp.Symbol]]) -> dict[sp.Symbol, float]:
    """Coefficients added up: SymPy keeps ``2 x + pi x`` apart."""
    found: dict[sp.Symbol, float] = {}
    for c, symbol in pairs:
        found[symbol] = found.get(symbol, 0.0) + c
    return found


def _row(numbers: Sequence[float]) -> Operand:
    return numbers[0] if len(set(numbers)) == 1 else Row(tuple(numbers))
