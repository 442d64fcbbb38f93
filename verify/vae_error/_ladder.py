"""Shared by Propositions A.1, A.2 and Theorem 2: their instances, and bounds as functions of a VAE."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from flint import arb

from eftheory import bounds
from eftheory.claims.definitions import BOUNDED_BELOW, VALID
from eftheory.exact.arithmetic import BALL, FLOAT, Arithmetic, Number
from eftheory.exact.decide import Sheet, certify
from eftheory.exact.finite import FiniteVAE, text
from eftheory.exact.projection import Projection, coefficients
from eftheory.exact.side import to_rational
from eftheory.suites import Search, Suite, worst_ratio
from eftheory.verdict import Verdict

Bound = Callable[[FiniteVAE, Arithmetic], Number]
"""A bound on the squared error of one VAE."""
Squares = Callable[[Projection, Arithmetic], Sequence[Number]]
"""The squared error for every z."""

GIVEN = (*VALID, *BOUNDED_BELOW)
POSTERIOR_ONLY = (*GIVEN[:-1], "all(alpha <= post(x, z) for x in each(pd) for z in each(prior))")
STATES = "states = sum(1 for z in each(prior))"
RANGE = "L in reals(0, log((1 - (states - 1)*alpha)/alpha))"
BINARY = (STATES, "divergence(s, t) = s*log(s/t) + (1 - s)*log((1 - s)/(1 - t))")
LINE = (
    "slope >= 0",
    "slope*gap + height <= 1.002*min(2*(1 - alpha)/alpha*gap, log((1 - (states - 1)*alpha)/alpha)**2)",
    f"all(L**2 - slope*divergence(alpha*exp(L), alpha) <= height for {RANGE})",
    f"all(L**2 - slope*divergence(alpha, alpha*exp(L)) <= height for {RANGE})",
)
SLACK = 1e-3
"""Of the line over the envelope: small beside the two per cent of the controls, large enough to be re-checked soon."""
KINDS = ("free", "near")
"""Of tight instances nothing is learned: both sides of every bound are 0."""
RESIDUAL = "max(R(z) for z in each(prior))"
PROJECTED = "max(err(z) for z in each(prior))"
PROJECTOR = (
    "P(x, y) = c[y] + sum(nu[x][i]*C[i][y] for i in each(C))",
    "fit(x, z) = sum(P(x, y)*log(q(y, z)*evidence(y)/(h[y]*k[z])) for y in each(pd))",
    "error(x, z) = log(joint(x, z)/(h[x]*k[z])) - fit(x, z)",
    "err(z) = sum(pd[x]*error(x, z)**2 for x in each(pd))",
)
"""log phat(x, z) = log h(x) + log k(z) + fit(x, z): weighted least squares of G on the rows (nu, 1)."""
IS_PROJECTOR = (
    "all(sum(P(x, y)*nu[y][i] for y in each(pd)) == nu[x][i] for x in each(pd) for i in each(C))",
    "all(sum(P(x, y) for y in each(pd)) == 1 for x in each(pd))",
    "all(pd[x]*P(x, y) == pd[y]*P(y, x) for x in each(pd) for y in each(pd))",
)
"""P maps into the range of (nu, 1), is the identity there, and is self-adjoint for the weights pd."""


def residual(projection: Projection, on: Arithmetic) -> Sequence[Number]:
    """``R_z``."""
    return projection.squared_residual(on)


def constructive(projection: Projection, on: Arithmetic) -> Sequence[Number]:
    """``E_pd (log p - log phat)^2`` for the harmonium of Proposition A.1."""
    return projection.squared(projection.constructive_error(on), on)


def with_projector(vae: FiniteVAE) -> dict[str, Any]:
    """What makes P: the least-squares coefficients of the statistics, C, and of the constant, c."""
    *statistics, constant = coefficients(vae.x, vae.data)
    return {"C": text(statistics), "c": text(constant)}


def largest(numbers: Sequence[Number], on: Arithmetic = BALL) -> Number:
    result = numbers[0]
    for number in numbers[1:]:
        result = on.larger(result, number)
    return result


def decide(instance: Mapping[str, Any], squares: Squares, bound: Bound, name: str) -> Verdict:
    """``squares <= bound`` for every z; `name` is the text of the largest square."""
    vae = FiniteVAE.from_dict(instance)
    projection = Projection(vae)

    def compute() -> Sheet:
        left, right = squares(projection, BALL), bound(vae, BALL)
        quantities: dict[str, arb] = {"gap": vae.gap(), name: largest(left)}
        return Sheet([(square, right) for square in left], quantities)

    return certify(compute)


def with_alpha(vae: FiniteVAE) -> dict[str, Any]:
    return {"alpha": text(vae.alpha)}


def suite(
    label: str,
    squares: Squares,
    bound: Bound,
    *,
    random: tuple[int, int] = (40, 600),
    fields: Callable[[FiniteVAE], Mapping[str, Any]] = with_alpha,
    seeds: tuple[int, int] = (1, 4),
    sides: Sequence[str] | None = None,
    search_sides: tuple[str, str] | None = None,
) -> Suite:
    """Random instances, and an adversary that maximises ``max_z squares / bound``."""

    def ratio(vae: FiniteVAE) -> float:
        return worst_ratio(squares(Projection(vae), FLOAT), bound(vae, FLOAT))

    extra = {} if sides is None else {"sides": sides}
    search = Search(ratio=ratio, seeds=seeds, sides=search_sides)
    return Suite(label=label, random=random, kinds=KINDS, fields=fields, search=search, **extra)


def trivial(vae: FiniteVAE, on: Arithmetic) -> Number:
    return bounds.trivial(vae.alpha, vae.z.count, on=on)


def pinsker(vae: FiniteVAE, on: Arithmetic) -> Number:
    return bounds.pinsker(vae.gap(on), vae.alpha, on=on)


def partition(vae: FiniteVAE, on: Arithmetic) -> Number:
    return bounds.partition(vae.gap(on), vae.alpha, on=on)


def partition_halved(vae: FiniteVAE, on: Arithmetic) -> Number:
    return bounds.partition(vae.gap(on), vae.alpha, halved=True, on=on)


def partition_envelope(vae: FiniteVAE, on: Arithmetic) -> Number:
    return bounds.partition_envelope(vae.gap(on), vae.alpha, on=on)


def linear(vae: FiniteVAE, on: Arithmetic) -> Number:
    return bounds.linear(vae.gap(on), vae.alpha, on=on)


def linear_shortened(vae: FiniteVAE, on: Arithmetic) -> Number:
    """For controls: 1.99 in place of 2."""
    return on.number(to_rational("199/200")) * linear(vae, on)


def linear_of_smallest(vae: FiniteVAE, on: Arithmetic) -> Number:
    """For controls: the smallest divergence of any x in place of its expectation."""
    return bounds.linear(-largest([-kl for kl in vae.kl(on)], on), vae.alpha, on=on)


def partition_of_gap(vae: FiniteVAE, on: Arithmetic) -> Number:
    """For controls: the paper's bound with t = eps/alpha."""
    t = vae.gap(on) / on.number(vae.alpha)
    return on.log(1 + t) + t / (on.exp(on.number(1)) - 1)


