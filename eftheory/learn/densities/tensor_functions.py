"""Functions of tensors that torch has not, or not as carefully: what `translate`'s table points to."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

SWITCH = 40.0
"""Beyond it softplus(a) is a to all digits of float64; torch's own 20 leaves an error of 2e-9."""

SERIES = 1e-3
"""Below it three terms of a series in s have all digits of float64: the next is 2e-4 s^4."""


def softplus(a: Tensor) -> Tensor:
    """``log(1 + e^a)``."""
    return F.softplus(a, 1.0, SWITCH)


def bits_log_prob(x: Tensor, logits: Tensor) -> Tensor:
    """``sum_i x_i eta_i - log(1 + e^eta_i)`` over the last axis; leading axes broadcast. One pass, and one back."""
    x, logits = torch.broadcast_tensors(x, logits)
    return -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)


def log1mexp(a: Tensor) -> Tensor:
    """``log(1 - e^a)``, a < 0: expm1 near zero, log1p elsewhere (Maechler 2012).

    Each branch is fed only what suits it, because the gradient of a branch that is not taken still must be finite.
    """
    near = a > -math.log(2.0)
    half = torch.full_like(a, -math.log(2.0))
    return torch.where(
        near, torch.log(-torch.expm1(torch.where(near, a, half))), torch.log1p(-torch.exp(torch.where(near, half, a)))
    )


def gamma(a: Tensor) -> Tensor:
    """``Gamma(a)``, its sign alternating below zero."""
    sign = torch.where(a > 0, torch.ones_like(a), 1.0 - 2.0 * a.floor().remainder(2.0))
    return sign * torch.exp(torch.lgamma(a))


def polygamma(a: Tensor, order: int) -> Tensor:
    """The derivative of this order of the digamma function."""
    return torch.digamma(a) if order == 0 else torch.polygamma(order, a)


def bessel_i(a: Tensor, order: int) -> Tensor:
    """``I_0`` and ``I_1``."""
    return {0: torch.special.i0, 1: torch.special.i1}[order](a)


def log_bessel_i0(a: Tensor) -> Tensor:
    """``log I_0(a)``, a >= 0, from the scaled function."""
    return torch.log(torch.special.i0e(a)) + a


def log_bessel_i0_root(s: Tensor) -> Tensor:
    """``log I_0(sqrt(s))``, s >= 0: a series where that has all digits, so that derivatives at zero are finite."""
    near = s < SERIES
    root = torch.where(near, torch.ones_like(s), s).sqrt()
    return torch.where(near, s / 4 - s**2 / 64 + s**3 / 576, log_bessel_i0(root))


def bessel_ratio(a: Tensor) -> Tensor:
    """``I_1(a) / I_0(a)``: the scales cancel."""
    return torch.special.i1e(a) / torch.special.i0e(a)


# --- the last axis ----------------------------------------------------------------------------------------------------


def _grouped(a: Tensor, count: int, group: int) -> Tensor:
    return a.unflatten(-1, (count, group))


def sum_last(a: Tensor, count: int = 0, group: int = 0) -> Tensor:
    """(..., count): sums of `group` neighbours; (..., 1) over all without a count. So do the three below."""
    return _grouped(a, count, group).sum(-1) if count else a.sum(-1, keepdim=True)


def log_sum_exp(a: Tensor, count: int = 0, group: int = 0) -> Tensor:
    return _grouped(a, count, group).logsumexp(-1) if count else a.logsumexp(-1, keepdim=True)


def norm(a: Tensor, count: int = 0, group: int = 0) -> Tensor:
    """Euclidean; its gradient at zero is zero."""
    grouped = _grouped(a, count, group) if count else a
    return torch.linalg.vector_norm(grouped, dim=-1, keepdim=not count)


def largest(a: Tensor, count: int = 0, group: int = 0) -> Tensor:
    return _grouped(a, count, group).amax(-1) if count else a.amax(-1, keepdim=True)


def smallest(a: Tensor, count: int = 0, group: int = 0) -> Tensor:
    return -largest(-a, count, group)


def maximum(a: Tensor | float, b: Tensor | float) -> Tensor:
    """Elementwise; one of them may be a number."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.maximum(a, b)
    return b.clamp(min=a) if isinstance(b, Tensor) else a.clamp(min=b)  # type: ignore[union-attr]


def minimum(a: Tensor | float, b: Tensor | float) -> Tensor:
    return -maximum(-a, -b)


def scale(a: Tensor, factor: float) -> Tensor:
    return -a if factor == -1.0 else a * factor


def add_scaled(a: Tensor | float, b: Tensor, factor: float) -> Tensor:
    """``a + factor b`` in one kernel."""
    if isinstance(a, Tensor):
        return torch.add(a, b, alpha=factor)
    return b * factor + a


def columns(a: Tensor) -> tuple[Tensor, ...]:
    """The entries of the last axis, each (..., 1)."""
    return a.split(1, -1)


def part(a: Tensor, start: int, length: int) -> Tensor:
    return a.narrow(-1, start, length)


def take(a: Tensor, places: Tensor) -> Tensor:
    return a.index_select(-1, places)


def widen(a: Tensor | float, width: int) -> Tensor:
    """(..., 1) as (..., width)."""
    assert isinstance(a, Tensor)
    return a.expand(*a.shape[:-1], width)


def spread(like: Tensor, a: Tensor | float, width: int) -> Tensor:
    """Numbers, a row or (..., 1) as (..., width) with the leading axes of `like`."""
    if not isinstance(a, Tensor):
        return like.new_full((*like.shape[:-1], width), a)
    return a.expand(*(a.shape[:-1] if a.ndim > 1 else like.shape[:-1]), width)


def concatenate(*parts: Tensor) -> Tensor:
    """Along the last axis, leading axes broadcast."""
    leading = torch.broadcast_shapes(*(p.shape[:-1] for p in parts))
    return torch.cat([p.expand(*leading, p.shape[-1]) for p in parts], -1)


def matrix_product(a: Tensor, matrix: Tensor) -> Tensor:
    """``a @ matrix`` in the precision of a: mixed precision would round natural parameters."""
    with torch.autocast(a.device.type, enabled=False):
        return a @ matrix
