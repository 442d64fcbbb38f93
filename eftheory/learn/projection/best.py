"""The gap that the best encoder of a family leaves, one x at a time: what no training of the encoder can remove.

For independent bits, ``min_q KL(q || p(.|x))`` by coordinate ascent, which ends in local optima: an upper bound on the
minimum. The rest of a trained encoder's gap is that of its network (amortisation).
"""

from __future__ import annotations

import torch
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.learn.densities.products import Rows
from eftheory.learn.models.model import VAE
from eftheory.learn.projection.measure import log_joint

SWEEPS = 200
STILL = 1e-10
"""Nats by which a sweep has to improve some row to go on."""


@torch.no_grad()
def best_gaps(model: VAE, x: Rows) -> Tensor:
    """``min_q KL(q || p(.|x))`` over independent bits, (N,), nats, by coordinate ascent: an upper bound on it.

    Started from the encoder, from the posterior's own marginals and from its mode; the best of the three for each x.
    Every step sets ``logit q_i = E_{q_-i} [log p(x, z_i = 1, .) - log p(x, z_i = 0, .)]``. Raises MisuseError for
    other latents.
    """
    if not model.encoder.independent_bits:
        got, do = str(model.encoder.family), "leave best_gap out"
        raise MisuseError(wanted="independent bits", got=got, do=do)
    codes = model.latents()
    log_p = log_joint(model, x).log_softmax(-1)
    starts = [model.encode(x), torch.logit((log_p.exp() @ codes).clamp(1e-6, 1 - 1e-6))]
    starts.append(8.0 * (2.0 * codes[log_p.argmax(-1)] - 1.0))
    return torch.stack([_ascend(log_p, start) for start in starts]).amin(0)


def _ascend(log_p: Tensor, logits: Tensor) -> Tensor:
    """The gap where coordinate ascent from `logits` (N, L) ends; log_p: (N, 2^L), codes in binary order."""
    bits = logits.shape[1]
    cube = log_p.view(len(log_p), *[2] * bits)
    before = torch.full((len(log_p),), torch.inf, dtype=log_p.dtype)
    for _ in range(SWEEPS):
        for bit in range(bits):
            logits = logits.index_copy(1, torch.tensor([bit]), _slope(cube, logits, bit)[:, None])
        gap = _gap(log_p, logits)
        if bool((gap > before - STILL).all()):
            break
        before = gap
    return gap


def _slope(cube: Tensor, logits: Tensor, bit: int) -> Tensor:
    """``E_{q_-bit} [log p(z_bit = 1) - log p(z_bit = 0)]``, (N,)."""
    difference = cube.select(bit + 1, 1) - cube.select(bit + 1, 0)
    q = torch.sigmoid(torch.cat([logits[:, :bit], logits[:, bit + 1 :]], 1))
    for other in range(q.shape[1]):  # the first remaining bit is axis 1 each time
        share = q[:, other].view(-1, *[1] * (difference.ndim - 2))
        difference = (1.0 - share) * difference.select(1, 0) + share * difference.select(1, 1)
    return difference


def _gap(log_p: Tensor, logits: Tensor) -> Tensor:
    """``KL(q || p)``, (N,), term by term non-negative."""
    log_q = torch.zeros(len(logits), 1, dtype=logits.dtype)
    for bit in range(logits.shape[1]):
        both = torch.stack(
            [torch.nn.functional.logsigmoid(-logits[:, bit]), torch.nn.functional.logsigmoid(logits[:, bit])], 1
        )
        log_q = (log_q[:, :, None] + both[:, None, :]).flatten(1)
    q = log_q.exp()
    return (q * (log_q - log_p) - q + log_p.exp()).sum(-1)
