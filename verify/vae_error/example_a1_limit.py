r"""Example A.1 as a grows: as tight as one likes, as far from every harmonium as one likes.

For the VAE of `example_a1` with odds $r = e^a$, along growing r (from 10 on the gap decreases): the gap is at most
$a/(1+r)$ and tends to 0; the distance to the nearest harmonium (least squares of the log table over all of them,
uniform weights, exact projector) is a/2 at every (x, z) and grows without bound; and the smallest probability of
encoder and posterior is $\alpha = (1+r)^{-2}$, which tends to 0: this is what Theorem 2 excludes (paper: Example A.1;
theory: section 3). No harmonium comes nearer than a/2 in the maximum norm either: the residual is a/2 times the
table of signs $(2x_2-1)(2F_2(z)-1)$, which is orthogonal to all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flint import arb, fmpq

from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.decide import Sheet, certify
from eftheory.exact.finite import FiniteVAE, text
from eftheory.exact.loglinear import LOGS, LogSum
from eftheory.exact.mixed import proved
from eftheory.exact.projection import apply, hat_matrix
from eftheory.exact.side import to_rational
from eftheory.verdict import Verdict

from ._example_a1 import BITS, IMAGES, POINTS, XOR, example

PROJECTOR = (
    "all(hat[x][z] == hat[z][x] for x in each(hat) for z in each(hat))",
    "all(sum(hat[x][y]*hat[y][z] for y in each(hat)) == hat[x][z] for x in each(hat) for z in each(hat))",
    "all(sum(hat[x][y] for y in each(hat)) == 1 for x in each(hat))",
    "all(sum(hat[x][y]*point[y][j] for y in each(hat)) == point[x][j] for x in each(hat) for j in each(point[x]))",
    "sum(hat[x][x] for x in each(hat)) == 3",
)
"""hat is the orthogonal projector onto span{1, z1, z2} on the four points."""
GIVEN = (
    "all(10 <= odds[n] for n in each(odds))",
    "sum(1 for z in each(point)) == 4",
    "all(point[z][j]*(1 - point[z][j]) == 0 for z in each(point) for j in each(point[z]))",
    "all(any(point[y][j] != point[z][j] for j in each(point[z])) for y in each(point) for z in each(point) if y < z)",
    "all(image[z][0] == point[z][0] and image[z][1] == xor(point[z][0], point[z][1]) for z in each(point))",
    *PROJECTOR,
)
OWN = (
    XOR,
    "bit(n, s, t) = odds[n]**(s*t)/(1 + odds[n]**t)",
    "chance(n, x, z) = prod(bit(n, point[x][j], 2*image[z][j] - 1) for j in each(point[x]))",
    "exact(n, x, z) = chance(n, x, z)/sum(chance(n, x, y) for y in each(point))",
    "code(n, x, z) = prod(bit(n, point[z][j], 2*image[x][j] - 1) for j in each(point[z]))",
    "loss(n) = sum(code(n, x, z)*log(code(n, x, z)/exact(n, x, z)) for x in each(point) for z in each(point))/4",
    "table(n, x, z) = log(chance(n, x, z)/4)",
    "along(n, x, z) = sum(hat[x][y]*table(n, y, z) for y in each(hat))",
    "fit(n, x, z) = sum(hat[z][y]*along(n, x, y) for y in each(hat))",
    "error(n, x, z) = table(n, x, z) - fit(n, x, z)",
    "smallest(n) = min(min(code(n, x, z), exact(n, x, z)) for x in each(point) for z in each(point))",
)
RELATION = (
    "all(error(n, x, z) == (2*point[x][1] - 1)*(2*image[z][1] - 1)*log(odds[n])/2"
    " for n in each(odds) for x in each(point) for z in each(point)) and "
    "all(loss(n) <= log(odds[n])/(odds[n] + 1) and smallest(n) == 1/(1 + odds[n])**2 for n in each(odds)) and "
    "all(loss(n) < loss(m) for m in each(odds) for n in each(odds) if odds[m] < odds[n])"
)
BOUNDED = "all(abs(error(n, x, z)) <= 1 for n in each(odds) for x in each(point) for z in each(point))"
QUANTITIES = ("min(loss(n) for n in each(odds))", "max(abs(error(n, 0, 0)) for n in each(odds))")


HAT = hat_matrix(BITS, [fmpq(1, 4)] * 4)
LISTS = {"fixed/tens": (10, 100, 1000, 10**4, 10**6), "fixed/growing": (10, 12, 15, 20, 40, 99, 10**5)}


def keys(quick: bool) -> list[str]:
    return list(LISTS)


def build(key: str) -> dict[str, Any]:
    return {
        "odds": [str(r) for r in LISTS[key]],
        "point": [[str(bit) for bit in point] for point in POINTS],
        "image": [[str(bit) for bit in image] for image in IMAGES],
        "hat": text(HAT),
    }


def residual(vae: FiniteVAE) -> list[LogSum]:
    """``log p(x,z)`` minus its projection onto all harmoniums, at every (x, z), exactly."""
    table = [[LOGS.log(LOGS.number(p)) for p in row] for row in vae.joint]
    along = [list(column) for column in zip(*apply(HAT, table, LOGS), strict=True)]
    fit = zip(*apply(HAT, along, LOGS), strict=True)
    return [t - f for pair in zip(table, fit, strict=True) for t, f in zip(*pair, strict=True)]


def is_signed_half(errors: list[LogSum], r: fmpq) -> bool:
    """Whether the error is ``(2 x2 - 1)(2 F2(z) - 1) log(r)/2`` at every (x, z), decided."""
    signs = [(2 * x[1] - 1) * (2 * image[1] - 1) for x in POINTS for image in IMAGES]
    expected = [LogSum(fmpq(0), {r: fmpq(sign, 2)}) for sign in signs]
    return all((error - other).is_zero for error, other in zip(errors, expected, strict=True))


def enclosed(vaes: Mapping[fmpq, FiniteVAE], losses: list[arb]) -> dict[str, arb]:
    """The numbers of the certificate."""
    smallest, largest = losses[0], arb(0)
    for loss in losses:
        smallest = smallest.min(loss)
    for vae in vaes.values():
        largest = largest.max(abs(residual(vae)[0].ball()))
    return {QUANTITIES[0]: smallest, QUANTITIES[1]: largest}


@claim(
    "vae-error/example-a1-limit",
    instances=Instances(keys=keys, build=build),
    where=where(*GIVEN, RELATION, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def example_a1_limit(instance: Mapping[str, Any]) -> Verdict:
    """Example A.1 for growing a: gap <= a/(1 + e^a), every harmonium misses by a/2 (rms), alpha = (1 + e^a)^-2."""
    vaes = {r: example(r) for r in map(to_rational, instance["odds"])}
    for r, vae in vaes.items():
        if not is_signed_half(residual(vae), r) or vae.alpha != (1 + r) ** -2:
            return proved(False, reason=f"at odds {r} distance or alpha differ")

    def sheet() -> Sheet:
        losses = {r: vae.gap() for r, vae in vaes.items()}
        pairs = [(loss, arb(r).log() / (r + 1)) for r, loss in losses.items()]
        pairs += [(losses[n], losses[m]) for m in losses for n in losses if m < n]
        return Sheet(pairs, enclosed(vaes, list(losses.values())), strict=True)

    return certify(sheet)


@control(
    "vae-error/example-a1-limit",
    "bounded-distance",
    instances=Instances(keys=keys, build=build),
    where=where(*GIVEN, BOUNDED, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=BOUNDED,
    quantities=QUANTITIES,
)
def bounded_distance(instance: Mapping[str, Any]) -> Verdict:
    """The distance to the nearest harmonium stays below 1."""
    vaes = {r: example(r) for r in map(to_rational, instance["odds"])}

    def sheet() -> Sheet:
        pairs = [(abs(error.ball()), arb(1)) for vae in vaes.values() for error in residual(vae)]
        return Sheet(pairs, enclosed(vaes, [vae.gap() for vae in vaes.values()]))

    return certify(sheet)
