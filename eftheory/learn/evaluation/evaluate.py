"""Evidence, ELBO and gap of a model on data, in float64: by enumeration where z is finite, else with standard errors.

``ELBO = evidence - gap`` (vae-error eq. 1b), ``gap = KL(q(z|x) || p(z|x))``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from eftheory.errors import MisuseError
from eftheory.learn.densities.density import Density
from eftheory.learn.densities.products import Rows, converted, latent_table, rows_at

MEMORY = 2**30
"""Bytes that an evaluation may use beside the model and the data, about, unless told otherwise."""
ENUMERABLE = 2**18
"""Latent spaces up to this many points are enumerated unless told otherwise."""
TABLES = 8
"""Tables (rows, codes) that live at once at the most, about."""


class Model(Protocol):
    """What is evaluated: `eftheory.learn.models.model.VAE`, or a harmonium; an `nn.Module`."""

    decoder: Density
    encoder: Density

    def decode(self, z: Tensor) -> Tensor: ...

    def encode(self, x: Rows) -> Tensor: ...

    def log_prior(self, z: Tensor) -> Tensor: ...

    def latents(self) -> Tensor: ...


M = TypeVar("M", bound=Model)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """evidence, elbo, gap: of each x, (N,), nats, float64, on the CPU; method: ``enumerated`` or ``iwae``.

    The errors are standard errors of the three means, 0 where enumerated. Of ``iwae`` evidence is a lower bound in
    expectation, and so is the gap.
    """

    evidence: Tensor
    elbo: Tensor
    gap: Tensor
    method: str
    evidence_error: float = 0.0
    elbo_error: float = 0.0
    gap_error: float = 0.0

    @property
    def mean_evidence(self) -> float:
        return float(self.evidence.mean())

    @property
    def mean_elbo(self) -> float:
        return float(self.elbo.mean())

    @property
    def mean_gap(self) -> float:
        return float(self.gap.mean())

    def as_dict(self) -> dict[str, Any]:
        """The means and their standard errors, for JSON."""
        return {
            "method": self.method,
            "rows": len(self.evidence),
            "evidence": {"mean": self.mean_evidence, "standard_error": self.evidence_error},
            "elbo": {"mean": self.mean_elbo, "standard_error": self.elbo_error},
            "gap": {"mean": self.mean_gap, "standard_error": self.gap_error},
        }


def evaluate(
    model: Model,
    x: Rows,
    *,
    memory: int = MEMORY,
    enumerable: int = ENUMERABLE,
    samples: int = 64,
    repeats: int = 10,
    seed: int = 0,
) -> Evaluation:
    """Enumerated if z has at most `enumerable` points, else by `iwae`, with the last three arguments.

    memory: bytes, about; it decides the size of blocks, not the result. Raises MisuseError for no rows.
    """
    if (model.encoder.points_count or enumerable + 1) <= enumerable:
        return enumerated(model, x, memory=memory)
    from eftheory.learn.evaluation.iwae import iwae

    return iwae(model, x, samples=samples, repeats=repeats, seed=seed, memory=memory)


@torch.no_grad()
def enumerated(model: Model, x: Rows, *, memory: int = MEMORY) -> Evaluation:
    """Exact up to rounding. Rows are taken in blocks, and the codes in blocks within them.

    The gap is computed as a KL, not as the difference of evidence and ELBO, from q and the posterior normalised by
    their sums over the codes. Raises MisuseError for no rows, and for too little memory.
    """
    refuse_empty(x)
    model = precise(model)
    codes = model.latents()
    log_prior, psi = model.log_prior(codes), model.encoder.statistics(codes)
    log_base = model.encoder.log_base(codes)
    naturals = _naturals(model, codes, memory // 2)
    step = memory // (2 * 8 * TABLES * len(codes))
    if step < 1:
        got, needed = f"{len(codes)} latent points within {memory} bytes", 2 * 8 * TABLES * len(codes)
        raise MisuseError(wanted=f"memory for one row, {needed} bytes", got=got, do="raise memory=")
    found = []
    for start in range(0, len(x), step):
        rows = converted(rows_at(x, start, start + step), log_prior)
        table = torch.cat([latent_table(model.decoder, rows, eta) for eta in naturals()], 1).add_(log_prior)
        log_q = (model.encode(rows) @ psi.T).add_(log_base).log_softmax(1)
        found.append(_triple(table, log_q, model.decoder.log_base(rows)))
    evidence, elbo, gap = (torch.cat(part).cpu() for part in zip(*found, strict=True))
    return Evaluation(evidence=evidence, elbo=elbo, gap=gap, method="enumerated")


def _triple(table: Tensor, log_q: Tensor, log_base: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Evidence, ELBO and gap, (r,) each, from ``log p(x, z) - log h(x)`` and log q, (r, K); the former is overwritten.

    The gap as ``sum_z [q log(q/p) - q + p]``: no term is negative, and an error of a normaliser enters squared only.
    """
    evidence = table.logsumexp(1)
    q = log_q.exp()
    elbo = (table - log_q).mul_(q).sum(1)
    log_posterior = table.sub_(evidence[:, None])
    terms = (log_q - log_posterior).mul_(q).sub_(q).add_(log_posterior.exp_())
    return evidence + log_base, elbo + log_base, terms.sum(1)


def _naturals(model: Model, codes: Tensor, memory: int) -> Callable[[], Iterator[Tensor]]:
    """The decoder's natural parameters of all codes, block by block (c, n): kept if they fit, else made anew."""
    width = 8 * (model.decoder.natural_width + codes.shape[1])
    step = max(1, min(len(codes), memory // (4 * width), 2**14))
    starts = range(0, len(codes), step)
    if width * len(codes) <= memory // 2:
        kept = [model.decode(codes[i : i + step]) for i in starts]
        return lambda: iter(kept)
    return lambda: (model.decode(codes[i : i + step]) for i in starts)


def precise(model: M) -> M:
    """A copy in float64 and evaluation mode; the model itself stays as it is."""
    assert isinstance(model, nn.Module)
    return copy.deepcopy(model).double().eval()


def refuse_empty(x: Rows) -> None:
    """Raise MisuseError where there is nothing to average."""
    if not len(x):
        raise MisuseError(wanted="at least one row of data", got="none", do="pass some data")
