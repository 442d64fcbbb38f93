"""One law matrix for all families: each law is a function that returns an error, so that a control can make it fail."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import sympy as sp
from scipy import optimize, stats

from eftheory.families import NAMES
from eftheory.families.base import Explicit
from eftheory.families.support_function import support_function
from tests.cases import CASES, Array, Case
from tests.numeric import evaluate

NORMALISED = tuple(case for case in CASES if case.explicit().log_partition is not None)


class Table:
    """A case at the nodes of its support: base and statistics as arrays."""

    def __init__(self, case: Case) -> None:
        self.case, self.explicit = case, case.explicit()
        self.points, self.weights = case.nodes(self.explicit)
        put = dict(zip(self.explicit.variables, self.points.T, strict=True))
        with np.errstate(all="ignore"):
            self.base = np.broadcast_to(evaluate(self.explicit.base, put), self.weights.shape)
            self.statistics = statistics_at(self.explicit, self.points)

    def natural(self, which: str = "values") -> Array:
        return self.case.natural(getattr(self.case, which))

    def log_partition(self, eta: Array, expr: sp.Expr | None = None) -> float:
        expr = self.explicit.log_partition if expr is None else expr
        return float(evaluate(expr, dict(zip(self.explicit.natural, eta, strict=True))))

    def gradient(self, eta: Array) -> Array:
        put = dict(zip(self.explicit.natural, eta, strict=True))
        return np.array([float(evaluate(self.explicit.log_partition.diff(e), put)) for e in self.explicit.natural])

    def mass(self, eta: Array) -> Array:
        """base exp(<eta, statistics>) times the quadrature weight, at every node; 0 where the density underflows."""
        with np.errstate(all="ignore"):
            mass = self.base * np.exp(self.statistics @ eta) * self.weights
        return np.nan_to_num(mass, nan=0.0, posinf=0.0)


def statistics_at(explicit: Explicit, points: Array) -> Array:
    put = dict(zip(explicit.variables, points.T, strict=True))
    return np.stack([np.broadcast_to(evaluate(s, put), len(points)) for s in explicit.statistics], axis=1)


table = cache(Table)


def normalisation_error(t: Table, which: str, log_partition: sp.Expr | None = None) -> float:
    eta = t.natural(which)
    return abs(np.log(t.mass(eta).sum()) - t.log_partition(eta, log_partition))


def mean_by_sum(t: Table, eta: Array) -> Array:
    mass = t.mass(eta)
    live = mass > 0
    return mass[live] @ t.statistics[live] / mass.sum()


@pytest.mark.parametrize("which", ["values", "other"])
@pytest.mark.parametrize("case", NORMALISED, ids=str)
def test_normalisation(case: Case, which: str) -> None:
    assert normalisation_error(table(case), which) < 1e-9


@pytest.mark.parametrize("case", NORMALISED, ids=str)
def test_normalisation_notices_a_wrong_log_partition(case: Case) -> None:
    t = table(case)
    wrong = t.explicit.log_partition + t.explicit.natural[0] ** 2 / 100 + sp.Rational(1, 1000)
    assert normalisation_error(t, "values", wrong) > 1e-4


@pytest.mark.parametrize("case", NORMALISED, ids=str)
def test_gradient_of_the_log_partition_is_the_mean(case: Case) -> None:
    t = table(case)
    eta = t.natural()
    np.testing.assert_allclose(t.gradient(eta), mean_by_sum(t, eta), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("case", NORMALISED, ids=str)
def test_gradient_law_notices_another_parameter(case: Case) -> None:
    t = table(case)
    assert not np.allclose(t.gradient(t.natural("other")), mean_by_sum(t, t.natural()), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("case", NORMALISED, ids=str)
def test_natural_to_mean_and_back(case: Case) -> None:
    t = table(case)
    eta = t.natural()
    mean = t.gradient(eta)
    found = optimize.root(lambda e: t.gradient(e) - mean, eta * 1.05 + 0.01 * (eta == 0), tol=1e-12)
    np.testing.assert_allclose(found.x, eta, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("case", NORMALISED, ids=str)
def test_divergence_is_positive_and_of_bregman_form(case: Case) -> None:
    t = table(case)
    p, q = t.natural("values"), t.natural("other")
    mass = t.mass(p)
    live = mass > 0
    log_ratio = t.statistics[live] @ (p - q) - t.log_partition(p) + t.log_partition(q)
    divergence = mass[live] @ log_ratio / mass.sum()
    bregman = t.log_partition(q) - t.log_partition(p) - (q - p) @ t.gradient(p)
    assert bregman > 1e-3
    assert divergence == pytest.approx(bregman, rel=1e-7)
    reverse = t.log_partition(p) - t.log_partition(q) - (p - q) @ t.gradient(q)
    assert reverse > 1e-3


def smallest_singular_ratio(statistics: Array) -> float:
    rows = np.column_stack([np.ones(len(statistics)), statistics])
    if rows.shape[0] < rows.shape[1]:
        return 0.0  # fewer points than functions: dependent
    values = np.linalg.svd(rows / np.abs(rows).max(axis=0), compute_uv=False)
    return float(values[-1] / values[0])


def moderate(t: Table) -> Array:
    """The statistics at the nodes that carry mass."""
    mass = t.mass(t.natural()) if t.explicit.log_partition is not None else t.weights
    return t.statistics[mass > 1e-9 * mass.sum()]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_statistics_are_minimal(case: Case) -> None:
    assert smallest_singular_ratio(moderate(table(case))) > 1e-6


@pytest.mark.parametrize("case", CASES, ids=str)
def test_minimality_notices_a_redundant_statistic(case: Case) -> None:
    statistics = moderate(table(case))
    redundant = np.column_stack([statistics, 2 * statistics[:, 0] - 1])
    assert smallest_singular_ratio(redundant) < 1e-12


@pytest.mark.parametrize("case", [case for case in NORMALISED if case.log_density is not None], ids=str)
def test_density_is_scipys(case: Case) -> None:
    t = table(case)
    eta = t.natural()
    mass = t.mass(eta)
    live = mass > 1e-12 * mass.sum()
    ours = np.log(t.base[live]) + t.statistics[live] @ eta - t.log_partition(eta)
    assert case.log_density is not None
    np.testing.assert_allclose(ours, case.log_density(t.points[live]), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("case", "w"), [(case, w) for case in CASES for w in case.weights], ids=str)
def test_support_function_is_the_brute_force_supremum(case: Case, w: tuple[int, ...]) -> None:
    explicit = case.explicit()

    def brute(width: float) -> float:
        with np.errstate(all="ignore"):
            values = statistics_at(explicit, case.probes(explicit, width)) @ np.array(w, dtype=float)
        return float(np.nanmax(values))

    found = support_function(case.family().unit, w)
    assert found.value is not None
    if found.value == sp.oo:
        assert found.attained is False
        assert brute(30) > brute(10) + 10
    else:
        value = float(found.value)
        assert value - 1e-3 * (1 + abs(value)) <= brute(30) <= value + 1e-9
        if not found.attained:
            assert brute(5) < brute(30) < value + 1e-12


def test_multinomial_of_varying_total_given_its_total() -> None:
    """The law given |x| = n is multinomial: n! base exp(<eta, x> - n log sum e^eta), whatever the law of n."""
    case = next(case for case in CASES if case.name == "multinomial" and not case.hyper)
    t = table(case)
    assert t.explicit.log_partition is None
    eta, n = t.natural(), 4
    given = t.points.sum(axis=1) == n
    points = t.points[given]
    base = evaluate(t.explicit.base, dict(zip(t.explicit.variables, points.T, strict=True)))
    for gauge in (0.0, 1.5):
        shifted = eta + gauge
        ours = np.log(24.0) + np.log(base) + points @ shifted - n * np.logaddexp.reduce(shifted)
        np.testing.assert_allclose(ours, stats.multinomial(n, [1 / 6, 1 / 3, 1 / 2]).logpmf(points), rtol=1e-10)


def test_every_shipped_family_is_in_the_matrix() -> None:
    assert {case.name for case in CASES} == set(NAMES)
