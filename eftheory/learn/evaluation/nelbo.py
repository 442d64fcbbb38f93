"""The negative ELBO of documents as vae-error 4.3 reports it, and the plain one, in nats a document.

A document x has |x| words, ``log p_w(z)`` are the log-probabilities of the decoder, and the number of orders of its
words is left out (it depends on no parameter)::

    plain     E_q[ -sum_w x_w log p_w(z) ] + KL(q || p(z))
    relative  plain + sum_w x_w log(x_w/|x|): above what the document's own frequencies would reach
    smoothed  the same with x + r for x, where r are the frequencies of the words in the training part, sum r = 1

The paper does not say which one its table 2 shows. The size of its entries decides for one relative to the document's
own entropy: words drawn from r alone, no code, give 1518 plain, 467 relative and 463 smoothed for the test part, and
the table lies between 392 and 435. The text speaks of no smoothing; but the logarithm of a frequency of zero must have
been avoided somehow, and adding r ("the corpus frequency of each word times one") is what the public replication does.
It lowers every entry by 3 to 4 nats, alike for all encoders. All three are reported, `smoothed` beside the paper's.

Each encoder sees its own inputs, counts x or frequencies x/|x|, never the smoothed counts.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.learn.datasets.sparse import SparseRows
from eftheory.learn.densities.seeding import seeded
from eftheory.learn.models.affine_lse import affine_log_sum_exp
from eftheory.learn.models.model import VAE
from eftheory.learn.objectives.objectives import eta_table, kl_to_prior

ENUMERABLE = 2**10
"""Codes up to this many are summed over; otherwise q is sampled."""
BLOCK = 2**9
"""Documents at once."""
CONVENTIONS = ("smoothed", "relative", "plain")


@dataclass(frozen=True)
class Nelbo:
    """Of each document, (N,), nats; kl: the part KL(q || p(z)) of all three."""

    smoothed: Tensor
    relative: Tensor
    plain: Tensor
    kl: Tensor

    def means(self) -> dict[str, float]:
        """Means over the documents, summed in float64."""
        return {each.name: float(getattr(self, each.name).double().mean()) for each in fields(self)}


def corpus_frequencies(train: SparseRows) -> Tensor:
    """Frequencies r of the words in the training part, all positive, with sum 1: (V,), float64.

    Each count is first raised by 1/V, so that a word that never occurs does no harm.
    """
    counts = train.to(dtype=torch.float64).column_totals() + 1.0 / train.width
    return counts / counts.sum()


@torch.no_grad()
def nelbo(model: VAE, x: SparseRows, frequencies: Tensor, *, samples: int, seed: int) -> Nelbo:
    """All three, in the model's precision: E_q exactly up to `ENUMERABLE` codes, else over `samples` draws of q.

    frequencies: r, (V,). Raises MisuseError for a decoder that is not counts behind a linear layer, and for no rows.
    """
    if model.head is None:
        got = f"{model.decoder.family}"
        do = "take multinomial(K) with a linear or mlp decoder"
        raise MisuseError(wanted="counts of varying total behind a linear layer", got=got, do=do)
    if not len(x):
        raise MisuseError(wanted="at least one document", got="none", do="pass some")
    r = frequencies.to(next(model.parameters()))
    x = x.to(r.device, r.dtype)
    expected = _enumerated if (model.encoder.points_count or ENUMERABLE + 1) <= ENUMERABLE else _sampled
    blocks = []
    with seeded(seed, r.device):
        for start in range(0, len(x), BLOCK):
            rows = x.take(slice(start, start + BLOCK))
            eta = model.encode(rows)
            words, corpus = expected(model, rows, eta, r, samples)
            own, own_smoothed = entropies(rows, r)
            kl = kl_to_prior(model, eta)
            blocks.append(torch.stack([own_smoothed - words - corpus, own - words, -words, torch.zeros_like(kl)]) + kl)
    return Nelbo(*torch.cat(blocks, 1).cpu())


def entropies(x: SparseRows, frequencies: Tensor) -> tuple[Tensor, Tensor]:
    """``sum_w x_w log(x_w/|x|)`` and the same of x + r: minus the entropy of each document's words, times |x|. (N,).

    The words that do not occur add ``sum_w r_w log(r_w/(|x| + 1))`` over them to the second.
    """
    rows, total, r = x.rows(), x.totals(), frequencies[x.indices]
    n = total[rows]
    own = x.values * (x.values / n).log()
    both = x.values + r
    more = both * (both / (n + 1)).log() - r * (r / (n + 1)).log()
    everywhere = (frequencies * frequencies.log()).sum() - frequencies.sum() * (total + 1).log()
    zero = total.new_zeros(len(x))
    return zero.index_add(0, rows, own), zero.index_add(0, rows, more) + everywhere


def _sampled(model: VAE, x: SparseRows, eta: Tensor, r: Tensor, samples: int) -> tuple[Tensor, Tensor]:
    """``E_q sum_w x_w log p_w(z)`` and ``E_q sum_w r_w log p_w(z)``, (N,) each, by sampling; one draw at a time."""
    assert model.head is not None
    sums = torch.zeros(2, len(x), dtype=eta.dtype, device=eta.device)
    for _ in range(samples):
        layer = model.last_layer(model.encoder.sample(eta))
        lse = affine_log_sum_exp(*layer)
        sums[0] += model.head.inner(x, *layer) - x.totals() * lse
        sums[1] += model.head.inner(r[None], *layer) - lse
    words, corpus = sums / samples
    return words, corpus


def _enumerated(model: VAE, x: SparseRows, eta: Tensor, r: Tensor, samples: int) -> tuple[Tensor, Tensor]:
    """The same by summing over every code."""
    h, weight, bias = model.last_layer(model.latents())
    lse, q = affine_log_sum_exp(h, weight, bias), eta_table(model, eta).exp()
    inner = x.times(weight) @ h.T + x.times(bias[:, None])
    corpus = h @ (weight.T @ r) + bias @ r - lse
    return (q * (inner - x.totals()[:, None] * lse)).sum(-1), q @ corpus


def measure(frequencies: Tensor) -> Any:
    """What a text run logs at each evaluation, for `eftheory.learn.runs.train.train`."""

    def found(model: VAE, rows: SparseRows, *, samples: int, seed: int) -> dict[str, float]:
        return {f"nelbo_{name}" if name != "kl" else name: value for name, value in
                nelbo(model, rows, frequencies, samples=samples, seed=seed).means().items()}  # fmt: skip

    return found
