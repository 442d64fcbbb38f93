r"""The identities behind the bound, with symbols for every number.

For symbols W, b, m, T (symmetric) and both values of each bit, for the sizes named by the instances:

* *curvature*: ``1/4 - softplus'' = ((e^t - 1)/(e^t + 1))^2/4``, a square: softplus'' <= 1/4, and, integrated twice from
  0, where value and slope agree, ``softplus(t) <= log 2 + t/2 + t^2/8`` on the whole line;
* *forms*: ``log 2 + t/2 + t^2/8 - x t = 1/2 (y - t/2)^2 + log 2 - 1/2`` for x in {0, 1}, y = 2x - 1;
* *square*: the surrogate of N(m, T) is ``L(W, b) + KL(N(m, T) || N(mu*(x), Sigma*))``;
* *moments*: ``L(W, b)`` by k x k matrices and a mean over data is that by C and the moments of y;
* *value*: L at the closed form is ``d (log 2 - 1/2) + tr S/2 + (log l_1 + 1 - l_1)/2``, for k = 1, l_1 > 1 and any
  rotation of the eigenvectors, and stationary there.

The last three in a field of rational functions (`_field`), logarithms collected to one product that is 1. A symbolic
identity is no rational instance, so that this claim stands in the report and has no certificate; the other claims of
this folder certify the same on instances.
Reference: "A lower bound for the ELBO of the Bernoulli Variational Autoencoder", sections A.1, A.2; theory: section 8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import product

import sympy as sp

from eftheory.analytic import bernoulli_bound as bb
from eftheory.analytic.matrices import identity, inner, log_det, minus, trace, transpose
from eftheory.analytic.matrices import product as times
from eftheory.claims import Instances, claim, control
from eftheory.exact.arithmetic import SYMBOL
from eftheory.exact.decide import exactly
from eftheory.verdict import Verdict

from ._exactly import Instance
from ._field import Functions, Term

EIGHTH = Fraction(1, 8)
Table = list[list[Term]]


def curvature(size: str, eighth: Fraction) -> Iterator[bool]:
    r, t = sp.Symbol("r", positive=True), sp.Symbol("t", real=True)
    curve = bb.quadratic(t, on=SYMBOL) + SYMBOL.number(eighth - EIGHTH) * t**2
    soft = bb.softplus(t, on=SYMBOL)
    bend = sp.cancel(sp.diff(soft, t, 2).subs(sp.exp(t), r))  # at r = e^t
    yield sp.cancel(sp.diff(curve, t, 2) - bend - ((r - 1) / (r + 1)) ** 2 / 4) == 0
    yield all((sp.diff(curve, t, n) - sp.diff(soft, t, n)).subs(t, 0) == 0 for n in (0, 1))


def forms(size: str, eighth: Fraction) -> Iterator[bool]:
    t = sp.Symbol("t", real=True)
    curve = bb.quadratic(t, on=SYMBOL) + SYMBOL.number(eighth - EIGHTH) * t**2
    for x in (0, 1):
        yield sp.expand(curve - x * t - (2 * x - 1 - t / 2) ** 2 / 2 - bb.offset(1, on=SYMBOL)) == 0


def shape(size: str) -> tuple[int, int]:
    d, k = (int(part) for part in size.split("x"))
    return d, k


def table(on: Functions, name: str, rows: int, columns: int) -> Table:
    return [[on.symbols[f"{name}{r}{c}"] for c in range(columns)] for r in range(rows)]


def model(size: str) -> tuple[Functions, Table, list[Term], list[Term], Table]:
    """The arithmetic, W, b, m and T."""
    d, k = shape(size)
    wanted = {"w": (d, k), "b": (1, d), "m": (1, k), "a": (k, k)}
    on = Functions(
        *(f"{name}{r}{c}" for name, (rows, columns) in wanted.items() for r in range(rows) for c in range(columns))
    )
    W, (b,), (m,), A = (table(on, name, *sizes) for name, sizes in wanted.items())
    return on, W, b, m, [[A[max(i, j)][min(i, j)] for j in range(k)] for i in range(k)]


def square(size: str, eighth: Fraction) -> Iterator[bool]:
    on, W, b, m, T = model(size)
    best, P = bb.best_encoder(W, b, on=on), bb.precision(W, on=on)
    unit = minus(times(P, best.covariance), identity(len(P), on=on))
    yield all(entry.is_zero for row in unit for entry in row)
    for x in product((0, 1), repeat=len(b)):
        step = [[left - right] for left, right in zip(m, best.mean(x), strict=True)]
        far = trace(times(P, T)) + times(transpose(step), times(P, step))[0][0] - len(m)
        far = (far - log_det(P, on=on) - log_det(T, on=on)) / 2
        changed = (eighth - EIGHTH) * inner(times(W, T), W)
        yield (bb.surrogate(x, W, b, m, T, on=on) + changed - bb.bernoulli_bound([x], W, b, on=on) - far).is_zero


def moments(size: str, eighth: Fraction) -> Iterator[bool]:
    on, W, b, _, _ = model(size)
    d = len(b)
    x = [[n >> r & 1 for r in range(d)] for n in (0, 1, 1)]
    y = [[2 * bit - 1 for bit in row] for row in x]
    mean = [Fraction(sum(row[r] for row in y), 3) for r in range(d)]
    S = [[Fraction(sum(row[r] * row[s] for row in y), 3) - mean[r] * mean[s] for s in range(d)] for r in range(d)]
    halved = [[8 * eighth * entry for entry in row] for row in S]
    yield (bb.bernoulli_bound(x, W, b, on=on) - bb.bound_of_moments(mean, halved, W, b, on=on)).is_zero


def value(size: str, eighth: Fraction) -> Iterator[bool]:
    """Eigenvectors (c, s), (-s, c), c and s by u, the tangent of the half angle; l_1 = 1 + g^2, l_2 any."""
    on = Functions("g", "l", "u", "m", "n")
    g, smaller, u, *mean = on.symbols.values()
    c, s, larger = (1 - u * u) / (1 + u * u), 2 * u / (1 + u * u), 1 + g * g
    U = [[c, -s], [s, c]]
    S = [[U[i][0] * larger * U[t][0] + U[i][1] * smaller * U[t][1] for t in (0, 1)] for i in (0, 1)]
    W, b = [[2 * c * g], [2 * s * g]], [2 * entry for entry in mean]
    gain = 4 * eighth * (on.log(larger) + 1 - larger)
    yield (bb.bound_of_moments(mean, S, W, b, on=on) - bb.offset(2, on=on) - (larger + smaller) / 2 - gain).is_zero
    slopes, tilts = bb.gradient_of_moments(mean, S, W, b, on=on)
    yield all(entry.is_zero for row in [*slopes, tilts] for entry in row)


PARTS: dict[str, Callable[[str, Fraction], Iterator[bool]]] = {
    "curvature": curvature,
    "forms": forms,
    "square": square,
    "moments": moments,
    "value": value,
}
SIZES = {"square": ("1x1", "2x1", "1x2", "2x2"), "moments": ("1x1", "2x1", "2x2"), "value": ("2x1",)}


def listed(quick: bool) -> list[str]:
    return [f"{part}/{size}" for part in PARTS for size in SIZES.get(part, ("1x1",)) if size != "2x2" or not quick]


INSTANCES = Instances(keys=listed, build=lambda key: dict(zip(("part", "size"), key.split("/"), strict=True)))


def check(instance: Instance, eighth: Fraction) -> Verdict:
    """Whether every identity of the part holds, with `eighth` for 1/8."""
    found = list(PARTS[instance["part"]](instance["size"], eighth))
    return exactly(
        all(found), scope="all values of the symbols", reason=f"{sum(found)} of {len(found)} identities hold"
    )


@claim("bernoulli-bound/symbolic", instances=INSTANCES)
def symbolic(instance: Instance) -> Verdict:
    """softplus'' <= 1/4 by a square, the two forms of the bound, the best encoder, the closed form: as symbols."""
    return check(instance, EIGHTH)


@control("bernoulli-bound/symbolic", "ninth", instances=INSTANCES)
def ninth(instance: Instance) -> Verdict:
    """The same with 1/9 for 1/8."""
    return check(instance, Fraction(1, 9))
