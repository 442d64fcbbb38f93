r"""For every W, b the least mean NELBO of a linear Bernoulli decoder is at most L(W, b).

.. math:: \min_q \mathrm{NELBO} \le L(W,b) = \tfrac12\log\det C
          + \tfrac12 E\,(y - \tfrac b2)'C^{-1}(y - \tfrac b2) + d(\log 2 - \tfrac12),\qquad C = I + WW'/4

for any binary data (mean over observations). Tight as W and b go to 0. Certified at the closed-form encoder
``q = N(mu*(x), Sigma*)``, whose exact mean NELBO, enclosed by the trapezoidal rule with its proven error
(`_quadrature`), is already at most L; the left side of the certificate is that NELBO from above. `best-encoder` says
that L is the surrogate at this q. The control with the factor 1/9 is refuted for *every* q: with one latent,
``-log p(x)`` is a lower bound of every NELBO, and is enclosed by the same rule.
Reference: "A lower bound for the ELBO of the Bernoulli Variational Autoencoder", Proposition 1; theory: section 8.
"""

from __future__ import annotations

from random import Random
from typing import Any

from flint import arb, fmpq, fmpq_mat

from eftheory.analytic.bernoulli_bound import bernoulli_bound, best_encoder
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.arithmetic import BALL
from eftheory.exact.decide import Sheet, certify
from eftheory.exact.finite import text
from eftheory.exact.side import rationals
from eftheory.verdict import Verdict

from ._encoded import Encoded, spread
from ._exactly import EXACT, Instance, draw, factors, marginal, matrix, numbers, precision
from ._quadrature import NODES, RULE, Rule, grid, largest_scale

BITS = "all(x[n][r]*(1 - x[n][r]) == 0 for n in each(x) for r in each(b))"
GIVEN = (
    BITS,
    "all(sum(P(i, l)*Sigma[l][j] for l in each(Sigma)) == same(i, j) for i in each(Sigma) for j in each(Sigma))",
    "all(sum(C(r, t)*K[t][s] for t in each(b)) == same(r, s) for r in each(b) for s in each(b))",
    "all(DC[r] > 0 and LC[r][r] == 1 for r in each(b))",
    "all(LC[r][s] == 0 for r in each(b) for s in each(b) if r < s)",
    "all(sum(LC[r][t]*DC[t]*LC[s][t] for t in each(b)) == C(r, s) for r in each(b) for s in each(b))",
    *NODES,
    "all(strip**2*variance(r) <= 9/4 for r in each(b))",
)
OWN = (
    *RULE,
    "same(i, j) = max(0, 1 - abs(i - j))",
    "P(i, j) = same(i, j) + sum(W[r][i]*W[r][j] for r in each(W))/4",
    "C(r, s) = same(r, s) + sum(W[r][j]*W[s][j] for j in each(W[0]))/4",
    "size = sum(1 for n in each(x))",
    "start(n, j) = sum(W[r][j]*(x[n][r] - 1/2 - b[r]/4) for r in each(b))",
    "mean(n, i) = sum(Sigma[i][j]*start(n, j) for j in each(Sigma))",
    "center(n, r) = b[r] + sum(W[r][j]*mean(n, j) for j in each(Sigma))",
    "variance(r) = sum(W[r][i]*Sigma[i][j]*W[r][j] for i in each(Sigma) for j in each(Sigma))",
    "soft(n, r, u) = log(1 + exp(center(n, r) + sqrt(variance(r))*h*node[u]))",
    "inside(n, r) = h*sum(soft(n, r, u)*bell(u) for u in each(node))/sqrt(tau)",
    "error(n, r) = decay*(abs(center(n, r)) + sqrt(variance(r)) + 2.3)",
    "beyond(n, r) = tail*((abs(center(n, r)) + 0.7)/reach + sqrt(variance(r)))",
    "most(n, r) = inside(n, r) + error(n, r) + beyond(n, r) - x[n][r]*center(n, r)",
    "rate(n) = (sum(Sigma[j][j] + mean(n, j)**2 - 1 for j in each(Sigma)) + sum(log(DC[r]) for r in each(b)))/2",
    "nelbo = sum(rate(n) + sum(most(n, r) for r in each(b)) for n in each(x))/size",
    "v(n, r) = 2*x[n][r] - 1 - b[r]/2",
    "form(n) = sum(v(n, r)*sum(K[r][s]*v(n, s) for s in each(b)) for r in each(b))",
    "bound = sum(log(DC[r]) + 2*log(2) - 1 for r in each(b))/2 + sum(form(n) for n in each(x))/(2*size)",
    "line(n, r, u) = (1 - 2*x[n][r])*(b[r] + W[r][0]*h*node[u])",
    "chance(n, u) = prod(1/(1 + exp(line(n, r, u))) for r in each(b))",
    "likely(n) = h*sum(chance(n, u)*bell(u) for u in each(node))/sqrt(tau) + decay + tail/reach",
    "surprise = -sum(log(likely(n)) for n in each(x))/size",
    "norm = sum(W[r][0]**2 for r in each(b))",
    "off(n, r) = 9/4*(2*x[n][r] - 1) - b[r]",
    "along(n) = sum(W[r][0]*off(n, r) for r in each(b))",
    "ninth(n) = sum(off(n, r)**2/9 + log(2) - 9/16 for r in each(b)) - 2/81*along(n)**2/(1 + 2*norm/9)",
    "nine = log(1 + 2*norm/9)/2 + sum(ninth(n) for n in each(x))/size",
)
RELATION = "nelbo <= bound"
QUANTITIES = ("nelbo", "bound")


