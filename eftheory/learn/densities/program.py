"""A straight-line program over tensors: what `translate` writes and torch runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import Tensor

from eftheory.learn.densities.constants import Constant


@dataclass(frozen=True)
class Register:
    """The value of the argument or instruction of this number."""

    index: int


@dataclass(frozen=True)
class Row:
    """Constants, one for each expression: a tensor (m,), or (n, m) when nested; or places in an axis."""

    entries: tuple[Any, ...]
    places: bool = False


Operand: TypeAlias = Register | Row | float
Function: TypeAlias = Callable[..., Any]


@dataclass(frozen=True)
class Instruction:
    """``function(*operands, *options)``; options are plain Python values."""

    function: Function
    operands: tuple[Operand, ...]
    options: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Program:
    """`arguments` tensors in, one tensor out; `several` gives one for each result.

    Two programs are equal when they do the same, instruction by instruction.

    A call broadcasts over leading axes and holds no branch that depends on numbers, so it can be traced and captured.
    """

    arguments: int
    code: tuple[Instruction, ...]
    results: tuple[Operand, ...]
    _constants: dict[Row, Constant] = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, *arguments: Tensor) -> Tensor:
        (result,) = self.several(*arguments)
        return result

    def several(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        """One tensor for each result."""
        values: list[Any] = list(arguments)
        like = arguments[0]
        for step in self.code:
            operands = [self._value(operand, values, like) for operand in step.operands]
            values.append(step.function(*operands, *step.options))
        found = [self._value(result, values, like) for result in self.results]
        return tuple(value if isinstance(value, Tensor) else like.new_full((1,), value) for value in found)

    def _value(self, operand: Operand, values: list[Any], like: Tensor) -> Any:
        if isinstance(operand, Register):
            return values[operand.index]
        if isinstance(operand, Row):
            return self._constant(operand, like)
        return operand

    def _constant(self, row: Row, like: Tensor) -> Tensor:
        found = self._constants.get(row)
        if found is None:
            value = torch.tensor(row.entries, dtype=torch.int64 if row.places else torch.float64)
            found = self._constants[row] = Constant(value)
        return found.like(like)
