"""One family in torch: against torch.distributions, in the extremes, in its raw parameters, as an own family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import sympy as sp
import torch
from torch import Tensor
from torch import distributions as td

from eftheory.errors import MisuseError
from eftheory.families import build
from eftheory.families.base import XI, Family, X
from eftheory.families.own import own
from eftheory.learn.datasets.sparse import SparseRows
from eftheory.learn.densities.density import Density
from eftheory.learn.densities.unit_functions import Normaliser, _explicit, normaliser_of
from tests.learn.laws import LAWS, Law, draw, log_prob

FEW = [law for law in LAWS if str(law) in ("bernoulli(3)", "normal(3)", "mvn(3)", "gamma(3)", "von_mises(3)")]


def density(name: str, *sizes: int, **hyper: object) -> Density:
    return Density(build(name, list(sizes), hyper))


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- the five facts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_log_prob_is_that_of_torch(law: Law) -> None:
    family = Density(law.family())
    for seed in range(3):
        eta, distribution, x = draw(law, seed)
        torch.testing.assert_close(family.log_prob(x, eta), log_prob(law, distribution, x), rtol=1e-10, atol=1e-10)
        apart = family.inner(x, eta) + family.log_base(x) - family.log_partition(eta)
        torch.testing.assert_close(apart, family.log_prob(x, eta), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_a_wrong_base_measure_is_noticed(law: Law) -> None:
    family = law.family()
    symbol = X if family.unit.support.scalar else XI
    wrong = replace(family, unit=replace(family.unit, base=family.unit.base * sp.exp(-(symbol**2) / 8)))
    eta, distribution, x = draw(law, 0)
    try:
        got = Density(wrong).log_prob(x, eta)
    except MisuseError:
        pytest.fail("the control must be built")
    assert (got - log_prob(law, distribution, x)).abs().max() > 1e-3


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_mean_is_the_gradient_and_differentiates(law: Law) -> None:
    family = Density(law.family())
    eta = draw(law, 1, rows=1)[0].requires_grad_()
    (by_autograd,) = torch.autograd.grad(family.log_partition(eta).sum(), eta)
    torch.testing.assert_close(family.mean(eta), by_autograd, rtol=1e-9, atol=1e-9)
    assert torch.autograd.gradcheck(family.log_partition, eta, eps=1e-6, atol=1e-5)
    assert torch.autograd.gradcheck(family.mean, eta, eps=1e-6, atol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(family.mean(eta), by_autograd, rtol=1e-9, atol=1e-9)


KL = [
    law for law in LAWS if law.name not in ("negative_binomial", "multinomial", "inverse_gamma", "von_mises", "weibull")
]
KL = [law for law in KL if law.name not in ("binomial", "log_normal", "laplace", "pareto")]


@pytest.mark.parametrize("law", KL, ids=str)
def test_divergence_is_that_of_torch(law: Law) -> None:
    family = Density(law.family())
    (eta_q, q, _), (eta_p, p, _) = draw(law, 2), draw(law, 3)
    want = td.kl_divergence(q, p).sum(-1)
    torch.testing.assert_close(family.kl(eta_q, eta_p), want, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(family.kl(eta_q, eta_q), torch.zeros(5, dtype=torch.float64), rtol=0, atol=1e-9)
    raw = family.raw(eta_q)
    torch.testing.assert_close(family.kl_raw(raw, eta_p), want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_divergence_is_of_bregman_form(law: Law) -> None:
    family = Density(law.family())
    eta_q, eta_p = draw(law, 4)[0], draw(law, 5)[0]
    bregman = ((eta_q - eta_p) * family.mean(eta_q)).sum(-1) - family.log_partition(eta_q) + family.log_partition(eta_p)
    torch.testing.assert_close(family.kl(eta_q, eta_p), bregman, rtol=1e-9, atol=1e-9)
    assert bool((bregman > 0).all())


@pytest.mark.parametrize("law", FEW, ids=str)
def test_gradients_of_everything_by_finite_differences(law: Law) -> None:
    family = Density(law.family())
    eta, _, x = draw(law, 6, rows=2)
    other = draw(law, 7, rows=2)[0]
    raw = family.raw(eta).requires_grad_()
    assert torch.autograd.gradcheck(lambda r: family.log_prob(x, family.natural(r)), raw, atol=1e-5)
    assert torch.autograd.gradcheck(lambda r: family.kl(family.natural(r), other), raw, atol=1e-5)
    assert torch.autograd.gradcheck(lambda r: family.kl_raw(r, other), raw, atol=1e-5)
    assert torch.autograd.gradcheck(lambda e: family.kl(eta, e), other.clone().requires_grad_(), atol=1e-5)


def test_a_normal_divergence_does_not_cancel_in_float32() -> None:
    """Means far from zero beside a small variance: the Bregman form loses what the centred one keeps."""
    family = density("normal", 4)
    raw = torch.tensor([[30.0, -9.0, -20.0, -8.0, 0.0, 0.0, 5.0, -12.0]], dtype=torch.float64)
    q, p = family.natural(raw), family.natural(raw + 1e-3)
    exact = family.kl(q, p).item()
    single = family.kl(q.float(), family.natural((raw + 1e-3).float())).item()
    bregman = ((q - p).float() * family.mean(q.float())).sum(-1) - family.log_partition(q.float())
    bregman = bregman + family.log_partition(p.float())
    assert abs(single - exact) < 0.03 * exact
    assert abs(bregman.item() - exact) > 0.03 * exact


# --- totals -----------------------------------------------------------------------------------------------------------


def test_counts_of_varying_total_are_given_their_total() -> None:
    family = density("multinomial", 5)
    x = torch.tensor([[3.0, 0, 1, 2, 0], [0, 0, 0, 0, 0], [1, 0, 0, 0, 0]], dtype=torch.float64)
    eta = random(3, 5)
    want = [td.Multinomial(int(row.sum()), logits=e).log_prob(row) for row, e in zip(x, eta, strict=True)]
    torch.testing.assert_close(family.log_prob(x, eta), torch.stack(want), rtol=1e-10, atol=1e-10)
    total = x.sum(-1)
    torch.testing.assert_close(family.mean(eta, total), total[:, None] * eta.softmax(-1))
    table = family.log_partition(eta[None], total[:, None])
    assert table.shape == (3, 3)
    torch.testing.assert_close(table.diagonal(), family.log_partition(eta, total))
    kl = family.kl(eta, eta + random(3, 5, seed=1), total)
    torch.testing.assert_close(kl[1], torch.tensor(0.0, dtype=torch.float64))
    with pytest.raises(MisuseError, match="total"):
        family.log_partition(eta)


@pytest.mark.parametrize("total", [0.0, 1.0, 1000.0, 1e6])
def test_a_large_total_does_not_overflow(total: float) -> None:
    family, eta = density("multinomial", 3), torch.zeros(3, dtype=torch.float64)
    want = total * torch.tensor(3.0, dtype=torch.float64).log() - torch.lgamma(torch.tensor(total + 1).double())
    torch.testing.assert_close(family.log_partition(eta, torch.tensor(total).double()), want)


def test_a_large_block_is_the_program_of_a_small_one() -> None:
    generator = torch.Generator().manual_seed(0)
    family = density("multinomial", 10000)
    counts = torch.randint(0, 3, (2, 10000), generator=generator).double()
    eta = random(2, 10000)
    want = td.Multinomial(int(counts[0].sum()), logits=eta[0]).log_prob(counts[0])
    torch.testing.assert_close(family.log_prob(counts, eta)[0], want, rtol=1e-10, atol=1e-8)
    many = density("categorical", 512)
    one = torch.eye(512, dtype=torch.float64)[[3, 511]]
    eta = random(2, 511)
    logits = torch.cat([eta, torch.zeros(2, 1, dtype=torch.float64)], -1)
    torch.testing.assert_close(many.log_prob(one, eta), td.OneHotCategorical(logits=logits).log_prob(one))
    torch.testing.assert_close(many.mean(eta), logits.softmax(-1)[:, :-1])


LARGE = [
    build("categorical", [9], {}),
    build("multinomial", [9], {"trials": 5}),
    build("dirichlet", [9], {}),
    own(statistics=["log(x[i])"], support="simplex(9)", base="1/x[i]"),
    own(statistics=["x[i] : i<last"], support="counts(9, total=4)", base="1/factorial(x[i])"),
    own(statistics=["x[i]"], support="onehot(9)"),
]


@pytest.mark.parametrize("family", LARGE, ids=lambda family: f"{family} {family.unit.support.text}")
def test_every_size_agrees_with_the_formula_written_out(family: Family) -> None:
    found = normaliser_of(family, family.unit.groups, None)
    program, _ = _explicit(family, family.unit, family.unit.groups)
    n = len(family.unit.at().natural)
    eta = random(3, n).abs() + 0.5
    assert isinstance(found, Normaliser)
    torch.testing.assert_close(found.log_partition(eta, None), program(eta), rtol=1e-12, atol=1e-12)


# --- the extremes -----------------------------------------------------------------------------------------------------

FAR: list[tuple[str, tuple[int, ...], dict[str, object], list[float]]] = [
    ("bernoulli", (1,), {}, [800.0]),
    ("bernoulli", (1,), {}, [-800.0]),
    ("binomial", (1,), {"trials": 5}, [800.0]),
    ("categorical", (3,), {}, [800.0, -800.0]),
    ("multinomial", (3,), {"trials": 5}, [-800.0, 799.0]),
    ("boltzmann", (2, 1), {}, [800.0, -800.0, 800.0, -800.0, 800.0]),
    ("negative_binomial", (1,), {"size": 3}, [-800.0]),
    ("geometric", (1,), {}, [-1e-10]),
    ("exponential", (1,), {}, [-800.0]),
    ("gamma", (1,), {}, [800.0, -800.0]),
    ("von_mises", (1,), {}, [800.0, -800.0]),
    ("von_mises", (1,), {}, [0.0, 0.0]),
    ("normal", (1,), {}, [800.0, -800.0]),
    ("normal", (1,), {"variance": 1}, [800.0]),
    ("mvn", (2,), {}, [800.0, -800.0, -800.0, 0.0, -800.0]),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name, sizes, hyper, at", FAR, ids=str)
def test_far_out_everything_stays_finite(
    name: str, sizes: tuple[int, ...], hyper: dict[str, object], at: list[float], dtype: torch.dtype
) -> None:
    family = density(name, *sizes, **hyper)
    eta = torch.tensor([at], dtype=dtype, requires_grad=True)
    x = torch.zeros(1, family.width, dtype=dtype)
    x[0, 0] = 1.0 if name != "multinomial" else 5.0
    for value in (family.log_prob(x, eta), family.mean(eta).sum(-1), family.kl(eta, eta * 0.9)):
        (slope,) = torch.autograd.grad(value.sum(), eta, allow_unused=True)
        assert bool(value.isfinite().all()) and value.dtype == dtype
        assert slope is not None and bool(slope.isfinite().all())


def test_a_precision_that_is_not_positive_definite_gives_nan_not_a_number() -> None:
    family = density("mvn", 2)
    eta = torch.tensor([[0.0, 0.0, -0.5, 3.0, -0.5], [0.0, 0.0, -0.5, 0.3, -0.5]])
    assert family.log_partition(eta).isnan().tolist() == [True, False]


# --- raw parameters ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_raw_parameters_reach_the_domain_and_return(law: Law) -> None:
    family = Density(law.family())
    raw = 2 * random(6, family.raw_width)
    eta = family.natural(raw)
    torch.testing.assert_close(family.raw(eta), raw, rtol=1e-8, atol=1e-8)
    given = draw(law, 8)[0]
    torch.testing.assert_close(family.natural(family.raw(given)), given, rtol=1e-8, atol=1e-8)
    assert bool(family.log_partition(eta).isfinite().all())
    unit = law.family().unit
    symbols = sp.symbols(f"eta1:{family.natural_width // law.copies + 1}", real=True)
    for row in eta.unflatten(1, (law.copies, -1)).flatten(0, 1).tolist():
        assert all(relation.subs(dict(zip(symbols, row, strict=True))) == sp.true for relation in unit.domain(symbols))


def test_raw_parameters_of_normals_are_mean_and_log_variance() -> None:
    family = density("normal", 2)
    assert family.has_scale
    raw = torch.tensor([0.5, 0.0, -1.0, 2.0], dtype=torch.float64)  # (mean, log variance) of each unit
    mean = family.mean(family.natural(raw)).unflatten(-1, (2, 2))
    torch.testing.assert_close(mean[:, 0], raw[::2])
    torch.testing.assert_close(mean[:, 1] - mean[:, 0] ** 2, raw[1::2].exp())
    fixed = density("normal", 2, variance=0.25)
    assert not fixed.has_scale
    torch.testing.assert_close(fixed.mean(fixed.natural(raw[::2])), raw[::2])


def test_zero_is_a_sensible_member() -> None:
    normal = density("normal", 1)
    torch.testing.assert_close(normal.mean(normal.natural(torch.zeros(2))), torch.tensor([0.0, 1.0]))
    full = density("mvn", 2)
    want = torch.tensor([0.0, 0.0, 1.0, 0.0, 1.0])
    torch.testing.assert_close(full.mean(full.natural(torch.zeros(5))), want)


def test_a_domain_without_a_rule_is_refused_by_name() -> None:
    family = own(statistics=["x", "abs(x)"], support="reals")  # |eta1| < -eta2
    found = Density(family)
    assert bool(found.log_partition(torch.tensor([0.5, -1.0])).isfinite())
    with pytest.raises(MisuseError, match="eta"):
        _ = found.raw_width


# --- own families -----------------------------------------------------------------------------------------------------

OWN: list[tuple[Family, Family]] = [
    (own(name="normal", statistics=["x"], support="integers(0, 1)", dim=3), build("bernoulli", [3], {})),
    (own(statistics=["x", "x**2"], support="reals", dim=3), build("normal", [3], {})),
    (own(statistics=["x"], support="reals", base="exp(-x**2/3)", dim=3), build("normal", [3], {"variance": 1.5})),
    (own(statistics=["x"], support="naturals", base="1/factorial(x)", dim=3), build("poisson", [3], {})),
    (own(statistics=["x"], support="naturals", dim=3), build("geometric", [3], {})),
    (own(statistics=["log(x)", "x"], support="positive", base="1/x", dim=3), build("gamma", [3], {})),
    (own(statistics=["log(x)", "log(1-x)"], support="unit", base="1/(x*(1-x))", dim=3), build("beta", [3], {})),
    (own(statistics=["x[i]", "x[i]*x[j] : i<=j"], support="reals(3)"), build("mvn", [3], {})),
    (own(statistics=["x[i] : i<last"], support="onehot(4)"), build("categorical", [4], {})),
    (own(statistics=["log(x[i])"], support="simplex(4)", base="1/x[i]"), build("dirichlet", [4], {})),
    (own(statistics=["x[i]", "x[i]*x[j] : across"], support="bits(2+1)"), build("boltzmann", [2, 1], {})),
]


@pytest.mark.parametrize("mine, shipped", OWN, ids=lambda family: str(family))
def test_an_own_family_is_the_named_one(mine: Family, shipped: Family) -> None:
    a, b = Density(mine), Density(shipped)
    assert (a.width, a.natural_width, a.raw_width, a.points_count) == (
        b.width,
        b.natural_width,
        b.raw_width,
        b.points_count,
    )
    raw = random(4, b.raw_width)
    eta = b.natural(raw)
    torch.testing.assert_close(a.natural(raw), eta)
    torch.manual_seed(0)
    x = b.sample(eta)
    torch.manual_seed(0)
    torch.testing.assert_close(a.sample(eta), x)
    shifted = b.natural(raw + 0.3)
    for f in (
        lambda d: d.log_prob(x, eta), lambda d: d.mean(eta), lambda d: d.kl(eta, shifted), lambda d: d.statistics(x)
    ):  # fmt: skip
        torch.testing.assert_close(f(a), f(b))


# --- draws ------------------------------------------------------------------------------------------------------------

DRAWN = [law for law in LAWS if law.name not in ("von_mises", "log_normal", "laplace", "pareto")]
ROWS = 20000


def standard_errors(values: Tensor, mean: Tensor) -> Tensor:
    """How many standard errors the average of the rows is away from the mean."""
    return (values.mean(0) - mean).abs() / (values.std(0) / len(values) ** 0.5 + 1e-12)


@pytest.mark.parametrize("law", DRAWN, ids=str)
def test_the_mean_of_draws_is_the_mean(law: Law) -> None:
    family = Density(law.family())
    eta = draw(law, 9, rows=1)[0]
    torch.manual_seed(1)
    x = family.sample(eta.expand(ROWS, -1))
    family.check_support(x)
    statistics, mean = family.statistics(x), family.mean(eta)[0]
    assert standard_errors(statistics, mean).max() < 5
    other = family.mean(draw(law, 10, rows=1)[0])[0]
    assert standard_errors(statistics, other).max() > 5, "another mean would be noticed"


def test_draws_of_counts_have_their_totals() -> None:
    family = density("multinomial", 4)
    eta, total = random(4), torch.tensor([0.0, 1.0, 7.0, 7.0]).double()
    torch.manual_seed(0)
    x = family.sample(eta.expand(4, -1), total)
    assert x.sum(-1).tolist() == total.tolist()
    many = family.sample(eta.expand(ROWS, -1), torch.full((ROWS,), 7.0))
    assert standard_errors(many, family.mean(eta, torch.tensor(7.0))).max() < 5


@pytest.mark.parametrize("law", [law for law in LAWS if law.name in ("normal", "mvn")], ids=str)
def test_reparameterised_draws(law: Law) -> None:
    family = Density(law.family())
    raw = family.raw(draw(law, 11, rows=1)[0])
    eta = family.natural(raw)
    torch.manual_seed(0)
    z = family.rsample(eta.expand(ROWS, -1))
    torch.manual_seed(0)
    same = family.rsample_raw(raw.expand(ROWS, -1))
    torch.testing.assert_close(z, same)
    assert standard_errors(family.statistics(z), family.mean(eta)[0]).max() < 5


@pytest.mark.parametrize("law", [law for law in LAWS if law.name in ("normal", "mvn")], ids=str)
def test_reparameterised_draws_differentiate_the_mean(law: Law) -> None:
    """The average gradient of nu(z) in eta is the gradient of E nu."""
    family = Density(law.family())
    eta = draw(law, 12, rows=1)[0]
    rows = eta.expand(ROWS, -1).clone().requires_grad_()
    torch.manual_seed(0)
    weights = random(family.natural_width)
    (slopes,) = torch.autograd.grad((family.statistics(family.rsample(rows)) * weights).sum(), rows)
    whole = eta.clone().requires_grad_()
    (want,) = torch.autograd.grad((family.mean(whole) * weights).sum(), whole)
    assert standard_errors(slopes, want[0]).max() < 5


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(MisuseError, match="von_mises"):
        density("von_mises", 1).sample(torch.zeros(1, 2))
    with pytest.raises(MisuseError, match="reparameterise"):
        density("bernoulli", 1).rsample(torch.zeros(1, 1))
    with pytest.raises(MisuseError, match="total"):
        density("multinomial", 3).sample(torch.zeros(1, 3))


# --- points and supports ----------------------------------------------------------------------------------------------

FINITE = [
    ("bernoulli", (4,), {}), ("binomial", (2,), {"trials": 3}), ("categorical", (3,), {"copies": 2}),
    ("multinomial", (3,), {"trials": 4}), ("boltzmann", (2, 3), {}),
]  # fmt: skip


@pytest.mark.parametrize("name, sizes, hyper", FINITE, ids=str)
def test_points_are_all_points(name: str, sizes: tuple[int, ...], hyper: dict[str, object]) -> None:
    family = density(name, *sizes, **hyper)
    points = family.points().double()
    assert len(points) == family.points_count and len({tuple(p) for p in points.tolist()}) == len(points)
    family.check_support(points)
    eta = random(2, family.natural_width)
    probability = family.log_prob(points, eta[:, None]).exp()
    torch.testing.assert_close(probability.sum(-1), torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(probability @ family.statistics(points), family.mean(eta))
    if name != "categorical":
        assert points.tolist() == sorted(points.tolist()), "lexicographic"


def test_points_of_bits_are_in_the_order_of_the_exact_enumeration() -> None:
    from eftheory.exact.floats import Bits

    for family in (density("bernoulli", 5), density("boltzmann", 2, 3)):
        assert family.points().tolist() == Bits(5).statistics(0, 32).tolist()


def test_too_many_points_are_refused() -> None:
    assert density("bernoulli", 784).points_count == 2**784
    for family in (density("bernoulli", 784), density("poisson", 2)):
        with pytest.raises(MisuseError, match="points"):
            family.points()


SUPPORTS: list[tuple[Density, list[list[float]], str]] = [
    (density("bernoulli", 3), [[0, 1, 1], [0, 0.5, 1]], r"0\.5 in row 1, column 1.*binarise"),
    (density("bernoulli", 3), [[0, 1, 2], [0, 3, 1]], r"0 to 1.*2 in row 0, column 2 \(2 such"),
    (density("bernoulli", 3), [[0, 1]], r"\(N, 3\).*\(1, 2\)"),
    (density("binomial", 1, trials=4), [[5]], "0 to 4"),
    (density("poisson", 2), [[1, 2], [1, -1]], "row 1, column 1"),
    (density("normal", 2), [[1, float("nan")]], "nan in row 0, column 1"),
    (density("mvn", 2), [[1, float("inf")]], "inf in row 0, column 1"),
    (density("exponential", 2), [[1, 0]], "inside"),
    (density("beta", 2), [[0.5, 1]], r"inside \(0, 1\)"),
    (density("categorical", 2, copies=2), [[1, 0, 0, 1], [1, 0, 1, 1]], "sum to 1.*2 in row 1, unit 1"),
    (density("dirichlet", 2), [[0.5, 0.4]], "sum to 1"),
    (density("multinomial", 2), [[1, 0.5]], "counts"),
    (density("multinomial", 2, trials=3), [[1, 1]], "sum to 3.*2 in row 0"),
    (density("von_mises", 1), [[4]], "pi"),
    (density("boltzmann", 1, 1), [[0, 2]], "0 or 1"),
    (Density(own(statistics=["x"], support="{0, 1, 3}")), [[3], [2]], "2 in row 1"),
]


@pytest.mark.parametrize("family, rows, message", SUPPORTS, ids=lambda value: str(value)[:40])
def test_the_first_entry_outside_the_support_is_named(family: Density, rows: list[list[float]], message: str) -> None:
    with pytest.raises(MisuseError, match=message) as caught:
        family.check_support(torch.tensor(rows), "the training images")
    assert "the training images" in str(caught.value)


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_draws_lie_in_the_support(law: Law) -> None:
    x = draw(law, 0)[2]
    Density(law.family()).check_support(x)


# --- sparse rows ------------------------------------------------------------------------------------------------------

COUNTS = torch.tensor([[0.0, 2, 0, 1, 0], [0, 0, 0, 0, 0], [1, 0, 0, 0, 3]], dtype=torch.float64)
SPARSE: list[tuple[Density, Tensor]] = [
    (density("multinomial", 5), COUNTS),
    (density("multinomial", 5, trials=3), COUNTS),
    (density("poisson", 5), COUNTS),
    (density("bernoulli", 5), COUNTS.clamp(max=1)),
]


@pytest.mark.parametrize("family, table", SPARSE, ids=lambda value: repr(value)[:40])
def test_sparse_rows_are_the_dense_ones(family: Density, table: Tensor) -> None:
    rows = SparseRows.from_dense(table)
    eta = random(3, family.natural_width)
    torch.testing.assert_close(family.log_prob(rows, eta), family.log_prob(table, eta))
    several = random(2, 4, 3, family.natural_width, seed=1).requires_grad_()
    torch.testing.assert_close(family.inner(rows, several), family.inner(table, several))
    sparse, dense = (torch.autograd.grad(family.inner(x, several).square().sum(), several)[0] for x in (rows, table))
    torch.testing.assert_close(sparse, dense)


def test_sparse_rows_are_checked_and_refused_where_zero_means_something() -> None:
    density("multinomial", 5).check_support(SparseRows.from_dense(COUNTS))
    with pytest.raises(MisuseError, match="row 2, column 4"):
        density("bernoulli", 5).check_support(SparseRows.from_dense(COUNTS - COUNTS.clamp(max=2) + COUNTS.clamp(max=1)))
    with pytest.raises(MisuseError, match="sum to 3"):
        density("multinomial", 5, trials=3).check_support(SparseRows.from_dense(COUNTS))
    with pytest.raises(MisuseError, match="zeros"):
        density("exponential", 5).check_support(SparseRows.from_dense(COUNTS))
    with pytest.raises(MisuseError, match="dense"):
        density("normal", 5).inner(SparseRows.from_dense(COUNTS), torch.zeros(3, 10).double())


# --- what a training loop needs ---------------------------------------------------------------------------------------


def everything(family: Density, x: Tensor, eta: Tensor) -> list[Tensor]:
    raw = family.raw(eta)
    values = [
        family.statistics(x), family.log_base(x), family.log_partition(eta), family.log_prob(x, eta), family.mean(eta),
        family.kl(eta, eta), family.natural(raw), family.kl_raw(raw, eta), raw,
    ]  # fmt: skip
    return values + ([family.rsample(eta), family.rsample_raw(raw)] if family.family.name in ("normal", "mvn") else [])


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_single_precision_stays_single(law: Law) -> None:
    eta, _, x = draw(law, 0)
    assert {value.dtype for value in everything(Density(law.family()), x.float(), eta.float())} == {torch.float32}


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_everything_happens_on_the_device_of_the_data(law: Law) -> None:
    """On the meta device a tensor left on the CPU raises."""
    eta, _, x = draw(law, 0)
    values = everything(Density(law.family()), x.to("meta"), eta.to("meta"))
    assert {value.device.type for value in values} == {"meta"}


def test_the_hot_methods_can_be_traced_whole() -> None:
    decoder, encoder, words = density("bernoulli", 6), density("normal", 2), density("categorical", 7)

    def loss(raw: Tensor, logits: Tensor, x: Tensor, e: Tensor) -> Tensor:
        eta = encoder.natural(raw)
        z = encoder.rsample_raw(raw) + encoder.rsample(eta)
        kl = encoder.kl(eta, eta.detach()) + encoder.kl_raw(raw, eta) + words.kl(e, e * 2)
        return decoder.log_prob(x, logits).sum() - kl.sum() + z.sum()

    arguments = (random(3, 4), random(3, 6), torch.ones(3, 6).double(), random(3, 6))
    traced: Callable[..., Tensor] = torch.compile(loss, fullgraph=True, backend="eager")
    traced(*arguments)
    torch.manual_seed(0)
    want = loss(*arguments)
    torch.manual_seed(0)
    torch.testing.assert_close(traced(*arguments), want)


def test_few_instructions_for_what_trains_most() -> None:
    """Bits: one pass and a sum. A normal log-density: a square. Nothing is gathered."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Count(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.names: list[str] = []

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            self.names.append(func.name().split("::")[1].split(".")[0])
            return func(*args, **(kwargs or {}))

    views = {"view", "unsqueeze", "squeeze", "split", "unbind", "_unsafe_view", "expand", "alias", "detach", "slice"}

    def work(f: Callable[[], object]) -> list[str]:
        with Count() as count:
            f()
        return [name for name in count.names if name not in views]

    bits, normal = density("bernoulli", 784), density("normal", 20)
    x, eta, raw = torch.ones(4, 784), torch.zeros(4, 784), torch.zeros(4, 40)
    prior = normal.natural(torch.zeros(40))
    assert sorted(work(lambda: bits.log_prob(x, eta))) == ["binary_cross_entropy_with_logits", "neg", "sum"]
    assert len(work(lambda: normal.rsample_raw(raw))) <= 4, "noise, half, exp, one product and sum"
    assert len(work(lambda: normal.kl_raw(raw, prior))) <= 16


# --- misuse -----------------------------------------------------------------------------------------------------------


def test_symbols_and_missing_normalisers_are_refused() -> None:
    with pytest.raises(MisuseError, match="explicit sizes"):
        Density(build("bernoulli", [sp.Symbol("d")], {}))
    with pytest.raises(MisuseError, match="s2"):
        Density(build("normal", [2], {"variance": sp.Symbol("s2", positive=True)}))
    with pytest.raises(MisuseError, match="closed form"):
        Density(own(statistics=["x", "x**4"], support="reals"))
    with pytest.raises(MisuseError, match="enumerated"):
        density("boltzmann", 40, 2)
