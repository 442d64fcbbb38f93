"""Rational combinations of logarithms of rationals, ``c + sum_i c_i log r_i``: equality is decided in Q.

Over a coprime base the logarithms are linearly independent over Q (unique factorisation), so a combination vanishes
exactly when every coefficient does; no number has to be factored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from flint import arb, fmpq, fmpz

from eftheory.errors import MisuseError
from eftheory.exact.side import to_rational


@dataclass(frozen=True)
class LogSum:
    """``constant + sum_r terms[r] log r``, r positive. Add, subtract, scale by rationals; ``is_zero`` is exact."""

    constant: fmpq = field(default_factory=fmpq)
    terms: Mapping[fmpq, fmpq] = field(default_factory=dict)

    def __add__(self, other: LogSum) -> LogSum:
        terms = dict(self.terms)
        for r, c in other.terms.items():
            terms[r] = terms.get(r, fmpq(0)) + c
        return LogSum(self.constant + other.constant, terms)

    def __neg__(self) -> LogSum:
        return LogSum(-self.constant, {r: -c for r, c in self.terms.items()})

    def __sub__(self, other: LogSum) -> LogSum:
        return self + (-other)

    def __mul__(self, other: LogSum) -> LogSum:
        """One factor must be rational; a product of logarithms is outside this arithmetic (MisuseError)."""
        if self.terms and other.terms:
            raise MisuseError(wanted="a rational factor", got="a product of logarithms", do="compare it in balls")
        factor, rest = (self.constant, other) if not self.terms else (other.constant, self)
        return LogSum(rest.constant * factor, {r: c * factor for r, c in rest.terms.items()})

    @property
    def is_zero(self) -> bool:
        """Whether the number is zero, decided."""
        if self.constant != 0:
            # e^c is transcendental for rational c != 0, so no combination of logarithms of rationals equals c
            return False
        base = _coprime_base([abs(part) for r in self.terms for part in (fmpz(r.p), fmpz(r.q))])
        return all(
            sum((c * (_order(r.p, b) - _order(r.q, b)) for r, c in self.terms.items()), fmpq(0)) == 0 for b in base
        )

    def ball(self) -> arb:
        """Enclosure at the working precision."""
        return sum((arb(c) * arb(r).log() for r, c in self.terms.items()), arb(self.constant))


class _Logs:
    """The arithmetic of `LogSum`, for formulas that are linear in logarithms (see `eftheory.exact.arithmetic`)."""

    def number(self, value: fmpq | Fraction | int | float) -> LogSum:
        return LogSum(to_rational(value))

    def log(self, a: LogSum) -> LogSum:
        if a.terms or not a.constant > 0:
            raise MisuseError(wanted="the logarithm of a positive rational", got=str(a), do="compare it in balls")
        return LogSum(fmpq(0), {a.constant: fmpq(1)})

    def exp(self, a: LogSum) -> LogSum:
        raise _outside("an exponential")

    def sqrt(self, a: LogSum) -> LogSum:
        raise _outside("a square root")

    def larger(self, a: LogSum, b: LogSum) -> LogSum:
        raise _outside("a comparison")

    smaller = larger

    def less(self, a: LogSum, b: LogSum) -> bool | None:
        raise _outside("a comparison")


LOGS: Final = _Logs()


def _outside(what: str) -> MisuseError:
    return MisuseError(wanted="a formula that is linear in logarithms", got=what, do="compare it in balls")


def _coprime_base(numbers: list[fmpz]) -> list[fmpz]:
    """Pairwise coprime integers above 1 of which every given number is a product of powers."""
    base: list[fmpz] = []
    todo = [n for n in numbers if n > 1]
    while todo:
        n = todo.pop()
        for index, b in enumerate(base):
            common = n.gcd(b)
            if common > 1:
                del base[index]
                todo += [m for m in (common, n // common, b // common) if m > 1]
                break
        else:
            base.append(n)
    return base


def _order(number: fmpz, b: fmpz) -> int:
    count = 0
    while number % b == 0:
        number, count = number // b, count + 1
    return count
