"""Annealed importance sampling against exact log-partitions."""

from __future__ import annotations

import pytest
import torch

from eftheory.errors import MisuseError
from eftheory.learn.densities.density import Density
from eftheory.learn.harmoniums.ais import Estimate, ais
from eftheory.learn.harmoniums.harmonium import Joint
from eftheory.learn.harmoniums.rbm import Harmonium
from eftheory.learn.harmoniums.rbm_fit import mean_bias
from eftheory.spec import parse_family


def model(decoder: str, encoder: str, seed: int, scale: float) -> Harmonium:
    torch.manual_seed(seed)
    made = Harmonium(Density(parse_family(decoder)), Density(parse_family(encoder)), scale=scale).double()
    with torch.no_grad():
        made.u.normal_()
        made.v.normal_()
    return made


def errors(found: Estimate, made: Harmonium, totals: torch.Tensor | None = None) -> torch.Tensor:
    return (found.log_partition - made.log_partition(totals).detach()) / found.standard_error


PAIRS = [
    ("bernoulli(6)", "bernoulli(5)"),
    ("categorical(4)", "bernoulli(3)"),
    ("normal(3, variance=1)", "bernoulli(4)"),
    ("multinomial(5, trials=6)", "bernoulli(3)"),
]


def test_twenty_models_are_estimated_within_their_errors() -> None:
    away = []
    for seed in range(20):
        made = model(*PAIRS[seed % len(PAIRS)], seed=seed, scale=0.7)
        found = ais(made.joint(), chains=400, temperatures=60, seed=100 + seed)
        away.append(errors(found, made))
        assert float(found.standard_error) < 0.2
        assert float(found.effective_samples) > 40
    scores = torch.stack(away)
    assert int((scores.abs() < 3).sum()) >= 19
    assert int((scores.abs() < 1).sum()) <= 19, "errors that are never seen are no errors"


def test_too_few_temperatures_show_in_the_error_and_in_the_effective_samples() -> None:
    made = model("bernoulli(12)", "bernoulli(8)", seed=1, scale=4.0)
    exact = float(made.log_partition().detach())
    poor = ais(made.joint(), chains=200, temperatures=1, seed=2)
    good = ais(made.joint(), chains=200, temperatures=2000, seed=2)
    assert float(poor.effective_samples) < 10 < float(good.effective_samples)
    assert float(poor.log_partition) < exact - 3.0
    assert abs(float(good.log_partition) - exact) < 4 * float(good.standard_error)
    assert float(good.standard_error) < float(poor.standard_error)


def test_a_base_from_the_data_changes_the_path_and_not_the_answer() -> None:
    made = model("bernoulli(5)", "bernoulli(3)", seed=3, scale=1.0)
    data = (torch.rand(50, 5) < 0.3).float()
    base = (mean_bias(made.decoder, data), torch.zeros(3))
    one = ais(made.joint(), chains=500, temperatures=100, seed=4)
    other = ais(made.joint(), chains=500, temperatures=100, base=base, seed=4)
    assert float(errors(one, made).abs()) < 3 and float(errors(other, made).abs()) < 3
    assert float(one.log_partition) != float(other.log_partition)


def test_a_base_of_infinite_mass_is_refused() -> None:
    density = Density(parse_family("exponential(1)"))
    W, u = torch.tensor([[-1.0]]), torch.tensor([-1.0])
    joint = Joint(density, density, W, u, u)
    assert bool(torch.isfinite(ais(joint, chains=20, temperatures=5).log_partition))
    with pytest.raises(MisuseError, match="base of finite mass"):
        ais(joint, chains=20, temperatures=5, base=(-u, u))


def test_every_total_has_its_own_log_partition() -> None:
    made = model("multinomial(6)", "bernoulli(3)", seed=5, scale=0.5)
    totals = torch.tensor([1.0, 4.0, 12.0, 30.0])
    found = ais(made.joint(), chains=300, temperatures=150, totals=totals, seed=6)
    assert found.log_partition.shape == found.effective_samples.shape == (4,)
    assert bool((errors(found, made, totals).abs() < 3.5).all())
    x = torch.distributions.Multinomial(4, torch.ones(7, 6, dtype=torch.float64)).sample()
    estimated = made.log_likelihood(x, found.log_partition[1])
    torch.testing.assert_close(estimated, made.log_likelihood(x), rtol=0, atol=4 * float(found.standard_error[1]))


def test_without_interaction_the_answer_is_exact() -> None:
    made = model("bernoulli(4)", "bernoulli(2)", seed=7, scale=0.0)
    found = ais(made.joint(), chains=10, temperatures=3)
    assert float(found.log_partition) == pytest.approx(float(made.log_partition().detach()), abs=1e-12)
    assert float(found.effective_samples) == pytest.approx(10.0)


def test_the_seed_decides_and_the_generator_is_left_alone() -> None:
    joint = model("bernoulli(4)", "bernoulli(2)", seed=8, scale=1.0).joint()
    state = torch.get_rng_state()
    runs = [float(ais(joint, chains=20, temperatures=5, seed=seed).log_partition) for seed in (1, 1, 2)]
    assert torch.equal(torch.get_rng_state(), state)
    assert runs[0] == runs[1] != runs[2]


def test_misuse_is_told_in_one_line() -> None:
    joint = model("bernoulli(4)", "bernoulli(2)", seed=9, scale=1.0).joint()
    with pytest.raises(MisuseError, match="at least 2 chains and 1 step"):
        ais(joint, chains=1, temperatures=10)
    with pytest.raises(MisuseError, match="totals exactly where they vary"):
        ais(joint, chains=5, temperatures=5, totals=torch.ones(2))
    with pytest.raises(MisuseError, match="a base of shapes"):
        ais(joint, chains=5, temperatures=5, base=(torch.zeros(3), torch.zeros(2)))
