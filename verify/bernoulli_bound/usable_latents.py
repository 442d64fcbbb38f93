r"""On binary data the number of usable latents is the number of eigenvalues of S above 1, counted exactly.

S is the covariance of y = 2x - 1 (divided by N). By Sylvester's law of inertia as many eigenvalues are above 1 as
``S - I = L D L'`` has positive pivots; that is what `bernoulli_fit.usable_latents` counts in floats, and the instances
carry its answer. Decided in Q. Why above 1: `eigenvalue-rule`.
Reference: "A lower bound for the ELBO of the Bernoulli Variational Autoencoder", section 3.3; theory: section 8.
"""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
from flint import fmpq_mat

from eftheory.analytic.bernoulli_fit import usable_latents
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.finite import text
from eftheory.verdict import Verdict

from ._exactly import EXACT, ZERO, Exact, Instance, decided, factors, matrix, same

DATA_GIVEN = (
    "all(x[n][r]*(1 - x[n][r]) == 0 for n in each(x) for r in each(D))",
    "all(L[r][r] == 1 for r in each(D)) and all(L[r][s] == 0 for r in each(D) for s in each(D) if r < s)",
    "all(sum(L[r][t]*D[t]*L[s][t] for t in each(D)) == S(r, s) - max(0, 1 - abs(r - s))"
    " for r in each(D) for s in each(D))",
)
DATA_OWN = (
    "size = sum(1 for n in each(x))",
    "mean(r) = sum(2*x[n][r] - 1 for n in each(x))/size",
    "S(r, s) = sum((2*x[n][r] - 1 - mean(r))*(2*x[n][s] - 1 - mean(s)) for n in each(x))/size",
)
COUNTED = "sum(1 for r in each(D) if D[r] > 0) == usable"
DATA_QUANTITIES = ("sum(S(r, r) for r in each(D))", "S(0, 0)")


def data_keys(quick: bool) -> list[str]:
    return [f"random/{n}x{d}/{i}" for i in range(3 if quick else 30) for n, d in ((5, 2), (8, 3), (12, 4), (20, 5))]


def covariance(x: fmpq_mat, scale: int = 2) -> fmpq_mat:
    """Of ``scale x``, over N."""
    n, d = x.nrows(), x.ncols()
    mean = [sum((x[i, r] for i in range(n)), ZERO) / n for r in range(d)]
    centred = fmpq_mat([[scale * (x[i, r] - mean[r]) for r in range(d)] for i in range(n)])
    return centred.transpose() * centred / n


def build_data(key: str) -> dict[str, Any]:
    """Random bits from a common cause, so that some eigenvalues are above 1; no pivot of S - I vanishes."""
    rng = Random(f"usable {key}")
    n, d = (int(size) for size in key.split("/")[1].split("x"))
    while True:
        causes = [rng.random() < 0.5 for _ in range(n)]
        x = fmpq_mat([[int(rng.random() < (0.8 if cause else 0.2)) for _ in range(d)] for cause in causes])
        try:
            lower, pivots = factors(covariance(x) - same(d))
        except ZeroDivisionError:
            continue
        if ZERO not in pivots:
            break
    rows = [[int(x[i, r]) for r in range(d)] for i in range(n)]
    usable = usable_latents(np.array(rows))
    return {"x": text(rows), "L": text(lower), "D": text(pivots), "usable": str(usable)}


def placed(instance: Instance) -> dict[str, Exact]:
    S = covariance(matrix(instance["x"]))
    total = sum((S[r, r] for r in range(S.nrows())), ZERO)
    return dict(zip(DATA_QUANTITIES, (EXACT.number(total), EXACT.number(S[0, 0])), strict=True))


def positive(instance: Instance, scale: int) -> int:
    """How many eigenvalues of the covariance of ``scale x`` are above 1, by exact counting of sign changes."""
    S = covariance(matrix(instance["x"]), scale)
    return sum(1 for pivot in factors(S - same(S.nrows()))[1] if pivot > 0)


@claim(
    "bernoulli-bound/usable-latents",
    instances=Instances(keys=data_keys, build=build_data),
    where=where(*DATA_GIVEN, COUNTED, *DATA_QUANTITIES, own=DATA_OWN),
    given=DATA_GIVEN,
    relation=COUNTED,
    quantities=DATA_QUANTITIES,
)
def counted(instance: Instance) -> Verdict:
    """On binary data the usable latents are the positive pivots of S - I, S the covariance of y = 2x - 1."""
    true = positive(instance, 2) == int(instance["usable"])
    return decided(true, reason="inertia of S - I, in Q", quantities=placed(instance))


OF_X_GIVEN = (DATA_GIVEN[0], DATA_GIVEN[1], DATA_GIVEN[2].replace("== S(r, s)", "== S(r, s)/4"))


def build_of_x(key: str) -> dict[str, Any]:
    found = build_data(key)
    x = matrix(found["x"])
    lower, pivots = factors(covariance(x, 1) - same(x.ncols()))
    return {**found, "L": text(lower), "D": text(pivots)}


@control(
    "bernoulli-bound/usable-latents",
    "covariance-of-x",
    instances=Instances(keys=data_keys, build=build_of_x),
    where=where(*OF_X_GIVEN, COUNTED, *DATA_QUANTITIES, own=DATA_OWN),
    given=OF_X_GIVEN,
    relation=COUNTED,
    quantities=DATA_QUANTITIES,
)
def covariance_of_x(instance: Instance) -> Verdict:
    """The same count with the covariance of x itself."""
    true = positive(instance, 1) == int(instance["usable"])
    return decided(true, reason="inertia, in Q", quantities=placed(instance))
