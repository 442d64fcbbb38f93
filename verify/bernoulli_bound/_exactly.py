"""What these claims share: exact numbers for the formulas, factors and inverses in Q, random draws, verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

from flint import fmpq, fmpq_mat

from eftheory.errors import MisuseError
from eftheory.exact.compare import decide_sign
from eftheory.exact.loglinear import LogSum
from eftheory.exact.mixed import proved
from eftheory.exact.side import rationals, to_rational, vector
from eftheory.verdict import Status, Verdict

Instance = Mapping[str, Any]
Table = Sequence[Sequence[fmpq]]
ONE, ZERO = fmpq(1), fmpq(0)


@dataclass(frozen=True)
class Exact:
    """A rational plus a rational combination of logarithms of rationals, exactly; `value` decides equality."""

    value: LogSum

    def __add__(self, other: Any) -> Exact:
        return Exact(self.value + EXACT.number(other).value)

    def __mul__(self, other: Any) -> Exact:
        return Exact(self.value * EXACT.number(other).value)

    def __truediv__(self, other: Any) -> Exact:
        divisor = EXACT.number(other).rational
        return Exact(self.value * LogSum(1 / divisor))

    def __neg__(self) -> Exact:
        return Exact(-self.value)

    def __sub__(self, other: Any) -> Exact:
        return self + (-EXACT.number(other))

    def __rsub__(self, other: Any) -> Exact:
        return EXACT.number(other) - self

    def __rtruediv__(self, other: Any) -> Exact:
        return EXACT.number(other) / self

    __radd__, __rmul__ = __add__, __mul__

    @property
    def rational(self) -> fmpq:
        """The number, where it has no logarithms. Raises MisuseError where it has."""
        if any(factor != 0 for factor in self.value.terms.values()):
            raise MisuseError(wanted="a rational number", got=str(self), do="compute it in balls")
        return self.value.constant

    def equals(self, other: Any) -> bool:
        """Whether the two are the same number, decided in Q."""
        return (self - other).value.is_zero


class _Exactly:
    """The arithmetic of `Exact` (see `eftheory.exact.arithmetic`): logarithms of rationals, no others."""

    def number(self, value: Any) -> Exact:
        return value if isinstance(value, Exact) else Exact(LogSum(to_rational(value)))

    def log(self, a: Exact) -> Exact:
        if a.rational <= 0:
            raise MisuseError(wanted="the logarithm of a positive number", got=str(a.rational), do="check the instance")
        return Exact(LogSum(ZERO, {a.rational: ONE}) if a.rational != 1 else LogSum())

    def sqrt(self, a: Exact) -> Exact:
        return self.number(root(a.rational))

    def exp(self, a: Exact) -> Exact:
        raise MisuseError(wanted="a formula without exponentials", got=str(a), do="compute it in balls")

    def larger(self, a: Exact, b: Exact) -> Exact:
        return a if a.rational > b.rational else b

    def smaller(self, a: Exact, b: Exact) -> Exact:
        return b if a.rational > b.rational else a

    def less(self, a: Exact, b: Exact) -> bool:
        return bool(a.rational < b.rational)


EXACT: Final = _Exactly()


def root(square: fmpq) -> fmpq:
    """The rational square root. Raises MisuseError where there is none."""
    top, bottom = (int(part) for part in (square.p, square.q))
    found = fmpq(round(top**0.5), round(bottom**0.5)) if top >= 0 else fmpq(-1)
    if found * found != square:
        raise MisuseError(wanted="the square of a rational", got=str(square), do="choose another")
    return found


# --- matrices in Q ----------------------------------------------------------------------------------------------------


def matrix(rows: Any) -> fmpq_mat:
    """Rows of rationals, or of their strings, as a matrix."""
    return fmpq_mat([list(row) for row in rationals(rows)])


def same(n: int) -> fmpq_mat:
    """The identity."""
    return fmpq_mat([[fmpq(int(i == j)) for j in range(n)] for i in range(n)])


def factors(symmetric: fmpq_mat) -> tuple[list[list[fmpq]], list[fmpq]]:
    """``A = L D L'`` with 1 on the diagonal of L. Raises ZeroDivisionError where a pivot before the last is zero.

    A column below a zero pivot is left zero where it vanishes anyhow, as in a positive semidefinite matrix.
    """
    n = symmetric.nrows()
    lower, pivots = [[fmpq(int(i == j)) for j in range(n)] for i in range(n)], [ZERO] * n
    for j in range(n):
        pivots[j] = symmetric[j, j] - sum((lower[j][i] ** 2 * pivots[i] for i in range(j)), ZERO)
        for i in range(j + 1, n):
            rest = symmetric[i, j] - sum((lower[i][t] * lower[j][t] * pivots[t] for t in range(j)), ZERO)
            lower[i][j] = rest / pivots[j] if rest != 0 else ZERO
    return lower, pivots


def orthogonal(rng: Random, n: int, size: int = 2) -> fmpq_mat:
    """A random rational orthogonal matrix, ``(I - A)(I + A)^-1`` with A skew (Cayley)."""
    upper = {(i, j): fmpq(rng.randint(-size, size), rng.randint(1, 3)) for i in range(n) for j in range(i + 1, n)}
    skew = fmpq_mat([[upper.get((i, j), ZERO) - upper.get((j, i), ZERO) for j in range(n)] for i in range(n)])
    return (same(n) - skew) * (same(n) + skew).inv()


def draw(rng: Random, rows: int, columns: int, size: int = 4) -> list[list[fmpq]]:
    """Random rationals."""
    return [[fmpq(rng.randint(-size, size), rng.randint(1, 4)) for _ in range(columns)] for _ in range(rows)]


def positive_definite(rng: Random, n: int) -> fmpq_mat:
    """``A A'/4`` plus a little on the diagonal."""
    a = fmpq_mat(draw(rng, n, n, 3))
    return a * a.transpose() / 4 + same(n) * fmpq(rng.randint(1, 5), 6)


def marginal(W: fmpq_mat) -> fmpq_mat:
    """``C = I + W W'/4``."""
    return same(W.nrows()) + W * W.transpose() / 4


def precision(W: fmpq_mat) -> fmpq_mat:
    """``P = I + W'W/4``."""
    return same(W.ncols()) + W.transpose() * W / 4


# --- verdicts ---------------------------------------------------------------------------------------------------------


def decided(true: bool, *, reason: str, quantities: Mapping[str, Exact], exact: bool = True) -> Verdict:
    """PROVED (CERTIFIED where `exact` is False: a sign was needed) or REFUTED, with its quantities."""
    rational: dict[str, fmpq] = {}
    rest: dict[str, LogSum] = {}
    for name, number in quantities.items():
        flat = number.equals(number.value.constant)
        if flat:
            rational[name] = number.value.constant
        else:
            rest[name] = number.value
    balls = (lambda: {name: value.ball() for name, value in rest.items()}) if rest else None
    verdict = proved(true, reason=reason, exact=rational, balls=balls)
    return verdict if exact or not true else replace(verdict, status=Status.CERTIFIED)


def sign_of(number: Exact) -> int:
    """-1, 0 or 1: zero is decided in Q, the rest in balls."""
    return 0 if number.value.is_zero else decide_sign(number.value.ball)[0] or 0


def numbers(entries: Any) -> list[fmpq]:
    return list(vector(entries))
