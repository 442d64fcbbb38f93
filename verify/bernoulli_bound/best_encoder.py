r"""Completing the square: the surrogate of every q is L(W, b) plus its divergence from the best encoder, exactly.

.. math:: E_q \tfrac12\|y - \tfrac b2 - \tfrac{Wz}2\|^2 + KL(q\|p) = \tfrac12\log\det C
          + \tfrac12 (y - \tfrac b2)' C^{-1} (y - \tfrac b2) + KL(q \| N(\mu^*(x), \Sigma^*))

``C = I + WW'/4``, ``Sigma* = (I + W'W/4)^-1``, ``mu*(x) = Sigma* W'(x - 1/2 - b/4)`` (Corollary 1), q = N(m, T) normal.
So the two forms of the bound are one, and the closed form is the only best encoder. Decided in Q: determinants by
factors L D L', the inverse K of C given and checked; with logarithms of rationals only. That the divergence is not
negative is decided in intervals, and is zero, exactly, at the closed form, which is the first encoder.
Reference: "A lower bound for the ELBO of the Bernoulli Variational Autoencoder", proof of Proposition 1; section 8.
"""

from __future__ import annotations

from random import Random
from typing import Any

from flint import fmpq, fmpq_mat

from eftheory.analytic.bernoulli_bound import bernoulli_bound, best_encoder, surrogate
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.finite import text
from eftheory.exact.side import rationals
from eftheory.verdict import Verdict

from ._exactly import (
    EXACT,
    Exact,
    Instance,
    decided,
    draw,
    factors,
    marginal,
    matrix,
    numbers,
    positive_definite,
    precision,
    same,
    sign_of,
)

FACTORS = (
    "all(D[e][j] > 0 and L[e][j][j] == 1 for e in each(D) for j in each(D[e]))",
    "all(L[e][i][j] == 0 for e in each(D) for i in each(D[e]) for j in each(D[e]) if i < j)",
    "all(sum(L[e][i][l]*D[e][l]*L[e][j][l] for l in each(D[e])) == T[e][i][j]"
    " for e in each(D) for i in each(D[e]) for j in each(D[e]))",
)
GIVEN = (
    "all(x[r]*(1 - x[r]) == 0 for r in each(b))",
    *FACTORS,
    "all(sum(P(i, l)*Sigma[l][j] for l in each(Sigma)) == same(i, j) for i in each(Sigma) for j in each(Sigma))",
    "all(sum(C(r, t)*K[t][s] for t in each(b)) == same(r, s) for r in each(b) for s in each(b))",
    "all(DC[r] > 0 and LC[r][r] == 1 for r in each(b))",
    "all(LC[r][s] == 0 for r in each(b) for s in each(b) if r < s)",
    "all(sum(LC[r][t]*DC[t]*LC[s][t] for t in each(b)) == C(r, s) for r in each(b) for s in each(b))",
)
OWN = (
    "same(i, j) = max(0, 1 - abs(i - j))",
    "P(i, j) = same(i, j) + sum(W[r][i]*W[r][j] for r in each(W))/4",
    "C(r, s) = same(r, s) + sum(W[r][j]*W[s][j] for j in each(W[0]))/4",
    "v(r) = 2*x[r] - 1 - b[r]/2",
    "missed(e, r) = v(r) - sum(W[r][j]*m[e][j] for j in each(m[e]))/2",
    "variance(e, r) = sum(W[r][i]*T[e][i][j]*W[r][j] for i in each(m[e]) for j in each(m[e]))",
    "rate(e) = sum(T[e][j][j] + m[e][j]**2 - 1 - log(D[e][j]) for j in each(m[e]))/2",
    "surrogate(e) = sum(missed(e, r)**2/2 + variance(e, r)/8 + log(2) - 1/2 for r in each(b)) + rate(e)",
    "bound = sum(log(DC[r]) + v(r)*sum(K[r][s]*v(s) for s in each(b)) for r in each(b))/2"
    " + sum(log(2) - 1/2 for r in each(b))",
    "best(i) = sum(Sigma[i][j]*sum(W[r][j]*(x[r] - 1/2 - b[r]/4) for r in each(b)) for j in each(Sigma))",
    "far(e, i) = m[e][i] - best(i)",
    "match(e) = sum(P(i, j)*(T[e][i][j] + far(e, i)*far(e, j)) for i in each(Sigma) for j in each(Sigma))",
    "apart(e) = (match(e) - sum(1 + log(D[e][j]) for j in each(Sigma)) - sum(log(DC[r]) for r in each(b)))/2",
)
RELATION = "all(surrogate(e) == bound + apart(e) and apart(e) >= 0 for e in each(D)) and surrogate(0) == bound"
QUANTITIES = ("bound", "surrogate(1)", "apart(1)")


def listed(quick: bool) -> list[str]:
    shapes = ((1, 1), (2, 1), (3, 1), (2, 2), (3, 2), (4, 2), (2, 3), (4, 3))
    return [f"random/{d}x{k}/{i}" for i in range(2 if quick else 20) for d, k in shapes]


