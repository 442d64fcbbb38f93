"""What the float64 enumerations share: arrays as they must be, the points of a side, and memory refused in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from eftheory.errors import MisuseError

Array = NDArray[np.float64]
MEMORY = 2**30
"""Bytes that an enumeration may use unless told otherwise."""
MOST_STATES = 2**42
"""Joint states that are visited one by one; at some 10^8 to 10^9 a second more would take days."""


def as_array(name: str, value: Any, *shape: int | None) -> Array:
    """`value` in float64, exactly; None in `shape` stands for any size but 0.

    Raises MisuseError for other shapes, NaN, infinities, and numbers that float64 does not hold.
    """
    given = np.asarray(value)
    if given.dtype.kind not in "buif" or given.dtype.itemsize > 8:
        raise MisuseError(wanted=f"real numbers in {name}", got=str(given.dtype), do="give float64")
    array = np.ascontiguousarray(given, dtype=np.float64)
    if given.dtype.kind in "ui" and array.size and np.abs(array).max() > 2.0**53:
        raise MisuseError(wanted=f"{name} in float64", got="integers beyond 2^53", do="rescale them")
    wanted = tuple("any" if size is None else size for size in shape)
    fits = array.ndim == len(shape) and all(
        want in ("any", size) for want, size in zip(wanted, array.shape, strict=True)
    )
    if not fits or 0 in array.shape:
        raise MisuseError(wanted=f"{name} of shape {wanted}, not empty", got=str(given.shape), do="match the shapes")
    if not np.isfinite(array).all():
        got = str(array[~np.isfinite(array)][0])
        raise MisuseError(wanted=f"finite numbers in {name}", got=got, do="remove NaN and infinities")
    return array


def harmonium(W: Any, u: Any, v: Any) -> tuple[Array, Array, Array]:
    """The parameters (n, m), (n), (m) of ``x'Wz + u'x + v'z``, as arrays.

    Raises MisuseError as `as_array`, and for numbers so large that their sum overflows.
    """
    W = as_array("W", W, None, None)
    u, v = as_array("u", u, W.shape[0]), as_array("v", v, W.shape[1])
    with np.errstate(over="ignore"):
        refuse_overflow(float(np.abs(W).sum() + np.abs(u).sum() + np.abs(v).sum()))
    return W, u, v


def refuse_overflow(size: float) -> None:
    """Raise MisuseError when a bound on every exponent does not fit: no sum of such terms can be trusted."""
    if not size < 2.0**1000:
        raise MisuseError(wanted="exponents that fit float64", got="weights whose sum overflows", do="rescale them")


class Points(Protocol):
    """One side, X or Z, in float64: statistics and log base measure of its points, by ranges."""

    @property
    def count(self) -> int: ...

    @property
    def width(self) -> int: ...

    @property
    def largest(self) -> tuple[float, float]:
        """Bounds on the absolute statistics and on the absolute log base measure."""

    def statistics(self, start: int, stop: int) -> Array:
        """(stop - start, width)."""

    def log_base(self, start: int, stop: int) -> Array:
        """(stop - start)."""


@dataclass(frozen=True)
class Bits:
    """``{0,1}^width``, base measure 1; point k is k in binary, the first coordinate the highest digit."""

    width: int
    largest: tuple[float, float] = (1.0, 0.0)

    @property
    def count(self) -> int:
        return 1 << self.width

    def statistics(self, start: int, stop: int) -> Array:
        shifts = np.arange(self.width - 1, -1, -1, dtype=np.int64)
        return ((np.arange(start, stop, dtype=np.int64)[:, None] >> shifts) & 1).astype(np.float64)

    def log_base(self, start: int, stop: int) -> Array:
        return np.zeros(stop - start)


class Listed:
    """A finite side given by statistics (points, width) and log base measures (points), zero unless given.

    Raises MisuseError for shapes that do not match, NaN, and infinities (a base measure is positive).
    """

    def __init__(self, statistics: Any, log_base: Any = None) -> None:
        self._statistics = as_array("statistics", statistics, None, None)
        self.count, self.width = self._statistics.shape
        self._log_base = np.zeros(self.count) if log_base is None else as_array("log base", log_base, self.count)
        self.largest = float(np.abs(self._statistics).max()), float(np.abs(self._log_base).max())

    def statistics(self, start: int, stop: int) -> Array:
        return self._statistics[start:stop]

    def log_base(self, start: int, stop: int) -> Array:
        return self._log_base[start:stop]


def refuse_memory(what: str, needed: int, memory: int) -> None:
    """Raise MisuseError, before anything is allocated, when `needed` bytes exceed `memory`."""
    if needed > memory:
        do = "raise memory= or choose a smaller instance"
        raise MisuseError(wanted=f"{what} within {memory} bytes", got=f"a need of {_whole(needed)} bytes", do=do)


def refuse_states(states: int) -> None:
    """Raise MisuseError, before starting, for more states than can be visited one by one."""
    if states > MOST_STATES:
        do = "choose a smaller instance; the marginals of a bit model visit one side only"
        raise MisuseError(wanted=f"at most {MOST_STATES} joint states", got=_whole(states), do=do)


def _whole(number: int) -> str:
    """A count, however large."""
    return str(number) if number < 10**18 else f"about 2^{number.bit_length() - 1}"
