"""Divergences of the aggregate ``q(z) = E_pd q(z|x)`` from the prior p(z), for InfoVAE (infovae, section 4.1).

From draws (N, L): MMD^2 with several kernels, by blocks; the Stein surrogate; KL against the mixture of a batch.
On finite spaces, from tables (K,) of logarithms: KL, Jensen-Shannon and MMD^2 exactly. KL and JS are in nats.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from eftheory.errors import MisuseError, unknown

Kernel = Callable[[Tensor, Tensor], Tensor]
BLOCK = 1024
"""Draws on each side of a Gram matrix that is written down at once."""
DEGREE = 2
"""Of the polynomial kernel: it sees means and second moments."""


def rbf(a: Tensor, b: Tensor) -> Tensor:
    """``exp(-|a - b|^2 / (2 L))``, (A, B): of variance L, half the mean squared distance of two standard normals."""
    return (_squares(a, b) / (-2.0 * a.shape[-1])).exp()


def inverse_multiquadric(a: Tensor, b: Tensor) -> Tensor:
    """``C / (C + |a - b|^2)``, C = 2 L, (A, B): heavy tails, so that far draws still have a gradient."""
    scale = 2.0 * a.shape[-1]
    return scale / (scale + _squares(a, b))


def laplace(a: Tensor, b: Tensor) -> Tensor:
    """``exp(-|a - b|_1 / L)``, (A, B)."""
    return (torch.cdist(a, b, p=1.0) / -a.shape[-1]).exp()


def polynomial(a: Tensor, b: Tensor) -> Tensor:
    """``(1 + a.b / L)^2``, (A, B): NOT characteristic: zero MMD for equal first and second moments."""
    return (1.0 + a @ b.mT / a.shape[-1]) ** DEGREE


KERNELS: dict[str, Kernel] = {
    "rbf": rbf,
    "inverse-multiquadric": inverse_multiquadric,
    "laplace": laplace,
    "polynomial": polynomial,
}
SMOOTH = ("rbf", "inverse-multiquadric")
"""Differentiable and functions of a - b: what the Stein direction takes."""


def kernel_of(name: str) -> Kernel:
    """Raises MisuseError for a name that is not known."""
    if name not in KERNELS:
        raise unknown("kernel", name, KERNELS)
    return KERNELS[name]


def _squares(a: Tensor, b: Tensor) -> Tensor:
    """``|a_i - b_j|^2``, (A, B), by differences: no cancellation, zero on the diagonal; nothing (A, B, L) is kept."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").square()


# --- from draws -------------------------------------------------------------------------------------------------------


def mmd(a: Tensor, b: Tensor, *, kernel: str = "rbf", unbiased: bool = True, block: int = BLOCK) -> Tensor:
    """``MMD^2 = E k(a, a') - 2 E k(a, b) + E k(b, b')`` of draws a (A, L) and b (B, L): a number, differentiable.

    unbiased: over pairs of different draws (the U-statistic, below zero at times); else over all pairs (the
    V-statistic, at least zero, too large by ``[k(z, z) - E k]/A + ...`` in the mean). A single draw has no pair: its
    own term is then k(a, a). Memory is that of one block of the Gram matrix, with gradients too; sums in float64.
    Gretton et al. (2012), lemma 6. Raises MisuseError: other widths, no draws, an unknown kernel.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or not len(a) or not len(b):
        got = f"{tuple(a.shape)} and {tuple(b.shape)}"
        raise MisuseError(wanted="draws (A, L) and (B, L)", got=got, do="flatten all but the last axis")
    if block < 1:
        raise MisuseError(wanted="a block of at least 1 draw", got=str(block), do="raise it")
    k = kernel_of(kernel)
    own = (_own(a, k, unbiased, block), _own(b, k, unbiased, block))
    cross = _total(a, b, k, block) / (len(a) * len(b))
    return (own[0] + own[1] - 2.0 * cross).to(a.dtype)


def _own(a: Tensor, k: Kernel, unbiased: bool, block: int) -> Tensor:
    """The mean of k over pairs of draws; unbiased: of different ones."""
    n = len(a)
    if not unbiased or n == 1:
        return _total(a, a, k, block) / n**2
    return _total(a, a, k, block, hollow=True) / (n * (n - 1))


def _total(a: Tensor, b: Tensor, k: Kernel, block: int, *, hollow: bool = False) -> Tensor:
    """The sum of a Gram matrix, float64; hollow: without its diagonal."""
    if max(len(a), len(b)) <= block:
        return _part(a, b, k, hollow)
    total: Tensor = _Blocks.apply(a, b, k, block, hollow)
    return total


def _part(rows: Tensor, columns: Tensor, k: Kernel, hollow: bool) -> Tensor:
    gram = k(rows, columns)
    total = gram.sum(dtype=torch.float64)
    return total - gram.diagonal().sum(dtype=torch.float64) if hollow else total


class _Blocks(torch.autograd.Function):
    """`_part` summed over blocks. Slopes in a and b are taken block by block on the way there, and no graph is kept.

    torch's own checkpointing was seen to keep more with more blocks.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, k: Kernel, block: int, hollow: bool) -> Tensor:
        wanted = ctx.needs_input_grad[:2]
        total, slopes = a.new_zeros((), dtype=torch.float64), (torch.zeros_like(a), torch.zeros_like(b))
        for i in range(0, len(a), block):
            for j in range(0, len(b), block):
                places = (slice(i, i + block), slice(j, j + block))
                pair = [x[at].detach().requires_grad_(w) for x, at, w in zip((a, b), places, wanted, strict=True)]
                with torch.set_grad_enabled(any(wanted)):
                    found = _part(pair[0], pair[1], k, hollow and i == j)
                inputs = [x for x in pair if x.requires_grad]
                found_slopes = iter(torch.autograd.grad(found, inputs) if inputs else ())
                for slope, at, needed in zip(slopes, places, wanted, strict=True):
                    if needed:
                        slope[at] += next(found_slopes)
                total += found.detach()
        ctx.save_for_backward(*slopes)
        return total

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, ...]:
        slopes = zip(ctx.saved_tensors, ctx.needs_input_grad[:2], strict=True)
        return *(outer.to(slope.dtype) * slope if needed else None for slope, needed in slopes), None, None, None


