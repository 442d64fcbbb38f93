"""Admissible decoders that break the conjugation equation: what shows that the prior clause removes something."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import sympy as sp

from eftheory.derive.domain import SMALL, Domain, section
from eftheory.derive.numeric import Projector, sample, value
from eftheory.derive.rules.members import interior, log_partition
from eftheory.derive.setting import Setting

SEED = 20220425


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A rational decoder on the explicit setting. W: (pixels * statistics) x psi, one row for each; u alike."""

    pixels: int
    W: tuple[tuple[sp.Rational, ...], ...]
    u: tuple[sp.Rational, ...]


def nonmember(setting: Setting, domain: Domain) -> Candidate | None:
    """A random rational (W, u) with the signs of an admissible pair, far from the span at sample points.

    `eftheory.witness` certifies it: here floats only propose.
    """
    if not domain.examples:
        return None
    points = sample(setting.latents, min(96, 4 * len(setting.span) + 16))
    projector = Projector(points, [] if setting.varying_total else setting.span)
    for candidate in couplings(setting, domain):
        residual = _residual(setting, projector, candidate)
        if residual is not None and residual > 1e-4:
            return candidate
    return None


def couplings(setting: Setting, domain: Domain) -> Iterator[Candidate]:
    """Random rational (W, u) for one decoder unit, with the signs of admissible couplings."""
    random = Random(SEED)
    n, latents = len(setting.decoder.unit.statistics), setting.psi
    m = len(setting.latents[0].statistics)
    x, z = section(setting.decoder), section(setting.encoder)
    free = x.bounded or z.bounded
    for trial in range(60):
        pattern = domain.examples[trial % len(domain.examples)]
        rows = []
        for a in range(n):
            row = []
            for t in range(len(latents)):
                sign = random.choice((-1, 1)) if free else pattern[x.index[a]][z.index[t % m]]
                if not free and (a in x.products or t % m in z.products):
                    sign = 0  # squares alone keep the quadratic form definite
                row.append(sign * sp.Rational(random.randint(2, 9), 6) * (1 if free else 4 * SMALL))
            rows.append(tuple(row))
        u = tuple(_offset(setting, a, random) for a in range(n))
        yield Candidate(pixels=1, W=tuple(rows), u=u)


def _offset(setting: Setting, a: int, random: Random) -> sp.Expr:
    anchor = interior(setting.decoder.unit)[a]
    size = sp.Rational(random.randint(1, 12), 4)
    return anchor * (1 + size) if anchor else (size - sp.Rational(3, 2)) / 2


def parameters(setting: Setting, candidate: Candidate) -> list[sp.Expr]:
    """f(z) = W psi(z) + u, flattened."""
    return [
        u + sp.Add(*(w * s for w, s in zip(row, setting.psi, strict=True)))
        for row, u in zip(candidate.W, candidate.u, strict=True)
    ]


def stated(setting: Setting, candidate: Candidate) -> tuple[list[list[sp.Expr]], list[sp.Expr]]:
    """(W, u) in all statistics as the user stated them: zero rows and columns for the redundant ones."""
    decoder, encoder = setting.decoder, setting.encoder
    columns = [j * encoder.stated + b for j in range(len(setting.latents)) for b in encoder.kept]
    W = [[sp.Integer(0)] * (encoder.stated * len(setting.latents)) for _ in range(decoder.stated)]
    u = [sp.Integer(0)] * decoder.stated
    for a, row, shift in zip(decoder.kept, candidate.W, candidate.u, strict=True):
        u[a] = shift
        for column, entry in zip(columns, row, strict=True):
            W[a][column] = entry
    return W, u


def _residual(setting: Setting, projector: Projector, candidate: Candidate) -> float | None:
    unit = setting.decoder.unit
    forms = parameters(setting, candidate)
    partition = log_partition(unit, list(unit.natural))
    values = []
    try:
        for point in projector.points:
            at = dict(zip(unit.natural, (value(f, point) for f in forms), strict=True))
            if not all(value(r.lts - r.gts, at) < 0 for r in unit.domain):
                return None
            if setting.varying_total:
                values.append(value(sp.log(partition), at))
            else:
                values.append(value(partition, at) - value(setting.log_ratio, point))
    except (ValueError, OverflowError, ZeroDivisionError):
        return None
    if setting.varying_total:
        projector = Projector(projector.points, setting.psi)
    return projector.residual(values)
