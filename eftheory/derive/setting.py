"""The question made explicit: one decoder unit, a few latent units, and the functions that the clauses speak of.

Units are independent copies of each other, so a derivation never expands them all: `REPRESENTATIVES` copies of the
latent unit show every kind of interaction that copies can have, and a member or non-member of the small model extends
to any larger one by zero rows and columns of W. Sizes and symbols enter through `Setting.copies` alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import sympy as sp

from eftheory.derive.space import Space, Unknown
from eftheory.derive.zero import sign
from eftheory.families.base import Explicit, Family, Size, Unit
from eftheory.families.normaliser import closed_form
from eftheory.families.support import Bits, Counts, OneHot, Reals, Simplex
from eftheory.spec import Specification

REPRESENTATIVES = 2
"""Copies of a unit that stand for all of them."""
BLOCK = {Bits: 3, OneHot: 4, Counts: 3, Simplex: 3, Reals: 2}
"""Components of a block that stand for all of them."""
MAX_POINTS, MAX_TABLE = 256, 1024
"""Points of all latents together, and of one unit, up to which they are enumerated."""
MAX_COPIES, MAX_BLOCK = 5, 8
"""Sizes up to which a prior with listed values is taken as it is, no coordinate standing for another."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of the model, reduced to independent statistics (theory: clause a).

    unit: explicit, with its independent statistics only; kept: their indices among all;
    dropped: (statistic, its combination of the kept ones); copies: how many such units, a number or a symbol.
    """

    family: Family
    unit: Explicit
    copies: Size
    groups: tuple[int, ...]
    kept: tuple[int, ...]
    dropped: tuple[tuple[sp.Expr, sp.Expr], ...]
    proof: str

    @property
    def stated(self) -> int:
        """Statistics as the user stated them, redundant ones included."""
        return len(self.kept) + len(self.dropped)

    @property
    def finite(self) -> bool:
        return self.unit.support.finite

    @property
    def points(self) -> list[tuple[sp.Expr, ...]] | None:
        return unit_points(self.unit)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What the clauses work on.

    latents: explicit copies of the encoder's unit; psi: their statistics, flattened; unit_of[t]: the copy of psi[t];
    tau: statistics of a learned prior; log_ratio: log(k0/k), k0 the prior's density (fixed) or base (learned).
    """

    spec: Specification
    decoder: Side
    encoder: Side
    latents: tuple[Explicit, ...]
    tau: tuple[sp.Expr, ...]
    log_ratio: sp.Expr

    @cached_property
    def psi(self) -> tuple[sp.Expr, ...]:
        return tuple(s for unit in self.latents for s in unit.statistics)

    @cached_property
    def unit_of(self) -> tuple[int, ...]:
        return tuple(j for j, unit in enumerate(self.latents) for _ in unit.statistics)

    @cached_property
    def points(self) -> list[tuple[sp.Expr, ...]] | None:
        tables = [unit_points(unit) for unit in self.latents]
        if any(table is None for table in tables):
            return None
        combined = [sum(choice, ()) for choice in product(*tables)]  # type: ignore[arg-type]
        return combined if len(combined) <= MAX_POINTS else None

    @cached_property
    def space(self) -> Space:
        return Space([(unit.variables, unit.support) for unit in self.latents], self.points)

    @property
    def span(self) -> list[sp.Expr]:
        """Generators of what the conjugation equation may absorb, besides constants: psi and tau."""
        return [*self.psi, *self.tau]

    @property
    def prior_free(self) -> bool:
        return self.spec.prior.kind == "free"

    @property
    def prior_pinned(self) -> bool:
        """A prior without parameters: it fixes v."""
        return self.spec.prior.kind in ("fixed", "uniform")

    @property
    def varying_total(self) -> bool:
        return varying(self.decoder.unit)

    @cached_property
    def fits(self) -> bool:
        """Whether W = 0 is a member: log(k0/k) + t'tau in span{1, psi} for a prior in its natural domain."""
        if self.psi_held:  # the encoder's own k exp(v'psi), proper for some v, is then in the prior's family
            return self.space.spans(self.log_ratio, self.span)
        return self.absorbs(-self.log_ratio)

    @cached_property
    def tau_absorbed(self) -> bool:
        """Every tau_j in span{1, psi}: the prior's parameters meet no condition that v could not."""
        return all(self.space.spans(t, self.psi) for t in self.tau)

    @cached_property
    def psi_held(self) -> bool:
        """Every psi_j in span{1, tau}: whatever v is, the implied prior of finite mass is one of the learned family."""
        return all(self.space.spans(s, self.tau) for s in self.psi)

    def absorbs(self, target: sp.Expr) -> bool:
        """Whether ``target = t'tau - v'psi + c`` with t in the prior's natural domain.

        v needs no check: a proper prior and a decoder make every posterior proper.
        """
        coefficients = self.space.combination(target, self.span)
        if coefficients is None:
            return False
        if self.spec.prior.kind != "learned" or self.tau_absorbed:
            return True
        m = len(self.psi)
        start = coefficients[1 + m :]
        free = [row[1 + m :] for row in self.space.relations([sp.Integer(1), *self.span])]
        return all(_attainable(relation, start, free, self._prior_units()) for relation in self._prior_relations())

    def _prior_units(self) -> list[sp.Symbol]:
        return [sp.Symbol(f"t{i}", real=True) for i in range(len(self.tau))]

    def _prior_relations(self) -> list[sp.Rel]:
        """The natural domain of every unit of a learned prior, in one symbol for each entry of tau."""
        family, symbols = self.spec.prior.family, self._prior_units()
        assert family is not None
        unit = _prior_blocks(family, sum(len(u.variables) for u in self.latents), self.encoder)[0]
        width = len(unit.statistics)
        relations = []
        for i in range(0, len(symbols), width):
            named = dict(zip(unit.natural, symbols[i : i + width], strict=True))
            relations += [relation.xreplace(named) for relation in unit.domain]
        return relations

    def alone(self) -> Setting:
        """The same question with a single latent unit."""
        if len(self.latents) == 1:
            return self
        first = self.latents[0]
        keep = dict.fromkeys(v for unit in self.latents[1:] for v in unit.variables)
        if any(t.free_symbols & set(keep) for t in (*self.tau, self.log_ratio)) and self.spec.prior.kind != "same":
            if _distinguishes(self.spec):
                raise Unknown("a prior that couples or distinguishes latents")
            return build(replace(self.spec, encoder=replace(self.spec.encoder, copies=1), prior=_single(self.spec)))
        tau = tuple(t for t in self.tau if not t.free_symbols & set(keep))
        return replace(self, latents=(first,), tau=tau, encoder=replace(self.encoder, copies=1))


