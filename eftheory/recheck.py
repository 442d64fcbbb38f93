"""Check certificates without trusting what made them: recompute every number of a claim from its exact instance.

This file works copied alone (``python recheck.py CERTIFICATE...``): the standard library and mpmath, nothing else.
A certificate is one JSON object (schema ``eftheory.certificate/1``) that says: on this exact `instance`, with the
definitions `where` and the hypotheses `given`, `relation` is PROVED (decided in exact arithmetic), CERTIFIED (decided
in outward-rounded intervals) or REFUTED, and each expression in `quantities` has this enclosure.
The parts below: refusals and limits; numbers; the expression language; enclosures; certificates; formulas; command.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import operator
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import gcd, isqrt
from pathlib import Path
from typing import Any, NoReturn

from mpmath import libmp as mp

# --- refusals and limits ----------------------------------------------------------------------------------------------

SCHEMA, VERSION = "eftheory.certificate", 1
FIELDS = ("schema", "claim", "instance", "where", "given", "relation", "quantities", "verdict", "sha256")
VERDICTS = ("PROVED", "CERTIFIED", "REFUTED")
PAPERS = ("vae-error", "public", "linear-vae", "bernoulli-bound", "infovae")
PRECISIONS = (64, 128, 256, 512, 1024, 2048)
PIN = "digest()"
DIGITS = 20  # significant decimal digits of an enclosure
STEPS = 5_000_000  # work for one certificate, a few microseconds each
BOXES = 2000  # pieces into which a range of reals is cut, at each precision
BITS = 200_000  # of an exact number; of the exponent of a rounded one
FILE, TEXT, NUMBER, DEPTH, LENGTH = 4_000_000, 4000, 2000, 100, 100_000  # bytes, characters, characters, levels, items


class Refused(Exception):
    """The certificate is not accepted; the message is the reason, in one line."""


class _Unclear(Exception):
    """This precision (or this piece of a range) is too coarse for the operation to be defined."""


def _refuse(reason: str) -> NoReturn:
    flat = " ".join(reason.split())
    raise Refused(flat if len(flat) <= 300 else flat[:297] + "...")


# --- numbers: rationals, sums of logarithms, intervals, intervals with a slope -------------------------------------


@dataclass(eq=False, slots=True)
class LogSum:
    """``rational + sum terms[r] log r``, exactly, over rationals r > 1; `vanishes`: whether the logarithms cancel."""

    rational: int | Fraction
    terms: dict[int | Fraction, int | Fraction]
    vanishes: bool | None = None


@dataclass(eq=False, slots=True)
class Dual:
    """What a function takes on a piece of a range of reals, and an enclosure of its slope there (None: unknown)."""

    value: Interval
    slope: Interval | None
    box: tuple[Any, Any] | None = None


Interval = tuple[Any, Any]  # mpmath's raw numbers: lower, upper; always finite
Truth = tuple[bool | None, bool]  # true, false or undecided; decided in exact arithmetic
_ZERO, _ONE = (mp.fzero, mp.fzero), (mp.fone, mp.fone)
_OPERATORS: dict[type, tuple[str, Callable[[Any, Any], bool]]] = {
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
}


def _rational(*values: Any) -> bool:
    return all(type(value) is int or type(value) is Fraction for value in values)


def _exact(value: Any) -> bool:
    return _rational(value) or type(value) is LogSum


def _judge(sign: str, difference: Interval) -> bool | None:
    """Whether ``difference sign 0`` for every number of the interval (True), for none (False); equality: never True."""
    low, high = mp.mpf_sign(difference[0]), mp.mpf_sign(difference[1])
    if sign in (">", ">="):
        return _judge("<" if sign == ">" else "<=", (mp.mpf_neg(difference[1]), mp.mpf_neg(difference[0])))
    if sign in ("==", "!="):
        return sign == "!=" if low > 0 or high < 0 else None
    if sign == "<":
        return True if high < 0 else False if low >= 0 else None
    return True if high <= 0 else False if low > 0 else None


class Arithmetic:
    """Exact as long as possible, then intervals of `bits` bits, rounded outwards; counts the work it does.

    Raises Refused where a step is certainly undefined or too large, _Unclear where the precision does not tell.
    """

    def __init__(self) -> None:
        self.left, self.bits = STEPS, PRECISIONS[0]
        self.logs: dict[Any, Interval] = {}

    def spend(self, steps: int = 1) -> None:
        self.left -= steps
        if self.left < 0:
            _refuse(f"needs more than {STEPS} steps")

    def tidy(self, value: int | Fraction) -> int | Fraction:
        size = value.numerator.bit_length() + value.denominator.bit_length()
        if size > BITS:
            _refuse(f"an exact number of more than {BITS} bits")
        self.spend(1 + (size >> 8) + (size >> 12) ** 2)
        return value.numerator if value.denominator == 1 else value

    # conversions

    def interval(self, value: Any) -> Interval:
        """The narrowest interval at this precision that is sure to hold `value`."""
        if type(value) is tuple:
            return value
        if type(value) is Dual:
            return value.value
        if type(value) is LogSum:
            return self._of_logs(value)
        if not _rational(value):
            _refuse("a list stands where a number is wanted")
        top, bottom = mp.from_int(value.numerator), mp.from_int(value.denominator)
        return mp.mpf_div(top, bottom, self.bits, "f"), mp.mpf_div(top, bottom, self.bits, "c")

    def _of_logs(self, value: LogSum) -> Interval:
        settled = self.settle(value)
        return self.interval(settled) if _rational(settled) else self._plain_logs(value)

    def _plain_logs(self, value: LogSum) -> Interval:
        total = self.interval(value.rational)
        for base, factor in value.terms.items():
            total = mp.mpi_add(total, mp.mpi_mul(self.log_rational(base), self.interval(factor), self.bits), self.bits)
        return total

    def log_rational(self, base: int | Fraction) -> Interval:
        """log of an exact number above 1; the upper end by ``log b <= log a + (b - a)/a``, which saves a logarithm."""
        known = self.logs.get(base)
        if known is None:
            self.spend(10 + self.bits // 8)
            a, b = self.interval(base)
            step = mp.mpf_div(mp.mpf_sub(b, a), a, self.bits, "c")
            low, high = self._around(mp.mpf_log(a, self.bits + 16, "n"))
            known = self.logs[base] = low, mp.mpf_add(high, step, self.bits, "c")
        return known

    def _around(self, value: Any) -> Interval:
        """mpmath computes log and exp to its working precision, 16 bits above ours, but does not prove the last bit."""
        slack = mp.mpf_shift(mp.mpf_abs(value), -self.bits - 8)
        return mp.mpf_sub(value, slack, self.bits, "f"), mp.mpf_add(value, slack, self.bits, "c")

    def settle(self, value: Any) -> Any:
        """The rational that a sum of logarithms is equal to, if it is one; otherwise the sum itself."""
        if type(value) is not LogSum or value.vanishes is False:
            return value
        if value.vanishes is None:
            if self.bits < 128 and len(value.terms) > 8:
                return value  # the test is dear: first see whether a little precision tells zero apart
            low, high = self._plain_logs(LogSum(0, value.terms))
            if mp.mpf_sign(low) > 0 or mp.mpf_sign(high) < 0:
                value.vanishes = False
            else:
                value.vanishes = self._cancel(value.terms)
        return value.rational if value.vanishes else value

    def _cancel(self, terms: Mapping[int | Fraction, int | Fraction]) -> bool:
        """Whether ``sum c log r = 0``: over pairwise coprime integers above 1, logarithms are linearly independent."""
        todo = [(r.numerator, c) for r, c in terms.items()] + [(r.denominator, -c) for r, c in terms.items()]
        base: list[tuple[int, int | Fraction]] = []
        while todo:
            n, c = todo.pop()
            if n == 1 or c == 0:
                continue
            for place, (b, d) in enumerate(base):
                self.spend(1 + (min(n, b).bit_length() >> 6))
                g = gcd(n, b)
                if g > 1:
                    del base[place]
                    todo += [(b // g, d), (n // g, c), (g, c + d)]
                    break
            else:
                base.append((n, c))
        return not base

    def logs_of(self, rational: int | Fraction, terms: dict[int | Fraction, int | Fraction]) -> Any:
        """`LogSum`, or a rational when no term is left."""
        kept = {base: factor for base, factor in terms.items() if factor != 0}
        self.spend(len(terms))
        return LogSum(rational, kept, False if len(kept) == 1 else None) if kept else rational

    # the four operations and powers

    def add(self, a: Any, b: Any) -> Any:
        if _rational(a, b):
            return self.tidy(a + b)
        return self.sum((a, b))

    def negative(self, a: Any) -> Any:
        return -a if _rational(a) else self.multiply(-1, a)

    def subtract(self, a: Any, b: Any) -> Any:
        return self.add(a, self.negative(b))

    def sum(self, values: Iterable[Any]) -> Any:
        """One pass: the rationals, the logarithms, and what is no longer exact."""
        rational: int | Fraction = 0
        terms: dict[int | Fraction, int | Fraction] = {}
        rest: Any = None
        for value in values:
            if _rational(value):
                rational = self.tidy(rational + value)
            elif type(value) is LogSum:
                rational = self.tidy(rational + value.rational)
                self.spend(len(value.terms))
                for base, factor in value.terms.items():
                    terms[base] = self.tidy(terms.get(base, 0) + factor)
            else:
                rest = value if rest is None else self._add(rest, value)
        exact = self.logs_of(rational, terms)
        return exact if rest is None else rest if exact == 0 else self._add(rest, exact)

    def _add(self, a: Any, b: Any) -> Any:
        self.spend()
        if Dual in (type(a), type(b)):
            (x, dx), (y, dy) = self._dual(a), self._dual(b)
            return Dual(self._add(x, y), None if dx is None or dy is None else self._add(dx, dy))
        return mp.mpi_add(self.interval(a), self.interval(b), self.bits)

    def multiply(self, a: Any, b: Any) -> Any:
        if _rational(a, b):
            return self.tidy(a * b)
        self.spend()
        if not _rational(a) and not _rational(b):
            a, b = self.settle(a), self.settle(b)
        if _rational(b):
            a, b = b, a
        if _rational(a) and a == 0:
            self.interval(b)  # refuses a list
            return 0  # what is not exact is finite
        if _rational(a) and type(b) is LogSum:
            return self.logs_of(
                self.tidy(a * b.rational), {base: self.tidy(a * factor) for base, factor in b.terms.items()}
            )
        if Dual in (type(a), type(b)):
            (x, dx), (y, dy) = self._dual(a), self._dual(b)
            known = None if dx is None or dy is None else self._add(self._times(dx, y), self._times(x, dy))
            return Dual(self._times(x, y), known)
        return self._times(self.interval(a), self.interval(b))

    def _times(self, a: Interval, b: Interval) -> Interval:
        self.spend()
        return mp.mpi_mul(a, b, self.bits)

    def divide(self, a: Any, b: Any) -> Any:
        b = self.settle(b)
        if _rational(b):
            if b == 0:
                _refuse("division by zero")
            return self.multiply(a, Fraction(b.denominator, b.numerator))
        return self.multiply(a, self._inverse(b))

    def _inverse(self, b: Any) -> Any:
        self.spend()
        if type(b) is Dual:
            value = self._inverse(b.value)
            slope = None if b.slope is None else self._times(self._times(value, value), mp.mpi_neg(b.slope))
            return Dual(value, slope)
        b = self.interval(b)
        if mp.mpf_sign(b[0]) <= 0 <= mp.mpf_sign(b[1]):
            raise _Unclear
        return mp.mpf_div(mp.fone, b[1], self.bits, "f"), mp.mpf_div(mp.fone, b[0], self.bits, "c")

    def power(self, a: Any, n: Any) -> Any:
        a = self.settle(a)
        if type(n) is not int:
            _refuse("an exponent that is no integer")
        if abs(n) > BITS:
            _refuse(f"an exponent above {BITS}")
        if n < 0:
            return self.divide(1, self.power(a, -n))
        if _rational(a):
            if (a.numerator.bit_length() + a.denominator.bit_length()) * n > 2 * BITS:
                _refuse(f"an exact number of more than {BITS} bits")
            return self.tidy(a**n)
        if n < 2:
            return a if n else 1
        if type(a) is Dual:
            slope = (
                None
                if a.slope is None
                else self._times(self.interval(n), self._times(self._raise(a.value, n - 1), a.slope))
            )
            return Dual(self._raise(a.value, n), slope)
        return self._raise(self.interval(a), n)

    def _raise(self, a: Interval, n: int) -> Interval:
        """Repeated squaring; an even power of an interval is that of its absolute value, so never negative."""
        result, square = _ONE, mp.mpi_abs(a) if n % 2 == 0 else a
        while n:
            result = self._times(result, square) if n & 1 else result
            square = self._times(mp.mpi_abs(square), mp.mpi_abs(square))
            n >>= 1
        return result

    # functions

    def log(self, a: Any) -> Any:
        if _rational(a):
            if a <= 0:
                _refuse("log of a number that is not positive")
            flipped = a < 1
            return LogSum(0, {1 / Fraction(a) if flipped else a: -1 if flipped else 1}, False) if a != 1 else 0
        self.spend(10 + self.bits // 8)
        if type(a) is Dual:
            return Dual(self.log(a.value), None if a.slope is None else self._times(a.slope, self._inverse(a.value)))
        low, high = self.interval(a)
        if mp.mpf_sign(low) <= 0:
            raise _Unclear
        return self._ends(mp.mpf_log, low, high)

    def exp(self, a: Any) -> Any:
        a = self.settle(a)
        if _rational(a) and a == 0:
            return 1
        if type(a) is LogSum and a.rational == 0 and all(type(factor) is int for factor in a.terms.values()):
            return self.product(self.power(base, factor) for base, factor in a.terms.items())
        self.spend(10 + self.bits // 8)
        if type(a) is Dual:
            value = self.exp(a.value)
            return Dual(value, None if a.slope is None else self._times(value, a.slope))
        low, high = self.interval(a)
        if any(end[2] + end[3] > 16 for end in (low, high)):
            raise _Unclear  # beyond 65536
        return self._ends(mp.mpf_exp, low, high)

    def sqrt(self, a: Any) -> Any:
        a = self.settle(a)
        if _rational(a):
            if a < 0:
                _refuse("sqrt of a negative number")
            root = Fraction(isqrt(a.numerator), isqrt(a.denominator))
            if root * root == a:
                return self.tidy(root)
        self.spend(10)
        if type(a) is Dual:
            value = self.sqrt(a.value)
            if a.slope is None or mp.mpf_sign(value[0]) <= 0:
                return Dual(value, None)
            return Dual(value, self._times(a.slope, self._inverse(self._times(self.interval(2), value))))
        low, high = self.interval(a)
        if mp.mpf_sign(low) < 0:
            raise _Unclear
        return self._ends(mp.mpf_sqrt, low, high)

    def _ends(self, increasing: Callable[..., Any], low: Any, high: Any) -> Interval:
        below, above = (self._around(increasing(end, self.bits + 16, "n")) for end in (low, high))
        return below[0], above[1]

    def product(self, values: Iterable[Any]) -> Any:
        result: Any = 1
        for value in values:
            result = self.multiply(result, value)
        return result

    def absolute(self, a: Any) -> Any:
        return abs(a) if _rational(a) else self.largest([a, self.negative(a)])

    def smallest(self, values: Iterable[Any]) -> Any:
        return self.negative(self.largest(self.negative(value) for value in values))

    def largest(self, values: Iterable[Any]) -> Any:
        best: Any = None
        for value in values:
            best = value if best is None else self._larger(best, value)
        if best is None:
            _refuse("max or min of nothing")
        return best

    def _larger(self, a: Any, b: Any) -> Any:
        a, b = self.settle(a), self.settle(b)
        if _rational(a, b):
            return max(a, b)
        self.spend()
        (x, dx), (y, dy) = self._dual(a), self._dual(b)
        both = _upper(x[0], y[0]), _upper(x[1], y[1])
        if Dual not in (type(a), type(b)):
            return both
        if both in (x, y) and (mp.mpf_ge(x[0], y[1]) or mp.mpf_ge(y[0], x[1])):
            return Dual(both, dx if both == x else dy)
        hull = None if dx is None or dy is None else (_lower(dx[0], dy[0]), _upper(dx[1], dy[1]))
        return Dual(both, hull)  # between the two slopes where they cross: enough for the mean-value form

    def _dual(self, a: Any) -> tuple[Interval, Interval | None]:
        return (a.value, a.slope) if type(a) is Dual else (self.interval(a), _ZERO)

    def compare(self, kind: type, difference: Any) -> Truth:
        """``difference kind 0``; exact when the difference is a rational, or logarithms that cancel."""
        sign, decide = _OPERATORS[kind]
        difference = self.settle(difference)
        if _rational(difference):
            return decide(difference, 0), True
        return _judge(sign, self.interval(difference)), False


def _lower(a: Any, b: Any) -> Any:
    return a if mp.mpf_le(a, b) else b


def _upper(a: Any, b: Any) -> Any:
    return a if mp.mpf_ge(a, b) else b


def _fraction(raw: Any) -> Fraction:
    """The number that a rounded one is, exactly."""
    sign, mantissa, exponent, _ = raw
    if abs(exponent) > BITS:
        _refuse(f"a rounded number with an exponent beyond {BITS}")
    return Fraction(-int(mantissa) if sign else int(mantissa)) * Fraction(2) ** exponent


# --- the expression language ----------------------------------------------------------------------------------------

Frame = list[Any]
Closure = Callable[[Frame], Any]
_TRUTHS = ("all", "any", "implies", "iff")
WORDS = frozenset((*_TRUTHS, "log", "exp", "sqrt", "abs", "max", "min", "sum", "prod", "each", "reals", "span"))
KEYWORDS = frozenset(("for", "in", "if", "and", "or"))
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_DEFINITION = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*(?:\(([^()]*)\))?\s*=(?!=)(.*)")


def _names(text: str) -> frozenset[str]:
    return frozenset(_NAME.findall(text)) - WORDS - KEYWORDS


def _parse(text: str) -> ast.expr:
    if len(text) > TEXT or not re.fullmatch(r"[A-Za-z0-9_+\-*/().,\[\]<>=! ]*", text):
        _refuse(f"an expression longer than {TEXT} characters or with a character outside the language: {text[:40]!r}")
    for word in re.findall(r"[A-Za-z0-9_.]+", text):
        if not _NAME.fullmatch(word) and not _NUMBER.fullmatch(word):
            _refuse(f"neither a name nor a number: {word[:40]!r}")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        _refuse(f"not an expression: {text[:80]!r}")


@dataclass(frozen=True)
class Definition:
    """A compiled ``name(parameters) = body``; a call with exact arguments is computed once (at each precision)."""

    parameters: tuple[str, ...]
    is_truth: bool
    call: Callable[[tuple[Any, ...]], Any]


@dataclass(eq=False)
class Scope:
    """Where the local names of one body live in its frame; `real` is the slot of the innermost range of reals."""

    slots: dict[str, int]
    size: list[int]
    real: int | None = None

    def inner(self, name: str, real: bool) -> Scope:
        slot = self.size[0]
        self.size[0] += 1
        return Scope({**self.slots, name: slot}, self.size, slot if real else self.real)


class Program:
    """The definitions of one certificate over one instance, compiled to closures.

    Numbers are ints, Fractions, `LogSum`, intervals or `Dual`; truths are pairs `Truth`. Raises Refused.
    """

    def __init__(self, instance: Mapping[str, Any], where: Sequence[str]) -> None:
        self.do = do = Arithmetic()
        self.binary: dict[type, Callable[[Any, Any], Any]] = {
            ast.Add: do.add,
            ast.Sub: do.subtract,
            ast.Mult: do.multiply,
            ast.Div: do.divide,
            ast.Pow: do.power,
        }
        self.many = {"sum": do.sum, "prod": do.product, "max": do.largest, "min": do.smallest}
        self.one = {"log": do.log, "exp": do.exp, "sqrt": do.sqrt, "abs": do.absolute}
        self.instance = {name: _numbers(value) for name, value in instance.items()}
        self.definitions: dict[str, Definition] = {}
        self.rough: list[dict[Any, Any]] = []
        for text in where:
            self._define(text)

    def at(self, bits: int) -> None:
        """Work with this precision from now on; what was exact stays known."""
        if bits == self.do.bits:
            return
        self.do.bits = bits
        self.do.logs.clear()
        for memory in self.rough:
            memory.clear()

    # what the rest of the file asks

    def decide(self, text: str) -> Truth:
        """The truth of an expression, at the first precision that tells."""
        truth = self._top(self.truth, text)
        answer: Truth = None, False
        for bits in PRECISIONS:
            self.at(bits)
            answer = truth()
            if answer[0] is not None:
                break
        return answer

    def enclose(self, text: str) -> tuple[str, str]:
        """The canonical enclosure of an expression: its value rounded down, and up, to 20 significant digits."""
        number, last = self._top(self.number, text), None
        for bits in PRECISIONS[1:]:
            self.at(bits)
            try:
                value = self.do.settle(number())
                if _rational(value):
                    return decimal(value, up=False), decimal(value, up=True)
                low, high = (_fraction(end) for end in self.do.interval(value))
            except _Unclear:
                continue
            last = decimal(low, up=False), decimal(high, up=True)
            if last == (decimal(high, up=False), decimal(low, up=True)):
                break
        if last is None:
            _refuse(f"no precision defines {text!r}")
        return last

    def _top(self, compiler: Callable[[ast.expr, Scope, int, str], Closure], text: str) -> Callable[[], Any]:
        scope = Scope({}, [0])
        closure = compiler(_parse(text), scope, 0, text.strip())
        return lambda: closure([None] * scope.size[0])

    def _define(self, text: str) -> None:
        match = _DEFINITION.fullmatch(text) if len(text) <= TEXT else None
        if match is None:
            _refuse(f"not a definition: {text[:80]!r}")
        name, inside, body = match[1], match[2], match[3].strip()
        parameters = tuple(part.strip() for part in inside.split(",")) if inside else ()
        scope = Scope({}, [0])
        for parameter in parameters:
            scope = self._bind(parameter, scope, real=False)
        self._fresh(name)
        node = _parse(body)
        is_truth = self._is_truth(node)
        closure = (self.truth if is_truth else self.number)(node, scope, 0, body)
        call = self._remember(lambda arguments: closure([*arguments, *[None] * (scope.size[0] - len(arguments))]))
        self.definitions[name] = Definition(parameters, is_truth, call)

    def _remember(self, compute: Callable[[tuple[Any, ...]], Any]) -> Callable[[tuple[Any, ...]], Any]:
        exact: dict[Any, Any] = {}
        rough: dict[Any, Any] = {}
        self.rough.append(rough)

        def call(arguments: tuple[Any, ...]) -> Any:
            self.do.spend()
            if not _rational(*arguments):
                return compute(arguments)
            for memory in (exact, rough):
                if arguments in memory:
                    return memory[arguments]
            value = compute(arguments)
            (exact if _exact(value) else rough)[arguments] = value
            return value

        return call

    def _fresh(self, name: str) -> None:
        if not _NAME.fullmatch(name) or name in WORDS or name in KEYWORDS:
            _refuse(f"{name!r} cannot be a name")
        if name in self.instance or name in self.definitions:
            _refuse(f"{name!r} is named twice")

    def _bind(self, name: str, scope: Scope, *, real: bool) -> Scope:
        self._fresh(name)
        if name in scope.slots:
            _refuse(f"{name!r} is named twice")
        return scope.inner(name, real)

    def _is_truth(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Compare | ast.BoolOp):
            return True
        name = node.id if isinstance(node, ast.Name) else _called(node)[0]
        return name in _TRUTHS or (name in self.definitions and self.definitions[name].is_truth)

    # numbers

    def number(self, node: ast.expr, scope: Scope, depth: int, text: str) -> Closure:
        if depth > DEPTH:
            _refuse(f"an expression nested deeper than {DEPTH}")
        if scope.slots and isinstance(node, ast.BinOp | ast.Call) and not _locals(node) & scope.slots.keys():
            return self._closed(node, depth, text)

        def inner(child: ast.expr) -> Closure:
            return self.number(child, scope, depth + 1, text)

        if isinstance(node, ast.Constant):
            value = _literal(text[node.col_offset : node.end_col_offset])
            return lambda frame: value
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            operand = inner(node.operand)
            return lambda frame: self.do.negative(operand(frame))
        if isinstance(node, ast.BinOp) and type(node.op) in self.binary:
            combine = self.binary[type(node.op)]
            left, right = inner(node.left), inner(node.right)
            return lambda frame: combine(left(frame), right(frame))
        if isinstance(node, ast.Name | ast.Subscript):
            return self._look_up(node, scope, depth, text)
        if isinstance(node, ast.Call):
            return self._call(node, scope, depth, text)
        _refuse(f"not in the language: {ast.unparse(node)[:80]!r} where a number is wanted")

    def _closed(self, node: ast.expr, depth: int, text: str) -> Closure:
        """No local name occurs in it: computed once, not once for each turn of the loops around it."""
        scope = Scope({}, [0])
        closure = self.number(node, scope, depth, text)
        call = self._remember(lambda arguments: closure([None] * scope.size[0]))
        return lambda frame: call(())

    def _look_up(self, node: ast.expr, scope: Scope, depth: int, text: str) -> Closure:
        """A local name, a definition without parameters, or an entry of the instance."""
        if isinstance(node, ast.Name):
            if node.id in scope.slots:
                slot = scope.slots[node.id]
                return lambda frame: frame[slot]
            if node.id in self.definitions:
                if self.definitions[node.id].is_truth:
                    _refuse(f"{node.id!r} is true or false where a number is wanted")
                return self._applied(node.id, [])
            if node.id in self.instance:
                value = self.instance[node.id]
                return lambda frame: value
            _refuse(f"{node.id!r} is not defined")
        if not isinstance(node, ast.Subscript) or isinstance(node.slice, ast.Slice | ast.Tuple):
            _refuse(f"not in the language: {ast.unparse(node)[:80]!r}")
        table = self._look_up(node.value, scope, depth + 1, text)
        index = self.number(node.slice, scope, depth + 1, text)

        def entry(frame: Frame) -> Any:
            rows, place = table(frame), index(frame)
            if type(rows) is not list or type(place) is not int or not 0 <= place < len(rows):
                _refuse(f"{ast.unparse(node)[:80]!r} is not there in the instance")
            return rows[place]

        return entry

    def _applied(self, name: str, arguments: Sequence[Closure]) -> Closure:
        definition = self.definitions[name]
        if len(arguments) != len(definition.parameters):
            _refuse(f"{name!r} takes {len(definition.parameters)} arguments, not {len(arguments)}")
        return lambda frame: definition.call(tuple([argument(frame) for argument in arguments]))

    def _call(self, node: ast.Call, scope: Scope, depth: int, text: str) -> Closure:
        name, children = _called(node)
        loop = children[0] if len(children) == 1 else None
        if name in self.many and isinstance(loop, ast.GeneratorExp):
            gather, run = self.many[name], self._loop(loop, self.number, scope, depth, text)
            return lambda frame: gather(run(frame))
        arguments = [self.number(child, scope, depth + 1, text) for child in children]
        if name in ("max", "min") and len(arguments) > 1:
            gather = self.many[name]
            return lambda frame: gather([argument(frame) for argument in arguments])
        if name in self.one and len(arguments) == 1:
            function, argument = self.one[name], arguments[0]
            return lambda frame: function(argument(frame))
        if name == "span" and len(arguments) == 2:
            return lambda frame: self._span(arguments[0](frame), arguments[1](frame))
        if name in self.definitions and not self.definitions[name].is_truth:
            return self._applied(name, arguments)
        _refuse(f"not in the language: {ast.unparse(node)[:80]!r} where a number is wanted")

    def _span(self, low: Any, high: Any) -> Any:
        ends = self.do.interval(low)[0], self.do.interval(high)[1]
        if mp.mpf_gt(*ends):
            _refuse("a span whose lower end is above its upper end")
        return Dual(ends, None) if Dual in (type(low), type(high)) else ends

    # loops

    def _loop(
        self,
        node: ast.GeneratorExp,
        compiler: Callable[[ast.expr, Scope, int, str], Closure],
        scope: Scope,
        depth: int,
        text: str,
    ) -> Callable[[Frame], Iterator[Any]]:
        """``body for i in each(a) if condition for ...`` as a function of the frame that yields the bodies."""
        levels: list[tuple[int, Closure, list[Closure]]] = []
        for generator in node.generators:
            name, arguments = _called(generator.iter)
            if name != "each" or len(arguments) != 1 or not isinstance(generator.target, ast.Name):
                _refuse(f"not in the language: {ast.unparse(generator.iter)[:80]!r} (wanted each(a))")
            items = self._look_up(arguments[0], scope, depth + 1, text)
            scope = self._bind(generator.target.id, scope, real=False)
            conditions = [self.truth(condition, scope, depth + 1, text) for condition in generator.ifs]
            levels.append((scope.slots[generator.target.id], items, conditions))
        body = compiler(node.elt, scope, depth + 1, text)

        def run(frame: Frame, level: int = 0) -> Iterator[Any]:
            if level == len(levels):
                yield body(frame)
                return
            slot, items, conditions = levels[level]
            rows = items(frame)
            if type(rows) is not list:
                _refuse("each(...) wants a list of the instance")
            for place in range(len(rows)):
                self.do.spend()
                frame[slot] = place
                if all(_certain(condition(frame)) for condition in conditions):
                    yield from run(frame, level + 1)

        return run

    # truths

    def truth(self, node: ast.expr, scope: Scope, depth: int, text: str) -> Closure:
        if depth > DEPTH:
            _refuse(f"an expression nested deeper than {DEPTH}")

        def inner(child: ast.expr) -> Closure:
            return self.truth(child, scope, depth + 1, text)

        if isinstance(node, ast.Compare):
            sides = [self.number(side, scope, depth + 1, text) for side in (node.left, *node.comparators)]
            kinds = [type(kind) for kind in node.ops]
            if not all(kind in _OPERATORS for kind in kinds):
                _refuse(f"not in the language: {ast.unparse(node)[:80]!r}")
            links = [self._compare(kind, a, b, scope.real) for kind, a, b in zip(kinds, sides, sides[1:], strict=False)]
            return lambda frame: _all(link(frame) for link in links)
        if isinstance(node, ast.BoolOp):
            join, parts = _all if isinstance(node.op, ast.And) else _any, [inner(part) for part in node.values]
            return lambda frame: join(part(frame) for part in parts)
        if isinstance(node, ast.Name) and self._is_truth(node):
            return self._applied(node.id, [])
        name, children = _called(node)
        loop = children[0] if len(children) == 1 else None
        if name in ("all", "any") and isinstance(loop, ast.GeneratorExp):
            return self._quantified(name, loop, scope, depth, text)
        if name in ("implies", "iff") and len(children) == 2:
            first, second = inner(children[0]), inner(children[1])
            if name == "iff":
                return lambda frame: _same(first(frame), second(frame))
            return lambda frame: _any(side() for side in (lambda: _not(first(frame)), lambda: second(frame)))
        if name in self.definitions and self.definitions[name].is_truth:
            return self._applied(name, [self.number(child, scope, depth + 1, text) for child in children])
        _refuse(f"not in the language: {ast.unparse(node)[:80]!r} where a comparison is wanted")

    def _compare(self, kind: type, left: Closure, right: Closure, real: int | None) -> Closure:
        def difference(frame: Frame) -> Any:
            return self.do.subtract(left(frame), right(frame))

        def compare(frame: Frame) -> Truth:
            try:
                value = difference(frame)
                if type(value) is Dual:
                    answer = _judge(_OPERATORS[kind][0], value.value)
                    if answer is None and real is not None and type(frame[real]) is Dual:
                        answer = _judge(_OPERATORS[kind][0], self._refined(difference, value, frame, real))
                    return answer, False
                return self.do.compare(kind, value)
            except _Unclear:
                return None, False

        return compare

    def _refined(self, function: Closure, value: Dual, frame: Frame, slot: int) -> Interval:
        """The values on a piece: its natural extension met with the mean-value form; monotone, met with the ends."""
        piece = frame[slot]
        if value.slope is None or piece.box is None:
            return value.value
        low, high = piece.box

        def at(point: Any) -> Interval:
            frame[slot] = point
            try:
                return self.do.interval(function(frame))
            finally:
                frame[slot] = piece

        middle = (low + high) / 2
        offset = self.do._add(piece.value, self.do.interval(-middle))
        a, b = self.do._add(at(middle), self.do._times(value.slope, offset))
        rising, falling = mp.mpf_sign(value.slope[0]) >= 0, mp.mpf_sign(value.slope[1]) <= 0
        if rising or falling:
            first, last = (at(low), at(high)) if rising else (at(high), at(low))
            a, b = _upper(a, first[0]), _lower(b, last[1])
        return _upper(a, value.value[0]), _lower(b, value.value[1])

    def _quantified(self, name: str, node: ast.GeneratorExp, scope: Scope, depth: int, text: str) -> Closure:
        last = node.generators[-1]
        source, ends = _called(last.iter)
        if source != "reals":
            join, run = _all if name == "all" else _any, self._loop(node, self.truth, scope, depth, text)
            return lambda frame: join(run(frame))
        if name != "all" or last.ifs or len(ends) != 2 or not isinstance(last.target, ast.Name):
            _refuse("reals(lo, hi) stands last in all(...), without a condition")
        target = last.target.id

        def body(element: ast.expr, within: Scope, level: int, text: str) -> Closure:
            low, high = (self.number(end, within, level, text) for end in ends)
            deeper = self._bind(target, within, real=True)
            return self._over_reals(deeper.slots[target], low, high, self.truth(element, deeper, level, text))

        if len(node.generators) == 1:
            return body(node.elt, scope, depth + 1, text)
        run = self._loop(ast.GeneratorExp(node.elt, node.generators[:-1]), body, scope, depth, text)
        return lambda frame: _all(run(frame))

    def _over_reals(self, slot: int, low: Closure, high: Closure, body: Closure) -> Closure:
        """Every real of [low, high], by cutting in halves what is not decided; False needs a point surely inside."""

        def decide(frame: Frame) -> Truth:
            try:
                start, stop = (self._both_ends(self.do.settle(end(frame))) for end in (low, high))
            except _Unclear:
                return None, False
            if start[0] > stop[1]:
                _refuse("an empty range of reals")
            frame = [value.value if type(value) is Dual else value for value in frame]  # slopes are by one variable
            todo = [(start[0], stop[1])]
            for _ in range(BOXES):
                if not todo:
                    return True, False
                a, b = todo.pop()
                answer = self._on_piece(frame, slot, body, a, b)
                middle = (a + b) / 2
                self.do.tidy(middle)
                if answer is not True and start[1] <= middle <= stop[0]:
                    frame[slot] = self.do.tidy(middle)
                    if answer is False or body(frame)[0] is False:
                        return False, False
                if answer is not True:
                    if a == b:
                        return None, False
                    todo += [(middle, b), (a, middle)]
            return None, False

        return decide

    def _both_ends(self, end: Any) -> tuple[Fraction, Fraction]:
        if _rational(end):
            return Fraction(end), Fraction(end)
        low, high = self.do.interval(end)
        return _fraction(low), _fraction(high)

    def _on_piece(self, frame: Frame, slot: int, body: Closure, a: Fraction, b: Fraction) -> bool | None:
        self.do.spend(10)
        hull = self.do.interval(a)[0], self.do.interval(b)[1]
        frame[slot] = Dual(hull, _ONE, (a, b)) if a < b else a
        answer: bool | None = body(frame)[0]
        return answer


def _certain(answer: Truth) -> bool:
    if answer[0] is None or not answer[1]:
        _refuse("a condition after 'if' that exact arithmetic does not decide")
    return answer[0]


def _all(answers: Iterable[Truth]) -> Truth:
    truth: bool | None = True
    exact = True
    for value, how in answers:
        if value is False:
            return False, how
        truth, exact = (None if value is None else truth), exact and how
    return truth, exact and truth is not None


def _not(answer: Truth) -> Truth:
    return (None if answer[0] is None else not answer[0]), answer[1]


def _any(answers: Iterable[Truth]) -> Truth:
    return _not(_all(_not(answer) for answer in answers))


def _same(a: Truth, b: Truth) -> Truth:
    return (None if a[0] is None or b[0] is None else a[0] == b[0]), a[1] and b[1]


def _called(node: ast.expr) -> tuple[str, list[ast.expr]]:
    """The name and the arguments of a plain call; no name for anything else."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return node.func.id, node.args
    return "", []


