"""The formulas of `eftheory.analytic` in exact arithmetic (rationals, and sums of logarithms of them), and verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from flint import fmpq

from eftheory.analytic.matrices import Matrix, Rows
from eftheory.errors import MisuseError
from eftheory.exact.compare import decide_sign
from eftheory.exact.loglinear import LogSum
from eftheory.exact.mixed import proved
from eftheory.exact.side import to_rational
from eftheory.verdict import Status, Verdict

Instance = Mapping[str, Any]
ZERO, ONE = fmpq(0), fmpq(1)


@dataclass(frozen=True)
class Logs:
    """A `LogSum` that adds to rationals, and is scaled by them; two such sums do not multiply."""

    sum: LogSum

    def __add__(self, other: Any) -> Logs:
        return Logs(self.sum + logs(other))

    def __neg__(self) -> Logs:
        return Logs(-self.sum)

    def __sub__(self, other: Any) -> Logs:
        return Logs(self.sum - logs(other))

    def __rsub__(self, other: Any) -> Logs:
        return Logs(logs(other) - self.sum)

    def __mul__(self, other: Any) -> Logs:
        return Logs(self.sum * logs(other))

    def __truediv__(self, other: fmpq | int) -> Logs:
        return self * (ONE / other)

    __radd__, __rmul__ = __add__, __mul__


def logs(value: Any) -> LogSum:
    """A number of `EXACT` as a sum of logarithms."""
    return value.sum if isinstance(value, Logs) else LogSum(fmpq(value))


class _Exact:
    """Rationals; a logarithm of one is a `Logs`, and what is linear in logarithms stays exact."""

    def number(self, value: fmpq | Fraction | int | float | Logs) -> Any:
        return value if isinstance(value, fmpq | Logs) else to_rational(value)

    def log(self, a: fmpq) -> Logs:
        if not (isinstance(a, fmpq) and a > 0):
            raise MisuseError(wanted="the logarithm of a positive rational", got=str(a), do="compare it in balls")
        return Logs(LogSum(ZERO, {a: ONE}))

    def exp(self, a: Any) -> Any:
        raise MisuseError(wanted="rationals and logarithms", got="an exponential", do="compare it in balls")

    def sqrt(self, a: fmpq) -> fmpq:
        root = fmpq(a.p.isqrt(), a.q.isqrt())
        if root * root != a:
            raise MisuseError(wanted="the square of a rational", got=str(a), do="compare it in balls")
        return root

    def larger(self, a: fmpq, b: fmpq) -> fmpq:
        return max(a, b)

    def smaller(self, a: fmpq, b: fmpq) -> fmpq:
        return min(a, b)

    def less(self, a: Any, b: Any) -> bool:
        return bool(a < b) if isinstance(a, fmpq) and isinstance(b, fmpq) else sign(logs(b) - logs(a)) > 0


EXACT = _Exact()


def sign(value: Any) -> int:
    """-1, 0 or 1: zero is decided in Q, the rest in balls."""
    if isinstance(value, fmpq):
        return (value > 0) - (value < 0)
    value = value.sum if isinstance(value, Logs) else value
    if not value.terms:
        return sign(value.constant)
    return 0 if value.is_zero else decide_sign(value.ball)[0] or 0


def decided(
    true: bool,
    *,
    reason: str,
    quantities: Mapping[str, Any] | None = None,
    exact: bool = True,
    note: str = "",
) -> Verdict:
    """PROVED (CERTIFIED where `exact` is False: a sign of logarithms was needed) or REFUTED, with its quantities."""
    named = {name: logs(value) for name, value in (quantities or {}).items()}
    plain = {name: value.constant for name, value in named.items() if (value - LogSum(value.constant)).is_zero}
    rest = {name: value for name, value in named.items() if name not in plain}
    balls = (lambda: {name: value.ball() for name, value in rest.items()}) if rest else None
    verdict = proved(true, reason=reason, exact=plain, balls=balls)
    if note:
        verdict = replace(verdict, statistics={**verdict.statistics, "note": note})
    return verdict if exact or not true else replace(verdict, status=Status.CERTIFIED)


def matrix(rows: Any) -> Rows:
    """Rows of rationals from an instance."""
    return [[to_rational(entry) for entry in row] for row in rows]


def vector(entries: Any) -> list[fmpq]:
    return [to_rational(entry) for entry in entries]


def is_zero(rows: Matrix) -> bool:
    """Whether every entry is zero, in Q."""
    return all(entry == 0 for row in rows for entry in row)


def is_diagonal(rows: Matrix) -> bool:
    return all(entry == 0 for i, row in enumerate(rows) for j, entry in enumerate(row) if i != j)


def factors(rows: Matrix) -> tuple[Rows, list[fmpq]]:
    """``M = L D L'`` of a symmetric M, 1 on the diagonal of L; where a pivot is zero its column of L stays a unit one.

    Raises MisuseError where the column of a zero pivot does not vanish: there is no such factorisation.
    """
    size = len(rows)
    rest = [list(row) for row in rows]
    lower, pivots = [[fmpq(int(i == j)) for j in range(size)] for i in range(size)], []
    for j in range(size):
        pivot = rest[j][j]
        pivots.append(pivot)
        below = [i for i in range(j + 1, size) if rest[i][j] != 0]
        if pivot == 0 and below:
            raise MisuseError(wanted="a factorisation L D L'", got="a zero pivot", do="order the basis differently")
        for i in below:
            lower[i][j] = rest[i][j] / pivot
        for i in below:
            for r in below:
                rest[i][r] -= lower[i][j] * rest[r][j]
    return lower, pivots


def total(values: Sequence[Any]) -> Any:
    return sum(values, ZERO)
