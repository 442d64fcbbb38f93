"""The rows of data where a trained model is furthest from tight, and a certified witness of inconsistency there.

Theory: section 2, "Witness of inconsistency". Four latents with ``psi(z1) - psi(z2) - psi(z3) + psi(z4) = 0`` and
``Delta = sum_i b_i [log p(x, z_i) - log k(z_i)] != 0``: no encoder of the family has the posterior at x, and its gap
there is at least `eftheory.bounds.witness_gap`. Searched in float64, then certified in ball arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eftheory import bounds
from eftheory.exact.arithmetic import BALL
from eftheory.exact.decide import enclosed
from eftheory.learn.config import ModelConfig
from eftheory.learn.datasets.sparse import SparseRows
from eftheory.learn.densities.products import Rows, rows_at
from eftheory.learn.densities.seeding import seeded
from eftheory.learn.models.model import VAE
from eftheory.learn.projection.measure import log_joint
from eftheory.verdict import Status, Verdict
from eftheory.witness import consistency_witness

WEIGHTS = (1, -1, -1, 1)
NORM = 4
LIKELY = 256
"""Latents among which quadruples are searched: the most probable ones at x."""
FINALISTS = 8
"""Quadruples for which the bound itself is computed."""
CONTRASTED = ("implied", "free")
"""Priors that a witness does without: it contrasts two observations, and bounds no gap."""


@dataclass(frozen=True)
class Quadruple:
    """codes: places of z1..z4 among the latents, weights +1, -1, -1, +1; delta: nats; alpha: ``min p(z_i|x)``.

    bound: on the gap at x of any encoder of the family, nats.
    """

    codes: tuple[int, int, int, int]
    delta: float
    alpha: float
    bound: float


@dataclass(frozen=True, kw_only=True)
class WorstRow:
    """row: its place in the data; gap: of the trained encoder there; best_gap: of the best encoder found for this row
    alone (`best`), None where z is no independent bits; nats. quadruple: None where there is none.

    verdict: of `eftheory.witness.consistency_witness` at these four points; bound: the lower bound on the gap that its
    certified Delta implies (with alpha in float64), for any encoder of the family.
    """

    row: int
    gap: float
    best_gap: float | None
    quadruple: Quadruple | None
    points: tuple[tuple[float, ...], ...]
    verdict: Verdict | None
    bound: float

    def as_dict(self) -> dict[str, Any]:
        found = self.verdict.witness if self.verdict is not None and self.verdict.status is Status.REFUTED else None
        return {
            "row": self.row,
            "gap": self.gap,
            "best_gap": self.best_gap,
            "points": [list(point) for point in self.points],
            "weights": list(WEIGHTS) if self.points else [],
            "delta": None if found is None else {"lower": found.lower, "upper": found.upper},
            "precision": None if found is None else found.precision,
            "status": None if self.verdict is None else self.verdict.status.name,
            "reason": "" if self.verdict is None else self.verdict.reason,
            "alpha": None if self.quadruple is None else self.quadruple.alpha,
            "bound": self.bound,
        }


def worst_rows(
    model: VAE, config: ModelConfig, x: Rows, gap: Tensor, best: Tensor | None, count: int
) -> tuple[WorstRow, ...]:
    """The rows of x with the largest gap (N,), each with its witness; finite latents.

    best: the smallest gaps known for each row, (N,); half of the `count` rows are then those where it is largest: there
    the family itself falls short, and no longer the trained encoder. With the same row in both, fewer rows.
    """
    chosen = gap.argsort(descending=True)[: count if best is None else count - count // 2].tolist()
    if best is not None:
        chosen += best.argsort(descending=True)[: count // 2].tolist()
    found = []
    for row in dict.fromkeys(chosen):
        least = None if best is None else float(best[row])
        found.append(witness_at(model, config, rows_at(x, row, row + 1), row, float(gap[row]), least))
    return tuple(found)


@torch.no_grad()
def best_quadruple(model: VAE, x: Rows) -> Quadruple | None:
    """The quadruple with the largest lower bound on the gap at the single row x; None where psi allows none."""
    codes = model.latents()
    table = log_joint(model, x)[0]
    log_posterior = table.log_softmax(-1)
    places = log_posterior.argsort(descending=True)[:LIKELY]
    psi = model.encoder.statistics(codes[places]).numpy()
    values = (table - model.encoder.log_base(codes))[places].numpy()
    chosen = parallelograms(psi)
    if not len(chosen):
        return None
    delta = values[chosen] @ np.array(WEIGHTS)
    alpha = np.exp(log_posterior[places].numpy()[chosen].min(axis=1))
    guess = np.abs(delta) / NORM
    order = np.argsort(-_below(alpha, guess))[:FINALISTS]
    best: Quadruple | None = None
    for place in order:
        least = float(alpha[place])
        if not 0.0 < least < 1.0:
            continue
        bound = lower_bound(Fraction(float(delta[place])), least)
        if best is None or bound > best.bound:
            four = places[torch.from_numpy(chosen[place])].tolist()
            best = Quadruple(tuple(four), float(delta[place]), least, bound)
    return best


def parallelograms(psi: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Every (z1, z2, z3, z4) with ``psi1 + psi4 = psi2 + psi3``, once each, (count, 4) places of psi (c, m)."""
    pairs = np.array(list(combinations(range(len(psi)), 2)), dtype=np.int64).reshape(-1, 2)
    if not len(pairs):
        return np.empty((0, 4), dtype=np.int64)
    _, group = np.unique(psi[pairs[:, 0]] + psi[pairs[:, 1]], axis=0, return_inverse=True)
    order = np.argsort(group.ravel(), kind="stable")
    ends = np.flatnonzero(np.diff(group.ravel()[order], prepend=-1, append=group.max() + 1))
    return np.concatenate([np.empty((0, 4), dtype=np.int64), *_within(pairs[order], ends)])


