"""Members with W != 0 by search: proposed in floats on a few points, proved by normal form, never excluded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement, product

import sympy as sp

from eftheory.derive.numeric import Projector, sample, value
from eftheory.derive.rules.members import interior, log_partition, sparse
from eftheory.derive.setting import Setting
from eftheory.derive.space import Unknown

LIMIT = 7000
"""Candidates tried at most; what is not found is not claimed to be absent."""
CLOSE = 1e-9

Block = tuple[tuple[int, ...], ...]
"""The entries of W between one decoder coordinate and one latent unit: statistics x psi."""


@dataclass(frozen=True)
class Pixel:
    """One decoder coordinate: f = weights psi + offsets."""

    weights: Block
    offsets: tuple[sp.Expr, ...]

    def forms(self, psi: tuple[sp.Expr, ...]) -> list[sp.Expr]:
        return [
            u + sp.Add(*(w * s for w, s in zip(row, psi, strict=True)))
            for row, u in zip(self.weights, self.offsets, strict=True)
        ]


@dataclass(frozen=True)
class Member:
    """An exact member on a single latent unit, one entry for each decoder coordinate that it uses."""

    pixels: tuple[Pixel, ...]
    text: str


def search(setting: Setting) -> Member | None:
    """A member on one latent unit with entries of W in {-1, 0, 1}, proved by normal form."""
    single = setting.alone()
    if single.decoder.unit.log_partition is None and not single.varying_total:
        return None
    return _Search(single).run()


class _Search:
    """The values of A(f(z)) at the sample points are computed once for every candidate coordinate."""

    def __init__(self, setting: Setting) -> None:
        self.setting, self.unit = setting, setting.decoder.unit
        self.psi = setting.latents[0].statistics
        self.points = sample(setting.latents, len(setting.span) + 9)
        self.projector = Projector(self.points, [] if setting.varying_total else setting.span)
        self.at_points = [[value(s, point) for s in self.psi] for point in self.points]
        ratio = sp.Integer(0) if setting.varying_total else setting.log_ratio
        self.ratio = [value(ratio, point) for point in self.points]
        self.partition = log_partition(self.unit, list(self.unit.natural))

    def run(self) -> Member | None:
        idle = interior(self.unit)
        known: list[tuple[Pixel, list[float]]] = []
        for pixel in self._single(idle):
            values = self._values(pixel)
            if values is None:
                continue
            member = self._member((pixel,), [values])
            if member is not None:
                return member
            if all(u == 0 or not any(row) for row, u in zip(pixel.weights, pixel.offsets, strict=True)):
                known.append((pixel, values))
        copies = self.setting.decoder.copies
        if copies == 1:
            return None
        if len(known) ** 2 <= 2 * LIMIT:
            for pair in combinations_with_replacement(known, 2):
                member = self._member(tuple(p for p, _ in pair), [v for _, v in pair])
                if member is not None:
                    return member
        return self._one_each(idle)

    def _single(self, idle: list[sp.Expr]) -> Iterator[Pixel]:
        """u = 0, then +-1, where z enters; where it does not, a number inside the natural domain."""
        blocks = sorted(_blocks(len(self.unit.natural), len(self.psi)), key=_entries)
        for shift in (sp.Integer(0), sp.Integer(1), sp.Integer(-1)):
            for block in blocks:
                yield Pixel(block, tuple(shift if any(row) else idle[a] for a, row in enumerate(block)))

    def _one_each(self, idle: list[sp.Expr]) -> Member | None:
        """One decoder coordinate for each statistic of the latent: f_i = +-psi_i."""
        m, copies = len(self.psi), self.setting.decoder.copies
        if len(idle) != 1 or m < 3 or (isinstance(copies, int) and copies < m):
            return None
        for way in (1, -1):
            pixels = tuple(Pixel((tuple(way * int(i == j) for j in range(m)),), (sp.Integer(0),)) for i in range(m))
            values = [self._values(pixel) for pixel in pixels]
            member = self._member(pixels, [v for v in values if v is not None]) if None not in values else None
            if member is not None:
                return member
        return None

    def _values(self, pixel: Pixel) -> list[float] | None:
        """A(f(z)) at the sample points; None where f leaves the natural domain."""
        offsets = [float(u) for u in pixel.offsets]
        result = []
        try:
            for psi in self.at_points:
                numbers = [
                    u + sum(w * s for w, s in zip(row, psi, strict=True) if w)
                    for row, u in zip(pixel.weights, offsets, strict=True)
                ]
                at = dict(zip(self.unit.natural, numbers, strict=True))
                if not all(value(relation.lts - relation.gts, at) < 0 for relation in self.unit.domain):
                    return None
                result.append(value(self.partition, at))
        except (ValueError, OverflowError, ZeroDivisionError):
            return None
        return result

    def _member(self, pixels: tuple[Pixel, ...], values: Iterable[list[float]]) -> Member | None:
        total = [sum(column) - r for column, r in zip(zip(*values, strict=True), self.ratio, strict=True)]
        used = any(any(row) for pixel in pixels for row in pixel.weights)
        if not used or self.projector.residual(total) > CLOSE or not self._proved(pixels):
            return None
        return Member(pixels, self._text(pixels))

    def _proved(self, pixels: tuple[Pixel, ...]) -> bool:
        total = sp.Add(*(log_partition(self.unit, pixel.forms(self.psi)) for pixel in pixels))
        try:
            if self.setting.varying_total:
                return self.setting.space.spans(total, [])
            return self.setting.absorbs(total - self.setting.log_ratio)
        except Unknown:
            return False

    def _text(self, pixels: tuple[Pixel, ...]) -> str:
        names = [str(s) for s in self.unit.statistics]
        parts = [zip(names, pixel.forms(self.psi), strict=True) for pixel in pixels]
        return "; ".join(", ".join(f"f[{name}] = {form}" for name, form in part) for part in parts)


def _entries(block: Block) -> int:
    return sum(abs(x) for row in block for x in row)


def _blocks(n: int, m: int) -> list[Block]:
    """All n x m matrices with at most two entries a row; where they are too many, one or two non-zero rows."""
    zero, others = tuple([0] * m), list(sparse(m, 2))
    if (1 + len(others)) ** n <= LIMIT:
        return list(product([zero, *others], repeat=n))
    single = [tuple(row if a == i else zero for a in range(n)) for i in range(n) for row in others]
    double = [
        tuple(first if a == i else second if a == j else zero for a in range(n))
        for i, j in combinations(range(n), 2)
        for first, second in product(others, repeat=2)
    ]
    return single + (double if len(double) <= LIMIT else [])
