"""Formulas written by users: text in, SymPy expression out, nothing executed.

Python's own parser gives the tree; only arithmetic, known names and known functions pass. Numbers are exact
rationals (``0.1`` is 1/10), ``^`` means power, and whatever would blow up (``9**9**9``) is refused before it is built.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import sympy as sp

from eftheory.errors import MisuseError, unknown

LENGTH = 1000
"""Characters of one formula."""
DEPTH = 100
"""Levels of the syntax tree."""
EXPONENT = 100
"""Largest exponent that is a number."""
DEGREE = 1000
"""Largest product of nested exponents."""
MAGNITUDE = sp.Float("1e300")
"""Constants have absolute values between its inverse and this."""
ARGUMENT = 1000
"""Largest constant argument of factorial and its relatives."""
TOWER = 2
"""How many exponentials may be nested."""

SUM: Any = sp.Function("sum")
"""``sum(e)`` of a vector: the sum of e over all components, kept unevaluated."""

Value: TypeAlias = "sp.Expr | str | tuple[Any, ...]"
"""What a keyword of a call may hold: a formula, a reserved word, or a list of values."""

CONSTANTS: dict[str, sp.Expr] = {"pi": sp.pi, "e": sp.E}

EXTREMES = 8
"""Arguments of one minimum or maximum: SymPy compares them pairwise."""

_ONE, _TWO, _MANY = range(1, 2), range(2, 3), range(2, 100)
FUNCTIONS: dict[str, tuple[range, Callable[..., sp.Expr]]] = {
    "log": (_ONE, sp.log),
    "exp": (_ONE, sp.exp),
    "sqrt": (_ONE, sp.sqrt),
    "abs": (_ONE, sp.Abs),
    "sin": (_ONE, sp.sin),
    "cos": (_ONE, sp.cos),
    "tanh": (_ONE, sp.tanh),
    "sign": (_ONE, sp.sign),
    "floor": (_ONE, sp.floor),
    "factorial": (_ONE, sp.factorial),
    "binomial": (_TWO, sp.binomial),
    "gamma": (_ONE, sp.gamma),
    "loggamma": (_ONE, sp.loggamma),
    "sum": (_MANY, sp.Add),
    "min": (range(2, 5), sp.Min),
    "max": (range(2, 5), sp.Max),
}
_FACTORIALS = ("factorial", "binomial", "gamma", "loggamma")
_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: sp.Lt, ast.LtE: sp.Le, ast.Gt: sp.Gt, ast.GtE: sp.Ge, ast.Eq: sp.Eq, ast.NotEq: sp.Ne,
}  # fmt: skip
_KINDS = {
    ast.Attribute: "attributes",
    ast.Lambda: "lambdas",
    ast.Subscript: "subscripts",
    ast.Compare: "comparisons",
    ast.List: "lists",
    ast.Tuple: "tuples",
    ast.Starred: "starred arguments",
    ast.NamedExpr: "assignments",
    ast.IfExp: "conditions",
}


def parse_expression(
    text: str,
    variables: Mapping[str, sp.Expr],
    *,
    subscripts: Mapping[str, sp.Expr] | None = None,
    aggregate: bool = False,
    comparison: bool = False,
) -> Any:
    """The SymPy expression that `text` denotes, in the symbols of `variables`.

    subscripts: what ``x[i]`` and the like stand for. aggregate: allow ``sum(e)`` over the components (see `SUM`).
    comparison: allow one relation ``a < b`` at the top. Raises MisuseError naming the smallest piece that does not
    pass: unknown names and functions, anything but arithmetic, numbers that are not finite, real and of sensible size.
    """
    source = _Source(text, "an expression in " + ", ".join([*variables, *(subscripts or {})]))
    reader = _Reader(source, variables.get, subscripts or {}, aggregate, variables)
    body = source.tree()
    if comparison and isinstance(body, ast.Compare) and len(body.ops) == 1 and type(body.ops[0]) in _COMPARISONS:
        left, right = reader.read(body.left), reader.read(body.comparators[0])
        return _COMPARISONS[type(body.ops[0])](left, right)
    return reader.read(body)


@dataclass(frozen=True)
class Call:
    """``name(a + b, c, key=value)`` taken apart; each positional argument as the tuple of its summands.

    called: False for a bare name without parentheses.
    """

    name: str
    arguments: tuple[tuple[sp.Expr, ...], ...] = ()
    keywords: Mapping[str, Value] = field(default_factory=dict)
    called: bool = True


def parse_call(text: str, symbol: Callable[[str, str], sp.Expr | None], *, words: frozenset[str] = frozenset()) -> Call:
    """The parts of the one-line notation ``normal(20, variance=1)``.

    symbol(role, name): what a bare name stands for, None when it is not known; role is the keyword, "" for positional
    arguments. words: reserved words that keywords may hold, kept as text. Raises MisuseError.
    """
    source = _Source(text, "a name with arguments such as normal(20, variance=1)")
    body = source.tree()
    if isinstance(body, ast.Name):
        return Call(body.id, called=False)
    if not isinstance(body, ast.Call):
        raise source.refuse(body)
    if not isinstance(body.func, ast.Name):
        raise source.refuse(body.func)

    def value(role: str, node: ast.expr) -> Value:
        if isinstance(node, ast.List | ast.Tuple):
            return tuple(value(role, item) for item in node.elts)
        if isinstance(node, ast.Name) and node.id in words:
            return node.id
        return _Reader(source, lambda name: symbol(role, name), {}, False).read(node)

    keywords: dict[str, Value] = {}
    for keyword in body.keywords:
        if keyword.arg is None or keyword.arg in keywords:
            raise source.refuse(keyword, "give each parameter once, by its name")
        keywords[keyword.arg] = value(keyword.arg, keyword.value)
    reader = _Reader(source, lambda name: symbol("", name), {}, False)
    arguments = tuple(tuple(reader.read(term) for term in _summands(arg)) for arg in body.args)
    return Call(body.func.id, arguments, keywords)


def _summands(node: ast.expr) -> list[ast.expr]:
    terms: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        terms.append(node.right)
        node = node.left
    return [node, *reversed(terms)]


class _Source:
    """The text, its tree, and errors that point into it."""

    def __init__(self, text: str, wanted: str) -> None:
        self.wanted = wanted
        if not isinstance(text, str):
            raise MisuseError(wanted=wanted, got=f"a {type(text).__name__}", do="write it as text")
        if len(text) > LENGTH:
            raise MisuseError(wanted=wanted, got=f"{len(text)} characters", do=f"keep it below {LENGTH} characters")
        self.text = text.strip().replace("^", "**")

    def tree(self) -> ast.expr:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(self.text, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            column = getattr(error, "offset", None)
            where = f" at column {column}" if column and self.text else ""
            raise MisuseError(wanted=self.wanted, got=_quote(self.text) + where, do="write one formula") from None

    def piece(self, node: ast.AST) -> str:
        if isinstance(node, ast.Attribute):
            return "." + node.attr
        return ast.get_source_segment(self.text, node) or ast.unparse(node)

    def refuse(self, node: ast.AST, do: str = "") -> MisuseError:
        kind = _KINDS.get(type(node), "operations of this kind")
        do = do or f"{kind} are not allowed here; use numbers, + - * / ^ and functions such as log, exp, abs"
        return MisuseError(wanted=self.wanted, got=_quote(self.piece(node)), do=do)


class _Reader:
    """Recursion over the syntax tree; every value is checked as soon as it is built."""

    def __init__(
        self,
        source: _Source,
        lookup: Callable[[str], sp.Expr | None],
        subscripts: Mapping[str, sp.Expr],
        aggregate: bool,
        known: Iterable[str] = (),
    ) -> None:
        self.source, self.lookup, self.subscripts, self.aggregate = source, lookup, subscripts, aggregate
        self.known = tuple(known)

    def read(self, node: ast.expr, depth: int = 0) -> sp.Expr:
        if depth > DEPTH:
            raise self.source.refuse(node, f"nest at most {DEPTH} levels")
        value = self.build(node, depth + 1)
        self.check(node, value)
        return value

    def build(self, node: ast.expr, depth: int) -> sp.Expr:
        if isinstance(node, ast.Constant):
            return self.number(node)
        if isinstance(node, ast.Name):
            return self.name(node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            inner = self.read(node.operand, depth)
            return -inner if isinstance(node.op, ast.USub) else inner
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](self.read(node.left, depth), self.read(node.right, depth))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            return self.power(node, depth)
        if isinstance(node, ast.Call):
            return self.call(node, depth)
        if isinstance(node, ast.Subscript) and self.subscripts:
            return self.name(ast.unparse(node))
        raise self.source.refuse(node)

    def number(self, node: ast.Constant) -> sp.Expr:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise self.source.refuse(node, "only real numbers are allowed here")
        if isinstance(node.value, int):
            return sp.Integer(node.value)
        literal = self.source.piece(node).replace("_", "")
        digits = re.search(r"[eE]([+-]?\d+)$", literal)
        if digits and abs(int(digits[1])) > 300:
            raise self.source.refuse(node, "use numbers between 1e-300 and 1e300")
        return sp.Rational(literal)

    def name(self, name: str) -> sp.Expr:
        value = self.subscripts.get(name)
        value = self.lookup(name) if value is None else value
        value = CONSTANTS.get(name) if value is None else value
        if value is not None:
            return value
        if name in FUNCTIONS:
            raise MisuseError(wanted=self.source.wanted, got=repr(name), do=f"give it an argument: {name}(...)")
        raise unknown("name", name, [*self.known, *self.subscripts, *CONSTANTS])

    def power(self, node: ast.BinOp, depth: int) -> sp.Expr:
        base, exponent = self.read(node.left, depth), self.read(node.right, depth)
        if exponent.is_number and not bool(abs(exponent) <= EXPONENT):
            raise self.source.refuse(node, f"use exponents between -{EXPONENT} and {EXPONENT}")
        return sp.Pow(base, exponent)

    def call(self, node: ast.Call, depth: int) -> sp.Expr:
        if not isinstance(node.func, ast.Name):
            raise self.source.refuse(node.func)
        name = node.func.id
        if name not in FUNCTIONS:
            raise unknown("function", name, FUNCTIONS)
        if node.keywords:
            raise self.source.refuse(node, f"{name} takes no keyword arguments")
        arguments = [self.read(arg, depth) for arg in node.args]
        if name == "sum" and self.aggregate and len(arguments) == 1:
            if not arguments[0].free_symbols:
                raise self.source.refuse(node, "sum something that depends on the variable")
            return SUM(arguments[0])
        allowed, function = FUNCTIONS[name]
        if len(arguments) not in allowed:
            count = f"{allowed.start}" if len(allowed) == 1 else f"{allowed.start} to {allowed.stop - 1}"
            raise self.source.refuse(node, f"{name} takes {count} argument{'s' if count != '1' else ''}")
        if name in _FACTORIALS and any(a.is_number and not bool(abs(a) <= ARGUMENT) for a in arguments):
            raise self.source.refuse(node, f"use arguments of {name} up to {ARGUMENT}")
        return function(*arguments)

    def check(self, node: ast.expr, value: sp.Expr) -> None:
        """Refuses what is not real, not finite, or too large to compute with."""
        if value.has(sp.zoo, sp.nan, sp.oo, -sp.oo, sp.I):
            raise self.source.refuse(node, "it is not a finite real number")
        if value.is_number and value != 0:
            size = abs(value.evalf(15))
            if not value.evalf(15).is_extended_real:
                raise self.source.refuse(node, "it is not a finite real number")
            if not (1 / MAGNITUDE < size < MAGNITUDE):
                raise self.source.refuse(node, "use numbers between 1e-300 and 1e300")
        if _degree(value) > DEGREE:
            raise self.source.refuse(node, f"keep the product of nested exponents up to {DEGREE}")
        if any(len(extreme.args) > EXTREMES for extreme in value.atoms(sp.Min, sp.Max)):
            raise self.source.refuse(node, f"compare at most {EXTREMES} terms")
        if _tower(value) > TOWER:
            raise self.source.refuse(node, f"nest at most {TOWER} exponentials or factorials")


def _degree(expr: sp.Expr) -> sp.Expr:
    """The degree of the expression as if fully multiplied out, from above."""
    inner = [_degree(arg) for arg in expr.args]
    if isinstance(expr, sp.Pow) and expr.exp.is_Rational:
        return inner[0] * max(abs(expr.exp), 1)
    if isinstance(expr, sp.Mul):
        return sum(inner, sp.Integer(0))
    return max(inner, default=sp.Integer(int(bool(expr.free_symbols))))


def _tower(expr: sp.Expr) -> int:
    """How many exponentials (or factorials) of the variable are nested."""
    if not expr.free_symbols:
        return 0
    power = isinstance(expr, sp.Pow) and bool(expr.exp.free_symbols)
    grows = power or isinstance(expr, sp.exp | sp.factorial | sp.gamma)
    return max(map(_tower, expr.args), default=0) + int(grows)


def _quote(text: str, limit: int = 80) -> str:
    return repr(text if len(text) <= limit else text[: limit - 3] + "...")
