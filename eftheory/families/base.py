"""What an exponential family is: five facts; everything else is derived from them once for all.

A family is ``p(x; eta) = base(x) exp(<eta, statistics(x)> - log_partition(eta))`` on a support, for eta in the natural
domain. `Unit` holds the facts of one coordinate, scalar or block; `Family` repeats it independently ``copies`` times.
Sizes may be symbols: nothing here costs anything in them; `Unit.at` makes a unit explicit at small sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import sympy as sp
from sympy.core.relational import Relational

from eftheory.errors import MisuseError
from eftheory.families.support import Integers, Interval, Points, Simplex, Support

Size: TypeAlias = int | sp.Symbol

X = sp.Symbol("x", real=True)
"""The variable of a scalar unit in its templates."""
XI, XJ = sp.symbols("x_i x_j", real=True)
"""Two components of a block unit in its templates."""

PATTERNS = ("", "i", "i<last", "i<j", "i<=j", "across")


@dataclass(frozen=True)
class Statistic:
    """A template: `expr` in X (pattern "") or in XI and XJ, over the index pairs that the pattern names.

    Patterns of a block with p components: "i" all components; "i<last" all but the last; "i<j" and "i<=j" pairs;
    "across" pairs with i in the first group and j in the second (boltzmann).
    """

    expr: sp.Expr
    pattern: str = ""

    def indices(self, groups: tuple[int, ...]) -> list[tuple[int, int]]:
        p = sum(groups)
        if self.pattern in ("", "i"):
            return [(i, i) for i in range(p)]
        if self.pattern == "i<last":
            return [(i, i) for i in range(p - 1)]
        if self.pattern == "across":
            return [(i, j) for i in range(groups[0]) for j in range(groups[0], p)]
        return [(i, j) for i in range(p) for j in range(i, p) if self.pattern == "i<=j" or i < j]

    def expand(self, variables: Sequence[sp.Symbol], groups: tuple[int, ...]) -> list[sp.Expr]:
        return [
            self.expr.subs({X: variables[i], XI: variables[i], XJ: variables[j]}, simultaneous=True)
            for i, j in self.indices(groups)
        ]


@dataclass(frozen=True)
class Explicit:
    """A unit at an explicit size. variables: p symbols with the support's assumptions; statistics, natural: n each.

    base: in the variables. log_partition: in `natural`, or None when no closed form is known.
    domain: relations in `natural` that must all hold (empty: every eta).
    """

    support: Support
    variables: tuple[sp.Symbol, ...]
    statistics: tuple[sp.Expr, ...]
    natural: tuple[sp.Symbol, ...]
    base: sp.Expr
    log_partition: sp.Expr | None
    domain: tuple[Relational, ...]

    def points(self) -> list[tuple[sp.Expr, ...]]:
        return list(self.support.points(len(self.variables)))


@dataclass(frozen=True, kw_only=True)
class Unit:
    """The five facts of one coordinate.

    support; statistics (templates); base: positive, in X, or for blocks a factor in XI taken over all components;
    domain(eta): the natural domain as relations; log_partition(eta): nats, or None; it is called with the group sizes
    too, log_partition(eta, groups), where log_partition_needs_groups says so (the length of eta does not tell them).
    groups: sizes of a block (one, or two for boltzmann), empty for a scalar.
    parameters, natural(groups, **values): the usual parameters and their natural ones, for priors with values.
    """

    support: Support
    statistics: tuple[Statistic, ...]
    base: sp.Expr = sp.S.One
    domain: Callable[[Sequence[sp.Expr]], tuple[Relational, ...]]
    log_partition: Callable[..., sp.Expr | None]
    log_partition_needs_groups: bool = False
    groups: tuple[Size, ...] = ()
    parameters: tuple[str, ...] = ()
    natural: Callable[..., Sequence[sp.Expr]] | None = None

    def at(self, groups: tuple[int, ...] = (), *, name: str = "x", index: int | None = None) -> Explicit:
        """The unit with explicit sizes; variables are called name (with the copy's index and component appended)."""
        sizes = self._explicit(groups)
        stem = name if index is None else f"{name}{index}"
        p = sum(sizes)
        names = [stem] if self.support.scalar else [f"{stem}_{i + 1}" for i in range(p)]
        variables = tuple(sp.Symbol(label, **assumptions(self.support)) for label in names)
        statistics = tuple(e for s in self.statistics for e in s.expand(variables, sizes))
        eta = sp.symbols(f"eta1:{len(statistics) + 1}", real=True)
        base = sp.prod([self.base.subs({X: v, XI: v}) for v in variables])
        needed = (sizes,) if self.log_partition_needs_groups else ()
        log_partition = self.log_partition(eta, *needed)
        return Explicit(self.support, variables, statistics, eta, base, log_partition, self.domain(eta))

    def _explicit(self, groups: tuple[int, ...]) -> tuple[int, ...]:
        """The sizes asked for, else the unit's own, which must then be numbers."""
        if self.support.scalar:
            return (1,)
        sizes = groups or self.groups
        if len(sizes) != len(self.groups) or not all(isinstance(size, int | sp.Integer) for size in sizes):
            raise MisuseError(
                wanted=f"{len(self.groups)} explicit group sizes", got=str(sizes), do="pass them: unit.at((2,))"
            )
        return tuple(int(size) for size in sizes)


@dataclass(frozen=True, kw_only=True)
class Family:
    """`copies` independent units. name: as the user wrote it; arguments: fixed hyperparameters and values given.

    values: parameters fixed to numbers, present only where a prior gives them.
    """

    name: str
    unit: Unit
    copies: Size = 1
    arguments: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    spec: str = ""

    def __post_init__(self) -> None:
        for size in (self.copies, *self.unit.groups):
            if isinstance(size, int | sp.Integer) and size < 1:
                raise MisuseError(wanted="sizes of at least 1", got=str(size), do=f"change {self.spec or self.name}")

    def __str__(self) -> str:
        return self.spec or self.name

    @property
    def listed_values(self) -> bool:
        """Whether some value is given entry by entry, so that coordinates differ."""
        return any(isinstance(value, list | tuple) for value in self.values.values())

    def natural_values(self, groups: tuple[int, ...] = ()) -> tuple[sp.Expr, ...]:
        """Natural parameters of one unit where `values` are given, at explicit group sizes.

        Symbols of the groups that occur in the values (``probs=1/k``) are replaced by the sizes, and so is ``1/9`` for
        9 categories when a smaller block stands for them: a uniform distribution stays one.
        """
        if self.unit.natural is None or not self.values:
            raise MisuseError(wanted="a family with values", got=str(self), do="give its parameters values")
        sizes = groups or tuple(int(size) for size in self.unit.groups)
        put = {str(old): new for old, new in zip(self.unit.groups, sizes, strict=True)}
        values = {key: _put(value, put) for key, value in self.values.items()}
        if len(sizes) == 1 and self.unit.groups and sizes != self.unit.groups and "probs" in values:
            equal = sp.sympify(self.unit.groups[0]) * values["probs"] == 1
            values["probs"] = sp.Rational(1, sizes[0]) if equal else values["probs"]
        return tuple(self.unit.natural(sizes, **values))


def _put(value: Any, numbers: Mapping[str, int]) -> Any:
    """The value with symbols replaced by name, inside lists too."""
    if isinstance(value, list | tuple):
        return [_put(entry, numbers) for entry in value]
    if isinstance(value, sp.Expr):
        return value.xreplace({s: sp.Integer(numbers[s.name]) for s in value.free_symbols if s.name in numbers})
    return value


def assumptions(support: Support) -> dict[str, bool]:
    """SymPy assumptions of a variable on the support."""
    if isinstance(support, Integers):
        return {"integer": True, **_sign(support.lo)}
    if isinstance(support, Interval):
        # the interval is open, so a lower end of 0 makes its points positive
        return {"positive": True} if sp.sympify(support.lo).is_nonnegative else {"real": True}
    if isinstance(support, Simplex):
        return {"positive": True}
    if isinstance(support, Points):
        return {"positive": True} if all(v > 0 for v in support.values) else {"real": True}
    return {"integer": True, "nonnegative": True} if support.discrete else {"real": True}


def _sign(lo: sp.Expr) -> dict[str, bool]:
    lo = sp.sympify(lo)
    if lo.is_positive:
        return {"positive": True}
    return {"nonnegative": True} if lo.is_nonnegative else {}


def everywhere(eta: Sequence[sp.Expr]) -> tuple[Relational, ...]:
    """The natural domain of families whose log-partition is finite for every eta."""
    return ()
