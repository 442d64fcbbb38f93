"""Rule: a decoder whose log-partition is quadratic (Gaussian) turns the equation into linear ones for a Gram matrix.

With ``A(eta) = eta' H eta / 2 + linear`` the conjugation equation reads ``psi' G psi / 2 - log(k0/k) in
span{1, psi, tau}``, ``G = sum_i W_i' H W_i``: linear equations for G, which is positive semidefinite with rank at most
the number of decoder statistics (theory: section 2, prior table; section 7 for the linear VAE).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement

import sympy as sp

from eftheory.derive.domain import Domain
from eftheory.derive.rules.outcome import Outcome
from eftheory.derive.setting import Setting
from eftheory.derive.zero import sign
from eftheory.verdict import Formula

RULE = "Gram matrix"


def gram(setting: Setting, domain: Domain, rows: Sequence[int] | None = None) -> Outcome | None:
    """Solve for the Gram matrix. rows: the decoder statistics with quadratic A, the others held constant in z."""
    eta = setting.decoder.unit.natural
    if rows is None and not _is_quadratic(setting.decoder.unit.log_partition, eta):
        return None
    active = tuple(range(len(eta))) if rows is None else tuple(rows)
    m = len(setting.latents[0].statistics)
    live = [t for t in range(len(setting.psi)) if any(domain.free(a, t % m) for a in active)]
    unknowns = {pair: sp.Symbol(f"g_{pair[0]}_{pair[1]}", real=True) for pair in combinations_with_replacement(live, 2)}
    equations = _equations(setting, unknowns)
    if equations is None:
        reason = "no quadratic form in psi differs from log(k0/k) by an element of span{1, psi, tau}"
        return Outcome(kind="none", rule=RULE, proper=True, reason=reason)
    unsure = setting.spec.prior.kind == "learned" and not (setting.tau_absorbed or setting.psi_held)
    if unsure and _never_proper(setting, unknowns):
        reason = "the quadratic A gives the prior's own statistics no coefficient inside its natural domain"
        return Outcome(kind="none", rule=RULE, proper=True, reason=reason)
    if not equations and unsure:
        return None
    if not equations:
        reason = "products of the encoder's statistics lie in span{1, psi, tau}: the quadratic A is absorbed"
        return Outcome(kind="all", rule=RULE, proper=False, reason=reason)
    name = "W'W" if rows is None and len(eta) == 1 else "W' A'' W"
    return Gram(setting=setting, unknowns=unknowns, equations=tuple(equations), rank=len(active), name=name).classify()


def _is_quadratic(partition: sp.Expr | None, eta: Sequence[sp.Symbol]) -> bool:
    if partition is None or not partition.is_polynomial(*eta):
        return False
    return bool(sp.Poly(partition, *eta).total_degree() == 2)


def _never_proper(setting: Setting, unknowns: Unknowns) -> bool:
    """Whether a learned prior stays improper for G = 0 and along every single entry of G (the dependence is linear)."""
    targets = [-setting.log_ratio]
    for g in unknowns.values():
        targets.append(_quadratic_form(setting, unknowns, {g: sp.Integer(1)}) - setting.log_ratio)
    solvable = [t for t in targets if setting.space.spans(t, setting.span)]
    return bool(solvable) and len(solvable) == len(targets) and not any(setting.absorbs(t) for t in solvable)


def _quadratic_form(setting: Setting, unknowns: Unknowns, values: dict[sp.Symbol, sp.Expr]) -> sp.Expr:
    """psi' G psi / 2."""
    psi = setting.psi
    return sp.Add(*(values.get(g, 0) * psi[s] * psi[t] / (2 if s == t else 1) for (s, t), g in unknowns.items()))


Unknowns = dict[tuple[int, int], sp.Symbol]
"""The entries (s, t), s <= t, of G that may differ from zero."""


def _equations(setting: Setting, unknowns: Unknowns) -> list[sp.Expr] | None:
    """Linear equations in the entries of G (each to vanish), reduced; None when they contradict each other."""
    space = setting.space
    columns = [space.coordinates(g) for g in (sp.Integer(1), *setting.span)]
    halves = {pair: sp.Rational(1, 2) if pair[0] == pair[1] else sp.Integer(1) for pair in unknowns}
    products = {(s, t): space.coordinates(halves[s, t] * setting.psi[s] * setting.psi[t]) for s, t in unknowns}
    target = space.coordinates(setting.log_ratio)
    if setting.points is not None:
        target = _by_point(target)
    keys = list(dict.fromkeys(key for vector in (*columns, *products.values(), target) for key in vector))
    span = sp.Matrix([[column.get(key, 0) for column in columns] for key in keys])
    rest = sp.Matrix(
        [sum(g * products[p].get(key, 0) for p, g in unknowns.items()) - target.get(key, 0) for key in keys]
    )
    raw = [sp.expand((vector.T * rest)[0]) for vector in span.T.nullspace()]
    symbols = list(unknowns.values())
    if not any(raw):
        return []
    system, right = sp.linear_eq_to_matrix([e for e in raw if e != 0], symbols)
    reduced, pivots = system.row_join(right).rref()
    if len(symbols) in pivots:
        return None
    lines = [reduced[i, :] for i in range(len(pivots))]
    return [sp.expand(sum(line[j] * s for j, s in enumerate(symbols)) - line[len(symbols)]) for line in lines]


