"""What the claims on finite models share: definitions, hypotheses, random tables, verdicts in exact arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from flint import arb, ctx, fmpq

from eftheory.analytic.infovae import Tables
from eftheory.exact.compare import decide_sign, is_canonical
from eftheory.exact.decide import START, enclosure, exactly
from eftheory.exact.draws import distribution
from eftheory.exact.finite import text
from eftheory.exact.loglinear import LogSum
from eftheory.exact.side import to_rational
from eftheory.verdict import Status, Verdict

Instance = Mapping[str, Any]
ZERO = fmpq(0)

MODEL = (
    "sum(pd[x] for x in each(pd)) == 1 and sum(prior[z] for z in each(prior)) == 1",
    "all(pd[x] > 0 for x in each(pd)) and all(prior[z] > 0 for z in each(prior))",
    "all(sum(decoder[x][z] for x in each(pd)) == 1 for z in each(prior))",
    "all(decoder[x][z] > 0 for x in each(pd) for z in each(prior))",
    "all(sum(encoder[x][z] for z in each(prior)) == 1 for x in each(pd))",
    "all(encoder[x][z] >= 0 for x in each(pd) for z in each(prior))",
)
"""Data, prior, decoder and encoder are distributions; the encoder may be deterministic."""
OWN = (
    "code(x, z) = pd[x]*encoder[x][z]",
    "model(x, z) = prior[z]*decoder[x][z]",
    "aggregate(z) = sum(code(x, z) for x in each(pd))",
    "marginal(x) = sum(model(x, z) for z in each(prior))",
    "known = sum(pd[x]*log(pd[x]) for x in each(pd))",
    "recon = sum(code(x, z)*log(decoder[x][z]) for x in each(pd) for z in each(prior))",
    "rate = sum(code(x, z)*log(encoder[x][z]/prior[z]) for x in each(pd) for z in each(prior) if code(x, z) != 0)",
    "beyond = sum(aggregate(z)*log(aggregate(z)/prior[z]) for z in each(prior) if aggregate(z) != 0)",
    "info = sum(code(x, z)*log(encoder[x][z]/aggregate(z)) for x in each(pd) for z in each(prior) if code(x, z) != 0)",
    "inverse = sum(code(x, z)*log(code(x, z)/aggregate(z)/decoder[x][z])"
    " for x in each(pd) for z in each(prior) if code(x, z) != 0)",
    "elbo = recon - rate",
)
"""``pd(x) q(z|x)`` and ``p(z) p(x|z)``; reconstruction, rate, KL(q(z)||p(z)), I(x;z), E KL(q(x|z)||p(x|z))."""


def read(instance: Instance) -> Tables:
    decoder, encoder = (table(instance[name]) for name in ("decoder", "encoder"))
    return Tables(vector(instance["pd"]), vector(instance["prior"]), decoder, encoder)


def as_instance(tables: Tables, **more: Any) -> dict[str, Any]:
    numbers = {"pd": tables.data, "prior": tables.prior, "decoder": tables.decoder, "encoder": tables.encoder, **more}
    return {name: text(value) for name, value in numbers.items()}


def vector(entries: Any) -> list[fmpq]:
    return [to_rational(entry) for entry in entries]


def table(rows: Any) -> list[list[fmpq]]:
    return [vector(row) for row in rows]


def random_tables(key: str, sizes: tuple[int, int]) -> Tables:
    """Random positive tables of shape `sizes`; every third encoder is deterministic."""
    rng = Random(key)
    x, z = sizes
    data, prior = distribution(rng, x), distribution(rng, z)
    decoder = columns([distribution(rng, x) for _ in range(z)])
    if rng.randrange(3) == 0:
        encoder: Sequence[Sequence[fmpq]] = [one_hot(rng.randrange(z), z) for _ in range(x)]
    else:
        encoder = [distribution(rng, z) for _ in range(x)]
    return Tables(data, prior, decoder, encoder)


def one_hot(place: int, size: int) -> list[fmpq]:
    return [fmpq(int(i == place)) for i in range(size)]


def columns(rows: Sequence[Sequence[fmpq]]) -> list[list[fmpq]]:
    return [list(column) for column in zip(*rows, strict=True)]


def exact_model(rng: Random, sizes: tuple[int, int]) -> Tables:
    """Tables with ``q(x,z) = p(x,z)``: the marginals and conditionals of one random joint."""
    x, z = sizes
    cells = distribution(rng, x * z)
    joint = [list(cells[i * z : (i + 1) * z]) for i in range(x)]
    data, prior = [sum(row, ZERO) for row in joint], [sum(column, ZERO) for column in columns(joint)]
    decoder = [[cell / p for cell, p in zip(row, prior, strict=True)] for row in joint]
    encoder = [[cell / p for cell in row] for row, p in zip(joint, data, strict=True)]
    return Tables(data, prior, decoder, encoder)


SIZES = ((2, 2), (2, 3), (3, 2), (4, 3), (3, 5))


def keys(label: str, quick: bool, counts: tuple[int, int] = (10, 200)) -> list[str]:
    """Random keys ``random/<x>x<z>/<label><i>`` through all `SIZES`."""
    count = counts[0] if quick else counts[1]
    return [f"random/{x}x{z}/{label}{i}" for i, (x, z) in ((i, SIZES[i % len(SIZES)]) for i in range(count))]


def sizes_of(key: str) -> tuple[int, int]:
    x, z = key.split("/")[1].split("x")
    return int(x), int(z)


# --- verdicts ---------------------------------------------------------------------------------------------------------


def decided(
    true: bool, *, reason: str, quantities: Mapping[str, fmpq | LogSum], exact: bool = True, note: str = ""
) -> Verdict:
    """PROVED (CERTIFIED where `exact` is False: a sign was needed) or REFUTED; quantities: rationals or log-linear."""
    found = {name: enclosed(value) for name, value in quantities.items()}
    named, bits = {name: each for name, (each, _) in found.items()}, max(used for _, used in found.values())
    verdict = exactly(true, reason=reason)
    statistics = {**verdict.statistics, "quantities": named, "precision": bits, "note": note}
    if true:
        return replace(verdict, status=Status.PROVED if exact else Status.CERTIFIED, statistics=statistics)
    return replace(verdict, witness={"reason": reason, **named}, statistics=statistics)


def enclosed(value: fmpq | LogSum) -> tuple[dict[str, Any], int]:
    """The canonical enclosure and the bits it took: 0 for a rational, also one that is written with logarithms."""
    if isinstance(value, LogSum) and not (value - LogSum(value.constant)).is_zero:
        for bits in START:
            with ctx.workprec(bits):
                ball = value.ball()
                if is_canonical(ball) or bits == START[-1]:
                    return enclosure(ball), bits
    number = value.constant if isinstance(value, LogSum) else value
    return enclosure(arb(number), number), 0


def sign_of(value: LogSum) -> int:
    """-1, 0 or 1; zero is decided in Q, the rest in balls."""
    return 0 if value.is_zero else decide_sign(value.ball)[0] or 0