def build(spec: Specification, like: Setting | None = None) -> Setting:
    """The setting of a specification; raises `Unknown` when a statistic has no normal form.

    like: a setting that may share a side with this one, which is then not made explicit again.
    """
    whole = _distinguishes(spec)
    decoder = like.decoder if like and like.spec.decoder is spec.decoder else side(spec.decoder, "x")
    encoder = like.encoder if like and like.spec.encoder is spec.encoder else side(spec.encoder, "z", whole=whole)
    if whole and not (isinstance(encoder.copies, int) and encoder.copies <= MAX_COPIES):
        raise Unknown("a prior that differs from latent to latent, at this size")
    count = encoder.copies if whole else min(REPRESENTATIVES, encoder.copies if isinstance(encoder.copies, int) else 2)
    latents = tuple(
        _restrict(spec.encoder.unit.at(encoder.groups, name="z", index=j + 1), encoder.kept) for j in range(count)
    )
    if isinstance(latents[0].support, Counts) and unit_points(latents[0]) is None and not varying(latents[0]):
        raise Unknown("an encoder of counts with this many states")
    tau, ratio = _prior(spec, latents, encoder)
    return Setting(spec=spec, decoder=decoder, encoder=encoder, latents=latents, tau=tau, log_ratio=ratio)


def _distinguishes(spec: Specification) -> bool:
    """Whether the prior treats latents differently, so that none stands for another."""
    family = spec.prior.family
    if family is None or spec.prior.kind not in ("fixed", "learned"):
        return False
    groups = family.unit.groups
    return family.listed_values or (len(groups) > 1 and len(groups) != len(spec.encoder.unit.groups))


def side(family: Family, name: str, *, whole: bool = False) -> Side:
    """One side made explicit and reduced to independent statistics. whole: at its own size, not a smaller one."""
    groups = family.unit.groups if whole else small_groups(family.unit)
    if whole and not all(isinstance(g, int) and g <= MAX_BLOCK for g in groups):
        raise Unknown("a prior that differs from component to component, at this size")
    unit = family.unit.at(groups, name=name)
    space = Space([(unit.variables, unit.support)], None if varying(unit) else unit_points(unit))
    kept = space.independent(unit.statistics)
    dropped = []
    for i in range(len(unit.statistics)):
        if i not in kept:
            coefficients = space.combination(unit.statistics[i], [unit.statistics[j] for j in kept])
            assert coefficients is not None
            terms = [c * unit.statistics[j] for c, j in zip(coefficients[1:], kept, strict=True)]
            dropped.append((unit.statistics[i], sp.Add(coefficients[0], *terms)))
    proof = "coordinates in independent functions" if unit_points(unit) is None else "the table over all points"
    return Side(
        family=family,
        unit=_restrict(unit, tuple(kept)),
        copies=family.copies,
        groups=groups,
        kept=tuple(kept),
        dropped=tuple(dropped),
        proof=proof,
    )


def varying(unit: Explicit) -> bool:
    """Counts whose total follows a law that the parameters do not touch."""
    return isinstance(unit.support, Counts) and unit.support.total is None


