"""The log-sum-exp of an affine map, ``lse(W h + b)``, without a second pass over its many entries.

Over ten thousand words this one number for each row costs more than the rest of a model. Two stability tricks and one
of speed, all here: the *largest entry* of a row is subtracted before the exponentials; rows are taken in *blocks* that
stay in the cache from the product to the sum; the *exponentials are kept*, unnormalised, so that the gradient is one
matrix product with rescaled h, ``dW = E' [h g/s]``, and the softmax is never written down.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

BLOCK = 2**20
"""Entries of a block, about: 4 MB in float32."""


def affine_log_sum_exp(h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``log sum_w exp(weight_w . h + bias_w)``, nats. h: (..., d), weight: (V, d), bias: (V); (...).

    Differentiable once, in all three. Keeps (..., V) numbers for the gradient.
    """
    found: Tensor = _AffineLogSumExp.apply(h.reshape(-1, h.shape[-1]), weight, bias)
    return found.reshape(h.shape[:-1])


class _AffineLogSumExp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        kept, size = any(ctx.needs_input_grad), _rows(weight)
        table = h.new_empty(len(h) if kept else min(len(h), size), len(weight))
        largest, total = h.new_empty(len(h)), h.new_empty(len(h))
        for start in range(0, len(h), size):
            rows = slice(start, min(start + size, len(h)))
            block = table[rows] if kept else table[: rows.stop - start]
            torch.mm(h[rows], weight.T, out=block)
            block.add_(bias)
            torch.amax(block, 1, out=largest[rows])
            block.sub_(largest[rows, None]).exp_()
            torch.sum(block, 1, out=total[rows])
        if kept:
            ctx.save_for_backward(h, weight, table, total)
        return total.log().add_(largest)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        h, weight, table, total = ctx.saved_tensors
        scale, (to_h, to_weight, to_bias) = gradients[0] / total, ctx.needs_input_grad
        return (
            (table @ weight).mul_(scale[:, None]) if to_h else None,
            table.T @ (h * scale[:, None]) if to_weight else None,
            table.T @ scale if to_bias else None,
        )


def _rows(weight: Tensor) -> int:
    return max(1, BLOCK // len(weight)) if weight.device.type == "cpu" else 2**31 // len(weight)
