"""What the residual of the natural projection consists of: interactions of pairs of bits, and higher ones.

Under the uniform measure these are the Walsh coefficients of f: ``E ||residual||^2`` is the sum of their squares, one
for each set of bits. Under another measure the share of a pair is what f gains when this pair alone joins psi; the
shares of all pairs need not add up then, but the share of all of them together, and of the rest, do.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from eftheory.learn.projection.measure import Measure

LARGEST = 2**25
"""Entries of the table (codes, pairs), at most; beyond it no directions are reported."""


@dataclass(frozen=True)
class Directions:
    """pairs: (i, j, share of the residual) of bits i < j from 1, largest first, those in psi left out.

    all_pairs: the share of all of them together; higher: that of interactions of three bits and more.
    """

    pairs: tuple[tuple[int, int, float], ...]
    all_pairs: float
    higher: float

    def as_dict(self) -> dict[str, Any]:
        return {
            "pairs": [{"bits": [i, j], "share": share} for i, j, share in self.pairs],
            "all_pairs": self.all_pairs,
            "higher": self.higher,
        }


@dataclass(frozen=True, eq=False)
class Pairs:
    """Columns of length 1 that f is multiplied with, one for each pair, orthogonal to psi; gram: their products."""

    names: tuple[tuple[int, int], ...]
    columns: Tensor
    gram: Tensor

    def directions(self, products: Tensor, residual: float) -> Directions:
        """From ``columns' sqrt(mu) f``, (pairs, n), and the residual's energy."""
        alone = products.square().sum(-1)
        together = float((products * (torch.linalg.pinv(self.gram, hermitian=True) @ products)).sum())
        scale = 1.0 / residual if residual > 0.0 else 0.0
        ranked = sorted(zip(self.names, alone.tolist(), strict=True), key=lambda entry: -entry[1])
        shares = tuple((i + 1, j + 1, value * scale) for (i, j), value in ranked)
        return Directions(shares, together * scale, max(residual - together, 0.0) * scale)


def pairs_of(measure: Measure, inside: Tensor) -> Pairs | None:
    """The pairs of bits that psi lacks; None for latents that are no bits, and for too many. inside: a basis of psi."""
    codes = measure.codes
    bits = codes.shape[1]
    full = measure.exact and len(codes) == 2**bits and bool(((codes == 0) | (codes == 1)).all())
    names = list(combinations(range(bits), 2))
    if not full or not names or len(codes) * len(names) > LARGEST:
        return None
    signs = 1.0 - 2.0 * codes
    root = measure.weights.sqrt()[:, None]
    columns = root * torch.stack([signs[:, i] * signs[:, j] for i, j in names], 1)
    for _ in range(2):  # twice is enough: the second pass removes what rounding left
        columns = columns - inside @ (inside.T @ columns)
    sizes = columns.norm(dim=0)
    absent = sizes > 1e-10 * root.norm()
    kept = tuple(name for name, there in zip(names, absent.tolist(), strict=True) if there)
    columns = columns[:, absent]
    if not kept:
        return None
    columns = columns / sizes[absent]
    return Pairs(kept, columns, columns.T @ columns)
