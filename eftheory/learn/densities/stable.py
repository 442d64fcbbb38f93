"""Expressions rewritten so that floating point neither overflows nor cancels; symbols in, symbols out, no torch.

The rules, each by its name: *log of a product* -> sum of logs; *log of a sum of positive terms* -> `LogSumExp`;
*log(1 + positive)* -> `Softplus` of its log; *log(c - e^a)* -> `Log1mExp`; *log(1 + a)* -> `Log1p`; *log of a gamma
function, factorial or binomial* -> `LogGamma`; *log of a Bessel function* -> `LogBesselI0`, or `LogBesselI0Root` of a
square root; *root of a sum of squares* -> `Norm`. Most of the functions they introduce know their derivatives, so that
a rewritten expression may be differentiated.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp


class Softplus(sp.Function):
    """``log(1 + e^a)``."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return Sigmoid(self.args[0])


class Sigmoid(sp.Function):
    """``1 / (1 + e^-a)``."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return Sigmoid(self.args[0]) * Sigmoid(-self.args[0])


class Log1mExp(sp.Function):
    """``log(1 - e^a)``, a < 0."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.exp(self.args[0]) / Expm1(self.args[0])


class Expm1(sp.Function):
    """``e^a - 1``."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.exp(self.args[0])


class Log1p(sp.Function):
    """``log(1 + a)``."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return 1 / (1 + self.args[0])


class LogSumExp(sp.Function):
    """``log(e^a + e^b + ...)``."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.exp(self.args[argindex - 1] - self)


class LogGamma(sp.Function):
    """``log |Gamma(a)|``; SymPy's own turns into the log of a factorial, which overflows, when a is whole."""

    @classmethod
    def eval(cls, a: sp.Expr) -> sp.Expr | None:
        return sp.loggamma(a, evaluate=False) if a.is_number else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.polygamma(0, self.args[0])


class Gamma(sp.Function):
    """``Gamma(a)``, likewise."""

    @classmethod
    def eval(cls, a: sp.Expr) -> sp.Expr | None:
        return sp.gamma(a, evaluate=False) if a.is_number else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return Gamma(self.args[0]) * sp.polygamma(0, self.args[0])


class LogBesselI0(sp.Function):
    """``log I_0(a)``."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return BesselRatio(self.args[0])


class LogBesselI0Root(sp.Function):
    """``log I_0(sqrt(a))``, smooth at zero, where the root is not; its derivatives are left to autograd."""


class BesselRatio(sp.Function):
    """``I_1(a) / I_0(a)``."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        (a,) = self.args
        return 1 - BesselRatio(a) / a - BesselRatio(a) ** 2


class Norm(sp.Function):
    """``sqrt(a^2 + b^2 + ...)``; its derivative at zero is taken to be zero, which autograd does."""


def stable(expr: sp.Expr) -> sp.Expr:
    """The same function, rewritten from the leaves up. Products inside logarithms are taken apart where the factors'
    signs are known, or where exactly one is not (the logarithm being real decides it)."""
    if expr.is_number or not expr.args:
        return expr
    if isinstance(expr, sp.log) and len(expr.args) == 1:
        return log_of(expr.args[0])
    if expr.is_Pow and expr.exp == sp.S.Half and expr.base.is_Add:
        squares = [term.base for term in expr.base.args if term.is_Pow and term.exp == 2]
        if len(squares) == len(expr.base.args):
            return Norm(*map(stable, squares))
    if isinstance(expr, sp.loggamma):
        return LogGamma(stable(expr.args[0]))
    if isinstance(expr, sp.gamma):
        return Gamma(stable(expr.args[0]))
    if isinstance(expr, sp.factorial):
        return Gamma(stable(expr.args[0]) + 1)
    if isinstance(expr, sp.binomial):
        n, k = map(stable, expr.args)
        return Gamma(n + 1) / (Gamma(k + 1) * Gamma(n - k + 1))
    return expr.func(*map(stable, expr.args))


