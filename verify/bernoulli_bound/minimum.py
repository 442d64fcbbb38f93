r"""No decoder of k latents has a smaller bound than the closed form.

.. math:: L(W, b) \ge d(\log 2 - \tfrac12) + \tfrac12 \mathrm{tr}\, S + \tfrac12 \sum_{j\le k,\ l_j>1}
          (\log l_j + 1 - l_j) \quad\text{for every } W \in R^{d\times k},\ b \in R^d

Tight at the closed form (`optimum`). *Proof.* b enters through a square. C has k eigenvalues ``c_j >= 1``, the others
are 1, so that ``tr(C^-1 S) >= sum_j l_j/c_j + sum_{j>k} l_j`` (von Neumann), and ``log c + l/c`` is least over c >= 1
at ``c = max(l, 1)`` (`eigenvalue-rule`). Each instance has one design and several decoders: random ones, ones near the
optimum, and the optimum for W with another b. The value is rational but for logarithms.
Reference: "A lower bound for the ELBO of the Bernoulli Variational Autoencoder", eqs. (4) to (8); theory: section 8.
"""

from __future__ import annotations

from random import Random
from typing import Any

from flint import fmpq, fmpq_mat

from eftheory.analytic.bernoulli_bound import bound_of_moments, optimal_value
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.arithmetic import BALL
from eftheory.exact.decide import Sheet, certify
from eftheory.exact.finite import text
from eftheory.exact.side import rationals
from eftheory.verdict import Verdict

from ._design import decoder, design
from ._exactly import ZERO, Instance, draw, factors, marginal, matrix, numbers

GIVEN = (
    "all(sum(U[t][i]*U[t][j] for t in each(l)) == same(i, j) for i in each(l) for j in each(l))",
    "all(l[i] > 0 for i in each(l)) and all(l[i] >= l[j] for i in each(l) for j in each(l) if i < j)",
    "all(sum(C(e, r, t)*K[e][t][s] for t in each(l)) == same(r, s) for e in each(b) for r in each(l) for s in each(l))",
    "all(DC[e][r] > 0 and LC[e][r][r] == 1 for e in each(b) for r in each(l))",
    "all(LC[e][r][s] == 0 for e in each(b) for r in each(l) for s in each(l) if r < s)",
    "all(sum(LC[e][r][t]*DC[e][t]*LC[e][s][t] for t in each(l)) == C(e, r, s)"
    " for e in each(b) for r in each(l) for s in each(l))",
)
OWN = (
    "same(i, j) = max(0, 1 - abs(i - j))",
    "S(r, s) = sum(U[r][i]*l[i]*U[s][i] for i in each(l))",
    "C(e, r, s) = same(r, s) + sum(W[e][r][j]*W[e][s][j] for j in each(W[e][r]))/4",
    "v(e, r) = mean[r] - b[e][r]/2",
    "quadratic(e) = sum(K[e][r][s]*(S(r, s) + v(e, r)*v(e, s)) for r in each(l) for s in each(l))",
    "bound(e) = sum(log(DC[e][r]) + 2*log(2) - 1 for r in each(l))/2 + quadratic(e)/2",
    "gain(j) = log(max(l[j], 1)) + 1 - max(l[j], 1)",
    "value = sum(l[i] + 2*log(2) - 1 for i in each(l))/2 + sum(gain(j) for j in each(W[0][0]))/2",
    "early = sum(l[i] + 2*log(2) - 1 for i in each(l))/2 + sum(gain(j) for j in each(W[0][0]) if j > 0)/2",
)
RELATION = "all(value <= bound(e) for e in each(b))"
QUANTITIES = ("value", "min(bound(e) for e in each(b))")


def listed(quick: bool) -> list[str]:
    shapes = ((1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (4, 2), (4, 3))
    return [f"random/{d}x{k}/{i}" for i in range(2 if quick else 20) for d, k in shapes]


def build(key: str) -> dict[str, Any]:
    """A design and five decoders; the last has the optimal W and another b."""
    fields, rng = design(key), Random(f"minimum {key}")
    best, d = decoder(fields), len(fields["l"])
    k = best.ncols()
    center = [2 * entry for entry in fields["mean"]]
    # a seventh here and there, so that none is the optimum by chance
    drawn = [
        fmpq_mat([[entry + fmpq(1, 7) for entry in row] for row in draw(rng, d, k, size)]) for size in (3, 1, 2, 2)
    ]
    weights = [drawn[0], drawn[1], best + drawn[2] / 10, best + drawn[3] / 50, best]
    biases = [draw(rng, 1, d, 3)[0], center, center, draw(rng, 1, d, 3)[0], [entry + fmpq(1, 20) for entry in center]]
    covariances = [marginal(W) for W in weights]
    split = [factors(C) for C in covariances]
    shown = {"U": fields["U"].tolist(), "l": fields["l"], "mean": fields["mean"], "b": biases}
    shown |= {"W": [W.tolist() for W in weights], "K": [C.inv().tolist() for C in covariances]}
    shown |= {"LC": [lower for lower, _ in split], "DC": [pivots for _, pivots in split]}
    return {name: text(value) for name, value in shown.items()}


INSTANCES = Instances(keys=listed, build=build)


def sheet(instance: Instance, *, skipped: int = 0, name: str = "value") -> Sheet:
    """The closed form (without the first `skipped` latents) against L at every decoder."""
    eigenvalues, mean, U = numbers(instance["l"]), numbers(instance["mean"]), matrix(instance["U"])
    d = len(mean)
    S = U * fmpq_mat([[eigenvalues[i] * (i == j) for j in range(d)] for i in range(d)]) * U.transpose()
    decoders = [rationals(W) for W in instance["W"]]
    k = len(decoders[0][0])
    value = optimal_value(eigenvalues[skipped:k], sum(eigenvalues, ZERO), d, on=BALL)
    pairs = zip(decoders, instance["b"], strict=True)
    bounds = [bound_of_moments(mean, S.tolist(), W, numbers(b), on=BALL) for W, b in pairs]
    least = bounds[0]
    for bound in bounds[1:]:
        least = least.min(bound)
    return Sheet([(value, bound) for bound in bounds], {name: value, QUANTITIES[1]: least})


@claim(
    "bernoulli-bound/minimum",
    instances=INSTANCES,
    where=where(*GIVEN, RELATION, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def minimum(instance: Instance) -> Verdict:
    """L(W, b) is nowhere below the closed form's value."""
    return certify(lambda: sheet(instance))


EARLY = "all(early <= bound(e) for e in each(b))"
EARLY_QUANTITIES = ("early", QUANTITIES[1])


@control(
    "bernoulli-bound/minimum",
    "one-latent-fewer",
    instances=INSTANCES,
    where=where(*GIVEN, EARLY, *EARLY_QUANTITIES, own=OWN),
    given=GIVEN,
    relation=EARLY,
    quantities=EARLY_QUANTITIES,
)
def one_latent_fewer(instance: Instance) -> Verdict:
    """No decoder is below the value without the largest eigenvalue's latent."""
    return certify(lambda: sheet(instance, skipped=1, name="early"))