def listed(quick: bool) -> list[str]:
    shapes = ((1, 1), (2, 1), (3, 1), (2, 2), (3, 2), (4, 2), (4, 3))
    return ["fixed/small", *(f"random/{d}x{k}/{i}" for i in range(1 if quick else 8) for d, k in shapes)]


def drawn(key: str) -> tuple[list[list[int]], list[list[fmpq]], list[fmpq]]:
    small, rng = key == "fixed/small", Random(f"every-decoder {key}")
    d, k = (3, 1) if small else (int(size) for size in key.split("/")[1].split("x"))
    factor = fmpq(1, 20) if small else fmpq(1)
    W = [[factor * entry for entry in row] for row in draw(rng, d, k, 3)]
    (b,) = draw(rng, 1, d, 3)
    return [[rng.randint(0, 1) for _ in range(d)] for _ in range(4)], W, [factor * entry for entry in b]


def build(key: str) -> dict[str, Any]:
    """Four random observations, a random decoder, and what shows C and Sigma*."""
    x, W, b = drawn(key)
    flat = fmpq_mat(W)
    C, sigma = marginal(flat), precision(flat).inv()
    lower, pivots = factors(C)
    fields = {"x": x, "W": W, "b": b, "Sigma": sigma.tolist(), "K": C.inv().tolist(), "LC": lower, "DC": pivots}
    return {**{name: text(value) for name, value in fields.items()}, **grid(largest_scale(spread(flat, sigma)))}


@claim(
    "bernoulli-bound/every-decoder",
    instances=Instances(keys=listed, build=build),
    where=where(*GIVEN, RELATION, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def every_decoder(instance: Instance) -> Verdict:
    """For every W, b: min over q of the mean NELBO <= L(W, b), shown at the closed-form encoder."""
    x, W, b, rule = rationals(instance["x"]), rationals(instance["W"]), numbers(instance["b"]), Rule(instance)
    encoder = best_encoder(W, b, on=EXACT)
    sigma = fmpq_mat([[entry.rational for entry in row] for row in encoder.covariance])
    means = [[entry.rational for entry in encoder.mean(row)] for row in x]
    models = [Encoded(list(row), matrix(W), b, mean, sigma) for row, mean in zip(x, means, strict=True)]

    def sheet() -> Sheet:
        nelbo = sum((model.nelbo(rule)[1] for model in models), arb(0)) / len(models)
        bound = bernoulli_bound(x, W, b, on=BALL)
        return Sheet([(nelbo, bound)], {"nelbo": nelbo, "bound": bound})

    return certify(sheet)


NINTH_GIVEN = (BITS, *NODES, "all(strip**2*W[r][0]**2 <= 9/4 for r in each(b))")
NINTH = "surprise <= nine"
NINTH_QUANTITIES = ("surprise", "nine")


def ninth_keys(quick: bool) -> list[str]:
    return [key for key in listed(True) if key == "fixed/small" or "x1/" in key]


def build_ninth(key: str) -> dict[str, Any]:
    x, W, b = drawn(key)
    fields = {"x": text(x), "W": text(W), "b": text(b)}
    return {**fields, **grid(largest_scale([row[0] ** 2 for row in W]))}


@control(
    "bernoulli-bound/every-decoder",
    "ninth",
    instances=Instances(keys=ninth_keys, build=build_ninth),
    where=where(*NINTH_GIVEN, NINTH, *NINTH_QUANTITIES, own=OWN),
    given=NINTH_GIVEN,
    relation=NINTH,
    quantities=NINTH_QUANTITIES,
)
def ninth(instance: Instance) -> Verdict:
    """The same with the factor 1/9 for 1/8: -log p(x) is above it, and so is the NELBO of every q."""
    x, W, b, rule = rationals(instance["x"]), rationals(instance["W"]), numbers(instance["b"]), Rule(instance)
    norm = sum((row[0] ** 2 for row in W), fmpq(0))

    def sheet() -> Sheet:
        surprise, total = arb(0), arb(0)
        for row in x:
            signs = [2 * bit - 1 for bit in row]
            lines = [(s * c, s * w[0]) for s, c, w in zip(signs, b, W, strict=True)]
            surprise -= rule.mean_product(lines)[1].log()
            off = [fmpq(9, 4) * s - c for s, c in zip(signs, b, strict=True)]
            along = sum((w[0] * entry for w, entry in zip(W, off, strict=True)), fmpq(0))
            rational = sum((entry**2 / 9 for entry in off), fmpq(0)) - fmpq(2, 81) * along**2 / (1 + 2 * norm / 9)
            total += arb(rational) + len(b) * (arb(2).log() - arb(fmpq(9, 16)))
        nine = arb(1 + 2 * norm / 9).log() / 2 + total / len(x)
        return Sheet([(surprise / len(x), nine)], {"surprise": surprise / len(x), "nine": nine})

    return certify(sheet)
