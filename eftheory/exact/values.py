"""Exact real numbers as rational combinations of monomials in e, pi, roots and logarithms of primes.

``3 log 2 + sqrt(2)/5`` is ``{(log 2): 3, (2^1/2): 1/5}``. A combination without terms *is* zero; whether one with terms
could still be zero is left to balls. So an equality found here is proved, whatever is known about the generators.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import sympy as sp
from flint import arb, fmpq, fmpz

from eftheory.exact.ball_eval import evaluate, whole_power

Generator = tuple[str, Any]
"""("log", prime), ("root", prime), ("pi", 0), ("e", 0), or ("opaque", a closed expression)."""
Monomial = tuple[tuple[Generator, fmpq], ...]
ONE: Monomial = ()


@dataclass(frozen=True)
class Value:
    """``sum_m terms[m] * m``; add, subtract, multiply, scale; `ball` encloses it."""

    terms: Mapping[Monomial, fmpq] = field(default_factory=dict)

    def __add__(self, other: Value) -> Value:
        terms = dict(self.terms)
        for monomial, c in other.terms.items():
            terms[monomial] = terms.get(monomial, fmpq(0)) + c
        return Value({m: c for m, c in terms.items() if c != 0})

    def __mul__(self, other: Value) -> Value:
        terms: dict[Monomial, fmpq] = {}
        for a, p in self.terms.items():
            for b, q in other.terms.items():
                monomial, factor = _join(a, b)
                terms[monomial] = terms.get(monomial, fmpq(0)) + p * q * factor
        return Value({m: c for m, c in terms.items() if c != 0})

    def __neg__(self) -> Value:
        return self.scale(fmpq(-1))

    def __sub__(self, other: Value) -> Value:
        return self + (-other)

    def scale(self, factor: fmpq | int) -> Value:
        return Value({m: c * factor for m, c in self.terms.items()}) if factor != 0 else Value()

    @property
    def is_zero(self) -> bool:
        """True: the number is zero. False: not known to be (ask `ball`)."""
        return not self.terms

    @property
    def rational(self) -> fmpq | None:
        """The number, when it is a plain rational."""
        if not self.terms:
            return fmpq(0)
        return self.terms[ONE] if len(self.terms) == 1 and ONE in self.terms else None

    def ball(self) -> arb:
        """Enclosure at the working precision."""
        total = arb(0)
        for monomial, c in self.terms.items():
            term = arb(c)
            for generator, exponent in monomial:
                base = _generator_ball(generator)
                term *= whole_power(base, int(exponent.p)) if exponent.q == 1 else base ** arb(exponent)
            total += term
        return total

    def expr(self) -> sp.Expr:
        """The same number for SymPy."""
        return sp.Add(
            *(
                _rational(c) * sp.Mul(*(_generator(g) ** _rational(e) for g, e in monomial))
                for monomial, c in self.terms.items()
            )
        )


ZERO = Value()


def rational(number: fmpq | int) -> Value:
    """A rational number as a `Value`."""
    c = fmpq(number)
    return Value({ONE: c}) if c != 0 else ZERO


@lru_cache(maxsize=4096)
def exact(expr: sp.Expr) -> Value:
    """A closed real expression as a `Value`; a part with no normal form here becomes an opaque generator."""
    if expr.is_Rational:
        return rational(fmpq(int(expr.p), int(expr.q)))
    if expr.is_Add:
        return sum((exact(argument) for argument in expr.args), ZERO)
    if expr.is_Mul:
        product = rational(1)
        for argument in expr.args:
            product = product * exact(argument)
        return product
    found = None
    if expr == sp.pi:
        found = _single(("pi", 0))
    elif expr == sp.E:
        found = _single(("e", 0))
    elif expr.is_Pow:
        found = _power(expr)
    elif isinstance(expr, sp.exp):
        found = _exponential(exact(expr.args[0]))
    elif isinstance(expr, sp.log) and len(expr.args) == 1:
        found = logarithm(exact(expr.args[0]))
    return _single(("opaque", expr)) if found is None else found


def at(expr: sp.Expr, point: Mapping[sp.Symbol, sp.Expr]) -> Value:
    """`expr` at an exact point."""
    return exact(expr.xreplace(dict(point)))


def log_at(expr: sp.Expr, point: Mapping[sp.Symbol, sp.Expr]) -> Value:
    """``log expr`` at an exact point, for positive `expr`."""
    closed = expr.xreplace(dict(point))
    found = logarithm(exact(closed))
    return _single(("opaque", sp.log(closed))) if found is None else found


def logarithm(value: Value) -> Value | None:
    """``log value`` when the value is one positive monomial, else None."""
    if len(value.terms) != 1:
        return None
    (monomial, c) = next(iter(value.terms.items()))
    if not c > 0:
        return None
    result = log_rational(c)
    for (kind, name), exponent in monomial:
        if kind == "e":
            result = result + rational(exponent)
        elif kind == "root":
            result = result + _single(("log", name)).scale(exponent)
        else:
            inner = {"pi": sp.pi, "log": sp.log(name)}.get(kind, name)
            result = result + _single(("opaque", sp.log(inner))).scale(exponent)
    return result


def log_rational(number: fmpq) -> Value:
    """``log`` of a positive rational, over the logarithms of primes."""
    terms: dict[Monomial, fmpq] = {}
    for part, side in ((fmpz(number.p), 1), (fmpz(number.q), -1)):
        for prime, count in part.factor():
            terms[((("log", int(prime)), fmpq(1)),)] = fmpq(side * int(count))
    return Value(terms)


def _single(generator: Generator, exponent: fmpq | None = None) -> Value:
    return Value({((generator, fmpq(1) if exponent is None else exponent),): fmpq(1)})


def _power(expr: sp.Pow) -> Value | None:
    base, exponent = exact(expr.base), expr.exp
    if not exponent.is_Rational:
        return None
    if exponent.is_Integer and exponent > 0:
        result = rational(1)
        for _ in range(int(exponent)):
            result = result * base
        return result
    if len(base.terms) != 1:
        return None
    (monomial, c) = next(iter(base.terms.items()))
    power = fmpq(int(exponent.p), int(exponent.q))
    if power.q != 1 and (not c > 0 or any(kind in ("log", "opaque") for (kind, _), _ in monomial)):
        return None
    raised, factor = _normal({g: e * power for g, e in monomial})
    if power.q == 1:
        return Value({raised: factor * c ** int(power.p)})
    roots = _exponential(log_rational(c).scale(power))
    return None if roots is None else roots * Value({raised: factor})


def _exponential(value: Value) -> Value | None:
    """``exp`` of a rational plus rational multiples of logarithms of primes, else None."""
    result = rational(1)
    for monomial, c in value.terms.items():
        if monomial == ONE:
            result = result * _single(("e", 0), c)
        elif len(monomial) == 1 and monomial[0][0][0] == "log" and monomial[0][1] == 1:
            result = result * _root(monomial[0][0][1], c)
        else:
            return None
    return result


def _root(prime: int, exponent: fmpq) -> Value:
    whole = int(exponent.floor())
    rest = exponent - whole
    scale = fmpq(prime) ** whole
    return rational(scale) if rest == 0 else _single(("root", prime), rest).scale(scale)


def _join(a: Monomial, b: Monomial) -> tuple[Monomial, fmpq]:
    """The product of two monomials, and a rational factor."""
    if not a or not b:
        return a or b, fmpq(1)
    exponents = dict(a)
    for generator, exponent in b:
        exponents[generator] = exponents.get(generator, fmpq(0)) + exponent
    return _normal(exponents)


def _normal(exponents: dict[Generator, fmpq]) -> tuple[Monomial, fmpq]:
    """The sorted monomial, with whole powers of roots taken out as a rational factor."""
    factor = fmpq(1)
    for generator, exponent in exponents.items():
        if generator[0] == "root":
            whole = int(exponent.floor())
            factor *= fmpq(generator[1]) ** whole
            exponents[generator] = exponent - whole
    kept = [(g, e) for g, e in exponents.items() if e != 0]
    return tuple(sorted(kept, key=lambda pair: (pair[0][0], str(pair[0][1])))), factor


def _generator_ball(generator: Generator) -> arb:
    kind, name = generator
    if kind == "log":
        return arb(name).log()
    if kind == "root":
        return arb(name)
    if kind == "pi":
        return arb.pi()
    return arb.const_e() if kind == "e" else evaluate(name)


def _generator(generator: Generator) -> sp.Expr:
    kind, name = generator
    if kind == "log":
        return sp.log(name)
    return sp.Integer(name) if kind == "root" else _SYMBOLIC.get(kind, name)


_SYMBOLIC = {"pi": sp.pi, "e": sp.E}


def _rational(number: fmpq) -> sp.Rational:
    return sp.Rational(int(number.p), int(number.q))