def carried_alpha(instance: Mapping[str, Any]) -> Bound:
    """For controls: the linear bound with the alpha that the instance carries, whatever it bounds."""
    alpha = to_rational(instance["alpha"])
    return lambda vae, on: bounds.linear(vae.gap(on), alpha, on=on)


def line(vae: FiniteVAE) -> bounds.Envelope:
    """The certified line of `bounds.envelope` at this VAE's gap."""
    alpha = Fraction(int(vae.alpha.p), int(vae.alpha.q))
    return bounds.envelope(vae.gap(FLOAT), alpha, vae.z.count, slack=SLACK)


def envelope(vae: FiniteVAE, on: Arithmetic) -> Number:
    """What the adversary climbs, in floats only; certified is the line that an instance carries (`carried_line`)."""
    eps = vae.gap(FLOAT)
    return bounds.approximate_envelope(eps, FLOAT.number(vae.alpha), vae.z.count).at(eps, on=FLOAT)


def with_line(vae: FiniteVAE) -> dict[str, Any]:
    found = line(vae)
    return {**with_alpha(vae), "slope": str(found.slope), "height": str(found.height)}


def posterior_alpha(vae: FiniteVAE) -> dict[str, Any]:
    return {"alpha": text(min(entry for row in vae.posterior for entry in row))}


def carried_line(instance: Mapping[str, Any], factor: str = "1") -> Bound:
    """The line that the instance carries, which its `given` proves to lie above phi; times `factor`."""
    slope, height, times = (to_rational(value) for value in (instance["slope"], instance["height"], factor))
    return lambda vae, on: on.number(times) * (on.number(slope) * vae.gap(on) + on.number(height))
