"""A linear Bernoulli decoder, one observation and one normal encoder in Q; its exact NELBO, enclosed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flint import arb, fmpq, fmpq_mat

from eftheory.analytic.bernoulli_bound import kl_to_prior
from eftheory.exact.arithmetic import BALL

from ._quadrature import Rule


@dataclass(frozen=True)
class Encoded:
    """One x, one decoder, one encoder, in Q."""

    x: list[fmpq]
    W: fmpq_mat
    b: list[fmpq]
    mean: list[fmpq]
    covariance: fmpq_mat

    @property
    def lines(self) -> list[tuple[fmpq, fmpq]]:
        """Mean and variance of each ``t_i``."""
        centers = (self.W * fmpq_mat([[entry] for entry in self.mean])).tolist()
        return [(a + row[0], v) for a, row, v in zip(self.b, centers, spread(self.W, self.covariance), strict=True)]

    def nelbo(self, rule: Rule) -> tuple[arb, arb]:
        """Enclosed from below and above."""
        pairs = [rule.mean_softplus(m, v) for m, v in self.lines]
        rest = self.rest()
        return sum((low for low, _ in pairs), rest), sum((high for _, high in pairs), rest)

    def rest(self) -> arb:
        """``KL - sum_i x_i E t_i``."""
        data = sum((bit * m for bit, (m, _) in zip(self.x, self.lines, strict=True)), fmpq(0))
        return kl_to_prior(self.mean, self.covariance.tolist(), on=BALL) - arb(data)

    def expanded(self, expansion: Callable[[arb, arb], arb]) -> arb:
        """The same with the expectation of a quadratic, a function of mean and variance of t, for softplus."""
        return sum((expansion(arb(m), arb(v)) for m, v in self.lines), self.rest())


def spread(W: fmpq_mat, T: fmpq_mat) -> list[fmpq]:
    """The variances ``w_r'T w_r``."""
    both = W * T * W.transpose()
    return [both[r, r] for r in range(both.nrows())]
