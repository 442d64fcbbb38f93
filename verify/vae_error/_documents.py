"""Documents as counts of words, and decoders of them, for the semantic-hashing cases of section 3.1."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import factorial
from random import Random

from flint import fmpq

from eftheory.exact.draws import distribution, odds
from eftheory.exact.finite import FiniteVAE
from eftheory.exact.side import Side, family_side
from eftheory.exact.tables import monomial

from ._exactly import ZERO

Counts = tuple[int, ...]
Rows = Sequence[Sequence[fmpq]]


def documents(words: int, totals: Sequence[int]) -> list[Counts]:
    """Every vector of word counts with one of these totals."""
    return [x for n in totals for x in product(range(n + 1), repeat=words) if sum(x) == n]


def orderings(x: Counts) -> fmpq:
    """The base measure of eq. (13): ``|x|! / prod_w x_w!``."""
    count = fmpq(factorial(sum(x)))
    for entry in x:
        count /= factorial(entry)
    return count


def logits(expW: Rows, expu: Sequence[fmpq], psi: Sequence[fmpq]) -> list[fmpq]:
    """``exp(W psi + u)``, one for each word."""
    return [bias * monomial(row, psi) for bias, row in zip(expu, expW, strict=True)]


def varying_total(rng: Random, lines: Rows, bits: int, totals: Sequence[int]) -> FiniteVAE:
    """Uniform code; a total whose law does not depend on z; each word drawn with probabilities prop. to ``lines[z]``.

    lines: (codes, words). The encoder is left at odds 1.
    """
    code = family_side(f"bernoulli({bits})")
    law = dict(zip(totals, distribution(rng, len(totals)), strict=True))
    points = documents(len(lines[0]), totals)
    x = Side(tuple(tuple(fmpq(c) for c in p) for p in points), tuple(law[sum(p)] * orderings(p) for p in points))
    theta = tuple(tuple(entry / sum(line, ZERO) for entry in line) for line in lines)
    gamma = ((fmpq(1),) * bits,) * len(points)
    prior = (fmpq(1, code.count),) * code.count
    return FiniteVAE(x, code, theta, prior, gamma, distribution(rng, len(points)))


def coupling(rng: Random, words: int, bits: int) -> tuple[list[tuple[fmpq, ...]], tuple[fmpq, ...]]:
    """Random ``exp W`` (words, bits) and ``exp u``."""
    return [odds(rng, bits) for _ in range(words)], odds(rng, words)
