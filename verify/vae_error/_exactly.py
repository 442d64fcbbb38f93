"""What the claims that are decided in Q share: hypotheses in the certificates' language, weights, verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from flint import arb, ctx, fmpq, fmpq_mat

from eftheory.exact.compare import decide_sign, is_canonical
from eftheory.exact.decide import START, enclosure, exactly
from eftheory.exact.finite import FiniteVAE, text
from eftheory.exact.linear import nullspace, primitive
from eftheory.exact.loglinear import LogSum
from eftheory.exact.side import Side
from eftheory.exact.tables import monomial
from eftheory.verdict import Status, Verdict

Instance = Mapping[str, Any]
Table = Sequence[Sequence[fmpq]]
ONE, ZERO = fmpq(1), fmpq(0)

DISTRIBUTIONS = (
    "sum(pd[x] for x in each(pd)) == 1",
    "all(pd[x] > 0 for x in each(pd))",
    "sum(prior[z] for z in each(prior)) == 1",
    "all(prior[z] > 0 for z in each(prior))",
)
POSITIVE = (
    "all(h[x] > 0 for x in each(pd))",
    "all(k[z] > 0 for z in each(prior))",
    "all(theta[z][i] > 0 for z in each(prior) for i in each(theta[z]))",
)
ENCODER = ("all(gamma[x][j] > 0 for x in each(pd) for j in each(gamma[x]))",)
MINIMAL_NU = (
    "all(sum(dx[j][x] for x in each(pd)) == 0 for j in each(nu[0]))",
    "all(sum(dx[j][x]*nu[x][j] for x in each(pd)) == sx[j] for j in each(nu[0]))",
    "all(sx[j] != 0 for j in each(nu[0]))",
    "all(sum(dx[j][x]*nu[x][i] for x in each(pd)) == 0 for j in each(nu[0]) for i in each(nu[0]) if i != j)",
)
"""Each column of nu is seen by weights that see no other column, nor 1: with 1, they are linearly independent."""
MINIMAL_PSI = (
    "all(sum(dz[j][z] for z in each(prior)) == 0 for j in each(psi[0]))",
    "all(sum(dz[j][z]*psi[z][j] for z in each(prior)) == sz[j] for j in each(psi[0]))",
    "all(sz[j] != 0 for j in each(psi[0]))",
    "all(sum(dz[j][z]*psi[z][i] for z in each(prior)) == 0 for j in each(psi[0]) for i in each(psi[0]) if i != j)",
)
ANNIHILATES = (
    "all(sum(b[i][z] for z in each(prior)) == 0 for i in each(b))",
    "all(sum(b[i][z]*psi[z][j] for z in each(prior)) == 0 for i in each(b) for j in each(psi[0]))",
)
SPANS = (
    "all(any(b[i][z] != 0 and all(b[l][z] == 0 for l in each(b) if l != i) for z in each(prior))"
    " for i in each(b) if any(b[i][z] != 0 for z in each(prior)))",
    "sum(1 for i in each(b) if any(b[i][z] != 0 for z in each(prior)))"
    " == sum(1 for z in each(prior)) - sum(1 for j in each(psi[0])) - 1",
)
"""As many independent weights as the space of all annihilators of (1, psi) has dimensions, so b spans it.

