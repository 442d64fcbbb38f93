"""Streaming enumerations against balls: sizes, scales, general sides, tiles, and memory that is kept or refused."""

from __future__ import annotations

import tracemalloc
from itertools import product

import numpy as np
import pytest
from enclosing import BITS, log_joint
from flint import arb, ctx

from eftheory.errors import MisuseError
from eftheory.exact import streaming
from eftheory.exact.floats import Bits, Listed
from eftheory.exact.streaming import log_partition

rng = np.random.default_rng(3)


def in_balls(W: np.ndarray, u: np.ndarray, v: np.ndarray, nu: list, psi: list, h: list, k: list) -> float:
    parameters = W.tolist(), u.tolist(), v.tolist()
    with ctx.workprec(BITS):
        sides = product(zip(nu, h, strict=True), zip(psi, k, strict=True))
        terms = [(log_joint(*parameters, x, z) + arb(a) + arb(b)).exp() for (x, a), (z, b) in sides]
        return float(sum(terms, arb(0)).log().mid())


def bits(n: int) -> list[tuple[float, ...]]:
    return list(product((0.0, 1.0), repeat=n))


@pytest.mark.parametrize("scale", [0.0, 1.0, 50.0, 3000.0, 1e6])
@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 8), (7, 1), (3, 4), (5, 5), (7, 4)])
def test_bits(n: int, m: int, scale: float) -> None:
    W, u, v = (scale * rng.normal(size=size) for size in ((n, m), n, m))
    truth = in_balls(W, u, v, bits(n), bits(m), [0.0] * 2**n, [0.0] * 2**m)
    assert abs(log_partition(W, u, v) - truth) <= 1e-13 * (1 + abs(truth) + scale)
    if scale == 0.0:
        assert abs(truth - (n + m) * np.log(2.0)) < 1e-14


def test_the_order_of_points_is_that_of_itertools() -> None:
    assert Bits(3).statistics(0, 8).tolist() == [list(x) for x in bits(3)]
    assert Bits(3).statistics(5, 7).tolist() == [[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]


@pytest.mark.parametrize("scale", [1.0, 400.0])
def test_general_sides_with_base_measures(scale: float) -> None:
    nu, psi = rng.integers(-2, 4, (70, 3)).astype(float), rng.normal(size=(9, 2))
    h, k = rng.normal(size=70) * scale, rng.normal(size=9)
    W, u, v = (scale * rng.normal(size=size) for size in ((3, 2), 3, 2))
    truth = in_balls(W, u, v, nu.tolist(), psi.tolist(), h.tolist(), k.tolist())
    assert abs(log_partition(W, u, v, x=Listed(nu, h), z=Listed(psi, k)) - truth) <= 1e-13 * (1 + abs(truth))
    without = in_balls(W, u, v, nu.tolist(), bits(2), h.tolist(), [0.0] * 4)
    assert abs(log_partition(W, u, v, x=Listed(nu, h)) - without) <= 1e-13 * (1 + abs(without))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_blocks_that_dwarf_all_earlier_ones(sign: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "ROWS", 2)
    monkeypatch.setattr(streaming, "COLUMNS", 4)
    W, u, v = rng.normal(size=(5, 4)), sign * np.array([5000.0, 2000.0, 900.0, 500.0, 250.0]), rng.normal(size=4)
    truth = in_balls(W, u, v, bits(5), bits(4), [0.0] * 32, [0.0] * 16)
    assert abs(log_partition(W, u, v) - truth) <= 1e-13 * (1 + abs(truth))


def test_memory_is_kept_whatever_the_number_of_states() -> None:
    W, u, v = (0.3 * rng.normal(size=size) for size in ((9, 13), 9, 13))
    roomy = log_partition(W, u, v)
    for memory in (120_000, 400_000, 2**22):
        tracemalloc.start()
        value = log_partition(W, u, v, memory=memory)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= memory
        assert abs(value - roomy) < 1e-12
    assert streaming.plan(Bits(9), Bits(13), 120_000).columns < streaming.COLUMNS


def test_what_cannot_be_done_is_refused_before_it_starts() -> None:
    with pytest.raises(MisuseError, match=r"512 x 8192 states.*within 1000 bytes.*need of \d+ bytes"):
        log_partition(np.zeros((9, 13)), np.zeros(9), np.zeros(13), memory=1000)
    with pytest.raises(MisuseError, match=r"joint states.*2\^60"):
        log_partition(np.zeros((30, 30)), np.zeros(30), np.zeros(30))


@pytest.mark.parametrize("log_base", [[0.0, -np.inf], [0.0, np.nan], [0.0]])
def test_base_measures_are_positive_and_match(log_base: list[float]) -> None:
    with pytest.raises(MisuseError, match="log base"):
        Listed([[0.0], [1.0]], log_base)


def test_exponents_that_cannot_be_trusted_are_refused() -> None:
    with pytest.raises(MisuseError, match="overflow"):
        log_partition([[1e200]], [0.0], [0.0], x=Listed([[0.0], [1e200]]))
    with pytest.raises(MisuseError, match="shape"):
        log_partition([[1.0, 2.0]], [0.0], [0.0], x=Listed([[0.0], [1.0]]))