def stein_direction(z: Tensor, score: Tensor, *, kernel: str = "rbf") -> Tensor:
    """``phi(z_i) = 1/N sum_j [k(z_j, z_i) score_j + grad_{z_j} k(z_j, z_i)]``, (N, L): the steepest way from q to p.

    score: ``grad log p`` at z, (N, L). Liu and Wang (2016), eq. 8. Raises MisuseError for a kernel that is not smooth.
    """
    if kernel not in SMOOTH:
        got = repr(kernel)
        raise MisuseError(wanted=f"a kernel {' or '.join(SMOOTH)} for stein", got=got, do="choose one of these")
    k, z, score = kernel_of(kernel), z.detach(), score.detach()
    with torch.enable_grad():
        here = z.clone().requires_grad_()
        (slope,) = torch.autograd.grad(k(z, here).sum(), here)  # in z_i: minus that in z_j, as k is of z_j - z_i
    return (k(z, z).mT @ score - slope) / len(z)


def stein_surrogate(z: Tensor, score: Tensor, *, kernel: str = "rbf") -> Tensor:
    """``-1/N sum_i z_i . stop_gradient(phi(z_i))``, to be MINIMISED: every draw moves along phi, and KL(q||p) falls.

    Only its gradient counts; its value is no divergence. The paper (appendix B) prints it without the minus, with
    which draws move away from p. Raises MisuseError as `stein_direction`.
    """
    return -(z * stein_direction(z, score, kernel=kernel)).sum(-1).mean()


def kl_minibatch(log_pairs: Tensor, log_prior: Tensor) -> Tensor:
    """``1/N sum_i [log 1/M sum_j q(z_i|x_j) - log p(z_i)]``, nats, z_i drawn from the M conditionals of the batch.

    log_pairs: ``log q(z_i|x_j)``, (N, M); log_prior: (N,). It estimates KL of the batch's own mixture, which is, by
    convexity, in the mean above KL of the aggregate.
    """
    return (log_pairs.logsumexp(-1) - math.log(log_pairs.shape[-1]) - log_prior).mean()


# --- on finite spaces -------------------------------------------------------------------------------------------------


def aggregate(log_q: Tensor) -> Tensor:
    """``log 1/N sum_i q(z|x_i)``, (K,), from log q(z|x), (N, K)."""
    return log_q.logsumexp(0) - math.log(len(log_q))


def kl_finite(log_q: Tensor, log_p: Tensor) -> Tensor:
    """``KL(q || p) = sum_z q log(q/p)``, nats, from (K,) each."""
    return (log_q.exp() * (log_q - log_p)).sum(-1)


def js_finite(log_q: Tensor, log_p: Tensor) -> Tensor:
    """Jensen-Shannon, ``1/2 KL(q||m) + 1/2 KL(p||m)``, m the mean of both, in [0, log 2] nats."""
    middle = torch.logaddexp(log_q, log_p) - math.log(2.0)
    return 0.5 * (kl_finite(log_q, middle) + kl_finite(log_p, middle))


def mmd_finite(log_q: Tensor, log_p: Tensor, points: Tensor, *, kernel: str = "rbf", block: int = BLOCK) -> Tensor:
    """``(q - p)' K (q - p)``, exactly MMD^2 of two tables (K,) on `points` (K, L)."""
    k, difference = kernel_of(kernel), log_q.exp() - log_p.exp()
    sums = [k(rows, points) @ difference for rows in points.split(block)]
    return difference @ torch.cat(sums)
