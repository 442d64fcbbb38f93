r"""Section 3.1, decoder variance depending on z: a consistent joint need not be Gaussian, and may have two modes.

.. math:: \log p(x,z) = \sum_{i,j=0}^2 m_{ij} x^i z^j,\quad m_{22} < 0,\ 4 m_{22} m_{02} > m_{12}^2,\
          4 m_{22} m_{20} > m_{21}^2

Hypotheses: scalar x and z, normal decoder and encoder with mean and variance. Both conditionals are normal everywhere,
with natural parameters affine in (z, z^2) and (x, x^2). Shekhovtsov, Schlesinger, Flach (2022), section 3.1, below
eq. (10), after Arnold, Castillo and Sarabia (2001); theory: section 2 (b), class (ii). In Q: the square that keeps the
variances positive at every z and x, the conditionals at the points of a grid (polynomial identities of degree two in
each variable, hence everywhere), and two critical points of the density with negative definite second derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from flint import fmpq

from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.finite import rationals, text
from eftheory.verdict import Verdict

from ._exactly import ZERO, Instance, Table, decided

GIVEN = (
    "m[2][2] < 0",
    "4*m[2][2]*m[0][2] > m[1][2]**2",
    "4*m[2][2]*m[2][0] > m[2][1]**2",
    "all(grid[s] != grid[t] for s in each(grid) for t in each(grid) if s != t)",
    "sum(1 for s in each(grid)) == 5",
    "modes[0][0] != modes[1][0] or modes[0][1] != modes[1][1]",
)
OWN = (
    "density(x, z) = sum(m[i][j]*x**i*z**j for i in each(m) for j in each(m))",
    "curve(z) = sum(m[2][j]*z**j for j in each(m))",
    "lean(z) = sum(m[1][j]*z**j for j in each(m))",
    "bow(x) = sum(m[i][2]*x**i for i in each(m))",
    "tilt(x) = sum(m[i][1]*x**i for i in each(m))",
    "decoded(x, z) = -(x - lean(z)/(-2*curve(z)))**2/(2*(1/(-2*curve(z))))",
    "encoded(x, z) = -(z - tilt(x)/(-2*bow(x)))**2/(2*(1/(-2*bow(x))))",
    "mixed(x, z) = m[1][1] + 2*m[1][2]*z + 2*m[2][1]*x + 4*m[2][2]*x*z",
)
POSITIVE_VARIANCES = (
    "all(4*m[2][2]*curve(grid[t]) == (2*m[2][2]*grid[t] + m[2][1])**2 + 4*m[2][2]*m[2][0] - m[2][1]**2"
    " and 4*m[2][2]*bow(grid[t]) == (2*m[2][2]*grid[t] + m[1][2])**2 + 4*m[2][2]*m[0][2] - m[1][2]**2"
    " and curve(grid[t]) < 0 and bow(grid[t]) < 0 for t in each(grid))"
)
NORMAL_CONDITIONALS = (
    "all(density(grid[s], grid[t]) - density(0, grid[t]) == decoded(grid[s], grid[t]) - decoded(0, grid[t])"
    " and density(grid[s], grid[t]) - density(grid[s], 0) == encoded(grid[s], grid[t]) - encoded(grid[s], 0)"
    " for s in each(grid) for t in each(grid))"
)
TWO_MODES = (
    "all(lean(modes[t][1]) + 2*curve(modes[t][1])*modes[t][0] == 0"
    " and tilt(modes[t][0]) + 2*bow(modes[t][0])*modes[t][1] == 0"
    " and 4*curve(modes[t][1])*bow(modes[t][0]) > mixed(modes[t][0], modes[t][1])**2 for t in each(modes))"
)
RELATION = f"{POSITIVE_VARIANCES} and {NORMAL_CONDITIONALS} and {TWO_MODES}"
BALANCE = "density(modes[0][0], modes[0][1]) - density(modes[1][0], modes[1][1])"
QUANTITIES = (BALANCE, "mixed(0, 0) - mixed(1, 1)")
GAUSSIAN = "all(mixed(modes[0][0], modes[0][1]) == mixed(grid[s], grid[t]) for s in each(grid) for t in each(grid))"
LOOSE = ("m[2][2] < 0", "4*m[2][2]*m[0][2] > m[1][2]**2")
POSITIVE_AT = "all(curve(grid[t]) < 0 for t in each(grid))"


def listed(quick: bool) -> list[str]:
    return ["fixed/gelman-meng", *(f"random/{i}" for i in range(12 if quick else 200))]


def build(key: str) -> Instance:
    """``-(x^2 z^2 + x^2 + z^2)/2 + (r + 1/r)(x + z)``, with modes (r, 1/r) and (1/r, r), moved and stretched."""
    rng = Random(key)
    fixed = key.startswith("fixed")
    r = fmpq(2) if fixed else fmpq(rng.randint(4, 19), 3)
    level = r + 1 / r
    m = [[ZERO, level, fmpq(-1, 2)], [level, ZERO, ZERO], [fmpq(-1, 2), ZERO, fmpq(-1, 2)]]
    modes = [[r, 1 / r], [1 / r, r]]
    if not fixed:
        moves = [
            (fmpq(rng.randint(-4, 4), 3), rng.choice((-1, 1)) * fmpq(rng.randint(1, 5), rng.randint(1, 5)))
            for _ in "xz"
        ]
        (a, s), (b, t) = moves
        m = moved(m, a, s, b, t)
        modes = [[(x - a) / s, (z - b) / t] for x, z in modes]
    return {"m": text(m), "modes": text(modes), "grid": text([fmpq(i, 2) for i in (-3, -1, 0, 2, 5)])}


def moved(m: Table, a: fmpq, s: fmpq, b: fmpq, t: fmpq) -> list[list[fmpq]]:
    """The coefficients of ``P(a + s x, b + t z)``."""
    left, right = ([[fmpq(1), ZERO, ZERO], [c, d, ZERO], [c * c, 2 * c * d, d * d]] for c, d in ((a, s), (b, t)))
    size = range(3)
    return [[sum((m[i][j] * left[i][k] * right[j][n] for i in size for j in size), ZERO) for n in size] for k in size]


def polynomial(coefficients: Sequence[fmpq], at: fmpq) -> fmpq:
    return sum((c * at**i for i, c in enumerate(coefficients)), ZERO)


class Joint:
    """The log-density ``sum m_ij x^i z^j`` of an instance, its conditionals and its derivatives."""

    def __init__(self, instance: Instance) -> None:
        self.m = rationals(instance["m"])
        self.columns = list(zip(*self.m, strict=True))
        (self.grid,) = rationals([instance["grid"]])
        self.modes = rationals(instance["modes"]) if "modes" in instance else ()

    def density(self, x: fmpq, z: fmpq) -> fmpq:
        return polynomial([polynomial(row, z) for row in self.m], x)

    def mixed(self, x: fmpq, z: fmpq) -> fmpq:
        return sum((i * j * self.m[i][j] * x ** (i - 1) * z ** (j - 1) for i in (1, 2) for j in (1, 2)), ZERO)

    def conditional_of_x(self, z: fmpq) -> tuple[fmpq, fmpq]:
        """(mean, variance) of x given z."""
        return _normal(polynomial(self.m[1], z), polynomial(self.m[2], z))

    def conditional_of_z(self, x: fmpq) -> tuple[fmpq, fmpq]:
        return _normal(polynomial(self.columns[1], x), polynomial(self.columns[2], x))

    def is_mode(self, x: fmpq, z: fmpq) -> bool:
        """Each coordinate is the conditional mean given the other, and the second derivatives are negative definite."""
        (mean_x, var_x), (mean_z, var_z) = self.conditional_of_x(z), self.conditional_of_z(x)
        curved = var_x > 0 and var_z > 0 and 1 / (var_x * var_z) > self.mixed(x, z) ** 2
        return bool(x == mean_x and z == mean_z and curved)

    def is_normal_in_x(self, z: fmpq) -> bool:
        mean, variance = self.conditional_of_x(z)
        shape = [-((x - mean) ** 2) / (2 * variance) - self.density(x, z) for x in self.grid]
        return bool(variance > 0 and all(value == shape[0] for value in shape))

    def is_normal_in_z(self, x: fmpq) -> bool:
        mean, variance = self.conditional_of_z(x)
        shape = [-((z - mean) ** 2) / (2 * variance) - self.density(x, z) for z in self.grid]
        return bool(variance > 0 and all(value == shape[0] for value in shape))


def _normal(linear: fmpq, square: fmpq) -> tuple[fmpq, fmpq]:
    return -linear / (2 * square), -1 / (2 * square)


INSTANCES = Instances(keys=listed, build=build)


def numbers(joint: Joint) -> dict[str, fmpq]:
    (x0, z0), (x1, z1) = joint.modes
    zero, one = fmpq(0), fmpq(1)
    return {
        BALANCE: joint.density(x0, z0) - joint.density(x1, z1),
        QUANTITIES[1]: joint.mixed(zero, zero) - joint.mixed(one, one),
    }


@claim(
    "vae-error/sec-3-1-variance",
    instances=INSTANCES,
    where=where(*GIVEN, RELATION, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def variance(instance: Instance) -> Verdict:
    """With a decoder variance that depends on z a consistent joint can have two modes, its conditionals normal."""
    joint = Joint(instance)
    normal = all(joint.is_normal_in_x(at) and joint.is_normal_in_z(at) for at in joint.grid)
    true = normal and all(joint.is_mode(x, z) for x, z in joint.modes)
    return decided(true, instance, reason="normal conditionals and two modes, in Q", quantities=numbers(joint))


@control(
    "vae-error/sec-3-1-variance",
    "gaussian-joint",
    instances=INSTANCES,
    where=where(*GIVEN, GAUSSIAN, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=GAUSSIAN,
    quantities=QUANTITIES,
)
def gaussian_joint(instance: Instance) -> Verdict:
    """The joint is not Gaussian: its mixed second derivative is not constant."""
    joint = Joint(instance)
    first = joint.mixed(*joint.modes[0])
    true = all(joint.mixed(x, z) == first for x in joint.grid for z in joint.grid)
    return decided(true, instance, reason="the mixed derivative on a grid", quantities=numbers(joint))


def loose_keys(quick: bool) -> list[str]:
    return [f"random/{i}" for i in range(3 if quick else 12)]


def build_loose(key: str) -> Instance:
    """``4 m22 m20 < m21^2``: at ``z = -m21/(2 m22)`` the decoder has no variance."""
    rng = Random(key)
    m = [[fmpq(rng.randint(-6, 6), 2) for _ in range(3)] for _ in range(3)]
    m[2][2] = -fmpq(rng.randint(1, 6), 2)
    m[0][2] = m[1][2] ** 2 / (4 * m[2][2]) - 1
    m[2][0] = m[2][1] ** 2 / (4 * m[2][2]) + fmpq(rng.randint(1, 4), 3)
    return {"m": text(m), "grid": text([-m[2][1] / (2 * m[2][2])])}


@control(
    "vae-error/sec-3-1-variance",
    "discriminant-dropped",
    instances=Instances(keys=loose_keys, build=build_loose),
    where=where(*LOOSE, POSITIVE_AT, "curve(grid[0])", own=OWN),
    given=LOOSE,
    relation=POSITIVE_AT,
    quantities=("curve(grid[0])",),
)
def discriminant_dropped(instance: Instance) -> Verdict:
    """Without the condition on the discriminant the decoder's variance is not positive for some z."""
    joint = Joint(instance)
    values = [polynomial(joint.m[2], z) for z in joint.grid]
    reason = "the coefficient of x^2"
    return decided(all(v < 0 for v in values), instance, reason=reason, quantities={"curve(grid[0])": values[0]})