def build(key: str) -> dict[str, Any]:
    """A random decoder; the best encoder for one x, one with its covariance, one with its mean, and one far away."""
    rng = Random(f"best-encoder {key}")
    d, k = (int(size) for size in key.split("/")[1].split("x"))
    W, (b,), x = draw(rng, d, k), draw(rng, 1, d, 3), [rng.randint(0, 1) for _ in range(d)]
    best = best_encoder(W, b, on=EXACT)
    mean = [entry.rational for entry in best.mean(x)]
    sigma = precision(fmpq_mat(W)).inv()
    means = [mean, *draw(rng, 1, k, 3), mean, *draw(rng, 1, k, 3)]
    spreads = [sigma, sigma, positive_definite(rng, k), positive_definite(rng, k)]
    split = [factors(T) for T in spreads]
    C = marginal(fmpq_mat(W))
    lower, pivots = factors(C)
    fields: dict[str, Any] = {"x": x, "W": W, "b": b, "m": means, "T": [T.tolist() for T in spreads]}
    fields |= {"L": [a for a, _ in split], "D": [p for _, p in split], "Sigma": sigma.tolist()}
    fields |= {"K": C.inv().tolist(), "LC": lower, "DC": pivots}
    return {name: text(value) for name, value in fields.items()}


INSTANCES = Instances(keys=listed, build=build)


def surrogates(instance: Instance) -> list[Exact]:
    """The surrogate of every encoder, exactly."""
    x, W, b = numbers(instance["x"]), rationals(instance["W"]), numbers(instance["b"])
    pairs = zip(rationals(instance["m"]), instance["T"], strict=True)
    return [surrogate(x, W, b, mean, rationals(T), on=EXACT) for mean, T in pairs]


def apart(instance: Instance) -> list[Exact]:
    """``KL(q || q*)`` of every encoder."""
    x, W, b = numbers(instance["x"]), matrix(instance["W"]), numbers(instance["b"])
    best, P = best_encoder(W.tolist(), b, on=EXACT), precision(W)
    middle = [entry.rational for entry in best.mean(x)]
    found = []
    for mean, T in zip(rationals(instance["m"]), instance["T"], strict=True):
        step = fmpq_mat([[a - c] for a, c in zip(mean, middle, strict=True)])
        quadratic = (step.transpose() * P * step)[0, 0]
        scaled = P * matrix(T)
        trace = sum((scaled[i, i] for i in range(P.nrows())), fmpq(0))
        log_det = EXACT.log(EXACT.number(scaled.det()))
        found.append((quadratic + trace - P.nrows() - log_det) / 2)
    return found


@claim(
    "bernoulli-bound/best-encoder",
    instances=INSTANCES,
    where=where(*GIVEN, RELATION, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def best(instance: Instance) -> Verdict:
    """The surrogate of q is L(W, b) + KL(q || q*), q* = N(mu*(x), Sigma*): the closed form is the best encoder."""
    bound = bernoulli_bound([numbers(instance["x"])], rationals(instance["W"]), numbers(instance["b"]), on=EXACT)
    found, distances = surrogates(instance), apart(instance)
    true = all(each.equals(bound + far) for each, far in zip(found, distances, strict=True))
    true = true and found[0].equals(bound) and all(sign_of(far) >= 0 for far in distances)
    quantities = dict(zip(QUANTITIES, (bound, found[1], distances[1]), strict=True))
    return decided(true, reason="both sides, in Q", quantities=quantities, exact=False)


WRONG_GIVEN = (
    GIVEN[0],
    *FACTORS,
    "all(sum((same(i, l) + sum(W[r][i]*W[r][l] for r in each(W)))*T[0][l][j] for l in each(T[0])) == same(i, j)"
    " for i in each(T[0]) for j in each(T[0]))",
    "all(m[0][i] == sum(T[0][i][j]*sum(W[r][j]*(x[r] - 1/2 - b[r]/4) for r in each(b)) for j in each(T[0]))"
    " for i in each(T[0]))",
)
WRONG = "all(surrogate(0) <= surrogate(e) for e in each(D))"
WRONG_QUANTITIES = ("surrogate(0)", "surrogate(1)")


def build_wrong(key: str) -> dict[str, Any]:
    """The encoder with ``Sigma = (I + W'W)^-1`` first, then the others."""
    found = build(key)
    x, W, b = numbers(found["x"]), matrix(found["W"]), numbers(found["b"])
    sigma = (same(W.ncols()) + W.transpose() * W).inv()
    start = fmpq_mat([[bit - fmpq(1, 2) - c / 4] for bit, c in zip(x, b, strict=True)])
    mean = [row[0] for row in (sigma * W.transpose() * start).tolist()]
    lower, pivots = factors(sigma)
    first = {"m": mean, "T": sigma.tolist(), "L": lower, "D": pivots}
    stacked = {name: [text(value), *found[name]] for name, value in first.items()}
    return {**{name: found[name] for name in ("x", "W", "b")}, **stacked}


@control(
    "bernoulli-bound/best-encoder",
    "quarter-dropped",
    instances=Instances(keys=listed, build=build_wrong),
    where=where(*WRONG_GIVEN, WRONG, *WRONG_QUANTITIES, own=OWN),
    given=WRONG_GIVEN,
    relation=WRONG,
    quantities=WRONG_QUANTITIES,
)
def quarter_dropped(instance: Instance) -> Verdict:
    """The encoder with Sigma = (I + W'W)^-1, as for a normal decoder of unit variance, is the best."""
    first, *others = found = surrogates(instance)
    true = all(sign_of(other - first) >= 0 for other in others)
    quantities = dict(zip(WRONG_QUANTITIES, found, strict=False))
    return decided(true, reason="another encoder has a smaller surrogate", quantities=quantities, exact=False)
