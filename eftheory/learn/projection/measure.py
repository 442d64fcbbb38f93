"""Which latents count how much in a projection, and the decoder's natural parameters there, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from eftheory.errors import MisuseError, unknown
from eftheory.learn.densities.products import Rows, converted, rows_at
from eftheory.learn.densities.seeding import seeded
from eftheory.learn.models.model import ENUMERABLE, VAE

MEASURES = ("prior", "uniform", "posterior", "encoder")
MEMORY = 2**30
"""Bytes for what is kept of f, about."""
BLOCK = 2**12
"""Codes that are decoded at once, at most."""
TABLE = 2**22
"""Entries of a table (rows, codes) at once."""


@dataclass(frozen=True, eq=False)
class Measure:
    """codes: (c, L); weights: (c,), sum 1; float64. exact: every latent is there, else the codes are a sample.

    name: ``prior``; ``uniform``; ``posterior``, the average of p(z|x) over data; ``encoder``, the average of q(z|x).
    """

    name: str
    codes: Tensor
    weights: Tensor
    exact: bool


@torch.no_grad()
def measure_of(model: VAE, name: str, *, x: Rows | None = None, samples: int = 4096, seed: int = 0) -> Measure:
    """The measure called `name` on the latents of `model` (in float64); x: the data of the two aggregates.

    Latents that cannot be enumerated are sampled from the prior, whatever their number. Raises MisuseError for an
    unknown name, an aggregate without data, and a measure other than the prior on such latents.
    """
    if name not in MEASURES:
        raise unknown("measure", name, MEASURES)
    if (model.encoder.points_count or ENUMERABLE + 1) > ENUMERABLE:
        if name != "prior":
            got, do = f"{name} for {model.encoder.family}", "take the prior, which is sampled"
            raise MisuseError(wanted="finite latents for this measure", got=got, do=do)
        with seeded(seed, torch.device("cpu")):
            codes = model.prior.sample(samples, model)
        return Measure(name, codes.double(), torch.full((samples,), 1.0 / samples, dtype=torch.float64), exact=False)
    codes = model.latents()
    if name == "uniform":
        weights = torch.full((len(codes),), 1.0 / len(codes), dtype=torch.float64)
    elif name == "prior":
        weights = model.log_prior(codes).softmax(-1)
    else:
        weights = _aggregate(model, codes, name, x)
    return Measure(name, codes, weights, exact=True)


def _aggregate(model: VAE, codes: Tensor, name: str, x: Rows | None) -> Tensor:
    if x is None or not len(x):
        raise MisuseError(wanted=f"data for the measure {name}", got="none", do="pass rows, or take the prior")
    total = torch.zeros(len(codes), dtype=torch.float64)
    log_table = log_joint if name == "posterior" else log_encoder
    step = max(1, TABLE // len(codes))
    for start in range(0, len(x), step):
        rows = converted(rows_at(x, start, start + step), total)
        total += log_table(model, rows).softmax(-1).sum(0)
    return total / len(x)


def log_joint(model: VAE, x: Rows) -> Tensor:
    """``log p(x, z)``, (N, K), nats."""
    codes = model.latents()
    return model.table(x) + model.log_prior(codes)


def log_encoder(model: VAE, x: Rows) -> Tensor:
    """``log q(z|x)``, (N, K), nats."""
    codes = model.latents()
    return (model.encode(x) @ model.encoder.statistics(codes).T + model.encoder.log_base(codes)).log_softmax(-1)


Block = tuple[slice, Tensor]
"""Which codes, and their natural parameters (c, n)."""


class Decoded:
    """f(z) of every code, in blocks; kept after the first pass where `memory` bytes hold it, else made anew.

    Where the normaliser depends on a total, f is fixed up to a shift of all its entries: it is centred here.
    """

    def __init__(self, model: VAE, codes: Tensor, memory: int = MEMORY) -> None:
        width = model.decoder.natural_width
        self.decode: Callable[[Tensor], Tensor] = model.decode
        self.codes, self.centre, self.width = codes, model.decoder.needs_total, width
        self.step = max(1, min(BLOCK, memory // (32 * width)))
        self._keep = 8 * width * len(codes) <= memory
        self._kept: list[Tensor] = []

    @torch.no_grad()
    def __iter__(self) -> Iterator[Block]:
        for number, start in enumerate(range(0, len(self.codes), self.step)):
            place = slice(start, min(start + self.step, len(self.codes)))
            if number < len(self._kept):
                yield place, self._kept[number]
                continue
            eta = self.at(self.codes[place])
            if self._keep:
                self._kept.append(eta)
            yield place, eta

    @torch.no_grad()
    def at(self, codes: Tensor) -> Tensor:
        """f of some codes, (c, n). Raises MisuseError where it is not finite."""
        eta = self.decode(codes)
        if not bool(torch.isfinite(eta).all()):
            got = f"NaN or infinity at z = {codes[~torch.isfinite(eta).all(-1)][0].tolist()}"
            raise MisuseError(wanted="finite natural parameters", got=got, do="project an earlier step")
        return eta - eta.mean(-1, keepdim=True) if self.centre else eta
