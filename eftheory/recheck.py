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
    "public/": dict(encoder="s", posterior="s"),
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