def _locals(node: ast.expr) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _literal(text: str) -> int | Fraction:
    """A number exactly as written: 0.6477 is 6477/10000."""
    if len(text) > NUMBER or not _NUMBER.fullmatch(text):
        _refuse(f"not a number of the language: {text[:40]!r}")
    value = Fraction(text)
    return value.numerator if value.denominator == 1 else value


def _numbers(value: Any) -> Any:
    """An entry of the instance: strings such as "-3/7" to exact numbers, lists kept; anything else is refused."""
    if type(value) is list:
        return [_numbers(item) for item in value]
    if len(value) > NUMBER or not re.fullmatch(r"-?[0-9]+(/[0-9]+)?", value):
        _refuse(f"not an exact number: {value[:40]!r}")
    top, _, bottom = value.partition("/")
    if bottom and int(bottom) == 0:
        _refuse(f"not an exact number: {value[:40]!r}")
    number = Fraction(int(top), int(bottom or 1))
    if str(number) != value:
        _refuse(f"not in lowest terms: {value[:40]!r}")
    return number.numerator if number.denominator == 1 else number


# --- enclosures -------------------------------------------------------------------------------------------------------


def decimal(value: int | Fraction, *, up: bool) -> str:
    """`value` rounded down, or up, to a decimal with exactly 20 significant digits; zero is "0".

    >>> decimal(Fraction(1, 3), up=False), decimal(Fraction(1, 3), up=True)
    ('0.33333333333333333333', '0.33333333333333333334')
    """
    if value == 0:
        return "0"
    top, bottom = abs(value.numerator), value.denominator
    exponent = (top.bit_length() - bottom.bit_length()) * 30103 // 100000 - DIGITS - 1
    while True:
        scaled_top, scaled_bottom = top * 10 ** max(-exponent, 0), bottom * 10 ** max(exponent, 0)
        mantissa, rest = divmod(scaled_top, scaled_bottom)
        if mantissa < 10**DIGITS:
            break
        exponent += 1
    mantissa += bool(rest) and up == (value > 0)  # away from zero: up for a positive number, down for a negative one
    if mantissa == 10**DIGITS:
        mantissa, exponent = mantissa // 10, exponent + 1
    return str(Decimal((int(value < 0), tuple(int(digit) for digit in str(mantissa)), exponent)))


# --- formulas: what each shipped claim says -----------------------------------------------------------------------


@dataclass(frozen=True)
class Formula:
    """What a claim states, in this file's own words; `own`: definitions beside the common ones.

    Beside its quantities a certificate carries ``digest()``, see `pin`.
    """

    relation: str
    given: tuple[str, ...]
    quantities: tuple[str, ...]
    own: tuple[str, ...] = ()

    @property
    def where(self) -> list[str]:
        """The definitions that the claim needs, in order."""
        return needed((*VAE, *self.own), (self.relation, *self.given, *self.quantities))


# A finite VAE in odds (theory: sections 1 and 4): h (X), nu (X x n), theta = exp f(z) (Z x n), prior and k (Z),
# psi (Z x m), gamma = exp g(x) (X x m), pd (X). `gap` is eps, `R` is R_z of section 3.
VAE = (
    "mass(x, z) = h[x]*prod(theta[z][i]**nu[x][i] for i in each(nu[x]))",
    "partition(z) = sum(mass(x, z) for x in each(pd))",
    "joint(x, z) = prior[z]*mass(x, z)/partition(z)",
    "evidence(x) = sum(joint(x, z) for z in each(prior))",
    "post(x, z) = joint(x, z)/evidence(x)",
    "weight(x, z) = k[z]*prod(gamma[x][j]**psi[z][j] for j in each(psi[z]))",
    "total(x) = sum(weight(x, z) for z in each(prior))",
    "q(x, z) = weight(x, z)/total(x)",
    "kl(x) = sum(q(x, z)*log(q(x, z)/post(x, z)) for z in each(prior))",
    "gap = sum(pd[x]*kl(x) for x in each(pd))",
    "residual(x, z) = log(post(x, z)/q(x, z))",
    "R(z) = sum(pd[x]*residual(x, z)**2 for x in each(pd))",
)
IS_VAE = (
    "sum(pd[x] for x in each(pd)) == 1",
    "sum(prior[z] for z in each(prior)) == 1",
    "all(pd[x] >= 0 and h[x] > 0 for x in each(pd))",
    "all(prior[z] > 0 and k[z] > 0 for z in each(prior))",
    "all(theta[z][i] > 0 for z in each(prior) for i in each(theta[z]))",
    "all(gamma[x][j] > 0 for x in each(pd) for j in each(gamma[x]))",
)
ABOVE_ALPHA = (
    "0 < alpha",
    "all(alpha <= q(x, z) and alpha <= post(x, z) for x in each(pd) for z in each(prior))",
)
LARGEST = "max(R(z) for z in each(prior))"

# Corollary 2 with the implied prior: w = exp W, u and v in odds. Its counterexample: four normal components in the
# plane, centre 00 at `base`, sides a and b, variance s2; `labels` lists every way to give them codes 00, 01, 10, 11.
IMPLIED = (
    "sum(pd[x] for x in each(pd)) == 1",
    "all(pd[x] >= 0 for x in each(pd))",
    "all(theta[z][i] == u[i]*prod(w[i][j]**psi[z][j] for j in each(v)) for z in each(prior) for i in each(u))",
    "all(gamma[x][j] == v[j]*prod(w[i][j]**nu[x][i] for i in each(u)) for x in each(pd) for j in each(v))",
    "all(prior[z] == implied(z)/whole for z in each(prior))",
)
LABELLED = (
    "0 < s2 and a[0]*b[1] - a[1]*b[0] != 0 and sum(a[i]*b[i] for i in each(a)) != 0",
    "all(bits[c][0] == 0 or bits[c][0] == 1 for c in each(bits))",
    "all(bits[c][1] == 0 or bits[c][1] == 1 for c in each(bits))",
    "sum(1 for c in each(bits)) == 4 and "
    "all(bits[c][0] != bits[d][0] or bits[c][1] != bits[d][1] for c in each(bits) for d in each(bits) if c < d)",
    "sum(1 for n in each(labels)) == 24 and all(sum(1 for c in each(labels[n])) == 4 for n in each(labels))",
    "all(any(labels[n][c] == d for c in each(labels[n])) for n in each(labels) for d in each(bits))",
    "all(any(labels[m][c] != labels[n][c] for c in each(bits)) for m in each(labels) for n in each(labels) if m < n)",
    "sum(mixing[c] for c in each(mixing)) == 1 and all(mixing[c] > 0 for c in each(mixing))",
)
COMPONENTS = (
    "centre(c, i) = base[i] + bits[c][0]*a[i] + bits[c][1]*b[i]",
    "square(c) = sum(centre(c, i)**2 for i in each(base))",
    "slope(n, i) = (centre(labels[n][0], i) - centre(labels[n][1], i) - centre(labels[n][2], i) + "
    "centre(labels[n][3], i))/s2",
    "bend(n) = (square(labels[n][0]) - square(labels[n][1]) - square(labels[n][2]) + square(labels[n][3]))/(2*s2)",
    "tilt(n) = log(mixing[labels[n][0]]*mixing[labels[n][3]]/(mixing[labels[n][1]]*mixing[labels[n][2]]))",
)
FACTORISES = "any(all(slope(n, i) == 0 for i in each(base)) and tilt(n) - bend(n) == 0 for n in each(labels))"
# On square cells of width `step` from `corner` on, low[i][j] bounds p(x) delta(x)^2/2 from below; 6.28... > 2 pi.
ON_CELLS = (
    "0 < s2 and 0 < step",
    "sum(1 for c in each(centre)) == 4",
    "all(centre[0][i] + centre[3][i] == centre[1][i] + centre[2][i] for i in each(corner))",
)
CELLS = (
    "bump(c, s, t) = exp(-((s - centre[c][0])**2 + (t - centre[c][1])**2)/(2*s2))/(4*6.28318530717958648*s2)",
    "density(s, t) = sum(bump(c, s, t) for c in each(centre))",
    "square(c) = centre[c][0]**2 + centre[c][1]**2",
    "tilt(c, d, s, t) = ((centre[d][0] - centre[c][0])*s + (centre[d][1] - centre[c][1])*t - "
    "(square(d) - square(c))/2)/s2",
    "share(c, s, t) = 1/sum(exp(tilt(c, d, s, t)) for d in each(centre))",
    "twist = (square(0) + square(3) - square(1) - square(2))/(2*s2)",
    "delta(s, t) = share(0, s, t)*share(3, s, t)*(1 - exp(twist))",
    "across(i) = span(corner[0] + i*step, corner[0] + (i + 1)*step)",
    "up(j) = span(corner[1] + j*step, corner[1] + (j + 1)*step)",
    "certain = step**2*sum(low[i][j] for i in each(low) for j in each(low[i]))",
)
CELLWISE = Formula(
    relation="all(low[i][j] <= density(across(i), up(j))*delta(across(i), up(j))**2/2 "
    "for i in each(low) for j in each(low[i])) and 0 < certain",
    given=ON_CELLS,
    quantities=("certain", "twist", "density(corner[0], corner[1])"),
    own=CELLS,
)
# Example A.1, r = e^a; then for a list of odds, with the projector `hat` onto span{1, z1, z2}.
XOR = "xor(s, t) = s + t - 2*s*t"
EXAMPLE = (
    "1 < r",
    "sum(1 for z in each(prior)) == 4 and sum(1 for x in each(pd)) == 4",
    "all(h[x] == 1 and pd[x] == 1/4 for x in each(pd)) and all(k[z] == 1 and prior[z] == 1/4 for z in each(prior))",
    "all(psi[z][j]*(1 - psi[z][j]) == 0 and nu[z][j] == psi[z][j] for z in each(psi) for j in each(psi[z]))",
    "all(any(psi[y][j] != psi[z][j] for j in each(psi[z])) for y in each(psi) for z in each(psi) if y < z)",
    "all(theta[z][0] == r**(2*psi[z][0] - 1) for z in each(prior))",
    "all(theta[z][1] == r**(2*xor(psi[z][0], psi[z][1]) - 1) for z in each(prior))",
    "all(gamma[x][0] == r**(2*nu[x][0] - 1) for x in each(pd))",
    "all(gamma[x][1] == r**(2*xor(nu[x][0], nu[x][1]) - 1) for x in each(pd))",
)
EXAMPLE_OWN = (XOR, "tanh = (r - 1)/(r + 1)")
EXAMPLES = (
    "all(10 <= odds[n] for n in each(odds))",
    "sum(1 for z in each(point)) == 4",
    "all(point[z][j]*(1 - point[z][j]) == 0 for z in each(point) for j in each(point[z]))",
    "all(any(point[y][j] != point[z][j] for j in each(point[z])) for y in each(point) for z in each(point) if y < z)",
    "all(image[z][0] == point[z][0] and image[z][1] == xor(point[z][0], point[z][1]) for z in each(point))",
    "all(hat[x][z] == hat[z][x] for x in each(hat) for z in each(hat))",
    "all(sum(hat[x][y]*hat[y][z] for y in each(hat)) == hat[x][z] for x in each(hat) for z in each(hat))",
    "all(sum(hat[x][y] for y in each(hat)) == 1 for x in each(hat))",
    "all(sum(hat[x][y]*point[y][j] for y in each(hat)) == point[x][j] for x in each(hat) for j in each(point[x]))",
    "sum(hat[x][x] for x in each(hat)) == 3",
)
EXAMPLES_OWN = (
    XOR,
    "bit(n, s, t) = odds[n]**(s*t)/(1 + odds[n]**t)",
    "chance(n, x, z) = prod(bit(n, point[x][j], 2*image[z][j] - 1) for j in each(point[x]))",
    "exact(n, x, z) = chance(n, x, z)/sum(chance(n, x, y) for y in each(point))",
    "code(n, x, z) = prod(bit(n, point[z][j], 2*image[x][j] - 1) for j in each(point[z]))",
    "loss(n) = sum(code(n, x, z)*log(code(n, x, z)/exact(n, x, z)) for x in each(point) for z in each(point))/4",
    "table(n, x, z) = log(chance(n, x, z)/4)",
    "along(n, x, z) = sum(hat[x][y]*table(n, y, z) for y in each(hat))",
    "fit(n, x, z) = sum(hat[z][y]*along(n, x, y) for y in each(hat))",
    "error(n, x, z) = table(n, x, z) - fit(n, x, z)",
    "smallest(n) = min(min(code(n, x, z), exact(n, x, z)) for x in each(point) for z in each(point))",
)
EXAMPLES_NUMBERS = ("min(loss(n) for n in each(odds))", "max(abs(error(n, 0, 0)) for n in each(odds))")
# A witness of inconsistency: integer weights b on Z (theory: section 2).
ZERO_SUM = ("sum(b[z] for z in each(b)) == 0", "any(b[z] != 0 for z in each(b))")
WITNESS = Formula(
    relation="all(kl(x) >= binary(below(x), least(x)) or raised(x) for x in each(pd))",
    given=(*IS_VAE, *ZERO_SUM, "all(sum(b[z]*psi[z][j] for z in each(b)) == 0 for j in each(psi[0]))"),
    quantities=("gap", "max(abs(twist(x)) for x in each(pd))"),
    own=(
        "twist(x) = sum(b[z]*log(joint(x, z)/k[z]) for z in each(b))",
        "length(x) = abs(twist(x))/sum(abs(b[z]) for z in each(b))",
        "least(x) = min(post(x, z) for z in each(b) if b[z] != 0)",
        "binary(s, t) = s*log(s/t) + (1 - s)*log((1 - s)/(1 - t))",
        "below(x) = least(x)*exp(-length(x))",
        "above(x) = least(x)*exp(length(x))",
        "raised(x) = above(x) < 1 and kl(x) >= binary(above(x), least(x))",
    ),
)
# Two bits, q(z1, z2) = one[z1]*two[z2]; and q, p on one finite set (`encoder`, `posterior`).
TWO_BITS = (
    "all(one[i] > 0 and two[i] > 0 for i in each(one))",
    "sum(one[i] for i in each(one)) == 1 and sum(two[i] for i in each(two)) == 1",
    "all(p[i][j] > 0 for i in each(p) for j in each(p[i]))",
    "sum(p[i][j] for i in each(p) for j in each(p[i])) == 1",
)
TWO_BITS_OWN = (
    "delta = p[0][0]*p[1][1] - p[0][1]*p[1][0]",
    "loss = sum(one[i]*two[j]*log(one[i]*two[j]/p[i][j]) for i in each(one) for j in each(two))",
    "larger = max(p[0][0] + p[0][1], p[1][0] + p[1][1])",
)
TWO_BITS_NUMBERS = ("loss", "delta")
PAIR = (
    "all(encoder[z] > 0 and posterior[z] > 0 for z in each(encoder))",
    "sum(encoder[z] for z in each(encoder)) == 1",
    "sum(posterior[z] for z in each(posterior)) == 1",
)
PAIR_OWN = (
    "r(z) = log(encoder[z]/posterior[z])",
    "loss = sum(encoder[z]*r(z) for z in each(encoder))",
    "variance = sum(encoder[z]*(r(z) - loss)**2 for z in each(encoder))",
)

# Statements decided in Q. Weights `b` (on Z) and `a` (on X) annihilate 1 and the statistics, `c` (on X x Z) every
# product of the two; `dx`, `dz` see one statistic each, so that both are minimal. A complete side has one row of zeros.
DATA_AND_PRIOR = (
    "sum(pd[x] for x in each(pd)) == 1",
    "all(pd[x] >= 0 for x in each(pd))",
    "sum(prior[z] for z in each(prior)) == 1",
    "all(prior[z] > 0 for z in each(prior))",
)
EVERY_X = (DATA_AND_PRIOR[0], "all(pd[x] > 0 for x in each(pd))", *DATA_AND_PRIOR[2:])
BASE_X, BASE_Z = "all(h[x] > 0 for x in each(pd))", "all(k[z] > 0 for z in each(prior))"
THETA = "all(theta[z][i] > 0 for z in each(prior) for i in each(theta[z]))"
GAMMA = "all(gamma[x][j] > 0 for x in each(pd) for j in each(gamma[x]))"
MODEL = (*EVERY_X, BASE_X, BASE_Z, THETA)
ANY_DATA = (*DATA_AND_PRIOR, BASE_X, BASE_Z, THETA, GAMMA)
MINIMAL = (
    "all(sum(dx[j][x] for x in each(pd)) == 0 for j in each(nu[0]))",
    "all(sum(dx[j][x]*nu[x][j] for x in each(pd)) == sx[j] for j in each(nu[0]))",
    "all(sx[j] != 0 for j in each(nu[0]))",
    "all(sum(dx[j][x]*nu[x][i] for x in each(pd)) == 0 for j in each(nu[0]) for i in each(nu[0]) if i != j)",
    "all(sum(dz[j][z] for z in each(prior)) == 0 for j in each(psi[0]))",
    "all(sum(dz[j][z]*psi[z][j] for z in each(prior)) == sz[j] for j in each(psi[0]))",
    "all(sz[j] != 0 for j in each(psi[0]))",
    "all(sum(dz[j][z]*psi[z][i] for z in each(prior)) == 0 for j in each(psi[0]) for i in each(psi[0]) if i != j)",
)
B_ANNIHILATES = (
    "all(sum(b[i][z] for z in each(prior)) == 0 for i in each(b))",
    "all(sum(b[i][z]*psi[z][j] for z in each(prior)) == 0 for i in each(b) for j in each(psi[0]))",
)
B_SPANS = (
    "all(any(b[i][z] != 0 and all(b[l][z] == 0 for l in each(b) if l != i) for z in each(prior)) "
    "for i in each(b) if any(b[i][z] != 0 for z in each(prior)))",
    "sum(1 for i in each(b) if any(b[i][z] != 0 for z in each(prior))) == "
    "sum(1 for z in each(prior)) - sum(1 for j in each(psi[0])) - 1",
)
A_SPANS = (
    "all(sum(a[l][x] for x in each(pd)) == 0 for l in each(a))",
    "all(sum(a[l][x]*nu[x][i] for x in each(pd)) == 0 for l in each(a) for i in each(nu[0]))",
    "all(any(a[l][x] != 0 and all(a[i][x] == 0 for i in each(a) if i != l) for x in each(pd)) "
    "for l in each(a) if any(a[l][x] != 0 for x in each(pd)))",
    "sum(1 for l in each(a) if any(a[l][x] != 0 for x in each(pd))) == "
    "sum(1 for x in each(pd)) - sum(1 for i in each(nu[0])) - 1",
)