A family that is complete, so that nothing annihilates it, has one row of zeros.
"""
CONTRAST = "contrast(x, i) = prod((post(x, z)/k[z])**b[i][z] for z in each(prior))"
IN_FAMILY = "all(contrast(x, i) == 1 for x in each(pd) for i in each(b))"
OUTSIDE = "any(contrast(x, i) != 1 for x in each(pd) for i in each(b))"
TIGHT = "all(q(x, z) == post(x, z) for x in each(pd) for z in each(prior))"
DENSITY = "sum(joint(x, z)/(h[x]*k[z]) for x in each(pd) for z in each(prior))"
VIOLATION = "sum((contrast(x, i) - 1)**2 for x in each(pd) for i in each(b))"


def decided(
    true: bool,
    instance: Instance,
    *,
    reason: str,
    quantities: Mapping[str, fmpq | LogSum] | None = None,
    note: str = "",
    exact: bool = True,
) -> Verdict:
    """PROVED (CERTIFIED where `exact` is False: a sign was needed) or REFUTED; quantities: rationals or log-linear."""
    named, bits = {}, 0
    for name, value in (quantities or {}).items():
        named[name], used = enclosed(value)
        bits = max(bits, used)
    verdict = exactly(true, reason=reason)
    more = {**verdict.statistics, "quantities": named, "precision": bits, "note": note}
    if true:
        return replace(verdict, status=Status.PROVED if exact else Status.CERTIFIED, statistics=more)
    return replace(verdict, witness={"reason": reason, **named}, statistics=more)


def enclosed(value: fmpq | LogSum) -> tuple[dict[str, Any], int]:
    """The canonical enclosure and the bits it took: 0 for a rational, also one written with logarithms."""
    if isinstance(value, LogSum):
        if not (value - LogSum(value.constant)).is_zero:
            ball, bits = arb(0), 0
            for bits in START:
                with ctx.workprec(bits):
                    ball = value.ball()
                    if is_canonical(ball):
                        break
            with ctx.workprec(bits):
                return enclosure(ball), bits
        value = value.constant
    return enclosure(arb(value), value), 0


def sign_of(value: LogSum) -> int:
    """-1, 0 or 1; zero is decided in Q, the rest in balls."""
    return 0 if value.is_zero else decide_sign(value.ball)[0] or 0


def echelon(functions: Sequence[Sequence[fmpq]]) -> list[list[int]]:
    """A basis of the integer weights that annihilate the functions (rows, over points); each has a point of its own."""
    return [primitive(vector) for vector in nullspace(functions)]


def annihilating(space: Side) -> list[list[int]]:
    """`echelon` for ``(1, statistics)`` of one side; a row of zeros where nothing annihilates them."""
    return echelon([list(row) for row in zip(*space.bordered, strict=True)]) or [[0] * space.count]


def duals(space: Side) -> tuple[list[list[int]], list[fmpq]]:
    """Integer weights d_j with ``d_j . 1 = 0``, ``d_j . s_i = 0`` for i != j, and ``d_j . s_j``; every point counts.

    They are multiples of the rows of ``(N'N)^-1 N'``, N the rows (statistics, 1).
    """
    n = fmpq_mat(space.bordered)
    rows = ((n.transpose() * n).inv() * n.transpose()).tolist()[:-1]
    whole = [primitive(row) for row in rows]
    return whole, [
        sum((w * s[j] for w, s in zip(weights, space.statistics, strict=True)), ZERO) for j, weights in enumerate(whole)
    ]


def minimality(vae: FiniteVAE) -> dict[str, Any]:
    """The fields dx, sx, dz, sz: both sides are minimal."""
    (dx, sx), (dz, sz) = duals(vae.x), duals(vae.z)
    return {"dx": text(dx), "sx": text(sx), "dz": text(dz), "sz": text(sz)}


def without(vae: FiniteVAE, *names: str) -> dict[str, Any]:
    """The instance without some fields."""
    return {name: value for name, value in vae.as_dict().items() if name not in names}


def read(instance: Instance, **changes: Any) -> FiniteVAE:
    """The finite VAE; where an encoder is no part of the instance, any will do."""
    fields = {**instance, **changes}
    fields.setdefault("gamma", [["1"] * len(fields["psi"][0])] * len(fields["pd"]))
    return FiniteVAE.from_dict(fields)


def integers(rows: Any) -> list[list[int]]:
    """The weights of an instance."""
    return [[int(entry) for entry in row] for row in rows]


def contrasts(table: Table, base: Sequence[fmpq], weights: Sequence[Sequence[int]]) -> list[fmpq]:
    """``prod_z (table[x][z]/base[z])^b_z`` for every x and b."""
    return [
        monomial([p / k for p, k in zip(row, base, strict=True)], [fmpq(w) for w in b])
        for row in table
        for b in weights
    ]


def density(vae: FiniteVAE) -> fmpq:
    """``sum_{x,z} p(x,z)/(h(x) k(z))``: a number that every odd of the joint moves."""
    return sum(
        (
            p / (h * k)
            for row, h in zip(vae.joint, vae.x.base, strict=True)
            for p, k in zip(row, vae.z.base, strict=True)
        ),
        ZERO,
    )


def squared_distance_from_one(numbers: Sequence[fmpq]) -> fmpq:
    return sum(((number - 1) ** 2 for number in numbers), ZERO)


def with_prior(vae: FiniteVAE, prior: Sequence[fmpq]) -> FiniteVAE:
    """The same decoder and encoder under another prior, normalised here."""
    total = sum(prior, ZERO)
    return replace(vae, prior=tuple(p / total for p in prior))


def random_prior(rng: Random, count: int) -> tuple[fmpq, ...]:
    """Positive weights, no two alike in a way that a small family would fit."""
    weights = [rng.randint(2, 40) for _ in range(count)]
    return tuple(fmpq(w, sum(weights)) for w in weights)


def logs(constant: fmpq | int = 0) -> LogSum:
    return LogSum(fmpq(constant))
