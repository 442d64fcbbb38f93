r"""A certified positive gap at the true model of the counterexample to Corollary 2.

Four normal components with centres on a parallelogram, uniform weights, known variance, factorised encoder: with
$\delta = p_{00}p_{11} - p_{01}p_{10}$ of the posterior at x, $KL(q\|p) \ge \delta^2/2$ for every factorised q
(`two_bit_gap`), so $\epsilon \ge \int p(x)\delta(x)^2/2\,dx \ge \sum_{cells} |cell| \min_{cell} p\,\delta^2/2 > 0$. The
instance holds a rational lower bound for every cell; the relation checks each on its cell, in intervals, and that their
sum is positive. The density is divided by 6.28318530717958648 > 2 pi, hence too small. Not tight (theory: section 2).

Beside it, in the note, numbers without proof: the gap of the best factorised encoder at the true model, and the best
ELBO by variational EM, how far it stays below the largest log-likelihood and the gap there, with the uniform prior and
with a free one (theory.md quotes 0.0151 and 0.0019 for another parallelogram).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from flint import arb, ctx, fmpq

from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.decide import Sheet, certify, exactly
from eftheory.exact.finite import text
from eftheory.exact.mixed import with_exact
from eftheory.exact.mixture import Cells, Parallelogram, density, floor, integrand, lower_table
from eftheory.exact.side import to_rational
from eftheory.verdict import Status, Verdict

GIVEN = (
    "0 < s2 and 0 < step",
    "sum(1 for c in each(centre)) == 4",
    "all(centre[0][i] + centre[3][i] == centre[1][i] + centre[2][i] for i in each(corner))",
)
OWN = (
    "bump(c, s, t) = exp(-((s - centre[c][0])**2 + (t - centre[c][1])**2)/(2*s2))/(4*6.28318530717958648*s2)",
    "density(s, t) = sum(bump(c, s, t) for c in each(centre))",
    "square(c) = centre[c][0]**2 + centre[c][1]**2",
    "tilt(c, d, s, t) = ((centre[d][0] - centre[c][0])*s + (centre[d][1] - centre[c][1])*t"
    " - (square(d) - square(c))/2)/s2",
    "share(c, s, t) = 1/sum(exp(tilt(c, d, s, t)) for d in each(centre))",
    "twist = (square(0) + square(3) - square(1) - square(2))/(2*s2)",
    "delta(s, t) = share(0, s, t)*share(3, s, t)*(1 - exp(twist))",
    "across(i) = span(corner[0] + i*step, corner[0] + (i + 1)*step)",
    "up(j) = span(corner[1] + j*step, corner[1] + (j + 1)*step)",
    "certain = step**2*sum(low[i][j] for i in each(low) for j in each(low[i]))",
)
RELATION = (
    "all(low[i][j] <= density(across(i), up(j))*delta(across(i), up(j))**2/2 for i in each(low) for j in each(low[i]))"
    " and 0 < certain"
)
QUANTITIES = ("certain", "twist", "density(corner[0], corner[1])")
DEFINITIONS = where(*GIVEN, RELATION, *QUANTITIES, own=OWN)
SQUARE_CORNERED = "twist == 0"
TENFOLD = (
    "all(10*low[i][j] <= density(across(i), up(j))*delta(across(i), up(j))**2/2"
    " for i in each(low) for j in each(low[i]))"
)
SHAPES = {  # base, a, b, s2
    "plain": ((0, 0), (2, 0), (1, 2), fmpq(1)),
    "narrow": ((0, 0), (2, 0), (1, 1), fmpq(1)),
    "sharp": ((0, 0), (2, 0), (1, 2), fmpq(1, 2)),
}
RECTANGLE = ((0, 0), (2, 0), (0, 2), fmpq(1))
MARGIN = 1
"""The boxes reach this far beyond the centres."""


def shape(base: Any, a: Any, b: Any, s2: fmpq) -> Parallelogram:
    corner, first, second = ((fmpq(x), fmpq(y)) for x, y in (base, a, b))
    return Parallelogram(corner, first, second, s2)


def keys(quick: bool) -> list[str]:
    return ["fixed/plain/4"] if quick else [f"fixed/{name}/{n}" for name in SHAPES for n in (4, 8)]


def cover(model: Parallelogram, cuts: int) -> Cells:
    """Square cells, `cuts` for a unit of length, over the centres and a margin."""
    lows, highs = zip(*((min(axis), max(axis)) for axis in zip(*model.centres, strict=True)), strict=True)
    columns, rows = (int(high - low + 2 * MARGIN) * cuts for low, high in zip(lows, highs, strict=True))
    return Cells((lows[0] - MARGIN, lows[1] - MARGIN), fmpq(1, cuts), columns, rows)


def build(key: str) -> dict[str, Any]:
    _, name, cuts = key.split("/")
    model = shape(*SHAPES[name])
    cells = cover(model, int(cuts))
    with ctx.workprec(128):
        return as_instance(model, cells, lower_table(model, cells))


def as_instance(model: Parallelogram, cells: Cells, low: list[list[fmpq]]) -> dict[str, Any]:
    return {
        "centre": text(list(model.centres)),
        "s2": str(model.s2),
        "corner": text(cells.corner),
        "step": str(cells.step),
        "low": text(low),
    }


def read(instance: Mapping[str, Any]) -> tuple[Parallelogram, Cells, list[list[fmpq]]]:
    c = [tuple(to_rational(entry) for entry in row) for row in instance["centre"]]
    sides = [(c[k][0] - c[0][0], c[k][1] - c[0][1]) for k in (2, 1)]
    model = Parallelogram((c[0][0], c[0][1]), sides[0], sides[1], to_rational(instance["s2"]))
    low = [[to_rational(entry) for entry in row] for row in instance["low"]]
    corner = [to_rational(entry) for entry in instance["corner"]]
    return model, Cells((corner[0], corner[1]), to_rational(instance["step"]), len(low), len(low[0])), low


def decide(instance: Mapping[str, Any], *, tenfold: bool = False) -> Verdict:
    """Every cell in balls: its bound against what the integrand never falls below; ten times it against a value."""
    model, cells, low = read(instance)
    indices = [(i, j) for i in range(cells.columns) for j in range(cells.rows)]
    certain = cells.step**2 * sum((entry for row in low for entry in row), fmpq(0))
    if not certain > 0:
        return exactly(False, reason="the bounds add up to nothing", quantities={"certain": certain})

    def sheet() -> Sheet:
        if tenfold:
            pairs = [(arb(10 * low[i][j]), _middle(model, cells, i, j)) for i, j in indices]
        else:
            pairs = [(arb(low[i][j]), floor(model, cells, i, j)) for i, j in indices]
        return Sheet(pairs, {QUANTITIES[2]: density(model, cells.corner)})

    verdict = certify(sheet)
    exact: dict[str, fmpq | int] = {"certain": certain, "twist": model.side_product / model.s2}
    return with_exact(verdict, exact)


def _middle(model: Parallelogram, cells: Cells, i: int, j: int) -> arb:
    (left, right), (bottom, top) = cells.edges(i, j)
    return integrand(model, ((left + right) / 2, (bottom + top) / 2))


@claim(
    "vae-error/cor-2-gap",
    instances=Instances(keys=keys, build=build),
    where=DEFINITIONS,
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def cor_2_gap(instance: Mapping[str, Any]) -> Verdict:
    """The counterexample to Corollary 2 has a certified positive gap at the true model."""
    verdict = decide(instance)
    if verdict.status is not Status.CERTIFIED:
        return verdict
    model, cells, low = read(instance)
    certain = cells.step**2 * sum((entry for row in low for entry in row), fmpq(0))
    note, gap = by_optimisation(tuple((float_of(x), float_of(y)) for x, y in model.centres), float_of(model.s2))
    ratio = float_of(certain) / gap
    statistics = {**verdict.statistics, "ratio": ratio, "note": f"certified {float_of(certain):.6f}; {note}"}
    return replace(verdict, statistics=statistics)


def float_of(number: fmpq) -> float:
    return int(number.p) / int(number.q)


@cache
def by_optimisation(centres: tuple[tuple[float, float], ...], s2: float) -> tuple[str, float]:
    """What floats say, in words, and the gap of the best encoder at the true model."""
    from eftheory.exact.mixture_em import at_truth, best_elbo, problem

    given = problem(centres, s2)
    truth = at_truth(given)
    fixed, free = (best_elbo(given, free_prior=flag, starts=3, iterations=150) for flag in (False, True))
    note = (
        f"numerical, by optimisation, no proof: gap {truth.gap:.6f} at the true model; best ELBO found below the "
        f"largest log-likelihood by {fixed.shortfall:.6f} (gap there {fixed.gap:.6f}) with the uniform prior, by "
        f"{free.shortfall:.6f} (gap {free.gap:.6f}) with a free prior"
    )
    return note, truth.gap


def rectangle(key: str) -> dict[str, Any]:
    """The smallest bounds that say anything, on a rectangle."""
    model = shape(*RECTANGLE)
    cells = cover(model, 1)
    return as_instance(model, cells, [[fmpq(1, 10**9)] * cells.rows] * cells.columns)


@control(
    "vae-error/cor-2-gap",
    "rectangle",
    instances=Instances(keys=lambda quick: ["fixed/rectangle"], build=rectangle),
    where=DEFINITIONS,
    given=(*GIVEN, SQUARE_CORNERED),
    relation=RELATION,
    quantities=QUANTITIES,
)
def on_a_rectangle(instance: Mapping[str, Any]) -> Verdict:
    """A rectangle (a.b = 0) is tight: no positive bound holds anywhere."""
    return decide(instance)


def in_the_middle(key: str) -> dict[str, Any]:
    """Small cells, on which the integrand varies little, in the middle of the parallelogram."""
    model = shape(*SHAPES["plain"])
    middle = [(p + q) / 2 for p, q in zip(model.centres[0], model.centres[3], strict=True)]
    cells = Cells((middle[0], middle[1]), fmpq(1, 16), 4, 4)
    with ctx.workprec(128):
        return as_instance(model, cells, lower_table(model, cells))


@control(
    "vae-error/cor-2-gap",
    "tenfold",
    instances=Instances(keys=lambda quick: ["fixed/middle"], build=in_the_middle),
    where=DEFINITIONS,
    given=GIVEN,
    relation=TENFOLD,
    quantities=QUANTITIES,
)
def ten_times_larger(instance: Mapping[str, Any]) -> Verdict:
    """Ten times the certified bounds."""
    return decide(instance, tenfold=True)
