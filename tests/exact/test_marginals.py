"""Marginals by split-product lie within their bounds of every z added up in balls, whatever the size of the weights."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from enclosing import BITS, log_marginals, misses, shrunk
from flint import arb, ctx

from eftheory.errors import MisuseError
from eftheory.exact import marginals as module
from eftheory.exact.certified import Bounded
from eftheory.exact.marginals import certified_log_partition, certified_marginals, marginals
from eftheory.exact.streaming import log_partition

Model = tuple[np.ndarray, np.ndarray, np.ndarray]


def model(n: int, m: int, scale: float, seed: int = 0) -> Model:
    random = np.random.default_rng([n, m, seed])
    return scale * random.normal(size=(n, m)), scale * random.normal(size=n), scale * random.normal(size=m)


def in_balls(W: np.ndarray, u: np.ndarray, v: np.ndarray) -> list[arb]:
    return log_marginals(W.tolist(), u.tolist(), v.tolist())


SIZES = [(1, 1), (1, 6), (2, 2), (3, 5), (5, 3), (3, 9), (8, 3)]


@pytest.mark.parametrize("scale", [0.0, 1e-8, 1.0, 30.0, 150.0, 2000.0])
@pytest.mark.parametrize(("n", "m"), SIZES)
def test_the_bound_holds(n: int, m: int, scale: float) -> None:
    given = model(n, m, scale)
    truth, certified = in_balls(*given), certified_marginals(*given)
    assert certified.value.shape == (2**n,)
    assert misses(certified, truth) == 0
    assert certified.error.max() < 1e-13 * (1 + scale) * n * m, "and is of use"
    assert (marginals(*given) == certified.value).all()


def test_a_bound_that_is_too_small_is_caught() -> None:
    given = model(8, 5, 1.0)
    truth, certified = in_balls(*given), certified_marginals(*given)
    assert misses(certified, truth) == 0
    assert misses(shrunk(certified, 1e-3), truth) > 0


def test_every_path_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quads, several groups, units by themselves: the same numbers; without the guard they are wrong, which is seen."""
    W, u, v = model(4, 9, 1.0)
    W[:, 2] = 500.0
    W[:, [5, 6, 7]] *= 80.0
    truth, certified = in_balls(W, u, v), certified_marginals(W, u, v)
    plan = module._Plan(W, u, v, bytes_each=16, memory=2**30)
    assert plan.alone == [2] and len(plan.groups) > 1 and max(len(group.quads) for group in plan.groups) > 1
    assert misses(certified, truth) == 0
    monkeypatch.setattr(module, "CAP", 1e9)
    with np.errstate(all="ignore"):
        unguarded = certified_marginals(W, u, v)
    assert not np.isfinite(unguarded.value).all()


def test_more_than_one_block() -> None:
    W, u, v = model(14, 3, 1.0)
    certified = certified_marginals(W, u, v)
    x = (np.arange(2**14)[:, None] >> np.arange(13, -1, -1)) & 1
    assert np.abs(certified.value - (x @ u + np.logaddexp(0.0, x @ W + v).sum(axis=1))).max() < 1e-12
    some = [0, 1, 255, 256, 8191, 8192, 2**14 - 1]
    with ctx.workprec(BITS):
        units = [
            [arb(v[j]) + sum((arb(W[i, j]) for i in range(14) if x[k, i]), arb(0)) for j in range(3)] for k in some
        ]
        own = [sum((arb(u[i]) for i in range(14) if x[k, i]), arb(0)) for k in some]
        truth = [sum(((1 + t.exp()).log() for t in row), start) for row, start in zip(units, own, strict=True)]
    assert misses(certified[some], truth) == 0


@pytest.mark.parametrize("scale", [0.0, 1.0, 40.0, 3000.0])
@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 7), (7, 1), (4, 5), (9, 3)])
def test_the_certified_log_partition_holds(n: int, m: int, scale: float) -> None:
    given = model(n, m, scale, seed=1)
    with ctx.workprec(4 * BITS):
        truth = sum((t.exp() for t in in_balls(*given)), arb(0)).log()
    certified = certified_log_partition(*given)
    assert certified.value.shape == () and misses(certified, [truth]) == 0
    assert certified.error < 1e-12 * (1 + scale)
    assert abs(float(certified.value) - log_partition(*given)) <= 1e-12 * (1 + abs(float(certified.value)))


def test_the_log_partition_goes_through_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    W, u, v = model(14, 15, 1.0)
    whole = certified_log_partition(W, u, v)
    monkeypatch.setattr(module, "BLOCK", 512)
    in_parts = certified_log_partition(W, u, v)
    assert abs(whole.value - in_parts.value) <= min(whole.error, in_parts.error) < 1e-11


def test_memory_is_kept_and_refused_in_time() -> None:
    given = model(16, 8, 1.0)
    needed = 2**16 * 16 + 2**20
    with pytest.raises(MisuseError, match=r"65536 bytes.*need of \d+ bytes"):
        certified_marginals(*given, memory=2**16)
    with pytest.raises(MisuseError, match="about 2\\^"):
        marginals(*model(80, 2, 1.0))
    with pytest.raises(MisuseError, match="states"):
        certified_log_partition(*model(80, 80, 1.0))
    for work in (certified_marginals, marginals, certified_log_partition):
        tracemalloc.start()
        work(*given, memory=needed)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= needed


@pytest.mark.parametrize(
    ("W", "u", "v", "match"),
    [
        ([[float("nan")]], [0.0], [0.0], "finite"),
        ([[1.0]], [float("inf")], [0.0], "finite"),
        ([[1.0]], [0.0, 1.0], [0.0], "shape"),
        ([1.0], [0.0], [0.0], "shape"),
        (np.zeros((0, 2)), np.zeros(0), np.zeros(2), "empty"),
        ([[1e308]], [1e308], [0.0], "overflow"),
        ([["a"]], [0.0], [0.0], "real numbers"),
        ([[2**60 + 1]], [0.0], [0.0], "2\\^53"),
    ],
)
def test_bad_input_is_one_clear_line(W: object, u: object, v: object, match: str) -> None:
    for work in (marginals, certified_marginals, certified_log_partition, log_partition):
        with pytest.raises(MisuseError, match=match) as caught:
            work(W, u, v)
        assert "\n" not in str(caught.value)


def test_the_result_is_bounded_floats() -> None:
    assert isinstance(certified_marginals([[1.0]], [0.0], [0.0]), Bounded)
