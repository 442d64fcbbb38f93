r"""The closed form (W*, b*) is stationary and has the stated value, exactly, for every rotation.

.. math:: b = 2\bar y,\quad W = 2 U_k (\max(\Lambda_k, 1) - I)^{1/2} R,\qquad
          L = d(\log 2 - \tfrac12) + \tfrac12 \mathrm{tr}\, S + \tfrac12 \sum_{j\le k,\ l_j>1} (\log l_j + 1 - l_j)

S the covariance of y with mean m, ``l_1 >= l_2 >= ...`` its eigenvalues, U its eigenvectors, R orthogonal. The
instances are rational designs (U and R by Cayley's transform, l_j - 1 squares for the used latents, the rest at most 1
or surplus): L depends on the data through m and S alone, so that m and S need not come from bits. `optimum-of-data`
takes S from distributions of bits. Stationarity in Q, the value with logarithms of rationals; that it is the minimum:
`minimum` and `curvature`.
Reference: "A lower bound for the ELBO of the Bernoulli Variational Autoencoder", eqs. (5) to (8); theory: section 8.
"""

from __future__ import annotations

from random import Random
from typing import Any

from flint import fmpq

from eftheory.analytic.bernoulli_bound import bound_of_moments, gradient_of_moments, optimal_value
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.verdict import Verdict

from ._design import DESIGN, INVERSE, LARGEST, OWN, ROOTS, STATIONARY, completed, design, read
from ._exactly import EXACT, ZERO, Instance, decided

GIVEN = (*DESIGN, *LARGEST, *INVERSE)
RELATION = f"{STATIONARY} and bound == value"
QUANTITIES = ("bound", "value", "sum(W(r, 0)**2 for r in each(l))")


def listed(quick: bool) -> list[str]:
    shapes = ((1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (4, 2), (4, 3), (5, 2))
    return [f"random/{d}x{k}/{i}" for i in range(2 if quick else 16) for d, k in shapes]


def build(key: str) -> dict[str, Any]:
    return completed(design(key))


@claim(
    "bernoulli-bound/optimum",
    instances=Instances(keys=listed, build=build),
    where=where(*GIVEN, RELATION, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def optimum(instance: Instance) -> Verdict:
    """At W = 2 U_k (max(L_k, 1) - I)^(1/2) R, b = 2 mean(y) the gradient of L is zero and L has the stated value."""
    W, eigenvalues, mean, S = read(instance)
    b = [2 * entry for entry in mean]
    slopes, tilts = gradient_of_moments(mean, S.tolist(), W.tolist(), b, on=EXACT)
    bound = bound_of_moments(mean, S.tolist(), W.tolist(), b, on=EXACT)
    value = optimal_value(eigenvalues[: W.ncols()], sum(eigenvalues, ZERO), len(mean), on=EXACT)
    flat = all(entry.equals(0) for row in [*slopes, tilts] for entry in row)
    first = sum((W[r, 0] ** 2 for r in range(W.nrows())), ZERO)
    quantities = dict(zip(QUANTITIES, (bound, value, EXACT.number(first)), strict=True))
    return decided(flat and bound.equals(value), reason="gradient and value, in Q", quantities=quantities)


NOISELESS = ("all(g[j] >= 0 and g[j]**2 == l[j] for j in each(g))",)
WRONG_GIVEN = (*DESIGN, *NOISELESS, INVERSE[0])
WRONG_QUANTITIES = ("slope(0, 0)",)


def wrong_keys(quick: bool) -> list[str]:
    return [f"random/{d}x{k}/{i}" for i in range(2) for d, k in ((2, 1), (3, 2), (4, 2))]


def build_wrong(key: str) -> dict[str, Any]:
    """The same designs with ``W = 2 U_k L_k^(1/2) R``, principal components without the noise taken off."""
    fields = design(key)
    rng = Random(f"noiseless {key}")
    count = len(fields["g"])
    fields["g"] = sorted((rng.choice(ROOTS) for _ in range(count)), reverse=True)
    fields["l"] = [root**2 for root in fields["g"]] + [fmpq(1, 10)] * (len(fields["l"]) - count)
    instance = completed(fields)
    return {name: instance[name] for name in ("U", "l", "mean", "g", "Q", "K")}


@control(
    "bernoulli-bound/optimum",
    "noise-kept",
    instances=Instances(keys=wrong_keys, build=build_wrong),
    where=where(*WRONG_GIVEN, STATIONARY, *WRONG_QUANTITIES, own=OWN),
    given=WRONG_GIVEN,
    relation=STATIONARY,
    quantities=WRONG_QUANTITIES,
)
def noise_kept(instance: Instance) -> Verdict:
    """W = 2 U_k L_k^(1/2) R, the principal components themselves, is stationary."""
    W, _, mean, S = read(instance)
    slopes, _ = gradient_of_moments(mean, S.tolist(), W.tolist(), [2 * entry for entry in mean], on=EXACT)
    flat = all(entry.equals(0) for row in slopes for entry in row)
    return decided(flat, reason="the gradient", quantities={WRONG_QUANTITIES[0]: slopes[0][0]})
