r"""Expectations over a normal variable, enclosed: the trapezoidal rule on the whole line, with its proven error.

**Theorem** (Trefethen and Weideman, SIAM Review 56 (2014), Theorem 5.1). F analytic in ``|Im u| < a``, tending to zero
uniformly there as ``|u| -> inf``, with ``int |F(u + i c)| du <= M`` for every ``|c| < a``: for every h > 0

    | int F - h sum_{j in Z} F(j h) |  <=  2 M/(e^(2 pi a/h) - 1).

Here ``F = f phi``, phi the standard normal density, ``|phi(u + i c)| = e^(c^2/2) phi(u)``; a is called `strip`, and

* ``f(u) = softplus(m + s u)`` with ``strip s <= 3/2 < pi/2``: there ``1 <= |1 + e^t| <= 1 + e^(Re t)``, so that
  ``|f| <= |m| + s |u| + log 2 + pi/2``, ``M = e^(strip^2/2) (|m| + s + 2.3)``;
* ``f(u) = prod_i sigmoid(m_i + s_i u)`` with ``strip |s_i| <= 3/2``: each factor is at most 1 in size,
  ``M = e^(strip^2/2)``.

The terms with ``|j| h > reach``, reach >= 1, fall, so that they are at most the integrals beyond reach of
``(|m| + log 2 + s u) phi`` (of phi): together ``2 ((|m| + log 2)/reach + s) phi(reach)`` (``2 phi(reach)/reach``).
Both errors enter the certificates with ``6.28 < 2 pi`` and ``2.5 < sqrt(2 pi)``; nothing else is taken on trust.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor, sqrt
from typing import Any

from flint import arb, fmpq

from eftheory.exact.arithmetic import BALL

REACH = 8
TAU = "tau = span(6.28318530717958647692528676655900576839433, 6.28318530717958647692528676655900576839434)"
NODES = (
    "h > 0 and reach >= 1 and strip > 0",
    "sum(1 for n in each(node)) == 2*reach/h + 1 and all(node[n]*h == n*h - reach for n in each(node))",
)
"""Hypotheses: the nodes are the whole numbers from -reach/h to reach/h."""
RULE = (
    TAU,
    "bell(n) = exp(-(h*node[n])**2/2)",
    "decay = 2*exp(strip**2/2)/(exp(6.28*strip/h) - 1)",
    "tail = 2*exp(-reach**2/2)/2.5",
)


def grid(largest_scale: float, widest: float = 1.5) -> dict[str, Any]:
    """The fields strip, h, reach, node: a strip that fits scales up to `largest_scale`, errors below 1e-13."""
    strip = Fraction(floor(1000 * min(widest, 1.499 / largest_scale)), 1000) if largest_scale else Fraction(3, 2)
    h = Fraction(1, ceil(36 / (6.28 * float(strip))))
    last = int(REACH / h)
    nodes = [str(j) for j in range(-last, last + 1)]
    return {"strip": str(strip), "h": str(h), "reach": str(REACH), "node": nodes}


class Rule:
    """The rule with the fields of an instance; every method returns balls at the working precision."""

    def __init__(self, instance: Any) -> None:
        self.strip, self.h, self.reach = (fmpq(*_parts(instance[name])) for name in ("strip", "h", "reach"))
        self.nodes = [self.h * int(j) for j in instance["node"]]

    @property
    def decay(self) -> arb:
        """``2 e^(strip^2/2)/(e^(2 pi strip/h) - 1)``, rounded up by 6.28."""
        above = arb(fmpq(157, 25) * self.strip / self.h).exp() - 1
        return 2 * arb(self.strip**2 / 2).exp() / above

    @property
    def tail(self) -> arb:
        """``2 phi(reach)``, rounded up by 2.5."""
        return 2 * arb(-(self.reach**2) / 2).exp() / BALL.number(fmpq(5, 2))

    def mean_softplus(self, m: fmpq, variance: fmpq) -> tuple[arb, arb]:
        """(below, above): ``E softplus(t)``, t ~ N(m, variance) with ``strip^2 variance <= 9/4``."""
        scale, size = arb(variance).sqrt(), abs(arb(m))
        inside = self._sum([(1 + (arb(m) + scale * arb(u)).exp()).log() for u in self.nodes])
        error = self.decay * (size + scale + BALL.number(fmpq(23, 10)))
        beyond = self.tail * ((size + BALL.number(fmpq(7, 10))) / arb(self.reach) + scale)
        return inside - error, inside + error + beyond

    def mean_product(self, lines: Sequence[tuple[fmpq, fmpq]]) -> tuple[arb, arb]:
        """(below, above): ``E prod_i sigmoid(m_i + s_i Z)``, lines = (m_i, s_i) with ``strip |s_i| <= 3/2``."""
        values = []
        for u in self.nodes:
            value = arb(1)
            for m, s in lines:
                value /= 1 + (-arb(m + s * u)).exp()
            values.append(value)
        inside = self._sum(values)
        return inside - self.decay, inside + self.decay + self.tail / arb(self.reach)

    def _sum(self, values: Sequence[arb]) -> arb:
        total = arb(0)
        for value, u in zip(values, self.nodes, strict=True):
            total += value * arb(-u * u / 2).exp()
        return arb(self.h) * total / (2 * arb.pi()).sqrt()


def largest_scale(variances: Sequence[fmpq]) -> float:
    """The largest standard deviation, rounded up a little."""
    return 1.0001 * sqrt(max(float(v.p) / float(v.q) for v in variances))


def _parts(text: Any) -> tuple[int, int]:
    value = Fraction(str(text))
    return value.numerator, value.denominator