def _c_spans(z_statistics: str) -> tuple[str, ...]:
    """The weights c annihilate the products of (1, nu) with (1, `z_statistics`), and span all that do."""
    every = "for x in each(pd) for z in each(prior)"
    return (
        f"all(sum(c[i][x][z] {every}) == 0 for i in each(c))",
        f"all(sum(c[i][x][z]*nu[x][l] {every}) == 0 for i in each(c) for l in each(nu[0]))",
        f"all(sum(c[i][x][z]*{z_statistics}[z][j] {every}) == 0 for i in each(c) for j in each({z_statistics}[0]))",
        f"all(sum(c[i][x][z]*nu[x][l]*{z_statistics}[z][j] {every}) == 0 "
        f"for i in each(c) for l in each(nu[0]) for j in each({z_statistics}[0]))",
        f"all(any(c[i][x][z] != 0 and all(c[l][x][z] == 0 for l in each(c) if l != i) {every}) "
        f"for i in each(c) if any(c[i][x][z] != 0 {every}))",
        f"sum(1 for i in each(c) if any(c[i][x][z] != 0 {every})) == sum(1 {every}) - "
        f"(sum(1 for l in each(nu[0])) + 1)*(sum(1 for j in each({z_statistics}[0])) + 1)",
    )


CONTRAST = "contrast(x, i) = prod((post(x, z)/k[z])**b[i][z] for z in each(prior))"
INSIDE = "all(contrast(x, i) == 1 for x in each(pd) for i in each(b))"
OUTSIDE = "any(contrast(x, i) != 1 for x in each(pd) for i in each(b))"
EXACT = "all(q(x, z) == post(x, z) for x in each(pd) for z in each(prior))"
TOTAL_DENSITY = "sum(joint(x, z)/(h[x]*k[z]) for x in each(pd) for z in each(prior))"
VIOLATION = "sum((contrast(x, i) - 1)**2 for x in each(pd) for i in each(b))"
PLACED = (TOTAL_DENSITY, VIOLATION)
ELBO_OWN = (
    "decoder(x, z) = mass(x, z)/partition(z)",
    "reconstruction = sum(pd[x]*q(x, z)*log(decoder(x, z)) for x in each(pd) for z in each(prior))",
    "rate = sum(pd[x]*q(x, z)*log(q(x, z)/prior[z]) for x in each(pd) for z in each(prior))",
    "elbo = reconstruction - rate",
    "likelihood = sum(pd[x]*log(evidence(x)) for x in each(pd))",
    "reverse = sum(pd[x]*post(x, z)*log(post(x, z)/q(x, z)) for x in each(pd) for z in each(prior))",
    "entropy = -sum(pd[x]*q(x, z)*log(q(x, z)) for x in each(pd) for z in each(prior))",
)
ON_SUPPORT = "all(q(x, z) == post(x, z) for x in each(pd) for z in each(prior) if pd[x] != 0)"
PRODUCTS_OWN = (
    CONTRAST,
    "coupling(i) = prod((joint(x, z)/(h[x]*k[z]))**c[i][x][z] for x in each(pd) for z in each(prior))",
    "bare(i) = prod((joint(x, z)/k[z])**c[i][x][z] for x in each(pd) for z in each(prior))",
)
IN_FAMILY_GIVEN = (*MODEL, *MINIMAL, *B_ANNIHILATES, *B_SPANS)
IS_HARMONIUM = "all(coupling(i) == 1 for i in each(c))"
# Theorem 1, the other way: expW, expu, expv are the odds of W, u, v.
FROM_ODDS = (
    *MODEL,
    "all(expW[i][j] > 0 for i in each(expW) for j in each(expW[i]))",
    "all(expu[i] > 0 for i in each(expu)) and all(expv[j] > 0 for j in each(expv))",
    "all(theta[z][i] == expu[i]*prod(expW[i][j]**psi[z][j] for j in each(expv)) "
    "for z in each(prior) for i in each(expu))",
    "all(gamma[x][j] == expv[j]*prod(expW[i][j]**nu[x][i] for i in each(expu)) for x in each(pd) for j in each(expv))",
)
FROM_ODDS_OWN = (
    "implied(z) = k[z]*prod(expv[j]**psi[z][j] for j in each(expv))*partition(z)",
    "interaction(x, z) = prod(expW[i][j]**(nu[x][i]*psi[z][j]) for i in each(expu) for j in each(expv))",
    "biases(x, z) = prod(expu[i]**nu[x][i] for i in each(expu))*prod(expv[j]**psi[z][j] for j in each(expv))",
    "harmonium(x, z) = h[x]*k[z]*interaction(x, z)*biases(x, z)",
    "constant = sum(implied(y) for y in each(prior))",
    "baseless(z) = implied(z)/k[z]",
)
# Corollary 1: `tables` of encoder odds, (tables, X, m).
DEEP = (
    *MODEL,
    "all(tables[t][x][j] > 0 for t in each(tables) for x in each(pd) for j in each(psi[0]))",
    *MINIMAL,
    *B_ANNIHILATES,
    *B_SPANS,
)
DEEP_OWN = (
    CONTRAST,
    "raw(t, x, z) = k[z]*prod(tables[t][x][j]**psi[z][j] for j in each(psi[z]))",
    "deep(t, x, z) = raw(t, x, z)/sum(raw(t, x, y) for y in each(prior))",
    "miss(t) = sum((deep(t, x, z) - post(x, z))**2 for x in each(pd) for z in each(prior))",
    "bend(l, j) = prod((post(x, z)/k[z])**(a[l][x]*dz[j][z]) for x in each(pd) for z in each(prior))",
)
EVERY_TABLE = (
    "all(prod((deep(t, x, z)/k[z])**b[i][z] for z in each(prior)) == 1 "
    "for t in each(tables) for x in each(pd) for i in each(b))"
)
DEEP_NUMBERS = (TOTAL_DENSITY, VIOLATION, "min(miss(t) for t in each(tables))")
NOTHING_GAINED = (
    f"{EVERY_TABLE} and implies({OUTSIDE}, all(miss(t) > 0 for t in each(tables))) and "
    f"implies({INSIDE}, all(bend(l, j) == 1 for l in each(a) for j in each(dz)))"
)
PLACED_GIVEN = (*MODEL, *B_ANNIHILATES)
# Section 3.1, normal decoder: precision [[I/s2, -W], [-W', -2 diag w]], its inverse S and mean m, factors L D L'.
NORMAL = (
    "s2 > 0 and all(w[j] < 0 for j in each(w))",
    "all(Sxx[r][s]/s2 - sum(W[r][j]*Sxz[s][j] for j in each(w)) == same(r, s) for r in each(u) for s in each(u))",
    "all(Sxz[r][i]/s2 - sum(W[r][j]*Szz[j][i] for j in each(w)) == 0 for r in each(u) for i in each(w))",
    "all(-2*w[i]*Sxz[s][i] - sum(W[r][i]*Sxx[r][s] for r in each(u)) == 0 for i in each(w) for s in each(u))",
    "all(-2*w[i]*Szz[i][j] - sum(W[r][i]*Sxz[r][j] for r in each(u)) == same(i, j) for i in each(w) for j in each(w))",
    "all(mx[r]/s2 - sum(W[r][j]*mz[j] for j in each(w)) == u[r] for r in each(u))",
    "all(-2*w[i]*mz[i] - sum(W[r][i]*mx[r] for r in each(u)) == v[i] for i in each(w))",
    "all(D[j] > 0 and L[j][j] == 1 for j in each(w)) and all(L[i][j] == 0 for i in each(w) for j in each(w) if i < j)",
    "all(sum(L[i][l]*D[l]*L[j][l] for l in each(w)) == -2*w[i]*same(i, j) - s2*sum(W[r][i]*W[r][j] for r in each(u)) "
    "for i in each(w) for j in each(w))",
)
SAME = "same(i, j) = max(0, 1 - abs(i - j))"
NORMAL_OWN = (SAME, "slope(j, r) = W[r][j]/(-2*w[j])", "gain(r, j) = s2*W[r][j]")
SQUARES_OWN = (
    "square(j, y) = w[j] + sum(V[r][j]*at[y][r] for r in each(V))",
    "corner(j, y) = w[j] + sum(V[r][j]*signs[y][r] for r in each(V))",
)
# log p(x, z) = sum m_ij x^i z^j.
QUARTIC = (
    "m[2][2] < 0",
    "4*m[2][2]*m[0][2] > m[1][2]**2",
    "4*m[2][2]*m[2][0] > m[2][1]**2",
    "all(grid[s] != grid[t] for s in each(grid) for t in each(grid) if s != t)",
    "sum(1 for s in each(grid)) == 5",
    "modes[0][0] != modes[1][0] or modes[0][1] != modes[1][1]",
)
QUARTIC_OWN = (
    "density(x, z) = sum(m[i][j]*x**i*z**j for i in each(m) for j in each(m))",
    "curve(z) = sum(m[2][j]*z**j for j in each(m))",
    "lean(z) = sum(m[1][j]*z**j for j in each(m))",
    "bow(x) = sum(m[i][2]*x**i for i in each(m))",
    "tilt(x) = sum(m[i][1]*x**i for i in each(m))",
    "decoded(x, z) = -(x - lean(z)/(-2*curve(z)))**2/(2*(1/(-2*curve(z))))",
    "encoded(x, z) = -(z - tilt(x)/(-2*bow(x)))**2/(2*(1/(-2*bow(x))))",
    "mixed(x, z) = m[1][1] + 2*m[1][2]*z + 2*m[2][1]*x + 4*m[2][2]*x*z",
)
QUARTIC_NUMBERS = (
    "density(modes[0][0], modes[0][1]) - density(modes[1][0], modes[1][1])",
    "mixed(0, 0) - mixed(1, 1)",
)
# Bits, the first of each row of xs, ys, zs being 1: psi holds the products of ys and zs.
CUBIC = (
    *MODEL,
    GAMMA,
    "all(h[x] == 1 and xs[x][0] == 1 and all(nu[x][i] == xs[x][i + 1] for i in each(nu[x])) for x in each(pd))",
    "all(k[z] == 1 and ys[z][0] == 1 and zs[z][0] == 1 for z in each(prior))",
    "all(xs[x][i]**2 == xs[x][i] for x in each(xs) for i in each(xs[x]))",
    "all(ys[z][i]**2 == ys[z][i] for z in each(ys) for i in each(ys[z]))",
    "all(zs[z][i]**2 == zs[z][i] for z in each(zs) for i in each(zs[z]))",
    "all(any(all(psi[z][j] == ys[z][r]*zs[z][s] for z in each(prior)) for r in each(ys[0]) for s in each(zs[0])) "
    "for j in each(psi[0]))",
    "sum(1 for x in each(pd)) == 2**sum(1 for i in each(nu[0]))",
    "sum(1 for j in each(psi[0])) + 1 == sum(1 for r in each(ys[0]) for s in each(zs[0]))",
)
CUBIC_OWN = (
    CONTRAST,
    "cubic(x, z) = prod(w[i][j][l]**(xs[x][i]*ys[z][j]*zs[z][l]) "
    "for i in each(w) for j in each(w[i]) for l in each(w[i][j]))",
    "mass_of_all = sum(cubic(x, z) for x in each(pd) for z in each(prior))",
)
ALL_BITS = (
    "all(h[x] == 1 and all(nu[x][i]**2 == nu[x][i] for i in each(expu)) for x in each(pd))",
    "all(k[z] == 1 and all(psi[z][j]**2 == psi[z][j] for j in each(expW[0])) for z in each(prior))",
    "all(any(nu[x][i] != nu[y][i] for i in each(expu)) for x in each(pd) for y in each(pd) if x != y)",
    "all(any(psi[z][j] != psi[y][j] for j in each(expW[0])) for z in each(prior) for y in each(prior) if z != y)",
    "sum(1 for x in each(pd)) == 2**sum(1 for i in each(expu))",
    "sum(1 for z in each(prior)) == 2**sum(1 for j in each(expW[0]))",
    "all(theta[z][i] == logit(z, i) for z in each(prior) for i in each(expu))",
)
MACHINE = (
    *MODEL,
    GAMMA,
    *ALL_BITS,
    "all(gamma[x][j] == expv[j]*prod(expW[i][j]**nu[x][i] for i in each(expu)) for x in each(pd) for j in each(expv))",
    "all(prior[z]*mass_of_all == implied(z) for z in each(prior))",
)
UNIFORM_MACHINE = (*MODEL, *ALL_BITS, "all(prior[z] == prior[0] for z in each(prior))", *B_ANNIHILATES, *B_SPANS)
MACHINE_OWN = (
    CONTRAST,
    "logit(z, i) = expu[i]*prod(expW[i][j]**psi[z][j] for j in each(expW[i]))",
    "softplus(z) = prod(1 + logit(z, i) for i in each(expu))",
    "implied(z) = prod(expv[j]**psi[z][j] for j in each(expv))*softplus(z)",
    "mass_of_all = sum(implied(y) for y in each(prior))",
    "rbm(x, z) = prod(logit(z, i)**nu[x][i] for i in each(expu))*prod(expv[j]**psi[z][j] for j in each(expv))",
)
NO_INTERACTION = "all(prod(softplus(z)**b[i][z] for z in each(prior)) == 1 for i in each(b))"
# Documents: `counts` of words, fact[i] = i!.
HASHING = (
    *MODEL,
    GAMMA,
    "fact[0] == 1 and all(fact[i] == i*fact[i - 1] for i in each(fact) if i > 0)",
    "all(sum(counts[x][w] for w in each(expu)) == total_count for x in each(pd))",
    "all(h[x]*prod(fact[counts[x][w]] for w in each(expu)) == fact[total_count] for x in each(pd))",
    "sum(h[x] for x in each(pd)) == sum(1 for w in each(expu))**total_count",
    "all(nu[x][i] == counts[x][i] for x in each(pd) for i in each(nu[x]))",
    "sum(1 for w in each(expu)) == sum(1 for i in each(nu[0])) + 1",
    "all(k[z] == 1 and all(psi[z][j]**2 == psi[z][j] for j in each(expv)) for z in each(prior))",
    "all(theta[z][i]*lastword(z) == logit(z, i) for z in each(prior) for i in each(theta[z]))",
    "all(gamma[x][j] == expv[j]*prod(expW[w][j]**counts[x][w] for w in each(expu)) "
    "for x in each(pd) for j in each(expv))",
)
HASHING_OWN = (
    "logit(z, i) = expu[i]*prod(expW[i][j]**psi[z][j] for j in each(expv))",
    "lastword(z) = logit(z, sum(1 for i in each(theta[z])))",
    "words(z) = sum(logit(z, i) for i in each(expu))",
    "implied(z) = prod(expv[j]**psi[z][j] for j in each(expv))*words(z)**total_count",
    "mass_of_all = sum(implied(y) for y in each(prior))",
    "rbm(x, z) = h[x]*prod(logit(z, i)**counts[x][i] for i in each(expu))*prod(expv[j]**psi[z][j] for j in each(expv))",
)
ANY_TOTAL = (
    *MODEL,
    "all(k[z] == 1 and prior[z] == prior[0] for z in each(prior))",
    "all(sum(theta[z][i] for i in each(theta[z])) == 1 for z in each(prior))",
    "all(theta[z][i]*words(z) == logit(z, i) for z in each(prior) for i in each(expu))",
    "all(partition(z) == 1 for z in each(prior))",
    "any(length(x) == 1 for x in each(pd)) and any(length(x) > 1 for x in each(pd))",
    *B_ANNIHILATES,
    *B_SPANS,
)
LENGTH_OF = "length(x) = sum(nu[x][i] for i in each(nu[x]))"
ANY_TOTAL_OWN = (
    CONTRAST,
    "logit(z, i) = expu[i]*prod(expW[i][j]**psi[z][j] for j in each(psi[z]))",
    "words(z) = sum(logit(z, i) for i in each(expu))",
    LENGTH_OF,
)
DOCUMENTS = (
    *EVERY_X,
    BASE_X,
    THETA,
    "all(sum(theta[z][i] for i in each(theta[z])) == 1 for z in each(prior))",
    "all(partition(z) == 1 for z in each(prior))",
)
FREQUENCIES = Formula(
    relation="iff(all(post(x, z) == post(y, z) for x in each(pd) for y in each(pd) if apart(x, y) == 0 "
    "for z in each(prior)), all(theta[z][i] == theta[0][i] for z in each(prior) for i in each(theta[z])))",
    given=(
        *DOCUMENTS,
        "all(any(nu[x][i] == 1 and length(x) == 1 for x in each(pd)) and "
        "any(nu[x][i] == 2 and length(x) == 2 for x in each(pd)) for i in each(nu[0]))",
    ),
    quantities=("sum((post(x, z) - prior[z])**2 for x in each(pd) for z in each(prior))",),
    own=(
        LENGTH_OF,
        "apart(x, y) = max(abs(nu[x][i]*length(y) - nu[y][i]*length(x)) for i in each(nu[x]))",
    ),
)

# Section 3, the ladder; C and c are the least-squares coefficients of Proposition A.1.
LADDER = (*IS_VAE, *ABOVE_ALPHA)
ON_LADDER = ("gap", LARGEST)
HARMONIUM = (
    "P(x, y) = c[y] + sum(nu[x][i]*C[i][y] for i in each(C))",
    "fit(x, z) = sum(P(x, y)*log(q(y, z)*evidence(y)/(h[y]*k[z])) for y in each(pd))",
    "error(x, z) = log(joint(x, z)/(h[x]*k[z])) - fit(x, z)",
    "err(z) = sum(pd[x]*error(x, z)**2 for x in each(pd))",
)
FITTED = "max(err(z) for z in each(prior))"
LEAST_SQUARES = (
    "all(sum(P(x, y)*nu[y][i] for y in each(pd)) == nu[x][i] for x in each(pd) for i in each(C))",
    "all(sum(P(x, y) for y in each(pd)) == 1 for x in each(pd))",
    "all(pd[x]*P(x, y) == pd[y]*P(y, x) for x in each(pd) for y in each(pd))",
)
ON_HARMONIUM = ("gap", FITTED)
PARTITION = "log(1 + t) + t/(exp(1) - 1)"
LINEAR = "2*(1 - alpha)/alpha*gap"
SMALLEST_KL = "2*(1 - alpha)/alpha*min(kl(x) for x in each(pd))"
POSTERIOR_ALPHA = (*IS_VAE, "0 < alpha", "all(alpha <= post(x, z) for x in each(pd) for z in each(prior))")
STATES = "states = sum(1 for z in each(prior))"
LENGTHS = "L in reals(0, log((1 - (states - 1)*alpha)/alpha))"
BINARY_KL = (STATES, "divergence(s, t) = s*log(s/t) + (1 - s)*log((1 - s)/(1 - t))")
MAJORANT = (
    "slope >= 0",
    "slope*gap + height <= 1.002*min(2*(1 - alpha)/alpha*gap, log((1 - (states - 1)*alpha)/alpha)**2)",
    f"all(L**2 - slope*divergence(alpha*exp(L), alpha) <= height for {LENGTHS})",
    f"all(L**2 - slope*divergence(alpha, alpha*exp(L)) <= height for {LENGTHS})",
)
EACH_Z = ("least(z) = min(min(q(x, z), post(x, z)) for x in each(pd))",)
JOINT_FIT = (
    "S(z, y) = e[y] + sum(psi[z][j]*E[j][y] for j in each(E))",
    "rest(x, z) = log(joint(x, z)/k[z]) - sum(S(z, y)*log(joint(x, y)/k[y]) for y in each(prior))",
    "nearest = sum(pd[x]*prior[z]*rest(x, z)**2 for x in each(pd) for z in each(prior))",
    "mean = sum(prior[z]*err(z) for z in each(prior))",
)
JOINT_LEAST_SQUARES = (
    "all(sum(S(z, y)*psi[y][j] for y in each(prior)) == psi[z][j] for z in each(prior) for j in each(E))",
    "all(sum(S(z, y) for y in each(prior)) == 1 for z in each(prior))",
    "all(prior[z]*S(z, y) == prior[y]*S(y, z) for z in each(prior) for y in each(prior))",
)


def _on_ladder(bound: str, *own: str, given: tuple[str, ...] = LADDER) -> Formula:
    """R_z of Proposition A.2 is at most `bound`, for every z."""
    return Formula(relation=f"all(R(z) <= {bound} for z in each(prior))", given=given, quantities=ON_LADDER, own=own)


def _near(bound: str, *own: str, given: tuple[str, ...] = LADDER, more: tuple[str, ...] = ()) -> Formula:
    """The squared distance of log p(., z) to the least-squares harmonium is at most `bound`, for every z."""
    relation = f"all(err(z) <= {bound} for z in each(prior))"
    return Formula(relation, (*given, *LEAST_SQUARES, *more), ON_HARMONIUM, (*HARMONIUM, *own))


def _fit(
    relation: str = "all(err(z) <= R(z) for z in each(prior))",
    given: tuple[str, ...] = LEAST_SQUARES,
    own: tuple[str, ...] = HARMONIUM,
) -> Formula:
    return Formula(relation, (*IS_VAE, *given), (FITTED, LARGEST), own)


def _joint_fit(share: str) -> Formula:
    relation = f"nearest <= {share}mean and mean <= {LINEAR}"
    given = (*LADDER, *LEAST_SQUARES, *JOINT_LEAST_SQUARES)
    return Formula(relation, given, ("gap", "nearest", "mean"), (*HARMONIUM, *JOINT_FIT))


