r"""Proposition A.1: the least-squares harmonium is no further from p(x,z) than the encoder from the posterior.

Let N have rows (nu(x), 1) and G rows (g(x), log p(x) - B(x) - log h(x)). With ``Wb = argmin || N Wb - G ||_pd`` and
``log phat(x,z) = log h(x) + log k(z) + nub(x)' Wb psib(z)``, for every z

    E_pd (log p(x,z) - log phat(x,z))^2  <=  E_pd (log p(z|x) - log q(z|x))^2 = R_z.

*Proof.* ``log p(.,z) - log h`` lies in the range of N (decoder of the family), so the left side is the projection of
the right side's residual onto that range. Attained where the residual itself lies in the range. phat is not
normalised; after division by its total mass the inequality may fail (a control).

Reference: Shekhovtsov, Schlesinger, Flach, VAE Approximation Error (ICLR 2022), Proposition A.1.
"""

from collections.abc import Callable, Mapping
from typing import Any

from flint import fmpq

from eftheory.claims import claim, control
from eftheory.claims.definitions import VALID, where
from eftheory.exact.arithmetic import BALL
from eftheory.exact.decide import Sheet, certify
from eftheory.exact.finite import FiniteVAE, text
from eftheory.exact.loglinear import LOGS
from eftheory.exact.mixed import proved
from eftheory.exact.projection import Projection, apply, coefficients, hat_matrix
from eftheory.verdict import Verdict

from ._ladder import (
    IS_PROJECTOR,
    PROJECTED,
    PROJECTOR,
    RESIDUAL,
    constructive,
    largest,
    residual,
    suite,
    with_projector,
)

SIDES = ("bernoulli(2)", "own(4, 2)", "own(5, 2)", "own(4, 1)", "categorical(3)", "bernoulli(1)")
X_SIDES = SIDES[:4]
"""More points than statistics and one: otherwise the projection is the identity and both sides are equal."""
GIVEN = (*VALID, *IS_PROJECTOR)
RELATION = "all(err(z) <= R(z) for z in each(prior))"
WITH_TIES = (
    "all(err(z) <= R(z) or all(error(x, z) == residual(x, z) for x in each(pd) if pd[x] != 0) for z in each(prior))"
)
"""Where the residual lies in the range both sides are equal, which no ball decides; an identity of logarithms does."""
QUANTITIES = (PROJECTED, RESIDUAL)


def stated(relation: str, given: tuple[str, ...], own: tuple[str, ...]) -> dict[str, Any]:
    definitions = where(relation, *given, *QUANTITIES, own=own)
    return {"where": definitions, "given": given, "relation": relation, "quantities": QUANTITIES}


def instances(label: str, fields: Callable[[FiniteVAE], Mapping[str, Any]] = with_projector, count: int = 400) -> Any:
    def bound(vae: FiniteVAE, on: Any) -> Any:
        return largest(residual(Projection(vae), on), on)

    options: dict[str, Any] = {"fields": fields, "sides": X_SIDES, "search_sides": ("bernoulli(2)", "bernoulli(1)")}
    return suite(label, constructive, bound, random=(40, count), **options).instances()


def ties(projection: Projection) -> list[bool]:
    """For each z, whether the residual lies in the range of (nu, 1) on the data, decided exactly."""
    residuals = projection.residuals(LOGS)
    rows = zip(projection.vae.data, residuals, apply(projection.p_x, residuals, LOGS), strict=True)
    rests = [[a - b for a, b in zip(row, fit, strict=True)] for weight, row, fit in rows if weight != 0]
    return [all(rest.is_zero for rest in column) for column in zip(*rests, strict=True)]