def small_groups(unit: Unit) -> tuple[int, ...]:
    """Explicit sizes that stand for the block's own."""
    cap = next((size for kind, size in BLOCK.items() if isinstance(unit.support, kind)), 1)
    cap = cap if len(unit.groups) <= 1 else 2
    return tuple(min(cap, g) if isinstance(g, int) else cap for g in unit.groups)


def unit_points(unit: Explicit) -> list[tuple[sp.Expr, ...]] | None:
    """All points of a finite unit; None when they are too many, or a symbol hides how many."""
    count = unit.support.count(len(unit.variables))
    return unit.points() if count is not None and count <= MAX_TABLE else None


def _restrict(unit: Explicit, kept: tuple[int, ...]) -> Explicit:
    """Without the other statistics, whose natural parameters become zero (the gauge)."""
    partition = unit.log_partition if unit.log_partition is not None else _closed(unit)
    zero = {eta: 0 for i, eta in enumerate(unit.natural) if i not in kept}
    relations = (relation.subs(zero) for relation in unit.domain)
    return replace(
        unit,
        statistics=tuple(unit.statistics[i] for i in kept),
        natural=tuple(unit.natural[i] for i in kept),
        log_partition=None if partition is None else partition.subs(zero),
        domain=tuple(r for r in relations if r != sp.true),
    )


def _closed(unit: Explicit) -> sp.Expr | None:
    return None if varying(unit) else closed_form(unit)


def _prior(spec: Specification, latents: tuple[Explicit, ...], encoder: Side) -> tuple[tuple[sp.Expr, ...], sp.Expr]:
    """tau and log(k0/k) on the explicit latents."""
    prior = spec.prior
    log_k = sp.Add(*(sp.log(unit.base) for unit in latents))
    if prior.kind in ("free", "same"):
        return (tuple(s for unit in latents for s in unit.statistics) if prior.kind == "same" else ()), sp.Integer(0)
    if prior.kind == "uniform":
        return (), -log_k
    family = prior.family
    assert family is not None
    variables = [v for unit in latents for v in unit.variables]
    blocks = _prior_blocks(family, len(variables), encoder)
    names = [v for block in blocks for v in block.variables]
    if len(names) != len(variables):
        raise Unknown("the prior's block does not match the encoder's latents")
    rename = dict(zip(names, variables, strict=True))
    tau = [s.xreplace(rename) for block in blocks for s in block.statistics]
    log_k0 = sp.Add(*(sp.log(block.base.xreplace(rename)) for block in blocks))
    if prior.kind == "learned":
        return tuple(tau), log_k0 - log_k
    if family.unit.natural is None:
        raise Unknown(f"no natural parameters are known for {family}")
    for block in blocks:
        groups = () if block.support.scalar else (len(block.variables),)
        eta = family.natural_values(groups)
        log_k0 += sp.Add(*(e * s.xreplace(rename) for e, s in zip(eta, block.statistics, strict=True)))
    return (), log_k0 - log_k


def _prior_blocks(family: Family, length: int, encoder: Side) -> list[Explicit]:
    """The prior's units over `length` scalar latents, its blocks cut to the encoder's explicit size."""
    if not family.unit.groups:
        return [family.unit.at((), name="t", index=j + 1) for j in range(length)]
    groups = encoder.groups if len(encoder.groups) == len(family.unit.groups) else (length,)
    if len(family.unit.groups) > 1 and len(encoder.groups) != len(family.unit.groups):
        groups = family.unit.groups
        if not all(isinstance(g, int) for g in groups) or sum(groups) != length:
            raise Unknown("the prior's groups do not match the encoder's latents")
    return [family.unit.at(groups, name="t", index=j + 1) for j in range(length // sum(groups))]


def _attainable(relation: sp.Rel, start: list[sp.Expr], free: list[list[sp.Expr]], symbols: list[sp.Symbol]) -> bool:
    """Whether the relation holds somewhere on ``start + span(free)``; raises Unknown when it depends on both."""
    at = dict(zip(symbols, start, strict=True))
    form = relation.lts - relation.gts
    moving = [row for row in free if any(r != 0 and form.has(s) for r, s in zip(row, symbols, strict=True))]
    if moving:
        if sp.Poly(form, *symbols).total_degree() > 1:
            raise Unknown(f"the prior's domain {relation}")
        return True
    side = sign(form.subs(at))
    if side is None:
        raise Unknown(f"the prior's domain {relation}")
    return side < 0


def _single(spec: Specification):  # type: ignore[no-untyped-def]
    """The prior of one latent unit."""
    family = spec.prior.family
    if family is None or spec.encoder.unit.groups or family.unit.groups == ():
        return spec.prior if family is None else replace(spec.prior, family=replace(family, copies=1))
    return replace(spec.prior, family=replace(family, unit=replace(family.unit, groups=(1,))))
