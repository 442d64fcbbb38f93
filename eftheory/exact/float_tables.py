"""A finite VAE in float64: evidence, posterior, ELBO and gap by enumerating both sides, in blocks of rows of x.

The float pendant of `eftheory.exact.finite`; its numbers guide searches and pictures, they decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from eftheory.errors import MisuseError
from eftheory.exact.floats import MEMORY, Array, Listed, as_array, refuse_memory, refuse_overflow

BLOCK = 8192
"""Entries of a block, about: what stays in the cache."""


class Logits(Protocol):
    """A table (points x, points z) of log-weights, nats, given by ranges of rows; normalised by whoever uses it."""

    shape: tuple[int, int]

    def rows(self, start: int, stop: int) -> Array:
        """(stop - start, points z), a new array."""


class Table:
    """Log-weights given as they are, (points x, points z); raises MisuseError for NaN and infinities (zeros)."""

    def __init__(self, values: Any) -> None:
        self._values = as_array("log-weights", values, None, None)
        self.shape = self._values.shape[0], self._values.shape[1]

    def rows(self, start: int, stop: int) -> Array:
        return self._values[start:stop].copy()


class DecoderLogits:
    """``log h(x) + <nu(x), f(z)>``. x: the side X; f: (points z, n)."""

    def __init__(self, x: Listed, f: Any) -> None:
        self._x, self._f = x, as_array("f", f, None, x.width)
        refuse_overflow(float(np.abs(self._f).max()) * x.largest[0] * x.width + x.largest[1])
        self.shape = x.count, self._f.shape[0]

    def rows(self, start: int, stop: int) -> Array:
        return np.asarray(self._x.statistics(start, stop) @ self._f.T + self._x.log_base(start, stop)[:, None])


class EncoderLogits:
    """``log k(z) + <psi(z), g(x)>``. z: the side Z; g: (points x, m)."""

    def __init__(self, z: Listed, g: Any) -> None:
        self._z, self._g = z, as_array("g", g, None, z.width)
        refuse_overflow(float(np.abs(self._g).max()) * z.largest[0] * z.width + z.largest[1])
        self.shape = self._g.shape[0], z.count

    def rows(self, start: int, stop: int) -> Array:
        psi, log_base = self._z.statistics(0, self._z.count), self._z.log_base(0, self._z.count)
        return np.asarray(self._g[start:stop] @ psi.T + log_base)


class FloatVAE:
    """A decoder and an encoder in log-weights, normalised here over x and over z.

    prior: (points z), positive. data: pd, (points x), not negative.
    Raises MisuseError for shapes that do not match, a prior with a zero, distributions that do not sum to 1.
    """

    def __init__(self, decoder: Logits, encoder: Logits, prior: Any, data: Any) -> None:
        if decoder.shape != encoder.shape:
            got = f"{decoder.shape} and {encoder.shape}"
            raise MisuseError(wanted="decoder and encoder of one shape (points x, points z)", got=got, do="match them")
        self.decoder, self.encoder, self.shape = decoder, encoder, decoder.shape
        self.prior = _distribution("prior", prior, self.shape[1])
        self.data = _distribution("data distribution pd", data, self.shape[0])
        if not self.prior.min() > 0.0:
            raise MisuseError(wanted="a positive prior", got="a zero", do="drop the points z that never occur")


@dataclass(frozen=True)
class Enumeration:
    """log_evidence, elbo, gap: for each x, (points x), nats. The totals are expectations under pd."""

    log_evidence: Array
    elbo: Array
    gap: Array
    expected_log_evidence: float
    expected_elbo: float
    expected_gap: float


def enumerate_model(model: FloatVAE, *, memory: int = MEMORY) -> Enumeration:
    """Evidence, ELBO and gap of every x: eq. (1a) for the ELBO, ``KL(q(.|x) || p(.|x))`` for the gap.

    memory: bytes for everything allocated here. Raises MisuseError, before starting, when it does not suffice.
    """
    step = _rows_at_a_time(model, memory)
    evidence, elbo, gap = (np.empty(model.shape[0]) for _ in range(3))
    for start, log_joint, log_q in _joint_blocks(model, step):
        part = slice(start, start + len(log_joint))
        evidence[part] = _log_sum_exp(log_joint)
        q = np.exp(log_q)
        elbo[part] = (q * (log_joint - log_q)).sum(axis=1)
        log_q -= log_joint - evidence[part, None]
        gap[part] = (q * log_q).sum(axis=1)
    totals = (float(model.data @ values) for values in (evidence, elbo, gap))
    return Enumeration(evidence, elbo, gap, *totals)


def log_posterior_blocks(model: FloatVAE, *, memory: int = MEMORY) -> Iterator[tuple[int, Array]]:
    """(first x, ``log p(z|x)`` of a block of rows), in order; memory as in `enumerate_model`."""
    step = _rows_at_a_time(model, memory)
    for start, log_joint, _ in _joint_blocks(model, step):
        yield start, log_joint - _log_sum_exp(log_joint)[:, None]


def _joint_blocks(model: FloatVAE, step: int) -> Iterator[tuple[int, Array, Array]]:
    """(first x, ``log p(x,z)``, ``log q(z|x)``), block by block."""
    offset = np.log(model.prior) - _log_normaliser(model.decoder, step)
    for start in range(0, model.shape[0], step):
        stop = min(start + step, model.shape[0])
        log_q = model.encoder.rows(start, stop)
        yield start, model.decoder.rows(start, stop) + offset, log_q - _log_sum_exp(log_q)[:, None]


def _log_normaliser(decoder: Logits, step: int) -> Array:
    """``log sum_x`` of the decoder's weights for each z."""
    total = np.full(decoder.shape[1], -np.inf)
    for start in range(0, decoder.shape[0], step):
        rows = decoder.rows(start, min(start + step, decoder.shape[0]))
        total = np.logaddexp(total, _log_sum_exp(rows.T))
    return total


def _log_sum_exp(table: Array) -> Array:
    """Over the last axis; every entry is finite."""
    largest = table.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(table - largest).sum(axis=-1)) + largest[..., 0])


def _rows_at_a_time(model: FloatVAE, memory: int) -> int:
    """Rows in a block: about BLOCK entries, fewer when memory is short; some eight tables of a block live at once."""
    x, z = model.shape
    fixed, row = 8 * (3 * x + 6 * z) + 8192, 8 * 8 * (z + 4)
    refuse_memory(f"one of {x} rows of {z} points, and three numbers a row,", fixed + row, memory)
    return min(x, max(1, BLOCK // z), (memory - fixed) // row)


def _distribution(name: str, value: Any, size: int) -> Array:
    numbers = as_array(name, value, size)
    total = float(numbers.sum())
    if numbers.min() < 0.0 or abs(total - 1.0) > size * 2.0**-50:  # size roundings, and those of the sum
        got = f"a smallest entry of {numbers.min()} and a sum of {total!r}"
        raise MisuseError(wanted=f"a {name} that sums to 1", got=got, do="normalise it in float64")
    return numbers
