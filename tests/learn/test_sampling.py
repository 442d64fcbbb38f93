"""Draws by structure: Gibbs against enumeration, and the laws that no shipped family shows."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.families import build
from eftheory.families.own import own
from eftheory.learn.densities.density import Density
from eftheory.learn.densities.sampling import ENUMERATED, gibbs

ROWS = 20000


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def errors(family: Density, x: Tensor, eta: Tensor) -> float:
    """The largest distance of an average statistic from its mean, in standard errors."""
    statistics = family.statistics(x)
    return float(((statistics.mean(0) - family.mean(eta)).abs() / (statistics.std(0) / len(x) ** 0.5 + 1e-12)).max())


def test_gibbs_reaches_the_enumerated_marginals() -> None:
    family, eta = Density(build("boltzmann", [2, 3], {})), random(11)
    start = torch.zeros(ROWS, 5, dtype=torch.float64)
    torch.manual_seed(0)
    x = gibbs(eta.expand(ROWS, -1), (2, 3), sweeps=30, start=start)
    family.check_support(x)
    assert errors(family, x, eta) < 5
    probability = family.log_prob(family.points().double(), eta).exp()
    codes = (x @ 2.0 ** torch.arange(4, -1, -1, dtype=torch.float64)).long()
    seen = torch.bincount(codes, minlength=32) / ROWS
    assert ((seen - probability).abs() / (probability / ROWS).sqrt()).max() < 5


def test_without_sweeps_the_marginals_are_those_of_the_start() -> None:
    family, eta = Density(build("boltzmann", [2, 3], {})), random(11)
    torch.manual_seed(0)
    x = gibbs(eta.expand(ROWS, -1), (2, 3), sweeps=0)
    assert errors(family, x, eta) > 5


def test_gibbs_refuses_parameters_of_other_sizes() -> None:
    with pytest.raises(MisuseError, match="11 natural parameters"):
        gibbs(torch.zeros(4, 12), (2, 3), sweeps=1)


def test_bits_too_many_for_a_table_are_drawn_by_gibbs() -> None:
    family = Density(build("boltzmann", [3, 11], {}))
    assert family.points_count is not None and family.points_count > ENUMERATED
    eta = random(3 + 11 + 33) / 2
    torch.manual_seed(0)
    assert errors(family, family.sample(eta.expand(4000, -1)), eta) < 5


STRUCTURED = [
    ("shifted Poisson", own(statistics=["x"], support="integers(2, oo)", base="1/factorial(x - 2)"), [0.5]),
    ("Poisson of base 2^x", own(statistics=["x"], support="naturals", base="2**x/factorial(x)"), [0.5]),
    ("geometric of base 2^-x", own(statistics=["2*x"], support="naturals", base="(1/2)**x"), [0.1]),
    ("many trials", build("binomial", [1], {"trials": 5000}), [-1.0]),
    ("a power of gamma", own(statistics=["x**3"], support="positive", base="x**2"), [-0.7]),
    ("three points", own(statistics=["x", "x**2"], support="{0, 1, 3}"), [0.4, -0.3]),
    ("two points", own(statistics=["x**2"], support="{-1, 3}"), [0.1]),
    ("weighted bits", own(statistics=["x[i]"], support="bits(3)", base="1 + x[i]"), [0.5, -0.5, 0.0]),
    ("counts of their own", own(statistics=["x[i]**2"], support="counts(3, total=3)"), [0.1, -0.1, 0.2]),
]


@pytest.mark.parametrize("family, eta", [case[1:] for case in STRUCTURED], ids=[case[0] for case in STRUCTURED])
def test_the_mean_of_draws_is_the_mean(family: object, eta: list[float]) -> None:
    found = Density(family)  # type: ignore[arg-type]
    parameters = torch.tensor(eta, dtype=torch.float64)
    torch.manual_seed(0)
    x = found.sample(parameters.expand(ROWS, -1))
    found.check_support(x)
    assert errors(found, x, parameters) < 5
    assert errors(found, x, parameters - 0.2) > 5, "another parameter would be noticed"


def test_draws_follow_the_seed_and_carry_no_gradient() -> None:
    for name in ("bernoulli", "normal", "poisson"):
        family = Density(build(name, [3], {}))
        eta = family.natural(torch.zeros(5, family.raw_width, requires_grad=True))
        torch.manual_seed(3)
        first = family.sample(eta)
        torch.manual_seed(3)
        assert torch.equal(first, family.sample(eta)) and not first.requires_grad
        assert not torch.equal(first, family.sample(eta))