FORMULAS: dict[str, Formula] = {
    "vae-error/eq-1": Formula(
        relation="elbo == likelihood - gap",
        given=ANY_DATA,
        quantities=("elbo", "likelihood", "gap"),
        own=ELBO_OWN,
    ),
    "vae-error/eq-1#wrong-direction": Formula(
        relation="elbo == likelihood - reverse",
        given=ANY_DATA,
        quantities=("elbo", "likelihood", "reverse"),
        own=ELBO_OWN,
    ),
    "vae-error/eq-1#prior-dropped": Formula(
        relation="reconstruction + entropy == likelihood - gap",
        given=ANY_DATA,
        quantities=("likelihood", "gap"),
        own=ELBO_OWN,
    ),
    "vae-error/def-1": Formula(
        relation=f"gap >= 0 and iff(gap == 0, {ON_SUPPORT})", given=ANY_DATA, quantities=("gap",)
    ),
    "vae-error/def-1#off-the-support": Formula(relation=f"iff(gap == 0, {EXACT})", given=ANY_DATA, quantities=("gap",)),
    "vae-error/def-1#symmetric": Formula(
        relation="gap == reverse", given=ANY_DATA, quantities=("gap", "reverse"), own=ELBO_OWN
    ),
    "vae-error/def-1#base-measure-dropped": Formula(
        relation=f"iff(dropped == 0, {ON_SUPPORT})",
        given=ANY_DATA,
        quantities=("dropped",),
        own=(
            "bare(x, z) = prod(gamma[x][j]**psi[z][j] for j in each(psi[z]))",
            "baseless(x, z) = bare(x, z)/sum(bare(x, y) for y in each(prior))",
            "dropped = sum(pd[x]*baseless(x, z)*log(baseless(x, z)/post(x, z)) for x in each(pd) for z in each(prior))",
        ),
    ),
    "vae-error/thm-1": Formula(
        relation=f"iff({INSIDE}, {IS_HARMONIUM})",
        given=(*IN_FAMILY_GIVEN, *_c_spans("psi")),
        quantities=PLACED,
        own=PRODUCTS_OWN,
    ),
    "vae-error/thm-1#one-x": Formula(
        relation=f"implies(all(contrast(0, i) == 1 for i in each(b)), {IS_HARMONIUM})",
        given=(*IN_FAMILY_GIVEN, *_c_spans("psi")),
        quantities=PLACED,
        own=PRODUCTS_OWN,
    ),
    "vae-error/thm-1#statistic-dropped": Formula(
        relation=f"iff({INSIDE}, {IS_HARMONIUM})",
        given=(
            *IN_FAMILY_GIVEN,
            "all(psi[z][j] == small[z][j] for z in each(prior) for j in each(small[z]))",
            *_c_spans("small"),
        ),
        quantities=PLACED,
        own=PRODUCTS_OWN,
    ),
    "vae-error/thm-1#base-measure-dropped": Formula(
        relation=f"iff({INSIDE}, all(bare(i) == 1 for i in each(c)))",
        given=(*IN_FAMILY_GIVEN, *_c_spans("psi")),
        quantities=PLACED,
        own=PRODUCTS_OWN,
    ),
    "vae-error/thm-1-converse": Formula(
        relation=f"{EXACT} and all(joint(x, z)*constant == harmonium(x, z) for x in each(pd) for z in each(prior)) "
        "and gap == 0",
        given=(*FROM_ODDS, "all(prior[z]*constant == implied(z) for z in each(prior))"),
        quantities=("gap", "constant", TOTAL_DENSITY),
        own=FROM_ODDS_OWN,
    ),
    "vae-error/thm-1-converse#another-prior": Formula(
        relation=EXACT, given=FROM_ODDS, quantities=("gap", TOTAL_DENSITY)
    ),
    "vae-error/thm-1-converse#base-measure-dropped": Formula(
        relation=EXACT,
        given=(*FROM_ODDS, "all(prior[z]*sum(baseless(y) for y in each(prior)) == baseless(z) for z in each(prior))"),
        quantities=("gap", TOTAL_DENSITY),
        own=FROM_ODDS_OWN,
    ),
    "vae-error/cor-1": Formula(relation=NOTHING_GAINED, given=(*DEEP, *A_SPANS), quantities=DEEP_NUMBERS, own=DEEP_OWN),
    "vae-error/cor-1#any-model": Formula(
        relation=f"{EVERY_TABLE} and {INSIDE}", given=DEEP, quantities=DEEP_NUMBERS, own=DEEP_OWN
    ),
    "vae-error/cor-1#constant-encoder": Formula(
        relation=NOTHING_GAINED,
        given=(*DEEP, A_SPANS[0], "sum(1 for l in each(a)) == sum(1 for x in each(pd)) - 1"),
        quantities=DEEP_NUMBERS,
        own=DEEP_OWN,
    ),
    "vae-error/cor-1-statistics": Formula(
        relation=f"{OUTSIDE} and {EXACT} and gap == 0",
        given=(
            *MODEL,
            GAMMA,
            B_ANNIHILATES[0],
            "all(sum(b[i][z]*small[z][j] for z in each(prior)) == 0 for i in each(b) for j in each(small[0]))",
            "all(any(all(small[z][i] == psi[z][j] for z in each(prior)) for j in each(psi[0])) "
            "for i in each(small[0]))",
        ),
        quantities=("gap", *PLACED),
        own=(CONTRAST,),
    ),
    "vae-error/cor-1-statistics#no-statistic-added": Formula(
        relation=INSIDE, given=PLACED_GIVEN, quantities=PLACED, own=(CONTRAST,)
    ),
    "vae-error/cor-1-statistics#another-statistic-added": Formula(
        relation=INSIDE, given=PLACED_GIVEN, quantities=PLACED, own=(CONTRAST,)
    ),
    "vae-error/sec-3-1-gaussian": Formula(
        relation="all(sum(slope(j, s)*Sxx[s][r] for s in each(u)) == Sxz[r][j] for j in each(w) for r in each(u)) and "
        "all(mz[j] - sum(slope(j, r)*mx[r] for r in each(u)) == v[j]/(-2*w[j]) for j in each(w)) and "
        "all(Szz[i][j] - sum(slope(i, r)*Sxz[r][j] for r in each(u)) == same(i, j)/(-2*w[j]) "
        "for i in each(w) for j in each(w)) and "
        "all(sum(gain(r, i)*Szz[i][j] for i in each(w)) == Sxz[r][j] for r in each(u) for j in each(w)) and "
        "all(mx[r] - sum(gain(r, j)*mz[j] for j in each(w)) == s2*u[r] for r in each(u)) and "
        "all(Sxx[r][s] - sum(gain(r, j)*Sxz[s][j] for j in each(w)) == s2*same(r, s) "
        "for r in each(u) for s in each(u))",
        given=NORMAL,
        quantities=(
            "max(Szz[j][j] for j in each(w))",
            "sum(Szz[i][j]**2 for i in each(w) for j in each(w) if i < j)",
        ),
        own=NORMAL_OWN,
    ),
    "vae-error/sec-3-1-gaussian#standard-prior": Formula(
        relation="all(C[i][j] == 0 for i in each(C) for j in each(C) if i != j)",
        given=(
            "s2 > 0",
            "all(sum((same(i, l) + sum(W[r][i]*W[r][l] for r in each(W))/s2)*C[l][j] for l in each(C)) == same(i, j) "
            "for i in each(C) for j in each(C))",
        ),
        quantities=("sum(C[i][j]**2 for i in each(C) for j in each(C) if i < j)",),
        own=(SAME,),
    ),
    "vae-error/sec-3-1-gaussian-domain": Formula(
        relation="all(implies(any(V[r][j] != 0 for r in each(V)), any(square(j, y) >= 0 for y in each(at))) "
        "for j in each(w))",
        given=("all(w[j] < 0 for j in each(w))",),
        quantities=("min(max(square(j, y) for y in each(at)) for j in each(w))",),
        own=SQUARES_OWN,
    ),
    "vae-error/sec-3-1-gaussian-domain#bounded-observations": Formula(
        relation="all(implies(any(V[r][j] != 0 for r in each(V)), any(corner(j, y) >= 0 for y in each(signs))) "
        "for j in each(w))",
        given=(
            "all(w[j] < 0 for j in each(w))",
            "all(signs[y][r]**2 == 1 for y in each(signs) for r in each(V))",
            "all(any(signs[y][r] != signs[t][r] for r in each(V)) for y in each(signs) for t in each(signs) if y != t)",
            "sum(1 for y in each(signs)) == 2**sum(1 for r in each(V))",
        ),
        quantities=("max(corner(j, y) for j in each(w) for y in each(signs))",),
        own=SQUARES_OWN,
    ),
    "vae-error/sec-3-1-variance": Formula(
        relation="all("
        "4*m[2][2]*curve(grid[t]) == (2*m[2][2]*grid[t] + m[2][1])**2 + 4*m[2][2]*m[2][0] - m[2][1]**2 and "
        "4*m[2][2]*bow(grid[t]) == (2*m[2][2]*grid[t] + m[1][2])**2 + 4*m[2][2]*m[0][2] - m[1][2]**2 and "
        "curve(grid[t]) < 0 and bow(grid[t]) < 0 for t in each(grid)) and "
        "all(density(grid[s], grid[t]) - density(0, grid[t]) == decoded(grid[s], grid[t]) - decoded(0, grid[t]) and "
        "density(grid[s], grid[t]) - density(grid[s], 0) == encoded(grid[s], grid[t]) - encoded(grid[s], 0) "
        "for s in each(grid) for t in each(grid)) and "
        "all(lean(modes[t][1]) + 2*curve(modes[t][1])*modes[t][0] == 0 and "
        "tilt(modes[t][0]) + 2*bow(modes[t][0])*modes[t][1] == 0 and "
        "4*curve(modes[t][1])*bow(modes[t][0]) > mixed(modes[t][0], modes[t][1])**2 for t in each(modes))",
        given=QUARTIC,
        quantities=QUARTIC_NUMBERS,
        own=QUARTIC_OWN,
    ),
    "vae-error/sec-3-1-variance#gaussian-joint": Formula(
        relation="all(mixed(modes[0][0], modes[0][1]) == mixed(grid[s], grid[t]) "
        "for s in each(grid) for t in each(grid))",
        given=QUARTIC,
        quantities=QUARTIC_NUMBERS,
        own=QUARTIC_OWN,
    ),
    "vae-error/sec-3-1-variance#discriminant-dropped": Formula(
        relation="all(curve(grid[t]) < 0 for t in each(grid))",
        given=QUARTIC[:2],
        quantities=("curve(grid[0])",),
        own=QUARTIC_OWN,
    ),
    "vae-error/sec-3-1-bernoulli-mrf": Formula(
        relation=f"all(joint(x, z)*mass_of_all == cubic(x, z) for x in each(pd) for z in each(prior)) and {EXACT} "
        "and gap == 0",
        given=CUBIC,
        quantities=("mass_of_all", "gap"),
        own=CUBIC_OWN,
    ),
    "vae-error/sec-3-1-bernoulli-mrf#factorised-encoder": Formula(
        relation=INSIDE, given=PLACED_GIVEN, quantities=PLACED, own=(CONTRAST,)
    ),
    "vae-error/sec-3-1-bernoulli-mrf#within-a-group": Formula(
        relation=INSIDE, given=PLACED_GIVEN, quantities=PLACED, own=(CONTRAST,)
    ),
    "vae-error/sec-3-1-bernoulli": Formula(
        relation=f"all(joint(x, z)*mass_of_all == rbm(x, z) for x in each(pd) for z in each(prior)) and {EXACT} "
        "and gap == 0",
        given=MACHINE,
        quantities=("mass_of_all", "gap"),
        own=MACHINE_OWN,
    ),
    "vae-error/sec-3-1-bernoulli#uniform-prior": Formula(
        relation=INSIDE, given=UNIFORM_MACHINE, quantities=PLACED, own=MACHINE_OWN
    ),
    "vae-error/sec-3-1-bernoulli-uniform": Formula(
        relation=f"iff({INSIDE}, {NO_INTERACTION})", given=UNIFORM_MACHINE, quantities=PLACED, own=MACHINE_OWN
    ),
    "vae-error/sec-3-1-bernoulli-uniform#every-machine": Formula(
        relation=NO_INTERACTION, given=UNIFORM_MACHINE, quantities=PLACED, own=MACHINE_OWN
    ),
    "vae-error/sec-3-1-hashing": Formula(
        relation=f"all(joint(x, z)*mass_of_all == rbm(x, z) for x in each(pd) for z in each(prior)) and {EXACT} "
        "and gap == 0",
        given=(*HASHING, "all(prior[z]*mass_of_all == implied(z) for z in each(prior))"),
        quantities=("mass_of_all", "gap"),
        own=HASHING_OWN,
    ),
    "vae-error/sec-3-1-hashing#uniform-prior": Formula(
        relation=EXACT, given=HASHING, quantities=("gap", TOTAL_DENSITY), own=HASHING_OWN
    ),
    "vae-error/sec-3-1-hashing-total": Formula(
        relation="all(contrast(x, i)*prod(words(z)**(b[i][z]*length(x)) for z in each(prior)) == 1 "
        f"for x in each(pd) for i in each(b)) and iff({INSIDE}, "
        "all(prod(words(z)**b[i][z] for z in each(prior)) == 1 for i in each(b)))",
        given=ANY_TOTAL,
        quantities=PLACED,
        own=ANY_TOTAL_OWN,
    ),
    "vae-error/sec-3-1-hashing-total#every-linear-logit": Formula(
        relation=INSIDE, given=ANY_TOTAL, quantities=PLACED, own=ANY_TOTAL_OWN
    ),
    "vae-error/sec-3-1-hashing-total#free-prior": Formula(
        relation="all(contrast(x, i) == contrast(0, i) for x in each(pd) for i in each(b))",
        given=ANY_TOTAL,
        quantities=PLACED,
        own=ANY_TOTAL_OWN,
    ),
    "vae-error/sec-3-1-hashing-frequencies": FREQUENCIES,
    "vae-error/sec-3-1-hashing-frequencies#known-total": Formula(
        relation=FREQUENCIES.relation, given=DOCUMENTS, quantities=FREQUENCIES.quantities, own=FREQUENCIES.own
    ),
    "vae-error/prop-a1": _fit(
        "all(err(z) <= R(z) or all(error(x, z) == residual(x, z) for x in each(pd) if pd[x] != 0) for z in each(prior))"
    ),
    "vae-error/prop-a1#unweighted": _fit(
        given=(*LEAST_SQUARES[:2], "all(P(x, y) == P(y, x) for x in each(pd) for y in each(pd))")
    ),
    "vae-error/prop-a1#no-constant": _fit(
        given=(LEAST_SQUARES[0], LEAST_SQUARES[2]),
        own=("P(x, y) = sum(nu[x][i]*C[i][y] for i in each(C))", *HARMONIUM[1:]),
    ),
    "vae-error/prop-a1#renormalised": _fit(
        "all(shifted(z) <= R(z) for z in each(prior))",
        own=(
            *HARMONIUM,
            "excess = log(sum(joint(x, z)*exp(-error(x, z)) for x in each(pd) for z in each(prior)))",
            "shifted(z) = sum(pd[x]*(error(x, z) + excess)**2 for x in each(pd))",
        ),
    ),
    "vae-error/prop-a2-trivial": _on_ladder("log((1 - (states - 1)*alpha)/alpha)**2", STATES),
    "vae-error/prop-a2-trivial#one-state-more": _on_ladder("log((1 - states*alpha)/alpha)**2", STATES),
    "vae-error/prop-a2-pinsker": _on_ladder("gap/(2*alpha**2)"),
    "vae-error/prop-a2-pinsker#wrong-exponent": _on_ladder("gap/(2*alpha)"),
    "vae-error/prop-a2-pinsker#smaller-constant": _on_ladder("gap/(2.1*alpha**2)"),
    "vae-error/prop-a2-partition": _on_ladder(PARTITION, "t = sqrt(2*gap)/alpha"),
    "vae-error/prop-a2-partition#wrong-exponent": _on_ladder(PARTITION, "t = gap/alpha"),
    "vae-error/prop-a2-partition-halved": _on_ladder(PARTITION, "t = sqrt(gap/2)/alpha"),
    "vae-error/prop-a2-partition-halved#quartered": _on_ladder(PARTITION, "t = sqrt(gap/8)/alpha"),
    "vae-error/prop-a2-partition-envelope": _on_ladder("min(0.6477*s, log(1 + max(s, 4))**2)", "s = sqrt(gap/2)/alpha"),
    "vae-error/prop-a2-partition-envelope#quartered": _on_ladder(
        "min(0.6477*s, log(1 + max(s, 4))**2)", "s = sqrt(gap/8)/alpha"
    ),
    "vae-error/prop-a2-linear": _on_ladder(LINEAR),
    "vae-error/prop-a2-linear#smaller-constant": _on_ladder("1.99*(1 - alpha)/alpha*gap"),
    "vae-error/prop-a2-linear#minimum-for-expectation": _on_ladder(SMALLEST_KL),
    "vae-error/prop-a2-linear#encoder-below-alpha": _on_ladder(LINEAR, given=POSTERIOR_ALPHA),
    "vae-error/prop-a2-envelope": _on_ladder("slope*gap + height", *BINARY_KL, given=(*LADDER, *MAJORANT)),
    "vae-error/prop-a2-envelope#two-percent-lower": _on_ladder(
        "0.98*(slope*gap + height)", *BINARY_KL, given=(*LADDER, *MAJORANT)
    ),
    "vae-error/thm-2": _near(PARTITION, "t = sqrt(2*gap)/alpha"),
    "vae-error/thm-2#wrong-exponent": _near(PARTITION, "t = gap/alpha"),
    "vae-error/thm-2#no-alpha": _near("2*gap", given=IS_VAE, more=("0 < alpha",)),
    "vae-error/thm-2-linear": _near(LINEAR),
    "vae-error/thm-2-linear#smaller-constant": _near("1.99*(1 - alpha)/alpha*gap"),
    "vae-error/thm-2-linear#wrong-exponent": _near("2*(1 - alpha)/alpha*gap**2"),
    "vae-error/thm-2-linear#minimum-for-expectation": _near(SMALLEST_KL),
    "vae-error/thm-2-linear#encoder-below-alpha": _near(LINEAR, given=POSTERIOR_ALPHA),
    "vae-error/thm-2-envelope": _near("slope*gap + height", *BINARY_KL, more=MAJORANT),
    "vae-error/thm-2-envelope#two-percent-lower": _near("0.98*(slope*gap + height)", *BINARY_KL, more=MAJORANT),
    "vae-error/thm-2-each-z": _near("2*(1 - least(z))/least(z)*gap", *EACH_Z, given=IS_VAE),
    "vae-error/thm-2-each-z#half-the-constant": _near("1*(1 - least(z))/least(z)*gap", *EACH_Z, given=IS_VAE),
    "vae-error/thm-2-joint": _joint_fit(""),
    "vae-error/thm-2-joint#a-fifth-nearer": _joint_fit("0.8*"),
    "vae-error/cor-2": Formula(
        relation="gap == 0 and all(q(x, z) == post(x, z) for x in each(pd) for z in each(prior))",
        given=IMPLIED,
        quantities=("gap", "fit"),
        own=(
            "implied(z) = k[z]*prod(v[j]**psi[z][j] for j in each(v))*partition(z)",
            "whole = sum(implied(z) for z in each(prior))",
            "fit = sum(pd[x]*log(evidence(x)) for x in each(pd))",
        ),
    ),
    "vae-error/cor-2#fixed-prior": Formula(
        relation=FACTORISES,
        given=(*LABELLED, "all(mixing[c] == 1/4 for c in each(mixing))"),
        quantities=("sum(a[i]*b[i] for i in each(a))",),
        own=COMPONENTS,
    ),
    "vae-error/cor-2#learned-prior": Formula(
        relation=FACTORISES,
        given=LABELLED,
        quantities=("sum(a[i]*b[i] for i in each(a))",),
        own=COMPONENTS,
    ),
    "vae-error/cor-2-gap": CELLWISE,
    "vae-error/cor-2-gap#rectangle": Formula(
        relation=CELLWISE.relation, given=(*ON_CELLS, "twist == 0"), quantities=CELLWISE.quantities, own=CELLS
    ),
    "vae-error/cor-2-gap#tenfold": Formula(
        relation="all(10*low[i][j] <= density(across(i), up(j))*delta(across(i), up(j))**2/2 "
        "for i in each(low) for j in each(low[i]))",
        given=ON_CELLS,
        quantities=CELLWISE.quantities,
        own=CELLS,
    ),
    "vae-error/example-a1": Formula(
        relation="gap == log(r)/2*tanh*(1 - tanh)", given=EXAMPLE, quantities=("gap",), own=EXAMPLE_OWN
    ),
    "vae-error/example-a1#other-constant": Formula(
        relation="gap == log(r)*tanh*(1 - tanh)", given=EXAMPLE, quantities=("gap",), own=EXAMPLE_OWN
    ),
    "vae-error/example-a1-limit": Formula(
        relation="all(error(n, x, z) == (2*point[x][1] - 1)*(2*image[z][1] - 1)*log(odds[n])/2 "
        "for n in each(odds) for x in each(point) for z in each(point)) and "
        "all(loss(n) <= log(odds[n])/(odds[n] + 1) and smallest(n) == 1/(1 + odds[n])**2 for n in each(odds)) and "
        "all(loss(n) < loss(m) for m in each(odds) for n in each(odds) if odds[m] < odds[n])",
        given=EXAMPLES,
        quantities=EXAMPLES_NUMBERS,
        own=EXAMPLES_OWN,
    ),
    "vae-error/example-a1-limit#bounded-distance": Formula(
        relation="all(abs(error(n, x, z)) <= 1 for n in each(odds) for x in each(point) for z in each(point))",
        given=EXAMPLES,
        quantities=EXAMPLES_NUMBERS,
        own=EXAMPLES_OWN,
    ),
    "vae-error/witness-gap": WITNESS,
    "vae-error/witness-gap#outside-the-family": Formula(
        relation=WITNESS.relation, given=ZERO_SUM, quantities=WITNESS.quantities[1:], own=WITNESS.own
    ),
    "vae-error/two-bit-gap": Formula(
        relation="delta**2/2 <= loss", given=TWO_BITS, quantities=TWO_BITS_NUMBERS, own=TWO_BITS_OWN
    ),
    "vae-error/two-bit-gap-sharper": Formula(
        relation="2*delta**2/larger**2 <= loss", given=TWO_BITS, quantities=TWO_BITS_NUMBERS, own=TWO_BITS_OWN
    ),
    "vae-error/two-bit-gap-sharper#constant-above-2": Formula(
        relation="2.001*delta**2/larger**2 <= loss", given=TWO_BITS, quantities=TWO_BITS_NUMBERS, own=TWO_BITS_OWN
    ),
    "vae-error/two-bit-gap#constant-above-8": Formula(
        relation="8.001*delta**2 <= loss", given=TWO_BITS, quantities=TWO_BITS_NUMBERS, own=TWO_BITS_OWN
    ),
    "vae-error/two-bit-gap#no-product": Formula(
        relation="delta**2/2 <= loss",
        given=(
            "all(encoder[i][j] > 0 and p[i][j] > 0 for i in each(p) for j in each(p[i]))",
            "sum(encoder[i][j] for i in each(encoder) for j in each(encoder[i])) == 1 and "
            "sum(p[i][j] for i in each(p) for j in each(p[i])) == 1",
        ),
        quantities=("delta",),
        own=(
            TWO_BITS_OWN[0],
            "loss = sum(encoder[i][j]*log(encoder[i][j]/p[i][j]) for i in each(p) for j in each(p[i]))",
        ),
    ),
    "public/variance-of-log-ratio": Formula(
        relation="loss*most**2/(exp(most) - 1 - most) <= variance + loss**2 and "
        "variance + loss**2 <= loss*most**2/(exp(-most) - 1 + most)",
        given=(*PAIR, "0 < most", "all(abs(r(z)) <= most for z in each(encoder))"),
        quantities=("loss", "variance", "variance/loss"),
        own=PAIR_OWN,
    ),
    "public/variance-of-log-ratio#is-the-gap": Formula(
        relation="variance == loss", given=PAIR, quantities=("loss", "variance"), own=PAIR_OWN
    ),
    "public/variance-of-log-ratio#is-twice-the-gap": Formula(
        relation="variance == 2*loss", given=PAIR, quantities=("loss", "variance"), own=PAIR_OWN
    ),
}

# --- formulas of linear-vae -------------------------------------------------------------------------------------------