def log_of(expr: sp.Expr) -> sp.Expr:
    """``log(expr)``, stable."""
    if expr.is_number:
        return sp.log(expr)
    if isinstance(expr, sp.exp):
        return stable(expr.args[0])
    if expr.is_Mul:
        return _log_of_product(expr)
    if expr.is_Pow:
        return _log_of_power(expr)
    if expr.is_Add:
        return _log_of_sum(expr)
    if isinstance(expr, sp.factorial):
        return LogGamma(stable(expr.args[0]) + 1)
    if isinstance(expr, sp.gamma):
        return LogGamma(stable(expr.args[0]))
    if isinstance(expr, sp.binomial):
        n, k = map(stable, expr.args)
        return LogGamma(n + 1) - LogGamma(k + 1) - LogGamma(n - k + 1)
    if isinstance(expr, sp.besseli) and expr.args[0] == 0:
        argument = expr.args[1]
        root = argument.is_Pow and argument.exp == sp.S.Half
        return LogBesselI0Root(stable(argument.base)) if root else LogBesselI0(stable(argument))
    return sp.log(stable(expr))


def _log_of_product(expr: sp.Mul) -> sp.Expr:
    sign, open_factors, logs = 1, [], []
    for factor in expr.args:
        if factor.is_number and factor.is_negative:
            sign, factor = -sign, -factor
        if is_positive(factor):
            logs.append(log_of(factor))
        else:
            open_factors.append(factor)
    if not open_factors and sign > 0:
        return sp.Add(*logs)
    if len(open_factors) == 1:
        return sp.Add(*logs, _log_of_signed(open_factors[0], sign))
    return sp.log(sp.Mul(*map(stable, expr.args)))


def _log_of_signed(factor: sp.Expr, sign: int) -> sp.Expr:
    """log of sign * factor, which is known to be positive."""
    if factor.is_Pow and factor.exp.is_Integer and factor.exp.is_odd:
        return factor.exp * log_of(sp.expand(sign * factor.base))
    signed = sp.expand(-factor) if sign < 0 else factor
    return sp.log(stable(signed)) if signed.is_Mul else log_of(signed)


def _log_of_power(expr: sp.Pow) -> sp.Expr:
    base, exponent = expr.args
    if is_positive(base) or not exponent.is_Integer or exponent.is_odd:
        return stable(exponent) * log_of(base)  # an even power of what may be negative stays as it is
    return exponent * sp.log(sp.Abs(stable(base)))


def _log_of_sum(expr: sp.Add) -> sp.Expr:
    positive = [term for term in expr.args if is_positive(term)]
    rest = [term for term in expr.args if not is_positive(term)]
    if not rest:
        numbers = [term for term in positive if term.is_number]
        logs = [log_of(term) for term in positive if not term.is_number]
        whole = log_sum_exp(logs)
        if not numbers:
            return whole
        constant = sp.log(sp.Add(*numbers))
        return constant + Softplus(whole - constant)
    if len(rest) == 1 and is_positive(-rest[0]) and len(positive) == 1:
        top, below = log_of(positive[0]), log_of(-rest[0])
        return top + Log1mExp(below - top)
    if sp.S.One in expr.args:
        return Log1p(stable(sp.Add(*(term for term in expr.args if term != 1))))
    return sp.log(stable(expr))


def log_sum_exp(logs: Sequence[sp.Expr]) -> sp.Expr:
    """log of the sum of exponentials of `logs`."""
    return logs[0] if len(logs) == 1 else LogSumExp(*logs)


def is_positive(expr: sp.Expr) -> bool:
    """Whether the expression is surely positive for real symbols: numbers, exponentials, and what is made of them.

    Cheaper than SymPy's own answer, which walks sums of ten thousand terms many times.
    """
    if expr.is_number or expr.is_Symbol:
        return bool(expr.is_positive)
    if isinstance(expr, sp.exp):
        return True
    if expr.is_Mul or expr.is_Add:
        return all(map(is_positive, expr.args))
    return bool(expr.is_Pow and is_positive(expr.base))