def _by_point(table: dict[sp.Basic, sp.Expr]) -> dict[sp.Basic, sp.Expr]:
    """A table whose values are rational combinations of logarithms, with one entry for each point: G may be real."""
    merged: dict[sp.Basic, sp.Expr] = {}
    for key, coefficient in table.items():
        point = sp.Tuple(key.args[0], sp.Integer(1))
        merged[point] = merged.get(point, sp.Integer(0)) + coefficient * key.args[1]
    return merged


@dataclass(frozen=True, kw_only=True)
class Gram:
    """The linear system for G. rank: how many decoder statistics one decoder unit contributes; name: what G is."""

    setting: Setting
    unknowns: Unknowns
    equations: tuple[sp.Expr, ...]
    rank: int
    name: str

    @cached_property
    def used(self) -> list[int]:
        return sorted({index for pair in self.unknowns for index in pair})

    @property
    def zero_solves(self) -> bool:
        return self._solves(dict.fromkeys(self.unknowns.values(), sp.Integer(0)))

    def classify(self) -> Outcome:
        """All, none, zero or some Gram matrices solve the system."""
        solution = sp.solve(self.equations, list(self.unknowns.values()), dict=True)[0]
        if len(solution) == len(self.unknowns):
            return self._unique(solution)
        available = self._available()
        for candidate in self._candidates():
            if not self._solves(candidate) or not self.setting.absorbs(self._target(candidate)):
                continue
            if self.matrix(candidate).rank() <= available:
                dimension, usable = self._count()
                reason = (
                    f"the quadratic A puts products of statistics outside the span, so {self.name} must not have them"
                )
                return self._outcome("some", reason, dimension, usable)
        if available == 1 and self._rank_one_is_zero():
            reason = (
                f"one decoder statistic makes {self.name} of rank one, and no such matrix but zero solves the equations"
            )
            return self._outcome("zero" if self.setting.fits else "none", reason)
        if self.zero_solves and self._dead == set(self.used):
            reason = f"every square of a statistic leaves span{{1, psi, tau}}, so {self.name} has zero diagonal"
            return self._outcome("zero" if self.setting.fits else "none", reason)
        return self._outcome("unknown", f"the equations for {self.name} are not solved here")

    def _target(self, values: dict[sp.Symbol, sp.Expr]) -> sp.Expr:
        return _quadratic_form(self.setting, self.unknowns, values) - self.setting.log_ratio

    def _unique(self, solution: dict[sp.Symbol, sp.Expr]) -> Outcome:
        matrix = self.matrix(solution)
        if all(sign(entry) == 0 for entry in matrix):
            reason = f"products of statistics leave span{{1, psi, tau}}: {self.name} vanishes"
            return self._outcome("zero" if self.setting.fits else "none", reason)
        if any(sign(matrix[i, i]) == -1 for i in range(matrix.rows)):
            return self._outcome("none", f"the equations ask for a negative square on the diagonal of {self.name}")
        if not all(sign(matrix[:i, :i].det()) == 1 for i in range(1, matrix.rows + 1)):
            return self._outcome("unknown", f"whether the required {self.name} is positive depends on symbols")
        enough = self._enough(len(self.used) // len(self.setting.latents))
        if enough is None:
            return self._outcome("unknown", f"{self.name} has full rank, which needs as many decoder statistics")
        if not enough:
            return self._outcome("none", f"{self.name} would need a higher rank than there are decoder statistics")
        return self._outcome("some", f"{self.name} is determined", usable=self.setting.encoder.copies)

    def matrix(self, values: dict[sp.Symbol, sp.Expr]) -> sp.Matrix:
        """G with these entries."""
        size, used = len(self.used), self.used
        return sp.Matrix(size, size, lambda i, j: values.get(self.unknowns[used[min(i, j)], used[max(i, j)]], 0))

    def _rank_one_is_zero(self) -> bool:
        """G = w w': the equations, now quadratic in w, have w = 0 as their only real solution."""
        if len(self.used) > 4:
            return False
        w = {t: sp.Symbol(f"w{t}", real=True) for t in self.used}
        squares = {g: w[s] * w[t] for (s, t), g in self.unknowns.items()}
        solutions = sp.solve([e.subs(squares) for e in self.equations], list(w.values()), dict=True)
        real = [s for s in solutions if all(v.is_real is not False for v in s.values())]
        return all(all(s.get(symbol) == 0 for symbol in w.values()) for s in real) and self.zero_solves

    def _outcome(self, kind: str, reason: str, dimension: object = None, usable: object = None) -> Outcome:
        return Outcome(
            kind=kind,
            rule=RULE,
            reason=reason,
            conditions=self._formulas(),
            proper=True,
            dimension=dimension,
            usable=usable,
        )

    def _solves(self, values: dict[sp.Symbol, sp.Expr]) -> bool:
        return all(sign(equation.subs(values)) == 0 for equation in self.equations)

    def _candidates(self) -> Iterator[dict[sp.Symbol, sp.Expr]]:
        """One statistic alone, one latent unit alone, then everything: diagonal zero-one matrices."""
        diagonal = {s: g for (s, t), g in self.unknowns.items() if s == t}
        choices = [{s} for s in diagonal]
        choices += [{s for s in diagonal if self.setting.unit_of[s] == j} for j in range(len(self.setting.latents))]
        choices.append(set(diagonal))
        for choice in choices:
            yield {g: sp.Integer(int(s == t and s in choice)) for (s, t), g in self.unknowns.items()}

    def _available(self) -> int:
        copies = self.setting.decoder.copies
        return self.rank * (copies if isinstance(copies, int) else 2)

    def _enough(self, width: int) -> bool | None:
        d, k = self.setting.decoder.copies, self.setting.encoder.copies
        if isinstance(d, int) and isinstance(k, int):
            return self.rank * d >= width * k
        return True if d == k and self.rank >= width else None

    @cached_property
    def _dead(self) -> set[int]:
        """Statistics whose diagonal entry vanishes, and with it their column of W."""
        return {s for (s, t), g in self.unknowns.items() if s == t and any(e in (g, -g) for e in self.equations)}

    @cached_property
    def _off_diagonal(self) -> bool:
        """Whether the equations say exactly: the columns in `_dead` vanish and the rest of G is diagonal."""
        off = {g for (s, t), g in self.unknowns.items() if s != t}
        gone = {self.unknowns[s, s] for s in self._dead}
        implied = {g for (s, t), g in self.unknowns.items() if {s, t} & self._dead}
        stated = {e if e in off | gone else -e for e in self.equations}
        return bool(off - implied) and off - implied <= stated <= off | gone

    def _count(self) -> tuple[object, object]:
        """Dimension and usable latents where G is just diagonal: r orthogonal columns; (None, None) otherwise."""
        if not self._off_diagonal:
            return None, None
        per_unit = (len(self.used) - len(self._dead)) // len(self.setting.latents)
        rows, columns = self.rank * self.setting.decoder.copies, per_unit * self.setting.encoder.copies
        r = sp.Min(rows, columns)
        return rows * r - r * (r - 1) / 2, r

    def _formulas(self) -> tuple[Formula, ...]:
        """Columns that vanish, then a diagonal Gram matrix, then whatever else is left."""
        m = len(self.setting.latents[0].statistics)
        columns = [
            Formula(text=f"W[., {self._name(s)}] = 0", latex=rf"W_{{\cdot,\,{sp.latex(self._shown(s))}}} = 0")
            for s in sorted(self._dead)
            if s < m
        ]
        solution = sp.solve(self.equations, list(self.unknowns.values()), dict=True)[0]
        latex = self.name.replace("'' ", r"^{\prime\prime} ").replace("W' ", r"W^\top ").replace("W'W", r"W^\top W")
        if len(solution) == len(self.unknowns) and self._multiple_of_identity(solution):
            c = self.matrix(solution)[0, 0]
            text = "I" if c == 1 else f"{c} I" if c.is_Rational else f"({c}) I"
            return (Formula(text=f"{self.name} = {text}", latex=rf"{latex} = {'' if c == 1 else sp.latex(c)}\, I"),)
        if self._off_diagonal:
            return (*columns, Formula(text=f"{self.name} is diagonal", latex=rf"{latex} \text{{ is diagonal}}"))
        alive = {g for (s, t), g in self.unknowns.items() if not {s, t} & self._dead}
        rest = [e for e in self.equations if e.free_symbols <= alive]
        return (*columns, *(self._formula(e, latex) for e in rest))

    def _multiple_of_identity(self, solution: dict[sp.Symbol, sp.Expr]) -> bool:
        matrix = self.matrix(solution)
        return matrix == matrix[0, 0] * sp.eye(matrix.rows)

    def _formula(self, equation: sp.Expr, latex: str) -> Formula:
        psi = self.setting.psi
        names = {g: sp.Symbol(f"({self.name})[{psi[s]}, {psi[t]}]") for (s, t), g in self.unknowns.items()}
        tex = {
            g: sp.Symbol(rf"({latex})_{{{sp.latex(psi[s])},\,{sp.latex(psi[t])}}}")
            for (s, t), g in self.unknowns.items()
        }
        return Formula(text=f"{equation.xreplace(names)} = 0", latex=sp.latex(equation.xreplace(tex)) + " = 0")

    def _shown(self, t: int) -> sp.Expr:
        first = {v: sp.Symbol(v.name.replace("z1", "z")) for v in self.setting.latents[0].variables}
        return self.setting.psi[t].xreplace(first)

    def _name(self, t: int) -> str:
        return str(self._shown(t))
