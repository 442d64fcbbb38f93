"""Rule: logarithms in the growth of the log-partition that polynomials cannot absorb.

Let psi, tau and log(k0/k) be polynomials on R^k (in log z, for positive latents). Along a generic ray every coordinate
of the decoder's natural parameter that depends on z grows like a power t^p, and A(f) may then contain ``t^a log t``.
Polynomials contain no
logarithm, and when the leading logarithms of all growing parameters have one sign, pixels cannot cancel each other:
so whatever brings a logarithm is constant in z (theory: deciding rule 3, by growth).
"""

from __future__ import annotations

from itertools import product

import sympy as sp

from eftheory.derive.domain import Domain
from eftheory.derive.rules.outcome import Outcome
from eftheory.derive.rules.quadratic import gram
from eftheory.derive.setting import Setting
from eftheory.families import growth
from eftheory.families.base import Explicit
from eftheory.families.support import Interval, Reals

RAY = sp.Symbol("t", positive=True)
END = growth.End((((sp.Integer(1), sp.Integer(0)), sp.Integer(1)),), 0)
Case = tuple[tuple[int, int], ...]
"""(degree, sign) of every coordinate of the natural parameter; degree 0 means constant in z."""


def rays(setting: Setting, domain: Domain) -> Outcome | None:
    """Collapse, or a reduction to the quadratic rule on the coordinates that bring no logarithm."""
    unit = setting.decoder.unit
    if unit.log_partition is None or _quadratic_already(unit):
        return None
    polynomials = _polynomials(setting)
    if polynomials is None:
        return None
    degree = max(p.total_degree() for p in polynomials)
    try:
        cases = {case: _leading_log(unit, case) for case in _cases(unit, degree)}
    except growth.Unknown:
        return None
    signs: dict[growth.Order, set[int]] = {}
    silent: list[Case] = []
    for case, leading in cases.items():
        if leading is None:
            silent.append(case)
        else:
            signs.setdefault(leading[0], set()).add(leading[1])
    if any(len(found) > 1 for found in signs.values()):
        return None
    if not silent:
        return _collapse(setting)
    return _reduce(setting, domain, silent)


def _collapse(setting: Setting) -> Outcome:
    reason = (
        "along a ray the log-partition of any natural parameter that depends on z contains a logarithm of z, always of "
        "one sign; polynomial statistics and priors contain none"
    )
    return Outcome(kind="zero" if setting.fits else "none", rule="logarithmic growth", proper=True, reason=reason)


def _reduce(setting: Setting, domain: Domain, silent: list[Case]) -> Outcome | None:
    """Coordinates that never grow silently are constant in z; on the others A must be quadratic."""
    unit = setting.decoder.unit
    growing = [a for a in range(len(unit.natural)) if any(case[a][0] for case in silent)]
    assert unit.log_partition is not None
    eta = [unit.natural[a] for a in growing]
    numerator = sp.expand(unit.log_partition)
    variable_part = sp.Add(*(term for term in sp.Add.make_args(numerator) if term.has(*eta)))
    if not variable_part.is_polynomial(*eta) or sp.Poly(variable_part, *eta).total_degree() != 2:
        return None
    if len(eta) > 1:
        return None
    return gram(setting, domain, rows=growing)


def _polynomials(setting: Setting) -> list[sp.Poly] | None:
    """psi as polynomials in coordinates that run over whole lines (log z on the positive axis); None otherwise."""
    lines = {}
    for unit in setting.latents:
        for v in unit.variables:
            if isinstance(unit.support, Reals) or unit.support == Interval(-sp.oo, sp.oo):
                lines[v] = sp.Symbol(f"y_{v}", real=True)
            elif unit.support == Interval(sp.Integer(0), sp.oo):
                lines[v] = sp.exp(sp.Symbol(f"y_{v}", real=True))
            else:
                return None
    symbols = sorted(set().union(*(e.free_symbols for e in lines.values())), key=str)
    functions = [_flat(f, lines) for f in (*setting.psi, *setting.tau, setting.log_ratio)]
    if not all(f.is_polynomial(*symbols) for f in functions):
        return None
    return [sp.Poly(f, *symbols) for f in functions[: len(setting.psi)]]


def _flat(function: sp.Expr, lines: dict[sp.Symbol, sp.Expr]) -> sp.Expr:
    return sp.expand(sp.expand_log(sp.expand_log(sp.expand(function)).xreplace(lines)))


def _quadratic_already(unit: Explicit) -> bool:
    return bool(unit.log_partition is not None and unit.log_partition.is_polynomial(*unit.natural))


def _cases(unit: Explicit, degree: int) -> list[Case]:
    options = []
    for eta in unit.natural:
        signs = _signs(unit, eta)
        # A polynomial of one sign on the whole space has even degree along a generic ray.
        step = 2 if len(signs) == 1 else 1
        options.append([(0, s) for s in signs[:1]] + [(p, s) for p in range(step, degree + 1, step) for s in signs])
    return [case for case in product(*options) if any(p for p, _ in case)]


def _signs(unit: Explicit, eta: sp.Symbol) -> list[int]:
    """The signs that a growing coordinate can have inside the natural domain."""
    for relation in unit.domain:
        form = relation.lts - relation.gts
        if form.has(eta):
            slope = sp.diff(form, eta)
            if form.free_symbols & set(unit.natural) != {eta} or not slope.is_number:
                raise growth.Unknown(f"a natural domain that is no box: {relation}")
            return [-growth.sign_of(slope)]
    return [1, -1]


def _leading_log(unit: Explicit, case: Case) -> tuple[growth.Order, int] | None:
    """The dominant monomial with a logarithm in A along the ray, with its sign; None when there is none."""
    values = {}
    for i, (eta, (p, s)) in enumerate(zip(unit.natural, case, strict=True)):
        size = sp.Symbol(f"c{i}", positive=True)
        values[eta] = s * size * RAY**p if p else s * size
    assert unit.log_partition is not None
    expansion = growth.expand(sp.expand_log(unit.log_partition.subs(values, simultaneous=True)), RAY, END)
    logs = {order: c for order, c in expansion.items() if order[1] != 0}
    if growth.EXPLOSIVE in expansion:
        raise growth.Unknown("exponential growth")
    if not logs:
        return None
    order, coefficient = growth.descending(logs)[0]
    return order, growth.sign_of(coefficient)
