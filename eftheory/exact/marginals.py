"""Marginals of bit harmoniums for every x without touching z: ``log p~(x) = u'x + sum_j softplus(v_j + W_j.x)``, nats.

*Split-product*: ``1 + e^{v_j + W_j.x} = 1 + a_j(high) b_j(low)`` for the two halves of the coordinates of x, so
exps are few. The product of such factors over QUAD hidden units expands into 2^QUAD positive terms, each a function of
the high half times one of the low half: a matrix product. One log a group of factors remains for each x.

*Guard*: with ``c_j = |v_j| + sum_i |W_ij|`` every factor lies in ``[1, exp(c_j + log 2)]``, every a_j and b_j in
``exp(+-c_j)``. Units are grouped so that no group's bounds add up to more than CAP; a unit beyond CAP takes
its softplus alone.

*Certificate*: nothing is subtracted before the log and nothing leaves the normal range, so each rounding multiplies a
term by ``e^{+-U}`` and the errors of exponents add: a bound ``constant + slope |value|``, known in advance
(`eftheory.exact.certified` states the assumption on exp and log).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from eftheory.exact.certified import FUNCTION, UP, Bounded, U, gamma, log_sum_exp
from eftheory.exact.floats import MEMORY, Array, Bits, harmonium, refuse_memory, refuse_states

BLOCK = 8192
"""Values of a block."""
LOW = 8
"""Coordinates in the low part, at most."""
QUAD = 4
"""Hidden units whose factors are expanded together."""
CAP = 700.0
"""Largest exponent of a product; float64 is normal in ``exp(+-708)``."""
SAFE = 1.0 + 2.0**-20
"""Covers second-order terms and the computing of the bounds, both below 2^-30 relatively."""


def marginals(W: Any, u: Any, v: Any, *, memory: int = MEMORY) -> Array:
    """``log p~(x)`` for all 2^n x, in the order of `Bits`; float64 without a bound. W: (n, m), u: (n), v: (m).

    memory: bytes for the result and everything else allocated here.
    Raises MisuseError for NaN, infinities, wrong shapes, and, before starting, when `memory` does not suffice.
    """
    plan = _Plan(*harmonium(W, u, v), bytes_each=8, memory=memory)
    values = np.empty((plan.high_count, plan.low_count))
    for start, stop in plan.ranges():
        plan.fill(start, stop, values[start:stop])
    return values.reshape(-1)


def certified_marginals(W: Any, u: Any, v: Any, *, memory: int = MEMORY) -> Bounded:
    """The same with an error bound for each x."""
    plan = _Plan(*harmonium(W, u, v), bytes_each=16, memory=memory)
    values, errors = (np.empty((plan.high_count, plan.low_count)) for _ in range(2))
    for start, stop in plan.ranges():
        plan.fill(start, stop, values[start:stop])
        plan.bound(values[start:stop], errors[start:stop])
    return Bounded(values.reshape(-1), errors.reshape(-1))


def certified_log_partition(W: Any, u: Any, v: Any, *, memory: int = MEMORY) -> Bounded:
    """``log sum_x p~(x)``, a single number, with its error bound; the smaller side is the one that is visited.

    Raises MisuseError as `marginals`; `memory` need only hold one block.
    """
    W, u, v = harmonium(W, u, v)
    refuse_states(1 << min(len(u), len(v)))
    sides = (W, u, v) if len(u) <= len(v) else (np.ascontiguousarray(W.T), v, u)
    plan = _Plan(*sides, bytes_each=0, memory=memory)
    values, errors = (np.empty((plan.step, plan.low_count)) for _ in range(2))
    sums = _Pending()
    for start, stop in plan.ranges():
        block, bound = values[: stop - start], errors[: stop - start]
        plan.fill(start, stop, block)
        plan.bound(block, bound)
        sums.add(log_sum_exp(Bounded(block.reshape(-1), bound.reshape(-1))))
    return sums.total()


@dataclass(frozen=True)
class _Group:
    """Hidden units whose factors are multiplied before the log: quads, and their features on the low part."""

    quads: tuple[list[int], ...]
    low: tuple[Array, ...]


class _Plan:
    """How the sum over units is grouped, the features of the low part, a workspace, and the two constants of the bound.

    bytes_each: what the caller will allocate for every x. Raises MisuseError when that and the workspace do not fit.
    """

    def __init__(self, W: Array, u: Array, v: Array, *, bytes_each: int, memory: int) -> None:
        self.n, m = W.shape
        low = min(LOW, self.n - self.n // 2)
        self.high, self.low_count, self.high_count = self.n - low, 1 << low, 1 << (self.n - low)
        self.step = min(self.high_count, max(1, BLOCK // self.low_count))
        self._refuse_memory(m, bytes_each, memory)
        x_low = Bits(low).statistics(0, self.low_count)
        self.W_high, self.u_high, self.v = W[: self.high], u[: self.high], v
        self.ux_low, self.t_low = x_low @ u[self.high :], x_low @ W[self.high :]
        sizes = np.abs(v) + np.abs(W).sum(axis=0)
        together, self.alone = _grouped(sizes + math.log(2.0))
        self.groups = tuple(
            _Group(group, tuple(_subset_products(np.exp(self.t_low.T[quad])) for quad in group)) for group in together
        )
        self.constant, self.slope = self._bound(float(np.abs(u).sum()), sizes)
        self._product, self._other = (np.empty((self.step, self.low_count)) for _ in range(2))

    def ranges(self) -> Iterator[tuple[int, int]]:
        """The blocks of high parts."""
        for start in range(0, self.high_count, self.step):
            yield start, min(start + self.step, self.high_count)

    def fill(self, start: int, stop: int, values: Array) -> None:
        """``values[k, l] = log p~(x)`` for the high parts start <= k < stop and every low part l."""
        x_high = Bits(self.high).statistics(start, stop)
        t_high = x_high @ self.W_high + self.v
        product, other = self._product[: stop - start], self._other[: stop - start]
        np.add((x_high @ self.u_high)[:, None], self.ux_low, out=values)
        for group in self.groups:
            self._multiply(group, t_high, product, other)
            np.log(product, out=product)
            values += product
        for j in self.alone:
            np.add(t_high[:, j, None], self.t_low[:, j], out=product)
            np.log1p(np.exp(-np.abs(product)), out=other)
            values += np.maximum(product, 0.0, out=product)
            values += other

    def _multiply(self, group: _Group, t_high: Array, product: Array, other: Array) -> None:
        for index, (quad, low) in enumerate(zip(group.quads, group.low, strict=True)):
            high = _subset_products(np.exp(t_high.T[quad]))
            np.matmul(high.T, low, out=other if index else product)
            if index:
                product *= other

    def bound(self, values: Array, errors: Array) -> None:
        """Write the error bound of `values` to `errors`."""
        np.abs(values, out=errors)
        errors *= self.slope
        errors += self.constant

    def _bound(self, u_size: float, sizes: Array) -> tuple[float, float]:
        """(constant, slope) of the bound ``constant + slope |value|``.

        Exponents: gamma_{n+2} c_j. Each exp: FUNCTION. A quad: QUAD products for the features of each half, then a
        sum of 2^QUAD products; one more product to join it. All these act on log p as they stand. Logs, additions and
        log1p are relative to sums of non-negative logs, which are at most ``|value| + |u|_1``.
        """
        exponents = gamma(self.n + 2) * float(sizes.sum())
        quads = sum(len(group.quads) for group in self.groups)
        units = sum(len(quad) for group in self.groups for quad in group.quads)
        products = 2 * FUNCTION * units + U * quads * (2 * QUAD + 2**QUAD + 1)
        additions = U * (2 + len(self.groups) + 2 * len(self.alone))
        slope = (additions + FUNCTION) * SAFE
        alone = 2 * FUNCTION * len(self.alone)
        constant = exponents + products + alone + (gamma(self.n + 1) + 2 * slope) * u_size
        return constant * SAFE, slope * UP

    def _refuse_memory(self, m: int, bytes_each: int, memory: int) -> None:
        workspace = 8 * (8 * self.step * self.low_count + (24 + 8 * m) * (self.step + self.low_count)) + 2**16
        what = f"the marginals of {self.n} bits" if bytes_each else f"log Z over blocks of {self.n} bits"
        refuse_memory(what, workspace + (bytes_each << self.n), memory)


def _grouped(sizes: Array) -> tuple[list[tuple[list[int], ...]], list[int]]:
    """Groups of quads whose sizes add up to at most CAP, and the units that are too large for any group."""
    groups: list[list[list[int]]] = []
    alone: list[int] = []
    room = -1.0
    for j, size in enumerate(sizes.tolist()):
        if size > CAP:
            alone.append(j)
            continue
        if size > room:
            groups.append([[]])
            room = CAP
        if len(groups[-1][-1]) == QUAD:
            groups[-1].append([])
        groups[-1][-1].append(j)
        room -= size
    return [tuple(group) for group in groups], alone


def _subset_products(factors: Array) -> Array:
    """(2^k, points): the products over every subset of the k factors, (k, points)."""
    k, points = factors.shape
    table = np.ones((1 << k, points))
    for i in range(k):
        np.multiply(table[: 1 << i], factors[i], out=table[1 << i : 2 << i])
    return table


class _Pending:
    """Log-sums waiting to be added up: a block of them becomes one, so that their number stays bounded."""

    def __init__(self) -> None:
        self._parts: list[Bounded] = []

    def add(self, part: Bounded) -> None:
        self._parts.append(part)
        if len(self._parts) == BLOCK:
            self._parts = [self.total()]

    def total(self) -> Bounded:
        values, errors = (np.array([getattr(part, name) for part in self._parts]) for name in ("value", "error"))
        return log_sum_exp(Bounded(values, errors))
