"""What a prior adds to a log-density at latent points, exactly: ``log p0(z) - log k(z)``, up to a constant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from eftheory.errors import MisuseError
from eftheory.exact.density import dot
from eftheory.exact.product import Product, explicit, sizes
from eftheory.exact.values import ZERO, Value, exact
from eftheory.families.base import Family
from eftheory.families.support import Point


@dataclass(frozen=True)
class PriorTerms:
    """A prior beside an encoder at explicit sizes. kind: ``free``, ``same``, ``uniform``, ``learned`` or ``fixed``.

    family: the prior's, for ``learned`` and ``fixed``; natural: its natural parameters, for ``fixed``.
    """

    kind: str
    encoder: Product
    family: Product | None = None
    natural: tuple[Value, ...] = ()

    @property
    def free(self) -> bool:
        return self.kind == "free"

    @property
    def statistics(self) -> Product | None:
        """tau, which the weights must annihilate too, because its coefficients are learned."""
        return self.family if self.kind == "learned" else None

    def logs(self, points: Sequence[Point]) -> tuple[Value, ...] | None:
        """``log p0 - log k`` at the points; for a learned prior without its linear part; None for a free one."""
        return None if self.free else tuple(self._log(point) for point in points)

    def _log(self, point: Point) -> Value:
        if self.kind == "same":
            return ZERO
        base = self.encoder.log_base(point)
        if self.family is None:
            return -base
        linear = dot(self.family.statistics(point), self.natural) if self.kind == "fixed" else ZERO
        return self.family.log_base(point) + linear - base


def prior_terms(
    kind: str, family: Family | None, encoder: Product, groups: tuple[int, ...], values: Mapping[sp.Symbol, sp.Expr]
) -> PriorTerms:
    """The prior at the encoder's sizes; groups: the encoder's. Raises MisuseError when the supports differ."""
    if kind not in ("learned", "fixed"):
        return PriorTerms(kind, encoder)
    if family is None:
        raise MisuseError(wanted="a family for the prior", got="none", do="name one, such as bernoulli(2, probs=1/2)")
    shape, copies = _sizes(family, encoder, groups)
    space = explicit(family, shape, copies, values)
    _same_support(space, encoder, family)
    if kind == "learned":
        return PriorTerms(kind, encoder, space)
    one = [exact(sp.sympify(eta, strict=True).subs(dict(values))) for eta in family.natural_values(shape)]
    return PriorTerms(kind, encoder, space, tuple(one * copies))


def _sizes(family: Family, encoder: Product, groups: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
    """Sizes of the prior: its own numbers where they fit, else those that give the encoder's number of components
    (the encoder may be a small stand-in for the one that was asked about; `spec` has compared the two)."""
    if all(isinstance(size, int | sp.Integer) for size in (family.copies, *family.unit.groups)):
        shape, copies = sizes(family)
        if copies * (sum(shape) or 1) == encoder.length:
            return shape, copies
    if len(family.unit.groups) == len(groups):
        return groups, encoder.copies
    return ((), encoder.length) if not family.unit.groups else ((encoder.length,), 1)


def _same_support(prior: Product, encoder: Product, family: Family) -> None:
    same = prior.length == encoder.length and prior.count() == encoder.count()
    if not same or not all(prior.contains(point) for point in encoder.sample()):
        raise MisuseError(
            wanted=f"a prior on the encoder's support ({encoder.copies} x {encoder.unit.support.text})",
            got=f"{family} on {prior.copies} x {prior.unit.support.text}",
            do="choose a prior on the same support",
        )
