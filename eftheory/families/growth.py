"""Growth of functions towards the ends of a scalar support, and what follows: integrability and boundedness.

Near an end the variable is written in y -> +oo (x = y, -y, lo + 1/y or hi - 1/y) and every function as a sum of
monomials ``c y^a (log y)^b``. The monomial that dominates decides: an exponential tilt is integrable where the first
non-zero coefficient above ``log y`` is negative, or, when there is none, where the coefficient of ``log y`` is below -1
(Arnold, Castillo and Sarabia 1999, on conditionals in exponential families, use the same boundary analysis).
`Unknown` is raised, never guessed, when an order or a sign is not decided.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from itertools import product

import sympy as sp
from sympy.core.relational import Relational

from eftheory.errors import MisuseError
from eftheory.families.support import Circle, Integers, Interval, Points, Support

Order = tuple[sp.Expr, sp.Expr]
Growth = dict[Order, sp.Expr]
"""{(a, b): c} for the sum of c y^a (log y)^b; terms of order y^-3 and below are dropped."""

LOG: Order = (sp.Integer(0), sp.Integer(1))
ONE: Order = (sp.Integer(0), sp.Integer(0))
EXPLOSIVE: Order = (sp.oo, sp.Integer(0))
"""Stands for anything that grows like an exponential of a power of y."""
CUT = -3


class Unknown(Exception):
    """The growth of this function is outside the scale, or a sign is not decided."""


@dataclass(frozen=True)
class End:
    """x as a function of y -> +oo; `jacobian`: log |dx/dy| is jacobian * log y (0 for sums and infinite ends)."""

    growth: tuple[tuple[Order, sp.Expr], ...]
    jacobian: int


def ends(support: Support) -> list[End]:
    """The ends at which a function on a scalar support may diverge; none for finite and compact ones."""
    if isinstance(support, Circle | Points) or support.finite:
        return []
    up, down = (sp.Integer(1), sp.Integer(0)), (sp.Integer(-1), sp.Integer(0))
    if isinstance(support, Integers):
        return [End(((up, sp.Integer(1)),), 0)]
    if not isinstance(support, Interval):
        raise Unknown(support.text)
    result = []
    for bound, sign in ((support.lo, 1), (support.hi, -1)):
        if bound in (sp.oo, -sp.oo):
            result.append(End(((up, sp.Integer(-sign)),), 0))
        else:
            result.append(End(((ONE, bound), (down, sp.Integer(sign))), -2))
    return result


def expand(expr: sp.Expr, variable: sp.Symbol, end: End) -> Growth:
    """The growth of `expr` as `variable` runs to `end`; raises Unknown outside the scale."""
    return _Expander(variable, end).of(sp.sympify(expr))


def compare(p: Order, q: Order) -> int:
    """-1, 0, 1 as y^p is dominated by, equal to, dominates y^q; raises Unknown when symbols leave it open."""
    for a, b in zip(p, q, strict=True):
        sign = sign_of(a - b) if a != b else 0
        if sign:
            return sign
    return 0


def sign_of(value: sp.Expr) -> int:
    """The sign of a constant from numbers and assumptions; raises Unknown."""
    value = sp.sympify(value)
    if value in (sp.oo, -sp.oo):
        return 1 if value == sp.oo else -1
    for form in (_same, sp.expand, sp.factor):
        candidate = form(value)
        if candidate.is_zero:
            return 0
        if candidate.is_positive:
            return 1
        if candidate.is_negative:
            return -1
    raise Unknown(f"sign of {value}")


def _same(value: sp.Expr) -> sp.Expr:
    return value


def descending(growth: Growth) -> list[tuple[Order, sp.Expr]]:
    """The monomials from the dominant one down."""

    def order(s: tuple[Order, sp.Expr], t: tuple[Order, sp.Expr]) -> int:
        return -compare(s[0], t[0])

    return sorted(growth.items(), key=cmp_to_key(order))


def divergent(growth: Growth) -> list[tuple[Order, sp.Expr]]:
    """Those monomials that tend to infinity, dominant first."""
    return [(order, c) for order, c in descending(growth) if compare(order, ONE) > 0]


def converges(log_density: Growth, jacobian: int = 0) -> bool:
    """Whether exp(log_density) is integrable (or summable) at this end."""
    total = add(log_density, {LOG: sp.Integer(jacobian)})
    for order, coefficient in divergent(total):
        if compare(order, LOG) < 0:
            break
        threshold = sp.Integer(-1) if order == LOG else sp.Integer(0)
        sign = sign_of(coefficient - threshold)
        if order == LOG or sign:
            return sign < 0
    return False


def bounded_above(growth: Growth) -> bool:
    """Whether the function stays below some constant at this end."""
    for _, coefficient in divergent(growth):
        sign = sign_of(coefficient)
        if sign:
            return sign < 0
    return True


def add(*terms: Growth) -> Growth:
    """The sum. Two explosive terms may be of different speed: only their common sign is known, if they have one."""
    explosive = [growth[EXPLOSIVE] for growth in terms if EXPLOSIVE in growth]
    if len(explosive) > 1:
        if len({sign_of(c) for c in explosive}) > 1:
            raise Unknown("a difference of exponentials")
        rest = add(*({order: c for order, c in growth.items() if order != EXPLOSIVE} for growth in terms))
        return {EXPLOSIVE: sp.Integer(sign_of(explosive[0])), **rest}
    total: Growth = {}
    for growth in terms:
        for order, coefficient in growth.items():
            total[order] = sp.expand(total.get(order, 0) + coefficient)
    return {order: c for order, c in total.items() if c != 0}


def scale(growth: Growth, factor: sp.Expr) -> Growth:
    return {order: sp.expand(factor * c) for order, c in growth.items()}


def natural_domain(
    support: Support, statistics: Sequence[sp.Expr], base: sp.Expr
) -> Callable[[Sequence[sp.Expr]], tuple[Relational, ...]] | None:
    """The natural domain ``{eta: int base exp(<eta, statistics>) < oo}`` of a scalar unit, as strict linear relations.

    statistics and base are in one symbol. Returns None where the growth analysis does not decide; raises MisuseError
    when no eta is integrable. A support function that is finite only on a cone closes the same way (theory: clause b).
    """
    variables = sorted(set().union(*(sp.sympify(s).free_symbols for s in statistics)), key=str)
    variable = next((v for v in variables if v.name.startswith(("x", "z"))), None)
    eta = sp.symbols(f"eta1:{len(statistics) + 1}", real=True)
    if variable is None:
        return None
    try:
        options = [_integrable(support, statistics, base, variable, eta, end) for end in ends(support)]
        feasible = [branch for branch in map(_merge, product(*options)) if branch is not None]
    except Unknown:
        return None
    if not feasible:
        raise MisuseError(
            wanted="an integrable family",
            got=f"statistics {[str(s) for s in statistics]} with base {base} on {support.text}",
            do="no natural parameter normalises it: change the base measure or add a statistic that decays",
        )
    if len(feasible) > 1 or any(equal for equal, _ in feasible):
        return None
    relations = tuple(sp.StrictLessThan(c, 0) for c in feasible[0][1])

    def domain(values: Sequence[sp.Expr]) -> tuple[Relational, ...]:
        replaced = dict(zip(eta, values, strict=True))
        return tuple(relation.subs(replaced, simultaneous=True) for relation in relations)

    return domain


Branch = tuple[tuple[sp.Expr, ...], tuple[sp.Expr, ...]]
"""Expressions that must vanish, and expressions that must be negative."""


def _integrable(support, statistics, base, variable, eta, end) -> list[Branch]:  # type: ignore[no-untyped-def]
    total = add(
        {LOG: sp.Integer(end.jacobian)},
        expand(sp.log(base), variable, end),
        *(scale(expand(s, variable, end), e) for s, e in zip(statistics, eta, strict=True)),
    )
    total.setdefault(LOG, sp.Integer(0))
    branches: list[Branch] = []
    equal: tuple[sp.Expr, ...] = ()
    for order, coefficient in descending(total):
        if compare(order, LOG) < 0:
            break
        below = coefficient + 1 if order == LOG else coefficient
        if below.free_symbols & set(eta):
            branches.append((equal, (below,)))
            equal = (*equal, below)
            continue
        sign = sign_of(below)
        if sign < 0:
            branches.append((equal, ()))
        if sign or order == LOG:
            break
    return branches


def _merge(parts: Sequence[Branch]) -> Branch | None:
    """The intersection of one branch for each end, None when it is visibly empty."""
    equal = tuple(e for part in parts for e in part[0])
    negative = tuple(n for part in parts for n in part[1])
    unknowns = sorted(set().union(*(e.free_symbols for e in (*equal, *negative))) if equal else set(), key=str)
    unknowns = [s for s in unknowns if s.name.startswith("eta")]
    if equal:
        solutions = sp.solve(equal, unknowns, dict=True)
        if not solutions:
            return None
        negative = tuple(sp.expand(n.subs(solutions[0])) for n in negative)
    distinct = tuple(dict.fromkeys(sp.expand(n) for n in negative))
    for n in distinct:
        if n.is_nonnegative or any(sp.expand(n + m).is_nonnegative for m in distinct):
            return None
    return equal, tuple(n for n in distinct if not n.is_negative)


class _Expander:
    """Recursion over the expression; one method for each kind of node."""

    def __init__(self, variable: sp.Symbol, end: End) -> None:
        self.variable, self.start = variable, dict(end.growth)

    def of(self, expr: sp.Expr) -> Growth:
        if not expr.has(self.variable):
            return {ONE: expr} if expr != 0 else {}
        if expr == self.variable:
            return {order: c for order, c in self.start.items() if c != 0}
        if expr.is_Add:
            return add(*(self.of(arg) for arg in expr.args))
        if expr.is_Mul:
            result: Growth = {ONE: sp.Integer(1)}
            for arg in expr.args:
                result = _multiply(result, self.of(arg))
            return result
        if expr.is_Pow and not expr.exp.has(self.variable):
            return _power(self.of(expr.base), expr.exp)
        if isinstance(expr, sp.log):
            return self.log(expr.args[0])
        if isinstance(expr, sp.exp):
            return self.exp(self.of(expr.args[0]))
        if isinstance(expr, sp.Abs):
            inner = self.of(expr.args[0])
            return scale(inner, sp.Integer(sign_of(descending(inner)[0][1]))) if inner else {}
        if isinstance(expr, sp.loggamma):
            return self.stirling(self.of(expr.args[0]))
        raise Unknown(str(expr))

    def log(self, argument: sp.Expr) -> Growth:
        if not argument.has(self.variable):
            return {ONE: sp.log(argument)}
        if argument.is_Mul:
            special = [arg for arg in argument.args if arg.has(sp.exp, sp.gamma, sp.factorial, sp.binomial, sp.besseli)]
            plain = sp.Mul(*(arg for arg in argument.args if arg not in special))
            return add(*(self.log(arg) for arg in special), self.log(plain) if special else _log(self.of(argument)))
        if argument.is_Pow and not argument.exp.has(self.variable):
            return scale(self.log(argument.base), argument.exp)
        if isinstance(argument, sp.exp):
            return self.of(argument.args[0])
        if isinstance(argument, sp.gamma):
            return self.stirling(self.of(argument.args[0]))
        if isinstance(argument, sp.factorial):
            return self.stirling(self.of(argument.args[0] + 1))
        if isinstance(argument, sp.binomial):
            return self.log(argument.rewrite(sp.gamma))
        if isinstance(argument, sp.besseli) and argument.args[0] == 0:
            r = self.of(argument.args[1])
            return add(r, scale(_log(r), sp.Rational(-1, 2)), {ONE: -sp.log(2 * sp.pi) / 2})
        if argument.is_Add and argument.has(sp.exp):
            return self.log_sum(argument)
        return _log(self.of(argument))

    def log_sum(self, argument: sp.Expr) -> Growth:
        """log of a sum in which one term dominates all others by more than any power, or none diverges."""
        logs = [self.log(term) if _positive(term) else None for term in argument.args]
        best: Growth | None = None
        for candidate in logs:
            if candidate is not None and (
                best is None or not bounded_above(add(candidate, scale(best, sp.Integer(-1))))
            ):
                best = candidate
        if best is None:
            raise Unknown(str(argument))
        for term, growth in zip(argument.args, logs, strict=True):
            size = growth if growth is not None else self.log(-term)
            if size is not best:
                gap = divergent(add(best, scale(size, sp.Integer(-1))))
                if not gap or compare(gap[0][0], LOG) <= 0:
                    raise Unknown(str(argument))
        return best

    def exp(self, argument: Growth) -> Growth:
        leading = divergent(argument)
        if not leading:
            return {ONE: sp.exp(argument.get(ONE, sp.Integer(0)))}
        (order, coefficient), *rest = leading
        if order == LOG and not rest:
            return {(coefficient, sp.Integer(0)): sp.exp(argument.get(ONE, sp.Integer(0)))}
        if compare(order, LOG) > 0:
            return {EXPLOSIVE: sp.Integer(1)} if sign_of(coefficient) > 0 else {}
        raise Unknown("exponential of a slow function")

    def stirling(self, inner: Growth) -> Growth:
        """log Gamma(t) = (t - 1/2) log t - t + log(2 pi)/2 + 1/(12 t) - ... for t -> oo."""
        leading = divergent(inner)
        if not leading:
            return {ONE: sp.loggamma(inner.get(ONE, sp.Integer(0)))}
        if sign_of(leading[0][1]) < 0:
            raise Unknown("log-gamma towards minus infinity")
        half = {ONE: sp.Rational(-1, 2)}
        return add(
            _multiply(add(inner, half), _log(inner)),
            scale(inner, sp.Integer(-1)),
            {ONE: sp.log(2 * sp.pi) / 2},
            scale(_power(inner, sp.Integer(-1)), sp.Rational(1, 12)),
        )


def _positive(term: sp.Expr) -> bool:
    coefficient, _ = term.as_coeff_Mul()
    return bool(coefficient.is_positive)


def _multiply(p: Growth, q: Growth) -> Growth:
    if p and q and (EXPLOSIVE in p or EXPLOSIVE in q):
        return {EXPLOSIVE: sp.Integer(sign_of(descending(p)[0][1]) * sign_of(descending(q)[0][1]))}
    total: Growth = {}
    for (a, b), c in p.items():
        for (s, t), d in q.items():
            if not (a + s).is_number or a + s > CUT:
                order = (a + s, b + t)
                total[order] = total.get(order, sp.Integer(0)) + c * d
    return {order: sp.expand(c) for order, c in total.items() if sp.expand(c) != 0}


def _split(growth: Growth) -> tuple[Order, sp.Expr, Growth]:
    """Leading monomial, its coefficient, and the rest divided by it."""
    if not growth:
        raise Unknown("a function that vanishes to every kept order")
    (order, c), *rest = descending(growth)
    if order == EXPLOSIVE:
        raise Unknown("an exponential inside a power or a logarithm")
    small = {(s - order[0], t - order[1]): d / c for (s, t), d in rest}
    return order, c, small


def _series(small: Growth, coefficients: Callable[[int], sp.Expr]) -> Growth:
    """sum_j coefficients(j) small^j, j >= 0, kept above the cut."""
    total: Growth = {ONE: coefficients(0)}
    power: Growth = {ONE: sp.Integer(1)}
    for j in range(1, 8):
        power = _multiply(power, small)
        if not power:
            break
        total = add(total, scale(power, coefficients(j)))
    return total


def _power(growth: Growth, exponent: sp.Expr) -> Growth:
    (a, b), c, small = _split(growth)
    head = {(sp.expand(a * exponent), sp.expand(b * exponent)): c**exponent}
    return _multiply(head, _series(small, lambda j: sp.ff(exponent, j) / sp.factorial(j)))


def _log(growth: Growth) -> Growth:
    (a, b), c, small = _split(growth)
    if b != 0:
        raise Unknown("a logarithm of a logarithm")
    if sign_of(c) < 0:
        raise Unknown("the logarithm of a negative function")
    tail = _series(small, lambda j: sp.Integer(0) if j == 0 else sp.Rational((-1) ** (j + 1), j))
    return add({LOG: a} if a != 0 else {}, {ONE: sp.log(c)}, tail)
