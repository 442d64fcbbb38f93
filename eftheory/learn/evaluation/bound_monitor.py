"""The Bernoulli bound of theory.md, section 8, beside the figures of a run: what a linear decoder can always reach.

``min_q NELBO <= L(W, b)`` for every linear decoder, and L is least at the closed form (W*, b*). A run of a Bernoulli
decoder and a normal encoder with prior N(0, I) logs, in nats for a row, as values of the NELBO:
``bound``: ``L(W*, b*)`` of the rows evaluated, (W*, b*) from the whole training part; ``bound_own``: ``L(W, b)`` at the
model's own W and b, where its decoder is linear.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import torch
from scipy.sparse import csr_array
from torch import Tensor

from eftheory.analytic.bernoulli_fit import BernoulliOptimum, bernoulli_optimum, bound_of_data
from eftheory.errors import MisuseError
from eftheory.learn.datasets.sparse import SparseRows
from eftheory.learn.densities.products import Rows
from eftheory.learn.models.model import VAE
from eftheory.learn.models.networks import Linear


class BoundMonitor:
    """The bound for the training rows `train` and k = `latents`; the optimum is found once, when it is first asked for.

    Called with a model and rows it gives ``bound`` and ``bound_own``.
    """

    def __init__(self, train: Rows, latents: int) -> None:
        self._train, self._latents = train, latents

    @cached_property
    def optimum(self) -> BernoulliOptimum:
        """``(W*, b*)``, the value of the bound for all training rows, and the encoder that belongs to it."""
        return bernoulli_optimum(as_array(self._train), self._latents)

    def __call__(self, model: VAE, rows: Rows) -> dict[str, float]:
        best, x = self.optimum, as_array(rows)
        found = {"bound": bound_of_data(x, best.W, best.b)}
        own = own_parameters(model)
        if own is not None:
            found["bound_own"] = bound_of_data(x, *(part.detach().double().cpu().numpy() for part in own))
        return found

    def beside(self, measure: Callable[..., Mapping[str, Any]]) -> Callable[..., Mapping[str, Any]]:
        """The same measure of `eftheory.learn.runs.train.train`, with the bound."""

        def both(model: VAE, rows: Rows, *, samples: int, seed: int) -> Mapping[str, Any]:
            return {**measure(model, rows, samples=samples, seed=seed), **self(model, rows)}

        return both


def misfit(model: VAE) -> MisuseError | None:
    """Why the bound says nothing about this model, or None: the decoder's bits, a normal encoder, the prior N(0, I)."""
    decoder, encoder = model.decoder, model.encoder
    if not decoder.independent_bits or decoder.raw_width != decoder.width:
        got, do = f"{decoder.family}", "take bernoulli(d)"
        return MisuseError(wanted="a Bernoulli decoder for the Bernoulli bound", got=got, do=do)
    if encoder.points_count is not None or encoder.raw_width != 2 * encoder.width or not encoder.has_scale:
        got, do = f"{encoder.family}", "take normal(k)"
        return MisuseError(wanted="an encoder normal(k) for the Bernoulli bound", got=got, do=do)
    fixed = getattr(model.prior, "fixed", None)
    standard = None if fixed is None else encoder.natural(torch.zeros(encoder.raw_width).to(fixed))
    if fixed is None or standard is None or fixed.shape != standard.shape or not torch.allclose(fixed, standard):
        got, do = type(model.prior).__name__, f"write prior = 'normal({encoder.width}, mean=0, variance=1)'"
        return MisuseError(wanted="the prior N(0, I) for the Bernoulli bound", got=f"another ({got})", do=do)
    return None


def own_parameters(model: VAE) -> tuple[Tensor, Tensor] | None:
    """W (d, k) and b (d) of a linear decoder, else None."""
    layers = list(model.f.children())
    if len(layers) != 1 or not isinstance(layers[0], Linear):
        return None
    return layers[0].matrix, layers[0].bias


def as_array(rows: Rows) -> Any:
    """The rows as NumPy or SciPy have them: (N, d), dense or compressed sparse; sparse rows stay so."""
    if isinstance(rows, SparseRows):
        parts = (rows.values, rows.indices, rows.offsets)
        return csr_array(tuple(part.detach().cpu().numpy() for part in parts), rows.shape)
    return rows.detach().cpu().numpy()
