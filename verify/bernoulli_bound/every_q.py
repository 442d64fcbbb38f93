r"""For every normal encoder the NELBO of a linear Bernoulli decoder is at most its quadratic surrogate.

.. math:: \mathrm{NELBO}(q) = \sum_i E_q[\mathrm{softplus}(t_i) - x_i t_i] + KL(q\|p)
          \le E_q \tfrac12 \|y - \tfrac b2 - \tfrac{Wz}2\|^2 + KL(q\|p) + d(\log 2 - \tfrac12),\quad t = Wz + b

``q = N(m, T)``, prior N(0, I), x in bits, y = 2x - 1. Tight as t goes to 0. Each instance has one x, one decoder and
several encoders, T given by its factors ``L D L'``. The certificate carries the exact expectation: ``t_i`` is normal
with mean ``w_i . m + b_i`` and variance ``w_i'T w_i`` whatever the latent dimension, so that each expectation is an
integral over one real variable; it is enclosed by the trapezoidal rule with its proven error (`_quadrature`: the one
theorem that the certificate cites), to about 13 digits. The right side is exact but for logarithms.
Reference: "A lower bound for the ELBO of the Bernoulli Variational Autoencoder", Proposition 1; theory: section 8.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from flint import arb, fmpq, fmpq_mat

from eftheory.analytic.bernoulli_bound import best_encoder, surrogate
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.arithmetic import BALL
from eftheory.exact.decide import Sheet, certify
from eftheory.exact.finite import text
from eftheory.exact.side import rationals
from eftheory.verdict import Verdict

from ._encoded import Encoded, spread
from ._exactly import EXACT, Instance, draw, factors, matrix, numbers, positive_definite
from ._quadrature import NODES, RULE, Rule, grid, largest_scale

GIVEN = (
    "all(x[r]*(1 - x[r]) == 0 for r in each(b))",
    "all(D[e][j] > 0 and L[e][j][j] == 1 for e in each(D) for j in each(D[e]))",
    "all(L[e][i][j] == 0 for e in each(D) for i in each(D[e]) for j in each(D[e]) if i < j)",
    "all(sum(L[e][i][l]*D[e][l]*L[e][j][l] for l in each(D[e])) == T[e][i][j]"
    " for e in each(D) for i in each(D[e]) for j in each(D[e]))",
    *NODES,
    "all(strip**2*variance(e, r) <= 9/4 for e in each(D) for r in each(b))",
)
OWN = (
    *RULE,
    "center(e, r) = b[r] + sum(W[r][j]*m[e][j] for j in each(m[e]))",
    "variance(e, r) = sum(W[r][i]*T[e][i][j]*W[r][j] for i in each(m[e]) for j in each(m[e]))",
    "scale(e, r) = sqrt(variance(e, r))",
    "soft(e, r, n) = log(1 + exp(center(e, r) + scale(e, r)*h*node[n]))",
    "inside(e, r) = h*sum(soft(e, r, n)*bell(n) for n in each(node))/sqrt(tau)",
    "error(e, r) = decay*(abs(center(e, r)) + scale(e, r) + 2.3)",
    "beyond(e, r) = tail*((abs(center(e, r)) + 0.7)/reach + scale(e, r))",
    "rate(e) = sum(T[e][j][j] + m[e][j]**2 - 1 - log(D[e][j]) for j in each(m[e]))/2",
    "data(e) = sum(x[r]*center(e, r) for r in each(b))",
    "below(e) = sum(inside(e, r) - error(e, r) for r in each(b)) - data(e) + rate(e)",
    "above(e) = sum(inside(e, r) + error(e, r) + beyond(e, r) for r in each(b)) - data(e) + rate(e)",
    "missed(e, r) = 2*x[r] - 1 - b[r]/2 - sum(W[r][j]*m[e][j] for j in each(m[e]))/2",
    "fit(e) = sum(missed(e, r)**2/2 + variance(e, r)/8 for r in each(b))",
    "surrogate(e) = fit(e) + rate(e) + sum(log(2) - 1/2 for r in each(b))",
    "square(e, r) = center(e, r)**2 + variance(e, r)",
    "ninth(e) = rate(e) + sum(log(2) + center(e, r)/2 + square(e, r)/9 for r in each(b)) - data(e)",
    "rise = exp(1)/(1 + exp(1))",
    "bow(e, r) = (center(e, r) - 1)**2 + variance(e, r)",
    "expanded(e, r) = log(1 + exp(1)) + rise*(center(e, r) - 1) + rise*(1 - rise)*bow(e, r)/2",
    "elsewhere(e) = rate(e) + sum(expanded(e, r) for r in each(b)) - data(e)",
)
RELATION = "all(above(e) <= surrogate(e) for e in each(D))"
QUANTITIES = ("above(0)", "below(0)", "surrogate(0)")


def listed(quick: bool) -> list[str]:
    shapes = ((1, 1), (2, 1), (3, 1), (2, 2), (3, 2), (4, 2), (4, 3))
    return ["fixed/small", *(f"random/{d}x{k}/{i}" for i in range(2 if quick else 12) for d, k in shapes)]


def build(key: str) -> dict[str, Any]:
    """A random decoder with its best encoder for one x, and two others; small: weights near zero, where it is tight."""
    small, rng = key == "fixed/small", Random(f"every-q {key}")
    d, k = (3, 2) if small else (int(size) for size in key.split("/")[1].split("x"))
    factor = fmpq(1, 10) if small else fmpq(1)
    W = [[factor * entry for entry in row] for row in draw(rng, d, k)]
    (b,) = draw(rng, 1, d, 3)
    b = [factor * entry for entry in b]
    x = [rng.randint(0, 1) for _ in range(d)]
    best = best_encoder(W, b, on=EXACT)
    means = [[entry.rational for entry in best.mean(x)], *draw(rng, 2, k, 3)]
    spreads = [[[entry.rational for entry in row] for row in best.covariance]]
    spreads += [positive_definite(rng, k).tolist() for _ in range(2)]
    split = [factors(fmpq_mat(T)) for T in spreads]
    variances = [v for T in spreads for v in spread(fmpq_mat(W), fmpq_mat(T))]
    fields = {"x": x, "W": W, "b": b, "m": means, "T": spreads, "L": [a for a, _ in split], "D": [p for _, p in split]}
    return {**{name: text(value) for name, value in fields.items()}, **grid(largest_scale(variances))}


INSTANCES = Instances(keys=listed, build=build)


def encoded(instance: Instance) -> list[Encoded]:
    W, x, b = matrix(instance["W"]), numbers(instance["x"]), numbers(instance["b"])
    pairs = zip(rationals(instance["m"]), instance["T"], strict=True)
    return [Encoded(x, W, b, list(m), matrix(T)) for m, T in pairs]


def stated(relation: str, quantities: tuple[str, ...]) -> dict[str, Any]:
    definitions = where(*GIVEN, relation, *quantities, own=OWN)
    return {"where": definitions, "given": GIVEN, "relation": relation, "quantities": quantities}


@claim("bernoulli-bound/every-q", instances=INSTANCES, **stated(RELATION, QUANTITIES))
def every_q(instance: Instance) -> Verdict:
    """For every normal q: NELBO(q) <= E_q 1/2 ||y - b/2 - Wz/2||^2 + KL + d (log 2 - 1/2)."""
    models, rule = encoded(instance), Rule(instance)

    def sheet() -> Sheet:
        ends = [model.nelbo(rule) for model in models]
        bounds = [
            surrogate(each.x, each.W.tolist(), each.b, each.mean, each.covariance.tolist(), on=BALL) for each in models
        ]
        pairs = [(high, bound) for (_, high), bound in zip(ends, bounds, strict=True)]
        return Sheet(pairs, dict(zip(QUANTITIES, (ends[0][1], ends[0][0], bounds[0]), strict=True)))

    return certify(sheet)


def compared(instance: Instance, name: str, expansion: Callable[[arb, arb], arb]) -> Verdict:
    """Whether the NELBO, from below, is at most what `expansion` gives."""
    models, rule = encoded(instance), Rule(instance)

    def sheet() -> Sheet:
        pairs = [(each.nelbo(rule)[0], each.expanded(expansion)) for each in models]
        return Sheet(pairs, {"below(0)": pairs[0][0], f"{name}(0)": pairs[0][1]})

    return certify(sheet)


def broken(name: str) -> dict[str, Any]:
    return stated(f"all(below(e) <= {name}(e) for e in each(D))", ("below(0)", f"{name}(0)"))


@control("bernoulli-bound/every-q", "ninth", instances=INSTANCES, **broken("ninth"))
def ninth(instance: Instance) -> Verdict:
    """The same with t^2/9 in place of t^2/8."""
    return compared(instance, "ninth", lambda m, v: BALL.log(arb(2)) + m / 2 + (m * m + v) / 9)


@control("bernoulli-bound/every-q", "another-point", instances=INSTANCES, **broken("elsewhere"))
def another_point(instance: Instance) -> Verdict:
    """The same with the second-order expansion at t = 1."""

    def expansion(m: arb, v: arb) -> arb:
        rise = arb(1).exp() / (1 + arb(1).exp())
        return (1 + arb(1).exp()).log() + rise * (m - 1) + rise * (1 - rise) * ((m - 1) ** 2 + v) / 2

    return compared(instance, "elsewhere", expansion)
