"""Constant tensors that are copied to a device once, not at every call."""

from __future__ import annotations

import torch
from torch import Tensor


class Constant:
    """A tensor on the CPU in float64 or int64, and its copies by dtype and device."""

    def __init__(self, value: Tensor) -> None:
        self.value = value
        self._copies: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    def like(self, other: Tensor) -> Tensor:
        """In the dtype and on the device of `other`; whole numbers stay whole."""
        dtype = other.dtype if self.value.is_floating_point() else self.value.dtype
        key = (dtype, other.device)
        found = self._copies.get(key)
        if found is None:
            found = self._copies[key] = self.value.to(dtype=dtype, device=other.device)
        return found


class Selection:
    """Entries of the last axis: all of them, a range (a view), or any places."""

    def __init__(self, places: tuple[int, ...], length: int) -> None:
        self.whole = places == tuple(range(length))
        self.range = places == tuple(range(places[0], places[0] + len(places)))
        self.start, self.count = places[0], len(places)
        self._index = Constant(torch.tensor(places))

    def __call__(self, x: Tensor) -> Tensor:
        if self.whole:
            return x
        if self.range:
            return x.narrow(-1, self.start, self.count)
        return x.index_select(-1, self._index.like(x))