def _within(pairs: np.ndarray[Any, Any], ends: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    """Two pairs of equal sum are the diagonals of a parallelogram."""
    for start, stop in pairwise(ends):
        if stop - start > 1:
            first, second = np.triu_indices(stop - start, 1)
            one, other = pairs[start + first], pairs[start + second]
            yield np.column_stack([one[:, 0], other[:, 0], other[:, 1], one[:, 1]])


def _below(alpha: np.ndarray[Any, Any], length: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """``kl(alpha e^-L, alpha)``: ranks the candidates; what is reported comes from `eftheory.bounds`."""
    lowered = alpha * np.exp(-length)
    return np.asarray(-length * lowered + (1.0 - lowered) * np.log1p(-alpha * np.expm1(-length) / (1.0 - alpha)))


def lower_bound(delta: Fraction, alpha: float) -> float:
    """`bounds.witness_gap`, enclosed at the precision it takes (alpha may be tiny), its lower end."""
    if delta == 0:
        return 0.0
    found = enclosed(lambda: {"bound": bounds.witness_gap(BALL.number(delta), NORM, BALL.number(alpha))})
    return float(found["quantities"]["bound"]["lower"])


def witness_at(model: VAE, config: ModelConfig, x: Rows, row: int, gap: float, best_gap: float | None) -> WorstRow:
    """The best witness at the single row x, certified."""
    quadruple = best_quadruple(model, x)
    found = WorstRow(row=row, gap=gap, best_gap=best_gap, quadruple=quadruple, points=(), verdict=None, bound=0.0)
    if quadruple is None:
        return found
    codes = model.latents()[list(quadruple.codes)]
    points = tuple(tuple(point) for point in codes.tolist())
    verdict = certify(model, config, x, codes)
    bound = 0.0
    if verdict.status is Status.REFUTED and config.prior not in CONTRASTED:
        ends = abs(Fraction(verdict.witness.lower)), abs(Fraction(verdict.witness.upper))
        bound = lower_bound(min(ends), quadruple.alpha)
    return replace(found, points=points, verdict=verdict, bound=bound)


@torch.no_grad()
def certify(model: VAE, config: ModelConfig, x: Rows, codes: Tensor) -> Verdict:
    """`consistency_witness` for the decoder's float64 parameters at `codes`, taken as the dyadic rationals they are.

    With an implied prior x is contrasted with a draw from the model (seeded): the prior cancels.
    """
    dense = x.dense() if isinstance(x, SparseRows) else x
    observed: Any = tuple(Fraction(v) for v in dense[0].tolist())
    prior = "free" if config.prior in CONTRASTED else config.prior
    if prior == "free":
        observed = (observed, _contrast(model, dense))
    table = {tuple(int(v) if v == int(v) else v for v in z): row for z, row in
             zip(codes.tolist(), model.decode(codes).tolist(), strict=True)}  # fmt: skip
    return consistency_witness(
        decoder=table, decoder_family=config.decoder, encoder=config.encoder, prior=prior, x=observed
    )


def _contrast(model: VAE, x: Tensor) -> tuple[Fraction, ...]:
    """Another observation."""
    with seeded(0, x.device):
        for _ in range(100):
            drawn, _ = model.sample(1)
            if not torch.equal(drawn, x):
                break
    return tuple(Fraction(v) for v in drawn[0].tolist())
