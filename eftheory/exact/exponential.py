"""Sums ``sum_j c_j e^{r_j}`` with rational c and r, and products of their powers: equality decided exactly.

By Lindemann-Weierstrass, exponentials of distinct rationals are linearly independent over Q, so two such sums are equal
exactly when their coefficients are. This covers odds (all exponents zero) and floats (dyadic exponents) alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import lcm

from flint import fmpq

from eftheory.exact.values import ONE, Value

ExpSum = Mapping[fmpq, fmpq]
"""exponent -> coefficient (none zero)."""
TERM_LIMIT = 20_000
"""Largest number of terms of an expanded product; beyond it equality is left undecided."""


def exponentials(logs: Iterable[Value]) -> ExpSum | None:
    """``sum_j exp(logs[j])``, when each is a rational plus whole multiples of logarithms of primes; else None."""
    total: dict[fmpq, fmpq] = {}
    for value in logs:
        term = exponential(value)
        if term is None:
            return None
        exponent, c = term
        total[exponent] = total.get(exponent, fmpq(0)) + c
    return {exponent: c for exponent, c in total.items() if c != 0}


def exponential(value: Value) -> tuple[fmpq, fmpq] | None:
    """``exp(value) = c e^r`` as (r, c), or None when it has not that form."""
    exponent, c = fmpq(0), fmpq(1)
    for monomial, factor in value.terms.items():
        if monomial == ONE:
            exponent = factor
        elif (prime := _log_of_prime(monomial)) is not None and factor.q == 1:
            c *= fmpq(prime) ** int(factor.p)
        else:
            return None
    return exponent, c


def product_is_one(factors: Iterable[tuple[ExpSum, int]], log_factor: Value) -> bool | None:
    """Whether ``exp(log_factor) * prod_j factors[j] ** power_j = 1``; None where this method does not decide.

    `log_factor` may hold rational multiples of logarithms of primes (the equation is raised to a power).
    """
    power = lcm(*(int(c.q) for monomial, c in log_factor.terms.items() if monomial != ONE), 1)
    scaled = exponential(log_factor.scale(power))
    if scaled is None:
        return None
    exponent, c = scaled
    powers: dict[tuple[tuple[fmpq, fmpq], ...], int] = {}
    for factor, b in factors:
        if not factor:
            return None
        shift, scale, normal = _normal(factor)
        exponent, c = exponent + shift * b * power, c * scale ** (b * power)
        powers[normal] = powers.get(normal, 0) + b * power
    left = _expand([(factor, b) for factor, b in powers.items() if b > 0])
    right = _expand([(factor, -b) for factor, b in powers.items() if b < 0])
    if left is None or right is None:
        return None
    return {r + exponent: a * c for r, a in left.items()} == dict(right)


def _log_of_prime(monomial: object) -> int | None:
    match monomial:
        case ((("log", int(prime)), degree),) if degree == 1:
            return prime
    return None


def _normal(factor: ExpSum) -> tuple[fmpq, fmpq, tuple[tuple[fmpq, fmpq], ...]]:
    """``factor = scale e^shift * normal``: the lowest exponent of `normal` is 0, its coefficient 1: equals cancel."""
    items = sorted(factor.items(), key=lambda pair: pair[0])
    shift, scale = items[0]
    return shift, scale, tuple((r - shift, a / scale) for r, a in items)


def _expand(factors: list[tuple[tuple[tuple[fmpq, fmpq], ...], int]]) -> ExpSum | None:
    result: dict[fmpq, fmpq] = {fmpq(0): fmpq(1)}
    for factor, count in factors:
        if len(factor) == 1:
            continue
        if count > TERM_LIMIT:
            return None
        for _ in range(count):
            grown: dict[fmpq, fmpq] = {}
            for r, a in result.items():
                for s, b in factor:
                    grown[r + s] = grown.get(r + s, fmpq(0)) + a * b
            result = {r: a for r, a in grown.items() if a != 0}
            if len(result) > TERM_LIMIT:
                return None
    return result
