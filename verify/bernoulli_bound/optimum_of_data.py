r"""The closed form on distributions of bits: stationary, with the stated value, the trace being d - |mean y|^2.

.. math:: L(W^*, b^*) = d(\log 2 - \tfrac12) + \tfrac12 \mathrm{tr}\, S + \tfrac12 \sum_{j\le k,\ l_j>1}
          (\log l_j + 1 - l_j),\qquad \mathrm{tr}\, S = d - |\bar y|^2

As `optimum`, with L the mean over the observations themselves and S computed from them: four bits with given pair
correlations, whose covariance has the eigenvectors of Hadamard's matrix and up to two eigenvalues above 1.
Reference: "A lower bound for the ELBO of the Bernoulli Variational Autoencoder", eqs. (5) to (8); theory: section 8.
"""

from __future__ import annotations

from typing import Any

from flint import fmpq, fmpq_mat

from eftheory.analytic.bernoulli_bound import (
    bound_of_moments,
    gradient_of_moments,
    offset,
    optimal_scale,
    optimal_value,
)
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.finite import text
from eftheory.verdict import Verdict

from ._design import DESIGN, INVERSE, LARGEST, OWN, STATIONARY, completed, read
from ._exactly import EXACT, ZERO, Exact, Instance, decided, matrix, numbers, same

FROM_BITS = (
    "all(x[n][r]*(1 - x[n][r]) == 0 for n in each(x) for r in each(l))",
    "sum(pd[n] for n in each(pd)) == 1 and all(pd[n] >= 0 for n in each(pd))",
    "all(sum(pd[n]*(2*x[n][r] - 1) for n in each(x)) == mean[r] for r in each(l))",
    "all(sum(pd[n]*(2*x[n][r] - 1 - mean[r])*(2*x[n][s] - 1 - mean[s]) for n in each(x)) == S(r, s)"
    " for r in each(l) for s in each(l))",
)
GIVEN = (*FROM_BITS, *DESIGN, *LARGEST, *INVERSE)
DATA_OWN = (
    *OWN,
    "off(n, r) = 2*x[n][r] - 1 - b(r)/2",
    "form(n) = sum(off(n, r)*sum(K[r][s]*off(n, s) for s in each(l)) for r in each(l))",
    "fitted = constant + sum(log(DC[r]) for r in each(l))/2 + sum(pd[n]*form(n) for n in each(x))/2",
)
RELATION = f"{STATIONARY} and fitted == value and sum(l[i] for i in each(l)) == sum(1 - mean[r]**2 for r in each(l))"
QUANTITIES = ("fitted", "value")
HADAMARD = ((1, 1, 1, 1), (1, 1, -1, -1), (1, -1, 1, -1), (1, -1, -1, 1))
PAIRS = {"fixed/one": (fmpq(1, 2), fmpq(0)), "fixed/two": (fmpq(1, 2), fmpq(1, 4)), "fixed/even": (fmpq(1, 3),) * 2}


def listed(quick: bool) -> list[str]:
    return [f"{name}/{k}" for name in PAIRS for k in (1, 2, 3)]


def build(key: str) -> dict[str, Any]:
    """Four bits with mean 1/2 and pair correlations only, S = H diag(l) H'/4: two eigenvalues above 1 at most."""
    name, _, k = key.rpartition("/")
    a, c = (1 + root**2 for root in PAIRS[name])
    eigenvalues = [a, c, (4 - a - c) / 2, (4 - a - c) / 2]
    U = fmpq_mat([[fmpq(HADAMARD[i][r], 2) for i in range(4)] for r in range(4)])
    S = [[sum((U[r, i] * eigenvalues[i] * U[s, i] for i in range(4)), ZERO) for s in range(4)] for r in range(4)]
    x = [[n >> r & 1 for r in range(4)] for n in range(16)]
    pairs = [(r, s) for r in range(4) for s in range(r)]
    pd = [(1 + sum((S[r][s] * (2 * row[r] - 1) * (2 * row[s] - 1) for r, s in pairs), ZERO)) / 16 for row in x]
    g = [optimal_scale(entry, on=EXACT).rational / 2 for entry in eigenvalues[: int(k)]]
    fields = {"U": U, "l": eigenvalues, "mean": [ZERO] * 4, "g": g, "Q": same(int(k))}
    return {**completed(fields), "x": text(x), "pd": text(pd)}


INSTANCES = Instances(keys=listed, build=build)


def fitted_and_value(instance: Instance) -> tuple[Exact, Exact]:
    """The mean of L over the observations, and the closed form."""
    W, eigenvalues, mean, _ = read(instance)
    x, b, fitted = matrix(instance["x"]), [2 * entry for entry in mean], EXACT.number(0)
    nothing = [[ZERO] * len(mean) for _ in mean]
    for n, weight in enumerate(numbers(instance["pd"])):
        y = [2 * x[n, r] - 1 for r in range(x.ncols())]
        fitted += bound_of_moments(y, nothing, W.tolist(), b, on=EXACT) * weight
    return fitted, optimal_value(eigenvalues[: W.ncols()], sum(eigenvalues, ZERO), len(mean), on=EXACT)


@claim(
    "bernoulli-bound/optimum-of-data",
    instances=INSTANCES,
    where=where(*GIVEN, RELATION, *QUANTITIES, own=DATA_OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def optimum_of_data(instance: Instance) -> Verdict:
    """On distributions of bits the closed form is stationary and has the stated value, with tr S = d - |mean y|^2."""
    W, eigenvalues, mean, S = read(instance)
    slopes, tilts = gradient_of_moments(mean, S.tolist(), W.tolist(), [2 * entry for entry in mean], on=EXACT)
    flat = all(entry.equals(0) for row in [*slopes, tilts] for entry in row)
    total = sum((1 - entry**2 for entry in mean), ZERO) == sum(eigenvalues, ZERO)
    fitted, value = fitted_and_value(instance)
    true = flat and total and fitted.equals(value)
    return decided(true, reason="gradient, trace and value, in Q", quantities={"fitted": fitted, "value": value})


DOUBLED = "fitted == 2*value - constant"


@control(
    "bernoulli-bound/optimum-of-data",
    "doubled",
    instances=INSTANCES,
    where=where(*GIVEN, DOUBLED, *QUANTITIES, own=DATA_OWN),
    given=GIVEN,
    relation=DOUBLED,
    quantities=QUANTITIES,
)
def doubled(instance: Instance) -> Verdict:
    """The value without the factors 1/2."""
    fitted, value = fitted_and_value(instance)
    true = fitted.equals(2 * value - offset(len(instance["mean"]), on=EXACT))
    return decided(true, reason="the value, in Q", quantities={"fitted": fitted, "value": value})