def decide(instance: Mapping[str, Any], error: Callable[[Projection], Any], shifted: bool = False) -> Verdict:
    """``E_pd error^2 <= R_z`` for every z; shifted: the quantities are those before the error was shifted."""
    projection = Projection(FiniteVAE.from_dict(instance))
    equal = ties(projection)

    def compute() -> Sheet:
        left, right = projection.squared(error(projection)), residual(projection, BALL)
        named = constructive(projection, BALL) if shifted else left
        quantities = {PROJECTED: largest(named), RESIDUAL: largest(right)}
        pairs = [pair for pair, tie in zip(zip(left, right, strict=True), equal, strict=True) if not tie]
        return Sheet(pairs, quantities)

    if all(equal):
        return proved(True, reason="every residual lies in the range", balls=lambda: compute().quantities)
    return certify(compute)


@claim("vae-error/prop-a1", instances=instances("a1"), **stated(WITH_TIES, GIVEN, PROJECTOR))
def prop_a1(instance: Mapping[str, Any]) -> Verdict:
    """E_pd (log p - log phat)^2 <= R_z for the least-squares harmonium, for every z."""
    return decide(instance, lambda projection: projection.constructive_error())


EVEN = (*IS_PROJECTOR[:2], "all(P(x, y) == P(y, x) for x in each(pd) for y in each(pd))")


def with_even_projector(vae: FiniteVAE) -> dict[str, Any]:
    *statistics, constant = coefficients(vae.x, [fmpq(1)] * vae.x.count)
    return {"C": text(statistics), "c": text(constant)}


@control(
    "vae-error/prop-a1",
    "unweighted",
    instances=instances("a1-unweighted", with_even_projector, 40),
    **stated(RELATION, (*VALID, *EVEN), PROJECTOR),
)
def prop_a1_unweighted(instance: Mapping[str, Any]) -> Verdict:
    """The same with least squares that weigh every x alike, whatever pd."""

    def error(projection: Projection) -> Any:
        space = projection.vae.x
        return apply(hat_matrix(space, [fmpq(1)] * space.count), projection.residuals(), BALL)

    return decide(instance, error)


WITHOUT = ("P(x, y) = sum(nu[x][i]*C[i][y] for i in each(C))", *PROJECTOR[1:])


def without_constant(vae: FiniteVAE) -> dict[str, Any]:
    return {"C": text(coefficients(vae.x, vae.data, constant=False))}


@control(
    "vae-error/prop-a1",
    "no-constant",
    instances=instances("a1-no-constant", without_constant, 40),
    **stated(RELATION, (*VALID, IS_PROJECTOR[0], IS_PROJECTOR[2]), WITHOUT),
)
def prop_a1_no_constant(instance: Mapping[str, Any]) -> Verdict:
    """The same without the constant among the statistics: log p(x) is then not in the range."""

    def error(projection: Projection) -> Any:
        vae = projection.vae
        table = [
            [BALL.log(BALL.number(p / (h * k))) for p, k in zip(row, vae.z.base, strict=True)]
            for h, row in zip(vae.x.base, vae.joint, strict=True)
        ]
        target = [
            [BALL.log(BALL.number(q * e / (h * k))) for q, k in zip(row, vae.z.base, strict=True)]
            for h, e, row in zip(vae.x.base, vae.evidence, vae.encoder, strict=True)
        ]
        fit = apply(hat_matrix(vae.x, vae.data, constant=False), target, BALL)
        return [[a - b for a, b in zip(*rows, strict=True)] for rows in zip(table, fit, strict=True)]

    return decide(instance, error)


NORMALISED = (
    *PROJECTOR,
    "excess = log(sum(joint(x, z)*exp(-error(x, z)) for x in each(pd) for z in each(prior)))",
    "shifted(z) = sum(pd[x]*(error(x, z) + excess)**2 for x in each(pd))",
)


@control(
    "vae-error/prop-a1",
    "renormalised",
    instances=instances("a1-renormalised", count=40),
    **stated("all(shifted(z) <= R(z) for z in each(prior))", GIVEN, NORMALISED),
)
def prop_a1_renormalised(instance: Mapping[str, Any]) -> Verdict:
    """The same after dividing phat by its total mass."""
    return decide(instance, lambda p: p.renormalised(p.constructive_error()), shifted=True)
