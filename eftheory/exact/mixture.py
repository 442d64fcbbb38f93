r"""Four normal components in the plane on a parallelogram: the counterexample to Corollary 2 (theory: section 2).

Means ``mu(z) = base + z1 a + z2 b`` in the order z = 00, 01, 10, 11, covariance ``s2 I``, component weights w.
A factorised encoder is tight exactly when the *interaction* ``log p00 p11 / (p01 p10)`` of the posterior vanishes for
every x; it is ``x . slope + offset``, rational but for the logarithm of the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations

from flint import arb, fmpq

from eftheory.errors import MisuseError
from eftheory.exact.compare import exact_fraction
from eftheory.exact.loglinear import LOGS, LogSum

Point = tuple[fmpq, fmpq]
LABELLINGS = tuple(permutations(range(4)))
"""Every way to give the four components the codes 00, 01, 10, 11."""
TWO_PI = fmpq(628318530717958648, 10**17)
"""Above ``2 pi = 6.283185307179586476...``: a density divided by it is bounded from below."""
GRID = 10**9
"""Lower bounds are whole parts of it."""


@dataclass(frozen=True)
class Parallelogram:
    """base, a, b: points of the plane; s2 > 0: the known variance. Raises MisuseError for a and b on one line."""

    base: Point
    a: Point
    b: Point
    s2: fmpq

    def __post_init__(self) -> None:
        if self.a[0] * self.b[1] == self.a[1] * self.b[0] or not self.s2 > 0:
            got = f"a = {self.a}, b = {self.b}, s2 = {self.s2}"
            raise MisuseError(wanted="independent sides and a positive variance", got=got, do="choose others")

    @cached_property
    def centres(self) -> tuple[Point, ...]:
        """``mu(00), mu(01), mu(10), mu(11)``."""
        (u, v), (a, c), (b, d) = self.base, self.a, self.b
        return ((u, v), (u + b, v + d), (u + a, v + c), (u + a + b, v + c + d))

    @property
    def side_product(self) -> fmpq:
        """``a . b``: zero exactly for a rectangle."""
        return self.a[0] * self.b[0] + self.a[1] * self.b[1]

    def interaction(self, labelling: Sequence[int], weights: Sequence[fmpq]) -> tuple[Point, LogSum]:
        """(slope, offset) of the posterior's interaction when code z names component ``labelling[z]``."""
        m = [self.centres[component] for component in labelling]
        slope = tuple((m[0][i] - m[1][i] - m[2][i] + m[3][i]) / self.s2 for i in range(2))
        squares = [x * x + y * y for x, y in m]
        constant = (squares[0] - squares[1] - squares[2] + squares[3]) / (2 * self.s2)
        w = [weights[component] for component in labelling]
        return (slope[0], slope[1]), LOGS.log(LOGS.number(w[0] * w[3] / (w[1] * w[2]))) - LOGS.number(constant)

    def factorises(self, labelling: Sequence[int], weights: Sequence[fmpq]) -> bool:
        """Whether the posterior under this labelling factorises over the two bits for every x, decided in Q."""
        slope, offset = self.interaction(labelling, weights)
        return all(entry == 0 for entry in slope) and offset.is_zero


@dataclass(frozen=True)
class Cells:
    """Square boxes ``corner + [i, i+1] x [j, j+1] * step``, i < columns, j < rows."""

    corner: Point
    step: fmpq
    columns: int
    rows: int

    def edges(self, i: int, j: int) -> tuple[tuple[fmpq, fmpq], tuple[fmpq, fmpq]]:
        """((left, right), (bottom, top))."""
        left, bottom = self.corner[0] + i * self.step, self.corner[1] + j * self.step
        return (left, left + self.step), (bottom, bottom + self.step)


def density(model: Parallelogram, x: Point) -> arb:
    """``sum_z exp(-|x - mu(z)|^2 / (2 s2)) / (4 TWO_PI s2)``, at most the density of x (uniform weights)."""
    return sum((_bump(model, centre, x, x) for centre in model.centres), arb(0))


def integrand(model: Parallelogram, x: Point) -> arb:
    """``density(x) delta(x)^2 / 2`` at a point; delta = p00 p11 - p01 p10 of the posterior (uniform weights)."""
    return _floor(model, (x[0], x[0]), (x[1], x[1]))


def floor(model: Parallelogram, cells: Cells, i: int, j: int) -> arb:
    """A number that ``density(x) delta(x)^2 / 2`` never falls below on cell (i, j)."""
    return _floor(model, *cells.edges(i, j))


def lower_table(model: Parallelogram, cells: Cells) -> list[list[fmpq]]:
    """For every cell the lower bound, rounded down to a whole part of `GRID`."""
    return [[_rounded(floor(model, cells, i, j)) for j in range(cells.rows)] for i in range(cells.columns)]


def _rounded(ball: arb) -> fmpq:
    # a millionth of a part below, so that another evaluation with other roundings finds it true as well
    below = exact_fraction((ball * GRID - arb(fmpq(1, 10**6))).lower())
    return fmpq(max(below.numerator // below.denominator, 0), GRID)


def _floor(model: Parallelogram, across: tuple[fmpq, fmpq], up: tuple[fmpq, fmpq]) -> arb:
    """Each factor at the corner of the box where it is smallest.

    ``delta = p00 p11 (1 - e^c)``, ``c = log p01 p10 / (p00 p11) = a.b / s2``, the same for every x; and
    ``p_c = 1 / sum_d exp(linear in x)``, each term largest at a corner.
    """
    low, high = (across[0], up[0]), (across[1], up[1])
    mass = sum((_bump(model, centre, low, high) for centre in model.centres), arb(0))
    twist = 1 - (arb(model.side_product) / arb(model.s2)).exp()
    delta = _share(model, 0, low, high) * _share(model, 3, low, high) * twist
    return mass * delta * delta / 2


def _bump(model: Parallelogram, centre: Point, low: Point, high: Point) -> arb:
    """The component's density at the point of the box that is farthest from its centre."""
    far = sum((max((low[i] - centre[i]) ** 2, (high[i] - centre[i]) ** 2) for i in range(2)), fmpq(0))
    return arb(-far / (2 * model.s2)).exp() / arb(4 * TWO_PI * model.s2)


def _share(model: Parallelogram, c: int, low: Point, high: Point) -> arb:
    """A lower bound of the posterior of component c on the box."""
    mine, total = model.centres[c], arb(0)
    for other in model.centres:
        tilt = sum((mine[i] ** 2 - other[i] ** 2 for i in range(2)), fmpq(0)) / 2
        tilt += sum((max((other[i] - mine[i]) * low[i], (other[i] - mine[i]) * high[i]) for i in range(2)), fmpq(0))
        total += arb(tilt / model.s2).exp()
    return 1 / total
