"""Functions of the latent variables as vectors, so that "lies in the span of" is linear algebra.

On a finite space a function is its table of values. On an infinite one it is written in monomials that are known to
be linearly independent: powers, ``exp`` and logarithms of distinct irreducible polynomials, Fourier modes on circles.
Everything else is `Unknown`; nothing is decided by `simplify`.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from eftheory.derive.zero import split_logs
from eftheory.families.support import Circle, Interval, Simplex, Support


class Unknown(Exception):
    """A function that has no normal form here."""


Vector = dict[sp.Basic, sp.Expr]
"""Coordinates: monomial (or point) to coefficient."""


class Space:
    """Functions on a product of latent units.

    variables and supports: one tuple of symbols and one support for each unit; points: all of them when finite.
    """

    def __init__(
        self,
        units: Sequence[tuple[tuple[sp.Symbol, ...], Support]],
        points: Sequence[tuple[sp.Expr, ...]] | None,
    ) -> None:
        self.variables = tuple(v for variables, _ in units for v in variables)
        self.points = points
        self._rules: list[tuple[sp.Basic, sp.Expr]] = []
        self._generators = list(self.variables)
        self._ranges = {v: (s.lo, s.hi) for variables, s in units if isinstance(s, Interval) for v in variables}
        self._interior = {v: value for variables, support in units for v, value in _inside(variables, support)}
        for variables, support in units:
            if isinstance(support, Circle):
                turn = sp.Symbol(f"E_{variables[0]}", nonzero=True)
                self._rules += [
                    (sp.cos(variables[0]), (turn + 1 / turn) / 2),
                    (sp.sin(variables[0]), (turn - 1 / turn) / (2 * sp.I)),
                ]
                self._generators.append(turn)
            if isinstance(support, Simplex):
                self._rules.append((variables[-1], 1 - sum(variables[:-1])))

    def coordinates(self, expr: sp.Expr) -> Vector:
        """`expr` as a vector; raises Unknown when it has no normal form."""
        expr = sp.sympify(expr)
        if self.points is not None:
            return self._table(expr)
        normal = sp.expand(_Normal(self._generators, self._interior, self._ranges).of(expr.xreplace(dict(self._rules))))
        vector: Vector = {}
        for term in sp.Add.make_args(normal):
            coefficient, monomial = term.as_independent(*self._generators, as_Add=False)
            powers = monomial.atoms(sp.Pow)
            if any(p.base.is_Add or isinstance(p.base, sp.Abs) for p in powers) or len(monomial.atoms(sp.Abs)) > 1:
                raise Unknown(str(monomial))  # such products are not independent of each other
            vector[monomial] = sp.expand(vector.get(monomial, sp.Integer(0)) + coefficient)
        return {key: value for key, value in vector.items() if value != 0}

    def _table(self, expr: sp.Expr) -> Vector:
        assert self.points is not None
        if len(self.points) > 4096:
            raise Unknown("too many points")
        vector: Vector = {}
        for i, point in enumerate(self.points):
            value = expr.xreplace(dict(zip(self.variables, point, strict=True))).doit()
            value = sp.expand(split_logs(value))
            for term in sp.Add.make_args(value):
                rational, rest = term.as_coeff_Mul() if not term.is_Rational else (term, sp.Integer(1))
                key = sp.Tuple(sp.Integer(i), rest)
                vector[key] = vector.get(key, sp.Integer(0)) + rational
        return {key: value for key, value in vector.items() if value != 0}

    def combination(self, target: sp.Expr, generators: Sequence[sp.Expr]) -> list[sp.Expr] | None:
        """Coefficients c with ``target = c_0 + sum_j c_j generators_j`` on the space, or None when there are none."""
        columns = [self.coordinates(g) for g in (sp.Integer(1), *generators)]
        goal = self.coordinates(target)
        if self.points is not None:
            return self._combination_on_points(goal, columns)
        return _solve(goal, columns)

    def _combination_on_points(self, goal: Vector, columns: list[Vector]) -> list[sp.Expr] | None:
        """Values may be rational combinations of logarithms: independent over Q, so each is matched separately."""
        if any(key[1] != 1 for column in columns for key in column):
            raise Unknown("irrational statistics on a finite space")
        result = [sp.Integer(0)] * len(columns)
        for part in dict.fromkeys(key[1] for key in goal):
            if not _is_log_monomial(part):
                raise Unknown(str(part))
            piece = {sp.Tuple(key[0], sp.Integer(1)): c for key, c in goal.items() if key[1] == part}
            solution = _solve(piece, columns)
            if solution is None:
                return None
            result = [r + part * s for r, s in zip(result, solution, strict=True)]
        return result

    def spans(self, target: sp.Expr, generators: Sequence[sp.Expr]) -> bool:
        """Whether `target` lies in ``span{1, generators}``."""
        return self.combination(target, generators) is not None

    def relations(self, functions: Sequence[sp.Expr]) -> list[list[sp.Expr]]:
        """A basis of ``{c : sum_j c_j functions_j = 0}``."""
        columns = [self.coordinates(f) for f in functions]
        keys = list(dict.fromkeys(key for column in columns for key in column))
        _refuse_open_powers(keys)
        if not keys:
            return [[sp.Integer(int(i == j)) for j in range(len(columns))] for i in range(len(columns))]
        matrix = sp.Matrix(len(keys), len(columns), lambda i, j: columns[j].get(keys[i], sp.Integer(0)))
        _refuse_symbols(matrix)
        return [list(vector) for vector in matrix.nullspace()]

    def independent(self, functions: Sequence[sp.Expr]) -> list[int]:
        """Indices of a maximal subfamily that is linearly independent together with the constant 1, greedily."""
        kept: list[int] = []
        for i, function in enumerate(functions):
            if self.combination(function, [functions[j] for j in kept]) is None:
                kept.append(i)
        return kept


def _log_gamma(argument: sp.Expr) -> sp.Expr:
    """log Gamma(z + n) = log Gamma(z + 1) + sum_{0 < j < n} log(z + j), so that shifts share one atom."""
    shift, variable = argument.as_coeff_Add()
    if variable.is_Symbol and shift.is_Integer and shift > 1:
        return sp.loggamma(variable + 1) + sp.Add(*(sp.log(variable + j) for j in range(1, int(shift))))
    return sp.loggamma(argument)


def _binomial(n: sp.Expr, k: sp.Expr) -> sp.Expr:
    return sp.gamma(n + 1) / (sp.gamma(k + 1) * sp.gamma(n - k + 1))


def _inside(variables: tuple[sp.Symbol, ...], support: Support) -> list[tuple[sp.Symbol, sp.Rational]]:
    """A rational interior point of one unit."""
    if isinstance(support, Simplex):
        return [(v, sp.Rational(1, len(variables) + 1)) for v in variables]
    if not isinstance(support, Interval):
        return [(v, sp.Integer(1)) for v in variables]
    if support.lo == -sp.oo:
        point = sp.Rational(3, 7) if support.hi == sp.oo else support.hi - sp.Rational(3, 7)
    else:
        point = support.lo + (sp.Rational(3, 7) if support.hi == sp.oo else 3 * (support.hi - support.lo) / 7)
    return [(v, point) for v in variables]


def _solve(goal: Vector, columns: list[Vector]) -> list[sp.Expr] | None:
    keys = list(dict.fromkeys([key for column in columns for key in column] + list(goal)))
    _refuse_open_powers(keys)
    rows = [[column.get(key, sp.Integer(0)) for column in columns] for key in keys]
    matrix = sp.Matrix(rows) if rows else sp.zeros(0, len(columns))
    right = sp.Matrix([goal.get(key, sp.Integer(0)) for key in keys]) if keys else sp.zeros(0, 1)
    _refuse_symbols(matrix)
    if not keys:
        return [sp.Integer(0)] * len(columns)
    reduced, pivots = matrix.row_join(right).rref()
    last = len(columns)
    if last in pivots:
        _refuse_symbols(right)
        return None
    solution = [sp.Integer(0)] * len(columns)
    for row, pivot in enumerate(pivots):
        solution[pivot] = reduced[row, last]
    return solution


def _refuse_symbols(matrix: sp.Matrix) -> None:
    """A rank that holds for generic values of a symbol need not hold for all of them."""
    if matrix.free_symbols:
        raise Unknown(f"an answer that depends on {', '.join(sorted(map(str, matrix.free_symbols)))}")


def _refuse_open_powers(keys: Sequence[sp.Basic]) -> None:
    """z^a with a symbol a is independent of other powers of z only for most values of a."""
    powers: dict[sp.Basic, set[sp.Expr]] = {}
    for key in keys:
        for base, exponent in key.as_powers_dict().items() if isinstance(key, sp.Expr) else ():
            powers.setdefault(base, set()).add(exponent)
    for base, exponents in powers.items():
        if len(exponents) > 1 and any(e.free_symbols for e in exponents):
            raise Unknown(f"powers {', '.join(sorted(map(str, exponents)))} of {base}")


def _is_log_monomial(expr: sp.Expr) -> bool:
    return expr == 1 or (isinstance(expr, sp.log) and expr.args[0].is_Integer and bool(sp.isprime(expr.args[0])))


class _Normal:
    """Bottom-up normal form: arguments of functions become reduced fractions, logarithms are split into factors."""

    def __init__(
        self,
        generators: list[sp.Symbol],
        interior: dict[sp.Symbol, sp.Rational],
        ranges: dict[sp.Symbol, tuple[sp.Expr, sp.Expr]],
    ) -> None:
        self.generators, self.interior, self.ranges = set(generators), interior, ranges

    def of(self, expr: sp.Expr) -> sp.Expr:
        if not expr.free_symbols & self.generators:
            return expr
        if expr.is_Symbol:
            return expr
        if expr.is_Add or expr.is_Mul:
            return expr.func(*(self.of(arg) for arg in expr.args))
        if expr.is_Pow and not expr.exp.free_symbols & self.generators:
            base = self.of(expr.base)
            if expr.exp.is_Integer and expr.exp < 0:
                return self.reciprocal(base, expr.exp)
            if expr.exp.is_Integer or base.is_Symbol:
                return base**expr.exp
            return self.root(base, expr.exp)
        if isinstance(expr, sp.log):
            return self.log_product(expr.args[0])
        if isinstance(expr, sp.exp):
            return self.exp(sp.expand(self.of(expr.args[0])))
        if isinstance(expr, sp.loggamma | sp.besseli | sp.Abs):
            arguments = [self.fraction(arg) for arg in expr.args]
            if not any(a.free_symbols & self.generators for a in arguments):
                return expr.func(*arguments)
            if isinstance(expr, sp.Abs):
                return self.absolute(arguments[0])
            if isinstance(expr, sp.loggamma) and arguments[0].is_Add | arguments[0].is_Symbol:
                return expr.func(*arguments)
        raise Unknown(str(expr))

    def fraction(self, expr: sp.Expr) -> sp.Expr:
        return sp.factor(sp.cancel(sp.together(self.of(expr))))

    def reciprocal(self, base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
        return sp.factor(sp.cancel(sp.together(base))) ** exponent

    def root(self, base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
        reduced = sp.factor(sp.cancel(sp.together(base)))
        if reduced.is_Add or not reduced.is_positive:
            raise Unknown(f"({reduced})^{exponent}")
        return sp.expand_power_base(reduced**exponent)

    def absolute(self, argument: sp.Expr) -> sp.Expr:
        """|f| as a product over irreducible factors: +-f where it has one sign, an atom where it changes sign."""
        if not argument.is_polynomial(*self.generators) or len(argument.free_symbols & self.generators) != 1:
            raise Unknown(f"Abs({argument})")
        variable = next(iter(argument.free_symbols & self.generators))
        content, factors = sp.factor_list(argument)
        result = sp.Abs(content)
        for factor, power in factors:
            result *= self.one_sign(factor, variable) ** power
        return result

    def one_sign(self, factor: sp.Expr, variable: sp.Symbol) -> sp.Expr:
        if factor.free_symbols != {variable} or variable.is_integer:
            raise Unknown(f"Abs({factor})")
        lo, hi = self.ranges.get(variable, (-sp.oo, sp.oo))
        inside = [r for r in sp.Poly(factor, variable).real_roots() if bool(lo < r) and bool(r < hi)]
        if inside:
            return sp.Abs(sp.expand(factor))
        return factor if factor.subs(variable, self.inside(variable)) > 0 else sp.expand(-factor)

    def log_product(self, argument: sp.Expr) -> sp.Expr:
        """log of a product in which factorials are split off as log-gamma before the rest is reduced."""
        total, plain = sp.Integer(0), sp.Integer(1)
        for factor in sp.Mul.make_args(argument.replace(sp.binomial, _binomial)):
            base, power = factor.as_base_exp()
            if not power.is_number and base.free_symbols & self.generators:
                total += power * self.log_product(base)
            elif isinstance(base, sp.factorial | sp.gamma):
                shift = 1 if isinstance(base, sp.factorial) else 0
                total += power * _log_gamma(self.fraction(base.args[0] + shift))
            else:
                plain *= factor
        return total + self.log(self.fraction(plain))

    def log(self, argument: sp.Expr) -> sp.Expr:
        """log of a positive reduced fraction: a combination of logs of its irreducible factors."""
        if argument.is_Add and any(term.has(sp.exp) for term in argument.args):
            raise Unknown(f"log({argument})")
        numerator, denominator = sp.fraction(argument)
        return self.factors(numerator) - self.factors(denominator)

    def factors(self, product: sp.Expr) -> sp.Expr:
        """log|product| with every irreducible factor given the sign that is positive at an interior point."""
        if not product.free_symbols & self.generators:
            return sp.log(product)
        content, factors = sp.factor_list(product)
        total = sp.log(sp.Abs(content))
        for factor, power in factors:
            if isinstance(factor, sp.exp):
                total += power * factor.args[0]
                continue
            value = factor.subs({v: self.inside(v) for v in factor.free_symbols})
            value = value.subs({v: self.inside(v) for v in value.free_symbols})  # ends of a support may be symbols
            if not value.is_number or value.is_zero is not False:
                raise Unknown(f"log({factor})")
            total += power * (sp.log(sp.expand(-factor)) if value.evalf() < 0 else sp.log(factor))
        return total

    def inside(self, symbol: sp.Symbol) -> sp.Rational:
        """A rational number that the symbol may take."""
        return self.interior.get(symbol, sp.Rational(3, 7))

    def exp(self, argument: sp.Expr) -> sp.Expr:
        """exp of a combination of logs and a rest: powers times exp(rest)."""
        result = sp.Integer(1)
        rest = sp.Integer(0)
        for term in sp.Add.make_args(argument):
            coefficient, monomial = term.as_independent(*self.generators, as_Add=False)
            if isinstance(monomial, sp.log):
                base = monomial.args[0]
                power = base**coefficient
                if base.is_Add and not (coefficient.is_Integer and coefficient > 0):
                    power = sp.Pow(base, coefficient)
                result *= power
            else:
                rest += term
        return result * sp.exp(rest)