# The data have the covariance S = U diag(l) U'; W (d x k) is the decoder, s2 the noise. C = W W' + s2 and its inverse Q
# (d x d), M = W'W + s2 (k x k) and its inverse N. The likelihood has the slope (Q S Q - Q) W; the encoder is N(V x, D).
# `bound` and `fit` are the ELBO and the log-likelihood, both without -d/2 log(2 pi).
POSITIVE = "s2 > 0 and all(l[j] > 0 for j in each(l))"
AXES = "all(sum(U[i][r]*U[j][r] for r in each(l)) == same(i, j) for i in each(l) for j in each(l))"
ROOTS = "all(a[j]**2 == l[j] - s2 for j in each(l) if l[j] > s2)"
COVARIANCE = "S(i, j) = sum(U[i][r]*l[r]*U[j][r] for r in each(l))"
# J[n]: the subsets, closed under one eigenpair more, so all of them; T[n] has a unit row for each of its eigenpairs.
EVERY_SUBSET = (
    "all(J[n][j]*(1 - J[n][j]) == 0 and (J[n][j] == 0 or l[j] > s2) for n in each(J) for j in each(l))",
    "all(size(n) <= width for n in each(J)) and any(size(n) == 0 for n in each(J))",
    "all(any(all(J[m][i] == max(J[n][i], same(i, j)) for i in each(l)) for m in each(J)) "
    "for n in each(J) for j in each(l) if J[n][j] == 0 and l[j] > s2 and size(n) < width)",
)
ANY_TURN = (
    "all(sum(T[n][i][c]*T[n][j][c] for c in each(T[n][i])) == same(i, j)*J[n][i] "
    "for n in each(J) for i in each(l) for j in each(l))"
)
COUNTS = (SAME, "width = sum(1 for c in each(T[0][0]))", "size(n) = sum(J[n][j] for j in each(l))", COVARIANCE)
DECODERS = "W(n, i, c) = sum(U[i][j]*a[j]*T[n][j][c] for j in each(l))"
SUBSETS_OWN = (
    *COUNTS,
    DECODERS,
    "C(n, i, j) = sum(W(n, i, c)*W(n, j, c) for c in each(T[n][i])) + s2*same(i, j)",
    "Q(n, i, j) = sum(U[i][r]*(J[n][r]/l[r] + (1 - J[n][r])/s2)*U[j][r] for r in each(l))",
    "F(n, i, j) = sum(Q(n, i, r)*S(r, j) for r in each(l))",
    "drive(n, i, j) = sum(F(n, i, r)*Q(n, r, j) for r in each(l)) - Q(n, i, j)",
    "slope(n, i, c) = sum(drive(n, i, j)*W(n, j, c) for j in each(l))",
)
# Along W + t H: C grows by t dC + t^2 H H'; K = Q dC.
CURVED_OWN = (
    "dC(n, i, j) = sum(H[n][i][c]*W(n, j, c) + W(n, i, c)*H[n][j][c] for c in each(T[n][i]))",
    "K(n, i, j) = sum(Q(n, i, r)*dC(n, r, j) for r in each(l))",
    "KF(n, i, j) = sum(K(n, i, r)*F(n, r, j) for r in each(l))",
    "bend(n) = sum(drive(n, i, j)*sum(H[n][i][c]*H[n][j][c] for c in each(T[n][i])) + K(n, i, j)*K(n, j, i)/2 - "
    "K(n, i, j)*KF(n, j, i) for i in each(l) for j in each(l))",
)
# How many eigenpairs outside J[n] would find a free latent, or are larger than one inside.
GAIN = (
    "better(n) = sum(1 for j in each(l) if J[n][j] == 0 and l[j] > s2 and "
    "(size(n) < width or any(J[n][i] == 1 and l[i] < l[j] for i in each(l))))"
)
BENDS = ("sum(better(n) for n in each(J))", "sum(bend(n) for n in each(J))", "S(0, 0)")
MISSED = "sum(miss(n, i, c)**2 for n in each(J) for i in each(l) for c in each(T[n][i]))"
INVERTED = "all(sum(Q(i, r)*C(r, j) for r in each(l)) == same(i, j) for i in each(l) for j in each(l))"
# Any W: A = U'W, P = A A', E = U' C slope M W' U.
ANY_W = (POSITIVE, AXES, "all(l[i] != l[j] for i in each(l) for j in each(l) if i < j)")
GIVEN_INVERSE = "all(sum(Q[i][r]*C(r, j) for r in each(l)) == same(i, j) for i in each(l) for j in each(l))"
IN_AXES_OWN = (
    SAME,
    COVARIANCE,
    "C(i, j) = sum(W[i][c]*W[j][c] for c in each(W[i])) + s2*same(i, j)",
    "F(i, j) = sum(Q[i][r]*S(r, j) for r in each(l))",
    "drive(i, j) = sum(F(i, r)*Q[r][j] for r in each(l)) - Q[i][j]",
    "slope(i, c) = sum(drive(i, j)*W[j][c] for j in each(l))",
    "M(b, c) = sum(W[i][b]*W[i][c] for i in each(l)) + s2*same(b, c)",
    "A(i, c) = sum(U[r][i]*W[r][c] for r in each(l))",
    "P(i, j) = sum(A(i, c)*A(j, c) for c in each(W[0]))",
    "part(r, c) = sum(C(r, i)*slope(i, c) for i in each(l))",
    "G(r, c) = sum(part(r, b)*M(b, c) for b in each(W[0]))",
    "E(i, j) = sum(U[r][i]*G(r, c)*A(j, c) for r in each(l) for c in each(W[0]))",
)
OF_A_SUBSET = (
    "implies(all(slope(i, c) == 0 for i in each(l) for c in each(W[i])), "
    "all((P(i, i) == 0 or P(i, i) == l[i] - s2) and all(P(i, j) == 0 for j in each(l) if i != j) for i in each(l)))"
)
IN_AXES_NUMBERS = (
    "sum(slope(i, c)**2 for i in each(l) for c in each(W[i]))",
    "sum(P(i, j)**2 for i in each(l) for j in each(l) if i < j)",
)
# One stationary point: J (d), T; it is the top of the eigenvalues.
TOP_OF_ALL = (
    "all(l[j] < l[i] for i in each(l) for j in each(l) if J[i] == 1 and J[j] == 0)",
    "sum(J[j] for j in each(l)) == width or all(l[j] < s2 for j in each(l) if J[j] == 0)",
)
ONE_SUBSET = (
    "all(J[j]*(1 - J[j]) == 0 and (J[j] == 0 or l[j] > s2) for j in each(l)) and sum(J[j] for j in each(l)) <= width"
)
# The Hessian of the likelihood in the basis u_p r_v' (r_v the rows of Z) is -L D L'; `turned` spans the rotations W A.
TURNABLE = (
    POSITIVE,
    AXES,
    ROOTS,
    "all(sum(Z[v][c]*Z[t][c] for c in each(Z)) == same(v, t) for v in each(Z) for t in each(Z))",
    ONE_SUBSET,
    "all(all(T[j][c] == 0 for c in each(Z)) or any(all(T[j][c] == Z[v][c] for c in each(Z)) for v in each(Z)) "
    "for j in each(l))",
    "all(sum(T[i][c]*T[j][c] for c in each(Z)) == same(i, j)*J[i] for i in each(l) for j in each(l))",
)
LOWER_D = (
    "all(L[e][e] == 1 and all(L[e][f] == 0 for f in each(D) if e < f) for e in each(D))",
    "sum(1 for e in each(D)) == sum(1 for j in each(l))*width",
)
TURNABLE_OWN = (
    SAME,
    "width = sum(1 for c in each(Z))",
    COVARIANCE,
    "W(i, c) = sum(U[i][j]*a[j]*T[j][c] for j in each(l))",
    "C(i, j) = sum(W(i, c)*W(j, c) for c in each(Z)) + s2*same(i, j)",
    "Q(i, j) = sum(U[i][r]*(J[r]/l[r] + (1 - J[r])/s2)*U[j][r] for r in each(l))",
    "F(i, j) = sum(Q(i, r)*S(r, j) for r in each(l))",
    "drive(i, j) = sum(F(i, r)*Q(r, j) for r in each(l)) - Q(i, j)",
    "slope(i, c) = sum(drive(i, j)*W(j, c) for j in each(l))",
    "y(v, i) = sum(W(i, c)*Z[v][c] for c in each(Z))",
    "dC(p, v, i, j) = U[i][p]*y(v, j) + y(v, i)*U[j][p]",
    "K(p, v, i, j) = sum(Q(i, r)*dC(p, v, r, j) for r in each(l))",
    "KF(p, v, i, j) = sum(K(p, v, i, r)*F(r, j) for r in each(l))",
    "pull(p, m) = sum(U[i][p]*drive(i, j)*U[j][m] for i in each(l) for j in each(l))",
    "hess(p, v, m, t) = same(v, t)*pull(p, m) + sum(K(p, v, i, j)*K(m, t, j, i) - K(p, v, i, j)*KF(m, t, j, i) - "
    "K(m, t, i, j)*KF(p, v, j, i) for i in each(l) for j in each(l))/2",
    "minus(e, f) = sum(L[e][g]*D[g]*L[f][g] for g in each(D))",
    "along(v, p) = sum(U[i][p]*y(v, i) for i in each(l))",
    "turned(v, t, p, m) = along(v, p)*same(m, t) - along(t, p)*same(m, v)",
    "norm(v) = sum(y(v, i)**2 for i in each(l))",
)
FACTORED_D = (
    f"{INVERTED} and all(slope(i, c) == 0 for i in each(l) for c in each(Z)) and "
    "all(hess(p, v, m, t) == -minus(p*width + v, m*width + t) "
    "for p in each(l) for v in each(Z) for m in each(l) for t in each(Z) if p*width + v <= m*width + t)"
)
PIVOTS_D = ("sum(1 for e in each(D) if D[e] == 0)", "sum(D[e] for e in each(D))", "S(0, 0)")
# The ELBO at the best encoder of each W[n]: its derivatives (times s2, s2 and 2).
PLACED_ROWS = (
    "all(sum(T[n][j][c]**2 for c in each(T[n][j])) == J[n][j] for n in each(J) for j in each(l))",
    "all(T[n][j][c]*(1 - T[n][j][c]**2) == 0 and (T[n][i][c] == 0 or T[n][j][c] == 0 or i == j) "
    "for n in each(J) for i in each(l) for j in each(l) for c in each(T[n][j]))",
)
CODED_OWN = (
    *COUNTS,
    DECODERS,
    "V(n, c, i) = sum(T[n][j][c]*a[j]/l[j]*U[i][j] for j in each(l))",
    "VS(n, c, i) = sum(V(n, c, j)*S(j, i) for j in each(l))",
    "VSV(n, b, c) = sum(VS(n, b, i)*V(n, c, i) for i in each(l))",
    "gram(n, b, c) = sum(W(n, i, b)*W(n, i, c) for i in each(l))",
    "D(n, c) = s2/(gram(n, c, c) + s2)",
    "byW(n, i, c) = VS(n, c, i) - W(n, i, c)*D(n, c) - sum(W(n, i, b)*VSV(n, b, c) for b in each(T[n][i]))",
    "byV(n, c, i) = sum(W(n, j, c)*S(j, i) for j in each(l)) - s2*VS(n, c, i) - "
    "sum(gram(n, c, b)*VS(n, b, i) for b in each(T[n][i]))",
    "byD(n, c) = 1/D(n, c) - 1 - gram(n, c, c)/s2",
)
RISING_OWN = (
    "WV(n, i, j) = sum(W(n, i, c)*V(n, c, j) for c in each(T[n][i]))",
    "HW(n, i, c) = sum(U[i][j]*H[n][j][c] for j in each(l))",
    "HV(n, c, i) = HW(n, i, c)*D(n, c)/s2",
    "HP(n, i, j) = sum(HW(n, i, c)*V(n, c, j) + W(n, i, c)*HV(n, c, j) for c in each(T[n][i]))",
    "HPS(n, i, j) = sum(HP(n, i, r)*S(r, j) for r in each(l))",
    "HVS(n, c, j) = sum(HV(n, c, i)*S(i, j) for i in each(l))",
    "rest(n, i, j) = sum(WV(n, i, r)*S(r, j) for r in each(l)) - S(i, j)",
    "pulled(n, c, j) = sum(HW(n, i, c)*rest(n, i, j) for i in each(l))",
    "rise(n) = -sum(HVS(n, c, j)*HV(n, c, j) for c in each(T[n][0]) for j in each(l)) - "
    "(sum(HW(n, i, c)**2*D(n, c) + 2*pulled(n, c, i)*HV(n, c, i) for i in each(l) for c in each(T[n][i])) + "
    "sum(HPS(n, i, j)*HP(n, i, j) for i in each(l) for j in each(l)))/s2",
)
FLAT_ELBO = (
    "all(byW(n, i, c) == 0 and byV(n, c, i) == 0 and byD(n, c) == 0 "
    "for n in each(J) for i in each(l) for c in each(T[n][i]))"
)
RISES = ("sum(rise(n) for n in each(J))", "min(D(n, c) for n in each(J) for c in each(T[n][0]))", "S(0, 0)")
ELBO_SUBSETS = (POSITIVE, AXES, ROOTS, *EVERY_SUBSET, *PLACED_ROWS)
# Any W and S: N is the inverse of M; the best encoder V = N W', D_c = s2/M_cc.
M_OF_W = "M(b, c) = sum(W[i][b]*W[i][c] for i in each(S)) + s2*same(b, c)"
SYMMETRIC = "s2 > 0 and all(S[i][j] == S[j][i] for i in each(S) for j in each(S))"
OUTER_INVERSE = "all(sum(Q[i][r]*C(r, j) for r in each(S)) == same(i, j) for i in each(S) for j in each(S))"
INNER_INVERSE = "all(sum(N[b][e]*M(e, c) for e in each(N)) == same(b, c) for b in each(N) for c in each(N))"
C_OF_W = "C(i, j) = sum(W[i][c]*W[j][c] for c in each(N)) + s2*same(i, j)"
BEST_OWN = (
    "V(c, i) = sum(N[c][b]*W[i][b] for b in each(N))",
    "D(c) = s2/M(c, c)",
    "VS(c, i) = sum(V(c, j)*S[j][i] for j in each(S))",
    "VSV(b, c) = sum(VS(b, i)*V(c, i) for i in each(S))",
)
TWO_SLOPES_OWN = (
    SAME,
    C_OF_W,
    "gram(b, c) = sum(W[i][b]*W[i][c] for i in each(S))",
    "M(b, c) = gram(b, c) + s2*same(b, c)",
    "F(i, j) = sum(Q[i][r]*S[r][j] for r in each(S))",
    "drive(i, j) = sum(F(i, r)*Q[r][j] for r in each(S)) - Q[i][j]",
    "slope(i, c) = sum(drive(i, j)*W[j][c] for j in each(S))",
    *BEST_OWN,
    "g(i, c) = (VS(c, i) - W[i][c]*D(c) - sum(W[i][b]*VSV(b, c) for b in each(N)))/s2",
    "cross(b, c) = sum(W[i][b]*g(i, c) for i in each(S))",
)
TWO_SLOPES = (
    "sum(g(i, c)**2 for i in each(S) for c in each(N))",
    "sum(slope(i, c)**2 for i in each(S) for c in each(N))",
)
# Two columns of one length that are not orthogonal, turned against each other.
MIXED = (
    POSITIVE,
    AXES,
    "gram(0, 0) == gram(1, 1) and gram(0, 1) != 0",
    "all(sum(M(b, c)*V[c][i] for c in each(V)) == W[i][b] for b in each(V) for i in each(l))",
)
MIXED_OWN = (
    SAME,
    COVARIANCE,
    "gram(b, c) = sum(W[i][b]*W[i][c] for i in each(l))",
    "M(b, c) = gram(b, c) + s2*same(b, c)",
    "D(c) = s2/M(c, c)",
    "VS(c, i) = sum(V[c][j]*S(j, i) for j in each(l))",
    "VSV(b, c) = sum(VS(b, i)*V[c][i] for i in each(l))",
    "byW(i, c) = VS(c, i) - W[i][c]*D(c) - sum(W[i][b]*VSV(b, c) for b in each(V))",
    "byV(c, i) = sum(W[j][c]*S(j, i) for j in each(l)) - sum(M(c, b)*VS(b, i) for b in each(V))",
    "byD(c) = 1/D(c) - 1 - gram(c, c)/s2",
    "miss(i, c) = sum(S(i, j)*W[j][c] for j in each(l)) - sum(W[i][b]*M(b, c) for b in each(V))",
    "HW(i, c) = W[i][0]*same(c, 1) - W[i][1]*same(c, 0)",
    "HV(c, i) = V[0][i]*same(c, 1) - V[1][i]*same(c, 0)",
    "HD(c) = 2*s2*gram(0, 1)/M(c, c)**2*(same(c, 0) - same(c, 1))",
    "WV(i, j) = sum(W[i][c]*V[c][j] for c in each(V))",
    "HP(i, j) = sum(HW(i, c)*V[c][j] + W[i][c]*HV(c, j) for c in each(V))",
    "HPS(i, j) = sum(HP(i, r)*S(r, j) for r in each(l))",
    "HVS(c, j) = sum(HV(c, i)*S(i, j) for i in each(l))",
    "rest(i, j) = sum(WV(i, r)*S(r, j) for r in each(l)) - S(i, j)",
    "pulled(c, j) = sum(HW(i, c)*rest(i, j) for i in each(l))",
    "rise = -sum(HD(c)**2/(2*D(c)**2) for c in each(V)) - sum(HVS(c, j)*HV(c, j) for c in each(V) for j in each(l)) - "
    "(sum(HW(i, c)**2*D(c) + 2*HD(c)*HW(i, c)*W[i][c] + 2*pulled(c, i)*HV(c, i) for i in each(l) for c in each(V)) + "
    "sum(HPS(i, j)*HP(i, j) for i in each(l) for j in each(l)))/s2",
)
MIXED_STILL = "all(byW(i, c) == 0 and byV(c, i) == 0 and byD(c) == 0 for i in each(l) for c in each(V))"
MIXED_NUMBERS = ("rise", "gram(0, 1)", "S(0, 0)")
# The Hessian of the ELBO by the entries of V, D, W in the axes U (eV, eD, eW: one each) is -L P L'.
PEAK = (
    POSITIVE,
    AXES,
    ROOTS,
    ONE_SUBSET,
    "all(sum(T[i][c]*T[j][c] for c in each(T[i])) == same(i, j)*J[i] for i in each(l) for j in each(l))",
    "all(gram(b, c) == 0 for b in each(T[0]) for c in each(T[0]) if b != c)",
)
PEAK_BASIS = (
    "all(sum(eV[e][c][p]*eV[f][c][p] + eW[e][p][c]*eW[f][p][c] for p in each(l) for c in each(T[0])) + "
    "sum(eD[e][c]*eD[f][c] for c in each(T[0])) == same(e, f) for e in each(P) for f in each(P) if e <= f)",
    "sum(1 for e in each(P)) == 2*sum(1 for j in each(l))*width + width",
    "all(L[e][e] == 1 and all(L[e][f] == 0 for f in each(P) if e < f) for e in each(P))",
)
ONE_CODED_OWN = (
    "W(i, c) = sum(U[i][j]*a[j]*T[j][c] for j in each(l))",
    "V(c, i) = sum(T[j][c]*a[j]/l[j]*U[i][j] for j in each(l))",
    "gram(b, c) = sum(W(i, b)*W(i, c) for i in each(l))",
    "D(c) = s2/(gram(c, c) + s2)",
    "VS(c, i) = sum(V(c, j)*S(j, i) for j in each(l))",
)
ONE_WIDTH = "width = sum(1 for c in each(T[0]))"
PEAK_OWN = (
    SAME,
    ONE_WIDTH,
    COVARIANCE,
    *ONE_CODED_OWN,
    "VSV(b, c) = sum(VS(b, i)*V(c, i) for i in each(l))",
    "byW(i, c) = VS(c, i) - W(i, c)*D(c) - sum(W(i, b)*VSV(b, c) for b in each(T[i]))",
    "byV(c, i) = sum(W(j, c)*S(j, i) for j in each(l)) - s2*VS(c, i) - sum(gram(c, b)*VS(b, i) for b in each(T[0]))",
    "byD(c) = 1/D(c) - 1 - gram(c, c)/s2",
    "WV(i, j) = sum(W(i, c)*V(c, j) for c in each(T[0]))",
    "rest(i, j) = sum(WV(i, r)*S(r, j) for r in each(l)) - S(i, j)",
    "HW(e, i, c) = sum(U[i][p]*eW[e][p][c] for p in each(l))",
    "HV(e, c, i) = sum(U[i][p]*eV[e][c][p] for p in each(l))",
    "HP(e, i, j) = sum(HW(e, i, c)*V(c, j) + W(i, c)*HV(e, c, j) for c in each(T[0]))",
    "HPS(e, i, j) = sum(HP(e, i, r)*S(r, j) for r in each(l))",
    "HVS(e, c, j) = sum(HV(e, c, i)*S(i, j) for i in each(l))",
    "pulled(e, c, j) = sum(HW(e, i, c)*rest(i, j) for i in each(l))",
    "onD(e, c) = sum(HW(e, i, c)*W(i, c) for i in each(l))",
    "hess(e, f) = -sum(eD[e][c]*eD[f][c]/(2*D(c)**2) + (eD[e][c]*onD(f, c) + eD[f][c]*onD(e, c))/s2 "
    "for c in each(T[0])) - sum(HVS(e, c, j)*HV(f, c, j) for c in each(T[0]) for j in each(l)) - "
    "(sum(HW(e, i, c)*HW(f, i, c)*D(c) + pulled(e, c, i)*HV(f, c, i) + pulled(f, c, i)*HV(e, c, i) "
    "for i in each(l) for c in each(T[0])) + sum(HPS(e, i, j)*HP(f, i, j) for i in each(l) for j in each(l)))/s2",
    "made(e, f) = sum(L[e][g]*P[g]*L[f][g] for g in each(P))",
    "turn(b, c, e) = sum(a[p]*(T[p][b]*eW[e][p][c] - T[p][c]*eW[e][p][b]) + "
    "a[p]/l[p]*(T[p][b]*eV[e][c][p] - T[p][c]*eV[e][b][p]) for p in each(l))",
)
PEAK_FACTORED = (
    "all(byW(i, c) == 0 and byV(c, i) == 0 and byD(c) == 0 for i in each(l) for c in each(T[i])) and "
    "all(hess(e, f) == -made(e, f) for e in each(P) for f in each(P) if e <= f)"
)
EQUAL_LATENTS = "for b in each(T[0]) for c in each(T[0]) if b < c and D(b) == D(c) and D(b) < 1)"
PIVOTS_P = ("sum(1 for e in each(P) if P[e] == 0)", "sum(P[e] for e in each(P))", "S(0, 0)")
# The gap: C = G diag(g) G', M = L diag(m) L'.
M_FACTORED = (
    "all(m[b] > 0 and L[b][b] == 1 and all(L[b][c] == 0 for c in each(m) if b < c) for b in each(m))",
    "all(sum(L[b][e]*m[e]*L[c][e] for e in each(m)) == M(b, c) for b in each(m) for c in each(m))",
)
TWO_FACTORED = (
    SYMMETRIC,
    OUTER_INVERSE,
    INNER_INVERSE,
    "all(g[i] > 0 and G[i][i] == 1 and all(G[i][j] == 0 for j in each(g) if i < j) for i in each(g))",
    "all(sum(G[i][r]*g[r]*G[j][r] for r in each(g)) == C(i, j) for i in each(g) for j in each(g))",
    *M_FACTORED,
)
EXCESS = "excess = sum(log(M(b, b)) - log(m[b]) for b in each(m))/2"
RECONSTRUCTED = (
    "WV(i, j) = sum(W[i][c]*V(c, j) for c in each(N))",
    "error(i) = S[i][i] + sum((WV(i, r) - 2*same(i, r))*sum(S[r][j]*WV(i, j) for j in each(S)) for r in each(S))",
)
FIT = "fit = -sum(log(g[i]) + sum(Q[i][j]*S[i][j] for j in each(S)) for i in each(S))/2"
GAP_OWN = (
    SAME,
    C_OF_W,
    M_OF_W,
    *BEST_OWN,
    *RECONSTRUCTED,
    "rate = sum(VSV(c, c) + D(c) - 1 - log(D(c)) for c in each(N))/2",
    "bound = -rate - sum((error(i) + sum(W[i][c]**2*D(c) for c in each(N)))/s2 + log(s2) for i in each(S))/2",
    FIT,
    EXCESS,
)
CORRELATED_OWN = (
    SAME,
    C_OF_W,
    M_OF_W,
    BEST_OWN[0],
    BEST_OWN[2],
    *RECONSTRUCTED,
    "spread(i) = sum(W[i][b]*s2*N[b][c]*W[i][c] for b in each(N) for c in each(N))",
    "rate = sum(sum(VS(c, i)*V(c, i) for i in each(S)) + s2*N[c][c] - 1 - log(s2) + log(m[c]) for c in each(N))/2",
    "bound = -rate - sum((error(i) + spread(i))/s2 + log(s2) for i in each(S))/2",
    FIT,
)
M_DIAGONAL = "all(M(b, c) == 0 for b in each(m) for c in each(m) if b != c)"
# one = 1: the best encoder, one = 0: V and D as given.
ANY_ENCODER = (
    "s2 > 0 and all(l[j] >= 0 for j in each(l)) and all(D[c] > 0 for c in each(D))",
    AXES,
    INNER_INVERSE,
)
ANY_ENCODER_OWN = (
    SAME,
    COVARIANCE,
    "M(b, c) = sum(W[i][b]*W[i][c] for i in each(l)) + s2*same(b, c)",
    "bestV(c, i) = sum(N[c][b]*W[i][b] for b in each(N))",
    "bestD(c) = s2/M(c, c)",
    "worseD(c) = s2*N[c][c]",
    "atV(one, c, i) = one*bestV(c, i) + (1 - one)*V[c][i]",
    "atD(one, c) = one*bestD(c) + (1 - one)*D[c]",
    "VS(one, c, i) = sum(atV(one, c, j)*S(j, i) for j in each(l))",
    "WV(one, i, j) = sum(W[i][c]*atV(one, c, j) for c in each(D))",
    "WVS(one, i, j) = sum(W[i][c]*VS(one, c, j) for c in each(D))",
    "error(one) = sum(S(i, i) - 2*WVS(one, i, i) + sum(WVS(one, i, j)*WV(one, i, j) for j in each(l)) + "
    "sum(W[i][c]**2*atD(one, c) for c in each(D)) for i in each(l))",
    "rate(one) = sum(sum(VS(one, c, i)*atV(one, c, i) for i in each(l)) + atD(one, c) - 1 - log(atD(one, c)) "
    "for c in each(D))/2",
    "bound(one) = -rate(one) - error(one)/(2*s2) - sum(log(s2) for i in each(l))/2",
    "off(c, i) = V[c][i] - bestV(c, i)",
    "offS(c, i) = sum(off(c, j)*S(j, i) for j in each(l))",
    "lost = sum(off(b, i)*M(b, c)*offS(c, i) for b in each(D) for c in each(D) for i in each(l))/(2*s2) + "
    "sum(D[c]/bestD(c) - 1 - log(D[c]/bestD(c)) for c in each(D))/2",
)
# The maximum, and other parameters pW, pV, pD, pS. C has the eigenvalues in the logarithm, because Q is its inverse.
ONE_PLACED = (
    "all(sum(T[j][c]**2 for c in each(T[j])) == J[j] for j in each(l))",
    "all(T[j][c]*(1 - T[j][c]**2) == 0 and (T[i][c] == 0 or T[j][c] == 0 or i == j) "
    "for i in each(l) for j in each(l) for c in each(T[j]))",
)
SUMMIT = (
    POSITIVE,
    AXES,
    "all(J[j]*(1 - J[j]) == 0 and (J[j] == 0 or l[j] > s2 and a[j]**2 == l[j] - s2) for j in each(l))",
    "size <= width and (size == width or all(l[j] <= s2 for j in each(l) if J[j] == 0))",
    "all(l[j] <= l[i] for i in each(l) for j in each(l) if J[i] == 1 and J[j] == 0)",
)
BESIDE = (
    "all(pD[n][c] > 0 for n in each(pS) for c in each(pD[n])) and all(pS[n] > 0 for n in each(pS))",
    "learned or all(pS[n] == s2 for n in each(pS))",
)
SUMMIT_OWN = (
    SAME,
    ONE_WIDTH,
    "size = sum(J[j] for j in each(l))",
    "learned = size == width and s2*sum(1 - J[j] for j in each(l)) == sum((1 - J[j])*l[j] for j in each(l))",
    COVARIANCE,
    *ONE_CODED_OWN,
    "WV(i, j) = sum(W(i, c)*V(c, j) for c in each(T[0]))",
    "WVS(i, j) = sum(W(i, c)*VS(c, j) for c in each(T[0]))",
    "error = sum(S(i, i) - 2*WVS(i, i) + sum(WVS(i, j)*WV(i, j) for j in each(l)) + "
    "sum(W(i, c)**2*D(c) for c in each(T[0])) for i in each(l))",
    "rate = sum(sum(VS(c, i)*V(c, i) for i in each(l)) + D(c) - 1 - log(D(c)) for c in each(T[0]))/2",
    "bound = -rate - error/(2*s2) - sum(log(s2) for i in each(l))/2",
    "C(i, j) = sum(W(i, c)*W(j, c) for c in each(T[0])) + s2*same(i, j)",
    "Q(i, j) = sum(U[i][r]*(J[r]/l[r] + (1 - J[r])/s2)*U[j][r] for r in each(l))",
    "fit = -sum(log(J[r]*l[r] + (1 - J[r])*s2) + sum(Q(r, j)*S(j, r) for j in each(l)) for r in each(l))/2",
    "byNoise = error/s2 - sum(1 for i in each(l))",
    "pVS(n, c, i) = sum(pV[n][c][j]*S(j, i) for j in each(l))",
    "pWV(n, i, j) = sum(pW[n][i][c]*pV[n][c][j] for c in each(pD[n]))",
    "pWVS(n, i, j) = sum(pW[n][i][c]*pVS(n, c, j) for c in each(pD[n]))",
    "pError(n) = sum(S(i, i) - 2*pWVS(n, i, i) + sum(pWVS(n, i, j)*pWV(n, i, j) for j in each(l)) + "
    "sum(pW[n][i][c]**2*pD[n][c] for c in each(pD[n])) for i in each(l))",
    "pRate(n) = sum(sum(pVS(n, c, i)*pV[n][c][i] for i in each(l)) + pD[n][c] - 1 - log(pD[n][c]) "
    "for c in each(pD[n]))/2",
    "pBound(n) = -pRate(n) - pError(n)/(2*pS[n]) - sum(log(pS[n]) for i in each(l))/2",
)
# Collapse: J holds the eigenvalues above s2 among the k first.
COLLAPSE = (
    POSITIVE,
    AXES,
    "all(l[j] <= l[i] for i in each(l) for j in each(l) if i < j)",
    "all(J[j]*(1 - J[j]) == 0 and (J[j] == 1 or j >= width or l[j] <= s2) for j in each(l))",
    "all(J[j] == 0 or j < width and l[j] > s2 and a[j]**2 == l[j] - s2 for j in each(l))",
    *ONE_PLACED,
)
COLLAPSE_OWN = (
    SAME,
    ONE_WIDTH,
    COVARIANCE,
    ONE_CODED_OWN[0],
    ONE_CODED_OWN[1],
    "D(c) = s2/(sum(W(i, c)**2 for i in each(l)) + s2)",
    "VSV(c) = sum(V(c, i)*S(i, j)*V(c, j) for i in each(l) for j in each(l))",
    "latent(c) = (VSV(c) + D(c) - 1 - log(D(c)))/2",
    "loss(j, t) = (log(1 + t/s2) - l[j]*t/(s2*(s2 + t)))/2",
)
LATENTS = ("sum(latent(c) for c in each(T[0]))", "sum(1 for c in each(T[0]) if D(c) == 1)", "S(0, 0)")
SET = ("s2 > 0", INNER_INVERSE, *M_FACTORED)
SET_OWN = (
    SAME,
    "gram(b, c) = sum(W[i][b]*W[i][c] for i in each(W))",
    "M(b, c) = gram(b, c) + s2*same(b, c)",
    EXCESS,
)
ORTHOGONAL_COLUMNS = "all(gram(b, c) == 0 for b in each(N) for c in each(N) if b != c)"

