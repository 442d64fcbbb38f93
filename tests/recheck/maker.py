"""Certificates made by other means than the checker's: Fractions, mpmath's plain floats with many digits, Decimal."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from hashlib import sha256
from itertools import product
from math import prod
from typing import Any

import pytest
from mpmath import mp, mpf

from eftheory.recheck import FORMULAS, Refused, check

LINEAR = "vae-error/prop-a2-linear"
INSTANCE: dict[str, Any] = {  # 3 observations, one of probability zero; 2 codes; the encoder is off by a little
    "h": ["1", "2", "1"],
    "nu": [["0"], ["1"], ["2"]],
    "theta": [["1/2"], ["3"]],
    "prior": ["2/5", "3/5"],
    "k": ["1", "1"],
    "psi": [["0"], ["1"]],
    "gamma": [["7/13"], ["16/5"], ["19"]],
    "pd": ["1/4", "3/4", "0"],
    "alpha": "1/25",
}


def seal(rest: Mapping[str, Any]) -> dict[str, Any]:
    """The certificate with the sha256 that its other fields call for."""
    rest = {key: copy.deepcopy(value) for key, value in rest.items() if key != "sha256"}
    return {**rest, "sha256": sha256(text_of(rest).encode()).hexdigest()}


def text_of(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def rounded(value: Fraction | mpf) -> dict[str, Any]:
    """20 significant digits, down and up."""
    exact = value if isinstance(value, Fraction) else exactly(value)
    ends = []
    for rounding in (ROUND_FLOOR, ROUND_CEILING):
        digits = Context(prec=20, rounding=rounding).divide(Decimal(exact.numerator), Decimal(exact.denominator))
        sign, mantissa, exponent = digits.as_tuple()
        missing = 20 - len(mantissa)
        padded = Decimal((sign, (*mantissa, *[0] * missing), int(exponent) - missing))
        ends.append("0" if digits == 0 else str(padded))
    return {"lower": ends[0], "upper": ends[1], "digits": 20}


def exactly(value: mpf) -> Fraction:
    """The dyadic rational that a float of mpmath is."""
    magnitude = Fraction(int(value.man)) * Fraction(2) ** int(value.exp)
    return -magnitude if value < 0 else magnitude


def numbers(value: Any) -> Any:
    return Fraction(value) if isinstance(value, str) else [numbers(item) for item in value]


def sides(instance: Mapping[str, Any]) -> tuple[list[list[Fraction]], list[list[Fraction]]]:
    """(encoder, posterior), rows over x."""
    i = {name: numbers(value) for name, value in instance.items()}
    xs, zs = range(len(i["pd"])), range(len(i["prior"]))

    def powers(base: Sequence[Fraction], exponents: Sequence[Fraction]) -> Fraction:
        return prod((b ** int(e) for b, e in zip(base, exponents, strict=True)), start=Fraction(1))

    mass = [[i["h"][x] * powers(i["theta"][z], i["nu"][x]) for z in zs] for x in xs]
    joint = [[i["prior"][z] * mass[x][z] / sum(row[z] for row in mass) for z in zs] for x in xs]
    weight = [[i["k"][z] * powers(i["gamma"][x], i["psi"][z]) for z in zs] for x in xs]
    return [[w / sum(row) for w in row] for row in weight], [[p / sum(row) for p in row] for row in joint]


def pinned(rest: Mapping[str, Any]) -> dict[str, Any]:
    """The certificate with the number that pins everything else."""
    kept = {text: each for text, each in rest["quantities"].items() if text != "digest()"}
    bare = {field: value for field, value in {**rest, "quantities": kept}.items() if field != "sha256"}
    number = rounded(Fraction(int(sha256(text_of(bare).encode()).hexdigest()[:15], 16)))
    return {**bare, "quantities": {**kept, "digest()": number}}


def certify(instance: Mapping[str, Any], claim: str = LINEAR, verdict: str = "CERTIFIED") -> dict[str, Any]:
    """A certificate of one of the claims whose quantities are gap, largest R and digest."""
    q, p = sides(instance)
    pd = numbers(instance["pd"])
    with mp.workdps(120):

        def log(f: Fraction) -> mpf:
            return mp.log(mpf(f.numerator)) - mp.log(mpf(f.denominator))

        def real(f: Fraction) -> mpf:
            return mpf(f.numerator) / f.denominator

        cells = list(product(range(len(p)), range(len(p[0]))))
        gap = sum((real(pd[x] * q[x][z]) * log(q[x][z] / p[x][z]) for x, z in cells), mpf(0))
        worst = max(
            sum((real(pd[x]) * log(p[x][z] / q[x][z]) ** 2 for x in range(len(p))), mpf(0)) for z in range(len(p[0]))
        )
        values = {"gap": rounded(gap), "max(R(z) for z in each(prior))": rounded(worst)}
    formula = FORMULAS[claim]
    return seal(
        pinned(
            {
                "schema": "eftheory.certificate/1",
                "claim": claim,
                "instance": instance,
                "where": formula.where,
                "given": list(formula.given),
                "relation": formula.relation,
                "quantities": values,
                "verdict": verdict,
            }
        )
    )


def stated(relation: str, verdict: str = "PROVED", **parts: Any) -> dict[str, Any]:
    """A user's certificate: `relation` over the given parts (instance, where, given, quantities)."""
    empty: dict[str, Any] = {"instance": {}, "where": [], "given": [], "quantities": {}}
    rest = {"schema": "eftheory.certificate/1", "claim": "mine/own", **empty, **parts}
    return seal(pinned({**rest, "relation": relation, "verdict": verdict}))


def refusal(certificate: str | Mapping[str, Any]) -> str:
    """The reason for which a certificate is refused; fails if it is not."""
    with pytest.raises(Refused) as caught:
        check(certificate)
    return str(caught.value)
