"""The five facts of one unit as torch functions, from its templates: vectorised over components, whatever the size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import sympy as sp
import torch
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.families.base import XI, XJ, Explicit, Family, Unit, X
from eftheory.families.normaliser import closed_form
from eftheory.families.support import Bits, Counts
from eftheory.learn.densities.constants import Selection
from eftheory.learn.densities.program import Program
from eftheory.learn.densities.quadratic import Quadratic
from eftheory.learn.densities.stable import log_of, stable
from eftheory.learn.densities.translate import translate

SMALL = (4, 5)
"""Sizes of a block at which its log-partition is derived; the same program at both holds for every size."""
FEW = 4
"""Units with at most so many natural parameters get the gradient of their log-partition as expressions."""
STATES = 2**10
"""Assignments of the first group of bits that a log-partition may sum over."""
TOTAL = sp.Symbol("total", integer=True, nonnegative=True)

LogPartition = Callable[[Tensor, Tensor | None], Tensor]


@dataclass(frozen=True)
class Term:
    """One template: a program of the components at `first` and, for pairs, at `second`. identity: it is x_i."""

    program: Program
    first: Selection
    second: Selection | None
    identity: bool

    def __call__(self, x: Tensor) -> Tensor:
        """(..., p) to (..., number of index pairs)."""
        a = self.first(x)
        if self.identity:
            return a
        b = a if self.second is None else self.second(x)
        value = self.program(a.unsqueeze(-1), b.unsqueeze(-1)).squeeze(-1)
        return value.expand(a.shape)


def terms_of(unit: Unit, p: int, groups: tuple[int, ...]) -> tuple[Term, ...]:
    """The statistics, template by template."""
    found = []
    for statistic in unit.statistics:
        pairs = statistic.indices(groups if groups else (1,))
        first, second = (tuple(column) for column in zip(*pairs, strict=True))
        expr = statistic.expr.subs(X, XI)
        single = XJ not in expr.free_symbols
        found.append(
            Term(
                translate([expr], [XI], [XJ]),
                Selection(first, p),
                None if single or second == first else Selection(second, p),
                expr == XI,
            )
        )
    return tuple(found)


def log_base_of(unit: Unit) -> Program | None:
    """log of the base measure of one component, to be summed over components; None where it is 1."""
    expr = unit.base.subs(X, XI)
    return None if expr == 1 else translate([log_of(expr)], [XI])


def sizes_of(family: Family) -> tuple[tuple[int, ...], int]:
    """(groups, copies). Raises MisuseError when one is a symbol."""
    for size in (family.copies, *family.unit.groups):
        if not isinstance(size, int | sp.Integer):
            raise MisuseError(wanted=f"explicit sizes in {family}", got=str(size), do="write a number for it")
    return tuple(int(size) for size in family.unit.groups), int(family.copies)


# --- the log-partition ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Normaliser:
    """A of one unit: log_partition(eta (..., n), total (..., 1) or None) to (..., 1), and its gradient where written.

    needs_total: it is that of counts given their total.
    """

    log_partition: LogPartition
    mean: LogPartition | None
    needs_total: bool = False


def normaliser_of(family: Family, groups: tuple[int, ...], quadratic: Quadratic | None) -> Normaliser:
    """The family's own log-partition, in torch. Raises MisuseError where there is no closed form."""
    unit = family.unit
    if quadratic is not None and not quadratic.scalar:
        return Normaliser(lambda eta, total: quadratic.log_partition(eta), lambda eta, total: quadratic.mean(eta))
    varying = isinstance(unit.support, Counts) and unit.support.total is None
    if varying:
        unit = replace(unit, support=Counts(TOTAL), log_partition=lambda eta: None)
    program, slopes = _size_free(family, unit, groups) or _explicit(family, unit, groups)
    return Normaliser(_called(program), None if slopes is None else _called(slopes), varying)


def _called(program: Program) -> LogPartition:
    if program.arguments == 1:
        return lambda eta, total: program(eta)
    return lambda eta, total: program(eta, total)  # type: ignore[arg-type]


def _size_free(family: Family, unit: Unit, groups: tuple[int, ...]) -> tuple[Program, Program | None] | None:
    """Two small sizes that give one program: it mentions no size, so it is the program of every size."""
    if len(groups) != 1 or groups[0] <= max(SMALL):
        return None
    try:
        small = [_formula(family, unit, (size,)) for size in SMALL]
    except MisuseError:
        return None
    programs = [translate([formula], *arguments) for formula, arguments in small]
    return (programs[0], None) if programs[0] == programs[1] else None


def _explicit(family: Family, unit: Unit, groups: tuple[int, ...]) -> tuple[Program, Program | None]:
    if isinstance(unit.support, Bits) and len(groups) == 2 and 2 ** groups[0] > STATES:
        do = f"make the first group smaller: 2^{groups[0]} terms are to be summed"
        raise MisuseError(wanted="a log-partition that can be enumerated", got=str(family), do=do)
    formula, arguments = _formula(family, unit, groups)
    program = translate([formula], *arguments)
    natural = arguments[0]
    if len(natural) > FEW:
        return program, None
    smooth = stable(formula)
    slopes = [smooth.diff(e) for e in natural]
    if any(slope.has(sp.Derivative) for slope in slopes):
        return program, None  # a function without a stated derivative: left to torch
    return program, translate(slopes, *arguments)


def _formula(family: Family, unit: Unit, groups: tuple[int, ...]) -> tuple[sp.Expr, tuple[Sequence[sp.Symbol], ...]]:
    """log-partition and the symbols it is in: stated, or derived by the normaliser of `families`."""
    explicit: Explicit = unit.at(groups)
    formula = explicit.log_partition if explicit.log_partition is not None else closed_form(explicit)
    if formula is None:
        do = "take a family whose normaliser is known, or one with fewer points"
        raise MisuseError(wanted="a log-partition in closed form", got=f"none for {family}", do=do)
    varying = TOTAL in formula.free_symbols
    return formula, (explicit.natural, (TOTAL,)) if varying else (explicit.natural,)


def gradient(log_partition: LogPartition, eta: Tensor, total: Tensor | None) -> Tensor:
    """``grad A`` by reverse differentiation, itself differentiable; rows are independent of each other."""
    value, pull, *_ = torch.func.vjp(lambda e: log_partition(e, total), eta)
    (slope,) = pull(torch.ones_like(value))
    assert isinstance(slope, Tensor)
    return slope