FORMULAS |= {
    "linear-vae/stationary-points": Formula(
        relation="all(sum(Q(n, i, r)*C(n, r, j) for r in each(l)) == same(i, j) "
        "for n in each(J) for i in each(l) for j in each(l)) and "
        "all(slope(n, i, c) == 0 for n in each(J) for i in each(l) for c in each(T[n][i])) and "
        "all(iff(better(n) > 0, bend(n) > 0) for n in each(J))",
        given=(POSITIVE, AXES, ROOTS, *EVERY_SUBSET, ANY_TURN),
        quantities=BENDS,
        own=(*SUBSETS_OWN, *CURVED_OWN, GAIN),
    ),
    "linear-vae/stationary-points#every-one-a-maximum": Formula(
        relation="all(bend(n) <= 0 for n in each(J))",
        given=(POSITIVE, AXES, ROOTS, *EVERY_SUBSET, ANY_TURN),
        quantities=BENDS,
        own=(*SUBSETS_OWN, *CURVED_OWN, GAIN),
    ),
    "linear-vae/stationary-points#noise-not-taken-off": Formula(
        relation="all(miss(n, i, c) == 0 for n in each(J) for i in each(l) for c in each(T[n][i]))",
        given=(
            POSITIVE,
            AXES,
            "all(a[j]**2 == l[j] for j in each(l) if l[j] > s2)",
            *EVERY_SUBSET,
            ANY_TURN,
        ),
        quantities=(MISSED,),
        own=(*SUBSETS_OWN, "miss(n, i, c) = sum((S(i, j) - C(n, i, j))*W(n, j, c) for j in each(l))"),
    ),
    "linear-vae/all-stationary-points": Formula(
        relation="all(E(i, j) - E(j, i) == (l[i] - l[j])*P(i, j) for i in each(l) for j in each(l)) and "
        "all(E(i, i) == (l[i] - s2)*P(i, i) - sum(P(i, j)**2 for j in each(l)) for i in each(l)) and "
        f"{OF_A_SUBSET}",
        given=(*ANY_W, GIVEN_INVERSE),
        quantities=IN_AXES_NUMBERS,
        own=IN_AXES_OWN,
    ),
    "linear-vae/all-stationary-points#equal-eigenvalues": Formula(
        relation=OF_A_SUBSET, given=(POSITIVE, AXES, GIVEN_INVERSE), quantities=IN_AXES_NUMBERS, own=IN_AXES_OWN
    ),
    "linear-vae/likelihood-maximum": Formula(
        relation=f"{FACTORED_D} and all(D[e] >= 0 for e in each(D)) and "
        "all(sum(hess(p, g, m, h)*turned(v, t, m, h) for m in each(l) for h in each(Z)) == 0 "
        "for p in each(l) for g in each(Z) for v in each(Z) for t in each(Z) if v < t) and "
        "sum(1 for e in each(D) if D[e] == 0) == "
        "sum(1 for v in each(Z) for t in each(Z) if v < t and norm(v) + norm(t) > 0)",
        given=(*TURNABLE, *TOP_OF_ALL, *LOWER_D),
        quantities=PIVOTS_D,
        own=TURNABLE_OWN,
    ),
    "linear-vae/likelihood-maximum#no-rotation": Formula(
        relation=f"{FACTORED_D} and all(D[e] > 0 for e in each(D))",
        given=(*TURNABLE, *TOP_OF_ALL, *LOWER_D),
        quantities=PIVOTS_D,
        own=TURNABLE_OWN,
    ),
    "linear-vae/likelihood-maximum#another-subset": Formula(
        relation=f"{FACTORED_D} and all(D[e] >= 0 for e in each(D))",
        given=(*TURNABLE, *LOWER_D),
        quantities=PIVOTS_D,
        own=TURNABLE_OWN,
    ),
    "linear-vae/elbo-stationary-points": Formula(
        relation=f"{FLAT_ELBO} and all(iff(better(n) > 0, rise(n) > 0) for n in each(J)) and "
        "all(-1/(2*D(n, c)**2) < 0 for n in each(J) for c in each(T[n][0]))",
        given=ELBO_SUBSETS,
        quantities=RISES,
        own=(*CODED_OWN, *RISING_OWN, GAIN),
    ),
    "linear-vae/elbo-stationary-points#every-one-a-maximum": Formula(
        relation="all(rise(n) <= 0 for n in each(J))",
        given=ELBO_SUBSETS,
        quantities=RISES,
        own=(*CODED_OWN, *RISING_OWN, GAIN),
    ),
    "linear-vae/elbo-stationary-points#any-rotation": Formula(
        relation=FLAT_ELBO,
        given=(POSITIVE, AXES, ROOTS, *EVERY_SUBSET, ANY_TURN),
        quantities=("sum(byW(n, i, c)**2 for n in each(J) for i in each(l) for c in each(T[n][i]))", "S(0, 0)"),
        own=CODED_OWN,
    ),
    "linear-vae/all-elbo-stationary-points": Formula(
        relation="all(s2*(cross(b, c) - cross(c, b)) == gram(b, c)*(D(b) - D(c)) for b in each(N) for c in each(N)) "
        "and all(g(i, c) == slope(i, c) - sum(W[i][b]*(same(b, c)/M(c, c) - N[b][c]) for b in each(N)) "
        "for i in each(S) for c in each(N))",
        given=(SYMMETRIC, OUTER_INVERSE, INNER_INVERSE),
        quantities=TWO_SLOPES,
        own=TWO_SLOPES_OWN,
    ),
    "linear-vae/all-elbo-stationary-points#gradient-of-the-likelihood": Formula(
        relation="all(g(i, c) == slope(i, c) for i in each(S) for c in each(N))",
        given=(SYMMETRIC, OUTER_INVERSE, INNER_INVERSE),
        quantities=TWO_SLOPES,
        own=TWO_SLOPES_OWN,
    ),
    "linear-vae/elbo-mixed-stationary-points": Formula(
        relation=f"{MIXED_STILL} and any(miss(i, c) != 0 for i in each(l) for c in each(V)) and "
        "rise == 4*gram(0, 1)**2/M(0, 0)**2",
        given=MIXED,
        quantities=MIXED_NUMBERS,
        own=MIXED_OWN,
    ),
    "linear-vae/elbo-mixed-stationary-points#those-of-the-likelihood": Formula(
        relation=f"implies({MIXED_STILL}, all(miss(i, c) == 0 for i in each(l) for c in each(V)))",
        given=MIXED,
        quantities=MIXED_NUMBERS,
        own=MIXED_OWN,
    ),
    "linear-vae/elbo-mixed-stationary-points#half-the-constant": Formula(
        relation="rise == 2*gram(0, 1)**2/M(0, 0)**2", given=MIXED, quantities=MIXED_NUMBERS, own=MIXED_OWN
    ),
    "linear-vae/elbo-maximum": Formula(
        relation=f"{PEAK_FACTORED} and all(P[e] >= 0 for e in each(P)) and "
        f"all(sum(hess(e, f)*turn(b, c, f) for f in each(P)) == 0 for e in each(P) {EQUAL_LATENTS} and "
        f"sum(1 for e in each(P) if P[e] == 0) == sum(1 {EQUAL_LATENTS}",
        given=(*PEAK, *TOP_OF_ALL, *PEAK_BASIS),
        quantities=PIVOTS_P,
        own=PEAK_OWN,
    ),
    "linear-vae/elbo-maximum#another-subset": Formula(
        relation=f"{PEAK_FACTORED} and all(P[e] >= 0 for e in each(P))",
        given=(*PEAK, *PEAK_BASIS),
        quantities=PIVOTS_P,
        own=PEAK_OWN,
    ),
    "linear-vae/elbo-maximum#equal-eigenvalues": Formula(
        relation=f"{PEAK_FACTORED} and all(P[e] > 0 for e in each(P))",
        given=(*PEAK, *TOP_OF_ALL, *PEAK_BASIS),
        quantities=PIVOTS_P,
        own=PEAK_OWN,
    ),
    "linear-vae/elbo-gap": Formula(
        relation=f"bound == fit - excess and excess >= 0 and iff({M_DIAGONAL}, excess == 0)",
        given=TWO_FACTORED,
        quantities=("bound", "fit", "excess"),
        own=GAP_OWN,
    ),
    "linear-vae/elbo-gap#half-dropped": Formula(
        relation="bound == fit - 2*excess", given=TWO_FACTORED, quantities=("bound", "fit", "excess"), own=GAP_OWN
    ),
    "linear-vae/elbo-gap#full-covariance-encoder": Formula(
        relation=f"implies(bound == fit, {M_DIAGONAL})",
        given=TWO_FACTORED,
        quantities=("bound", "fit"),
        own=CORRELATED_OWN,
    ),
    "linear-vae/best-encoder": Formula(
        relation="bound(1) - bound(0) == lost and lost >= 0",
        given=ANY_ENCODER,
        quantities=("bound(1)", "lost"),
        own=ANY_ENCODER_OWN,
    ),
    "linear-vae/best-encoder#posterior-variances": Formula(
        relation="bound(0) >= bound(1)",
        given=(*ANY_ENCODER, "all(D[c] == worseD(c) for c in each(D))"),
        quantities=("bound(1)", "lost"),
        own=ANY_ENCODER_OWN,
    ),
    "linear-vae/max-elbo": Formula(
        relation=f"{INVERTED} and bound == fit and all(sum(S(i, j)*W(j, c) for j in each(l)) == "
        "(gram(c, c) + s2)*W(i, c) for i in each(l) for c in each(T[0])) and implies(learned, byNoise == 0) and "
        "all(pBound(n) < bound for n in each(pS))",
        given=(*SUMMIT, *ONE_PLACED, *BESIDE),
        quantities=("bound", "max(pBound(n) for n in each(pS))", "byNoise"),
        own=SUMMIT_OWN,
    ),
    "linear-vae/max-elbo#any-maximum-of-the-likelihood": Formula(
        relation="bound == fit",
        given=(
            *SUMMIT,
            "all(sum(T[i][c]*T[j][c] for c in each(T[i])) == same(i, j)*J[i] for i in each(l) for j in each(l))",
        ),
        quantities=("bound", "fit"),
        own=SUMMIT_OWN,
    ),
    "linear-vae/max-elbo#any-noise": Formula(
        relation="byNoise == 0", given=(*SUMMIT, *ONE_PLACED), quantities=("bound", "byNoise"), own=SUMMIT_OWN
    ),
    "linear-vae/collapse": Formula(
        relation="all(implies(T[j][c] != 0, latent(c) == log(l[j]/s2)/2 and latent(c) > 0) "
        "for j in each(l) for c in each(T[j])) and "
        "all(implies(all(T[j][c] == 0 for j in each(l)), latent(c) == 0) for c in each(T[0])) and "
        "sum(1 for c in each(T[0]) if D(c) == 1) == width - sum(1 for j in each(l) if j < width and l[j] > s2) and "
        "all(loss(j, t) > 0 for j in each(l) if l[j] <= s2 for t in reals(s2/10, 100*s2))",
        given=COLLAPSE,
        quantities=LATENTS,
        own=COLLAPSE_OWN,
    ),
    "linear-vae/collapse#noise-above-an-eigenvalue": Formula(
        relation="all(latent(c) > 0 for c in each(T[0]))", given=COLLAPSE, quantities=LATENTS, own=COLLAPSE_OWN
    ),
    "linear-vae/collapse#at-twice-the-noise": Formula(
        relation="all(iff(latent(c) == 0, all(T[j][c] == 0 or l[j] <= 2*s2 for j in each(l))) for c in each(T[0]))",
        given=COLLAPSE,
        quantities=LATENTS,
        own=COLLAPSE_OWN,
    ),
    "linear-vae/consistent-set": Formula(
        relation=f"iff({ORTHOGONAL_COLUMNS}, all(s2*N[b][c] == 0 for b in each(N) for c in each(N) if b != c)) and "
        f"iff({ORTHOGONAL_COLUMNS}, excess == 0)",
        given=SET,
        quantities=("excess", "N[0][0]"),
        own=SET_OWN,
    ),
    "linear-vae/consistent-set#every-decoder": Formula(
        relation="excess == 0", given=SET, quantities=("excess", "N[0][0]"), own=SET_OWN
    ),
}


# --- formulas of infovae ----------------------------------------------------------------------------------------------

# Four tables: pd (X), prior (Z), decoder p(x|z) and encoder q(z|x) (X x Z, the encoder may have zeros); `code` is
# q(x,z), `model` p(x,z), `beyond` KL(q(z)||p(z)), `inverse` E KL(q(x|z)||p(x|z)), `known` E log pd; lam is lambda.
FOUR_TABLES = (
    "sum(pd[x] for x in each(pd)) == 1 and sum(prior[z] for z in each(prior)) == 1",
    "all(pd[x] > 0 for x in each(pd)) and all(prior[z] > 0 for z in each(prior))",
    "all(sum(decoder[x][z] for x in each(pd)) == 1 for z in each(prior))",
    "all(decoder[x][z] > 0 for x in each(pd) for z in each(prior))",
    "all(sum(encoder[x][z] for z in each(prior)) == 1 for x in each(pd))",
    "all(encoder[x][z] >= 0 for x in each(pd) for z in each(prior))",
)
POSITIVE_CODE = "for x in each(pd) for z in each(prior) if code(x, z) != 0"
TERMS = (
    "code(x, z) = pd[x]*encoder[x][z]",
    "model(x, z) = prior[z]*decoder[x][z]",
    "aggregate(z) = sum(code(x, z) for x in each(pd))",
    "marginal(x) = sum(model(x, z) for z in each(prior))",
    "known = sum(pd[x]*log(pd[x]) for x in each(pd))",
    "recon = sum(code(x, z)*log(decoder[x][z]) for x in each(pd) for z in each(prior))",
    f"rate = sum(code(x, z)*log(encoder[x][z]/prior[z]) {POSITIVE_CODE})",
    "beyond = sum(aggregate(z)*log(aggregate(z)/prior[z]) for z in each(prior) if aggregate(z) != 0)",
    f"info = sum(code(x, z)*log(encoder[x][z]/aggregate(z)) {POSITIVE_CODE})",
    f"inverse = sum(code(x, z)*log(code(x, z)/aggregate(z)/decoder[x][z]) {POSITIVE_CODE})",
    "elbo = recon - rate",
)
FORMS = (
    *TERMS,
    f"whole = sum(code(x, z)*log(code(x, z)/model(x, z)) {POSITIVE_CODE})",
    "outer = sum(pd[x]*log(pd[x]/marginal(x)) for x in each(pd))",
    f"loss = sum(code(x, z)*log(encoder[x][z]*marginal(x)/model(x, z)) {POSITIVE_CODE})",
    "given(x, z) = code(x, z)/aggregate(z)",
    "unlike(z) = sum(given(x, z)*log(given(x, z)/decoder[x][z]) for x in each(pd) if given(x, z) != 0)",
)
INFO_LEFT, INFO_RIGHT = "alpha*info - lam*beyond - inverse", "recon - (1 - alpha)*rate - (alpha + lam - 1)*beyond"
CASES = (
    *TERMS,
    "objective(s, t) = recon - (1 - s)*rate - (s + t - 1)*beyond",
    "rising(s) = recon - s*rate",
)
# Proposition 1: widths l, c fixed. log Q lies in [lower, upper] (Mills), the ELBO in [least, most], the gap in
# [near, far] (2 Q <= (l/c)^2); 6.28318530717958647 < 2 pi < 6.28318530717958648.
TWO_POINTS = (
    "1/4 <= c and c <= 2",
    "all(0 < widths[n] and 8*widths[n] <= c for n in each(widths))",
    "all(2*widths[n + 1] <= widths[n] for n in each(widths) if n + 1 < sum(1 for m in each(widths)))",
)
TWO_POINTS_OWN = (
    "ratio(n) = c/widths[n]",
    "lower(n) = log(ratio(n)/(1 + ratio(n)**2)) - ratio(n)**2/2 - log(6.28318530717958648)/2",
    "upper(n) = -log(ratio(n)) - ratio(n)**2/2 - log(6.28318530717958647)/2",
    "rate(n) = (widths[n]**2 + c**2 - 1)/2 - log(widths[n])",
    "least(n) = -upper(n)/2 - log(6.28318530717958648)/2 - 1/2 - log(2) - rate(n)",
    "most(n) = -lower(n)/2 - log(6.28318530717958647)/2 - 1/2 - log(2) - rate(n)",
    "near(n) = rate(n) - log(2) + 1/2",
    "far(n) = near(n) + 1/ratio(n)**2",
    "fixed(n) = -log(6.28318530717958647)/2 - rate(n)",
)
LATER = "for m in each(widths) for n in each(widths) if widths[n] < widths[m]"
# Proposition 2: `deficit` is what the objective lacks to its maximum at this mutual information.
SAME_JOINT = "all(code(x, z) == model(x, z) for x in each(pd) for z in each(prior))"
OTHER_WEIGHTS = ("alpha <= 1", "alpha + lam >= 1", "lam > 0")
DEFINITE = (
    "all(kernel[y][z] == kernel[z][y] for y in each(kernel) for z in each(kernel))",
    "all(pivots[y] > 0 and lower[y][y] == 1 for y in each(pivots))",
    "all(lower[y][z] == 0 for y in each(lower) for z in each(lower) if y < z)",
    "all(sum(lower[y][j]*pivots[j]*lower[z][j] for j in each(pivots)) == kernel[y][z] "
    "for y in each(kernel) for z in each(kernel))",
)
MMD_SQUARED = (
    "other = sum((aggregate(y) - prior[y])*kernel[y][z]*(aggregate(z) - prior[z]) "
    "for y in each(prior) for z in each(prior))",
)
JENSEN_SHANNON = (
    "middle(z) = (aggregate(z) + prior[z])/2",
    "other = sum(aggregate(z)*log(aggregate(z)/middle(z)) for z in each(prior) if aggregate(z) != 0)/2 + "
    "sum(prior[z]*log(prior[z]/middle(z)) for z in each(prior))/2",
)


def _best_at(given: tuple[str, ...], *own: str, divergence: str = "other", relation: str = "") -> Formula:
    """Proposition 2 for one divergence; without `relation` in full: the decomposition, its sign, and where it is 0."""
    only = f"iff(deficit == 0, {SAME_JOINT})"
    return Formula(
        relation=relation or f"value == known + alpha*info - deficit and deficit >= 0 and {only}",
        given=(*FOUR_TABLES, *given),
        quantities=("value", "info", "deficit"),
        own=(
            *TERMS,
            *own,
            f"value = recon - (1 - alpha)*rate - (alpha + lam - 1)*{divergence}",
            f"deficit = inverse + (1 - alpha)*beyond + (alpha + lam - 1)*{divergence}",
        ),
    )


# The same for a list of models of equal information, the first exact.
LISTED = (
    "code(n, x, z) = pd[x]*encoders[n][x][z]",
    "aggregate(n, z) = sum(code(n, x, z) for x in each(pd))",
    "recon(n) = sum(code(n, x, z)*log(decoders[n][x][z]) for x in each(pd) for z in each(prior))",
    "rate(n) = sum(code(n, x, z)*log(encoders[n][x][z]/prior[z]) for x in each(pd) for z in each(prior))",
    "info(n) = sum(code(n, x, z)*log(encoders[n][x][z]/aggregate(n, z)) for x in each(pd) for z in each(prior))",
    "mmd(n) = sum((aggregate(n, y) - prior[y])*kernel[y][z]*(aggregate(n, z) - prior[z]) "
    "for y in each(prior) for z in each(prior))",
    "value(n) = recon(n) - (1 - alpha)*rate(n) - (alpha + lam - 1)*mmd(n)",
)
EQUALLY_INFORMED = (
    "sum(pd[x] for x in each(pd)) == 1 and all(pd[x] > 0 for x in each(pd))",
    "all(sum(decoders[n][x][z] for x in each(pd)) == 1 for n in each(decoders) for z in each(prior))",
    "all(sum(encoders[n][x][z] for z in each(prior)) == 1 for n in each(encoders) for x in each(pd))",
    "all(encoders[n][x][z] > 0 and decoders[n][x][z] > 0 "
    "for n in each(encoders) for x in each(pd) for z in each(prior))",
    "all(code(0, x, z) == prior[z]*decoders[0][x][z] for x in each(pd) for z in each(prior))",
    "all(info(n) == info(0) for n in each(encoders))",
    *DEFINITE,
)
FIRST_IS_BEST = "all(value(n) <= value(0) for n in each(encoders))"
LISTED_NUMBERS = ("info(0)", "value(0)", "max(value(n) for n in each(encoders))")
# MMD between q and p on finitely many points; `left` and `right` list every sample of m, and of n, points once.
Q_AND_P = (
    "sum(qz[z] for z in each(qz)) == 1 and sum(pz[z] for z in each(pz)) == 1",
    "all(qz[z] >= 0 and pz[z] >= 0 for z in each(qz))",
)
FACTORED = (*DEFINITE[2:], "all(lower[y][y] == 1 for y in each(pivots))")
DISCREPANCY = ("discrepancy = sum((qz[y] - pz[y])*kernel[y][z]*(qz[z] - pz[z]) for y in each(qz) for z in each(qz))",)
ZERO_FOR_EQUAL = "discrepancy >= 0 and iff(discrepancy == 0, all(qz[z] == pz[z] for z in each(qz)))"
MMD_NUMBERS = ("discrepancy", "min(pivots[y] for y in each(pivots))")
EVERY_SAMPLE = (
    *Q_AND_P,
    "all(kernel[y][z] == kernel[z][y] for y in each(kernel) for z in each(kernel))",
    "sum(chanceq(s) for s in each(left)) == 1 and sum(chancep(s) for s in each(right)) == 1",
    "all(any(left[s][i] != left[t][i] for i in each(left[s])) for s in each(left) for t in each(left) if s < t)",
    "all(any(right[s][i] != right[t][i] for i in each(right[s])) for s in each(right) for t in each(right) if s < t)",
    "all(qz[z] > 0 and pz[z] > 0 for z in each(qz))",
)
STATISTICS = (
    *DISCREPANCY,
    "chanceq(s) = prod(qz[left[s][i]] for i in each(left[s]))",
    "chancep(s) = prod(pz[right[s][i]] for i in each(right[s]))",
    "m = sum(1 for i in each(left[0]))",
    "n = sum(1 for i in each(right[0]))",
    "allq(s) = sum(kernel[left[s][i]][left[s][j]] for i in each(left[s]) for j in each(left[s]))",
    "allp(s) = sum(kernel[right[s][i]][right[s][j]] for i in each(right[s]) for j in each(right[s]))",
    "ownq(s) = sum(kernel[left[s][i]][left[s][i]] for i in each(left[s]))",
    "ownp(s) = sum(kernel[right[s][i]][right[s][i]] for i in each(right[s]))",
    "cross(s, t) = 2*sum(kernel[left[s][i]][right[t][j]] for i in each(left[s]) for j in each(right[t]))/(m*n)",
    "statv(s, t) = allq(s)/m**2 + allp(t)/n**2 - cross(s, t)",
    "statu(s, t) = (allq(s) - ownq(s))/(m*(m - 1)) + (allp(t) - ownp(t))/(n*(n - 1)) - cross(s, t)",
    "meanv = sum(chanceq(s)*chancep(t)*statv(s, t) for s in each(left) for t in each(right))",
    "meanu = sum(chanceq(s)*chancep(t)*statu(s, t) for s in each(left) for t in each(right))",
    "spreadq = sum(qz[z]*(kernel[z][z] - sum(qz[y]*kernel[y][z] for y in each(qz))) for z in each(qz))",
    "spreadp = sum(pz[z]*(kernel[z][z] - sum(pz[y]*kernel[y][z] for y in each(pz))) for z in each(pz))",
    "bias = spreadq/m + spreadp/n",
)
STATISTICS_NUMBERS = ("discrepancy", "meanv", "bias")
# Stein. Codes `points` under the prior N(0, 1) and the kernel 1 + z z'; then the identity for a normal p by the
# midpoint rule, step^3 g''/24 enclosed on each cell, and a bound on the tails.
SMALL_STEP = (
    "0 < variance",
    "0 < step and step*(variance + 4) <= 1",
    "step*(variance + mean**2)**2 <= 1 and 2*step*(variance + mean**2 - 1) <= 1",
)
STEPPED = (
    "count = sum(1 for i in each(points))",
    "mean = sum(points[i] for i in each(points))/count",
    "variance = sum(points[i]**2 for i in each(points))/count - mean**2",
    "k(i, j) = 1 + points[i]*points[j]",
    "direction(i) = sum(points[i] - k(j, i)*points[j] for j in each(points))/count",
    "middle(t) = sum(points[i] + t*direction(i) for i in each(points))/count",
    "width(t) = sum((points[i] + t*direction(i))**2 for i in each(points))/count - middle(t)**2",
    "divergence(t) = (width(t) + middle(t)**2 - 1 - log(width(t)))/2",
    "square = sum(points[i]*points[j]*k(i, j) - points[i]**2 - points[j]**2 + 1 "
    "for i in each(points) for j in each(points))/count**2",
    "surrogate = -sum(points[i]*direction(i) for i in each(points))/count",
)
STEPPED_NUMBERS = ("divergence(0)", "divergence(step)", "divergence(-step)")
ON_GRID = (
    "0 < s and 0 < v and 0 < step and 0 < radius",
    "all(centres[i + 1] == centres[i] + step for i in each(centres) if i + 1 < sum(1 for j in each(centres)))",
    "centres[0] - step/2 == mean - radius and centres[0] + (sum(1 for j in each(centres)) - 1/2)*step == mean + radius",
)
MIDPOINTS = (
    "slope(z) = -(z - a)/s - (z - mean)/v",
    "bump(z) = exp(-(z - a)**2/(2*s) - (z - mean)**2/(2*v))",
    "bent(z) = (slope(z)**3 - 3*(1/s + 1/v)*slope(z))*bump(z)",
    "cell(i) = span(centres[i] - step/2, centres[i] + step/2)",
    "within = sum(step*slope(centres[i])*bump(centres[i]) + step**3*bent(cell(i))/24 for i in each(centres))",
    "tail = 2*v*(1/s + 1/v + abs(mean - a)/(s*radius))*exp(-radius**2/(2*v))",
    "size = sum(step*abs(slope(centres[i]))*bump(centres[i]) for i in each(centres))",
    "halved = sum(step*(mean - cell(i))*bump(cell(i))/v for i in each(centres))",
)

