"""Finite VAEs in float64 against rationals and balls: evidence, posterior, ELBO and gap, block by block."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from flint import arb, fmpq

from eftheory.errors import MisuseError
from eftheory.exact import float_tables, tables
from eftheory.exact.float_tables import (
    DecoderLogits,
    EncoderLogits,
    FloatVAE,
    Table,
    enumerate_model,
    log_posterior_blocks,
)
from eftheory.exact.floats import Listed


def exact_model(seed: int, x: int = 6, z: int = 4) -> tuple[list, list, list, list]:
    """Integer weights for decoder (x, z) and encoder (x, z), integer prior (z) and pd (x), one pd entry zero."""
    random = np.random.default_rng(seed)
    decoder, encoder = (random.integers(1, 50, (x, z)).tolist() for _ in range(2))
    return decoder, encoder, random.integers(1, 9, z).tolist(), [0, *random.integers(1, 9, x - 1).tolist()]


def normalised(weights: list[int]) -> list[fmpq]:
    return [fmpq(w, sum(weights)) for w in weights]


def floats(numbers: list[fmpq]) -> np.ndarray:
    return np.array([int(q.p) / int(q.q) for q in numbers])


@pytest.mark.parametrize("block", [1, 8, 8192])
@pytest.mark.parametrize("seed", range(5))
def test_against_rationals(seed: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(float_tables, "BLOCK", block)
    decoder, encoder, prior, data = exact_model(seed)
    columns = [normalised(list(column)) for column in zip(*decoder, strict=True)]
    joint = tables.joint([list(row) for row in zip(*columns, strict=True)], normalised(prior))
    evidence, posterior, q = tables.marginal_x(joint), tables.posterior(joint), [normalised(row) for row in encoder]
    gap = [
        sum((arb(a) * arb(a / b).log() for a, b in zip(row, other, strict=True)), arb(0))
        for row, other in zip(q, posterior, strict=True)
    ]
    model = FloatVAE(
        Table(np.log(decoder)), Table(np.log(encoder)), floats(normalised(prior)), floats(normalised(data))
    )
    found = enumerate_model(model)
    assert np.abs(found.log_evidence - np.log(floats(evidence))).max() < 1e-13
    assert np.abs(found.gap - [float(g.mid()) for g in gap]).max() < 1e-13
    assert np.abs(found.log_evidence - found.elbo - found.gap).max() < 1e-13  # (1a) = (1b)
    total = sum((arb(p) * g for p, g in zip(normalised(data), gap, strict=True)), arb(0))
    assert abs(found.expected_gap - float(total.mid())) < 1e-13
    assert abs(found.expected_log_evidence - found.expected_elbo - found.expected_gap) < 1e-13
    parts = list(log_posterior_blocks(model))
    assert [start for start, _ in parts] == list(range(0, 6, len(parts[0][1])))
    assert np.abs(np.exp(np.concatenate([p for _, p in parts])) - [floats(row) for row in posterior]).max() < 1e-13


def test_statistics_give_the_same_as_tables() -> None:
    random = np.random.default_rng(1)
    nu, h, f = random.normal(size=(30, 3)), random.normal(size=30), random.normal(size=(8, 3))
    psi, k, g = random.normal(size=(8, 2)), random.normal(size=8), random.normal(size=(30, 2))
    prior, data = np.full(8, 0.125), np.full(30, 1 / 30)
    by_statistics = FloatVAE(DecoderLogits(Listed(nu, h), f), EncoderLogits(Listed(psi, k), g), prior, data)
    by_tables = FloatVAE(Table(nu @ f.T + h[:, None]), Table(g @ psi.T + k), prior, data)
    first, second = enumerate_model(by_statistics), enumerate_model(by_tables)
    assert np.abs(first.gap - second.gap).max() < 1e-13 and first.expected_gap > 0.01
    assert np.abs(first.elbo - second.elbo).max() < 1e-13


def test_extreme_logits_do_not_overflow() -> None:
    decoder, encoder = np.array([[2000.0, 0.0], [0.0, 2000.0]]), np.array([[3000.0, 0.0], [0.0, 3000.0]])
    found = enumerate_model(FloatVAE(Table(decoder), Table(encoder), [0.5, 0.5], [0.5, 0.5]))
    assert found.gap.tolist() == [0.0, 0.0] and np.abs(found.log_evidence + np.log(2.0)).max() < 1e-12


def test_memory_is_kept_and_refused_in_time() -> None:
    random = np.random.default_rng(2)
    x, z = Listed(random.normal(size=(3000, 2))), Listed(random.normal(size=(500, 2)))
    decoder, encoder = DecoderLogits(x, random.normal(size=(500, 2))), EncoderLogits(z, random.normal(size=(3000, 2)))
    model = FloatVAE(decoder, encoder, np.full(500, 0.002), np.full(3000, 1 / 3000))
    tracemalloc.start()
    enumerate_model(model, memory=300_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 300_000 < 3000 * 500 * 8
    with pytest.raises(MisuseError, match=r"3000 rows of 500 points.*10000 bytes.*need of \d+ bytes"):
        enumerate_model(model, memory=10_000)


GOOD = Table(np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("prior", "data", "match"),
    [
        ([1.0, 0.0], [0.5, 0.5], "positive prior"),
        ([0.5, 0.4], [0.5, 0.5], "sums to 1"),
        ([0.5, 0.5], [1.5, -0.5], "sums to 1"),
        ([0.5, float("nan")], [0.5, 0.5], "finite"),
        ([0.5, 0.5], [1.0], "shape"),
    ],
)
def test_distributions_that_are_none(prior: list[float], data: list[float], match: str) -> None:
    with pytest.raises(MisuseError, match=match):
        FloatVAE(GOOD, GOOD, prior, data)


def test_tables_that_do_not_match_or_hold_a_zero() -> None:
    with pytest.raises(MisuseError, match="one shape"):
        FloatVAE(GOOD, Table(np.zeros((2, 3))), [0.5, 0.5], [0.5, 0.5])
    with pytest.raises(MisuseError, match="finite"), np.errstate(divide="ignore"):
        Table(np.log([[0.0, 1.0]]))