FORMULAS |= {
    "infovae/elbo-forms": Formula(
        relation="elbo - known == -whole and whole == outer + loss and whole == beyond + inverse",
        given=FOUR_TABLES,
        quantities=("elbo", "known", "loss"),
        own=FORMS,
    ),
    "infovae/elbo-forms#expectation-under-the-prior": Formula(
        relation="elbo - known == -beyond - sum(prior[z]*unlike(z) for z in each(prior))",
        given=(*FOUR_TABLES, "all(aggregate(z) > 0 for z in each(prior))"),
        quantities=("elbo", "known", "loss"),
        own=FORMS,
    ),
    "infovae/elbo-forms#constant-dropped": Formula(
        relation="elbo == -whole", given=FOUR_TABLES, quantities=("elbo", "known", "loss"), own=FORMS
    ),
    "infovae/objective-forms": Formula(
        relation=f"{INFO_LEFT} == {INFO_RIGHT} - known",
        given=FOUR_TABLES,
        quantities=("rate", "info", INFO_RIGHT),
        own=TERMS,
    ),
    "infovae/objective-forms#alpha-dropped": Formula(
        relation=f"{INFO_LEFT} == recon - (1 - alpha)*rate - (lam - 1)*beyond - known",
        given=FOUR_TABLES,
        quantities=("rate", "info", INFO_RIGHT),
        own=TERMS,
    ),
    "infovae/objective-forms#information-penalised": Formula(
        relation=f"-alpha*info - lam*beyond - inverse == {INFO_RIGHT} - known",
        given=FOUR_TABLES,
        quantities=("rate", "info", INFO_RIGHT),
        own=TERMS,
    ),
    "infovae/special-cases": Formula(
        relation="objective(0, 1) == elbo and objective(1 - lam, lam) == rising(lam) and "
        "objective(1, 1) == recon - beyond and rate == info + beyond",
        given=FOUR_TABLES,
        quantities=("rate", "info"),
        own=CASES,
    ),
    "infovae/special-cases#beta-vae-for-any-alpha": Formula(
        relation="objective(alpha, lam) == rising(lam)", given=FOUR_TABLES, quantities=("rate", "info"), own=CASES
    ),
    "infovae/prop-1-elbo": Formula(
        relation=f"all(c**2/(8*widths[n]**2) <= least(n) for n in each(widths)) and all(most(m) < least(n) {LATER})",
        given=TWO_POINTS,
        quantities=("max(least(n) for n in each(widths))", "max(most(n) for n in each(widths))"),
        own=TWO_POINTS_OWN,
    ),
    "infovae/prop-1-elbo#fixed-variance": Formula(
        relation="all(c**2/(8*widths[n]**2) <= fixed(n) for n in each(widths))",
        given=TWO_POINTS,
        quantities=("max(least(n) for n in each(widths))", "max(most(n) for n in each(widths))"),
        own=TWO_POINTS_OWN,
    ),
    "infovae/prop-1-gap": Formula(
        relation="all(rate(n) - log(2) <= near(n) and log(1/widths[n])/2 <= near(n) for n in each(widths)) and "
        f"all(far(m) < near(n) {LATER})",
        given=TWO_POINTS,
        quantities=("max(near(n) for n in each(widths))", "max(far(n) for n in each(widths))"),
        own=TWO_POINTS_OWN,
    ),
    "infovae/prop-1-gap#posterior-below-prior": Formula(
        relation="all(rate(n) <= far(n) for n in each(widths))",
        given=TWO_POINTS,
        quantities=("max(near(n) for n in each(widths))", "max(far(n) for n in each(widths))"),
        own=TWO_POINTS_OWN,
    ),
    "infovae/prop-1-gap#bounded": Formula(
        relation="all(near(n) <= 4 for n in each(widths))",
        given=TWO_POINTS,
        quantities=("max(near(n) for n in each(widths))", "max(far(n) for n in each(widths))"),
        own=TWO_POINTS_OWN,
    ),
    "infovae/prop-2": _best_at(("lam > 0",), divergence="beyond"),
    "infovae/prop-2#negative-lambda": _best_at((), divergence="beyond", relation="deficit >= 0"),
    "infovae/prop-2-mmd": _best_at((*OTHER_WEIGHTS, *DEFINITE), *MMD_SQUARED),
    "infovae/prop-2-mmd#paper-hypotheses": _best_at(
        ("alpha < 1", "lam > 0", *DEFINITE), *MMD_SQUARED, relation="deficit >= 0"
    ),
    "infovae/prop-2-mmd#polynomial-kernel": _best_at(
        (
            *OTHER_WEIGHTS,
            DEFINITE[0],
            "all(pivots[y] >= 0 and lower[y][y] == 1 for y in each(pivots))",
            *DEFINITE[2:],
        ),
        *MMD_SQUARED,
        relation=f"iff(deficit == 0, {SAME_JOINT})",
    ),
    "infovae/prop-2-js": _best_at(OTHER_WEIGHTS, *JENSEN_SHANNON),
    "infovae/prop-2-js#negative-weight": _best_at((), *JENSEN_SHANNON, relation="deficit >= 0"),
    "infovae/prop-2-optimum": Formula(
        relation=f"{FIRST_IS_BEST} and all(iff(value(n) == value(0), all(code(n, x, z) == prior[z]*decoders[n][x][z] "
        "for x in each(pd) for z in each(prior))) for n in each(encoders))",
        given=(*EQUALLY_INFORMED, "alpha <= 1 and alpha + lam >= 1 and lam > 0"),
        quantities=LISTED_NUMBERS,
        own=LISTED,
    ),
    "infovae/prop-2-optimum#negative-weight": Formula(
        relation=FIRST_IS_BEST, given=EQUALLY_INFORMED, quantities=LISTED_NUMBERS, own=LISTED
    ),
    "infovae/mmd-strict": Formula(
        relation=f"all(pivots[y] > 0 for y in each(pivots)) and {ZERO_FOR_EQUAL}",
        given=(
            *Q_AND_P,
            "0 < scale and all(any(points[y][i] != points[z][i] for i in each(points[y])) "
            "for y in each(points) for z in each(points) if y < z)",
            "all(kernel[y][z]*(1 + sum((points[y][i] - points[z][i])**2 for i in each(points[y]))/scale) == 1 "
            "for y in each(points) for z in each(points))",
            *FACTORED,
        ),
        quantities=MMD_NUMBERS,
        own=DISCREPANCY,
    ),
    "infovae/mmd-strict#polynomial-kernel": Formula(
        relation=ZERO_FOR_EQUAL,
        given=(
            *Q_AND_P,
            "all(kernel[y][z] == (1 + sum(points[y][i]*points[z][i] for i in each(points[y])))**degree "
            "for y in each(points) for z in each(points))",
            *FACTORED,
        ),
        quantities=MMD_NUMBERS,
        own=DISCREPANCY,
    ),
    "infovae/mmd-estimators": Formula(
        relation="meanu == discrepancy and meanv == discrepancy + bias and bias >= 0",
        given=EVERY_SAMPLE,
        quantities=STATISTICS_NUMBERS,
        own=STATISTICS,
    ),
    "infovae/mmd-estimators#v-statistic-unbiased": Formula(
        relation="meanv == discrepancy", given=EVERY_SAMPLE, quantities=STATISTICS_NUMBERS, own=STATISTICS
    ),
    "infovae/mmd-estimators#u-statistic-never-negative": Formula(
        relation="all(statu(s, t) >= 0 for s in each(left) for t in each(right))",
        given=EVERY_SAMPLE,
        quantities=STATISTICS_NUMBERS,
        own=STATISTICS,
    ),
    "infovae/stein-sign": Formula(
        relation="divergence(step) <= divergence(0) - step*square/2 and "
        "divergence(0) + step*square <= divergence(-step)",
        given=SMALL_STEP,
        quantities=STEPPED_NUMBERS,
        own=STEPPED,
    ),
    "infovae/stein-sign#paper-sign": Formula(
        relation="divergence(-step) <= divergence(0)", given=SMALL_STEP, quantities=STEPPED_NUMBERS, own=STEPPED
    ),
    "infovae/stein-sign#value-is-a-divergence": Formula(
        relation="surrogate >= 0", given=SMALL_STEP, quantities=STEPPED_NUMBERS, own=STEPPED
    ),
    "infovae/stein-identity": Formula(
        relation="-0.001 <= within - tail and within + tail <= 0.001",
        given=ON_GRID,
        quantities=("size", "tail"),
        own=MIDPOINTS,
    ),
    "infovae/stein-identity#derivative-dropped": Formula(
        relation="-0.001 <= halved - tail and halved + tail <= 0.001",
        given=ON_GRID,
        quantities=("size", "tail"),
        own=MIDPOINTS,
    ),
}


# --- formulas of bernoulli-bound --------------------------------------------------------------------------------------

# A linear Bernoulli decoder: W (d x k), b (d), bits x, y = 2x - 1. Expectations over a normal variable u by the
# trapezoidal rule: for F analytic in |Im u| < strip, |int F - h sum_n F(n h)| <= 2 M/(e^(2 pi strip/h) - 1), where M
# bounds int |F| along every line of the strip (Trefethen and Weideman, SIAM Review 56 (2014), Theorem 5.1); here
# F = f(center + scale u) bell(u)/sqrt(tau), and strip*scale <= 3/2 < pi/2. There |softplus(t)| is at most
# |Re t| + log 2 + pi/2, so that M = e^(strip^2/2) (|center| + scale + 2.3); a product of sigmoids is at most 1. Terms
# beyond `reach` fall, and integrals bound them. log 2 + pi/2 < 2.3, log 2 < 0.7, 6.28 < tau = 2 pi, 2.5 < sqrt(tau).
ON_NODES = (
    "h > 0 and reach >= 1 and strip > 0",
    "sum(1 for n in each(node)) == 2*reach/h + 1 and all(node[n]*h == n*h - reach for n in each(node))",
)
TRAPEZOIDS = (
    "tau = span(6.28318530717958647692528676655900576839433, 6.28318530717958647692528676655900576839434)",
    "bell(n) = exp(-(h*node[n])**2/2)",
    "decay = 2*exp(strip**2/2)/(exp(6.28*strip/h) - 1)",
    "tail = 2*exp(-reach**2/2)/2.5",
)
ONE_X = "all(x[r]*(1 - x[r]) == 0 for r in each(b))"
ALL_X = "all(x[n][r]*(1 - x[n][r]) == 0 for n in each(x) for r in each(b))"
# Encoders N(m_e, T_e), T_e = L D L'; P = I + W'W/4 is the inverse of Sigma, K that of C = I + W W'/4 = LC DC LC'.
ENCODERS = (
    "all(D[e][j] > 0 and L[e][j][j] == 1 for e in each(D) for j in each(D[e]))",
    "all(L[e][i][j] == 0 for e in each(D) for i in each(D[e]) for j in each(D[e]) if i < j)",
    "all(sum(L[e][i][l]*D[e][l]*L[e][j][l] for l in each(D[e])) == T[e][i][j] "
    "for e in each(D) for i in each(D[e]) for j in each(D[e]))",
)
BEST_SPREAD = (
    "all(sum(P(i, l)*Sigma[l][j] for l in each(Sigma)) == same(i, j) for i in each(Sigma) for j in each(Sigma))"
)


def _inverted(rows: str) -> tuple[str, str, str, str]:
    """K is the inverse of C, which is LC DC LC'."""
    return (
        f"all(sum(C(r, t)*K[t][s] for t in each({rows})) == same(r, s) for r in each({rows}) for s in each({rows}))",
        f"all(DC[r] > 0 and LC[r][r] == 1 for r in each({rows}))",
        f"all(LC[r][s] == 0 for r in each({rows}) for s in each({rows}) if r < s)",
        f"all(sum(LC[r][t]*DC[t]*LC[s][t] for t in each({rows})) == C(r, s) "
        f"for r in each({rows}) for s in each({rows}))",
    )


LINE = ("0 < low and low < high",)
LINE_OWN = (
    "soft(t) = log(1 + exp(t))",
    "parabola(t) = log(2) + t/2 + t**2/8",
    "ninth(t) = log(2) + t/2 + t**2/9",
    "rise = exp(1)/(1 + exp(1))",
    "elsewhere(t) = soft(1) + rise*(t - 1) + rise*(1 - rise)*(t - 1)**2/2",
    "series = 1/24/(1 - low**2/120)",
)
ENCODED = (ONE_X, *ENCODERS, *ON_NODES, "all(strip**2*variance(e, r) <= 9/4 for e in each(D) for r in each(b))")
ENCODED_OWN = (
    *TRAPEZOIDS,
    "center(e, r) = b[r] + sum(W[r][j]*m[e][j] for j in each(m[e]))",
    "variance(e, r) = sum(W[r][i]*T[e][i][j]*W[r][j] for i in each(m[e]) for j in each(m[e]))",
    "scale(e, r) = sqrt(variance(e, r))",
    "soft(e, r, n) = log(1 + exp(center(e, r) + scale(e, r)*h*node[n]))",
    "inside(e, r) = h*sum(soft(e, r, n)*bell(n) for n in each(node))/sqrt(tau)",
    "error(e, r) = decay*(abs(center(e, r)) + scale(e, r) + 2.3)",
    "beyond(e, r) = tail*((abs(center(e, r)) + 0.7)/reach + scale(e, r))",
    "rate(e) = sum(T[e][j][j] + m[e][j]**2 - 1 - log(D[e][j]) for j in each(m[e]))/2",
    "data(e) = sum(x[r]*center(e, r) for r in each(b))",
    "below(e) = sum(inside(e, r) - error(e, r) for r in each(b)) - data(e) + rate(e)",
    "above(e) = sum(inside(e, r) + error(e, r) + beyond(e, r) for r in each(b)) - data(e) + rate(e)",
    "missed(e, r) = 2*x[r] - 1 - b[r]/2 - sum(W[r][j]*m[e][j] for j in each(m[e]))/2",
    "fit(e) = sum(missed(e, r)**2/2 + variance(e, r)/8 for r in each(b))",
    "surrogate(e) = fit(e) + rate(e) + sum(log(2) - 1/2 for r in each(b))",
    "square(e, r) = center(e, r)**2 + variance(e, r)",
    "ninth(e) = rate(e) + sum(log(2) + center(e, r)/2 + square(e, r)/9 for r in each(b)) - data(e)",
    "rise = exp(1)/(1 + exp(1))",
    "bow(e, r) = (center(e, r) - 1)**2 + variance(e, r)",
    "expanded(e, r) = log(1 + exp(1)) + rise*(center(e, r) - 1) + rise*(1 - rise)*bow(e, r)/2",
    "elsewhere(e) = rate(e) + sum(expanded(e, r) for r in each(b)) - data(e)",
)
COMPLETED = (ONE_X, *ENCODERS, BEST_SPREAD, *_inverted("b"))
COMPLETED_OWN = (
    SAME,
    "P(i, j) = same(i, j) + sum(W[r][i]*W[r][j] for r in each(W))/4",
    "C(r, s) = same(r, s) + sum(W[r][j]*W[s][j] for j in each(W[0]))/4",
    "v(r) = 2*x[r] - 1 - b[r]/2",
    "missed(e, r) = v(r) - sum(W[r][j]*m[e][j] for j in each(m[e]))/2",
    "variance(e, r) = sum(W[r][i]*T[e][i][j]*W[r][j] for i in each(m[e]) for j in each(m[e]))",
    "rate(e) = sum(T[e][j][j] + m[e][j]**2 - 1 - log(D[e][j]) for j in each(m[e]))/2",
    "surrogate(e) = sum(missed(e, r)**2/2 + variance(e, r)/8 + log(2) - 1/2 for r in each(b)) + rate(e)",
    "bound = sum(log(DC[r]) + v(r)*sum(K[r][s]*v(s) for s in each(b)) for r in each(b))/2 "
    "+ sum(log(2) - 1/2 for r in each(b))",
    "best(i) = sum(Sigma[i][j]*sum(W[r][j]*(x[r] - 1/2 - b[r]/4) for r in each(b)) for j in each(Sigma))",
    "far(e, i) = m[e][i] - best(i)",
    "match(e) = sum(P(i, j)*(T[e][i][j] + far(e, i)*far(e, j)) for i in each(Sigma) for j in each(Sigma))",
    "apart(e) = (match(e) - sum(1 + log(D[e][j]) for j in each(Sigma)) - sum(log(DC[r]) for r in each(b)))/2",
)
DECODED_OWN = (
    *TRAPEZOIDS,
    SAME,
    "P(i, j) = same(i, j) + sum(W[r][i]*W[r][j] for r in each(W))/4",
    "C(r, s) = same(r, s) + sum(W[r][j]*W[s][j] for j in each(W[0]))/4",
    "size = sum(1 for n in each(x))",
    "start(n, j) = sum(W[r][j]*(x[n][r] - 1/2 - b[r]/4) for r in each(b))",
    "mean(n, i) = sum(Sigma[i][j]*start(n, j) for j in each(Sigma))",
    "center(n, r) = b[r] + sum(W[r][j]*mean(n, j) for j in each(Sigma))",
    "variance(r) = sum(W[r][i]*Sigma[i][j]*W[r][j] for i in each(Sigma) for j in each(Sigma))",
    "soft(n, r, u) = log(1 + exp(center(n, r) + sqrt(variance(r))*h*node[u]))",
    "inside(n, r) = h*sum(soft(n, r, u)*bell(u) for u in each(node))/sqrt(tau)",
    "error(n, r) = decay*(abs(center(n, r)) + sqrt(variance(r)) + 2.3)",
    "beyond(n, r) = tail*((abs(center(n, r)) + 0.7)/reach + sqrt(variance(r)))",
    "most(n, r) = inside(n, r) + error(n, r) + beyond(n, r) - x[n][r]*center(n, r)",
    "rate(n) = (sum(Sigma[j][j] + mean(n, j)**2 - 1 for j in each(Sigma)) + sum(log(DC[r]) for r in each(b)))/2",
    "nelbo = sum(rate(n) + sum(most(n, r) for r in each(b)) for n in each(x))/size",
    "v(n, r) = 2*x[n][r] - 1 - b[r]/2",
    "form(n) = sum(v(n, r)*sum(K[r][s]*v(n, s) for s in each(b)) for r in each(b))",
    "bound = sum(log(DC[r]) + 2*log(2) - 1 for r in each(b))/2 + sum(form(n) for n in each(x))/(2*size)",
    "line(n, r, u) = (1 - 2*x[n][r])*(b[r] + W[r][0]*h*node[u])",
    "chance(n, u) = prod(1/(1 + exp(line(n, r, u))) for r in each(b))",
    "likely(n) = h*sum(chance(n, u)*bell(u) for u in each(node))/sqrt(tau) + decay + tail/reach",
    "surprise = -sum(log(likely(n)) for n in each(x))/size",
    "norm = sum(W[r][0]**2 for r in each(b))",
    "off(n, r) = 9/4*(2*x[n][r] - 1) - b[r]",
    "along(n) = sum(W[r][0]*off(n, r) for r in each(b))",
    "ninth(n) = sum(off(n, r)**2/9 + log(2) - 9/16 for r in each(b)) - 2/81*along(n)**2/(1 + 2*norm/9)",
    "nine = log(1 + 2*norm/9)/2 + sum(ninth(n) for n in each(x))/size",
)
# The closed form: S = U diag(l) U', W = 2 U_k diag(g) R, b = 2 mean.
SPECTRUM = (
    "all(sum(U[t][i]*U[t][j] for t in each(l)) == same(i, j) for i in each(l) for j in each(l))",
    "all(sum(Q[a][i]*Q[a][j] for a in each(g)) == same(i, j) for i in each(g) for j in each(g))",
    "all(l[i] > 0 for i in each(l)) and all(l[i] >= l[j] for i in each(l) for j in each(l) if i < j)",
)
ABOVE_ONE = "all(g[j] >= 0 and g[j]**2 == max(l[j], 1) - 1 for j in each(g))"
CLOSED_OWN = (
    SAME,
    "S(r, s) = sum(U[r][i]*l[i]*U[s][i] for i in each(l))",
    "W(r, j) = 2*sum(U[r][i]*g[i]*Q[i][j] for i in each(g))",
    "b(r) = 2*mean[r]",
    "C(r, s) = same(r, s) + sum(W(r, j)*W(s, j) for j in each(g))/4",
    "v(r) = mean[r] - b(r)/2",
    "second(r, s) = S(r, s) + v(r)*v(s)",
    "KT(r, s) = sum(K[r][t]*second(t, s) for t in each(l))",
    "G(r, s) = K[r][s] - sum(KT(r, t)*K[t][s] for t in each(l))",
    "slope(r, j) = sum(G(r, s)*W(s, j) for s in each(l))/4",
    "tilt(r) = -sum(K[r][s]*v(s) for s in each(l))/2",
    "constant = sum(log(2) - 1/2 for r in each(l))",
    "bound = constant + sum(log(DC[r]) + KT(r, r) for r in each(l))/2",
    "value = constant + sum(l[i] for i in each(l))/2 + sum(log(max(l[j], 1)) + 1 - max(l[j], 1) for j in each(g))/2",
    "off(n, r) = 2*x[n][r] - 1 - b(r)/2",
    "form(n) = sum(off(n, r)*sum(K[r][s]*off(n, s) for s in each(l)) for r in each(l))",
    "fitted = constant + sum(log(DC[r]) for r in each(l))/2 + sum(pd[n]*form(n) for n in each(x))/2",
)
NO_SLOPE = "all(slope(r, j) == 0 for r in each(l) for j in each(g))"
NO_GRADIENT = f"{NO_SLOPE} and all(tilt(r) == 0 for r in each(l))"
FROM_BITS = (
    "all(x[n][r]*(1 - x[n][r]) == 0 for n in each(x) for r in each(l))",
    "sum(pd[n] for n in each(pd)) == 1 and all(pd[n] >= 0 for n in each(pd))",
    "all(sum(pd[n]*(2*x[n][r] - 1) for n in each(x)) == mean[r] for r in each(l))",
    "all(sum(pd[n]*(2*x[n][r] - 1 - mean[r])*(2*x[n][s] - 1 - mean[s]) for n in each(x)) == S(r, s) "
    "for r in each(l) for s in each(l))",
    *SPECTRUM,
    ABOVE_ONE,
    *_inverted("l"),
)
SEVERAL = (
    SPECTRUM[0],
    SPECTRUM[2],
    "all(sum(C(e, r, t)*K[e][t][s] for t in each(l)) == same(r, s) for e in each(b) for r in each(l) for s in each(l))",
    "all(DC[e][r] > 0 and LC[e][r][r] == 1 for e in each(b) for r in each(l))",
    "all(LC[e][r][s] == 0 for e in each(b) for r in each(l) for s in each(l) if r < s)",
    "all(sum(LC[e][r][t]*DC[e][t]*LC[e][s][t] for t in each(l)) == C(e, r, s) "
    "for e in each(b) for r in each(l) for s in each(l))",
)
SEVERAL_OWN = (
    SAME,
    "S(r, s) = sum(U[r][i]*l[i]*U[s][i] for i in each(l))",
    "C(e, r, s) = same(r, s) + sum(W[e][r][j]*W[e][s][j] for j in each(W[e][r]))/4",
    "v(e, r) = mean[r] - b[e][r]/2",
    "quadratic(e) = sum(K[e][r][s]*(S(r, s) + v(e, r)*v(e, s)) for r in each(l) for s in each(l))",
    "bound(e) = sum(log(DC[e][r]) + 2*log(2) - 1 for r in each(l))/2 + quadratic(e)/2",
    "gain(j) = log(max(l[j], 1)) + 1 - max(l[j], 1)",
    "value = sum(l[i] + 2*log(2) - 1 for i in each(l))/2 + sum(gain(j) for j in each(W[0][0]))/2",
    "early = sum(l[i] + 2*log(2) - 1 for i in each(l))/2 + sum(gain(j) for j in each(W[0][0]) if j > 0)/2",
)
# Second derivatives of L in W along V(i, p) = u_i r_p'; column j of W R' is 2 g_j times eigenvector pick_j.
BENT_OWN = (
    SAME,
    "S(r, s) = sum(U[r][i]*l[i]*U[s][i] for i in each(l))",
    "W(r, j) = 2*sum(U[r][pick[i]]*g[i]*Q[i][j] for i in each(g))",
    "C(r, s) = same(r, s) + sum(W(r, j)*W(s, j) for j in each(g))/4",
    "KS(r, s) = sum(K[r][t]*S(t, s) for t in each(l))",
    "KSK(r, s) = sum(KS(r, t)*K[t][s] for t in each(l))",
    "slope(r, j) = sum((K[r][s] - KSK(r, s))*W(s, j) for s in each(l))/4",
    "V(i, p, r, j) = U[r][i]*Q[p][j]",
    "turn(i, p, r, s) = sum(W(r, j)*V(i, p, s, j) + V(i, p, r, j)*W(s, j) for j in each(g))/4",
    "core(i, p, r, s) = sum((KSK(r, t) - K[r][t]/2)*turn(i, p, t, s) for t in each(l))",
    "image(i, p, r, s) = sum(K[r][t]*turn(i, p, t, s) for t in each(l))",
    "pair(i, p, m, n) = sum((K[r][s] - KSK(r, s))*V(i, p, r, j)*V(m, n, s, j) "
    "for r in each(l) for s in each(l) for j in each(g))/4",
    "hessian(i, p, m, n) = pair(i, p, m, n) "
    "+ sum(core(i, p, r, s)*image(m, n, s, r) for r in each(l) for s in each(l))",
)
AT_OPTIMUM = (
    *SPECTRUM,
    "all(pick[i] == i for i in each(g))",
    ABOVE_ONE,
    "all(l[i] != 1 for i in each(l)) and all(l[i] > l[j] for i in each(l) for j in each(l) if i < j)",
    _inverted("l")[0],
    "all(any(first[a] == i and second[a] == j for a in each(D)) for i in each(l) for j in each(g))",
    "sum(1 for a in each(D)) == sum(1 for i in each(l) for j in each(g))",
    "all(L[a][a] == 1 for a in each(D)) and all(L[a][c] == 0 for a in each(D) for c in each(D) if a < c)",
    "all(sum(L[a][t]*D[t]*L[c][t] for t in each(D)) == hessian(first[a], second[a], first[c], second[c]) "
    "for a in each(D) for c in each(D))",
)
PIVOTS_NUMBERS = ("max(D[a] for a in each(D))", "hessian(0, 0, 0, 0)")
IS_STATIONARY = "all(g[i] == 0 or g[i]**2 == l[pick[i]] - 1 for i in each(g)) and all(g[i] >= 0 for i in each(g))"
DESCENT = f"{NO_SLOPE} and hessian(out, into, out, into) < 0"
DESCENT_NUMBERS = ("hessian(out, into, out, into)",)
TWO_COVARIANCES = (
    "all(DA[i] > 0 and DB[i] > 0 and LA[i][i] == 1 and LB[i][i] == 1 for i in each(A))",
    "all(LA[i][j] == 0 and LB[i][j] == 0 for i in each(A) for j in each(A) if i < j)",
    "all(sum(LA[i][l]*DA[l]*LA[j][l] for l in each(A)) == A[i][j] for i in each(A) for j in each(A))",
    "all(sum(LB[i][l]*DB[l]*LB[j][l] for l in each(A)) == B[i][j] for i in each(A) for j in each(A))",
    "all(sum(B[i][l]*inverse[l][j] for l in each(A)) == max(0, 1 - abs(i - j)) for i in each(A) for j in each(A))",
)
TWO_COVARIANCES_OWN = (
    "left = sum(inverse[i][j]*A[j][i] for i in each(A) for j in each(A)) - sum(log(DA[i]) for i in each(A))",
    "right = sum(1 - log(DB[i]) for i in each(A))",
    "direct = sum(B[i][j]*A[j][i] for i in each(A) for j in each(A)) - sum(log(DA[i]) for i in each(A))",
)
COLUMN_OWN = ("added(s, c) = (log(c) + s/c - s)/2", "best(s) = added(s, max(s, 1))")
USABLE_OWN = (
    "size = sum(1 for n in each(x))",
    "mean(r) = sum(2*x[n][r] - 1 for n in each(x))/size",
    "S(r, s) = sum((2*x[n][r] - 1 - mean(r))*(2*x[n][s] - 1 - mean(s)) for n in each(x))/size",
)


def _usable(covariance: str) -> Formula:
    """`usable` eigenvalues of `covariance` are above 1: the positive pivots of it minus the identity."""
    given = (
        "all(x[n][r]*(1 - x[n][r]) == 0 for n in each(x) for r in each(D))",
        "all(L[r][r] == 1 for r in each(D)) and all(L[r][s] == 0 for r in each(D) for s in each(D) if r < s)",
        f"all(sum(L[r][t]*D[t]*L[s][t] for t in each(D)) == {covariance} - max(0, 1 - abs(r - s)) "
        "for r in each(D) for s in each(D))",
    )
    relation = "sum(1 for r in each(D) if D[r] > 0) == usable"
    return Formula(relation, given, ("sum(S(r, r) for r in each(D))", "S(0, 0)"), USABLE_OWN)


POINTS = (
    "all(x[n][r]*(1 - x[n][r]) == 0 for n in each(x) for r in each(x[n]))",
    "all(any(x[n][r] != x[m][r] for r in each(x[n])) for n in each(x) for m in each(x) if n < m)",
    "sum(1 for n in each(x)) == 2**sum(1 for r in each(x[0]))",
)
POINTS_OWN = (
    "y(n, r) = 2*x[n][r] - 1",
    "p(n) = prod(pi[r]*x[n][r] + (1 - pi[r])*(1 - x[n][r]) for r in each(pi))",
    "middle(r) = sum(p(n)*y(n, r) for n in each(x))",
    "S(r, s) = sum(p(n)*(y(n, r) - middle(r))*(y(n, s) - middle(s)) for n in each(x))",
    "sample(r, s) = sum(p(n)*p(t)*(y(n, r) - y(t, r))*(y(n, s) - y(t, s)) for n in each(x) for t in each(x))/4",
    "mixed(n) = sum(share[c]*prod(rate[c][r]*x[n][r] + (1 - rate[c][r])*(1 - x[n][r]) for r in each(v)) "
    "for c in each(share))",
    "center(r) = sum(mixed(n)*y(n, r) for n in each(x))",
    "along = sum(mixed(n)*sum(v[r]*(y(n, r) - center(r)) for r in each(v))**2 for n in each(x))",
    "length = sum(v[r]**2 for r in each(v))",
    "size = sum(1 for n in each(x))",
    "average(r) = sum(y(n, r) for n in each(x))/size",
    "spread = sum(sum(v[r]*(y(n, r) - average(r)) for r in each(v))**2 for n in each(x))/size",
)


def _on_line(expansion: str) -> Formula:
    """That softplus is at most `expansion` on [low, high] and its mirror image."""
    relation = f"all(soft(t) <= {expansion}(t) and soft(-t) <= {expansion}(-t) for t in reals(low, high))"
    return Formula(relation, LINE, (f"soft(low) - {expansion}(low)",), LINE_OWN)


def _in_mean(expansion: str) -> Formula:
    """That the NELBO, from below, is at most what `expansion` gives for softplus."""
    relation = f"all(below(e) <= {expansion}(e) for e in each(D))"
    return Formula(relation, ENCODED, ("below(0)", f"{expansion}(0)"), ENCODED_OWN)


FORMULAS |= {
    "bernoulli-bound/softplus": Formula(
        relation="all(soft(t) <= parabola(t) and soft(-t) <= parabola(-t) for t in reals(low, high)) and "
        "low**2 < 120 and series <= 1/8 and high >= 4",
        given=LINE,
        quantities=("parabola(low) - soft(low)", "series"),
        own=LINE_OWN,
    ),
    "bernoulli-bound/softplus#ninth": _on_line("ninth"),
    "bernoulli-bound/softplus#another-point": _on_line("elsewhere"),
    "bernoulli-bound/every-q": Formula(
        relation="all(above(e) <= surrogate(e) for e in each(D))",
        given=ENCODED,
        quantities=("above(0)", "below(0)", "surrogate(0)"),
        own=ENCODED_OWN,
    ),
    "bernoulli-bound/every-q#ninth": _in_mean("ninth"),
    "bernoulli-bound/every-q#another-point": _in_mean("elsewhere"),
    "bernoulli-bound/best-encoder": Formula(
        relation="all(surrogate(e) == bound + apart(e) and apart(e) >= 0 for e in each(D)) and surrogate(0) == bound",
        given=COMPLETED,
        quantities=("bound", "surrogate(1)", "apart(1)"),
        own=COMPLETED_OWN,
    ),
    "bernoulli-bound/best-encoder#quarter-dropped": Formula(
        relation="all(surrogate(0) <= surrogate(e) for e in each(D))",
        given=(
            ONE_X,
            *ENCODERS,
            "all(sum((same(i, l) + sum(W[r][i]*W[r][l] for r in each(W)))*T[0][l][j] for l in each(T[0])) "
            "== same(i, j) for i in each(T[0]) for j in each(T[0]))",
            "all(m[0][i] == sum(T[0][i][j]*sum(W[r][j]*(x[r] - 1/2 - b[r]/4) for r in each(b)) for j in each(T[0])) "
            "for i in each(T[0]))",
        ),
        quantities=("surrogate(0)", "surrogate(1)"),
        own=COMPLETED_OWN,
    ),
    "bernoulli-bound/every-decoder": Formula(
        relation="nelbo <= bound",
        given=(
            ALL_X,
            BEST_SPREAD,
            *_inverted("b"),
            *ON_NODES,
            "all(strip**2*variance(r) <= 9/4 for r in each(b))",
        ),
        quantities=("nelbo", "bound"),
        own=DECODED_OWN,
    ),
    "bernoulli-bound/every-decoder#ninth": Formula(
        relation="surprise <= nine",
        given=(ALL_X, *ON_NODES, "all(strip**2*W[r][0]**2 <= 9/4 for r in each(b))"),
        quantities=("surprise", "nine"),
        own=DECODED_OWN,
    ),
    "bernoulli-bound/optimum": Formula(
        relation=f"{NO_GRADIENT} and bound == value",
        given=(*SPECTRUM, ABOVE_ONE, *_inverted("l")),
        quantities=("bound", "value", "sum(W(r, 0)**2 for r in each(l))"),
        own=CLOSED_OWN,
    ),
    "bernoulli-bound/optimum#noise-kept": Formula(
        relation=NO_GRADIENT,
        given=(*SPECTRUM, "all(g[j] >= 0 and g[j]**2 == l[j] for j in each(g))", _inverted("l")[0]),
        quantities=("slope(0, 0)",),
        own=CLOSED_OWN,
    ),
    "bernoulli-bound/optimum-of-data": Formula(
        relation=f"{NO_GRADIENT} and fitted == value and "
        "sum(l[i] for i in each(l)) == sum(1 - mean[r]**2 for r in each(l))",
        given=FROM_BITS,
        quantities=("fitted", "value"),
        own=CLOSED_OWN,
    ),
    "bernoulli-bound/optimum-of-data#doubled": Formula(
        relation="fitted == 2*value - constant", given=FROM_BITS, quantities=("fitted", "value"), own=CLOSED_OWN
    ),
    "bernoulli-bound/minimum": Formula(
        relation="all(value <= bound(e) for e in each(b))",
        given=SEVERAL,
        quantities=("value", "min(bound(e) for e in each(b))"),
        own=SEVERAL_OWN,
    ),
    "bernoulli-bound/minimum#one-latent-fewer": Formula(
        relation="all(early <= bound(e) for e in each(b))",
        given=SEVERAL,
        quantities=("early", "min(bound(e) for e in each(b))"),
        own=SEVERAL_OWN,
    ),
    "bernoulli-bound/second-order": Formula(
        relation=f"{NO_SLOPE} and all(D[a] >= 0 for a in each(D)) and sum(1 for a in each(D) if D[a] == 0) == "
        "sum(1 for i in each(g) for j in each(g) if i < j and g[i] > 0)",
        given=AT_OPTIMUM,
        quantities=PIVOTS_NUMBERS,
        own=BENT_OWN,
    ),
    "bernoulli-bound/second-order#isolated": Formula(
        relation=f"{NO_SLOPE} and all(D[a] > 0 for a in each(D))",
        given=AT_OPTIMUM,
        quantities=PIVOTS_NUMBERS,
        own=BENT_OWN,
    ),
    "bernoulli-bound/saddles": Formula(
        relation=DESCENT,
        given=(
            *SPECTRUM,
            IS_STATIONARY,
            "all(pick[i] != pick[j] for i in each(g) for j in each(g) if i < j)",
            _inverted("l")[0],
            "all(implies(pick[i] == out, g[i] == 0) for i in each(g)) and l[out] > 1 + g[into]**2",
        ),
        quantities=DESCENT_NUMBERS,
        own=BENT_OWN,
    ),
    "bernoulli-bound/saddles#also-the-largest": Formula(
        relation=DESCENT,
        given=(
            *SPECTRUM,
            IS_STATIONARY,
            "all(pick[i] == i for i in each(g))",
            _inverted("l")[0],
            "all(pick[i] != out for i in each(g))",
        ),
        quantities=DESCENT_NUMBERS,
        own=BENT_OWN,
    ),
    "bernoulli-bound/entropy-completion": Formula(
        relation="right <= left and iff(left == right, all(A[i][j] == B[i][j] for i in each(A) for j in each(A)))",
        given=TWO_COVARIANCES,
        quantities=("left", "right"),
        own=TWO_COVARIANCES_OWN,
    ),
    "bernoulli-bound/entropy-completion#not-inverted": Formula(
        relation="right <= direct",
        given=TWO_COVARIANCES,
        quantities=("direct", "right"),
        own=TWO_COVARIANCES_OWN,
    ),
    "bernoulli-bound/eigenvalue-rule": Formula(
        relation="all(iff(l[j] > 1, best(l[j]) < 0) for j in each(l)) and "
        "all(implies(l[j] <= 1, added(l[j], c) > 0) for j in each(l) for c in reals(low, high)) and "
        "all(implies(l[j] <= 1, c - l[j] >= 0) for j in each(l) for c in reals(1, low)) and log(high) > 1",
        given=("1 < low and low < high", "all(l[j] > 0 for j in each(l))"),
        quantities=("min(best(l[j]) for j in each(l))", "added(l[0], high)"),
        own=COLUMN_OWN,
    ),
    "bernoulli-bound/eigenvalue-rule#above-one-half": Formula(
        relation="all(implies(l[j] > 1/2, any(added(l[j], tried[i]) < 0 for i in each(tried))) for j in each(l))",
        given=("all(tried[i] > 1 for i in each(tried))", "all(l[j] > 0 for j in each(l))"),
        quantities=("added(l[0], tried[0])",),
        own=COLUMN_OWN,
    ),
    "bernoulli-bound/usable-latents": _usable("S(r, s)"),
    "bernoulli-bound/usable-latents#covariance-of-x": _usable("S(r, s)/4"),
    "bernoulli-bound/independence": Formula(
        relation="all(S(r, s) == 0 and sample(r, s) == 0 for r in each(pi) for s in each(pi) if r != s) and "
        "all(S(r, r) == 4*pi[r]*(1 - pi[r]) and S(r, r) <= 1 and sample(r, r) == S(r, r)/2 for r in each(pi))",
        given=(*POINTS, "all(0 <= pi[r] and pi[r] <= 1 for r in each(pi))"),
        quantities=("max(S(r, r) for r in each(pi))", "max(sample(r, r) for r in each(pi))"),
        own=POINTS_OWN,
    ),
    "bernoulli-bound/independence#given-the-latent": Formula(
        relation="along <= length",
        given=(
            *POINTS,
            "sum(share[c] for c in each(share)) == 1 and all(share[c] >= 0 for c in each(share))",
            "all(0 <= rate[c][r] and rate[c][r] <= 1 for c in each(share) for r in each(v))",
        ),
        quantities=("along", "length"),
        own=POINTS_OWN,
    ),
    "bernoulli-bound/independence#in-every-sample": Formula(
        relation="spread <= length", given=POINTS[:1], quantities=("spread", "length"), own=POINTS_OWN
    ),
}


def needed(where: Iterable[str], texts: Iterable[str]) -> list[str]:
    """The definitions of `where`, in their order, that `texts` use, directly or through others."""
    definitions = {match[1]: text for text in where if (match := _DEFINITION.fullmatch(text))}
    used: set[str] = set()
    new = frozenset().union(*(_names(text) for text in texts))
    while new := new - used:
        used |= new
        new = frozenset().union(*(_names(definitions[name]) for name in new if name in definitions))
    return [text for name, text in definitions.items() if name in used]


def _same_text(text: str) -> str:
    """White space and nothing else is left out of account."""
    return " ".join(re.findall(r"\w+|[^\w\s]", text))


# --- certificates -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Result:
    """What was re-checked and found to be as the certificate says."""

    claim: str
    verdict: str
    note: str

    def __str__(self) -> str:
        word = "refuted as stated" if self.verdict == "REFUTED" else "holds"
        return f"{word}: {self.claim} {self.verdict}, {self.note}"


def canonical(value: Any) -> str:
    """The text of which sha256 is taken."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def check(certificate: str | Mapping[str, Any]) -> Result:
    """Recompute everything that a certificate (JSON text, or the object) says. Raises Refused with the reason."""
    try:
        data = _read(certificate) if isinstance(certificate, str) else dict(certificate)
        _check_form(data)
        _check_hash(data)
        _check_pin(data)
        note = _check_formula(data)
        return _recompute(data, note)
    except (RecursionError, MemoryError):
        raise Refused("nested too deeply or too large") from None


def _read(text: str) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            _refuse("a key stands twice in one object")
        return dict(pairs)

    def whole(digits: str) -> int:
        return int(digits) if len(digits) <= DIGITS else _refuse("a long JSON number")

    def no_number(word: str) -> NoReturn:
        _refuse(f"a JSON number that is no integer: {word[:40]} (exact numbers are strings)")

    if len(text) > FILE:
        _refuse(f"longer than {FILE} characters")
    try:
        data = json.loads(
            text, object_pairs_hook=once, parse_int=whole, parse_float=no_number, parse_constant=no_number
        )
    except ValueError as error:
        _refuse(f"not JSON: {error}")
    if not isinstance(data, dict):
        _refuse("not a JSON object")
    return data


def _check_form(data: dict[str, Any]) -> None:
    """The schema, exactly its fields, and their types."""
    schema = data.get("schema")
    name, _, version = schema.partition("/") if isinstance(schema, str) else ("", "", "")
    if name != SCHEMA or not re.fullmatch(r"[1-9][0-9]{0,5}", version):
        _refuse(f"not a certificate: wanted schema {SCHEMA}/{VERSION}, got {str(schema)[:60]!r}")
    if int(version) > VERSION:
        _refuse(f"made by a newer version (schema {schema}; this file knows {SCHEMA}/{VERSION})")
    missing, extra = (
        [field for field in FIELDS if field not in data],
        sorted(str(key) for key in data.keys() - set(FIELDS)),
    )
    if missing or extra:
        _refuse(
            "; ".join(
                f"{word} field {names[0][:40]!r}" for word, names in (("missing", missing), ("unknown", extra)) if names
            )
        )
    for field in ("claim", "relation", "verdict", "sha256"):
        _want(isinstance(data[field], str), f"{field} is a string")
    for field in ("where", "given"):
        _want(
            isinstance(data[field], list) and all(isinstance(text, str) for text in data[field]),
            f"{field} lists strings",
        )
    _want(
        re.fullmatch(r"[\w.-]+/[\w./-]+(#[\w.-]+)?", data["claim"], re.ASCII) is not None,
        "claim reads paper/name or paper/name#control",
    )
    _want(data["verdict"] in VERDICTS, f"verdict is one of {', '.join(VERDICTS)}")
    for field in ("instance", "quantities"):
        _want(
            isinstance(data[field], dict) and all(isinstance(key, str) for key in data[field]), f"{field} is an object"
        )
    for name, enclosure in data["quantities"].items():
        fits = isinstance(enclosure, dict) and enclosure.keys() == {"lower", "upper", "digits"}
        fits = fits and isinstance(enclosure["lower"], str) and isinstance(enclosure["upper"], str)
        fits = fits and type(enclosure["digits"]) is int and enclosure["digits"] == DIGITS
        _want(fits, f"quantity {name[:40]!r} has lower and upper (strings) and digits {DIGITS}")
    _want(_count(list(data["instance"].values()), 0) <= LENGTH, f"instance holds at most {LENGTH} numbers")
    _want(len(data["where"]) + len(data["given"]) + len(data["quantities"]) <= DEPTH, f"at most {DEPTH} expressions")


def _want(fits: bool, what: str) -> None:
    if not fits:
        _refuse(f"malformed: {what}")


def _count(value: Any, depth: int) -> int:
    """How many strings lists of lists hold; refuses other types, empty lists and deep ones."""
    if isinstance(value, str):
        return 1
    _want(
        type(value) is list and depth < 6 and (depth == 0 or len(value) > 0), "instance has strings in non-empty lists"
    )
    return sum(_count(item, depth + 1) for item in value)


def _check_hash(data: Mapping[str, Any]) -> None:
    rest = {key: value for key, value in data.items() if key != "sha256"}
    if hashlib.sha256(canonical(rest).encode()).hexdigest() != data["sha256"]:
        _refuse("altered: sha256 is not that of the rest")


def pin(certificate: Mapping[str, Any]) -> str:
    """The decimal that pins a certificate: every digit of it, also those on which no quantity depends.

    The first 15 hexadecimal digits, as a number, of the sha256 of the canonical JSON of everything but itself and the
    field ``sha256``.
    """
    quantities = {text: each for text, each in certificate["quantities"].items() if text != PIN}
    rest = {**{field: value for field, value in certificate.items() if field != "sha256"}, "quantities": quantities}
    return decimal(int(hashlib.sha256(canonical(rest).encode()).hexdigest()[:15], 16), up=False)


def _check_pin(data: Mapping[str, Any]) -> None:
    _want(PIN in data["quantities"], f"quantities with {PIN!r}")
    if {data["quantities"][PIN]["lower"], data["quantities"][PIN]["upper"]} != {pin(data)}:
        _refuse(f"altered: {PIN} is not that of the rest")


# How many entries each list has: one letter for each level, the same letter for the same number, ? for any.
SHAPES: dict[str, dict[str, str]] = {
    "vae-error/": dict(pd="x", h="x", nu="xn", theta="zn", prior="z", k="z", psi="zm", gamma="xm"),
    "vae-error/prop-a1": dict(C="nx", c="x"),
    "vae-error/thm-2": dict(C="nx", c="x", E="mz", e="z"),
    "vae-error/thm-1": dict(b="?z", c="?xz"),
    "vae-error/thm-1-converse": dict(expW="nm", expu="n", expv="m"),
    "vae-error/cor-1": dict(b="?z", a="?x", tables="?xm"),
    "vae-error/cor-1-statistics": dict(small="zs"),
    "vae-error/cor-2": dict(w="nm", u="n", v="m"),
    "vae-error/cor-2#": dict(base="2", a="2", b="2", bits="42", labels="?4", mixing="4"),
    "vae-error/cor-2-gap": dict(centre="42", corner="2"),
    "vae-error/example-a1": dict(nu="42", psi="42", pd="4", prior="4"),
    "vae-error/example-a1-limit": dict(point="42", image="42", hat="44"),
    "vae-error/sec-3-1-bernoulli": dict(expW="nm", expu="n", expv="m", b="?z"),
    "vae-error/sec-3-1-gaussian": dict(
        W="rj", u="r", v="j", w="j", Sxx="rr", Sxz="rj", Szz="jj", mx="r", mz="j", L="jj", D="j"
    ),
    "vae-error/sec-3-1-hashing": dict(counts="xw", expW="wm", expu="w", expv="m", b="?z"),
    "vae-error/two-bit-gap": dict(one="2", two="2", p="22", encoder="22"),
    "vae-error/witness-gap": dict(b="z"),
    "linear-vae/": dict(U="rr", l="r", a="r"),
    "linear-vae/stationary-points": dict(J="nr", T="nrj", H="nrj"),
    "linear-vae/all-stationary-points": dict(W="rj", Q="rr"),
    "linear-vae/likelihood-maximum": dict(J="r", T="rj", Z="jj", L="ee", D="e"),
    "linear-vae/elbo-stationary-points": dict(J="nr", T="nrj", H="nrj"),
    "linear-vae/all-elbo-stationary-points": dict(S="rr", W="rj", Q="rr", N="jj"),
    "linear-vae/elbo-mixed-stationary-points": dict(W="rj", V="jr"),
    "linear-vae/elbo-maximum": dict(J="r", T="rj", eV="ejr", eD="ej", eW="erj", L="ee", P="e"),
    "linear-vae/elbo-gap": dict(S="rr", W="rj", Q="rr", N="jj", G="rr", g="r", L="jj", m="j"),
    "linear-vae/best-encoder": dict(W="rj", V="jr", D="j", N="jj"),
    "linear-vae/max-elbo": dict(J="r", T="rj", pW="nrj", pV="njr", pD="nj", pS="n"),
    "linear-vae/collapse": dict(J="r", T="rj"),
    "linear-vae/consistent-set": dict(W="rj", N="jj", L="jj", m="j"),
    "public/": dict(encoder="s", posterior="s"),
    "bernoulli-bound/every-q": dict(x="r", b="r", W="rj", m="ej", T="ejj", L="ejj", D="ej"),
    "bernoulli-bound/best-encoder": dict(
        x="r", b="r", W="rj", m="ej", T="ejj", L="ejj", D="ej", Sigma="jj", K="rr", LC="rr", DC="r"
    ),
    "bernoulli-bound/every-decoder": dict(x="nr", b="r", W="rj", Sigma="jj", K="rr", LC="rr", DC="r"),
    "bernoulli-bound/optimum": dict(U="rr", l="r", mean="r", g="j", Q="jj", K="rr", LC="rr", DC="r", x="nr", pd="n"),
    "bernoulli-bound/minimum": dict(U="rr", l="r", mean="r", W="erj", b="er", K="err", LC="err", DC="er"),
    "bernoulli-bound/s": dict(U="rr", l="r", Q="jj", g="j", pick="j", K="rr", L="aa", D="a", first="a", second="a"),
    "bernoulli-bound/entropy-completion": dict(A="ii", B="ii", inverse="ii", LA="ii", LB="ii", DA="i", DB="i"),
    "bernoulli-bound/usable-latents": dict(x="nr", L="rr", D="r"),
    "bernoulli-bound/independence": dict(x="nr", pi="r", share="c", rate="cr", v="r"),
    "infovae/": dict(pd="x", prior="z", decoder="xz", encoder="xz", kernel="zz", lower="zz", pivots="z"),
    "infovae/prop-2-optimum": dict(encoders="nxz", decoders="nxz"),
    "infovae/mmd-strict": dict(qz="z", pz="z", points="zi"),
    "infovae/mmd-estimators": dict(qz="z", pz="z", left="?m", right="?n"),
}


def _check_shapes(data: Mapping[str, Any]) -> None:
    """That lists which belong together are equally long: a formula runs over one of them and reads the others."""
    wanted: dict[str, str] = {}
    for prefix, shapes in SHAPES.items():
        wanted |= shapes if data["claim"].startswith(prefix) else {}
    sizes = {letter: int(letter) for letter in "24"}
    for name, value in sorted(data["instance"].items()):
        shape = _shape(value, name)
        letters = wanted.get(name)
        if letters is None:
            continue
        if len(letters) != len(shape):
            _refuse(f"{name!r} is nested {len(shape)} deep, not {len(letters)}")
        for letter, size in zip(letters, shape, strict=True):
            if letter != "?" and sizes.setdefault(letter, size) != size:
                _refuse(f"{name!r} has {size} entries where {sizes[letter]} are wanted")


def _shape(value: Any, name: str) -> tuple[int, ...]:
    """The lengths of nested lists, which must be rectangular."""
    if not isinstance(value, list):
        return ()
    inner = {_shape(entry, name) for entry in value}
    if len(inner) != 1:
        _refuse(f"{name!r} is ragged")
    return (len(value), *inner.pop())


def _check_formula(data: Mapping[str, Any]) -> str:
    """That the file states the theorem whose id it carries, and carries what that needs and nothing else."""
    claim, where, given, relation = data["claim"], data["where"], data["given"], data["relation"]
    quantities = [text for text in data["quantities"] if text != PIN]
    texts = (relation, *given, *quantities)
    if where != needed(where, texts):
        _refuse("where holds a definition that is not needed, stands twice or is none")
    unused = data["instance"].keys() - frozenset().union(*(_names(text) for text in (*where, *texts)))
    if unused:
        _refuse(f"instance holds {min(unused)[:40]!r}, which nothing uses")
    formula = FORMULAS.get(claim)
    if formula is None:
        if claim.partition("/")[0].casefold().replace("_", "-").strip(".-") in PAPERS:
            _refuse(f"no shipped claim is called {claim[:80]!r}")
        stated = _signature(where, relation)
        for known, other in FORMULAS.items():
            if stated == _signature(other.where, other.relation):
                _refuse(f"this is the relation of {known!r} under another name")
        return "relation as stated by the file"
    for part, found, own in (
        ("relation", [relation], [formula.relation]),
        ("where", where, formula.where),
        ("given", given, list(formula.given)),
        ("quantities", sorted(quantities), sorted(formula.quantities)),
    ):
        if [_same_text(text) for text in found] != [_same_text(text) for text in own]:
            _refuse(f"{part} is not that of {claim!r}")
    _check_shapes(data)
    if "#" in claim and data["verdict"] != "REFUTED":
        _refuse("a control certifies nothing unless it is refuted")
    return "the relation of the theorem"


def _signature(where: Sequence[str], relation: str) -> list[str]:
    return [_same_text(text) for text in (*needed(where, (relation,)), relation)]


def _recompute(data: Mapping[str, Any], note: str) -> Result:
    program = Program(data["instance"], data["where"])
    quantities = {text: enclosure for text, enclosure in data["quantities"].items() if text != PIN}
    exact = True
    for text in data["given"]:
        truth, how = program.decide(text)
        exact = exact and how
        if truth is not True:
            _refuse(f"the hypothesis {text!r} {'does not hold' if truth is False else 'is not decided'}")
    truth, how = program.decide(data["relation"])
    if truth is None:
        _refuse("the relation is not decided")
    verdict = "REFUTED" if truth is False else "PROVED" if exact and how else "CERTIFIED"
    if verdict != data["verdict"] and (verdict, data["verdict"]) != ("PROVED", "CERTIFIED"):  # that says less, truly
        _refuse(f"the verdict is {verdict}, not {data['verdict']}")
    for text, enclosure in quantities.items():
        _check_quantity(program, text, enclosure)
    return Result(claim=data["claim"], verdict=verdict, note=note)


def _around(text: str) -> tuple[str, str]:
    """The decimals next to one that is exact: what intervals say of it, which never tell that it is."""
    value = Fraction(text)
    tiny = Fraction(1, 10**600)
    return decimal(value - tiny, up=False), decimal(value + tiny, up=True)


def _check_quantity(program: Program, text: str, enclosure: Mapping[str, Any]) -> None:
    lower, upper = program.enclose(text)
    stated = enclosure["lower"], enclosure["upper"]
    if stated != (lower, upper) and (lower != upper or stated != _around(lower)):
        _refuse(f"{text!r} lies in [{lower}, {upper}], not {enclosure['lower'][:40]!r} to {enclosure['upper'][:40]!r}")


# --- command line -----------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(64, f"recheck: {' '.join(message.split())}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """One line a certificate; 0: all accepted, 1: one does not hold, was altered or is malformed, 64: unreadable."""
    parser = _Parser(prog="recheck", description="Recompute certificates from their exact instances.")
    parser.add_argument("paths", nargs="+", metavar="CERTIFICATE", help="a file, or a folder of *.json files")
    parser.add_argument("--quiet", action="store_true", help="print the certificates that are refused, and no others")
    try:
        options = parser.parse_args(argv)
        files = [path for word in options.paths for path in _files(Path(word))]
        codes = [_report(path, options.quiet) for path in files]
    except BrokenPipeError:
        sys.stdout = None  # nobody reads it; python would complain once more at exit
        return 141
    except OSError as error:
        print(f"recheck: cannot read {error.filename}: {error.strerror}", file=sys.stderr)
        return 64
    except SystemExit as stop:
        return int(stop.code or 0)
    except KeyboardInterrupt:
        return 130
    if len(codes) > 1 and not options.quiet:
        print(f"{codes.count(0)} of {len(codes)} certificates are accepted, {codes.count(1)} refused")
    return max(codes)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        if path.exists() and not path.is_file():
            raise OSError(0, "neither a file nor a folder", os.fspath(path))
        path.open("rb").close()
        return [path]
    found = sorted(path.rglob("*.json"))
    if not found:
        raise OSError(0, "no *.json file in this folder", os.fspath(path))
    return found


def _report(path: Path, quiet: bool) -> int:
    with path.open("rb") as file:
        raw = file.read(FILE + 1)
    try:
        result = check(raw.decode("utf-8"))
        accepted = (
            result.verdict != "REFUTED" or "#" in result.claim
        )  # a control is there to be refuted, a claim is not
        line = str(result) if accepted else f"the claim does not hold: {result}"
    except UnicodeDecodeError:
        line, accepted = "refused: not UTF-8 text", False
    except Refused as reason:
        line, accepted = f"refused: {reason}", False
    if not (quiet and accepted):
        print(f"{path}: {line}".encode("ascii", "backslashreplace").decode("ascii"))
    return 0 if accepted else 1


if __name__ == "__main__":
    sys.exit(main())
